"""Scores of search: how high what is right stands among all passages.

Legend of the shapes: N questions, P passages, D dimensions.
"""

import numpy as np

# Scores that are held at a time, of some questions with all passages.
_MOST_SCORES = 2**24


def retrieval_scores(questions, passages, right):
    """Computes the scores of a search of all passages by the products of vectors.

    A question's rank is that of its first right passage. Of equal scores the wrong passages stand first, so that
    vectors that are all the same find nothing.

    Args:
        questions: Vectors [N, D], of length 1 where cosines are meant.
        passages: Vectors [P, D], one for each different passage.
        right: For each question, the numbers of the passages that are right, from 0: N sequences of integers.

    Returns:
        A dict: `recall_at_1` and `recall_at_10`, the shares of questions whose rank is at most that; `mrr_at_10`, the
        mean of 1 / rank, of ranks beyond 10 of 0.

    Raises:
        ValueError: If there is no question, one has no right passage, or a number isn't that of one.

    Example:
    >>> passages = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> retrieval_scores(np.array([[1.0, 0.0], [0.0, 1.0]]), passages, right=[[0], [1]])
    {'recall_at_1': 0.5, 'recall_at_10': 1.0, 'mrr_at_10': 0.75}
    """
    ranks = ranks_of_right(questions, passages, right)
    return {
        "recall_at_1": float(np.mean(ranks <= 1)),
        "recall_at_10": float(np.mean(ranks <= 10)),
        "mrr_at_10": float(np.mean(np.where(ranks <= 10, 1 / ranks, 0.0))),
    }


def ranks_of_right(questions, passages, right):
    """Finds for each question the rank of its first right passage; arguments as of `retrieval_scores`.

    Returns:
        Integers [N], from 1.

    Raises:
        ValueError: As `retrieval_scores`.

    Example:
    >>> ranks_of_right(np.array([[1.0]]), np.array([[0.1], [0.5], [0.3], [0.3]]), right=[[0, 2]]).tolist()
    [3]
    """
    questions, passages = np.asarray(questions, "float32"), np.asarray(passages, "float32")
    if not len(questions) or len(right) != len(questions):
        raise ValueError(
            f"Each question needs its right passages. Received: {len(questions)} questions, right passages of "
            f"{len(right)}."
        )
    for number, own in enumerate(right):
        if not len(own) or not all(0 <= passage < len(passages) for passage in own):
            raise ValueError(
                f"Each question needs numbers of right passages, from 0 to {len(passages) - 1}. Received: "
                f"{list(own)[:10]}, for question {number}."
            )
    ranks, size = [], max(1, _MOST_SCORES // len(passages))
    for begin in range(0, len(questions), size):
        scores = questions[begin : begin + size] @ passages.T  # [size, P]
        for row, own in zip(scores, right[begin : begin + size], strict=True):
            own = list(own)
            best = row[own].max()
            row[own] = -np.inf
            ranks.append(1 + np.count_nonzero(row >= best))
    return np.array(ranks)
