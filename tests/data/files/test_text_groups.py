"""Texts that belong together, from files and from memory: what is read, and what is refused with its place."""

import gzip
import json

import numpy as np
import pytest

from keras_bert.data import Question, Questions, TextGroups, column_names, question_groups, read_text_groups
from keras_bert.metrics import retrieval_scores

ROWS = [("who ran", "Ann did"), ('a "sharp" turn', "a bend, tight")]


def written(path, text):
    """path, text -> the path of a file with it."""
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.tsv", 'a\tb\nwho ran\tAnn did\na "sharp" turn\ta bend, tight\n'),
        ("pairs.csv", 'a,b\nwho ran,Ann did\n"a ""sharp"" turn","a bend, tight"\n'),
        ("pairs.tsv.gz", 'a\tb\r\nwho ran\tAnn did\r\n\r\na "sharp" turn\ta bend, tight\r\n'),
        ("pairs.jsonl", "\n".join(json.dumps({"a": a, "b": b}) for a, b in ROWS)),
        ("pairs.json", json.dumps({"data": [{"a": a, "b": b} for a, b in ROWS]})),
    ],
)
def test_files_of_pairs(tmp_path, name, text):
    path = written(tmp_path / name, text)
    assert column_names(path) == ["a", "b"]
    groups = read_text_groups(path)
    assert list(groups) == list(groups) == ROWS and len(groups) == 2 and groups.num_texts == 2


def test_columns_are_chosen_in_their_order(tmp_path):
    path = written(tmp_path / "triplets.tsv", "id\tno\tyes\tq\n1\tn1\ty1\tq1\n2\tn2\ty2\tq2\n")
    assert list(read_text_groups(path, ("q", "yes", "no"))) == [("q1", "y1", "n1"), ("q2", "y2", "n2")]
    assert next(iter(read_text_groups(path, (-1, 2)))) == ("q", "yes")  # by number, the first line is a group
    with pytest.raises(ValueError, match=r"no column 'answer'. Its header has: 'id', 'no', 'yes', 'q'"):
        read_text_groups(path, ("q", "answer"))
    with pytest.raises(ValueError, match=r"a column of anchors and one of positives. Received: 'q'"):
        read_text_groups(path, ("q",))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "a\tb\nx\ty\nx\n", "Line 3 .* has 1 cells, but the header has 2"),
        ("a.tsv", "a\tb\nx\ty\nz\t\n", "Line 3 .* has no text"),
        ("a.tsv", "a\tb\nx\ty\n \tz\n", "Line 3 .* has a blank text, the 1st"),
        ("a.jsonl", '{"a": "x", "b": "y"}\n{"a": "x"}\n', "Line 2 .* an object with the key 'b'"),
        ("a.jsonl", '{"a": "x", "b": "y"}\n{"a": "x", "b": 3}\n', "Line 2 .*'b' must be a string, not 3"),
        ("a.jsonl", '{"a": "x", "b": "y"}\n{"a": "x", "b": " "}\n', "Line 2 .* has no text"),
        ("a.tsv", "a\tb\tc\nx\ty\ty \n", "Line 2 .* has a negative that is its positive: 'y'"),
        ("a.tsv", "a\tb\tc\nx\ty\tx\n", "Line 2 .* has a negative that is its anchor"),
        ("a.tsv", "a\tb\n", "There is no group of texts"),
        ("a.jsonl", "[1]\n", "must hold objects. It begins with 1"),
    ],
)
def test_broken_groups_are_refused_with_their_place(tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        read_text_groups(written(tmp_path / name, text))


@pytest.mark.parametrize(
    "text",
    [
        'q,a\n"who ran,x\nhow,y\nwhat,z\nwhere is ""it""",w\n',  # a mark too many before "who"
        'q,a\nwho ran,"x\nhow,y\nwhat,z"\nwhere,w\n',  # the same in the last column
    ],
)
def test_a_quotation_mark_that_swallows_groups_is_told(tmp_path, text):
    path = written(tmp_path / "a.csv", text)
    with pytest.warns(UserWarning, match="1 quoted texts of .* have lines that look like examples of their own"):
        groups = read_text_groups(path)
    assert len(groups) < 4 and len(groups.remarks) == 1


def test_texts_of_several_lines_are_read_without_a_remark(tmp_path):
    path = written(tmp_path / "a.csv", 'q,a\n"who\nran","Ann, Ben, Cay\nand Dan"\nhow,y\n')
    groups = read_text_groups(path)
    assert list(groups) == [("who\nran", "Ann, Ben, Cay\nand Dan"), ("how", "y")] and groups.remarks == ()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "b"), ("a",)], r"Number 2 .* must be a tuple of strings"),
        ([("a", "b"), ("a", 1.0)], r"Number 2 .* must be a tuple of strings"),
        ([("a", "b"), ("a", "b", "c")], "Number 2 .* must have 2 texts, as others have, not 3"),
        ([("a", "\u200b")], "Number 1 .* a blank text, the 2nd"),
        ([("a", "b", "c", "")], "a blank text, the 4th"),
        ([("a", "b\ud83d")], "half of a surrogate pair"),
        (iter([("a", "b")]), "can be read only once"),
        (5, r"must be tuples of strings, .*Received: rows=5"),
        (None, r"must be tuples of strings, .*Received: rows=None"),
    ],
)
def test_broken_groups_in_memory_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        TextGroups(rows)


def test_an_anchor_may_be_its_own_positive():
    """Dropout makes two vectors of it."""
    assert len(TextGroups([("a", "a"), ("b", "b")])) == 2


def test_a_search_has_each_text_once():
    groups = TextGroups([("q", "p", "n"), ("r", "n", "m"), ("q", "m", "p2")])
    questions, passages, relevant, ignored = groups.search()
    assert questions == ["q", "r"] and passages == ["p", "n", "m", "p2"]
    assert relevant == [[0, 2], [1]] and ignored == [[], []]


def test_a_question_does_not_search_itself():
    """Pairs that go both ways: each text is a passage too, and the nearest to itself."""
    groups = TextGroups([("a", "b"), ("b", "a"), ("c", "d"), ("d", "c"), ("e", "e")])
    questions, passages, *wanted = groups.search()
    assert questions == ["a", "b", "c", "d", "e"] and passages == ["b", "a", "d", "c", "e"]
    assert wanted == [[[0], [1], [2], [3], [4]], [[1], [0], [3], [2], []]]
    vectors = {"a": (1, 0, 0), "b": (0.8, 0.6, 0), "c": (0, 1, 0), "d": (0, 0.8, 0.6), "e": (0, 0, 1)}
    asked, searched = (np.array([vectors[text] for text in texts]) for texts in (questions, passages))
    assert retrieval_scores(asked, searched, *wanted)["recall_at_1"] == 1.0
    assert retrieval_scores(asked, searched, wanted[0])["recall_at_1"] == 0.2  # e alone


def test_a_sample_keeps_the_order():
    groups = TextGroups([(str(i), f"{i}!") for i in range(20)])
    sample = groups.sample(7, seed=1)
    assert len(sample) == 7 and sample.name == "7 of the groups"
    assert list(sample) == sorted(sample, key=lambda row: int(row[0])) == list(groups.sample(7, seed=1))
    assert groups.sample(20, seed=1) is groups


def test_questions_without_an_answer_are_no_pairs():
    rows = [Question("a", "who", "ann ran", (("ann", 0),)), Question("b", "why", "ann ran")]
    assert list(question_groups(Questions(rows))) == [("who", "ann ran")]
    with pytest.raises(ValueError, match="no group"):
        question_groups(Questions(rows[1:]))
