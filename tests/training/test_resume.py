"""A training that is killed, torn or starved of disk continues, and ends with the same bits.

Run as a script, it trains: `python tests/test_resume.py DIRECTORY STEPS [DIRECTORY STEPS ...]`.
"""

import contextlib
import functools
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_bert
from keras_bert.training.resume import Preempted, Resume, calls_of_fit

CONFIG = {
    "vocabulary_size": 29,
    "num_layers": 1,
    "num_heads": 4,
    "hidden_dim": 12,
    "intermediate_dim": 37,
    "max_sequence_length": 11,
    "dropout": 0.1,
    "attention_dropout": 0.1,
}
SETTINGS = {"batch_size": 3, "files": ["a"]}


class Batches:
    """Pretraining batches, each drawn from its number alone."""

    restored = None

    def from_step(self, step):
        for number in itertools.count(step):
            rng = np.random.default_rng(number)
            yield (
                {
                    "token_ids": rng.integers(0, 29, (3, 7)).astype("int32"),
                    "segment_ids": rng.integers(0, 2, (3, 7)).astype("int32"),
                    "padding_mask": np.array([[1] * 7, [1] * 4 + [0] * 3, [1, 1, 1, 2, 2, 2, 0]], "int32"),
                    "mask_positions": rng.integers(0, 3, (3, 2)).astype("int32"),
                    "cls_positions": np.array([[0], [0], [3]], "int32"),
                },
                {"mlm": rng.integers(0, 29, (3, 2)), "nsp": rng.integers(0, 2, (3, 1))},
            )

    def state(self, step):
        return {"next": step}

    def restore(self, state):
        self.restored = state


def build(optimizer=None, **changes):
    """Changes of the configuration -> a compiled pretrainer with dropout."""
    model = keras_bert.pretrainer(keras_bert.backbone(keras_bert.BertConfig(**{**CONFIG, **changes})))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    schedule = keras.optimizers.schedules.PolynomialDecay(1e-2, 100)
    model.compile(optimizer or keras_bert.AdamW(schedule), {"mlm": loss, "nsp": loss})
    return model


def tiny(optimizer="sgd", **arguments):
    """A compiled model that trains at once, for what doesn't depend on the model."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=False, **arguments)
    return model


def fit_tiny(model, resume, batches, epochs=1, **events):
    """Trains; `events` are called before the checkpoints' callback is."""
    rows, callbacks = np.ones((batches, 3)), [keras.callbacks.LambdaCallback(**events), resume]
    validation = (rows, rows[:, 0])
    model.fit(*validation, 1, epochs, verbose=0, callbacks=callbacks, validation_data=validation)


def fit(model, resume, step, steps):
    """Trains from one step to another."""
    batches = Batches().from_step(step)
    model.fit(batches, steps_per_epoch=steps - step, verbose=0, callbacks=[resume] if resume else [])


@functools.cache
def shared():
    """A compiled model, whose graph is traced once for all tests; and its state at the start."""
    model = build()
    model.optimizer.build(model.trainable_variables)
    return model, arrays_of(model)


def at_start():
    """The shared model, as if it had just been built."""
    model, start = shared()
    for variable, array in zip([*model.variables, *model.optimizer.variables], start, strict=True):
        variable.assign(array)
    return model


def train(directory, steps, model=None, **arguments):
    """What a recipe does: directory, number of steps -> the trained model, new or continued."""
    model = model or at_start()
    resume = Resume(directory, data=Batches(), settings=SETTINGS, **arguments)
    step = resume.restore(model)
    if step < steps:
        fit(model, resume, step, steps)
    return model


def arrays_of(model):
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]


def assert_same_bits(model, expected_arrays):
    for array, expected in zip(arrays_of(model), expected_arrays, strict=True):
        assert array.tobytes() == expected.tobytes()


def names(directory):
    return sorted(path.name for path in directory.iterdir())


# The contract.


