"""sentence-transformers' cross-encoders: a BERT for pairs of texts, and what makes a score of its logit."""

import dataclasses
import warnings

from keras_bert.checkpoints.sentence_transformers import SETTINGS, is_folder, modules_of, optional_json, stated_length
from keras_bert.checkpoints.torch_activations import activation_of_torch


def with_score(checkpoint, directory, folder, task):
    """Gives a checkpoint the activation that makes its score, if it is a cross-encoder.

    One of several classes that are scored one by one, each by a sigmoid, is one of several labels a text.

    Args:
        checkpoint: A `Checkpoint` in Hugging Face's layout.
        directory: `Path` of the directory that was asked for.
        folder: `Path` of the folder of its model.
        task: Name of a builder.

    Returns:
        A `Checkpoint`.

    Raises:
        ValueError: As in `score_activation`.
    """
    bias = checkpoint.shapes.get("classifier.bias")
    if bias is None or task not in ("text_regressor", "text_classifier") or task not in checkpoint.head_tasks:
        return checkpoint
    activation = score_activation(directory, folder, checkpoint.config, bias[0])
    if bias[0] > 1:
        return dataclasses.replace(checkpoint, multi_label=True) if activation == "sigmoid" else checkpoint
    return dataclasses.replace(checkpoint, score_activation=activation)


def score_activation(directory, folder, config, num_classes):
    """Finds the activation that `CrossEncoder.predict` applies, and says what else it does by itself.

    Args:
        directory: `Path` of a checkpoint, in Hugging Face's layout or sentence-transformers'.
        folder: `Path` of the folder of its model.
        config: The `BertConfig` of its encoder.
        num_classes: Number of its logits.

    Returns:
        Name of a Keras activation; None for none, or if it is no cross-encoder.

    Raises:
        ValueError: If it is an activation that this library doesn't know, or one of several classes that is neither a
            softmax nor a sigmoid, or something else than a transformer makes the scores.
    """
    contents = optional_json(folder / "config.json")
    settings = optional_json(directory / SETTINGS) if is_folder(directory) else {}
    in_config = contents.get("sentence_transformers")
    older = contents.get("sbert_ce_default_activation_function")
    if settings.get("model_type") != "CrossEncoder" and not isinstance(in_config, dict) and older is None:
        return None
    if is_folder(directory) and len(modules := modules_of(directory)) > 1:
        raise ValueError(
            f"{directory} is a cross-encoder of the modules {', '.join(module.kind for module in modules)}. This "
            "library loads those of a Transformer alone. Stay with sentence-transformers for it."
        )
    _remark(directory, folder, config, settings)
    path = settings.get("activation_fn") or (in_config or {}).get("activation_fn") or older
    default = "torch.nn.modules.activation.Sigmoid" if num_classes == 1 else "torch.nn.modules.linear.Identity"
    if num_classes > 1 and str(path).rpartition(".")[2] == "Softmax":
        return None  # as classifiers have it
    mend = "Pass score_activation=..., the name of the Keras activation that makes the score."
    activation = activation_of_torch(path or default, f"The cross-encoder {directory}", mend)
    if num_classes > 1 and activation not in ("linear", "sigmoid"):
        raise ValueError(
            f"The cross-encoder {directory} scores each of its {num_classes} classes by itself, with {path}. This "
            'library\'s classifiers have a softmax, or a sigmoid for each class. Load it with task="backbone" and put '
            "a head of your own on it."
        )
    return None if activation == "linear" else activation


def _remark(directory, folder, config, settings):
    """`Path`s of the checkpoint and its model, `BertConfig`, SETTINGS' contents -> None; warns of what is left out."""
    length, _ = stated_length(directory, folder)
    if isinstance(length, int) and length < config.max_sequence_length:
        warnings.warn(
            f"The cross-encoder {directory} is for pairs of up to {length} tokens. Pass max_length={length} to "
            "predictor and to exports.",
            stacklevel=6,
        )
    if prompt := (settings.get("prompts") or {}).get(settings.get("default_prompt_name")):
        warnings.warn(
            f"The cross-encoder {directory} has {prompt!r} before the first text of each pair. Put it there yourself.",
            stacklevel=6,
        )
