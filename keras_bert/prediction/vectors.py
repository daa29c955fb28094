"""A text in, its vector out, from a text embedder.

Legend of the shapes: B texts, D width of a vector.
"""

import tensorflow as tf

from keras_bert.data.packing import check_max_length, model_inputs
from keras_bert.prediction.running import outputs_of


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
    >>> from keras_bert.config import EmbedderConfig
    >>> prompt_named(EmbedderConfig(prompts={"query": "query: "}), "query")
    'query: '
    """
    name = embedder.default_prompt if name is None else name
    if name is None:
        return ""
    if name not in embedder.prompts:
        raise ValueError(
            f"`prompt` must be the name of one of the model's prompts: {', '.join(embedder.prompts) or 'it has none'}. "
            f"Received: prompt={name!r}."
        )
    return embedder.prompts[name]
