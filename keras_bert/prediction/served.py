"""Strings in, answers out, by a SavedModel that `export_saved_model` wrote."""

from pathlib import Path

import tensorflow as tf

from keras_bert.prediction.answers import answer_rows
from keras_bert.prediction.predictor import Predictor
from keras_bert.prediction.tags import tagged_rows
from keras_bert.prediction.texts import named_classes

# Output that tells a task -> the task, and its rows as answers: rows, names of classes -> dicts.
_TASKS = {
    "tag": ("token_classifier", lambda rows, labels: tagged_rows(rows)),
    "answer": ("span_predictor", lambda rows, labels: answer_rows(rows)),
    "embedding": ("text_embedder", lambda rows, labels: rows),
    "label": ("text_classifier", named_classes),
    "labels": ("text_classifier", named_classes),
    "score": ("text_regressor", lambda rows, labels: rows),
}
_INPUTS = (("question", "context"), ("text", "second_text"), ("text",))


class Served(Predictor):
    """Takes strings and gives answers, as plain Python values, as `Predictor`: by a SavedModel, with its own options.

    Attributes:
        function: The signature `serving_default`, by position.
        labels: As in `Predictor`.
        task: Name of the builder of the exported model.
        input_names: Names of its inputs: a tuple.

    Args:
        directory: What `export_saved_model` wrote.

    Raises:
        ValueError: If it can't be loaded, or has no signature of strings and answers.

    Example:
    >>> import tempfile
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> keras_bert.export_saved_model(model, tokenizer, directory := tempfile.mkdtemp() + "/served")
    >>> Served(directory)("Good!")
    {'label': '...', 'probabilities': {'no': ..., 'yes': ...}}
    """

    def __init__(self, directory):
        import tensorflow_text  # noqa: F401 - whose operators are in the graph

        try:
            loaded = tf.saved_model.load(str(Path(directory).expanduser()))
        except (OSError, RuntimeError, ValueError, LookupError, tf.errors.OpError) as error:
            raise ValueError(
                f"{directory} must be a SavedModel of keras_bert.export_saved_model, and can't be loaded: {error}. "
                "Export the model again."
            ) from error
        signature = loaded.signatures.get("serving_default")
        inputs = {} if signature is None else signature.structured_input_signature[1]
        outputs = {} if signature is None else signature.structured_outputs
        self.input_names = next((names for names in _INPUTS if {*names} == {*inputs}), None)
        kind = next((name for name in _TASKS if name in outputs), None)
        if self.input_names is None or kind is None:
            raise ValueError(
                f"{directory} must be a SavedModel of keras_bert.export_saved_model, whose serving_default takes "
                f"strings and gives answers. Received: one that takes {', '.join(inputs) or 'nothing'} and gives "
                f"{', '.join(outputs) or 'nothing'}."
            )
        self.task, self._answers_of = _TASKS[kind]
        self.labels = None
        if "labels" in loaded.signatures:
            names = loaded.signatures["labels"]()["labels"].numpy()
            self.labels = tuple(name.decode() for name in names.tolist())
        self._loaded, self._signature, self._task = loaded, signature, self  # `Predictor` asks its task

    @property
    def function(self):
        return lambda *columns: self._signature(**dict(zip(self.input_names, columns, strict=True)))

    def as_python(self, rows):
        """B rows of the signature, each a dict of plain values -> B answers, dicts."""
        return self._answers_of(rows, self.labels)
