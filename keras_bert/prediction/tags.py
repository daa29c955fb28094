"""Strings in, a tag for each word out, and the entities that the tags mark.

Legend of the shapes: B texts, U units (words, or characters), E entities, N tokens of all texts, S windows, T tokens,
C tags.
"""

import warnings

import tensorflow as tf

from keras_bert.data.packing import check_max_length, pad
from keras_bert.data.tag_batches import tokens_of_units
from keras_bert.data.windows import check_stride, default_stride, most_context, windowed
from keras_bert.prediction.decoding import (
    fill_tags,
    join_entities,
    plain_parts,
    repair_tags,
    substrings,
    units_of_tokens,
    units_parted_by_space,
)
from keras_bert.prediction.running import outputs_in_slices
from keras_bert.prediction.texts import class_names
from keras_bert.utils.checks import some_of
from keras_bert.utils.tag_recognition import bio_labels
from keras_bert.utils.tag_schemes import is_bio

_WHITE_SPACE = r"[\s\p{Z}]+"
_FILLING = {tf.string: "", tf.int32: -1, tf.float32: 0.0}  # where a text has fewer units or entities than others
_UNIT_KEYS = {key: key for key in ("word", "start", "end", "tag", "probability")}
_ENTITY_KEYS = {"text": "entity"} | {key: f"entity_{key}" for key in ("type", "start", "end", "probability")}


