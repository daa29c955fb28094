"""The SavedModel that takes strings: equal to predict, and alone in a fresh interpreter."""

import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

import keras_bert
from keras_bert.data import model_inputs

TEXTS = ["A good book.", "", "dull " * 40, "unheard of", "\x00 good", b"very \xff good"]

ALONE = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras_bert", "keras_nlp", "keras_hub", "tokenizers"):
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Blocked())
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2
import tensorflow_text
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
texts = [t.encode("latin-1") for t in json.load(sys.stdin)]
answer = serve(text=tf.constant(texts))
labels = tf.saved_model.load(sys.argv[1]).signatures["labels"]()["labels"]
json.dump({"labels": [l.decode() for l in labels.numpy()],
           "label": [l.decode() for l in answer["label"].numpy()],
           "probabilities": answer["probabilities"].numpy().tolist()}, sys.stdout)
"""


@pytest.fixture
def classifier(small_config):
    keras.utils.set_random_seed(3)
    wide = dataclasses.replace(small_config, initializer_range=0.5)  # so that answers differ from text to text
    return keras_bert.text_classifier(keras_bert.backbone(wide), 3, labels=["bad", "fair", "좋음"])


def expected(model, tokenizer, texts, max_length):
    logits = model.predict(model_inputs(texts, tokenizer, max_length), verbose=0)
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_answers_equal_predict(policy, small_config, tokenizer, tmp_path):
    keras.config.set_dtype_policy(policy)
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 3, labels=["bad", "fair", "good"])
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", max_length=9)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    for texts in (TEXTS, TEXTS[:1]):
        answer = serve(text=tf.constant(texts))
        reference = expected(model, tokenizer, texts, 9)
        np.testing.assert_allclose(answer["probabilities"], reference, atol=1e-5)
        assert answer["label"].numpy().tolist() == [[b"bad", b"fair", b"good"][i] for i in reference.argmax(axis=1)]


def test_a_fresh_interpreter_needs_only_tensorflow_and_tensorflow_text(classifier, tokenizer, tmp_path):
    keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served", max_length=9)
    sent = [text if isinstance(text, str) else text.decode("latin-1") for text in TEXTS]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, tmp_path / "served"], input=json.dumps(sent), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    reference = expected(classifier, tokenizer, TEXTS, 9)
    np.testing.assert_allclose(answer["probabilities"], reference, atol=1e-5)
    assert answer["label"] == [["bad", "fair", "좋음"][i] for i in reference.argmax(axis=1)]
    assert answer["labels"] == ["bad", "fair", "좋음"]
    assert np.ptp(reference[:, 0]) > 0.01


def test_truncation_is_that_of_training(classifier, tokenizer, tmp_path):
    keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served", max_length=5)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    cut, same, other = serve(text=tf.constant(["good dull a the", "good dull a", "good dull the"]))[
        "probabilities"
    ].numpy()
    np.testing.assert_allclose(cut, same, atol=1e-6)
    assert np.abs(cut - other).max() > 1e-4


def test_no_text_gives_no_answer(classifier, tokenizer, tmp_path):
    keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served")
    answer = tf.saved_model.load(tmp_path / "served").signatures["serving_default"](text=tf.constant([], tf.string))
    assert answer["probabilities"].shape == (0, 3)


def test_labels_may_be_given_or_are_numbers(small_config, tokenizer, tmp_path):
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2)
    for name, labels, allowed in (("a", None, {b"0", b"1"}), ("b", ["no", "yes"], {b"no", b"yes"})):
        keras_bert.export_saved_model(model, tokenizer, tmp_path / name, labels=labels)
        answer = tf.saved_model.load(tmp_path / name).signatures["serving_default"](text=tf.constant(["good"]))
        assert set(answer["label"].numpy()) <= allowed


def test_classifiers_say_the_order_of_their_labels(small_config, tokenizer, tmp_path):
    backbone = keras_bert.backbone(small_config)
    tagger = keras_bert.token_classifier(backbone, 3, labels=["O", "I-P", "B-P"])
    keras_bert.export_saved_model(tagger, tokenizer, tmp_path / "tagger")
    labels = tf.saved_model.load(tmp_path / "tagger").signatures["labels"]()["labels"]
    assert labels.numpy().tolist() == [b"O", b"I-P", b"B-P"]
    keras_bert.export_saved_model(keras_bert.text_regressor(backbone), tokenizer, tmp_path / "regressor")
    assert list(tf.saved_model.load(tmp_path / "regressor").signatures) == ["serving_default"]


def test_what_cannot_be_exported_is_refused(classifier, small_config, tokenizer, tmp_path):
    def refused(message, model=classifier, tokenizer=tokenizer, directory=tmp_path / "served", **arguments):
        with pytest.raises(ValueError, match=message):
            keras_bert.export_saved_model(model, tokenizer, directory, **arguments)
        assert not (tmp_path / "served").exists()

    refused("max_sequence_length=32", max_length=33)
    refused("at least 3", max_length=2)
    refused("num_classes=3 different names", labels=["no", "yes"])
    refused("must come from one of keras_bert's builders, text_classifier", model=keras_bert.backbone(small_config))
    other = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    refused("a vocabulary of 5 tokens and a token embedding of 15 rows", tokenizer=other)
    (tmp_path / "notes.txt").write_text("mine")
    refused("notes.txt", directory=tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_export_is_replaced_only_when_told(classifier, tokenizer, tmp_path):
    keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served")
    with pytest.raises(ValueError, match="overwrite=True"):
        keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served")
    keras_bert.export_saved_model(classifier, tokenizer, tmp_path / "served", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_mixed_bfloat16_is_half_the_size(small_config, tokenizer, tmp_path):
    sizes = {}
    for policy in ("float32", "mixed_bfloat16"):
        keras.config.set_dtype_policy(policy)
        wide = dataclasses.replace(small_config, intermediate_dim=2000)
        model = keras_bert.text_classifier(keras_bert.backbone(wide), 3)
        keras_bert.export_saved_model(model, tokenizer, tmp_path / policy)
        sizes[policy] = sum(path.stat().st_size for path in (tmp_path / policy / "variables").iterdir())
    assert sizes["mixed_bfloat16"] < 0.6 * sizes["float32"]


@pytest.mark.parametrize(
    ("kind", "count", "options"),
    [("texts", 5, {}), ("pairs", 5, {"pairs": True}), ("vectors", 2, {"prompt": "query"})],
)
def test_requests_to_warm_up_by_fit_the_signature(kind, count, options, classifier, small_config, tokenizer, tmp_path):
    model = classifier
    if kind == "vectors":
        own = {"max_length": 16, "prompts": {"query": "very dull "}}
        model = keras_bert.text_embedder(keras_bert.backbone(small_config), **own)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", **options)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    file = tmp_path / "served" / "assets.extra" / "tf_serving_warmup_requests"
    records = [*tf.data.TFRecordDataset(str(file)).as_numpy_iterator()]
    assert len(records) == count
    for record in records:
        columns = inputs_of_request(record)
        assert {*columns} == ({"text", "second_text"} if kind == "pairs" else {"text"})
        answer = serve(**{name: tf.constant(tf.make_ndarray(column)) for name, column in columns.items()})
        assert len(answer["embedding" if kind == "vectors" else "label"]) == columns["text"].tensor_shape.dim[0].size


def inputs_of_request(record):
    """A serialized PredictionLog -> {name: TensorProto}, read by protocol buffers' own means."""
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", package="log", syntax="proto3")
    text, many, message = (
        descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
        descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
        descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
    )
    for name, fields in {
        "Entry": [("key", 1, None), ("value", 2, None)],
        "ModelSpec": [("signature_name", 3, None)],
        "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "Entry")],
        "PredictLog": [("request", 1, "PredictRequest")],
        "PredictionLog": [("predict_log", 6, "PredictLog")],
    }.items():
        entry = file.message_type.add(name=name)
        for field, number, kind in fields:
            added = entry.field.add(name=field, number=number, type=message if kind else text, label=1)
            if kind:
                added.type_name = f".log.{kind}"
            if field == "inputs":
                added.label = many
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    log = message_factory.GetMessageClass(pool.FindMessageTypeByName("log.PredictionLog")).FromString(record)
    assert log.predict_log.request.model_spec.signature_name == b"serving_default"
    return {
        entry.key.decode(): tensor_pb2.TensorProto.FromString(entry.value) for entry in log.predict_log.request.inputs
    }
