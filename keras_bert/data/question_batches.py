"""Questions on paragraphs -> batches for a model that finds answers: [CLS] question [SEP] window of the context [SEP].

Legend of the shapes: B questions, S all windows of their contexts, T tokens.
"""

import warnings
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from keras_bert.data.files.squad import Questions
from keras_bert.data.packing import joined
from keras_bert.data.text_batches import chunked, shuffled_batches
from keras_bert.data.windows import check_stride, window_positions, window_spans
from keras_bert.utils.checks import check_positive_integer, some_of

_STRIDE, _MAX_QUESTION_LENGTH = 128, 64
# [CLS] question [SEP] context [SEP]
_SPECIAL_TOKENS = 3


class Windows(NamedTuple):
    """Windows of contexts, each behind its question.

    Attributes:
        rows: A dict of ragged int32 [S, (T)]: `token_ids`, `segment_ids`.
        questions: The number of each window's question, int64 [S], ascending.
        columns: The column of each window's first token of the context, int64 [S].
        begins: That token's place in the run of all contexts' tokens, int64 [S].
        lengths: How many tokens of the context each window holds, int64 [S].
        starts, ends: Where each token of the contexts stands in its raw context, in characters: ragged int32 [B, (T)].
    """

    rows: dict
    questions: tf.Tensor
    columns: tf.Tensor
    begins: tf.Tensor
    lengths: tf.Tensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


def answering_batches(
    questions,
    tokenizer,
    batch_size,
    max_length,
    stride=None,
    max_question_length=None,
    seed=None,
    multiple_of=1,
):
    """Turns questions on paragraphs into batches for a span predictor.

    Contexts that are too long for a row give several, overlapping windows. What is to be learned of a window is the
    first and the last token that have a character of the answer, if it holds all of the answer, or else [CLS]. A
    warning names the questions whose answer no window holds.

    Args:
        questions: A `Questions`, or a list of `Question`. Those that nothing can be learned from are left out, with a
            warning that names them.
        tokenizer: A `WordPieceTokenizer`.
        batch_size: Number of windows in a batch.
        max_length: The most tokens of a row, [CLS] and two [SEP] included.
        stride: Number of tokens that two windows share. None: 128, or half of what a window holds if that is less.
        max_question_length: The most tokens of a question; a longer one loses its end, with a warning. None: 64, or
            half of the row if that is less.
        seed: An integer: shuffled by it, anew each epoch. None: not shuffled, but sorted by length within windows
            of 64 batches.
        multiple_of: As in `classification_batches`.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: a dict of `token_ids`, `segment_ids` and
        `padding_mask`, int32 [B, T] with rows of near-equal length; and a dict of `start_logits` and `end_logits`, the
        columns of the answer's first and last token, int32 [B].

    Raises:
        ValueError: If no question can be learned from, or an argument is out of its range.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "ann", "ran"])
    >>> questions = [keras_bert.data.Question("1", "Who?", "Ran Ann", (("Ann", 4),))]
    >>> for inputs, answers in answering_batches(questions, tokenizer, batch_size=1, max_length=16):
    ...     print(inputs["token_ids"].numpy().tolist(), answers["start_logits"].numpy().tolist())
    [[2, 5, 1, 3, 7, 6, 3]] [5]
    """
    stride, max_question_length = check_room(max_length, stride, max_question_length)
    questions = _marked(questions, tokenizer)
    if questions.left_out:
        warnings.warn(questions.describe_left_out() + ". Training leaves them out.", stacklevel=2)
        questions = questions.for_training()
    question_lengths = _lengths([question.question for question in questions], tokenizer)
    if long := _describe_long(questions, question_lengths, max_question_length):
        warnings.warn(long, stacklevel=2)
    if cut := _describe_cut(questions, tokenizer, max_length, stride, max_question_length):
        warnings.warn(cut, stacklevel=2)
    room = max_length - _SPECIAL_TOKENS - np.minimum(question_lengths, max_question_length)
    begins, _ = window_spans(_lengths([question.context for question in questions], tokenizer), room, stride)
    count = int(tf.size(begins.values))

    def window(texts, contexts, span_starts, span_ends):
        windows = context_windows(texts, contexts, tokenizer, max_length, stride, max_question_length)
        starts, ends = answer_columns(windows, span_starts, span_ends)
        return windows.rows, {"start_logits": starts, "end_logits": ends}

    windows = _chunks(questions).map(window).unbatch()
    return shuffled_batches(windows, count, tokenizer, batch_size, seed, multiple_of)


