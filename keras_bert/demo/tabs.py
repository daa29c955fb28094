"""The tabs of the page, a row each: for which models, what they ask for, what answers."""

import dataclasses
from collections.abc import Callable, Sequence

from keras_bert.demo import answers, examples


@dataclasses.dataclass(frozen=True)
class Tab:
    """A tab of the page.

    Args:
        title: What is written on it.
        about: What it shows, a sentence or two.
        shows: `Shown` -> whether it is for this model.
        fields: For each text that it takes its name and the lines of its box.
        answer: `Shown`, these texts, numbers and choices -> HTML, or a `ValueError`.
        examples: Texts, or tuples of them, to begin with.
        numbers: For each number that it takes, from 0: its name, and `Shown` -> how many there are.
        choices: For each choice that it takes: its name, and what there is to choose from.
        live: Whether it answers while one types.
    """

    title: str
    about: str
    shows: Callable
    fields: Sequence
    answer: Callable
    examples: Sequence
    numbers: Sequence = ()
    choices: Sequence = ()
    live: bool = False


def _of(*tasks, pairs=False):
    """names of tasks, whether it takes two texts -> `Shown` -> whether it is of one of them."""
    return lambda shown: shown.task in tasks and shown.pairs == pairs


TABS = (
    Tab(
        "Tokens",
        "How the tokenizer parts a text: each token, its id, and where it stands in the text, counted in characters. "
        "Pieces that go on with a word begin with ##.",
        lambda shown: True,
        [("Text", 3)],
        answers.tokens,
        examples.TOKENS,
        live=True,
    ),
    Tab(
        "Masked words",
        "What could stand in the place of each [MASK], as the model learned it in pretraining.",
        _of("masked_language_model", "pretrainer"),
        [("Text with [MASK]", 2)],
        answers.masked_words,
        examples.MASKED,
    ),
    Tab(
        "Attention",
        "How much each token, on the left, takes of every token, on the right, in one head of one layer. Point at a "
        "token to see its lines alone, with their weights.",
        lambda shown: shown.model is not None and not shown.in_windows,
        [("Text", 2)],
        answers.attention,
        examples.ATTENTION,
        numbers=[
            ("Layer", lambda shown: shown.model.config.num_layers),
            ("Head", lambda shown: shown.model.config.num_heads),
        ],
        choices=[("View", ("Lines", "Maps of all heads"))],
    ),
    Tab(
        "Classify",
        "The label of a text, or its labels, with the probability of each; or its score.",
        _of("text_classifier", "text_regressor"),
        [("Text", 3)],
        answers.classes,
        examples.OPINIONS,
    ),
    Tab(
        "Pairs",
        "How two texts belong together: a label with its probability, or a score.",
        _of("text_classifier", "text_regressor", pairs=True),
        [("First text", 2), ("Second text", 2)],
        answers.pair,
        examples.PAIRS,
    ),
    Tab(
        "Entities",
        "Names and other entities, coloured by their type; or each word with its tag.",
        _of("token_classifier"),
        [("Text", 3)],
        answers.entities,
        examples.NAMES,
    ),
    Tab(
        "Answers",
        "The part of a paragraph that answers a question. Long paragraphs are read in windows that overlap.",
        _of("span_predictor"),
        [("Question", 1), ("Paragraph", 6)],
        answers.answer,
        examples.QUESTIONS,
    ),
    Tab(
        "Nearest sentences",
        "Sentences sorted by how near their vectors are to a text's: by the cosine of the angle between, 1 at most.",
        _of("text_embedder", "backbone"),
        [("Text", 1), ("Sentences, one a line", 8)],
        answers.nearest,
        examples.SEARCHES,
    ),
)
