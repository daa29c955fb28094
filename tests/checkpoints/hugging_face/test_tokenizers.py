"""The tokenizer beside the weights."""

import json
import shutil

import pytest

from keras_bert import BertConfig, models
from keras_bert.checkpoints import LAYOUT_FILES, load_pretrained, save_pretrained
from tiny_bert import (
    REPORTS,
    TINY,
    copied,
)

pytestmark = pytest.mark.filterwarnings(*REPORTS)


def test_tokenizer_as_transformers_saves_it(tmp_path):
    directory = copied("backbone", tmp_path / "whole")
    shutil.copytree(TINY / "tokenizer", directory, dirs_exist_ok=True)
    model, tokenizer = load_pretrained(directory)
    assert tokenizer.lowercase and tokenizer.tokens("The CATS!") == ["the", "cat", "##s", "!"]

    save_pretrained(model, tokenizer, tmp_path / "again")
    names = {path.name for path in (tmp_path / "again").iterdir()}
    assert names == {"config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"}
    assert names <= {*LAYOUT_FILES["hugging_face"]}
    assert json.loads((tmp_path / "again" / "tokenizer_config.json").read_text())["model_max_length"] == 11
    _, again = load_pretrained(tmp_path / "again")
    assert again.vocabulary == tokenizer.vocabulary and again.lowercase and again.strip_accents is None


def test_a_missing_tokenizer_is_reported():
    with pytest.warns(UserWarning, match=r"None takes its place: it has no vocabulary: copy the vocab\.txt"):
        assert load_pretrained(TINY / "backbone")[1] is None


def test_vocabulary_of_another_size(tmp_path):
    directory = copied("backbone", tmp_path / "size")
    (directory / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    with pytest.raises(ValueError, match="a vocabulary of 6 tokens and a token embedding of 29 rows"):
        load_pretrained(directory)
    (directory / "vocab.txt").unlink()
    shutil.copytree(TINY / "tokenizer", directory, dirs_exist_ok=True)
    _, tokenizer = load_pretrained(directory)
    with pytest.raises(ValueError, match="a vocabulary of 29 tokens and a token embedding of 31 rows"):
        save_pretrained(models.backbone(BertConfig.named("tiny", vocabulary_size=31)), tokenizer, tmp_path / "out")
    assert not (tmp_path / "out").exists()
