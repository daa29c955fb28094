"""Texts without labels: from tables and JSON, one column or two; what is refused."""

import pytest

from keras_bert.data import read_texts


def test_texts_and_pairs_of_any_file(tmp_path):
    (tmp_path / "a.tsv").write_text("id\tfirst\tsecond\n1\tgood film\tdull book\n2\tgood\tdull\n")
    assert read_texts(tmp_path / "a.tsv", "first") == ["good film", "good"]
    assert read_texts(tmp_path / "a.tsv", ("first", "second")) == [("good film", "dull book"), ("good", "dull")]
    (tmp_path / "a.jsonl").write_text('{"text": "good"}\n{"text": "dull", "label": null}\n')
    assert read_texts(tmp_path / "a.jsonl") == ["good", "dull"]
    (tmp_path / "b.csv").write_text("good film,1\ndull,0\n")
    assert read_texts(tmp_path / "b.csv", 0) == ["good film", "dull"]  # no header, where the place is given


def test_plain_lines(tmp_path):
    (tmp_path / "a.txt").write_text('the lamp is broken\n\n  good film, "dull" book\n')
    assert read_texts(tmp_path / "a.txt") == ["the lamp is broken", 'good film, "dull" book']
    (tmp_path / "a.txt").write_text("text\tstars\ngood\t1\n")
    assert read_texts(tmp_path / "a.txt") == ["good"]
    (tmp_path / "a.txt").write_text("review\tstars\ngood\t1\n")
    with pytest.raises(ValueError, match="no column 'text'"):
        read_texts(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_text("\n \n")
    with pytest.raises(ValueError, match="There is no text in"):
        read_texts(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("", "is empty"),
        ("text\tlabel\n", "There is no text in"),
        ("review\tlabel\ngood\t1\n", "no column 'text'"),
        ("text\tlabel\n \t1\n", "Line 2 .*has no text"),
    ],
)
def test_files_without_texts_are_refused(tmp_path, contents, message):
    (tmp_path / "a.tsv").write_text(contents)
    with pytest.raises(ValueError, match=message):
        read_texts(tmp_path / "a.tsv")
