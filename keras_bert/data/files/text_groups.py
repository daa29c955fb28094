"""Texts that belong together, such as a question and its answer, from files or from memory."""

import random
import warnings
from pathlib import Path

from keras_bert.data.files.example_rows import RowsInMemory
from keras_bert.data.files.labelled_texts import is_blank
from keras_bert.data.files.source_files import Faults, half_a_pair
from keras_bert.data.files.tables import ExampleFile, column_names
from keras_bert.utils.checks import some_of


class TextGroups:
    """Groups of texts, which can be read any number of times: an anchor, its positive, and perhaps negatives.

    The positive is what the anchor shall find: the answer to a question, the other wording of a sentence. Negatives
    look as if they were right, and aren't.

    Args:
        rows: Tuples of strings, (anchor, positive) or (anchor, positive, negative, ...), all of the same length: a
            list, or any object that can be iterated over again and again.
        name: What messages call them.
        sources: For each group what it was taken from, such as its article: strings, of which groups with the same stay
            together where groups are divided. None: its positive.
        source_kind: What such a source is, for messages: "article".

    Attributes:
        num_texts: Number of texts in a group.
        remarks: What is odd in the file, but was read: a tuple of strings.

    Raises:
        ValueError: If there is no group, or some aren't such tuples, have a blank text, or a negative that is their
            anchor or positive; the first 20 are named. If `rows` can be read only once.

    Example:
    >>> groups = TextGroups([("Who ran?", "Ann ran."), ("Who sat?", "Ben was sitting.")])
    >>> len(groups), groups.num_texts
    (2, 2)
    """

    def __init__(self, rows, name="the groups", sources=None, source_kind="positive"):
        try:
            is_read_once = iter(rows) is rows
        except TypeError as error:
            raise ValueError(
                "`rows` must be tuples of strings, (anchor, positive) or (anchor, positive, negative, ...). Received: "
                f"rows={rows!r}."
            ) from error
        if is_read_once:
            raise ValueError(
                f"`rows` are read once an epoch. Received: {rows!r}, which can be read only once. Pass a list."
            )
        self._rows = rows if isinstance(rows, (ExampleFile, RowsInMemory)) else RowsInMemory(rows)
        self.name, self.num_texts, self._count = name, None, 0
        self._sources, self.source_kind = sources, source_kind
        with Faults(name, "Correct or remove what is wrong.") as faults:
            for number, row in self._rows.numbered():
                self._count += 1
                if fault := self._fault_of(row):
                    faults.add(f"{self._rows.place} {number}", fault)
                elif self.num_texts is None:
                    self.num_texts = len(row)
        if not self._count:
            raise ValueError(f"There is no group of texts in {name}. At least two are expected.")
        self.remarks = tuple(self._rows.remarks())

    def _fault_of(self, row):
        """a group -> what is wrong with it; None if it is one, with as many texts as the first."""
        if not isinstance(row, (tuple, list)) or not all(isinstance(text, str) for text in row) or len(row) < 2:
            return (
                f"must be a tuple of strings, (anchor, positive) or (anchor, positive, negative, ...), not {row!r:.200}"
            )
        if self.num_texts not in (None, len(row)):
            return f"must have {self.num_texts} texts, as others have, not {len(row)}: {row!r:.200}"
        for place, text in enumerate(row, 1):
            if is_blank(text):
                return f"has a blank text, the {_ORDINALS.get(place, f'{place}th')}: {row!r:.200}"
        anchor, positive, *negatives = (text.strip() for text in row)
        for role, text in (("positive", positive), ("anchor", anchor)):
            if text in negatives:
                return f"has a negative that is its {role}: {text!r:.200}"
        return next(filter(None, map(half_a_pair, row)), None)

    def __len__(self):
        return self._count

    def __iter__(self):
        return iter(self._rows)

    @property
    def sources(self):
        """For each group what it was taken from: strings."""
        return self._sources or [positive for _, positive, *_ in self]

    def search(self):
        """Makes a search of these groups: for each anchor its positives are to be found among all other texts.

        Where pairs go both ways, an anchor is a positive too. Nothing is nearer to it than itself, so it isn't searched
        by its own question, unless it is its own positive.

        Returns:
            A tuple: the different anchors and all different positives and negatives, two lists of strings; and for each
            anchor the numbers of the texts that are relevant, and of those that are to be ignored, two lists of lists
            of integers. `keras_bert.metrics.retrieval_scores` takes them so.

        Example:
        >>> groups = TextGroups([("Who ran?", "Ann ran."), ("Who sat?", "Ben sat."), ("Who ran?", "It was Ann.")])
        >>> groups.search()
        (['Who ran?', 'Who sat?'], ['Ann ran.', 'Ben sat.', 'It was Ann.'], [[0, 2], [1]], [[], []])
        """
        number_of = {text: None for _, *texts in self for text in texts}
        number_of = {text: number for number, text in enumerate(number_of)}
        relevant = {}
        for anchor, positive, *_ in self:
            relevant.setdefault(anchor, []).append(number_of[positive])
        own = {anchor: number_of.get(anchor) for anchor in relevant}
        ignored = [[] if own[anchor] in (None, *found) else [own[anchor]] for anchor, found in relevant.items()]
        return [*relevant], [*number_of], [*relevant.values()], ignored

    def sample(self, size, seed):
        """Returns a random sample of these groups.

        Args:
            size: Number of groups; all of them if there are fewer.
            seed: An integer: the same one gives the same sample.

        Returns:
            A `TextGroups`, in the order of this one; it holds its texts in memory.
        """
        return self if size >= len(self) else self.chosen(random.Random(seed).sample(range(len(self)), size))

    def chosen(self, places):
        """Returns some of these groups.

        Args:
            places: Which, counted from 0: integers.

        Returns:
            A `TextGroups`, as `sample` gives it.
        """
        kept = {*places}
        rows, sources = ([item for place, item in enumerate(items) if place in kept] for items in (self, self.sources))
        return TextGroups(rows, f"{len(rows)} of {self.name}", sources, self.source_kind)


