"""What users give to a model by themselves, checked before it is computed with: arrays and whatever makes batches."""

import sys
import types
from collections.abc import Mapping

import keras
import numpy as np

from keras_bert.layers.embedding import TokenAndPositionAndSegmentEmbedding
from keras_bert.layers.inputs import NAMES, OF_TOKENS, as_int32, check_inputs, check_names, check_specs


class ChecksInputs:
    """Lets a `keras.Model` check what it is called with; it is mixed in before it.

    Keras itself takes a dict's values in the order of their names, whichever they are.
    """

    def __call__(self, inputs, *args, **kwargs):
        inputs = self._checked(inputs)
        if self._limits() is not None:  # Keras takes tensors or arrays, not both
            inputs |= {name: keras.ops.convert_to_tensor(inputs[name]) for name in NAMES if _is_array(inputs, name)}
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, training=None, mask=None, **kwargs):
        # Keras calls it without `__call__` where JAX trains.
        if self._limits() is not None:
            inputs = check_names(inputs, self.input)
            inputs |= {name: as_int32(inputs[name]) for name in NAMES if name in inputs}
        return super().call(inputs, training=training, mask=mask, **kwargs)

    def train_on_batch(self, x, *args, **kwargs):
        return super().train_on_batch(self._checked(x, whole=True), *args, **kwargs)

    def test_on_batch(self, x, *args, **kwargs):
        return super().test_on_batch(self._checked(x, whole=True), *args, **kwargs)

    def predict_on_batch(self, x):
        return super().predict_on_batch(self._checked(x, whole=True))

    def _limits(self):
        """-> the embedding, which knows what ids there are; None if the model isn't a BERT with inputs by name."""
        if not isinstance(self.input, dict) or not {*OF_TOKENS} <= {*self.input}:
            return None
        return next((layer for layer in self.layers if isinstance(layer, TokenAndPositionAndSegmentEmbedding)), None)

    def _checked(self, inputs, whole=False):
        """Inputs, whether they are all there is -> a dict of them, int32 where they are known; or a `ValueError`."""
        limits = self._limits()
        if limits is None:
            return inputs
        inputs = check_inputs(check_names(inputs, self.input), limits)
        if whole and not all(len(value) for value in inputs.values()):
            raise ValueError("There are no rows: every input is empty.")
        return inputs

    def _checked_batch(self, batch):
        """Inputs alone, or a tuple of inputs, targets and weights -> the same, the inputs checked."""
        if isinstance(batch, tuple):
            return (self._checked(batch[0], whole=True), *batch[1:])
        return self._checked(batch, whole=True)

    def _checked_data(self, data):
        """What `fit` takes as x -> the same, with a check of what it holds: of arrays at once, else of each batch.

        A torch DataLoader, a `tf.distribute.DistributedDataset` and a `keras.utils.PyDataset` whose batches come from
        other processes are taken as they are.
        """
        limits = self._limits()
        if limits is None:
            return data
        tensorflow = sys.modules.get("tensorflow")  # without it there are no datasets of its
        if tensorflow is not None and isinstance(data, tensorflow.data.Dataset):
            return _checked_dataset(data, list(self.input), limits)
        if isinstance(data, types.GeneratorType):
            return (self._checked_batch(batch) for batch in data)  # Keras takes no other iterators
        if isinstance(data, keras.utils.PyDataset) and not data.use_multiprocessing:
            return _CheckedPyDataset(data, self._checked_batch)
        # None and a string aren't data: it is said what is.
        if isinstance(data, (Mapping, list, tuple, np.ndarray, str, type(None))) or keras.ops.is_tensor(data):
            return self._checked(data, whole=True)
        return data


class _CheckedPyDataset(keras.utils.PyDataset):
    """A `keras.utils.PyDataset`, with a check of each batch.

    Args:
        data: The `keras.utils.PyDataset`.
        check: A batch -> the same, checked.
    """

    def __init__(self, data, check):
        super().__init__(workers=data.workers, max_queue_size=data.max_queue_size)
        self._data, self._check = data, check

    def __getitem__(self, index):
        return self._check(self._data[index])

    @property
    def num_batches(self):
        return self._data.num_batches

    def on_epoch_begin(self):
        self._data.on_epoch_begin()

    def on_epoch_end(self):
        self._data.on_epoch_end()


def _is_array(inputs, name):
    """Inputs, a name -> whether they have a NumPy array of that name."""
    return isinstance(inputs.get(name), np.ndarray)


def _checked_dataset(data, names, limits):
    """tf.data.Dataset of batches, names of the model's inputs, its limits -> the same dataset, each batch checked."""
    import tensorflow as tf

    spec = data.element_spec
    spec = spec[0] if isinstance(spec, tuple) else spec
    known_to_check = [name for name in check_names(spec, names) if name in NAMES]
    check_specs({name: spec[name] for name in known_to_check})
    limit_of = {"token_ids": limits.vocabulary_size, "segment_ids": limits.num_segments}

    def check(*arrays):
        """Arrays of a batch -> True; or a `ValueError`, which TensorFlow raises as an error of its own."""
        check_inputs(dict(zip(known_to_check, arrays, strict=True)), limits)
        return True

    def is_plain(inputs):
        """Inputs of a batch -> whether they are right without doubt, as they mostly are: a boolean of the graph."""
        if any(value.dtype != tf.int32 or value.shape.rank != 2 for value in inputs.values()):
            return tf.constant(False)
        tokens = tf.shape(inputs["token_ids"])[1]
        right = [tokens > 0, tokens <= limits.max_sequence_length]
        for name, value in inputs.items():
            limit = limit_of.get(name, tokens + int(name == "padding_mask"))
            axes = 2 if name in OF_TOKENS else 1
            right.append(tf.reduce_all(tf.shape(value)[:axes] == tf.shape(inputs["token_ids"])[:axes]))
            right.append(tf.reduce_all((value >= 0) & (value < limit)))
        return tf.reduce_all(right)

    def as_rows(value):
        """[B, T], or [B, T, 1], or what turned out to be one -> [B, T], once it is checked."""
        shape = tf.shape(value)
        return tf.identity(value) if value.shape.rank == 2 else tf.reshape(value, [shape[0], shape[1]])

    def checked(*batch):
        """A batch -> the same, its inputs int32."""
        inputs = {name: batch[0][name] for name in names}
        inputs = {n: v.to_tensor() if isinstance(v, tf.RaggedTensor) else v for n, v in inputs.items()}
        to_check = {name: inputs[name] for name in known_to_check}
        arrays = list(to_check.values())
        # In Python only what may be wrong: the graph has no words for it.
        is_right = tf.cond(is_plain(to_check), lambda: True, lambda: tf.numpy_function(check, arrays, tf.bool))
        with tf.control_dependencies([is_right]):
            inputs |= {name: tf.cast(as_rows(value), "int32") for name, value in to_check.items()}
        return (inputs, *batch[1:]) if len(batch) > 1 else inputs

    return data.map(checked)
