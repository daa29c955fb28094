"""Outputs that are whole or not there: written beside their place, then renamed."""

import contextlib
import os
import tempfile
from pathlib import Path


def check_writable(directory, layouts=(), overwrite=False):
    """Checks, before any work, that an output directory may be written.

    Args:
        directory: Where the output is to stand.
        layouts: What such outputs consist of: each a sequence of file names, of which the first is always there.
        overwrite: Whether a directory that holds nothing but such an output may be replaced.

    Raises:
        ValueError: If the directory holds something else, or is a file.

    Example:
    >>> check_writable(tempfile.mkdtemp())
    """
    directory = _resolved(directory)
    if not directory.exists():
        return
    held = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else ["nothing, for it is a file"]
    replaceable = any(set(layout[:1]) <= set(held) <= set(layout) for layout in layouts)
    if held and not (replaceable and overwrite):
        mend = "pass overwrite=True to replace it, or " if replaceable else ""
        raise ValueError(
            f"The output directory must be empty or not exist yet. Received: {directory}, which holds "
            f"{', '.join(held[:10])}; {mend}choose another directory."
        )


@contextlib.contextmanager
def written_beside(directory, layouts=(), overwrite=False):
    """Gives a new directory to write in, and renames it to `directory` when the block has ended without an error.

    Args:
        directory: Where the output is to stand in the end; its parents are made.
        layouts: As in `check_writable`.
        overwrite: As in `check_writable`.

    Yields:
        The `Path` of an empty directory beside `directory`.

    Raises:
        ValueError: As in `check_writable`.

    Example:
    >>> directory = Path(tempfile.mkdtemp(), "output")
    >>> with written_beside(directory) as beside:
    ...     _ = (beside / "answer.txt").write_text("42")
    >>> (directory / "answer.txt").read_text()
    '42'
    """
    directory = _resolved(directory)
    check_writable(directory, layouts, overwrite)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as place:
        new, old = Path(place, "new"), Path(place, "old")
        new.mkdir()
        yield new
        if directory.exists():
            directory.rename(old)
        try:
            new.rename(directory)
        except OSError:
            if old.exists():
                old.rename(directory)
            raise


def write_text(text, path):
    """Writes a UTF-8 file beside its place and renames it: (str, path) -> None."""
    path = Path(path)
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise


def _resolved(directory):
    """path, perhaps relative or with ~ -> absolute `Path`."""
    return Path(directory).expanduser().resolve()
