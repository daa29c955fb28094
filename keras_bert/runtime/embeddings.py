"""Texts -> vectors, of texts, words or tokens.

Legend of the shapes: N texts, T tokens of a text, W words, D hidden.
"""

from typing import NamedTuple

import numpy as np

from keras_bert.runtime.answering import Answering

_POOLINGS = ("mean", "cls", "words", "tokens")


class WordVectors(NamedTuple):
    """The words, or tokens, of a text with a vector each, as keras_bert.prediction.embeddings has them.

    Attributes:
        words: W strings: of words, as they stand in the text; of tokens, as they stand in the vocabulary.
        starts: Each one's first character in the text, int [W].
        ends: One past each one's last character, int [W].
        vectors: float32 [W, D].
    """

    words: list
    starts: np.ndarray
    ends: np.ndarray
    vectors: np.ndarray


def check_pooling(pooling):
    """Whatever came -> None; a `ValueError` unless it is "mean", "cls", "words" or "tokens"."""
    if pooling not in _POOLINGS:
        raise ValueError(f"`pooling` must be one of {', '.join(_POOLINGS)}. Received: pooling={pooling!r}.")


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
        if self._pooling == "tokens":
            return WordVectors(names, tokens.starts, tokens.ends, vectors)
        begins = [i for i, name in enumerate(names) if not i or not name.startswith("##")]
        sizes = np.diff([*begins, len(names)])
        starts, ends = tokens.starts[begins], tokens.ends[np.cumsum(sizes) - 1]
        sums = np.add.reduceat(vectors, begins, axis=0) if begins else vectors
        words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
        return WordVectors(words, starts, ends, sums / sizes[:, None].astype("float32"))
