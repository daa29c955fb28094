"""Pretrained weights in and out: Hugging Face's layout, Google's original release and KerasHub's presets."""

import dataclasses
import importlib
import os
import re
import warnings
from pathlib import Path

from keras_bert.checkpoints import sentence_transformers
from keras_bert.checkpoints.cross_encoders import with_score
from keras_bert.checkpoints.embedders import remark, with_embedder, write_embedder
from keras_bert.checkpoints.heads import HEADS
from keras_bert.checkpoints.weights import build, check_rows, check_vocabulary_size, read_json, write_json
from keras_bert.long_texts import check_reads_rows, in_windows, length_of_rows
from keras_bert.models import check_built
from keras_bert.utils.checks import check_rate
from keras_bert.utils.files import written_beside

__all__ = ["load_pretrained", "save_pretrained", "takes_pairs", "task_of", "trained_length"]

# What save_pretrained writes in each layout, the file that tells the layout first; tokenizer.json of Hugging Face's and
# Google's only for added tokens.
LAYOUT_FILES = {
    "hugging_face": (
        *("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json", "tokenizer.json"),
        *sentence_transformers.FILES,
    ),
    "google": (
        "bert_config.json",
        "bert_model.ckpt.index",
        "bert_model.ckpt.data-00000-of-00001",
        "vocab.txt",
        "tokenizer_config.json",
        "tokenizer.json",
    ),
    "keras_hub": (
        "config.json",
        "metadata.json",
        "model.weights.h5",
        "preprocessor.json",
        "task.json",
        "task.weights.h5",
        "tokenizer.json",
        "assets",
    ),
}
_HUGGING_FACE_FILES = (
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    sentence_transformers.ENCODER,
)
# What is downloaded of a repository on the hub: Hugging Face's layout, alone or in a folder of sentence-transformers',
# or a KerasHub preset.
_HUB_FILES = [
    *_HUGGING_FACE_FILES,
    sentence_transformers.MODULES,
    sentence_transformers.SETTINGS,
    *(f"0_*/{name}" for name in _HUGGING_FACE_FILES),
    "[1-9]*_*/config.json",
    "[1-9]*_*/model.safetensors",
    "metadata.json",
    "task.json",
    "preprocessor.json",
    "model.weights.json",
    "*.weights.h5",
    "assets/*",
]


