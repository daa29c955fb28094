"""The loss of a student that learns from its teacher's answers.

Legend of the shapes: B batch, T tokens, C classes.
"""

import keras
from keras import ops

from keras_bert.utils.checks import check_one_of, check_positive_number, check_share

# What makes probabilities of logits: for one class of many, for each class by itself; scores are taken as they are.
_ACTIVATIONS = ("softmax", "sigmoid", "linear")


@keras.saving.register_keras_serializable("keras_bert")
class SoftTargets(keras.losses.Loss):
    """How far a student's answers are from its teacher's, and from labels where there are some.

    Of classes it is the Kullback-Leibler divergence of probabilities at a temperature, times the temperature's square:
    so gradients, which shrink by it, keep their size whatever the temperature. Of scores it is the squared difference.

    Args:
        temperature: What logits are divided by. The higher it is, the more the student hears of classes that the
            teacher finds unlikely.
        label_share: The label's part of the loss, 0 to 1: cross-entropy, or the squared difference, without a
            temperature. A row without a label learns from the teacher alone.
        activation: What makes probabilities of logits: `"softmax"`, for classes; `"sigmoid"` where a text may have
            several; `"linear"` for a `text_regressor`'s scores.
        reduction: As in Keras. By default the mean over what has a weight, as of tokens padding has none.
        name: As in Keras.

    Call arguments:
        y_true: Floats [B, C + 1], or [B, T, C + 1] of tokens: the teacher's logits, then the label's number, or NaN
            where there is none. With `"sigmoid"` and `"linear"` [..., 2 C]: a number, or 0 or 1, for each.
        y_pred: The student's logits [B, C] or [B, T, C].

    Raises:
        ValueError: If an argument is out of its range. From a call, if targets and logits don't fit, or there is one
            logit for softmax, whose probability is always 1.

    Reference: Hinton et al., 2015 (https://arxiv.org/abs/1503.02531), section 2.

    Example:
    >>> loss = SoftTargets(temperature=2.0)
    >>> teacher, student, no_label = [2 * np.log(3.0), 0.0], [0.0, 0.0], np.nan  # at 2.0: 3/4 and 1/4; 1/2 and 1/2
    >>> round(float(loss(np.array([[*teacher, no_label]]), np.array([student]))), 4)  # 4 (3/4 log 3/2 + 1/4 log 1/2)
    0.5232
    """

    def __init__(
        self, temperature=1.0, label_share=0.0, activation="softmax", reduction="mean_with_sample_weight", name=None
    ):
        super().__init__(name=name or "soft_targets", reduction=reduction, dtype="float32")
        self.temperature = check_positive_number("temperature", temperature)
        self.label_share = check_share("label_share", label_share)
        self.activation = check_one_of("activation", activation, _ACTIVATIONS)

    def call(self, y_true, y_pred):
        width = y_pred.shape[-1]
        if width == 1 and self.activation == "softmax":
            raise ValueError(
                f"`{self.name}` got one logit, of which softmax always makes 1: nothing could be learned. Give it "
                'activation="linear" for a text_regressor, "sigmoid" for classes of which a text may have several.'
            )
        expected = width + (1 if self.activation == "softmax" else width)
        if y_true.shape[-1] != expected:
            raise ValueError(
                f"`{self.name}` needs {expected} targets for {width} logits: the teacher's, then the label. Received: "
                f"shape={tuple(y_true.shape)}. keras_bert.distillation.soft_batches makes them."
            )
        teacher, labels = y_true[..., :width], y_true[..., width:]
        has_label = ops.logical_not(ops.isnan(labels))
        labels = ops.where(has_label, labels, 0.0)
        share = self.label_share * ops.cast(ops.all(has_label, axis=-1), "float32")  # [B] or [B, T]
        of_teacher, of_labels = getattr(self, f"_{self.activation}")(teacher, labels, y_pred)
        return (1.0 - share) * of_teacher + share * of_labels

    def _softmax(self, teacher, labels, logits):
        def cross_entropy(probabilities, logits):
            return ops.logsumexp(logits, axis=-1) - ops.sum(probabilities * logits, axis=-1)

        soft, teacher = logits / self.temperature, teacher / self.temperature
        wanted = ops.softmax(teacher, axis=-1)
        divergence = cross_entropy(wanted, soft) - cross_entropy(wanted, teacher)
        one_hot = ops.one_hot(ops.cast(labels[..., 0], "int32"), logits.shape[-1])
        return self.temperature**2 * divergence, cross_entropy(one_hot, logits)

    def _sigmoid(self, teacher, labels, logits):
        def cross_entropy(probabilities, logits):
            return ops.mean(ops.softplus(logits) - probabilities * logits, axis=-1)

        soft, teacher = logits / self.temperature, teacher / self.temperature
        wanted = ops.sigmoid(teacher)
        divergence = cross_entropy(wanted, soft) - cross_entropy(wanted, teacher)
        return self.temperature**2 * divergence, cross_entropy(labels, logits)

    def _linear(self, teacher, labels, scores):
        return ops.mean(ops.square(scores - teacher), axis=-1), ops.mean(ops.square(scores - labels), axis=-1)

    def get_config(self):
        own = {"temperature": self.temperature, "label_share": self.label_share, "activation": self.activation}
        return {"name": self.name, "reduction": self.reduction, **own}
