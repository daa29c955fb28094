"""Hugging Face's layout, which is also this library's own: config.json, model.safetensors, vocab.txt."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import save_file

from keras_bert.checkpoints.torch_activations import name_in_torch
from keras_bert.checkpoints.weights import Checkpoint, foreign_weights, open_tokenizer, read_json, write_json
from keras_bert.config import BertConfig, Windows
from keras_bert.long_texts import windows_of
from keras_bert.utils.checks import check_thresholds

# Layer of this library -> layers of BertModel and of the heads in transformers.
_ENCODER_LAYER = {
    "query_key_value": ("attention.self.query", "attention.self.key", "attention.self.value"),
    "attention_output": ("attention.output.dense",),
    "attention_layer_norm": ("attention.output.LayerNorm",),
    "feedforward_intermediate": ("intermediate.dense",),
    "feedforward_output": ("output.dense",),
    "feedforward_layer_norm": ("output.LayerNorm",),
}
_LAYERS = {
    "embedding/token_embedding": "embeddings.word_embeddings",
    "embedding/position_embedding": "embeddings.position_embeddings",
    "embedding/segment_embedding": "embeddings.token_type_embeddings",
    "embedding/layer_norm": "embeddings.LayerNorm",
    "pooler/dense": "pooler.dense",
    "mlm/dense": "cls.predictions.transform.dense",
    "mlm/layer_norm": "cls.predictions.transform.LayerNorm",
    "mlm": "cls.predictions",
    "nsp/dense": "cls.seq_relationship",
    "classifier/dense": "classifier",
    "regressor/dense": "classifier",
    "span/dense": "qa_outputs",
}
_OWN = "keras_bert"  # key of config.json under which stands what transformers has no name for
_KINDS = {"kernel": "weight", "embeddings": "weight", "gamma": "weight", "bias": "bias", "beta": "bias"}

# Field of BertConfig -> key of config.json.
_CONFIG = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob",
    "attention_dropout": "attention_probs_dropout_prob",
    "layer_norm_epsilon": "layer_norm_eps",
    "initializer_range": "initializer_range",
}
_REQUIRED = ("vocab_size", "num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
# transformers' name of an activation -> this library's. The first of several is the one that is written.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "relu6": "relu6",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "mish": "mish",
    "linear": "linear",
}
_ARCHITECTURES = {
    "backbone": "BertModel",
    "pretrainer": "BertForPreTraining",
    "masked_language_model": "BertForMaskedLM",
    "text_classifier": "BertForSequenceClassification",
    "text_regressor": "BertForSequenceClassification",
    "text_embedder": "BertModel",
    "token_classifier": "BertForTokenClassification",
    "span_predictor": "BertForQuestionAnswering",
}

# problem_type of config.json -> whether a text may have several of a classifier's labels.
_MULTI_LABEL = {"single_label_classification": False, "multi_label_classification": True}


def open_checkpoint(directory):
    """Directory in Hugging Face's layout -> a `Checkpoint`; arrays are read one by one, when they are asked for."""
    directory = Path(directory)
    contents = read_json(directory / "config.json")
    config = config_from(contents, directory)
    weights = _Weights(directory)
    return Checkpoint(
        origin=str(directory),
        config=config,
        shapes=weights.shapes,
        read=weights.read,
        foreign_names=foreign_names,
        orient=orient,
        tokenizer=open_tokenizer(lambda tokenizer_class: _tokenizer_from(directory, tokenizer_class), directory),
        labels=_labels_from(contents, directory),
        head_dropout=contents.get("classifier_dropout"),
        head_tasks=_head_tasks(contents),
        multi_label=_MULTI_LABEL.get(contents.get("problem_type")),
        thresholds=_own_from(contents, "thresholds", _thresholds_of(weights.shapes.get("classifier.bias")), directory),
        pairs=is_of_pairs(contents),
        windows=_own_from(contents, "windows", lambda fields: Windows(**fields), directory),
    )


