"""What every format of checkpoint shares: building a model, copying weights by name, reporting what doesn't fit."""

import dataclasses
import json
import warnings
from collections.abc import Callable, Mapping

import numpy as np

from keras_bert import models
from keras_bert.checkpoints.heads import head_of, stored_head
from keras_bert.config import BertConfig, EmbedderConfig, Windows
from keras_bert.layers.quantized import check_not_quantized
from keras_bert.utils.checks import some_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """An opened checkpoint of some format: what it holds, and how to read it under this library's names.

    A weight of this library is named by its layer's path, for example `encoder_0/query_key_value/kernel`.

    Args:
        origin: Where it comes from, for messages.
        config: The encoder's `BertConfig`.
        shapes: The format's name of every stored weight -> its stored shape.
        read: The format's name -> the stored array.
        foreign_names: Name of this library -> the format's names whose arrays, side by side on the last axis, are
            the weight.
        orient: Name of this library, array as stored -> array as this library has it; the same function turns it back.
        tokenizer: The checkpoint's tokenizer, or None.
        labels: Names of the classes of its classifier, or None.
        head_dropout: Dropout of its classifier, or None for the encoder's.
        head_tasks: The tasks that its classifier is for.
        multi_label: Whether its classifier gives any number of classes at once, each with a sigmoid; None: unsaid.
        thresholds: The least probability of each of these classes, or None.
        score_activation: Name of the activation that makes its score, of a regressor, or None.
        embedder: The `EmbedderConfig` by which it makes vectors of texts, or None.
        pairs: Whether its head is known to be for pairs of texts.
        windows: The `Windows` by which its classifier reads long texts, or None.
        adjust: Gives a model the arithmetic of this checkpoint that `config` can't say, or None.
    """

    origin: str
    config: BertConfig
    shapes: Mapping[str, tuple]
    read: Callable
    foreign_names: Callable
    orient: Callable
    tokenizer: object = None
    labels: tuple | None = None
    head_dropout: float | None = None
    head_tasks: tuple = ("text_classifier", "text_regressor", "token_classifier")
    multi_label: bool | None = None
    thresholds: tuple | None = None
    score_activation: str | None = None
    embedder: EmbedderConfig | None = None
    pairs: bool = False
    windows: Windows | None = None
    adjust: Callable | None = None


def build(checkpoint, task, head_arguments):
    """checkpoint, task, the user's arguments of the head -> the task's model with the checkpoint's weights."""
    head = head_of(checkpoint, task, head_arguments)
    _check_segments(task, checkpoint.config, checkpoint.origin)
    model = models.backbone(checkpoint.config)
    if task != "backbone":
        model = getattr(models, task)(model, **head.arguments)
    _copy_weights(checkpoint, model, task, head.new_layers)
    if head.order is not None:
        for variable in model.get_layer("classifier").dense.weights:
            variable.assign(variable.numpy()[..., head.order])
    if checkpoint.adjust is not None:
        checkpoint.adjust(model)
    if head.thresholds is not None:
        model.keep_thresholds(head.thresholds)
    if checkpoint.pairs and task in ("text_classifier", "text_regressor") and not head.new_layers:
        model.keep_pairs()
    if task == "backbone":
        model.keep_embedder(checkpoint.embedder)
    return model


def variables_of(model):
    """model -> {this library's name: variable}, the same whatever the model is part of; not of a quantized one."""
    check_not_quantized(model)
    variables = {}
    for layer in model.layers:
        for variable in layer.weights:
            path = variable.path.split("/")
            variables["/".join(path[path.index(layer.name) :])] = variable
    return variables


def arrays_of(model):
    """model -> {this library's name: float32 array}: of an adapted model those of the plain one that it stands for."""
    arrays = {name: np.asarray(variable, "float32") for name, variable in variables_of(model).items()}
    for layer in model.layers:
        if getattr(layer, "lora", None) is not None:
            arrays = {name: array for name, array in arrays.items() if not name.startswith(f"{layer.name}/lora/")}
            arrays |= {f"{layer.name}/{dense}/kernel": kernel for dense, kernel in layer.merged_kernels().items()}
    return arrays


