"""A model as the page knows it."""

import dataclasses
import functools
from typing import Any

from keras_bert.utils.checks import check_positive_integer


@dataclasses.dataclass(frozen=True, eq=False)
class Shown:
    """A model to play with, its tokenizer, and what the page calls it.

    Args:
        name: What the page calls it.
        tokenizer: A `WordPieceTokenizer`.
        model: A model of any task; None for a tokenizer alone.
        max_length: The most tokens of a row, [CLS] and [SEP] included. None: as many as the model has positions for.
        pairs: Whether a classifier or regressor is for two texts; of a model that knows it is (`model.pairs`), always.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2)
    >>> shown = Shown("reviews", tokenizer, model, max_length=16)
    >>> shown.task, shown.predict("Good!")["label"] in ("0", "1")
    ('text_classifier', True)
    """

    name: str
    tokenizer: Any
    model: Any = None
    max_length: int | None = None
    pairs: bool = False

    def __post_init__(self):
        if self.max_length is not None:
            check_positive_integer("max_length", self.max_length)
        if getattr(self.model, "pairs", False):
            object.__setattr__(self, "pairs", True)
        if self.pairs and self.task not in ("text_classifier", "text_regressor"):
            raise ValueError(
                "Pairs of texts are for a text_classifier or a text_regressor. Received: pairs=True, with "
                f"{self.name}, a {self.task}. Leave `pairs` out."
            )

    @property
    def task(self):
        """Name of the model's builder; "tokenizer" without a model."""
        return "tokenizer" if self.model is None else self.model.task

    @property
    def in_windows(self):
        """Whether the model reads texts in windows of its own."""
        from keras_bert.long_texts import windows_of

        return windows_of(self.model) is not None

    @functools.cached_property
    def predict(self):
        """The model's `keras_bert.predictor`."""
        from keras_bert.prediction import predictor

        return predictor(self.model, self.tokenizer, self.max_length, **({"pairs": True} if self.pairs else {}))

    @functools.cached_property
    def room(self):
        """The most tokens of a row, [CLS] and [SEP] included; None without a model."""
        from keras_bert.long_texts import length_of_rows

        return self.max_length if self.model is None else length_of_rows(self.model, self.max_length)
