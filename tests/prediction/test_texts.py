"""Answers for texts and pairs: by hand, in windows, in batches, and as they are served."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data import model_inputs

LONG = "good dull book film a the very good film dull . the book"


@pytest.fixture
def backbone(small_config):
    keras.utils.set_random_seed(3)
    return keras_bert.backbone(dataclasses.replace(small_config, initializer_range=0.5))


def test_long_texts_run_in_windows_and_their_logits_are_averaged(backbone, tokenizer):
    model = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "good"])
    predict = keras_bert.predictor(model, tokenizer, max_length=7, stride=2).function  # room for 5, of which 3 are new
    texts = [LONG, "good film", ""]
    answers = predict(texts)
    words = LONG.split()
    pieces = [words[begin : begin + 5] for begin in (0, 3, 6, 9)]
    logits = [model(model_inputs([" ".join(piece)], tokenizer, 7)) for piece in pieces]
    np.testing.assert_allclose(answers["probabilities"][0], tf.nn.softmax(np.mean(logits, axis=0))[0], atol=1e-5)
    whole = keras_bert.predictor(model, tokenizer).function(texts)
    np.testing.assert_allclose(answers["probabilities"][1:], whole["probabilities"][1:], atol=1e-5)
    assert np.abs(answers["probabilities"][0] - whole["probabilities"][0]).max() > 1e-3


def test_windows_are_served_as_they_are_predicted(backbone, tokenizer, tmp_path):
    model = keras_bert.text_classifier(backbone, 2)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", max_length=6, stride=1)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    predict = keras_bert.predictor(model, tokenizer, max_length=6, stride=1).function
    for texts in ([LONG, "good"], []):
        texts = tf.constant(texts, tf.string)
        np.testing.assert_allclose(serve(text=texts)["probabilities"], predict(texts)["probabilities"], atol=1e-6)


def test_many_windows_run_in_slices(backbone, tokenizer):
    model = keras_bert.text_classifier(backbone, 2)
    predict = keras_bert.predictor(model, tokenizer, max_length=5, stride=0).function
    texts = ["good dull book " * 67, "a film", "the good book " * 40]  # 67, 1 and 40 windows; a slice has 64
    answers = predict(texts)["probabilities"]
    for i, piece in ((0, "good dull book"), (2, "the good book")):
        np.testing.assert_allclose(answers[i], predict([piece])["probabilities"][0], atol=1e-5)


def test_scores_stay_in_their_range(backbone, tokenizer):
    model = keras_bert.text_regressor(backbone)
    texts = ["good", "dull book", "a film", "the very good"]
    inputs = model_inputs(texts, tokenizer, 32, second_texts=texts[::-1])
    raw = model.predict(inputs, verbose=0)[:, 0]
    low, high = np.sort(raw)[1:3]
    clipped = keras_bert.predictor(model, tokenizer, pairs=True, score_range=(low, high)).function
    np.testing.assert_allclose(clipped(texts, texts[::-1])["score"], np.clip(raw, low, high), atol=1e-5)
    free = keras_bert.predictor(model, tokenizer, pairs=True)
    np.testing.assert_allclose(free.function(text=texts, second_text=texts[::-1])["score"], raw, atol=1e-5)
    answers = free(texts, texts[::-1], batch_size=3)
    np.testing.assert_allclose([answer["score"] for answer in answers], raw, atol=1e-5)
    assert all(list(answer) == ["score"] and type(answer["score"]) is float for answer in answers)
    json.dumps(answers, allow_nan=False)


def test_what_does_not_fit_is_refused(backbone, tokenizer):
    model = keras_bert.text_classifier(backbone, 2)

    def refused(message, *arguments, **options):
        with pytest.raises(ValueError, match=message):
            keras_bert.predictor(*(arguments or (model, tokenizer)), **options)

    refused("less than the 5 tokens", max_length=7, stride=5)
    refused("not both", stride=2, pairs=True)
    refused("at least 5", max_length=4, pairs=True)
    refused("Received: a backbone", backbone, tokenizer)
    refused("options of a text_classifier are labels, stride, pairs, cut. Received: score_range", score_range=(0, 5))
    regressor = keras_bert.text_regressor(backbone)
    for score_range in ((5, 0), 5, (float("nan"), 1), ("low", "high")):
        refused("the lower first", regressor, tokenizer, score_range=score_range)


def test_pairs_want_a_model_with_two_segments(tokenizer, small_config):
    config = dataclasses.replace(small_config, num_segments=1)
    model = keras_bert.text_classifier(keras_bert.backbone(config), 2)
    assert keras_bert.predictor(model, tokenizer)("good")["label"] in ("0", "1")
    with pytest.raises(ValueError, match=r"two segments.*num_segments=1"):
        keras_bert.predictor(model, tokenizer, pairs=True)


def test_several_labels_are_those_that_have_their_thresholds(backbone, tokenizer, tmp_path):
    """By hand: the sigmoid of each logit. A predictor that has answered follows thresholds that are set later."""
    model = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "좋음"], multi_label=True)
    predict = keras_bert.predictor(model, tokenizer)
    texts = ["good", "", LONG, "dull film"]
    shares = 1 / (1 + np.exp(-np.array(model(model_inputs(texts, tokenizer, 32)))))
    for thresholds in (0.5, [0.2, 0.9, 0.4], 1.0, 0.0):
        model.keep_thresholds(thresholds)
        answers = predict(texts)
        json.dumps(answers)
        names = [["bad", "fair", "좋음"][number] for row in shares for number in np.flatnonzero(row >= thresholds)]
        assert [name for answer in answers for name in answer["labels"]] == names
        for answer, row in zip(answers, shares, strict=True):
            assert list(answer["probabilities"].values()) == pytest.approx(row.tolist(), abs=1e-5)
    assert predict("good")["labels"] == ["bad", "fair", "좋음"]
    assert predict("good")["probabilities"] == pytest.approx(answers[0]["probabilities"], abs=1e-6)
    assert predict([]) == []
    model.keep_thresholds([0.2, 0.9, 0.4])
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served")
    served = tf.saved_model.load(tmp_path / "served")
    found = served.signatures["serving_default"](text=tf.constant(texts))
    expected = predict.function(texts)
    assert found["labels"].numpy().tolist() == expected["labels"].numpy().tolist()
    assert [[name.decode() for name in row if name] for row in found["labels"].numpy()] == [
        answer["labels"] for answer in predict(texts)
    ]
    np.testing.assert_allclose(found["probabilities"], shares, atol=1e-5)
    assert served.signatures["labels"]()["labels"].numpy().tolist() == [b"bad", b"fair", "좋음".encode()]


def test_several_labels_of_pairs_and_of_windows(backbone, tokenizer):
    model = keras_bert.text_classifier(backbone, 2, multi_label=True)
    [answer] = keras_bert.predictor(model, tokenizer, pairs=True)(["good"], ["film"])
    assert set(answer) == {"labels", "probabilities"} and set(answer["probabilities"]) == {"0", "1"}
    windows = keras_bert.predictor(model, tokenizer, max_length=7, stride=2)(LONG)["probabilities"]
    words = LONG.split()
    pieces = [" ".join(words[begin : begin + 5]) for begin in (0, 3, 6, 9)]
    logits = np.mean([model(model_inputs([piece], tokenizer, 7)) for piece in pieces], axis=0)[0]
    assert list(windows.values()) == pytest.approx((1 / (1 + np.exp(-logits))).tolist(), abs=1e-5)
