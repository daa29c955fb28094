"""Texts -> vectors, of texts, words or tokens.

Legend of the shapes: N texts, T tokens of a text, W words, D hidden.
"""

import numpy as np

from keras_bert.runtime.answering import Answering
from keras_bert.utils.word_vectors import WordVectors, joined_to_words

# Name of a pooling -> function: vectors of a text's tokens [T, D] -> its own [D].
_OF_TEXTS = {
    "mean": lambda output: output.mean(axis=0),
    "max": lambda output: output.max(axis=0),
    "cls": lambda output: output[0].copy(),  # lets go of the rest
}


class Embedder(Answering):
    """Vectors of texts, float32 [N, D], or [D] for one string; of words or tokens N `WordVectors`, or one."""

    def __init__(self, engine, labels, max_length, pooling, normalize=False, prompt=""):
        super().__init__(engine, labels, ("texts",))
        self._room, self._pooling, self._normalize, self._prompt = max_length - 2, pooling, normalize, prompt
        self._width = next(output.shape[-1] for output in self.session.get_outputs())

    def __call__(self, *columns, **options):
        vectors = super().__call__(*columns, **options)
        if not isinstance(vectors, list) or self._pooling not in _OF_TEXTS:
            return vectors
        return np.array(vectors, "float32").reshape(len(vectors), self._width)

    def _answers(self, rows, batch_size):
        texts = [self._prompt + text for (text,) in rows]
        tokens = [type(of_text)(*(part[: self._room] for part in of_text)) for of_text in self._engine.tokens(texts)]
        rows = [self._engine.row(of_text.ids.tolist()) for of_text in tokens]
        outputs = self._engine.run(rows, "sequence_output", batch_size)  # each [T, D]
        if self._pooling in _OF_TEXTS:
            return [self._vector(output) for output in outputs]
        of_texts = zip(texts, tokens, outputs, strict=True)
        return [self._parts(text, of_text, output[1:-1]) for text, of_text, output in of_texts]

    def _vector(self, output):
        """vectors of a text's tokens [T, D] -> its own [D]."""
        vector = _OF_TEXTS[self._pooling](output)
        return vector / max(np.linalg.norm(vector), 1e-12) if self._normalize else vector

    def _parts(self, text, tokens, vectors):
        """A text, its `Tokens`, their vectors [T, D] -> the `WordVectors` of its words or tokens."""
        names = [self._engine.token(int(token_id)) for token_id in tokens.ids]
        parts = WordVectors(names, tokens.starts, tokens.ends, vectors)
        return joined_to_words(parts, text) if self._pooling == "words" else parts
