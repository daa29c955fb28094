"""Pictures: what they show, where their texts stand, and the files that they become."""

import html
import importlib.util
import re
import warnings
import xml.etree.ElementTree

import numpy as np
import pytest

import keras_bert
from keras_bert import inspection
from keras_bert.inspection import fonts
from keras_bert.inspection.answers import Attributions
from keras_bert.inspection.attribution_pictures import _parts
from keras_bert.inspection.encoder import Attention
from keras_bert.inspection.vector_pictures import on_a_plane

pytest.importorskip("matplotlib")
from matplotlib.text import Text

SIGNS = ["<b>", "$x$", "&", "사과"]


@pytest.fixture
def tokenizer():
    """A tokenizer that has signs of HTML and mathematics, and Korean."""
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book", "##s", "bank", "."]
    return keras_bert.WordPieceTokenizer(tokens).add_tokens(SIGNS)


@pytest.fixture
def model(tokenizer):
    """A classifier of two layers and four heads."""
    config = keras_bert.BertConfig(tokenizer.vocabulary_size, 2, 4, 12, 37, 32, initializer_range=0.2)
    return keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["<no>", "yes"])


@pytest.fixture
def result(model, tokenizer):
    """The attention of a text with all signs."""
    return inspection.attention(model, tokenizer, "good books <b> $x$ & 사과")