def test_what_is_saved_and_what_is_kept(tmp_path):
    model = train(tmp_path / "run", 7, every=2)
    assert names(tmp_path / "run") == ["step-00000006", "step-00000007"]
    assert names(tmp_path / "run" / "step-00000007") == ["state.json", "variables.safetensors"]
    state = json.loads((tmp_path / "run" / "step-00000007" / "state.json").read_text())["state"]
    assert (state["format"], state["step"], state["data"]) == (2, 7, [{"next": 7}])
    assert state["settings"] == {"batch_size": 3, "files": ["a"]}
    assert state["written_by"] == {"keras": keras.__version__, "backend": keras.backend.backend()}
    arrays = load_file(tmp_path / "run" / "step-00000007" / "variables.safetensors")
    assert [arrays[name].tobytes() for name in sorted(arrays)] == [array.tobytes() for array in arrays_of(model)]
    assert sum("seed_generator_state" in name for name in arrays) == 4  # Of each dropout.


def test_the_data_gets_its_place_back(tmp_path):
    train(tmp_path, 3)
    data = Batches()
    assert Resume(tmp_path, data=data, settings={"batch_size": 3, "files": ("a",)}).restore(at_start()) == 3
    assert data.restored == {"next": 3}
    with pytest.raises(ValueError, match="saved with a state of the data"):
        Resume(tmp_path, settings=SETTINGS).restore(at_start())


@pytest.mark.parametrize("foreign", ["thesis.docx", "step-00000001/thesis.docx", "step-1/state.json", ".step-1"])
def test_a_directory_with_other_things_is_refused(tmp_path, foreign):
    (tmp_path / foreign).parent.mkdir(exist_ok=True)
    (tmp_path / foreign).write_text("years of work")
    with pytest.raises(ValueError, match="must hold nothing else"):
        Resume(tmp_path)
    assert (tmp_path / foreign).read_text() == "years of work"


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(ValueError, match="can't be written"):
        Resume(tmp_path / "file" / "run")
    with pytest.raises(ValueError, match="can't be written"):
        Resume("/proc/run")


@pytest.mark.parametrize(
    "arguments",
    [{"every": 0}, {"keep": 0}, {"every": 2.5}, {"settings": {"path": Path()}}, {"settings": [1]}],
)
def test_arguments_out_of_range(tmp_path, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Resume(tmp_path, **arguments)


def test_other_settings_are_refused_by_name(tmp_path):
    train(tmp_path, 1)
    with pytest.raises(ValueError, match="batch_size was 3 and is 4") as error:
        Resume(tmp_path, data=Batches(), settings={"batch_size": 4, "seed": "1"}).restore(at_start())
    assert "files was ['a'] and is missing" in str(error.value)
    assert "seed was missing and is '1'" in str(error.value)


def test_another_model_is_refused(tmp_path):
    resume = Resume(tmp_path)
    resume.restore(build())
    assert resume.save() == resume.save() == tmp_path / "step-00000000"
    with pytest.raises(ValueError, match=r"\[29, 12\] was saved, .*\[31, 12\] is here.* and 1 more"):
        Resume(tmp_path).restore(build(vocabulary_size=31))
    with pytest.raises(ValueError, match="another model"):
        Resume(tmp_path).restore(build(num_layers=2))
    with pytest.raises(ValueError, match=r"adam_w.*/.* was saved, .*/adam(_\d+)?/"):
        Resume(tmp_path).restore(build(keras.optimizers.Adam()))
    with pytest.raises(ValueError, match="compiled"):
        Resume(tmp_path).restore(keras_bert.backbone(keras_bert.BertConfig(**CONFIG)))


def test_another_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_bert.training.resume._FORMAT", 3)
    train(tmp_path, 1)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="has format 3"):
        train(tmp_path, 2)


def test_training_without_restoring_is_refused(tmp_path):
    fit_tiny(tiny(), Resume(tmp_path), 2)
    model = tiny()
    with pytest.raises(ValueError, match="Call `restore"):
        fit_tiny(model, Resume(tmp_path), 1)
    resume = Resume(tmp_path)
    assert resume.restore(model) == 2
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is at step 0, before the last checkpoint"):
        fit_tiny(model, resume, 1)
    assert names(tmp_path) == ["step-00000002"]


