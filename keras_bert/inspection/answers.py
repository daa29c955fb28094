"""Which tokens of a text speak for an answer: integrated gradients on the embeddings.

Legend of the shapes: S steps, T tokens, D hidden, C classes.
"""

import dataclasses
import numbers
import warnings

import numpy as np
from keras import ops

from keras_bert.distribution.keras_internals import outputs_with
from keras_bert.inspection.gradients import values_and_gradients
from keras_bert.inspection.reading import Reading, read
from keras_bert.layers.embedding import positions_in_sequence
from keras_bert.layers.quantized import quantization_of
from keras_bert.models import check_built, embedding_of
from keras_bert.utils.checks import check_positive_integer

_TOKENS_AT_ONCE = 1024  # of all steps that are computed together
_MOST_ERROR = 0.05
_LONGEST_ANSWER = 30


@dataclasses.dataclass(frozen=True, eq=False)
class Attributions(Reading):
    """How much each token of a text speaks for an answer.

    Attributes:
        scores: float32 [T], positive for what speaks for the answer, negative for what speaks against it. Their sum is
            `value - baseline`, but for `error`. [CLS] and [SEP] have 0.
        target: The answer, a string: a class, a tag and its word, a span, or "score".
        value: The model's value of it: the logarithm of a class's odds, p / (1 - p); the score before its activation;
            or the sum of both logits of a span.
        baseline: Its value of a text of [MASK]s.
        error: By which share of `value - baseline` the scores' sum is off.
    """

    scores: np.ndarray
    target: str
    value: float
    baseline: float
    error: float


def attributions(model, tokenizer, text, second_text=None, target=None, word=None, steps=64):
    """Finds which tokens of a text speak for an answer of a model, by integrated gradients.

    Each token's vector, the sum of its three embeddings, goes from that of [MASK] at its place to its own, and its
    gradients are summed up on the way. [MASK] is the baseline, for BERT learned to read it as a word that it isn't
    told; the vector of [PAD] is never read, so it was never learned. [CLS] and [SEP] stay as they are.

    Args:
        model: A text_classifier, text_regressor, token_classifier or span_predictor.
        tokenizer: Its `WordPieceTokenizer`.
        text: A string; of a span_predictor the question.
        second_text: The other text of a pair, or the context; or None.
        target: The answer that is asked about: a class, or a tag, by name or number; of a span_predictor the numbers of
            its first and last token. None: what the model answers.
        word: Of a token_classifier the word whose tag it is: a word of the text, or the number of a token.
        steps: In how many steps the integral is computed. More steps take more time, and make `error` smaller.

    Returns:
        An `Attributions`. If its `error` is more than 0.05 a warning says so.

    Raises:
        ValueError: If the model is another one or quantized, there is no such class, word or span, or as in
            `attention`.

    Reference: Sundararajan et al., 2017 (https://arxiv.org/abs/1703.01365).

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "book"])
    >>> backbone = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=7))
    >>> model = keras_bert.text_classifier(backbone, 2, labels=["no", "yes"])
    >>> result = attributions(model, tokenizer, "Good book", target="yes")
    >>> result.tokens, result.scores.shape, result.target
    (['[CLS]', 'good', 'book', '[SEP]'], (4,), 'yes')
    """
    task = check_built(model, *_ANSWERS)
    check_positive_integer("steps", steps)
    if mode := quantization_of(model):
        raise ValueError(
            f"The model was quantized to {mode}: rounded numbers have no gradient. Take the model that it was before."
        )
    if task != "token_classifier" and word is not None:
        raise ValueError(f"`word` is for a token_classifier. Received: word={word!r} for a {task}. Leave it out.")
    fields, inputs = read(model, tokenizer, text, second_text)
    reading = Reading(**fields)
    vectors, masked = _ends_of_path(model, tokenizer, inputs)  # [T, D]
    outputs = _run(model, inputs, np.stack([vectors, masked]))
    name, value_of = _ANSWERS[task](model, reading, outputs, target, word)
    value, baseline = map(float, ops.convert_to_numpy(value_of(outputs)))
    scores = _integral(lambda rows: value_of(_run(model, inputs, rows)), vectors, masked, steps)
    error = abs(float(scores.sum()) - (value - baseline)) / max(abs(value - baseline), 1e-6)
    if error > _MOST_ERROR:
        warnings.warn(
            f"The tokens' scores sum up to {scores.sum():.3g}, not to the {value - baseline:.3g} that they explain. "
            f"Give more than steps={steps}, or a model in float32.",
            stacklevel=2,
        )
    answer = {"target": name, "value": value, "baseline": baseline, "error": error}
    return Attributions(**fields, scores=scores, **answer)


def _ends_of_path(model, tokenizer, inputs):
    """model, tokenizer, inputs [1, T] -> sums of embeddings, and those of a text of [MASK]s, float32 [T, D] each."""
    embedding = embedding_of(model)
    stays = np.isin(inputs["token_ids"], [tokenizer.cls_id, tokenizer.sep_id])
    masked_ids = np.where(stays, inputs["token_ids"], tokenizer.mask_id)
    positions = positions_in_sequence(ops.convert_to_tensor(inputs["padding_mask"]))
    segment_ids = ops.convert_to_tensor(inputs["segment_ids"])
    for token_ids in (inputs["token_ids"], masked_ids):
        sums = embedding.sums(ops.convert_to_tensor(token_ids), segment_ids, positions)
        yield ops.convert_to_numpy(ops.cast(sums, "float32"))[0]


