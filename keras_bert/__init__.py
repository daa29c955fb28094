"""BERT for Keras 3, whole: from raw text to a served model.

Importing it brings in neither Keras nor TensorFlow: each name below is imported when it is first used.
"""

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from keras_bert import (
        checkpoints,
        data,
        demo,
        distribution,
        export,
        inspection,
        layers,
        metrics,
        models,
        prediction,
        runtime,
        text,
        training,
    )
    from keras_bert.checkpoints import load_pretrained, save_pretrained
    from keras_bert.checkpoints.peft import load_adapters, save_adapters
    from keras_bert.config import BertConfig
    from keras_bert.export import export_litert, export_onnx, export_saved_model
    from keras_bert.layers import MLMHead, NSPHead, TokenAndPositionAndSegmentEmbedding, TransformerEncoder
    from keras_bert.layers.adapting import lora, merge_lora
    from keras_bert.long_texts import in_windows, windows_of, without_windows
    from keras_bert.models import (
        backbone,
        masked_language_model,
        pretrainer,
        span_predictor,
        text_classifier,
        text_embedder,
        text_regressor,
        token_classifier,
    )
    from keras_bert.prediction import embed, embed_blocks, fill_masks, predictor
    from keras_bert.text import WordPieceTokenizer, train_vocabulary
    from keras_bert.training import callbacks, distillation, initialization, losses, resume
    from keras_bert.training.freezing import freeze
    from keras_bert.training.optimizers import LAMB, AdamW, WarmupPolynomialDecay
    from keras_bert.training.resizing import resize_embeddings
    from keras_bert.training.students import student

__version__ = "0.1.0"

# In a checkout the recipes stand beside the package; installed, they are in it.
_CHECKOUT = Path(__file__).parents[1]
if (_CHECKOUT / "recipes" / "common.py").is_file():
    __path__.append(str(_CHECKOUT))

# Name -> the module that has it, or that it is.
_MODULES = {
    "AdamW": "training.optimizers",
    "BertConfig": "config",
    "LAMB": "training.optimizers",
    "MLMHead": "layers",
    "NSPHead": "layers",
    "TokenAndPositionAndSegmentEmbedding": "layers",
    "TransformerEncoder": "layers",
    "WarmupPolynomialDecay": "training.optimizers",
    "WordPieceTokenizer": "text",
    "backbone": "models",
    "callbacks": "training.callbacks",
    "checkpoints": "checkpoints",
    "data": "data",
    "demo": "demo",
    "distillation": "training.distillation",
    "distribution": "distribution",
    "embed": "prediction",
    "embed_blocks": "prediction",
    "export": "export",
    "export_litert": "export",
    "export_onnx": "export",
    "export_saved_model": "export",
    "fill_masks": "prediction",
    "freeze": "training.freezing",
    "in_windows": "long_texts",
    "initialization": "training.initialization",
    "inspection": "inspection",
    "layers": "layers",
    "load_adapters": "checkpoints.peft",
    "load_pretrained": "checkpoints",
    "lora": "layers.adapting",
    "losses": "training.losses",
    "masked_language_model": "models",
    "merge_lora": "layers.adapting",
    "metrics": "metrics",
    "models": "models",
    "prediction": "prediction",
    "predictor": "prediction",
    "pretrainer": "models",
    "resize_embeddings": "training.resizing",
    "resume": "training.resume",
    "runtime": "runtime",
    "save_adapters": "checkpoints.peft",
    "save_pretrained": "checkpoints",
    "span_predictor": "models",
    "student": "training.students",
    "text": "text",
    "text_classifier": "models",
    "text_embedder": "models",
    "text_regressor": "models",
    "token_classifier": "models",
    "train_vocabulary": "text",
    "training": "training",
    "windows_of": "long_texts",
    "without_windows": "long_texts",
}

# Those that import Keras.
_WITH_KERAS = (
    "checkpoints",
    "config",
    "distribution",
    "export",
    "inspection",
    "layers",
    "long_texts",
    "models",
    "prediction",
    "training.callbacks",
    "training.distillation",
    "training.initialization",
    "training.losses",
    "training.optimizers",
    "training.resizing",
    "training.resume",
    "training.saved_variables",
    "training.soft_targets",
    "training.students",
)

__all__ = [  # noqa: RUF022 (it would have capitals first)
    "AdamW",
    "BertConfig",
    "LAMB",
    "MLMHead",
    "NSPHead",
    "TokenAndPositionAndSegmentEmbedding",
    "TransformerEncoder",
    "WarmupPolynomialDecay",
    "WordPieceTokenizer",
    "backbone",
    "callbacks",
    "checkpoints",
    "data",
    "demo",
    "distillation",
    "distribution",
    "embed",
    "embed_blocks",
    "export",
    "export_litert",
    "export_onnx",
    "export_saved_model",
    "fill_masks",
    "freeze",
    "in_windows",
    "initialization",
    "inspection",
    "layers",
    "load_adapters",
    "load_pretrained",
    "lora",
    "losses",
    "masked_language_model",
    "merge_lora",
    "metrics",
    "models",
    "prediction",
    "predictor",
    "pretrainer",
    "resize_embeddings",
    "resume",
    "runtime",
    "save_adapters",
    "save_pretrained",
    "span_predictor",
    "student",
    "text",
    "text_classifier",
    "text_embedder",
    "text_regressor",
    "token_classifier",
    "train_vocabulary",
    "training",
    "windows_of",
    "without_windows",
]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    value = module if _MODULES[name].rpartition(".")[2] == name else getattr(module, name)
    globals()[name] = value
    return value


def __dir__():
    return [*__all__, "__version__"]


def _register(module):
    """A module that was imported -> None; tells Keras, once it is there, of our layers, models, losses and optimizers.

    Then `keras.models.load_model` finds them, whichever of the two packages was imported first. While one of our own
    modules is being imported, the others can't be; it ends here too, and then they are.
    """
    unfinished = {
        name
        for name, imported in sys.modules.items()
        if name.startswith(f"{__name__}.") and getattr(imported.__spec__, "_initializing", False)
    }
    if "keras" in sys.modules and unfinished <= {module.__name__}:
        for name in ("models", "training.losses", "training.optimizers", "training.soft_targets"):
            importlib.import_module(f"{__name__}.{name}")


for _name in ("keras", *(f"{__name__}.{module}" for module in _WITH_KERAS)):
    wrapt.register_post_import_hook(_register, _name)
