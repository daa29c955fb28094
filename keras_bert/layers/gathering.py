"""Vectors of some tokens out of those of all, and all tokens of a batch as one matrix."""

import keras
from keras import ops


def flat(function, vectors):
    """a function of a matrix, vectors [..., D] -> what it makes of them as one matrix [rows, D], as [..., width].

    On TensorFlow the product of more than two axes with a kernel is ten operations, of a matrix it is one.
    """
    if len(vectors.shape) == 2:
        return function(vectors)
    rows = ops.shape(vectors)[:-1]
    result = function(ops.reshape(vectors, (-1, vectors.shape[-1])))
    return ops.reshape(result, (*rows, result.shape[-1]))


def tokens_at(vectors, positions):
    """Takes each row's vectors at its positions.

    Args:
        vectors: Vectors [B, T, D].
        positions: Integers [B, M]; or one integer, the same in every row.

    Returns:
        Vectors [B, M, D]; NaN where a position is outside of its row.

    Example:
    >>> tokens_at(np.array([[[1.0], [2.0]], [[3.0], [4.0]]]), np.array([[1], [0]])).numpy().tolist()
    [[[2.0]], [[3.0]]]
    """
    if isinstance(positions, int):
        return vectors[:, positions : positions + 1]
    index, inside = _places(positions, *ops.shape(vectors)[:2])
    taken = ops.take(ops.reshape(vectors, (-1, vectors.shape[2])), index, axis=0)
    # A position outside of its row must not find another row's token unnoticed.
    return ops.where(ops.expand_dims(inside, axis=-1), taken, ops.cast(float("nan"), taken.dtype))


def values_at(values, positions):
    """integers [B, T], positions as in `tokens_at` -> the integers there [B, M]; any where a position is outside."""
    if isinstance(positions, int):
        return values[:, positions : positions + 1]
    index, _ = _places(positions, *ops.shape(values))
    return ops.take(ops.reshape(values, (-1,)), index)


def _places(positions, batch, length):
    """positions [B, M], B, T -> their places among B·T tokens, int32 [B, M], and whether each is in its row."""
    positions = ops.cast(positions, "int32")
    rows = ops.expand_dims(ops.arange(batch, dtype="int32"), axis=1)  # [B, 1]
    inside = ops.logical_and(positions >= 0, positions < length)
    return ops.where(inside, rows * length + positions, 0), inside


@keras.saving.register_keras_serializable("keras_bert")
class Parted(keras.layers.Layer):
    """Parts the vectors of two sets of positions that were computed together.

    Call arguments:
        vectors: Vectors [B, N + M, D].
        first_positions: Integers [B, N].

    Returns:
        Vectors [B, N, D] and [B, M, D].
    """

    def call(self, vectors, first_positions):
        count = ops.shape(first_positions)[1]
        return vectors[:, :count], vectors[:, count:]

    def compute_output_spec(self, vectors, first_positions):
        return tuple(keras.KerasTensor((vectors.shape[0], None, vectors.shape[2]), vectors.dtype) for _ in range(2))
