"""Labelled texts to batches: what is in them, and what is refused."""

import numpy as np
import pytest

from keras_bert.data import LabelledTexts, classification_batches, regression_batches

PAIRS = [("a good book", "yes"), ('the "film", dull', "no"), ("very good", "yes")]


def test_batches_hold_every_example_with_its_class(tokenizer):
    examples = LabelledTexts([*PAIRS, ("dull dull dull", "no"), ("book", "yes")])
    batches = classification_batches(examples, tokenizer, ["yes", "no"], batch_size=2, max_length=8, seed=0)
    assert len(batches) == 3
    found = sorted(
        (tokenizer.detokenize([i for i in row if i > 4]), int(number))
        for inputs, numbers in batches
        for row, number in zip(inputs["token_ids"].numpy().tolist(), numbers, strict=True)
    )
    assert found == [("a good book", 0), ("book", 0), ("dull dull dull", 1), ("the film dull", 1), ("very good", 0)]


def test_a_list_of_pairs_will_do(tokenizer):
    (batch,) = classification_batches(PAIRS, tokenizer, ["yes", "no"], batch_size=4, max_length=8, multiple_of=8)
    assert batch[0]["token_ids"].shape == (3, 8)


def test_very_long_texts_pass_in_small_pieces(tokenizer):
    texts = [("good " * 150_000, "yes"), ("dull", "no")] * 4
    batches = classification_batches(texts, tokenizer, ["yes", "no"], batch_size=8, max_length=16, seed=0)
    ((inputs, _),) = batches
    assert sorted(inputs["padding_mask"].numpy().sum(axis=1).tolist()) == [3] * 4 + [16] * 4


def test_an_unknown_label_is_refused(tokenizer):
    with pytest.raises(ValueError, match=r"there are others: 'yes' \(2 examples\)"):
        classification_batches(LabelledTexts(PAIRS), tokenizer, ["no", "maybe"], batch_size=2, max_length=8)


def test_one_class_is_refused(tokenizer):
    examples = LabelledTexts([("good", "yes"), ("book", "yes")])
    with pytest.raises(ValueError, match="at least 2 classes"):
        classification_batches(examples, tokenizer, examples.labels, batch_size=2, max_length=8)


def test_scores_stay_with_their_pairs(tokenizer):
    pairs = [("good " * i, "book", str(i / 2)) for i in range(1, 8)]
    batches = regression_batches(pairs, tokenizer, batch_size=3, max_length=16, seed=1)
    assert len(batches) == 3
    for inputs, scores in batches:
        assert scores.shape[1:] == (1,)
        first = (inputs["padding_mask"].numpy() * (1 - inputs["segment_ids"].numpy())).sum(axis=1) - 2
        np.testing.assert_array_equal(scores[:, 0], first / 2)


def test_labels_that_are_no_numbers_are_refused(tokenizer):
    with pytest.raises(ValueError, match="must be a number"):
        regression_batches(PAIRS, tokenizer, batch_size=2, max_length=8)


def test_labels_are_strings(tokenizer):
    with pytest.raises(ValueError, match=r"`labels` must be strings.*Received: labels=\[0, 1\]"):
        classification_batches([("a", "0"), ("b", "1")], tokenizer, [0, 1], batch_size=2, max_length=8)


def test_pairs_need_room_for_both(tokenizer):
    with pytest.raises(ValueError, match=r"at least 5.*Received: max_length=4"):
        classification_batches([("a", "b", "1"), ("a", "c", "2")], tokenizer, ["1", "2"], batch_size=2, max_length=4)


def test_several_labels_are_ones_among_zeros(tokenizer):
    texts = [("good " * i, [name for name in "abc" if i & 1 << ord(name) - 97]) for i in range(1, 8)]
    batches = classification_batches([*texts, ("film", [])], tokenizer, ["c", "a", "b"], 3, max_length=16, seed=1)
    assert batches.element_spec[1].shape.as_list() == [None, 3] and batches.element_spec[1].dtype == "float32"
    for inputs, classes in batches:
        lengths = (inputs["token_ids"].numpy() == tokenizer.token_to_id("good")).sum(axis=1)
        np.testing.assert_array_equal(classes @ np.array([[4.0], [1.0], [2.0]], "float32"), lengths[:, None])
    [(_, one)] = classification_batches([("good", ["a"]), ("dull", [])], tokenizer, ["a"], 2, max_length=8)
    assert one.numpy().tolist() == [[1.0], [0.0]]
