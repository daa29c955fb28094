"""Scores: by hand, and by the definition of an entity in plain Python."""

import math
import random

import pytest

from keras_bert.metrics import character_f1, class_scores, correlations, entity_scores, tag_accuracy


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


@pytest.mark.parametrize(
    ("gold", "predicted", "f1"),
    [
        ("PER_B PER_I - LOC_B", "PER_B PER_I - -", 2 / 3),
        ("PER-B PER-I O LOC-B", "PER-B O O LOC-B", 1 / 2),
        ("b-per i-per o b-loc", "b-per i-per o b-loc", 1),
        ("PER PER O LOC", "PER O O LOC", 1 / 2),
        ("B I O B", "B I O O", 2 / 3),
        ("B-P E-P O S-P", "B-P E-P O O", 2 / 3),
        ("B-P L-P O U-L", "B-P L-P O U-P", 1 / 2),
        ("B-P M-P E-P O", "B-P E-P O O", 0),
        ("I-P I-P B-P O", "I-P I-P I-P O", 0),
        ("I-P I-P B-P O", "B-P I-P B-P O", 1),  # from a model that learned from the same in BIO
        ("I-P I-P O I-P", "I-P I-P O O", 2 / 3),
        ("- -", "- -", 0),
        ("o o", "o o", 0),
    ],
)
def test_entities_of_every_scheme_are_scored(gold, predicted, f1):
    assert entity_scores([gold.split()], [predicted.split()])["entity_f1"] == pytest.approx(f1)


def test_the_right_tags_say_whether_an_entity_may_begin_with_i():
    assert entity_scores([["B-P", "I-P", "O", "B-P"]], [["I-P", "I-P", "O", "B-P"]])["recall"] == 0.5
    assert entity_scores([["B-P", "E-P", "O", "S-P"]], [["I-P", "E-P", "O", "S-P"]])["recall"] == 0.5
    assert entity_scores([["B-P", "E-P", "O", "S-P"]], [["I-P", "I-P", "O", "O"]])["recall"] == 0.0


@pytest.mark.parametrize("tags", ["NOUN VERB", "NOUN VERB O", "N O V", "NOUN"])
def test_tags_of_words_have_no_entities_to_score(tags):
    with pytest.raises(ValueError, match="which don't tell for sure that they mark any"):
        entity_scores([tags.split()], [tags.split()])


def test_tags_of_two_schemes_are_not_scored():
    with pytest.raises(ValueError, match=r"`gold` and `predicted` mark them as .*others too: 'B_P'"):
        entity_scores([["B-P", "I-P", "O"]], [["B_P", "O", "O"]])


@pytest.mark.filterwarnings("error")
def test_character_f1_leaves_out_what_is_in_no_entity():
    assert character_f1([["P_B", "P_I", "-"]], [["P_B", "-", "-"]]) == pytest.approx(1 / 2)
    assert character_f1([["b-p", "i-p", "o"]], [["b-p", "o", "o"]]) == pytest.approx(1 / 2)


@pytest.mark.filterwarnings("error")
def test_character_f1_by_hand():
    gold = [["B-P", "I-P", "I-P", "O"], ["B-L", "O"]]
    predicted = [["B-P", "I-P", "O", "O"], ["B-P", "I-L"]]
    expected = {"B-P": 2 / 3, "I-P": 2 / 3, "B-L": 0, "I-L": 0}  # 2 right / (given + predicted)
    assert character_f1(gold, predicted) == pytest.approx(sum(expected.values()) / 4)
    assert character_f1(gold, gold) == 1.0 and type(character_f1(gold, gold)) is float
    assert character_f1([["O"]], [["O"]]) == 0.0


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


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores, character_f1])
@pytest.mark.parametrize(
    ("gold", "predicted"), [([["O"]], [["O", "O"]]), ([["O"]], []), ([["O"], ["O"]], [["O", "O"]])]
)
def test_tags_without_a_partner_are_refused(score, gold, predicted):
    with pytest.raises(ValueError, match="Received: "):
        score(gold, predicted)


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores, character_f1])
@pytest.mark.parametrize("wrong", [["DET", "NOUN"], [1, 2], [[1, 2]], [["DET", None]], [None]])
def test_what_are_no_lists_of_tags_is_refused(score, wrong):
    right = [["DET", "NOUN"]]
    for name, arguments in (("gold", (wrong, right)), ("predicted", (right, wrong))):
        with pytest.raises(ValueError, match=f"`{name}` must have for each sentence a list of its tags"):
            score(*arguments)


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores, character_f1])
def test_tags_may_come_one_sentence_at_a_time(score):
    sentences = [["B-P", "O"], ["O", "B-L"]]
    assert score(iter(sentences), map(tuple, sentences)) == score(sentences, sentences)


@pytest.mark.parametrize("score", [tag_accuracy, entity_scores, character_f1])
def test_nothing_to_score_is_refused(score):
    with pytest.raises(ValueError, match="nothing to score"):
        score([[]], [[]])


def test_class_scores_by_hand():
    gold, predicted = ["a", "a", "b", "b", "c", "c"], ["a", "b", "b", "b", "c", "a"]
    scores = class_scores(gold, predicted, ["a", "b", "c"])
    # F1 of a: precision 1/2, recall 1/2; of b: 2/3 and 1; of c: 1 and 1/2. 4 of 6 are right.
    assert scores["accuracy"] == pytest.approx(4 / 6)
    assert scores["f1"] == pytest.approx((1 / 2 + 4 / 5 + 2 / 3) / 3)
    # Of each class there are 2, 2, 2; predicted are 2, 3, 1.
    assert scores["matthews"] == pytest.approx((4 * 6 - 12) / ((36 - 12) * (36 - 14)) ** 0.5)


def test_of_two_classes_the_second_is_the_positive_one():
    gold, predicted = ["no", "no", "no", "yes"], ["no", "no", "yes", "yes"]
    assert class_scores(gold, predicted, ["no", "yes"])["f1"] == pytest.approx(2 / 3)
    assert class_scores(gold, predicted, ["yes", "no"])["f1"] == pytest.approx(4 / 5)
    assert class_scores(["no"], ["no"], ["no", "yes"]) == {"accuracy": 1.0, "f1": 0.0, "matthews": 0.0}


def test_correlations_by_hand():
    scores = correlations([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0, 30.0])
    assert scores["spearman"] == pytest.approx(1.0)
    assert scores["pearson"] == pytest.approx(45.5 / (5 * 632.75) ** 0.5)
    assert all(math.isnan(value) for value in correlations([1.0, 2.0], [3.0, 3.0]).values())
    with pytest.raises(ValueError, match="2 and 1"):
        correlations([1.0, 2.0], [3.0])
