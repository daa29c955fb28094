"""Scores and thresholds of several labels a text: by hand, and against scikit-learn, asked in another way."""

import math

import numpy as np
import pytest

from keras_bert.metrics import best_thresholds, multi_label_scores

LABELS = ["food", "price", "staff"]
GOLD = [["food"], ["food", "price"], [], ["price"]]
#                 food  price staff
PROBABILITIES = [[0.90, 0.60, 0.1], [0.30, 0.70, 0.2], [0.55, 0.10, 0.3], [0.20, 0.40, 0.8]]


def test_scores_by_hand():
    """Given: food to texts 0 and 2, price to 0 and 1, staff to 3; right are food of 0 and price of 1."""
    scores = multi_label_scores(GOLD, PROBABILITIES, LABELS)
    per_class = scores.pop("per_class")
    # food ranks 0, 2, 1: (1/1 + 2/3) / 2; price 1, 0, 3: (1/1 + 2/3) / 2.
    expected = {"micro_f1": 4 / 9, "precision": 2 / 5, "recall": 2 / 4, "subset_accuracy": 0.0}
    assert scores == pytest.approx({**expected, "macro_f1": (1 / 2 + 1 / 2 + 0) / 3, "average_precision": 5 / 6})
    assert per_class["food"] == pytest.approx(
        {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "average_precision": 5 / 6, "support": 2}
        | {"false_negatives": 1, "false_positives": 1}
    )
    assert (per_class["staff"]["false_negatives"], per_class["staff"]["false_positives"]) == (0, 1)
    assert (per_class["staff"]["f1"], per_class["staff"]["support"]) == (0.0, 0)
    assert math.isnan(per_class["staff"]["average_precision"])
    assert all(type(value) is float for value in scores.values())


def test_thresholds_of_each_class_count():
    scores = multi_label_scores(GOLD, PROBABILITIES, LABELS, thresholds=[0.3, 0.65, 0.9])
    assert scores["per_class"]["food"]["recall"] == 1.0  # at least the threshold, not more than it
    assert scores["per_class"]["price"]["precision"] == 1.0
    assert scores["subset_accuracy"] == 2 / 4
    dicts = [dict(zip(LABELS, row, strict=True)) for row in PROBABILITIES]
    assert multi_label_scores(GOLD, dicts, LABELS, [0.3, 0.65, 0.9])["micro_f1"] == scores["micro_f1"]


def test_scores_equal_scikit_learns():
    from sklearn.metrics import average_precision_score, classification_report
    from sklearn.preprocessing import MultiLabelBinarizer

    rng = np.random.default_rng(4)
    labels = [f"label {number}" for number in range(5)]
    gold = [[label for label in labels if rng.random() < 0.3] for _ in range(57)]
    probabilities = rng.random((57, 5)).astype("float32")
    predicted = [[label for label, p in zip(labels, row, strict=True) if p >= 0.4] for row in probabilities]
    binarize = MultiLabelBinarizer(classes=labels).fit_transform
    report = classification_report(
        binarize(gold), binarize(predicted), target_names=labels, output_dict=True, zero_division=0
    )
    scores = multi_label_scores(gold, probabilities, labels, 0.4)
    assert scores["micro_f1"] == pytest.approx(report["micro avg"]["f1-score"])
    assert scores["macro_f1"] == pytest.approx(report["macro avg"]["f1-score"])
    assert (scores["precision"], scores["recall"]) == pytest.approx(
        (report["micro avg"]["precision"], report["micro avg"]["recall"])
    )
    for label in labels:
        assert scores["per_class"][label]["f1"] == pytest.approx(report[label]["f1-score"])
    expected = average_precision_score(binarize(gold), probabilities, average="macro")
    assert scores["average_precision"] == pytest.approx(expected)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("has", "probabilities", "threshold"),
    [
        ([1, 1, 0], [0.9, 0.4, 0.2], 0.3),  # in the middle between the lowest that has it and the next
        ([1, 0, 0], [0.9, 0.4, 0.2], 0.5),  # all from 0.4 to 0.9 are as good, and 0.5 is among them
        ([1, 0, 1], [0.4, 0.3, 0.2], 0.1),  # all three: 2 of 3 right, F1 0.8; above 0.3 it is 2 / 3
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.6], 0.65),
        ([1, 0, 0, 1], [0.8, 0.6, 0.4, 0.2], 0.7),  # F1 2/3 above 0.6 and below 0.2: 0.7 is nearer to 0.5 than 0.1
        ([1, 1], [0.3, 0.3], 0.15),
        ([1, 0], [0.3, 0.3], 0.15),  # equal probabilities can't be parted
        ([1], [0.0], 0.0),
    ],
)
def test_the_best_threshold_by_hand(has, probabilities, threshold):
    gold = [["food"] if one else [] for one in has]
    assert best_thresholds(gold, [[p] for p in probabilities], ["food"]) == pytest.approx([threshold])


def test_no_threshold_is_better_than_the_best():
    rng = np.random.default_rng(8)
    for _ in range(20):
        gold = [["x"] if one else [] for one in rng.random(31) < 0.4]
        probabilities = rng.integers(0, 12, (31, 1)) / np.float32(13)  # many are equal

        def f1(threshold, gold=gold, probabilities=probabilities):
            return multi_label_scores(gold, probabilities, ["x"], threshold)["macro_f1"]

        [found] = best_thresholds(gold, probabilities, ["x"])
        assert f1(found) == max(f1(threshold) for threshold in np.linspace(0, 1, 131))


def test_a_label_that_never_occurs_keeps_half_and_is_named():
    with pytest.warns(UserWarning, match=r"1 of 3 labels never occur among the 4 texts .* have 0\.5: 'staff'\."):
        thresholds = best_thresholds(GOLD, PROBABILITIES, LABELS)
    assert thresholds == pytest.approx([0.25, 0.25, 0.5])  # F1 0.8: of food from 0.3 down, of price from 0.4


@pytest.mark.parametrize(
    ("gold", "probabilities", "message"),
    [
        ([["food"]], [[0.1, 0.2]], r"shape \(1, 3\). Received: shape \(1, 2\)"),
        ([["food"], []], [[0.1, 0.2, 0.3]], "Each right answer needs a predicted one"),
        ([], [], "nothing to score"),
        ([["fun"]], [[0.1, 0.2, 0.3]], r"of food, price, staff. Received: \['fun'\]"),
        (["food"], [[0.1, 0.2, 0.3]], "Received: 'food'"),
    ],
)
def test_what_cannot_be_scored_is_refused(gold, probabilities, message):
    for score in (multi_label_scores, best_thresholds):
        with pytest.raises(ValueError, match=message):
            score(gold, probabilities, LABELS)
