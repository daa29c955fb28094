"""Scores: by hand, and by the definition of an entity in plain Python."""

import random

import pytest

from keras_bert.metrics import entity_scores, tag_accuracy


def test_accuracy_by_hand():
    assert tag_accuracy([["a", "b"], [], ["c"]], [("a", "c"), (), ("c",)]) == pytest.approx(2 / 3)


def test_entity_scores_by_hand():
    gold = [["B-P", "I-P", "O", "B-L", "B-L"], ["O", "B-P"]]
    predicted = [["B-P", "I-P", "O", "B-L", "I-L"], ["B-P", "B-P"]]
    scores = entity_scores(gold, predicted)
    assert scores == pytest.approx({"precision": 2 / 4, "recall": 2 / 4, "entity_f1": 0.5})
    assert all(type(value) is float for value in scores.values())


def test_an_entity_that_does_not_begin_with_b_is_none():
    assert entity_scores([["I-P", "O", "B-P"]], [["B-P", "O", "B-P"]])["precision"] == 0.5


@pytest.mark.filterwarnings("error")
def test_no_entity_scores_zero():
    nothing = {"entity_f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert entity_scores([["O", "B-P"]], [["O", "O"]]) == nothing
    assert entity_scores([["O", "O"]], [["O", "B-P"]]) == nothing
    assert entity_scores([["O"]], [["O"]]) == nothing


def entities(tags):
    """The spans that strict BIO marks: {(start, end, type)}."""
    found = set()
    for start, tag in enumerate(tags):
        if tag[0] == "B":
            end = start + 1
            while end < len(tags) and tags[end] == "I" + tag[1:]:
                end += 1
            found.add((start, end, tag[2:]))
    return found


def test_entity_scores_of_random_tags_are_those_of_the_definition():
    generator = random.Random(13)
    gold, predicted = (
        [[generator.choice(["O", "B-P", "I-P", "B-L", "I-L"]) for _ in range(n % 11 + 1)] for n in range(150)]
        for _ in range(2)
    )
    # Half of the predictions are right, so that something is found.
    predicted = [a if i % 2 else b for i, (a, b) in enumerate(zip(gold, predicted, strict=True))]
    pairs = [(entities(a), entities(b)) for a, b in zip(gold, predicted, strict=True)]
    right = sum(len(a & b) for a, b in pairs)
    precision, recall = right / sum(len(b) for _, b in pairs), right / sum(len(a) for a, _ in pairs)
    scores = entity_scores(gold, predicted)
    assert scores["precision"] == pytest.approx(precision) and scores["recall"] == pytest.approx(recall)
    assert scores["entity_f1"] == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores])
@pytest.mark.parametrize(
    ("gold", "predicted"), [([["O"]], [["O", "O"]]), ([["O"]], []), ([["O"], ["O"]], [["O", "O"]])]
)
def test_tags_without_a_partner_are_refused(score, gold, predicted):
    with pytest.raises(ValueError, match="Received: "):
        score(gold, predicted)


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores])
def test_nothing_to_score_is_refused(score):
    with pytest.raises(ValueError, match="nothing to score"):
        score([[]], [[]])
