"""A text as a model reads it: its tokens, and where each stands in the text.

Legend of the shapes: T tokens, [CLS] and [SEP] included.
"""

import dataclasses
import numbers

import numpy as np

from keras_bert.long_texts import check_reads_rows
from keras_bert.models import check_built, check_length_of

_OF_MASKED_WORDS = ("pretrainer", "masked_language_model")


@dataclasses.dataclass(frozen=True, eq=False)
class Reading:
    """A text, or a pair of texts, as a model reads it.

    Attributes:
        tokens: T strings, as they stand in the vocabulary; [CLS] and [SEP] included.
        text: The text.
        second_text: The other text of a pair, or None.
        segments: Of each token 0; 1 from the second text on; int32 [T].
        starts: Each token's first character in its text, int32 [T]; -1 of [CLS] and [SEP].
        ends: One past its last character, likewise.
    """

    tokens: list
    text: str
    second_text: str | None
    segments: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def words(self):
        """Gives the places of each word's tokens.

        Returns:
            A list of (word, places): the word as it stands in the text, or [CLS] or [SEP]; and the numbers of its
            tokens, a list of int. A punctuation mark is a word.
        """
        found = []
        for place, token in enumerate(self.tokens):
            goes_on = token.startswith("##") and found and self.starts[place] >= 0 and self.starts[found[-1][0]] >= 0
            if goes_on:
                found[-1].append(place)
            else:
                found.append([place])
        return [(self.text_of(places[0], places[-1]), places) for places in found]

    def text_of(self, first, last):
        """numbers of two tokens -> what stands from the first to the last in their text; or a token without a place."""
        if self.starts[first] < 0 or self.starts[last] < 0 or self.segments[first] != self.segments[last]:
            return " ".join(self.tokens[first : last + 1])
        text = self.second_text if self.segments[first] else self.text
        return text[self.starts[first] : self.ends[last]]

    def places_of(self, word):
        """Finds a word.

        Args:
            word: A word of the text, or a token; or the number of a token, from 0, which is [CLS].

        Returns:
            The numbers of its tokens, a list of int.

        Raises:
            ValueError: If there is no such word, or several.
        """
        if isinstance(word, numbers.Integral) and not isinstance(word, bool):
            if not 0 <= word < len(self.tokens):
                raise ValueError(
                    f"`word` must be the number of a token, from 0 to {len(self.tokens) - 1}. Received: word={word}."
                )
            return [int(word)]
        if not isinstance(word, str):
            raise ValueError(f"`word` must be a word of the text or the number of a token. Received: word={word!r}.")
        found = [places for name, places in self.words() if name == word]
        found = found or [places for name, places in self.words() if name.casefold() == word.casefold()]
        found = found or [[place] for place, token in enumerate(self.tokens) if token == word]
        if len(found) != 1:
            where = f"there {len(found)} times, at the tokens {', '.join(str(places[0]) for places in found)}"
            raise ValueError(
                f"`word` must be one word of the text. Received: word={word!r}, which is "
                f"{where if found else 'not there'}. Give the number of a token: "
                f"{', '.join(f'{place} {token}' for place, token in enumerate(self.tokens[:40]))}"
                f"{' ...' if len(self.tokens) > 40 else ''}."
            )
        return found[0]


def read(model, tokenizer, text, second_text=None):
    """Reads a text as a model's predictor does.

    Args:
        model: A model of this library.
        tokenizer: Its `WordPieceTokenizer`.
        text: A string; what is longer than the model's rows loses its end. "[MASK]" in it is that token for models of
            masked words, else plain text. Of a text embedder the default prompt stands before it.
        second_text: The other text of a pair, or None.

    Returns:
        A dict of the fields of a `Reading`, and the model's inputs, a dict of int32 [1, T].

    Raises:
        ValueError: If the model isn't one of this library, reads in windows or has another vocabulary, or a text isn't
            a string.
    """
    from keras_bert.checkpoints.weights import check_vocabulary_size
    from keras_bert.data.packing import model_inputs
    from keras_bert.prediction.vectors import prompt_named

    check_built(model)
    check_reads_rows(model, "Give keras_bert.without_windows(model), and a text of one window.")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    _check_texts(model, tokenizer, text, second_text)
    if model.task == "text_embedder":
        text = prompt_named(model.embedder, None) + text
    keep = model.task in _OF_MASKED_WORDS
    second_texts = None if second_text is None else [second_text]
    inputs = model_inputs([text], tokenizer, check_length_of(model, None), keep, second_texts)
    inputs = {name: values.numpy() for name, values in inputs.items()}
    segments = inputs["segment_ids"][0]
    starts, ends = np.full_like(segments, -1), np.full_like(segments, -1)
    begin = 1
    for number, one in enumerate([text] if second_text is None else [text, second_text]):
        end = np.count_nonzero(segments <= number) - 1  # at its [SEP]
        _, *places = (values.numpy() for values in tokenizer.tokenize_with_offsets(one, keep))
        starts[begin:end], ends[begin:end] = (values[: end - begin] for values in places)
        begin = end + 1
    tokens = [tokenizer.id_to_token(number) for number in inputs["token_ids"][0]]
    fields = {"tokens": tokens, "text": text, "second_text": second_text, "segments": segments}
    return {**fields, "starts": starts, "ends": ends}, inputs


def _check_texts(model, tokenizer, text, second_text):
    """What came -> None; a `ValueError` if a text isn't a string, there is no tokenizer, or no segment for a pair."""
    if tokenizer is None:
        raise ValueError(
            "Texts need a tokenizer, and that TensorFlow and tensorflow-text. Received: tokenizer=None. Without it "
            "give token ids to attention_of_inputs or hidden_states_of_inputs."
        )
    for name, value in (("text", text), ("second_text", second_text)):
        if not isinstance(value, str) and (name == "text" or value is not None):
            raise ValueError(f"`{name}` must be one string. Received: {name}={value!r:.80}.")
    if second_text is not None and model.config.num_segments < 2:
        raise ValueError(
            "Pairs of texts need a model with two segments. Received: a model with "
            f"num_segments={model.config.num_segments}. Leave out `second_text`."
        )
