"""Models under OpenVINO, which reads the ONNX graph as it is."""

import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, VOCABULARY, arrays, batch, inputs_of, shared

openvino = pytest.importorskip("openvino")
PACKED = np.array([[1] * 6 + [2] * 7 + [3], [1] * 2 + [2] * 11 + [0]], "int32")


@pytest.fixture(scope="module")
def tokenizer():
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(VOCABULARY - 5))]
    return keras_bert.WordPieceTokenizer(tokens)


def assert_close(compiled, model, inputs):
    """Raises an `AssertionError` unless OpenVINO gives what the model gives."""
    for name, value in arrays(model(inputs)).items():
        got = compiled(inputs)["logits" if name == "output" else name]
        np.testing.assert_allclose(got, value, rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", BUILDERS)
def test_the_graph_of_onnx_runs_under_openvino(name, tokenizer, tmp_path):
    pytest.importorskip("onnx")
    keras_bert.export_onnx(shared(name), tokenizer, tmp_path / "served")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.compile_model(tmp_path / "served" / "model.onnx", "CPU", options)
    positions = np.array([[0, 13, 5], [2, 3, 1]], "int32")
    for inputs in (inputs_of(name), {**batch(PACKED), **dict.fromkeys(BUILDERS[name].inputs, positions)}):
        assert_close(compiled, shared(name), inputs)