def foreign_weights(model, foreign_names, orient):
    """model and a format's names -> {the format's name: float32 array}, to be written."""
    if model.random_weights:
        warnings.warn(
            f"Random weights are saved, for the model's checkpoint lacked them and they were never trained: "
            f"{', '.join(model.random_weights)}. Whoever loads the directory will take them for trained ones. Train "
            "them first, or load and save the checkpoint as a backbone.",
            stacklevel=4,
        )
    weights = {}
    for name, array in arrays_of(model).items():
        try:
            parts = foreign_names(name)
        except KeyError as error:
            raise ValueError(
                f"The model has a weight {name!r}, which BERT and its heads don't have. This layout takes models of "
                'keras_bert.models only; save others with model.save("....keras").'
            ) from error
        for part, values in zip(parts, np.split(array, len(parts), axis=-1), strict=True):
            # safetensors writes the bytes as they lie in memory: without the copy, a transposed array is wrong there.
            weights[part] = np.ascontiguousarray(orient(name, values))
    return weights


def open_tokenizer(load, origin):
    """Function that takes WordPieceTokenizer and gives a tokenizer or None -> the same, or None where it can't be."""
    try:
        from keras_bert.text import WordPieceTokenizer
    except ImportError as error:
        if not (error.name or "").startswith("tensorflow"):
            raise
        reason = (
            f"the tokenizer needs TensorFlow ({error}); install tensorflow and tensorflow-text, or tokenize elsewhere"
        )
    else:
        tokenizer = load(WordPieceTokenizer)
        if tokenizer is not None:
            return tokenizer
        reason = "it has no vocabulary: copy the vocab.txt there that the model was trained with"
    warnings.warn(f"{origin} is loaded without a tokenizer, and None takes its place: {reason}.", stacklevel=5)
    return None


def read_json(path):
    """Path of a file with a JSON object -> dict; a `ValueError` that names the file if it holds something else."""
    try:
        contents = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror}. Copy or download it again.") from error
    except ValueError as error:
        raise ValueError(f"{path} isn't valid JSON: {error}. Copy or download it again.") from error
    if not isinstance(contents, dict):
        raise ValueError(f"{path} must hold a JSON object. It holds a {type(contents).__name__}.")
    return contents


def write_json(path, contents):
    """path, dict or list -> None; the file holds it, indented, and its directory is made if it is missing."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check_nothing_lost(model, labels, layout):
    """model, the user's labels, a layout of weights -> None; a `ValueError`, or a warning of what it leaves out."""
    if model.task == "text_embedder":
        raise ValueError(
            f'{layout} layout has no place for how a text embedder makes vectors. Save with layout="hugging_face".'
        )
    if labels is not None:
        raise ValueError(f'{layout} layout has no place for `labels`. Leave them out, or use layout="hugging_face".')
    if (own := model.labels) is not None:
        warnings.warn(
            f"{layout} layout has no place for the model's labels, {', '.join(map(repr, own))}: they aren't saved. "
            'Pass them to load_pretrained as labels=[...], or use layout="hugging_face".',
            stacklevel=4,
        )
    if model.multi_label:
        warnings.warn(
            f"{layout} layout can't say that a text may have several labels, nor by which thresholds, "
            f"{', '.join(map(str, model.thresholds))}. Pass multi_label=True to load_pretrained, and these to the "
            'model\'s keep_thresholds, or use layout="hugging_face".',
            stacklevel=4,
        )
    for name in ("score_activation", "embedder"):
        if (own := getattr(model, name)) is not None:
            warnings.warn(
                f"{layout} layout has no place for the model's {name}, {own!r}: it isn't saved. Use "
                'layout="hugging_face".',
                stacklevel=4,
            )


def check_rows(tokenizer, config, origin):
    """Checks what was read of one checkpoint: a token embedding may have rows without a token, not all too many.

    They are there to round the number up, or for tokens that were never used. `check_vocabulary_size` takes such a
    model and such a tokenizer from then on.

    Args:
        tokenizer: The checkpoint's `WordPieceTokenizer`, or None.
        config: Its `BertConfig`.
        origin: Where it comes from, for messages.

    Raises:
        ValueError: If there are fewer rows than tokens, or more than twice as many that aren't a rounded number.
    """
    if tokenizer is None or tokenizer.vocabulary_size == config.vocabulary_size:
        return
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    if not (tokens <= rows <= 2 * tokens or rows in _rounded_up(tokens)):
        raise _other_size(tokenizer, config, origin)
    tokenizer.rows = rows
    warnings.warn(
        f"{origin} has a vocabulary of {tokens} tokens and a token embedding of {rows} rows, {rows - tokens} of them "
        "without a token. That is right where the number was rounded up; else copy the vocabulary there that the model "
        "was trained with.",
        stacklevel=3,
    )


