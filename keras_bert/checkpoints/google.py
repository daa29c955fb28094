"""Google's original release: bert_config.json, bert_model.ckpt.*, vocab.txt (https://github.com/google-research/bert)."""

import json
import re
import warnings

import tensorflow as tf

from keras_bert.checkpoints.hugging_face import config_from, config_to
from keras_bert.checkpoints.weights import (
    Checkpoint,
    check_nothing_lost,
    foreign_weights,
    open_tokenizer,
    read_json,
)

# Layer of this library -> scopes of the original model's variables.
_ENCODER_LAYER = {
    "query_key_value": ("attention/self/query", "attention/self/key", "attention/self/value"),
    "attention_output": ("attention/output/dense",),
    "attention_layer_norm": ("attention/output/LayerNorm",),
    "feedforward_intermediate": ("intermediate/dense",),
    "feedforward_output": ("output/dense",),
    "feedforward_layer_norm": ("output/LayerNorm",),
}
_LAYERS = {
    "embedding/layer_norm": "bert/embeddings/LayerNorm",
    "pooler/dense": "bert/pooler/dense",
    "mlm/dense": "cls/predictions/transform/dense",
    "mlm/layer_norm": "cls/predictions/transform/LayerNorm",
}
_EMBEDDINGS = {
    "embedding/token_embedding/embeddings": "bert/embeddings/word_embeddings",
    "embedding/position_embedding/embeddings": "bert/embeddings/position_embeddings",
    "embedding/segment_embedding/embeddings": "bert/embeddings/token_type_embeddings",
}
# Layer of this library -> prefix of `output_weights`, which is [out, in], and `output_bias`.
_OUTPUTS = {
    "mlm": "cls/predictions/",
    "nsp/dense": "cls/seq_relationship/",
    "classifier/dense": "",
    "regressor/dense": "",
    "span/dense": "cls/squad/",
}
_NOT_WEIGHTS = re.compile(r"(^|/)(adam_[mv]|global_step|\w+_power)$")
# "gelu" is read as the exact form, with the error function: so it was when the released models were trained. The
# repository's gelu became the tanh approximation later, under the same name.
_ACTIVATIONS = ("gelu", "relu", "tanh", "linear")
_LAYER_NORM_EPSILON = 1e-12  # A constant of the original code, which bert_config.json can't say.


def open_checkpoint(directory, prefix=None):
    """Directory with bert_config.json and a TensorFlow checkpoint, which one it is or None -> a `Checkpoint`."""
    prefix = _prefix(directory) if prefix is None else prefix
    reader = _tried(prefix, tf.train.load_checkpoint, str(prefix))
    config = read_json(directory / "bert_config.json")
    stored = reader.get_variable_to_shape_map()
    shapes = {name: tuple(shape) for name, shape in sorted(stored.items()) if not _NOT_WEIGHTS.search(name)}
    return Checkpoint(
        origin=str(directory),
        config=config_from(config, directory / "bert_config.json"),
        shapes=shapes,
        read=lambda name: _tried(prefix, reader.get_tensor, name),
        foreign_names=foreign_names,
        orient=orient,
        tokenizer=open_tokenizer(lambda tokenizer_class: _tokenizer_from(directory, tokenizer_class), directory),
        head_tasks=_head_tasks(shapes),
    )


