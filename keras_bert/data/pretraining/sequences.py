"""Sentences of documents -> sequences for masked words alone, as spans of one run of tokens, in the graph.

Legend of the shapes: S sentences, P sequences.
"""

import tensorflow as tf


def document_sequences(lengths, documents, budget, seed):
    """Cuts documents into sequences: whole sentences, one after the other, as many as `budget` tokens have room for.

    A sequence ends where its document does, so that a document's last one may be short.

    Args:
        lengths: Number of tokens of each sentence, from 1 to `budget`, int32 [S].
        documents: Number of each sentence's document, int32 [S], not falling.
        budget: The most tokens of a sequence, without [CLS] and [SEP].
        seed: Integers [2], of the order.

    Returns:
        Spans of tokens, int32 [P, 2]: each sequence's first and one past its last, in random order. Together they have
        every token once.

    Reference: Liu et al., 2019 (RoBERTa, arXiv 1907.11692), section 4.2, DOC-SENTENCES.

    Example:
    >>> import tensorflow as tf
    >>> spans = document_sequences(tf.constant([4, 3, 5, 2, 6]), tf.constant([0, 0, 0, 1, 1]), 8, seed=[0, 0])
    >>> sorted(spans.numpy().tolist())
    [[0, 7], [7, 12], [12, 20]]
    """
    count = tf.size(lengths)
    token_begin = tf.concat([[0], tf.cumsum(lengths)], axis=0)  # and where the last one ends [S + 1]
    # Where a sequence ends that begins at each sentence; the end of all leads to itself [S + 1].
    end = tf.searchsorted(token_begin, token_begin[:-1] + budget, side="right") - 1
    end = tf.minimum(end, tf.searchsorted(documents, documents, side="right"))
    end = tf.concat([end, [count]], axis=0)

    begins = tf.searchsorted(documents, documents, side="left") == tf.range(count)  # those that begin a document
    begins = tf.concat([begins, [False]], axis=0)  # [S + 1]

    def look_ahead(begins, ahead, _):
        """Which sentences begin a sequence, as far as is known, and where 1, 2, 4, ... sequences from each one lead."""
        reached = tf.gather(ahead, tf.where(begins)[:, 0])
        more = tf.tensor_scatter_nd_update(begins, reached[:, None], tf.fill(tf.shape(reached), True))
        return more, tf.gather(ahead, ahead), tf.reduce_any(more != begins)

    begins, _, _ = tf.while_loop(lambda _begins, _ahead, found: found, look_ahead, (begins, end, tf.constant(True)))
    first = tf.where(begins[:-1])[:, 0]
    spans = tf.gather(token_begin, tf.stack([first, tf.cast(tf.gather(end, first), tf.int64)], axis=1))
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.shape(spans)[0]), tf.cast(seed, tf.int32))
    return tf.gather(spans, order)
