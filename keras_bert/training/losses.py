"""Losses under plain `fit`: cross-entropy with smoothed labels; and those of a `text_embedder`, of a batch's vectors.

    embedder.compile(keras_bert.AdamW(2e-5), keras_bert.losses.InBatchNegatives())
    embedder.fit(keras_bert.data.embedding_batches(pairs, tokenizer, batch_size=32, max_length=128, seed=0))

A row of a batch is a text, and the targets say which rows belong together. On several devices, and with `accumulate`, a
text is compared with those of the whole batch all the same. If a row lacks those that it belongs with, the loss is NaN.

Legend of the shapes: R rows, D hidden.
"""

import keras
from keras import ops

from keras_bert.distribution.whole_batch import WholeBatchLoss
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate, check_weight

_LOWEST = -1e30


@keras.saving.register_keras_serializable("keras_bert")
class SmoothedCrossEntropy(keras.losses.Loss):
    """The cross-entropy of classes or tags, given by number, whose labels may be smoothed.

    A smoothed label gives a share of its certainty to all C classes alike: 1 - share + share / C to its own, and
    share / C to each other one.

    Args:
        label_smoothing: That share, at least 0 and less than 1.
        reduction: As in Keras. By default the mean over what has a weight: by weights of 2 an example counts twice.
        name: As in Keras.

    Call arguments:
        y_true: The classes' numbers, integers [...].
        y_pred: Logits [..., C].

    Raises:
        ValueError: If `label_smoothing` is out of its range.

    Reference: Szegedy et al., 2015, section 7 (https://arxiv.org/abs/1512.00567); as `CategoricalCrossentropy` of
    Keras, which wants a number for each class.

    Example:
    >>> logits = np.log([[0.5, 0.25, 0.25]])
    >>> round(float(SmoothedCrossEntropy()(np.array([0]), logits)), 4)  # -log(0.5)
    0.6931
    >>> round(float(SmoothedCrossEntropy(0.3)(np.array([0]), logits)), 4)  # -(0.8 log(0.5) + 2 * 0.1 log(0.25))
    0.8318
    """

    def __init__(self, label_smoothing=0.0, reduction="mean_with_sample_weight", name="smoothed_cross_entropy"):
        super().__init__(name=name, reduction=reduction)
        self.label_smoothing = check_rate("label_smoothing", label_smoothing)

    def call(self, y_true, y_pred):
        loss = keras.losses.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        if self.label_smoothing:
            of_all = ops.logsumexp(y_pred, axis=-1) - ops.mean(y_pred, axis=-1)
            loss = (1 - self.label_smoothing) * loss + self.label_smoothing * of_all
        return loss

    def get_config(self):
        return {"label_smoothing": self.label_smoothing, "reduction": self.reduction, "name": self.name}


