"""Attention weights and hidden states: as an independent reference has them, for every builder's models."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert
from builders import BUILDERS, HEADS, HIDDEN, LENGTH, MASK, batch, build, inputs_of, shared
from keras_bert import inspection
from reference import layer_by_layer, weights_of

LAYERS = 2
REFERENCES = Path(__file__).parents[1] / "references"
MINILM = pytest.mark.skipif("KERAS_BERT_MINILM" not in os.environ, reason="KERAS_BERT_MINILM names no MiniLM directory")
CAT = "The cat sat on the mat because it was tired."


@pytest.fixture
def small(small_config, tokenizer):
    """A classifier of the tokenizer's words."""
    return keras_bert.text_classifier(keras_bert.backbone(small_config), 2)


@pytest.fixture
def minilm():
    """The real model and its tokenizer."""
    return keras_bert.load_pretrained(os.environ["KERAS_BERT_MINILM"])


@pytest.mark.parametrize("name", BUILDERS)
def test_values_are_the_references(name):
    model, inputs = shared(name), inputs_of(name)
    weights, states = layer_by_layer(weights_of(model), inputs)
    got = inspection.attention_of_inputs(model, inputs)
    assert (got.shape, got.dtype) == ((len(MASK), LAYERS, HEADS, LENGTH, LENGTH), np.float32)
    real = (MASK > 0)[:, None, None, :, None]
    np.testing.assert_allclose(got, np.stack(weights, axis=1) * real, atol=1e-5)
    got = inspection.hidden_states_of_inputs(model, inputs)
    assert (got.shape, got.dtype) == ((len(MASK), LAYERS + 1, LENGTH, HIDDEN), np.float32)
    np.testing.assert_allclose(got, np.stack(states, axis=1), atol=1e-5)


def test_weights_worked_out_by_hand():
    """Two heads of one dimension: the first looks by the first numbers, the second sees all alike."""
    layer = keras_bert.TransformerEncoder(hidden_dim=2, num_heads=2, intermediate_dim=3)
    layer.build((1, 2, 2))
    kernel = np.zeros((2, 6), "float32")
    kernel[0, 0] = kernel[0, 2] = 1.0  # query and key of the first head
    layer.query_key_value.kernel.assign(kernel)
    weights = keras.ops.convert_to_numpy(layer.attention_weights(np.array([[[2.0, 9.0], [1.0, 5.0]]], "float32")))
    e = np.exp
    first = [[e(4) / (e(4) + e(2)), e(2) / (e(4) + e(2))], [e(2) / (e(2) + e(1)), e(1) / (e(2) + e(1))]]
    np.testing.assert_allclose(weights[0], [first, [[0.5, 0.5], [0.5, 0.5]]], rtol=1e-6)


def test_sums_are_1_within_a_sequence_and_0_outside():
    weights = inspection.attention_of_inputs(shared("backbone"), batch())
    own = (MASK[:, :, None] == MASK[:, None, :]) & (MASK > 0)[:, :, None]  # [B, T, T]
    np.testing.assert_array_equal(weights == 0, np.broadcast_to(~own[:, None, None], weights.shape))
    sums = np.broadcast_to((MASK > 0)[:, None, None], weights.shape[:-1])
    np.testing.assert_allclose(weights.sum(axis=-1), sums, atol=1e-6)


def test_packed_rows_are_as_rows_of_their_own():
    model, inputs = shared("backbone"), batch()
    packed = inspection.attention_of_inputs(model, inputs)[2]
    for number in (1, 2, 3):
        (places,) = np.nonzero(MASK[2] == number)
        alone = {name: values[2:, places] for name, values in inputs.items()}
        alone["padding_mask"] = np.ones_like(alone["padding_mask"])
        got = inspection.attention_of_inputs(model, alone)[0]
        np.testing.assert_allclose(packed[:, :, places][..., places], got, atol=1e-6)