def load_pretrained(source, task="backbone", backbone_dropout=None, **head_arguments):
    """Loads a pretrained BERT, with the head of a task on it, and its tokenizer.

    What the checkpoint lacks of the head starts random, and what it holds beyond the model is left; a warning names
    both.

    Args:
        source: A directory: Hugging Face's layout (config.json, model.safetensors, vocab.txt), also in a folder of
            sentence-transformers' (modules.json); Google's original release (bert_config.json, bert_model.ckpt.*,
            vocab.txt) or a KerasHub preset. Or the beginning of the names of one of several TensorFlow checkpoints in
            a directory, such as `"bert/model.ckpt-1000"`. Or a name to download by: a Hugging Face hub id, such as
            `"google-bert/bert-base-uncased"`, or a KerasHub preset, such as `"bert_tiny_en_uncased"`.
        task: The builder of the model, one of `keras_bert.models`: `"backbone"`, `"pretrainer"`,
            `"masked_language_model"`, `"text_classifier"`, `"text_regressor"`, `"text_embedder"`,
            `"token_classifier"` or `"span_predictor"`. sentence-transformers' cross-encoders are text regressors, or
            classifiers where they have several classes.
        backbone_dropout: Dropped share of the backbone's activations and attention weights while training; None: as the
            checkpoint's configuration says. A new head takes this rate too, unless `dropout` is given; a stored one
            keeps its own.
        **head_arguments: Arguments of that builder: `num_classes`, `labels`, `dropout`, `multi_label`. The checkpoint's
            own classes and labels are the defaults, and whether a text may have several, with their thresholds; its
            labels in another order reorder its classes; if you ask for others, the head starts random.
            `score_activation` of a text regressor: by default a cross-encoder's own; where there is one, `fit` trains
            the value before it. `pooling`, `normalize` and the further settings of a text embedder: by default those of
            its sentence-transformers folder. A warning says what these are; a backbone too knows them, for `embed`.

    Returns:
        A pair: the functional `keras.Model` that the builder gives, under the current dtype policy, and the
        `WordPieceTokenizer`. The tokenizer is None, with a warning, where the checkpoint has no vocabulary or
        TensorFlow isn't installed. A warning says if rows of the token embedding have no token.

    Raises:
        ValueError: If there is no such directory or it is in none of these layouts, the hub can't be reached, the
            configuration isn't BERT's, `backbone_dropout` isn't in [0, 1), a weight of the encoder is missing or of
            another shape, the token embedding lacks rows for tokens or has none for most of its rows, the tokenizer
            isn't BERT's, the task needs pairs of texts and there is one segment only, or a head's argument doesn't fit.
            Of a sentence-transformers folder, if it makes vectors or scores in a way that this library doesn't.

    Example:
    >>> import tempfile, warnings
    >>> from keras_bert import BertConfig, models
    >>> directory = tempfile.mkdtemp()
    >>> model = models.text_classifier(models.backbone(BertConfig.named("tiny", vocabulary_size=29)), num_classes=3)
    >>> save_pretrained(model, None, directory, labels=["bad", "fair", "good"])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     loaded, tokenizer = load_pretrained(directory, task="text_classifier")
    >>> loaded.labels
    ('bad', 'fair', 'good')
    """
    if task not in tuple(HEADS):
        raise ValueError(f"`task` must be one of {', '.join(HEADS)}. Received: task={task!r}.")
    if backbone_dropout is not None:
        check_rate("backbone_dropout", backbone_dropout)
    checkpoint = _open(source, task, head_arguments)
    check_rows(checkpoint.tokenizer, checkpoint.config, checkpoint.origin)
    if backbone_dropout is not None:
        rates = {"dropout": backbone_dropout, "attention_dropout": backbone_dropout}
        config = dataclasses.replace(checkpoint.config, **rates)
        checkpoint = dataclasses.replace(checkpoint, config=config)
    model = build(checkpoint, task, head_arguments)
    if checkpoint.windows is not None and task in ("text_classifier", "text_regressor"):
        model = in_windows(model, **dataclasses.asdict(checkpoint.windows))
    if model.embedder is not None and (said := remark(checkpoint, model.embedder, head_arguments)):
        warnings.warn(said, stacklevel=2)
    return model, checkpoint.tokenizer


def task_of(source):
    """Finds out for what a checkpoint was trained, by its config.json.

    Args:
        source: A directory in Hugging Face's layout, or a hub id, as in `load_pretrained`.

    Returns:
        The name of a builder, to be given to `load_pretrained` as its `task`.

    Raises:
        ValueError: If it is in another layout, or has no head.

    Example:
    >>> import tempfile
    >>> from keras_bert import BertConfig, models
    >>> directory = tempfile.mkdtemp()
    >>> save_pretrained(models.text_regressor(models.backbone(BertConfig.named("tiny"))), None, directory)
    >>> task_of(directory)
    'text_regressor'
    """
    directory = _directory_of(source)
    folder, layout = _folder_of(directory)
    task = None
    if layout == "hugging_face":
        task = _format("hugging_face").trained_task(read_json(folder / "config.json"))
        if task == "backbone" and (directory / sentence_transformers.MODULES).is_file():
            task = "text_embedder"
    if task in (None, "backbone"):
        raise ValueError(
            f"{source} doesn't say for what it was trained: its config.json names no head in `architectures`. Choose a "
            f"`task`, one of {', '.join(name for name in HEADS if name != 'backbone')}."
        )
    return task


def takes_pairs(source):
    """Finds out whether a text classifier or regressor was trained on pairs of texts, as `save_pretrained` keeps it.

    Args:
        source: As in `task_of`.

    Returns:
        True, or False if the checkpoint doesn't say so.
    """
    folder, layout = _folder_of(_directory_of(source))
    return layout == "hugging_face" and _format(layout).is_of_pairs(read_json(folder / "config.json"))


