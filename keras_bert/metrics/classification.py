"""Scores of labels and of numbers, as scikit-learn and scipy have them."""

import math
import warnings

import numpy as np

from keras_bert.utils.checks import check_same_lengths, check_thresholds, some_of


def class_scores(gold, predicted, labels):
    """Computes the scores of a classifier that gives one label a text.

    Args:
        gold: The right labels: N strings.
        predicted: The classifier's: N strings.
        labels: All C labels. Of two, the second is the positive one.

    Returns:
        A dict: `accuracy`; `f1`, of two labels that of the positive one, of more the mean over the labels; `matthews`,
        Matthews' correlation, 0 where the labels tell nothing.

    Raises:
        ValueError: If there is none, or there are more of one kind than of the other.

    Example:
    >>> class_scores(["no", "yes", "yes"], ["no", "yes", "no"], labels=["no", "yes"])
    {'accuracy': 0.6666666666666666, 'f1': 0.6666666666666666, 'matthews': 0.5}
    """
    from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

    check_same_lengths([gold], [predicted])
    if len(labels) == 2:
        f1 = f1_score(gold, predicted, pos_label=labels[1], zero_division=0)
    else:
        f1 = f1_score(gold, predicted, labels=list(labels), average="macro", zero_division=0)
    return {
        "accuracy": float(accuracy_score(gold, predicted)),
        "f1": float(f1),
        "matthews": float(matthews_corrcoef(gold, predicted)),
    }


def multi_label_scores(gold, probabilities, labels, thresholds=0.5):
    """Computes the scores of a classifier that gives any number of labels a text.

    Args:
        gold: The right labels: for each of N texts a list of strings, empty where it has none.
        probabilities: The classifier's: floats [N, C]; or N dicts, label -> probability, as `predictor` gives them.
        labels: All C labels.
        thresholds: The least probability by which a text has a label: a number, or one for each label.

    Returns:
        A dict: `micro_f1`, over all labels of all texts; `macro_f1`, the mean over the labels; `precision` and `recall`
        over all; `subset_accuracy`, the share of texts that have all right labels and no other; `average_precision`,
        the mean over the labels that occur in `gold`, which doesn't depend on the thresholds (NaN if none does); and
        `per_class`, a dict of each label's own `precision`, `recall`, `f1`, `average_precision`; `support`, the number
        of its texts; of these `false_negatives`, to which it isn't given; and `false_positives`, others to which it is.
        Where there is nothing to divide by, precision, recall and F1 are 0.

    Raises:
        ValueError: If there is no text, there are more of one kind than of the other, a label isn't among `labels`, or
            a threshold isn't a number from 0 to 1.

    Example:
    >>> probabilities = [[0.9, 0.6], [0.2, 0.8], [0.4, 0.1]]
    >>> scores = multi_label_scores([["food"], ["price"], []], probabilities, labels=["food", "price"])
    >>> scores["micro_f1"], scores["subset_accuracy"], scores["average_precision"], scores["per_class"]["price"]["f1"]
    (0.8, 0.6666666666666666, 1.0, 0.6666666666666666)
    """
    from sklearn.metrics import average_precision_score

    gold, probabilities = _of_each_class(gold, probabilities, labels)
    predicted = probabilities >= np.array(check_thresholds("thresholds", thresholds, len(labels)), probabilities.dtype)
    counts = (gold & predicted).sum(axis=0), predicted.sum(axis=0), gold.sum(axis=0)  # [C] each
    precision, recall, f1 = _precision_recall_f1(*counts)
    found = [
        float(average_precision_score(wanted, guessed)) if wanted.any() else math.nan
        for wanted, guessed in zip(gold.T, probabilities.T, strict=True)
    ]
    right, given, support = counts
    names = ("precision", "recall", "f1", "average_precision", "support", "false_negatives", "false_positives")
    numbers = (precision, recall, f1, np.array(found), support, support - right, given - right)
    columns = [column.tolist() for column in numbers]
    of_all = dict(zip(names, _precision_recall_f1(*(count.sum() for count in counts)), strict=False))
    of_those_that_occur = [one for one in found if not math.isnan(one)]
    return {
        "micro_f1": float(of_all["f1"]),
        "macro_f1": float(f1.mean()),
        "precision": float(of_all["precision"]),
        "recall": float(of_all["recall"]),
        "subset_accuracy": float((gold == predicted).all(axis=1).mean()),
        "average_precision": float(np.mean(of_those_that_occur)) if of_those_that_occur else math.nan,
        "per_class": {label: dict(zip(names, row, strict=True)) for label, *row in zip(labels, *columns, strict=True)},
    }


