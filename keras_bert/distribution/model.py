"""The `keras.Model` that every builder returns: plain `fit`, with the same result on one device and on many."""

import contextlib
import dataclasses
import threading

import keras
from keras import ops, tree

from keras_bert.config import BertConfig
from keras_bert.distribution.keras_internals import (
    DistributedTrainer,
    check_clips_sums,
    check_keras_version,
    loss_object,
)
from keras_bert.utils.checks import check_positive_integer

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")

# The `_Totals` of the step that is being traced. Each replica is traced in a thread of its own.
_step = threading.local()


@keras.saving.register_keras_serializable("keras_bert")
class BertModel(DistributedTrainer, keras.Model):
    """A functional `keras.Model` whose training doesn't depend on how many devices share the work.

    On one device it trains as `keras.Model` does. Under a `tf.distribute` strategy, on TensorFlow, `fit`, `evaluate`
    and `predict` take a `tf.data.Dataset` of whole batches, the same on every worker, and each replica computes its
    rows of each batch. A loss is the mean over what counts in the whole batch; `keras_bert.AdamW` and `LAMB` clip the
    sum of all replicas' gradients; metrics count each example once. A `tf.distribute.DistributedDataset` is taken as it
    is.

    It knows what it is: `task`, the name of its builder; `config`, the `BertConfig` of its encoder; and `labels`, a
    tuple of the names of its classes in the order of the logits, or None. `.keras` files keep the three, and clones
    have them too. Each is None where a model wasn't made by a builder.

    Args:
        *args: As in `keras.Model`.
        task: Name of the builder.
        config: A `BertConfig`, or a dict of its fields.
        labels: The classes' names.
        **kwargs: As in `keras.Model`.

    Raises:
        ValueError: From `compile`, if `accumulate` isn't positive; if it is more than 1 on another backend than
            TensorFlow or with `jit_compile=True`; and where a step is shared by replicas or parts, if a loss for each
            of several outputs isn't given by name, if weights are regularized, if `steps_per_execution` is more than 1,
            or if an optimizer that isn't of this library clips gradients. From `fit`, if workers begin with different
            weights, model or kind of data.
        RuntimeError: From `compile`, for several replicas or parts under a version of Keras that this wasn't tried
            with.

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile(keras_bert.AdamW(5e-5), loss, metrics=["accuracy"], accumulate=4)
    >>> model.task, model.config.num_heads, model.labels
    ('text_classifier', 2, None)
    """

    def __init__(self, *args, task=None, config=None, labels=None, **kwargs):
        super().__init__(*args, **kwargs)
        self._task = task
        self._bert_config = BertConfig(**config) if isinstance(config, dict) else config
        self._labels = None if labels is None else tuple(labels)
        self._accumulate = 1

    @property
    def task(self):
        return self._task

    @property
    def config(self):
        return self._bert_config

    @property
    def labels(self):
        return self._labels

    def get_config(self):
        return {
            **super().get_config(),
            "task": self.task,
            "config": self.config and dataclasses.asdict(self.config),
            "labels": self.labels and list(self.labels),
        }

    def compile(self, optimizer="rmsprop", loss=None, *args, accumulate=1, **kwargs):
        """Configures the model for training, as `keras.Model.compile` does.

        Args:
            optimizer: As in Keras.
            loss: As in Keras.
            *args: As in Keras.
            accumulate: Number K of parts in which a replica computes its rows of a batch, one after the other, for one
                step of the optimizer: the memory is that of a part, the result that of the batch.
            **kwargs: As in Keras.
        """
        self._accumulate = check_positive_integer("accumulate", accumulate)
        replicas = self._replicas()
        if accumulate > 1 and keras.backend.backend() != "tensorflow":
            raise ValueError(
                "`accumulate` needs the TensorFlow backend. Received: "
                f"accumulate={accumulate} on {keras.backend.backend()}. Give the optimizer "
                f"gradient_accumulation_steps={accumulate} and batches that are smaller by as much instead."
            )
        if accumulate > 1:
            if kwargs.get("jit_compile") is True:
                raise ValueError(
                    "`accumulate` can't be compiled by XLA, for the parts of a batch differ in size. Received: "
                    f"accumulate={accumulate}, jit_compile=True. Leave jit_compile out."
                )
            kwargs["jit_compile"] = False
        if replicas * accumulate > 1:
            check_keras_version()
            self._check_step(replicas, kwargs.get("steps_per_execution", 1))
            loss = self._losses_of_step(loss)
        super().compile(optimizer, loss, *args, **kwargs)
        if replicas > 1:
            check_clips_sums(self.optimizer)

    def get_compile_config(self):
        config = super().get_compile_config()
        return config if self._accumulate == 1 or config is None else {**config, "accumulate": self._accumulate}

    def compile_from_config(self, config):
        # Keras compiles what it loads by itself only where `compile` is its own.
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)

    def train_step(self, *args):
        if not self._shares_step():
            return super().train_step(*args)
        self.optimizer.apply_gradients(zip(self._gradients(*args), self.trainable_weights, strict=True))
        return self.get_metrics_result()

    def test_step(self, *args):
        if not self._shares_step():
            return super().test_step(*args)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(*args)
        with self._totals(x, y, weights, parts=1):
            self._loss_of_part(x, y, self(x, training=False), weights, training=False)
        return self.get_metrics_result()

    def _shares_step(self):
        """Whether a step is computed in parts: on several replicas, or one after the other."""
        return self._replicas() * self._accumulate > 1

    def _check_step(self, replicas, steps_per_execution):
        """number of replicas, steps in a call of Keras's -> None; a `ValueError` for what would be computed wrong."""
        if replicas > 1 and steps_per_execution != 1:
            raise ValueError(
                "Keras can't run several steps in a call on several replicas. Received: "
                f"steps_per_execution={steps_per_execution} on {replicas} replicas. Leave it out."
            )
        if self.losses:
            raise ValueError(
                f"Each replica and each part would add the whole penalty of {len(self.losses)} regularized weights. "
                "Take regularizers off, and decay the weights by keras_bert.AdamW(weight_decay=...) instead."
            )

    def _losses_of_step(self, loss):
        """What `compile` takes as a loss -> the same, each loss divided by what counts in the whole step."""
        if loss is None:
            return None
        if not isinstance(self.output, dict) and isinstance(loss, (dict, list, tuple)) and len(loss) == 1:
            [loss] = loss.values() if isinstance(loss, dict) else loss
        if isinstance(loss, (list, tuple)):
            raise ValueError(f"`loss` must be a loss, or a dict of them by the output's name. Received: {loss!r}.")
        if isinstance(self.output, dict):
            by_name = loss if isinstance(loss, dict) else dict.fromkeys(self.output, loss)
            return {name: _of_step(one, name) for name, one in by_name.items()}
        return _of_step(loss)

    @contextlib.contextmanager
    def _totals(self, x, y, weights, parts):
        """A replica's rows of a batch, number of parts -> within: what the losses are divided by is known."""
        import tensorflow as tf

        counts = {
            output: loss.count(y if output is None else y[output], _of_output(weights, output))
            for output, loss in _by_output(self.loss).items()
        }
        totals = tf.stack([*counts.values(), tf.cast(_rows(x), "float32")])
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            totals = context.all_reduce(tf.distribute.ReduceOp.SUM, totals)
        *of_outputs, rows = tf.unstack(totals)
        _step.totals = _Totals(dict(zip(counts, of_outputs, strict=True)), rows, parts, context.num_replicas_in_sync)
        try:
            yield
        finally:
            _step.totals = None

    def _loss_of_part(self, x, y, y_pred, weights, training):
        """A part of a step, what the model makes of it -> its share of the step's loss; all metrics count it."""
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=training)
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        # Each part adds its share of the loss for all rows, and its rows: so the mean becomes that of one device.
        share = ops.stop_gradient(loss) / _step.totals.shown(tree.flatten(y_pred)[0])
        rows = ops.cast(_rows(x), "float32")
        tracker.update_state(share * _step.totals.rows / ops.maximum(rows, 1.0), sample_weight=rows)
        self.compute_metrics(x, y, y_pred, sample_weight=weights)
        return loss

    def _gradients(self, data):
        """A replica's rows of a batch -> its share of the gradients, in the order of the weights."""
        import tensorflow as tf

        batch = keras.utils.unpack_x_y_sample_weight(data)
        rows = _rows(batch[0])
        rows_of_part = -(-rows // self._accumulate)
        has_gradient = []

        def gradients_of(x, y, weights):
            """A part of the batch -> its gradients, dense, 0 for a weight without one."""
            with tf.GradientTape() as tape:
                loss = self._loss_of_part(x, y, self(x, training=True), weights, training=True)
                loss = self.optimizer.scale_loss(loss)
            gradients = tape.gradient(loss, self.trainable_weights)
            has_gradient[:] = [gradient is not None for gradient in gradients]
            return [
                tf.zeros(weight.shape, weight.dtype) if gradient is None else tf.convert_to_tensor(gradient)
                for gradient, weight in zip(gradients, self.trainable_weights, strict=True)
            ]

        def add_part(part, sums):
            """number of a part, sums of gradients -> the next number, the sums with the part's gradients."""
            begin, end = (tf.minimum(rows, (part + i) * rows_of_part) for i in (0, 1))

            def rows_of(tensor):
                """tensor of the batch, or None -> its rows of this part."""
                return None if tensor is None else tensor[begin:end]

            gradients = gradients_of(*tf.nest.map_structure(rows_of, batch))
            return part + 1, [total + gradient for total, gradient in zip(sums, gradients, strict=True)]

        with self._totals(*batch, parts=self._accumulate):
            if self._accumulate == 1:
                gradients = gradients_of(*batch)
            else:
                zeros = [tf.zeros(weight.shape, weight.dtype) for weight in self.trainable_weights]
                parts = self._accumulate
                _, gradients = tf.while_loop(lambda part, _: part < parts, add_part, (0, zeros), parallel_iterations=1)
        return [gradient if has else None for gradient, has in zip(gradients, has_gradient, strict=True)]


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
        if self.reduction in _MEANS:  # Keras has divided by what counts in this part, and by the number of replicas.
            count = self.count(y_true, sample_weight)
            value *= totals.replicas * count / ops.maximum(totals.counts[self.output], 1e-30)
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


@dataclasses.dataclass(frozen=True)
class _Totals:
    """What a step has on all replicas together: float32 scalars, but for the two numbers."""

    counts: dict  # name of the output -> what its loss is divided by
    rows: object
    parts: int  # of each replica
    replicas: int

    def shown(self, y_pred):
        """outputs of a part -> how many times its share of the loss it must show to Keras's mean over the parts.

        Keras weights a part by its rows if their number is known before the step, else all parts alike. No rows have no
        weight.
        """
        rows = y_pred.shape[0]
        return self.parts if not rows else self.rows / (self.replicas * rows)


def _of_step(loss, output=None):
    """loss, name of its output -> a `LossOfStep`, or None."""
    return loss if loss is None or isinstance(loss, LossOfStep) else LossOfStep(loss, output)


def _by_output(loss):
    """What the model was compiled with -> {name of the output, None for the only one: loss}."""
    losses = loss if isinstance(loss, dict) else {None: loss}
    return {output: one for output, one in losses.items() if one is not None}


def _of_output(weights, output):
    """sample weights, name of an output -> the output's."""
    return weights.get(output) if isinstance(weights, dict) else weights


def _rows(x):
    """inputs -> their number of rows, int32."""
    return ops.shape(tree.flatten(x)[0])[0]