@keras.saving.register_keras_serializable("keras_bert")
class SmoothedBinaryCrossEntropy(keras.losses.Loss):
    """The cross-entropy of texts with several labels or none: the mean over the labels, each a yes or a no.

    A label's part may count more, or less, for texts that have it and for those that don't. Smoothing gives a share of
    each answer's certainty to yes and no alike: of 1 is left 1 - share / 2, of 0 comes share / 2.

    Args:
        label_smoothing: That share, at least 0 and less than 1.
        weights: For each of C labels a pair: what its part is multiplied by for texts that have it, and for those that
            don't; the values of what `keras_bert.data.label_weights` gives. None: 1 for all.
        reduction: As in Keras.
        name: As in Keras.

    Call arguments:
        y_true: 1 for each label that the text has, else 0 [B, C].
        y_pred: Logits [B, C].

    Raises:
        ValueError: If `label_smoothing` is out of its range, or `weights` aren't pairs of numbers of at least 0, one
            for each label.

    Reference: `BinaryCrossentropy` of Keras; with weights, those of the yes alone, `BCEWithLogitsLoss(pos_weight)` of
    torch.

    Example:
    >>> logits = np.log([[1 / 3, 3.0]])  # probabilities of 1/4 and 3/4
    >>> round(float(SmoothedBinaryCrossEntropy()(np.array([[1, 1]]), logits)), 4)  # -(log(1/4) + log(3/4)) / 2
    0.837
    >>> weights = [(3, 1), (1, 1)]
    >>> loss = SmoothedBinaryCrossEntropy(weights=weights)(np.array([[1, 1]]), logits)
    >>> round(float(loss), 4)  # -(3 log(1/4) + log(3/4)) / 2
    2.2233
    """

    def __init__(
        self,
        label_smoothing=0.0,
        weights=None,
        reduction="mean_with_sample_weight",
        name="smoothed_binary_cross_entropy",
    ):
        super().__init__(name=name, reduction=reduction)
        self.label_smoothing = check_rate("label_smoothing", label_smoothing)
        self.weights = None
        if weights is not None:
            if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in weights):
                raise ValueError(
                    "`weights` must have a pair of numbers for each label, the weight of texts that have it and of "
                    f"those that don't. Received: weights={weights!r}. keras_bert.data.label_weights makes such pairs."
                )
            self.weights = [[check_weight("A label's weight", weight) for weight in pair] for pair in weights]

    def call(self, y_true, y_pred):
        y_true = ops.cast(y_true, y_pred.dtype)
        target = y_true * (1 - self.label_smoothing) + self.label_smoothing / 2
        losses = ops.softplus(y_pred) - target * y_pred  # [B, C]
        if self.weights is not None:
            if len(self.weights) != y_pred.shape[-1]:
                raise ValueError(
                    f"`weights` must be of all {y_pred.shape[-1]} labels. Received: pairs of {len(self.weights)}."
                )
            columns = zip(*self.weights, strict=True)
            yes, no = (ops.convert_to_tensor(column, y_pred.dtype) for column in columns)  # [C] each
            losses *= y_true * yes + (1 - y_true) * no
        return ops.mean(losses, axis=-1)

    def get_config(self):
        config = {"label_smoothing": self.label_smoothing, "weights": self.weights}
        return {**config, "reduction": self.reduction, "name": self.name}


class CosineLoss(WholeBatchLoss):
    """What the losses below share: they are of the cosines between the rows of a batch.

    Subclasses have `loss_of_cosines(y_true, cosines)`: targets [R, K] and cosines [R, R] -> a scalar; `num_targets`, K;
    and `batches`, the name of what makes such targets.

    Args:
        dimensions: Numbers of dimensions, such as (32, 64, 128). The loss is the mean over those of the vectors' first
            32, first 64, ... dimensions, so that vectors cut there can be used too. None: all dimensions alone.
        name: As in Keras.

    Raises:
        ValueError: If `dimensions` aren't different positive integers. When a model is compiled, if it has fewer; when
            training begins, if the targets are of another kind.

    Reference: Kusupati et al., 2022 (https://arxiv.org/abs/2205.13147), for `dimensions`.
    """

    num_targets = batches = None

    def __init__(self, dimensions=None, name=None):
        super().__init__(name=name)
        self.dimensions = None
        if dimensions is not None:
            if not isinstance(dimensions, (list, tuple)):
                raise ValueError(
                    "`dimensions` must be a tuple of different positive integers, such as (32, 64), or None. Received: "
                    f"dimensions={dimensions!r}."
                )
            self.dimensions = tuple(check_positive_integer("dimensions", number) for number in dimensions)
            if not self.dimensions or len({*self.dimensions}) < len(self.dimensions):
                raise ValueError(f"`dimensions` must be different numbers, or None. Received: {self.dimensions}.")

    def loss_of_batch(self, y_true, y_pred):
        self.check_output(y_pred)
        if len(y_true.shape) != 2 or y_true.shape[1] != self.num_targets:
            raise ValueError(
                f"`{self.name}` needs targets of the shape [rows, {self.num_targets}]: those of {self.batches}. "
                f"Received: shape={tuple(y_true.shape)}."
            )
        losses = []
        for width in self.dimensions or (y_pred.shape[1],):
            vectors = _unit_vectors(y_pred[:, :width])
            losses.append(self.loss_of_cosines(y_true, ops.matmul(vectors, ops.transpose(vectors))))
        return sum(losses) / len(losses)

    def check_output(self, output):
        super().check_output(output)
        if self.dimensions and max(self.dimensions) > output.shape[1]:
            raise ValueError(
                f"`dimensions` must be at most the vectors' own, {output.shape[1]}. Received: "
                f"dimensions={self.dimensions}. Leave out what is more."
            )

    def get_config(self):
        return {**super().get_config(), "dimensions": self.dimensions}