def write(model, tokenizer, directory, labels=None):
    """Writes the model, and the tokenizer unless it is None, into an existing directory; no projections."""
    prefix = "" if _ARCHITECTURES[model.task] == "BertModel" else "bert."
    weights = {
        name if name.startswith(("cls.", "classifier.", "qa_outputs.")) else prefix + name: array
        for name, array in foreign_weights(model, foreign_names, orient).items()
        if not name.startswith("projection_")
    }
    try:
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    except safetensors.SafetensorError as error:
        raise OSError(f"The weights can't be written to {directory}: {error}. Is the disk full?") from error
    config = config_to(model, labels)
    if tokenizer is not None:
        tokenizer.save(directory)
        config["pad_token_id"] = int(tokenizer.vocabulary["[PAD]"])
        path = directory / "tokenizer_config.json"
        length = (model.embedder and model.embedder.max_length) or config["max_position_embeddings"]
        write_json(path, {**read_json(path), "model_max_length": length})
    write_json(directory / "config.json", config)


def foreign_names(name):
    """Name of this library -> transformers' names, without the prefix `bert.`; three for query, key and value.

    >>> foreign_names("encoder_3/attention_output/kernel")
    ('encoder.layer.3.attention.output.dense.weight',)
    """
    layer, _, kind = name.rpartition("/")
    if layer.startswith("encoder_"):
        encoder, layer = layer.split("/")
        prefix = f"encoder.layer.{encoder.removeprefix('encoder_')}."
        return tuple(f"{prefix}{part}.{_KINDS[kind]}" for part in _ENCODER_LAYER[layer])
    if layer.startswith("projection_"):
        return (f"{layer}.linear.{_KINDS[kind]}",)
    return (f"{_LAYERS[layer]}.{_KINDS[kind]}",)


def orient(name, array):
    """Transposes kernels, which torch keeps as [out, in]."""
    return array.T if name.endswith("/kernel") else array


class _Weights:
    """The arrays of a directory's safetensors files, under transformers' present names without the prefix `bert.`."""

    def __init__(self, directory):
        """Directory of the files -> their names and shapes; no array is read yet."""
        self._places = {}
        self.shapes = {}
        for path in _weight_files(directory):
            try:
                file = safetensors.safe_open(path, framework="numpy")
            except safetensors.SafetensorError as error:
                raise ValueError(f"{path} can't be read: {error}. Copy or download it again.") from error
            for stored in file.keys():  # noqa: SIM118 - the file is no mapping
                name = stored.removeprefix("bert.").replace(".gamma", ".weight").replace(".beta", ".bias")
                if name in ("embeddings.position_ids", "embeddings.token_type_ids"):
                    continue
                self._places[name] = file, stored
                self.shapes[name] = tuple(file.get_slice(stored).get_shape())
        self._merge_decoder()

    def read(self, name):
        """Name of an array -> the array, as stored."""
        file, stored = self._places[name]
        return file.get_tensor(stored)

    def _merge_decoder(self):
        """Drops the copies that some files have of the masked-word decoder's tied table and bias."""
        table, tied = "cls.predictions.decoder.weight", "embeddings.word_embeddings.weight"
        if {table, tied} <= self.shapes.keys() and np.array_equal(self.read(table), self.read(tied)):
            del self.shapes[table]  # One that isn't tied stays, and is reported as left over.
        bias, tied = "cls.predictions.decoder.bias", "cls.predictions.bias"
        if bias in self.shapes:
            shape = self.shapes.pop(bias)
            self.shapes.setdefault(tied, shape)
            self._places.setdefault(tied, self._places[bias])


def _weight_files(directory):
    """directory -> its safetensors files, from the index where there is one."""
    index = directory / "model.safetensors.index.json"
    if (directory / "model.safetensors").is_file():
        return [directory / "model.safetensors"]
    if not index.is_file():
        raise ValueError(_no_safetensors(directory))
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise ValueError(f"{index} must have a weight_map, an object of names and files. Copy or download it again.")
    names = sorted({*weight_map.values()})
    if absent := [name for name in names if not (directory / name).is_file()]:
        raise ValueError(f"{index} names files that aren't there: {', '.join(absent)}. Copy or download them again.")
    return [directory / name for name in names]


