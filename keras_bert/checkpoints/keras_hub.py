"""KerasHub's presets: config.json, model.weights.h5, tokenizer.json and assets, read through keras_nlp itself."""

import keras
import keras_nlp
import numpy as np

from keras_bert.checkpoints.heads import HEADS
from keras_bert.checkpoints.weights import (
    Checkpoint,
    check_nothing_lost,
    foreign_weights,
    open_tokenizer,
    read_json,
)
from keras_bert.config import BertConfig
from keras_bert.utils.checks import some_of

# Arguments of BertBackbone that are fields of BertConfig too, under the same names.
_SHARED_FIELDS = (
    "vocabulary_size",
    "num_layers",
    "num_heads",
    "hidden_dim",
    "intermediate_dim",
    "max_sequence_length",
    "num_segments",
    "dropout",
)
# Layer of this library -> layers of BertBackbone, BertMaskedLM and BertTextClassifier.
_ENCODER_LAYER = {
    "query_key_value": tuple(f"self_attention_layer/{part}" for part in ("query", "key", "value")),
    "attention_output": ("self_attention_layer/attention_output",),
    "attention_layer_norm": ("self_attention_layer_norm",),
    "feedforward_intermediate": ("feedforward_intermediate_dense",),
    "feedforward_output": ("feedforward_output_dense",),
    "feedforward_layer_norm": ("feedforward_layer_norm",),
}
_LAYERS = {
    "embedding/token_embedding": "token_embedding",
    "embedding/position_embedding": "position_embedding",
    "embedding/segment_embedding": "segment_embedding",
    "embedding/layer_norm": "embeddings_layer_norm",
    "pooler/dense": "pooled_dense",
    "mlm/dense": "mlm_head/intermediate_dense",
    "mlm/layer_norm": "mlm_head/intermediate_layer_norm",
    "classifier/dense": "logits",
    "regressor/dense": "logits",
}


def open_checkpoint(directory):
    """Preset directory -> a `Checkpoint`."""
    name = read_json(directory / "config.json").get("class_name")
    if name != "BertBackbone":
        raise ValueError(f"The preset {directory} is a KerasHub {name!r}; this library loads 'BertBackbone'.")
    model = _model(directory)
    backbone = getattr(model, "backbone", model)
    shared = {field: getattr(backbone, field) for field in _SHARED_FIELDS}
    config = BertConfig(**shared, attention_dropout=backbone.dropout, activation="gelu_tanh")
    weights = {variable.path: variable for variable in model.weights}
    return Checkpoint(
        origin=str(directory),
        config=config,
        shapes={name: _shape(name, variable.shape) for name, variable in weights.items()},
        read=lambda name: np.reshape(weights[name].numpy(), _shape(name, weights[name].shape)),
        foreign_names=foreign_names,
        orient=lambda name, array: array,
        tokenizer=open_tokenizer(lambda tokenizer_class: _tokenizer_from(directory, tokenizer_class), directory),
        head_dropout=getattr(model, "dropout", None),
        head_tasks=("text_classifier", "text_regressor"),
        adjust=_adjust_mlm_head if isinstance(model, keras_nlp.models.BertMaskedLM) else None,
    )


def write(model, tokenizer, directory, labels=None):
    """Writes the model, and the tokenizer unless it is None, into an existing directory."""
    task, config = model.task, model.config
    check_nothing_lost(model, labels, "KerasHub's")
    _check_arithmetic(model, task, config)
    hub_tokenizer = _hub_tokenizer(tokenizer)
    shared = {field: getattr(config, field) for field in _SHARED_FIELDS}
    preset = keras_nlp.models.BertBackbone(**shared, dtype="float32")
    if task != "backbone":
        masked = task == "masked_language_model"
        hub_task = keras_nlp.models.BertMaskedLM if masked else keras_nlp.models.BertTextClassifier
        (head,) = (model.get_layer(name) for name in HEADS[task])
        arguments = {} if masked else {"num_classes": head.num_classes, "dropout": head.dropout}
        if tokenizer is not None:
            length = config.max_sequence_length
            arguments["preprocessor"] = hub_task.preprocessor_cls(hub_tokenizer, sequence_length=length)
        preset = hub_task(preset, **arguments)
    variables = {variable.path: variable for variable in preset.weights}
    for name, array in foreign_weights(model, foreign_names, lambda name, array: array).items():
        variables[name].assign(np.reshape(array, variables[name].shape))
    preset.save_to_preset(str(directory))
    if tokenizer is not None:
        hub_tokenizer.save_to_preset(str(directory))


