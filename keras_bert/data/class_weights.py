"""Weights of classes and of labels, by which uneven data is trained on."""

from keras_bert.utils.checks import check_weight, some_of


def class_weights(given, counts, labels, name="the examples"):
    """Makes the weight of each class out of what a user gives.

    Args:
        given: `"balanced"`: the number of all examples, divided by the number of classes that occur and by the number
            of the class's examples, so that each class weighs as much. Or a dict {class: weight}; classes that it
            leaves out weigh 1.
        counts: Class -> number of its examples (or words) to train on.
        labels: All classes.
        name: What error messages call the examples.

    Returns:
        A dict: each of `labels` -> its weight, a float.

    Raises:
        ValueError: If a class isn't among `labels`, a weight isn't a number of at least 0, or all examples weigh 0.

    Reference: `class_weight="balanced"` of scikit-learn.

    Example:
    >>> class_weights("balanced", {"neg": 3, "pos": 1}, ["neg", "pos"])
    {'neg': 0.6666666666666666, 'pos': 2.0}
    >>> class_weights({"pos": 3}, {"neg": 3, "pos": 1}, ["neg", "pos"])
    {'neg': 1.0, 'pos': 3.0}
    """
    occurring = [label for label in labels if counts.get(label)]
    if _is_balanced(given):
        total = sum(counts[label] for label in occurring)
        return {label: total / (len(occurring) * counts[label]) if counts.get(label) else 1.0 for label in labels}
    weights = _given_weights(given, labels, name)
    if not any(weights[label] for label in occurring):
        raise ValueError(
            f"All classes of {name} have the weight 0, so that nothing would be learned. Give some a weight over 0."
        )
    return weights


def label_weights(given, counts, labels, total, name="the examples"):
    """Makes two weights of each label out of what a user gives, where a text may have several labels or none.

    Each label is a question of its own, so it has a weight for texts that have it, and one for texts that don't:
    `keras_bert.losses.SmoothedBinaryCrossEntropy` takes them.

    Args:
        given: `"balanced"`: the number of all texts, divided by 2 and by the number of texts with the label, and
            likewise of those without it, so that yes and no weigh as much; (1, 1) of a label that none has, or all
            have. Or a dict {label: weight of the texts that have it}; those that don't weigh 1, and so do all texts
            for labels that it leaves out.
        counts: Label -> number of texts to train on that have it.
        labels: All labels.
        total: Number of texts to train on.
        name: What error messages call the texts.

    Returns:
        A dict: each of `labels` -> a pair of floats, the weight of the texts with it and of those without.

    Raises:
        ValueError: If a label isn't among `labels`, or a weight isn't a number of at least 0.

    Reference: `class_weight="balanced"` of scikit-learn, for each column of labels.

    Example:
    >>> label_weights("balanced", {"food": 1, "price": 2}, ["food", "price"], total=4)
    {'food': (2.0, 0.6666666666666666), 'price': (1.0, 1.0)}
    >>> label_weights({"food": 3}, {"food": 1, "price": 2}, ["food", "price"], total=4)
    {'food': (3.0, 1.0), 'price': (1.0, 1.0)}
    """
    if not _is_balanced(given):
        return {label: (weight, 1.0) for label, weight in _given_weights(given, labels, name).items()}
    weights = {label: (1.0, 1.0) for label in labels}
    for label in labels:
        count = counts.get(label, 0)
        if 0 < count < total:
            weights[label] = total / (2 * count), total / (2 * (total - count))
    return weights


def _is_balanced(given):
    """what a user gives -> whether it is "balanced"; a `ValueError` for another string."""
    if isinstance(given, str) and given != "balanced":
        raise ValueError(f'Weights of classes must be "balanced", or a dict. Received: {given!r}.')
    return isinstance(given, str)


def _given_weights(given, labels, name):
    """{class: weight} of some classes, all classes, the examples' name -> that of all: 1 of those left out."""
    known = {*labels}
    if unknown := [label for label in given if label not in known]:
        raise ValueError(
            f"Weights must be of classes of {name}, which has {some_of(map(repr, labels))}. Received: "
            f"{some_of(map(repr, unknown))}. Correct the names."
        )
    weights = {label: 1.0 for label in labels}
    for label, weight in given.items():
        weights[label] = check_weight(f"The weight of the class {label!r}", weight)
    return weights


def weights_in_order(weights, labels):
    """{class: its weight}, all classes -> their weights in this order, floats; a `ValueError` if some are missing."""
    if missing := [label for label in labels if label not in weights]:
        raise ValueError(
            f"`class_weights` must have a weight for each class. Without one: {some_of(map(repr, missing))}. "
            "keras_bert.data.class_weights makes such a dict, also of the weights of some classes."
        )
    return [check_weight(f"The weight of the class {label!r}", weights[label]) for label in labels]
