"""A text shaded by what speaks for an answer and against it.

Legend of the shapes: T tokens.
"""

import html
import itertools
import re

import numpy as np

from keras_bert.inspection.answers import Attributions
from keras_bert.inspection.fonts import families_for, without_remarks
from keras_bert.inspection.picture import Picture, new_figure

_FOR, _AGAINST = (253, 141, 60), (107, 174, 214)  # orange and blue, which most eyes tell apart
_WIDTH, _LINE, _MARGIN, _SIZE = 7.0, 0.32, 0.15, 12  # inches of the figure, a line and its edge; points of a letter


def show_attributions(result):
    """Shades a text: orange speaks for the answer, blue against it; the strongest token has the full colour.

    Args:
        result: What `attributions` gave.

    Returns:
        A `Picture`. Its `html` is the text itself, with each token's score shown under the pointer.

    Raises:
        ValueError: If Matplotlib isn't installed.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book"])
    >>> backbone = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> model = keras_bert.text_classifier(backbone, 2, labels=["no", "yes"])
    >>> result = keras_bert.inspection.attributions(model, tokenizer, "Good book")
    >>> show_attributions(result).figure
    <Figure size ...>
    """
    if not isinstance(result, Attributions):
        raise ValueError(f"`result` must be what keras_bert.inspection.attributions gave. Received: {result!r:.80}.")
    title = f"{result.target}: {result.value:+.2f} (of [MASK]s alone {result.baseline:+.2f})"
    texts = [result.text] if result.second_text is None else [result.text, result.second_text]
    parts = [_parts(result, number, text) for number, text in enumerate(texts)]
    return Picture(_drawn(title, parts), title, _as_html(title, parts))


def _parts(result, number, text):
    """`Attributions`, number of a text, the text -> a list of (string, score, colour) that together are the text.

    Characters that several tokens share have the sum of their scores.
    """
    scores = np.zeros(len(text))
    for start, end, segment, score in zip(result.starts, result.ends, result.segments, result.scores, strict=True):
        if segment == number and start >= 0:
            scores[start:end] += score
    most = max(float(abs(result.scores).max()), 1e-30)
    owners = np.full(len(text), -1)
    for place, (start, end, segment) in enumerate(zip(result.starts, result.ends, result.segments, strict=True)):
        if segment == number and start >= 0:
            owners[start:end] = place
    found = []
    for _, group in itertools.groupby(range(len(text)), lambda at: (owners[at], scores[at])):
        places = list(group)
        score = float(scores[places[0]])
        found.append((text[places[0] : places[-1] + 1], score, _shade(score / most)))
    return found


def _shade(share):
    """a score as a share of the greatest -> red, green and blue, 0 to 255: white for 0."""
    color = _FOR if share > 0 else _AGAINST
    share = min(1.0, abs(share))
    return tuple(round(255 + share * (part - 255)) for part in color)


def _as_html(title, parts):
    """title, parts of each text -> HTML."""
    texts = [
        "".join(
            f'<span style="background: rgb{color}; color: black" title="{score:+.2f}">{html.escape(string)}</span>'
            if string.strip()
            else html.escape(string)
            for string, score, color in of_text
        )
        for of_text in parts
    ]
    shown = "".join(f'<p style="line-height: 1.7; white-space: pre-wrap">{text}</p>' for text in texts)
    return f"<div><p><b>{html.escape(title)}</b></p>{shown}</div>"


def _drawn(title, parts):
    """title, parts of each text -> a figure."""
    from matplotlib.patches import Rectangle

    figure = new_figure(_WIDTH, 1)
    figure.set_layout_engine("none")
    renderer = figure.canvas.get_renderer()
    families = families_for([title, *(string for of_text in parts for string, *_ in of_text)])
    style = {"fontsize": _SIZE, "fontfamily": families, "parse_math": False, "va": "center", "ha": "left"}
    with without_remarks():
        lines = [line for of_text in parts for line in _lines(figure, renderer, of_text, style)]
    lines = [[(0.0, 0.0, title, (255, 255, 255))], *lines]
    height = _LINE * (len(lines) + 1)
    figure.set_size_inches(_WIDTH, height)
    for number, line in enumerate(lines):
        middle = 1 - _LINE * (number + 1) / height
        for x, width, string, color in line:
            left = (x + _MARGIN) / _WIDTH
            figure.text(left, middle, string, weight="normal" if width else "bold", **style)
            shade = [part / 255 for part in color]
            place = (left, middle - 0.4 * _LINE / height)
            figure.add_artist(
                Rectangle(place, width / _WIDTH, 0.8 * _LINE / height, color=shade, linewidth=0, zorder=0)
            )
    return figure


def _lines(figure, renderer, parts, style):
    """figure, its renderer, parts of a text, how they are written -> lines: lists of (inches from the left, width,
    string, colour)."""

    def width_of(string):
        """string -> inches."""
        text = figure.text(0, 0, string, **style)
        width = text.get_window_extent(renderer).width / figure.dpi
        text.remove()
        return width

    space = width_of("a a") - width_of("aa")
    lines, x = [[]], 0.0
    for string, _, color in parts:
        for number, piece in enumerate(re.split(r"\s", string)):
            x += space if number else 0.0
            width = width_of(piece) if piece else 0.0
            if x + width > _WIDTH - 2 * _MARGIN and lines[-1]:
                lines.append([])
                x = 0.0
            if piece.strip():
                lines[-1].append((x, width, piece, color))
            x += width
    return lines
