"""The masked-word head on a backbone: tied to the token table, and only where words are masked."""

import keras
import numpy as np
import pytest

from builders import BATCH, BUILDERS, HIDDEN, LENGTH, VOCABULARY, arrays, batch, build, inputs_of, shared

WITH_MASKED_WORDS = [name for name, builder in BUILDERS.items() if "mlm" in builder.outputs]


def table_of(model):
    return model.get_layer("embedding").token_embedding.embeddings


@pytest.mark.parametrize("after", ["building", "loading"])
@pytest.mark.parametrize("name", WITH_MASKED_WORDS)
def test_masked_word_logits_are_tied(tmp_path, name, after):
    model = build(name)
    if after == "loading":
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    assert sum(tuple(v.shape) == (VOCABULARY, HIDDEN) for v in model.variables) == 1
    inputs = inputs_of(name)
    inputs["token_ids"] %= 20
    before = arrays(model(inputs))["mlm"]
    table = keras.ops.convert_to_numpy(table_of(model)).copy()
    table[23] += np.linspace(0, 1, HIDDEN)  # a token that is in no input: only its own logit can change
    table_of(model).assign(table)
    moved = np.abs(arrays(model(inputs))["mlm"] - before).max(axis=(0, 1)) > 1e-5
    np.testing.assert_array_equal(moved, np.arange(VOCABULARY) == 23)


def test_gradients_reach_the_table_from_both_ends():
    """A token that is in no input and no target still gets a gradient, from the softmax."""
    import tensorflow as tf

    model, inputs = shared("masked_language_model"), inputs_of("masked_language_model")
    inputs["token_ids"] %= 20
    with tf.GradientTape() as tape:
        logits = model(inputs)["mlm"]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(np.full((3, 2), 4), logits))
    gradient = tf.convert_to_tensor(tape.gradient(loss, table_of(model).value)).numpy()
    assert (np.abs(gradient).max(axis=1) > 0).all()


def test_masked_word_logits_are_those_of_the_positions():
    model, inputs = shared("masked_language_model"), inputs_of("masked_language_model")
    everywhere = {**batch(), "mask_positions": np.tile(np.arange(LENGTH, dtype="int32"), (BATCH, 1))}
    whole = arrays(model(everywhere))["mlm"]
    some = arrays(model(inputs))["mlm"]
    for b, row in enumerate(inputs["mask_positions"]):
        for m, position in enumerate(row):
            np.testing.assert_allclose(some[b, m], whole[b, position], atol=1e-5)
