"""Logits to answers, by hand."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.prediction.decoding import decode_classes, decode_spans, fill_tags, is_bio, join_entities, repair_tags


def test_classes_by_hand():
    logits = np.log(np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])) + [[5.0], [-3.0]]
    answer = decode_classes(logits, ["a", "b", "다"])
    np.testing.assert_allclose(answer["probabilities"], [[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], atol=1e-6)
    assert answer["label"].numpy().tolist() == [b"b", b"a"]


def test_large_bfloat16_logits_stay_finite():
    import tensorflow as tf

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


def test_tags_of_entities_are_told_from_others():
    assert is_bio(["O", "B-P", "I-P"]) and is_bio(["B-P"])
    assert not is_bio(["O"]) and not is_bio(["O", "B-P", "NOUN"]) and not is_bio(["O", "S-P"])


def test_repaired_tags_are_read_alike_by_strict_and_by_lenient_readers():
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
    scheme = pytest.importorskip("seqeval.scheme")
    generator = np.random.default_rng(3)
    rows = np.sort(generator.integers(0, 40, 300))
    raw = generator.choice(["O", "B-P", "I-P", "B-L", "I-L"], 300)
    repaired = [tag.decode() for tag in repair_tags(raw, rows).numpy()]
    assert any(a != b for a, b in zip(raw, repaired, strict=True))
    for row in range(40):
        before, after = (
            list(raw[rows == row]),
            [tag for tag, number in zip(repaired, rows, strict=True) if number == row],
        )
        lenient = [(kind, start, end + 1) for kind, start, end in seqeval.get_entities(before)]
        strict = scheme.Entities([after], scheme.IOB2).entities[0] if after else []
        assert [(entity.tag, entity.start, entity.end) for entity in strict] == lenient


def test_repair_leaves_other_tags_and_nothing():
    assert repair_tags(np.array(["NOUN", "O", "B-P"]), np.array([0, 0, 1])).numpy().tolist() == [b"NOUN", b"O", b"B-P"]
    assert repair_tags(tf.constant([], tf.string), tf.constant([], tf.int64)).shape == (0,)


def test_units_without_a_tag_are_filled_within_their_text():
    tags = np.array(["B-L", "?", "I-L", "?", "I-P", "?", "?", "I-P", "?", "I-P"])
    known = tags != "?"
    rows = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    filled = fill_tags(tags, known, ~known, rows, "X").numpy().tolist()
    assert filled == [b"B-L", b"I-L", b"I-L", b"X", b"I-P", b"X", b"X", b"I-P", b"I-P", b"I-P"]
    nowhere = fill_tags(tags, known, np.zeros(10, bool), rows, "X").numpy().tolist()
    assert [tag for tag, is_known in zip(nowhere, known, strict=True) if not is_known] == [b"X"] * 5
    assert (
        fill_tags(np.array(["?", "?"]), np.zeros(2, bool), np.ones(2, bool), rows[:2], "X").numpy().tolist()
        == [b"X"] * 2
    )


def test_entities_are_joined_within_their_text():
    tags = tf.ragged.constant([["B-P", "I-P", "B-P"], [], ["O", "O"], ["B-L", "O", "B-L-x"]])
    starts = tf.ragged.constant([[0, 2, 5], [], [0, 3], [1, 4, 8]])
    shares = tf.ragged.constant([[0.5, 0.75, 0.25], [], [0.1, 0.2], [1.0, 0.3, 0.125]])
    entities = join_entities(tags, starts, starts + 2, shares)
    assert entities["entity_type"].to_list() == [[b"P", b"P"], [], [], [b"L", b"L-x"]]
    assert entities["entity_start"].to_list() == [[0, 5], [], [], [1, 8]]
    assert entities["entity_end"].to_list() == [[4, 7], [], [], [3, 10]]
    assert entities["entity_probability"].to_list() == [[0.625, 0.25], [], [], [1.0, 0.125]]
