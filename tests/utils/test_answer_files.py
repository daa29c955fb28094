"""Files of answers: their columns beside those of the rows."""

import json

import pytest

from keras_bert.utils.answer_files import writer

ROW = {"text": "a", "label": "g", "predicted_label": "old", "probabilities.g": "1"}
ANSWER = {"label": "b", "probabilities": {"g": 0.25}}


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (ANSWER, "b"),
        ({"labels": ["food", "price"], "probabilities": {}}, "food|price"),
        ({"labels": [], "probabilities": {}}, ""),
        ({"score": 0.5}, "0.5"),
        ({"answer": "in\nSeoul", "score": 3.0}, "in Seoul"),
        ({"answer": "", "score": 3.0, "answers": []}, ""),
        ({"tags": ["B-PER", "O"]}, "B-PER O"),
        ({"tags": [{"word": "Ann", "tag": "B-PER"}, {"word": "ran", "tag": "O"}], "entities": []}, "B-PER O"),
        ({"masks": [[{"token": "cat", "probability": 0.5}], [{"token": "mat", "probability": 1.0}]]}, "cat mat"),
    ],
)
def test_a_line_is_the_answer_alone(tmp_path, answer, line):
    file = writer("lines", tmp_path / "a.txt", ["text"], 2)
    file.write([ROW, ROW], [answer, answer])
    file.close()
    assert (tmp_path / "a.txt").read_text() == f"{line}\n" * 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.tsv"])
def test_no_column_of_a_row_is_overwritten(tmp_path, name):
    path = tmp_path / name
    file = writer(path.suffix[1:], path, [*ROW], 1)
    file.write([ROW], [ANSWER])
    file.close()
    if "json" in name:
        expected = {**ROW, "predicted_label_2": "b", "probabilities": {"g": 0.25}}
        assert json.loads(path.read_text()) == ([expected] if name == "a.json" else expected)
        return
    names, cells = (line.split("," if name == "a.csv" else "\t") for line in path.read_text().splitlines())
    assert names == [*ROW, "predicted_label_2", "predicted_probabilities.g"]
    assert cells == [*ROW.values(), "b", "0.25"]
