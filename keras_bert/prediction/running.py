"""A model run for its answers, in the TensorFlow graph: without work on padding, and a few rows at a time.

Legend of the shapes: B rows, T tokens.
"""

import tensorflow as tf

from keras_bert.distribution.real_tokens import RealTokens

_ROWS = 64


def outputs_of(model, inputs):
    """Runs a model on rows of different lengths, at the cost of their tokens, not of their cells.

    Args:
        model: A model of this library.
        inputs: Its inputs, a dict of int32 [B, T].

    Returns:
        What the model gives, a tensor [B, ...] or a dict of them; what it gives for padding means nothing.

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> ids = tf.constant([[101, 7, 102], [101, 102, 0]])
    >>> inputs = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": tf.cast(ids > 0, tf.int32)}
    >>> outputs_of(model, inputs).shape
    TensorShape([2, 3])
    """
    return model(inputs, training=False, real_tokens=RealTokens.of(inputs["padding_mask"]))


def outputs_in_slices(model, inputs):
    """As `outputs_of`, on any number of rows in slices of 64, so that one long text can't take all the memory.

    Args:
        model: A model of this library.
        inputs: Its inputs, a dict of int32 [B, T].

    Returns:
        As `outputs_of`.

    Example:
    >>> model = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny")), num_classes=3)
    >>> ones = tf.ones([130, 5], tf.int32)
    >>> outputs_in_slices(model, {"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones}).shape
    TensorShape([130, 3])
    """
    total = tf.shape(inputs["token_ids"])[0]
    # One at least: of no rows too, the model gives outputs of the right shape.
    count = tf.maximum(1, (total + _ROWS - 1) // _ROWS)
    structure = model.output

    def run(number, *arrays):
        """number of a slice, TensorArrays -> the next number, the arrays with the slice's outputs."""
        rows = {key: values[number * _ROWS : (number + 1) * _ROWS] for key, values in inputs.items()}
        outputs = tf.nest.flatten(outputs_of(model, rows))
        return number + 1, *(array.write(number, output) for array, output in zip(arrays, outputs, strict=True))

    arrays = [
        tf.TensorArray(output.dtype, count, infer_shape=False, element_shape=[None, *output.shape[1:]])
        for output in tf.nest.flatten(structure)
    ]
    _, *arrays = tf.while_loop(lambda number, *_: number < count, run, (0, *arrays), parallel_iterations=1)
    return tf.nest.pack_sequence_as(structure, [array.concat() for array in arrays])
