"""Pages of the documentation, and their blocks of code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def read(path):
    """Path of a page, from the root of the repository -> its text."""
    return (ROOT / path).read_text(encoding="utf8")


def blocks(text, language="python"):
    """A page's text -> its blocks of code in a language, a list of strings."""
    return re.findall(rf"^```{language}\n(.*?)\n```", text, re.S | re.M)


def run(path, replaced=()):
    """Runs a page's Python blocks one after the other, as a reader would.

    Args:
        path: As in `read`.
        replaced: Pairs of strings: what stands in the page once, and what is run in its place, such as a higher rate.

    Returns:
        The names that the blocks have defined, a dict.
    """
    text = read(path)
    for old, new in replaced:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    names = {"__name__": "__page__"}
    for block in blocks(text):
        exec(compile(block, path, "exec"), names)
    return names


def printed(text):
    """A page's text -> what it says that some Python blocks print: pairs of a block and the block of text behind it."""
    return re.findall(r"^```python\n((?:(?!```).)*?)\n```\n\n```text\n(.*?)\n```", text, re.S | re.M)
