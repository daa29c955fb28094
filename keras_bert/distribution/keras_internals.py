"""What reaches into Keras, for training on several devices: all of it stands here, for the versions it was tried with.

Keras 3.15 trains under `MirroredStrategy`, but under `MultiWorkerMirroredStrategy` it fails in two places of its
trainer, and its optimizers clip gradients before they are summed over the replicas.
"""

import hashlib
import inspect
import json

import keras

from keras_bert.distribution.checked_data import ChecksInputs
from keras_bert.distribution.workers import check_same, gather_strings, has_workers, lost_workers_explained, worker_of

TRIED_VERSIONS = ("3.15",)


def check_keras_version():
    """Raises a `RuntimeError` unless training on several devices was tried with this version of Keras."""
    if keras.__version__.rsplit(".", 1)[0] not in TRIED_VERSIONS:
        raise RuntimeError(
            f"Training on several devices was tried with Keras {', '.join(f'{v}.*' for v in TRIED_VERSIONS)} only, for "
            f"it reaches into Keras. Found: Keras {keras.__version__}. Install keras~={TRIED_VERSIONS[-1]}.0, or train "
            "on one device."
        )


def refuse_hdf5(filepath=""):
    """Path of a model's file -> None; a `ValueError` if it is HDF5, or if Keras is writing one.

    From such a file Keras reads layers without the package that they are registered in, so it finds none of ours.
    """
    from keras.src.backend.common import global_state

    if str(filepath).endswith((".h5", ".hdf5")) or global_state.get_global_attribute("use_legacy_config", False):
        raise ValueError(
            f"Keras couldn't load this model from an HDF5 file. Received: {str(filepath) or '.h5'}. Save it by "
            '`model.save("model.keras")`; its weights alone by `model.save_weights("model.weights.h5")`.'
        )


def loss_object(loss):
    """What Keras takes for a loss -> a `keras.losses.Loss`, as Keras itself would make it."""
    from keras.src.losses.losses import LossFunctionWrapper
    from keras.src.utils.naming import get_object_name

    found = keras.losses.get(loss)
    if isinstance(found, keras.losses.Loss):
        return found
    return LossFunctionWrapper(found, name=loss if isinstance(loss, str) else get_object_name(found))


def check_loss_of_several_labels(loss):
    """What `compile` takes as a loss -> None; a `ValueError` if it is known to be wrong for several labels a text."""
    [loss] = keras.tree.flatten(loss) if isinstance(loss, (dict, list, tuple)) and len(loss) == 1 else [loss]
    if loss is None or isinstance(loss, (dict, list, tuple)):
        return
    loss = loss_object(loss)
    function, of_logits = getattr(loss, "fn", None), getattr(loss, "_fn_kwargs", {}).get("from_logits", False)
    of_one_label = ("sparse_categorical_crossentropy", "categorical_crossentropy", "categorical_focal_crossentropy")
    of_probabilities = ("binary_crossentropy", "binary_focal_crossentropy")
    name = getattr(function, "__name__", "")
    if name in of_one_label or (name in of_probabilities and not of_logits):
        reason = "is for one label a text" if name in of_one_label else "takes probabilities, not the model's logits"
        raise ValueError(
            f"`loss` doesn't fit a text_classifier with multi_label=True: {loss.name} {reason}. Give "
            "keras.losses.BinaryCrossentropy(from_logits=True), and labels [B, C] of 1 and 0."
        )


def check_clips_sums(optimizer):
    """Raises a `ValueError` if the optimizer would clip gradients before they are summed over the replicas."""
    names = ("clipnorm", "global_clipnorm", "clipvalue")
    clips = {name: value for name in names if (value := getattr(optimizer, name, None)) is not None}
    if clips and not isinstance(optimizer, SummedGradients):
        raise ValueError(
            "On several replicas, Keras's optimizers clip each replica's gradients before they are summed, so that the "
            f"result would depend on the number of replicas. Received: {optimizer.name} with {clips}. Take "
            "keras_bert.AdamW or keras_bert.LAMB, which clip the sum, or leave out the clipping."
        )


