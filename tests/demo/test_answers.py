"""What the tabs answer: the library's own answers, drawn; and sentences where a text doesn't fit."""

import html
import re

import pytest

import keras_bert
from keras_bert.demo import Shown, answers
from keras_bert.demo.page import answered
from keras_bert.demo.tabs import TABS

ENGLISH, KOREAN = "A book, and the sea.", "나는 오늘 사과를 먹었다."
LONG = ("the book is good. 나는 책이 좋았다. " * 80)[:2000]
BY_TITLE = {tab.title: tab for tab in TABS}


def plain(page):
    """HTML -> its text."""
    return html.unescape(re.sub(r"<[^>]*>", "", page))


def names(page):
    """HTML of bars -> the names beside them."""
    return [html.unescape(name) for name in re.findall(r'class="kb-name">(.*?)</span>', page, re.S)]


def marks(page):
    """HTML -> pairs of a marked text and its type."""
    return [
        (html.unescape(text), kind)
        for text, kind in re.findall(r"<mark[^>]*>(.*?)(?:<small>(.*?)</small>)?</mark>", page, re.S)
    ]


@pytest.mark.parametrize("text", [ENGLISH, KOREAN])
def test_tokens_have_ids_and_places(letters, text):
    page = answers.tokens(Shown("letters", letters), text)
    chips = re.findall(r"<b>(.*?)</b><span>(\d+)</span><small>(.*?)</small>", page)
    ids, starts, ends = (part.numpy().tolist() for part in letters.tokenize_with_offsets(text))
    assert chips[0] == ("[CLS]", "2", "&nbsp;") and chips[-1] == ("[SEP]", "3", "&nbsp;")
    for (token, number, place), expected, start, end in zip(chips[1:-1], ids, starts, ends, strict=True):
        assert (int(number), place) == (expected, f"{start}–{end}")
        assert text[start:end].lower() == html.unescape(token).removeprefix("##")
    assert plain(page).startswith(f"{len(text)} characters, {len(ids)} tokens; with [CLS] and [SEP] {len(ids) + 2}.")


def test_what_the_vocabulary_lacks_is_counted(letters):
    page = answers.tokens(Shown("letters", letters), "a 鐘 b")
    assert "1 of them [UNK]" in plain(page) and 'kb-unknown"><b>[UNK]' in page


def test_masked_words_are_those_of_fill_masks(shown):
    model = shown("masked_language_model")
    text = "the [MASK] is [MASK]."
    filled = keras_bert.fill_masks(text, model.model, model.tokenizer, count=8)
    page = answers.masked_words(model, text)
    assert names(page) == [token for words in filled for token, _ in words]
    assert f"{100 * filled[0][0][1]:.1f} %" in page and "[MASK] 2" in page


def test_a_label_and_its_probabilities(shown):
    model = shown("text_classifier")
    answer = keras_bert.predictor(model.model, model.tokenizer)(KOREAN)
    page = answers.classes(model, KOREAN)
    best = sorted(answer["probabilities"], key=answer["probabilities"].get, reverse=True)
    assert names(page) == best and best[0] == answer["label"]
    assert re.findall(r'kb-chosen"><span class="kb-name">(.*?)<', page) == [answer["label"]]
    assert f"{100 * answer['probabilities'][best[1]]:.1f} %" in page


def test_several_labels(letters):
    config = keras_bert.BertConfig.named("tiny", vocabulary_size=letters.vocabulary_size)
    model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["food", "price"], multi_label=True)
    model.keep_thresholds([0.0, 1.0])
    page = answers.classes(Shown("topics", letters, model), ENGLISH)
    assert sorted(names(page)) == ["food", "price"] and page.count("kb-chosen") == 1
    model.keep_thresholds([1.0, 1.0])
    assert "none of the labels" in answers.classes(Shown("topics", letters, model), ENGLISH)


def test_pairs(shown):
    model = shown("text_regressor", pairs=True)
    score = keras_bert.predictor(model.model, model.tokenizer, pairs=True)(ENGLISH, KOREAN)["score"]
    assert plain(answers.pair(model, ENGLISH, KOREAN)) == f"{score:.3f}"
    assert plain(answers.pair(model, KOREAN, ENGLISH)) != f"{score:.3f}"


@pytest.mark.parametrize("text", [ENGLISH, KOREAN])
def test_entities_are_marked_where_they_stand(shown, text):
    model = shown("token_classifier")
    found = keras_bert.predictor(model.model, model.tokenizer)(text)["entities"]
    page = answers.entities(model, text)
    assert found and marks(page) == [(entity["text"], entity["type"]) for entity in found]
    body = re.sub(r"<small>.*?</small>", "", page.partition("</div>")[0])
    assert plain(body) == text


def test_the_answer_is_marked_in_its_paragraph(shown):
    model = shown("span_predictor")
    context = f"{ENGLISH} {KOREAN} the end."
    best = keras_bert.predictor(model.model, model.tokenizer)("the sea?", context)
    page = answers.answer(model, "the sea?", context)
    assert marks(page) == [(context[best["start"] : best["end"]], "")]
    assert names(page) == [one["answer"] for one in best["answers"]]


