"""Links of the documentation lead somewhere, and what it names of the library is there."""

import functools
import importlib
import re
from pathlib import Path

import pytest

import pages

PAGES = [pages.ROOT / "README.md", *sorted((pages.ROOT / "docs").rglob("*.md"))]
NAMES = [path.relative_to(pages.ROOT).as_posix() for path in PAGES]
LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def anchors(text):
    """A page's text -> the anchors of its headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M), re.M)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


def dead_links(path):
    """A page -> those of its relative links that lead nowhere: a list of strings."""
    dead = []
    for target in LINK.findall(re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf8"), flags=re.S | re.M)):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        if not page.exists() or (anchor and anchor not in anchors(page.read_text(encoding="utf8"))):
            dead.append(target)
    return dead


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_links_lead_somewhere(path):
    assert dead_links(path) == []


def test_a_dead_link_is_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A `b` title\n[a](#a-b-title) [b](page.md#no) [c](none.md) [d](https://none.org) ![e](none.png)\n"
    )
    assert dead_links(page) == ["page.md#no", "none.md", "none.png"]


@pytest.mark.parametrize("path", PAGES, ids=NAMES)
def test_what_is_named_of_the_library_is_there(path):
    if path.name in ("changelog.md", "log.md"):  # which tell of names that were
        return
    for name in {*re.findall(r"\bkeras_bert(?:\.[A-Za-z_]\w*)+", path.read_text(encoding="utf8"))}:
        assert is_there(name), name


def is_there(name):
    """A dotted name, of a module or of what one holds -> whether there is such a thing: bool."""
    parts = name.split(".")
    for number in range(len(parts), 0, -1):  # a function may hide the module it is named after
        try:
            value = importlib.import_module(".".join(parts[:number]))
        except ImportError:
            continue
        try:
            functools.reduce(getattr, parts[number:], value)
        except AttributeError:
            continue
        return True
    return False


def test_a_name_that_is_not_there_is_seen():
    assert is_there("keras_bert.recipes.classify") and is_there("keras_bert.WordPieceTokenizer.load")
    assert is_there("keras_bert.data.class_weights.class_weights")
    assert not is_there("keras_bert.data.no") and not is_there("keras_bert.no.no")


def test_the_guide_names_its_pages():
    folder = Path(pages.ROOT / "docs" / "guide")
    linked = {*LINK.findall(pages.read("docs/guide/README.md"))}
    assert {path.name for path in folder.glob("*.md")} - {"README.md"} <= linked
