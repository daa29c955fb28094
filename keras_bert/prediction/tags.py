"""Strings in, a tag for each word out, and the entities that the tags mark.

Legend of the shapes: B texts, U units (words, or characters), N tokens of all texts, S windows, T tokens, C tags.
"""

import numpy as np
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.packing import check_max_length, pad
from keras_bert.data.tag_batches import tokens_of_units
from keras_bert.data.windows import check_stride, default_stride, most_context, windowed
from keras_bert.models import check_built, check_length_of
from keras_bert.prediction.backend import check_backend
from keras_bert.prediction.decoding import fill_tags, is_bio, join_entities, repair_tags
from keras_bert.prediction.slices import in_slices
from keras_bert.utils.checks import check_names, check_positive_integer

_WHITE_SPACE = r"[\s\p{Z}]+"
_PARTS_WORDS = r"[\t\n\r\p{Z}]"  # what is white space to the tokenizer: other control characters it drops


def tag(model, tokenizer, max_length, labels=None, stride=None, unit="word", fallback=None):
    """token_classifier, WordPieceTokenizer, `predictor`'s options -> function of strings, names of its inputs."""
    labels = class_names(model, labels)
    fallback = _checked_fallback(fallback, labels)
    answers_of_tokens = _answers_of_tokens(model, tokenizer, labels, max_length, stride)
    if unit == "space":
        answers_of_units = _answers_of_units(answers_of_tokens, tokenizer, labels, fallback)

        def answers_of(text):
            starts, ends = _parted_by_space(text)
            return starts, ends, *answers_of_units(text, starts, ends)

    elif unit in ("word", "piece"):
        answers_of = _answers_of_texts(answers_of_tokens, tokenizer, labels, unit)
    else:
        raise ValueError(
            '`unit` must be "word", "space" for words that white space parts, or "piece" for models trained on '
            f"characters. Received: unit={unit!r}."
        )

    def answer(text):
        starts, ends, tags, probabilities = answers_of(text)
        tags = starts.with_values(tags)
        codepoints = tf.strings.unicode_decode(text, "UTF-8")  # what isn't UTF-8 becomes U+FFFD, as in the tokenizer
        answers = {
            "word": substrings(codepoints, starts, ends),
            "start": starts,
            "end": ends,
            "tag": tags,
            "probability": starts.with_values(probabilities),
        }
        if is_bio(labels):
            entities = join_entities(tags, starts, ends)
            answers["entity"] = substrings(codepoints, entities["entity_start"], entities["entity_end"])
            answers |= entities
        padding = {tf.string: "", tf.int32: -1, tf.float32: 0.0}
        return {key: values.to_tensor(padding[values.dtype]) for key, values in answers.items()}

    return answer, ("text",)