def _precision_recall_f1(right, predicted, gold):
    """numbers, rightly predicted, predicted and to be found -> the three scores, 0 where they divide by nothing."""
    divisors = (predicted, gold, predicted + gold)
    return [
        np.multiply(times, right) / np.maximum(divisor, 1) for times, divisor in zip((1, 1, 2), divisors, strict=True)
    ]


def best_thresholds(gold, probabilities, labels):
    """Finds, for each label by itself, the threshold by which its F1 is greatest.

    Thresholds lie in the middle between two neighbouring probabilities, so that a small difference in them changes
    nothing; 0.5 is tried too. Of those that are equally good, the one nearest to 0.5 is taken, and of two as near the
    lower. Choose them on texts that were not trained on, and report scores on others: with few texts of a label its
    threshold is chance.

    Args:
        gold: As in `multi_label_scores`.
        probabilities: As in `multi_label_scores`.
        labels: All C labels.

    Returns:
        A list of C floats, for `model.keep_thresholds`. A label that never occurs in `gold` has 0.5, and a warning
        names it.

    Raises:
        ValueError: If there is no text, there are more of one kind than of the other, or a label isn't among `labels`.

    Example:
    >>> probabilities = [[0.875, 0.1], [0.375, 0.7], [0.25, 0.3]]
    >>> best_thresholds([["food"], ["food", "price"], []], probabilities, labels=["food", "price"])
    [0.3125, 0.5]
    """
    gold, probabilities = _of_each_class(gold, probabilities, labels)
    if absent := [repr(label) for label, occurs in zip(labels, gold.any(axis=0), strict=True) if not occurs]:
        warnings.warn(
            f"{len(absent)} of {len(labels)} labels never occur among the {len(gold)} texts that thresholds are found "
            f"on, and have 0.5: {some_of(absent)}.",
            stacklevel=2,
        )
    return [_best_threshold(*columns) for columns in zip(gold.T, probabilities.T, strict=True)]


def _best_threshold(gold, probabilities):
    """Whether each of N texts has a label, its probabilities -> the threshold, as `best_thresholds` chooses it."""
    if not gold.any():
        return 0.5
    order = np.argsort(-probabilities, kind="stable")
    sorted_down = probabilities[order].astype("float64")
    # Behind the last of several that are equal: so many texts have the label, so many of them rightly.
    ends = np.flatnonzero(np.append(sorted_down[:-1] > sorted_down[1:], True))
    right = np.cumsum(gold[order])[ends]
    f1 = 2 * right / (ends + 1 + gold.sum())
    below = np.append(sorted_down, 0.0)[ends + 1]
    middles = (sorted_down[ends] + below) / 2
    has_half = (below < 0.5) & (sorted_down[ends] >= 0.5)
    candidates = np.where(has_half, 0.5, middles)
    best = candidates[f1 == f1.max()]
    return float(best[np.lexsort((best, np.abs(best - 0.5)))[0]])


def _of_each_class(gold, probabilities, labels):
    """lists of labels, probabilities in one of two forms, all labels -> whether each text has each, and these: [N, C].

    A `ValueError` if they don't fit each other.
    """
    gold, probabilities = list(gold), list(probabilities)
    check_same_lengths([gold], [probabilities])
    number_of = {label: number for number, label in enumerate(labels)}
    right = np.zeros((len(gold), len(labels)), bool)
    for row, own in zip(right, gold, strict=True):
        if isinstance(own, str) or not number_of.keys() >= {*own}:
            raise ValueError(
                f"`gold` must have a list of labels for each text, of {some_of(labels)}. Received: {own!r:.80}."
            )
        row[[number_of[label] for label in own]] = True
    if isinstance(probabilities[0], dict):
        probabilities = [[row[label] for label in labels] for row in probabilities]
    probabilities = np.asarray(probabilities)
    if probabilities.shape != right.shape:
        raise ValueError(
            f"`probabilities` must have a number for each text and label, shape {right.shape}. Received: shape "
            f"{probabilities.shape}."
        )
    return right, probabilities


def correlations(gold, predicted):
    """Computes how scores go with the right ones.

    Args:
        gold: The right scores: N numbers.
        predicted: The regressor's: N numbers.

    Returns:
        A dict: `pearson` and `spearman`; NaN where all scores are the same.

    Raises:
        ValueError: If there is none, or there are more of one kind than of the other.

    Example:
    >>> correlations([0.0, 1.0, 5.0], [0.5, 1.0, 2.0])["spearman"]
    1.0
    """
    from scipy.stats import pearsonr, spearmanr

    check_same_lengths([gold], [predicted])
    if min(np.ptp(gold), np.ptp(predicted)) == 0:
        return {"pearson": math.nan, "spearman": math.nan}
    return {
        "pearson": float(pearsonr(gold, predicted).statistic),
        "spearman": float(spearmanr(gold, predicted).statistic),
    }
