"""Checkpoints on the disk: directories step-00000500, whole or known to be broken, and their settings."""

import hashlib
import json
import re
import shutil
import tempfile
import warnings
from pathlib import Path

from safetensors.numpy import save_file

from keras_bert.utils.checks import some_of
from keras_bert.utils.files import digest_of, sync_to_disk, written_beside

VARIABLES, STATE = FILES = ("variables.safetensors", "state.json")
DIGEST = "SHA-256 "  # with which a setting begins that stands for a file's contents
_LEFT_OVER = re.compile(r"\.step-\d{8,}-\w+")  # What a killed process was writing.
_CHECKPOINT = re.compile(r"step-(\d{8,})")


class BrokenError(Exception):
    """A checkpoint that isn't whole; says why."""


def prepare(directory):
    """Makes a directory; a `ValueError` if it can't be written or holds what isn't a checkpoint."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".step-00000000-", ignore_cleanup_errors=True):
            pass
        foreign = [path.name for path in sorted(directory.iterdir()) if not _is_own(path)]
    except OSError as error:
        raise ValueError(
            f"The directory for checkpoints can't be written: {error}. Received: {directory}. Mend it or choose "
            "another directory."
        ) from error
    if foreign:
        raise ValueError(
            f"The directory for checkpoints must hold nothing else, or not exist yet. Received: {directory}, which "
            f"holds {some_of(foreign)}. Choose another directory."
        )


def _is_own(path):
    """path in the directory -> whether it is a checkpoint, whole or not, or what a killed process left."""
    if _LEFT_OVER.fullmatch(path.name):
        return True
    is_named = _CHECKPOINT.fullmatch(path.name) and path.is_dir()
    return bool(is_named) and {held.name for held in path.iterdir()} <= {*FILES}


def checkpoints(directory):
    """directory -> paths of the checkpoints in it, whole or not, oldest first."""
    return sorted(path for path in directory.iterdir() if _CHECKPOINT.fullmatch(path.name))


def write(path, state, arrays):
    """Checkpoint's path, state, {name: array} -> None; the directory appears when all is on the disk."""
    with written_beside(path, layouts=[FILES, FILES[::-1]], overwrite=True) as beside:
        save_file(arrays, beside / VARIABLES)
        variables = {"size": (beside / VARIABLES).stat().st_size, "sha256": digest_of(beside / VARIABLES)}
        state = {**state, "variables": variables}
        contents = {"sha256": _digest_of_json(state), "state": state}
        (beside / STATE).write_text(json.dumps(contents, indent=1), encoding="utf-8")
        for written in (beside / VARIABLES, beside / STATE, beside):
            sync_to_disk(written)
    sync_to_disk(path.parent)


def read_state(path):
    """Checkpoint's path -> its state; a `BrokenError` unless the checkpoint is whole."""
    try:
        contents = json.loads((path / STATE).read_text(encoding="utf-8"))
        state = contents["state"]
        if contents["sha256"] != _digest_of_json(state):
            raise BrokenError(f"{STATE} fails its checksum")
        size, expected = (path / VARIABLES).stat().st_size, state["variables"]["size"]
        if size != expected:
            raise BrokenError(f"{VARIABLES} has {size} bytes instead of {expected}")
        if digest_of(path / VARIABLES) != state["variables"]["sha256"]:
            raise BrokenError(f"{VARIABLES} fails its checksum")
    except OSError as error:
        raise BrokenError(f"{Path(error.filename or STATE).name}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise BrokenError(f"{STATE} isn't valid: {error}") from error
    return state


def remove_left_overs(directory):
    """Removes from a directory what killed processes were writing."""
    for path in directory.iterdir():
        if _LEFT_OVER.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)  # Another worker's `prepare` removes what it made.


def remove_all_but_the_last(newest, keep):
    """Path of the newest checkpoint, how many stay -> None; removes old ones, and broken ones of later steps."""
    paths = checkpoints(newest.parent)
    reached = [path for path in paths if path <= newest]
    for path in paths:
        if path in reached[-keep:]:
            continue
        try:
            for name in FILES:
                (path / name).unlink(missing_ok=True)
            path.rmdir()
        except OSError as error:
            warnings.warn(f"The old checkpoint {path} can't be removed: {error}.", stacklevel=4)


def _digest_of_json(value):
    """What JSON can hold -> its SHA-256, as hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_settings(path, saved, given):
    """Checkpoint's path and settings, the given ones -> None; a `ValueError` that names every difference."""
    saved, given = ({key: repr(value) for key, value in settings.items()} for settings in (saved, given))
    differences = [
        _described(key, saved.get(key, "missing"), given.get(key, "missing"))
        for key in saved | given
        if saved.get(key) != given.get(key)
    ]
    if differences:
        raise ValueError(
            f"The settings must be the same as in {path}, or training wouldn't continue exactly: "
            f"{'; '.join(differences)}. Run the same command as before, or choose another directory for a new run."
        )


def _described(key, saved, given):
    """a setting's key, what it was and is, as text -> what differs; a digest tells nobody anything."""
    digest = f"'{DIGEST}"
    if saved.startswith(digest) and given.startswith(digest):
        return f"`{key}` has other contents"
    saved, given = (re.sub(f"{DIGEST}[0-9a-f]+", "a file", text) for text in (saved, given))
    return f"`{key}` was {saved} and is {given}"


def json_of(name, value):
    """Name, a dict -> what it is after a way through JSON; a `ValueError` if it can't go there."""
    try:
        if not isinstance(value, dict):
            raise TypeError("it isn't a dict")
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`{name}` must be a dict of numbers, strings, lists and dicts, to be kept as JSON: {error}. "
            f"Received: {value!r}."
        ) from error
