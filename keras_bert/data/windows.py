"""Texts longer than the model -> overlapping windows, and back to one answer for each token.

Legend of the shapes: B texts, T tokens, W windows of a text, S all windows, C classes.
"""

import tensorflow as tf


def check_stride(stride, room):
    """Raises a `ValueError` unless windows with `room` for so many tokens of a text advance when they overlap.

    Args:
        stride: Number of tokens that a window shares with the one before it, as in Hugging Face's tokenizers.
        room: Number of a text's tokens in a window.

    Raises:
        ValueError: If the stride is no integer between 0 and room - 1.

    Example:
    >>> check_stride(stride=128, room=381)
    """
    if isinstance(stride, bool) or not isinstance(stride, int) or not 0 <= stride < room:
        raise ValueError(
            f"`stride` is how many tokens two windows share: it must be at least 0 and less than the {room} tokens of "
            f"text in a window, or the windows can't advance. Received: stride={stride!r}. Lower it, or raise "
            "max_length."
        )


def window_spans(lengths, room, stride):
    """Cuts texts into overlapping windows, up to the first window that reaches the end.

    Args:
        lengths: Numbers of tokens of the texts, int64 [B].
        room: The most tokens of a window: an integer or, for each text, int64 [B].
        stride: The tokens that a window shares with the one before it, less than `room`.

    Returns:
        `begins` and `ends`, ragged int64 [B, (W)]: a window's first token, and one past its last. A text without
        tokens has one empty window.

    Example:
    >>> begins, ends = window_spans(np.array([7, 3, 0]), room=4, stride=2)
    >>> begins.to_list(), ends.to_list()
    ([[0, 2, 4], [0], [0]], [[4, 6, 7], [3], [0]])
    """
    lengths = tf.cast(lengths, tf.int64)
    room = tf.broadcast_to(tf.cast(room, tf.int64), tf.shape(lengths))
    step = room - stride
    more = tf.maximum(lengths - room + step - 1, 0) // step  # windows after the first
    begins = tf.ragged.range(tf.zeros_like(lengths), (more + 1) * step, step)
    text = begins.value_rowids()
    ends = tf.minimum(begins.values + tf.gather(room, text), tf.gather(lengths, text))
    return begins, begins.with_values(ends)


def window_positions(rows, begins, ends):
    """Finds the tokens of windows in the run of all texts' tokens.

    Args:
        rows: Ragged [B, (T)], the texts' tokens.
        begins: Ragged int64 [B, (W)], as from `window_spans`.
        ends: The same.

    Returns:
        Ragged int64 [S, (T)]: for each token of each window, its place in `rows.values`.

    Example:
    >>> rows = tf.ragged.constant([[5, 6, 7], [8]])
    >>> window_positions(rows, *window_spans(rows.row_lengths(), room=2, stride=1)).to_list()
    [[0, 1], [1, 2], [3]]
    """
    offsets = tf.gather(rows.row_starts(), begins.value_rowids())
    return tf.ragged.range(offsets + begins.values, offsets + ends.values)


def most_context(positions, num_tokens):
    """Chooses for each token the window that has most of the text on the token's poorer side.

    Args:
        positions: Ragged int64 [S, (T)], from `window_positions`.
        num_tokens: Number of tokens of all texts.

    Returns:
        Bools, ragged [S, (T)]: whether this is the window to answer for this token. It is so in one window for each
        token, and those tokens, read window after window, are in the texts' order.

    Example:
    >>> rows = tf.ragged.constant([[5, 6, 7, 8, 9]])
    >>> most_context(window_positions(rows, *window_spans(rows.row_lengths(), room=4, stride=3)), 5).to_list()
    [[True, True, True, False], [False, False, True, True]]
    """
    window = positions.value_rowids()
    before = positions.values - tf.gather(positions.values, tf.gather(positions.row_starts(), window))
    after = tf.gather(positions.row_lengths(), window) - 1 - before
    # The first among equals: windows are told apart by the remainder.
    windows = tf.maximum(positions.nrows(), 1)
    rank = tf.minimum(before, after) * windows + (windows - 1 - window)
    best = tf.math.unsorted_segment_max(rank, positions.values, num_tokens)
    return positions.with_values(rank == tf.gather(best, positions.values))
