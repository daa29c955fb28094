"""Vocabularies: checking, reading, writing and training the list of tokens in vocab.txt."""

import collections
import os
import pathlib
import zlib

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from keras_bert.text.normalization import SPECIAL_TOKENS, stand_alone
from keras_bert.utils.checks import check_positive_integer, some_of
from keras_bert.utils.files import not_utf8, open_text, write_text


def check_vocabulary(tokens, source="`vocabulary`"):
    """Raises a `ValueError` if tokens are missing, empty or there twice: (list of str, str) -> None.

    Lines are counted from 1, as editors do: the token with id 0 is on line 1.
    """
    strange = [token for token in tokens if not isinstance(token, str)]
    if strange:
        raise ValueError(
            f"{source} must hold strings only. Received: {strange[0]!r:.60} of type {type(strange[0]).__name__}."
        )
    empty = [str(line) for line, token in enumerate(tokens, 1) if token == ""]
    if empty:
        raise ValueError(
            f"{source} has no token on line {some_of(empty)}; ids are line numbers, so an empty line would take one. "
            "Remove empty lines at the end; put a token such as [unused1] on others."
        )
    _check_pieces(tokens, source)
    missing = [token for token in SPECIAL_TOKENS if token not in set(tokens)]
    if missing:
        raise ValueError(
            f"{source} ({len(tokens)} tokens) lacks {', '.join(missing)}; BERT needs {', '.join(SPECIAL_TOKENS)}. "
            "Is it a BERT vocabulary, a token a line? If so, put them on lines of their own."
        )
    lines = collections.defaultdict(list)
    for line, token in enumerate(tokens, 1):
        lines[token].append(line)
    twice = [f"{token!r} (lines {', '.join(map(str, at))})" for token, at in lines.items() if len(at) > 1]
    if twice:
        raise ValueError(
            f"{source} has tokens more than once: {some_of(twice)}; each needs one id. Rename all but one."
        )


def _check_pieces(tokens, source):
    """Raises a `ValueError` if tokens are marked as those of other ways to take words apart: (list of str, str)."""
    continuing = sum(token.startswith("##") for token in tokens)
    for mark, kind in (("▁", "SentencePiece"), ("Ġ", "byte-level BPE")):
        marked = [token for token in tokens if token.startswith(mark) and len(token) > 1]
        if len(marked) > continuing:
            raise ValueError(
                f"{source} has {len(marked)} tokens that begin with {mark!r}, such as {marked[0]!r}, and {continuing} "
                f"that begin with '##': it is of {kind}, not of WordPiece. Use the checkpoint's own tokenizer, such as "
                "transformers' AutoTokenizer, and give its ids to the model."
            )