def evaluation_remarks(questions, tokenizer, max_length, stride=None, max_question_length=None):
    """Says what is amiss with questions that are to be answered, not learned from.

    Args:
        questions: A `Questions`, or a list of `Question`.
        tokenizer: A `WordPieceTokenizer`.
        max_length: As in `answering_batches`.
        stride: The same.
        max_question_length: The same.

    Returns:
        A list of strings, empty if nothing is amiss: which questions have an empty context, a misplaced answer or
        another fault that training would leave them out for, how many lose their end, and which have an answer that
        no window holds all of.

    Raises:
        ValueError: If the lengths leave no room, as in `check_room`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "ann", "ran"])
    >>> questions = keras_bert.data.Questions([keras_bert.data.Question("1", "Who?", "", (("Ann", 4),))], name="dev")
    >>> print(*evaluation_remarks(questions, tokenizer, max_length=16))
    1 of 1 questions of dev can't be learned from: the context is empty (1: '1'). They are asked all the same.
    """
    stride, max_question_length = check_room(max_length, stride, max_question_length)
    questions = _marked(questions, tokenizer)
    lengths = _lengths([question.question for question in questions], tokenizer)
    faults = questions.describe_left_out() and questions.describe_left_out() + ". They are asked all the same."
    long = _describe_long(questions, lengths, max_question_length)
    cut = _describe_cut(questions, tokenizer, max_length, stride, max_question_length)
    return [*filter(None, (faults, long, cut))]


def context_windows(questions, contexts, tokenizer, max_length, stride, max_question_length):
    """Cuts contexts into overlapping windows, each behind its question, in the TensorFlow graph.

    Args:
        questions: Strings [B]: a list or a tensor.
        contexts: Strings [B].
        tokenizer: A `WordPieceTokenizer`.
        max_length: As in `answering_batches`.
        stride: As in `answering_batches`, but no None.
        max_question_length: The same.

    Returns:
        A `Windows`.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "ann", "ran"])
    >>> windows = context_windows(["Who"], ["Ann ran, Ann ran"], tokenizer, 7, stride=1, max_question_length=2)
    >>> windows.rows["token_ids"].to_list(), windows.begins.numpy()
    ([[2, 5, 3, 6, 7, 1, 3], [2, 5, 3, 1, 6, 7, 3]], array([0, 2]))
    """
    question_ids = tokenizer(questions)[:, :max_question_length]
    ids, starts, ends = tokenizer.tokenize_with_offsets(contexts)
    lengths = question_ids.row_lengths()
    begins, window_ends = window_spans(ids.row_lengths(), max_length - _SPECIAL_TOKENS - lengths, stride)
    positions = window_positions(ids, begins, window_ends)
    question_of = begins.value_rowids()
    pieces = positions.with_values(tf.gather(ids.values, positions.values))
    rows = joined(tf.gather(question_ids, question_of), pieces, tokenizer)
    return Windows(
        rows=rows,
        questions=question_of,
        columns=2 + tf.gather(lengths, question_of),  # behind [CLS] question [SEP]
        begins=tf.gather(ids.row_starts(), question_of) + begins.values,
        lengths=positions.row_lengths(),
        starts=starts,
        ends=ends,
    )


