"""Several labels a text, as transformers' config.json says it: loaded by itself, saved, and what contradicts it."""

import json

import numpy as np
import pytest

import keras_bert
from keras_bert.checkpoints import load_pretrained, save_pretrained
from tiny_bert import REPORTS, TINY, assert_as_transformers, configure, copied, logits

pytestmark = pytest.mark.filterwarnings(*REPORTS)
MULTI = "multi_label_classification"


@pytest.fixture
def several(tmp_path):
    """A checkpoint of transformers' whose problem_type says several labels a text."""
    directory = copied("text_classifier", tmp_path / "several")
    configure(directory, problem_type=MULTI)
    return directory


def test_it_loads_by_itself_and_is_saved_so(several, tmp_path):
    model, _ = load_pretrained(several, "text_classifier")
    assert (model.multi_label, model.labels, model.thresholds) == (True, ("bad", "fair", "good"), (0.5,) * 3)
    assert_as_transformers(model, "text_classifier")  # whose logits don't depend on it
    model.keep_thresholds([0.1, 0.2, 0.7])
    save_pretrained(model, None, tmp_path / "saved")
    contents = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert (contents["problem_type"], contents["keras_bert"]) == (MULTI, {"thresholds": [0.1, 0.2, 0.7]})
    again, _ = load_pretrained(tmp_path / "saved", "text_classifier")
    assert again.identity == model.identity
    assert_as_transformers(again, "text_classifier")
    reordered, _ = load_pretrained(tmp_path / "saved", "text_classifier", labels=["good", "bad", "fair"])
    assert reordered.thresholds == (0.7, 0.1, 0.2)
    np.testing.assert_allclose(logits(reordered)["logits"], logits(model)["logits"][:, [2, 0, 1]], atol=1e-6)
    with pytest.warns(UserWarning, match="left over: classifier"):
        load_pretrained(several)


def test_one_label_has_nothing_of_it(tmp_path):
    model, _ = load_pretrained(TINY / "text_classifier", "text_classifier", multi_label=False)
    save_pretrained(model, None, tmp_path / "saved")
    contents = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert contents["problem_type"] == "single_label_classification" and "keras_bert" not in contents


def test_a_checkpoint_that_says_nothing_is_what_the_user_says():
    model, _ = load_pretrained(TINY / "text_classifier", "text_classifier", multi_label=True)
    assert model.multi_label
    assert_as_transformers(model, "text_classifier")
    assert not load_pretrained(TINY / "text_classifier", "text_classifier")[0].multi_label


@pytest.mark.parametrize("stored", [True, False])
def test_asked_for_otherwise_the_head_starts_random(stored, several):
    configure(several, problem_type=MULTI if stored else "single_label_classification")
    said = "several labels" if stored else "one label"
    with pytest.warns(
        UserWarning, match=rf"random.*classifier is for {said} a text, this one has multi_label={not stored};"
    ):
        model, _ = load_pretrained(several, "text_classifier", multi_label=not stored)
    assert model.multi_label is not stored and model.labels == ("bad", "fair", "good")
    assert model.random_weights == ("classifier/dense/kernel",)


def test_other_labels_get_a_new_head_that_is_for_one_unless_told(several):
    for given, expected in (({}, False), ({"multi_label": True}, True)):
        with pytest.warns(UserWarning, match="start random") as caught:
            model, _ = load_pretrained(several, "text_classifier", labels=["x", "y"], **given)
        said = " ".join(str(warning.message) for warning in caught)
        assert ("this one has multi_label=False" in said) is not expected
        assert model.multi_label is expected


@pytest.mark.parametrize("thresholds", [[0.5], "half", [0.5, 2, 0.5], [0.5, None, 0.5]])
def test_wrong_thresholds_are_refused(thresholds, several):
    configure(several, keras_bert={"thresholds": thresholds})
    with pytest.raises(ValueError, match=r"config\.json of .*several has wrong thresholds.* a list of 3"):
        load_pretrained(several, "text_classifier")


def test_tokens_have_one_label(tmp_path):
    directory = copied("token_classifier", tmp_path / "tokens")
    configure(directory, problem_type=MULTI)
    with pytest.raises(ValueError, match=r"a token may have several of its classes.*task=\"backbone\""):
        load_pretrained(directory, "token_classifier")


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`multi_label` must be True or False"):
        load_pretrained(TINY / "text_classifier", "text_classifier", multi_label="yes")
    with pytest.raises(ValueError, match=r"takes dropout, labels, num_classes\. Received: multi_label"):
        load_pretrained(TINY / "token_classifier", "token_classifier", multi_label=True)


def test_a_single_class(tmp_path):
    config = keras_bert.BertConfig(29, 1, 2, 12, 37, 11)
    model = keras_bert.text_classifier(keras_bert.backbone(config), 1, labels=["spam"], multi_label=True)
    model.keep_thresholds(0.25)
    save_pretrained(model, None, tmp_path / "saved")
    loaded, _ = load_pretrained(tmp_path / "saved", "text_classifier")
    assert (loaded.labels, loaded.thresholds) == (("spam",), (0.25,))
    assert keras_bert.checkpoints.task_of(tmp_path / "saved") == "text_classifier"
    np.testing.assert_array_equal(logits(loaded)["logits"], logits(model)["logits"])
