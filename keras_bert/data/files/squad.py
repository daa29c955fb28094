"""Questions on paragraphs, as in SQuAD: what they are, and which of them can be learned from."""

import numbers
import random
from typing import NamedTuple

from keras_bert.data.files.source_files import Faults, half_a_pair
from keras_bert.metrics.question_answering import rules_by_script
from keras_bert.utils.checks import some_of
from keras_bert.utils.files import first_of


class Question(NamedTuple):
    """A question on a paragraph.

    Attributes:
        id: A string of its own.
        question: The question.
        context: The paragraph that holds the answer.
        answers: Tuples (text, start): right answers and where they begin in the context, in characters. None of them:
            the question can't be answered from the context.
    """

    id: str
    question: str
    context: str
    answers: tuple = ()

    @property
    def is_impossible(self):
        """Whether the context holds no answer: bool."""
        return not self.answers

    @property
    def span(self):
        """Start and end, in characters, of the first answer that is where it is said to be; None if there is none."""
        for text, start in self.answers:
            if text.strip() and start >= 0 and self.context.startswith(text, start):
                return start, start + len(text)
        return None


class Questions:
    """Questions that can be read any number of times.

    All of them are asked in evaluation; `for_training` leaves out those that nothing can be learned from.

    Args:
        rows: A list of `Question`.
        name: What messages call them.
        version: What the file says of itself, e.g. `"1.1"` or `"KorQuAD_v1.0_dev"`.
        reasons: Question's id -> why nothing can be learned from it, for what only a tokenizer can see: a dict.
        articles: Question's id -> the article that it is from: a dict of strings. None: nothing is known of that.

    Attributes:
        left_out: Reason -> ids of the questions that training leaves out for it: a dict of lists, empty if none is.
        has_impossible: Whether some questions can't be answered from their context, as in SQuAD v2.0.

    Raises:
        ValueError: If there is no question, or some aren't a `Question` of such parts, have half a surrogate pair or
            the id of another one; the first 20 are named.

    Example:
    >>> questions = Questions([
    ...     Question("a", "Who ran?", "Ann ran.", (("Ann", 0),)),
    ...     Question("b", "Who sat?", "Ben sat.", (("Ben", 5),)),
    ... ])
    >>> len(questions), questions.left_out
    (2, {"an answer isn't at its answer_start": ['b']})
    >>> [question.id for question in questions.for_training()]
    ['a']
    """

    def __init__(self, rows, name="the questions", version="", reasons=None, articles=None):
        self._rows = tuple(rows)
        self.name, self.version, self._articles = name, version, articles
        if not self._rows:
            raise ValueError(f"There is no question in {name}. At least one is expected.")
        self.left_out, self._reasons, ids = {}, {}, set()
        with Faults(name, "Correct or remove what is wrong.") as faults:
            for number, question in enumerate(self._rows, 1):
                if fault := _fault_of(question, ids):
                    known = isinstance(question, Question) and isinstance(question.id, str)
                    faults.add(f"question {question.id!r}" if known else f"number {number}", fault)
                    continue
                ids.add(question.id)
                if reason := _why_not(question) or (reasons or {}).get(question.id):
                    self._reasons[question.id] = reason
                    self.left_out.setdefault(reason, []).append(question.id)
        self.has_impossible = any(question.is_impossible for question in self._rows)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return iter(self._rows)

    @property
    def right_answers(self):
        """Question's id -> its right answers: a dict of lists of strings."""
        return {question.id: [text for text, _ in question.answers] for question in self}

    @property
    def sources(self):
        """For each question what it is from: its article's name, or where none is known its context."""
        return [self._articles[row.id] for row in self] if self._articles else [row.context for row in self]

    @property
    def source_kind(self):
        """What `sources` are: "article" or "paragraph"."""
        return "article" if self._articles else "paragraph"

    @property
    def rules_by_script(self):
        """The rules of scoring that suit the script of the answers, as in `keras_bert.metrics.score_answers`."""
        return rules_by_script(text for question in self for text, _ in question.answers)

    @property
    def metric(self):
        """The rules of the official script for such a file, as in `keras_bert.metrics.score_answers`."""
        if self.has_impossible:
            return "squad2"
        return "korquad" if self.version.startswith("KorQuAD") else self.rules_by_script

    def with_reasons(self, reasons):
        """Returns these questions, with more reasons why nothing can be learned from some.

        Args:
            reasons: As in the class's arguments. What was known of a question before stays.

        Returns:
            A `Questions`.
        """
        return self._of(self._rows, self.name, reasons | self._reasons) if reasons else self

    def for_training(self):
        """Leaves out the questions that nothing can be learned from.

        Returns:
            A `Questions`.

        Raises:
            ValueError: If none is left.
        """
        if not self.left_out:
            return self
        kept = [question for question in self if question.id not in self._reasons]
        if not kept:
            raise ValueError(f"No question is left to learn from: {self.describe_left_out()}. Correct the file.")
        return self._of(kept, self.name)

    def describe_left_out(self):
        """Says from which questions nothing can be learned, and why: a string, empty if there is none."""
        reasons = [f"{reason} ({len(ids)}: {some_of(map(repr, ids))})" for reason, ids in self.left_out.items()]
        if not reasons:
            return ""
        return f"{len(self._reasons)} of {len(self)} questions of {self.name} can't be learned from: " + "; ".join(
            reasons
        )

    def sample(self, size, seed):
        """Returns a random sample of these questions.

        Args:
            size: Number of questions; all of them if there are fewer.
            seed: An integer: the same one gives the same sample.

        Returns:
            A `Questions`, in the order of this one.
        """
        return self if size >= len(self) else self.chosen(random.Random(seed).sample(range(len(self)), size))

    def chosen(self, places):
        """Returns some of these questions.

        Args:
            places: Which, counted from 0: integers.

        Returns:
            A `Questions`, as `sample` gives it.
        """
        rows = [self._rows[place] for place in sorted(places)]
        return self._of(rows, f"{len(rows)} of {self.name}", self._reasons)

    def _of(self, rows, name, reasons=None):
        """some of the questions, name, reasons -> `Questions` from the same file."""
        return Questions(rows, name, self.version, reasons, self._articles)


