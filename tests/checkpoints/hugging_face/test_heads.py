"""Which weights, classes, labels and dropout a head gets from a checkpoint, and which it doesn't."""

import warnings

import numpy as np
import pytest

from keras_bert.checkpoints import load_pretrained, save_pretrained
from tiny_bert import REPORTS, TINY, assert_as_transformers, configure, copied, logits, rewrite

pytestmark = pytest.mark.filterwarnings(*REPORTS)


def test_a_new_head_and_left_over_weights_are_named():
    with pytest.warns(UserWarning, match="start random") as caught:
        load_pretrained(TINY / "backbone", "token_classifier", num_classes=5)
    message = "".join(str(warning.message) for warning in caught)
    assert "start random, not from the checkpoint: classifier.weight, classifier.bias;" in message
    assert "left over: pooler.dense.bias, pooler.dense.weight." in message


def test_a_missing_pooler_is_named():
    with pytest.warns(UserWarning, match=r"start random.*: pooler\.dense\.weight, pooler\.dense\.bias; .*cls\.pred"):
        load_pretrained(TINY / "masked_language_model")


def test_an_untied_decoder_is_named(tmp_path):
    directory = copied("masked_language_model", tmp_path / "untied")
    rewrite(directory, lambda weights: weights | {"cls.predictions.decoder.weight": np.ones((29, 12), "float32")})
    with pytest.warns(UserWarning, match=r"left over: cls\.predictions\.decoder\.weight\."):
        load_pretrained(directory, "masked_language_model")


def test_labels_and_dropout_come_from_the_checkpoint():
    model, _ = load_pretrained(TINY / "text_classifier", "text_classifier")
    assert model.labels == ("bad", "fair", "good")
    assert model.get_layer("classifier").dropout == 0.25
    assert model.config.dropout == 0.2
    assert model.config.attention_dropout == 0.05
    assert load_pretrained(TINY / "token_classifier", "token_classifier")[0].labels is None


@pytest.mark.parametrize(("task", "of_head"), [("text_classifier", 0.25), ("text_regressor", 0.0)])
def test_backbone_dropout_replaces_the_checkpoints(task, of_head):
    """A stored head keeps its own rate; a new one takes the backbone's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, _ = load_pretrained(TINY / "text_classifier", task, backbone_dropout=0.0)
    config = model.config
    assert (config.dropout, config.attention_dropout) == (0.0, 0.0)
    assert model.layers[-1].dropout == of_head


def test_backbone_dropout_out_of_range():
    with pytest.raises(ValueError, match=r"`backbone_dropout` .* Received: backbone_dropout=1\.0"):
        load_pretrained(TINY / "backbone", backbone_dropout=1.0)


def test_a_head_of_another_task_has_no_classes_to_rename():
    with pytest.warns(UserWarning, match="start random") as caught:
        load_pretrained(TINY / "text_classifier", "token_classifier", num_classes=3)
    assert not any("rename" in str(warning.message) for warning in caught)


def test_own_labels(tmp_path):
    directory = copied("text_classifier", tmp_path / "unnamed")
    configure(directory, id2label={str(i): f"LABEL_{i}" for i in range(3)})
    model, _ = load_pretrained(directory, "text_classifier", labels=["x", "y", "z"], dropout=0.0)
    assert model.labels == ("x", "y", "z")
    assert_as_transformers(model, "text_classifier")
    save_pretrained(model, None, tmp_path / "named", labels=["u", "v", "w"])
    assert load_pretrained(tmp_path / "named", "text_classifier")[0].labels == ("u", "v", "w")


@pytest.mark.parametrize(
    "arguments", [{"num_classes": 4}, {"labels": ["bad", "good"]}, {"labels": ["ham", "eggs", "spam"]}]
)
def test_other_classes_get_a_new_head(arguments):
    with pytest.warns(UserWarning, match=r"random, .*: classifier\.weight, .* classes are 'bad', .* left over"):
        model, _ = load_pretrained(TINY / "text_classifier", "text_classifier", **arguments)
    assert model.output.shape[-1] == arguments.get("num_classes", len(arguments.get("labels", ())) or 4)
    assert model.labels == (tuple(arguments["labels"]) if "labels" in arguments else None)


@pytest.mark.parametrize("task", ["text_classifier", "token_classifier"])
def test_labels_in_another_order_reorder_the_classes(task, tmp_path):
    count = load_pretrained(TINY / task, task)[0].output.shape[-1]
    stored = [f"name {i}" for i in range(count)]
    directory = copied(task, tmp_path / "named")
    configure(directory, id2label=dict(enumerate(stored)))
    expected = logits(load_pretrained(directory, task)[0])["logits"]
    wanted = [*stored[1:], stored[0]]  # Its own inverse it isn't: 0 -> 2 -> 1 -> 0.
    model, _ = load_pretrained(directory, task, labels=wanted)
    assert model.labels == tuple(wanted)
    by_name = dict(zip(wanted, np.moveaxis(logits(model)["logits"], -1, 0), strict=True))
    for i, name in enumerate(stored):
        np.testing.assert_allclose(by_name[name], expected[..., i], atol=1e-6)


@pytest.mark.parametrize(
    "id2label, message",
    [
        (
            {"0": "bad", "1": "bad", "2": "good"},
            r"an id2label with a different name for each of the 3 .* It has: 'bad', 'bad', 'good'",
        ),
        ({"0": "bad", "1": "good"}, r"an id2label with a different name for each of the 3 .* It has: 'bad', 'good'"),
        ({"first": "bad"}, "an id2label of numbers and names"),
        (["bad", "fair", "good"], "an id2label of numbers and names"),
    ],
)
def test_unusable_labels_of_the_checkpoint(id2label, message, tmp_path):
    directory = copied("text_classifier", tmp_path / "unusable")
    configure(directory, id2label=id2label)
    with pytest.raises(ValueError, match=rf"The config\.json of .*unusable must have {message}"):
        load_pretrained(directory, "text_classifier")


def test_a_head_of_another_architecture_is_not_taken():
    with pytest.warns(UserWarning, match=r"random.*classifier\.weight.*left over.*classifier\.weight"):
        load_pretrained(TINY / "token_classifier", "text_classifier", num_classes=5)


@pytest.mark.parametrize(
    "task, arguments, message",
    [
        ("backbone", {"num_classes": 3}, "takes no further arguments. Received: num_classes"),
        ("text_regressor", {"labels": ["a"]}, "takes dropout, score_activation. Received: labels"),
        ("text_classifier", {"labels": 3}, "`labels` must be a list of .* Received: labels=3"),
        ("text_classifier", {"num_classes": 3, "labels": ["one", "two"]}, "num_classes=3 different names"),
        ("token_classifier", {}, "number of classes isn't known. Pass num_classes"),
        ("classify", {}, "`task` must be one of backbone, pretrainer"),
        (["backbone"], {}, r"`task` must be one of .* Received: task=\['backbone'\]"),
    ],
)
def test_head_arguments_that_do_not_fit(task, arguments, message):
    with pytest.raises(ValueError, match=message):
        load_pretrained(TINY / "text_classifier", task, **arguments)
