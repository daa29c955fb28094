"""The `keras.Model` that every builder returns: plain `fit`, with the same result on one device and on many."""

import dataclasses
import functools

import keras
from keras import ops, tree

from keras_bert.config import BertConfig, EmbedderConfig
from keras_bert.distribution.identity import KnowsItself
from keras_bert.distribution.keras_internals import (
    DistributedTrainer,
    SummedGradients,
    check_clips_sums,
    check_keras_version,
    check_loss_of_several_labels,
    identity_carried_by,
    refuse_hdf5,
)
from keras_bert.distribution.step_loss import Totals, loss_of_step, losses_by_output, sharing
from keras_bert.distribution.whole_batch import ComputesWholeBatches, whole_batch_loss_in
from keras_bert.utils.checks import check_positive_integer


@keras.saving.register_keras_serializable("keras_bert")
class BertModel(KnowsItself, ComputesWholeBatches, DistributedTrainer, keras.Model):
    """A functional `keras.Model` whose training doesn't depend on how many devices share the work.

    On one device it trains as `keras.Model` does, but that every optimizer gets whole gradients: Keras's own would take
    the gradient of a row that is looked up twice for two. Under a `tf.distribute` strategy, on TensorFlow, `fit`,
    `evaluate` and `predict` take a `tf.data.Dataset` of whole batches, the same on every worker, and each replica
    computes its rows of each batch. A loss is the mean over what counts in the whole batch; `keras_bert.AdamW` and
    `LAMB` clip the sum of all replicas' gradients; metrics count each example once. A
    `tf.distribute.DistributedDataset` is taken as it is. Losses that compare the rows of a batch with each other, those
    of `keras_bert.losses`, always see the whole batch.

    It knows what it is: `task`, the name of its builder; `config`, the `BertConfig` of its encoder; `labels`, a tuple
    of the names of its classes in the order of the logits, or None; `multi_label`, whether a text may have several of
    these, and then `thresholds`, a tuple of the least probability of each, else None; `score_activation`, the name of
    the activation that makes a regressor's score of what it gives, or None; `embedder`, the `EmbedderConfig` of a text
    embedder, or of a backbone whose checkpoint has one, or None; and `pairs`, whether it was trained on pairs of texts,
    as `keep_pairs` tells it. Each is None or False where a model wasn't made by a builder. And it knows its
    `random_weights`: the names of the matrices that its checkpoint lacked, as long as they hold the random numbers that
    they started with; what a head answers by them is chance. `.keras` files keep all of these; clones, whose weights
    are new, all but the last.

    Args:
        *args: As in `keras.Model`.
        task: Name of the builder.
        config: A `BertConfig`, or a dict of its fields.
        labels: The classes' names.
        score_activation: Name of a Keras activation.
        embedder: An `EmbedderConfig`, or a dict of its fields.
        thresholds: The classes' least probabilities.
        pairs: Whether it is for pairs of texts.
        random_weights: Name of each matrix that starts random -> the digest of its numbers.
        **kwargs: As in `keras.Model`.

    Raises:
        ValueError: From `compile`, if the model is of several labels a text and the loss for one, or one of
            probabilities; if `accumulate` isn't positive; if it is more than 1 on another backend than
            TensorFlow or with `jit_compile=True`; if a loss of `keras_bert.losses` isn't the only one, or can't take
            the model's vectors; and where a step is shared by replicas or parts, if a loss for each of several outputs
            isn't given by name, if weights are regularized, if `steps_per_execution` is more than 1, or if an optimizer
            that isn't of this library clips gradients. From `fit`, if workers begin with different weights, model or
            kind of data, or a loss of `keras_bert.losses` would get parts of batches. From a call, `fit`, `evaluate`
            and `predict`, if the inputs have other keys than the model's, or a value that it has no vector for; from
            `save`, if the file is HDF5, not `.keras`.
        RuntimeError: From `compile`, for several replicas or parts under a version of Keras that this wasn't tried
            with.

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> model.compile(keras_bert.AdamW(5e-5), loss, metrics=["accuracy"], accumulate=4)
    >>> model.task, model.config.num_heads, model.labels
    ('text_classifier', 2, None)
    """

    def __init__(
        self,
        *args,
        task=None,
        config=None,
        labels=None,
        score_activation=None,
        embedder=None,
        thresholds=None,
        pairs=False,
        random_weights=None,
        **kwargs,
    ):
        super().__init__(*args, **kwargs)
        identity = {"task": task, "config": config, "labels": labels}
        identity |= {"score_activation": score_activation, "embedder": embedder, "thresholds": thresholds}
        identity["pairs"] = pairs
        if task is None:
            identity |= identity_carried_by(self.outputs)
        self._task, config, labels, self._score_activation, embedder, thresholds, pairs = identity.values()
        self._bert_config = BertConfig(**config) if isinstance(config, dict) else config
        self._labels = None if labels is None else tuple(labels)
        self.keep_embedder(EmbedderConfig(**embedder) if isinstance(embedder, dict) else embedder)
        self._thresholds = None if thresholds is None else tuple(thresholds)
        self._pairs = pairs
        self._random_weights = dict(random_weights or {})
        self._accumulate = 1
        self._whole_batch_loss = None

    def save(self, filepath, *args, **kwargs):
        refuse_hdf5(filepath)
        super().save(filepath, *args, **kwargs)

    def export(self, filepath, format="tf_saved_model", *args, **kwargs):
        """As Keras's; of ONNX and OpenVINO the inputs are the model's by name."""
        if format == "onnx" and self._limits() is not None:  # Keras refuses a model that was never called
            self({name: [[0, 0]] for name in self.input})
        return super().export(filepath, format, *args, **kwargs)

    def get_config(self):
        refuse_hdf5()  # `keras.saving.save_model` comes by here
        return {
            **super().get_config(),
            "task": self.task,
            "config": self.config and dataclasses.asdict(self.config),
            "labels": self.labels and list(self.labels),
            "score_activation": self.score_activation,
            "embedder": self.embedder and dataclasses.asdict(self.embedder),
            "thresholds": self.thresholds and list(self.thresholds),
            "pairs": self.pairs,
            "random_weights": dict(self._random_weights),
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
        if self.multi_label:
            check_loss_of_several_labels(loss)
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
        self._whole_batch_loss = whole_batch_loss_in(loss, self.output)
        if replicas * accumulate > 1 or self._has_whole_batches():
            self._check_step(replicas, kwargs.get("steps_per_execution", 1))
        if replicas * accumulate > 1:
            check_keras_version()
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
        if not (self._shares_step() or self._has_slices() or self._has_whole_batches()):
            return super().train_step(*args)
        self.optimizer.apply_gradients(zip(self._gradients(*args), self.trainable_weights, strict=True))
        return self.get_metrics_result()

    def test_step(self, *args):
        if not self._shares_step():
            return super().test_step(*args)
        x, y, weights = keras.utils.unpack_x_y_sample_weight(*args)
        if self._whole_batch_loss is not None:
            self._loss_of_whole(x, y, self(x, training=False), weights, training=False)
            return self.get_metrics_result()
        with sharing(self._totals(x, y, weights, parts=1)) as totals:
            self._loss_of_part(totals, x, y, self(x, training=False), weights, training=False)
        return self.get_metrics_result()

    def _shares_step(self):
        """Whether a step is computed in parts: on several replicas, or one after the other."""
        return self._replicas() * self._accumulate > 1

    def _has_slices(self):
        """Whether Keras's step would hand the optimizer slices of a gradient, which most optimizers take one by one."""
        on_tensorflow = keras.backend.backend() == "tensorflow"
        return on_tensorflow and bool(self.trainable_weights) and not isinstance(self.optimizer, SummedGradients)

    def _check_step(self, replicas, steps_per_execution):
        """number of replicas, steps in a call of Keras's -> None; a `ValueError` for what would be computed wrong."""
        if replicas > 1 and steps_per_execution != 1:
            raise ValueError(
                "Keras can't run several steps in a call on several replicas. Received: "
                f"steps_per_execution={steps_per_execution} on {replicas} replicas. Leave it out."
            )
        if self.losses:
            reason = "Each replica and each part would add the whole penalty of"
            if self._whole_batch_loss is not None:
                name = self._whole_batch_loss.name
                reason = f"`{name}` can't be combined with weight regularizers. The model has"
            raise ValueError(
                f"{reason} {len(self.losses)} regularized weights. Take regularizers off, and decay the weights by "
                "keras_bert.AdamW(weight_decay=...) instead."
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
            return {name: loss_of_step(one, name) for name, one in by_name.items()}
        return loss_of_step(loss)

    def _totals(self, x, y, weights, parts):
        """A replica's rows of a batch, number of parts -> the `Totals` of the step."""
        import tensorflow as tf

        counts = {
            output: loss.count(y if output is None else y[output], _of_output(weights, output))
            for output, loss in losses_by_output(self.loss).items()
        }
        totals = tf.stack([*counts.values(), tf.cast(_rows(x), "float32")])
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            totals = context.all_reduce(tf.distribute.ReduceOp.SUM, totals)
        *of_outputs, rows = tf.unstack(totals)
        return Totals(dict(zip(counts, of_outputs, strict=True)), rows, parts, context.num_replicas_in_sync)

    def _loss_of_part(self, totals, x, y, y_pred, weights, training):
        """The step's `Totals`, a part of it, what the model makes of it -> its share of the step's loss.

        All metrics count the part.
        """
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=weights, training=training)
        tracker = next(metric for metric in self.metrics if metric.name == "loss")
        # Each part adds its share of the loss for all rows, and its rows: so the mean becomes that of one device.
        share = ops.stop_gradient(loss) / totals.shown(tree.flatten(y_pred)[0])
        rows = ops.cast(_rows(x), "float32")
        tracker.update_state(share * totals.rows / ops.maximum(rows, 1.0), sample_weight=rows)
        self.compute_metrics(x, y, y_pred, sample_weight=weights)
        return loss

    def _gradients(self, data):
        """A replica's rows of a batch -> its share of the gradients, dense; None where a weight has none."""
        batch = keras.utils.unpack_x_y_sample_weight(data)
        if self._has_whole_batches():
            return self._gradients_of_whole(*batch)
        if not self._shares_step():
            alone = Totals({}, ops.cast(_rows(batch[0]), "float32"), parts=1, replicas=1)
            return self._gradients_of_part(alone, *batch)
        with sharing(self._totals(*batch, parts=self._accumulate)) as totals:
            if self._accumulate == 1:
                return self._gradients_of_part(totals, *batch)
            return self._sum_over_parts(batch, functools.partial(self._gradients_of_part, totals))

    def _gradients_of_part(self, totals, x, y, weights):
        """The step's `Totals`, a part of it -> its share of the gradients, as `_gradients` has them."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self._loss_of_part(totals, x, y, self(x, training=True), weights, training=True)
            loss = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(loss, self.trainable_weights)
        return [gradient if gradient is None else tf.convert_to_tensor(gradient) for gradient in gradients]

    def _sum_over_parts(self, rows, gradients_of):
        """A replica's rows, function: rows of a part -> its share of the gradients; the sum of these."""
        import tensorflow as tf

        has_gradient = []  # found out where a part is traced

        def add_part(part, sums):
            """number of a part, sums of gradients -> the next number, the sums with the part's gradients."""
            gradients = gradients_of(*self._rows_of_part(part, rows))
            has_gradient[:] = [gradient is not None for gradient in gradients]
            return part + 1, [
                total if gradient is None else total + gradient for total, gradient in zip(sums, gradients, strict=True)
            ]

        zeros = [tf.zeros(weight.shape, weight.dtype) for weight in self.trainable_weights]
        parts = self._accumulate
        _, sums = tf.while_loop(lambda part, _: part < parts, add_part, (0, zeros), parallel_iterations=1)
        return [total if has else None for total, has in zip(sums, has_gradient, strict=True)]

    def _rows_of_part(self, part, rows):
        """number of a part, a replica's rows in any structure -> the part's."""
        import tensorflow as tf

        count = _rows(rows)
        rows_of_part = -(-count // self._accumulate)
        begin, end = (tf.minimum(count, number * rows_of_part) for number in (part, part + 1))
        return tf.nest.map_structure(lambda tensor: None if tensor is None else tensor[begin:end], rows)


def _of_output(weights, output):
    """sample weights, name of an output -> the output's."""
    return weights.get(output) if isinstance(weights, dict) else weights


def _rows(x):
    """inputs -> their number of rows, int32."""
    return ops.shape(tree.flatten(x)[0])[0]
