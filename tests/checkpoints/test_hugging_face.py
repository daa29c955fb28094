"""Hugging Face's layout: parity with transformers' own files, both ways, and what is said of files that don't fit."""

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import load_file, save_file

from keras_bert import BertConfig, models
from keras_bert.checkpoints import _LAYOUT_FILES, load_pretrained, save_pretrained
from keras_bert.checkpoints.weights import HEADS, variables_of

REFERENCES = Path(__file__).parents[1] / "references"
TINY = REFERENCES / "tiny_bert"
EXPECTED = dict(np.load(TINY / "expected.npz"))
INPUTS = {key: EXPECTED[key] for key in ("token_ids", "segment_ids", "padding_mask")}
REAL = INPUTS["padding_mask"].astype(bool)

# Most reference directories have no vocabulary, and none of the tests below expects a report unless it asks for one.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no vocabulary:UserWarning", "error:.*(random|left over).*:UserWarning"
)


def logits(model):
    """model -> {transformers' name of an output: array}, for every token of INPUTS."""
    batch, length = INPUTS["token_ids"].shape
    inputs = dict(INPUTS)
    if "mask_positions" in model.input:
        inputs["mask_positions"] = np.tile(np.arange(length, dtype="int32"), (batch, 1))
    if "cls_positions" in model.input:
        inputs["cls_positions"] = np.zeros((batch, 1), "int32")
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs))
    if not isinstance(outputs, dict):
        return {"logits": outputs}
    names = {"sequence_output": "last_hidden_state", "pooled_output": "pooler_output", "nsp": "seq_relationship_logits"}
    names["mlm"] = "prediction_logits" if "nsp" in outputs else "logits"
    outputs = {names.get(key, key): value for key, value in outputs.items()}
    if "seq_relationship_logits" in outputs:
        outputs["seq_relationship_logits"] = outputs["seq_relationship_logits"][:, 0]
    return outputs


def assert_as_transformers(model, task):
    outputs = logits(model)
    assert {f"{task}/{key}" for key in outputs} == {key for key in EXPECTED if key.startswith(f"{task}/")}
    for key, value in outputs.items():
        expected = EXPECTED[f"{task}/{key}"]
        assert value.shape == expected.shape
        if value.shape[:2] == REAL.shape:
            value, expected = value[REAL], expected[REAL]
        np.testing.assert_allclose(value, expected, atol=1e-5)


def copied(task, directory):
    """A writable copy of a task's directory."""
    return Path(shutil.copytree(TINY / task, directory))


def rewrite(directory, change):
    """Applies a function to the {name: array} of a directory's model.safetensors."""
    path = directory / "model.safetensors"
    weights = change(load_file(path))
    path.unlink()
    save_file(weights, path)


def configure(directory, **settings):
    path = directory / "config.json"
    config = {**json.loads(path.read_text()), **settings}
    path.write_text(json.dumps({key: value for key, value in config.items() if value != "absent"}))


@pytest.mark.parametrize("task", HEADS)
def test_outputs_equal_transformers(task):
    model, _ = load_pretrained(TINY / task, task)
    assert_as_transformers(model, task)


@pytest.mark.parametrize("task", HEADS)
def test_saved_and_loaded_again(task, tmp_path):
    model, _ = load_pretrained(TINY / task, task)
    save_pretrained(model, None, tmp_path / "saved")
    assert_as_transformers(load_pretrained(tmp_path / "saved", task)[0], task)
    ours, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "saved", TINY / task))
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)
    ours, theirs = (json.loads((path / "config.json").read_text()) for path in (tmp_path / "saved", TINY / task))
    differing = {key for key in ours.keys() & theirs.keys() if ours[key] != theirs[key]}
    assert differing <= {"label2id", "classifier_dropout"}, "transformers writes null where a value is the default"


