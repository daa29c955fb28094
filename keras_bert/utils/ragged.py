"""Small operations on ragged rows whose values lie one after the other, in the TensorFlow graph."""

import tensorflow as tf


def row_begins(rows):
    """Tells where a new row begins.

    Args:
        rows: For each value the number of its row, ascending, integers [N]; rows may be missing.

    Returns:
        Bools [N]: whether the value is the first of its row.

    Example:
    >>> row_begins(tf.constant([0, 0, 2, 3, 3])).numpy().tolist()
    [True, False, True, True, False]
    """
    return tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], axis=0)
