"""The loss of a step that several replicas, or parts of a batch, compute together: the mean over the whole batch.

A step has four rows with a label each, on two replicas. The label of the third row is masked, its weight is 0:

    replica   losses of its rows   labels that count   Keras's mean
    first     1, 2, (6)            2                   1.5
    second    5                    1                   5.0

One device finds (1 + 2 + 5) / 3 = 2.67, and so it should be. Keras takes the mean of the replicas' means,
(1.5 + 5.0) / 2 = 3.25, in which the second replica's label counts twice as much as each of the others.
So `LossOfStep` multiplies each mean by `Totals.factor`:

    replicas * labels that count here / labels that count in the step

    first     1.5 * 2 * 2 / 3 = 2.00
    second    5.0 * 2 * 1 / 3 = 3.33     and their mean, as Keras takes it, is 2.67.

Parts that one replica computes one after the other are added instead: two parts of these rows on one replica are
1.5 * 1 * 2 / 3 + 5.0 * 1 * 1 / 3 = 2.67.
"""

import contextlib
import dataclasses
import threading

import keras
from keras import ops, tree

from keras_bert.distribution.keras_internals import loss_object
from keras_bert.distribution.whole_batch import WholeBatchLoss, seeing

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

# Has the `Totals` of the step that is being traced. Each replica is traced in a thread of its own.
_step = threading.local()


@dataclasses.dataclass(frozen=True)
class Totals:
    """What a step has on all replicas together.

    Args:
        counts: Name of the output, None for the only one -> what the mean of its loss divides by: float32 scalars.
        rows: Number of rows, a float32 scalar.
        parts: In how many parts each replica computes its rows.
        replicas: Number of replicas.

    Example:
    >>> totals = Totals(counts={None: 3.0}, rows=4.0, parts=1, replicas=2)
    >>> first, second = 1.5 * totals.factor(None, count=2.0), 5.0 * totals.factor(None, count=1.0)
    >>> round(float(first), 2), round(float(second), 2), round(float(first + second) / 2, 2)
    (2.0, 3.33, 2.67)
    """

    counts: dict
    rows: object
    parts: int
    replicas: int

    def factor(self, output, count):
        """name of an output, what Keras's mean over a part has divided by -> what the mean is to be multiplied by."""
        return self.replicas * count / ops.maximum(self.counts[output], 1e-30)

    def shown(self, y_pred):
        """outputs of a part -> how many times its share of the loss it must show to Keras's metric of that loss.

        The shares of the example, 1.0 and 1.67, are added up to 2.67. But a metric of Keras is a mean over the parts,
        in which a part weighs as much as its rows if their number is known before the step, else all parts weigh
        alike. Known, 3 and 1: the first shows 1.0 * 4 / 3, the second 1.67 * 4 / 1, and (3 * 1.33 + 1 * 6.67) / 4 =
        2.67. Not known, two parts: they show 2.0 and 3.33. By the number of replicas Keras multiplies itself. No rows
        have no weight.
        """
        rows = y_pred.shape[0]
        return self.parts if not rows else self.rows / (self.replicas * rows)


@contextlib.contextmanager
def sharing(totals):
    """Totals of a step -> within: each `LossOfStep` of this thread is a share of the step's loss."""
    _step.totals = totals
    try:
        with seeing("part"):
            yield totals
    finally:
        _step.totals = None


@keras.saving.register_keras_serializable("keras_bert")
class LossOfStep(keras.losses.Loss):
    """A loss whose mean is over all that counts in a step, of which it sees a part: a replica's, or some of its rows.

    `BertModel.compile` puts it around the losses that it is given. Outside of `BertModel`'s steps it is the loss
    itself.

    Args:
        loss: What Keras takes for a loss: an object, a function or a name.
        output: Name of the model's output that it is for; None: the only one.

    Example:
    >>> float(LossOfStep("mse")(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])))
    2.0
    """

    def __init__(self, loss, output=None, name=None):
        loss = loss_object(loss)
        super().__init__(name=name or loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self.loss, self.output = loss, output

    def __call__(self, y_true, y_pred, sample_weight=None):
        value = self.loss(y_true, y_pred, sample_weight)
        totals = getattr(_step, "totals", None)
        if totals is None:
            return value
        if self.reduction in _MEANS:
            value *= totals.factor(self.output, self.count(y_true, sample_weight))
        # Only what is shown changes, the gradient is that of `value`.
        return value + ops.stop_gradient(value * (totals.shown(tree.flatten(y_pred)[0]) - 1.0))

    def count(self, y_true, sample_weight):
        """labels, their weights -> what the mean divides by, or a fixed multiple of it."""
        weighted = sample_weight is not None and self.reduction == "mean_with_sample_weight"
        ignored = getattr(self.loss, "ignore_class", None)  # of sparse cross-entropies
        if ignored is None:
            return ops.cast(ops.sum(sample_weight) if weighted else ops.size(y_true), "float32")
        counts = ops.cast(ops.not_equal(y_true, ignored), "float32")
        return ops.sum(counts * ops.cast(sample_weight, "float32") if weighted else counts)

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss), "output": self.output, "name": self.name}

    @classmethod
    def from_config(cls, config):
        return cls(**{**config, "loss": keras.saving.deserialize_keras_object(config["loss"])})


def loss_of_step(loss, output=None):
    """loss, name of its output -> a `LossOfStep`; what needs none, and None, as they are."""
    return loss if loss is None or isinstance(loss, (LossOfStep, WholeBatchLoss)) else LossOfStep(loss, output)


def losses_by_output(loss):
    """What a model was compiled with -> {name of the output, None for the only one: loss}."""
    losses = loss if isinstance(loss, dict) else {None: loss}
    return {output: one for output, one in losses.items() if one is not None}
