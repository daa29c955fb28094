"""Draws the pictures of these pages: FIGURE.csv becomes FIGURE.svg, by the function of that name.

    pip install "bert-for-keras[show]"
    python docs/measurements/plot.py                # all of them, beside their files
    python docs/measurements/plot.py --to pictures  # into another folder

Each picture's description has the digest of the file it was drawn from, so a test sees a picture that is out of date.
"""

import argparse
import hashlib
from pathlib import Path

import matplotlib
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from panels import (
    BESIDE,
    BLUE,
    GREEN,
    GREY,
    HERE,
    ORANGE,
    PURPLE,
    SKY,
    STYLE,
    bars,
    colour,
    curve,
    legend,
    name_bars,
    numbers,
    panels,
    read,
    said,
    side_by_side,
    split,
)


def tokenizing():
    rows = read("tokenizing")
    figure, axes = panels(1, 3.2)
    side_by_side(axes, split(rows, "texts"), "tokenizer", "MB/s")
    for text, row in zip(axes.texts, rows, strict=True):
        text.set_text(f"{text.get_text()} MB/s, {said([row], 'lines whose ids differ')} lines differ")
    axes.set_title("Text to token ids, MB/s; lines whose ids differ from Hugging Face's")
    axes.margins(x=0.3)
    legend(figure, split(rows, "tokenizer"))
    return figure


def serving():
    rows = read("serving")
    names = [row["engine"] for row in rows]
    figure, axes = panels(4, 4.4, sharey=True, width_ratios=(1.25, 1.25, 1, 1))
    titles = {
        "one by one": "one by one,\ntexts/s",
        "batches of 32": "batches of 32,\ntexts/s",
        "MB copied to a server": "copied to a\nserver, MB",
        "seconds to the first answer": "to the first\nanswer, s",
    }
    for panel, (column, title) in zip(axes, titles.items(), strict=True):
        values = [float(row[column]) if column in row else None for row in rows]
        bars(panel, names, values, [colour(name) for name in names])
        panel.set_title(title)
    return figure


def serving_memory():
    figure, axes = panels(1, 2.8)
    groups = split(read("serving-memory"), "engine")
    for (name, rows), tint in zip(groups.items(), (BLUE, SKY), strict=True):
        curve(axes, rows, "requests", "MB", color=tint, label=name)
        for row in rows:
            place = float(row["requests"]), float(row["MB"])
            axes.annotate(f"{place[1]:,g}", place, xytext=(0, 9), ha="center", **BESIDE)
    axes.set_ylim(0, 1500)
    axes.set_xlabel("requests that one process has answered")
    axes.set_title("Resident memory, MB")
    axes.legend(loc="center right")
    return figure


def vectors():
    rows = read("vectors")
    names = [f"{row['engine']}\n(least cosine {row['least cosine']})" for row in rows]
    figure, axes = panels(2, 3.2, sharey=True)
    for panel, column in zip(axes, ("all at once", "one by one"), strict=True):
        bars(panel, names, numbers(rows, column), [colour(name) for name in names])
        panel.set_title(f"{column}, texts/s")
    return figure


def vectors_training():
    rows = read("vectors-training")
    groups = split(rows, "training")
    figure, (left, right) = panels(2, 4.4, sharey=True)
    side_by_side(left, groups, "who", "examples/s", peer="sentence-transformers")
    left.set_title("training, examples/s")
    side_by_side(right, groups, "who", "score")
    for bar, text in zip(list(right.patches), right.texts, strict=True):  # a bar that begins at 0.7 would say too much
        right.plot([bar.get_width()], [bar.get_y() + bar.get_height() / 2], "D", color=bar.get_facecolor())
        text.set_position((9, 0))
        bar.remove()
    right.set_xlim(0.7, 0.85)
    right.set_title("score after training")
    legend(figure, split(rows, "who"))
    return figure


def pretraining():
    figure, axes = panels(3, 3.7)
    titles = {
        "loss": "masked words: loss",
        "accuracy": "masked words: accuracy",
        "next sentence": "next sentence: accuracy",
    }
    tints = {"English": BLUE, "English, going on": SKY, "Korean": ORANGE}
    for panel, (column, title) in zip(axes, titles.items(), strict=True):
        for name, rows in split(read("pretraining"), "run").items():
            curve(panel, rows, "million tokens", column, color=tints[name], label=name, markersize=3.5)
        panel.set_title(title)
        panel.set_xlabel("million tokens")
    axes[2].axhline(0.5, linestyle="--", linewidth=1.2, color=GREY)
    handles, names = axes[0].get_legend_handles_labels()
    dashed = Line2D([], [], linestyle="--", linewidth=1.2, color=GREY)
    names = [*names, "by words' frequencies, or chance, alone"]
    figure.legend([*handles, dashed], names, loc="outside upper left", ncols=4)
    return figure