class Tagger:
    """Tags of units. Arguments: a token_classifier, its WordPieceTokenizer, and `predictor`'s options.

    Tokens run through the model in windows; each unit has the tag of one token; tags are mended where they contradict
    each other; and those of entities are joined. Labels that mark entities in another scheme, as PER-B or S-PER, answer
    in BIO. With `is_entities=False` all answer as they are.
    """

    input_names = ("text",)

    def __init__(
        self, model, tokenizer, max_length, labels=None, stride=None, unit="word", fallback=None, is_entities=None
    ):
        self.labels = class_names(model, labels)
        self._tags = _checked_tags(self.labels, is_entities)  # of the answers, label by label
        self._fallback = _checked_fallback(fallback, self.labels, self._tags)
        check_max_length(max_length)
        stride = default_stride(max_length) if stride is None else stride
        check_stride(stride, max_length - 2)
        if unit not in ("word", "space", "piece"):
            raise ValueError(
                '`unit` must be "word", "space" for words that white space parts, or "piece" for models trained on '
                f"characters. Received: unit={unit!r}."
            )
        self._model, self._tokenizer = model, tokenizer
        self._max_length, self._stride, self._unit = max_length, stride, unit
        self._has_entities = is_entities is not False and is_bio(self._tags)
        # Whether a token belongs to the unit of the one before it: a row for each token of the vocabulary.
        self._goes_on = tf.constant([unit == "word" and token.startswith("##") for token in tokenizer.vocabulary])

    def answer(self, text):
        """Strings [B] -> a dict of tensors [B, U] and [B, E], described in `predictor`."""
        if self._unit == "space":
            starts, ends = units_parted_by_space(text)
            tags, probabilities = self.tags_of_units(text, starts, ends)
        else:
            starts, ends, tags, probabilities = self._tagged_words(text)
        tags, probabilities = starts.with_values(tags), starts.with_values(probabilities)
        codepoints = tf.strings.unicode_decode(text, "UTF-8")  # what isn't UTF-8 becomes U+FFFD, as in the tokenizer
        answers = {
            "word": substrings(codepoints, starts, ends),
            "start": starts,
            "end": ends,
            "tag": tags,
            "probability": probabilities,
        }
        if self._has_entities:
            entities = join_entities(tags, starts, ends, probabilities)
            answers["entity"] = substrings(codepoints, entities["entity_start"], entities["entity_end"])
            answers |= entities
        return {key: values.to_tensor(_FILLING[values.dtype]) for key, values in answers.items()}

    def as_python(self, rows):
        """B rows of `answer`, each a dict of plain values -> B answers, dicts."""
        return tagged_rows(rows)

    def tags_of_units(self, text, starts, ends):
        """Strings [B], places of units that are known, ragged int32 [B, (U)] twice -> their tags, strings [sum of U],
        and probabilities, float32 [sum of U], 0 of units without a token."""
        ids, token_starts, token_ends = self._tokenizer.tokenize_with_offsets(text)
        tags, probabilities = self._tags_of_tokens(ids)
        first, covering = tokens_of_units(text, starts, ends, token_starts, token_ends)
        has_token = (first >= 0) | (covering >= 0)
        place = tf.where(has_token, tf.maximum(first, covering), tf.size(ids.values, tf.int64))
        tags = tf.gather(tf.concat([tags, [""]], 0), place)
        if self._has_entities:  # A token that began in another unit goes on here.
            tags = tf.where(first >= 0, tags, tf.strings.regex_replace(tags, "^B-", "I-"))
        words = substrings(tf.strings.unicode_decode(text, "UTF-8"), starts, ends).values
        is_space = tf.strings.regex_full_match(words, _WHITE_SPACE)
        rows = starts.value_rowids()
        tags = self._repaired(fill_tags(tags, has_token, is_space, rows, self._fallback), rows)
        return tags, tf.gather(tf.concat([probabilities, [0.0]], 0), place)

    def _tagged_words(self, text):
        """strings [B] -> where words or pieces begin and end, ragged int32 [B, (U)]; their tags, strings [sum of U],
        and probabilities, float32 [sum of U]."""
        ids, token_starts, token_ends = self._tokenizer.tokenize_with_offsets(text)
        tags, probabilities = self._tags_of_tokens(ids)
        first, starts, ends = units_of_tokens(token_starts, token_ends, tf.gather(self._goes_on, ids.values))
        tags = self._repaired(tf.gather(tags, first.values), first.value_rowids())
        return starts, ends, tags, tf.gather(probabilities, first.values)

    def _tags_of_tokens(self, ids):
        """ragged ids [B, (T)] -> tags, strings [N]; their probabilities, float32 [N]."""
        rows, positions, _ = windowed(ids, self._tokenizer, self._max_length, self._stride)
        logits = outputs_in_slices(self._model, pad(rows, self._tokenizer))  # [S, T, C]
        window = positions.value_rowids()
        column = tf.range(tf.size(window, tf.int64)) - tf.gather(positions.row_starts(), window) + 1  # after [CLS]
        chosen = most_context(positions, tf.size(ids.values, tf.int64)).values
        places = tf.boolean_mask(tf.stack([window, column], axis=1), chosen)  # [N, 2]
        probabilities = tf.nn.softmax(tf.cast(tf.gather_nd(logits, places), tf.float32))  # [N, C]
        best = tf.argmax(probabilities, axis=-1)
        return tf.gather(tf.constant(self._tags), best), tf.reduce_max(probabilities, axis=-1)

    def _repaired(self, tags, rows):
        """strings [N], numbers of their texts [N] -> strings [N], each entity beginning with B-."""
        return repair_tags(tags, rows) if self._has_entities else tags


def _checked_tags(labels, is_entities):
    """the model's labels, the user's word -> the tags of its answers: in BIO, if they mark entities; a warning if but
    some do."""
    tags, others = bio_labels(labels, is_entities)
    if others:
        warnings.warn(
            f"The model's labels mark entities, but for {some_of(others)}: a word with such a label is answered as O.",
            stacklevel=4,
        )
    return tags


def _checked_fallback(fallback, labels, tags):
    """the user's tag or None, the model's labels, the tags of its answers -> the tag of units without a token."""
    fallback = fallback or ("O" if "O" in tags else tags[0])
    tag_of = dict(zip(labels, tags, strict=True)) | {tag: tag for tag in tags}
    if fallback not in tag_of:
        raise ValueError(f"`fallback` must be one of the model's tags, {', '.join(labels)}. Received: {fallback!r}.")
    return tag_of[fallback]


def tagged_rows(rows):
    """B rows of plain values, as `Tagger.answer` gives them -> B answers, dicts of `tags` and perhaps `entities`."""
    answers = []
    for row in rows:
        answers.append({"tags": plain_parts(row, **_UNIT_KEYS)})
        if "entity" in row:
            answers[-1]["entities"] = plain_parts(row, **_ENTITY_KEYS)
    return answers
