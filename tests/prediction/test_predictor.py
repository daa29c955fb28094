"""How a predictor is called: one string and many, pairs, by name, in batches; and what it refuses."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.prediction import Predictor

TEXTS = ["good " * (i * 7 % 11) for i in range(11)]


@pytest.fixture
def backbone(small_config):
    keras.utils.set_random_seed(3)
    return keras_bert.backbone(dataclasses.replace(small_config, initializer_range=0.5))


@pytest.fixture
def classify(backbone, tokenizer):
    model = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "좋음"])
    return keras_bert.predictor(model, tokenizer)


@pytest.fixture
def compare(backbone, tokenizer):
    return keras_bert.predictor(keras_bert.text_regressor(backbone), tokenizer, pairs=True)


def scores(answers):
    return [answer["score"] for answer in answers]


def test_one_string_gives_one_dict_of_plain_values(classify):
    answer = classify("a good book")
    assert list(answer) == ["label", "probabilities"] and list(answer["probabilities"]) == ["bad", "fair", "좋음"]
    arrays = classify.function(["a good book"])
    assert answer["label"] == arrays["label"].numpy()[0].decode()
    assert [*answer["probabilities"].values()] == arrays["probabilities"].numpy()[0].tolist()
    assert answer["probabilities"][answer["label"]] == max(answer["probabilities"].values())
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert classify(["a good book"]) == [answer] and classify(b"a good book") == classify(text="a good book") == answer


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_many_strings_keep_their_order(batch_size, classify):
    answers = classify(TEXTS, batch_size=batch_size, progress=False)
    whole = classify.function(TEXTS)["probabilities"]
    np.testing.assert_allclose([[*answer["probabilities"].values()] for answer in answers], whole, atol=1e-5)
    assert len({answer["probabilities"]["bad"] for answer in answers}) > 5  # so that the order shows
    assert classify([]) == []


def test_batches_are_of_near_equal_length(classify, monkeypatch):
    seen = []
    function = classify.function
    seeing = property(lambda self: lambda text: seen.append(text.numpy().tolist()) or function(text))
    monkeypatch.setattr(type(classify), "function", seeing)
    classify(["a", "good book", "the", "very good film", "dull"], batch_size=2)
    assert seen == [[b"very good film", b"good book"], [b"dull", b"the"], [b"a"]]


def test_whatever_holds_strings_is_taken(classify):
    expected = classify(["good", "dull book"])
    for texts in (("good", "dull book"), np.array(["good", "dull book"]), tf.constant(["good", "dull book"])):
        assert classify(texts) == expected
    assert classify(text for text in ["good", b"dull book"]) == expected
    assert classify(np.array(["good", "dull book"], object)) == expected


def test_pairs_and_one_text_with_many(compare):
    one = compare("good", "dull book")
    assert list(one) == ["score"]
    assert compare(["good"], ["dull book"]) == [one]
    seconds = ["a film", "dull book", "", "the very good"]
    many = compare("good", seconds)
    np.testing.assert_allclose(scores(many), compare.function(["good"] * 4, seconds)["score"], atol=1e-5)
    assert len({*scores(many)}) == 4
    assert many == compare(["good"] * 4, seconds) == compare(text="good", second_text=seconds)
    assert many == compare(second_text=seconds, text="good") == compare("good", second_text=seconds)
    turned = compare(seconds, "good")
    np.testing.assert_allclose(scores(turned), compare.function(seconds, ["good"] * 4)["score"], atol=1e-5)
    assert turned != many
    assert compare("good", []) == compare([], []) == []


def test_answers_follow_training(backbone, tokenizer):
    model = keras_bert.text_regressor(backbone)
    predict = keras_bert.predictor(model, tokenizer)
    before = predict("good")
    model.set_weights([weight / 2 for weight in model.get_weights()])
    assert predict("good") != before


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_answers_follow_adapters_and_fewer_bits(backbone, tokenizer):
    model = keras_bert.text_regressor(backbone)
    predict = keras_bert.predictor(model, tokenizer)
    answers = [predict("good")]
    for variable in keras_bert.lora(model, rank=2).trainable_variables:
        variable.assign(np.ones(variable.shape))
    answers.append(predict("good"))
    kept = predict.function
    assert predict.function is kept  # as long as the variables are the same
    model.quantize("int8")
    answers.append(predict("good"))
    assert len({answer["score"] for answer in answers}) == 3
    assert answers[-1] == keras_bert.predictor(model, tokenizer)("good")


def test_what_is_not_finite_is_none(backbone, tokenizer):
    model = keras_bert.text_regressor(backbone)
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    assert keras_bert.predictor(model, tokenizer)("good") == {"score": None}


def test_it_knows_its_labels(classify, compare):
    assert isinstance(classify, Predictor)
    assert classify.labels == ("bad", "fair", "좋음") and compare.labels is None


@pytest.mark.parametrize(("progress", "is_shown"), [(True, True), (False, False), (None, False)])
def test_a_bar_on_stderr_where_it_is_wanted(progress, is_shown, classify, capfd):
    classify(TEXTS, progress=progress)
    shown = capfd.readouterr()
    assert ("11/11" in shown.err) == is_shown and "11/11" not in shown.out


def test_texts_that_do_not_fit_are_refused(classify, compare):
    def refused(message, predict, *columns, **options):
        with pytest.raises(ValueError, match=message):
            predict(*columns, **options)

    refused(r"In `text`, text 3 from 0 must be a string\. Received: nan", classify, ["a", "b", "c", float("nan")])
    refused(r"In `second_text`, text 1 from 0 .* Received: None", compare, ["a", "b"], ["c", None])
    refused(r"In `text`, text 0 from 0 .* Received: \('a', 'b'\)", classify, [("a", "b")])
    refused("In `text`, text 1 from 0 has half of a surrogate pair", classify, ["a", "\udc00"])
    refused("`text` must be one string, or a list of strings. Received: int 3", classify, 3)
    refused(r"Received: 1 in `text` and 2 in `second_text`\. Give lists of the same", compare, ["a"], ["b", "c"])
    refused("Received: 2 in `text` and 0 in `second_text`", compare, ["a", "b"], [])
    refused("takes `text` and `second_text`: .* Received: 1 by position and none by name", compare, ["a"])
    refused("takes `text`: .* Received: 2 by position and none by name", classify, ["a"], ["b"])
    refused("takes `text`: .* Received: 0 by position and question by name", classify, question="a")
    refused("Received: 1 by position and text by name", compare, "a", text="b")
    refused("batch_size=0", classify, "a", batch_size=0)


def test_in_a_graph_its_function_is_to_be_called(classify):
    texts = tf.data.Dataset.from_tensor_slices(["good", "dull book", "a"]).batch(2)
    with pytest.raises(ValueError, match=r"In a tf.function, or in tf.data's `map`, call its `function`"):
        texts.map(classify)
    labels = [label.decode() for batch in texts.map(classify.function) for label in batch["label"].numpy()]
    assert labels == [answer["label"] for answer in classify(["good", "dull book", "a"])]