def trained_length(source):
    """Finds the most tokens of a row with which a checkpoint was trained, as `save_pretrained` keeps it.

    Args:
        source: As in `task_of`.

    Returns:
        An integer, or None if the checkpoint doesn't say.

    Example:
    >>> import tempfile
    >>> from keras_bert import BertConfig, models
    >>> directory = tempfile.mkdtemp()
    >>> save_pretrained(models.backbone(BertConfig.named("tiny")), None, directory)
    >>> trained_length(directory) is None
    True
    """
    path = sentence_transformers.model_folder(_directory_of(source)) / "tokenizer_config.json"
    length = read_json(path).get("model_max_length") if path.is_file() else None
    return length if isinstance(length, int) and 0 < length < 2**31 else None  # transformers writes 1e30 for none


def _directory_of(source):
    """Directory or name to download by -> the directory."""
    directory = Path(os.fspath(source)).expanduser()
    return directory if directory.is_dir() else _download(os.fspath(source))


def save_pretrained(model, tokenizer, directory, labels=None, overwrite=False, layout="hugging_face", max_length=None):
    """Saves a model and its tokenizer in Hugging Face's layout: config.json, model.safetensors, vocab.txt.

    transformers loads the directory too, with the same logits. A text embedder has sentence-transformers' files around
    them: SentenceTransformer loads the directory, with the same vectors, as CrossEncoder does a text regressor's. The
    weights are written in float32. The directory appears at once and whole, or not at all.

    Args:
        model: A backbone, or a model of one of this library's builders.
        tokenizer: Its `WordPieceTokenizer`, or None to write none.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        labels: Names of a classifier's classes in the order of the logits; None: the model's own.
        overwrite: If True, a directory that holds nothing but such a checkpoint is replaced.
        layout: `"hugging_face"`; `"google"` for that of the original release: bert_config.json, bert_model.ckpt.* and
            vocab.txt; or `"keras_hub"` for a preset, of a model whose arithmetic and head KerasHub has: one that came
            from there. These two have no place for labels, and a warning names the model's own; nor for text
            embedders.
        max_length: The most tokens of a row with which the model was trained; kept beside the vocabulary, for
            `keras_bert.checkpoints.trained_length` and for transformers' tokenizers. None: as many as the model has
            positions. A preset has no place for it.

    Raises:
        ValueError: If the directory holds something, the labels don't fit the model, `max_length` is more than its
            positions, the vocabulary isn't as large as the token embedding, or the layout can't say what the model
            computes.

    Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from keras_bert import BertConfig, models
    >>> directory = Path(tempfile.mkdtemp(), "tiny")
    >>> save_pretrained(models.backbone(BertConfig.named("tiny", vocabulary_size=29)), None, directory)
    >>> sorted(path.name for path in directory.iterdir())
    ['config.json', 'model.safetensors']
    """
    if layout not in tuple(LAYOUT_FILES):
        raise ValueError(f"`layout` must be one of {', '.join(LAYOUT_FILES)}. Received: layout={layout!r}.")
    check_built(model)
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer to be saved")
    if layout != "hugging_face":
        check_reads_rows(model, 'Save it with layout="hugging_face".')
    if max_length is not None:
        max_length = length_of_rows(model, max_length)
        if layout == "keras_hub":
            raise ValueError('A preset has no place for `max_length`. Leave it out, or use layout="hugging_face".')
    with written_beside(directory, tuple(LAYOUT_FILES.values()), overwrite) as beside:
        _format(layout).write(model, tokenizer, beside, labels)
        if max_length is not None and tokenizer is not None:
            path = beside / "tokenizer_config.json"
            write_json(path, {**read_json(path), "model_max_length": max_length})
        if layout == "hugging_face":
            write_embedder(model, beside)


def _format(layout):
    """Name of a layout -> the module that reads and writes it; Google's and KerasHub's need TensorFlow."""
    return importlib.import_module(f"keras_bert.checkpoints.{layout}")


def _open(source, task, given):
    """Directory or name to download by, task, the user's arguments of its head -> its `Checkpoint`."""
    if not isinstance(source, (str, os.PathLike)):
        raise ValueError(
            "`source` must be a directory or a name to download by, a str or a Path. "
            f"Received: source={source!r} of type {type(source).__name__}."
        )
    name = os.fspath(source)
    directory = Path(name).expanduser()
    if prefix := _checkpoint_prefix(directory):
        return with_embedder(_format("google").open_checkpoint(prefix.parent, prefix), prefix.parent, task)
    directory = directory if directory.is_dir() else _download(name)
    folder, layout = _folder_of(directory)
    checkpoint = with_embedder(_format(layout).open_checkpoint(folder), directory, task)
    if layout != "hugging_face" or "score_activation" in given:
        return checkpoint
    return with_score(checkpoint, directory, folder, task)