# Exactness.


def test_continued_training_has_the_same_bits(tmp_path):
    straight = arrays_of(train(tmp_path / "straight", 7))
    train(tmp_path / "parts", 3)
    keras.utils.set_random_seed(1)
    fresh = build()
    assert (arrays_of(fresh)[0] != arrays_of(at_start())[0]).any()
    assert_same_bits(train(tmp_path / "parts", 7, fresh), straight)
    assert names(tmp_path / "parts") == ["step-00000003", "step-00000007"]
    assert_same_bits(train(tmp_path / "parts", 7), straight)


def test_executions_of_several_steps(tmp_path):
    fit_tiny(tiny(steps_per_execution=2), Resume(tmp_path, every=3, keep=9), 8)
    assert names(tmp_path) == ["step-00000004", "step-00000006", "step-00000008"]


def test_accumulated_gradients_and_several_epochs(tmp_path):
    optimizer = keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2)
    fit_tiny(tiny(optimizer), Resume(tmp_path, every=2, keep=9), 4, epochs=3)
    assert names(tmp_path) == [f"step-{step:08d}" for step in (2, 4, 6)]


def test_interrupted_within_an_epoch(tmp_path):
    """The rest of the epoch in a `fit` of its own, then the other epochs, with the same callback."""

    def training(name):
        return Resume(tmp_path / name, every=4, keep=9, data=Batches(), settings=SETTINGS)

    def epochs(model, resume, step, steps_per_epoch, first, last, **events):
        callbacks = [keras.callbacks.LambdaCallback(**events), resume]
        options = {"steps_per_epoch": steps_per_epoch, "initial_epoch": first, "epochs": last, "verbose": 0}
        model.fit(Batches().from_step(step), callbacks=callbacks, **options)

    model = at_start()
    epochs(model, training("straight"), 0, 4, 0, 3)
    straight = arrays_of(model)
    with pytest.raises(Preempted):
        epochs(at_start(), training("parts"), 0, 4, 0, 3, on_train_batch_begin=at_step(5, terminate))
    model, resume = at_start(), training("parts")
    assert resume.restore(model) == 5
    epochs(model, resume, 5, 3, 1, 2)
    assert names(tmp_path / "parts") == ["step-00000004", "step-00000005", "step-00000008"]
    epochs(model, resume, 8, 4, 2, 3)
    assert_same_bits(model, straight)
    assert names(tmp_path / "straight") == ["step-00000004", "step-00000008", "step-00000012"]
    assert names(tmp_path / "parts") == ["step-00000004", "step-00000005", "step-00000008", "step-00000012"]
    for name in names(tmp_path / "straight"):
        for file in names(tmp_path / "straight" / name):
            assert (tmp_path / "parts" / name / file).read_bytes() == (tmp_path / "straight" / name / file).read_bytes()


# SIGTERM.


def terminate():
    signal.raise_signal(signal.SIGTERM)


def at_step(number, action):
    """number of a call from 1, function -> an event that calls it then."""
    calls = itertools.count(1)
    return lambda *_, **__: action() if next(calls) == number else None


def failing(error):
    """error -> an event that raises it."""

    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture
def received():
    """The SIGTERMs that came to whom they came before `fit`."""
    signals = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


def test_sigterm_ends_training_after_the_step(tmp_path, received):
    with pytest.raises(Preempted) as ended:
        fit_tiny(tiny(), Resume(tmp_path), 5, on_train_batch_begin=at_step(2, terminate))
    assert ended.value.code == 75 and names(tmp_path) == ["step-00000002"] and received == []
    terminate()
    assert received == [signal.SIGTERM]


def test_sigterm_after_the_last_step(tmp_path, received):
    with pytest.raises(Preempted):
        fit_tiny(tiny(), Resume(tmp_path), 3, epochs=2, on_epoch_end=at_step(2, terminate))
    assert names(tmp_path) == ["step-00000006"] and received == []
    model, resume = tiny(), Resume(tmp_path)
    assert resume.restore(model) == 6
    fit_tiny(model, resume, 1)
    assert names(tmp_path) == ["step-00000006", "step-00000007"]


