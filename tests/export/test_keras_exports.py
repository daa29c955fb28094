"""Keras's own `model.export`: what it writes is right."""

import pytest
import tensorflow as tf

from builders import build, inputs_of, shared
from exported import assert_close, expected_of

NAME = "span_predictor"


@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.parametrize("name", ["text_classifier", "pretrainer", NAME])
def test_onnx_of_a_model_that_was_never_called(name, tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = build(name, num_layers=1)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    expected = expected_of(model, inputs_of(name))
    assert_close(dict(zip(expected, session.run([*expected], inputs_of(name)), strict=True)), expected)


def test_openvino(tmp_path):
    openvino = pytest.importorskip("openvino")
    model = build(NAME, num_layers=1)
    model.export(str(tmp_path / "model.xml"), format="openvino", verbose=False)
    compiled = openvino.compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = compiled(inputs_of(NAME))
    expected = expected_of(model, inputs_of(NAME))
    assert_close({name: outputs[name] for name in expected}, expected)


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")
def test_litert(tmp_path):
    model = shared(NAME)
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    run = tf.lite.Interpreter(str(tmp_path / "model.tflite")).get_signature_runner()
    assert_close(run(**inputs_of(NAME)), expected_of(model, inputs_of(NAME)))
