"""What makes a recipe's run whole: examples held out or in folds, and checkpoints by which the same command goes on."""

import concurrent.futures
import dataclasses
import hashlib
import json
import multiprocessing
import statistics
from pathlib import Path

import keras_bert
from keras_bert.recipes.command_line import warnings_as_sentences
from keras_bert.training.step_directories import DIGEST
from keras_bert.utils.files import check_apart, check_writable, fingerprint_of

EVERY = 500  # steps between two checkpoints, beside one at each epoch's end,
MINUTES = 5  # and the most minutes: a checkpoint of base, 1.3 GB, takes some ten seconds
# Options that don't change what is trained.
_FREE = ("test", "output", "export", "predictions", "report", "tensorboard", "cross_validate")
_SCORES = ("train_loss", "valid", "test", "before", "teacher")  # what names of scores begin with


def held_out(config, train, strategy, fold=None, classes=True):
    """Takes the examples to choose the best epoch by out of those to train on, where the options say so.

    Args:
        config: A `FineTuning`.
        train: The examples of `config.train`.
        strategy: The `tf.distribute.Strategy` of the run; of several workers the first says what is held out.
        fold: The number of the fold to hold out of a cross-validation; None: there is none.
        classes: Whether labels are classes.

    Returns:
        A pair: examples to train on, and those that are held out; None where `config.valid` is a file.

    Raises:
        ValueError: As of `keras_bert.data.hold_out`, and of `keras_bert.data.fold`.
    """
    if fold is not None:
        parts = keras_bert.data.fold(train, fold, config.cross_validate, config.seed, classes)
        which = f"Fold {fold + 1} of {config.cross_validate}. "
    elif isinstance(config.valid, float):
        parts, which = keras_bert.data.hold_out(train, config.valid, config.seed, classes), ""
    else:
        return None
    if keras_bert.distribution.is_chief(strategy):
        print(which + keras_bert.data.splits.described_parts(*parts, classes))
    return parts


def cross_validated(config, main):
    """Runs a recipe once for each fold of the examples to train on, each in a process of its own.

    Args:
        config: A `FineTuning`.
        main: The recipe, a function of a module: config, number of the fold -> dict of metrics.

    Returns:
        A dict that JSON can hold: of each score the mean over the folds, and beside it as `..._deviation` the standard
        deviation; `folds`, a list with each fold's scores; `seconds` of training, of all folds; no `output`.
    """
    folds, seconds, said = [], 0.0, set()
    for fold in range(config.cross_validate):
        logs = config.tensorboard and config.tensorboard / f"fold-{fold + 1}"
        # In a process of its own, for TensorFlow doesn't give the memory of a trained model back.
        spawn = multiprocessing.get_context("spawn")
        of_fold = dataclasses.replace(config, tensorboard=logs)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as process:
            metrics, said = process.submit(_run_fold, main, of_fold, fold, said).result()
        seconds += metrics["seconds"]
        folds.append({name: metrics[name] for name in metrics if name.startswith(_SCORES)})
    summary = {}
    for name in folds[0]:
        values = [scores[name] for scores in folds]
        is_known = None not in values
        summary[name] = statistics.fmean(values) if is_known else None
        summary[f"{name}_deviation"] = statistics.stdev(values) if is_known else None
    return {**summary, "folds": folds, "seconds": round(seconds, 1), "output": None}


def _run_fold(main, config, fold, said):
    """recipe, its Config, number of the fold, warnings of those before -> its metrics, and all warnings."""
    with warnings_as_sentences(type(config), said):
        return main(config, fold), said


def check_run(config, **directories):
    """Checks what a run is to write, and how it gets its examples.

    Args:
        config: A `FineTuning`.
        **directories: Outputs that the recipe has beside `output` and `export`, by name; None: it isn't wanted.

    Raises:
        ValueError: If an output can't be written or is in another, or options contradict each other.
    """
    directories = {"output": config.output, "export": config.export, **directories}
    if config.cross_validate is not None:
        given = [name for name in ("valid", *directories) if {"valid": config.valid, **directories}[name] is not None]
        if given:
            raise ValueError(
                "A cross-validation holds examples out of `train` and keeps no model. Received: `cross_validate` with "
                f"{', '.join(given)}. Leave that out; then train on all of `train` for a model."
            )
    outputs = _Outputs(directories)
    for directory in outputs.missing(config):
        check_writable(directory)
    logs_and_checkpoints = {"tensorboard": config.tensorboard, "checkpoints": config.output and _checkpoints_of(config)}
    check_apart(**directories, **logs_and_checkpoints)


