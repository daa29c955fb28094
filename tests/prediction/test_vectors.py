"""Text embedders that take strings: pooling, prompts, lengths, and that nothing comes from padding."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from builders import arrays, backbone, batch
from keras_bert.data import model_inputs
from keras_bert.prediction.running import outputs_of

TEXTS = ["A good book.", "", "dull " * 12, "unheard of", "very good films"]
PROMPTS = {"query": "very dull ", "passage": ""}


def embedder_of(tokenizer, **settings):
    """A tokenizer, arguments of `text_embedder` -> a model with wide weights."""
    keras.utils.set_random_seed(4)
    body = backbone(num_layers=1, vocabulary_size=tokenizer.vocabulary_size)
    return keras_bert.text_embedder(body, **settings)


def vectors_of(predict, texts):
    return np.array([answer["embedding"] for answer in predict(texts)], "float32")


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_a_vector_is_that_of_the_text_alone(pooling, normalize, tokenizer):
    model = embedder_of(tokenizer, pooling=pooling, normalize=normalize, projections=[(5, "tanh", False)])
    predict = keras_bert.predictor(model, tokenizer)
    alone = [arrays(model(model_inputs([text], tokenizer, 11)))["output"][0] for text in TEXTS]
    np.testing.assert_allclose(vectors_of(predict, TEXTS), alone, atol=1e-5)
    np.testing.assert_allclose(predict.function(TEXTS)["embedding"], alone, atol=1e-5)
    assert np.ptp(alone, axis=0).min() > 1e-3
    lengths = np.linalg.norm(alone, axis=1)
    assert np.allclose(lengths, 1, atol=1e-5) == normalize


def test_answers_are_plain_values(tokenizer):
    predict = keras_bert.predictor(embedder_of(tokenizer), tokenizer)
    answer = predict("A good book.")
    assert list(answer) == ["embedding"] and len(answer["embedding"]) == 12
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    embedding = predict.function(["A good book."])["embedding"]
    assert (embedding.shape, embedding.dtype) == ((1, 12), tf.float32)
    assert answer["embedding"] == embedding.numpy()[0].tolist()
    assert predict([]) == [] and predict.labels is None


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_what_stands_for_padding_does_not_count(pooling, tokenizer, monkeypatch):
    model = embedder_of(tokenizer, pooling=pooling)
    inputs = batch(np.array([[1] * 7, [1] * 3 + [0] * 4], "int32"))
    inputs = {key: tf.constant(value % tokenizer.vocabulary_size) for key, value in inputs.items()}
    expected = outputs_of(model, inputs)
    layer = model.get_layer("pooling")
    original = layer.call
    is_padding = inputs["padding_mask"][:, :, None] == 0
    for filling in (np.nan, np.inf, 1e30):

        def filled(vectors, padding_mask, filling=filling):
            return original(tf.where(is_padding, tf.cast(filling, vectors.dtype), vectors), padding_mask)

        monkeypatch.setattr(layer, "call", filled)
        np.testing.assert_allclose(outputs_of(model, inputs), expected, atol=1e-6)


def test_a_prompt_stands_before_the_text(tokenizer):
    model = embedder_of(tokenizer, prompts=PROMPTS)
    plain, query, passage = (
        keras_bert.predictor(model, tokenizer, prompt=prompt) for prompt in (None, "query", "passage")
    )
    expected = plain([f"very dull {text}" for text in TEXTS])
    assert query(TEXTS) == expected != plain(TEXTS)
    assert passage(TEXTS) == plain(TEXTS)


def test_the_default_prompt_is_taken_where_none_is_named(tokenizer):
    model = embedder_of(tokenizer, prompts=PROMPTS, default_prompt="query")
    by_name = keras_bert.predictor(model, tokenizer, prompt="query")
    assert keras_bert.predictor(model, tokenizer)(TEXTS) == by_name(TEXTS)
    assert keras_bert.predictor(model, tokenizer, prompt="passage")(TEXTS) != by_name(TEXTS)


def test_the_length_is_the_models_own(tokenizer):
    model = embedder_of(tokenizer, max_length=5)
    own, shorter, longer = (keras_bert.predictor(model, tokenizer, length) for length in (None, 4, 11))
    assert own("good dull a the film") == own("good dull a") != own("good dull")
    assert shorter("good dull a") == own("good dull")
    assert longer("good dull a the") != longer("good dull a")


def test_mixed_precision_gives_float32(tokenizer):
    keras.config.set_dtype_policy("mixed_bfloat16")
    predict = keras_bert.predictor(embedder_of(tokenizer), tokenizer)
    assert predict.function(TEXTS)["embedding"].dtype == tf.float32
    np.testing.assert_allclose(np.linalg.norm(vectors_of(predict, TEXTS), axis=1), 1, atol=1e-5)


def test_what_does_not_fit_is_refused(tokenizer):
    model = embedder_of(tokenizer, prompts=PROMPTS)

    def refused(message, model=model, **options):
        with pytest.raises(ValueError, match=message):
            keras_bert.predictor(model, tokenizer, **options)

    refused(r"one of the model's prompts: query, passage\. Received: prompt='document'", prompt="document")
    refused(r"it has none\. Received: prompt='query'", model=embedder_of(tokenizer), prompt="query")
    refused("options of a text_embedder are prompt. Received: pairs", pairs=True)
    refused("max_sequence_length=11", max_length=12)
    refused("at least 3", max_length=2)
    refused("Received: max_length='8'", max_length="8")
    refused(r"Received: prompt=\['query'\]", prompt=["query"])
