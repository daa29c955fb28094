"""Files of questions on paragraphs, in the format of SQuAD and those that come of it -> questions."""

import json
import warnings
from pathlib import Path

from keras_bert.data.files.json_items import json_items
from keras_bert.data.files.source_files import Faults, check_readable, read_json
from keras_bert.data.files.squad import Question, Questions
from keras_bert.utils.files import first_of

_SUFFIXES = (".json", ".jsonl", ".ndjson")
_LISTS = ("data", "paragraphs", "qas")
# What files call the parts of a question; the first is SQuAD's name.
_NAMES = {
    "id": ("id", "guid", "qid", "question_id", "query_id"),
    "question": ("question", "query", "query_text"),
    "context": ("context", "passage", "context_text"),
    "answers": ("answers", "answer", "answer_text"),
}
_KINDS = {
    str: "a string",
    list: "a list",
    (str, int): "a string or an integer",
    (list, dict, str): "a list, an object or a string",
}


def read_squad(path):
    """Reads questions from a file in the format of SQuAD v1.1 or v2.0, KorQuAD or KLUE-MRC, or from a flat one.

    SQuAD's files have `data`, a list of articles, with `paragraphs`, with a `context` and `qas`, each with `id`,
    `question`, `answers` (a list of `text` and `answer_start`, in characters) and perhaps `is_impossible`. A level may
    be missing. In flat files each question has its own `context`: one a line, all in an array, or in `data`.

    Answers may also be a single `answer`, a dict of lists as Hugging Face's datasets have it, or a string with
    `answer_start` beside it, which may be left out where the answer stands in the context once. Other names that are
    read: `guid`, `qid`, `question_id` or `query_id` for `id`; `query` or `query_text` for `question`; `passage` or
    `context_text` for `context`; `answer_text`. Ids become strings; if no question has one, it is their number, from 0.

    A question can't be answered if it is marked `is_impossible` or its answers are empty: no answer, or "".

    Args:
        path: A file of JSON, compressed by gzip if its name ends in .gz; in UTF-8, or in UTF-16 with a byte order mark.

    Returns:
        A `Questions` of all that the file holds, in its order. A warning names questions that are marked
        `is_impossible` and have answers all the same, and says if no question has one.

    Raises:
        ValueError: If there is no such file, or it isn't JSON in such a format; the first 20 questions that are broken
            or have the id of another one are named.

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
    check_readable(path, _SUFFIXES, "questions", others=True)
    held, lines = read_json(path)
    items = [("", held)] if lines is None else [(f"line {number}", item) for number, item in lines]
    with Faults(path, "Correct or remove what is wrong.") as faults:
        found = _Found(faults)
        for place, item in items:
            found.gather(item, place)
        found.check_ids()
    version = held.get("version", "") if isinstance(held, dict) else ""
    questions = Questions(found.questions, str(path), str(version), articles=found.articles)
    for remark in found.remarks(path):
        warnings.warn(remark, stacklevel=2)
    return questions


class AskedQuestions:
    """The questions of a file in the format of SQuAD, without answers, read anew at each iteration.

    Nothing but the article at hand, and the questions' ids, is in the memory.

    Args:
        path: As in `read_squad`; the file may lack the answers.

    Attributes:
        count: Number of questions.

    Raises:
        ValueError: If there is no such file or question, or some are broken (the first 20 are named), for it is read
            through once.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "questions.json")
    >>> paragraph = {"context": "Ann ran.", "qas": [{"id": 7, "question": "Who?"}]}
    >>> _ = path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    >>> list(AskedQuestions(path))
    [Question(id='7', question='Who?', context='Ann ran.', answers=())]
    """

    def __init__(self, path):
        self.path = Path(path).expanduser()
        check_readable(self.path, _SUFFIXES, "questions", others=True)
        self.count, ids = 0, set()
        with Faults(self.path, "Correct or remove what is wrong.") as faults:
            for question in self._read(faults):
                self.count += 1
                if question.id is None or question.id in ids:
                    what = "must have 'id'" if question.id is None else f"has the id {question.id!r} of another one"
                    faults.add(f"question {question.question!r:.80}", what)
                ids.add(question.id)
        if not self.count:
            raise ValueError(f"There is no question in {self.path}. At least one is expected.")

    def __iter__(self):
        return self._read(Faults(self.path, ""))

    def _read(self, faults):
        """Faults -> the questions."""
        for place, item in json_items(self.path):
            found = _Found(faults, needs_answers=False)
            found.gather(item, place)
            yield from found.questions

    @staticmethod
    def are_in(path):
        """a path -> whether its file is JSON with levels as SQuAD's, articles, paragraphs or `qas`."""
        path = Path(path).expanduser()
        check_readable(path, _SUFFIXES, "questions", others=True)
        _, first = next(json_items(path), ("", None))
        return isinstance(first, dict) and not {*_LISTS}.isdisjoint(first)