def test_sigterm_in_validation(tmp_path, received):
    batches = itertools.count(1)
    events = {"on_test_batch_begin": at_step(2, terminate), "on_test_batch_end": lambda *_, **__: next(batches)}
    with pytest.raises(Preempted):
        fit_tiny(tiny(), Resume(tmp_path), 5, epochs=2, **events)
    assert names(tmp_path) == ["step-00000005"] and next(batches) == 3 and received == []


@pytest.mark.parametrize("error", [RuntimeError("Worker 0 of 2 has stopped"), KeyboardInterrupt()])
def test_sigterm_after_training_that_failed(tmp_path, received, error):
    model, resume, other = tiny(), Resume(tmp_path / "a"), Resume(tmp_path / "b")
    with pytest.raises(type(error)):
        fit_tiny(model, resume, 5, on_epoch_begin=failing(error))
    terminate()
    assert received == [signal.SIGTERM]
    for failed in (resume, other):
        with pytest.raises(type(error)):
            fit_tiny(model, failed, 5, on_epoch_begin=failing(error))
    with pytest.raises(Preempted):
        fit_tiny(model, resume, 5, on_train_batch_begin=at_step(2, terminate))
    assert names(tmp_path / "a") == ["step-00000002"] and received == [signal.SIGTERM]
    fit_tiny(model, resume, 1)
    terminate()
    assert received == [signal.SIGTERM] * 2


