"""The guide to what is inside a model runs, and the script that makes its pictures."""

import importlib.util
import re

import pytest

import keras_bert
import pages

PICTURES = pages.ROOT / "docs" / "pictures"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*these weights start random:UserWarning", "ignore:.*Give more than steps:UserWarning"
)


@pytest.fixture
def small(folder, tokenizer):
    """A small BERT of as many heads as MiniLM, and more ids than the guide's, under the guide's hub id."""
    pytest.importorskip("matplotlib")
    words = keras_bert.WordPieceTokenizer([*tokenizer.vocabulary, *(f"w{number}" for number in range(5000))])
    config = keras_bert.BertConfig(words.vocabulary_size, 2, 12, 12, 37, 64)
    keras_bert.save_pretrained(keras_bert.backbone(config), words, MINILM)


def test_the_blocks_run_one_after_the_other(small, folder, capsys):
    names = pages.run("docs/guide/inspecting.md")
    assert {path.stem for path in folder.glob("*.svg")} == {"attention", "heads", "embeddings", "attributions"}
    assert "(2, 12, 13, 13)" in capsys.readouterr().out
    assert names["weights"].shape == (1, 2, 12, 4, 4)


def test_the_pictures_are_made_by_their_script(small, folder, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("make_pictures", PICTURES / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    monkeypatch.setattr(make, "HERE", folder / "docs" / "pictures")
    make.HERE.mkdir(parents=True)
    make.main(MINILM)
    shown = set(re.findall(r"\]\(\.\./pictures/([\w.]+)\)", pages.read("docs/guide/inspecting.md")))
    assert {path.name for path in make.HERE.iterdir()} == shown
    for name in shown:
        assert (PICTURES / name).stat().st_size < 60_000
    assert "it looks at cat: " in capsys.readouterr().out