def test_the_layer_gathers_by_these_weights():
    """Of vectors that the weights are applied to by hand the layer makes what it makes of them by itself."""
    layer = shared("backbone").get_layer("encoder_0")
    vectors = np.random.default_rng(4).normal(size=(3, LENGTH, HIDDEN)).astype("float32")
    weights = keras.ops.convert_to_numpy(layer.attention_weights(vectors, MASK))
    value = keras.ops.convert_to_numpy(layer.query_key_value(vectors))[..., 2 * HIDDEN :].reshape(3, LENGTH, HEADS, -1)
    gathered = np.einsum("bhqk,bkhd->bqhd", weights, value).reshape(vectors.shape)
    tokens = layer.attention_layer_norm(vectors + layer.attention_output(gathered))
    transformed = layer.feedforward_output(layer.feedforward_activation(layer.feedforward_intermediate(tokens)))
    expected = keras.ops.convert_to_numpy(layer.feedforward_layer_norm(tokens + transformed))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(vectors, MASK)), expected, atol=1e-5)


def test_half_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = build("text_classifier")
    keras.config.set_dtype_policy("float32")
    single = build("text_classifier")
    single.set_weights(model.get_weights())
    got, expected = (inspection.attention_of_inputs(one, batch()) for one in (model, single))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.sum(axis=-1), expected.sum(axis=-1), atol=1e-6)
    assert 1e-5 < abs(got - expected).max() < 0.2
    assert inspection.hidden_states_of_inputs(model, batch()).dtype == np.float32