def unit_tagger(model, tokenizer, max_length=None, stride=None, fallback=None, labels=None, batch_size=32):
    """Makes a function that tags sentences whose units are known: a tag for each, none dropped.

    A unit has the tag of the first token that begins in it. If none does, it goes on with the tag of the token that
    covers it, as in words of which one character each is tagged but which are one token. Of what no token covers,
    white space within an entity belongs to it, and the rest, characters that vanish in normalization among them, has
    the tag `fallback`. An I- tag that continues nothing of its type becomes B-.

    Args:
        model: A model from `token_classifier`, which may be trained on afterwards.
        tokenizer: The `WordPieceTokenizer` that it is trained with.
        max_length: The most tokens of a row, [CLS] and [SEP] included; longer sentences run in windows, each unit
            answered where it has most context. None: the model's `max_sequence_length`.
        stride: The tokens that two windows share. None: a quarter of `max_length`.
        fallback: A tag. None: O if the model has that tag, or else its first.
        labels: The tags in the order of the logits. None: the model's own.
        batch_size: Number of sentences that run at a time.

    Returns:
        A function: sentences, as a `TaggedSentences` gives them (their tags aren't looked at) -> for each, the list
        of its tags, strings.

    Raises:
        ValueError: If an argument is out of its range or doesn't fit the model, or the backend isn't TensorFlow.

    Example:
    >>> from keras_bert.data import TaggedSentences
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.token_classifier(keras_bert.backbone(config), 3, labels=["O", "B-PER", "I-PER"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ann"])
    >>> tags = unit_tagger(model, tokenizer, max_length=16)(TaggedSentences([(["Ann", "\u200b", "left"], ["O"] * 3)]))
    >>> len(tags[0]), tags[0][1]
    (3, 'O')
    """
    check_backend()
    check_built(model, "token_classifier")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_positive_integer("batch_size", batch_size)
    labels = class_names(model, labels)
    fallback = _checked_fallback(fallback, labels)
    answers_of_tokens = _answers_of_tokens(model, tokenizer, labels, check_length_of(model, max_length), stride)
    answers_of_units = _answers_of_units(answers_of_tokens, tokenizer, labels, fallback)
    spans = tf.RaggedTensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), spans, spans], autograph=False)
    def tags_of_units(text, starts, ends):
        """strings [B], units' first codepoints and ends, ragged [B, (U)] -> strings [sum of U]."""
        return answers_of_units(text, starts, ends)[0]

    def tag_sentences(sentences):
        sentences = list(sentences)
        order = np.argsort([-len(sentence.text) for sentence in sentences], kind="stable")
        answers = [None] * len(sentences)
        for begin in range(0, len(order), batch_size):
            chosen = order[begin : begin + batch_size]
            batch = [sentences[i] for i in chosen]
            lengths = [len(sentence.starts) for sentence in batch]
            starts, ends = (
                tf.RaggedTensor.from_row_lengths(
                    np.array([p for s in batch for p in getattr(s, key)], "int32"), lengths
                )
                for key in ("starts", "ends")
            )
            tags = tags_of_units(tf.constant([sentence.text for sentence in batch]), starts, ends).numpy()
            for i, last, length in zip(chosen, np.cumsum(lengths), lengths, strict=True):
                answers[i] = [name.decode() for name in tags[last - length : last]]
        return answers

    return tag_sentences


def class_names(model, labels=None):
    """classifier of texts or tokens, names or None -> names of its classes: those given, its own, or numbers."""
    num_classes = model.output.shape[-1]
    if labels is None:
        labels = model.labels or [str(number) for number in range(num_classes)]
    return check_names("labels", labels, "num_classes", num_classes)


def substrings(codepoints, starts, ends):
    """Cuts pieces out of texts.

    Args:
        codepoints: Ragged int32 [B, (characters)], as from `tf.strings.unicode_decode`.
        starts: Ragged int32 [B, (U)]: the pieces' first codepoints.
        ends: The same: one past their last.

    Returns:
        Ragged strings [B, (U)].

    Example:
    >>> codepoints = tf.strings.unicode_decode(["서울 시청"], "UTF-8")
    >>> pieces = substrings(codepoints, tf.ragged.constant([[0, 3]]), tf.ragged.constant([[2, 5]]))
    >>> [piece.decode() for piece in pieces.values.numpy()]
    ['서울', '시청']
    """
    offsets = tf.gather(codepoints.row_starts(), starts.value_rowids())
    places = tf.ragged.range(
        offsets + tf.cast(starts.values, tf.int64), offsets + tf.cast(ends.values, tf.int64)
    )  # [sum of U, (characters)]
    pieces = places.with_values(tf.gather(codepoints.values, places.values))
    return starts.with_values(tf.strings.unicode_encode(pieces, "UTF-8"))


def _answers_of_texts(answers_of_tokens, tokenizer, labels, unit):
    """function from `_answers_of_tokens`, ... -> a function: strings [B] -> the starts and ends, ragged int32 [B, (U)],
    of words as the tokenizer parts them, or of their pieces; and their tags and probabilities, [sum of U]."""
    goes_on = tf.constant([token.startswith("##") for token in tokenizer.vocabulary])

    def answers(text):
        ids, token_starts, token_ends = tokenizer.tokenize_with_offsets(text)
        tags, probabilities = answers_of_tokens(ids)
        rows = ids.value_rowids()
        # Several tokens may come from one character; the first of them answers.
        begins = _changes(rows) | (token_starts.values != _before(token_starts.values))
        if unit == "word":
            begins &= _changes(rows) | ~tf.gather(goes_on, ids.values)
        number = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        units = tf.RaggedTensor.from_value_rowids(tf.where(begins)[:, 0], tf.boolean_mask(rows, begins), ids.nrows())
        starts = units.with_values(tf.gather(token_starts.values, units.values))
        ends = units.with_values(tf.math.segment_max(token_ends.values, number))
        tags = tf.gather(tags, units.values)
        tags = repair_tags(tags, units.value_rowids()) if is_bio(labels) else tags
        return starts, ends, tags, tf.gather(probabilities, units.values)

    return answers


