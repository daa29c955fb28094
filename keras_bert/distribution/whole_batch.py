"""Losses that need all rows of a batch at once, as in-batch negatives do, where replicas or parts share its work.

No part of a batch has a loss of its own then. So a step goes by the rows' vectors, which are small:

    1. Each replica computes the vectors of its rows, one part after the other           [r, D]
    2. All replicas get the vectors of all rows, and the targets                         [R, D], [R, K]
    3. Each finds the loss of the batch, and its gradient to the vectors of its own rows [r, D]
    4. From there each goes back through the model, one part after the other.

Summed over parts and replicas that is the gradient of one device. What a part remembers for step 4 would fill the
memory, so it is computed anew there (Gao et al., 2021, https://arxiv.org/abs/2101.06983), with the dropout of step 1.
"""

import contextlib
import inspect
import threading
from collections.abc import Mapping

import keras
import numpy as np

from keras_bert.distribution.real_tokens import RealTokens

# Per thread: whether losses see the "whole" batch or a "part"; nothing where that isn't told.
_step = threading.local()


class WholeBatchLoss(keras.losses.Loss):
    """A loss of all rows of a batch together that can't be computed from a part of the batch.

    `BertModel` gives it the rows of the whole batch, however many devices share the work. Subclasses have
    `loss_of_batch(y_true, y_pred)`: targets [R, K] and vectors [R, D], float32 -> a scalar.

    Args:
        name: As in Keras.

    Raises:
        ValueError: If it is given sample weights, or a part of a batch.
    """

    def __init__(self, name=None):
        super().__init__(name=name, reduction="sum", dtype="float32")

    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            raise ValueError(
                f"`{self.name}` has no weights, for it compares rows with each other. Received: sample weights. "
                "Remove sample weights and class_weight."
            )
        if _sees_part():
            raise ValueError(
                f"`{self.name}` needs all rows of a batch, and would be given those of one replica. Compile a model of "
                "keras_bert's builders with it, as its only loss and not within another one."
            )
        return super().__call__(y_true, y_pred)

    def call(self, y_true, y_pred):
        return self.loss_of_batch(y_true, y_pred)

    def check_output(self, output):
        """A model's output -> None; a `ValueError` unless it is vectors [B, D] that this loss can take."""
        if isinstance(output, dict) or len(output.shape) != 2:
            raise ValueError(
                f"`{self.name}` needs a model that gives one vector a text, such as keras_bert.text_embedder. "
                f"Received: a model with the output {output!r}."
            )

    def get_config(self):
        return {"name": self.name}


def _sees_part():
    """-> whether a loss that is called now gets the rows of one replica, or of one part, alone."""
    told = getattr(_step, "sees", None)
    if told is not None or keras.backend.backend() != "tensorflow":
        return told == "part"
    import tensorflow as tf

    context = tf.distribute.get_replica_context() if tf.distribute.has_strategy() else None
    return context is not None and context.num_replicas_in_sync > 1


@contextlib.contextmanager
def seeing(what):
    """Within it, this thread's losses get the "whole" batch, or a "part" of it."""
    before = getattr(_step, "sees", None)
    _step.sees = what
    try:
        yield
    finally:
        _step.sees = before


def whole_batch_loss_in(loss, output):
    """What `compile` takes as a loss, the model's output -> the `WholeBatchLoss` that it is, checked; None if none."""
    if isinstance(loss, (dict, list, tuple)) and len(loss) == 1:
        [loss] = loss.values() if isinstance(loss, dict) else loss
    parts = keras.tree.flatten(loss)
    whole = [one for one in parts if isinstance(one, WholeBatchLoss)]
    if not whole:
        return None
    if len(parts) > 1:
        raise ValueError(
            f"`{whole[0].name}` must be a model's only loss, for it needs all rows of a batch. Received: loss={loss!r}."
        )
    whole[0].check_output(output)
    return loss


