"""Every command that the pages and the recipes show has only options that there are."""

import importlib
import re
import shlex
from pathlib import Path

import pytest

from keras_bert.recipes import command_line

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "recipes").glob("*.py"))]
COMMAND = re.compile(
    r"^ *(?:[A-Z_]+=\S+ )*(?:keras-bert |python recipes/)(?P<recipe>[a-z]+)(?:\.py)? (?P<arguments>--.*?)"
    r"(?: {2,}.*| \.\.\..*| [|>].*|')?$"  # what is said of it, is left out, or comes behind it
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
    counts = {page.stem: len([*commands_of(page.read_text(encoding="utf8"))]) for page in PAGES}
    assert counts["predicting-files"] >= 9 and counts["whole-runs"] == 3 and counts["smaller-models"] == 4
    assert counts["classify"] >= 3 and sum(counts.values()) > 50