def pretraining_starts():
    figure, axes = panels(1, 4.2)
    looks = (ORANGE, "o"), (SKY, "s"), (BLUE, "o"), (PURPLE, "^"), (GREEN, "D"), (GREY, "")
    for (name, rows), (tint, marker) in zip(split(read("pretraining-starts"), "run").items(), looks, strict=True):
        curve(axes, rows, "million tokens", "loss", color=tint, marker=marker, label=name)
    axes.lines[-1].set_label(name)  # the dashed one
    axes.set_xlabel("million tokens")
    axes.set_title("Loss of masked words in held-out documents")
    axes.set_xlim(0, 20.5)
    axes.set_xticks(range(0, 21, 5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def pretraining_speed():
    rows = read("pretraining-speed")
    figure, axes = panels(1, 4.6)
    side_by_side(axes, split(rows, "setting"), "library", "real tokens/s", peer="transformers")
    axes.set_title("Pretraining, real tokens/s")
    legend(figure, split(rows, "library"))
    return figure


def pretraining_afterwards():
    rows = read("pretraining-afterwards")
    starts = list(split(rows, "start"))
    figure, axes = panels(2, 2.7, sharey=True)
    for panel, column in zip(axes, ("dev", "test"), strict=True):
        for place, group in enumerate(split(rows, "start").values()):
            seen = numbers(group, column)
            panel.plot(seen, [place] * len(seen), "o", color=BLUE, alpha=0.75)
            panel.plot([sum(seen) / len(seen)] * 2, [place - 0.3, place + 0.3], color="black")
        name_bars(panel, range(len(starts)), starts)
        panel.set_ylim(len(starts) - 0.5, -0.5)
        panel.set_title(f"SST-2, accuracy on {column}")
    dot, line = Line2D([], [], color=BLUE, marker="o", linestyle=""), Line2D([], [], color="black")
    figure.legend([dot, line], ["one seed", "mean of the seeds"], loc="outside upper left", ncols=2)
    return figure


def fine_tuning_scores():
    rows = read("fine-tuning-scores")
    names = [row["data"] for row in rows]
    looks = {
        "keras_bert, bfloat16 on A": (SKY, "s"),
        "keras_bert, float32 on B": (BLUE, "o"),
        "transformers": (ORANGE, "D"),
    }
    figure, axes = panels(1, 5.6)
    for offset, (column, (tint, marker)) in zip((-0.22, 0, 0.22), looks.items(), strict=True):
        there = [(float(row[column]), place + offset) for place, row in enumerate(rows) if column in row]
        axes.plot(*zip(*there, strict=True), marker, color=tint, label=column, markersize=6)
    for place, row in [(-0.9, dict(zip(looks, ("A", "B", "peer"), strict=True))), *enumerate(rows)]:
        for right, column in zip((42, 82, 122), looks, strict=True):  # points beside the panel
            where = {"xycoords": axes.get_yaxis_transform(), "xytext": (right, 0), "annotation_clip": False}
            axes.annotate(row.get(column, ""), (1, place), ha="right", **where, **BESIDE)
    name_bars(axes, range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_title("Scores, %")
    figure.legend(loc="outside upper left", ncols=3)
    return figure


def fine_tuning_speed():
    rows = read("fine-tuning-speed")
    figure, axes = panels(1, 7, rows=3, sharex=True)
    for panel, (machine, here) in zip(axes, split(rows, "machine").items(), strict=True):
        side_by_side(panel, split(here, "data"), "library", "examples/s", peer="transformers")
        panel.set_title(f"{machine}: examples/s")
    legend(figure, split(rows, "library"))
    return figure


def scaling_processes():
    rows = read("scaling-processes")
    figure, axes = panels(1, 3)
    for place, row in enumerate(rows):
        one, two = float(row["one process"]), float(row["two processes"])
        axes.barh([place - 0.2, place + 0.2], [one, two], color=[SKY, BLUE], height=0.38)
        axes.plot([2 * one] * 2, [place, place + 0.4], color="black")
        axes.annotate(row["one process"], (one, place - 0.2), xytext=(5, 0), **BESIDE)
        note = f"{row['two processes']}, {two / one / 2:.0%} of twice"
        axes.annotate(note, (2 * one, place + 0.2), xytext=(5, 0), **BESIDE)
    name_bars(axes, range(len(rows)), [row["rows a process"] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_title("Pretraining, examples/s")
    handles = [Patch(color=SKY), Patch(color=BLUE), Line2D([], [], color="black")]
    figure.legend(handles, ["one process", "two processes", "twice one"], loc="outside upper left", ncols=3)
    return figure


def scaling_sum():
    rows = read("scaling-sum")
    figure, axes = panels(1, 3.2)
    curve(axes, rows, "MB", "milliseconds", color=BLUE, label="measured")
    for place, row in enumerate(rows):
        point = float(row["MB"]), float(row["milliseconds"])
        above = place % 2 == 1
        where = {"xytext": (-6, 8) if above else (6, -9), "ha": "right" if above else "left"}
        axes.annotate(f"{row['MB']} MB: {row['milliseconds']} ms", point, **where, **BESIDE)
    axes.plot([0.5, 100], [2, 400], "--", color=GREY, linewidth=1.2, label="4 ms a MB")
    axes.set(xscale="log", yscale="log", xlabel="MB of gradients", xlim=(5e-4, 400), ylim=(0.8, 800))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title("What two processes take to sum gradients, ms")
    axes.legend(loc="upper left")
    return figure


def scaling_gpus():
    rows = read("scaling-gpus")
    names = [
        f"{r['model and tokens']}: {int(r['GPUs']):,} GPUs x {r['rows a GPU']} = {int(r['batch']):,} rows" for r in rows
    ]
    figure, axes = panels(3, 4.8, sharey=True)
    compute, rest = numbers(rows, "compute ms"), numbers(rows, "sum ms")
    places = range(len(rows))
    axes[0].barh(places, compute, color=BLUE, height=0.72, label="compute")
    axes[0].barh(places, rest, left=compute, color=ORANGE, height=0.72, label="sum of the gradients")
    for place, (one, two) in enumerate(zip(compute, rest, strict=True)):
        axes[0].annotate(f"{one:g} + {two:g}", (one + two, place), xytext=(4, 0), **BESIDE)
    axes[0].set_title("a step, ms")
    plain, hidden = numbers(rows, "efficiency"), numbers(rows, "efficiency, sum hidden")
    axes[1].plot([plain, hidden], [places, places], color="#BBBBBB", zorder=1)
    axes[1].plot(plain, places, "o", color=BLUE, label="sum not hidden")
    axes[1].plot(hidden, places, "D", color=GREEN, label="hidden behind the backward pass")
    axes[1].set_title("efficiency")
    axes[1].set_xlim(0, 1.1)
    bars(axes[2], names, numbers(rows, "million tokens/s"), [BLUE] * len(rows))
    axes[2].set_title("million tokens/s")
    for panel in axes[:2]:
        name_bars(panel, places, names)
    axes[0].margins(x=0.4)
    figure.legend(loc="outside upper left", ncols=4)
    return figure


def log_trials():
    rows = read("log-trials")
    days = split(rows, "trials")
    tints = {"0.19": GREY, "0.37": SKY, "0.75": BLUE, "1.1": GREEN, "1.5": ORANGE}
    heights = [len(split(trials, "what")) for trials in days.values()]
    figure, axes = panels(1, 10, rows=len(days), sharex=True, height_ratios=heights)
    for panel, (day, trials) in zip(axes, days.items(), strict=True):
        whats = split(trials, "what")
        for place, group in enumerate(whats.values()):
            panel.plot(numbers(group, "loss"), [place] * len(group), color="#CCCCCC", zorder=1)
            for row in group:
                panel.plot([float(row["loss"])], [place], "o", color=tints[row["million tokens"]])
        name_bars(panel, range(len(whats)), list(whats))
        panel.set_ylim(len(whats) - 0.5, -0.5)
        panel.margins(x=0.05)
        panel.set_title(day)
    axes[-1].set_xlabel("loss of masked words in held-out documents")
    handles = [
        Line2D([], [], color=tint, marker="o", linestyle="", label=f"{at} million") for at, tint in tints.items()
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(tints))
    return figure


def log_int8():
    data = split(read("log-int8"), "data")
    figure, axes = panels(len(data), 4.6, sharey=True)
    for panel, (name, rows) in zip(axes, data.items(), strict=True):
        for place, row in enumerate(rows):
            batched, single = float(row["in batches"]), float(row["one by one"])
            panel.barh([place - 0.2, place + 0.2], [batched, single], color=[BLUE, SKY], height=0.38)
            panel.annotate(f"{row['in batches']} ({row['score']})", (batched, place - 0.2), xytext=(4, 0), **BESIDE)
            panel.annotate(row["one by one"], (single, place + 0.2), xytext=(4, 0), **BESIDE)
        name_bars(panel, range(len(rows)), [f"{row['dense layers in int8']}\n({row['MB']} MB)" for row in rows])
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_title(name)
        panel.margins(x=0.75)
    handles = [Patch(color=BLUE), Patch(color=SKY)]
    figure.legend(
        handles, ["in batches, texts per second of CPU (score)", "one by one"], loc="outside upper left", ncols=2
    )
    return figure


DRAWN = (
    tokenizing,
    serving,
    serving_memory,
    vectors,
    vectors_training,
    pretraining,
    pretraining_starts,
    pretraining_speed,
    pretraining_afterwards,
    fine_tuning_scores,
    fine_tuning_speed,
    scaling_processes,
    scaling_sum,
    scaling_gpus,
    log_trials,
    log_int8,
)
FIGURES = {function.__name__.replace("_", "-"): function for function in DRAWN}


def digest(name):
    """FIGURE.csv -> what a picture says of the file it was drawn from."""
    text = (HERE / f"{name}.csv").read_text(encoding="utf8")
    return f"{name}.csv {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def draw(name, folder):
    """Writes FOLDER/FIGURE.svg."""
    with matplotlib.rc_context(STYLE):
        metadata = {"Date": None, "Description": digest(name)}
        FIGURES[name]().savefig(Path(folder) / f"{name}.svg", metadata=metadata)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--to", type=Path, default=HERE, help="the folder of the pictures")
    folder = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    for figure in FIGURES:
        draw(figure, folder)
