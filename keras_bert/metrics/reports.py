"""Reports of predictions: scores of each class, or type of entity, and which classes are taken for which."""

from keras_bert.metrics.tagging import strict_bio
from keras_bert.utils.checks import check_same_lengths
from keras_bert.utils.columns import free_name

_MOST_CLASSES = 12  # of a confusion matrix on a terminal


def class_report(gold, predicted, labels):
    """Computes the scores of each class, and which classes are taken for which.

    Args:
        gold: The right labels: N strings.
        predicted: The model's: N strings.
        labels: All C labels.

    Returns:
        A dict that JSON can hold: `classes`, {label: {precision, recall, f1, support}}, 0 where there is none to divide
        by; `confusion`, C lists of C numbers: how often the row's label was taken for the column's; and `labels`.

    Raises:
        ValueError: If there is none, or there are more of one kind than of the other.

    Reference: scikit-learn's `precision_recall_fscore_support` and `confusion_matrix`.

    Example:
    >>> report = class_report(["no", "no", "yes"], ["no", "yes", "yes"], labels=["no", "yes"])
    >>> report["classes"]["no"], report["confusion"]
    ({'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666, 'support': 2}, [[1, 1], [0, 1]])
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    check_same_lengths([gold], [predicted])
    labels = [*labels]
    columns = precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    return {
        "classes": _by_name(labels, columns),
        "confusion": confusion_matrix(gold, predicted, labels=labels).tolist(),
        "labels": labels,
    }


def entity_report(gold, predicted):
    """Computes the scores of the entities of each type, and which types words are taken for.

    Args:
        gold: As in `entity_scores`.
        predicted: As in `entity_scores`.

    Returns:
        A dict that JSON can hold: `classes`, {type: {precision, recall, f1, support}} of entities; `labels`, the C
        types and O; and `confusion`, C + 1 lists of C + 1 numbers: how many words of the row's type were taken for
        the column's. An I- that continues nothing counts as O. Where nothing marks an entity there are `classes` alone.

    Raises:
        ValueError: As in `entity_scores`.

    Reference: seqeval, as `entity_scores`; scikit-learn's `confusion_matrix`.

    Example:
    >>> report = entity_report([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]])
    >>> report["classes"]["LOC"]
    {'precision': 0.0, 'recall': 0.0, 'f1': 0.0, 'support': 1}
    >>> report["labels"], report["confusion"]
    (['LOC', 'PER', 'O'], [[0, 0, 1], [0, 1, 0], [0, 0, 1]])
    """
    from seqeval.metrics.v1 import precision_recall_fscore_support
    from seqeval.scheme import IOB2
    from sklearn.metrics import confusion_matrix

    gold, predicted = strict_bio(gold, predicted)
    types = sorted({tag[2:] for tags in (*gold, *predicted) for tag in tags if tag != "O"})
    if not types:
        return {"classes": {}}
    columns = precision_recall_fscore_support(gold, predicted, average=None, scheme=IOB2, zero_division=0)
    outside = free_name("O", types)
    labels = [*types, outside]
    gold, predicted = ([tag[2:] or outside for tags in sequences for tag in tags] for sequences in (gold, predicted))
    confusion = confusion_matrix(gold, predicted, labels=labels).tolist()
    return {"classes": _by_name(types, columns), "confusion": confusion, "labels": labels}


def _by_name(names, columns):
    """C names, columns of C scores -> {name: its scores}."""
    precision, recall, f1, support = ([*map(float, column)] for column in columns)
    return {
        name: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "support": int(support[i])}
        for i, name in enumerate(names)
    }


def table(report):
    """Lays a report out for a terminal.

    Args:
        report: What `class_report` or `entity_report` gives; or a dict with `classes` alone, as of several labels a
            text.

    Returns:
        A string of several lines. Of more than twelve classes it names the ten commonest confusions.

    Example:
    >>> print(table(class_report(["no", "no", "yes"], ["no", "yes", "yes"], labels=["no", "yes"])))
         precision  recall     f1  support
    no       1.000   0.500  0.667        2
    yes      0.500   1.000  0.667        1
    <BLANKLINE>
    right \\ taken for  no  yes
    no                  1    1
    yes                 0    1
    """
    names = next(iter(report["classes"].values()), ("precision", "recall", "f1", "support"))
    rows = [["", *names]]
    for label, scores in report["classes"].items():
        rows.append([label, *(f"{score:.3f}" if isinstance(score, float) else str(score) for score in scores.values())])
    lines = _aligned(rows)
    if "confusion" not in report:
        return "\n".join(lines)
    labels, confusion = report["labels"], report["confusion"]
    if len(labels) <= _MOST_CLASSES:
        counts = ([label, *map(str, row)] for label, row in zip(labels, confusion, strict=True))
        return "\n".join([*lines, "", *_aligned([["right \\ taken for", *labels], *counts])])
    wrong = [(count, i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) if count and i != j]
    common = sorted(wrong, key=lambda item: -item[0])[:10]
    return "\n".join([*lines, "", *(f"{labels[i]} was taken for {labels[j]}: {count}" for count, i, j in common)])


def _aligned(rows):
    """rows of cells -> lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = ("<", *">" * (len(widths) - 1))
    return [
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)) for row in rows
    ]
