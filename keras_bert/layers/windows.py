"""A row that holds the windows of a text -> a row for each window, and back to one vector of the text.

Legend of the shapes: B texts, W windows of a text, T tokens of a window, L = W * T cells of a row, D width.
"""

import keras
from keras import ops

from keras_bert.utils.checks import check_one_of, check_positive_integer

WINDOW_POOLINGS = ("mean", "first_and_last")


@keras.saving.register_keras_serializable("keras_bert")
class WindowsAsRows(keras.layers.Layer):
    """Makes a row of each window, so that attention costs what short rows cost.

    Args:
        length: Tokens T of a window. Rows of at most so many cells are one window; of longer ones each T are.

    Call arguments:
        values: Integers [B, L].
        as_mask: Whether they are windows' numbers, of which 1 becomes what isn't 0: each row is one sequence.

    Returns:
        Integers [B * W, T]; a last window that isn't whole is filled up with 0.

    Example:
    >>> WindowsAsRows(2)(np.array([[7, 8, 9]])).numpy().tolist()
    [[7, 8], [9, 0]]
    """

    def __init__(self, length, **kwargs):
        super().__init__(**kwargs)
        self.length = check_positive_integer("length", length)

    def call(self, values, as_mask=False):
        values = ops.convert_to_tensor(values)
        values = ops.minimum(values, 1) if as_mask else values
        count, width = _shape_in_windows(values, self.length)
        values = ops.pad(values, ((0, 0), (0, count * width - ops.shape(values)[1])))
        return ops.reshape(values, (-1, width))

    def compute_output_spec(self, values, as_mask=False):
        return keras.KerasTensor((None, None), dtype=values.dtype)

    def get_config(self):
        return {**super().get_config(), "length": self.length}


@keras.saving.register_keras_serializable("keras_bert")
class WindowPooling(keras.layers.Layer):
    """Makes one vector of those of a text's windows, in float32; windows of padding don't count.

    It knows all of how texts are read in windows, so that a model that has it does.

    Args:
        length: Tokens T of a window, as in `WindowsAsRows`.
        stride: The tokens that two windows share; kept for those who make rows.
        pooling: `"mean"` of all windows, or that of the `"first_and_last"`.
        most: The most windows of a text, or None; kept likewise.

    Call arguments:
        vectors: Vectors of the windows [B * W, D].
        padding_mask: Integers [B, L]: 0 for padding, k for the tokens of the k-th window, which begins at (k - 1) * T.

    Returns:
        Vectors [B, D], float32; NaN for rows that don't hold their windows so.

    Example:
    >>> vectors, mask = np.array([[1.0], [2.0], [6.0], [0.0]]), np.array([[1, 1, 2, 2, 3, 0, 0, 0]])
    >>> [WindowPooling(2, 0, pooling)(vectors, mask).numpy().tolist() for pooling in WINDOW_POOLINGS]
    [[[3.0]], [[3.5]]]
    """

    def __init__(self, length, stride, pooling="mean", most=None, **kwargs):
        super().__init__(**kwargs)
        self.length = check_positive_integer("length", length)
        self.stride, self.most = stride, most
        self.pooling = check_one_of("pooling", pooling, WINDOW_POOLINGS)

    def call(self, vectors, padding_mask):
        padding_mask = ops.cast(padding_mask, "int32")
        count, width = _shape_in_windows(padding_mask, self.length)
        mask = ops.pad(padding_mask, ((0, 0), (0, count * width - ops.shape(padding_mask)[1])))
        mask = ops.reshape(mask, (-1, count, width))  # [B, W, T]
        vectors = ops.reshape(ops.cast(vectors, "float32"), (-1, count, vectors.shape[-1]))  # [B, W, D]
        number = ops.expand_dims(ops.arange(1, count + 1, dtype="int32"), 0)  # [1, W]
        is_real = ops.equal(mask[:, :, 0], number)  # [B, W]
        total = ops.sum(ops.cast(is_real, "int32"), axis=1, keepdims=True)  # [B, 1]
        if self.pooling == "mean":
            shares = ops.cast(is_real, "float32")
        else:
            shares = ops.cast(ops.logical_and(is_real, ops.equal(number, 1)), "float32")
            shares += ops.cast(ops.logical_and(is_real, ops.equal(number, total)), "float32")
        shares /= ops.maximum(ops.sum(shares, axis=1, keepdims=True), 1.0)
        pooled = ops.sum(ops.where(ops.expand_dims(is_real, 2), vectors, 0.0) * ops.expand_dims(shares, 2), axis=1)
        strange = ops.logical_and(ops.not_equal(mask, 0), ops.not_equal(mask, ops.expand_dims(number, 2)))
        strange = ops.any(strange, axis=(1, 2))  # [B]
        return pooled + ops.expand_dims(ops.where(strange, float("nan"), 0.0), 1)

    def compute_output_spec(self, vectors, padding_mask):
        return keras.KerasTensor((padding_mask.shape[0], vectors.shape[-1]), dtype="float32")

    def get_config(self):
        return {**super().get_config(), **self.fields()}

    def fields(self):
        """-> its arguments, a dict."""
        return {name: getattr(self, name) for name in ("length", "stride", "pooling", "most")}


def _shape_in_windows(values, length):
    """values [B, L], most tokens of a window -> number of windows W of a row, and their tokens T."""
    cells = ops.shape(values)[1]
    if isinstance(cells, int):
        return max(1, -(-cells // length)), min(cells, length)
    return ops.maximum((cells + length - 1) // length, 1), ops.minimum(cells, length)
