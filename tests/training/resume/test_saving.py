"""What goes wrong while a checkpoint is written: full disks, foreign files, and death at every moment."""

import contextlib
import itertools
import os
import signal
import sys
import warnings
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from keras_bert.training.resume import Resume
from resuming import assert_same_bits, fit_tiny, names, tiny, train


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
