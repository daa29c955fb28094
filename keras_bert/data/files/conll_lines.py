"""CoNLL files of any length, to be tagged: sentence by sentence, with the lines that they stand in."""

import itertools
from pathlib import Path
from typing import NamedTuple

from keras_bert.data.files.conll import is_comment, layout_of_lines, parts_sentences, word_and_tag
from keras_bert.data.files.source_files import Faults, check_readable, opened
from keras_bert.data.files.tagged_sentences import are_characters, sentence_of

_SUFFIXES = (".conll", ".conllu", ".tsv", ".txt")
_LINES_OF_LAYOUT = 20_000  # by which it is found out how a file is written


class Block(NamedTuple):
    """The lines of a sentence, with what stands before it, and the empty lines behind it.

    Attributes:
        lines: The lines, without their ends.
        words: The sentence's words.
        places: For each word, the number of its line among `lines`.
        others: Numbers of lines with cells that are no words: ranges, and words that aren't written.
        header: Number of the line with the columns' names, or None.
        separator: What stands between the cells of a line.
    """

    lines: list
    words: list
    places: list
    others: list
    header: int | None = None
    separator: str = "\t"

    def with_column(self, tags, name="predicted"):
        """The lines with a further cell for each word.

        Args:
            tags: For each word, its tag.
            name: The cell of a line with the columns' names.

        Returns:
            A list of strings.

        Example:
        >>> Block(["# 1", "Ann O", "left O"], ["Ann", "left"], [1, 2], [], separator=" ").with_column(["B-PER", "O"])
        ['# 1', 'Ann O B-PER', 'left O O']
        """
        cells = dict(zip(self.places, tags, strict=True)) | dict.fromkeys(self.others, "_") | {self.header: name}
        return [f"{line}{self.separator}{cells[i]}" if i in cells else line for i, line in enumerate(self.lines)]


class SentenceLines:
    """The sentences of a CoNLL or CoNLL-U file, read anew at each iteration, with the lines that they stand in.

    Nothing but the sentence at hand is in the memory. Words are read as by `read_tagged`; there need be no tags. How
    the file is written is found out by its first 20,000 lines.

    Args:
        path: As in `read_tagged`.
        word_column: The same.

    Attributes:
        count: Number of sentences.
        by_character: Whether the words are characters, as in `TaggedSentences`.

    Raises:
        ValueError: If the file or the column is missing, there is no sentence, or lines have another number of cells
            than most (the first 20 are named), for it is read through once.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "people.conll")
    >>> _ = path.write_text("Ann\\nleft\\n\\nBob\\n")
    >>> [block.words for block in SentenceLines(path)]
    [['Ann', 'left'], ['Bob']]
    """

    def __init__(self, path, word_column=None):
        self.path = Path(path).expanduser()
        check_readable(self.path, _SUFFIXES, "sentences", others=True)
        head = list(itertools.islice(self._lines(), _LINES_OF_LAYOUT))
        # A tab at the end of all lines is no empty cell.
        of_words = [line for line in head if not parts_sentences(line) and not line.startswith("#")]
        self._end = "\t" if of_words and all(line.endswith("\t") for line in of_words) else ""
        self._layout = layout_of_lines([self._stripped(line) for line in head], self.path, word_column)
        if self._layout is None:
            raise ValueError(f"There is no sentence in {self.path}. At least one line with a word is expected.")
        self.count, characters, has_space = 0, True, False
        for block in self:
            self.count += 1
            has_space = has_space or any(word.isspace() for word in block.words)
            characters = characters and are_characters({*block.words, " "})
        self.by_character = characters and has_space

    def __iter__(self):
        mend = (
            f"As most lines, each must have {self._layout.num_cells} cells. Correct it; an empty line parts sentences."
        )
        with Faults(self.path, mend) as faults:
            yield from self._blocks(faults)

    def sentence(self, block):
        """`Block` -> `TaggedSentence`, whose tags are all empty."""
        return sentence_of(block.words, [""] * len(block.words), self.by_character)

    def _blocks(self, faults):
        """Faults -> a `Block` for each sentence."""
        separator = "\t" if self._layout.separator or self._end else " "
        block, has_ended = Block([], [], [], [], separator=separator), False
        for number, line in enumerate(self._lines(), 1):
            line = self._stripped(line)
            is_between = parts_sentences(line)
            if has_ended and not is_between:
                yield block
                block, has_ended = Block([], [], [], [], separator=separator), False
            if not is_between:
                block = self._with_word(block, line, number, faults)
            block.lines.append(line)
            has_ended = is_between and bool(block.words)
        if block.words:
            yield block

    def _with_word(self, block, line, number, faults):
        """`Block`, the line that is to come to it, its number, Faults -> the block with the line's word, if any."""
        place, cells = len(block.lines), self._layout.cells(line)
        if number == self._layout.header:
            return block._replace(header=place)
        if line[0] == "#" and is_comment(line, cells, self._layout, not block.words):
            return block
        word, _, fault = word_and_tag(cells, self._layout)
        if word:  # which may lack a tag
            block.words.append(word)
            block.places.append(place)
        elif fault:
            faults.add(f"line {number}", f"{fault}: {line[:80]!r}")
        else:
            block.others.append(place)
        return block

    def _stripped(self, line):
        """line -> the same without a tab at its end, if all have one."""
        return line.rstrip(self._end) if self._end else line

    def _lines(self):
        """-> the file's lines without their ends, of whatever system, or written as text twice on Windows."""
        before = ""
        with opened(self.path) as file:
            for line in file:
                if not (line == "\r\n" and before.endswith("\r")):
                    yield line.rstrip("\r\n")
                before = line
