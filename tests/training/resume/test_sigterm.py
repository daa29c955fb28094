"""SIGTERM ends a training after the step, with a checkpoint; and is left alone at all other times."""

import itertools
import os
import signal
import time

import pytest

from keras_bert.training.resume import Preempted, Resume
from resuming import at_step, failing, fit_tiny, names, terminate, tiny


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