class Run:
    """What goes on around `fit`: TensorBoard and, with `config.output`, checkpoints, by which the same command goes on.

    Args:
        config: A `FineTuning`.
        model: The compiled model.
        tokenizer: Its `WordPieceTokenizer`.
        keep_best: The run's `KeepBest`.
        num_batches: Number of batches of an epoch.
        **directories: As of `common.prepare`.

    Attributes:
        callbacks: What `fit` takes behind `keep_best`: a list.
        is_chief: Whether this process is the one that writes.
    """

    def __init__(self, config, model, tokenizer, keep_best, num_batches, **directories):
        import keras

        self._model, self._tokenizer, self._keep_best, self._config = model, tokenizer, keep_best, config
        self._num_batches, self._steps = num_batches, config.epochs * num_batches
        self.is_chief = keras_bert.distribution.is_chief(getattr(model, "distribute_strategy", None))
        self.callbacks, self._resume = [], None
        self._outputs = _Outputs({"export": config.export, "report": getattr(config, "report", None), **directories})
        if config.tensorboard is not None and self.is_chief:
            self.callbacks.append(keras.callbacks.TensorBoard(config.tensorboard))
        if config.output is not None:
            settings, directory = _settings(config, tokenizer), _checkpoints_of(config)
            self._resume = keras_bert.resume.Resume(
                directory,
                EVERY,
                keep=1,
                data=self._outputs,
                settings=settings,
                callbacks=[keep_best],
                minutes=MINUTES,
            )
            self.callbacks.append(self._resume)

    def calls(self):
        """Yields the calls of `fit` that are left, as `keras_bert.resume.calls_of_fit`: pairs of step and arguments."""
        step = 0 if self._resume is None else self._resume.restore(self._model)
        is_done = step == self._steps or self._keep_best.ended
        if is_done and self.is_chief:
            print(f"All {step} steps are done: nothing is left to train.")
        elif step and self.is_chief:
            print(f"Training goes on from step {step} of {self._steps}.")
        # Where nothing is left, one call of no epoch sets the best weights.
        for call in keras_bert.resume.calls_of_fit(self._steps if is_done else step, self._steps, self._num_batches):
            yield call
            if self._keep_best.ended:
                break
        if self._resume is not None and self.is_chief and not _holds_something(self._config.output):
            length = {"max_length": self._keep_best.max_length}
            keras_bert.save_pretrained(self._keep_best.model, self._tokenizer, self._config.output, **length)

    def writes(self, directory):
        """An output or None -> whether it is for this process to write: it is wanted, and not there from before."""
        if directory is None or not self.is_chief:
            return False
        if _holds_something(directory):
            print(f"{directory} stands already, of this run.")
            return False
        return True


class _Outputs:
    """What a run writes in the end, as its checkpoints know it: what isn't theirs is never taken for an output."""

    def __init__(self, directories):
        self.own = {str(directory.expanduser().resolve()) for directory in directories.values() if directory}

    def state(self, step):
        return {"outputs": sorted(self.own)}

    def restore(self, state):
        self.own.update(state["outputs"])

    def missing(self, config):
        """`FineTuning` -> the outputs that no checkpoint of an earlier run of the same output knows."""
        if config.output is None:
            return self.own
        known = {str(config.output.expanduser().resolve())}
        for path in sorted(_checkpoints_of(config).glob("step-*/state.json"))[-1:]:
            try:
                state = json.loads(path.read_text(encoding="utf-8"))["state"]
                return self.own - known - {*state["data"][0]["outputs"]}
            except (OSError, ValueError, LookupError, TypeError):
                pass  # it is broken, which restoring says
        return self.own


def _holds_something(directory):
    return any(directory.expanduser().glob("*"))


def _checkpoints_of(config):
    """`FineTuning` with an output -> the directory of its checkpoints."""
    output = config.output.expanduser().resolve()
    return output.with_name(output.name + "-checkpoints")


def contents_of(checkpoint):
    """a directory, hub id or None -> what must be the same for a run to go on: of a directory what is in it."""
    is_here = checkpoint is not None and Path(checkpoint).expanduser().is_dir()
    return f"{DIGEST}{fingerprint_of(checkpoint)}" if is_here else checkpoint


def _settings(config, tokenizer):
    """`FineTuning`, tokenizer -> what must be the same for a run to go on."""
    settings = {
        name: f"{DIGEST}{fingerprint_of(value)}" if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(config).items()
        if name not in _FREE
    }
    settings |= {name: contents_of(settings[name]) for name in ("pretrained", "teacher") if name in settings}
    settings["vocabulary"] = DIGEST + hashlib.sha256("\n".join(tokenizer.vocabulary).encode()).hexdigest()
    return settings