def _hub_tokenizer(tokenizer):
    """WordPieceTokenizer or None -> KerasHub's with the same vocabulary and settings, or None."""
    if tokenizer is None:
        return None
    if tokenizer.added_tokens:
        names = some_of(token.content for token in tokenizer.added_tokens)
        raise ValueError(
            f"KerasHub's tokenizer has no place for added tokens. Received a tokenizer with {names}. Save with "
            'layout="hugging_face".'
        )
    return keras_nlp.models.BertTokenizer(
        vocabulary=list(tokenizer.vocabulary),
        lowercase=tokenizer.lowercase,
        strip_accents=tokenizer.lowercase if tokenizer.strip_accents is None else tokenizer.strip_accents,
    )


def _check_arithmetic(model, task, config):
    """Raises a `ValueError` for a model that KerasHub's classes would compute otherwise, or have no class for."""
    expected = {"activation": "gelu_tanh", "layer_norm_epsilon": 1e-12, "attention_dropout": config.dropout}
    wrong = [f"{key}={getattr(config, key)!r}" for key, value in expected.items() if getattr(config, key) != value]
    for head in (layer for layer in model.layers if layer.name == "mlm"):
        if (head.activation, head.layer_norm_epsilon) != ("gelu", 1e-5):
            wrong.append(f"masked-word head with {head.activation!r} and {head.layer_norm_epsilon}")
    if task in ("pretrainer", "token_classifier", "span_predictor"):
        wrong.append(task)
    if wrong:
        raise ValueError(
            f"KerasHub's BERT has no {', no '.join(wrong)}. It has backbones, classifiers and masked language models "
            f"with {', '.join(f'{key}={value!r}' for key, value in expected.items())}, and 'gelu' and 1e-05 in the "
            'masked-word head. Save with layout="hugging_face".'
        )


def handle_of(name):
    """Name of a preset -> where it is kept, such as kaggle://keras/bert/keras/bert_tiny_en_uncased/3."""
    presets = keras_nlp.models.BertBackbone.presets
    if name not in presets:
        raise ValueError(f"KerasHub has no BERT preset {name!r}; it has {', '.join(sorted(presets))}")
    return presets[name]["kaggle_handle"]


def foreign_names(name):
    """Name of this library -> paths of KerasHub's variables; three for query, key and value.

    >>> foreign_names("encoder_3/attention_output/kernel")
    ('transformer_layer_3/self_attention_layer/attention_output/kernel',)
    """
    layer, _, kind = name.rpartition("/")
    if name == "mlm/bias":
        return ("mlm_head/output_bias",)
    if layer.startswith("encoder_"):
        encoder, layer = layer.split("/")
        prefix = f"transformer_layer_{encoder.removeprefix('encoder_')}"
        return tuple(f"{prefix}/{part}/{kind}" for part in _ENCODER_LAYER[layer])
    return (f"{_LAYERS.get(layer, layer)}/{kind}",)


def _model(directory):
    """Preset directory -> KerasHub's model of it: the task that it was saved with, or the backbone."""
    tasks = {task.__name__: task for task in (keras_nlp.models.BertTextClassifier, keras_nlp.models.BertMaskedLM)}
    path = directory / "task.json"
    saved = read_json(path).get("class_name") if path.is_file() else None
    if saved in tasks:
        return tasks[saved].from_preset(str(directory), preprocessor=None, dtype="float32")
    return keras_nlp.models.BertBackbone.from_preset(str(directory), dtype="float32")


def _shape(name, shape):
    """KerasHub's path and shape -> the shape with the axes of heads and of their width, [H, D / H], as one, [D]."""
    if "/self_attention_layer/" not in name:
        return tuple(shape)
    width = int(np.prod(shape) ** 0.5) if name.endswith("/kernel") else int(np.prod(shape))
    return (width, width) if name.endswith("/kernel") else (width,)


def _adjust_mlm_head(model):
    """Gives the masked-word head KerasHub's arithmetic, which isn't the encoder's: exact GELU and epsilon 1e-5."""
    for head in (layer for layer in model.layers if layer.name == "mlm"):
        head.activation, head.dense.activation = "gelu", keras.activations.gelu
        head.layer_norm_epsilon = head.layer_norm.epsilon = 1e-5


def _tokenizer_from(directory, tokenizer_class):
    """directory, WordPieceTokenizer -> a tokenizer with the preset's vocabulary and settings, or None without."""
    path = directory / "assets" / "tokenizer" / "vocabulary.txt"
    if not path.is_file():
        return None
    settings = read_json(directory / "tokenizer.json").get("config") or {}
    return tokenizer_class.load(
        path, lowercase=settings.get("lowercase", False), strip_accents=settings.get("strip_accents", False)
    )
