"""Epochs of shuffled batches, each in an order of its own that follows from the seed and the epoch's number."""

import tensorflow as tf

from keras_bert.utils.checks import check_positive_integer

_MOST = 2**62  # epochs


def shuffled_epochs(epoch_of, count, seed):
    """Makes batches that are shuffled anew each epoch, and that `from_step` can enter anywhere.

    Args:
        epoch_of: A function that makes the batches of one epoch: salt -> `tf.data.Dataset`. The salt, an int64 scalar
            tensor, decides on all that is drawn; None: nothing is.
        count: Number of batches of an epoch.
        seed: An integer, from which salts are drawn; None: there are none.

    Returns:
        A `tf.data.Dataset` of an epoch's batches, of known cardinality.
    """
    if seed is None:
        batches = epoch_of(None)
    else:
        salts = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
        batches = salts.take(1).flat_map(lambda salt: _of_salt(epoch_of, salt))
    batches = batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(tf.data.AUTOTUNE)
    batches.epochs = Epochs(epoch_of, count, seed)
    return batches


class Epochs:
    """The epochs that batches come from: `shuffled_epochs` has the arguments."""

    def __init__(self, epoch_of, count, seed):
        self.epoch_of, self.count, self.seed = epoch_of, count, seed

    def from_step(self, step):
        """Number of batches that are done -> an endless `tf.data.Dataset` of those that follow."""
        epoch, done = divmod(step, self.count)

        def batches_of(number):
            """number of an epoch -> its batches that are left."""
            if self.seed is None:
                batches = self.epoch_of(None)
            else:
                # Of these numbers alone: whatever was iterated before, in this process or in another, is the same here.
                salt = tf.random.stateless_uniform([], [self.seed, number], 0, 2**31 - 1, tf.int64)
                batches = _of_salt(self.epoch_of, salt)
            return batches.skip(tf.where(number == epoch, tf.cast(done, tf.int64), 0))

        return tf.data.Dataset.range(epoch, _MOST).flat_map(batches_of).prefetch(tf.data.AUTOTUNE)


def _of_salt(epoch_of, salt):
    """function: salt -> dataset, salt, in the graph -> the epoch's dataset, whatever seed the process has."""
    tf.random.set_seed(1)  # of this graph alone
    return epoch_of(salt)


def from_step(batches, step=0):
    """Gives the batches of a training from a step on, epoch after epoch, for a training that goes on.

    The order of each epoch follows from the seed and the epoch's number alone: a training that was ended after a step
    goes on with the batches that it would have had.

    Args:
        batches: What a function of this package made, such as `classification_batches`, as it is.
        step: Number of batches that are done, of all epochs.

    Returns:
        An endless `tf.data.Dataset`: give `fit` its `steps_per_epoch`. `keras_bert.resume.calls_of_fit` does.

    Raises:
        ValueError: If the batches were made otherwise, or changed since, or `step` isn't an integer of at least 0.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull"])
    >>> reviews = [("good", "yes"), ("dull", "no"), ("good good", "yes")]
    >>> batches = keras_bert.data.classification_batches(reviews, tokenizer, ["no", "yes"], 2, max_length=8, seed=0)
    >>> whole, rest = ([len(classes) for _, classes in from_step(batches, step).take(4 - step)] for step in (0, 1))
    >>> rest == whole[1:]
    True
    """
    if step != 0:
        check_positive_integer("step", step)
    if not hasattr(batches, "epochs"):
        raise ValueError(
            f"`batches` must be as a function of keras_bert.data made them. Received: {batches!r:.200}. Change what "
            "`from_step` gives instead."
        )
    return batches.epochs.from_step(step)
