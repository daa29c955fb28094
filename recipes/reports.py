"""Reports of the recipes that classify: a table on the terminal; files and a picture with `--report DIR`."""

import csv
import importlib.util
import io
import json
import math

from keras_bert.metrics.reports import table
from keras_bert.utils.files import write_text, written_beside


def check_picture(directory):
    """Directory of a report, or None -> None; a `ValueError` if its picture can't be drawn."""
    if directory is not None and importlib.util.find_spec("matplotlib") is None:
        raise ValueError(
            "`report` draws a picture by matplotlib, which isn't installed: pip install 'bert-for-keras[show]'"
        )


def show(run, config, report, name):
    """Prints a report, and writes it where the options say so.

    Args:
        run: The recipe's `Run`.
        config: Its options, with a `report`.
        report: What `class_report` or `entity_report` of `keras_bert.metrics` gives; or a dict with `classes` alone, as
            of several labels a text.
        name: What was predicted, for the title.
    """
    if run.is_chief:
        print(f"{name}:\n{table(report)}")
    if run.writes(config.report):
        write(report, config.report)


def write(report, directory):
    """Writes report.json, classes.csv and a picture, confusion.png.

    With one label a text, or tags, confusion.csv has the picture's numbers. With several labels it shows how often each
    was given rightly, missed and given wrongly, which are columns of classes.csv. A report without classes has none.

    Args:
        report: As in `show`.
        directory: A directory that is empty or not there yet.
    """
    classes = {label: _without_nan(scores) for label, scores in report["classes"].items()}
    with written_beside(directory) as beside:
        contents = json.dumps({**report, "classes": classes}, ensure_ascii=False, indent=1, allow_nan=False)
        write_text(contents, beside / "report.json")
        names = next(iter(classes.values()), ("precision", "recall", "f1", "support"))
        rows = ([label, *scores.values()] for label, scores in classes.items())
        write_text(_csv([["class", *names], *rows]), beside / "classes.csv")
        if "confusion" in report:
            labels = report["labels"]
            rows = ([label, *row] for label, row in zip(labels, report["confusion"], strict=True))
            write_text(_csv([["", *labels], *rows]), beside / "confusion.csv")
            _draw_confusion(report["confusion"], labels, beside / "confusion.png")
        elif classes:
            _draw_counts(classes, beside / "confusion.png")


def _without_nan(scores):
    """{name: number} -> the same with None for NaN, which JSON doesn't have."""
    return {name: None if math.isnan(score) else score for name, score in scores.items()}


def _csv(rows):
    """rows of cells -> text."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _draw_counts(classes, path):
    """{label: its counts}, file -> None; draws how often each label was given rightly, missed and given wrongly."""
    from keras_bert.inspection.picture import lay_out, new_figure

    axes = (figure := new_figure(7, max(2.5, min(0.4 * len(classes) + 1.5, 30)))).subplots()
    right = [scores["support"] - scores["false_negatives"] for scores in classes.values()]
    missed, wrong = ([scores[name] for scores in classes.values()] for name in ("false_negatives", "false_positives"))
    places = range(len(classes))
    axes.barh(places, right, color="tab:blue", label="given rightly")
    axes.barh(places, missed, left=right, color="tab:gray", label="missed")
    axes.barh(places, [-count for count in wrong], color="tab:red", label="given wrongly")
    axes.set_yticks(places, [*classes])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter(lambda count, _: f"{abs(count):g}")
    axes.invert_yaxis()  # the first label on top
    axes.set_xlabel("texts")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)  # above, where no bar is
    lay_out(figure)
    figure.savefig(path)


def _draw_confusion(confusion, labels, path):
    """counts, C labels, file -> None; draws the share of each class that was taken for each."""
    from keras_bert.inspection.picture import lay_out, new_figure

    size = max(4, min(0.4 * len(labels) + 2, 30))
    axes = (figure := new_figure(size, size)).subplots()
    shares = [[count / max(sum(row), 1) for count in row] for row in confusion]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("taken for")
    axes.set_ylabel("right")
    if len(labels) <= 20:
        for i, row in enumerate(confusion):
            for j, count in enumerate(row):
                axes.text(j, i, count, ha="center", va="center", color="white" if shares[i][j] > 0.5 else "black")
    lay_out(figure)  # which finds fonts for labels in any script
    figure.savefig(path)
