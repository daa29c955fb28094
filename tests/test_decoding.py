"""Logits to answers, by hand."""

import numpy as np

from keras_bert.decoding import decode_classes


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
