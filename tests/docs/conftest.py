"""What the pages of the guide find where they run: beginnings of the samples, and tiny models under real names."""

import json

import pytest

import keras_bert
import pages

LINES = 48  # of each sample


def beginning(path):
    """A sample -> the text of a smaller one: some lines, or some articles."""
    text = path.read_text(encoding="utf8")
    if path.suffix == ".json":
        held = json.loads(text)
        return json.dumps({**held, "data": held["data"][: LINES // 8]})
    parts = text.split("\n\n") if path.suffix == ".conll" else text.split("\n")
    return ("\n\n" if path.suffix == ".conll" else "\n").join(parts[: LINES + 1])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory with `recipes/samples`, cut short: pages are to run, the recipes' tests learn."""
    monkeypatch.chdir(tmp_path)
    for path in (pages.ROOT / "recipes" / "samples").glob("*/en_*"):
        copy = tmp_path / path.relative_to(pages.ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(beginning(path), encoding="utf8")
    return tmp_path


@pytest.fixture
def checkpoint(folder):
    """Function: hub id, texts -> a BERT of two narrow layers under this name, where a directory is looked for first."""

    def write(name, texts, lowercase=True, num_heads=4, more_tokens=0, head=lambda backbone: backbone):
        vocabulary = keras_bert.train_vocabulary(texts, size=500, lowercase=lowercase)
        vocabulary = [*vocabulary, *(f"token{number}" for number in range(more_tokens))]
        tokenizer = keras_bert.WordPieceTokenizer(vocabulary, lowercase=lowercase)
        size = {
            "num_layers": 2,
            "num_heads": num_heads,
            "hidden_dim": 24,
            "intermediate_dim": 37,
            "initializer_range": 0.1,
        }
        config = keras_bert.BertConfig(tokenizer.vocabulary_size, **size)
        keras_bert.save_pretrained(head(keras_bert.backbone(config)), tokenizer, folder / name)

    return write