def test_adapters_count():
    model = build("text_classifier")
    before = inspection.attention_of_inputs(model, batch())
    keras_bert.lora(model, rank=3, targets=["query", "value"])
    for variable in model.trainable_variables:
        if variable.path.endswith("query_b"):
            variable.assign(np.random.default_rng(5).normal(size=variable.shape))
    adapted = inspection.attention_of_inputs(model, batch())
    assert abs(adapted - before).max() > 0.01
    merged = inspection.attention_of_inputs(keras_bert.merge_lora(model), batch())
    np.testing.assert_allclose(adapted, merged, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_quantized_models():
    model = build("text_classifier")
    before = inspection.attention_of_inputs(model, batch())
    states = inspection.hidden_states_of_inputs(model, batch())
    model.quantize("int8")
    assert 1e-5 < abs(inspection.attention_of_inputs(model, batch()) - before).max() < 0.2
    after = inspection.hidden_states_of_inputs(model, batch())
    assert 1e-4 < abs(after - states).max() < 0.5


def test_what_a_text_gives(small, tokenizer):
    result = inspection.attention(small, tokenizer, "A dulls book.", "Very good")
    tokens = ["[CLS]", "a", "dull", "##s", "book", ".", "[SEP]", "very", "good", "[SEP]"]
    assert result.tokens == tokens
    assert result.segments.tolist() == [0] * 7 + [1] * 3
    assert result.starts.tolist() == [-1, 0, 2, 6, 8, 12, -1, 0, 5, -1]
    assert result.ends.tolist() == [-1, 1, 6, 7, 12, 13, -1, 4, 9, -1]
    assert result.weights.shape == (2, 4, 10, 10)
    words = [("[CLS]", [0]), ("A", [1]), ("dulls", [2, 3]), ("book", [4]), (".", [5]), ("[SEP]", [6])]
    assert result.words() == [*words, ("Very", [7]), ("good", [8]), ("[SEP]", [9])]
    states = inspection.hidden_states(small, tokenizer, "A dulls book.", "Very good")
    assert states.tokens == tokens and states.states.shape == (3, 10, 12)
    inputs = keras_bert.data.packing.model_inputs(["A dulls book."], tokenizer, 32, second_texts=["Very good"])
    np.testing.assert_array_equal(result.weights, inspection.attention_of_inputs(small, inputs)[0])


def test_long_texts_lose_their_end(small, tokenizer):
    result = inspection.attention(small, tokenizer, "good book " * 20, "film " * 4)
    assert len(result.tokens) == 32 and result.segments.sum() == 5
    assert result.starts[-3:].tolist() == [10, 15, -1]
    assert result.text_of(1, 2) == "good book"
    assert inspection.attention(small, tokenizer, "").tokens == ["[CLS]", "[SEP]"]


def test_masks_are_read_by_models_of_masked_words(small_config, tokenizer):
    backbone = keras_bert.backbone(small_config)
    model = keras_bert.masked_language_model(backbone)
    assert inspection.attention(model, tokenizer, "a [MASK] book").tokens[2] == "[MASK]"
    assert "[MASK]" not in inspection.attention(backbone, tokenizer, "a [MASK] book").tokens


def test_prompts_of_embedders_are_read(small_config, tokenizer):
    settings = {"prompts": {"query": "very "}, "default_prompt": "query"}
    model = keras_bert.text_embedder(keras_bert.backbone(small_config), **settings)
    assert inspection.attention(model, tokenizer, "good book").tokens[1:3] == ["very", "good"]


def test_words_are_found(small, tokenizer):
    result = inspection.attention(small, tokenizer, "Good dulls, good film.")
    assert result.places_of("Good") == [1] and result.places_of("good") == [5]
    assert result.places_of("dulls") == [2, 3] == result.places_of("Dulls")
    assert result.places_of("##s") == [3] and result.places_of(3) == [3]
    assert result.places_of("[SEP]") == [len(result.tokens) - 1]
    with pytest.raises(ValueError, match="2 times, at the tokens 1, 5"):
        result.places_of("GOOD")
    with pytest.raises(ValueError, match=r"word='book', which is not there.* 1 good, 2 dull"):
        result.places_of("book")
    for wrong in (9, -1, True, 1.0, None):
        with pytest.raises(ValueError, match="`word` must be"):
            result.places_of(wrong)


def test_wrong_arguments(small, tokenizer):
    with pytest.raises(ValueError, match=r"`text` must be one string\. Received: text=\['good'\]"):
        inspection.attention(small, tokenizer, ["good"])
    with pytest.raises(ValueError, match="`second_text` must be one string"):
        inspection.hidden_states(small, tokenizer, "good", 3)
    with pytest.raises(ValueError, match="must come from one of keras_bert's builders"):
        inspection.attention(keras.Sequential(), tokenizer, "good")
    with pytest.raises(ValueError, match=r"tokenizer=None.*attention_of_inputs"):
        inspection.attention(small, None, "good")
    with pytest.raises(ValueError, match="15"):
        inspection.attention(shared("text_classifier"), tokenizer, "good")
    windowed = keras_bert.in_windows(small, length=8)
    with pytest.raises(ValueError, match=r"reads long texts in windows.*without_windows"):
        inspection.attention(windowed, tokenizer, "good")
    with pytest.raises(ValueError, match=r"reads long texts in windows.*without_windows"):
        inspection.attention_of_inputs(windowed, batch())
    with pytest.raises(ValueError, match="without segment_ids, padding_mask"):
        inspection.attention_of_inputs(small, {"token_ids": [[1]]})
    with pytest.raises(ValueError, match="Received: a list"):
        inspection.hidden_states_of_inputs(small, [[1]])
    with pytest.raises(ValueError, match=r"token_ids\[1, 2\] is 99"):
        inputs = batch()
        inputs["token_ids"][1, 2] = 99
        inspection.attention_of_inputs(shared("backbone"), inputs)


@MINILM
def test_the_cat(minilm):
    result = inspection.attention(*minilm, CAT)
    assert result.weights.shape == (6, 12, 13, 13)
    assert result.weights[-1, 11, result.tokens.index("it"), result.tokens.index("cat")] == pytest.approx(
        0.71, abs=5e-3
    )


@MINILM
def test_minilm_as_transformers(minilm):
    expected = np.load(REFERENCES / "minilm_attention_golden.npz")
    inputs = {name: expected[name] for name in ("token_ids", "segment_ids", "padding_mask")}
    weights = inspection.attention_of_inputs(minilm[0], inputs)[:, :, 2::3]
    states = inspection.hidden_states_of_inputs(minilm[0], inputs)[..., ::24]
    for row, count in enumerate(inputs["padding_mask"].sum(axis=1)):
        np.testing.assert_allclose(weights[row, ..., :count, :count], expected[f"attentions_{row}"], rtol=0, atol=1e-5)
        np.testing.assert_allclose(states[row, :, :count], expected[f"hidden_states_{row}"], rtol=0, atol=1e-5)