@keras.saving.register_keras_serializable("keras_bert")
class InBatchNegatives(CosineLoss):
    """Pulls each anchor closer to its positive than to every other text of the batch: cross-entropy over cosines.

    The others are the positives and hard negatives of all groups. Left out are those that may be right too: texts that
    are the same as the positive or the anchor, and positives of an anchor that is the same.

    Args:
        temperature: What cosines are divided by before the softmax.
        both_directions: Whether each positive is pulled closer to its anchor than to all other anchors, too. The loss
            is the mean of both.
        dimensions: As in `CosineLoss`.
        name: As in Keras.

    Call arguments:
        y_true: Integers [R, 3], as of `keras_bert.data.embedding_batches`: the row's group; 0 if it is the anchor, 1 if
            it is the positive, more if it is a negative; its text, the same number for the same text.
        y_pred: Vectors [R, D] of any length.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Henderson et al., 2017, section 4.4 (https://arxiv.org/abs/1705.00652); as the
    `MultipleNegativesRankingLoss` of sentence-transformers with a scale of 1 / temperature, if no text comes twice.

    Example:
    >>> targets = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 2], [1, 1, 3]])  # two pairs
    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    >>> round(float(InBatchNegatives(temperature=1.0)(targets, vectors)), 4)  # log(1 + exp(-1))
    0.3133
    """

    num_targets = 3
    batches = "keras_bert.data.embedding_batches"

    def __init__(self, temperature=0.05, both_directions=False, dimensions=None, name="in_batch_negatives"):
        super().__init__(dimensions, name)
        self.temperature = check_positive_number("temperature", temperature)
        self.both_directions = bool(both_directions)

    def loss_of_cosines(self, y_true, cosines):
        group, role, text = (y_true[:, i] for i in range(3))  # [R] each
        is_anchor, is_positive = ops.equal(role, 0), ops.equal(role, 1)
        same_group = _equal(group, group)  # [R, R]
        own_anchor = ops.logical_and(same_group, is_anchor[None, :])
        own_positive = ops.logical_and(same_group, is_positive[None, :])
        text_of_anchor, text_of_positive = (_value_of(own, text) for own in (own_anchor, own_positive))
        # Pairs of which one may be right for the other, whatever their roles.
        alike = ops.logical_or(_equal(text_of_anchor, text_of_anchor), _equal(text_of_positive, text_of_positive))
        same_text = ops.logical_or(_equal(text_of_positive, text), _equal(text_of_anchor, text))

        scores = cosines / self.temperature
        may_be_right = ops.logical_or(same_text, ops.logical_and(alike, is_positive[None, :]))
        others = ops.logical_and(ops.greater(role, 0)[None, :], ops.logical_not(may_be_right))
        loss = _cross_entropy(scores, is_anchor, own_positive, others)
        if self.both_directions:
            may_be_right = ops.logical_or(same_text, alike)
            others = ops.logical_and(is_anchor[None, :], ops.logical_not(may_be_right))
            loss = (loss + _cross_entropy(scores, is_positive, own_anchor, others)) / 2
        return loss

    def get_config(self):
        own = {"temperature": self.temperature, "both_directions": self.both_directions}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("keras_bert")
class CoSENT(CosineLoss):
    """Ranks pairs: a pair with a higher score gets a higher cosine.

    It is log(1 + sum of exp(scale * (cosine of the lower - cosine of the higher))), over all such combinations of two
    pairs.

    Args:
        scale: What cosines are multiplied by.
        dimensions: As in `CosineLoss`.
        name: As in Keras.

    Call arguments:
        y_true: Numbers [R, 2], as of `keras_bert.data.similarity_batches`: the row's pair, and that pair's score.
        y_pred: Vectors [R, D] of any length.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Su, 2022 (https://kexue.fm/archives/8847); as the `CoSENTLoss` of sentence-transformers.

    Example:
    >>> targets = np.array([[0, 5.0], [0, 5.0], [1, 1.0], [1, 1.0]])  # two pairs, cosines 1 and 0
    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(CoSENT(scale=1.0)(targets, vectors)), 4)  # log(1 + exp(0 - 1))
    0.3133
    """

    num_targets = 2
    batches = "keras_bert.data.similarity_batches"

    def __init__(self, scale=20.0, dimensions=None, name="cosent"):
        super().__init__(dimensions, name)
        self.scale = check_positive_number("scale", scale)

    def loss_of_cosines(self, y_true, cosines):
        is_first, cosine = _pairs(y_true, cosines)
        score = y_true[:, 1]
        differences = self.scale * (cosine[:, None] - cosine[None, :])  # of the lower, and of the higher
        counts = ops.less(score[:, None], score[None, :])
        counts = ops.logical_and(counts, ops.logical_and(is_first[:, None], is_first[None, :]))
        exponents = ops.reshape(ops.where(counts, differences, _LOWEST), (-1,))
        return ops.logsumexp(ops.concatenate([ops.zeros((1,), "float32"), exponents]))

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}


