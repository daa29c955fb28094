"""Vectors of the words or tokens of a text, as `embed` and the runtime give them.

Legend of the shapes: T tokens, W words or tokens of a text, D hidden.
"""

from typing import NamedTuple

import numpy as np


class WordVectors(NamedTuple):
    """The words, or tokens, of a text with a vector each.

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


def joined_to_words(tokens, text):
    """Joins pieces to words: a token that begins with "##" goes on with the word before it.

    Args:
        tokens: `WordVectors` of a text's T tokens.
        text: The text.

    Returns:
        `WordVectors` of its W words; a word's vector is the mean of its pieces'.

    Example:
    >>> tokens = WordVectors(["un", "##fair", "!"], np.array([0, 2, 6]), np.array([2, 6, 7]), np.eye(3))
    >>> words = joined_to_words(tokens, "unfair!")
    >>> words.words, words.vectors.tolist()
    (['unfair', '!'], [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    """
    begins = [i for i, token in enumerate(tokens.words) if not i or not token.startswith("##")]
    sizes = np.diff([*begins, len(tokens.words)])
    starts, ends = tokens.starts[begins], tokens.ends[np.cumsum(sizes) - 1]
    sums = np.add.reduceat(tokens.vectors, begins, axis=0) if begins else tokens.vectors
    words = [text[start:end] for start, end in zip(starts, ends, strict=True)]
    return WordVectors(words, starts, ends, sums / sizes[:, None].astype("float32"))
