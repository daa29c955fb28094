"""Text files -> windows of whole documents and their sentences, read as a stream.

A corpus has a paragraph a line and a blank line between documents. Legend of the shapes: L lines in a window, S
sentences.
"""

import functools
import glob
import math
import os
import re
import warnings
import zlib
from pathlib import Path

import tensorflow as tf

from keras_bert.utils.files import check_writable, fingerprint_of, not_utf8, open_text

# Bytes of text in a window: with max_length, they bound the memory of a corpus of any size.
_WINDOW_BYTES = 1 << 21
# Bytes that are taken from a file at a time; a window mixes the blocks of several files.
_BLOCK_BYTES = 1 << 17
_FILES_AT_A_TIME = 16
_BLOCKS_SHUFFLED = 64
_LINES_AT_A_TIME = 256
_CHARACTERS_AT_A_TIME = 1 << 20
# A document's number: that of its file times this, plus its place in the file.
_FILE_STRIDE = 1 << 40
# Of so many documents every 100th is held out, where no other number is given.
_ENOUGH_DOCUMENTS, _MOST_HOLD_OUT = 1000, 100
# Workers take whole files if the largest share has at most so many times the bytes of the smallest.
_MOST_UNEVEN = 2

# What ends a sentence: a full stop or the like, closing quotes or brackets, white space, and then no small letter; or
# a full-width one. What only looks like it: an initial or an abbreviation, whose space becomes one that doesn't break.
_CLOSING = "[\"'”’»)\\]」』）]*"
_END_OF_SENTENCE = rf"([.!?…]+{_CLOSING})\s+([^\p{{Ll}}\s])|([。！？]+{_CLOSING})"
_ABBREVIATION = (
    r"\b((?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Lt|Sgt|Capt|Gov|Sen|Rep|Rev|Hon|Inc|Ltd|Co|Corp|No|Nos|Vol|Fig|"
    r"vs|cf|al|ca|approx|e\.g|i\.e)\.)\s+"
)
# White space as Python's `str.strip` has it.
_BLANK = r"[\s\v\x{1c}-\x{1f}\x{85}\p{Z}]*"


def corpus_files(patterns, without=()):
    """Finds the files of a corpus and looks at the beginning of each; `check_texts` reads them to their end.

    Args:
        patterns: A path or a glob pattern (`**` goes into directories), or a list of them. Files are UTF-8, or such a
            file compressed by gzip if the name ends in .gz.
        without: Paths of files that are left out, and their copies too: what a model is to be evaluated on. A warning
            says how many.

    Returns:
        A list of paths as str, sorted; each file once, also where links lead to it.

    Raises:
        ValueError: If a pattern finds no file, all are left out, or as `check_texts`, for the first megabyte of each
            file.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "corpus.txt")
    >>> _ = path.write_text("A sentence. Another one.\\n\\nA second document.\\n")
    >>> [Path(file).name for file in corpus_files(path.parent / "*.txt")]
    ['corpus.txt']
    """
    patterns = [patterns] if isinstance(patterns, (str, os.PathLike)) else list(patterns)
    found = {}  # path without links -> the path as it was given
    for pattern in patterns:
        pattern = os.path.expanduser(pattern)
        paths = [pattern] if os.path.isfile(pattern) else glob.glob(pattern, recursive=True)
        paths = [path for path in paths if os.path.isfile(path)]
        if not paths:
            raise ValueError(
                f"There is no file {pattern!r}. Give the path of a text file, or a pattern such as 'texts/*.txt'; put "
                "a pattern in quotes, so that the shell leaves it alone."
            )
        for path in sorted(paths):
            found.setdefault(os.path.realpath(path), path)
    files = sorted(found.values())
    for path in files:
        _check_text(path, at_most=_CHARACTERS_AT_A_TIME)
    left_out = {fingerprint_of(path) for path in without}
    kept = [path for path in files if not left_out or fingerprint_of(path) not in left_out]
    if files and not kept:
        raise ValueError(f"Every file of the corpus is to be left out. Received: {', '.join(files)}. Give others too.")
    if len(kept) < len(files):
        warnings.warn(f"{len(files) - len(kept)} of {len(files)} files are left out of the corpus.", stacklevel=2)
    return kept