@pytest.mark.skipif("KERAS_BERT_MINILM" not in os.environ, reason="KERAS_BERT_MINILM names no MiniLM directory")
def test_minilm_equals_transformers():
    golden = dict(np.load(REFERENCES / "minilm_golden.npz"))
    model, tokenizer = load_pretrained(os.environ["KERAS_BERT_MINILM"])
    outputs = model({key: golden[key] for key in INPUTS})
    real = golden["padding_mask"].astype(bool)
    sequence = keras.ops.convert_to_numpy(outputs["sequence_output"])
    np.testing.assert_allclose(sequence[real], golden["sequence_output"][real], atol=1e-4)
    np.testing.assert_allclose(outputs["pooled_output"], golden["pooled_output"], atol=1e-4)
    assert tokenizer.vocabulary["here"] == 2182


def old_names(weights):
    return {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in weights.items()
    }


def without_prefix(weights):
    return {name.removeprefix("bert."): array for name, array in weights.items()}


def with_prefix(weights):
    return {name if name.startswith(("bert.", "cls.")) else f"bert.{name}": array for name, array in weights.items()}


def with_buffers_and_copies(weights):
    copies = {
        "bert.embeddings.position_ids": np.arange(11)[None],
        "cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"],
        "cls.predictions.decoder.bias": weights["cls.predictions.bias"],
    }
    return weights | copies


def with_decoder_bias_only(weights):
    weights["cls.predictions.decoder.bias"] = weights.pop("cls.predictions.bias")
    return weights


@pytest.mark.parametrize(
    "task, change",
    [
        ("pretrainer", old_names),
        ("pretrainer", without_prefix),
        ("backbone", with_prefix),
        ("pretrainer", with_buffers_and_copies),
        ("masked_language_model", with_decoder_bias_only),
    ],
)
def test_other_names_of_the_same_weights(task, change, tmp_path):
    directory = copied(task, tmp_path / "changed")
    rewrite(directory, change)
    assert_as_transformers(load_pretrained(directory, task)[0], task)


def test_shards(tmp_path):
    directory = copied("text_classifier", tmp_path / "sharded")
    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    files = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(weights))}
    for file in {*files.values()}:
        save_file({name: weights[name] for name in weights if files[name] == file}, directory / file)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert_as_transformers(load_pretrained(directory, "text_classifier")[0], "text_classifier")

    (directory / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match=r"files that aren't there: model-00002-of-00002\.safetensors"):
        load_pretrained(directory, "text_classifier")


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_files(dtype, tmp_path):
    directory = copied("backbone", tmp_path / "half")
    rewrite(directory, lambda weights: {name: array.astype(dtype) for name, array in weights.items()})
    model, _ = load_pretrained(directory)
    for name, array in load_file(TINY / "backbone" / "model.safetensors").items():
        if name == "pooler.dense.weight":
            kernel = variables_of(model)["pooler/dense/kernel"]
            assert kernel.dtype == "float32"
            np.testing.assert_array_equal(kernel, array.astype(dtype).astype("float32").T)


def test_query_key_and_value_lie_side_by_side():
    model, _ = load_pretrained(TINY / "backbone")
    weights = load_file(TINY / "backbone" / "model.safetensors")
    kernel = np.asarray(variables_of(model)["encoder_1/query_key_value/kernel"])
    for i, part in enumerate(("query", "key", "value")):
        expected = weights[f"encoder.layer.1.attention.self.{part}.weight"].T
        np.testing.assert_array_equal(kernel[:, 12 * i : 12 * (i + 1)], expected)


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


def test_missing_encoder_weights_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "lacking")
    lost = ["encoder.layer.1.attention.self.key.weight", "embeddings.LayerNorm.bias"]
    rewrite(directory, lambda weights: {name: array for name, array in weights.items() if name not in lost})
    with pytest.raises(ValueError, match=rf"lacks weights of the encoder: {lost[1]}, {lost[0]}\."):
        load_pretrained(directory)


