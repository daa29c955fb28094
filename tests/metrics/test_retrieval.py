"""Scores of search by hand: ranks, ties, several right passages, more passages than are held at a time."""

import numpy as np
import pytest

from keras_bert.metrics import ranks_of_right, retrieval, retrieval_scores

# Of twelve passages along a line the scores are 12, 11, ... 1.
PASSAGES = np.arange(12, 0, -1.0)[:, None]


def test_scores_by_hand():
    """Ranks 1, 3, 10 and 12."""
    found = retrieval_scores(np.ones((4, 1)), PASSAGES, right=[[0], [2], [9], [11]])
    assert found == {"recall_at_1": 0.25, "recall_at_10": 0.75, "mrr_at_10": (1 + 1 / 3 + 1 / 10) / 4}


def test_the_first_of_several_right_passages_counts():
    assert ranks_of_right(np.ones((2, 1)), PASSAGES, right=[[11, 4], (7, 8, 6)]).tolist() == [5, 7]


def test_of_equal_scores_the_wrong_ones_come_first():
    same = np.ones((5, 3))
    assert ranks_of_right(np.ones((1, 3)), same, right=[[0]]).tolist() == [5]
    assert ranks_of_right(np.ones((1, 3)), same, right=[[0, 3]]).tolist() == [4]  # three are wrong


@pytest.mark.parametrize("most", [1, 100, 2**24])
def test_blocks_change_nothing(monkeypatch, most):
    monkeypatch.setattr(retrieval, "_MOST_SCORES", most)
    rng = np.random.default_rng(0)
    questions, passages = rng.normal(size=(13, 5)), rng.normal(size=(29, 5))
    right = [[number] for number in range(13)]
    scores = questions @ passages.T
    expected = [1 + int((scores[i] > scores[i, i]).sum()) for i in range(13)]
    assert ranks_of_right(questions, passages, right).tolist() == expected


@pytest.mark.parametrize(
    ("right", "message"),
    [
        ([[0]], "2 questions, right passages of 1"),
        ([[0], []], r"Received: \[\], for question 1"),
        ([[12], [0]], r"from 0 to 11. Received: \[12\], for question 0"),
    ],
)
def test_questions_without_right_passages_are_refused(right, message):
    with pytest.raises(ValueError, match=message):
        retrieval_scores(np.ones((2, 1)), PASSAGES, right)