def check_texts(files):
    """Reads files to their end, once in a process, so that none turns out to be broken hours later.

    Args:
        files: Paths, as `corpus_files` gives them.

    Raises:
        ValueError: If one can't be read, is cut off, isn't UTF-8, ends its lines in the old Mac's way, or isn't the
            gzip file that its name promises, or one that TensorFlow reads to its end.
    """
    for path in files:
        status = os.stat(path)
        _check_once(os.path.abspath(path), status.st_size, status.st_mtime_ns)


@tf.autograph.experimental.do_not_convert
def files_of_share(files, shard):
    """Finds the files that hold a share: whole files, if no share has more than twice another's bytes, else all.

    Args:
        files: Paths, as `corpus_files` gives them.
        shard: A pair (index, count), as in `document_windows`.

    Returns:
        A pair: a list of pairs, each file's number in `files` and its path; and whether they hold nothing else.
    """
    index, count = shard
    sizes = [os.path.getsize(path) for path in files]
    shares, filled = [[] for _ in range(count)], [0] * count
    for number in sorted(range(len(files)), key=lambda number: -sizes[number]):  # the largest first
        lightest = filled.index(min(filled))
        shares[lightest].append(number)
        filled[lightest] += sizes[number]
    whole = 0 < max(filled) <= _MOST_UNEVEN * min(filled)
    numbers = sorted(shares[index]) if whole else range(len(files))
    return [(number, files[number]) for number in numbers], whole


def count_documents(files, at_most):
    """Counts the documents of files, up to some number.

    Args:
        files: Paths, as `corpus_files` gives them.
        at_most: When to stop counting.

    Returns:
        The number of documents, or `at_most` if there are more.
    """
    count = 0
    for path in files:
        inside = False
        with open_text(path, errors="replace") as file:
            for line in file:
                count += not inside and bool(line.strip())
                inside = bool(line.strip())
                if count >= at_most:
                    return count
    return count


