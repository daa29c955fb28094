"""Scores of predictions, thin over the libraries that define them: seqeval, scikit-learn and scipy.

They come with the extra `recipes`: `pip install 'bert-for-keras[recipes]'`.
"""

import math

import numpy as np
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics.v1 import precision_recall_fscore_support
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef


def tag_accuracy(gold, predicted):
    """Computes the share of units whose tag is right.

    Args:
        gold: For each sentence, the sequence of its tags.
        predicted: The same, as many tags for each sentence.

    Returns:
        A float.

    Raises:
        ValueError: If there is no tag, or there are more of one kind than of the other.

    Example:
    >>> tag_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    _check_same_lengths(gold, predicted)
    pairs = [pair for sequences in zip(gold, predicted, strict=True) for pair in zip(*sequences, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def entity_scores(gold, predicted):
    """Computes precision, recall and F1 of entities: right is one with the right first and last unit and type.

    Args:
        gold: For each sentence, the sequence of its tags in BIO.
        predicted: The same, as many tags for each sentence.

    Returns:
        A dict: `entity_f1`, `precision` and `recall` over all entities; 0 where there is none to divide by.

    Raises:
        ValueError: If there is no tag, or there are more of one kind than of the other.

    Reference: seqeval with mode="strict" and scheme=IOB2: an I- that continues nothing of its type is no entity.

    Example:
    >>> entity_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    {'entity_f1': 0.5, 'precision': 0.5, 'recall': 0.5}
    """
    _check_same_lengths(gold, predicted)
    gold, predicted = ([list(tags) for tags in sentences] for sentences in (gold, predicted))
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, predicted, average="micro", scheme=IOB2, zero_division=0
    )
    return {"entity_f1": float(f1), "precision": float(precision), "recall": float(recall)}


def character_f1(gold, predicted):
    """Computes the mean of the F1 of the tags, each counted by characters: the second score of KLUE's named entities.

    Args:
        gold: For each sentence, the sequence of its characters' tags.
        predicted: The same, as many tags for each sentence.

    Returns:
        A float: the mean over all tags except O that are right or predicted anywhere; 0 if there is none.

    Raises:
        ValueError: If there is no tag, or there are more of one kind than of the other.

    Example:
    >>> character_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    0.6666666666666666
    """
    _check_same_lengths(gold, predicted)
    gold, predicted = ([tag for tags in sentences for tag in tags] for sentences in (gold, predicted))
    tags = sorted({*gold, *predicted} - {"O"})
    return float(f1_score(gold, predicted, labels=tags, average="macro", zero_division=0)) if tags else 0.0


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
    _check_same_lengths([gold], [predicted])
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
    _check_same_lengths([gold], [predicted])
    if min(np.ptp(gold), np.ptp(predicted)) == 0:
        return {"pearson": math.nan, "spearman": math.nan}
    return {
        "pearson": float(pearsonr(gold, predicted).statistic),
        "spearman": float(spearmanr(gold, predicted).statistic),
    }


def _check_same_lengths(gold, predicted):
    """two lists of sequences -> None; a `ValueError` unless they have the same lengths, and something in them."""
    lengths, others = [len(tags) for tags in gold], [len(tags) for tags in predicted]
    if lengths != others:
        raise ValueError(
            f"Each right answer needs a predicted one. Received: {sum(lengths)} and {sum(others)}, in {len(lengths)} "
            f"and {len(others)} sequences."
        )
    if not sum(lengths):
        raise ValueError("There is nothing to score: `gold` is empty.")
