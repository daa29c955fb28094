"""CoNLL and CoNLL-U files: lines with a word and its tag -> tagged sentences."""

import collections
import re
import warnings
from pathlib import Path
from typing import NamedTuple

from keras_bert.data.files.source_files import Faults, check_readable, opened, suffix_of
from keras_bert.data.files.tagged_sentences import TaggedSentences, scheme_of
from keras_bert.utils.checks import some_of
from keras_bert.utils.tag_recognition import look_like_tags
from keras_bert.utils.tag_schemes import check_fits

_SUFFIXES = (".conll", ".conllu", ".tsv", ".txt")  # usual ones
_LINE_END = re.compile(r"\r*\n|\r")  # \r\r\n: written as text twice on Windows
# The head of a sentence in KLUE's files: "## klue-ner-v1_dev_00000<tab>the sentence".
_COMMENT_CELL = re.compile(r"#+ [^\t]+\t")
_HASHTAG = re.compile(r"#+\w")
# The first cell of a word in CoNLL-U: its number; a range of words written together; a word that isn't written.
_NUMBER = re.compile(r"(\d+)([-.]\d+)?")
# Names of columns, in the first line of some files.
_WORD_HEADERS = {"word", "words", "token", "tokens", "form", "text"}
_TAG_HEADERS = {"tag", "tags", "label", "labels", "ner", "ner_tag", "ner_tags", "pos", "pos_tag", "pos_tags", "upos"}
_DOCUMENT = "-DOCSTART-"
_LONG = 1000  # units of a file's only sentence that make one ask whether it is one


def read_tagged(path, word_column=None, tag_column=None, by_character=None, is_entities=None, scheme=None):
    """Reads a CoNLL or CoNLL-U file.

    Lines have cells between tabs, if most lines have one, or else between spaces. Sentences end at lines with nothing
    but white space. Left out are `-DOCSTART-` lines, a first line of column names ("token" and "ner", or the like), and
    comments: lines that begin with "#" and

    - have no tab, nor as many cells as most lines, unless they are a hashtag in a file that has others;
    - begin with "# " or "## " and have words before their first tab;
    - have nothing else in their first cell, and another number of cells than most lines; or they are before a
      sentence's first word, and their tag is in no other line.

    Where the first column numbers the words of each sentence, as in CoNLL-U, all lines that begin with "#" are
    comments, and ranges of words written together (1-2) and words that aren't written (1.1) are left out too.

    Args:
        path: A file in UTF-8, or in UTF-16 with its byte order mark; compressed by gzip if its name ends in .gz.
        word_column: The column of the words, counted from 0, or from the end if negative. None: the one that is named
            so; or else 0; where the first column numbers the words, 1.
        tag_column: The column of the tags. None: the last that is named so; or else the last; of CoNLL-U, 3, the
            universal part of speech. A file is CoNLL-U if its name ends in .conllu, or it has ten columns of which the
            first numbers the words.
        by_character: As in `TaggedSentences`. Of files that go together give all the same: that of the first.
        is_entities: As in `TaggedSentences`.
        scheme: The same. Of files that go together give all the same: that of the first.

    Returns:
        A `TaggedSentences`.

    Raises:
        ValueError: If the file or a column is missing, lines have another number of cells than most or an empty one
            where a word or tag is expected (they are named, the first twenty), there is no sentence, or some tags mark
            entities and others don't.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "people.conll")
    >>> _ = path.write_text("Ann\\tB-PER\\nLee\\tI-PER\\nleft\\tO\\n\\nBob\\tB-PER\\n")
    >>> [sentence.text for sentence in read_tagged(path)]
    ['Ann Lee left', 'Bob']
    """
    path = Path(path).expanduser()
    check_readable(path, _SUFFIXES, "tagged sentences", others=True)
    lines = _lines(path)
    if lines[0].lstrip().startswith(("{", "[{")):
        raise ValueError(f"{path} is JSON: {lines[0].strip()[:80]!r}. Write it as lines with a word and its tag each.")
    layout = _layout(lines, path, word_column, tag_column)
    if layout is None:
        raise ValueError(f"There is no sentence in {path}. At least one line with a word and a tag is expected.")
    sentences, broken, first_lines = _sentences(lines, layout)
    sequences = [tags for _, tags in sentences]
    mend = layout.mend()
    try:
        scheme = scheme or scheme_of(sequences, str(path), is_entities, first_lines)
        check_fits(collections.Counter(tag for tags in sequences for tag in tags), scheme, str(path), first_lines)
    except ValueError as error:
        if not broken:
            raise
        mend = f"{mend} {error}"
    with Faults(path, mend) as faults:
        for number, fault in broken:
            faults.add(f"line {number}", fault)
    _check_words([words for words, _ in sentences], layout, path)
    _check_variety(sequences, scheme, path)
    return TaggedSentences(sentences, str(path), by_character, scheme=scheme)


