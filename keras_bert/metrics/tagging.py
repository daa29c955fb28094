"""Scores of tags and of the entities that they mark, as scikit-learn and seqeval have them."""

from keras_bert.utils.checks import check_same_lengths


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
    check_same_lengths(gold, predicted)
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
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    check_same_lengths(gold, predicted)
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
    from sklearn.metrics import f1_score

    check_same_lengths(gold, predicted)
    gold, predicted = ([tag for tags in sentences for tag in tags] for sentences in (gold, predicted))
    tags = sorted({*gold, *predicted} - {"O"})
    return float(f1_score(gold, predicted, labels=tags, average="macro", zero_division=0)) if tags else 0.0
