"""The page of the guide on the page to play with: its code runs; its tables and pictures are those that there are."""

import re

import pytest

import pages
from keras_bert.demo.tabs import TABS

PAGE = pages.read("docs/guide/demo.md")


def test_its_code_runs(checkpoint):
    pytest.importorskip("gradio", reason="gradio isn't installed: pip install 'bert-for-keras[demo]'")
    checkpoint("sentence-transformers/all-MiniLM-L6-v2", ["The cat eats. It sleeps.", "The river rises. It sleeps."])
    names = pages.run("docs/guide/demo.md")
    assert type(names["blocks"]).__name__ == "Blocks"


def test_each_tab_is_named_in_their_order():
    rows = re.findall(r"^\| ([A-Z][^|]*?) \|", PAGE, re.M)
    assert rows == [tab.title for tab in TABS]


def test_each_picture_is_small_and_shown():
    pictures = sorted((pages.ROOT / "docs" / "pictures").glob("demo-*.png"))
    assert pictures
    for path in pictures:
        assert path.stat().st_size < 80_000 and f"](../pictures/{path.name})" in PAGE, path.name
