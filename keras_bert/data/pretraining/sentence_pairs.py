"""Sentences of documents -> the pairs of next-sentence prediction, as spans of one run of tokens, in the graph.

A long document is cut in strands. In each round every strand that isn't used up gives a pair: it takes a chunk, its
next sentences, and cuts it in A and B. In half of the pairs B is random instead: sentences of another document.

Legend of the shapes: S sentences, D documents, K strands, A strands active in a round, P pairs. A run of sentences is
given by its first sentence and its end, one past the last.
"""

from typing import NamedTuple

import tensorflow as tf

# Share of the pairs that aim at a random, shorter length, as in the original release.
_SHORT_SHARE = 0.1


def sentence_pairs(lengths, documents, budget, seed):
    """Makes the pairs of next-sentence prediction: A and B are runs of sentences that fill `budget` tokens together.

    In half of the pairs B follows A; in the others B begins anywhere in a different document, and the sentences that
    it stands for are used again. In a tenth a random, shorter length is aimed at. What is too long is cut off the
    longer side, its front or its back at random. No side is empty.

    Args:
        lengths: Number of tokens of each sentence, at least 1, int32 [S].
        documents: Number of each sentence's document, int32 [S], not falling.
        budget: The most tokens of a pair, without [CLS] and [SEP]; at least 2.
        seed: Integers [2].

    Returns:
        Spans of tokens, int32 [P, 4]: A's first and one past its last, B's; and labels, int32 [P]: 0, B follows A; 1, B
        is from elsewhere; -1, it can't be told, for there was but one document. The pairs stand in random order.

    Reference: Devlin et al., 2018, appendix A.1, and create_pretraining_data.py of
    https://github.com/google-research/bert. There a chunk of one sentence always got a random B, so that more than
    half were random; here such a chunk takes one more sentence, and what remains uneven (documents of one sentence)
    is evened out among the others.

    Example:
    >>> import tensorflow as tf
    >>> spans, labels = sentence_pairs(tf.constant([4, 3, 5, 2, 6]), tf.constant([0, 0, 0, 1, 1]), 8, seed=[0, 0])
    >>> int(tf.reduce_max(spans[:, 1] - spans[:, 0] + spans[:, 3] - spans[:, 2]))
    8
    """
    seeds = tf.random.split(tf.cast(seed, tf.int32), 4)
    layout = _Layout.of(lengths, documents, most_sentences=4 * budget)
    several_documents = layout.num_documents > 1

    def next_round(round_number, position, balance, pairs, labels):
        """One more pair of every strand that isn't used up."""
        strand = tf.where(position < layout.strand_end)[:, 0]  # [A]
        draws = _Draws.of(seeds[0] + [0, round_number], tf.size(strand))
        begin = tf.gather(position, strand)

        target = tf.where(draws.aims_short < _SHORT_SHARE, _between(draws.short_target, 2, budget + 1), budget)
        first, end = layout.chunk(strand, begin, target)
        is_alone = end - first == 1
        cut = tf.where(is_alone, end, first + _between(draws.cut, 1, end - first))

        is_random = _is_random(draws.is_random, is_alone, balance) & several_documents
        # Where B is random, the sentence that remained is A alone, or it would remain again.
        remained = is_random & (first < begin)
        first, cut = tf.where(remained, first + 1, first), tf.where(remained, end, cut)

        missing = tf.maximum(target - layout.num_tokens(first, cut), 1)
        random_first, random_end = layout.run_of_another_document(strand, missing, draws)
        b_first, b_end = tf.where(is_random, random_first, cut), tf.where(is_random, random_end, end)

        sentences = tf.stack([first, cut, b_first, b_end], axis=1)  # [A, 4]
        is_pair = is_random | ~is_alone  # a lone sentence of a lone document has nothing to go with
        pairs = pairs.write(round_number, tf.boolean_mask(tf.gather(layout.token_begin, sentences), is_pair))
        labels = labels.write(round_number, tf.boolean_mask(tf.cast(is_random, tf.int32), is_pair))

        # The sentences whose place a random B took are used in the next round.
        position = tf.tensor_scatter_nd_update(position, strand[:, None], tf.where(is_random, cut, end))
        balance += _count(~is_random) - _count(is_random)
        return round_number + 1, position, balance, pairs, labels

    arrays = [
        tf.TensorArray(tf.int32, size=0, dynamic_size=True, infer_shape=False, element_shape=[None, *rest])
        for rest in ([4], [])
    ]
    *_, pairs, labels = tf.while_loop(
        lambda round_number, position, *_: tf.reduce_any(position < layout.strand_end),
        next_round,
        (0, layout.strand_begin, 0, *arrays),
    )
    pairs, labels = tf.reshape(pairs.concat(), [-1, 4]), labels.concat()
    labels = tf.where(several_documents, labels, -1)
    order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(labels)), seeds[1])
    return _truncated(tf.gather(pairs, order), budget, seeds[2]), tf.gather(labels, order)


class _Draws(NamedTuple):
    """All that is random in a round: numbers in [0, 1), each [A]. Stored runs depend on their order."""

    aims_short: tf.Tensor
    short_target: tf.Tensor
    cut: tf.Tensor
    is_random: tf.Tensor
    b_document: tf.Tensor
    b_first: tf.Tensor

    @classmethod
    def of(cls, seed, num_strands):
        return cls(*tf.unstack(tf.random.stateless_uniform([6, num_strands], seed)))


