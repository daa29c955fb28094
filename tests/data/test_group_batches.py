"""Groups and pairs with scores to batches: what is in them, and what is refused before training."""

import functools
import operator

import numpy as np
import pytest

from keras_bert.data import LabelledTexts, embedding_batches, similarity_batches

GROUPS = [(f"{'good ' * (i % 5)}book", f"dull {'film ' * i}", "the the") for i in range(8)]


def rows_of(batch, tokenizer):
    """batch -> its rows as (text, *targets)."""
    inputs, targets = batch
    assert targets.shape[0] == inputs["token_ids"].shape[0]
    assert set(inputs) == {"token_ids", "segment_ids", "padding_mask"} and not inputs["segment_ids"].numpy().any()
    texts = [tokenizer.detokenize([i for i in row if i > 4]) for row in inputs["token_ids"].numpy().tolist()]
    return [(text, *numbers) for text, numbers in zip(texts, targets.numpy().tolist(), strict=True)]


def test_every_group_stays_together(tokenizer):
    batches = embedding_batches(GROUPS, tokenizer, batch_size=3, max_length=32, seed=0)
    assert len(batches) == 3
    found = []
    for batch in batches:
        groups = {}
        for text, group, role, _ in rows_of(batch, tokenizer):
            groups.setdefault(group, {})[role] = text
        assert [*groups] == [*range(len(groups))]
        found += [tuple(group[role] for role in range(3)) for group in groups.values()]
    assert sorted(found) == sorted(tuple(" ".join(text.split()) for text in row) for row in GROUPS)


def test_texts_are_the_same_where_their_tokens_are(tokenizer):
    """Whatever the case, and behind what is cut off."""
    rows = [("good", "BOOK book"), ("Good", "book book book"), ("dull", "book")]
    ((_, targets),) = embedding_batches(rows, tokenizer, batch_size=4, max_length=4)
    assert targets.numpy().tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 1], [0, 1, 2], [1, 1, 2], [2, 1, 3]]


