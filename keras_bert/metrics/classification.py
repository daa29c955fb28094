"""Scores of labels and of numbers, as scikit-learn and scipy have them."""

import math

import numpy as np

from keras_bert.utils.checks import check_same_lengths


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
