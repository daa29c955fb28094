"""Files of questions as SQuAD's relatives and people write them: what is read, and what is refused."""

import gzip
import json

import pytest

from keras_bert.data import Question, Questions, read_squad
from keras_bert.data.files.squad import shared_questions

CONTEXT = "Ann ran to Ulm in May."
ULM = {"text": "Ulm", "answer_start": 11}
READ = [Question("a", "Where?", CONTEXT, (("Ulm", 11),))]


def asked(name="a", answers=(ULM,), **more):
    return {
        "id": name,
        "question": "Where?",
        "answers": list(answers) if isinstance(answers, tuple) else answers,
    } | more


def flat(**changes):
    row = asked() | {"context": CONTEXT} | changes
    return {key: value for key, value in row.items() if value is not ...}


def squad(*rows, **more):
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": CONTEXT, "qas": [*rows]}]}]} | more


def written(folder, held, name="questions.json"):
    """What a file holds, a list for a value a line if its name says so -> its path."""
    if name.endswith("l"):
        content = "\n".join(map(json.dumps, held)).encode()
    else:
        content = held if isinstance(held, bytes) else json.dumps(held, ensure_ascii=False).encode()
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    "held",
    [
        squad({"guid": "a", "question": "Where?", "answers": [ULM], "question_type": 1, "is_impossible": False}),
        squad({"question_id": "a", "question": "Where?", "answers": ULM}),
        {
            "version": "KorQuAD_v2.0",
            "data": [{"context": CONTEXT, "qas": [{"id": "a", "question": "Where?", "answer": ULM}]}],
        },
        [{"context_text": CONTEXT, "qas": [{"query_id": "a", "query_text": "Where?", "answers": ["Ulm"]}]}],
        {"data": [flat(answers={"text": ["Ulm"], "answer_start": [11]})]},
        [flat()],
        flat(),
        [flat(answers=..., answer="Ulm", answer_start=11)],
        [flat(answers=..., answer_text="Ulm", answer_start=11.0)],
        [flat(answers=..., answer="Ulm")],
        [flat(answers={"text": ["Ulm", "", " "], "answer_start": [11, 0, 3]})],
        [flat(question=..., query="Where?", context=..., passage=CONTEXT, is_impossible=0)],
    ],
)
def test_each_form_gives_the_same(tmp_path, held):
    assert [*read_squad(written(tmp_path, held))] == READ


def test_one_value_a_line_whatever_the_name(tmp_path):
    rows = [flat(), flat(id=7)]
    lines = "\n".join(map(json.dumps, rows)).encode()
    for name in ("questions.jsonl", "questions.json", "questions.txt"):
        (tmp_path / name).write_bytes(lines + b"\n\n")
        assert [row.id for row in read_squad(tmp_path / name)] == ["a", "7"]
    (tmp_path / "questions.json.gz").write_bytes(gzip.compress(lines))
    assert len(read_squad(tmp_path / "questions.json.gz")) == 2
    (tmp_path / "utf16.json").write_bytes(json.dumps(rows).encode("utf-16"))
    assert len(read_squad(tmp_path / "utf16.json")) == 2


def test_ids_become_strings_and_are_numbers_where_there_is_none(tmp_path):
    assert [row.id for row in read_squad(written(tmp_path, squad(asked(262833), asked("b"))))] == ["262833", "b"]
    rows = [flat(id=...), flat(id=..., question="When?")]
    assert [row.id for row in read_squad(written(tmp_path, rows))] == ["0", "1"]


@pytest.mark.parametrize(
    "row",
    [
        asked("b", ()),
        asked("b", ({"text": "", "answer_start": 0},)),
        asked("b", {"text": [], "answer_start": []}),
        asked("b", ""),
        asked("b", (), is_impossible=True, plausible_answers=[ULM]),
        {"id": "b", "question": "Where?", "is_impossible": True},
        {"id": "b", "question": "Where?", "answers": None, "is_impossible": True},
    ],
)
def test_no_answer_in_each_form(tmp_path, row):
    questions = read_squad(written(tmp_path, squad(asked(), row)))
    assert [question.is_impossible for question in questions] == [False, True]
    assert questions.has_impossible and questions.left_out == {}