def shared_questions(train, *others):
    """Says which questions to measure on are trained on too, with the same context.

    Args:
        train: A `Questions` to train on.
        *others: Those to measure on, None where there are none.

    Returns:
        A list of strings, empty if there are no such questions.

    Example:
    >>> ann = Question("a", "Who ran?", "Ann ran.", (("Ann", 0),))
    >>> train, valid = Questions([ann], "train.json"), Questions([ann._replace(id="b")], "valid.json")
    >>> print(*shared_questions(train, valid))
    1 of 1 questions of valid.json are among those of train.json too: 'b'. A score on them says how well they are
    remembered. Leave them out of one of the two.
    """
    asked = {(question.question.strip(), question.context.strip()) for question in train}
    remarks = []
    for questions in filter(None, others):
        shared = [repr(row.id) for row in questions if (row.question.strip(), row.context.strip()) in asked]
        if shared:
            remarks.append(
                f"{len(shared)} of {len(questions)} questions of {questions.name} are among those of {train.name} too: "
                f"{first_of(shared)}. A score on them says how well they are remembered. Leave them out of one of the "
                "two."
            )
    return remarks


def _fault_of(question, ids):
    """anything, the ids so far -> what is wrong with it as a question; None if nothing is."""
    if not _is_question(question):
        return f"must be a keras_bert.data.Question of three strings and answers (text, start), not {question!r:.200}"
    if question.id in ids:
        return "has the id of another one"
    return half_a_pair(question.id) or half_a_pair(question.question) or half_a_pair(question.context)


def _is_question(question):
    """anything -> whether it is a Question whose parts have their types."""
    return (
        isinstance(question, Question)
        and all(isinstance(text, str) for text in question[:3])
        and isinstance(question.answers, (tuple, list))
        and all(map(_is_answer, question.answers))
    )


def _is_answer(answer):
    """anything -> whether it is a pair of a text and an integer."""
    is_pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    return is_pair and isinstance(answer[0], str) and isinstance(answer[1], numbers.Integral)


def _why_not(question):
    """Question -> why nothing can be learned from it, or None."""
    if not question.context.strip():
        return "the context is empty"
    if not question.question.strip():
        return "the question is empty"
    if question.answers and question.span is None:
        return "an answer isn't at its answer_start"
    return None