def _folder_of(directory):
    """directory -> the folder in it with the model, and its layout; a `ValueError` if it is in none."""
    folder = sentence_transformers.model_folder(directory)
    layout = _layout_of(folder)
    if layout is None:
        raise ValueError(
            f"{folder} is in no layout that this library knows. It holds: "
            f"{', '.join(sorted(path.name for path in folder.iterdir())) or 'nothing'}. Expected: Hugging Face's "
            "(config.json, model.safetensors, vocab.txt), Google's (bert_config.json, bert_model.ckpt.index, "
            "bert_model.ckpt.data-*, vocab.txt) or a KerasHub preset (config.json, model.weights.h5, tokenizer.json)."
        )
    return folder, layout


def _checkpoint_prefix(path):
    """path, perhaps of one file of a TensorFlow checkpoint -> the beginning of its files' names, or None."""
    prefix = path.with_name(re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name))
    return prefix if prefix.with_name(f"{prefix.name}.index").is_file() else None


def _layout_of(directory):
    """directory -> the layout of the checkpoint in it, or None."""
    config = directory / "config.json"
    if (directory / "bert_config.json").is_file() and (any(directory.glob("*.index")) or not config.is_file()):
        return "google"
    if not config.is_file():
        return None
    return "keras_hub" if "registered_name" in read_json(config) else "hugging_face"


def _download(name):
    """Hub id or name of a KerasHub preset -> the directory of its files, downloaded now or earlier."""
    path = Path(name)
    if path.exists():
        mend = "load it with keras.models.load_model" if path.suffix in (".keras", ".h5") else "pass its directory"
        raise ValueError(f"`source` must be a directory. Received: {name!r}, which is a file; {mend}.")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?|(kaggle|hf)://[\w./-]+", name):
        raise ValueError(
            f"There is no directory {name!r}, and it isn't a name to download by either: a Hugging Face hub id looks "
            'like "google-bert/bert-base-uncased", a KerasHub preset\'s name like "bert_tiny_en_uncased".'
        )
    # KerasHub's names have underscores and no owner; Hugging Face's ids without an owner have no underscores.
    handle = name.removeprefix("hf://")
    try:
        if "_" in name and "/" not in name:
            handle = _format("keras_hub").handle_of(name)
        if handle.startswith("kaggle://"):
            import kagglehub  # A dependency of keras_nlp's, where the presets are kept.

            return Path(kagglehub.model_download(handle.removeprefix("kaggle://")))
        import huggingface_hub

        directory = Path(huggingface_hub.snapshot_download(handle, allow_patterns=_HUB_FILES))
    except Exception as error:  # Each of the hubs' clients raises errors of its own and of the network's.
        raise ValueError(
            f"There is no directory {name!r}, and no such model could be downloaded: {type(error).__name__}: {error}\n"
            f"Check the name or the path. Without network, download the model where there is one, {_by_hand(handle)}, "
            "copy its directory here and pass that path."
        ) from error
    _refuse_pickle(handle, directory)
    return directory


def _by_hand(handle):
    """Hub id, or handle of a preset -> how to download it elsewhere."""
    if handle.startswith("kaggle://"):
        return (
            "with kagglehub (pip install kagglehub): "
            f"python -c \"import kagglehub; print(kagglehub.model_download('{handle.removeprefix('kaggle://')}'))\""
        )
    return f"with: hf download {handle} --local-dir DIRECTORY"


def _refuse_pickle(name, directory):
    """Hub id, directory of what was downloaded -> None; a `ValueError` if the hub has pickled weights only."""
    import huggingface_hub

    folder = sentence_transformers.model_folder(directory)
    if any(path.name.endswith((".safetensors", ".weights.h5")) for path in folder.glob("*")):
        return
    try:
        names = huggingface_hub.list_repo_files(name)
    except Exception:  # Without network, what is missing is said when the directory is opened.
        return
    hugging_face = _format("hugging_face")
    if hugging_face.has_pickle(Path(path).name for path in names):
        raise ValueError(hugging_face.refusal_of_pickle(name))
