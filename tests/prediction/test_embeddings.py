"""Vectors of texts, words and tokens: by hand, against the model itself, and on a real checkpoint."""

import csv
import os
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.data import model_inputs

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_minilm = pytest.mark.skipif(
    "KERAS_BERT_MINILM" not in os.environ, reason="KERAS_BERT_MINILM names no MiniLM directory"
)
TEXTS = ["The good books.", "", "dull " * 40, "a very\tgood film"]


@pytest.fixture
def model(small_config):
    keras.utils.set_random_seed(5)
    return keras_bert.backbone(small_config)


def outputs(model, tokenizer, text, max_length=32):
    inputs = model_inputs([text], tokenizer, max_length)
    return keras.ops.convert_to_numpy(model(inputs)["sequence_output"])[0]


def vectors_of(text, model, tokenizer, pooling):
    """As `embed`, of tokens without their names."""
    vectors = keras_bert.embed(text, model, tokenizer, pooling=pooling)
    return vectors.vectors if pooling == "tokens" else vectors


def own(model, tokenizer, pooling, text="good"):
    """The same from the model's outputs alone."""
    reference = outputs(model, tokenizer, text)
    return reference[1:-1] if pooling == "tokens" else reference.mean(axis=0)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_sentence_vectors_are_the_models_own(batch_size, model, tokenizer):
    mean = keras_bert.embed(TEXTS, model, tokenizer, batch_size=batch_size)
    cls = keras_bert.embed(TEXTS, model, tokenizer, pooling="cls", batch_size=batch_size)
    assert mean.shape == cls.shape == (4, 12)
    for i, text in enumerate(TEXTS):
        reference = outputs(model, tokenizer, text)
        np.testing.assert_allclose(mean[i], reference.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(cls[i], reference[0], atol=1e-5)


def test_words_are_means_of_their_pieces_with_their_place_in_the_text(model, tokenizer):
    text = " The good\tBOOKS."
    words = keras_bert.embed(text, model, tokenizer, pooling="words")
    tokens = keras_bert.embed([text], model, tokenizer, pooling="tokens")[0]
    reference = outputs(model, tokenizer, text)
    assert tokens.words == ["the", "good", "book", "##s", "."]
    np.testing.assert_allclose(tokens.vectors, reference[1:-1], atol=1e-5)
    assert words.vectors.dtype == tokens.vectors.dtype == np.float32
    assert words.words == ["The", "good", "BOOKS", "."]
    assert (words.starts.tolist(), words.ends.tolist()) == ([1, 5, 10, 15], [4, 9, 15, 16])
    np.testing.assert_allclose(words.vectors[2], reference[3:5].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(words.vectors[[0, 1, 3]], reference[[1, 2, 5]], atol=1e-5)


def test_nothing_has_no_words(model, tokenizer):
    empty = keras_bert.embed("", model, tokenizer, pooling="words")
    assert (empty.words, empty.vectors.shape) == ([], (0, 12))
    assert keras_bert.embed([], model, tokenizer).shape == (0, 12)
    assert keras_bert.embed([], model, tokenizer, pooling="tokens") == []


def test_what_is_too_long_loses_its_end(model, tokenizer):
    cut = keras_bert.embed("good dull book film", model, tokenizer, max_length=4)
    np.testing.assert_allclose(cut, keras_bert.embed("good dull", model, tokenizer), atol=1e-6)


def test_what_does_not_fit_is_refused(model, small_config, tokenizer):
    with pytest.raises(ValueError, match=r"mean, cls, max, words, tokens\. Received: pooling='median'"):
        keras_bert.embed(["good"], model, tokenizer, pooling="median")
    with pytest.raises(ValueError, match=r"builders, backbone, text_embedder,.* Received: a text_classifier"):
        keras_bert.embed(["good"], keras_bert.text_classifier(model, 2), tokenizer)
    with pytest.raises(ValueError, match=r"In `texts`, text 1 from 0 must be a string\. Received: None"):
        keras_bert.embed(["good", None], model, tokenizer)
    with pytest.raises(ValueError, match="max_sequence_length=32"):
        keras_bert.embed(["good"], model, tokenizer, max_length=64)
    with pytest.raises(ValueError, match=r"Words and tokens have no `normalize`"):
        keras_bert.embed(["good"], model, tokenizer, pooling="words", normalize=True)
    with pytest.raises(ValueError, match=r"model's prompts.*Received: prompt='query'"):
        keras_bert.embed(["good"], model, tokenizer, prompt="query")
    embedder = keras_bert.text_embedder(model, pooling="cls")
    for setting in ({"pooling": "mean"}, {"normalize": False}):
        with pytest.raises(ValueError, match=r"has (pooling='cls'|normalize=True) and no other.*take the backb"):
            keras_bert.embed(["good"], embedder, tokenizer, **setting)
    with pytest.raises(ValueError, match="a vector of the whole text"):
        keras_bert.embed(["good"], embedder, tokenizer, pooling="tokens")


@pytest.mark.parametrize(
    "setting, message",
    [
        ({"pooling": ["mean"]}, r"Received: pooling=\['mean'\]"),
        ({"prompt": ["q"]}, r"it has none\. Received: prompt=\['q'\]"),
        ({"max_length": [3]}, r"an integer of at least 1\. Received: max_length=\[3\]"),
        ({"max_length": "8"}, "Received: max_length='8'"),
        ({"max_length": 0}, "Received: max_length=0"),
        ({"max_length": 2}, "at least 3"),
        ({"normalize": "no"}, r"True or False\. Received: normalize='no'"),
        ({"pooling": "words", "max_length": "8"}, "Received: max_length='8'"),
        ({"pooling": "words", "prompt": "q"}, "Words and tokens have no `prompt`"),
    ],
)
def test_values_of_another_kind_are_refused(setting, message, model, tokenizer):
    with pytest.raises(ValueError, match=message):
        keras_bert.embed(["good"], model, tokenizer, **setting)


def test_embedders_and_what_is_asked_of_backbones(model, tokenizer):
    raw = keras_bert.embed(TEXTS, model, tokenizer, pooling="max")
    for i, text in enumerate(TEXTS):
        np.testing.assert_allclose(raw[i], outputs(model, tokenizer, text).max(axis=0), atol=1e-5)
    embedder = keras_bert.text_embedder(model, pooling="max", max_length=5, prompts={"q": "good "})
    vectors = keras_bert.embed(TEXTS, embedder, tokenizer, prompt="q")
    wanted = [f"good {text}" for text in TEXTS]
    asked = keras_bert.embed(wanted, model, tokenizer, pooling="max", normalize=True, max_length=5)
    np.testing.assert_allclose(vectors, asked, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_vectors_follow_training(model, tokenizer):
    before = keras_bert.embed("good", model, tokenizer)
    shift = model.get_layer("encoder_1").feedforward_layer_norm.beta
    shift.assign(shift + 2.0)
    np.testing.assert_allclose(keras_bert.embed("good", model, tokenizer), before + 2.0, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "tokens"])
def test_vectors_follow_new_weights_of_lora(pooling, model, tokenizer):
    """The update that LoRA learns is added to the kernel."""
    before = vectors_of("good", model, tokenizer, pooling)
    layer = model.get_layer("encoder_1").feedforward_output
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.random.default_rng(0).normal(size=(2, 12)))
    np.testing.assert_allclose(vectors_of("good", model, tokenizer, pooling), own(model, tokenizer, pooling), atol=1e-5)
    assert np.abs(vectors_of("good", model, tokenizer, pooling) - before).max() > 1e-3


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
@pytest.mark.parametrize("pooling", ["mean", "tokens"])
def test_vectors_follow_quantization(pooling, model, tokenizer):
    before = vectors_of("good", model, tokenizer, pooling)
    model.quantize("int8")
    after = vectors_of("good", model, tokenizer, pooling)
    np.testing.assert_allclose(after, own(model, tokenizer, pooling), atol=1e-5)
    assert np.abs(after - before).max() > 1e-5
    assert len(model._embed_functions) == 1  # the weights before are let go of


@pytest.mark.parametrize("pooling", ["mean", "tokens"])
def test_vectors_follow_added_tokens(pooling, small_config, tokenizer):
    tokenizer = keras_bert.WordPieceTokenizer(tokenizer.vocabulary)
    model = keras_bert.backbone(keras_bert.BertConfig(**{**vars(small_config), "vocabulary_size": 16}))
    before = vectors_of("books", model, tokenizer, pooling)
    tokenizer.add_tokens(["books"])  # one token instead of two
    after = vectors_of("books", model, tokenizer, pooling)
    np.testing.assert_allclose(after, own(model, tokenizer, pooling, "books"), atol=1e-5)
    assert not np.array_equal(after, before)
    tokenizer.add_tokens(["filmy"])
    with pytest.raises(ValueError, match=r"a vocabulary of 17 tokens and a token embedding of 16 rows"):
        vectors_of("books", model, tokenizer, pooling)


def test_few_functions_are_kept(model, tokenizer):
    for max_length in range(3, 9):
        keras_bert.embed("good", model, tokenizer, "tokens", max_length=max_length)
    kept = list(model._embed_functions)
    keras_bert.embed("dull", model, tokenizer, "tokens", max_length=8)
    assert list(model._embed_functions) == kept and len(kept) == 5


def test_blocks_are_read_as_they_are_asked_for(model, tokenizer, capsys):
    texts = [TEXTS[number % 4] + " film" * number for number in range(7)]
    read = []
    blocks = keras_bert.embed_blocks(
        (read.append(text) or text for text in texts), model, tokenizer, block_size=3, progress=True, pooling="cls"
    )
    first = next(blocks)
    assert read == texts[:3]
    vectors = np.concatenate([first, *blocks])
    assert vectors.shape == (7, 12) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, keras_bert.embed(texts, model, tokenizer, pooling="cls"), atol=1e-5)
    assert "7it" in capsys.readouterr().err


