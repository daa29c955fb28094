"""Checkpoints whose tokenizer isn't BERT's: refused by name, and the model alone is still to be had."""

import json
import shutil

import pytest
import tokenizers

import keras_bert

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "river", "##s", "The", "Ann"]


@pytest.fixture
def checkpoint(tmp_path):
    directory = tmp_path / "checkpoint"
    model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=len(TOKENS)))
    keras_bert.save_pretrained(model, keras_bert.WordPieceTokenizer(TOKENS, lowercase=False), directory)
    return directory


def change(file, **settings):
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | settings))


@pytest.mark.parametrize(
    "name, settings",
    [
        ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}),
        ("tokenizer_config.json", {"tokenize_chinese_chars": False}),
        ("tokenizer_config.json", {"word_tokenizer_type": "mecab"}),
        ("config.json", {"tokenizer_class": "BertJapaneseTokenizer"}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer.json", {"pre_tokenizer": {"type": "WhitespaceSplit"}}),
    ],
)
def test_refused_by_name_and_loaded_without(checkpoint, tmp_path, name, settings):
    if name == "tokenizer.json":
        vocabulary = {token: i for i, token in enumerate(TOKENS)}
        tokenizers.BertWordPieceTokenizer(vocabulary, lowercase=False).save(str(checkpoint / name))
    change(checkpoint / name, **settings)
    (key,) = settings
    with pytest.raises(ValueError, match=rf"{name}' has {key}=.*with None for the tokenizer, from a copy") as caught:
        keras_bert.load_pretrained(checkpoint)
    assert "without vocab.txt and tokenizer.json" in str(caught.value)
    shutil.copytree(checkpoint, tmp_path / "copy", ignore=shutil.ignore_patterns("vocab.txt", "tokenizer.json"))
    with pytest.warns(UserWarning, match="None takes its place"):
        model, tokenizer = keras_bert.load_pretrained(tmp_path / "copy")
    assert tokenizer is None and model.config.vocabulary_size == len(TOKENS)


def test_case_by_the_vocabulary(checkpoint):
    """As a tokenizer is written that was loaded from vocab.txt alone, whose case nothing says."""
    change(checkpoint / "tokenizer_config.json", do_lower_case=True, strip_accents=None)
    with pytest.warns(UserWarning, match=r"do_lower_case=true, which can't be right.*'The', 'Ann'.*lowercase=False"):
        _, tokenizer = keras_bert.load_pretrained(checkpoint)
    assert tokenizer.tokens("The rivers Ann") == ["The", "river", "##s", "Ann"]
