"""Pretrained weights in and out: Hugging Face's layout, Google's original release and KerasHub's presets."""

import os
import re
import tempfile
from pathlib import Path

from keras_bert.checkpoints import hugging_face
from keras_bert.checkpoints.weights import HEADS, build, check_vocabulary_size
from keras_bert.models import config_of

__all__ = ["load_pretrained", "save_pretrained"]

# What is downloaded of a repository on the hub: Hugging Face's layout, or a KerasHub preset.
_OWN_FILES = ("config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json")
_HUB_FILES = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "metadata.json",
    "task.json",
    "preprocessor.json",
    "model.weights.json",
    "*.weights.h5",
    "assets/*",
]


def load_pretrained(source, task="backbone", **head_arguments):
    """Loads a pretrained BERT, with the head of a task on it, and its tokenizer.

    What the checkpoint lacks of the head starts random, and what it holds beyond the model is left; a warning names
    both.

    Args:
        source: A directory: Hugging Face's layout (config.json, model.safetensors, vocab.txt), Google's original
            release (bert_config.json, bert_model.ckpt.*, vocab.txt) or a KerasHub preset. Or a name to download by: a
            Hugging Face hub id, such as `"google-bert/bert-base-uncased"`, or a KerasHub preset, such as
            `"bert_tiny_en_uncased"`.
        task: The builder of the model, one of `keras_bert.models`: `"backbone"`, `"pretrainer"`,
            `"masked_language_model"`, `"text_classifier"`, `"text_regressor"`, `"token_classifier"` or
            `"span_predictor"`.
        **head_arguments: Arguments of that builder: `num_classes`, `labels`, `dropout`. The checkpoint's own classes
            and labels are the defaults; if you ask for others, the head starts random.

    Returns:
        A pair: the functional `keras.Model` that the builder gives, under the current dtype policy, and the
        `WordPieceTokenizer`. The tokenizer is None, with a warning, where the checkpoint has no vocabulary or
        TensorFlow isn't installed.

    Raises:
        ValueError: If there is no such directory or it is in none of these layouts, the hub can't be reached, the
            configuration isn't BERT's, a weight of the encoder is missing or of another shape, the vocabulary is of
            another size than the token embedding, or a head's argument doesn't fit.

    Example:
    >>> import tempfile, warnings
    >>> from keras_bert import BertConfig, models
    >>> directory = tempfile.mkdtemp()
    >>> model = models.text_classifier(models.backbone(BertConfig.named("tiny", vocabulary_size=29)), num_classes=3)
    >>> save_pretrained(model, None, directory, labels=["bad", "fair", "good"])
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     loaded, tokenizer = load_pretrained(directory, task="text_classifier")
    >>> models.labels_of(loaded)
    ('bad', 'fair', 'good')
    """
    if task not in HEADS:
        raise ValueError(f"`task` must be one of {', '.join(HEADS)}. Received: task={task!r}.")
    checkpoint = _open(source)
    check_vocabulary_size(checkpoint.tokenizer, checkpoint.config, checkpoint.origin)
    return build(checkpoint, task, head_arguments), checkpoint.tokenizer


def save_pretrained(model, tokenizer, directory, labels=None, overwrite=False):
    """Saves a model and its tokenizer in Hugging Face's layout: config.json, model.safetensors, vocab.txt.

    transformers loads the directory too, with the same logits. The weights are written in float32. The directory
    appears at once and whole, or not at all.

    Args:
        model: A backbone, or a model of one of this library's builders.
        tokenizer: Its `WordPieceTokenizer`, or None to write none.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        labels: Names of a classifier's classes in the order of the logits; None: the model's own.
        overwrite: If True, a directory that holds nothing but such a checkpoint is replaced.

    Raises:
        ValueError: If the directory holds something, the labels don't fit the model, the vocabulary isn't as large as
            the token embedding, or transformers has no name for the activation.

    Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> from keras_bert import BertConfig, models
    >>> directory = Path(tempfile.mkdtemp(), "tiny")
    >>> save_pretrained(models.backbone(BertConfig.named("tiny", vocabulary_size=29)), None, directory)
    >>> sorted(path.name for path in directory.iterdir())
    ['config.json', 'model.safetensors']
    """
    directory = Path(directory).resolve()
    check_vocabulary_size(tokenizer, config_of(model), "the model and the tokenizer to be saved")
    _check_free(directory, overwrite)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as beside:
        written = Path(beside, "new")
        written.mkdir()
        hugging_face.write(model, tokenizer, written, labels)
        if directory.exists():
            directory.rename(Path(beside, "old"))
        written.rename(directory)


def _check_free(directory, overwrite):
    """Raises a `ValueError` unless the directory is absent, empty, or a checkpoint that may be overwritten."""
    if not directory.exists():
        return
    held = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else ["(it is a file)"]
    if not held:
        return
    ours = {*held} <= {*_OWN_FILES} and "config.json" in held
    if not (ours and overwrite):
        raise ValueError(
            f"`directory` must be empty or not exist yet. Received: {directory}, which holds {', '.join(held)}. Choose "
            + ("another directory, or pass overwrite=True to replace the checkpoint." if ours else "another directory.")
        )


def _open(source):
    """Directory or name to download by -> its `Checkpoint`."""
    directory = Path(source).expanduser()
    if directory.is_dir():
        return _open_directory(directory)
    name = os.fspath(source)
    if directory.exists() or directory.is_absolute() or name.startswith((".", "~")) or directory.suffix:
        raise ValueError(
            f"`source` must be a directory with a checkpoint, or a name to download by. Received: {name!r}, which is "
            + ("a file; pass its directory." if directory.exists() else "a directory that doesn't exist.")
        )
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise ValueError(
            f"Received: source={name!r}. There is no such directory, and a Hugging Face hub id looks like "
            '"google-bert/bert-base-uncased".'
        )
    return _open_directory(_download(name), origin=name)


def _open_directory(directory, origin=None):
    """Directory in one of the layouts -> its `Checkpoint`."""
    if (directory / "config.json").is_file():
        return hugging_face.open_checkpoint(directory)
    raise ValueError(
        f"{directory} is in no layout that this library knows. It holds: "
        f"{', '.join(sorted(path.name for path in directory.iterdir())) or 'nothing'}. Expected: Hugging Face's "
        "(config.json, model.safetensors, vocab.txt), Google's (bert_config.json, bert_model.ckpt.index, "
        "bert_model.ckpt.data-*, vocab.txt) or a KerasHub preset (config.json, model.weights.h5, tokenizer.json)."
    )


def _download(name):
    """Hugging Face hub id -> the directory of its files, downloaded or kept from an earlier download."""
    import huggingface_hub

    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:
        raise ValueError(
            f"Received: source={name!r}. There is no such directory, and the Hugging Face hub gave no such model "
            f"({type(error).__name__}: {error}). Check the name; without network, download it elsewhere with "
            f"`hf download {name}`, copy the directory and pass its path."
        ) from error
