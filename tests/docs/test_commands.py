"""Commands that stand in a line of their own, or in a cell of a table, have only options that there are."""

import collections
import dataclasses
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


COMMANDS = [
    (str(page.relative_to(ROOT)), *command)
    for page in PAGES
    for command in commands_of(page.read_text(encoding="utf8"))
]


@pytest.mark.parametrize(("page", "recipe", "arguments"), COMMANDS)
def test_a_command_has_these_options_and_samples(page, recipe, arguments):
    config_class = importlib.import_module(f"keras_bert.recipes.{recipe}").Config
    config = command_line.parse(config_class, arguments)  # of an unknown option the process would end
    given = {argument[2:].split("=")[0] for argument in arguments if argument.startswith("--")}
    fields = {field.name.replace("_", "-") for field in dataclasses.fields(config)}
    assert type(config) is config_class and {name.removeprefix("no-") for name in given} <= fields
    assert all((ROOT / argument).is_file() for argument in arguments if argument.startswith("recipes/samples/"))


def test_commands_are_found():
    counts = collections.Counter(page for page, *_ in COMMANDS)
    assert counts["docs/guide/predicting-files.md"] >= 9 and counts["docs/guide/whole-runs.md"] >= 3
    assert counts["docs/guide/recipes.md"] >= 13 and counts["recipes/classify.py"] >= 3 and len(COMMANDS) > 90
