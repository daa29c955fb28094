"""Smaller models: a student of fewer layers that learns to answer as its teacher does.

    teacher, tokenizer = keras_bert.load_pretrained("reviews", task="text_classifier")
    student = keras_bert.student(teacher, num_layers=3)
    texts = keras_bert.data.unlabelled_batches(texts, tokenizer, batch_size=32, max_length=128)
    student.compile(keras_bert.AdamW(1e-4), keras_bert.distillation.SoftTargets(temperature=2.0))
    student.fit(keras_bert.distillation.soft_batches(texts, teacher, tokenizer, batch_size=32, seed=0), epochs=3)

The teacher answers each text once, before training, and its logits are the targets. So the student trains under plain
`fit` as any model does: on every number of devices, in parts, with weights, in mixed precision.

Of a `text_regressor` the loss is `SoftTargets(activation="linear")`, of a `text_classifier` with `multi_label`
`SoftTargets(activation="sigmoid")`.

`keras.distillation.Distiller` takes these models too. But it runs the teacher in every step, leaves sample weights and
`accumulate` out, and where replicas have different numbers of rows its loss isn't the mean over all of them.

Legend of the shapes: B batch, T tokens, C classes, N rows, K numbers of a label.
"""

import keras
import numpy as np
from keras import ops

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.distribution.model import BertModel
from keras_bert.long_texts import windows_of
from keras_bert.models import check_built
from keras_bert.training.callbacks import KeepBest
from keras_bert.training.soft_targets import SoftTargets
from keras_bert.training.students import check_layers, evenly_spaced, student
from keras_bert.utils.batches import progress_bar

__all__ = [
    "TASKS",
    "KeepStudent",
    "SoftTargets",
    "evenly_spaced",
    "soft_batches",
    "student",
    "with_hidden_states",
    "with_zeros",
]

# Those whose answers are one array, of logits or scores.
TASKS = ("text_classifier", "text_regressor", "token_classifier")


def soft_batches(batches, teacher, tokenizer, batch_size, seed=None, multiple_of=1, progress=None):
    """Asks a teacher about all rows of some batches, once, and batches them anew with its answers as targets.

    Args:
        batches: A `tf.data.Dataset` in the same order at each reading, or a list of them: what
            `keras_bert.data.classification_batches`, `regression_batches`, `tagging_batches` or `unlabelled_batches`
            gives without a `seed`. Labels and weights stay with their rows.
        teacher: A text classifier, text regressor or token classifier of this library. Its logits, of all rows, are
            held in memory.
        tokenizer: The `WordPieceTokenizer` that both models know.
        batch_size: Number of rows in a batch of the result.
        seed: As in `classification_batches`.
        multiple_of: As in `classification_batches`.
        progress: As in `keras_bert.predictor`'s call: None, a bar on a terminal, once it has taken more than three
            seconds.

    Returns:
        A `tf.data.Dataset` of known cardinality. Its elements: the inputs, and targets as `SoftTargets` takes them,
        float32 [B, C + K] or [B, T, C + K]; then the weights, where there are some.

    Raises:
        ValueError: If the teacher has no such head or reads texts in windows, the tokenizer has another vocabulary,
            there are no rows, or they come in another order at the next reading.

    Example:
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull"])
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=7)
    >>> teacher = keras_bert.text_classifier(keras_bert.backbone(config), 2)
    >>> texts = keras_bert.data.unlabelled_batches(["good good", "dull"], tokenizer, batch_size=2, max_length=8)
    >>> for inputs, targets in soft_batches(texts, teacher, tokenizer, batch_size=2):
    ...     print(inputs["token_ids"].numpy().tolist(), np.isnan(targets).tolist())
    [[2, 6, 3, 0], [2, 5, 5, 3]] [[False, False, True], [False, False, True]]
    """
    import tensorflow as tf

    from keras_bert.data.text_batches import shuffled_batches  # which needs TensorFlow, as `SoftTargets` doesn't

    check_built(teacher, *TASKS)
    check_vocabulary_size(tokenizer, teacher.config, "the teacher and the tokenizer")
    if windows_of(teacher) is not None:
        raise ValueError(
            "`teacher` must read a row at a time. Received: one that reads long texts in windows. Pass "
            "keras_bert.without_windows(teacher); better, train it without windows, or cut texts in the middle."
        )
    of_tokens = teacher.task == "token_classifier"
    together = _as_one(batches, teacher)
    logits, marks = _answers(together, teacher, of_tokens, progress)

    def joined(row, answer):
        """a padded row with labels and perhaps weights, the teacher's answer -> the row, its targets, the weights."""
        (inputs, labels, *weights), (logits, mark) = row, answer
        same = tf.debugging.assert_equal(_mark(inputs), mark, "the rows are others than before")
        with tf.control_dependencies([same]):
            length = tf.reduce_sum(tf.cast(inputs["padding_mask"] > 0, tf.int32))
            cut = {key: inputs[key][:length] for key in ("token_ids", "segment_ids")}
        if of_tokens:
            labels, weights = labels[:length], [values[:length] for values in weights]
        return cut, tf.concat([logits, labels], axis=-1), *weights

    answered = tf.data.Dataset.from_tensor_slices((logits, marks))
    rows = tf.data.Dataset.zip(together.unbatch(), answered).map(joined)
    try:
        next(iter(rows))
    except tf.errors.InvalidArgumentError as error:
        raise ValueError(
            "`batches` must come in the same order at each reading, for the teacher answers them before training. "
            "Received: batches that don't. Make them without a `seed`; `soft_batches` shuffles by its own."
        ) from error
    return shuffled_batches(rows, len(marks), tokenizer, batch_size, seed, multiple_of)


