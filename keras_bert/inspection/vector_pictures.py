"""Words of several sentences as points of a plane: near where their vectors are near.

Legend of the shapes: N words, D hidden.
"""

import numbers

import numpy as np

from keras_bert.inspection.encoder import HiddenStates
from keras_bert.inspection.fonts import families_for, without_remarks
from keras_bert.inspection.picture import Picture, lay_out, new_figure

_MOST_POINTS = 300


def show_embeddings(results, layer=-1, words=None):
    """Draws the words of sentences on the plane on which their vectors differ most, by principal components.

    Args:
        results: What `hidden_states` gave for each sentence: a list, or one.
        layer: Whose vectors: 0, those before the first layer; k, those after the k-th; -1, after the last.
        words: The words that are drawn, a string or a list of them, in whatever case. None: all that have a letter or
            a digit.

    Returns:
        A `Picture`. Each sentence has its colour. A word of several pieces stands at their mean. The axes say which
        share of all differences they show.

    Raises:
        ValueError: If there are no two words to draw or more than 300, no such layer, vectors of different widths, or
            Matplotlib isn't installed.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "river", "bank"])
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> results = [keras_bert.inspection.hidden_states(model, tokenizer, text) for text in ("River bank", "A bank")]
    >>> show_embeddings(results).figure
    <Figure size ... with 1 Axes>
    """
    results = [results] if isinstance(results, HiddenStates) else list(results)
    _check(results, layer)
    words = [words] if isinstance(words, str) else words
    wanted = None if words is None else {word.casefold() for word in words}
    found = [
        (number, word, result.states[layer, places].mean(axis=0))
        for number, result in enumerate(results)
        for word, places in result.words()
        if result.starts[places[0]] >= 0 and (word.casefold() in wanted if wanted else any(map(str.isalnum, word)))
    ]
    if not 2 <= len(found) <= _MOST_POINTS:
        raise ValueError(
            f"A plane needs 2 to {_MOST_POINTS} words. Received: {len(found)} of {len(results)} sentences"
            f"{'' if words is None else ', where these are asked for: ' + ', '.join(words)}."
        )
    numbers_of, names, vectors = zip(*found, strict=True)
    points, shares = on_a_plane(np.stack(vectors))
    figure = _drawn(points, shares, names, numbers_of, [_title(result) for result in results])
    return Picture(figure, f"Words on a plane: {', '.join(names)}")


def on_a_plane(vectors):
    """Finds the two directions in which vectors differ most.

    Args:
        vectors: Floats [N, D], N of at least 2.

    Returns:
        Their places along these, float [N, 2], with mean 0; and which share of all differences each direction has, [2].

    Example:
    >>> points, shares = on_a_plane(np.array([[0.0, 1.0, 0.0], [0.0, 5.0, 0.0], [0.0, 3.0, 0.0]]))
    >>> abs(points[:, 0]).tolist(), shares.round(3).tolist()
    ([2.0, 2.0, 0.0], [1.0, 0.0])
    """
    centred = vectors - vectors.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred.astype("float64"), full_matrices=False)
    # A direction has two ways: that on which its greatest part is positive is taken, so that pictures are the same.
    ways = np.sign(right[np.arange(len(right)), abs(right).argmax(axis=1)])
    points = np.zeros((len(vectors), 2))
    kept = min(2, len(sizes))
    points[:, :kept] = (left * sizes * ways)[:, :kept]
    shares = np.zeros(2)
    shares[:kept] = (sizes**2 / max((sizes**2).sum(), 1e-30))[:kept]
    return points, shares


def _check(results, layer):
    """What `hidden_states` gave, a layer -> None; a `ValueError` if it isn't that, or there is no such layer."""
    if not results or not all(isinstance(result, HiddenStates) for result in results):
        raise ValueError(
            "`results` must be what keras_bert.inspection.hidden_states gave, one or a list. Received: "
            f"{results!r:.80}."
        )
    if len({result.states.shape[2] for result in results}) > 1:
        raise ValueError("Vectors of one model can be compared with each other only. Received: different widths.")
    count = min(result.states.shape[0] for result in results)
    if isinstance(layer, bool) or not isinstance(layer, numbers.Integral) or not -count <= layer < count:
        raise ValueError(f"`layer` must be a number from 0 to {count - 1}, or -1. Received: layer={layer!r}.")


def _title(result):
    """`HiddenStates` -> its text, in short."""
    text = result.text if result.second_text is None else f"{result.text} / {result.second_text}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _drawn(points, shares, names, numbers_of, titles):
    """points [N, 2], shares [2], N words, the numbers of their sentences, titles of these -> a figure."""
    figure = new_figure(7, 5 + 0.22 * len(titles))
    axes = figure.subplots()
    for number, title in enumerate(titles):
        of_it = [place for place, one in enumerate(numbers_of) if one == number]
        axes.scatter(*points[of_it].T, s=30, color=f"C{number % 10}", label=title)
    axes.set_xlabel(f"first component, {shares[0]:.0%} of the variance")
    axes.set_ylabel(f"second component, {shares[1]:.0%}")
    axes.margins(0.12)
    figure.legend(loc="outside upper left", fontsize=9, frameon=False)
    colors = [f"C{number % 10}" for number in numbers_of]
    with without_remarks():
        _name(figure, axes, points, names, colors)
    return figure


def _name(figure, axes, points, names, colors):
    """figure, axes, points [N, 2], their names and colours -> None; writes each name where no other and no point is."""
    from matplotlib.transforms import Bbox

    style = {"fontsize": 9, "fontfamily": families_for(names), "parse_math": False}
    lay_out(figure)
    renderer = figure.canvas.get_renderer()
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in axes.transData.transform(points)]  # the points
    for point, name, color in zip(points, names, colors, strict=True):
        text = axes.annotate(name, point, (0, 0), textcoords="offset points", color=color, **style)
        best = None
        for place in _PLACES:
            text.set(position=place[:2], ha=place[2], va=place[3])
            box = text.get_window_extent(renderer)
            overlap = sum(_common(box, other) for other in taken)
            overlap += box.width * box.height - _common(box, axes.bbox)  # what is outside
            if best is None or overlap < best[0]:
                best = overlap, place, box
            if overlap < 1.0:
                break
        text.set(position=best[1][:2], ha=best[1][2], va=best[1][3])
        taken.append(best[2])
        if best[1] not in _PLACES[:8]:  # a line says whose name it is
            line = {"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
            axes.annotate("", point, best[1][:2], textcoords="offset points", arrowprops=line)


_PLACES = tuple(
    (x * far, y * far, {1: "left", 0: "center", -1: "right"}[x], {1: "bottom", 0: "center", -1: "top"}[y])
    for far in (5, 14, 24, 36, 50)
    for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
)


def _common(box, other):
    """two boxes -> the area that they share."""
    width = min(box.x1, other.x1) - max(box.x0, other.x0)
    height = min(box.y1, other.y1) - max(box.y0, other.y0)
    return max(0.0, width) * max(0.0, height)