@keras.saving.register_keras_serializable("keras_bert")
class CosineRegression(CosineLoss):
    """Regresses the cosine of a pair on its score: the mean over the pairs of the squared difference.

    Scores must lie in [-1, 1]; `similarity_batches(score_range=...)` rescales others to [0, 1].

    Args:
        dimensions: As in `CosineLoss`.
        name: As in Keras.

    Call arguments:
        y_true: As in `CoSENT`.
        y_pred: As in `CoSENT`.

    Reference: Reimers and Gurevych, 2019, section 3 (https://arxiv.org/abs/1908.10084); as the `CosineSimilarityLoss`
    of sentence-transformers.

    Example:
    >>> targets = np.array([[0, 1.0], [0, 1.0], [1, 0.5], [1, 0.5]])  # two pairs, cosines 1 and 0
    >>> vectors = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> float(CosineRegression()(targets, vectors))
    0.125
    """

    num_targets = 2
    batches = "keras_bert.data.similarity_batches"

    def __init__(self, dimensions=None, name="cosine_regression"):
        super().__init__(dimensions, name)

    def loss_of_cosines(self, y_true, cosines):
        is_first, cosine = _pairs(y_true, cosines)
        return _mean(ops.square(cosine - y_true[:, 1]), is_first)


def _unit_vectors(vectors):
    """vectors [R, D] -> the same of length 1; 0 stays 0."""
    squares = ops.sum(ops.square(vectors), axis=1, keepdims=True)
    return vectors * ops.rsqrt(ops.maximum(squares, 1e-24))


def _equal(values, others):
    """[R], [R] -> whether each is equal to each of the others [R, R]."""
    return ops.equal(values[:, None], others[None, :])


def _nan_unless_one(chosen):
    """chosen others of each row [R, R] -> 0 for a row that has one, NaN for all others [R]."""
    has_one = ops.equal(ops.sum(ops.cast(chosen, "float32"), axis=1), 1)
    return ops.cast(ops.where(has_one, 0.0, float("nan")), "float32")


def _value_of(chosen, values):
    """one of each row's others chosen [R, R], values [R] -> the value of each row's one [R]; NaN if it isn't one."""
    return ops.sum(ops.where(chosen, values[None, :], 0.0), axis=1) + _nan_unless_one(chosen)


def _cross_entropy(scores, asks, right, others):
    """scores [R, R], which rows ask [R], their right answers and the others [R, R] -> the mean cross-entropy."""
    choices = ops.where(ops.logical_or(right, others), scores, _LOWEST)
    of_right = ops.sum(ops.where(right, scores, 0.0), axis=1) + _nan_unless_one(right)
    return _mean(ops.logsumexp(choices, axis=1) - of_right, asks)


def _pairs(y_true, cosines):
    """targets [R, 2], cosines [R, R] -> which rows come first of their pair [R], the cosine of each row's pair [R]."""
    pair, rows = y_true[:, 0], ops.arange(ops.shape(y_true)[0])
    partner = ops.logical_and(_equal(pair, pair), ops.not_equal(rows[:, None], rows[None, :]))  # [R, R]
    is_later = ops.any(ops.logical_and(partner, ops.greater(rows[:, None], rows[None, :])), axis=1)
    cosine = ops.sum(ops.where(partner, cosines, 0.0), axis=1) + _nan_unless_one(partner)
    return ops.logical_not(is_later), cosine


def _mean(values, counts):
    """values [R], which count [R] -> their mean."""
    return ops.sum(ops.where(counts, values, 0.0)) / ops.sum(ops.cast(counts, "float32"))