def texts_in(figure):
    """A figure -> its texts that aren't empty, in the order in which they were written."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def test_a_map_of_each_head(result):
    figure = inspection.show_attention(result, layer=1).figure
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == ["layer 1, head 0", "head 1", "head 2", "head 3"]
    for head, axes in enumerate(maps):
        np.testing.assert_array_equal(axes.images[0].get_array(), result.weights[1, head])
        assert [label.get_text() for label in axes.get_yticklabels()] == result.tokens
        assert [label.get_text() for label in axes.get_xticklabels()] == result.tokens
    assert len([axes for axes in inspection.show_attention(result, -1, 2).figure.axes if axes.images]) == 1


def test_lines_from_a_word(result):
    [axes] = inspection.show_attention(result, -1, 3, word="books").figure.axes
    weights = result.weights[1, 3, 2:4].mean(axis=0)  # of its two pieces
    assert axes.get_title() == "layer 1, head 3"
    for line, (start, place) in zip(
        axes.lines, [(start, place) for place in range(len(result.tokens)) for start in (2, 3)], strict=True
    ):
        assert list(line.get_ydata()) == [start, place]
        assert line.get_linewidth() == pytest.approx(0.5 + 4 * weights[place])
    shown = [f"{token}  {weight:.2f}" for token, weight in zip(result.tokens, weights, strict=True) if weight >= 0.1]
    assert shown and set(shown) <= set(texts_in(axes.figure))
    assert len(inspection.show_attention(result, 0, [1, 2], word=1).figure.axes) == 2


def test_long_texts_have_numbers():
    tokens = [f"t{number}" for number in range(70)]
    result = Attention(tokens, "", None, *np.zeros((3, 70)), weights=np.full((1, 1, 70, 70), 1 / 70))
    figure = inspection.show_attention(result, 0).figure
    figure.canvas.draw()
    shown = texts_in(figure)
    assert "t3" not in shown and "20" in shown


def test_words_on_a_plane(model, tokenizer):
    results = [inspection.hidden_states(model, tokenizer, text) for text in ("good books.", "사과 bank", "Bank & good")]
    picture = inspection.show_embeddings(results)
    shown = texts_in(picture.figure)
    assert [shown.count(name) for name in ("good", "books", "사과", "bank", "Bank", ".", "&", "[CLS]")] == [
        2,
        *[1] * 4,
        *[0] * 3,
    ]
    assert {"good books.", "사과 bank", "Bank & good"} <= set(shown)  # the legend
    vectors = np.stack([results[0].states[-1, 1], results[0].states[-1, 2:4].mean(axis=0)])
    points = inspection.show_embeddings(results[0]).figure.axes[0].collections[0].get_offsets()
    distance = np.linalg.norm(vectors[0] - vectors[1])
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(distance, rel=1e-4)
    banks = inspection.show_embeddings(results, layer=0, words="bank").figure
    assert [texts_in(banks).count(name) for name in ("bank", "Bank", "good")] == [1, 1, 0]


def test_the_plane_is_the_one_of_most_variance():
    """Equal to the eigenvectors of the covariance, up to their ways."""
    vectors = np.random.default_rng(1).normal(size=(9, 5)) * [1, 5, 2, 0.1, 3]
    points, shares = on_a_plane(vectors)
    values, directions = np.linalg.eigh(np.cov(vectors.T))
    np.testing.assert_allclose(shares, values[::-1][:2] / values.sum())
    expected = (vectors - vectors.mean(axis=0)) @ directions[:, ::-1][:, :2]
    np.testing.assert_allclose(abs(points), abs(expected))
    assert on_a_plane(np.ones((3, 4)))[1].tolist() == [0, 0]


def test_names_do_not_lie_on_each_other(model, tokenizer):
    results = [inspection.hidden_states(model, tokenizer, "good book bank books good bank") for _ in range(2)]
    figure = inspection.show_embeddings(results).figure
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_text()]
    assert len(boxes) == 12
    crossings = sum(a.overlaps(b) for number, a in enumerate(boxes) for b in boxes[:number])
    assert crossings == 0


def test_shaded_text(model, tokenizer):
    result = inspection.attributions(model, tokenizer, "good books <b> $x$ & 사과", target="<no>")
    picture = inspection.show_attributions(result)
    without_tags = html.unescape(re.sub("<[^>]*>", "", picture.html))
    assert without_tags.endswith("good books <b> $x$ & 사과") and without_tags.startswith("<no>: ")
    place = int(abs(result.scores).argmax())
    color = "rgb(253, 141, 60)" if result.scores[place] > 0 else "rgb(107, 174, 214)"
    word = html.escape(result.text[result.starts[place] : result.ends[place]])
    assert (
        f'<span style="background: {color}; color: black" title="{result.scores[place]:+.2f}">{word}</span>'
        in picture.html
    )
    assert "$x$" in texts_in(picture.figure) and "사과" in texts_in(picture.figure)


def test_characters_that_tokens_share_have_the_sum():
    fields = {"text": "각x", "second_text": None, "segments": np.zeros(4), "tokens": list("abcd")}
    places = {"starts": np.array([-1, 0, 0, 1]), "ends": np.array([-1, 1, 1, 2])}
    scores = {"scores": np.array([0.0, 1.5, 0.5, -2.0]), "target": "", "value": 0.0, "baseline": 0.0, "error": 0.0}
    result = Attributions(**fields, **places, **scores)
    assert _parts(result, 0, "각x") == [("각", 2.0, (253, 141, 60)), ("x", -2.0, (107, 174, 214))]


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_files(result, tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    picture = inspection.show_attention(result, 0, 0, word="사과")
    picture.save(path)
    content = path.read_bytes()
    if ending == "png":
        assert content.startswith(b"\x89PNG")
    if ending == "svg":
        root = xml.etree.ElementTree.fromstring(content)
        texts = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {"<b>", "$x$", "&", "사과"} <= {text.split("  ")[0] for text in texts}
        picture.save(tmp_path / "again.svg")
        assert (tmp_path / "again.svg").read_bytes() == content
    if ending == "html":
        page = content.decode()
        assert "<script" not in page and "http" not in page and "&lt;b&gt; $x$ &amp; 사과" in page
        assert picture._repr_html_() == picture.html and picture.html in page
    with pytest.raises(ValueError, match=r"must end in \.png, \.svg, \.html\. Received: path='a\.jpg'"):
        picture.save("a.jpg")


def test_wrong_arguments(result, model, tokenizer):
    for name, arguments in {
        "layer": {"layer": 2},
        "head": {"layer": 0, "head": 4},
        "word": {"layer": 0, "word": "film"},
    }.items():
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            inspection.show_attention(result, **arguments)
    with pytest.raises(ValueError, match=r"Received: none"):
        inspection.show_attention(result, 0, head=[])
    states = inspection.hidden_states(model, tokenizer, "good book")
    with pytest.raises(ValueError, match=r"must be what keras_bert\.inspection\.attention gave"):
        inspection.show_attention(states, 0)
    with pytest.raises(ValueError, match=r"must be what keras_bert\.inspection\.hidden_states gave"):
        inspection.show_embeddings([result])
    with pytest.raises(ValueError, match=r"must be what keras_bert\.inspection\.attributions gave"):
        inspection.show_attributions(result)
    with pytest.raises(ValueError, match="`layer` must be a number from 0 to 2"):
        inspection.show_embeddings(states, layer=3)
    with pytest.raises(ValueError, match=r"2 to 300 words\. Received: 1 of 1 sentences, .*: book\."):
        inspection.show_embeddings(states, words="book")


def test_without_matplotlib(result, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'bert-for-keras\[show\]'"):
        inspection.show_attention(result, 0)


def test_characters_that_no_font_has_are_named_once():
    nowhere = "\U0003fffd"  # which no font may have
    with pytest.warns(UserWarning, match="No font of this machine has the characters"):
        fonts.families_for([nowhere])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fonts.families_for([nowhere, "a"]) == ["DejaVu Sans", "sans-serif"]


def test_korean_gets_a_font_that_has_it():
    if not any(ord("각") in map(ord, fonts._characters_of(entry.fname)) for entry in fonts._fonts()):
        pytest.skip("no font of this machine has Hangul")
    first, second, last = fonts.families_for(["bank 은행"])
    assert (first, last) == ("DejaVu Sans", "sans-serif") and second not in (first, last)
