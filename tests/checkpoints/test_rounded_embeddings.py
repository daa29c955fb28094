"""Token embeddings with more rows than the vocabulary has tokens, as where the number is rounded up, and with fewer."""

import copy
import json
import warnings

import numpy as np
import pytest

import keras_bert
from keras_bert.checkpoints.weights import check_vocabulary_size
from tiny_bert import configure, rewrite

pytestmark = pytest.mark.filterwarnings("ignore:.*(random|left over):UserWarning")

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{i}]" for i in range(3)), "the", "river", "##s", "."]


def model_of(rows, task="backbone"):
    backbone = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=rows))
    return backbone if task == "backbone" else getattr(keras_bert, task)(backbone)


def saved(directory, rows, task="backbone", layout="hugging_face"):
    """A checkpoint whose embedding has other rows than its vocabulary has tokens, and whose files say so."""
    tokenizer = keras_bert.WordPieceTokenizer(TOKENS)
    keras_bert.save_pretrained(model_of(rows, task), None, directory, layout=layout)
    tokenizer.save(directory)
    return directory


@pytest.mark.parametrize("rows", [13, 16, 64, 128])
@pytest.mark.parametrize("layout", ["hugging_face", "google"])
def test_loaded_saved_and_loaded_again(tmp_path, rows, layout):
    saved(tmp_path / "first", rows, layout=layout)
    message = rf"first has a vocabulary of 12 tokens and a token embedding of {rows} rows, {rows - 12} of them without"
    with pytest.warns(UserWarning, match=message):
        model, tokenizer = keras_bert.load_pretrained(tmp_path / "first")
    assert (model.config.vocabulary_size, tokenizer.vocabulary_size) == (rows, 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keras_bert.save_pretrained(model, tokenizer, tmp_path / "second", layout=layout)
    name = "config.json" if layout == "hugging_face" else "bert_config.json"
    assert json.loads((tmp_path / "second" / name).read_text())["vocab_size"] == rows
    assert (tmp_path / "second" / "vocab.txt").read_text().split("\n")[:-1] == TOKENS
    with pytest.warns(UserWarning, match=message.replace("first", "second")):
        again, _ = keras_bert.load_pretrained(tmp_path / "second")
    for one, other in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_a_model_and_tokenizer_that_were_loaded_go_together(tmp_path):
    with pytest.warns(UserWarning, match="without a token"):
        model, tokenizer = keras_bert.load_pretrained(saved(tmp_path / "saved", 13), "text_classifier", num_classes=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = keras_bert.predictor(model, tokenizer)("the rivers.")
    assert answer["label"] in ("0", "1")
    other = keras_bert.WordPieceTokenizer(TOKENS)
    with pytest.raises(ValueError, match="a vocabulary of 12 tokens and a token embedding of 13 rows"):
        keras_bert.predictor(model, other)


def test_what_the_user_brings_together():
    tokenizer = keras_bert.WordPieceTokenizer(TOKENS)
    for rows in (12, 16, 32, 64, 128, 1024):
        check_vocabulary_size(tokenizer, keras_bert.BertConfig(vocabulary_size=rows), "here")
    for rows in (11, 13, 24, 29):
        with pytest.raises(ValueError, match=rf"12 tokens and a token embedding of {rows} rows, in here"):
            check_vocabulary_size(tokenizer, keras_bert.BertConfig(vocabulary_size=rows), "here")
    check_vocabulary_size(None, keras_bert.BertConfig(), "here")


def test_fewer_rows_than_tokens(tmp_path):
    with pytest.raises(ValueError, match="a vocabulary of 12 tokens and a token embedding of 11 rows"):
        keras_bert.load_pretrained(saved(tmp_path / "saved", 11))
    tokenizer = keras_bert.WordPieceTokenizer(TOKENS).add_tokens(["[E1]"])
    with pytest.raises(ValueError, match=r"13 tokens.* 12 rows.* added \(\[E1\]\), .*resize_embeddings\(model, 13\)"):
        keras_bert.save_pretrained(model_of(12), tokenizer, tmp_path / "other")


def test_a_config_that_contradicts_the_weights(tmp_path):
    directory = saved(tmp_path / "saved", 16)
    configure(directory, vocab_size=12)
    with pytest.raises(ValueError, match=r"word_embeddings\.weight: expected \(12, 128\), found \(16, 128\)"):
        keras_bert.load_pretrained(directory)
    rewrite(
        directory, lambda weights: {name: array[:12] if len(array) == 16 else array for name, array in weights.items()}
    )
    keras_bert.load_pretrained(directory)


def test_copies_know_their_rows(tmp_path):
    with pytest.warns(UserWarning, match="without a token"):
        _, tokenizer = keras_bert.load_pretrained(saved(tmp_path / "saved", 13))
    assert copy.copy(tokenizer).rows == 13
