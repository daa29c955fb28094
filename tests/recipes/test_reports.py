"""Reports of the recipes that classify: what is written is read back."""

import csv
import json
import math
import warnings

import pytest

from keras_bert.metrics import class_report
from keras_bert.recipes import reports


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.reader(file)]


def test_files_hold_the_report_and_a_picture_has_labels_in_any_script(tmp_path):
    pytest.importorskip("matplotlib")
    labels = ["긍정", "부정"]
    report = class_report(["긍정", "긍정", "부정"], ["긍정", "부정", "부정"], labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "No font", UserWarning)  # on a machine that has none for Korean
        reports.write(report, tmp_path / "report")
    assert json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8")) == report
    assert rows_of(tmp_path / "report" / "classes.csv") == [
        ["class", "precision", "recall", "f1", "support"],
        ["긍정", "1.0", "0.5", str(2 / 3), "2"],
        ["부정", "0.5", "1.0", str(2 / 3), "1"],
    ]
    assert rows_of(tmp_path / "report" / "confusion.csv") == [["", *labels], ["긍정", "1", "1"], ["부정", "0", "1"]]
    assert (tmp_path / "report" / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_computed_is_null(tmp_path):
    """The average precision of a label that no text has."""
    pytest.importorskip("matplotlib")
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "No font", UserWarning)  # on a machine that has none for Korean
    scores = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "average_precision": math.nan, "support": 0}
    scores |= {"false_negatives": 0, "false_positives": 2}
    reports.write({"classes": {"드문 $a$b$": scores}}, tmp_path / "report")
    written = json.loads((tmp_path / "report" / "report.json").read_text(), parse_constant=pytest.fail)
    assert written == {"classes": {"드문 $a$b$": scores | {"average_precision": None}}}
    row = ["드문 $a$b$", "0.0", "0.0", "0.0", "", "0", "0", "2"]
    assert rows_of(tmp_path / "report" / "classes.csv") == [["class", *scores], row]
    files = ["classes.csv", "confusion.png", "report.json"]
    assert [path.name for path in sorted((tmp_path / "report").iterdir())] == files
