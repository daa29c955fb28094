"""What `import keras_bert` gives, and what it leaves alone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import keras_bert

NAMES = [
    "AdamW",
    "BertConfig",
    "MLMHead",
    "NSPHead",
    "TokenAndPositionAndSegmentEmbedding",
    "TransformerEncoder",
    "WordPieceTokenizer",
    "backbone",
    "distribution",
    "embed",
    "export_litert",
    "export_saved_model",
    "load_pretrained",
    "masked_language_model",
    "predictor",
    "pretrainer",
    "save_pretrained",
    "span_predictor",
    "text_classifier",
    "text_regressor",
    "token_classifier",
    "train_vocabulary",
]


def test_the_list_is_sorted_and_without_repeats():
    assert keras_bert.__all__ == sorted(set(keras_bert.__all__))


def test_the_promised_names_are_listed():
    assert set(NAMES) <= set(keras_bert.__all__)
    assert set(keras_bert.__all__) <= set(dir(keras_bert))


@pytest.mark.parametrize("name", keras_bert.__all__)
def test_names_resolve(name):
    value = getattr(keras_bert, name)
    assert value.__doc__
    assert getattr(keras_bert, name) is value


def test_unknown_name():
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        keras_bert.no_such_name  # noqa: B018


def run(script, backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return set(result.stdout.split())


def test_import_is_light():
    """Under JAX, importing and building a model brings in no TensorFlow and nothing that works on strings."""
    script = """
import sys
import keras_bert
keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29)), 2)
print(*{name.partition(".")[0] for name in sys.modules}, *(n for n in sys.modules if n.startswith("keras_bert.")))
"""
    modules = run(script, "jax")
    heavy = {"tensorflow", "tensorflow_text", "keras_hub", "keras_nlp", "tokenizers", "safetensors"}
    assert "jax" in modules and not heavy & modules
    assert not {"keras_bert.text", "keras_bert.checkpoints", "keras_bert.export", "keras_bert.data"} & modules


def test_importing_the_package_brings_in_no_framework():
    """So the command line answers at once, and whoever wants the names alone doesn't wait."""
    modules = run("import sys, keras_bert\nprint(*sys.modules)", "tensorflow")
    assert "keras_bert" in modules
    assert not {"keras", "tensorflow", "jax", "numpy", "keras_bert.models"} & modules


@pytest.mark.parametrize("imports", ["import keras, keras_bert", "import keras_bert, keras"])
def test_keras_knows_the_layers_whichever_is_imported_first(imports):
    script = f"""
{imports}
names = ("TokenAndPositionAndSegmentEmbedding", "TransformerEncoder", "Pooler", "MLMHead", "NSPHead",
         "ClassificationHead", "BertModel", "AdamW", "LAMB", "WarmupPolynomialDecay")
print(*(name for name in names if keras.saving.get_registered_object(f"keras_bert>{{name}}")))
"""
    assert len(run(script, "jax")) == 10


def test_keras_knows_the_layers_whichever_room_is_imported_first():
    """Each in a process of its own: of those that need no TensorFlow."""
    script = """
import importlib, os
import keras_bert

for room in keras_bert._WITH_KERAS:
    if room in ("prediction", "export"):
        continue
    if os.fork() == 0:
        importlib.import_module(f"keras_bert.{room}")
        import keras
        names = ("BertModel", "AdamW", "MLMHead")
        if all(keras.saving.get_registered_object(f"keras_bert>{name}") for name in names):
            print(room, flush=True)
        os._exit(0)
    os.wait()
"""
    assert run(script, "jax") == {*keras_bert._WITH_KERAS} - {"prediction", "export"}


def test_the_rooms_that_import_keras_are_known():
    root = Path(keras_bert.__file__).parent
    for path in root.rglob("*.py"):
        if re.search(r"^(import|from) keras\b", path.read_text(encoding="utf8"), re.M):
            module = ".".join(path.relative_to(root).with_suffix("").parts)
            assert any(module == room or module.startswith(f"{room}.") for room in keras_bert._WITH_KERAS), module