def test_wrong_shapes_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "wrong")
    configure(directory, intermediate_size=38, vocab_size=30)
    with pytest.raises(ValueError) as caught:
        load_pretrained(directory)
    message = str(caught.value)
    assert "encoder.layer.0.intermediate.dense.weight: expected (38, 12), found (37, 12)" in message
    assert "embeddings.word_embeddings.weight: expected (30, 12), found (29, 12)" in message


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


def test_several_labels_a_text_are_not_one(tmp_path):
    directory = copied("text_classifier", tmp_path / "several")
    configure(directory, problem_type="multi_label_classification")
    with pytest.raises(ValueError, match=r"multi_label_classification.* several of its classes.*task=\"backbone\""):
        load_pretrained(directory, "text_classifier")
    with pytest.warns(UserWarning, match=r"left over: classifier"):
        load_pretrained(directory)


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
        ("text_regressor", {"labels": ["a"]}, "takes dropout. Received: labels"),
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


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"model_type": "roberta"}, "model_type='roberta'; this library's BERT supports model_type='bert'"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type='relative_key'"),
        ({"is_decoder": True}, "is_decoder=True"),
        ({"add_cross_attention": True}, "add_cross_attention=True"),
        ({"hidden_act": "quick_gelu"}, "hidden_act='quick_gelu'; .*hidden_act='gelu', "),
        ({"hidden_size": "absent"}, "lacks hidden_size"),
        ({"num_attention_heads": 5}, "`num_heads` must divide `hidden_dim`"),
    ],
)
def test_configurations_that_are_not_bert(settings, message, tmp_path):
    directory = copied("backbone", tmp_path / "other")
    configure(directory, **settings)
    with pytest.raises(ValueError, match=message):
        load_pretrained(directory)


@pytest.mark.parametrize(
    "hidden_act, activation", [("gelu_pytorch_tanh", "gelu_tanh"), ("swish", "silu"), ("relu", "relu")]
)
def test_activations(hidden_act, activation, tmp_path):
    directory = copied("backbone", tmp_path / "activation")
    configure(directory, hidden_act=hidden_act)
    assert load_pretrained(directory)[0].config.activation == activation


def test_pickled_weights_are_refused_with_the_way_out(tmp_path):
    directory = copied("backbone", tmp_path / "pickled")
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"(?s)pickle, which can run any code.*save_pretrained\(\"converted\""):
        load_pretrained(directory)
    (directory / "pytorch_model.bin").unlink()
    with pytest.raises(ValueError, match=r"no weights: expected model\.safetensors.* It holds: config\.json"):
        load_pretrained(directory)


