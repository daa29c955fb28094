"""The requests and answers of docs/guide/serving.md, by the rules of TensorFlow Serving's REST API."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "serving.md").read_text(encoding="utf8")
BY_COLUMNS, COLUMNS, BY_ROWS, ROWS = map(json.loads, re.findall(r"```json\n(.*?)\n```", GUIDE, re.S)[:4])
TEXTS = BY_COLUMNS["inputs"]["text"]


def rest(signature, request):
    """A signature, the JSON of a request -> the JSON that the server answers; a `ValueError` where it refuses."""
    specs = signature.structured_input_signature[1]
    if not specs or len({"inputs", "instances"} & request.keys()) != 1:
        raise ValueError(f"Received: {request}, for the inputs {sorted(specs)}.")
    if "inputs" in request:
        columns = request["inputs"] if isinstance(request["inputs"], dict) else {next(iter(specs)): request["inputs"]}
    else:
        rows = [row if isinstance(row, dict) else dict.fromkeys(specs, row) for row in request["instances"]]
        columns = {name: [row[name] for row in rows] for name in specs}
    tensors = {name: tf.constant(values, specs[name].dtype) for name, values in columns.items()}
    for name, tensor in tensors.items():
        assert specs[name].shape.is_compatible_with(tensor.shape)
    outputs = {name: plain(output) for name, output in signature(**tensors).items()}
    if "instances" in request:
        outputs = {name: list(values) for name, values in outputs.items()}
        assert {len(values) for values in outputs.values()} == {len(rows)}
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return {"predictions": [next(iter(row.values())) for row in rows] if len(outputs) == 1 else rows}
    return {"outputs": next(iter(outputs.values())) if len(outputs) == 1 else outputs}


def plain(tensor):
    """A tensor -> nested lists of strings and numbers; numbers as JSON gives them back."""
    decoded = np.vectorize(bytes.decode, otypes=[object])(tensor) if tensor.dtype == tf.string else tensor.numpy()
    return json.loads(json.dumps(decoded.tolist()))


def kinds(value):
    """JSON -> the same with the names of types in the place of values."""
    if isinstance(value, dict):
        return {key: kinds(one) for key, one in value.items()}
    return [kinds(one) for one in value] if isinstance(value, list) else type(value).__name__


@pytest.fixture
def model(small_config):
    keras.utils.set_random_seed(3)
    return keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["negative", "positive"])


@pytest.fixture
def loaded(model, tokenizer, tmp_path):
    """The SavedModel that the guide's first lines write, the highest version of a model."""
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "sentiment" / "1", max_length=9)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "sentiment" / "2", max_length=9)
    versions = sorted(path.name for path in (tmp_path / "sentiment").iterdir())
    assert versions == ["1", "2"]
    return tf.saved_model.load(tmp_path / "sentiment" / "2")


def test_names_types_and_shapes_are_those_of_the_signature(loaded):
    signature = loaded.signatures["serving_default"]
    assert signature.structured_input_signature == ((), {"text": tf.TensorSpec([None], tf.string, name="text")})
    outputs = {name: (spec.dtype, spec.shape.as_list()) for name, spec in signature.structured_outputs.items()}
    assert outputs == {"label": (tf.string, [None]), "probabilities": (tf.float32, [None, 2])}
    assert set(COLUMNS["outputs"]) == set(outputs)


def test_answers_have_the_shape_that_the_guide_shows_and_the_values_of_predictor(loaded, model, tokenizer):
    signature = loaded.signatures["serving_default"]
    columns, rows = rest(signature, BY_COLUMNS), rest(signature, BY_ROWS)
    assert kinds(columns) == kinds(COLUMNS) and kinds(rows) == kinds(ROWS)
    expected = keras_bert.predictor(model, tokenizer, max_length=9)(TEXTS)
    assert columns["outputs"]["label"] == [answer["label"] for answer in expected]
    wanted = [list(answer["probabilities"].values()) for answer in expected]
    np.testing.assert_allclose(columns["outputs"]["probabilities"], wanted, atol=1e-5)
    assert [row["label"] for row in rows["predictions"]] == columns["outputs"]["label"]
    np.testing.assert_allclose([row["probabilities"] for row in rows["predictions"]], wanted, atol=1e-5)
    assert rest(signature, {"instances": TEXTS}) == rows and rest(signature, {"inputs": TEXTS}) == columns


def test_labels_have_no_inputs_so_that_rest_cant_ask_for_them(loaded):
    assert loaded.signatures["labels"]()["labels"].numpy().tolist() == [b"negative", b"positive"]
    with pytest.raises(ValueError, match="for the inputs"):
        rest(loaded.signatures["labels"], {"inputs": {}})


@pytest.mark.parametrize("task", ["pairs", "score", "vectors", "tags", "answers"])
def test_other_tasks_answer_rows_and_columns(task, small_config, tokenizer, tmp_path):
    backbone = keras_bert.backbone(small_config)
    model, columns = {
        "pairs": lambda: (keras_bert.text_classifier(backbone, 2), ("text", "second_text")),
        "score": lambda: (keras_bert.text_regressor(backbone), ("text",)),
        "vectors": lambda: (keras_bert.text_embedder(backbone), ("text",)),
        "tags": lambda: (keras_bert.token_classifier(backbone, 3, labels=["B-A", "I-A", "O"]), ("text",)),
        "answers": lambda: (keras_bert.span_predictor(backbone), ("question", "context")),
    }[task]()
    options = {"pairs": True} if task == "pairs" else {}
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", **options)
    signature = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    by_columns = rest(signature, {"inputs": {name: ["A good book.", "dull " * 7] for name in columns}})["outputs"]
    by_rows = rest(signature, {"instances": [{name: text for name in columns} for text in ["A good book.", "dull"]]})
    assert len(by_rows["predictions"]) == 2
    if task == "score":
        assert kinds(by_columns) == kinds(by_rows["predictions"]) == ["float", "float"]
    elif task == "vectors":
        assert kinds(by_columns) == kinds(by_rows["predictions"]) == [["float"] * 12] * 2
    else:
        assert list(by_columns) == list(by_rows["predictions"][0]) == list(signature.structured_outputs)


def test_the_graph_has_one_operator_of_tensorflow_text(loaded):
    names = {node.op for node in loaded.signatures["serving_default"].graph.as_graph_def().node}
    graph = loaded.signatures["serving_default"].graph.as_graph_def()
    names |= {node.op for function in graph.library.function for node in function.node_def}
    core = tf.raw_ops.__dict__.keys()
    others = {name for name in names if name not in core and not name.startswith("_")}
    assert others == {"FastWordpieceTokenizeWithOffsets"}
