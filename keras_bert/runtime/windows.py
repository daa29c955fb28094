"""Texts longer than the model -> overlapping windows, as in keras_bert.data.windows, in NumPy."""

import numpy as np


def window_spans(length, room, stride):
    """Cuts a text into overlapping windows, up to the first one that reaches the end.

    Args:
        length: Number of tokens of the text.
        room: The most tokens of a window.
        stride: The tokens that a window shares with the one before it, less than `room`.

    Returns:
        List of pairs: a window's first token, and one past its last. A text without tokens has one empty window.

    Example:
    >>> window_spans(7, room=4, stride=2), window_spans(0, room=4, stride=2)
    ([(0, 4), (2, 6), (4, 7)], [(0, 0)])
    """
    spans, begin = [(0, min(room, length))], 0
    while begin + room < length:
        begin += room - stride
        spans.append((begin, min(begin + room, length)))
    return spans


def most_context(spans, length):
    """Chooses for each token the window that has most of the text on the token's poorer side; the first among equals.

    Args:
        spans: From `window_spans`.
        length: Number of tokens of the text.

    Returns:
        The number of each token's window, int [T].

    Example:
    >>> most_context([(0, 4), (1, 5)], 5).tolist()
    [0, 0, 0, 1, 1]
    """
    best, chosen = np.full(length, -1), np.zeros(length, int)
    for number, (begin, end) in enumerate(spans):
        context = np.minimum(np.arange(end - begin), np.arange(end - begin)[::-1])
        better = context > best[begin:end]
        best[begin:end][better] = context[better]
        chosen[begin:end][better] = number
    return chosen