def check_vocabulary_size(tokenizer, config, origin):
    """Checks a tokenizer and a model that the user brings together.

    Args:
        tokenizer: A `WordPieceTokenizer`, or None.
        config: The model's `BertConfig`.
        origin: What they are, for messages.

    Raises:
        ValueError: If there is a token without a row in the token embedding, or a row without a token; but for rows of
            a checkpoint that was read so, and those that round the number up to a multiple of 8, 16 ... 1024.
    """
    if tokenizer is None:
        return
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    was_read_so = tokens <= rows == getattr(tokenizer, "rows", None)
    if not (tokens == rows or was_read_so or rows in _rounded_up(tokens)):
        raise _other_size(tokenizer, config, origin)


def _rounded_up(tokens):
    """number of tokens -> the numbers of rows that it may have been rounded up to."""
    return {-(-tokens // multiple) * multiple for multiple in (8, 16, 32, 64, 128, 256, 512, 1024)}


def _other_size(tokenizer, config, origin):
    """WordPieceTokenizer, `BertConfig`, where they come from -> the `ValueError` to raise."""
    tokens, rows = tokenizer.vocabulary_size, config.vocabulary_size
    added = [token.content for token in getattr(tokenizer, "added_tokens", ())]
    return ValueError(
        f"The tokenizer and the model must have the same number of tokens. Received: a vocabulary of {tokens} tokens "
        f"and a token embedding of {rows} rows, in {origin}. Use the vocabulary that the model was trained with."
        + f" For tokens that were added ({some_of(added)}), give the model rows: keras_bert.resize_embeddings(model, "
        f"{tokens})." * bool(added and tokens > rows)
    )


def _check_segments(task, config, origin):
    """Raises a `ValueError` if a task is one of pairs of texts, and the second text has no segment."""
    if task in ("pretrainer", "span_predictor") and config.num_segments < 2:
        raise ValueError(
            f"A {task} reads pairs of texts, and the second text's segment is 1. {origin} has num_segments="
            f"{config.num_segments} (type_vocab_size): it knows segment 0 only. Load it for a task with one text, or "
            "use a checkpoint with two segments."
        )


def _copy_weights(checkpoint, model, task, new_layers):
    """Assigns the checkpoint's weights to the model's variables; warns of what is missing and what is left over."""
    missing, wrong, sources = [], [], {}
    for name, variable in variables_of(model).items():
        parts = checkpoint.foreign_names(name)
        absent = [part for part in parts if part not in checkpoint.shapes]
        if absent or name.split("/")[0] in new_layers:
            missing.extend((name, part) for part in absent or parts)
            continue
        shape = (*variable.shape[:-1], variable.shape[-1] // len(parts))
        expected = checkpoint.orient(name, np.broadcast_to(np.float32(0), shape)).shape
        wrong.extend(
            f"{part}: expected {expected}, found {tuple(checkpoint.shapes[part])}"
            for part in parts
            if tuple(checkpoint.shapes[part]) != expected
        )
        sources[name] = variable, parts

    origin = checkpoint.origin
    if lost := [part for name, part in missing if name.startswith(("embedding/", "encoder_"))]:
        raise ValueError(
            f"{origin} lacks weights of the encoder: {', '.join(lost)}. It holds: {some_of(sorted(checkpoint.shapes))}."
        )
    if wrong:
        raise ValueError(f"{origin} has weights whose shapes don't fit its configuration: {'; '.join(wrong)}.")
    for name, (variable, parts) in sources.items():
        arrays = [checkpoint.orient(name, np.asarray(checkpoint.read(part), "float32")) for part in parts]
        variable.assign(arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=-1))
    variables = variables_of(model)
    model.mark_as_random({name: variables[name] for name, _ in missing})

    used = {part for _, parts in sources.values() for part in parts}
    report = []
    if missing:
        report.append(f"these weights start random, not from the checkpoint: {', '.join(part for _, part in missing)}")
    if "classifier" in new_layers and checkpoint.multi_label not in (None, model.multi_label):
        report.append(
            f"the checkpoint's classifier is for {'several labels' if checkpoint.multi_label else 'one label'} a text, "
            f"this one has multi_label={model.multi_label}; if the checkpoint is wrong, mend problem_type in its "
            "config.json"
        )
    elif "classifier" in new_layers and stored_head(checkpoint, task) is not None and checkpoint.labels:
        report.append(
            f"the checkpoint's classes are {some_of(map(repr, checkpoint.labels))}, not those asked for; if you only "
            "want to rename them, load it without `labels`, and pass `labels` to save_pretrained or predictor"
        )
    if left_over := [part for part in checkpoint.shapes if part not in used]:
        report.append(f"these weights of the checkpoint are left over: {', '.join(left_over)}")
    if report:
        warnings.warn(f"{origin} as a {task}: {'; '.join(report)}.", stacklevel=4)