def test_a_mark_counts_more_than_answers_and_is_told(tmp_path):
    path = written(tmp_path, squad(asked(), asked("b", is_impossible=True)))
    with pytest.warns(UserWarning, match=r"1 questions of .* are marked `is_impossible` and have answers: 'b'\."):
        questions = read_squad(path)
    assert [question.is_impossible for question in questions] == [False, True]


def test_a_file_without_any_answer_is_told(tmp_path):
    with pytest.warns(UserWarning, match="No question of .* has an answer"):
        read_squad(written(tmp_path, squad(asked(answers=()))))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (asked(is_impossible="false"), "must have true or false as 'is_impossible', not \"false\""),
        (asked(answers=None), "must have 'answers', if only an empty list, but not null"),
        (asked(answers="n"), "must have an 'answer_start' for 'n': its context has that 4 times"),
        (asked(answers="Bonn"), "its context has that 0 times"),
        (asked(answers={"text": ["Ulm"], "answer_start": []}), "as many 'answer_start' as 'text', not 0 for 1"),
        (asked(answers=({"answer_start": 1},)), "must have strings as answers, not null"),
        (asked(True), "must have a string or an integer as 'id', not true"),
        (
            {"id": "a", "answers": []},
            "must have one of 'question', 'data', 'paragraphs', 'qas'; it has 'id', 'answers'",
        ),
        ("Where?", 'must be an object, as in SQuAD\'s files, not "Where\\?"'),
    ],
)
def test_broken_questions_are_refused(tmp_path, row, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_squad(written(tmp_path, squad(row)))
    assert "qas[0]" in str(caught.value)


def test_all_faults_are_told_at_once(tmp_path):
    rows = [asked(str(number // 2), answers=(ULM,) if number % 2 else None) for number in range(50)]
    with pytest.raises(ValueError, match=r"has 25 faults:\n") as caught:
        read_squad(written(tmp_path, squad(*rows)))
    told = str(caught.value).split("\n")
    assert told[1].startswith("  data[0].paragraphs[0].qas[0] (id '0') must have 'answers'")
    assert told[21:] == ["  and 5 more", "Correct or remove what is wrong."]
    with pytest.raises(ValueError, match=r"2 faults:\n  line 2 has the id 'a', as line 1 has\n  line 3 must have 'id'"):
        read_squad(written(tmp_path, [flat(), flat(), flat(id=...)], "questions.jsonl"))
    with pytest.raises(ValueError, match=r"2 faults:\n  question 'a' has the id of another one\n  number 3 must be a"):
        Questions([*READ, *READ, "a"])


def test_other_formats_are_refused_with_a_way_out(tmp_path):
    with pytest.raises(ValueError, match="read_parquet"):
        read_squad(written(tmp_path, b"PAR1", "questions.parquet"))
    (tmp_path / "korean.json").write_bytes(
        json.dumps(squad(asked(question="어디로 갔나요?")), ensure_ascii=False).encode("cp949")
    )
    with pytest.raises(ValueError, match=r"iconv -f CP949 .*어디로 갔나요"):
        read_squad(tmp_path / "korean.json")
    with pytest.raises(ValueError, match="is empty"):
        read_squad(written(tmp_path, b"", "empty.json"))
    (tmp_path / "broken.jsonl").write_text("{\n" + json.dumps(flat()) + "\nxx\n")
    with pytest.raises(ValueError, match=r"2 faults:\n  line 1 isn't JSON.*\n  line 3 isn't JSON"):
        read_squad(tmp_path / "broken.jsonl")


def test_questions_to_measure_on_that_are_trained_on_are_named():
    train = Questions([*READ, READ[0]._replace(id="b", question="When?")], "train")
    valid = Questions([READ[0]._replace(id="x", question="Who?"), READ[0]._replace(id="y", question="When? ")], "valid")
    (remark,) = shared_questions(train, valid, None)
    assert remark.startswith("1 of 2 questions of valid are among those of train too: 'y'.")