@pytest.mark.parametrize("task", ["text_embedder", "backbone"])
def test_the_same_sentence_is_nearest(shown, task):
    page = answers.nearest(shown(task), KOREAN, f"{ENGLISH}\n\n  {KOREAN}\nthe end.\n{ENGLISH}")
    assert len(names(page)) == 3 and names(page)[0] == KOREAN and "1.000" in page


def test_lines_are_the_weights_of_a_head(shown):
    model = shown("text_classifier")
    result = keras_bert.inspection.attention(model.model, model.tokenizer, KOREAN)
    page = answers.attention(model, KOREAN, 1, 3)
    groups = re.findall(r'<g class="kb-from".*?</g>', page)
    assert re.findall(r'class="kb-to".*?>(.*?)</text>', page) == result.tokens
    for group, token, weights in zip(groups, result.tokens, result.weights[1, 3], strict=True):
        assert re.search(r'class="kb-token".*?>(.*?)</text>', group)[1] == token
        assert re.findall(r"--share:([.\d]+)", group) == [f"{weight:.3f}" for weight in weights if weight >= 0.01]
    assert page != answers.attention(model, KOREAN, 0, 3) != answers.attention(model, KOREAN, 0, 2)


def test_maps_of_all_heads(shown):
    pytest.importorskip("matplotlib", reason="matplotlib isn't installed: pip install 'bert-for-keras[show]'")
    assert answers.attention(shown("backbone"), ENGLISH, 0, 0, "Maps of all heads").startswith("<img ")


def test_attention_of_a_long_text_or_a_layer_that_there_is_not(shown):
    model, tab = shown("backbone"), BY_TITLE["Attention"]
    page = answers.attention(model, LONG, 0, 0)
    assert page.count("<g ") == 50 and "These are the first 50 tokens" in page
    assert "backbone has 2 layers, 0 to 1. Choose one of these, not 5." in answered(tab, model, [ENGLISH, 5, 0])
    assert "backbone has 4 heads, 0 to 3. Choose one of these, not 4." in answered(tab, model, [ENGLISH, 0, 4])


def filled(tab, model, text):
    """A `Tab`, a `Shown`, a text -> what its boxes give with this text in all of them."""
    numbers = [count(model) - 1 for _, count in tab.numbers]
    return [text] * len(tab.fields) + numbers + [values[0] for _, values in tab.choices]


CASES = [
    ("Tokens", "backbone", {}),
    ("Masked words", "masked_language_model", {}),
    ("Masked words", "pretrainer", {}),
    ("Attention", "span_predictor", {}),
    ("Classify", "text_classifier", {}),
    ("Classify", "text_regressor", {}),
    ("Pairs", "text_classifier", {"pairs": True}),
    ("Entities", "token_classifier", {}),
    ("Answers", "span_predictor", {}),
    ("Nearest sentences", "text_embedder", {}),
]


@pytest.mark.parametrize(("title", "task", "options"), CASES)
def test_empty_and_long_texts_get_sentences(shown, title, task, options):
    tab, model = BY_TITLE[title], shown(task, **options)
    assert tab.shows(model)
    for text in ("", "  \n", None, "x" * 20_001):
        page = answered(tab, model, filled(tab, model, text))
        assert page.startswith('<p class="kb-problem">The ') and page.count("<p") == 1
    text = LONG.replace("the", "[MASK]", 1) if title == "Masked words" else LONG
    page = answered(tab, model, filled(tab, model, text))
    assert "kb-problem" not in page


def test_a_text_that_was_cut_is_said_to_be(shown):
    assert "The model reads 62 tokens at most" in answers.classes(shown("text_classifier"), LONG)
    assert "The model reads 61 tokens" in answers.pair(shown("text_classifier", pairs=True), LONG, ENGLISH)
    assert "The model reads" not in answers.classes(shown("text_classifier"), ENGLISH)


def test_a_mask_that_is_missing_or_too_far(shown):
    tab, model = BY_TITLE["Masked words"], shown("masked_language_model")
    assert "There is no [MASK] in the text" in answered(tab, model, ["the sea"])
    page = answered(tab, model, [LONG + " [MASK]"])
    assert "kb-problem" in page and "first 62 tokens" in page and len(page) < 600


def test_what_breaks_is_a_sentence_and_the_terminal_says_more(shown, capsys):
    tab = BY_TITLE["Classify"]
    page = answered(tab, None, ["the sea"])
    assert "kb-problem" in page and "Traceback" not in page and "NoneType" not in page
    assert "AttributeError" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b\x00\x1b"])
def test_nothing_that_is_typed_becomes_html(shown, text):
    for title, task, options in CASES:
        tab, model = BY_TITLE[title], shown(task, **options)
        given = f"[MASK] {text}" if title == "Masked words" else text
        page = answered(tab, model, filled(tab, model, given))
        assert "<script" not in page and "<img" not in page and "\x1b" not in page


def test_pairs_are_for_classifiers_and_regressors(shown):
    with pytest.raises(ValueError, match="Received: pairs=True, with span_predictor, a span_predictor"):
        shown("span_predictor", pairs=True)
