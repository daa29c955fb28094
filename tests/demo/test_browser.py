"""Each tab of the page in a real browser, headless: English, Korean, long texts, mistakes; no word to other machines.

It wants Playwright and a Chromium: `pip install playwright`, and `playwright install chromium` or a Chromium or Chrome
on the path. `KERAS_BERT_BROWSER` names another.
"""

import os
import shutil
from pathlib import Path

import pytest

from keras_bert.demo.tabs import TABS

pytest.importorskip("gradio", reason="gradio isn't installed: pip install 'bert-for-keras[demo]'")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright isn't installed: pip install playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
KOREAN, LONG = "나는 오늘 사과를 먹었다.", ("the book is good. 나는 책이 좋았다. " * 80)[:2000]
MODELS = (
    *(("masked_language_model", {}), ("text_classifier", {}), ("token_classifier", {}), ("span_predictor", {})),
    *(("text_embedder", {}), ("text_regressor", {"pairs": True, "name": "similarity"})),
)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    path = os.environ.get("KERAS_BERT_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as started:
        if path is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("no Chromium or Chrome was found: playwright install chromium")
        browser = started.chromium.launch(executable_path=path)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(served_at, shown):
    """The address of a page with models of every task."""
    with served_at([shown(task, **options) for task, options in MODELS]) as address:
        yield address


@pytest.fixture
def opened(browser, address):
    """The page in the browser, whose every request goes to the server; nothing went wrong in it."""
    opened, asked, wrong = browser.new_page(viewport={"width": 1400, "height": 900}), [], []
    opened.set_default_timeout(60_000)
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("response", lambda response: response.status >= 400 and wrong.append((response.status, response.url)))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(address)
    yield opened
    opened.close()
    elsewhere = [url for url in asked if not url.startswith((address, "data:", "blob:", "about:"))]
    assert asked and not elsewhere and not wrong


def open_tab(opened, title):
    """The page, a tab's title -> its panel, which is shown now."""
    opened.get_by_role("tab", name=title, exact=True).click()
    panel = opened.get_by_role("tabpanel").filter(visible=True)
    panel.locator(".prose.kb-answer").wait_for()
    return panel


def ask(panel, tab, texts):
    """A panel, its `Tab`, a text for each box -> the answer's text, when it is another one than before."""
    answer = panel.locator(".prose.kb-answer")
    before = answer.inner_html()
    for box, text in zip(panel.locator(".kb-box textarea, .kb-box input").all(), texts, strict=True):
        box.fill(text)
    if not tab.live:
        panel.get_by_role("button", name="Show", exact=True).click()
    for _ in range(600):
        if answer.inner_html() != before:
            return answer.inner_text()
        panel.page.wait_for_timeout(100)
    raise TimeoutError(f"The answer of {tab.title} didn't change within a minute.")


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.title)
def test_a_tab(opened, tab):
    panel = open_tab(opened, tab.title)
    first = panel.locator(".prose.kb-answer").inner_text()
    assert first and panel.locator(".prose.kb-answer .kb-problem").count() == 0  # of its example, from the start
    count = len(tab.fields)

    assert "is empty. Write something into it." in ask(panel, tab, [""] * count)
    assert panel.locator(".prose.kb-answer .kb-problem").count() == 1
    mask = "[MASK] " if tab.title == "Masked words" else ""
    assert ask(panel, tab, [mask + KOREAN] * count)
    assert panel.locator(".prose.kb-answer .kb-problem").count() == 0
    assert ask(panel, tab, [mask + LONG[len(mask) :]] * count)
    assert panel.locator(".prose.kb-answer .kb-problem").count() == 0
    assert "20,000" in ask(panel, tab, ["x" * 20_001] * count)
    assert ask(panel, tab, [f"{mask}<img src='https://example.org/x.png'> the sea"] * count)
    assert panel.locator(".prose.kb-answer img").count() == 0
    assert opened.get_by_text("Traceback").count() == 0


def test_tokens_come_while_typing(opened):
    panel = open_tab(opened, "Tokens")
    box = panel.locator(".kb-box textarea")
    box.fill("")
    panel.locator(".kb-problem").wait_for()
    box.press_sequentially("책 a1", delay=50)
    panel.get_by_text("4 characters, 3 tokens", exact=False).wait_for()
    assert panel.locator(".kb-chip b").all_inner_texts() == ["[CLS]", "책", "a", "##1", "[SEP]"]
    assert panel.locator(".kb-chip small").all_inner_texts()[1:-1] == ["0–1", "2–3", "3–4"]


def test_a_text_without_a_mask_is_told_so(opened):
    panel = open_tab(opened, "Masked words")
    tab = next(tab for tab in TABS if tab.title == "Masked words")
    assert "There is no [MASK] in the text." in ask(panel, tab, ["the sea"])


def test_an_example_fills_the_boxes_and_is_answered(opened):
    panel = open_tab(opened, "Answers")
    question, answer = panel.locator(".kb-box textarea, .kb-box input").first, panel.locator(".prose.kb-answer")
    text, page = question.input_value(), answer.inner_html()
    panel.locator("table tbody tr").nth(1).click()
    for _ in range(600):
        if question.input_value() != text and answer.inner_html() != page:
            break
        opened.wait_for_timeout(100)
    assert question.input_value() != text and answer.inner_html() != page


def test_another_model_is_chosen(opened):
    panel = open_tab(opened, "Tokens")
    chosen = panel.get_by_role("combobox", name="Model")
    chosen.click()
    opened.get_by_role("option", name="span_predictor").click()
    assert chosen.input_value() == "span_predictor"
