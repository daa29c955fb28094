"""Files that are read one row at a time: rows with all their columns, sentences with their lines, questions."""

import gzip
import json

import pytest

from keras_bert.data import AskedQuestions, Records, SentenceLines, read_labelled_texts
from keras_bert.data.files.records import kind_of


def written(directory, name, text):
    path = directory / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize(
    ("name", "text", "column", "kind", "expected"),
    [
        ("a.tsv", 'id\ttext\n1\tsay "no\n\n2\t\n', "text", "table", [("1", 'say "no'), ("2", "")]),
        ("a.csv.gz", 'text;id\r\n"a;\r\nb";7\r\n', "text", "table", [("a;\r\nb", "7")]),
        ("a.csv", "good,1\ndull,2\n", "0", "table", [("good", "1"), ("dull", "2")]),
        ("a.csv", "id,text,id\n1,a,2\n", "text", "table", [("1", "a", "2")]),
        ("a.json", '{"text": "a", "n": [1]}\n{"text": "b"}\n', "text", "json", [("a", [1]), ("b",)]),
        ("a.json", '\n {"data": [{"text": "a"}], "v": 1}', "text", "json", [("a",)]),
        ("a.jsonl", '[{"text": "a"},\n{"text": "b"}]', "text", "json", [("a",), ("b",)]),
        ("a.txt", "a\tb\r\n\r\nc", "text", "lines", [("a\tb",), ("",), ("c",)]),
    ],
)
def test_rows_keep_all_columns(tmp_path, name, text, column, kind, expected):
    path = written(tmp_path, name, text)
    assert kind_of(path, ["text"]) == kind
    records = Records(path, [column], kind)
    assert [tuple(row.values()) for row in records] == [tuple(row.values()) for row in records] == expected
    assert records.count == len(expected)


def test_names_are_told_apart_and_texts_found(tmp_path):
    records = Records(written(tmp_path, "a.csv", "id,text,id,b\n1,a,2,c\n"), ["b", "text"], "table")
    assert records.names == ["id", "text", "id_2", "b"]
    assert [records.texts(row) for row in records] == [("c", "a")]
    twice = Records(written(tmp_path, "c.csv", "a,a,a_2,text\n1,2,3,x\n"), ["text"], "table")
    assert [*twice] == [{"a": "1", "a_3": "2", "a_2": "3", "text": "x"}]
    headerless = Records(written(tmp_path, "b.csv", "x,y\nv,w\n"), ["-1"], "table")
    assert headerless.names == ["0", "1"] and [headerless.texts(row) for row in headerless] == [("y",), ("w",)]


def test_an_object_a_line_is_seen_by_the_same_rule_for_training_and_for_answers(tmp_path):
    rows = [{"text": "a" * ((1 << 20) + 7), "label": "x"}, {"text": "b", "label": "y"}]
    path = written(tmp_path, "a.json", "\n" + "\n".join(map(json.dumps, rows)))
    assert [*Records(path, ["text"], "json")] == rows
    assert [*read_labelled_texts(path)] == [tuple(row.values()) for row in rows]


def test_a_line_is_one_text(tmp_path):
    with pytest.raises(ValueError, match=r"A line of .*a\.txt is one text. Received: columns 'a', 'b'"):
        Records(written(tmp_path, "a.txt", "good\n"), ["a", "b"], "lines")


def test_a_table_by_any_other_name(tmp_path):
    assert kind_of(written(tmp_path, "ratings.txt", "id\tdocument\tlabel\n1\tgood\t1\n"), ["document"]) == "table"
    assert kind_of(written(tmp_path, "words.log", "good\n"), ["text"]) == "lines"


CONLL = "-DOCSTART- -X-\n\n# a\nAnn B\nleft O\n\n\nBob B\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_sentences_come_with_their_lines_whatever_ends_them(tmp_path, end):
    sentences = SentenceLines(written(tmp_path, "a.conll", CONLL.replace("\n", end)))
    blocks = list(sentences)
    assert [block.words for block in blocks] == [["Ann", "left"], ["Bob"]] and sentences.count == 2
    assert [line for block in blocks for line in block.lines] == CONLL.splitlines()
    assert [sentences.sentence(block).text for block in blocks] == ["Ann left", "Bob"]
    assert blocks[1].with_column(["X"]) == ["Bob B X"]


def test_characters_are_put_together_without_spaces(tmp_path):
    sentences = SentenceLines(written(tmp_path, "a.tsv", "가\tO\n \tO\n나\tO\n\n다\tO\n"))
    assert sentences.by_character
    assert [sentences.sentence(block).text for block in sentences] == ["가 나", "다"]
    assert not SentenceLines(written(tmp_path, "b.tsv", "a\tO\nb\tO\n")).by_character


def test_broken_sentences_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"Line 3 of .*a.conll has 1 cell: 'Lee'\. As most lines, each must have 2"):
        SentenceLines(written(tmp_path, "a.conll", "Ann B\nleft O\nLee\nBob B\n"))
    with pytest.raises(ValueError, match="There is no sentence"):
        SentenceLines(written(tmp_path, "b.conll", "\n# a\n"))


def test_questions_need_no_answers(tmp_path):
    asked = [{"id": i, "question": f"Who is {i}?", "answers": None} for i in range(3)]
    data = [{"title": "t", "paragraphs": [{"context": f"c{q['id']}", "qas": [q]}]} for q in asked]
    path = written(tmp_path, "a.json", json.dumps({"version": "1", "data": data}))
    assert AskedQuestions.are_in(path)
    questions = AskedQuestions(path)
    assert [(q.id, q.context, q.answers) for q in questions] == [(str(i), f"c{i}", ()) for i in range(3)]
    assert not AskedQuestions.are_in(written(tmp_path, "b.json", '[{"question": "a", "context": "b"}]'))
    data[2]["paragraphs"][0]["qas"] += [{"id": 0, "question": "Who?"}, {"question": "Where?"}]
    with pytest.raises(
        ValueError, match=r"(?s)2 faults.*'Who\?' has the id '0' of another one.*'Where\?' must have 'id'"
    ):
        AskedQuestions(written(tmp_path, "c.json", json.dumps({"data": data})))
