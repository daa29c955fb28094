"""Sentence pairs of next-sentence prediction, checked against the rules in plain Python."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.data.pretraining.sentence_pairs import begin_of_part, sentence_pairs

_PAIRS = tf.function(sentence_pairs, reduce_retracing=True)  # one trace for all of the tests


def pairs_of(sizes, budget, seed=(0, 0)):
    """For each document the numbers of tokens of its sentences -> spans [P, 4] and labels [P]."""
    lengths = np.concatenate(sizes).astype("int32")
    documents = np.repeat(np.arange(len(sizes)), [len(sentences) for sentences in sizes]).astype("int32")
    spans, labels = _PAIRS(tf.constant(lengths), tf.constant(documents), tf.constant(budget), tf.constant(seed))
    return spans.numpy(), labels.numpy()


def random_sizes(num_documents, most_sentences, most_tokens, seed=0):
    """Documents of random numbers of sentences of random numbers of tokens."""
    generator = np.random.default_rng(seed)
    return [
        generator.integers(1, most_tokens + 1, generator.integers(1, most_sentences + 1)) for _ in range(num_documents)
    ]


def documents_of_tokens(sizes):
    """For each token the number of its document, and whether it begins a sentence."""
    document = np.repeat(np.arange(len(sizes)), [sum(sentences) for sentences in sizes])
    begins = np.zeros(len(document) + 1, bool)
    begins[np.concatenate([[0], np.cumsum(np.concatenate(sizes))])] = True
    return document, begins


@pytest.mark.parametrize(
    ("sizes", "budget"),
    [
        (random_sizes(211, 23, 17), 61),
        (random_sizes(97, 9, 31, seed=1), 29),
        (random_sizes(53, 3, 5, seed=2), 2),
        (random_sizes(53, 1, 13, seed=3), 11),
        (random_sizes(2, 37, 13, seed=4), 509),
    ],
)
def test_every_pair_keeps_the_rules(sizes, budget):
    spans, labels = pairs_of(sizes, budget)
    document, _ = documents_of_tokens(sizes)
    assert spans.dtype == labels.dtype == np.int32 and len(spans) == len(labels) > 0
    for (a_begin, a_end, b_begin, b_end), label in zip(spans.tolist(), labels.tolist(), strict=True):
        assert 0 <= a_begin < a_end <= len(document) and 0 <= b_begin < b_end <= len(document)
        assert a_end - a_begin + b_end - b_begin <= budget
        assert len(set(document[a_begin:a_end])) == len(set(document[b_begin:b_end])) == 1
        if label == 0:
            assert document[a_begin] == document[b_begin] and a_end <= b_begin
        else:
            assert label == 1 and document[a_begin] != document[b_begin]


def test_what_is_too_long_loses_the_longer_side_at_either_end():
    sizes = [np.array([23, 23]), np.array([9, 31])] * 300
    spans, labels = pairs_of(sizes, 31)
    starts = np.cumsum([0] + [46, 40] * 300)[:-1]
    cut_in_front = cut_behind = 0
    for (a_begin, a_end, b_begin, b_end), label in zip(spans.tolist(), labels.tolist(), strict=True):
        assert a_end - a_begin + b_end - b_begin <= 31
        if label == 0:
            number = np.searchsorted(starts, a_begin, side="right") - 1
            first = 9 if number % 2 else 23
            assert (a_end - a_begin, b_end - b_begin) == ((9, 22) if number % 2 else (a_end - a_begin, b_end - b_begin))
            assert min(a_end - a_begin, b_end - b_begin) >= min(first, 15)
            cut_in_front += b_begin > starts[number] + first
            cut_behind += b_end < starts[number] + (40 if number % 2 else 46)
    assert 0.9 * (labels == 0).sum() < min(cut_in_front, cut_behind)  # 9 tokens or 8 that all fall off one end are rare


def whole_pairs(seed):
    """Documents, and their pairs with a budget so large that only the short ones end before their document."""
    sizes = random_sizes(151, 29, 7, seed)
    return sizes, *pairs_of(sizes, 1009, seed=(seed, 1))


def test_where_nothing_is_cut_b_follows_directly_and_all_is_sentences():
    for seed in range(3):
        sizes, spans, labels = whole_pairs(seed)
        _, begins = documents_of_tokens(sizes)
        assert begins[spans].all()
        follows = spans[labels == 0]
        assert (follows[:, 1] == follows[:, 2]).all()


def test_every_sentence_is_used():
    for seed in range(3):
        sizes, spans, labels = whole_pairs(seed)
        used = np.zeros(sum(map(sum, sizes)), int)
        for (a_begin, a_end, b_begin, b_end), label in zip(spans, labels, strict=True):
            used[a_begin:a_end] += 1
            if label == 0:
                used[b_begin:b_end] += 1
        assert used.min() == 1
        assert used.mean() < 1.1  # only a sentence that remained alone takes one with it a second time


@pytest.mark.parametrize(
    ("most_sentences", "most_tokens", "budget"), [(60, 23, 61), (9, 31, 123), (60, 23, 507), (3, 9, 507)]
)
def test_half_of_the_pairs_are_random(most_sentences, most_tokens, budget):
    labels = []
    while len(labels) < 20_000:
        sizes = random_sizes(700, most_sentences, most_tokens, seed=len(labels))
        if most_sentences == 3:  # a document of one sentence has nothing to follow
            sizes = [np.repeat(sentences, 2) for sentences in sizes]
        labels += pairs_of(sizes, budget, seed=(len(labels), 0))[1].tolist()
    assert np.mean(labels) == pytest.approx(0.5, abs=0.01)


def test_documents_of_one_sentence_are_evened_out():
    sizes = random_sizes(300, 1, 9) + random_sizes(300, 40, 9, seed=1)
    _, labels = pairs_of(sizes, 37)
    assert np.mean(labels) == pytest.approx(0.5, abs=0.02)


def test_documents_of_one_sentence_alone_are_all_random():
    spans, labels = pairs_of(random_sizes(37, 1, 9), 61)
    assert labels.tolist() == [1] * 37
    assert len({a_begin for a_begin, *_ in spans.tolist()}) == 37


def test_a_random_b_comes_from_anywhere():
    sizes = random_sizes(7, 31, 3, seed=5)
    document, _ = documents_of_tokens(sizes)
    found = collections.defaultdict(set)
    for seed in range(150):
        spans, labels = pairs_of(sizes, 23, seed=(seed, 0))
        for a_begin, _, b_begin, _ in spans[labels == 1].tolist():
            found[document[a_begin]].add(int(document[b_begin]))
    assert found == {own: set(range(7)) - {own} for own in found}
    assert len(found) >= 6


def test_a_tenth_aim_at_a_random_shorter_length():
    sizes = [np.ones(4 * 101, int) for _ in range(997)]
    spans, labels = pairs_of(sizes, 101)
    size = spans[:, 1] - spans[:, 0] + spans[:, 3] - spans[:, 2]
    first = (spans[:, 0] % 404 == 0) & (labels == 0)  # their first pairs end before their documents do
    assert first.sum() > 400
    assert np.mean(size[first] < 101) == pytest.approx(0.1, abs=0.05)
    assert size[first & (size < 101)].min() < 30 and size[first & (size < 101)].max() > 70


def test_where_a_ends_is_random():
    spans, labels = pairs_of([np.ones(61, int)] * 2003, 61)
    a_length = (spans[:, 1] - spans[:, 0])[(spans[:, 0] % 61 == 0) & (labels == 0)]
    assert np.bincount(a_length, minlength=61)[1:61].min() > 0
    assert a_length.mean() == pytest.approx(29, abs=3)


def test_one_document_tells_nothing():
    spans, labels = pairs_of([np.arange(1, 30)], 31)
    assert len(labels) >= 5 and set(labels.tolist()) == {-1}
    assert (spans[:, 1] <= spans[:, 2]).all()
    assert (spans[:, 1] > spans[:, 0]).all() and (spans[:, 3] > spans[:, 2]).all()


def test_one_sentence_or_none_makes_no_pair():
    assert pairs_of([np.array([7])], 31)[0].shape == (0, 4)
    assert pairs_of([np.array([], int)], 31)[0].shape == (0, 4)


def test_a_very_long_document_is_used_whole():
    generator = np.random.default_rng(0)
    sizes = [generator.integers(1, 31, 20_003), np.array([3, 5, 7])]
    spans, labels = pairs_of(sizes, 125)
    assert len(labels) > 2000 and np.mean(labels) == pytest.approx(0.5, abs=0.02)
    used = np.zeros(sum(map(sum, sizes)) + 1, int)
    for (a_begin, a_end, b_begin, b_end), label in zip(spans, labels, strict=True):
        used[a_begin:a_end] += 1
        used[b_begin:b_end] += label == 0
    assert np.mean(used > 0) > 0.85  # the rest was cut off


def test_pairs_are_those_of_the_seed():
    sizes = random_sizes(31, 17, 9)
    first, labels = pairs_of(sizes, 61, seed=(3, 4))
    tf.random.set_seed(5)
    again, labels_again = pairs_of(sizes, 61, seed=(3, 4))
    assert (first == again).all() and (labels == labels_again).all()
    other, _ = pairs_of(sizes, 61, seed=(3, 5))
    assert other.shape != first.shape or (other != first).any()


def test_pairs_stand_in_random_order():
    spans, _ = pairs_of(random_sizes(311, 5, 9), 61)
    order = spans[:, 0]
    assert abs(np.corrcoef(order, np.arange(len(order)))[0, 1]) < 0.2


def test_parts_are_equal_also_of_what_is_long():
    """The product of a place and a length would be beyond int32."""
    size, count = 1_000_003, 15_000
    begins = begin_of_part(tf.fill([count + 1], size), tf.fill([count + 1], count), tf.range(count + 1)).numpy()
    assert (begins[0], begins[-1]) == (0, size)
    assert set(np.diff(begins)) == {66, 67}
