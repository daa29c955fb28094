"""Draws the pictures of this chapter from the code of its pages, in the root of the repository:

    python docs/inside-bert/pictures/draw.py

It wants the extra `show`, and all-MiniLM-L6-v2.
"""

import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np

import keras_bert

PICTURES = Path(__file__).parent
CHAPTER = PICTURES.parent
GREY, LEFT, RIGHT, PALE = "#7f8fa9", "#3b6fb6", "#c8553d", "#cccccc"
matplotlib.rcParams.update({"svg.hashsalt": "keras_bert", "font.size": 9})


def names_of(page):
    """Name of a page -> what its Python blocks define, run one after the other."""
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```$", (CHAPTER / page).read_text(encoding="utf8"), re.S | re.M):
        exec(compile(block, page, "exec"), names)
    return names


def save(figure, name):
    figure.savefig(PICTURES / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def on_a_plane(vectors):
    """Vectors [N, D] -> their places [N, 2] on the plane on which they vary most."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    return centred @ axes[:2].T


def senses(before, after, labels, name):
    """Vectors [6, D] of a word, three of each sense, before and after the encoder -> a picture of both."""
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 3.2), layout="constrained")
    for axis, vectors, title in zip(axes, (before, after), ("from the table", "after the encoder"), strict=True):
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        places = on_a_plane(units)
        for part, color, size, label in zip((slice(0, 3), slice(3, 6)), (LEFT, RIGHT), (150, 50), labels, strict=True):
            axis.scatter(*places[part].T, s=size, color=color, label=label, edgecolor="white")
        axis.set(title=title, xlim=(-0.8, 0.8), ylim=(-0.8, 0.8), xticks=[], yticks=[], aspect="equal")
    axes[1].legend(loc="lower center", frameon=False, ncols=2)
    save(figure, name)


def parameters(rows_of):
    """What page 9 counts -> bars of where the parameters of Base and Large are."""
    kinds = {"token table": "token", "attention": ("query", "attention"), "feed-forward": "feed", "all else": ""}
    figure, axis = plt.subplots(figsize=(7.2, 2.0), layout="constrained")
    for y, size in enumerate(("large", "base")):
        rows, left = rows_of(keras_bert.BertConfig.named(size)), 0
        for (kind, begins), color in zip(kinds.items(), (GREY, LEFT, RIGHT, PALE), strict=True):
            found = [row for row in rows if row[0].startswith(begins)]
            rows = [row for row in rows if row not in found]
            million = sum(times * count for _, times, count in found) / 1e6
            axis.barh(y, million, left=left, color=color, label=None if y else kind, height=0.6)
            if million > 8:
                axis.text(left + million / 2, y, f"{million:.0f}", ha="center", va="center", color="white")
            left += million
    axis.set(yticks=[0, 1], yticklabels=["Large", "Base"], xlabel="million parameters")
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", frameon=False, ncols=4)
    save(figure, "parameters.svg")


if __name__ == "__main__":
    parameters(names_of("parameters.md")["rows_of"])
    page = names_of("contexts.md")
    vectors = page["vectors_of"]("사과를", page["fruit"] + page["apology"], page["apples"], page["tokenizer"])
    print("cosines of 사과를 in one sense, in two:", *np.round(page["cosines"](vectors[1]), 2))
    senses(*vectors, ("eaten", "said"), "apples.svg")
    vectors = page["vectors_of"]("bank", page["river"] + page["money"], page["minilm"], page["english"])
    senses(*vectors, ("of a river", "of money"), "bank.svg")