class _Layout(NamedTuple):
    """Where a file's words and tags stand."""

    separator: str | None  # None: spaces and tabs
    num_cells: int
    word_column: int
    tag_column: int
    is_numbered: bool  # whether the first cell is the word's number
    header: int | None  # the line with the columns' names
    has_hashtags: bool
    tags: frozenset  # of the lines that don't begin with "#"

    def cells(self, line):
        """line -> its cells. A no-break space parts none."""
        return line.split("\t") if self.separator else re.split("[ \t]+", line.strip(" \t"))

    def mend(self):
        """-> what to do about lines that can't be read."""
        parted = "a tab between them" if self.separator else "spaces between them and none in them"
        return (
            f"As most lines, each must have {self.num_cells} cells, with {parted}: a word in column {self.word_column} "
            f"and a tag in column {self.tag_column}, counted from 0. Complete or correct it; an empty line parts "
            "sentences."
        )


def _lines(path):
    """path -> the file's lines, without tabs where all lines end with one."""
    with opened(path) as file:
        lines = _LINE_END.split(file.read())
    if all(line.endswith("\t") for _, line in _word_lines(lines)):
        lines = [line.rstrip("\t") for line in lines]
    return lines


def _word_lines(lines):
    """lines -> pairs of a number, from 1, and a line that has a word for sure, if it isn't broken."""
    return [(i, line) for i, line in enumerate(lines, 1) if line.strip() and not line.startswith(("#", _DOCUMENT))]


def parts_sentences(line):
    """line -> whether it ends the sentence before it: one without a character to be seen, or that begins a document."""
    return not line.strip() or line.startswith(_DOCUMENT)


def layout_of_lines(lines, path, word_column=None):
    """lines, their file, the user's column -> their `_Layout` where tags don't matter; None if none has a word."""
    numbered = _word_lines(lines)
    if numbered and all(len(line.split()) == 1 for _, line in numbered):
        if word_column not in (None, 0, -1):
            raise ValueError(f"Each line of {path} has one cell. Received: word_column={word_column}.")
        return _Layout("\t", 1, 0, 0, False, None, False, frozenset())
    return _layout(lines, path, word_column, -1 if word_column in (None, 0) else 0)


def _layout(lines, path, word_column, tag_column):
    """lines, their file, the user's columns -> `_Layout`; None if there is no line with a word."""
    numbered = _word_lines(lines)
    if not numbered:
        return None
    is_conllu = suffix_of(path) == ".conllu"
    has_tabs = 2 * sum("\t" in line for _, line in numbered) > len(numbered)
    layout = _Layout("\t" if has_tabs else None, 0, 0, 0, False, None, False, frozenset())
    rows = [layout.cells(line) for _, line in numbered]
    names = [cell.strip().casefold() for cell in rows[0]]
    words, tags = ([i for i, name in enumerate(names) if name in known] for known in (_WORD_HEADERS, _TAG_HEADERS))
    header = None
    if words and tags:
        header, _ = numbered.pop(0)
        rows.pop(0)
        word_column = words[0] if word_column is None else word_column
        tag_column = tags[-1] if tag_column is None else tag_column
    if not rows:
        return None
    (num_cells, _), *_ = collections.Counter(map(len, rows)).most_common(1)
    is_numbered = is_conllu or (num_cells > 2 and word_column != 0 and _counts_words(rows))
    if word_column is None:
        word_column = 1 if is_numbered else 0
    if tag_column is None:
        tag_column = 3 if is_conllu or (is_numbered and num_cells == 10) else -1
    number, line = next((i, line) for (i, line), cells in zip(numbered, rows, strict=True) if len(cells) == num_cells)
    _check_columns(num_cells, f"line {number} of {path}, {line[:80]!r},", word_column, tag_column)
    hashtags = (line for line in lines if _HASHTAG.match(line) and len(layout.cells(line)) == num_cells)
    return layout._replace(
        num_cells=num_cells,
        word_column=word_column % num_cells,
        tag_column=tag_column % num_cells,
        is_numbered=is_numbered,
        header=header,
        has_hashtags=any(hashtags),
        tags=frozenset(cells[tag_column].strip() for cells in rows if len(cells) == num_cells),
    )


def _counts_words(rows):
    """rows of cells -> whether their first cells count: 1, 2, 3, 1, 2 ... A tenth of them may be broken."""
    before, fitting, highest = 0, 0, 0
    for cells in rows:
        match = _NUMBER.fullmatch(cells[0])
        if match and match[2] is None:
            number = int(match[1])
            fitting += number in (before + 1, 0, 1)
            before, highest = number, max(highest, number)
        elif match:
            fitting += 1
    return highest > 1 and fitting >= 0.9 * len(rows)


