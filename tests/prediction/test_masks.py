"""Masked words filled in: against the model's own logits, for each [MASK] of a text, on both models that can."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.data import model_inputs


@pytest.fixture(params=["pretrainer", "masked_language_model"])
def model(request, small_config):
    keras.utils.set_random_seed(7)
    return getattr(keras_bert, request.param)(keras_bert.backbone(small_config))


def test_the_likeliest_tokens_of_each_mask(model, tokenizer):
    texts = ["the [MASK] book", "a [MASK] film [MASK] ."]
    filled = keras_bert.fill_masks(texts, model, tokenizer, count=4)
    assert [len(masks) for masks in filled] == [1, 2]
    for text, places, masks in zip(texts, ([2], [2, 4]), filled, strict=True):
        inputs = model_inputs([text], tokenizer, 16, keep_special_tokens=True)
        assert inputs["token_ids"].numpy()[0, places[0]] == tokenizer.mask_id
        inputs |= {"mask_positions": keras.ops.array([places]), "cls_positions": keras.ops.array([[0]])}
        logits = model({layer.name: inputs[layer.name] for layer in model.inputs})["mlm"].numpy()[0]
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
        for row, pairs in zip(probabilities, masks, strict=True):
            best = np.argsort(-row)[:4]
            assert [token for token, _ in pairs] == [tokenizer.id_to_token(int(i)) for i in best]
            np.testing.assert_allclose([share for _, share in pairs], row[best], rtol=1e-4)


def test_one_string_has_one_list(model, tokenizer):
    alone = keras_bert.fill_masks("the [MASK] book", model, tokenizer)
    assert alone == keras_bert.fill_masks(["the [MASK] book"], model, tokenizer)[0]
    assert len(alone) == 1 and len(alone[0]) == 5
    assert keras_bert.fill_masks([], model, tokenizer) == []
    everything = keras_bert.fill_masks("[MASK]", model, tokenizer, count=1000)[0]
    assert len(everything) == tokenizer.vocabulary_size
    assert sum(share for _, share in everything) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("나는 [MASK]에 가서", "나 ##는 [MASK] ##에 가서"),
        ("나는 [MASK] 에서", "나 ##는 [MASK] 에 ##서"),
        ("[MASK]에서 [MASK]의", "[MASK] ##에 ##서 [MASK] 의"),  # no vocabulary entry goes on with 의
        ("[MASK]S, [MASK].", "[MASK] ##s , [MASK] ."),
        ("[MASK]書 나[MASK]", "[MASK] 書 나 [MASK]"),  # an ideograph is a word
        ("[MASK]K [MASK]", "[MASK] [UNK] [MASK]"),
    ],
)
def test_letters_after_a_mask_are_the_rest_of_its_word(small_config, text, tokens):
    """As if the whole word had been tokenized and its beginning masked."""
    special, words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], ["나", "에", "의", "書", "가서", "s", ",", "."]
    names = [*special, *words, "##는", "##에", "##서", "##s", "##[", "##]", "##U", "##N", "##K"]
    tokenizer = keras_bert.WordPieceTokenizer(names, strip_accents=False)
    model = keras_bert.masked_language_model(
        keras_bert.backbone(dataclasses.replace(small_config, vocabulary_size=len(names)))
    )
    seen = []
    model.predict_on_batch = lambda inputs: seen.append(inputs) or {"mlm": np.zeros((1, 2, len(names)))}
    keras_bert.fill_masks(text, model, tokenizer)
    (ids,) = seen[0]["token_ids"]
    assert [tokenizer.id_to_token(int(i)) for i in ids] == ["[CLS]", *tokens.split(), "[SEP]"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the book", r"must have a \[MASK\]\. Received: 'the book'"),
        ("", r"must have a \[MASK\]\. Received: ''"),
        ("the book " * 9 + "[MASK]", r"among the first 6 tokens .* where 1 of 1 aren't"),
        ("[MASK] " * 8, r"among the first 6 tokens .* where 2 of 8 aren't"),
    ],
)
def test_a_text_without_a_mask_or_too_long_for_it_is_refused(model, tokenizer, text, message):
    with pytest.raises(ValueError, match=message):
        keras_bert.fill_masks(text, model, tokenizer, max_length=8)


def test_other_models_are_refused(small_config, tokenizer):
    backbone = keras_bert.backbone(small_config)
    for other, name in ((backbone, "backbone"), (keras_bert.text_classifier(backbone, 2), "text_classifier")):
        with pytest.raises(ValueError, match=f"Received: a {name}"):
            keras_bert.fill_masks("[MASK]", other, tokenizer)
    with pytest.raises(ValueError, match=r"In `texts`, text 0 from 0 must be a string\. Received: 3"):
        keras_bert.fill_masks([3], keras_bert.masked_language_model(backbone), tokenizer)
    with pytest.raises(ValueError, match="Received: 'model' of type str"):
        keras_bert.fill_masks("[MASK]", "model", tokenizer)


@pytest.mark.filterwarnings("ignore:.*(start random|left over):UserWarning")
@pytest.mark.parametrize("task", ["pretrainer", "masked_language_model"])
def test_a_head_that_the_checkpoint_lacked_is_refused_until_it_is_trained(small_config, tokenizer, tmp_path, task):
    keras_bert.save_pretrained(keras_bert.backbone(small_config), tokenizer, tmp_path / "encoder")
    model, _ = keras_bert.load_pretrained(tmp_path / "encoder", task)
    model.save(tmp_path / "model.keras")
    for untrained in (model, keras.models.load_model(tmp_path / "model.keras")):
        with pytest.raises(ValueError, match=rf"a {task} whose checkpoint lacked mlm/dense/kernel, which is random"):
            keras_bert.fill_masks("the [MASK] book", untrained, tokenizer)
    trained = keras_bert.masked_language_model(keras_bert.backbone(small_config))
    model.get_layer("mlm").set_weights(trained.get_layer("mlm").get_weights())
    assert len(keras_bert.fill_masks("the [MASK] book", model, tokenizer)[0]) == 5


def test_rows_without_a_token_are_no_answers(tokenizer, small_config):
    """As in checkpoints whose number of rows was rounded up: here from 15 to 16, and the last one is the likeliest."""
    config = dataclasses.replace(small_config, vocabulary_size=16)
    model = keras_bert.masked_language_model(keras_bert.backbone(config))
    model.get_layer("mlm").bias.assign([0.0] * 15 + [99.0])
    [answers] = keras_bert.fill_masks("a [MASK] book", model, tokenizer, count=15)
    assert {token for token, _ in answers} == {*tokenizer.vocabulary}
    assert sum(share for _, share in answers) == pytest.approx(1.0, abs=1e-5)
