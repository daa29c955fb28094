"""Files of questions: what is read, what is left out of training, what is refused."""

import json

import pytest

from keras_bert.data import Question, Questions, read_squad


def written(folder, *paragraphs, **fields):
    """Paragraphs, each (context, qas) -> the path of a file."""
    path = folder / "questions.json"
    data = [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]} for context, qas in paragraphs]
    path.write_text(json.dumps({"version": "1.1", "data": data} | fields, ensure_ascii=False), encoding="utf-8")
    return path


def asked(name, *answers, question="who?", **more):
    rows = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": name, "question": question, "answers": rows} | more


def test_a_file_is_read_in_its_order(tmp_path):
    path = written(
        tmp_path,
        ("김도윤이 달렸다.", [asked("ko", ("김도윤", 0), ("도윤", 1))]),
        ("\U0001f600 Ann ran.", [asked("a", ("Ann", 2)), asked("b", ("ran", 6), question="what?")]),
        version="KorQuAD_v1.0_dev",
    )
    questions = read_squad(path)
    assert [*questions] == [
        Question("ko", "who?", "김도윤이 달렸다.", (("김도윤", 0), ("도윤", 1))),
        Question("a", "who?", "\U0001f600 Ann ran.", (("Ann", 2),)),
        Question("b", "what?", "\U0001f600 Ann ran.", (("ran", 6),)),
    ]
    assert [question.span for question in questions] == [(0, 3), (2, 5), (6, 9)]
    assert questions.version == "KorQuAD_v1.0_dev"
    assert questions.has_impossible is False
    assert questions.for_training() is questions


def test_questions_without_an_answer_as_in_squad_2(tmp_path):
    plausible = {"plausible_answers": [{"text": "Ann", "answer_start": 0}]}
    path = written(
        tmp_path,
        (
            "Ann ran.",
            [
                asked("a", ("Ann", 0), is_impossible=False),
                asked("b", is_impossible=True, **plausible),
                {"id": "c", "question": "why?", "is_impossible": True},
            ],
        ),
        version="v2.0",
    )
    questions = read_squad(path)
    assert [question.is_impossible for question in questions] == [False, True, True]
    assert [question.span for question in questions] == [(0, 3), None, None]
    assert questions.has_impossible
    assert len(questions.for_training()) == 3


def test_what_training_leaves_out_is_named_and_still_asked_in_evaluation(tmp_path):
    path = written(
        tmp_path,
        (
            "Ann ran.",
            [
                asked("good", ("Ann", 0)),
                asked("later", ("ran", 3)),
                asked("beyond", ("ran", 500)),
                asked("before", ("Ann", -8)),
                asked("second", ("Ben", 0), ("ran", 4)),
                asked("mute", ("Ann", 0), question=" "),
            ],
        ),
        (" \n", [asked("nowhere", ("Ann", 0))]),
    )
    questions = read_squad(path)
    assert len(questions) == 7
    assert questions.left_out == {
        "an answer isn't at its answer_start": ["later", "beyond", "before"],
        "the question is empty": ["mute"],
        "the context is empty": ["nowhere"],
    }
    assert [question.id for question in questions.for_training()] == ["good", "second"]
    described = questions.describe_left_out()
    assert described.startswith("5 of 7 questions of ")
    assert "an answer isn't at its answer_start (3: 'later', 'beyond', 'before')" in described
    with pytest.raises(ValueError, match="No question is left to learn from: 1 of 1 questions"):
        Questions([Question("x", "who?", "", (("Ann", 0),))]).for_training()


def test_a_sample_is_that_of_its_seed():
    questions = Questions([Question(str(i), "who?", "Ann", (("Ann", 0),)) for i in range(20)], "all", "1.1")
    ids = [question.id for question in questions.sample(5, seed=3)]
    assert ids == [question.id for question in questions.sample(5, seed=3)] == sorted(ids, key=int)
    assert len({*ids}) == 5 and ids != [question.id for question in questions.sample(5, seed=4)]
    assert questions.sample(20, seed=3) is questions
    assert questions.sample(5, seed=3).version == "1.1"


def test_reasons_from_elsewhere_are_kept():
    rows = [Question(str(i), "who?" if i else "", "Ann", (("Ann", 0),)) for i in range(4)]
    questions = Questions(rows, "all").with_reasons({"0": "odd", "2": "odd", "9": "odd"})
    assert questions.left_out == {"the question is empty": ["0"], "odd": ["2"]}
    assert questions.with_reasons({}) is questions
    assert [questions.sample(3, seed=s).left_out.get("odd") for s in range(8)].count(["2"]) > 0
    assert [question.id for question in questions.for_training()] == ["1", "3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "isn't JSON"),
        ("[]", "no question"),
        ("3", "The whole of .* must be an object"),
        ('{"data": {}}', "The whole of .* must have a list as 'data', not {}"),
        ('{"data": [{"title": "t"}]}', r"data\[0\] must have one of .*'paragraphs', 'qas'; it has 'title'"),
        ('{"data": [{"paragraphs": []}]}', "no question"),
        ('{"data": [{"paragraphs": [{"context": 7, "qas": []}]}]}', "must have a string as 'context', not 7"),
    ],
)
def test_files_in_other_formats_are_refused(tmp_path, content, message):
    path = tmp_path / "questions.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message) as raised:
        read_squad(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "what?", "answers": []}, r"qas\[1\] must have 'id', as other questions have"),
        ({"id": "x", "answers": []}, r"\(id 'x'\) must have one of 'question', .*it has 'id', 'answers'"),
        (
            {"id": "x", "question": "who?"},
            r"\(id 'x'\) must have 'answers', if only an empty list, but not null; it has",
        ),
        (asked("x", ("Ann", "0")), r"'x'\) must have an integer as 'answer_start', not .0"),
        (asked("x", ("Ann", True)), r"'x'\) must have an integer as 'answer_start', not true"),
        (asked("x", ("Ann", 0), question="who\ud83d?"), "Question 'x' of .* has half of a surrogate pair"),
        (asked("a", ("Ann", 0)), r"qas\[1\] has the id 'a', as data\[0\].paragraphs\[0\].qas\[0\] has"),
    ],
)
def test_broken_questions_are_named(tmp_path, row, message):
    path = tmp_path / "questions.json"
    data = [{"paragraphs": [{"context": "Ann ran.", "qas": [asked("a", ("Ann", 0)), row]}]}]
    path.write_text(json.dumps({"data": data}))
    with pytest.raises(ValueError, match=message):
        read_squad(path)


def test_missing_files_and_other_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no file .*none\.json"):
        read_squad(tmp_path / "none.json")
    (tmp_path / "latin.json").write_bytes(b'{"data": "\xe9"}')
    with pytest.raises(ValueError, match=r"latin\.json' isn't UTF-8: line 1 has the byte 0xe9"):
        read_squad(tmp_path / "latin.json")
    with pytest.raises(ValueError, match=r"must be a keras_bert\.data\.Question"):
        Questions([("a", "who?", "Ann", ())])
    for answers in (None, (("Ann", "0"),), ("Ann",)):
        with pytest.raises(ValueError, match=r"of three strings and answers \(text, start\), not"):
            Questions([Question("a", "who?", "Ann", answers)])
    with pytest.raises(ValueError, match="Question 'a' of the questions has half of a surrogate pair"):
        Questions([Question("a", "who\ud83d?", "Ann")])