def _as_one(batches, teacher):
    """a dataset or a list of them, the teacher -> one dataset, labels float32 [B, K] or [B, T, 1]."""
    import tensorflow as tf

    num_labels = teacher.output.shape[-1] if teacher.multi_label else 1

    def with_floats(inputs, labels, *weights):
        """a batch -> the same with such labels."""
        labels = tf.cast(labels, tf.float32)
        if labels.shape.rank == 1 or teacher.task == "token_classifier":
            labels = tf.repeat(labels[..., None], num_labels, axis=-1)  # NaN for each, of texts without
        return inputs, labels, *weights

    first, *others = batches if isinstance(batches, (list, tuple)) else [batches]
    together = first.map(with_floats)
    for dataset in others:
        together = together.concatenate(dataset.map(with_floats))
    return together


def _answers(batches, teacher, of_tokens, progress):
    """batches, the teacher, whether it answers for tokens -> its answers and the rows' marks, int64 [N].

    The answers are float32 [N, C], or ragged [N, (T), C].
    """
    import tensorflow as tf

    answers, lengths, marks = [], [], []
    with progress_bar(int(batches.cardinality()), progress) as bar:
        for inputs, *_ in batches:
            logits = teacher.predict_on_batch(inputs)
            is_real = inputs["padding_mask"].numpy() > 0
            answers.append(logits[is_real] if of_tokens else logits)
            lengths.append(is_real.sum(axis=1))
            marks.append(_mark(inputs).numpy())
            bar.update(1)
    if not answers:
        raise ValueError("`batches` must hold rows for the teacher to answer. Received: none.")
    answers, lengths, marks = map(np.concatenate, (answers, lengths, marks))
    return tf.RaggedTensor.from_row_lengths(answers, lengths) if of_tokens else answers, marks


def _mark(inputs):
    """inputs [T] or [B, T] -> a number by which a row is known again, whatever its padding; int64 [] or [B]."""
    import tensorflow as tf

    ids = tf.cast(inputs["token_ids"], tf.int64) * tf.cast(inputs["padding_mask"] > 0, tf.int64)
    return tf.reduce_sum(ids * tf.range(1, tf.shape(ids, tf.int64)[-1] + 1), axis=-1)


class _Silent(keras.layers.Layer):
    """Runs a trained model as it answers, without dropout, whatever the model around it does; its weights aren't ours.

    Args:
        model: A functional `keras.Model`.
        name: As in Keras.
    """

    def __init__(self, model, name=None):
        super().__init__(trainable=False, name=name)
        vars(self)["_silent_model"] = model  # Keras would count the weights as this layer's, and save them

    def call(self, inputs):
        return [ops.stop_gradient(state) for state in keras.tree.flatten(self._silent_model(inputs, training=False))]


class _Distance(keras.layers.Layer):
    """Mean squared difference between two lists of hidden states [B, T, D], over real tokens: [B, 1]."""

    def call(self, states, others, padding_mask):
        real = ops.cast(ops.greater(padding_mask, 0), "float32")  # [B, T]
        squares = [
            ops.mean(ops.square(ops.cast(one, "float32") - ops.cast(other, "float32")), axis=-1)  # [B, T]
            for one, other in zip(states, others, strict=True)
        ]
        mean = sum(squares) / len(squares)
        return ops.sum(mean * real, axis=1, keepdims=True) / ops.sum(real, axis=1, keepdims=True)


