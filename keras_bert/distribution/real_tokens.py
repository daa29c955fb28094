"""Which cells of a batch hold tokens, so that a model works on these and not on padding; on TensorFlow.

Legend of the shapes: B rows, T tokens, N real tokens.
"""

from typing import NamedTuple

_MULTIPLE = 32  # of tokens, so that products have few different shapes, for each of which TensorFlow prepares anew
_FEW = 128  # tokens that aren't made a multiple


class RealTokens(NamedTuple):
    """Which of the B·T cells of a batch hold tokens: what is done to each token alone needn't be done to padding.

    Attributes:
        places: The N cells with tokens, int64 [N]; of many tokens a few more, which are computed twice.
        numbers: Each cell's number among those, int32 [B·T]; for padding some token's.
    """

    places: object
    numbers: object

    @classmethod
    def of(cls, padding_mask):
        """mask [B, T] -> its real tokens."""
        import tensorflow as tf

        is_real = tf.reshape(padding_mask, [-1]) > 0
        places = tf.where(is_real)[:, 0]
        count = tf.size(places)
        places = tf.pad(places, [[0, tf.where(count > _FEW, -count % _MULTIPLE, 0)]])
        return cls(places, tf.maximum(tf.cumsum(tf.cast(is_real, tf.int32)) - 1, 0))

    def out_of(self, cells):
        """vectors of all cells [B·T, D] -> those of tokens [N, D]."""
        import tensorflow as tf

        return tf.gather(cells, self.places)

    def spread(self, tokens):
        """vectors of tokens [N, D] -> of all cells [B·T, D]."""
        import tensorflow as tf

        return tf.gather(tokens, self.numbers)
