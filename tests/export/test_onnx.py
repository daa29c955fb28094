"""Every builder as ONNX operators: equal to the model, whole or not there, and alone without TensorFlow."""

import json
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, ENCODER_INPUTS, MASK, POSITIONS, batch, build, inputs_of, shared
from exported import assert_close, expected_of, small_tokenizer
from keras_bert.export import onnx_nodes

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")

WITHOUT_TENSORFLOW = Path(__file__).parents[1] / "processes" / "without_tensorflow.py"
MASKS = {
    "one": np.ones((1, POSITIONS), "int32"),
    "short": np.ones((2, 1), "int32"),
    "padded": np.array([[1] * 9, [1] * 4 + [0] * 5, [1] + [0] * 8, [1] * 8 + [0]], "int32"),
    "packed": np.array([[1] * 6 + [2] * 7 + [3], [1] * 2 + [2] * 11 + [0]], "int32"),
}


@pytest.fixture(scope="module")
def tokenizer():
    return small_tokenizer()


def exported(model, tokenizer, directory, **options):
    """A model, its tokenizer, where to write, options -> function: the graph's inputs -> its outputs by name."""
    keras_bert.export_onnx(model, tokenizer, directory, **options)
    settings = onnxruntime.SessionOptions()
    settings.add_session_config_entry("session.x64quantprecision", "1")  # as the docstring says of int8
    session = onnxruntime.InferenceSession(directory / "model.onnx", settings, providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == [*ENCODER_INPUTS, *BUILDERS[model.task].inputs]
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def batches_of(name):
    """Name of a builder -> batches of several sizes and lengths, padded and packed."""
    yield inputs_of(name)
    for seed, mask in enumerate(MASKS.values()):
        inputs = batch(mask, seed)
        for key, count in zip(BUILDERS[name].inputs, (3, 2), strict=False):
            positions = np.random.default_rng(seed).integers(0, mask.shape[1], (len(mask), count))
            inputs[key] = positions.astype("int32")
        yield inputs


@pytest.mark.parametrize("name", BUILDERS)
def test_the_graph_is_equal_to_the_model(name, tokenizer, tmp_path):
    run = exported(shared(name), tokenizer, tmp_path / "served")
    for inputs in batches_of(name):
        assert_close(run(inputs), expected_of(shared(name), inputs))


@pytest.mark.parametrize("name", BUILDERS)
def test_int8_is_close_to_the_model(name, tokenizer, tmp_path):
    run = exported(shared(name), tokenizer, tmp_path / "served", precision="int8")
    expected = expected_of(shared(name), inputs_of(name))
    assert_close(run(inputs_of(name)), expected, tolerance=0.2)
    for key, value in expected.items():
        difference = np.abs(run(inputs_of(name))[key] - value)
        assert 0 < difference.mean() < 0.05 * np.abs(value).mean() + 0.01


@pytest.mark.parametrize(
    "activation",
    ["gelu_tanh", "relu", "tanh", "sigmoid", "silu", "swish", "elu", "selu", "softplus", "softsign", "mish", "linear"],
)
def test_other_activations(activation, tokenizer, tmp_path):
    model = build("masked_language_model", num_layers=1, activation=activation)
    inputs = inputs_of("masked_language_model")
    assert_close(exported(model, tokenizer, tmp_path / "served")(inputs), expected_of(model, inputs))


def test_one_layer_another_epsilon_and_wide_scores(tokenizer, tmp_path):
    model = build("text_classifier", num_layers=1, layer_norm_epsilon=0.1, initializer_range=3.0)
    run = exported(model, tokenizer, tmp_path / "served")
    assert_close(run(batch()), expected_of(model, batch()), tolerance=1e-4)


def test_mixed_precision_is_written_in_float32(tokenizer, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = BUILDERS["span_predictor"].build(keras_bert.backbone(shared("span_predictor").config))
    model.set_weights(shared("span_predictor").get_weights())
    run = exported(model, tokenizer, tmp_path / "served")
    assert_close(run(batch()), expected_of(shared("span_predictor"), batch()))


def test_a_position_outside_of_its_row_gives_nan(tokenizer, tmp_path):
    model = shared("masked_language_model")
    inputs = {**batch(), "mask_positions": np.array([[0, 7], [-1, 1], [2, 3]], "int32")}
    logits = exported(model, tokenizer, tmp_path / "served")(inputs)["mlm"]
    assert np.isnan(logits).all(axis=-1).tolist() == [[False, True], [True, False], [False, False]]


def test_padding_changes_nothing(tokenizer, tmp_path):
    run = exported(shared("text_classifier"), tokenizer, tmp_path / "served")
    inputs = batch(MASK[1:2])
    cut = {key: value[:, :4] for key, value in inputs.items()}
    np.testing.assert_allclose(run(inputs)["logits"], run(cut)["logits"], atol=1e-6)


def test_large_weights_lie_in_a_file_beside_the_graph(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_nodes, "_EXTERNAL_ABOVE", 1000)
    run = exported(shared("backbone"), tokenizer, tmp_path / "served")
    assert (tmp_path / "served" / "model.onnx.data").stat().st_size > 1000
    assert_close(run(batch()), expected_of(shared("backbone"), batch()))
    keras_bert.export_onnx(shared("backbone"), tokenizer, tmp_path / "served", overwrite=True)


def test_what_lies_beside_the_graph(tokenizer, tmp_path):
    keras_bert.export_onnx(shared("text_classifier"), tokenizer, tmp_path / "served", labels=["a", "좋음", "c"])
    names = {path.name for path in (tmp_path / "served").iterdir()}
    assert names == {"model.onnx", "config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"}
    contents = json.loads((tmp_path / "served" / "config.json").read_text(encoding="utf-8"))
    assert (contents["task"], contents["precision"], contents["labels"]) == (
        "text_classifier",
        "float32",
        ["a", "좋음", "c"],
    )
    assert keras_bert.BertConfig(**contents["model"]) == shared("text_classifier").config
    onnx.checker.check_model(tmp_path / "served" / "model.onnx")
    again = keras_bert.WordPieceTokenizer.load(tmp_path / "served")
    assert again.vocabulary == tokenizer.vocabulary


def test_what_cannot_be_exported_is_refused(tokenizer, tmp_path, monkeypatch):
    classifier = shared("text_classifier")

    def refused(message, model=classifier, directory=tmp_path / "served", error=ValueError, **options):
        with pytest.raises(error, match=message):
            keras_bert.export_onnx(model, options.pop("tokenizer", tokenizer), directory, **options)
        assert not (tmp_path / "served").exists()

    refused("float32, int8. Received: precision='int4'", precision="int4")
    refused("max_sequence_length=11", max_length=12)
    refused("options of a text_classifier are .* Received: unit", unit="word")
    refused("num_classes=3 different names", labels=["no", "yes"])
    refused("must come from one of keras_bert's builders", model=keras.Sequential())
    refused("mean, cls, max, words, tokens. Received: pooling='sum'", model=shared("backbone"), pooling="sum")
    refused("pooling, normalize, prompt. Received: stride", model=shared("backbone"), stride=2)
    refused("have no `normalize`", model=shared("backbone"), pooling="words", normalize=True)
    refused("True or False. Received: normalize='no'", model=shared("backbone"), normalize="no")
    refused("Received: max_length=0", model=shared("backbone"), pooling="words", max_length=0)
    refused("at least 3", model=shared("pretrainer"), max_length=2)
    refused("none. Received: pooling", model=shared("pretrainer"), pooling="cls")
    refused("activation='relu6'", model=build("backbone", activation="relu6"))
    other = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    refused("a vocabulary of 5 tokens", tokenizer=other)
    (tmp_path / "notes.txt").write_text("mine")
    refused("notes.txt", directory=tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused(r"bert-for-keras\[onnx\]", error=ImportError)


def test_an_export_is_replaced_only_when_told(tokenizer, tmp_path):
    keras_bert.export_onnx(shared("text_regressor"), tokenizer, tmp_path / "served")
    with pytest.raises(ValueError, match="overwrite=True"):
        keras_bert.export_onnx(shared("text_regressor"), tokenizer, tmp_path / "served")
    keras_bert.export_onnx(shared("text_regressor"), tokenizer, tmp_path / "served", precision="int8", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_the_runtime_refuses_what_it_cannot_answer(tokenizer, tmp_path):
    keras_bert.export_onnx(shared("pretrainer"), tokenizer, tmp_path / "served")
    with pytest.raises(ValueError, match="A pretrainer has no answers for strings"):
        keras_bert.runtime.load(tmp_path / "served")
    (tmp_path / "served" / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"which lacks tokenizer\.json"):
        keras_bert.runtime.load(tmp_path / "served")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    with pytest.raises(ValueError, match=r"It is a SavedModel, which tf\.saved_model\.load loads"):
        keras_bert.runtime.load(tmp_path / "saved")


ALONE = """
import sys, time

start = time.perf_counter()
sys.modules |= dict.fromkeys(("keras", "keras_nlp", "keras_hub", "torch", "jax", "onnx"))
import keras_bert

answer = keras_bert.runtime.load(sys.argv[1])("w1 w2")
print(list(answer), f"{time.perf_counter() - start:.2f} s to the first answer")
heavy = {"tensorflow", "keras", "onnx", "safetensors", "tqdm", "huggingface_hub"}
assert not {name.partition(".")[0] for name, module in sys.modules.items() if module} & heavy
"""


def test_the_runtime_runs_without_tensorflow_and_keras(tokenizer, tmp_path):
    keras_bert.export_onnx(shared("text_classifier"), tokenizer, tmp_path / "served")
    program = tmp_path / "program.py"
    program.write_text(ALONE)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, WITHOUT_TENSORFLOW, program, tmp_path / "served"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    print(done.stdout, f"process {time.perf_counter() - start:.2f} s")
    assert done.stdout.startswith("['label', 'probabilities'] ")
