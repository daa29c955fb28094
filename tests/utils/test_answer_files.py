"""Files of answers: their columns beside those of the rows."""

import json

import pytest

from keras_bert.utils.answer_files import writer

ROW = {"text": "a", "label": "g", "predicted_label": "old", "probabilities.g": "1"}
ANSWER = {"label": "b", "probabilities": {"g": 0.25}}


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
