"""Checkpoints that are torn, and directories with left-overs."""

import contextlib
import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from keras_bert.training.resume import Resume
from resuming import SETTINGS, Batches, assert_same_bits, names, shared, tiny, train


def cut(path):
    os.truncate(path, path.stat().st_size - 1)


def flip(path, position=0.5):
    contents = bytearray(path.read_bytes())
    contents[int(position * len(contents))] ^= 1
    path.write_bytes(contents)


def grow(path):
    path.write_bytes(path.read_bytes() + b"\0")


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