def give_replicas_own_seeds(model):
    """Lets dropout draw other patterns on each replica, from seeds that all follow from the first one's."""
    strategy = model.distribute_strategy
    states = [variable for variable in model.variables if variable.name == "seed_generator_state"]
    own = json.dumps([keras.ops.convert_to_numpy(state).tolist() for state in states])
    of_first = json.loads(gather_strings(strategy, own)[0])
    for state, (seed, counter) in zip(states, of_first, strict=True):
        copies = strategy.experimental_local_results(state.value)
        for i, copy in enumerate(copies, len(copies) * worker_of(strategy)[0]):
            copy.assign([seed + 1_000_003 * i, counter])


class DistributedTrainer(ChecksInputs):
    """Mends the training of a `keras.Model` under `tf.distribute`; it is mixed in before it."""

    def fit(self, *args, **kwargs):
        strategy = getattr(self, "_distribute_strategy", None)
        given = inspect.signature(keras.Model.fit).bind(self, *args, **kwargs).arguments
        given.pop("self")
        if has_workers(strategy):
            if given.get("class_weight") is not None:
                raise ValueError(
                    "Keras can't weight classes on several workers. Received: "
                    f"class_weight={given['class_weight']}. Give the dataset sample weights instead."
                )
            spec = str(getattr(given.get("x"), "element_spec", None))
            check_same(strategy, model=json.loads(self.to_json()), data=spec, weights=digest_of_weights(self.weights))
        if self._replicas() > 1:
            give_replicas_own_seeds(self)
        if "x" in given:
            given["x"] = self._split(self._checked_data(given["x"]))
        if given.get("validation_data") is not None:
            given["validation_data"] = self._ready_to_validate(given["validation_data"])
        with lost_workers_explained(strategy):
            return super().fit(**given)

    def evaluate(self, x=None, *args, **kwargs):
        with lost_workers_explained(getattr(self, "_distribute_strategy", None)):
            if not kwargs.get("_use_cached_eval_dataset"):  # as `fit` validates, on what it made ready
                x = self._split(self._checked_data(x))
            return super().evaluate(x, *args, **kwargs)

    def predict(self, x, *args, **kwargs):
        with lost_workers_explained(getattr(self, "_distribute_strategy", None)):
            return super().predict(self._split(self._checked_data(x)), *args, **kwargs)

    def predict_on_batch(self, x):
        """As Keras's, but for several replicas, each of which Keras would let answer the whole batch."""
        if self._replicas() == 1:
            return super().predict_on_batch(x)
        return keras.tree.map_structure(keras.ops.convert_to_numpy, self(x, training=False))

    def _replicas(self):
        """-> how many replicas train the model."""
        on_tensorflow = keras.backend.backend() == "tensorflow"
        return self.distribute_strategy.num_replicas_in_sync if on_tensorflow else 1

    def _ready_to_validate(self, data):
        """What `fit` takes as validation_data, a dataset or (x, y, weights) -> the same, checked and split."""
        if isinstance(data, (list, tuple)):
            return (self._checked_data(data[0]), *data[1:])
        return self._split(self._checked_data(data))

    def _split(self, data):
        """What `fit` takes as data -> the same; a `tf.data.Dataset` made ready to be split among the replicas."""
        return data if self._replicas() == 1 else split_among_replicas(data, self.distribute_strategy)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Keras averages a batch over the replicas to learn its shapes, which fails for many; its spec tells them."""
        if iterator is None or self._distribute_strategy is None:
            super()._maybe_symbolic_build(iterator=iterator, data_batch=data_batch)
            return
        spec = iterator.data_adapter.get_tf_dataset().element_spec
        with self._distribute_strategy.scope():
            self._symbolic_build(data_batch=keras.tree.map_structure(_spec_of_replica, spec))

    def _make_function(self, step_function, *args, **kwargs):
        """Keras averages what a step returns over its first axis, which numbers don't have."""
        if not has_workers(getattr(self, "_distribute_strategy", None)):
            return super()._make_function(step_function, *args, **kwargs)

        def step_with_axis(data):
            """batch -> the step's numbers, each as a vector [1]."""
            return keras.tree.map_structure(lambda value: keras.ops.reshape(value, (1,)), step_function(data))

        return super()._make_function(step_with_axis)


class KnownByClones:
    """Lets a clone of a `keras.Model` have its `identity`, a dict of arguments; it is mixed in before it.

    `keras.models.clone_model` runs a model's layers anew and calls its class with the inputs and outputs alone. So the
    outputs carry the identity.
    """

    def _run_through_graph(self, *args, **kwargs):
        outputs = super()._run_through_graph(*args, **kwargs)
        for output in keras.tree.flatten(outputs):
            if isinstance(output, keras.KerasTensor):
                output._identity_of_model = self.identity
        return outputs


