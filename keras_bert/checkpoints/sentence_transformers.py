"""sentence-transformers' folders: where the encoder lies, what follows it, and how texts are read for it."""

import json
import warnings
from typing import NamedTuple

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

from keras_bert.checkpoints.hugging_face import refusal_of_pickle
from keras_bert.checkpoints.torch_activations import activation_of_torch, name_in_torch
from keras_bert.checkpoints.weights import read_json, write_json
from keras_bert.config import EmbedderConfig
from keras_bert.layers.pooling import POOLINGS

MODULES, SETTINGS, ENCODER = "modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"
# What `write_modules` writes, for directories that may be overwritten.
FILES = (
    *(MODULES, SETTINGS, ENCODER, "1_Pooling"),
    *(f"{number}_{kind}" for number in range(2, 20) for kind in ("Dense", "Normalize")),
)
# Keys of a pooling's config.json in older folders -> names in newer ones; each is one that this library has, or not.
_POOLING_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_VECTOR = "sentence_embedding"  # What modules call the text's vector, which they hand from one to the next.
_ELSEWHERE = (
    'Load the encoder alone, with task="backbone", and make vectors of its outputs in code of your own; or stay with '
    "sentence-transformers."
)


class Module(NamedTuple):
    """An entry of modules.json.

    Attributes:
        type: The path of its class.
        path: The name of its folder, "" for the directory itself.
    """

    type: str
    path: str

    @property
    def kind(self):
        """The class's name, if it is one of sentence-transformers' own; else its whole path."""
        return self.type.rpartition(".")[2] if self.type.startswith("sentence_transformers.") else self.type


class Embedder(NamedTuple):
    """How a folder makes vectors of texts.

    Attributes:
        config: An `EmbedderConfig`.
        weights: Those of its projections, {"projection_0.linear.weight": array}.
    """

    config: EmbedderConfig
    weights: dict


def is_folder(directory):
    """`Path` -> whether sentence-transformers wrote the directory."""
    return (directory / MODULES).is_file()


def modules_of(directory):
    """`Path` of a sentence-transformers folder -> list of `Module`; a `ValueError` if modules.json is broken."""
    path = directory / MODULES
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        modules = [Module(str(entry["type"]), str(entry["path"])) for entry in entries]
        return [modules[0], *modules[1:]]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(
            f"{path} must hold a list of modules, each with a type and a path; the first is the model's. Copy or "
            f"download it again. ({type(error).__name__}: {error})"
        ) from error


def model_folder(directory):
    """Finds the folder of the model.

    Args:
        directory: `Path` of a directory, of sentence-transformers or not.

    Returns:
        The `Path` of the folder that modules.json names for the transformer; `directory` if there is no modules.json.

    Raises:
        ValueError: If modules.json is broken, begins with something else than a transformer, or names a folder that
            isn't there.
    """
    if not is_folder(directory):
        return directory
    first = modules_of(directory)[0]
    if first.kind not in ("Transformer", "BERT"):
        raise ValueError(
            f"{directory / MODULES} begins with a module of the type {first.type!r}; this library loads "
            "sentence_transformers.models.Transformer, with a BERT in it."
        )
    return _folder_of(directory, first, "the model")


def read_embedder(directory, config):
    """Reads how a folder makes vectors of texts.

    Args:
        directory: `Path` of a sentence-transformers folder.
        config: The `BertConfig` of its encoder.

    Returns:
        An `Embedder`.

    Raises:
        ValueError: If it has a module or a setting that this library has no place for, a file is missing or broken,
            or the vectors of one module don't fit the next.
    """
    settings = _settings_in(directory, config)
    pooling, dense_layers, is_normalized = _parts_of(directory)
    settings["pooling"] = _pooling_in(_folder_of(directory, pooling, "pooling"), config)
    projections, weights, width = [], {}, config.hidden_dim
    for number, module in enumerate(dense_layers):
        projection, arrays = _dense_in(_folder_of(directory, module, "a dense layer"), width)
        width = projection[0]
        projections.append(projection)
        weights |= {f"projection_{number}.{name}": array for name, array in arrays.items()}
    try:
        embedder = EmbedderConfig(**settings, projections=projections, normalize=is_normalized)
    except ValueError as error:
        raise ValueError(f"What {SETTINGS} and {ENCODER} in {directory} say can't be used: {error}") from error
    return Embedder(embedder, weights)


def optional_json(path):
    """`Path` of a file with a JSON object -> dict, empty if there is no such file; a `ValueError` if it is broken."""
    return read_json(path) if path.is_file() else {}


def stated_length(directory, folder):
    """The most tokens of a text, as sentence-transformers finds it.

    Args:
        directory: `Path` of its folder.
        folder: `Path` of the encoder's folder.

    Returns:
        The number, or None where none is said; and the `Path` of the file that says it.
    """
    path = folder / ENCODER
    encoder = optional_json(path)
    for key in ("processor_kwargs", "tokenizer_args"):
        if "model_max_length" in (encoder.get(key) or {}):
            return encoder[key]["model_max_length"], path
    if encoder.get("max_seq_length") is not None:
        return encoder["max_seq_length"], path
    path = folder / "tokenizer_config.json"
    return optional_json(path).get("model_max_length"), path


