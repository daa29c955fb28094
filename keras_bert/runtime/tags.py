"""Strings in, a tag for each word out, and the entities that the tags mark.

Legend of the shapes: U units (words, or characters), T tokens, C tags; of one text.
"""

import itertools
import unicodedata

import numpy as np

from keras_bert.runtime.answering import Answering, plain, softmax
from keras_bert.runtime.windows import most_context, window_spans


class Tagger(Answering):
    """Tags of units. Arguments: an `Engine`, the labels, and what `export_onnx` wrote of options.

    The same steps as in keras_bert.prediction.tags, one text after the other.
    """

    def __init__(self, engine, labels, max_length, stride, unit, fallback, is_entities, tags):
        super().__init__(engine, labels, ("text",))
        self._room, self._stride, self._unit = max_length - 2, stride, unit
        self._fallback, self._is_entities, self._tags = fallback, is_entities, tags

    def _answers(self, rows, batch_size):
        texts = [text for (text,) in rows]
        tokens = self._engine.tokens(texts)
        spans = [window_spans(len(of_text.ids), self._room, self._stride) for of_text in tokens]
        windows = [
            self._engine.row(of_text.ids[begin:end].tolist())
            for of_text, of_spans in zip(tokens, spans, strict=True)
            for begin, end in of_spans
        ]
        logits = iter(self._engine.run(windows, "logits", batch_size))
        return [
            self._answer(text, of_text, *self._tags_of_tokens(of_spans, list(itertools.islice(logits, len(of_spans)))))
            for text, of_text, of_spans in zip(texts, tokens, spans, strict=True)
        ]

    def _tags_of_tokens(self, spans, logits):
        """A text's windows, the logits of each, float32 [T + 2, C] -> T tags, and their probabilities [T]."""
        chosen = most_context(spans, spans[-1][1])
        rows = [
            row[1:-1][chosen[begin:end] == i] for i, ((begin, end), row) in enumerate(zip(spans, logits, strict=True))
        ]
        probabilities = softmax(np.concatenate(rows))  # [T, C]
        return [self._tags[i] for i in probabilities.argmax(axis=-1)], probabilities.max(axis=-1)

    def _answer(self, text, tokens, tags, probabilities):
        """A text, its `Tokens`, their tags and probabilities -> its answer, a dict."""
        if self._unit == "space":
            starts, ends = _parted_by_space(text)
            tags, probabilities = self._tags_of_units(text, starts, ends, tokens, tags, probabilities)
        else:
            first, ends = self._words(tokens)
            starts = tokens.starts[first].tolist()
            tags, probabilities = [tags[i] for i in first], probabilities[first]
        if self._is_entities:
            tags = _repaired(tags)
        words = [
            {"word": text[start:end], "start": start, "end": end, "tag": tag, "probability": plain(probability)}
            for start, end, tag, probability in zip(starts, ends, tags, probabilities, strict=True)
        ]
        if not self._is_entities:
            return {"tags": words}
        return {"tags": words, "entities": _entities(text, starts, ends, tags, probabilities)}

    def _words(self, tokens):
        """`Tokens` -> the first token of each unit, and one past each unit's last character: lists of U."""
        first, ends = [], []
        for number, (start, end) in enumerate(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True)):
            goes_on = self._unit == "word" and self._engine.continues_word(int(tokens.ids[number]))
            if number and (goes_on or start == tokens.starts[number - 1]):
                ends[-1] = max(ends[-1], end)
            else:
                first.append(number)
                ends.append(end)
        return first, ends

    def _tags_of_units(self, text, starts, ends, tokens, tags, probabilities):
        """A text, places of U units, its `Tokens`, their tags and probabilities -> the units' tags, probabilities [U].

        A unit has the tag of the first token that begins in it, or goes on with that of the token that covers it.
        """
        found, shares = [], []
        for start, end in zip(starts, ends, strict=True):
            place = int(np.searchsorted(tokens.starts, start))
            begins = place < len(tags) and tokens.starts[place] < end
            if not begins:
                place = place - 1 if place and tokens.ends[place - 1] > start else -1
            tag = None if place < 0 else tags[place]
            if tag and not begins and self._is_entities:
                tag = _continued(tag)
            found.append(tag)
            shares.append(0.0 if place < 0 else probabilities[place])
        is_space = [all(map(_is_space, text[start:end])) for start, end in zip(starts, ends, strict=True)]
        return _filled(found, is_space, self._fallback), np.array(shares, "float32")


def _parted_by_space(text):
    """Text -> first characters of what white space parts, and one past their last: two lists."""
    edges, was_space = [], True
    for place, character in enumerate(text):
        is_space = character in "\t\n\r" or unicodedata.category(character).startswith("Z")
        if is_space != was_space:
            edges.append(place)
        was_space = is_space
    if not was_space:
        edges.append(len(text))
    return edges[::2], edges[1::2]


def _is_space(character):
    """Character -> whether it is white space between two words of an entity."""
    return character in "\t\n\f\r" or unicodedata.category(character).startswith("Z")


def _continued(tag):
    """Tag -> the one by which it is continued: I- for B-."""
    return f"I-{tag[2:]}" if tag.startswith("B-") else tag


def _repaired(tags):
    """Tags of a text -> the same, each entity beginning with B-."""
    before = [None, *map(_continued, tags)]
    return [f"B-{tag[2:]}" if tag.startswith("I-") and before[i] != tag else tag for i, tag in enumerate(tags)]


def _filled(tags, joint, fallback):
    """Tags of a text's units or None, whether each may go on with an entity, a tag -> a tag for each.

    A unit without one, if it may, goes on with the entity that goes on behind it; the others have the fallback.
    """
    known = [number for number, tag in enumerate(tags) if tag is not None]
    filled = [fallback if tag is None else tag for tag in tags]
    for before, after in itertools.pairwise(known):
        if tags[after].startswith("I-") and _continued(tags[before]) == tags[after]:
            for number in range(before + 1, after):
                if joint[number]:
                    filled[number] = tags[after]
    return filled


def _entities(text, starts, ends, tags, probabilities):
    """A text, places of U units, their tags, as `_repaired` leaves them, and probabilities [U] -> its entities."""
    entities = []
    for number, tag in enumerate(tags):
        if tag.startswith("B-"):
            entities.append((tag[2:], [number]))
        elif tag.startswith("I-"):
            entities[-1][1].append(number)
    answers = []
    for kind, units in entities:
        start, end = starts[units[0]], max(ends[number] for number in units)
        probability = plain(np.mean(probabilities[units], dtype="float32"))
        part = {"text": text[start:end], "type": kind, "start": start, "end": end, "probability": probability}
        answers.append(part)
    return answers
