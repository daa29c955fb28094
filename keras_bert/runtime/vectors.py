"""A text in, its vector out, from a text embedder."""

from keras_bert.runtime.answering import Answering, plain


class TextEmbedder(Answering):
    """Vectors of texts. Arguments: an `Engine`, None, and what `export_onnx` wrote of options."""

    def __init__(self, engine, labels, max_length, prompt):
        super().__init__(engine, labels, ("text",))
        self._room, self._prompt = max_length - 2, prompt

    def _answers(self, rows, batch_size):
        ids = self._engine.ids([self._prompt + text for (text,) in rows])
        rows = [self._engine.row(tokens[: self._room]) for tokens in ids]
        vectors = self._engine.run(rows, "embedding", batch_size)
        return [{"embedding": [*map(plain, vector)]} for vector in vectors]
