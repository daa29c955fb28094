"""Scores of answers: those of the official scripts."""

import gzip
import itertools
import json
from pathlib import Path

import pytest

from keras_bert.metrics import best_null_threshold, normalize_answer, score_answer, score_answers
from keras_bert.metrics.question_answering import rules_by_script

GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[1] / "references" / "answer_golden.json.gz").read_bytes()))


@pytest.mark.parametrize("rules", ["squad", "squad2", "korquad"])
def test_scores_are_those_of_the_official_script(rules):
    golden = GOLDEN[rules]
    assert len(golden["answers"]) == len(golden["scores"]) == 1000
    for name, answers in golden["answers"].items():
        ours = [100.0 * score for score in score_answer(golden["predictions"][name], answers, rules)]
        assert ours == pytest.approx(golden["scores"][name], abs=1e-9), (name, answers, golden["predictions"][name])
    together = score_answers(golden["predictions"], golden["answers"], rules)
    assert together["exact_match"] == pytest.approx(golden["all"].get("exact_match", golden["all"].get("exact")))
    assert together["f1"] == pytest.approx(golden["all"]["f1"])
    assert 10 < together["exact_match"] < 90


def test_the_threshold_is_that_of_the_official_script():
    golden = GOLDEN["threshold"]
    differences = golden["null_differences"]
    threshold = best_null_threshold(golden["predictions"], differences, golden["answers"])
    assert threshold == golden["threshold"]
    texts = {name: "" if differences[name] > threshold else text for name, text in golden["predictions"].items()}
    assert score_answers(texts, golden["answers"], "squad2")["f1"] == pytest.approx(golden["f1"])


def test_the_threshold_by_hand():
    answers = {"a": ["x"], "b": [], "c": ["y"], "d": []}
    predictions = {"a": "x", "b": "p", "c": "y", "d": "q"}
    # In order: d -1 (wrong: -1), a 0 (+1), c 0 (+1, not to be parted from a), b 2 (-1).
    differences = {"a": 0.0, "b": 2.0, "c": 0.0, "d": -1.0}
    assert best_null_threshold(predictions, differences, answers) == 0.0
    # Where answering never gains, nothing is answered.
    assert best_null_threshold(dict.fromkeys("abcd", "z"), differences, answers) < -1.0
    # Where it always does, everything is.
    assert best_null_threshold({"a": "x", "c": "y"}, {"a": 5.0, "c": 7.0}, {"a": ["x"], "c": ["y"]}) == 7.0


@pytest.mark.parametrize(
    ("text", "rules", "normalized"),
    [
        ("The  U.S.\tArmy", "squad", "us army"),
        ("an-an the theatre", "squad", "anan theatre"),
        ("‘The’", "squad", "‘ ’"),
        ("가(나)다", "korquad", "가 나 다"),
        ("The A.", "korquad", "the a"),
        ("가-나", "korquad", "가나"),
        (" 《红楼梦》：A-B.c ", "cmrc", "红楼梦ab.c"),
    ],
)
def test_normalization_by_hand(text, rules, normalized):
    assert normalize_answer(text, rules) == normalized


def test_scores_by_hand():
    assert score_answer("the red dog", ["red cat", "dog"], "squad") == (0.0, pytest.approx(2 / 3))
    assert score_answer("부산에서", ["부산", "서울"], "korquad") == (0.0, pytest.approx(2 / 3))
    assert score_answer("", [], "squad2") == (1.0, 1.0)
    assert score_answer("x", [], "squad2") == (0.0, 0.0)
    assert score_answer("...", ["the"], "squad") == (1.0, 0.0)
    assert score_answer("...", ["the"], "squad2") == (1.0, 1.0)


def test_chinese_answers_are_scored_by_characters_that_stand_together():
    assert score_answer("北京", ["北京。"], "cmrc") == (1.0, 1.0)
    assert score_answer("在北京市", ["北京", "上海"], "cmrc") == (0.0, pytest.approx(2 * 2 / 6))
    assert score_answer("京北", ["北京"], "cmrc") == (0.0, pytest.approx(1 / 2))  # of characters anywhere it would be 1
    assert score_answer("大约3.5 million人", ["3.5 million"], "cmrc") == (0.0, pytest.approx(2 * 2 / 7))
    assert score_answer("在北京市", ["北京"], "squad") == (0.0, 0.0)
    assert score_answer("", ["北京"], "cmrc") == (0.0, 0.0)


def test_the_longest_common_run_is_that_of_a_plain_search():
    """Against each run of one answer, looked for in the other one."""
    for predicted in itertools.product("甲乙丙", repeat=4):
        gold = "甲乙乙丙甲"
        runs = ["".join(predicted[a:z]) for a, z in itertools.combinations(range(5), 2)]
        common = max((len(run) for run in runs if run in gold), default=0)
        assert score_answer("".join(predicted), [gold], "cmrc")[1] == pytest.approx(2 * common / (4 + 5))


@pytest.mark.parametrize(
    ("answers", "rules"),
    [
        (["北京市", "1987"], "cmrc"),
        (["東京タワー", "京都"], "korquad"),
        (["กรุงเทพ"], "korquad"),
        (["부산에서", "三國志"], "squad"),
        (["Ulm"], "squad"),
        (["1987"], "squad"),
        ([], "squad"),
    ],
)
def test_rules_follow_from_the_script(answers, rules):
    assert rules_by_script(answers) == rules


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="Received: rules='bleu'"):
        score_answer("x", ["x"], "bleu")
    with pytest.raises(ValueError, match="squad2"):
        score_answer("x", [], "squad")
    with pytest.raises(ValueError, match="1 have no prediction: 'b'"):
        score_answers({"a": "x"}, {"a": ["x"], "b": ["y"]})
    with pytest.raises(ValueError, match="0 questions"):
        score_answers({}, {})


@pytest.mark.parametrize(("prediction", "answers"), [("Ulm", "Ulm"), (None, ["Ulm"]), ("Ulm", [None]), ("Ulm", [5])])
def test_answers_that_are_no_strings_are_refused(prediction, answers):
    with pytest.raises(ValueError, match="`prediction` must be a string, and `answers` a list of strings"):
        score_answer(prediction, answers)
    with pytest.raises(ValueError, match="`prediction` must be a string, and `answers` a list of strings"):
        score_answers({"a": prediction}, {"a": answers})