def identity_carried_by(outputs):
    """list of KerasTensors -> the identity of the model that they were cloned from, or {}."""
    return getattr(outputs[0], "_identity_of_model", {}) if outputs else {}


class SummedGradients:
    """Lets a Keras optimizer, mixed in before it, sum the gradients of all replicas before it clips them."""

    def sum_over_replicas(self, gradients):
        """gradients of this replica -> of all of them; the same where there is one."""
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        if context is None or context.num_replicas_in_sync == 1:
            return gradients
        return context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        """Where Keras would sum, after clipping: they are summed already."""
        return list(grads_and_vars)


def split_among_replicas(data, strategy, own=False):
    """Makes a `tf.data.Dataset` ready to be split among replicas; leaves alone whatever else `fit` takes.

    Args:
        data: Batches, the same on every worker. Among the replicas of one process TensorFlow splits a batch by rows
            itself; but each of several workers it would give other batches, and make other batches of them.
        strategy: A `tf.distribute.Strategy` with several replicas.
        own: If True, each worker has batches of its own, which its own replicas share.

    Returns:
        A `tf.data.Dataset` or a `tf.distribute.DistributedDataset`.

    Raises:
        ValueError: If several workers are given data that isn't a dataset.
    """
    import tensorflow as tf

    several = has_workers(strategy)
    if not isinstance(data, tf.data.Dataset):
        if several and not (data is None or isinstance(data, tf.distribute.DistributedDataset)):
            raise ValueError(
                f"Several workers need a tf.data.Dataset, the same on each of them. Received: {type(data).__name__}. "
                "tf.data.Dataset.from_tensor_slices(...).batch(...) makes one of arrays."
            )
        return data
    if not several:
        # What a Python generator made can be overwritten before all replicas have read it: training turned to NaN.
        return data.map(lambda *batch: tf.nest.map_structure(_copy, batch))
    replicas, workers = strategy.num_replicas_in_sync, worker_of(strategy)[1]
    here = replicas // workers
    first, parts = (0, here) if own else (here * worker_of(strategy)[0], replicas)

    def part_of(number, batch):
        """number of a part, batch -> the part's rows."""
        rows = tf.shape(tf.nest.flatten(batch)[0])[0]
        begin, end = (rows * (number + i) // parts for i in (0, 1))
        return tf.nest.map_structure(lambda tensor: tensor[begin:end], batch)

    def parts_of(*batch):
        """batch -> dataset of the parts of this worker's replicas."""
        batch = batch if len(batch) > 1 else batch[0]
        return tf.data.Dataset.range(first, first + here).map(lambda i: part_of(tf.cast(i, tf.int32), batch))

    split = strategy.distribute_datasets_from_function(lambda _: data.flat_map(parts_of))
    # TensorFlow counts this worker's parts. Keras wants the steps: as many as the worker with the most batches has.
    batches = [int(count) for count in gather_strings(strategy, str(data.cardinality().numpy()))]
    split._cardinality = max(batches) if min(batches) >= 0 else min(batches)
    return split


def _copy(tensor):
    """tensor -> the same in memory of its own."""
    import tensorflow as tf

    return tensor if tensor.dtype == tf.string else tf.raw_ops.DeepCopy(x=tensor)


def _spec_of_replica(spec):
    """spec of a tensor, or of one for each replica -> the first replica's."""
    return spec._value_specs[0] if hasattr(spec, "_value_specs") else spec


def digest_of_weights(variables):
    """variables -> the SHA-256 of their bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(keras.ops.convert_to_numpy(variable).tobytes())  # bfloat16 has no buffer to take them from
    return digest.hexdigest()


def outputs_with(model, inputs, layer, result):
    """Runs a functional model with one of its layers' results replaced.

    Args:
        model: A functional model.
        inputs: Its inputs.
        layer: One of its layers.
        result: What stands for the layer's result wherever the layer gives vectors of tokens.

    Returns:
        What the model gives.
    """

    def operation_of(operation):
        """a layer or another operation -> itself; the replacement of the one layer."""
        return operation if operation is not layer else lambda *args, **kwargs: result

    return model._run_through_graph(model._standardize_inputs(inputs), operation_fn=operation_of)
