"""Logits to answers, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.prediction.decoding import decode_classes, decode_spans


def test_classes_by_hand():
    logits = np.log(np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])) + [[5.0], [-3.0]]
    answer = decode_classes(logits, ["a", "b", "다"])
    np.testing.assert_allclose(answer["probabilities"], [[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], atol=1e-6)
    assert answer["label"].numpy().tolist() == [b"b", b"a"]


def test_large_bfloat16_logits_stay_finite():
    probabilities = decode_classes(tf.constant([[1e4, -1e4]], tf.bfloat16), ["a", "b"])["probabilities"]
    np.testing.assert_allclose(probabilities, [[1.0, 0.0]])
    assert probabilities.dtype == tf.float32


def best_spans(start, end, places, may_end, questions, max_answer_length, num_answers):
    """Every span of every window, one by one -> for each question its best (score, first, last)."""
    found = {}
    for window, question in enumerate(questions):
        for i, place in enumerate(places[window]):
            for j in range(i, min(i + max_answer_length, len(places[window]))):
                if place and may_end[window][j]:
                    span, score = (question, place, may_end[window][j]), start[window][i] + end[window][j]
                    found[span] = max(score, found.get(span, -np.inf))
    ranked = sorted(((-score, first, last, question) for (question, first, last), score in found.items()))
    return [
        [(-score, first, last) for score, first, last, of in ranked if of == question][:num_answers]
        for question in range(max(questions) + 1)
    ]


@pytest.mark.parametrize(("max_answer_length", "num_answers"), [(1, 1), (3, 7), (30, 4), (5, 60)])
def test_best_spans_are_those_of_a_search_through_all(max_answer_length, num_answers):
    generator = np.random.default_rng(max_answer_length)
    # Question 0 has three windows that overlap, question 1 no context, question 2 one window.
    places = np.zeros((5, 11), int)
    places[0, 3:9], places[1, 3:9], places[2, 3:6], places[4, 2:10] = (
        range(1, 7),
        range(4, 10),
        range(8, 11),
        range(11, 19),
    )
    # Tokens 5 to 7 are of one character: no answer begins with 6 or 7, none ends with 5 or 6.
    first, last = (np.where(np.isin(places, within), 0, places) for within in ([6, 7], [5, 6]))
    questions = [0, 0, 0, 1, 2]
    start, end = generator.normal(size=(2, 5, 11)).astype(np.float32) * 3
    best = decode_spans(start, end, first, last, questions, 3, max_answer_length, num_answers)
    assert best["scores"].shape == (3, num_answers)
    expected = best_spans(start, end, first, last, questions, max_answer_length, num_answers)
    for number, spans in enumerate(expected):
        count = len(spans)
        np.testing.assert_array_equal(np.isfinite(best["scores"][number]), np.arange(num_answers) < count)
        np.testing.assert_array_equal(best["first"][number, :count], [first for _, first, _ in spans])
        np.testing.assert_array_equal(best["last"][number, :count], [last for _, _, last in spans])
        np.testing.assert_array_equal(best["scores"][number, :count], np.array([s for s, _, _ in spans], np.float32))
        assert not best["first"][number, count:].numpy().any()
    null = (start + end)[:, 0]
    np.testing.assert_array_equal(best["null_scores"], [null[:3].min(), null[3], null[4]])


def test_no_question_has_no_span():
    nothing = np.zeros((0, 4))
    best = decode_spans(nothing, nothing, nothing.astype(int), nothing.astype(int), np.zeros(0, int), 0, 30, 5)
    assert {key: value.shape.as_list() for key, value in best.items()} == {
        "scores": [0, 5],
        "first": [0, 5],
        "last": [0, 5],
        "null_scores": [0],
    }
