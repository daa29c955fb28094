"""Weights to start from: by hand, and what they are for."""

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.models import embedding_of
from keras_bert.training.initialization import neighbour_attention, unigram_bias


def new_backbone(**dimensions):
    keras.utils.set_random_seed(0)
    config = {"vocabulary_size": 29, "num_layers": 2, "num_heads": 6, "hidden_dim": 96, "intermediate_dim": 37}
    return keras_bert.backbone(keras_bert.BertConfig(**{**config, **dimensions}))


@pytest.fixture(scope="module")
def six_heads():
    """A backbone whose attention begins at the neighbours: heads of width 16."""
    model = new_backbone()
    neighbour_attention(model, seed=5)
    return model


def attention_of(model, token_ids, padding_mask):
    """Attention weights of the first layer [B, H, T, T], computed by hand."""
    layer = model.get_layer("encoder_0")
    vectors = embedding_of(model)(token_ids, padding_mask=padding_mask, training=False)
    query, key, _ = np.split(keras.ops.convert_to_numpy(layer.query_key_value(vectors)), 3, axis=-1)
    query, key = (part.reshape(*token_ids.shape, layer.num_heads, -1).transpose(0, 2, 1, 3) for part in (query, key))
    scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(query.shape[-1])
    scores = np.where((padding_mask[:, :, None] == padding_mask[:, None, :])[:, None], scores, -np.inf)
    return keras.ops.convert_to_numpy(keras.ops.softmax(scores))


def test_heads_begin_at_the_neighbours(six_heads):
    """Whatever the tokens are; also within the sequences of a packed row."""
    token_ids = np.random.default_rng(0).integers(0, 29, (3, 18))
    padding_mask = np.array([[1] * 18, [1] * 7 + [2] * 11, [1] * 9 + [2] * 6 + [0] * 3])
    found = attention_of(six_heads, token_ids, padding_mask).argmax(-1)  # [B, H, T]
    places = np.arange(18)
    for head, distance in enumerate((-1, 1, -1, 1, -2, 2)):
        there = np.clip(places + distance, 0, 17)
        inside = (padding_mask[:, there] == padding_mask) & (padding_mask > 0) & (there == places + distance)
        assert inside.sum() > 35
        np.testing.assert_array_equal(found[:, head][inside], np.broadcast_to(there, (3, 18))[inside])


@pytest.mark.parametrize(
    ("num_heads", "head_dim", "length", "least"), [(3, 64, 128, 0.98), (2, 64, 512, 0.9), (5, 16, 128, 0.9)]
)
def test_attention_is_sharp(num_heads, head_dim, length, least):
    model = new_backbone(num_heads=num_heads, hidden_dim=num_heads * head_dim)
    neighbour_attention(model, seed=1)
    token_ids = np.random.default_rng(0).integers(0, 29, (1, length))
    found = attention_of(model, token_ids, np.ones_like(token_ids))[0]  # [H, T, T]
    for head, distance in enumerate((-1, 1, -1, 1, -2)[:num_heads]):
        assert np.mean(np.diagonal(found[head], distance)) > least


def test_the_seed_decides_and_nothing_else_is_touched():
    before, same, again, other = (new_backbone() for _ in range(4))
    for model, seed in ((same, 3), (again, 3), (other, 4)):
        neighbour_attention(model, seed)
    changed = []
    for old, *new in zip(before.weights, same.weights, again.weights, other.weights, strict=True):
        old, first, second, third = (keras.ops.convert_to_numpy(weight) for weight in (old, *new))
        np.testing.assert_array_equal(first, second)
        if "token_embedding" in new[0].path or "segment_embedding" in new[0].path:
            np.testing.assert_array_equal(first[:, 16:], old[:, 16:])
        elif not np.array_equal(first, old):
            changed.append(new[0].path)
            assert not np.array_equal(first, third)
    assert changed == [
        "embedding/position_embedding/embeddings",
        "encoder_0/query_key_value/kernel",
        "encoder_0/attention_output/kernel",
    ]


