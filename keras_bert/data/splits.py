"""Parts of examples: some held out of those to train on, and the folds of a cross-validation."""

import collections
import numbers
import random

import numpy as np

from keras_bert.data.files.labelled_texts import LabelledTexts
from keras_bert.data.files.squad import Questions
from keras_bert.data.files.text_groups import TextGroups
from keras_bert.utils.checks import check_positive_integer, some_of


def hold_out(examples, share, seed, classes=True):
    """Divides examples into some to train on and some to choose the best epoch by.

    Each class gives its share; where a text may have several labels, each label does as nearly as can be, and one that
    a single text has is in one part alone. Questions of one article stay together, and so do groups of texts with the
    same positive. Sentences, and texts with scores, are drawn one by one.

    Args:
        examples: A `LabelledTexts`, `TaggedSentences`, `Questions` or `TextGroups`.
        share: Share of the examples (or articles, or positives) that is held out, between 0 and 1.
        seed: An integer: the same one gives the same parts.
        classes: Whether labels of a `LabelledTexts` are classes; else they are scores.

    Returns:
        A pair of what came: to train on, and held out, both in the order of the examples.

    Raises:
        ValueError: If `share` isn't between 0 and 1, a class of texts with one label each has but one example, or there
            are too few of something for two parts.

    Reference: Sechidis et al., 2011, "On the stratification of multi-label data", for several labels.

    Example:
    >>> rows = [("good", "yes"), ("fine", "yes"), ("dull", "no"), ("poor", "no")]
    >>> train, valid = hold_out(keras_bert.data.LabelledTexts(rows), 0.5, seed=0)
    >>> train.counts == valid.counts == {"no": 1, "yes": 1}
    True
    """
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

    if not 0 < share < 1:
        raise ValueError(f"The share of examples to hold out must be between 0 and 1. Received: {share}.")
    or_file = "give more examples of them, or give a file of examples to choose the best epoch by"
    (strata, units), what = _kinds(examples, classes, or_file), _counted(examples)
    count = len(examples) if units is None else len({*units})
    num_held_out = int(np.ceil(share * count))  # as scikit-learn has it
    least = 1 if strata is None else len(examples.labels)
    if min(num_held_out, count - num_held_out) < least:
        raise ValueError(
            f"Each part of {examples.name} needs at least {least} {what}"
            + (", one of each class" if strata is not None else "")
            + f". Received: a share of {share} of {count}, which is {num_held_out}. Choose another share, or give "
            "a file of its own."
        )
    if _has_several(examples, classes):
        return _parts(examples, *_by_labels(examples, [count - num_held_out, num_held_out], seed))
    kind = StratifiedShuffleSplit if strata is not None else ShuffleSplit if units is None else GroupShuffleSplit
    split = kind(1, test_size=num_held_out, random_state=seed % 2**32)
    return _parts(examples, *next(split.split(np.zeros(len(examples)), strata, units)))