def test_blocks_name_what_is_wrong(model, tokenizer):
    with pytest.raises(ValueError, match=r"In `texts\[2:\]`, text 1 from 0 must be a string"):
        list(keras_bert.embed_blocks(["good", "dull", "a", None], model, tokenizer, block_size=2))
    with pytest.raises(ValueError, match=r"Received: one string, 'good'\. Take `embed`"):
        keras_bert.embed_blocks("good", model, tokenizer)
    with pytest.raises(ValueError, match=r"Received: pooling='words'\. Take `embed`"):
        keras_bert.embed_blocks(["good"], model, tokenizer, pooling="words")
    with pytest.raises(ValueError, match=r"`texts` must be one string, or a list of strings\. Received: int 5"):
        keras_bert.embed_blocks(5, model, tokenizer)
    with pytest.raises(ValueError, match=r"Received: dict .*Give the column"):
        keras_bert.embed_blocks({"text": ["good"]}, model, tokenizer)
    with pytest.raises(TypeError, match="colour"):
        keras_bert.embed_blocks(["good"], model, tokenizer, colour=1)


@needs_minilm
def test_context_moves_a_word_to_its_own_sense():
    model, tokenizer = keras_bert.load_pretrained(os.environ["KERAS_BERT_MINILM"])
    texts = [
        "They sat on the bank of the river and fished.",
        "Willows grow along the muddy bank of the stream.",
        "She opened an account at the bank.",
        "The bank raised the interest on loans.",
    ]
    found = keras_bert.embed(texts, model, tokenizer, pooling="words")
    banks = np.array([words.vectors[words.words.index("bank")] for words in found])
    banks /= np.linalg.norm(banks, axis=1, keepdims=True)
    nearness = banks @ banks.T
    own = min(nearness[0, 1], nearness[2, 3])
    assert own > nearness[:2, 2:].max() + 0.05


@needs_minilm
@pytest.mark.skipif(not (DATA / "stsb").exists(), reason="wants ../shared/data")
def test_sentence_vectors_rank_similarity():
    from scipy.stats import spearmanr

    with open(DATA / "stsb" / "test.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    model, tokenizer = keras_bert.load_pretrained(os.environ["KERAS_BERT_MINILM"])
    first, second = (
        keras_bert.embed([row[column] for row in rows], model, tokenizer, max_length=128)
        for column in ("sentence1", "sentence2")
    )
    cosine = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    # transformers with mean pooling: 0.8203
    assert spearmanr(cosine, [float(row["score"]) for row in rows]).statistic == pytest.approx(0.8203, abs=2e-3)