def _sentences(lines, layout):
    """lines of a file, their layout -> (words, tags) of each sentence; (line, what is wrong) of those that can't be
    read; tag -> the first line that has it."""
    sentences, words, tags = [], [], []
    broken, first_lines = [], {}
    for number, line in enumerate([*lines, ""], 1):
        if parts_sentences(line):
            if words:
                sentences.append((words, tags))
            words, tags = [], []
            continue
        cells = layout.cells(line)
        if number == layout.header or (line[0] == "#" and is_comment(line, cells, layout, not words)):
            continue
        word, tag, fault = word_and_tag(cells, layout)
        if fault:
            broken.append((number, f"{fault}: {line[:80]!r}"))
        elif word:
            words.append(word)
            tags.append(tag)
            first_lines.setdefault(tag, number)
    return sentences, broken, first_lines


def is_comment(line, cells, layout, is_first):
    """a line that begins with "#", its cells, the layout, whether it is before the sentence -> if it is a comment."""
    if layout.is_numbered or _COMMENT_CELL.match(line):
        return True
    is_short = len(cells) != layout.num_cells
    if "\t" not in line and is_short:
        return not (layout.has_hashtags and _HASHTAG.match(line) and len(line.split()) == 1)
    if is_short or not is_first:
        return is_short and cells[0] == "#"
    return cells[0] == "#" and cells[layout.tag_column].strip() not in {*layout.tags, "#"}


def word_and_tag(cells, layout):
    """cells of a line, the layout -> its word and tag, both None if it is no word, and what is wrong, or None."""
    if len(cells) != layout.num_cells:
        return None, None, f"has {len(cells)} cell{'s' if len(cells) > 1 else ''}"
    if layout.is_numbered:
        match = _NUMBER.fullmatch(cells[0])
        if match is None:
            return None, None, "has no number in its first cell"
        if match[2]:
            return None, None, None
    word, tag = cells[layout.word_column], cells[layout.tag_column].strip()
    fault = None if word and tag else f"has no {'tag' if word else 'word'}"
    return word, tag, fault


def _check_columns(num_cells, where, word_column, tag_column):
    """cells of a line, where it stands, columns -> None; a `ValueError` if there is no such column."""
    if num_cells == 1:
        raise ValueError(
            f"A line must have a word and a tag, with a tab or a space between them. Received: {where} has one cell. "
            "Convert the file first."
        )
    for name, column in (("word_column", word_column), ("tag_column", tag_column)):
        if not -num_cells <= column < num_cells:
            raise ValueError(
                f"`{name}` must be a column's number, from 0 to {num_cells - 1}, or from -{num_cells} to -1 counted "
                f"from the end: {where} has {num_cells} cells. Received: {name}={column}."
            )
    if word_column % num_cells == tag_column % num_cells:
        raise ValueError(
            f"Words and tags must be in different columns. Received: word_column={word_column} and "
            f"tag_column={tag_column}, but {where} has {num_cells} cells."
        )


def _check_words(sentences, layout, path):
    """the words of each sentence, `_Layout`, their file -> None; a `ValueError` or a warning if they can't be such."""
    different = {word for words in sentences for word in words}
    if different == {"_"}:
        raise ValueError(
            f"All words in {path} are '_': it is one of the corpora that come without their text. Put the words in "
            "first, as its README says, or choose another word column."
        )
    if look_like_tags(different):
        raise ValueError(
            f"All words in {path} are tags: {some_of(sorted(different))}. Choose another word column. Received: "
            f"word_column={layout.word_column}, tag_column={layout.tag_column}."
        )
    if len(sentences) > 2 and all(len(words) == 1 for words in sentences):
        warnings.warn(
            f"Each of the {len(sentences)} sentences in {path} has one word. An empty line parts sentences: remove "
            "those within.",
            stacklevel=3,
        )
    if len(sentences) == 1 and len(sentences[0]) > _LONG:
        warnings.warn(
            f"All {len(sentences[0])} words in {path} are one sentence. Put an empty line between sentences.",
            stacklevel=3,
        )


def _check_variety(sequences, scheme, path):
    """the tags of each sentence, their scheme, their file -> None; a warning if they look like words."""
    counts = collections.Counter(tag for tags in sequences for tag in tags)
    if not scheme.marks_entities and (len(counts) > 500 or 20 < len(counts) > counts.total() / 2):
        warnings.warn(
            f"{path} has {len(counts)} different tags, {some_of(sorted(counts))}, for {counts.total()} words. Check "
            "that the tag column is the right one.",
            stacklevel=3,
        )