def write_modules(model, directory):
    """Writes what sentence-transformers reads around the encoder's files; all its versions read it.

    Args:
        model: A text embedder, or a backbone that knows how vectors are made of its outputs, without projections.
        directory: `Path` of an existing directory.

    Raises:
        ValueError: If torch has no class for a projection's activation.
    """
    embedder = model.embedder
    folders = ["", "1_Pooling"]
    modes = {key: name == embedder.pooling for key, name in [*_POOLING_KEYS.items()][:4]}
    write_json(directory / "1_Pooling" / "config.json", {"word_embedding_dimension": model.config.hidden_dim, **modes})
    for number, (units, activation, use_bias) in enumerate(embedder.projections):
        folders.append(f"{len(folders)}_Dense")
        layer = model.get_layer(f"projection_{number}")
        shape = {"in_features": int(layer.kernel.shape[0]), "out_features": units, "bias": use_bias}
        contents = {**shape, "activation_function": name_in_torch(activation)}
        write_json(directory / folders[-1] / "config.json", contents)
        arrays = {"linear.weight": np.asarray(layer.kernel.numpy(), "float32").T}
        if use_bias:
            arrays["linear.bias"] = np.asarray(layer.bias.numpy(), "float32")
        arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(arrays, directory / folders[-1] / "model.safetensors", metadata={"format": "pt"})
    if embedder.normalize:
        folders.append(f"{len(folders)}_Normalize")
        write_json(directory / folders[-1] / "config.json", {})
    kinds = ["Transformer", *(folder.partition("_")[2] for folder in folders[1:])]
    entries = enumerate(zip(folders, kinds, strict=True))
    modules = [
        {"idx": i, "name": str(i), "path": folder, "type": f"sentence_transformers.models.{kind}"}
        for i, (folder, kind) in entries
    ]
    write_json(directory / MODULES, modules)
    write_json(directory / ENCODER, {"max_seq_length": embedder.max_length, "do_lower_case": False})
    settings = {
        "model_type": "SentenceTransformer",
        "prompts": embedder.prompts,
        "default_prompt_name": embedder.default_prompt,
        "similarity_fn_name": embedder.similarity,
    }
    write_json(directory / SETTINGS, settings)


def _folder_of(directory, module, what):
    """`Path`, `Module`, what it holds -> the `Path` of the module's folder; a `ValueError` if it isn't there."""
    folder = directory / module.path
    if not folder.is_dir():
        raise ValueError(
            f"{directory / MODULES} names the folder {module.path!r} for {what}, which isn't there. Copy it beside the "
            "file."
        )
    return folder


def _parts_of(directory):
    """`Path` -> `Module` of the pooling, list of `Module` of the dense layers, whether vectors are normalized."""
    path, (_, *modules) = directory / MODULES, modules_of(directory)
    kinds = [module.kind for module in modules]
    if unknown := [kind for kind in kinds if kind not in ("Pooling", "Dense", "Normalize")]:
        raise ValueError(
            f"{path} has {', '.join(unknown)} among its modules. This library makes vectors of texts by Transformer, "
            f"Pooling, Dense and Normalize. {_ELSEWHERE}"
        )
    is_normalized = kinds[-1:] == ["Normalize"]
    if kinds != ["Pooling", *["Dense"] * (len(kinds) - 1 - is_normalized), *["Normalize"] * is_normalized]:
        raise ValueError(
            f"{path} has its modules in the order Transformer, {', '.join(kinds) or 'and nothing more'}. This library "
            f"makes vectors of texts by Transformer, Pooling, any number of Dense, and Normalize or not. {_ELSEWHERE}"
        )
    if is_normalized:
        path = directory / modules[-1].path / "config.json"
        _check_names(path, optional_json(path))
    return modules[0], modules[1 : len(modules) - is_normalized], is_normalized