def answer_columns(windows, span_starts, span_ends):
    """Finds answers in windows.

    An answer may begin or end inside a word or a token: the tokens that have any of its characters are the answer's.

    Args:
        windows: A `Windows`.
        span_starts: The answers' first characters in the raw contexts, int32 [B]; -1 where there is no answer.
        span_ends: One past their last characters, int32 [B].

    Returns:
        The columns of the answers' first and last tokens, int32 [S] each; 0, the column of [CLS], for windows that
        don't hold all tokens of the answer.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "ann", "ran"])
    >>> windows = context_windows(["Who"], ["Ann ran, Ann ran"], tokenizer, 7, stride=1, max_question_length=2)
    >>> starts, ends = answer_columns(windows, [9], [16])
    >>> starts.numpy(), ends.numpy()
    (array([0, 4], dtype=int32), array([0, 5], dtype=int32))
    """
    question = windows.starts.value_rowids()
    inside = (windows.starts.values < tf.gather(span_ends, question)) & (
        windows.ends.values > tf.gather(span_starts, question)
    )
    places = tf.range(tf.size(inside, tf.int64), dtype=tf.int64)  # in the run of all contexts' tokens
    num_questions = windows.starts.nrows()
    # Without such a token, the least of none is the greatest integer and the greatest of none the least.
    first = tf.math.unsorted_segment_min(places[inside], question[inside], num_questions)
    last = tf.math.unsorted_segment_max(places[inside], question[inside], num_questions)
    first, last = tf.gather(first, windows.questions), tf.gather(last, windows.questions)  # [S]
    whole = (windows.begins <= first) & (first <= last) & (last < windows.begins + windows.lengths)
    columns = (tf.where(whole, windows.columns + place - windows.begins, 0) for place in (first, last))
    return tuple(tf.cast(column, tf.int32) for column in columns)


def context_places(windows, width):
    """Tells the tokens that an answer may begin or end with from all others.

    Where a character has several tokens, as Korean syllables in letters, an answer begins with its first and ends with
    its last one: so each run of characters is one span.

    Args:
        windows: A `Windows`.
        width: T, the number of columns of the padded rows.

    Returns:
        Two of int64 [S, T]: for tokens that an answer may begin with, 1 + their place in the run of all contexts'
        tokens; 0 for all others; and the same for those that it may end with.

    Example:
    >>> tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "\u1112", "##\u1161"]
    >>> tokenizer = keras_bert.WordPieceTokenizer(tokens)
    >>> windows = context_windows(["Who"], ["\ud558 who"], tokenizer, 7, stride=1, max_question_length=2)
    >>> first_places, last_places = context_places(windows, width=7)
    >>> windows.rows["token_ids"].to_list(), first_places.numpy().tolist(), last_places.numpy().tolist()
    ([[2, 5, 3, 6, 7, 5, 3]], [[0, 0, 0, 1, 0, 3, 0]], [[0, 0, 0, 0, 2, 3, 0]])
    """
    contexts, starts, ends = windows.starts.value_rowids(), windows.starts.values, windows.ends.values
    other_context = contexts[1:] != contexts[:-1]
    begins = tf.concat([[True], other_context | (starts[1:] != starts[:-1])], axis=0)
    finishes = tf.concat([other_context | (ends[1:] != ends[:-1]), [True]], axis=0)
    number = tf.range(tf.cast(width, tf.int64)) - windows.columns[:, None]  # of the context's tokens in this window
    is_context = (number >= 0) & (number < windows.lengths[:, None])
    places = tf.where(is_context, windows.begins[:, None] + number, 0)

    def where(may):
        """bools, of each token of the contexts -> their places + 1 [S, T]."""
        return tf.where(is_context & tf.gather(may, places), places + 1, 0)

    return where(begins), where(finishes)


