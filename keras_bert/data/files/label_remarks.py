"""What is odd about examples to train and to measure on, seen together: said before anything takes time."""

import numpy as np

from keras_bert.data.files.labelled_texts import is_blank
from keras_bert.utils.files import first_of


def labelling_remarks(train, *others, classes=True):
    """Says what makes a score wrong, or a training poor, though each example by itself is in order.

    What is odd within one set of examples, its `remarks` say.

    Args:
        train: A `LabelledTexts` to train on.
        *others: Those to measure on, None where there are none.
        classes: Whether labels are classes; else they are scores.

    Returns:
        A list of strings, empty if nothing is odd: classes with one example to train on, texts that have several
        labels, or stand there with others where they may have several, texts to measure on that are trained on too;
        and, where texts may have several labels, those that occur in one part only.

    Example:
    >>> train = keras_bert.data.LabelledTexts([("good", "yes"), ("dull", "no"), ("good", "no")], "train.tsv")
    >>> valid = keras_bert.data.LabelledTexts([("dull ", "no"), ("fine", "yes")], "valid.tsv")
    >>> print(*labelling_remarks(train, valid), sep="\\n")
    1 classes of train.tsv have one example: 'yes' (number 1). A model hardly learns a class from one.
    1 texts of train.tsv have several labels: 'yes' in number 1, 'no' in number 3. Keep the right one.
    1 of 2 texts of valid.tsv are among those of train.tsv too: number 1. A score on them says how well they are
    remembered. Leave them out of one of the two.
    """
    remarks = []
    if classes and (single := [label for label in train.labels if train.counts[label] == 1]):
        found = [f"{label!r} ({train.place} {train.first(label)})" for label in single]
        remarks.append(
            f"{len(single)} classes of {train.name} have one example: {first_of(found)}. A model hardly learns a class "
            "from one."
        )
    others = [examples for examples in others if examples is not None]
    if train.multi_label:
        remarks += filter(None, (_without_examples(examples, train) for examples in (train, *others)))
    remarks += filter(None, (_with_several_labels(examples, classes) for examples in (train, *others)))
    texts = _hashes(train)
    remarks += filter(None, (_trained_on_too(examples, train, texts) for examples in others))
    return remarks


def _without_examples(examples, train):
    """LabelledTexts, those to train on -> a remark on labels that don't occur there; empty if all do."""
    absent = [repr(label) for label in train.labels if not examples.counts[label]]
    if not absent:
        return ""
    what = "A model learns to say no to them" if examples is train else "Scores say nothing of them"
    return f"{len(absent)} of {len(train.labels)} labels never occur in {examples.name}: {first_of(absent)}. {what}."


def _with_several_labels(examples, classes):
    """LabelledTexts, whether labels are classes -> a remark on texts that have several; empty if none has."""
    number_of = {}  # label, or labels in whatever order -> a number

    def number_for(label):
        if not classes:
            return float(label)
        return number_of.setdefault(label if isinstance(label, str) else frozenset(label), len(number_of))

    hashes = _hashes(examples)
    labels = np.fromiter((number_for(label) for *_, label in examples), np.float64, len(examples))
    order = np.lexsort((labels, hashes))
    same_text = hashes[order][1:] == hashes[order][:-1]
    odd = {*hashes[order][1:][same_text & (np.diff(labels[order]) != 0)].tolist()} - {_BLANK}
    if not odd:
        return ""
    found = {}
    for key, (number, (*_, label)) in zip(hashes.tolist(), examples.numbered(), strict=True):
        if key in odd:
            shown = repr(label) if isinstance(label, str) else f"{', '.join(map(repr, label)) or 'none'}"
            found.setdefault(key, []).append(f"{shown} in {examples.place} {number}")
    told = first_of([first_of(labelled, 5) for labelled in found.values()], between="; ")
    what = "stand there several times, with different labels" if examples.multi_label else "have several labels"
    return f"{len(found)} texts of {examples.name} {what}: {told}. Keep the right one."


def _trained_on_too(examples, train, texts):
    """LabelledTexts, those to train on, the latter's hashes -> a remark on what is in both; empty if nothing is."""
    shared = np.isin(_hashes(examples), texts[texts != _BLANK])
    numbers = [number for (number, _), is_shared in zip(examples.numbered(), shared, strict=True) if is_shared]
    if not numbers:
        return ""
    return (
        f"{len(numbers)} of {len(examples)} texts of {examples.name} are among those of {train.name} too: "
        f"{examples.place} {first_of(numbers)}. A score on them says how well they are remembered. Leave them out of "
        "one of the two."
    )


_BLANK = 0


def _hashes(examples):
    """LabelledTexts -> a number for the texts of each example, without spaces around; `_BLANK` for blank ones."""
    return np.fromiter((_hash(texts) for *texts, _ in examples), np.int64, len(examples))


def _hash(texts):
    return _BLANK if all(map(is_blank, texts)) else hash(tuple(text.strip() for text in texts)) or 1