def _no_safetensors(directory):
    """directory -> what to tell someone whose checkpoint has no safetensors file."""
    names = sorted(path.name for path in directory.iterdir())
    if has_pickle(names):
        return refusal_of_pickle(directory)
    return (
        f"{directory} has a config.json but no weights: expected model.safetensors, or model.safetensors.index.json "
        f"with its parts. It holds: {', '.join(names)}."
    )


def has_pickle(names):
    """Names of a checkpoint's files -> whether torch's pickled weights are among them."""
    return not {"pytorch_model.bin", "pytorch_model.bin.index.json"}.isdisjoint({*names})


def refusal_of_pickle(source):
    """Directory or hub id -> why its pytorch_model.bin isn't opened, and the lines that convert it."""
    directory, download = source, ""
    if not Path(source).is_dir():
        directory = str(source).rpartition("/")[2]
        download = f"Download it: hf download {source} --local-dir {directory}\n"
    return (
        f"{source} holds its weights as pytorch_model.bin only. That is a pickle, which can run any code when "
        "it is opened, so this library doesn't open it. torch can open it without running any, and convert it beside "
        f"its tokenizer, which stays as it is. {download}Run this where torch and safetensors are installed:\n"
        "    import glob, torch\n"
        "    from safetensors.torch import save_file\n"
        "    weights = {}\n"
        f"    for path in glob.glob({str(directory) + '/pytorch_model*.bin'!r}):\n"
        '        weights |= torch.load(path, map_location="cpu", weights_only=True)\n'
        "    weights = {name: array.contiguous().clone() for name, array in weights.items()}\n"
        f"    save_file(weights, {str(directory) + '/model.safetensors'!r})\n"
        "and load that directory."
    )


def config_from(config, origin):
    """Contents of a config.json -> `BertConfig`; raises a `ValueError` for what isn't BERT."""
    expected = {
        "model_type": ("bert",),
        "position_embedding_type": ("absolute",),
        "is_decoder": (False,),
        "add_cross_attention": (False,),
        "pruned_heads": ({},),
        "hidden_act": tuple(_ACTIVATIONS),
    }
    for key, values in expected.items():
        if config.get(key, values[0]) not in (*values, None):
            raise ValueError(
                f"The config.json of {origin} has {key}={config[key]!r}; this library's BERT supports "
                f"{key}={', '.join(map(repr, values))}."
            )
    if absent := [key for key in _REQUIRED if key not in config]:
        raise ValueError(f"The config.json of {origin} lacks {', '.join(absent)}.")
    fields = {field: config[key] for field, key in _CONFIG.items() if key in config}
    return BertConfig(**fields, activation=_ACTIVATIONS[config.get("hidden_act") or "gelu"])