class ComputesWholeBatches:
    """Lets a `keras.Model` share the work on a batch whose loss is a `WholeBatchLoss`; it is mixed in before it."""

    def fit(self, *args, **kwargs):
        given = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs).arguments
        for name in ("x", "validation_data"):
            self._check_batches_are_whole(given.get(name))
        return super().fit(*args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        if not kwargs.get("_use_cached_eval_dataset"):  # as `fit` validates, on what it has checked
            self._check_batches_are_whole(x)
        return super().evaluate(x, *args, **kwargs)

    def _check_batches_are_whole(self, data):
        """What `fit` takes as data -> None; a `ValueError` if Keras, or several workers, would make batches of it."""
        if self._whole_batch_loss is None or data is None:
            return
        kind = type(data).__name__
        if isinstance(data, (Mapping, list, tuple, np.ndarray)) or keras.ops.is_tensor(data):
            raise ValueError(
                f"`{self._whole_batch_loss.name}` needs batches that hold whole groups of rows, and Keras would part "
                f"and shuffle the rows of arrays. Received: {kind}. Give what keras_bert.data.embedding_batches or "
                "similarity_batches returns, or another dataset of batches."
            )
        if kind.startswith("Distributed"):
            raise ValueError(
                f"`{self._whole_batch_loss.name}` compares all rows of a batch, and batches of several workers number "
                f"their groups each for itself. Received: {kind}. Give each worker the same whole batches."
            )

    def _has_whole_batches(self):
        """Whether steps go by the vectors of whole batches."""
        return self._whole_batch_loss is not None and keras.backend.backend() == "tensorflow"

    def _gradients_of_whole(self, x, y, weights):
        """A replica's rows of a batch -> its share of the gradients; None where a weight has none."""
        import tensorflow as tf

        def shares_of(vectors):
            """vectors of all rows [r, D] -> the loss's gradient to them."""
            return self._loss_of_whole(x, y, vectors, weights, training=True)

        def gradients_of_part(x, shares):
            """rows of a part, the loss's gradient to their vectors -> the gradients of the weights."""
            return self._gradients_from(x, lambda vectors: shares)

        if self._accumulate == 1:
            return self._gradients_from(x, shares_of)
        seeds = [variable for variable in self.variables if variable.name == "seed_generator_state"]
        before = [tf.identity(seed.value) for seed in seeds]
        shares = shares_of(self._vectors_by_part(x))
        for seed, value in zip(seeds, before, strict=True):
            seed.assign(value)  # so that each part drops the same once more
        return self._sum_over_parts((x, shares), gradients_of_part)

    def _gradients_from(self, x, shares_of):
        """rows, function: their vectors [r, D] -> the loss's gradient to these; the gradients of the weights."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            vectors = self._vectors(x)
        gradients = tape.gradient(vectors, self.trainable_weights, output_gradients=shares_of(vectors))
        return [gradient if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]

    def _vectors(self, x):
        """rows -> their vectors [r, D] while training, at the cost of their tokens: texts of all lengths meet there."""
        import tensorflow as tf

        if self.task != "text_embedder" or self.jit_compile:  # XLA must know how many tokens there are
            return self(x, training=True)
        # Attention looks at whole rows, so the shorter half of them is cut to its own length.
        is_real = x["padding_mask"] > 0
        lengths = tf.reduce_max(tf.where(is_real, tf.range(1, tf.shape(is_real)[1] + 1), 1), axis=1)
        order = tf.argsort(lengths)
        half = tf.size(order) // 2
        vectors = []
        for places in (order[:half], order[half:]):
            longest = tf.maximum(1, tf.reduce_max(tf.gather(lengths, places)))  # of no rows, 1
            rows = {name: tf.gather(values, places)[:, :longest] for name, values in x.items()}
            vectors.append(self(rows, training=True, real_tokens=RealTokens.of(rows["padding_mask"])))
        return tf.gather(tf.concat(vectors, axis=0), tf.argsort(order))

    def _vectors_by_part(self, x):
        """a replica's rows -> their vectors [r, D], computed part by part, none of which is remembered."""
        import tensorflow as tf

        def add_part(part, vectors):
            """number of a part, TensorArray -> the next number, the array with the part's vectors."""
            return part + 1, vectors.write(part, self._vectors(self._rows_of_part(part, x)))

        parts, (_, width) = self._accumulate, self.output.shape
        vectors = tf.TensorArray(self.output.dtype, parts, infer_shape=False, element_shape=[None, width])
        _, vectors = tf.while_loop(lambda part, _: part < parts, add_part, (0, vectors), parallel_iterations=1)
        return vectors.concat()

    def _loss_of_whole(self, x, y, vectors, weights, training):
        """a replica's rows, their vectors [r, D] -> the gradient to these of the whole batch's loss [r, D].

        All metrics count the rows.
        """
        import tensorflow as tf

        all_vectors, all_y, begin = _gathered(vectors, y)
        with tf.GradientTape() as tape:
            tape.watch(all_vectors)
            with seeing("whole"):
                loss = self.compute_loss(x=x, y=all_y, y_pred=all_vectors, sample_weight=weights, training=training)
            scaled = self.optimizer.scale_loss(loss) if training else loss
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        rows = tf.shape(vectors)[0]
        tracker.update_state(loss, sample_weight=rows)
        self.compute_metrics(x, y, vectors, sample_weight=weights)
        return tape.gradient(scaled, all_vectors)[begin : begin + rows] if training else None


def _gathered(vectors, y):
    """a replica's vectors [r, D] and targets [r, K] -> those of all replicas [R, D] and [R, K], its rows' beginning."""
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return tf.identity(vectors), y, 0
    # Numbers of rows, and of groups and texts, are exact in float32 as far as a batch goes.
    own = tf.concat([tf.cast(vectors, tf.float32), tf.cast(y, tf.float32)], axis=1)
    replica, replicas = context.replica_id_in_sync_group, context.num_replicas_in_sync
    rows = tf.cast(tf.shape(own)[0], tf.float32) * tf.one_hot(replica, replicas)
    rows = tf.cast(context.all_reduce(tf.distribute.ReduceOp.SUM, rows), tf.int32)  # of each replica
    begin, end = tf.reduce_sum(rows[:replica]), tf.reduce_sum(rows[: replica + 1])
    # Zeros where the others have theirs: every strategy can sum, but not every one gathers rows of unequal number.
    padded = tf.pad(own, [[begin, tf.reduce_sum(rows) - end], [0, 0]])
    whole = context.all_reduce(tf.distribute.ReduceOp.SUM, padded)
    width = vectors.shape[1]
    return tf.cast(whole[:, :width], vectors.dtype), whole[:, width:], begin
