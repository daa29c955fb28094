"""Texts longer than the model -> overlapping windows, and back to one answer for each token.

Legend of the shapes: B texts, T tokens, W windows of a text, S all windows, C classes.
"""

import tensorflow as tf

from keras_bert.data.packing import joined


def default_stride(max_length):
    """The most tokens of a row -> the tokens that two windows share where nobody says how many: a quarter."""
    return max_length // 4


def windowed(token_ids, tokenizer, max_length, stride):
    """Cuts texts into overlapping windows: [CLS] window [SEP].

    Args:
        token_ids: Ragged int32 [B, (T)].
        tokenizer: The `WordPieceTokenizer` that they come from.
        max_length: The most tokens of a row, [CLS] and [SEP] included.
        stride: The tokens that two windows share.

    Returns:
        The rows, a dict of ragged int32 [S, (T)], as from `pack`; for each of a window's tokens, its place in
        `token_ids.values`, ragged int64 [S, (T)]; and the number of each window's text, int64 [S].

    Raises:
        ValueError: If the windows can't advance.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book"])
    >>> rows, positions, texts = windowed(tokenizer(["good good book", "book"]), tokenizer, max_length=4, stride=1)
    >>> rows["token_ids"].to_list(), positions.to_list(), texts.numpy()
    ([[2, 5, 5, 3], [2, 5, 6, 3], [2, 6, 3]], [[0, 1], [1, 2], [3]], array([0, 0, 1]))
    """
    check_stride(stride, max_length - 2)
    begins, ends = window_spans(token_ids.row_lengths(), max_length - 2, stride)
    positions = window_positions(token_ids, begins, ends)
    windows = positions.with_values(tf.gather(token_ids.values, positions.values))
    return joined(windows, None, tokenizer), positions, begins.value_rowids()


def window_rows(token_ids, tokenizer, windows):
    """Puts the windows of each text side by side in one row, as sequences that don't see each other.

    All windows of a text but its last are full, so that each begins at a multiple of their length.

    Args:
        token_ids: Ragged int32 [B, (T)].
        tokenizer: The `WordPieceTokenizer` that they come from.
        windows: The `Windows` of a model. Of a text with more than `most` of them the rest isn't read; where the first
            and the last are pooled, none between them is.

    Returns:
        A dict of ragged int32 [B, (L)], as from `pack`, and `padding_mask`: k for the tokens of the k-th window.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcde"])
    >>> windows = keras_bert.config.Windows(length=4, stride=1)
    >>> rows = window_rows(tokenizer(["a b c d", "e"]), tokenizer, windows)
    >>> rows["token_ids"].to_list(), rows["padding_mask"].to_list()
    ([[2, 5, 6, 3, 2, 6, 7, 3, 2, 7, 8, 3], [2, 9, 3]], [[1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3], [1, 1, 1]])
    >>> windows = keras_bert.config.Windows(length=4, stride=1, pooling="first_and_last")
    >>> window_rows(tokenizer(["a b c d", "e"]), tokenizer, windows)["token_ids"].to_list()
    [[2, 5, 6, 3, 2, 7, 8, 3], [2, 9, 3]]
    """
    if windows.most is not None:
        room = windows.length - 2
        token_ids = token_ids[:, : room + (windows.most - 1) * (room - windows.stride)]
    rows, _, texts = windowed(token_ids, tokenizer, windows.length, windows.stride)
    counts = tf.math.segment_sum(tf.ones_like(texts), texts)  # [B]
    if windows.pooling == "first_and_last":
        numbers = tf.ragged.range(1, counts + 1).values  # [S]
        counted = tf.logical_or(tf.equal(numbers, 1), tf.equal(numbers, tf.repeat(counts, counts)))
        rows = {name: tf.ragged.boolean_mask(ragged, counted) for name, ragged in rows.items()}
        texts, counts = tf.boolean_mask(texts, counted), tf.minimum(counts, 2)
    lengths = rows["token_ids"].row_lengths()  # [S]
    numbers = tf.cast(tf.ragged.range(1, counts + 1).values, tf.int32)  # [S]
    rows["padding_mask"] = rows["token_ids"].with_values(tf.repeat(numbers, lengths))
    row_lengths = tf.math.segment_sum(lengths, texts)  # [B]
    return {name: tf.RaggedTensor.from_row_lengths(ragged.values, row_lengths) for name, ragged in rows.items()}


def whole_windows(inputs, tokenizer, length):
    """Pads rows of several windows to whole ones: inputs [B, L], tokenizer, tokens T of a window -> inputs [B, W * T].

    Rows of one window each stay as they are.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"])
    >>> ids = tf.constant([[2, 5, 5, 3, 2, 5, 3]])
    >>> whole_windows({"token_ids": ids}, tokenizer, length=4)["token_ids"].numpy().tolist()
    [[2, 5, 5, 3, 2, 5, 3, 0]]
    """
    width = tf.shape(inputs["token_ids"])[1]
    more = tf.where(width > length, -width % length, 0)
    fillings = {"token_ids": tokenizer.padding_id}
    return {
        name: tf.pad(values, [[0, 0], [0, more]], constant_values=fillings.get(name, 0))
        for name, values in inputs.items()
    }


def check_windows(windows, max_length, cut="end", num_texts=1):
    """Raises a `ValueError` unless texts can be read in a model's windows.

    Args:
        windows: A `Windows`.
        max_length: The most tokens of a row that the user wants.
        cut: What a long text is to lose.
        num_texts: 2 for pairs.

    Raises:
        ValueError: If windows have another length, texts are to lose their middle, or come in pairs.

    Example:
    >>> check_windows(keras_bert.config.Windows(length=128, stride=32), max_length=128)
    """
    if max_length != windows.length:
        raise ValueError(
            f"The model reads windows of {windows.length} tokens. Received: max_length={max_length}. Give "
            f"max_length={windows.length}, or make the model with others."
        )
    if cut != "end":
        raise ValueError(f"Texts in windows lose nothing. Received: cut={cut!r}. Leave it out.")
    if num_texts == 2:
        raise ValueError("Pairs of texts don't run in windows. Give single texts, or a model without `windows`.")


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