def write(model, tokenizer, directory, labels=None):
    """Writes the model, and the tokenizer unless it is None, into an existing directory."""
    check_nothing_lost(model, labels, "Google's")
    config = config_to(model, None)
    if config["hidden_act"] not in _ACTIVATIONS:
        raise ValueError(
            f"Google's original code has no activation {config['hidden_act']!r}; it has {', '.join(_ACTIVATIONS)}. "
            'Save with layout="hugging_face".'
        )
    if config["layer_norm_eps"] != _LAYER_NORM_EPSILON:
        raise ValueError(
            f"Google's layout means layer_norm_epsilon={_LAYER_NORM_EPSILON} and can't say another. Received a model "
            f'with layer_norm_epsilon={config["layer_norm_eps"]}. Save with layout="hugging_face".'
        )
    keys = [
        key for key in config if key.endswith(("_size", "_prob", "_range", "_embeddings")) or key.startswith("num_")
    ]
    contents = {key: config[key] for key in ("hidden_act", *keys)}
    (directory / "bert_config.json").write_text(json.dumps(contents, indent=2) + "\n", encoding="utf-8")
    weights = foreign_weights(model, foreign_names, orient)
    tf.raw_ops.SaveV2(
        prefix=str(directory / "bert_model.ckpt"),
        tensor_names=list(weights),
        shape_and_slices=[""] * len(weights),
        tensors=list(weights.values()),
    )
    if tokenizer is not None:
        tokenizer.save(directory)


def foreign_names(name):
    """Name of this library -> the original's names; three for query, key and value.

    >>> foreign_names("encoder_3/attention_output/kernel")
    ('bert/encoder/layer_3/attention/output/dense/kernel',)
    """
    layer, _, kind = name.rpartition("/")
    if name in _EMBEDDINGS:
        return (_EMBEDDINGS[name],)
    if layer in _OUTPUTS:
        return (_OUTPUTS[layer] + {"kernel": "output_weights", "bias": "output_bias"}[kind],)
    if layer.startswith("encoder_"):
        encoder, layer = layer.split("/")
        prefix = f"bert/encoder/layer_{encoder.removeprefix('encoder_')}"
        return tuple(f"{prefix}/{part}/{kind}" for part in _ENCODER_LAYER[layer])
    return (f"{_LAYERS[layer]}/{kind}",)


def orient(name, array):
    """Transposes the kernels of output layers, which are kept as [out, in]."""
    layer, _, kind = name.rpartition("/")
    return array.T if kind == "kernel" and layer in _OUTPUTS else array


def _head_tasks(shapes):
    """Names of the stored weights -> the tasks of `output_weights`, a name that heads of texts and of tokens share.

    A head of texts needs the pooler. Beside one, the head is taken as run_classifier.py's, for texts.
    """
    return ("text_classifier", "text_regressor") if "bert/pooler/dense/kernel" in shapes else ("token_classifier",)


def _prefix(directory):
    """directory -> its checkpoint without the suffix: the one that the file `checkpoint` names, or the only one."""
    found = sorted(path.with_suffix("") for path in directory.glob("*.index"))
    names = [path.name for path in found]
    last = _last_saved(directory)
    if last in names:
        return directory / last
    if len(found) != 1:
        choice = f"; choose one by its path, such as load_pretrained({str(found[0])!r})" if found else ""
        gone = f", and `checkpoint` names {last}, which isn't there" if last else ""
        raise ValueError(
            f"{directory} must hold one TensorFlow checkpoint, bert_model.ckpt.index and bert_model.ckpt.data-*, or a "
            f"file `checkpoint` that names one of several. It holds: {', '.join(names) or 'none'}{gone}{choice}."
        )
    if last:
        warnings.warn(f"`checkpoint` in {directory} names {last}, which isn't there; {names[0]} is read.", stacklevel=5)
    return found[0]


def _last_saved(directory):
    """directory -> the checkpoint that TensorFlow's file `checkpoint` names, wherever it was then, or None."""
    path = directory / "checkpoint"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    named = re.search(r'^model_checkpoint_path:\s*"(.*)"', text, re.M)
    return re.split(r"[/\\]", named[1])[-1] if named else None


def _tried(prefix, function, argument):
    """What function(argument) gives; its errors become a `ValueError` that says which checkpoint can't be read."""
    try:
        return function(argument)
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(
            f"TensorFlow can't read the checkpoint {prefix}.*: {error}. Is it copied as a whole?"
        ) from error


def _tokenizer_from(directory, tokenizer_class):
    """directory, WordPieceTokenizer -> its tokenizer, or None where there is none."""
    return tokenizer_class.load(directory) if (directory / "vocab.txt").is_file() else None
