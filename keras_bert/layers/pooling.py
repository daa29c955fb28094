"""One vector of a whole text out of those of its tokens."""

import keras
from keras import ops

from keras_bert.utils.checks import check_one_of

POOLINGS = ("mean", "cls", "max")


@keras.saving.register_keras_serializable("keras_bert")
class Pooling(keras.layers.Layer):
    """Makes the vectors of a text's tokens one, in float32; padding doesn't count.

    Of a packed row it is the vector of the first sequence, as with all that reads a row's first token.

    Args:
        mode: `"mean"`, the mean over the tokens, [CLS] and [SEP] included; `"max"`, the greatest value in each
            dimension; `"cls"`, the first token's vector.

    Call arguments:
        sequence_output: Vectors [B, T, D].
        padding_mask: Integers [B, T]: 0 for padding, 1 for the tokens of the text.

    Returns:
        Vectors [B, D], float32. Of a row without a token, 0 for `"mean"`.

    Raises:
        ValueError: If `mode` is another word.

    Example:
    >>> vectors = np.array([[[1.0], [3.0], [8.0]]])
    >>> [Pooling(mode)(vectors, np.array([[1, 1, 0]])).numpy().tolist() for mode in ("mean", "max", "cls")]
    [[[2.0]], [[3.0]], [[1.0]]]
    """

    def __init__(self, mode="mean", **kwargs):
        super().__init__(**kwargs)
        self.mode = check_one_of("mode", mode, POOLINGS)

    def call(self, sequence_output, padding_mask):
        vectors = ops.cast(sequence_output, "float32")
        if self.mode == "cls":
            return vectors[:, 0]
        counts = ops.expand_dims(ops.equal(padding_mask, 1), axis=2)  # [B, T, 1]
        total = ops.sum(ops.where(counts, vectors, 0.0), axis=1)
        if self.mode == "max":
            # Not ops.max, whose gradient XLA loses: it looks for the greatest value among values computed anew.
            by_dimension = ops.transpose(ops.where(counts, vectors, -1e9), (0, 2, 1))  # [B, D, T]
            greatest, _ = ops.top_k(by_dimension, 1)  # [B, D, 1]
            return greatest[:, :, 0] + 0.0 * total  # NaN where a token's is
        return total / ops.maximum(ops.sum(ops.cast(counts, "float32"), axis=1), 1.0)

    def compute_output_spec(self, sequence_output, padding_mask):
        return keras.KerasTensor((sequence_output.shape[0], sequence_output.shape[2]), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}
