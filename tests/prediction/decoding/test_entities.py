"""Tags mended and joined to entities, by hand and against seqeval."""

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.prediction.decoding import fill_tags, join_entities, repair_tags


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
