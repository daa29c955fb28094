"""Texts -> vectors, of texts, words or tokens.

Legend of the shapes: N texts, T tokens of a text, W words, D hidden.
"""

import numpy as np

from keras_bert.runtime.answering import Answering
from keras_bert.utils.word_vectors import WordVectors, joined_to_words


class Embedder(Answering):
    """Vectors of texts: for "mean" and "cls", float32 [N, D], or [D] for one string; else N `WordVectors`, or one."""

    def __init__(self, engine, labels, max_length, pooling):
        super().__init__(engine, labels, ("texts",))
        self._room, self._pooling = max_length - 2, pooling
        self._width = next(output.shape[-1] for output in self.session.get_outputs())

    def __call__(self, *columns, **options):
        vectors = super().__call__(*columns, **options)
        if not isinstance(vectors, list) or self._pooling not in ("mean", "cls"):
            return vectors
        return np.array(vectors, "float32").reshape(len(vectors), self._width)

    def _answers(self, rows, batch_size):
        texts = [text for (text,) in rows]
        tokens = [type(of_text)(*(part[: self._room] for part in of_text)) for of_text in self._engine.tokens(texts)]
        rows = [self._engine.row(of_text.ids.tolist()) for of_text in tokens]
        outputs = self._engine.run(rows, "sequence_output", batch_size)  # each [T, D]
        if self._pooling == "mean":
            return [output.mean(axis=0) for output in outputs]
        if self._pooling == "cls":
            return [output[0].copy() for output in outputs]
        of_texts = zip(texts, tokens, outputs, strict=True)
        return [self._parts(text, of_text, output[1:-1]) for text, of_text, output in of_texts]

    def _parts(self, text, tokens, vectors):
        """A text, its `Tokens`, their vectors [T, D] -> the `WordVectors` of its words or tokens."""
        names = [self._engine.token(int(token_id)) for token_id in tokens.ids]
        parts = WordVectors(names, tokens.starts, tokens.ends, vectors)
        return joined_to_words(parts, text) if self._pooling == "words" else parts