def _answers_of_units(answers_of_tokens, tokenizer, labels, fallback):
    """function from `_answers_of_tokens`, ... -> a function: strings [B], units' starts and ends, ragged int32
    [B, (U)] -> their tags, strings [sum of U], and probabilities, float32 [sum of U], 0 of units without a token."""

    def answers(text, starts, ends):
        ids, token_starts, token_ends = tokenizer.tokenize_with_offsets(text)
        tags, probabilities = answers_of_tokens(ids)
        first, covering = tokens_of_units(text, starts, ends, token_starts, token_ends)
        place = tf.maximum(first, covering)
        place = tf.where(place >= 0, place, tf.size(ids.values, tf.int64))
        tags = tf.gather(tf.concat([tags, [""]], 0), place)
        if is_bio(labels):
            tags = tf.where(first >= 0, tags, tf.strings.regex_replace(tags, "^B-", "I-"))
        words = substrings(tf.strings.unicode_decode(text, "UTF-8"), starts, ends).values
        is_space = tf.strings.regex_full_match(words, _WHITE_SPACE)
        rows = starts.value_rowids()
        tags = fill_tags(tags, (first >= 0) | (covering >= 0), is_space, rows, fallback)
        tags = repair_tags(tags, rows) if is_bio(labels) else tags
        return tags, tf.gather(tf.concat([probabilities, [0.0]], 0), place)

    return answers


def _parted_by_space(text):
    """strings [B] -> the starts and ends, ragged int32 [B, (U)], of what white space parts."""
    characters = tf.strings.unicode_split(text, "UTF-8")
    rows = characters.value_rowids()
    place = tf.cast(tf.range(tf.size(rows, tf.int64)) - tf.gather(characters.row_starts(), rows), tf.int32)
    is_space = tf.strings.regex_full_match(characters.values, _PARTS_WORDS)
    begins = ~is_space & (_changes(rows) | _before(is_space))
    number = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    ends = tf.math.segment_max(tf.boolean_mask(place + 1, ~is_space), tf.boolean_mask(number, ~is_space))
    starts = tf.RaggedTensor.from_value_rowids(
        tf.boolean_mask(place, begins), tf.boolean_mask(rows, begins), characters.nrows()
    )
    return starts, starts.with_values(ends)


def _checked_fallback(fallback, labels):
    """the user's tag or None, the model's tags -> the tag of units without a token."""
    fallback = fallback or ("O" if "O" in labels else labels[0])
    if fallback not in labels:
        raise ValueError(f"`fallback` must be one of the model's tags, {', '.join(labels)}. Received: {fallback!r}.")
    return fallback


def _answers_of_tokens(model, tokenizer, labels, max_length, stride):
    """model, ... -> a function: ragged ids [B, (T)] -> tags, strings [N]; their probabilities, float32 [N]."""
    check_max_length(max_length)
    stride = default_stride(max_length) if stride is None else stride
    check_stride(stride, max_length - 2)

    def answers(ids):
        rows, positions, _ = windowed(ids, tokenizer, max_length, stride)
        logits = in_slices(model, pad(rows, tokenizer))  # [S, T, C]
        window = positions.value_rowids()
        column = tf.range(tf.size(window, tf.int64)) - tf.gather(positions.row_starts(), window) + 1  # after [CLS]
        chosen = most_context(positions, tf.size(ids.values, tf.int64)).values
        places = tf.boolean_mask(tf.stack([window, column], axis=1), chosen)  # [N, 2]
        probabilities = tf.nn.softmax(tf.cast(tf.gather_nd(logits, places), tf.float32))  # [N, C]
        best = tf.argmax(probabilities, axis=-1)
        return tf.gather(tf.constant(labels), best), tf.reduce_max(probabilities, axis=-1)

    return answers


def _before(values):
    """[N] -> [N]: to each the value before it; the first has none, and what stands there means nothing."""
    return tf.concat([values[:1], values[:-1]], 0)


def _changes(rows):
    """ascending numbers of rows [N] -> bools [N]: whether a row begins."""
    return tf.concat([tf.ones_like(rows[:1], tf.bool), rows[1:] != rows[:-1]], 0)