def test_broken_files_are_an_error(tmp_path):
    directory = copied("backbone", tmp_path / "broken")
    (directory / "model.safetensors").write_bytes((TINY / "backbone" / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model\.safetensors can't be read.*Copy or download it again"):
        load_pretrained(directory)
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text('{"weight_map": ')
    with pytest.raises(ValueError, match=r"index\.json isn't valid JSON"):
        load_pretrained(directory)
    (directory / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(ValueError, match=r"index\.json must have a weight_map"):
        load_pretrained(directory)
    (directory / "config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"config\.json must hold a JSON object. It holds a list"):
        load_pretrained(directory)
    (directory / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json isn't valid JSON"):
        load_pretrained(directory)


def test_sources_that_are_not_there(tmp_path):
    (tmp_path / "file.txt").write_text("no checkpoint")
    with pytest.raises(
        ValueError, match=r"no layout that this library knows\. It holds: file\.txt\. Expected: Hugging"
    ):
        load_pretrained(tmp_path)
    with pytest.raises(ValueError, match="which is a file; pass its directory"):
        load_pretrained(tmp_path / "file.txt")
    (tmp_path / "model.keras").write_text("no checkpoint")
    with pytest.raises(ValueError, match=r"load it with keras\.models\.load_model"):
        load_pretrained(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=r"There is no directory .*absent.*isn't a name to download by either"):
        load_pretrained(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"`source` must be a directory or a name .* Received: source=None"):
        load_pretrained(None)


@pytest.fixture
def offline_hub(tmp_path, monkeypatch):
    """The Hugging Face hub without network, and its cache in a directory of the test."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def test_hub_id_without_network(offline_hub):
    for name in ("some-one/tiny-bert", "hf://some-one/tiny-bert"):
        with pytest.raises(ValueError, match=rf"no directory '{name}'.*(?s:.*)hf download some-one/tiny-bert --local"):
            load_pretrained(name)


def test_hub_id_with_pickled_weights_only(tmp_path, monkeypatch):
    directory = copied("backbone", tmp_path / "snapshot")
    (directory / "model.safetensors").unlink()
    files = {"some-one/old-bert": ["config.json", "pytorch_model.bin"], "some-one/no-bert": ["config.json"]}
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, allow_patterns: str(directory))
    monkeypatch.setattr("huggingface_hub.list_repo_files", lambda name: files[name])
    lines = r"""from_pretrained\('some-one/old-bert'\)\n.*"converted", safe_serialization=True"""
    with pytest.raises(ValueError, match=rf"(?s)^some-one/old-bert holds .* pickle, which can run any code.*{lines}"):
        load_pretrained("some-one/old-bert")
    for name in ("some-one/no-bert", "some-one/unlisted"):  # The stub has no list for the last one.
        with pytest.raises(ValueError, match="no weights: expected model"):
            load_pretrained(name)


def test_hub_id_that_was_downloaded_before(offline_hub):
    repository = offline_hub / "models--some-one--tiny-bert"
    shutil.copytree(TINY / "backbone", repository / "snapshots" / "c0ffee")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c0ffee")
    assert_as_transformers(load_pretrained("some-one/tiny-bert")[0], "backbone")


def test_tokenizer_as_transformers_saves_it(tmp_path):
    directory = copied("backbone", tmp_path / "whole")
    shutil.copytree(TINY / "tokenizer", directory, dirs_exist_ok=True)
    model, tokenizer = load_pretrained(directory)
    assert tokenizer.lowercase and tokenizer.tokens("The CATS!") == ["the", "cat", "##s", "!"]

    save_pretrained(model, tokenizer, tmp_path / "again")
    assert {path.name for path in (tmp_path / "again").iterdir()} == {*_LAYOUT_FILES["hugging_face"]}
    assert json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())["model_max_length"] == 11
    _, again = load_pretrained(tmp_path / "again")
    assert again.vocabulary == tokenizer.vocabulary and again.lowercase and again.strip_accents is None


def test_a_missing_tokenizer_is_reported():
    with pytest.warns(UserWarning, match=r"None takes its place: it has no vocabulary: copy the vocab\.txt"):
        assert load_pretrained(TINY / "backbone")[1] is None


def test_vocabulary_of_another_size(tmp_path):
    directory = copied("backbone", tmp_path / "size")
    (directory / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    with pytest.raises(ValueError, match="a vocabulary of 6 tokens and a token embedding of 29 rows"):
        load_pretrained(directory)
    (directory / "vocab.txt").unlink()
    shutil.copytree(TINY / "tokenizer", directory, dirs_exist_ok=True)
    _, tokenizer = load_pretrained(directory)
    with pytest.raises(ValueError, match="a vocabulary of 29 tokens and a token embedding of 31 rows"):
        save_pretrained(models.backbone(BertConfig.named("tiny", vocabulary_size=31)), tokenizer, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_in_use_is_not_touched(tmp_path):
    model, _ = load_pretrained(TINY / "backbone")
    (tmp_path / "empty").mkdir()
    save_pretrained(model, None, tmp_path / "empty")
    save_pretrained(model, None, tmp_path / "deep" / "new")
    with pytest.raises(ValueError, match=r"holds config\.json, model\.safetensors; pass overwrite=True"):
        save_pretrained(model, None, tmp_path / "empty")
    save_pretrained(model, None, tmp_path / "empty", overwrite=True)
    (tmp_path / "empty" / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"notes\.txt; choose another directory"):
            save_pretrained(model, None, tmp_path / "empty", overwrite=overwrite)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "empty"]


def test_nothing_is_left_of_a_write_that_fails(tmp_path):
    class Broken:
        vocabulary_size, vocabulary = 29, {"[PAD]": 0}

        def save(self, directory):
            raise OSError("disk full")

    model, _ = load_pretrained(TINY / "backbone")
    with pytest.raises(OSError, match="disk full"):
        save_pretrained(model, Broken(), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path):
    """A process of its own, whose files may have 10,000 bytes: as on a full disk, the system refuses more."""
    code = (
        "import resource, sys, keras_bert\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "model = keras_bert.backbone(keras_bert.BertConfig.named('tiny'))\n"
        "try:\n"
        "    keras_bert.save_pretrained(model, None, sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "bert"], capture_output=True, text=True)
    assert "The weights can't be written" in done.stdout and "Is the disk full?" in done.stdout, done.stderr[-2000:]
    assert [*tmp_path.iterdir()] == []


def test_save_arguments_that_do_not_fit(tmp_path):
    model, _ = load_pretrained(TINY / "text_classifier", "text_classifier")
    with pytest.raises(ValueError, match="`labels` must be 3 different names"):
        save_pretrained(model, None, tmp_path / "out", labels=["a", "b"])
    with pytest.raises(ValueError, match="`labels` are for classifiers"):
        save_pretrained(load_pretrained(TINY / "backbone")[0], None, tmp_path / "out", labels=["a", "b"])
    body, _ = load_pretrained(TINY / "backbone")
    changed = keras.Model(body.input, keras.layers.Dense(2, name="mine")(body.output["pooled_output"]))
    with pytest.raises(ValueError, match="a weight 'mine/kernel', which BERT and its heads don't have"):
        save_pretrained(changed, None, tmp_path / "out")
    with pytest.raises(ValueError, match="`layout` must be one of hugging_face, google, keras_hub"):
        save_pretrained(model, None, tmp_path / "out", layout="onnx")
    odd = models.backbone(BertConfig.named("tiny", vocabulary_size=29, activation="celu"))
    with pytest.raises(ValueError, match="'celu' has no name in transformers"):
        save_pretrained(odd, None, tmp_path / "out")


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_weights_are_written_in_float32(policy, tmp_path):
    keras.config.set_dtype_policy(policy)
    model, _ = load_pretrained(TINY / "pretrainer", "pretrainer")
    save_pretrained(model, None, tmp_path / "out")
    ours, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "out", TINY / "pretrainer"))
    for name, array in ours.items():
        assert array.dtype == "float32"
        np.testing.assert_allclose(array, theirs[name], rtol=0 if policy == "mixed_bfloat16" else 2**-8)


def test_on_jax_without_tensorflow(tmp_path):
    code = f"""
import sys, warnings
sys.modules["tensorflow"] = None
import numpy as np, keras
from keras_bert.checkpoints import load_pretrained, save_pretrained
expected = dict(np.load({str(TINY / "expected.npz")!r}))
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model, tokenizer = load_pretrained({str(TINY / "text_classifier")!r}, "text_classifier")
assert tokenizer is None and any("needs TensorFlow" in str(warning.message) for warning in caught)
outputs = model({{key: expected[key] for key in ("token_ids", "segment_ids", "padding_mask")}})
assert keras.backend.backend() == "jax"
np.testing.assert_allclose(np.asarray(outputs), expected["text_classifier/logits"], atol=1e-5)
save_pretrained(model, None, {str(tmp_path / "saved")!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "KERAS_BACKEND": "jax"}, timeout=300)
    saved, theirs = (load_file(path / "model.safetensors") for path in (tmp_path / "saved", TINY / "text_classifier"))
    for name, array in theirs.items():
        np.testing.assert_array_equal(saved[name], array, err_msg=name)
