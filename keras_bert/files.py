"""Output directories that are whole or not there: written beside their place, then renamed."""

import contextlib
import tempfile
from pathlib import Path


def check_writable(directory, own_files, overwrite=False):
    """Checks, before any work, that an output directory may be written.

    Args:
        directory: Where the output is to stand.
        own_files: Names of the files that such an output consists of.
        overwrite: Whether a directory that holds nothing but these may be replaced.

    Raises:
        ValueError: If the directory holds something else, or is a file.
    """
    directory = Path(directory).resolve()
    if not directory.exists():
        return
    held = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else ["(it is a file)"]
    replaceable = set(held) <= set(own_files)
    if held and not (replaceable and overwrite):
        raise ValueError(
            f"The output directory must be empty or not exist yet. Received: {directory}, which holds "
            f"{', '.join(held[:10])}. Choose another directory"
            + (", or pass overwrite=True to replace what is there." if replaceable else ".")
        )


@contextlib.contextmanager
def written_beside(directory, own_files, overwrite=False):
    """Gives a new directory to write in, and renames it to `directory` when the block has ended without an error.

    Args:
        directory: Where the output is to stand in the end; its parents are made.
        own_files: As in `check_writable`.
        overwrite: As in `check_writable`.

    Yields:
        The `Path` of an empty directory beside `directory`.

    Raises:
        ValueError: As in `check_writable`.

    Example:
    >>> directory = Path(tempfile.mkdtemp(), "output")
    >>> with written_beside(directory, ["answer.txt"]) as beside:
    ...     _ = (beside / "answer.txt").write_text("42")
    >>> (directory / "answer.txt").read_text()
    '42'
    """
    directory = Path(directory).resolve()
    check_writable(directory, own_files, overwrite)
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as place:
        beside = Path(place, "new")
        beside.mkdir()
        yield beside
        if directory.exists():
            directory.rename(Path(place, "old"))
        beside.rename(directory)
