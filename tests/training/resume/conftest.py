"""Checkpoints to be torn, and who receives signals."""

import shutil
import signal
from pathlib import Path

import pytest

from resuming import arrays_of, train


@pytest.fixture
def received():
    """The SIGTERMs that came to whom they came before `fit`."""
    signals = []
    before = signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    yield signals
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Checkpoints of the steps 2 and 4, and the variables after step 5."""
    directory = tmp_path_factory.mktemp("saved")
    train(directory / "run", 4, every=2)
    return directory / "run", arrays_of(train(directory / "straight", 5))


@pytest.fixture
def checkpoints(saved, tmp_path):
    """A copy of the checkpoints of the steps 2 and 4."""
    return Path(shutil.copytree(saved[0], tmp_path / "run"))
