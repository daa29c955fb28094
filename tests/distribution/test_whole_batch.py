"""Losses of whole batches in parts: with dropout too the gradient is exact; what can't be done right is refused.

tests/distribution/test_strategies.py has the weights on several devices.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.distribution.whole_batch import WholeBatchLoss, seeing
from keras_bert.training.losses import CoSENT, InBatchNegatives
from small_task import config, ranking, similarity


def embedder(accumulate=1, loss=None, dropout=0.0):
    keras.utils.set_random_seed(0)
    fields = {**vars(config()), "dropout": dropout, "attention_dropout": dropout}
    model = keras_bert.text_embedder(keras_bert.backbone(keras_bert.BertConfig(**fields)))
    model.compile(keras_bert.AdamW(1e-3), loss or InBatchNegatives(), accumulate=accumulate)
    return model


@pytest.mark.parametrize(("rows", "parts"), [(7, 3), (5, 4)])
def test_parts_drop_the_same_in_both_passes(rows, parts):
    """The gradient is that of the whole batch through the very activations that the loss was computed from."""
    x, y = (tf.nest.map_structure(tf.convert_to_tensor, part) for part in ranking(np.random.default_rng(0), rows))
    in_parts, by_hand = (embedder(parts, dropout=0.4) for _ in range(2))
    gradients = tf.function(lambda: in_parts._gradients_of_whole(x, y, None))()

    size = -(-rows // parts)
    slices = [slice(min(rows, i * size), min(rows, (i + 1) * size)) for i in range(parts)]
    with tf.GradientTape() as tape:
        vectors = [by_hand._vectors({key: value[one] for key, value in x.items()}) for one in slices]
        loss = InBatchNegatives()(y, tf.concat(vectors, axis=0))
    assert float(in_parts.get_metrics_result()["loss"]) == pytest.approx(float(loss), rel=1e-5)
    expected = tape.gradient(loss, by_hand.trainable_weights)
    for got, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got, tf.convert_to_tensor(wanted), rtol=1e-4, atol=2e-5)
    assert max(float(tf.reduce_max(tf.abs(one))) for one in gradients) > 1e-2
    seeds = [
        [variable.numpy() for variable in model.variables if variable.name == "seed_generator_state"]
        for model in (in_parts, by_hand)
    ]
    np.testing.assert_array_equal(*seeds)  # the next step goes on from there


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_padding_is_left_out_and_changes_nothing(pooling):
    x, y = ranking(np.random.default_rng(0), 7)
    x["padding_mask"][:, 5:] = 0
    x["padding_mask"][2, 5:] = 1
    x["padding_mask"][4, 1:3] = 0  # a hole, and a token beyond all padding
    x["padding_mask"][4, 6] = 1
    x = {name: tf.constant(value) for name, value in x.items()}
    model = keras_bert.text_embedder(keras_bert.backbone(config()), pooling=pooling)
    model.compile(keras_bert.AdamW(1e-3), InBatchNegatives())

    def gradients_of(vectors_of):
        """function: rows -> their vectors; the gradients of the weights."""
        with tf.GradientTape() as tape:
            loss = InBatchNegatives()(y, vectors_of(x))
        return [tf.convert_to_tensor(one) for one in tape.gradient(loss, model.trainable_weights)]

    plain = gradients_of(lambda rows: model(rows, training=True))
    for got, wanted in zip(gradients_of(model._vectors), plain, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=2e-5)


def test_the_shorter_half_of_the_rows_is_cut(monkeypatch):
    """[CLS] and 1, 2, 3, 4 and 6 words: attention computes 2 rows of 3 tokens and 3 of 7, not 5 of 7."""
    model, shapes = embedder(), []
    call = keras_bert.TransformerEncoder.call

    def spy(self, hidden_states, **arguments):
        shapes.append(tuple(hidden_states.shape[:2]))
        return call(self, hidden_states, **arguments)

    monkeypatch.setattr(keras_bert.TransformerEncoder, "call", spy)
    lengths = np.array([[3], [7], [2], [5], [4]])
    mask = tf.constant((np.arange(9) < lengths).astype("int32"))
    vectors = model._vectors({"token_ids": 5 * mask, "segment_ids": 0 * mask, "padding_mask": mask})
    assert {*shapes} == {(2, 3), (3, 7)}
    alone = model({"token_ids": 5 * mask, "segment_ids": 0 * mask, "padding_mask": mask})
    np.testing.assert_allclose(vectors, alone, atol=1e-6)


def test_xla_computes_the_same_step():
    x, y = ranking(np.random.default_rng(0), 7)
    losses = []
    for jit_compile in (False, True):
        model = embedder()
        model.compile(keras_bert.AdamW(1e-3), InBatchNegatives(), jit_compile=jit_compile)
        losses.append([model.train_on_batch(x, y) for _ in range(2)])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_regularized_weights_are_refused():
    x = keras.Input((5,))
    model = keras_bert.distribution.BertModel(x, keras.layers.Dense(2, kernel_regularizer="l2")(x))
    with pytest.raises(
        ValueError, match=r"`cosent` can't be combined with weight regularizers\. The model has 1 .*AdamW"
    ):
        model.compile("adam", CoSENT())


def test_scaled_losses_have_scaled_gradients():
    x, y = (tf.nest.map_structure(tf.convert_to_tensor, part) for part in similarity(np.random.default_rng(0), 6))
    model, scaled = embedder(2, CoSENT()), embedder(2, CoSENT())
    scaled.optimizer.loss_scale_factor = 8.0
    gradients = zip(model._gradients_of_whole(x, y, None), scaled._gradients_of_whole(x, y, None), strict=True)
    for one, other in gradients:
        np.testing.assert_allclose(8 * one, other, atol=1e-5)


class Halved(keras.losses.Loss):
    """A loss around another one."""

    def call(self, y_true, y_pred):
        return InBatchNegatives()(y_true, y_pred) / 2


def test_a_loss_that_would_see_a_part_is_refused():
    model = embedder(accumulate=2, loss=Halved())
    x, y = ranking(np.random.default_rng(0), 6)
    with pytest.raises(ValueError, match="needs all rows of a batch"):
        model.train_on_batch(x, y)


def test_a_part_is_a_part_again_after_a_whole_batch_within_it():
    pairs = np.array([[0, 0, 0], [0, 1, 1]]), np.eye(2)
    with seeing("part"):
        with seeing("whole"):
            assert float(InBatchNegatives()(*pairs)) == 0.0  # nothing but the right one
        with pytest.raises(ValueError, match="needs all rows of a batch"):
            InBatchNegatives()(*pairs)
    assert float(InBatchNegatives()(*pairs)) == 0.0


def test_arrays_would_be_parted():
    model = embedder()
    x, y = ranking(np.random.default_rng(0), 6)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"Received: dict. Give what keras_bert.data.embedding_batches"):
            call(x, y, verbose=0)
    batches = tf.data.Dataset.from_tensors((x, y))
    with pytest.raises(ValueError, match="Received: tuple"):
        model.fit(batches, validation_data=(x, y), verbose=0)
    assert model.predict(x, verbose=0).shape == (6, 12)  # each row by itself


def test_batches_of_workers_of_their_own_are_refused():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    batches = strategy.experimental_distribute_dataset(
        tf.data.Dataset.from_tensors(ranking(np.random.default_rng(0), 6))
    )
    with pytest.raises(ValueError, match=r"Received: DistributedDataset. Give each worker the same whole batches"):
        embedder().fit(batches, verbose=0)


def test_a_loss_of_ones_own():
    class Spread(WholeBatchLoss):
        """Pulls the mean vector to 0."""

        def loss_of_batch(self, y_true, y_pred):
            return keras.ops.sum(keras.ops.square(keras.ops.mean(y_pred, axis=0)))

    x, y = ranking(np.random.default_rng(0), 7)
    one, parts = ([model.train_on_batch(x, y) for _ in range(3)] for model in (embedder(k, Spread()) for k in (1, 3)))
    np.testing.assert_allclose(one, parts, rtol=1e-5)