def fold(examples, number, count, seed, classes=True):
    """Gives one fold of a cross-validation, divided as by `hold_out`.

    Args:
        examples: As in `hold_out`.
        number: Which fold, from 0.
        count: Number of folds, at least 2.
        seed: An integer: the same one gives the same folds.
        classes: As in `hold_out`.

    Returns:
        A pair of what came: to train on, and the fold, both in the order of the examples.

    Raises:
        ValueError: If there is no such fold, a class of texts with one label each has but one example, or there are
            fewer examples (or articles, or positives) than folds.

    Example:
    >>> rows = [("good", "yes"), ("fine", "yes"), ("dull", "no"), ("poor", "no")]
    >>> reviews = keras_bert.data.LabelledTexts(rows)
    >>> sorted(row for number in range(2) for row in fold(reviews, number, 2, seed=0)[1]) == sorted(rows)
    True
    """
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

    check_folds(count)
    if isinstance(number, bool) or not isinstance(number, numbers.Integral) or not 0 <= number < count:
        raise ValueError(f"`number` must be that of one of the {count} folds, from 0. Received: number={number!r}.")
    or_more = "or give more examples of them: what is learned of one example can't be scored"
    (strata, units), what = _kinds(examples, classes, or_more), _counted(examples)
    most = len(examples) if units is None else len({*units})
    if strata is not None:  # the greatest class, for each fold wants one of it
        most, what = max(examples.counts.values()), "examples of the most frequent class"
    if most < count:
        raise ValueError(f"{count} folds need as many {what}. Received: {most}, of {examples.name}. Choose fewer.")
    if _has_several(examples, classes):
        sizes = [most // count + (i < most % count) for i in range(count)]
        folds = _by_labels(examples, sizes, seed)
        return _parts(examples, sorted({*range(most)} - {*folds[number]}), folds[number])
    kind = StratifiedKFold if strata is not None else KFold if units is None else GroupKFold
    folds = kind(count, shuffle=True, random_state=seed % 2**32).split(np.zeros(len(examples)), strata, units)
    return _parts(examples, *[*folds][number])


def described_parts(train, valid, classes=True):
    """Says how examples were divided: what `hold_out` or `fold` gave, whether labels are classes -> a string.

    Example:
    >>> rows = [("good", "yes"), ("fine", "yes"), ("dull", "no"), ("poor", "no")]
    >>> described_parts(*hold_out(keras_bert.data.LabelledTexts(rows, "reviews.tsv"), 0.5, seed=0))
    'Held out: 2 of reviews.tsv, 2 to train on; each class gives its share.'
    """
    how = f"divided by {_counted(valid).removesuffix('s')}"
    if isinstance(valid, LabelledTexts) and classes:
        how = f"each {'label' if valid.multi_label else 'class'} gives its share"
    return f"Held out: {valid.name}, {len(train)} to train on; {how}."


def check_folds(count):
    """Number of folds -> None; a `ValueError` unless it is an integer of at least 2."""
    if check_positive_integer("number of folds", count) < 2:
        raise ValueError("A cross-validation needs at least 2 folds. Received: 1.")


def _kinds(examples, classes, mend):
    """examples, whether labels are classes, advice -> each one's class or None, what each belongs to or None.

    A `ValueError` for a class with one example gives the advice.
    """
    if isinstance(examples, (Questions, TextGroups)):
        number_of = {}
        return None, np.array([number_of.setdefault(source, len(number_of)) for source in examples.sources])
    if not isinstance(examples, LabelledTexts) or not classes or examples.multi_label:
        return None, None
    if single := [label for label in examples.labels if examples.counts[label] == 1]:
        raise ValueError(
            f"Each class needs at least 2 examples, one for each part. In {examples.name} there are classes with one: "
            f"{some_of(f'{label!r} ({examples.place} {examples.first(label)})' for label in single)}. Remove them, "
            f"{mend}."
        )
    return np.array([row[-1] for row in examples]), None


def _has_several(examples, classes):
    """examples, whether labels are classes -> whether a text may have several of them."""
    return classes and isinstance(examples, LabelledTexts) and examples.multi_label


def _by_labels(examples, sizes, seed):
    """LabelledTexts with several labels, sizes of parts, seed -> the places of each part's texts, in their order.

    The rarest label is shared out first: each of its texts goes to the part that wants it most.
    """
    labels_of = [row[-1] for row in examples]
    order = random.Random(int(seed) % 2**32).sample(range(len(labels_of)), len(labels_of))
    with_label = {label: [] for label in examples.counts}  # label -> places of its texts, in the drawn order
    for place in order:
        for label in labels_of[place]:
            with_label[label].append(place)
    wanted = [  # of each part: label -> how many of its texts
        {label: count * size / len(order) for label, count in examples.counts.items()} for size in sizes
    ]
    parts, left = [[] for _ in sizes], collections.Counter(examples.counts)
    is_open = [True] * len(order)  # whether a text is in no part yet

    def share_out(places, label=None):
        """places of texts, the label that is shared out or None -> None; each that is open goes to a part."""
        for place in filter(is_open.__getitem__, places):
            free = [part for part, size in enumerate(sizes) if len(parts[part]) < size]
            best = max(free, key=lambda part: (wanted[part].get(label, 0), sizes[part] - len(parts[part])))
            parts[best].append(place)
            is_open[place] = False
            for other in labels_of[place]:
                wanted[best][other] -= 1
                left[other] -= 1

    while left := +left:  # labels of which a text is open
        rarest = min(left, key=lambda label: (left[label], label))
        share_out(with_label[rarest], rarest)
    share_out(order)  # texts without a label
    return [sorted(part) for part in parts]


def _counted(examples):
    """examples -> what they are divided by, in the plural."""
    if isinstance(examples, (Questions, TextGroups)):
        return f"{examples.source_kind}s"
    return "texts" if isinstance(examples, LabelledTexts) else "sentences"


def _parts(examples, kept, held_out):
    """examples, places of those to train on, and of those held out -> two of what came."""
    return tuple(examples.chosen(places) for places in (kept, held_out))
