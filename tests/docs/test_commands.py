"""Commands that stand in a line of their own, or in a cell of a table, have only options that there are."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from keras_bert.recipes import command_line

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "recipes").glob("*.py"))]
BEFORE = r"^ *(?:\|.*`)?(?:cat \S+ \| )?(?:[A-Z_]+=(?:'[^']*'|\S+) )*(?:exec )?"
BEHIND = r"(?: {2,}.*| \.\.\..*| [|>].*|`.*|')?$"  # what is said of it, is left out, or comes after it
COMMAND = re.compile(
    rf"{BEFORE}(?:keras-bert |python recipes/)(?P<recipe>[a-z]+)(?:\.py)? (?P<arguments>--.*?){BEHIND}"
)


def commands_of(text):
    """A page -> its commands with options: pairs of a recipe's name and a list of arguments."""
    for line in re.sub(r" *\\\n *", " ", text).splitlines():
        if found := COMMAND.match(line):
            yield found["recipe"], shlex.split(found["arguments"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_have_these_options(page):
    for recipe, arguments in commands_of(page.read_text(encoding="utf8")):
        command_line.parse(importlib.import_module(f"keras_bert.recipes.{recipe}").Config, arguments)


def test_commands_are_found():
    pages = {str(page.relative_to(ROOT)): page.read_text(encoding="utf8") for page in PAGES}
    counts = {name: len([*commands_of(text)]) for name, text in pages.items()}
    assert counts["docs/guide/predicting-files.md"] >= 9 and counts["docs/guide/whole-runs.md"] >= 3
    assert counts["docs/guide/recipes.md"] >= 13 and counts["recipes/classify.py"] >= 3 and sum(counts.values()) > 90