_ORDINALS = {1: "1st", 2: "2nd", 3: "3rd"}


def read_text_groups(path, text_columns=None):
    """Opens a file of texts that belong together, and reads it through once to check it.

    A table has a line of cells for each group, JSON an object; both are read as by `read_labelled_texts`.

    Args:
        path: As in `read_labelled_texts`.
        text_columns: The columns, or keys, of anchor, positive and negatives, in this order. None: all that the file
            has, in its order. As in `read_labelled_texts` a number is a column's place; if all are given so, the first
            line is a group.

    Returns:
        A `TextGroups`. Its remarks, if it has any, are warnings too.

    Raises:
        ValueError: If the file or a column is missing, it is in another format or encoding, or groups are broken, as in
            `TextGroups`; lines are named.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "pairs.csv")
    >>> _ = path.write_text("question;answer\\nWho ran?;Ann ran.\\nWho sat?;Ben was sitting.\\n")
    >>> list(read_text_groups(path))
    [('Who ran?', 'Ann ran.'), ('Who sat?', 'Ben was sitting.')]
    """
    path = Path(path).expanduser()
    columns = tuple(map(str, text_columns or column_names(path)))
    if len(columns) < 2:
        raise ValueError(
            f"Groups need a column of anchors and one of positives. Received: {some_of(map(repr, columns))}, of {path}."
        )
    groups = TextGroups(ExampleFile(path, columns, last="text"), str(path))
    for remark in groups.remarks:
        warnings.warn(remark, stacklevel=2)
    return groups


def question_groups(questions):
    """Makes pairs of questions and the paragraphs that hold their answers.

    Args:
        questions: A `Questions`, as `read_squad` gives them; those that have no answer are left out.

    Returns:
        A `TextGroups`.

    Raises:
        ValueError: If a question or a paragraph is blank, or none has an answer.

    Example:
    >>> from keras_bert.data import Question, Questions
    >>> list(question_groups(Questions([Question("a", "Who ran?", "Ann ran.", (("Ann", 0),))])))
    [('Who ran?', 'Ann ran.')]
    """
    asked = zip(questions, questions.sources, strict=True)
    pairs = [((row.question, row.context), source) for row, source in asked if not row.is_impossible]
    rows, sources = zip(*pairs, strict=True) if pairs else ((), ())
    return TextGroups(list(rows), questions.name, sources, questions.source_kind)