def config_to(model, labels):
    """model, the classes' names or None -> contents of a config.json."""
    task, config = model.task, model.config
    hidden_act = next((name for name, ours in _ACTIVATIONS.items() if ours == config.activation), None)
    if hidden_act is None:
        raise ValueError(
            f"The activation {config.activation!r} has no name in transformers that this library knows; it can write "
            f'{", ".join(sorted({*_ACTIVATIONS.values()}))}. Save the model with model.save("....keras") instead.'
        )
    contents = {
        "architectures": [_ARCHITECTURES[task]],
        "model_type": "bert",
        "hidden_act": hidden_act,
        "position_embedding_type": "absolute",
        **{key: getattr(config, field) for field, key in _CONFIG.items()},
    }
    for head in (layer for layer in model.layers if layer.name == "mlm"):
        if (head.activation, head.layer_norm_epsilon) != (config.activation, config.layer_norm_epsilon):
            warnings.warn(
                f"The masked-word head has activation={head.activation!r} and layer_norm_epsilon="
                f"{head.layer_norm_epsilon}, as KerasHub's have. This layout knows the encoder's only, "
                f"{config.activation!r} and {config.layer_norm_epsilon}; loaded again, its logits differ slightly.",
                stacklevel=4,
            )
    heads = [layer for layer in model.layers if layer.name in ("classifier", "regressor")]
    if not heads:
        if labels is not None:
            raise ValueError(f"`labels` are for classifiers. Received: labels={list(labels)!r} for a {task}.")
        return contents
    (head,) = heads
    labels = model.labels if labels is None else tuple(labels)
    if labels is not None and (len(labels) != head.num_classes or len({*labels}) != head.num_classes):
        raise ValueError(f"`labels` must be {head.num_classes} different names. Received: labels={list(labels)!r}.")
    names = labels or [f"LABEL_{i}" for i in range(head.num_classes)]
    contents["classifier_dropout"] = head.dropout
    contents["id2label"] = {str(i): str(name) for i, name in enumerate(names)}
    contents["label2id"] = {str(name): i for i, name in enumerate(names)}
    if task == "text_regressor":  # sentence-transformers would give the sigmoid of any score otherwise
        contents["sentence_transformers"] = {"activation_fn": name_in_torch(model.score_activation or "linear")}
    if task != "token_classifier":
        kinds = {of_several: kind for kind, of_several in _MULTI_LABEL.items()}
        contents["problem_type"] = "regression" if task == "text_regressor" else kinds[model.multi_label]
    own = {"thresholds": list(model.thresholds)} if model.multi_label else {}
    if model.pairs:
        own["pairs"] = True
    if (windows := windows_of(model)) is not None:
        own["windows"] = dataclasses.asdict(windows)
    return {**contents, _OWN: own} if own else contents


def _own_from(config, key, read, origin):
    """config.json's contents, a key of this library's own, function that reads its value, directory -> what it gives.

    None if there is no such key.
    """
    try:
        value = (config.get(_OWN) or {}).get(key)
        return None if value is None else read(value)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"The config.json of {origin} has wrong {key}: {error} Mend or remove them.") from error


def is_of_pairs(config):
    """Contents of a config.json -> whether its head was trained on pairs of texts, as far as it says."""
    own = config.get(_OWN)
    return isinstance(own, dict) and own.get("pairs") is True


def _thresholds_of(shape):
    """shape of a head's bias, None for no head -> function: thresholds as they are stored -> those of its classes."""
    return lambda values: shape and check_thresholds(f"{_OWN}.thresholds", values, shape[0])


def _labels_from(config, origin):
    """config.json's contents, its directory -> the classes' names, or None where they are LABEL_0, LABEL_1 ..."""
    try:
        names = {int(i): str(name) for i, name in (config.get("id2label") or {}).items()}
    except (AttributeError, ValueError) as error:
        raise ValueError(
            f"The config.json of {origin} must have an id2label of numbers and names, such as "
            f'{{"0": "bad", "1": "good"}}. It has: {config["id2label"]!r}.'
        ) from error
    labels = tuple(names[i] for i in sorted(names))
    return None if all(label == f"LABEL_{i}" for i, label in enumerate(labels)) else labels


def _tokenizer_from(directory, tokenizer_class):
    """directory, WordPieceTokenizer -> its tokenizer, or None where there is none; transformers 5 has no vocab.txt."""
    if any((directory / name).is_file() for name in ("vocab.txt", "tokenizer.json")):
        return tokenizer_class.load(directory)
    return None


def trained_task(config):
    """Contents of a config.json -> the task of the architecture that it names, or None."""
    named = config.get("architectures") or []
    task = next((task for task, architecture in _ARCHITECTURES.items() if architecture in named), None)
    if task == "text_classifier" and not _MULTI_LABEL.get(config.get("problem_type")):  # regressors share it
        one_class = len(config.get("id2label") or "ab") == 1 or config.get("num_labels") == 1
        return "text_regressor" if one_class or config.get("problem_type") == "regression" else task
    return task


def _head_tasks(config):
    """Contents of a config.json -> the tasks of its `classifier`, a name that several architectures share."""
    architectures = config.get("architectures") or []
    tasks = ("text_classifier", "text_regressor", "token_classifier")
    if not architectures:
        return tasks
    return tuple(task for task in tasks if _ARCHITECTURES[task] in architectures)
