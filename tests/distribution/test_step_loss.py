"""The loss of a step in parts: numbers worked out by hand, those of the module's docstring."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_bert.distribution.step_loss import LossOfStep, Totals, sharing

# Losses 1, 2 and 6 of the first part's rows, of which the last is masked; 5 of the second's only row.
PARTS = [([[1.0], [2.0], [6.0]], [[1.0], [1.0], [0.0]]), ([[5.0]], [[1.0]])]
RIGHT = (1 + 2 + 5) / 3


@pytest.fixture
def loss():
    return LossOfStep(keras.losses.MeanAbsoluteError(reduction="mean_with_sample_weight"))


def values_of(loss, totals):
    """-> of each part: what the loss shows, and its gradient at the part's predictions, summed [2], [2]."""
    shown, gradients = [], []
    for predicted, weights in PARTS:
        y_pred = tf.constant(predicted)
        with sharing(totals), tf.GradientTape() as tape:
            tape.watch(y_pred)
            value = loss(tf.zeros_like(y_pred), y_pred, tf.constant(weights))
        shown.append(float(value))
        gradients.append(float(tf.reduce_sum(tape.gradient(value, y_pred) * y_pred)))
    return shown, gradients


def test_parts_of_one_replica_add_up_to_the_loss_of_one_device(loss):
    """An absolute loss is its gradient times its prediction, so the gradients add up to the loss itself."""
    shown, gradients = values_of(loss, Totals({None: 3.0}, rows=4.0, parts=2, replicas=1))
    assert gradients == pytest.approx([1.5 * 2 / 3, 5.0 * 1 / 3])
    assert sum(gradients) == pytest.approx(RIGHT)
    assert np.average(shown, weights=[3, 1]) == pytest.approx(RIGHT)  # as Keras's metric weights the parts


def test_replicas_have_the_mean_of_one_device(loss):
    """Here is no strategy by which Keras divides a loss by the number of replicas, and multiplies what it shows."""
    shown, gradients = values_of(loss, Totals({None: 3.0}, rows=4.0, parts=1, replicas=2))
    assert gradients == pytest.approx([2.0, 10 / 3])
    assert sum(gradients) / 2 == pytest.approx(RIGHT)
    assert np.average(shown, weights=[3, 1]) == pytest.approx(RIGHT)


def test_without_a_step_it_is_the_loss_itself(loss):
    shown, _ = values_of(loss, None)
    assert shown == [1.5, 5.0]
    assert np.mean(shown) == 3.25  # what Keras would make of two replicas
