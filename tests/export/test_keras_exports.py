"""Keras's own `model.export`: what it writes is right, or it writes nothing."""

import numpy as np
import pytest
import tensorflow as tf

from builders import arrays, build, inputs_of, shared

NAME = "span_predictor"


def assert_close(outputs, model):
    """Raises an `AssertionError` unless {name: array} are what the model gives."""
    for name, value in arrays(model(inputs_of(NAME))).items():
        np.testing.assert_allclose(outputs[name], value, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_onnx_of_a_model_that_was_never_called(tmp_path):
    pytest.importorskip("tf2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = build(NAME, num_layers=1)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert_close(dict(zip(names, session.run(names, inputs_of(NAME)), strict=True)), model)


def test_openvino(tmp_path):
    openvino = pytest.importorskip("openvino")
    model = build(NAME, num_layers=1)
    model.export(str(tmp_path / "model.xml"), format="openvino", verbose=False)
    compiled = openvino.compile_model(tmp_path / "model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = compiled(inputs_of(NAME))
    assert_close({name: outputs[name] for name in ("start_logits", "end_logits")}, model)


def test_litert(tmp_path):
    model = shared(NAME)
    model.export(tmp_path / "model.tflite", format="litert", verbose=False)
    interpreter = tf.lite.Interpreter(str(tmp_path / "model.tflite"))
    run = interpreter.get_signature_runner()
    outputs = run(**{name: np.asarray(value, "int32") for name, value in inputs_of(NAME).items()})
    assert_close(outputs, model)
