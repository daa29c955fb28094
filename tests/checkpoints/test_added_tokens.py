"""Added tokens of checkpoints: their rows are used in training, prediction and export, and they are saved."""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
import tokenizers

import keras_bert
from keras_bert.data import packing

pytestmark = pytest.mark.filterwarnings("ignore:.*left over:UserWarning")

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann", "lee", "sang", "e", "##1", "[", "]", "/"]
TEXT = "[E1]Ann[/E1] sang"


def config(vocabulary_size):
    return keras_bert.BertConfig.named("tiny", vocabulary_size=vocabulary_size, initializer_range=0.3)


@pytest.fixture
def checkpoint(tmp_path):
    """As older versions of transformers leave it: vocab.txt, added_tokens.json and a row more for each."""
    directory = tmp_path / "checkpoint"
    model = keras_bert.text_classifier(keras_bert.backbone(config(len(TOKENS) + 2)), 2, labels=["no", "yes"])
    keras_bert.save_pretrained(model, None, directory)
    (directory / "vocab.txt").write_text("".join(f"{token}\n" for token in TOKENS))
    (directory / "added_tokens.json").write_text(json.dumps({"[E1]": 13, "[/E1]": 14}))
    (directory / "special_tokens_map.json").write_text('{"additional_special_tokens": ["[E1]", "[/E1]"]}')
    return directory


def test_their_rows_are_used(checkpoint):
    model, tokenizer = keras_bert.load_pretrained(checkpoint, "text_classifier")
    assert tokenizer(TEXT).numpy().tolist() == [13, 5, 14, 7]
    probabilities = keras_bert.predictor(model, tokenizer)(TEXT)["probabilities"]
    ids = np.array([[2, 13, 5, 14, 7, 3]])
    logits = model({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1})
    np.testing.assert_allclose([*probabilities.values()], keras.ops.softmax(logits)[0], atol=1e-5)
    assert packing.model_inputs([TEXT], tokenizer, 16)["token_ids"].numpy().tolist() == ids.tolist()


@pytest.mark.parametrize("layout", ["hugging_face", "google"])
def test_saved_and_loaded_again(checkpoint, tmp_path, layout):
    model, tokenizer = keras_bert.load_pretrained(checkpoint)
    for _ in range(2):
        keras_bert.save_pretrained(model, tokenizer, tmp_path / "saved", layout=layout, overwrite=True)
    assert (tmp_path / "saved" / "vocab.txt").read_text().split() == TOKENS
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "saved" / "tokenizer.json"))
    assert theirs.encode(TEXT).ids == [2, 13, 5, 14, 7, 3]
    again, same = keras_bert.load_pretrained(tmp_path / "saved")
    assert again.config.vocabulary_size == 15 and same(TEXT).numpy().tolist() == [13, 5, 14, 7]


def test_exported(checkpoint, tmp_path):
    model, tokenizer = keras_bert.load_pretrained(checkpoint, "text_classifier")
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served")
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    expected = keras_bert.predictor(model, tokenizer).function(tf.constant([TEXT, "ann"]))
    answer = serve(text=tf.constant([TEXT, "ann"]))
    np.testing.assert_allclose(answer["probabilities"], expected["probabilities"], atol=1e-6)
    assert np.abs(answer["probabilities"][0] - answer["probabilities"][1]).max() > 1e-4


def test_tokens_of_ones_own(tmp_path):
    tokenizer = keras_bert.WordPieceTokenizer(TOKENS)
    model = keras_bert.text_classifier(keras_bert.backbone(config(len(TOKENS))), 2)
    tokenizer.add_tokens(["[E1]", "[/E1]"], special_tokens=True)
    with pytest.raises(ValueError, match=r"resize_embeddings\(model, 15\)"):
        keras_bert.predictor(model, tokenizer)
    model = keras_bert.resize_embeddings(model, tokenizer.vocabulary_size)
    before = keras_bert.predictor(model, tokenizer)(TEXT)
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "saved")
    after = keras_bert.predictor(*keras_bert.load_pretrained(tmp_path / "saved", "text_classifier"))(TEXT)
    np.testing.assert_allclose([*after["probabilities"].values()], [*before["probabilities"].values()], atol=1e-6)


def test_places_of_tags_in_texts_with_added_tokens(checkpoint):
    model, tokenizer = keras_bert.load_pretrained(checkpoint)
    tagger = keras_bert.token_classifier(model, 3, labels=["O", "B-PER", "I-PER"])
    words = keras_bert.predictor(tagger, tokenizer)(TEXT)["tags"]
    assert [word["word"] for word in words] == ["[E1]", "Ann", "[/E1]", "sang"]
    assert [TEXT[word["start"] : word["end"]] for word in words] == ["[E1]", "Ann", "[/E1]", "sang"]


def test_a_layout_without_a_place_for_them(checkpoint, tmp_path):
    _, tokenizer = keras_bert.load_pretrained(checkpoint)
    fields = {"activation": "gelu_tanh", "vocabulary_size": 15}
    body = keras_bert.backbone(keras_bert.BertConfig.named("tiny", **fields))
    with pytest.raises(ValueError, match=r"KerasHub's tokenizer has no place for added tokens.*\[E1\], \[/E1\]"):
        keras_bert.save_pretrained(body, tokenizer, tmp_path / "preset", layout="keras_hub")
    assert not (tmp_path / "preset").exists()


def test_an_added_token_without_a_row(checkpoint):
    (checkpoint / "added_tokens.json").write_text(json.dumps({"[E1]": 13, "[/E1]": 14, "[E2]": 15}))
    with pytest.raises(ValueError, match="a vocabulary of 16 tokens and a token embedding of 15 rows"):
        keras_bert.load_pretrained(checkpoint)
    shutil.copy(checkpoint / "vocab.txt", checkpoint / "copy.txt")
    (checkpoint / "added_tokens.json").unlink()
    (checkpoint / "special_tokens_map.json").unlink()
    with pytest.warns(UserWarning, match="15 rows, 2 of them without a token"):
        keras_bert.load_pretrained(checkpoint)
