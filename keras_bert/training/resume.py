"""Training that survives its process: atomic checkpoints, and a continuation that is exact."""

import contextlib
import json
import os
import signal
import threading
import time
import traceback
import warnings
from pathlib import Path

import keras
from safetensors import SafetensorError
from safetensors.numpy import load_file

from keras_bert.distribution.workers import any_worker, check_same, gather_strings, has_workers, is_chief, worker_of
from keras_bert.training import saved_variables as saved
from keras_bert.training.calls_of_fit import calls_of_fit
from keras_bert.training.step_directories import (
    VARIABLES,
    BrokenError,
    check_settings,
    checkpoints,
    json_of,
    prepare,
    read_state,
    remove_all_but_the_last,
    remove_left_overs,
    write,
)
from keras_bert.utils.checks import check_positive_integer, check_positive_number

__all__ = ["PREEMPTED_EXIT_CODE", "Preempted", "Resume", "calls_of_fit"]

PREEMPTED_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: "try again later"

_FORMAT = 2
_PATIENCE = 30  # Seconds after SIGTERM in which another one counts as the same.


class Preempted(SystemExit):
    """Ends the process, with exit code 75, after SIGTERM: the last step is in a checkpoint, and the run isn't over."""

    def __init__(self):
        super().__init__(PREEMPTED_EXIT_CODE)