class _Found:
    """The questions of a file as they are found, and where they stand: `gather` adds those of a value."""

    def __init__(self, faults, needs_answers=True):
        self.questions, self._places, self._contradictory = [], [], []
        self._articles = []  # of each question, or None
        self._faults, self._needs_answers = faults, needs_answers

    @property
    def articles(self):
        """Question's id -> its article; None unless each question has one."""
        if None in self._articles:
            return None
        return {question.id: article for question, article in zip(self.questions, self._articles, strict=True)}

    def gather(self, held, place, context=None, article=None):
        """a value, where it stands, the context around it, the article -> None."""
        if isinstance(held, list):
            for number, item in enumerate(held):
                self.gather(item, f"{place}[{number}]", context, article)
            return
        try:
            if not isinstance(held, dict):
                raise ValueError(f"must be an object, as in SQuAD's files, not {_shown(held)}")
            context = _value(held, "context", str, context)
            article = _article_of(held, place) or article
            lists = [(key, _value(held, key, list)) for key in _LISTS if key in held]
            if not lists:
                self._add(held, context)
                self._places.append(place or "the whole")
                self._articles.append(article)
        except ValueError as error:
            self._faults.add(_with_id(held, place or "the whole"), str(error))
            return
        for key, items in lists:
            self.gather(items, f"{place}.{key}".lstrip("."), context, article)

    def _add(self, held, context):
        """a question's dict, its context -> None; a `ValueError` says what is wrong with it."""
        name = _value(held, "id", (str, int))
        asked = _value(held, "question", str)
        given = _value(held, "answers", (list, dict, str)) if self._needs_answers else []
        mark = held.get("is_impossible")
        fault = None
        if asked is None:
            fault = f"must have one of 'question', {', '.join(map(repr, _LISTS))}; it has {_keys_of(held)}"
        elif context is None:
            fault = f"must have a 'context', or what it stands in must have one; it has {_keys_of(held)}"
        elif mark not in (None, True, False):
            fault = f"must have true or false as 'is_impossible', not {_shown(mark)}"
        elif given is None and not mark:
            fault = f"must have 'answers', if only an empty list, but not null; it has {_keys_of(held)}"
        if fault:
            raise ValueError(fault)
        name = name if name is None else str(name)
        texts = [pair for pair in _texts_of(given, held.get("answer_start")) if pair[0].strip()]
        if mark and texts:
            self._contradictory.append(repr(name))
        answers = () if mark else tuple([(text, _start_of(text, start, context)) for text, start in texts])
        self.questions.append(Question(name, asked, context, answers))

    def check_ids(self):
        """Makes ids if there is none; else those that lack one, or have another one's, are faults."""
        if all(question.id is None for question in self.questions):
            self.questions = [question._replace(id=str(i)) for i, question in enumerate(self.questions)]
            return
        places = {}
        for question, place in zip(self.questions, self._places, strict=True):
            if question.id is None:
                self._faults.add(place, "must have 'id', as other questions have")
            elif question.id in places:
                self._faults.add(place, f"has the id {question.id!r}, as {places[question.id]} has")
            else:
                places[question.id] = place

    def remarks(self, path):
        """the file's path -> what is odd, but was read: strings."""
        if self._contradictory:
            yield (
                f"{len(self._contradictory)} questions of {path} are marked `is_impossible` and have answers: "
                f"{first_of(self._contradictory)}. The mark counts; such answers are only plausible."
            )
        if not any(question.answers for question in self.questions):
            yield f"No question of {path} has an answer. If they were held back, it can't be learned from or scored."


def _texts_of(given, start):
    """what stands as answers, what stands as answer_start beside it -> list of pairs: text, start or None."""
    if given is None:
        return []
    if isinstance(given, list):
        beside = start if len(given) == 1 else None
        return [pair for item in given for pair in _texts_of(item, beside)]
    if isinstance(given, dict):
        given, start = given.get("text"), given.get("answer_start")
    if isinstance(given, str) and not isinstance(start, list):
        return [(given, start)]
    texts, starts = (value if isinstance(value, list) else [value] for value in (given, start))
    if len(texts) != len(starts):
        raise ValueError(f"must have as many 'answer_start' as 'text', not {len(starts)} for {len(texts)}")
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"must have strings as answers, not {_shown(text)}")
    return [*zip(texts, starts, strict=True)]


def _start_of(text, start, context):
    """an answer, what stands as its start, its context -> integer."""
    if start is None:
        if context.count(text) == 1:
            return context.index(text)
        raise ValueError(
            f"must have an 'answer_start' for {text!r:.80}: its context has that {context.count(text)} times"
        )
    if isinstance(start, float) and start.is_integer():
        return int(start)
    if not isinstance(start, int) or isinstance(start, bool):
        raise ValueError(f"must have an integer as 'answer_start', not {_shown(start)}")
    return start


def _article_of(held, place):
    """a dict, where it stands -> the article that it is, or says to be from; None if it tells nothing."""
    title = held.get("title")
    return title if isinstance(title, str) and title.strip() else place if "paragraphs" in held else None


def _value(held, part, kind, otherwise=None):
    """a dict, a part's name in SQuAD, its kind -> its value by any of its names; `otherwise` if there is none."""
    name = part
    if part not in held:
        name = next((name for name in _NAMES.get(part, ()) if name in held), None)
        if name is None:
            return otherwise
    value = held[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        if value is None and part == "answers":
            return otherwise
        raise ValueError(f"must have {_KINDS[kind]} as {name!r}, not {_shown(value)}")
    return value


def _with_id(held, place):
    """a value, where it stands -> the place with the id that it has there, for a message."""
    named = [held[name] for name in _NAMES["id"] if name in held] if isinstance(held, dict) else []
    return f"{place} (id {str(named[0])!r})" if named else place


def _keys_of(held):
    """a dict -> its keys, for a message."""
    return ", ".join(map(repr, held)) or "nothing"


def _shown(value):
    """a JSON value -> its beginning, as JSON has it."""
    return f"{json.dumps(value, ensure_ascii=False):.80}"
