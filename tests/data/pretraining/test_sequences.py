"""Sequences of whole sentences for masked words alone, checked against the rule in plain Python."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.data.pretraining.sequences import document_sequences

_SEQUENCES = tf.function(document_sequences, reduce_retracing=True)  # one trace for all of the tests


def sequences_of(sizes, budget, seed=(0, 0)):
    """For each document the numbers of tokens of its sentences -> spans of tokens, in order of their seed."""
    lengths = np.concatenate([*sizes, []]).astype("int32")
    documents = np.repeat(np.arange(len(sizes)), [len(sentences) for sentences in sizes]).astype("int32")
    spans = _SEQUENCES(tf.constant(lengths), tf.constant(documents), tf.constant(budget), tf.constant(seed))
    assert spans.dtype == tf.int32 and spans.shape[1] == 2
    return spans.numpy().tolist()


def greedy(sizes, budget):
    """The rule in plain Python: each sentence goes to the sequence before it if it is its document's and has room."""
    spans, token = [], 0
    for sentences in sizes:
        begin = token
        for length in sentences:
            if token + length - begin > budget:
                spans.append([begin, token])
                begin = token
            token += length
        spans.append([begin, token])
    return spans


def random_sizes(num_documents, most_sentences, most_tokens):
    generator = np.random.default_rng(num_documents)
    return [
        generator.integers(1, most_tokens + 1, generator.integers(1, most_sentences + 1)).tolist()
        for _ in range(num_documents)
    ]


def test_sequences_by_hand():
    # Two sentences fill the room of 7; the third goes alone, the next document's first not with it.
    assert sorted(sequences_of([[3, 4, 2], [5, 1, 1, 7]], 7)) == [[0, 7], [7, 9], [9, 16], [16, 23]]


@pytest.mark.parametrize(
    ("num_documents", "most_sentences", "most_tokens", "budget"),
    [(97, 23, 17, 59), (53, 1, 13, 13), (31, 9, 7, 7), (2, 3001, 29, 59), (1, 37, 3, 1009)],
)
def test_documents_are_cut_as_in_plain_python(num_documents, most_sentences, most_tokens, budget):
    sizes = random_sizes(num_documents, most_sentences, most_tokens)
    assert sorted(sequences_of(sizes, budget)) == greedy(sizes, budget)


@pytest.mark.parametrize(("sizes", "expected"), [([], []), ([[5]], [[0, 5]]), ([[1], [1]], [[0, 1], [1, 2]])])
def test_small_cases(sizes, expected):
    assert sorted(sequences_of(sizes, 5)) == expected


def test_the_order_is_that_of_the_seed():
    sizes = random_sizes(31, 17, 9)
    first = sequences_of(sizes, 29, seed=(3, 4))
    tf.random.set_seed(5)
    assert sequences_of(sizes, 29, seed=(3, 4)) == first
    other = sequences_of(sizes, 29, seed=(3, 5))
    assert other != first and sorted(other) == sorted(first) != first
