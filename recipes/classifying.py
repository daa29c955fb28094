"""What the recipes that give classes share: their options, weights of classes, and scores of answers."""

import dataclasses
import math
from pathlib import Path

import keras_bert
from keras_bert.recipes import common, reports
from keras_bert.utils.checks import check_rate, check_weight


@dataclasses.dataclass(frozen=True)
class Classifying(common.FineTuning):
    """The options of recipes that give a class to each text, pair or word.

    Args:
        class_weights: How much an example of a class counts in training. With `balanced` all classes count the same in
            total. Or CLASS=WEIGHT for some classes, such as neg=1 pos=3; those left out have 1.
        label_smoothing: Share of each label's certainty that all classes get alike: at least 0 and less than 1.
        report: Directory for each class's scores and a picture of what was taken for what, on `test` or else `valid`.
    """

    class_weights: tuple[str, ...] = ()
    label_smoothing: float = 0.0
    report: Path | None = None

    def __post_init__(self):
        super().__post_init__()
        check_rate("label_smoothing", self.label_smoothing)
        parsed_class_weights(self.class_weights)
        reports.check_picture(self.report)

    def weights_of(self, counts, labels, name):
        """class -> number of its examples, all classes, the examples' name -> the classes' weights, or None."""
        given = parsed_class_weights(self.class_weights)
        return given and keras_bert.data.class_weights(given, counts, labels, name)


@dataclasses.dataclass(frozen=True)
class ClassifyingTexts(Classifying):
    """The options of recipes that give a class, or any number of labels, to each text or pair.

    Args:
        label_column: Column, or key, of the label; or the column's place, counted from 0.
        weight_column: Column, or key, of a number that says how much an example of `train` counts while training. With
            weights of classes, the one times the other.
        class_weights: How much an example of a class counts in training. With `balanced` all classes count the same in
            total. Or CLASS=WEIGHT for some classes, such as neg=1 pos=3; those left out have 1. With `multi_label`, of
            each label: `balanced` has texts with it count as much in total as those without it, and LABEL=WEIGHT is
            for texts with it.
        label_smoothing: Share of each label's certainty that all classes get alike: at least 0 and less than 1. With
            `multi_label`, that yes and no get alike.
        multi_label: A text may have several labels, or none: in `label_column`, parted by `label_separator` or in JSON
            as a list; or in `label_columns`. The best epoch is that of the greatest micro F1, by the thresholds that
            are best for each label on `valid`; they are kept with the model.
        label_separator: What stands between the labels of a text.
        label_columns: Columns with 1 where the text has the label of the column's name, else 0.
    """

    label_column: str = "label"
    weight_column: str | None = None
    multi_label: bool = False
    label_separator: str = "|"
    label_columns: tuple[str, ...] = ()

    # Pairs: an option, and the one that it is of no use without.
    NEEDS = (("label_columns", "multi_label"), ("label_separator", "multi_label"))

    def __post_init__(self):
        super().__post_init__()
        for name, needed in self.NEEDS:
            if getattr(self, name) != getattr(type(self), name) and not getattr(self, needed):
                raise ValueError(f"`{name}` needs `{needed}`. Give both, or neither.")

    def read(self, path, text_columns, weighted=False):
        """file, column or columns of its texts, whether weights are read -> LabelledTexts."""
        columns = {"label_column": self.label_columns or self.label_column}
        columns["weight_column"] = self.weight_column if weighted else None
        several = {"multi_label": self.multi_label, "label_separator": self.label_separator}
        return keras_bert.data.read_labelled_texts(path, text_columns, **columns, **several)

    def weights_of(self, counts, labels, name):
        """As of `Classifying`; of several labels a text the loss has the weights."""
        return None if self.multi_label else super().weights_of(counts, labels, name)

    def loss_for(self, train, labels):
        """LabelledTexts to train on, all labels -> the loss."""
        if not self.multi_label:
            return keras_bert.losses.SmoothedCrossEntropy(self.label_smoothing)
        if given := parsed_class_weights(self.class_weights):
            of_labels = keras_bert.data.label_weights(given, train.counts, labels, len(train), train.name)
            given = [*of_labels.values()]
        return keras_bert.losses.SmoothedBinaryCrossEntropy(self.label_smoothing, given)


def parsed_class_weights(texts):
    """Reads weights as a command line has them.

    Args:
        texts: Strings: `balanced` alone, or `CLASS=WEIGHT` for some classes.

    Returns:
        What `class_weights` takes; None if there is none.

    Raises:
        ValueError: If a string is neither, or a class comes twice.

    Example:
    >>> parsed_class_weights(["neg=1", "a=b=0.5"]), parsed_class_weights(["balanced"])
    ({'neg': 1.0, 'a=b': 0.5}, 'balanced')
    """
    if [*texts] == ["balanced"]:
        return "balanced"
    weights = {}
    for text in texts:
        label, equals, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or math.isnan(weight):
            raise ValueError(
                f"Weights of classes must be `balanced`, or CLASS=WEIGHT for some of them. Received: {text!r}."
            )
        if label in weights:
            raise ValueError(f"The class {label!r} has two weights. Give it one.")
        weights[label] = check_weight(f"The weight of the class {label!r}", weight)
    return weights or None


def scored(examples, model, predict, batch_size, finds_thresholds=False):
    """Has a model answer labelled texts, or pairs, and scores its answers.

    Args:
        examples: A `LabelledTexts`.
        model: A text classifier or regressor.
        predict: Its predictor; scores that it gives aren't clipped, as those of an exported model may be.
        batch_size: Number of texts in a batch.
        finds_thresholds: Whether the best thresholds of several labels are found on these examples, and kept.

    Returns:
        A pair: the scores, a dict; and what `reports.show` takes, None where labels are numbers.
    """
    *texts, gold = map(list, zip(*examples, strict=True))
    answers = predict(*texts, batch_size=batch_size)
    if predict.labels is None:
        return keras_bert.metrics.correlations([*map(float, gold)], [answer["score"] for answer in answers]), None
    if not model.multi_label:
        given = [answer["label"] for answer in answers]
        report = keras_bert.metrics.class_report(gold, given, predict.labels)
        return keras_bert.metrics.class_scores(gold, given, predict.labels), report
    probabilities = [answer["probabilities"] for answer in answers]
    if finds_thresholds:
        model.keep_thresholds(keras_bert.metrics.best_thresholds(gold, probabilities, predict.labels))
    scores = keras_bert.metrics.multi_label_scores(gold, probabilities, predict.labels, model.thresholds)
    return scores, {"classes": scores.pop("per_class")}
