"""BERT for Keras 3, whole: from raw text to a served model.

Layers, models and optimizers are imported at once, so that `keras.models.load_model` knows them; they need no
TensorFlow. What works on strings (tokenizer, checkpoints, export) is imported at its first use.
"""

import importlib
from typing import TYPE_CHECKING

from keras_bert import layers, models, optimization
from keras_bert.config import BertConfig
from keras_bert.layers import MLMHead, NSPHead, TokenAndPositionAndSegmentEmbedding, TransformerEncoder
from keras_bert.models import (
    backbone,
    config_of,
    labels_of,
    masked_language_model,
    pretrainer,
    span_predictor,
    text_classifier,
    text_regressor,
    token_classifier,
)
from keras_bert.optimization import LAMB, AdamW, WarmupPolynomialDecay

if TYPE_CHECKING:
    from keras_bert import (
        answer_metrics,
        callbacks,
        checkpoints,
        data,
        decoding,
        distribution,
        export,
        features,
        initialization,
        metrics,
        prediction,
        resume,
        text,
    )
    from keras_bert.checkpoints import load_pretrained, save_pretrained
    from keras_bert.export import export_saved_model
    from keras_bert.features import embed
    from keras_bert.prediction import fill_masks, predict_in_batches, predictor
    from keras_bert.text import WordPieceTokenizer, train_vocabulary

__version__ = "0.1.0"

# Name -> the module that is imported when the name is first used.
_LAZY = {
    "answer_metrics": "keras_bert.answer_metrics",
    "callbacks": "keras_bert.callbacks",
    "checkpoints": "keras_bert.checkpoints",
    "data": "keras_bert.data",
    "decoding": "keras_bert.decoding",
    "distribution": "keras_bert.distribution",
    "export": "keras_bert.export",
    "features": "keras_bert.features",
    "initialization": "keras_bert.initialization",
    "metrics": "keras_bert.metrics",
    "prediction": "keras_bert.prediction",
    "resume": "keras_bert.resume",
    "text": "keras_bert.text",
    "WordPieceTokenizer": "keras_bert.text",
    "train_vocabulary": "keras_bert.text",
    "load_pretrained": "keras_bert.checkpoints",
    "save_pretrained": "keras_bert.checkpoints",
    "embed": "keras_bert.features",
    "export_saved_model": "keras_bert.export",
    "fill_masks": "keras_bert.prediction",
    "predict_in_batches": "keras_bert.prediction",
    "predictor": "keras_bert.prediction",
}

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
    "answer_metrics",
    "backbone",
    "callbacks",
    "checkpoints",
    "config_of",
    "data",
    "decoding",
    "distribution",
    "embed",
    "export",
    "export_saved_model",
    "features",
    "fill_masks",
    "initialization",
    "labels_of",
    "layers",
    "load_pretrained",
    "masked_language_model",
    "metrics",
    "models",
    "optimization",
    "predict_in_batches",
    "prediction",
    "predictor",
    "pretrainer",
    "resume",
    "save_pretrained",
    "span_predictor",
    "text",
    "text_classifier",
    "text_regressor",
    "token_classifier",
    "train_vocabulary",
]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    value = module if module.__name__ == f"{__name__}.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__():
    return [*__all__, "__version__"]
