"""Text embedders as graphs: every pooling, projection and prompt, the same from all engines."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from builders import POSITIONS, backbone, batch, shared
from exported import assert_close, expected_of, small_tokenizer

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")

TEXTS = ["w1 w2 w3.", "", "w4 " * 20, "w5", "w6 unheard w7 w8"]
MASKS = [
    np.ones((1, POSITIONS), "int32"),
    np.array([[1] * 9, [1] * 4 + [0] * 5, [1] + [0] * 8], "int32"),
    np.array([[1] * 6 + [2] * 7 + [3], [1] * 2 + [2] * 11 + [0]], "int32"),
]
SETTINGS = [
    {"pooling": "mean"},
    {"pooling": "mean", "normalize": False, "projections": [(7, "gelu", False), (5, "linear", True)]},
    {"pooling": "cls", "projections": [(13, "tanh", True)]},
    {"pooling": "max"},
]


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def embedder_of(**settings):
    """Arguments of `text_embedder` -> a model with wide weights."""
    keras.utils.set_random_seed(4)
    return keras_bert.text_embedder(backbone(num_layers=1), **settings)


def vectors_of(answers):
    return np.array([answer["embedding"] for answer in answers], "float32")


def scores_of(answers):
    return np.array([answer["score"] for answer in answers])


@pytest.mark.parametrize("settings", SETTINGS)
def test_onnx_and_litert_are_equal_to_the_model(settings, tokenizer, tmp_path):
    model = embedder_of(**settings)
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served")
    keras_bert.export_litert(model, tokenizer, tmp_path / "phone")
    session = onnxruntime.InferenceSession(tmp_path / "served" / "model.onnx", providers=["CPUExecutionProvider"])
    [output] = session.get_outputs()
    assert (output.name, output.shape) == ("embedding", ["batch", model.output.shape[-1]])
    phone = tf.lite.Interpreter(str(tmp_path / "phone" / "model.tflite")).get_signature_runner()
    for seed, mask in enumerate(MASKS):
        inputs = batch(mask, seed)
        expected = expected_of(model, inputs)
        assert np.ptp(expected["embedding"]) > 0.1
        assert_close({"embedding": session.run(None, inputs)[0]}, expected)
        assert_close(phone(**inputs), expected)


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_runtime_and_the_saved_model_answer_as_the_predictor(settings, tokenizer, tmp_path):
    model = embedder_of(**settings, max_length=7, prompts={"query": "w9 w10 "})
    keras_bert.export_onnx(model, tokenizer, tmp_path / "onnx", prompt="query")
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", prompt="query")
    predict = keras_bert.predictor(model, tokenizer, prompt="query")
    answer, expected = keras_bert.runtime.load(tmp_path / "onnx"), predict(TEXTS)
    for got in (answer(TEXTS), answer(TEXTS, batch_size=2), [answer(text) for text in TEXTS]):
        np.testing.assert_allclose(vectors_of(got), vectors_of(expected), atol=1e-5)
    assert json.loads(json.dumps(answer(TEXTS))) == answer(TEXTS) and answer([]) == []
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    assert serve.structured_outputs == {"embedding": tf.TensorSpec([None, model.output.shape[-1]], name="embedding")}
    np.testing.assert_allclose(serve(text=tf.constant(TEXTS))["embedding"], vectors_of(expected), atol=1e-5)
    assert serve(text=tf.constant([], tf.string))["embedding"].shape == (0, model.output.shape[-1])
    assert np.ptp(vectors_of(expected), axis=0).min() > 1e-3


def test_other_prompts_give_other_vectors(tokenizer, tmp_path):
    model = embedder_of(prompts={"query": "w9 ", "passage": "w10 "}, default_prompt="passage")
    vectors = []
    for name, options in (("a", {}), ("b", {"prompt": "query"}), ("c", {"prompt": "passage"})):
        keras_bert.export_onnx(model, tokenizer, tmp_path / name, **options)
        vectors.append(vectors_of(keras_bert.runtime.load(tmp_path / name)(TEXTS)))
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-3


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_int8_is_close_to_the_model(pooling, tokenizer, tmp_path):
    model = embedder_of(pooling=pooling)
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served", precision="int8")
    got, expected = (
        vectors_of(answer(TEXTS))
        for answer in (keras_bert.runtime.load(tmp_path / "served"), keras_bert.predictor(model, tokenizer))
    )
    cosines = (got * expected).sum(axis=1)
    assert (cosines > 0.98).all() and (np.abs(got - expected).max(axis=1) > 1e-6).all()


def test_mixed_precision_is_written_in_float32(tokenizer, tmp_path):
    model = embedder_of(projections=[(5, "tanh", True)])
    keras.config.set_dtype_policy("mixed_bfloat16")
    mixed = embedder_of(projections=[(5, "tanh", True)])
    keras.config.set_dtype_policy("float32")
    mixed.set_weights(model.get_weights())
    keras_bert.export_onnx(mixed, tokenizer, tmp_path / "served")
    keras_bert.export_litert(mixed, tokenizer, tmp_path / "phone")
    session = onnxruntime.InferenceSession(tmp_path / "served" / "model.onnx", providers=["CPUExecutionProvider"])
    phone = tf.lite.Interpreter(str(tmp_path / "phone" / "model.tflite")).get_signature_runner()
    inputs = batch()
    expected = expected_of(model, inputs)
    assert_close({"embedding": session.run(None, inputs)[0]}, expected)
    assert_close(phone(**inputs), expected)


def test_what_lies_beside_the_graph(tokenizer, tmp_path):
    model = embedder_of(max_length=7, prompts={"query": "질문: "}, similarity="dot")
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served", prompt="query")
    keras_bert.export_litert(model, tokenizer, tmp_path / "phone")
    served, phone = (
        json.loads((tmp_path / name / "config.json").read_text(encoding="utf-8")) for name in ("served", "phone")
    )
    assert served["options"] == {"max_length": 7, "prompt": "질문: "} and phone["options"] == {"max_length": 7}
    scorer = keras_bert.text_regressor(shared("backbone"), score_activation="sigmoid")
    keras_bert.export_litert(scorer, tokenizer, tmp_path / "scorer")
    assert '"score_activation": "sigmoid"' in (tmp_path / "scorer" / "config.json").read_text(encoding="utf-8")
    for contents in (served, phone):
        assert contents["embedder"]["prompts"] == {"query": "질문: "} and contents["embedder"]["similarity"] == "dot"


def test_what_cannot_be_exported_is_refused(tokenizer, tmp_path):
    model = embedder_of(prompts={"query": "w9 "})
    for export in (keras_bert.export_onnx, keras_bert.export_saved_model):
        with pytest.raises(ValueError, match=r"one of the model's prompts: query\. Received: prompt='passage'"):
            export(model, tokenizer, tmp_path / "served", prompt="passage")
        with pytest.raises(ValueError, match=r"options of a text_embedder are prompt\. Received: pooling"):
            export(model, tokenizer, tmp_path / "served", pooling="cls")
    with pytest.raises(ValueError, match="activation='relu6'"):
        keras_bert.export_onnx(embedder_of(projections=[(5, "relu6", True)]), tokenizer, tmp_path / "served")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_openvino_reads_the_graph(pooling, tokenizer, tmp_path):
    openvino = pytest.importorskip("openvino")
    model = embedder_of(pooling=pooling)
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    run = openvino.compile_model(tmp_path / "served" / "model.onnx", "CPU", options)
    for seed, mask in enumerate((MASKS[0], MASKS[2])):
        inputs = batch(mask, seed)
        assert_close({"embedding": run(inputs)["embedding"]}, expected_of(model, inputs))


@pytest.mark.parametrize(
    ("activation", "precision"),
    [*itertools.product([None, "sigmoid", "tanh", "relu"], ["float32"]), ("sigmoid", "int8")],
)
def test_scores_of_pairs_pass_the_models_activation(activation, precision, tokenizer, tmp_path):
    model, scored = (
        keras_bert.text_regressor(shared("backbone"), score_activation=name) for name in (None, activation)
    )
    logits = scores_of(keras_bert.predictor(model, tokenizer, pairs=True)("w1 w2", TEXTS))
    kernel, bias = model.get_layer("regressor").get_weights()
    for one in (model, scored):  # so that there are scores on both sides of 0
        one.get_layer("regressor").set_weights([kernel, bias - logits.mean(dtype="float32")])
    logits, scores = (
        scores_of(keras_bert.predictor(one, tokenizer, pairs=True)("w1 w2", TEXTS)) for one in (model, scored)
    )
    np.testing.assert_allclose(scores, keras.activations.get(activation)(logits.astype("float32")), atol=1e-6)
    assert activation is None or np.abs(scores - logits).max() > 1e-3
    keras_bert.export_onnx(scored, tokenizer, tmp_path / "onnx", precision=precision, pairs=True)
    got = keras_bert.runtime.load(tmp_path / "onnx")("w1 w2", TEXTS)
    tolerance = 1e-5 if precision == "float32" else 0.1
    np.testing.assert_allclose(scores_of(got), scores, atol=tolerance)
    if precision == "float32":
        keras_bert.export_saved_model(scored, tokenizer, tmp_path / "served", pairs=True)
        serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
        got = serve(text=tf.constant(["w1 w2"] * len(TEXTS)), second_text=tf.constant(TEXTS))["score"]
        np.testing.assert_allclose(got, scores, atol=1e-5)


def test_low_scores_keep_their_order(tokenizer, tmp_path):
    model = keras_bert.text_regressor(backbone(num_layers=1), score_activation="sigmoid")
    kernel, bias = model.get_layer("regressor").get_weights()
    model.get_layer("regressor").set_weights([kernel, bias - 40])
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served", pairs=True)
    expected = scores_of(keras_bert.predictor(model, tokenizer, pairs=True)("w1", TEXTS))
    got = scores_of(keras_bert.runtime.load(tmp_path / "served")("w1", TEXTS))
    assert 0 < expected.max() < 1e-12
    np.testing.assert_allclose(got, expected, rtol=1e-4)


def test_an_activation_that_the_runtime_lacks_is_refused(tokenizer, tmp_path):
    model = keras_bert.text_regressor(shared("backbone"), score_activation="softplus")
    with pytest.raises(ValueError, match=r"linear, relu, sigmoid, tanh\. Received: score_activation='softplus'"):
        keras_bert.export_onnx(model, tokenizer, tmp_path / "served", pairs=True)