def _run(model, inputs, vectors):
    """model, inputs [1, T], sums of embeddings [S, T, D] -> what the model gives of them."""
    embedding = embedding_of(model)
    rows = {name: np.repeat(values, vectors.shape[0], axis=0) for name, values in inputs.items()}
    rows = {name: ops.convert_to_tensor(values) for name, values in rows.items()}
    return outputs_with(model, rows, embedding, embedding.layer_norm(ops.convert_to_tensor(vectors)))


def _integral(values_of, vectors, masked, steps):
    """function: [S, T, D] -> values [S]; the path's ends [T, D]; number of steps -> the tokens' scores, float32 [T]."""
    places, weights = np.polynomial.legendre.leggauss(steps)  # of the interval from -1 to 1
    places, weights = (places + 1) / 2, weights / 2
    way = vectors - masked
    gradient = np.zeros(way.shape)
    rows = max(1, _TOKENS_AT_ONCE // way.shape[0])
    for begin in range(0, steps, rows):
        slices = slice(begin, begin + rows)
        points = masked + places[slices, None, None] * way
        _, gradients = values_and_gradients(values_of, points.astype("float32"))
        gradient += np.einsum("s,std->td", weights[slices], gradients)
    return (gradient * way).sum(axis=1).astype("float32")


def _of_class(model, reading, outputs, target, word):
    """A text classifier, and what is asked for -> the class, and the function of outputs that gives its log odds."""
    number, name = _class_of(model, ops.convert_to_numpy(outputs)[0], target)
    return name, lambda logits: _log_odds(model, logits, number)


def _of_score(model, reading, outputs, target, word):
    """A text regressor, and what is asked for -> "score", and the function of outputs that gives it."""
    if target is not None:
        raise ValueError(f"A text_regressor gives one score. Received: target={target!r}. Leave it out.")
    return "score", lambda scores: ops.cast(scores[:, 0], "float32")


def _of_tag(model, reading, outputs, target, word):
    """A token classifier, and what is asked for -> the tag, and the function of outputs that gives its log odds."""
    if word is None:
        raise ValueError("A token_classifier answers for each word: give `word`, a word of the text.")
    place = reading.places_of(word)[0]
    number, name = _class_of(model, ops.convert_to_numpy(outputs)[0, place], target)
    shown = next(found for found, places in reading.words() if place in places)
    return f"{name} for {shown}", lambda logits: _log_odds(model, logits[:, place], number)


def _of_span(model, reading, outputs, target, word):
    """A span predictor, and what is asked for -> the span, and the function of outputs that gives its two logits."""
    count = len(reading.tokens)
    if target is None:
        starts, ends = (ops.convert_to_numpy(outputs[key])[0] for key in ("start_logits", "end_logits"))
        first, last = _best_span(reading, starts, ends)
    else:
        is_pair = isinstance(target, (tuple, list)) and all(isinstance(one, numbers.Integral) for one in target)
        if not is_pair or len(target) != 2 or not 0 <= target[0] <= target[1] < count:
            raise ValueError(
                f"`target` must be the numbers of an answer's first and last token, from 0 to {count - 1}. Received: "
                f"target={target!r}."
            )
        first, last = map(int, target)
    name = reading.text_of(first, last)
    return name, lambda logits: ops.cast(logits["start_logits"][:, first] + logits["end_logits"][:, last], "float32")


def _best_span(reading, starts, ends):
    """What is read, logits [T] of it -> the places of the first and the last token of the likeliest answer in it."""
    can_be = (reading.starts >= 0) & (reading.segments == reading.segments.max())
    scores = starts[:, None] + ends[None, :]
    is_span = np.triu(np.ones_like(scores)) - np.triu(np.ones_like(scores), _LONGEST_ANSWER)
    scores = np.where(is_span * can_be[:, None] * can_be[None, :], scores, -np.inf)
    return np.unravel_index(scores.argmax(), scores.shape)


def _class_of(model, logits, target):
    """A classifier, logits [C], a class by name or number or None -> its number and its name."""
    from keras_bert.prediction.texts import class_names

    names = class_names(model)
    if target is None:
        return int(logits.argmax()), names[logits.argmax()]
    if isinstance(target, str) and target in names:
        return names.index(target), target
    if isinstance(target, numbers.Integral) and not isinstance(target, bool) and 0 <= target < len(names):
        return int(target), names[target]
    raise ValueError(f"`target` must be one of {', '.join(names)}, or its number. Received: target={target!r}.")


def _log_odds(model, logits, number):
    """A classifier, logits [S, C], number of a class -> the logarithm of its odds, float32 [S]."""
    logits = ops.cast(logits, "float32")
    if model.multi_label:
        return logits[:, number]
    others = ops.concatenate([logits[:, :number], logits[:, number + 1 :]], axis=1)
    return logits[:, number] - ops.logsumexp(others, axis=1)


_ANSWERS = {
    "text_classifier": _of_class,
    "text_regressor": _of_score,
    "token_classifier": _of_tag,
    "span_predictor": _of_span,
}
