"""Files of questions on paragraphs, in the format of SQuAD and KorQuAD -> questions."""

import json
import numbers
import random
from pathlib import Path
from typing import NamedTuple

from keras_bert.utils.checks import check_encodable, some_of
from keras_bert.utils.files import not_utf8


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

    Attributes:
        left_out: Reason -> ids of the questions that training leaves out for it: a dict of lists, empty if none is.
        has_impossible: Whether some questions can't be answered from their context, as in SQuAD v2.0.

    Raises:
        ValueError: If there is no question, one isn't a `Question` of such parts or has half a surrogate pair, or two
            have the same id.

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

    def __init__(self, rows, name="the questions", version="", reasons=None):
        self._rows = tuple(rows)
        self.name, self.version = name, version
        if not self._rows:
            raise ValueError(f"There is no question in {name}. At least one is expected.")
        self.left_out, self._reasons, ids = {}, {}, set()
        for question in self._rows:
            if not _is_question(question):
                raise ValueError(
                    f"Each of {name} must be a keras_bert.data.Question of three strings and answers (text, start). "
                    f"Received: {question!r:.200}."
                )
            for text in (question.question, question.context):
                check_encodable(text, f"Question {question.id!r} of {name}")
            if question.id in ids:
                raise ValueError(f"Each of {name} must have an id of its own. Received twice: {question.id!r}.")
            ids.add(question.id)
            if reason := _why_not(question) or (reasons or {}).get(question.id):
                self._reasons[question.id] = reason
                self.left_out.setdefault(reason, []).append(question.id)
        self.has_impossible = any(question.is_impossible for question in self._rows)

    def __len__(self):
        return len(self._rows)

    def __iter__(self):
        return iter(self._rows)

    def with_reasons(self, reasons):
        """Returns these questions, with more reasons why nothing can be learned from some.

        Args:
            reasons: As in the class's arguments. What was known of a question before stays.

        Returns:
            A `Questions`.
        """
        return Questions(self._rows, self.name, self.version, reasons | self._reasons) if reasons else self

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
        return Questions(kept, self.name, self.version)

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
        if size >= len(self):
            return self
        kept = sorted(random.Random(seed).sample(range(len(self)), size))
        rows = [self._rows[number] for number in kept]
        return Questions(rows, f"{size} of {self.name}", self.version, self._reasons)


def read_squad(path):
    """Reads questions from a file in the format of SQuAD v1.1, SQuAD v2.0 or KorQuAD v1.0.

    Args:
        path: A JSON file in UTF-8: `data`, a list of articles, with `paragraphs`, with a `context` and `qas`, each with
            `id`, `question`, `answers` (lists of `text` and `answer_start`, in characters) and perhaps `is_impossible`.

    Returns:
        A `Questions` of all that the file holds, in its order.

    Raises:
        ValueError: If there is no such file, it isn't JSON in this format (the place is named), a question has no
            answer though it isn't marked `is_impossible`, or two have the same id.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "questions.json")
    >>> question = {"id": "a", "question": "Who ran?", "answers": [{"text": "Ann", "answer_start": 0}]}
    >>> data = [{"paragraphs": [{"context": "Ann ran.", "qas": [question]}]}]
    >>> _ = path.write_text(json.dumps({"version": "1.1", "data": data}))
    >>> list(read_squad(path))
    [Question(id='a', question='Who ran?', context='Ann ran.', answers=(('Ann', 0),))]
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise ValueError(f"There is no file {path}. Give a JSON file in SQuAD's format.")
    try:
        held = json.loads(path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise not_utf8(path) from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} isn't JSON: {error}. Give a JSON file in SQuAD's format.") from error
    version = held.get("version", "") if isinstance(held, dict) else ""
    return Questions(_questions(held, path), str(path), str(version))


def _questions(held, path):
    """what the file holds, its path -> questions."""
    for article_number, article in enumerate(_item(held, "data", list, path, "the whole")):
        article_place = f"data[{article_number}]"
        for paragraph_number, paragraph in enumerate(_item(article, "paragraphs", list, path, article_place)):
            place = f"{article_place}.paragraphs[{paragraph_number}]"
            context = _item(paragraph, "context", str, path, place)
            for number, row in enumerate(_item(paragraph, "qas", list, path, place)):
                yield _question(row, context, path, f"{place}.qas[{number}]")


def _question(row, context, path, place):
    """a dict of `qas`, its paragraph, where it stands -> Question."""
    name = _item(row, "id", str, path, place)
    place = f"{place}, id {name!r}"
    # SQuAD v2.0 gives questions that can't be answered no `answers` or an empty list.
    impossible = bool(row.get("is_impossible", False))
    listed = _item(row, "answers", list, path, place) if "answers" in row or not impossible else []
    answers = tuple(
        (_item(answer, "text", str, path, place), _item(answer, "answer_start", int, path, place)) for answer in listed
    )
    if impossible == bool(answers):
        raise ValueError(
            f"A question has either answers or `is_impossible`: true. In {path}, {place} has "
            f"{'both' if impossible else 'neither'}. Correct or remove it."
        )
    return Question(name, _item(row, "question", str, path, place), context, answers)


def _item(held, key, kind, path, place):
    """a dict, a key, the type of its value, where the dict stands -> the value."""
    if not isinstance(held, dict) or key not in held:
        keys = f"the keys {', '.join(map(repr, held))}" if isinstance(held, dict) else f"{held!r:.80}"
        raise ValueError(
            f"In {path}, {place} must be an object with the key {key!r}, as in SQuAD's files. It is: {keys}."
        )
    value = held[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        expected = {list: "a list", str: "a string", int: "an integer"}[kind]
        raise ValueError(f"In {path}, {key!r} of {place} must be {expected}. Received: {value!r:.80}.")
    if kind is str:
        check_encodable(value, f"In {path}, {key!r} of {place}")
    return value


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