def read_vocabulary(path):
    """Reads a vocab.txt: a token a line, its id the line's number, counted from 0.

    Only the line's end is taken off (as transformers does), so that tokens which are white space survive.

    Args:
        path: The file; ~ is the home directory.

    Returns:
        A list of str in order of their ids.

    Raises:
        ValueError: If the file is missing, isn't UTF-8, or isn't a vocabulary (see `check_vocabulary`).

    Example:
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = write_vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a"], f"{directory}/vocab.txt")
    ...     read_vocabulary(path)
    ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'a']
    """
    path = pathlib.Path(path).expanduser()
    try:
        with open(path, encoding="utf-8") as file:
            tokens = [line.rstrip("\n") for line in file]
    except OSError as error:
        raise ValueError(f"The vocabulary {os.fspath(path)!r} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise not_utf8(path, "The vocabulary") from error
    if tokens and tokens[0].startswith("\ufeff"):
        raise ValueError(f"The vocabulary {os.fspath(path)!r} begins with a byte order mark. Save it without one.")
    check_vocabulary(tokens, f"The vocabulary {os.fspath(path)!r}")
    return tokens


def in_order(vocabulary):
    """Puts tokens in order of their ids: list of str or {str: int} -> list of str."""
    if isinstance(vocabulary, (str, bytes, os.PathLike)):
        raise ValueError(
            f"`vocabulary` must be a list of tokens, or a mapping from tokens to ids. Received: {vocabulary!r:.80}. "
            "For a file, use WordPieceTokenizer.load."
        )
    if not hasattr(vocabulary, "keys"):
        return list(vocabulary)
    tokens = sorted(vocabulary, key=vocabulary.get)
    gaps = [(token, expected) for expected, token in enumerate(tokens) if vocabulary[token] != expected]
    if gaps:
        token, expected = gaps[0]
        raise ValueError(
            f"The ids of `vocabulary` must be 0, 1, 2 and so on. Received: {token!r} with the id {vocabulary[token]} "
            f"where {expected} was expected. Give each token one id, without gaps."
        )
    return tokens


def write_vocabulary(tokens, path):
    """Writes a vocab.txt: a token a line.

    Args:
        tokens: A list of str in order of their ids.
        path: The file; ~ is the home directory. It is written beside and renamed, so that there is never half a
            vocabulary.

    Returns:
        `path`, as it came.

    Raises:
        ValueError: If the tokens aren't a vocabulary, or one holds a line's end.

    Example:
    >>> import tempfile
    >>> directory = tempfile.mkdtemp()
    >>> _ = write_vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "word"], f"{directory}/vocab.txt")
    """
    tokens = list(tokens)
    check_vocabulary(tokens, "`tokens`")
    broken = [token for token in tokens if "\n" in token or "\r" in token]
    if broken:
        raise ValueError(f"The token {broken[0]!r} holds a line's end; vocab.txt has a token a line. Remove it.")
    write_text("".join(token + "\n" for token in tokens), pathlib.Path(path).expanduser())
    return path


def train_vocabulary(
    files_or_texts, size=30522, lowercase=True, strip_accents=None, min_frequency=2, alphabet_size=3000, progress=False
):
    """Trains a WordPiece vocabulary with the trainer of `tokenizers`; the same input gives the same vocabulary.

    The trainer numbers continuing characters in the order of a randomly seeded hash map and breaks ties by these
    numbers. So the alphabet is counted here and handed to it in a fixed order.

    Args:
        files_or_texts: A path; or an iterable, either of paths or of texts. What is a `pathlib.Path` is a path.
            Strings are paths if every one of them names a file, and texts if none does; a lone string is a path. It
            is iterated over several times and never all in memory, except for a one-shot iterator, whose items are
            kept.
        size: Number of tokens at most, special tokens and alphabet included. A small corpus may give fewer.
        lowercase: Whether to lower-case, as the tokenizer will.
        strip_accents: Whether to decompose and drop accents, as the tokenizer will; None: as `lowercase`. Decomposing
            takes Hangul syllables apart: give False for Korean.
        min_frequency: Number of times that a pair must occur to become a token.
        alphabet_size: Number of distinct characters at most, the most frequent ones; others become [UNK]. Text in
            Chinese characters needs more.
        progress: Whether to show a progress bar on stderr.

    Returns:
        A list of str in order of their ids: [PAD], [UNK], [CLS], [SEP], [MASK], characters, ##characters, then longer
        tokens. For `WordPieceTokenizer`, whose `save` writes vocab.txt.

    Raises:
        ValueError: If a file is missing or isn't UTF-8, some strings name files and others don't, something else
            than paths or strings comes, the corpus has no words, a number isn't an integer of at least 1, or `size`
            is too small for the alphabet.

    Reference: Schuster & Nakajima 2012, Japanese and Korean Voice Search; https://github.com/huggingface/tokenizers.

    Example:
    >>> train_vocabulary(["low lower lowest", "new newer newest"], size=30)[-4:]
    ['ne', '##st', '##wer', '##west']
    """
    size = check_positive_integer("size", size)
    min_frequency = check_positive_integer("min_frequency", min_frequency)
    alphabet_size = check_positive_integer("alphabet_size", alphabet_size)
    texts = _Texts(files_or_texts)
    strip_accents = lowercase if strip_accents is None else strip_accents
    normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    alphabet, continuing = _alphabet(texts, normalizer, alphabet_size)
    first = [*SPECIAL_TOKENS, *alphabet, *("##" + character for character in continuing)]
    if size <= len(first):
        raise ValueError(
            f"`size` must be greater than {len(first)}, which {len(SPECIAL_TOKENS)} special tokens and {len(alphabet)} "
            f"characters, alone and continuing a word, take. Received: size={size}, alphabet_size={alphabet_size}. "
            "Give a larger size or a smaller alphabet_size."
        )
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        special_tokens=first,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=progress,
    )
    tokenizer.train_from_iterator(texts, trainer)
    ids = tokenizer.get_vocab()
    return sorted(ids, key=ids.get)


