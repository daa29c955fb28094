"""A checkpoint that makes vectors of texts: as its sentence-transformers folder says, or else by the defaults."""

import dataclasses
import warnings

from keras_bert.checkpoints import hugging_face
from keras_bert.checkpoints.sentence_transformers import (
    SETTINGS,
    is_folder,
    optional_json,
    read_embedder,
    write_modules,
)
from keras_bert.utils.checks import some_of


def with_embedder(checkpoint, directory, task):
    """Gives a checkpoint how vectors of texts are made, for the tasks that make them.

    Args:
        checkpoint: A `Checkpoint` of any format.
        directory: `Path` of the directory that was asked for.
        task: Name of a builder.

    Returns:
        A `Checkpoint`. For a text embedder, with its projections' weights, and without the pooler's, for which it has
        no use; for a backbone, with the `EmbedderConfig` alone; for other tasks as it came.

    Raises:
        ValueError: As in `read_embedder`, for a text embedder; of a backbone it is a warning.
    """
    if task == "text_embedder":
        config, weights = read_embedder(directory, checkpoint.config) if is_folder(directory) else (None, {})
        pooler = {*checkpoint.foreign_names("pooler/dense/kernel"), *checkpoint.foreign_names("pooler/dense/bias")}
        shapes = {name: shape for name, shape in checkpoint.shapes.items() if name not in pooler}
        return dataclasses.replace(
            checkpoint,
            embedder=config,
            shapes=shapes | {name: array.shape for name, array in weights.items()},
            read=lambda name: weights[name] if name in weights else checkpoint.read(name),
            foreign_names=lambda name: _names_for(name, checkpoint)(name),
        )
    of_texts = optional_json(directory / SETTINGS).get("model_type") in (None, "SentenceTransformer")
    if task != "backbone" or not is_folder(directory) or not of_texts:
        return checkpoint
    try:
        return dataclasses.replace(checkpoint, embedder=read_embedder(directory, checkpoint.config).config)
    except ValueError as error:
        warnings.warn(f"The backbone doesn't know how {directory} makes vectors of texts: {error}", stacklevel=4)
        return checkpoint


def write_embedder(model, directory):
    """Writes how a model makes vectors of texts, as sentence-transformers reads it.

    Args:
        model: Any model of this library; of a backbone, if it knows how.
        directory: `Path` of a directory with the model in Hugging Face's layout.
    """
    if model.embedder is None:
        return
    if model.task == "backbone" and model.embedder.projections:
        warnings.warn(
            "How the backbone's checkpoint makes vectors of texts isn't saved, for a backbone doesn't have the weights "
            'of its projections. Load it with task="text_embedder" to save it as a whole.',
            stacklevel=3,
        )
        return
    write_modules(model, directory)


def remark(checkpoint, embedder, given):
    """Says by what a model makes vectors of texts.

    Args:
        checkpoint: The `Checkpoint` that it was loaded from.
        embedder: Its `EmbedderConfig`.
        given: The user's settings, a dict.

    Returns:
        A string, or None where there is nothing that the user doesn't know.
    """
    if checkpoint.embedder is not None:
        return f"Vectors of texts are made as {checkpoint.origin} says: {described(embedder)}."
    if {"pooling", "normalize"} <= given.keys():
        return None
    return (
        f"{checkpoint.origin} doesn't say how to make vectors of texts, so they are made by {described(embedder)}. "
        "Pass others if it was trained with others."
    )


def described(embedder):
    """`EmbedderConfig` -> what it says, for a message.

    >>> from keras_bert.config import EmbedderConfig
    >>> described(EmbedderConfig(pooling="cls", max_length=256, prompts={"query": "query: "}))
    "pooling='cls', normalize=True, max_length=256, prompts 'query'"
    """
    parts = [f"pooling={embedder.pooling!r}", f"normalize={embedder.normalize}"]
    if embedder.projections:
        parts.append(f"projections to {', '.join(str(units) for units, *_ in embedder.projections)} dimensions")
    if embedder.max_length is not None:
        parts.append(f"max_length={embedder.max_length}")
    if prompts := [name for name, text in embedder.prompts.items() if text]:
        parts.append(f"prompts {some_of(map(repr, prompts))}")
    if embedder.default_prompt is not None:
        parts.append(f"default_prompt={embedder.default_prompt!r}")
    return ", ".join(parts)


def _names_for(name, checkpoint):
    """Name of this library, `Checkpoint` -> the function that gives its foreign names: projections are torch's."""
    return hugging_face.foreign_names if name.startswith("projection_") else checkpoint.foreign_names