def check_room(max_length, stride=None, max_question_length=None):
    """Checks that windows have room for some of a context behind any question, and can advance.

    Args:
        max_length: As in `answering_batches`.
        stride: The same.
        max_question_length: The same.

    Returns:
        `stride` and `max_question_length`, as integers.

    Raises:
        ValueError: If they leave no room, or windows that overlap so much can't advance.

    Example:
    >>> check_room(384), check_room(32)
    ((128, 64), (7, 14))
    """
    check_positive_integer("max_length", max_length)
    if max_question_length is None:
        max_question_length = max(1, min(_MAX_QUESTION_LENGTH, (max_length - _SPECIAL_TOKENS) // 2))
    check_positive_integer("max_question_length", max_question_length)
    room = max_length - _SPECIAL_TOKENS - max_question_length
    if room < 1:
        raise ValueError(
            f"`max_length` must leave room for [CLS], max_question_length={max_question_length} tokens of a question, "
            f"[SEP], a token of its context and [SEP]: at least {max_question_length + _SPECIAL_TOKENS + 1}. Received: "
            f"max_length={max_length}. Raise it, or lower max_question_length."
        )
    if stride is None:
        stride = min(_STRIDE, room // 2)
    check_stride(stride, room)
    return stride, max_question_length


def _marked(questions, tokenizer):
    """Questions or a list of Question, tokenizer -> Questions that also know the answers without a token."""
    questions = questions if isinstance(questions, Questions) else Questions(questions)
    # Such an answer, e.g. a zero-width space, would be learned as if there were none.
    lengths = _lengths([row.context[slice(*row.span)] if row.span else "" for row in questions], tokenizer)
    found = zip(questions, lengths, strict=True)
    return questions.with_reasons(
        {row.id: "an answer has no token" for row, length in found if row.span and not length}
    )


def _describe_cut(questions, tokenizer, max_length, stride, max_question_length):
    """Questions, ... -> which of them have an answer that no window holds all of; empty if none has."""

    def is_whole(texts, contexts, span_starts, span_ends):
        """questions, contexts, answers' first characters and ends [B] -> whether a window holds all of it [B]."""
        windows = context_windows(texts, contexts, tokenizer, max_length, stride, max_question_length)
        starts, _ = answer_columns(windows, span_starts, span_ends)
        return tf.math.unsorted_segment_max(starts, windows.questions, tf.size(span_starts)) > 0

    whole = np.concatenate([chunk.numpy() for chunk in _chunks(questions).map(is_whole)])
    left_out = {name for names in questions.left_out.values() for name in names}
    answered = ((row, is_in) for row, is_in in zip(questions, whole, strict=True) if row.span)
    cut = [repr(row.id) for row, is_in in answered if not is_in and row.id not in left_out]
    if not cut:
        return ""
    return (
        f"{len(cut)} questions of {questions.name} have an answer that no window of max_length={max_length} and "
        f"stride={stride} holds all of: {some_of(cut)}. Their windows have no answer."
    )


def _chunks(questions):
    """Questions -> chunks of (question, context, start, end); of one without an answer, start and end are -1."""

    def rows():
        for question in questions:
            yield question.question, question.context, *(question.span or (-1, -1))

    return chunked(rows, (tf.string, tf.string, tf.int32, tf.int32))


def _describe_long(questions, lengths, max_question_length):
    """Questions, their questions' numbers of tokens, the most -> how many lose their end; empty if none does."""
    long = int(np.sum(lengths > max_question_length))
    if not long:
        return ""
    return (
        f"{long} questions of {questions.name} have more than max_question_length={max_question_length} tokens "
        f"(the longest has {lengths.max()}) and lose their end."
    )


def _lengths(texts, tokenizer):
    """list of strings -> their numbers of tokens, int64 [B]; a text that is there many times is tokenized once."""
    number_of = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    chunks = chunked(lambda: ((text,) for text in number_of), (tf.string,))
    lengths = np.concatenate([chunk.numpy() for chunk in chunks.map(lambda chunk: tokenizer(chunk).row_lengths())])
    return lengths[[number_of[text] for text in texts]]
