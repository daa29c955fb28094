"""Pictures of attention: the heads of a layer as maps, and lines from a word.

Legend of the shapes: T tokens, H heads that are shown, L layers.
"""

import numbers

import numpy as np

from keras_bert.inspection.encoder import Attention
from keras_bert.inspection.picture import Picture, new_figure

_COLUMNS = 4
_CELL = 0.25  # inches of a token
_MOST_NAMED = 60  # tokens; beyond, a map has numbers
_SHOWN_WEIGHT = 0.1  # weights of at least so much stand beside their token


def show_attention(result, layer, head=None, word=None):
    """Draws the attention of a layer: a map of each head, or lines from a word to the tokens that it looks at.

    Args:
        result: What `attention` gave.
        layer: Number of the layer, from 0; -1 is the last.
        head: Number of a head, from 0, or a list of them. None: all heads.
        word: A word of the text, or the number of a token, from which lines go; of several pieces their mean. None:
            maps.

    Returns:
        A `Picture`: a map has a row for each token that looks, and a column for each that is looked at.

    Raises:
        ValueError: If there is no such layer, head or word, or Matplotlib isn't installed.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> result = keras_bert.inspection.attention(model, tokenizer, "River bank")
    >>> show_attention(result, layer=-1, head=0, word="bank").figure
    <Figure size ... with 1 Axes>
    """
    if not isinstance(result, Attention):
        raise ValueError(f"`result` must be what keras_bert.inspection.attention gave. Received: {result!r:.80}.")
    layer = _number("layer", layer, result.weights.shape[0])
    heads = _heads(head, result.weights.shape[1])
    weights = result.weights[layer, heads]  # [H, T, T]
    titles = [f"head {one}" for one in heads]
    titles[0] = f"layer {layer}, {titles[0]}"
    what = f"Attention of layer {layer}, {'head' if len(heads) == 1 else 'heads'} {', '.join(map(str, heads))}"
    if word is None:
        return Picture(_maps(result.tokens, weights, titles), f"{what}: {' '.join(result.tokens)}")
    places = result.places_of(word)
    figure = _lines(result.tokens, weights[:, places].mean(axis=1), titles, places)
    return Picture(figure, f"{what}, from {result.text_of(places[0], places[-1])}: {' '.join(result.tokens)}")


def _number(name, value, count):
    """ "layer" or "head", its number, how many there are -> the number from 0; else a `ValueError`."""
    is_number = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_number or not -count <= value < count:
        raise ValueError(f"`{name}` must be a number from 0 to {count - 1}. Received: {name}={value!r}.")
    return int(value) % count


def _heads(head, count):
    """a head, some or None for all, how many there are -> a list of their numbers; else a `ValueError`."""
    if head is None:
        return list(range(count))
    heads = list(head) if isinstance(head, (list, tuple, range)) else [head]
    if not heads:
        raise ValueError("`head` must be a head or some. Received: none.")
    return [_number("head", one, count) for one in heads]


def _panels(count, width, height):
    """number of panels, inches of one -> a figure, and a list of its axes."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    figure = new_figure(columns * width, rows * height)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return figure, list(axes[:count])


def _maps(tokens, weights, titles):
    """tokens, weights [H, T, T], H titles -> a figure with a map for each head."""
    side = max(2.0, _CELL * min(len(tokens), _MOST_NAMED)) * (1.0 if len(weights) == 1 else 0.7)
    figure, panels = _panels(len(weights), side + 1.2, side + 1.0)
    figure.set_layout_engine("compressed")  # maps are square
    for axes, one, title in zip(panels, weights, titles, strict=True):
        drawn = axes.imshow(one, cmap="Blues", vmin=0, vmax=max(float(weights.max()), 1e-6))
        axes.set_title(title, fontsize=9)
        if len(tokens) <= _MOST_NAMED:
            size = 9 if len(weights) == 1 else 6.5
            axes.set_xticks(range(len(tokens)), tokens, rotation=90, fontsize=size)
            axes.set_yticks(range(len(tokens)), tokens, fontsize=size)
            axes.tick_params(length=0)
    figure.colorbar(drawn, ax=panels, shrink=0.6, label="weight")
    return figure


def _lines(tokens, weights, titles, places):
    """tokens, weights [H, T] of a word, H titles, the word's places -> a figure with lines for each head."""
    length = max(map(len, tokens))
    figure, panels = _panels(len(weights), 2.0 + 0.16 * length, 0.6 + _CELL * len(tokens))
    for axes, one, title in zip(panels, weights, titles, strict=True):
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
        axes.set(xlim=(-0.1, 1.6), ylim=(len(tokens) - 0.5, -0.5))
        for place, token in enumerate(tokens):
            looks = place in places
            style = {"weight": "bold", "color": "black"} if looks else {"color": "0.6"}
            axes.text(0.0, place, token, ha="right", va="center", fontsize=10, **style)
            weight = float(one[place])
            shown = f"{token}  {weight:.2f}" if weight >= _SHOWN_WEIGHT else token
            axes.text(1.0, place, shown, ha="left", va="center", fontsize=10, color=_grey(weight))
            for start in places:
                axes.plot([0.03, 0.97], [start, place], color="C0", alpha=min(1.0, weight), linewidth=0.5 + 4 * weight)
    return figure


def _grey(weight):
    """weight -> a colour: the more, the darker."""
    return str(0.6 * (1 - min(1.0, 2 * np.sqrt(weight))))