def test_heads_copy_different_dimensions_of_the_tokens_alone(six_heads):
    layer = six_heads.get_layer("encoder_0")
    kernel = keras.ops.convert_to_numpy(layer.query_key_value.kernel).reshape(96, 3, 6, 16)
    values, outputs = kernel[:, 2], keras.ops.convert_to_numpy(layer.attention_output.kernel).reshape(6, 16, 96)
    for head, other in ((0, 2), (1, 3)):  # two that look at the same neighbour
        both = np.concatenate([values[:, head], values[:, other]], axis=1)
        np.testing.assert_allclose(both.T @ both, np.eye(32), atol=1e-4)
        both = np.concatenate([outputs[head], outputs[other]])
        np.testing.assert_allclose(both @ both.T, np.eye(32), atol=1e-4)
    assert not values[:16].any() and not outputs[..., :16].any() and not kernel[16:, :2].any()
    embedding = embedding_of(six_heads)
    for table in (embedding.token_embedding, embedding.segment_embedding):
        values = keras.ops.convert_to_numpy(table.embeddings)
        assert not values[:, :16].any() and values[:, 16:].all()
    positions = keras.ops.convert_to_numpy(embedding.position_embedding.embeddings)
    assert positions[:, :16].std() == pytest.approx(0.02, rel=0.1) and not positions[:, 16:].any()


def test_neighbours_are_learned_from_few_steps():
    """Each word tells the next: masked words are found after steps that find less than half of them otherwise."""
    generator = np.random.default_rng(0)
    token_ids = (generator.integers(0, 23, (64, 1)) + 7 * np.arange(17)) % 23 + 6
    places = generator.permuted(np.tile(np.arange(1, 16), (64, 1)), axis=1)[:, :2]
    rows = np.arange(64)[:, None]
    labels = token_ids[rows, places]
    masked = token_ids.copy()
    masked[rows, places] = 4
    inputs = {"token_ids": masked, "segment_ids": 0 * masked, "padding_mask": 0 * masked + 1, "mask_positions": places}
    config = keras_bert.BertConfig(
        vocabulary_size=29, num_layers=2, num_heads=4, hidden_dim=48, intermediate_dim=96, dropout=0.0,
        attention_dropout=0.0, max_sequence_length=17,
    )  # fmt: skip
    accuracy = {}
    for begun in (False, True):
        keras.utils.set_random_seed(0)
        model = keras_bert.masked_language_model(keras_bert.backbone(config))
        if begun:
            neighbour_attention(model)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras_bert.AdamW(3e-3), loss={"mlm": loss}, metrics={"mlm": ["accuracy"]})
        history = model.fit(inputs, {"mlm": labels}, batch_size=16, epochs=12, verbose=0)
        accuracy[begun] = history.history["accuracy"][-1]
    assert accuracy[True] > 0.9 and accuracy[False] < 0.5


@pytest.mark.parametrize(("num_heads", "hidden_dim"), [(1, 16), (4, 24), (4, 36)])
def test_heads_that_cannot_tell_places_apart_are_refused(num_heads, hidden_dim):
    with pytest.raises(ValueError, match=f"Received: num_heads={num_heads} of width {hidden_dim // num_heads}. Choose"):
        neighbour_attention(new_backbone(num_heads=num_heads, hidden_dim=hidden_dim))


def test_a_trained_model_is_refused():
    model = new_backbone()
    model.get_layer("encoder_0").query_key_value.bias.assign(np.full(288, 1e-3))
    with pytest.raises(ValueError, match="must be new"):
        neighbour_attention(model)


@pytest.mark.parametrize("builder", ["pretrainer", "masked_language_model"])
def test_the_bias_predicts_how_often_words_come(builder, small_config):
    model = getattr(keras_bert, builder)(keras_bert.backbone(small_config))
    counts = np.arange(15) ** 3
    unigram_bias(model, counts)
    inputs = {
        "token_ids": np.array([[2, 4, 9, 3]]),
        "segment_ids": np.zeros((1, 4), "int32"),
        "padding_mask": np.ones((1, 4), "int32"),
        "mask_positions": np.array([[1, 2]]),
        "cls_positions": np.array([[0]]),
    }
    logits = model.predict({layer.name: inputs[layer.name] for layer in model.inputs}, verbose=0)["mlm"]
    predicted = keras.ops.convert_to_numpy(keras.ops.softmax(logits))  # [1, 2, 15]
    frequencies = (counts + 0.5) / (counts.sum() + 7.5)
    np.testing.assert_allclose(predicted[0], [frequencies] * 2, atol=0.03)


@pytest.mark.parametrize("counts", [np.ones(14), np.ones((15, 1)), -np.ones(15), 3])
def test_counts_that_do_not_fit_are_refused(counts, small_config):
    model = keras_bert.pretrainer(keras_bert.backbone(small_config))
    with pytest.raises(ValueError, match=r"one number of at least 0 for each of the 15 tokens. Received: an array of"):
        unigram_bias(model, counts)
