"""A text in, its vector out, from a text embedder; and by which settings a model makes vectors.

Legend of the shapes: B texts, D width of a vector.
"""

import tensorflow as tf

from keras_bert.config import EmbedderConfig
from keras_bert.data.packing import check_max_length, model_inputs
from keras_bert.layers.pooling import POOLINGS
from keras_bert.models import check_length_of, embedding_of
from keras_bert.prediction.running import outputs_of
from keras_bert.utils.checks import check_boolean, check_one_of

PARTS_OF_TEXTS = ("words", "tokens")  # that have vectors of their own


class TextEmbedder:
    """Vectors of texts. Arguments: a text_embedder, its WordPieceTokenizer, and `predictor`'s options."""

    input_names, labels = ("text",), None

    def __init__(self, model, tokenizer, max_length, prompt=None):
        check_max_length(max_length)
        self._model, self._tokenizer, self._max_length = model, tokenizer, max_length
        self._prompt = prompt_named(model.embedder, prompt)

    def answer(self, text):
        """Strings [B] -> a dict of `embedding`, float32 [B, D]."""
        texts = tf.strings.join([self._prompt, text])
        return {"embedding": outputs_of(self._model, model_inputs(texts, self._tokenizer, self._max_length))}

    def as_python(self, rows):
        """B rows of `answer`, each a dict of plain values -> B answers, dicts."""
        return rows


def prompt_named(embedder, name):
    """Finds what stands before texts of some kind.

    Args:
        embedder: An `EmbedderConfig`.
        name: The name of one of its prompts; None: that of its default, if it has one.

    Returns:
        A string, "" for no prompt.

    Raises:
        ValueError: If it has no prompt of that name.

    Example:
    >>> prompt_named(EmbedderConfig(prompts={"query": "query: "}), "query")
    'query: '
    """
    name = embedder.default_prompt if name is None else name
    if name is None:
        return ""
    if not isinstance(name, str) or name not in embedder.prompts:
        raise ValueError(
            f"`prompt` must be the name of one of the model's prompts: {', '.join(embedder.prompts) or 'it has none'}. "
            f"Received: prompt={name!r}."
        )
    return embedder.prompts[name]


def vector_settings(model, pooling=None, prompt=None, normalize=None, max_length=None):
    """Finds by which settings a model makes vectors.

    Args:
        model: A text embedder or a backbone.
        pooling: As in `embed`, like the others: None for the model's own.
        prompt: The name of a prompt.
        normalize: Whether vectors of texts have length 1.
        max_length: The most tokens of a text.

    Returns:
        A dict of `max_length` and `pooling`; of texts also `normalize` and `prompt`, what stands before each.

    Raises:
        ValueError: If the model doesn't make such vectors, or has no positions for such a length.

    Example:
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny"))
    >>> vector_settings(model, "cls", max_length=128)
    {'max_length': 128, 'pooling': 'cls', 'normalize': False, 'prompt': ''}
    """
    if pooling is not None:
        check_one_of("pooling", pooling, (*POOLINGS, *PARTS_OF_TEXTS))
    if pooling in PARTS_OF_TEXTS:
        _check_has_parts(model, prompt, normalize)
        if max_length is None:  # the model's own is for vectors of texts
            max_length = embedding_of(model).max_sequence_length
        return {"max_length": checked_length(model, max_length), "pooling": pooling}
    if normalize is not None:
        check_boolean("normalize", normalize)
    own = model.embedder or EmbedderConfig(normalize=False)
    if model.task == "text_embedder":
        _check_own(own, pooling, normalize)
    elif own.projections and pooling is None:
        raise ValueError(
            f"The checkpoint projects its vectors to {own.projections[-1][0]} dimensions, and a backbone doesn't have "
            'the weights for that. Load it with task="text_embedder"; or, for the encoder\'s own vectors, give '
            f"pooling={own.pooling!r}."
        )
    return {
        "max_length": checked_length(model, max_length),
        "pooling": own.pooling if pooling is None else pooling,
        "normalize": own.normalize if normalize is None else normalize,
        "prompt": prompt_named(own, prompt),
    }


def checked_length(model, max_length):
    """model, most tokens of a row or None -> their number; a `ValueError` if it doesn't fit."""
    max_length = check_length_of(model, max_length)
    check_max_length(max_length)
    return max_length


def _check_has_parts(model, prompt, normalize):
    """model, the user's settings or None -> None; a `ValueError` if they are of no use for words and tokens."""
    if model.task == "text_embedder":
        raise ValueError(
            "A text embedder gives a vector of the whole text. For those of its words or tokens, take the backbone, "
            "from load_pretrained(...)."
        )
    for name, value in (("prompt", prompt), ("normalize", normalize)):
        if value is not None:
            raise ValueError(f"Words and tokens have no `{name}`. Received: {name}={value!r}. Leave it out.")


def _check_own(own, pooling, normalize):
    """`EmbedderConfig`, the user's settings or None -> None; a `ValueError` if a model makes its vectors otherwise."""
    for name, value in (("pooling", pooling), ("normalize", normalize)):
        if value is not None and value != getattr(own, name):
            raise ValueError(
                f"The text embedder has {name}={getattr(own, name)!r} and no other. Received: {name}={value!r}. Leave "
                f"it out; or take the backbone, from load_pretrained(...), which has any {name}."
            )
