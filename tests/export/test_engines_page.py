"""The page of other engines says what runs."""

import importlib.util
import re
from pathlib import Path

import pytest

import keras_bert

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "engines.md"


@pytest.mark.filterwarnings(
    r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning", "ignore::FutureWarning"
)
def test_its_python_blocks_run_one_after_the_other(tokenizer, small_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["no", "yes"])
    keras_bert.save_pretrained(model, tokenizer, "reviews")
    names = {"keras_bert": keras_bert, "model": model, "tokenizer": tokenizer}
    text = PAGE.read_text(encoding="utf8").replace("max_length=128", "max_length=32")
    blocks = re.findall(r"```python\n(.*?)\n```", text, re.S)
    wanted = (["openvino", "onnx"], ["openvino", "nncf"], ["tensorflow"], ["onnxruntime", "onnx"])
    for packages, block in zip(wanted, blocks, strict=True):
        if all(map(importlib.util.find_spec, packages)):
            exec(compile(block, PAGE.name, "exec"), names)
    assert names["logits"].shape == (2, 2)
    if "small" in names:
        [logits] = names["small"](names["rows"][0]).values()
        assert logits.shape == (1, 2)