class Resume(keras.callbacks.Callback):
    """Saves checkpoints during `model.fit`, from which a killed training continues as if nothing had happened.

    A checkpoint holds every variable of the model, the states of its dropout included, and of its optimizer, with the
    state of the data. It is written beside its place, flushed to the disk and renamed, so that a kill or a power cut at
    any moment leaves the last checkpoint or the new one, never half of one. With the same batches and deterministic
    arithmetic, the continued training ends with the same bits as an uninterrupted one. One training at a time may use
    the directory.

    Several workers train with one directory that all of them can read; the first of them writes. SIGTERM, by which
    clusters announce that they take a machine back, on any worker: all of them end after the step, with a checkpoint
    and the exit code 75. Validation ends after its batch, with several workers after ten at most, and isn't made up
    for. Another SIGTERM half a minute later, or one when `fit` is over, does what it did before `fit`.

    Call `restore` after `compile` and before `fit`; the same command then starts and continues a training. Give `fit`
    the remaining steps only, and don't call it when none remain: Keras takes `steps_per_epoch=0` for "no end".

    Args:
        directory: Where the checkpoints stand, as directories `step-00000500`; made if need be. It must hold nothing
            else.
        every: Optimizer steps between checkpoints; one more is saved when training ends. With `steps_per_execution`,
            the first execution that reaches the step.
        minutes: Another checkpoint is saved when so many minutes have passed since the last, for steps that take long;
            None: by steps alone. To save one takes as long as to write the weights three times, the optimizer's moments
            among them, and to read them once. Of several workers the first one's clock counts, asked every ten steps.
        keep: How many of the newest checkpoints stay on the disk.
        data: None, or an object with `state(step)`, which gives a JSON-able dict for the data's place after `step`
            optimizer steps, and `restore(state)`, which takes it back.
        settings: None, or a JSON-able dict of what must be the same in the continued training: data files, batch size,
            seed. It is kept in the checkpoints and compared by `restore`.
        callbacks: Callbacks that stand before this one in `fit` and whose state belongs to the training, such as
            `KeepBest`: each has `state()`, which gives a JSON-able dict and a dict of arrays, and
            `restore_state(state, arrays)`. With any, an epoch is over when they have seen its end: its last checkpoint
            is saved then, and who is ended between its last step and that goes on from the checkpoint before, at least
            from one of the training's begin. What means among the metrics have of an epoch that was begun is kept too.

    Raises:
        ValueError: If the directory can't be written or holds something else, if `settings` isn't JSON-able, or if an
            argument is out of its range. From `fit`: if the directory holds checkpoints and `restore` wasn't called.
        OSError: From `fit`, if a checkpoint can't be written, e.g. on a full disk; the earlier ones stay whole.
        Preempted: From `fit`, after SIGTERM.

    Example:
    >>> import tempfile
    >>> directory = tempfile.mkdtemp()
    >>> def train(steps):
    ...     model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    ...     model.compile(keras_bert.AdamW(1e-2), "mse")
    ...     resume = keras_bert.resume.Resume(directory, every=2, settings={"batch_size": 1})
    ...     step = resume.restore(model)
    ...     if step < steps:
    ...         rows = np.ones((steps - step, 3))
    ...         _ = model.fit(rows, rows[:, 0], batch_size=1, verbose=0, callbacks=[resume])
    ...     return step
    >>> train(3), train(5), train(5)
    (0, 3, 5)
    """

    def __init__(self, directory, every=500, keep=2, data=None, settings=None, callbacks=(), minutes=None):
        super().__init__()
        self.directory = Path(directory).expanduser().resolve()
        self.every = check_positive_integer("every", every)
        self.keep = check_positive_integer("keep", keep)
        self.minutes = None if minutes is None else check_positive_number("minutes", minutes)
        self.data, self.callbacks = data, tuple(callbacks)
        self.settings = json_of("settings", {} if settings is None else settings)
        prepare(self.directory)
        self._restored = not checkpoints(self.directory)
        self._is_within_epoch = False
        self._newest = None  # The newest checkpoint that is known to be whole: its path,
        self._saved_step = 0  # its step,
        self._saved_at = time.monotonic()  # and when that was.
        self._terminated_at = None  # When SIGTERM came.
        self._ends_epoch = False  # Whether it has had its last step, and `callbacks` haven't seen its end.
        self._metrics = {}  # What they had seen of the epoch that goes on.

    def restore(self, model):
        """Gives a compiled model the state of the newest whole checkpoint, and the data its place.

        A checkpoint that is torn or fails its checksum is passed over, with a warning.

        Args:
            model: A compiled `keras.Model`, built as the saved one was.

        Returns:
            The number of optimizer steps that are done: 0 if there is no checkpoint yet.

        Raises:
            ValueError: If the model isn't compiled; if the settings, the model or the optimizer differ from the
                checkpoint's; if there are checkpoints and none is whole.

        Example:
        >>> model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
        >>> model.compile(keras_bert.AdamW(5e-5), "mse")
        >>> import tempfile
        >>> keras_bert.resume.Resume(tempfile.mkdtemp()).restore(model)
        0
        """
        if not getattr(model, "optimizer", None) or not model.built:
            raise ValueError("The model must be compiled and built before `restore`: its optimizer is restored too.")
        if not model.optimizer.built:
            strategy = getattr(model, "distribute_strategy", None)
            with strategy.scope() if strategy else contextlib.nullcontext():
                model.optimizer.build(model.trainable_variables)
        self.set_model(model)
        if is_chief(self._strategy()):
            remove_left_overs(self.directory)
        self._restore_newest()
        check_same(self._strategy(), step=self._saved_step, settings=self.settings)
        return self._saved_step

    def _restore_newest(self):
        """Sets model and data as the newest whole checkpoint has them; a `ValueError` if there are broken ones only."""
        broken = []
        for path in reversed(checkpoints(self.directory)):
            try:
                state = read_state(path)
            except BrokenError as error:
                broken.append(f"{path.name} ({error})")
                continue
            if broken:
                warnings.warn(
                    f"Training continues from {path}, because newer checkpoints are broken: {', '.join(broken)}.",
                    stacklevel=2,
                )
            self._restore_from(path, state)
            return
        if broken:
            raise ValueError(
                f"No checkpoint in {self.directory} is whole: {', '.join(broken)}. To start afresh, remove the "
                "directory or choose another one."
            )
        self._restored = True

    def save(self):
        """Saves a checkpoint now, and removes those that are older than the last `keep`.

        Returns:
            The `Path` of the checkpoint; of the old one if the step is saved already.

        Raises:
            ValueError: If the directory holds checkpoints and `restore` wasn't called.
            OSError: If the checkpoint can't be written; the earlier ones stay whole.

        Example:
        >>> model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
        >>> model.compile(keras_bert.AdamW(5e-5), "mse")
        >>> import tempfile
        >>> resume = keras_bert.resume.Resume(tempfile.mkdtemp())
        >>> resume.restore(model), resume.save().name
        (0, 'step-00000000')
        """
        step = self._check_continues()
        path = self.directory / f"step-{step:08d}"
        if path == self._newest:
            return path
        data = None if self.data is None else json_of("data.state(step)", self.data.state(step))
        data = [json.loads(of_worker) for of_worker in gather_strings(self._strategy(), json.dumps(data))]
        if not is_chief(self._strategy()):
            self._newest, self._saved_step, self._saved_at = path, step, time.monotonic()
            return path
        state = {
            "format": _FORMAT,
            "step": step,
            "settings": self.settings,
            "data": data,  # Of each worker.
            "written_by": {"keras": keras.__version__, "backend": keras.backend.backend()},
        }
        arrays = saved.as_arrays(saved.named_variables(self.model))
        if self.callbacks:
            states, own = saved.states_of(self.callbacks)
            state |= json_of("callbacks", {"callbacks": states})
            arrays |= own
            if self._is_within_epoch:
                arrays |= saved.as_arrays(saved.metrics_of(self.model))
        try:
            write(path, state, arrays)
        except (OSError, ValueError, SafetensorError) as error:
            last = (
                f"The last checkpoint, {self._newest}, is whole" if self._newest else "There is no earlier checkpoint"
            )
            raise OSError(
                f"The checkpoint of step {step} can't be written: {str(error).rstrip('.')}. {last}; what was "
                f"trained since step {self._saved_step} isn't saved. Make room or mend the directory, then run the "
                f"same command again: it continues from step {self._saved_step}."
            ) from error
        self._newest, self._saved_step, self._saved_at = path, step, time.monotonic()
        remove_all_but_the_last(path, self.keep)
        return path

    def on_train_begin(self, logs=None):
        # The step, or more: reading it at each batch would wait for the device.
        self._reached = self._check_continues()
        if self.callbacks and self._newest is None:
            self.save()  # What the callbacks write from now on is this training's.
        self._terminated_at, self._saved_at = None, time.monotonic()
        if threading.current_thread() is threading.main_thread():
            former = signal.getsignal(signal.SIGTERM)
            if isinstance(of_other := getattr(former, "__self__", None), Resume):
                former = of_other._former_handler  # Its `fit` ended by an exception.
            self._former_handler = former or signal.SIG_DFL  # None: not Python's.
            self._process = os.getpid()
            signal.signal(signal.SIGTERM, self._on_sigterm)

    def _on_sigterm(self, number, frame):
        """Notes that the process is to end, and the step goes on; or does what SIGTERM did before `fit`."""
        now = time.monotonic()
        if self._is_in_fit(frame):
            self._terminated_at = self._terminated_at or now
            if now - self._terminated_at < _PATIENCE:
                return
        signal.signal(signal.SIGTERM, self._former_handler)
        signal.raise_signal(number)

    def _is_in_fit(self, frame):
        """Where this process is -> whether that is in `fit`, which doesn't tell its callbacks of an exception."""
        return self._process == os.getpid() and any(
            caller.f_code.co_name == "fit" and caller.f_locals.get("self") is self.model
            for caller, _ in traceback.walk_stack(frame)
        )

    def on_epoch_begin(self, epoch, logs=None):
        self._batch, self._is_within_epoch = -1, True

    def on_train_batch_end(self, batch, logs=None):
        self._reached += batch - self._batch
        self._batch = batch
        if self._metrics:  # They are there from the epoch's first step on.
            self._step()
            saved.add_to(saved.metrics_of(self.model), self._metrics)
            self._metrics = {}
        self._ends_epoch = bool(self.callbacks) and batch + 1 == self.params["steps"]
        is_late = self._is_late(batch)
        if (is_late or self._is_due()) and not self._ends_epoch:
            self._reached = self._step()
            if is_late or self._is_due():
                self.save()
        self._end_if_terminated()

    def on_test_batch_end(self, batch, logs=None):
        # To ask all workers takes some milliseconds; their numbers of batches are the same.
        if not has_workers(self._strategy()) or batch % 10 == 9:
            self._end_if_terminated()

    def on_epoch_end(self, epoch, logs=None):
        self._ends_epoch = self._is_within_epoch = False
        if self.callbacks:
            self.save()
            self._end_if_terminated()

    def _end_if_terminated(self):
        """Ends training after SIGTERM on any worker."""
        if any_worker(self._strategy(), self._terminated_at is not None):
            self.on_train_end()

    def on_train_end(self, logs=None):
        if not self._ends_epoch:
            self.save()
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, self._former_handler)
        # From here on SIGTERM isn't ours, so none is lost.
        if any_worker(self._strategy(), self._terminated_at is not None):
            raise Preempted

    def _strategy(self):
        """The model's `tf.distribute` strategy; None on other backends."""
        return getattr(self.model, "distribute_strategy", None)

    def _is_due(self):
        """Whether a multiple of `every` was passed since the last checkpoint."""
        return self._reached // self.every > self._saved_step // self.every

    def _is_late(self, batch):
        """number of a batch -> whether so many `minutes` have passed since the last checkpoint; of all workers."""
        if self.minutes is None or (has_workers(self._strategy()) and batch % 10 != 9):
            return False
        is_late = time.monotonic() - self._saved_at >= 60 * self.minutes
        return any_worker(self._strategy(), is_late and is_chief(self._strategy()))

    def _step(self):
        """The number of optimizer steps that are done; makes the variables current."""
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()  # Under JAX, `fit` keeps the state outside the variables.
        return int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))

    def _check_continues(self):
        """None -> the step; a `ValueError` unless it continues the checkpoints of the directory."""
        if not self._restored:
            raise ValueError(
                f"{self.directory} holds checkpoints. Call `restore(model)` after `compile` and before `fit` to "
                "continue from the newest, or choose another directory."
            )
        step = self._step()
        if step < self._saved_step:
            raise ValueError(
                f"The optimizer is at step {step}, before the last checkpoint, {self._newest}. Call `restore(model)` "
                "after `compile`, which starts the optimizer anew."
            )
        return step

    def _restore_from(self, path, state):
        """Checkpoint that is whole, its state -> None; sets the model and the data, or raises a `ValueError`."""
        if state["format"] != _FORMAT:
            raise ValueError(
                f"{path} has format {state['format']}, and this version of keras_bert reads format {_FORMAT}. "
                "Continue with the version that wrote it."
            )
        check_settings(path, state["settings"], self.settings)
        index, count = worker_of(self._strategy())
        if len(state["data"]) != count:
            raise ValueError(
                f"{path} was saved by {len(state['data'])} workers, and now there are {count}, which would share the "
                "data otherwise. Start as many as then, or choose another directory."
            )
        data = state["data"][index]
        if (self.data is None) != (data is None):
            raise ValueError(
                f"{path} was saved {'without' if data is None else 'with'} a state of the data. Pass Resume the same "
                "`data` as then, or choose another directory."
            )
        states = state.get("callbacks", [])
        if len(states) != len(self.callbacks):
            raise ValueError(
                f"{path} was saved with the states of {len(states)} callbacks, and now there are "
                f"{len(self.callbacks)}. Pass Resume the same `callbacks` as then, or choose another directory."
            )
        arrays, variables = load_file(path / VARIABLES), saved.named_variables(self.model)
        own = {name: array for name, array in arrays.items() if name.startswith(("model/", "optimizer/"))}
        saved.check_fits(path, own, variables, state["written_by"])
        if self.data is not None:
            self.data.restore(data)
        for name, variable in zip(sorted(own), variables.values(), strict=True):
            variable.assign(own[name])
        for i, callback in enumerate(self.callbacks):
            callback.restore_state(states[i], saved.of_owner(arrays, f"callbacks/{i}/"))
        self._metrics = saved.of_owner(arrays, "metrics/")
        self._newest, self._saved_step, self._restored = path, state["step"], True