class _Texts:
    """The texts of a corpus, as often as one iterates over them: files are read line by line."""

    def __init__(self, files_or_texts):
        one = isinstance(files_or_texts, (str, os.PathLike))
        items = [files_or_texts] if one else files_or_texts
        if isinstance(items, bytes) or not hasattr(items, "__iter__"):
            raise ValueError(
                "`files_or_texts` must be a path, or an iterable of paths or of texts. Received: "
                f"{items!r:.60} of type {type(items).__name__}."
            )
        self.items = list(items) if iter(items) is items else items
        file = text = None  # the first item that names a file, the first that doesn't
        for item in self.items:
            if not isinstance(item, (str, os.PathLike)):
                raise ValueError(
                    "`files_or_texts` must hold paths or texts (str) only. Received: "
                    f"{item!r:.60} of type {type(item).__name__}."
                )
            if _is_file(item):
                file = item if file is None else file
            elif one or isinstance(item, os.PathLike):
                raise ValueError(
                    f"The corpus file {os.fspath(item)!r:.200} doesn't exist. Correct the path, or give texts as a "
                    "list of str."
                )
            else:
                text = item if text is None else text
            if file is not None and text is not None:
                raise ValueError(
                    "The strings in `files_or_texts` must be all paths of files that exist, or all texts. Received: "
                    f"{os.fspath(file)!r:.200}, which names a file, and {text!r:.200}, which doesn't. Correct the "
                    "path; or, if these are texts, put a space behind the one that is also a file's name."
                )
        self.files = file is not None

    def __iter__(self):
        if not self.files:
            yield from self.items
            return
        for path in self.items:
            try:
                with open_text(path) as file:
                    yield from file
            except UnicodeDecodeError as error:
                raise not_utf8(path, "The corpus file") from error
            except (OSError, EOFError, zlib.error) as error:  # gzip's are among them
                raise ValueError(
                    f"The corpus file {os.fspath(path)!r} can't be read: {error}. Mend it, or leave it out."
                ) from error


def _is_file(item):
    try:
        return os.path.isfile(os.path.expanduser(item))
    except (OSError, ValueError):
        return False


def _alphabet(texts, normalizer, limit):
    """texts -> their `limit` most frequent characters; those among them that continue words; both sorted."""
    alone = stand_alone()
    counts, continuing = np.zeros(len(alone), np.int64), np.zeros(len(alone), bool)
    for chunk in _chunks(texts, 1 << 18):
        codepoints = np.frombuffer(normalizer.normalize_str(chunk).encode("utf-32-le"), np.uint32)
        counts += np.bincount(codepoints, minlength=len(alone))
        parts = alone[codepoints]
        continuing[codepoints[1:][~parts[1:] & ~parts[:-1]]] = True
    counts[ord(" ")] = 0
    present = np.flatnonzero(counts)
    if not len(present):
        raise ValueError("The corpus has no words: no texts came, or all are blank. Give a path, or texts with words.")
    kept = np.sort(present[np.argsort(-counts[present], kind="stable")][:limit])
    return [chr(codepoint) for codepoint in kept], [chr(codepoint) for codepoint in kept if continuing[codepoint]]


def _chunks(texts, size):
    """texts -> the same joined, with a space between them, into strings of about `size` characters."""
    chunk, length = [], 0
    for text in texts:
        chunk.append(text)
        length += len(text)
        if length > size:
            yield " ".join(chunk)
            chunk, length = [], 0
    yield " ".join(chunk)