def test_another_sigterm_later_is_not_held_up(tmp_path, received, monkeypatch):
    monkeypatch.setattr("keras_bert.training.resume._PATIENCE", 0.3)
    counts = []

    def hang():
        """Three signals, of which the first two are one."""
        for seconds in (0, 0, 0.5):
            time.sleep(seconds)
            terminate()
            counts.append(len(received))

    with pytest.raises(Preempted):
        fit_tiny(tiny(), Resume(tmp_path), 5, on_train_batch_begin=at_step(2, hang))
    assert counts == [0, 0, 1] and names(tmp_path) == ["step-00000002"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_forked_while_training_ends_by_sigterm(tmp_path, received):
    codes = []

    def fork():
        child = os.fork()
        if child == 0:
            try:
                terminate()
            finally:
                os._exit(len(received))
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    fit_tiny(tiny(), Resume(tmp_path), 3, on_train_batch_begin=at_step(2, fork))
    assert codes == [1] and received == [] and names(tmp_path) == ["step-00000003"]


# What is torn.


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


def flip(path, position=0.5):
    contents = bytearray(path.read_bytes())
    contents[int(position * len(contents))] ^= 1
    path.write_bytes(contents)


def grow(path):
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Checkpoints of the steps 2 and 4, and the variables after step 5."""
    directory = tmp_path_factory.mktemp("saved")
    train(directory / "run", 4, every=2)
    return directory / "run", arrays_of(train(directory / "straight", 5))


@pytest.fixture
def checkpoints(saved, tmp_path):
    """A copy of the checkpoints of the steps 2 and 4."""
    return Path(shutil.copytree(saved[0], tmp_path / "run"))


@pytest.mark.parametrize("file", ["variables.safetensors", "state.json"])
@pytest.mark.parametrize("tear", [cut, flip, grow, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_torn_checkpoint_is_passed_over(checkpoints, saved, tear, file):
    tear(checkpoints / "step-00000004" / file)
    with pytest.warns(UserWarning, match=r"continues from .*step-00000002.* broken: step-00000004 \(.*(state|variab)"):
        assert_same_bits(train(checkpoints, 5, every=2), saved[1])
    assert names(checkpoints) == ["step-00000004", "step-00000005"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(checkpoints, 5)  # Only restores.


def test_no_flipped_byte_of_the_state_goes_unnoticed(checkpoints):
    state = checkpoints / "step-00000004" / "state.json"
    whole = state.read_bytes()
    for position in np.linspace(0, 1, 41, endpoint=False):
        flip(state, position)
        with contextlib.suppress(UserWarning), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            step = Resume(checkpoints, data=Batches(), settings=SETTINGS).restore(shared()[0])
            # White space carries nothing.
            assert step == 4 and json.loads(state.read_bytes()) == json.loads(whole)
        state.write_bytes(whole)


def test_a_broken_checkpoint_that_is_not_reached_again_goes(checkpoints):
    cut(checkpoints / "step-00000004" / "state.json")
    with pytest.warns(UserWarning, match="step-00000002"):
        train(checkpoints, 3, every=100)
    assert names(checkpoints) == ["step-00000002", "step-00000003"]


def test_an_empty_checkpoint_and_left_overs(checkpoints):
    (checkpoints / "step-00000006").mkdir()
    (checkpoints / ".step-00000008-a_b1" / "new").mkdir(parents=True)
    (checkpoints / ".step-00000008-a_b1" / "new" / "variables.safetensors").write_bytes(b"1")
    with pytest.warns(UserWarning, match=r"broken: step-00000006 \(state\.json: No such file"):
        train(checkpoints, 4)
    assert names(checkpoints) == ["step-00000002", "step-00000004", "step-00000006"]


def test_nothing_whole_is_an_error(checkpoints):
    for path in checkpoints.iterdir():
        cut(path / "variables.safetensors")
    with pytest.raises(ValueError, match=r"No checkpoint .* is whole: step-00000004 .*step-00000002 .*start afresh"):
        train(checkpoints, 5)


def test_workers_that_start_together(tmp_path, monkeypatch):
    """One removes what the other is removing: a directory that is made to try whether it can be written."""
    remove = shutil.rmtree

    def remove_again(path, *arguments, **options):
        os.rmdir(path)
        remove(path, *arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", remove_again)
    (tmp_path / ".step-00000000-a_b1").mkdir()
    assert Resume(tmp_path).restore(tiny()) == 0
    assert names(tmp_path) == []


# What goes wrong while saving.


def test_a_full_disk_leaves_the_last_checkpoint(checkpoints, saved):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # Bytes a file.
    try:
        with pytest.raises(OSError, match=r"step 5 can't be written") as error:
            train(checkpoints, 7, every=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "step-00000004, is whole" in str(error.value) and "continues from step 4" in str(error.value)
    assert names(checkpoints) == ["step-00000002", "step-00000004"]
    assert_same_bits(train(checkpoints, 5), saved[1])


def test_a_directory_that_became_foreign(tmp_path):
    resume = Resume(tmp_path)
    resume.restore(tiny())
    (tmp_path / "step-00000000").mkdir()
    (tmp_path / "step-00000000" / "thesis.docx").write_text("years of work")
    with pytest.raises(OSError, match=r"There is no earlier checkpoint.*continues from step 0"):
        resume.save()
    assert (tmp_path / "step-00000000" / "thesis.docx").exists()


def test_an_old_checkpoint_that_cannot_be_removed_does_not_end_training(tmp_path):
    resume, model = Resume(tmp_path, keep=1), tiny()
    fit_tiny(model, resume, 1)
    (tmp_path / "step-00000001" / "thesis.docx").write_text("years of work")
    with pytest.warns(UserWarning, match="step-00000001 can't be removed"):
        fit_tiny(model, resume, 1)
    assert names(tmp_path) == ["step-00000001", "step-00000002"]
    assert names(tmp_path / "step-00000001") == ["thesis.docx"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("torn_there", [False, True])
def test_killed_at_every_step_of_writing(tmp_path, monkeypatch, torn_there):
    """A copy of the process dies at each call that changes or flushes the disk; then the old or the new is there."""
    from keras_bert.training import step_directories as module

    model = tiny()
    fit_tiny(model, Resume(tmp_path), 2)
    state = module.read_state(tmp_path / "step-00000002") | {"step": 4}
    arrays = load_file(tmp_path / "step-00000002" / "variables.safetensors")
    outcomes = []
    for moment in itertools.count():
        if torn_there:
            (tmp_path / "step-00000004").mkdir(exist_ok=True)
        child = os.fork()
        if child == 0:
            calls = itertools.count()
            for owner, name in ((module, "save_file"), (os, "fsync"), (os, "mkdir"), (os, "rename")):
                monkeypatch.setattr(owner, name, deadly(getattr(owner, name), calls, moment))
            with contextlib.suppress(BaseException):
                module.write(tmp_path / "step-00000004", state, arrays)
            os._exit(0)
        killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes.append(Resume(tmp_path).restore(model))
        assert not [name for name in names(tmp_path) if name.startswith(".")]
        for path in tmp_path.glob("step-00000004/*"):
            path.unlink()
        with contextlib.suppress(FileNotFoundError):
            (tmp_path / "step-00000004").rmdir()
        if not killed:
            break
    assert len(outcomes) > 10 and outcomes == sorted(outcomes) and set(outcomes) == {2, 4}


def deadly(call, calls, moment):
    """Function, counter, number -> the function, which kills the process before or after the call with that number."""

    def counted(*arguments, **options):
        if next(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **options)
        if next(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return counted


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which file is flushed")
def test_everything_is_on_the_disk_before_it_counts(tmp_path, monkeypatch):
    resume = Resume(tmp_path)
    resume.restore(tiny())
    done, fsync, rename = [], os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(os.readlink(f"/proc/self/fd/{handle}")), fsync(handle))
    )
    monkeypatch.setattr(os, "rename", lambda *paths: (done.append("rename"), rename(*paths)))
    resume.save()
    assert [Path(name).name for name in done] == ["variables.safetensors", "state.json", "new", "rename", tmp_path.name]


# Whole processes.


def command(*arguments):
    return [sys.executable, __file__, *map(str, arguments)]


def environment(backend):
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def test_killed_at_random_moments(tmp_path):
    steps, rng, kills = 60, random.Random(0), 0
    while kills < 3:
        before = names(tmp_path / "killed") if kills else []
        process = subprocess.Popen(command(tmp_path / "killed", steps), env=environment("tensorflow"))
        try:
            deadline = time.monotonic() + 60
            while not (tmp_path / "killed").exists() or not set(names(tmp_path / "killed")) - set(before):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            time.sleep(rng.uniform(0, 0.3))
            assert process.poll() is None
        finally:
            process.kill()
            process.wait()
        kills += 1
    subprocess.run(command(tmp_path / "killed", steps), env=environment("tensorflow"), check=True, timeout=60)
    straight = arrays_of(train(tmp_path / "straight", steps))
    arrays = load_file(tmp_path / "killed" / f"step-{steps:08d}" / "variables.safetensors")
    for name, expected in zip(sorted(arrays), straight, strict=True):
        assert arrays[name].tobytes() == expected.tobytes(), name


def test_under_jax(tmp_path):
    parts = (tmp_path / "straight", 7, tmp_path / "parts", 3, tmp_path / "parts", 7)
    subprocess.run(command(*parts), env=environment("jax"), check=True, timeout=90)
    straight, continued = (
        load_file(tmp_path / name / "step-00000007" / "variables.safetensors") for name in ("straight", "parts")
    )
    assert names(tmp_path / "parts") == ["step-00000006", "step-00000007"]
    for name, other in zip(sorted(straight), sorted(continued), strict=True):
        assert straight[name].tobytes() == continued[other].tobytes(), name


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    for where, how_far in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        train(where, int(how_far), every=1)


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        (0, [(0, 0, 3, 4)]),
        (8, [(8, 2, 3, 4)]),
        (5, [(5, 1, 2, 3), (8, 2, 3, 4)]),
        (11, [(11, 2, 3, 1)]),
        (12, [(12, 3, 3, 4)]),
    ],
)
def test_a_run_that_was_ended_within_an_epoch_first_ends_it(step, calls):
    """First step, first and last epoch, steps of an epoch, of 12 steps in epochs of 4."""
    found = [
        (begin, *map(c.get, ("initial_epoch", "epochs", "steps_per_epoch"))) for begin, c in calls_of_fit(step, 12, 4)
    ]
    assert found == calls