def test_order_and_remainder(tokenizer):
    groups = [("good", "film " * (i + 1)) for i in range(7)]

    def lengths(**options):
        """-> of each batch the lengths of its positives."""
        batches = embedding_batches(groups, tokenizer, max_length=16, **options)
        found = [
            (inputs["padding_mask"].numpy().sum(axis=1)[len(targets) // 2 :] - 2).tolist()
            for inputs, targets in batches
        ]
        assert len(found) == len(batches)
        return found

    assert lengths(batch_size=4) == [[1, 2, 3, 4], [5, 6, 7]]
    assert lengths(batch_size=3, drop_remainder=True) == [[1, 2, 3], [4, 5, 6]]
    shuffled = lengths(batch_size=4, seed=1)
    assert sorted(functools.reduce(operator.iadd, shuffled, [])) == [*range(1, 8)] and shuffled != lengths(batch_size=4)
    assert lengths(batch_size=4, seed=1) == shuffled
    batches = embedding_batches(groups, tokenizer, batch_size=4, max_length=16, seed=1)
    first, second = ([targets.numpy().tolist() for _, targets in batches] for _ in range(2))
    assert first == second  # their numbers
    first, second = ([inputs["token_ids"].numpy().tolist() for inputs, _ in batches] for _ in range(2))
    assert first != second  # another epoch, another order


def test_prompts_come_before(tokenizer):
    ((inputs, targets),) = embedding_batches(
        [("book", "film", "dull"), ("a", "the", ".")], tokenizer, 2, 16, prompts=("good ", "very "), multiple_of=8
    )
    assert inputs["token_ids"].shape == (6, 8)
    texts = [row[0] for row in rows_of((inputs, targets), tokenizer)]
    assert texts == ["good book", "good a", "very film", "very the", "very dull", "very ."]


def test_texts_are_the_same_whatever_prompt_is_before_them(tokenizer):
    """The first anchor is the second positive: no negative of the first."""
    pairs = [("book", "film"), ("dull", "Book")]

    def texts(*prompts):
        ((_, targets),) = embedding_batches(pairs, tokenizer, 2, 16, prompts=prompts)
        return targets[:, 2].numpy().tolist()

    assert texts("", "") == texts("good ", "good ") == texts("good ", "very ") == texts("good ", "") == [0, 1, 2, 0]


def test_scores_stay_with_their_pairs(tokenizer):
    pairs = [("good " * i, "book " * (9 - i), str(i)) for i in range(1, 9)]
    batches = similarity_batches(LabelledTexts(pairs), tokenizer, batch_size=3, max_length=16, seed=1)
    assert len(batches) == 3
    seen = []
    for inputs, targets in batches:
        lengths = inputs["padding_mask"].numpy().sum(axis=1) - 2
        count = len(lengths) // 2
        np.testing.assert_array_equal(targets[:, 0], [*range(count)] * 2)
        np.testing.assert_array_equal(targets[:count, 1], lengths[:count])
        np.testing.assert_array_equal(targets[count:, 1], 9 - lengths[count:])
        seen += lengths[:count].tolist()
    assert sorted(seen) == [*range(1, 9)]


def test_a_single_pair_that_remains_is_left_out(tokenizer):
    """It has no other one to be compared with."""
    pairs = [("good", "book", str(i)) for i in range(7)]
    batches = similarity_batches(pairs, tokenizer, batch_size=3, max_length=8)
    assert [targets[:3, 1].numpy().tolist() for _, targets in batches] == [[0, 1, 2], [3, 4, 5]] and len(batches) == 2
    assert len(similarity_batches(pairs, tokenizer, batch_size=7, max_length=8)) == 1
    sizes = [len(targets) // 2 for _, targets in similarity_batches(pairs, tokenizer, batch_size=5, max_length=8)]
    assert sizes == [5, 2]


def test_scores_in_a_range_of_their_own(tokenizer):
    pairs = [("book", "film", "1"), ("book", "good", "4")]
    ((_, targets),) = similarity_batches(pairs, tokenizer, batch_size=2, max_length=8, score_range=(0, 5))
    np.testing.assert_allclose(targets[:, 1], [0.2, 0.8, 0.2, 0.8])


@pytest.mark.parametrize(
    ("groups", "options", "message"),
    [
        (GROUPS, {"batch_size": 1}, "`batch_size` must be at least 2: each group of the groups would be alone"),
        (GROUPS, {"batch_size": 7}, "The last one of 8 groups .*without negatives. Received: batch_size=7"),
        (GROUPS[:1], {"batch_size": 4}, "At least 2 groups are needed .*Received: 1"),
        (GROUPS[:3], {"batch_size": 4, "drop_remainder": True}, "At least 4 groups are needed .*Received: 3"),
        (GROUPS, {"batch_size": 4, "max_length": 2}, "`max_length` must be at least 3"),
        (GROUPS, {"batch_size": 4, "prompts": "query: "}, "`prompts` must be two strings"),
        ([("a", " ")], {"batch_size": 2}, "a blank text, the 2nd"),
        (GROUPS, {"batch_size": 4, "seed": "x"}, "`seed` must be an integer.*Received: seed='x'"),
        (GROUPS, {"batch_size": 4, "seed": 1.5}, "`seed` must be an integer.*Received: seed=1.5"),
    ],
)
def test_groups_that_cannot_be_learned_from_are_refused(tokenizer, groups, options, message):
    with pytest.raises(ValueError, match=message):
        embedding_batches(groups, tokenizer, **{"max_length": 8, **options})


@pytest.mark.parametrize(
    ("pairs", "options", "message"),
    [
        ([("a", "b", "1"), ("a", "c", "much")], {}, "Every label must be a number"),
        ([("a", "b", "1"), ("a", "c", "1")], {}, "nothing to learn"),
        ([("a", "b", "1"), ("a", " ", "2")], {}, r"1 pairs of the examples have a blank text \(number 2\)"),
        ([("a", "1"), ("b", "2")], {}, "Pairs of texts are needed"),
        ([("a", "b", "1"), ("a", "c", "2")], {"batch_size": 1}, "at least 2"),
        ([("a", "b", "1"), ("a", "c", "2")], {"score_range": (5, 5)}, "the lower first"),
        ([("a", "b", "1"), ("a", "c", "2")], {"score_range": 5}, "pair of numbers.*Received: score_range=5"),
        ([("a", "b", "1"), ("a", "c", "2")], {"score_range": ("x", 1)}, "numbers.*Received: score_range=.'x', 1"),
        ([("a", "b", "1"), ("a", "c", "2")], {"seed": "x"}, "`seed` must be an integer"),
    ],
)
def test_pairs_that_cannot_be_learned_from_are_refused(tokenizer, pairs, options, message):
    with pytest.raises(ValueError, match=message):
        similarity_batches(pairs, tokenizer, **{"batch_size": 2, "max_length": 8, **options})
