"""Outputs that are whole or not there, written beside their place, then renamed; and text files as they are read."""

import contextlib
import gzip
import hashlib
import os
import re
import shlex
import tempfile
from pathlib import Path

from keras_bert.utils.encodings import encoding_by_mark, likely_encoding


def check_writable(directory, layouts=(), overwrite=False):
    """Checks, before any work, that an output directory can be written and that nothing is lost by it.

    Args:
        directory: Where the output is to stand.
        layouts: What such outputs consist of: each a sequence of file names, of which the first is always there.
        overwrite: Whether a directory that holds nothing but such an output may be replaced.

    Raises:
        ValueError: If the directory holds something else, is a file or a mount point, or can't be made.

    Example:
    >>> check_writable(tempfile.mkdtemp())
    """
    directory = _resolved(directory)
    parent = next(path for path in directory.parents if path.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise ValueError(
            f"The output directory can't be made. Received: {directory}, but {parent} "
            + ("isn't writable." if parent.is_dir() else "is a file.")
            + " Choose another directory."
        )
    if not directory.exists():
        return
    if os.path.ismount(directory):
        raise ValueError(
            f"The output directory must not be a mount point, because it is written beside its place and renamed. "
            f"Received: {directory}. Choose a directory in it, such as {directory / 'model'}."
        )
    held = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else ["nothing, for it is a file"]
    replaceable = any(set(layout[:1]) <= set(held) <= set(layout) for layout in layouts)
    if held and not (replaceable and overwrite):
        mend = "pass overwrite=True to replace it, or " if replaceable else "move that away, or "
        raise ValueError(
            f"The output directory must be empty or not exist yet. Received: {directory}, which holds "
            f"{', '.join(held[:10])}; {mend}choose another directory."
        )


def check_outputs(**directories):
    """Checks, before any work, that several output directories can be written, and that none is in another.

    Args:
        **directories: Where each output is to stand, by name; None: it isn't wanted.

    Raises:
        ValueError: As in `check_writable`, or if one directory is, or is in, another.

    Example:
    >>> check_outputs(output=tempfile.mkdtemp(), export=None)
    """
    for directory in directories.values():
        if directory is not None:
            check_writable(directory)
    check_apart(**directories)


def check_apart(**directories):
    """Checks that none of several directories is, or is in, another.

    Args:
        **directories: The directories, by name; None: there is none.

    Raises:
        ValueError: If one is, or is in, another.

    Example:
    >>> check_apart(output="bert", tensorboard="logs")
    """
    resolved = {name: _resolved(directory) for name, directory in directories.items() if directory is not None}
    for name, directory in resolved.items():
        for other, place in resolved.items():
            if other != name and directory.is_relative_to(place):
                raise ValueError(
                    f"`{name}` and `{other}` must be outside of each other. Received: {directory}, {place}."
                )


@contextlib.contextmanager
def written_beside(directory, layouts=(), overwrite=False):
    """Gives a new directory to write in, and renames it to `directory` when the block has ended without an error.

    A process that is killed leaves a hidden directory `.NAME-...` beside it; between two renames, one that replaces an
    output leaves the old one there, as `old`.

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
        _make_readable(new)
        if directory.exists():
            directory.rename(old)
        try:
            new.rename(directory)
        except OSError:
            if old.exists():
                old.rename(directory)
            raise


def check_writable_file(path, overwrite=False):
    """Checks, before any work, that an output file can be written and that nothing is lost by it.

    Args:
        path: Where the file is to stand.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        ValueError: If there is something already, or the file can't be made.

    Example:
    >>> check_writable_file(Path(tempfile.mkdtemp(), "answers.jsonl"))
    """
    path = _resolved(path)
    if path.exists() and not (overwrite and path.is_file()):
        mend = "overwrite it, or choose" if path.is_file() else "Choose"
        is_what = "is there already" if path.is_file() else "is no file"
        raise ValueError(f"The output must be a new file. Received: {path}, which {is_what}; {mend.lower()} another.")
    parent = next(place for place in path.parents if place.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        what = "isn't writable" if parent.is_dir() else "is a file"
        raise ValueError(f"The output file can't be made. Received: {path}, but {parent} {what}. Choose another.")


@contextlib.contextmanager
def file_beside(path, overwrite=False):
    """Gives a new file's place to write to, and renames it to `path` when the block has ended without an error.

    Args:
        path: Where the file is to stand in the end; its parents are made.
        overwrite: As in `check_writable_file`.

    Yields:
        The `Path` of an empty file beside `path`, whose name ends alike.

    Raises:
        ValueError: As in `check_writable_file`.

    Example:
    >>> path = Path(tempfile.mkdtemp(), "answer.txt")
    >>> with file_beside(path) as beside:
    ...     _ = beside.write_text("42")
    >>> path.read_text()
    '42'
    """
    path = _resolved(path)
    check_writable_file(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as place:
        new = Path(place, path.name)
        new.touch()
        yield new
        check_writable_file(path, overwrite)  # what came to stand there meanwhile isn't lost
        os.replace(new, path)


def _make_readable(directory):
    """directory -> None; its files get the permissions that new files have, for some writers keep them private."""
    mask = os.umask(0)
    os.umask(mask)
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o666 & ~mask)


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


def open_text(path, errors="strict", newline=None, encoding="utf-8"):
    """Opens a text file for reading, through gzip if its name ends in .gz: path, as `open` has them -> file."""
    return _opener_of(path)(os.path.expanduser(path), "rt", encoding=encoding, errors=errors, newline=newline)


def open_bytes(path):
    """Opens a file for reading, through gzip if its name ends in .gz: path -> binary file."""
    return _opener_of(path)(os.path.expanduser(path), "rb")


def _opener_of(path):
    """path -> the function that opens it."""
    return gzip.open if os.fspath(path).endswith(".gz") else open


def not_utf8(path, name="The file"):
    """Makes the error for a text file that isn't UTF-8: it says where, and gives the command that converts the file.

    Args:
        path: The file, compressed by gzip if its name ends in .gz. It is read again, up to the place and some way on.
        name: What the message calls such a file.

    Returns:
        A `ValueError`, to be raised. Its command names the encoding in which the bytes make sense, and shows how the
        line reads in it. If most lines beyond ASCII are UTF-8, it names the others instead.

    Example:
    >>> path = Path(tempfile.mkdtemp(), "menu.txt")
    >>> _ = path.write_bytes("Tea. Café.".encode("latin-1"))
    >>> print(str(not_utf8(path)).replace(str(path.parent), ""))
    The file '/menu.txt' isn't UTF-8: line 1 has the byte 0xe9 after b'Tea. Caf'. Convert it: iconv -f CP1252 -t UTF-8
    /menu.txt > /utf8-menu.txt (if it isn't CP1252, as which that line reads 'Tea. Café.', with the name of its
    encoding; iconv -l lists them)
    """
    path = Path(path).expanduser()
    with open_bytes(path) as file:
        start = file.read(4)
        file.seek(0)
        place, lines, good = _where_not_utf8(file)
    mark = encoding_by_mark(start)
    is_marked = mark != "utf-8-sig"
    bad = [number for number, line in lines if not _is_utf8(line)]
    good += sum(_is_utf8(line) and not line.isascii() for _, line in lines)
    if bad and good >= len(bad) and not is_marked:
        return ValueError(
            f"{name} {str(path)!r} isn't UTF-8: {place}. Most of it is, but not line {first_of(bad)}. Correct that, or "
            f"leave such bytes out: {conversion(path, 'UTF-8', '-c')} (iconv's exit code 1 then only says so)"
        )
    if is_marked:
        encoding, reading = mark.upper(), ""
    else:
        encoding = likely_encoding(b"".join(line for _, line in lines)) or "LATIN1"
        reading = lines[0][1].decode(encoding, "replace").strip() if lines else ""
        begin = max(0, next((place for place, character in enumerate(reading) if character > "\x7f"), 0) - 20)
        reading = f", as which that line reads {reading[begin : begin + 60]!r}"
    return ValueError(
        f"{name} {str(path)!r} isn't UTF-8: {place}. Convert it: {conversion(path, encoding)} (if it isn't {encoding}"
        f"{reading}, with the name of its encoding; iconv -l lists them)"
    )


def conversion(path, encoding, options=""):
    """Gives the command that converts a text file to UTF-8: path, encoding, options of iconv -> string.

    Example:
    >>> conversion("my texts.csv.gz", "CP949")
    "zcat 'my texts.csv.gz' | iconv -f CP949 -t UTF-8 | gzip > 'utf8-my texts.csv.gz'"
    """
    path = Path(path)
    convert = " ".join(filter(None, ("iconv", options, "-f", encoding, "-t UTF-8")))
    old, new = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"utf8-{path.name}")))
    return f"zcat {old} | {convert} | gzip > {new}" if path.name.endswith(".gz") else f"{convert} {old} > {new}"


def first_of(items, most=20, between=", "):
    """Items, how many, what stands between -> the first of them, for a message, and how many more there are: string.

    Example:
    >>> first_of([3, 5, 8, 13], most=2)
    '3, 5 and 2 more'
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return between.join(map(str, items[:most])) + more


def _where_not_utf8(file):
    """open binary file -> where it first isn't UTF-8, for a message; that line and some 4 MiB of those behind it,
    numbered; how many before it are UTF-8 beyond ASCII."""
    number, good = 1, 0
    while block := file.read(1 << 20) + file.readline():
        try:
            block.decode()
        except UnicodeDecodeError as error:
            before = block[: error.start]
            earlier, end, on_line = before.rpartition(b"\n")
            good += _num_beyond_ascii(earlier)
            number += before.count(b"\n")
            place = f"line {number} has the byte {block[error.start]:#04x} after {on_line[-20:]!r}"
            rest = block[len(earlier + end) :] + file.read(1 << 22) + file.readline()
            return place, list(enumerate(re.findall(b".*\n|.+$", rest), number)), good
        number += block.count(b"\n")
        good += _num_beyond_ascii(block)
    return "it was when it was read again", [], 0


def _num_beyond_ascii(block):
    """bytes -> how many of their lines aren't ASCII."""
    return 0 if block.isascii() else sum(not line.isascii() for line in block.split(b"\n"))


def _is_utf8(line):
    """bytes -> whether they are UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def digest_of(path):
    """path -> the SHA-256 of the file's bytes, as hexadecimal digits."""
    with open(os.path.expanduser(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_of(path):
    """path -> SHA-256 of the file's size and of 4 MiB of it, evenly spread: enough to tell large corpora apart.

    Of a directory: of the names and fingerprints of its files, hidden ones left out.
    """
    block, count = 1 << 16, 64
    path = Path(path).expanduser()
    if path.is_dir():
        names = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
        shown = [name for name in names if not any(part.startswith(".") for part in name.parts)]
        parts = b"".join(os.fsencode(name) + b"\0" + fingerprint_of(path / name).encode() for name in shown)
        return hashlib.sha256(parts).hexdigest()
    size = os.path.getsize(path)
    digest = hashlib.sha256(str(size).encode())
    with open(path, "rb") as file:
        for number in range(count):
            file.seek(max(size - block, 0) * number // (count - 1))
            digest.update(file.read(block))
    return digest.hexdigest()


def sync_to_disk(path):
    """Makes the bytes of a file, or the entries of a directory, outlive a power cut: path -> None."""
    windows = os.name == "nt"
    if windows and os.path.isdir(path):
        return  # Windows can't open directories, and keeps their entries by itself.
    handle = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _resolved(directory):
    """path, perhaps relative or with ~ -> absolute `Path`."""
    return Path(directory).expanduser().resolve()