def with_hidden_states(student, teacher, layers=None):
    """Puts student and teacher into one model, which also tells how far apart their hidden states are.

    Fit this model, and use the student, which learns in it:

        both = keras_bert.distillation.with_hidden_states(student, teacher)
        losses = {"targets": SoftTargets(temperature=2.0), "hidden_states": "mae"}
        both.compile(keras_bert.AdamW(1e-4), losses, loss_weights={"targets": 1.0, "hidden_states": 0.1})
        both.fit(keras_bert.distillation.with_zeros(batches))  # of `soft_batches`

    The last layer isn't compared: what it gives is bound by the targets.

    Args:
        student: A model of this library with two layers or more; its weights are shared.
        teacher: A model of this library with as wide vectors; it runs in every step, without dropout, and doesn't
            change.
        layers: For each layer of the student but the last, which of the teacher's it shall come near to, counted from
            0. None: evenly spaced ones, as `student` copies them.

    Returns:
        A functional `keras.Model` with the student's inputs. Outputs, a dict: `targets`, the student's; and
        `hidden_states` [B, 1], the mean squared difference over layers, tokens and dimensions. It can't be saved:
        save the student.

    Raises:
        ValueError: If their vectors have different widths, the student has one layer only, or the teacher hasn't got
            such layers.

    Reference: Sun et al., 2019 (https://arxiv.org/abs/1908.09355), where vectors of [CLS] alone are compared.

    Example:
    >>> teacher = keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("mini")), 2)
    >>> both = with_hidden_states(student(teacher), teacher)
    >>> {name: tuple(output.shape) for name, output in both.output.items()}
    {'targets': (None, 2), 'hidden_states': (None, 1)}
    """
    check_built(student, *TASKS)
    check_built(teacher, *TASKS)
    ours, theirs = student.config, teacher.config
    if ours.hidden_dim != theirs.hidden_dim:
        raise ValueError(
            "Hidden states can be compared where they are as wide. Received: a student with hidden_dim="
            f"{ours.hidden_dim}, a teacher with hidden_dim={theirs.hidden_dim}. Learn from the teacher's answers alone."
        )
    if ours.num_layers == 1:
        raise ValueError(
            "The last layer isn't compared, so the student must have at least two. Received: a student of one layer. "
            "Learn from the teacher's answers alone."
        )
    if layers is None:
        layers = evenly_spaced(ours.num_layers, theirs.num_layers)[:-1]
    layers = check_layers(layers, ours.num_layers - 1, theirs.num_layers)
    silent = keras.Model(teacher.input, [teacher.get_layer(f"encoder_{layer}").output for layer in layers])
    wanted = _Silent(silent, name="teacher")(student.input)
    states = [student.get_layer(f"encoder_{layer}").output for layer in range(ours.num_layers - 1)]
    distance = _Distance(dtype="float32", name="distance")(states, wanted, student.input["padding_mask"])
    return BertModel(student.input, {"targets": student.output, "hidden_states": distance}, name="both")


class KeepStudent(KeepBest):
    """`KeepBest` of a student, also where it learns within the model of `with_hidden_states`.

    Args:
        student: The student.
        *args: As in `KeepBest`.
        **kwargs: As in `KeepBest`.

    Raises:
        ValueError: As `KeepBest` does.

    Example:
    >>> import tempfile
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull"])
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=7)
    >>> teacher = keras_bert.text_classifier(keras_bert.backbone(config), 2)
    >>> texts = keras_bert.data.unlabelled_batches(["good good", "dull"], tokenizer, batch_size=2, max_length=8)
    >>> batches = with_zeros(soft_batches(texts, teacher, tokenizer, batch_size=2))
    >>> both = with_hidden_states(pupil := student(teacher, layers=[0, 1]), teacher)
    >>> both.compile(keras_bert.AdamW(1e-3), {"targets": SoftTargets(2.0), "hidden_states": "mae"})
    >>> keep_best = KeepStudent(pupil, "loss", mode="min")
    >>> history = both.fit(batches, epochs=2, verbose=0, callbacks=[keep_best])  # afterwards it has its best weights
    >>> keep_best.logs["loss"] == min(history.history["loss"])
    True
    """

    def __init__(self, student, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._student = student

    def set_model(self, model):
        super().set_model(self._student)
        self._fitted = model

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self._fitted.stop_training = self._fitted.stop_training or self.ended


def with_zeros(batches):
    """Batches of `soft_batches` -> the same for `with_hidden_states`, whose differences shall be 0.

    Args:
        batches: A `tf.data.Dataset` of inputs, targets and perhaps weights.

    Returns:
        A `tf.data.Dataset` of inputs, a dict of targets by output, and perhaps a dict of weights by output. Weights of
        texts are the same for both; those of tokens are for targets alone, for a text's difference is one number.

    Example:
    >>> import tensorflow as tf
    >>> inputs = {"token_ids": np.array([[2, 5, 3], [2, 6, 3]])}
    >>> batches = tf.data.Dataset.from_tensors((inputs, np.array([[0.3, -0.2, 1.0], [0.1, 0.4, np.nan]], "float32")))
    >>> for _, targets in with_zeros(batches):
    ...     print({name: tuple(values.shape) for name, values in targets.items()})
    {'targets': (2, 3), 'hidden_states': (2, 1)}
    """
    import tensorflow as tf

    def by_output(inputs, targets, *weights):
        rows = tf.shape(targets)[0]
        targets = {"targets": targets, "hidden_states": tf.zeros([rows, 1])}
        if not weights:
            return inputs, targets
        [weights] = weights
        of_rows = weights if weights.shape.rank == 1 else tf.ones([rows], weights.dtype)
        return inputs, targets, {"targets": weights, "hidden_states": of_rows}

    return batches.map(by_output)