class _Layout(NamedTuple):
    """Where sentences, documents and strands stand."""

    token_begin: tf.Tensor  # where each sentence begins among the tokens, and where the last one ends [S + 1]
    document_begin: tf.Tensor  # the first sentence of each document [D]
    document_end: tf.Tensor  # [D]
    strand_document: tf.Tensor  # the document that each strand is a part of [K]
    strand_begin: tf.Tensor  # the first sentence of each strand [K]
    strand_end: tf.Tensor  # [K]

    @classmethod
    def of(cls, lengths, documents, most_sentences):
        """lengths and documents of sentences [S] -> their layout, with strands of at most so many sentences.

        Strands keep one long document from taking as many rounds as it has pairs.
        """
        token_begin = tf.concat([[0], tf.cumsum(lengths)], axis=0)
        _, _, num_sentences = tf.unique_with_counts(documents)  # [D]
        document_begin = tf.cumsum(num_sentences, exclusive=True)

        num_strands = (num_sentences + most_sentences - 1) // most_sentences  # [D]
        document = tf.repeat(tf.range(tf.size(num_strands)), num_strands)  # [K]
        number = tf.range(tf.size(document)) - tf.repeat(tf.cumsum(num_strands, exclusive=True), num_strands)
        begin, size, count = (tf.gather(part, document) for part in (document_begin, num_sentences, num_strands))
        return cls(
            token_begin=token_begin,
            document_begin=document_begin,
            document_end=document_begin + num_sentences,
            strand_document=document,
            strand_begin=begin + begin_of_part(size, count, number),
            strand_end=begin + begin_of_part(size, count, number + 1),
        )

    @property
    def num_documents(self):
        return tf.size(self.document_begin)

    def num_tokens(self, first, end):
        """runs of sentences [A] -> how many tokens they have [A]."""
        return tf.gather(self.token_begin, end) - tf.gather(self.token_begin, first)

    def end_of_run(self, first, num_tokens):
        """first sentences, numbers of tokens [A] -> the ends of the shortest runs that have as many [A]."""
        return tf.searchsorted(self.token_begin, tf.gather(self.token_begin, first) + num_tokens, side="left")

    def chunk(self, strand, begin, target):
        """strands, the sentences they have come to, tokens aimed at [A] -> the runs that they take next [A]."""
        strand_begin, strand_end = tf.gather(self.strand_begin, strand), tf.gather(self.strand_end, strand)
        end = tf.maximum(self.end_of_run(begin, target), begin + 2)  # of one sentence no B would follow
        end = tf.minimum(end, strand_end)

        # A sentence that remained alone goes with the one before it, if there is one.
        remained = end - begin == 1
        return tf.where(remained, tf.maximum(begin - 1, strand_begin), begin), end

    def run_of_another_document(self, strand, num_tokens, draws):
        """strands, numbers of tokens [A] -> runs of about as many, each from anywhere in a document not its own."""
        own = tf.gather(self.strand_document, strand)
        document = _between(draws.b_document, 0, self.num_documents - 1)
        document += tf.cast(document >= own, tf.int32)  # all but the own one, each as often
        document = tf.minimum(document, self.num_documents - 1)  # where there is but one

        document_begin, document_end = tf.gather(self.document_begin, document), tf.gather(self.document_end, document)
        first = document_begin + _between(draws.b_first, 0, document_end - document_begin)
        return first, tf.minimum(self.end_of_run(first, num_tokens), document_end)


def _is_random(uniform, is_alone, balance):
    """numbers in [0, 1), which chunks are one sentence [A], pairs that follow less random ones so far -> random B [A].

    A lone sentence needs a random B. Among the others, the free ones, the share brings the balance to 0 if it can:
    balance - alone + (1 - share) * free - share * free = 0.
    """
    num_alone, num_free = _count(is_alone), _count(~is_alone)
    surplus = balance - num_alone + num_free
    share = tf.cast(surplus, tf.float32) / tf.cast(tf.maximum(2 * num_free, 1), tf.float32)
    return is_alone | (uniform < share)


def begin_of_part(size, count, number):
    """sizes, of which each is cut in `count` equal parts, a part's number -> where it begins, int32."""
    product = tf.cast(number, tf.int64) * tf.cast(size, tf.int64)  # int32 would be too small for it
    return tf.cast(product // tf.cast(count, tf.int64), tf.int32)


def _truncated(pairs, budget, seed):
    """spans [P, 4] -> the same, cut to `budget` tokens: the longer side shrinks until both are equal, then both."""
    a_begin, a_end, b_begin, b_end = tf.unstack(pairs, axis=1)
    a_length, b_length = a_end - a_begin, b_end - b_begin
    excess = tf.maximum(a_length + b_length - budget, 0)
    level = tf.minimum(excess, tf.abs(a_length - b_length))  # what the longer side loses alone
    rest = excess - level
    a_loss = tf.where(a_length > b_length, level, 0) + rest // 2
    b_loss = excess - a_loss
    losses = tf.cast(tf.stack([a_loss, b_loss]), tf.float32)  # [2, P]
    front = tf.random.stateless_binomial(tf.shape(losses), seed, losses, tf.fill(tf.shape(losses), 0.5), tf.int32)
    return tf.stack(
        [a_begin + front[0], a_end - a_loss + front[0], b_begin + front[1], b_end - b_loss + front[1]], axis=1
    )


def _between(uniform, low, high):
    """numbers in [0, 1) -> integers in [low, high)."""
    return low + tf.cast(uniform * tf.cast(high - low, tf.float32), tf.int32)


def _count(flags):
    """bool [A] -> how many are True."""
    return tf.reduce_sum(tf.cast(flags, tf.int32))
