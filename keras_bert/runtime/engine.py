"""Tokenizer and graph together: texts -> tokens -> rows -> what the model gives for each.

Legend of the shapes: N rows, B rows of a batch, T tokens.
"""

from typing import NamedTuple

import numpy as np

_CHUNK = 1024  # texts that are tokenized at a time
_RUN = 8  # what a run of the graph costs beside its tokens, in tokens


class Tokens(NamedTuple):
    """Tokens of a text: their ids, and their first characters and ends in it, int [T] each."""

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


class Row(NamedTuple):
    """A row of the model: ids, with [CLS] and [SEP], and how many of them are of the first segment."""

    ids: list
    first: int


class Engine:
    """Runs the graph of an export.

    Args:
        session: An `onnxruntime.InferenceSession`.
        tokenizer: A `tokenizers.Tokenizer`.
    """

    def __init__(self, session, tokenizer):
        self.session, self._tokenizer = session, tokenizer
        self._padding, self._cls, self._sep = map(tokenizer.token_to_id, ("[PAD]", "[CLS]", "[SEP]"))

    def ids(self, texts):
        """Strings -> list of lists of ids."""
        return [encoding.ids for chunk in _chunks(texts) for encoding in self._encoded(chunk, offsets=False)]

    def tokens(self, texts):
        """Strings -> list of `Tokens`."""
        tokens = []
        for chunk in _chunks(texts):
            for encoding in self._encoded(chunk, offsets=True):
                places = np.array(encoding.offsets, np.int64).reshape(-1, 2)
                tokens.append(Tokens(np.array(encoding.ids, np.int64), places[:, 0], places[:, 1]))
        return tokens

    def _encoded(self, texts, offsets):
        """strings, whether their places are wanted -> list of `tokenizers.Encoding`."""
        encode = self._tokenizer.encode_batch if offsets else self._tokenizer.encode_batch_fast
        return encode(texts, add_special_tokens=False)

    def continues_word(self, token_id):
        """Id of a token -> whether it goes on with a word."""
        return self._tokenizer.id_to_token(token_id).startswith("##")

    def token(self, token_id):
        """Id of a token -> the token, as it stands in the vocabulary."""
        return self._tokenizer.id_to_token(token_id)

    def row(self, ids, second_ids=None):
        """Ids of a text, and of the second of a pair -> a `Row`."""
        row = [self._cls, *ids, self._sep]
        return Row(row if second_ids is None else [*row, *second_ids, self._sep], len(row))

    def run(self, rows, output, batch_size):
        """Runs rows in batches of near-equal length.

        Args:
            rows: N `Row`s.
            output: Name of an output, or several names.
            batch_size: The most rows of a batch.

        Returns:
            List of N arrays, float32: of a row the output, without padding if it has a place for each token. Of several
            outputs: such a list for each.
        """
        names = [output] if isinstance(output, str) else list(output)
        results = [[None] * len(rows) for _ in names]
        for chosen in _batches([len(row.ids) for row in rows], batch_size):
            inputs = self._padded([rows[place] for place in chosen])
            width = inputs["token_ids"].shape[1]
            of_tokens = [len(self._shapes[name]) > 1 and self._shapes[name][1] == "length" for name in names]
            for values, result, is_long in zip(self.session.run(names, inputs), results, of_tokens, strict=True):
                for value, place in zip(values, chosen, strict=True):
                    length = len(rows[place].ids)
                    result[place] = value[:length] if is_long and length < width else value
        return results[0] if isinstance(output, str) else results

    @property
    def _shapes(self):
        """Name of each output -> names or lengths of its axes."""
        if not hasattr(self, "_output_shapes"):
            self._output_shapes = {output.name: output.shape for output in self.session.get_outputs()}
        return self._output_shapes

    def _padded(self, rows):
        """B `Row`s -> the graph's inputs, int32 [B, T]."""
        lengths = [len(row.ids) for row in rows]
        shape = len(rows), max(lengths)
        token_ids = np.full(shape, self._padding, np.int32)
        segment_ids, mask = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        for number, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            token_ids[number, :length] = row.ids
            segment_ids[number, row.first : length] = 1
            mask[number, :length] = 1
        return {"token_ids": token_ids, "segment_ids": segment_ids, "padding_mask": mask}


def _chunks(texts):
    """Strings -> iterator of lists of at most so many."""
    return (texts[begin : begin + _CHUNK] for begin in range(0, len(texts), _CHUNK))


def _batches(lengths, batch_size):
    """Lengths of N rows, the most rows of a batch -> lists of their numbers, the longest rows first.

    Of all ways to cut the sorted rows it takes the one with the least work: padding costs, and so does each batch.

    >>> _batches([3, 40, 4, 39, 5], batch_size=4)
    [[1, 3], [4, 2, 0]]
    """
    if len(lengths) == 1:
        return [[0]]
    order = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    longest = np.array([lengths[number] for number in order])
    work, begins = np.zeros(len(order) + 1), np.zeros(len(order) + 1, int)  # up to each row; where its batch begins
    for end in range(1, len(order) + 1):
        least = max(0, end - batch_size)
        total = work[least:end] + (end - np.arange(least, end)) * longest[least:end] + _RUN
        begins[end] = least + np.argmin(total)
        work[end] = total.min()
    cuts, end = [], len(order)
    while end:
        cuts.append(order[begins[end] : end])
        end = begins[end]
    return cuts[::-1]
