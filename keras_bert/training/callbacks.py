"""Callbacks for plain `model.fit`: what training cost, and the best weights kept."""

import collections
import math
import time
from pathlib import Path

import keras
import numpy as np

from keras_bert.checkpoints import LAYOUT_FILES, save_pretrained
from keras_bert.distribution.workers import is_chief
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.files import check_writable

# The first steps compile the graph, so they don't count in rates.
_STEPS_LEFT_OUT = 3


class Throughput(keras.callbacks.Callback):
    """Measures examples and real tokens a second of training, and the share of padding.

    Train on what `count` returns; evaluation between the epochs and the first three steps aren't in the rates. The
    progress bar, and the logs of each epoch, show `real_tokens_per_s` and `minutes_left`, of training alone.

    Args:
        workers: How many workers train on batches of their own, of which this one's are counted, so many times; none
            in the steps after its share has ended.
        rows: Number of rows that are an example together, as the texts of a pair are where each has a row.

    Example:
    >>> import tensorflow as tf
    >>> throughput = Throughput()
    >>> rows = {"padding_mask": np.array([[1, 1, 1, 0], [1, 1, 0, 0]])}
    >>> batches = throughput.count(tf.data.Dataset.from_tensors((rows, [0, 1])))
    >>> # model.fit(batches, callbacks=[throughput]); then:
    >>> sorted(throughput.results())
    ['padding', 'real_tokens_per_s', 'seconds', 'steps', 'train_examples_per_s']
    """

    def __init__(self, workers=1, rows=1):
        super().__init__()
        self.workers = check_positive_integer("workers", workers)
        self.rows = check_positive_integer("rows", rows)
        self._counts = False  # Whether there is a dataset to count.
        self._coming = collections.deque()  # (examples, real tokens, cells) of the batches that are made, not trained
        self._totals = np.zeros(3)
        self._measured = np.zeros(3)
        self._measured_seconds = 0.0
        self._seconds = 0.0
        self.steps = 0

    def count(self, dataset):
        """Counts the batches of a dataset on their way to training, in this process.

        Args:
            dataset: A `tf.data.Dataset` whose elements begin with a dict that has `padding_mask` [B, T].

        Returns:
            The same batches.
        """
        import tensorflow as tf

        self._counts = True

        def note(padding_mask):
            """mask [B, T] -> 0; remembers its counts."""
            counts = padding_mask.shape[0], np.count_nonzero(padding_mask), padding_mask.size
            self._coming.append(self.workers * np.array(counts))
            return np.int32(0)

        def counted(inputs, *rest):
            """batch -> the same batch, once it is noted."""
            with tf.control_dependencies([tf.numpy_function(note, [inputs["padding_mask"]], tf.int32)]):
                return tf.nest.map_structure(tf.identity, (inputs, *rest))

        # At the moment a batch is taken, not ahead of it: what Keras takes before training begins is no step.
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False
        return dataset.map(counted).with_options(options)

    def results(self):
        """Returns what was measured so far.

        Returns:
            A dict: `train_examples_per_s` and `real_tokens_per_s` (padding isn't counted), None before the fourth step;
            `padding` (share of the cells; None before the first step), `steps` and `seconds` (of training).
        """
        _, tokens, cells = self._totals
        examples_per_s = tokens_per_s = None
        if self._measured_seconds:
            examples_per_s = round(float(self._measured[0]) / self.rows / self._measured_seconds, 1)
            tokens_per_s = round(float(self._measured[1]) / self._measured_seconds)
        return {
            "train_examples_per_s": examples_per_s,
            "real_tokens_per_s": tokens_per_s,
            "padding": round(1 - float(tokens / cells), 4) if cells else None,
            "steps": self.steps,
            "seconds": round(self._seconds, 1),
        }

    def on_train_begin(self, logs=None):
        self._coming.clear()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._trained = epoch, 0  # batches of this epoch
        self._since = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        while self._trained <= batch:  # several where steps_per_execution is more than 1
            ended = self._counts and self.workers > 1  # The other workers go on.
            if not self._coming and not ended:
                raise ValueError(
                    "Throughput has counted fewer batches than were trained. Pass model.fit the dataset that "
                    "`throughput.count(dataset)` returns."
                )
            counts = self._coming.popleft() if self._coming else np.zeros(3)
            self._totals += counts
            if self.steps >= _STEPS_LEFT_OUT:
                self._measured += counts
            self._trained += 1
            self.steps += 1
        self._seconds += now - self._since
        if self.steps > _STEPS_LEFT_OUT:
            self._measured_seconds += now - self._since
        self._since = now
        if logs is not None:
            logs |= self._progress()

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs |= self._progress()

    def _progress(self):
        """-> rate and minutes left of training, for the progress bar and the logs, once they can be told."""
        if not self._measured_seconds:
            return {}
        progress = {"real_tokens_per_s": self.results()["real_tokens_per_s"]}
        if self.params.get("steps"):
            left = (self.params["epochs"] - self._epoch) * self.params["steps"] - self._trained
            seconds_a_step = self._measured_seconds / (self.steps - _STEPS_LEFT_OUT)
            progress["minutes_left"] = round(left * seconds_a_step / 60, 1)
        return progress


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the best validation metric, and ends training with them.

    Of epochs that are equal in it, as they often are on small validation files, the one with the lowest `val_loss`, or
    else `loss`, is best. The thresholds of a model of several labels a text belong to its weights.

    A later call of `fit` with `initial_epoch` goes on with the training: from the last epoch's weights, not from the
    best.

    Args:
        monitor: The key in Keras's logs, e.g. `"val_accuracy"`.
        tokenizer: The `WordPieceTokenizer` to save beside the model; needed with `directory` only.
        directory: Where each better model is saved at once, in Hugging Face's layout; None: only in memory. Of several
            workers the first writes.
        mode: `"max"` if a greater metric is better, `"min"` if a smaller one is.
        max_length: As in `save_pretrained`.
        patience: Training ends after so many epochs of which none was better than the best before; None: never.
        overwrite: If True, a directory that holds nothing but a saved model is replaced when the first epoch ends.

    Attributes:
        logs: Keras's logs of the best epoch: a dict.
        ended: Whether training was ended, for want of a better epoch.

    Raises:
        ValueError: If the directory holds something or can't be made, when training begins; if the metric isn't in the
            logs at an epoch's end; if `mode` is another word, or `patience` no positive integer.

    Example:
    >>> keep_best = KeepBest("val_accuracy")
    >>> # model.fit(train, validation_data=valid, callbacks=[keep_best]); then:
    >>> keep_best.logs
    {}
    """

    def __init__(
        self,
        monitor,
        tokenizer=None,
        directory=None,
        mode="max",
        max_length=None,
        patience=None,
        overwrite=False,
    ):
        super().__init__()
        if mode not in ("max", "min"):
            raise ValueError(f'`mode` must be "max" or "min". Received: mode={mode!r}.')
        self.monitor, self.tokenizer, self.directory, self.mode = monitor, tokenizer, directory, mode
        self.max_length, self.overwrite = max_length, overwrite
        self.patience = None if patience is None else check_positive_integer("patience", patience)
        self._forget()

    def _forget(self):
        """As if no epoch had been."""
        self.logs = {}
        self._best = None  # weights and thresholds
        self._last = None  # the same of the last epoch, while the model has the best
        self._epochs_since = 0  # the best one
        self._is_own = False  # whether what stands in the directory is of this training
        self._is_claimed = False  # whether what will stand there is, for it was found free

    @property
    def ended(self):
        return self.patience is not None and self._epochs_since >= self.patience

    def state(self):
        """-> what `Resume` keeps of it: the best epoch's logs, thresholds and weights, and how long that was ago."""
        logs = {name: float(value) for name, value in self.logs.items()}
        weights, thresholds = self._best or ((), None)
        state = {"logs": logs, "epochs_since": self._epochs_since, "thresholds": thresholds}
        state["directory"] = self._places() if self._is_claimed else []
        return state, {f"{i:05d}": weight for i, weight in enumerate(weights)}

    def restore_state(self, state, weights):
        """What `state` gave -> None: training goes on; what stands in the directory is of it, if it's the same."""
        self.logs, self._epochs_since = state["logs"], state["epochs_since"]
        self._best = ([weights[name] for name in sorted(weights)], state["thresholds"]) if weights else None
        self._is_own = not {*self._places()}.isdisjoint(state["directory"])

    def _places(self):
        """-> the directory as it was given, which another working directory doesn't change, and its whole path."""
        return [] if self.directory is None else [str(self.directory), str(Path(self.directory).expanduser().resolve())]

    def _of_model(self):
        """-> the model's weights, and its thresholds or None."""
        return self.model.get_weights(), getattr(self.model, "thresholds", None)

    def _give_model(self, weights, thresholds):
        """What `_of_model` gave -> None."""
        self.model.set_weights(weights)
        if thresholds is not None:
            self.model.keep_thresholds(thresholds)

    def on_train_begin(self, logs=None):
        if self.directory is not None and not self._is_own:
            check_writable(self.directory, tuple(LAYOUT_FILES.values()), self.overwrite)
        self._is_claimed = True

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 0 and self.logs:  # another training
            self._forget()
            self.on_train_begin()
        if self._last is not None:
            self._give_model(*self._last)
            self._last = None

    def on_epoch_end(self, epoch, logs=None):
        if self.monitor not in (logs or {}):
            raise ValueError(
                f"`monitor` must be one of the logged metrics: {', '.join(logs or {})}. Received: {self.monitor!r}."
            )
        self._epochs_since += 1
        if self._is_better(logs):
            self._keep(logs)
        elif self.ended:
            self.model.stop_training = True

    def _keep(self, logs):
        """logs of the epoch that is the best so far -> None; keeps them and the weights."""
        self._epochs_since, self.logs = 0, dict(logs)
        self._best = self._of_model()
        if self.directory is not None and is_chief(getattr(self.model, "distribute_strategy", None)):
            options = {"max_length": self.max_length, "overwrite": self.overwrite or self._is_own}
            save_pretrained(self.model, self.tokenizer, self.directory, **options)
            self._is_own = True

    def _is_better(self, logs):
        """An epoch's logs -> whether it beats the best so far; anything beats nothing and NaN, NaN beats nothing."""
        value = logs[self.monitor]
        if not self.logs or math.isnan(self.logs[self.monitor]):
            return not self.logs or not math.isnan(value)
        best = self.logs[self.monitor]
        if value == best:
            key = "val_loss" if "val_loss" in logs else "loss"
            loss, least = logs.get(key, math.inf), self.logs.get(key, math.inf)
            return loss < least or (math.isnan(least) and not math.isnan(loss))
        return value > best if self.mode == "max" else value < best

    def on_train_end(self, logs=None):
        if self._best is None:
            return
        if self._epochs_since and self._last is None:
            self._last = self._of_model()
        self._give_model(*self._best)
