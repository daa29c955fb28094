"""Scores of search: how high the relevant passages stand among all.

Legend of the shapes: N questions, P passages, D dimensions.
"""

import numpy as np

# Scores that are held at a time, of some questions with all passages.
_MOST_SCORES = 2**24


def retrieval_scores(questions, passages, relevant, ignored=None):
    """Computes the scores of a search of all passages by the products of vectors.

    A question's rank is that of its first relevant passage. Ties count against the model, and so does NaN: vectors that
    are all the same, or aren't numbers, find nothing.

    Args:
        questions: Vectors [N, D], of length 1 where cosines are meant.
        passages: Vectors [P, D], one for each different passage.
        relevant: For each question, the numbers of the passages that are relevant, from 0: N sequences of integers.
        ignored: For each question, the numbers of passages that aren't among those that it searches, such as its own
            text; those that are relevant stay. None: all are searched.

    Returns:
        A dict: `recall_at_1` and `recall_at_10`, the shares of questions whose rank is at most that; `mrr_at_10`, the
        mean of 1 / rank, of ranks beyond 10 of 0.

    Raises:
        ValueError: If there is no question, one has no relevant passage, or a number isn't that of one.

    Example:
    >>> passages = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    >>> retrieval_scores(np.array([[1.0, 0.0], [0.0, 1.0]]), passages, relevant=[[0], [1]])
    {'recall_at_1': 0.5, 'recall_at_10': 1.0, 'mrr_at_10': 0.75}
    """
    ranks = ranks_of_relevant(questions, passages, relevant, ignored)
    return {
        "recall_at_1": float(np.mean(ranks <= 1)),
        "recall_at_10": float(np.mean(ranks <= 10)),
        "mrr_at_10": float(np.mean(np.where(ranks <= 10, 1 / ranks, 0.0))),
    }


def ranks_of_relevant(questions, passages, relevant, ignored=None):
    """Finds for each question the rank of its first relevant passage; arguments as of `retrieval_scores`.

    Returns:
        Integers [N], from 1.

    Raises:
        ValueError: As `retrieval_scores`.

    Example:
    >>> ranks_of_relevant(np.array([[1.0]]), np.array([[0.1], [0.5], [0.3], [0.3]]), relevant=[[0, 2]]).tolist()
    [3]
    """
    questions, passages = np.asarray(questions, "float32"), np.asarray(passages, "float32")
    ignored = [()] * len(questions) if ignored is None else ignored
    if not len(questions) or not len(relevant) == len(ignored) == len(questions):
        raise ValueError(
            f"Each question needs its relevant passages. Received: {len(questions)} questions, relevant passages of "
            f"{len(relevant)}, ignored ones of {len(ignored)}."
        )
    for number, (own, others) in enumerate(zip(relevant, ignored, strict=True)):
        if not len(own) or not all(0 <= passage < len(passages) for passage in (*own, *others)):
            raise ValueError(
                f"Each question needs numbers of relevant passages, from 0 to {len(passages) - 1}. Received: "
                f"{[*own][:10]}, ignored {[*others][:10]}, for question {number}."
            )
    ranks, size = [], max(1, _MOST_SCORES // len(passages))
    for begin in range(0, len(questions), size):
        scores = questions[begin : begin + size] @ passages.T  # [size, P]
        end = begin + len(scores)
        for row, own, others in zip(scores, relevant[begin:end], ignored[begin:end], strict=True):
            best = row[[*own]].max()
            row[[*own, *others]] = -np.inf
            ranks.append(1 + np.count_nonzero(~(row < best)))  # neither lower nor comparable: NaN
    return np.array(ranks)
