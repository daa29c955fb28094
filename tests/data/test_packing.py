"""Rows of a batch: what is packed, cut, padded and grouped."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.data import length_bucketed, model_inputs, pack, pad


def test_inputs_by_hand(tokenizer):
    inputs = model_inputs(["The good books.", "", "dull"], tokenizer, max_length=9)
    assert {key: value.numpy().tolist() for key, value in inputs.items()} == {
        "token_ids": [[2, 10, 5, 7, 11, 14, 3], [2, 3, 0, 0, 0, 0, 0], [2, 6, 3, 0, 0, 0, 0]],
        "segment_ids": [[0] * 7] * 3,
        "padding_mask": [[1] * 7, [1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0]],
    }
    assert {value.dtype for value in inputs.values()} == {tf.int32}


def test_long_texts_lose_their_end_but_keep_sep(tokenizer):
    rows = pack(tokenizer(["good dull book film a the", "good"]), tokenizer, max_length=5)
    assert rows["token_ids"].to_list() == [[2, 5, 6, 7, 3], [2, 5, 3]]


def test_no_text_at_all_gives_no_row(tokenizer):
    inputs = model_inputs(tf.constant([], tf.string), tokenizer, max_length=5)
    assert inputs["token_ids"].shape[0] == 0


@pytest.mark.parametrize("max_length", [0, 2, -5, 7.5])
def test_max_length_without_room_is_refused(tokenizer, max_length):
    with pytest.raises(ValueError, match="max_length"):
        model_inputs(["good"], tokenizer, max_length)


def bucketed(tokenizer, lengths, batch_size, seed=None, epochs=1):
    """lengths of texts -> per epoch, the batches as (rows, width, labels)."""
    texts = [" ".join(["good"] * length) for length in lengths]
    rows = tf.data.Dataset.from_tensor_slices((pack(tokenizer(texts), tokenizer, 60), np.arange(len(texts))))
    rows = rows.map(lambda row, label: (tf.nest.map_structure(tf.convert_to_tensor, row), label))
    dataset = length_bucketed(rows, tokenizer, batch_size, seed)
    return [
        [(*inputs["token_ids"].shape, labels.numpy().tolist(), inputs) for inputs, labels in dataset]
        for _ in range(epochs)
    ]


def test_every_example_comes_once_with_its_own_label(tokenizer):
    lengths = np.random.default_rng(0).integers(0, 40, 203)
    (batches,) = bucketed(tokenizer, lengths, batch_size=7, seed=3)
    assert [rows for rows, *_ in batches].count(7) == 29 and len(batches) == 29
    seen = {}
    for _, _, labels, inputs in batches:
        real = inputs["padding_mask"].numpy().sum(axis=1) - 2
        seen.update(zip(labels, real.tolist(), strict=True))
    assert seen == dict(enumerate(lengths.tolist()))


def test_little_is_padded(tokenizer):
    lengths = np.random.default_rng(0).integers(1, 50, 640)
    (batches,) = bucketed(tokenizer, lengths, batch_size=8, seed=0)
    cells = sum(rows * width for rows, width, *_ in batches)
    real = sum(int(inputs["padding_mask"].numpy().sum()) for *_, inputs in batches)
    assert 1 - real / cells < 0.08


def test_the_last_batch_alone_is_short(tokenizer):
    (batches,) = bucketed(tokenizer, [5] * 10, batch_size=4)
    assert [rows for rows, *_ in batches] == [4, 4, 2]


def test_epochs_differ_and_a_seed_repeats_them(tokenizer):
    lengths = np.random.default_rng(1).integers(1, 30, 120)

    def labels(seed):
        return [[batch[2] for batch in epoch] for epoch in bucketed(tokenizer, lengths, 8, seed, epochs=2)]

    first, again, other = labels(5), labels(5), labels(6)
    assert first == again
    assert first[0] != first[1]
    assert first != other


def test_without_a_seed_the_order_is_by_length(tokenizer):
    (batches,) = bucketed(tokenizer, [9, 1, 5, 3, 7], batch_size=2)
    assert [batch[2] for batch in batches] == [[1, 3], [2, 4], [0]]


def test_width_is_rounded_up(tokenizer):
    padded = pad({"token_ids": tf.ragged.constant([[2, 3], [2, 5, 6, 7, 3]], dtype=tf.int32)}, tokenizer, multiple_of=4)
    assert padded["token_ids"].shape == (2, 8)
    assert padded["padding_mask"].numpy().sum(axis=1).tolist() == [2, 5]


def test_pad_uses_the_tokenizers_padding(tokenizer):
    padded = pad({"token_ids": tf.ragged.constant([[2, 3], [2, 5, 3]], dtype=tf.int32)}, tokenizer)
    assert padded["token_ids"].numpy().tolist() == [[2, 3, tokenizer.padding_id], [2, 5, 3]]


def test_pairs_by_hand(tokenizer):
    inputs = model_inputs(["The good book", "dull"], tokenizer, max_length=9, second_texts=["a film", ""])
    assert {key: value.numpy().tolist() for key, value in inputs.items()} == {
        "token_ids": [[2, 10, 5, 7, 3, 9, 8, 3], [2, 6, 3, 3, 0, 0, 0, 0]],
        "segment_ids": [[0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 0]],
        "padding_mask": [[1] * 8, [1, 1, 1, 1, 0, 0, 0, 0]],
    }


def test_of_pairs_the_longer_is_cut_first_as_tokenizers_does(tokenizer):
    tokenizers = pytest.importorskip("tokenizers")
    reference = tokenizers.BertWordPieceTokenizer(dict(tokenizer.vocabulary))
    lengths = [(i, j) for i in range(9) for j in range(9)]
    texts = [(" ".join(["good"] * i), " ".join(["dull"] * j)) for i, j in lengths]
    for max_length in range(5, 15):
        reference.enable_truncation(max_length, strategy="longest_first")
        first, second = map(list, zip(*texts, strict=True))
        rows = pack(tokenizer(first), tokenizer, max_length, tokenizer(second))
        expected = reference.encode_batch(texts)
        assert rows["token_ids"].to_list() == [encoding.ids for encoding in expected], max_length
        assert rows["segment_ids"].to_list() == [encoding.type_ids for encoding in expected], max_length


def test_labels_and_weights_of_tokens_are_padded_with_their_row(tokenizer):
    rows = tf.ragged.constant([[2, 5, 3], [2, 5, 5, 5, 3], [2, 3]], dtype=tf.int32)
    examples = tf.data.Dataset.from_tensor_slices(({"token_ids": rows}, rows * 10, {"weight": rows * 0 + 1}))
    examples = examples.map(lambda *example: tf.nest.map_structure(tf.convert_to_tensor, example))
    (batch,) = length_bucketed(examples, tokenizer, batch_size=4, multiple_of=3)
    inputs, labels, weights = batch
    assert labels.numpy().tolist() == [[20, 30, 0, 0, 0, 0], [20, 50, 30, 0, 0, 0], [20, 50, 50, 50, 30, 0]]
    np.testing.assert_array_equal(inputs["token_ids"], labels // 10)
    np.testing.assert_array_equal(weights["weight"], inputs["padding_mask"])
