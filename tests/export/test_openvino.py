"""Models under OpenVINO, which reads the ONNX graph as it is."""

import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, batch, inputs_of, shared
from exported import assert_close, expected_of, small_tokenizer

openvino = pytest.importorskip("openvino")
PACKED = np.array([[1] * 6 + [2] * 7 + [3], [1] * 2 + [2] * 11 + [0]], "int32")


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


@pytest.mark.parametrize("name", BUILDERS)
def test_the_graph_of_onnx_runs_under_openvino(name, tokenizer, tmp_path):
    pytest.importorskip("onnx")
    keras_bert.export_onnx(shared(name), tokenizer, tmp_path / "served")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(tmp_path / "served" / "model.onnx", "CPU", options)
    positions = np.array([[0, 13, 5], [2, 3, 1]], "int32")
    for inputs in (inputs_of(name), {**batch(PACKED), **dict.fromkeys(BUILDERS[name].inputs, positions)}):
        expected, outputs = expected_of(shared(name), inputs), compiled(inputs)
        assert_close({key: outputs[key] for key in expected}, expected)