def _settings_in(directory, config):
    """`Path`, `BertConfig` -> the fields of an `EmbedderConfig` that say how texts are read."""
    contents, path = optional_json(directory / SETTINGS), directory / SETTINGS
    folder = model_folder(directory)
    encoder = optional_json(folder / ENCODER)
    if (kind := contents.get("model_type") or "SentenceTransformer") != "SentenceTransformer":
        raise ValueError(
            f"{path} has model_type={kind!r}, which doesn't make a vector of a text as SentenceTransformer does. "
            + ('Load it with task="text_regressor" or "text_classifier".' if kind == "CrossEncoder" else _ELSEWHERE)
        )
    if (dimensions := contents.get("truncate_dim")) is not None:
        raise ValueError(
            f"{path} has truncate_dim={dimensions!r}. This library gives all dimensions. Take that key out of the "
            f"file, and cut the vectors that you get: vectors[:, :{dimensions}]."
        )
    expected = {"transformer_task": "feature-extraction", "module_output_name": "token_embeddings"}
    expected |= dict.fromkeys(("processing_kwargs", "query_length", "document_length", "query_expansion"))
    for key, value in expected.items():
        if encoder.get(key) and encoder[key] != value:
            raise ValueError(
                f"{folder / ENCODER} has {key}={encoder[key]!r}; this library reads {key}={json.dumps(value)} there, "
                f"or nothing. {_ELSEWHERE}"
            )
    prompts = contents.get("prompts") or {}
    if isinstance(prompts, dict):
        prompts = {name: "" if prompt is None else prompt for name, prompt in prompts.items()}
    return {
        "max_length": _length_in(directory, folder, config),
        "prompts": prompts,
        "default_prompt": contents.get("default_prompt_name"),
        "similarity": contents.get("similarity_fn_name") or "cosine",
    }


def _length_in(directory, folder, config):
    """`Path`s of the folder and of the encoder's, `BertConfig` -> the most tokens of a text, or None."""
    length, path = stated_length(directory, folder)
    positions = config.max_sequence_length
    if length is None or (path.name != ENCODER and not (isinstance(length, int) and length < positions)):
        return None  # sentence-transformers too goes by the positions then
    if isinstance(length, int) and length > positions:
        warnings.warn(
            f"{path} wants {length} tokens of a text, and the encoder has {positions} positions "
            f"(max_position_embeddings): texts are cut at {positions}.",
            stacklevel=7,
        )
        return positions
    return length


def _pooling_in(folder, config):
    """`Path` of a pooling's folder, the encoder's `BertConfig` -> "mean", "cls" or "max"."""
    path = folder / "config.json"
    contents = read_json(path)
    modes = contents.get("pooling_mode") or [name for key, name in _POOLING_KEYS.items() if contents.get(key)]
    modes = ["mean"] if not modes else [modes] if isinstance(modes, str) else modes
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise ValueError(
            f"{path} pools by {' and '.join(map(str, modes))}. This library pools by one of {', '.join(POOLINGS)}. "
            f"{_ELSEWHERE}"
        )
    if contents.get("include_prompt", True) is not True:
        raise ValueError(
            f"{path} has include_prompt={contents['include_prompt']!r}: a prompt's tokens don't count in the pooling. "
            f"In this library they do. {_ELSEWHERE}"
        )
    width = contents.get("embedding_dimension", contents.get("word_embedding_dimension", config.hidden_dim))
    _check_width(path, "word_embedding_dimension", width, config.hidden_dim)
    return modes[0]


def _dense_in(folder, width):
    """`Path` of a dense layer's folder, width of its inputs -> (units, activation, has a bias), {name: array}."""
    path = folder / "config.json"
    contents = read_json(path)
    _check_names(path, contents)
    if contents.get("use_residual"):
        raise ValueError(f"{path} has use_residual=true, which this library's projections don't have. {_ELSEWHERE}")
    _check_width(path, "in_features", contents.get("in_features"), width)
    units, use_bias = contents.get("out_features"), bool(contents.get("bias", True))
    function = contents.get("activation_function", "torch.nn.modules.activation.Tanh")
    activation = activation_of_torch(function, path, _ELSEWHERE)
    if not (folder / "model.safetensors").is_file() and (folder / "pytorch_model.bin").is_file():
        raise ValueError(refusal_of_pickle(folder))
    try:
        arrays = load_file(folder / "model.safetensors")
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(
            f"{folder} must hold model.safetensors, with the weights of a dense layer, and it can't be read: {error}. "
            "Copy or download it again."
        ) from error
    expected = {"linear.weight": (units, width)} | ({"linear.bias": (units,)} if use_bias else {})
    found = {name: array.shape for name, array in arrays.items()}
    if found != expected:
        raise ValueError(
            f"{folder / 'model.safetensors'} doesn't fit the config.json beside it, which wants {expected}. It holds "
            f"{found}. Copy or download the folder again."
        )
    return (units, activation, use_bias), arrays


def _check_width(path, key, width, expected):
    """`Path` of a module's config.json, a key, what stands there, the width of the vectors that come -> None."""
    if width != expected:
        raise ValueError(
            f"{path} has {key}={width!r}, and the vectors that come from the module before it have {expected} "
            "dimensions. The folder holds parts of different models; copy or download it again."
        )


def _check_names(path, contents):
    """`Path` of a module's config.json, its contents -> None; a `ValueError` if it works on other vectors."""
    for key in ("module_input_name", "module_output_name"):
        if (name := contents.get(key) or _VECTOR) != _VECTOR:
            raise ValueError(f"{path} has {key}={name!r}; this library's modules work on {_VECTOR!r}. {_ELSEWHERE}")
