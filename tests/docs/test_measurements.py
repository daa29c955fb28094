"""The pictures of docs/measurements: drawn by its script, from its files, and shown on its pages."""

import importlib
import re
from pathlib import Path

import pytest

pytest.importorskip("matplotlib", reason="the pictures need the extra `show`")

FOLDER = Path(__file__).parents[2] / "docs" / "measurements"
PAGES = sorted(FOLDER.glob("*.md"))


def loaded(name):
    """A script of that folder, which finds its neighbours there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        return importlib.import_module(name)


plot = loaded("plot")
figures = pytest.mark.parametrize("name", plot.FIGURES)


def texts_of(figure):
    """Everything that is written in a picture."""
    artists = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return " | ".join(artist.get_text() for artist in artists).replace("\n", " ")


def numbers_of(figure):
    """Everything that stands in a picture as a point or as the length of a bar."""
    lines = figure.findobj(plot.matplotlib.lines.Line2D)
    bars = figure.findobj(plot.matplotlib.patches.Rectangle)
    drawn = {float(value) for line in lines for value in (*line.get_xdata(), *line.get_ydata())}
    return drawn | {float(bar.get_width()) for bar in bars}


@figures
def test_every_figure_of_a_file_is_in_its_picture(name):
    with plot.matplotlib.rc_context(plot.STYLE):
        figure = plot.FIGURES[name]()
    written, drawn = texts_of(figure), numbers_of(figure)
    cells = [cell for row in plot.read(name) for column, cell in row.items() if column != "seed"]  # that says which dot
    for cell in cells:
        as_number = re.fullmatch(r"[\d.]+", cell) and float(cell)
        forms = {cell, f"{int(cell):,}"} if cell.isdigit() else {cell}
        in_words = any(re.search(rf"(?<![\d.,]){re.escape(form)}(?![\d,])", written) for form in forms)
        assert in_words or as_number in drawn, cell


def test_the_script_draws_the_pictures_that_are_here(tmp_path, monkeypatch):
    for name in plot.FIGURES:
        plot.draw(name, tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in FOLDER.glob("*.svg")}
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(plot.FIGURES)
    assert all((tmp_path / name).stat().st_size > 5_000 for name in drawn)


@figures
def test_a_picture_is_of_the_file_as_it_is_now(name):
    picture = (FOLDER / f"{name}.svg").read_text(encoding="utf8")
    assert plot.digest(name) in picture, "python docs/measurements/plot.py draws it anew"
    assert len(picture) < 60_000


@figures
def test_a_picture_and_its_file_are_on_one_page(name):
    shown = [page for page in PAGES if f"({name}.svg)" in page.read_text(encoding="utf8")]
    assert len(shown) == 1
    text = shown[0].read_text(encoding="utf8")
    assert f"[{name}.csv]({name}.csv)" in text
    [words] = re.findall(rf"!\[(.{{30,}})\]\({name}\.svg\)", text)  # what it shows, for who can't see it
    cells = {float(cell) for row in plot.read(name) for cell in row.values() if re.fullmatch(r"[\d.]+", cell)}
    for figure in re.findall(r"\d+(?:,\d{3})+|\d+\.\d+", words):
        assert float(figure.replace(",", "")) in cells, figure


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_have_short_lines_and_links_that_lead_somewhere(page):
    text = page.read_text(encoding="utf8")
    assert max(map(len, text.split("\n"))) < 160
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]*))?\)", text):
        there = (page.parent / target) if target else page
        assert there.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf8"), re.M)
            assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_the_index_names_every_page():
    index = (FOLDER / "README.md").read_text(encoding="utf8")
    for page in PAGES:
        assert page.name == "README.md" or f"]({page.name})" in index, page.name
