"""Reports of classes and entities, against scikit-learn's and seqeval's own, and as a table."""

import numpy as np
from seqeval.metrics import classification_report as of_entities
from seqeval.scheme import IOB2
from sklearn.metrics import classification_report

from keras_bert.metrics import class_report, entity_report
from keras_bert.metrics.reports import table

NAMES = {"precision": "precision", "recall": "recall", "f1": "f1-score", "support": "support"}


def assert_same(report, expected):
    for label, scores in report["classes"].items():
        for ours, theirs in NAMES.items():
            assert abs(scores[ours] - expected[label][theirs]) < 1e-12


def test_classes_as_scikit_learn_has_them():
    rng = np.random.default_rng(0)
    gold, predicted = (rng.choice(["x", "y", "z"], 31).tolist() for _ in range(2))
    report = class_report(gold, predicted, ["x", "y", "z", "never"])
    assert_same({"classes": {k: v for k, v in report["classes"].items() if k != "never"}},
                classification_report(gold, predicted, output_dict=True))  # fmt: skip
    assert report["classes"]["never"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    pairs = [*zip(gold, predicted, strict=True)]
    assert report["confusion"][0][1] == pairs.count(("x", "y")) and report["confusion"][3] == [0] * 4


def test_entities_as_seqeval_has_them():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC", "O"], ["B-PER"]]
    predicted = [["B-PER", "I-PER", "O", "B-PER"], ["B-LOC", "O"], ["O"]]
    expected = of_entities(gold, predicted, mode="strict", scheme=IOB2, output_dict=True)
    report = entity_report(gold, predicted)
    assert [*report["classes"]] == ["LOC", "PER"]
    assert_same(report, expected)
    assert report["labels"] == ["LOC", "PER", "O"]
    # Of LOC's two words one was taken for PER; of PER's three one for none.
    assert report["confusion"] == [[1, 1, 0], [0, 2, 1], [0, 0, 2]]
    assert "right \\ taken for  LOC  PER  O" in table(report)
    assert entity_report([["O"]], [["O"]]) == {"classes": {}}


def test_a_type_may_be_called_as_the_outside_is():
    gold, predicted = [["B-PER", "B-O", "O", "B-MISC"]], [["B-PER", "O", "O", "B-O"]]
    report = entity_report(gold, predicted)
    expected = of_entities(gold, predicted, mode="strict", scheme=IOB2, output_dict=True)
    assert [*report["classes"]] == ["MISC", "O", "PER"] and report["labels"] == ["MISC", "O", "PER", "O_2"]
    assert_same(report, expected)
    assert report["confusion"] == [[0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_a_table_of_many_classes_names_the_commonest_confusions():
    labels = [f"class {i}" for i in range(13)]
    text = table(class_report([*labels, *labels[:2]], [*labels[1:], labels[0], labels[1], labels[2]], labels))
    assert "class 0 was taken for class 1: 2" in text and "right" not in text
    assert len(text.splitlines()) == 1 + 13 + 1 + 10
