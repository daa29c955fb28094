"""Scores of tags and of the entities that they mark, as scikit-learn and seqeval have them."""

from keras_bert.utils.checks import check_same_lengths, some_of
from keras_bert.utils.tag_recognition import OUTSIDES, find_scheme, name_scheme
from keras_bert.utils.tag_schemes import to_bio


def tag_accuracy(gold, predicted):
    """Computes the share of units whose tag is right.

    Args:
        gold: For each sentence, the sequence of its tags.
        predicted: The same, as many tags for each sentence.

    Returns:
        A float.

    Raises:
        ValueError: If there is no tag, tags aren't strings, or there are more of one kind than of the other.

    Example:
    >>> tag_accuracy([["DET", "NOUN"], ["VERB"]], [["DET", "VERB"], ["VERB"]])
    0.6666666666666666
    """
    gold, predicted = _checked(gold, predicted)
    pairs = [pair for sequences in zip(gold, predicted, strict=True) for pair in zip(*sequences, strict=True)]
    return sum(a == b for a, b in pairs) / len(pairs)


def entity_scores(gold, predicted):
    """Computes precision, recall and F1 of entities: right is one with the right first and last unit and type.

    Args:
        gold: For each sentence, the sequence of its tags, in BIO or any other scheme that `find_scheme` of
            keras_bert.utils.tag_recognition knows: it is told from all tags, of both arguments.
        predicted: The same, as many tags for each sentence.

    Returns:
        A dict: `entity_f1`, `precision` and `recall` over all entities; 0 where there is none to divide by.

    Raises:
        ValueError: If there is no tag, tags aren't strings, there are more of one kind than of the other, or they mark
            no entities.

    Reference: seqeval with mode="strict" and scheme=IOB2: an I- that continues nothing of its type is no entity, unless
    `gold` is in a scheme in which it begins one (IOB1, IOE, IO).

    Example:
    >>> entity_scores([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    {'entity_f1': 0.5, 'precision': 0.5, 'recall': 0.5}
    >>> entity_scores([["PER_B", "PER_I", "-"]], [["PER_B", "PER_I", "-"]])
    {'entity_f1': 1.0, 'precision': 1.0, 'recall': 1.0}
    """
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2

    gold, predicted = strict_bio(gold, predicted)
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
        A float: the mean over all tags that are right or predicted anywhere, except that for what is in no entity (O);
        0 if there is none.

    Raises:
        ValueError: If there is no tag, tags aren't strings, or there are more of one kind than of the other.

    Example:
    >>> character_f1([["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "O", "O", "B-LOC"]])
    0.6666666666666666
    """
    from sklearn.metrics import f1_score

    gold, predicted = _checked(gold, predicted)
    outside = find_scheme([*gold, *predicted], "gold and predicted").outside
    gold, predicted = ([tag for tags in sentences for tag in tags] for sentences in (gold, predicted))
    tags = sorted({*gold, *predicted} - {outside})
    return float(f1_score(gold, predicted, labels=tags, average="macro", zero_division=0)) if tags else 0.0


def _checked(gold, predicted):
    """what users give as tags, right and predicted -> lists of the same; a `ValueError` if they can't be scored."""
    checked = []
    for name, sequences in (("gold", gold), ("predicted", predicted)):
        sequences = list(sequences)
        for tags in sequences:
            # A string is a sequence too, of characters.
            if isinstance(tags, str) or not hasattr(tags, "__len__") or not all(isinstance(tag, str) for tag in tags):
                raise ValueError(
                    f"`{name}` must have for each sentence a list of its tags, which are strings. Received: "
                    f"{str(tags)[:80]!r}."
                )
        checked.append(sequences)
    check_same_lengths(*checked)
    return checked


def strict_bio(gold, predicted):
    """sequences of tags, right and predicted -> the same as lists in BIO, without an I- that continues nothing."""
    gold, predicted = _checked(gold, predicted)
    scheme = find_scheme([*gold, *predicted], "`gold` and `predicted`")
    tags = sorted({tag for sequences in (gold, predicted) for tags in sequences for tag in tags})
    if not scheme.marks_entities:
        if len(tags) > 1 or tags[0] not in OUTSIDES:
            raise ValueError(
                f"Entities are marked by tags such as B-PER, I-PER and O. Received: {some_of(tags)}, which don't tell "
                "for sure that they mark any. Write them so, or use `tag_accuracy`."
            )
        return [[["O"] * len(tags) for tags in sequences] for sequences in (gold, predicted)]
    if scheme.name != "IO":
        scheme = name_scheme(scheme, gold)  # predicted tags may break the rules of their scheme
    return [[list(to_bio(tags, scheme, strict=True)) for tags in sequences] for sequences in (gold, predicted)]
