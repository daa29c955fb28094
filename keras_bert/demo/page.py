"""The page: a tab for each thing that the models can do, made with Gradio."""

import os
import sys
import traceback
from pathlib import Path

from keras_bert.demo import drawing
from keras_bert.demo.examples import fitting
from keras_bert.demo.tabs import TABS

TITLE = "keras_bert"
STYLE = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
# Gradio looks these up when it is imported: no counting of its users, no pages rendered by Node, no history of answers.
_QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_RUN_HISTORY": "False", "GRADIO_SSR_MODE": "False"}


def page(models, note=None):
    """Makes the page of some models.

    Args:
        models: `Shown`s with different names, at least one.
        note: Sentences to stand above the tabs; None: the models' names and what they are.

    Returns:
        A `gradio.Blocks`. `keras_bert.demo.serve` shows it in a browser.

    Raises:
        ValueError: If there are no models, two have the same name, or Gradio isn't installed.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> blocks = page([Shown("words", tokenizer)])  # doctest: +SKIP
    """
    gradio = imported_gradio()
    names = [shown.name for shown in models]
    if not names or len({*names}) != len(names):
        raise ValueError(f"`models` must have different names, at least one. Received: {', '.join(names) or 'none'}.")
    with gradio.Blocks(title=TITLE, analytics_enabled=False) as blocks:
        gradio.HTML(f"<h1>{TITLE}</h1>" + (drawing.sentence(note) if note else _described(models)))
        for tab in TABS:
            if fit := [shown for shown in models if tab.shows(shown)]:
                with gradio.Tab(tab.title):
                    _fill(gradio, tab, fit)
    return blocks


def imported_gradio():
    """-> the module, told to keep to itself; a `ValueError` if it isn't installed."""
    os.environ.update(_QUIET)
    try:
        import gradio
    except ImportError as error:
        raise ValueError("The page needs Gradio, which isn't installed: pip install 'bert-for-keras[demo]'") from error
    return gradio


def answered(tab, shown, inputs):
    """A `Tab`, a `Shown`, what came from its boxes -> HTML: the answer, or a sentence that says what is wrong."""
    try:
        return tab.answer(shown, *("" if value is None else value for value in inputs))
    except ValueError as error:
        return drawing.sentence(str(error), "problem")
    except Exception:
        traceback.print_exc(file=sys.stderr)
        return drawing.sentence("This went wrong here, and not by your text. The terminal says more.", "problem")


def _fill(gradio, tab, models):
    """gradio, a `Tab`, the `Shown`s that it is for -> None; puts its boxes, its button and its answer on the page."""
    by_name, first = {shown.name: shown for shown in models}, models[0]

    def answer(name, *inputs):
        return answered(tab, by_name[name], inputs)

    gradio.HTML(drawing.sentence(tab.about))
    rows = [[row] if isinstance(row, str) else list(row) for row in fitting(tab.examples, first.tokenizer)]
    names = gradio.Dropdown([*by_name], value=first.name, label="Model", visible=len(by_name) > 1)
    boxes = [
        gradio.Textbox(text, label=label, lines=lines, max_lines=max(lines, 12), elem_classes="kb-box")
        for (label, lines), text in zip(tab.fields, rows[0], strict=True)
    ]
    with gradio.Row(visible=bool(tab.numbers or tab.choices)):
        dials = [_slider(gradio, name, count, models) for name, count in tab.numbers]
        dials += [gradio.Radio(list(values), value=values[0], label=name) for name, values in tab.choices]
    button = None if tab.live else gradio.Button("Show", variant="primary", elem_classes="kb-show")
    inputs = [names, *boxes, *dials]
    shown = gradio.HTML(answer(*(box.value for box in inputs)), elem_classes="kb-answer")

    options = {"inputs": inputs, "outputs": shown, "api_visibility": "private", "show_progress": "hidden"}
    asked = [box.change for box in (names, *dials)]
    asked += [box.change for box in boxes] if tab.live else [button.click, *(box.submit for box in boxes)]
    gradio.on(asked, answer, trigger_mode="always_last", **options)
    given = gradio.Dataset(components=boxes, samples=rows, label="Examples")  # gradio.Examples asks by another route
    filled = given.click(_texts_of, given, boxes, api_visibility="private", show_progress="hidden")
    filled.then(answer, **options)


def _texts_of(row):
    """An example, a list of texts -> what its boxes take: the text, or the texts where there are several."""
    return row[0] if len(row) == 1 else row


def _slider(gradio, name, count, models):
    """gradio, what is numbered, `Shown` -> how many there are, `Shown`s -> a slider from 0."""
    most = max(map(count, models)) - 1
    return gradio.Slider(0, max(most, 1), value=count(models[0]) - 1, step=1, label=name)


def _described(models):
    """`Shown`s -> HTML of what they are."""
    lines = []
    for shown in models:
        what = shown.task.replace("_", " ") + (" for pairs" if shown.pairs else "")
        size = "" if shown.model is None else f", {shown.model.count_params() / 1e6:,.1f} million parameters"
        lines.append(f"{shown.name}: {what}{size}, {shown.tokenizer.vocabulary_size:,} tokens")
    return drawing.sentence("\n".join(lines))
