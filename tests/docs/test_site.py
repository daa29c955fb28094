"""The site is built without a warning, and works from disk."""

import ast
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import pytest

import keras_bert
import pages

ROOMS = ("data", "distribution", "export", "inspection", "layers", "metrics", "prediction", "runtime", "text")
API = "".join(path.read_text() for path in sorted((pages.ROOT / "docs" / "api").glob("*.md")))
ON_PAGES = {*re.findall(r"^::: keras_bert\.(\S+)$", API, re.M)}


def names_of(room):
    """A folder of the package -> its public names."""
    tree = ast.parse((pages.ROOT / "keras_bert" / room / "__init__.py").read_text(encoding="utf8"))
    [value] = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"]
    return ast.literal_eval(value)


def test_the_api_has_every_public_name():
    plain = {name.rpartition(".")[2] for name in ON_PAGES}
    folders = {path.name for path in (pages.ROOT / "keras_bert").iterdir() if path.is_dir()} | {"models"}
    assert {*keras_bert.__all__} - folders <= plain
    for room in ROOMS:
        assert {*names_of(room)} <= plain


def test_the_navigation_has_every_page():
    listed = {*re.findall(r"[\w/-]+\.md", pages.read("mkdocs.yml"))}
    there = {path.relative_to(pages.ROOT / "docs").as_posix() for path in (pages.ROOT / "docs").rglob("*.md")}
    assert listed - {"index.md"} == there


def test_a_function_that_is_called_as_its_module_is_is_meant():
    for name in ON_PAGES:
        last = name.rpartition(".")[2]
        path = pages.ROOT / "keras_bert" / f"{name.replace('.', '/')}.py"
        is_function = path.is_file() and re.search(rf"^def {last}\(", path.read_text(encoding="utf8"), re.M)
        assert not is_function, f"::: keras_bert.{name}.{last}"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site that `mkdocs build --strict` makes."""
    pytest.importorskip("material", reason="mkdocs-material isn't installed: pip install 'bert-for-keras[docs]'")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings isn't installed: pip install 'bert-for-keras[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    built = subprocess.run(command, cwd=pages.ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_is_in_the_site_and_links_within_it_lead_somewhere(site):
    written = {path.relative_to(site).with_suffix("").as_posix() for path in site.rglob("*.html")}
    for path in (pages.ROOT / "docs").rglob("*.md"):
        name = path.relative_to(pages.ROOT / "docs").with_suffix("").as_posix()
        assert re.sub(r"README$", "index", name) in written
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for target in re.findall(r'(?:href|src)="([^"]+)"', page.read_text(encoding="utf8")):
            name = unquote(target.partition("#")[0].partition("?")[0])
            assert re.match(r"\w+:", name) or not name or (page.parent / name).exists(), (page, target)


def test_docstrings_are_pages_with_examples_as_code(site):
    page = (site / "api" / "checkpoints.html").read_text(encoding="utf8")
    assert 'id="keras_bert.load_pretrained"' in page and "backbone_dropout" in page
    assert page.count('<span class="gp">&gt;&gt;&gt; </span>') > 10


def test_it_needs_nothing_from_elsewhere_and_is_searched_from_disk(site):
    front = (site / "index.html").read_text(encoding="utf8")
    loaded = re.findall(r'<(?:script|img)[^>]+src="([^"]+)"|<link[^>]+rel="stylesheet"[^>]+href="([^"]+)"', front)
    assert loaded and not [names for names in loaded if re.match(r"(https?:)?//", "".join(names))]
    assert "load_pretrained" in (site / "search" / "search_index.js").read_text(encoding="utf8")


def test_the_search_finds_a_name_in_a_browser_from_disk(site, tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("There is no Chromium to search the site with: apt-get install chromium")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=60000",
    ]
    address = (site / "index.html").as_uri() + "?q=fill_masks"
    shown = subprocess.run(
        [browser, *options, "--dump-dom", address], capture_output=True, text=True, check=True
    ).stdout
    results = re.findall(r'<a href="([^"]+)" class="md-search-result__link"', shown)
    assert any("api/prediction.html" in result for result in results)
