"""What the pictures of these pages share: their look, their files, and bars and curves. plot.py draws them by it."""

import csv
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

HERE = Path(__file__).parent

# Okabe and Ito's colours, which colour-blind people tell apart: ours is blue, whoever stands beside it isn't.
BLUE, ORANGE, GREEN, SKY, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#56B4E9", "#CC79A7", "#6E6E6E"
STYLE = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "figure.constrained_layout.w_pad": 0.1,  # inches
    "figure.facecolor": "white",  # pages may be dark
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],  # the picture is laid out for the widest
    "font.size": 10,
    "grid.color": "#E2E2E2",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "svg.fonttype": "none",  # text stays text: small files, and words that can be searched
    "svg.hashsalt": "keras_bert",  # the same file each time
}


def read(name):
    """FIGURE.csv -> its rows, dicts of text; what is empty is left out of them."""
    with open(HERE / f"{name}.csv", newline="", encoding="utf8") as file:
        return [{key: cell for key, cell in row.items() if cell} for row in csv.DictReader(file)]


def split(rows, column):
    """Rows -> {what stands in the column: its rows}, in their order."""
    groups = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def numbers(rows, column):
    """The column of these rows, as floats."""
    return [float(row[column]) for row in rows]


def panels(columns, height, rows=1, **options):
    """An empty picture -> it and its panels; 9.2 inches wide, as a page of text."""
    figure = Figure(figsize=(9.2, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def colour(name):
    """Whose bar it is -> its colour."""
    if "limit" in name or "not trained" in name:
        return GREY
    if name.startswith("keras_bert"):
        return BLUE
    return GREEN if name == "KerasHub" else ORANGE


def legend(figure, names, places=None):
    """The colours of these names, above the panels."""
    handles = [Patch(color=colour(name), label=name) for name in names]
    figure.legend(handles=handles, loc="outside upper left", ncols=places or len(names))


BESIDE = {"textcoords": "offset points", "va": "center", "fontsize": 9}


def bars(axes, labels, values, colours):
    """A bar a line, from top to bottom, with its value at its end; a value that isn't there is None."""
    there = [(place, value) for place, value in enumerate(values) if value is not None]
    axes.barh([p for p, _ in there], [v for _, v in there], color=[colours[p] for p, _ in there], height=0.72)
    for place, value in there:
        axes.annotate(f"{value:,g}", (value, place), xytext=(4, 0), **BESIDE)
    name_bars(axes, range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def name_bars(axes, places, names):
    """The names of bars left of them, and room for what is written at their ends."""
    axes.set_yticks(places, names)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.margins(x=0.24)


def said(rows, column):
    """The column of these rows, as it is written at a bar: the cell itself, or the mean of several rounds."""
    cells = [row[column] for row in rows]
    return cells[0] if "." in cells[0] and len(cells) == 1 else f"{sum(map(float, cells)) / len(cells):,.0f}"


def side_by_side(axes, groups, who, value, peer=None):
    """Each group's bars together, and how many times the peer's value ours is.

    Args:
        axes: A panel.
        groups: {group: its rows}.
        who: The column of the bars' names. Several rows of one name are rounds: the bar is their mean, and each a dot.
        value: The column of their lengths; where it is empty, a bar's place stays empty.
        peer: The name that ours is compared with.
    """
    ticks, place = [], 0.0
    for group, rows in groups.items():
        sides = split(rows, who)
        means = {name: np.mean(numbers(side, value)) for name, side in sides.items() if value in side[0]}
        ticks.append((place + (len(sides) - 1) / 2, group))
        for name, side in sides.items():
            if name in means:
                axes.barh([place], [means[name]], color=colour(name), height=0.86)
                if len(side) > 1:
                    axes.plot(numbers(side, value), [place] * len(side), "o", color="black", markersize=2.5)
                ratio = f", {means[name] / means[peer]:.1f} times" if peer and name == "keras_bert" else ""
                axes.annotate(said(side, value) + ratio, (max(numbers(side, value)), place), xytext=(5, 0), **BESIDE)
            place += 1
        place += 0.7
    name_bars(axes, *zip(*ticks, strict=True))
    axes.set_ylim(place - 1.1, -0.8)


def curve(axes, rows, x, y, **options):
    """A line and its points, of the rows that have both; where x is missing, a dashed line over the whole width."""
    points = [row for row in rows if x in row and y in row]
    if points:
        axes.plot(numbers(points, x), numbers(points, y), **{"marker": "o", **options})
    for row in rows:
        if x not in row and y in row:
            axes.axhline(float(row[y]), linestyle="--", linewidth=1.2, color=options.get("color"))
