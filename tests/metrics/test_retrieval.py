"""Scores of search by hand: ranks, ties, several relevant passages, NaN, more passages than are held at a time."""

import numpy as np
import pytest

from keras_bert.metrics import ranks_of_relevant, retrieval, retrieval_scores

# Of twelve passages along a line the scores are 12, 11, ... 1.
PASSAGES = np.arange(12, 0, -1.0)[:, None]


def test_scores_by_hand():
    """Ranks 1, 3, 10 and 12."""
    found = retrieval_scores(np.ones((4, 1)), PASSAGES, relevant=[[0], [2], [9], [11]])
    assert found == {"recall_at_1": 0.25, "recall_at_10": 0.75, "mrr_at_10": (1 + 1 / 3 + 1 / 10) / 4}


def test_the_first_of_several_relevant_passages_counts():
    assert ranks_of_relevant(np.ones((2, 1)), PASSAGES, relevant=[[11, 4], (7, 8, 6)]).tolist() == [5, 7]


def test_of_equal_scores_the_wrong_ones_come_first():
    same = np.ones((5, 3))
    assert ranks_of_relevant(np.ones((1, 3)), same, relevant=[[0]]).tolist() == [5]
    assert ranks_of_relevant(np.ones((1, 3)), same, relevant=[[0, 3]]).tolist() == [4]  # three are wrong


@pytest.mark.parametrize("most", [1, 100, 2**24])
def test_blocks_change_nothing(monkeypatch, most):
    monkeypatch.setattr(retrieval, "_MOST_SCORES", most)
    rng = np.random.default_rng(0)
    questions, passages = rng.normal(size=(13, 5)), rng.normal(size=(29, 5))
    relevant = [[number] for number in range(13)]
    scores = questions @ passages.T
    expected = [1 + int((scores[i] > scores[i, i]).sum()) for i in range(13)]
    assert ranks_of_relevant(questions, passages, relevant).tolist() == expected


def test_nan_counts_against_the_model():
    nan = float("nan")
    found = retrieval_scores(np.full((3, 2), nan), np.full((12, 2), nan), relevant=[[0], [1], [2]])
    assert found == {"recall_at_1": 0.0, "recall_at_10": 0.0, "mrr_at_10": 0.0}
    passages = np.array([[0.3], [nan], [0.5], [0.1]])
    ranks = ranks_of_relevant(np.ones((3, 1)), passages, relevant=[[2], [0], [1]])
    assert ranks.tolist() == [2, 3, 5]  # behind NaN; behind 0.5 too; of NaN itself, behind all


def test_ignored_passages_are_not_searched():
    """Of the scores 12, 11, ... 1: passages before the relevant one, behind it, and that one itself."""
    ranks = ranks_of_relevant(np.ones((4, 1)), PASSAGES, [[2], [2], [2], [2]], ignored=[[0, 1], [0], [7], [2]])
    assert ranks.tolist() == [1, 2, 3, 3]


@pytest.mark.parametrize("most", [1, 24, 2**24])
def test_each_question_ignores_its_own(monkeypatch, most):
    monkeypatch.setattr(retrieval, "_MOST_SCORES", most)
    relevant, ignored = [[3], [3], [0], [3], [3]], [[], [0], [1], [0, 1, 2], [11]]
    assert ranks_of_relevant(np.ones((5, 1)), PASSAGES, relevant, ignored).tolist() == [4, 3, 1, 1, 4]


@pytest.mark.parametrize(
    ("relevant", "ignored", "message"),
    [
        ([[0]], None, "2 questions, relevant passages of 1"),
        ([[0], [0]], [[]], "ignored ones of 1"),
        ([[0], []], None, r"Received: \[\], ignored \[\], for question 1"),
        ([[12], [0]], None, r"from 0 to 11. Received: \[12\], ignored \[\], for question 0"),
        ([[0], [0]], [[], [-1]], r"Received: \[0\], ignored \[-1\], for question 1"),
    ],
)
def test_questions_without_relevant_passages_are_refused(relevant, ignored, message):
    with pytest.raises(ValueError, match=message):
        retrieval_scores(np.ones((2, 1)), PASSAGES, relevant, ignored)