def choose_hold_out(files):
    """Chooses which documents are held out for evaluation: of 1000 or more every 100th, of fewer about ten.

    Of fewer than 100 that is a tenth, but two documents at least: a sentence that isn't next comes from another one.

    Args:
        files: Paths, as `corpus_files` gives them.

    Returns:
        An integer k: every k-th document, the `hold_out` of `document_windows`.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "corpus.txt")
    >>> _ = path.write_text("A document.\\n\\n" * 91)
    >>> choose_hold_out([path])
    10
    """
    documents = []
    for file_number, path in enumerate(files):
        count = count_documents([path], _ENOUGH_DOCUMENTS - len(documents))
        documents += [file_number * _FILE_STRIDE + place for place in range(1, count + 1)]
        if len(documents) == _ENOUGH_DOCUMENTS:
            return _MOST_HOLD_OUT
    wanted = min(max(len(documents) // 10, 10), len(documents) // 2)
    for hold_out in range(wanted, 2, -1):
        num_held_out = sum(_is_held_out(document, hold_out) for document in documents)
        if 2 <= num_held_out <= len(documents) - 2:
            return hold_out
    return 2


def document_windows(files, seed, epoch, hold_out=None, held_out=False, shard=(0, 1)):
    """Reads files in windows of about 2 MB: whole documents from up to 16 files, their order shuffled.

    A document of more than 512 KB is cut, but its parts keep its number. Memory holds a few windows at most.

    Args:
        files: Paths, as `corpus_files` gives them.
        seed: Integer of the shuffling.
        epoch: Integer, also as a tensor: each epoch has an order of its own.
        hold_out: An integer k: every k-th document is left out; None: none.
        held_out: If True, the documents that `hold_out` leaves out are read instead of the others.
        shard: A pair (index, count): of `count` shares of the corpus, the one to read. Whole files if none of the
            shares is then twice as large as another, else blocks of documents, for which all files are run over.

    Returns:
        A `tf.data.Dataset` of pairs: lines, string [L], none of them blank; and the number of each one's document,
        int64 [L].
    """
    numbered, by_file = files_of_share(files, shard)
    numbers, paths = zip(*numbered, strict=True)
    seed = tf.random.fold_in(tf.cast([seed, 0], tf.int32), tf.cast(epoch, tf.int64))
    order = tf.random.experimental.stateless_shuffle(tf.range(len(paths)), seed)
    paths, numbers = tf.gather(paths, order), tf.gather(tf.constant(numbers, tf.int64), order)
    blocks = tf.data.Dataset.from_tensor_slices((paths, numbers)).interleave(
        _blocks, cycle_length=_FILES_AT_A_TIME, block_length=1
    )
    if not by_file:
        index, count = shard
        blocks = blocks.shard(count, index)
    if hold_out is not None:

        def wanted(lines, documents):
            kept = _is_held_out(documents, hold_out) == held_out
            return lines[kept], documents[kept]

        blocks = blocks.map(wanted)

    def shuffled(number, group):
        """number of a group of blocks, ragged lines and documents [G, (L)] -> the blocks in another order."""
        size = group[0].nrows(tf.int32)
        order = tf.random.experimental.stateless_shuffle(tf.range(size), tf.random.fold_in(seed, number))
        return tuple(tf.gather(part, order) for part in group)

    # Not Dataset.shuffle, whose order also depends on the process's global seed.
    groups = blocks.ragged_batch(_BLOCKS_SHUFFLED).enumerate().map(shuffled)
    return _joined(groups.unbatch())


def write_python_documentation(directory):
    """Writes a small corpus that every machine has: what Python's `help()` shows.

    Args:
        directory: Where to write it; empty, or not there yet.

    Returns:
        Paths of two files, train.txt and valid.txt: documents to train on, and every eighth one, held out. Each version
        of Python has its own.

    Raises:
        ValueError: If the directory holds something.

    Example:
    >>> import tempfile
    >>> [path.name for path in write_python_documentation(tempfile.mkdtemp())]
    ['train.txt', 'valid.txt']
    """
    import pydoc_data.topics  # packaged Pythons may lack it

    check_writable(directory)
    Path(directory).mkdir(parents=True, exist_ok=True)
    texts = []
    for _, text in sorted(pydoc_data.topics.topics.items()):
        paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
        texts.append("\n".join(filter(None, paragraphs)))
    held_out = texts[::8]
    parts = {"train.txt": [text for text in texts if text not in held_out], "valid.txt": held_out}
    for name, part in parts.items():
        Path(directory, name).write_text("\n\n".join(part) + "\n", encoding="utf-8")
    return [Path(directory, name) for name in parts]


def sentences_of(lines):
    """Splits paragraphs into sentences, in the graph; English, Korean and others with full stops.

    Args:
        lines: Strings [L].

    Returns:
        Ragged strings [L, (S)], some of them perhaps empty.

    Example:
    >>> sentences_of(["Dr. Kim reads. So do I!", "그는 빵을 샀다. 그리고 갔다."]).to_list()[1][1].decode()
    '그리고 갔다.'
    """
    lines = tf.strings.regex_replace(lines, _ABBREVIATION, "\\1\u00a0")
    return tf.strings.split(tf.strings.regex_replace(lines, _END_OF_SENTENCE, r"\1\3" + "\n" + r"\2"), "\n")


def _is_held_out(document, hold_out):
    """a document's number, k -> whether it is the k-th of k; also of tensors."""
    file, place = document // _FILE_STRIDE, document % _FILE_STRIDE
    # Each file begins elsewhere in the count (by the golden ratio), or short ones would never come to k.
    begin = file * 2_654_435_769 % (1 << 32) * hold_out // (1 << 32)
    return (begin + place) % hold_out == 0


def _blocks(path, file_number):
    """path, its number -> dataset of blocks: lines [L] of whole documents, the documents' numbers [L]."""
    compression = tf.where(tf.strings.regex_full_match(path, r".*\.gz"), "GZIP", "")
    lines = tf.data.TextLineDataset(path, compression_type=compression).batch(_LINES_AT_A_TIME)
    parts = lines.map(lambda part: (part, False)).concatenate(tf.data.Dataset.from_tensors(([""], True)))

    def take_whole(state, part):
        """what is left of earlier parts, some lines -> what is left, a block or nothing."""
        carried, carried_numbers, count, after_blank = state
        lines, at_end = part
        blank = tf.strings.regex_full_match(lines, _BLANK)
        begins = ~blank & tf.concat([[after_blank], blank[:-1]], axis=0)
        numbers = count + tf.cumsum(tf.cast(begins, tf.int64))
        lines = tf.concat([carried, lines[~blank]], axis=0)
        numbers, count = tf.concat([carried_numbers, numbers[~blank]], axis=0), numbers[-1]
        bytes_of = tf.strings.length(lines)
        cut = tf.reduce_sum(bytes_of) > 4 * _BLOCK_BYTES  # a document without end mustn't fill the memory
        whole = (numbers < count) | blank[-1] | at_end | cut
        ready = at_end | (tf.reduce_sum(bytes_of[whole]) >= _BLOCK_BYTES)
        taken = whole & ready
        state = lines[~taken], numbers[~taken], count, blank[-1]
        return state, (lines[taken], numbers[taken] + file_number * _FILE_STRIDE)

    nothing = tf.zeros([0], tf.string), tf.zeros([0], tf.int64), tf.constant(0, tf.int64), tf.constant(True)
    return parts.scan(nothing, take_whole).filter(lambda lines, numbers: tf.size(lines) > 0)


def _joined(blocks):
    """dataset of blocks -> dataset of windows of at least `_WINDOW_BYTES`, but the last."""
    parts = blocks.map(lambda lines, numbers: (lines, numbers, False))
    nothing = tf.zeros([0], tf.string), tf.zeros([0], tf.int64)
    parts = parts.concatenate(tf.data.Dataset.from_tensors((*nothing, True)))

    def join(state, part):
        """blocks so far, a block -> blocks so far, a window or nothing."""
        lines, numbers = (tf.concat([old, new], axis=0) for old, new in zip(state, part, strict=False))
        ready = part[2] | (tf.reduce_sum(tf.strings.length(lines)) >= _WINDOW_BYTES)
        end = tf.where(ready, tf.size(lines), 0)
        return (lines[end:], numbers[end:]), (lines[:end], numbers[:end])

    return parts.scan(nothing, join).filter(lambda lines, numbers: tf.size(lines) > 0)


@functools.cache
def _check_once(path, size, modified):
    """path, bytes and time of the file -> None; checks all of it, unless it has done so."""
    num_lines = _check_text(path)
    if path.endswith(".gz"):
        _check_gzip(path, num_lines)


def _check_text(path, at_most=math.inf):
    """path, a number of characters -> how many lines they have; a `ValueError` unless they, or all there are, are UTF-8
    text."""
    place, num_lines, end = 0, 0, "\n"
    try:
        with open_text(path, errors="surrogateescape", newline="") as file:
            while place < at_most and (part := file.read(_CHARACTERS_AT_A_TIME)):
                if part.endswith("\r"):  # its line feed may be the next character
                    part += file.read(1)
                if not place and part.startswith("\x1f\udc8b"):
                    raise ValueError(f"The corpus file {path!r} is compressed by gzip. Let its name end in .gz.")
                part.encode()
                if "\r" in part and (found := re.search("\r(?!\n)", part)):
                    raise ValueError(
                        f"The corpus file {path!r} has a carriage return that ends no line, at character "
                        f"{place + found.start()}: its lines would run together. Make line ends of them: "
                        "sed 's/\\r$//' FILE | tr '\\r' '\\n'"
                    )
                place, num_lines, end = place + len(part), num_lines + part.count("\n"), part[-1]
    except UnicodeEncodeError as error:
        raise not_utf8(path, "The corpus file") from error
    except (OSError, EOFError, zlib.error) as error:  # gzip's are among them
        raise ValueError(f"The corpus file {path!r} can't be read: {error}. Mend it, or leave it out.") from error
    return num_lines + (end != "\n")


def _check_gzip(path, expected):
    """path of a gzip file, number of its lines -> None; a `ValueError` if TensorFlow, unlike Python, reads others."""
    lines = tf.data.TextLineDataset(path, compression_type="GZIP").batch(_LINES_AT_A_TIME)
    try:
        found = int(lines.reduce(0, lambda count, part: count + tf.size(part)))
    except tf.errors.DataLossError:
        found = "an error"
    if found != expected:
        raise ValueError(
            f"The corpus file {path!r} has an empty part in it, or zeros at its end, as files put together of "
            f"several can: TensorFlow would find {found}, not {expected} lines. Write it anew: "
            "zcat FILE | gzip > NEW.gz"
        )
