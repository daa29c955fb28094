"""A small training that is saved and continued, for the tests of checkpoints; run as a program, it trains.

python tests/processes/resuming.py DIRECTORY STEPS [DIRECTORY STEPS ...]
"""

import functools
import itertools
import signal
import sys

import keras
import numpy as np

import keras_bert
from keras_bert.training.resume import Resume

CONFIG = {
    "vocabulary_size": 29,
    "num_layers": 1,
    "num_heads": 4,
    "hidden_dim": 12,
    "intermediate_dim": 37,
    "max_sequence_length": 11,
    "dropout": 0.1,
    "attention_dropout": 0.1,
}
SETTINGS = {"batch_size": 3, "files": ["a"]}


class Batches:
    """Pretraining batches, each drawn from its number alone."""

    restored = None

    def from_step(self, step):
        for number in itertools.count(step):
            rng = np.random.default_rng(number)
            yield (
                {
                    "token_ids": rng.integers(0, 29, (3, 7)).astype("int32"),
                    "segment_ids": rng.integers(0, 2, (3, 7)).astype("int32"),
                    "padding_mask": np.array([[1] * 7, [1] * 4 + [0] * 3, [1, 1, 1, 2, 2, 2, 0]], "int32"),
                    "mask_positions": rng.integers(0, 3, (3, 2)).astype("int32"),
                    "cls_positions": np.array([[0], [0], [3]], "int32"),
                },
                {"mlm": rng.integers(0, 29, (3, 2)), "nsp": rng.integers(0, 2, (3, 1))},
            )

    def state(self, step):
        return {"next": step}

    def restore(self, state):
        self.restored = state


def build(optimizer=None, **changes):
    """Changes of the configuration -> a compiled pretrainer with dropout."""
    model = keras_bert.pretrainer(keras_bert.backbone(keras_bert.BertConfig(**{**CONFIG, **changes})))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    schedule = keras.optimizers.schedules.PolynomialDecay(1e-2, 100)
    model.compile(optimizer or keras_bert.AdamW(schedule), {"mlm": loss, "nsp": loss})
    return model


def tiny(optimizer="sgd", **arguments):
    """A compiled model that trains at once, for what doesn't depend on the model."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse", jit_compile=False, **arguments)
    return model


def fit_tiny(model, resume, batches, epochs=1, **events):
    """Trains; `events` are called before the checkpoints' callback is."""
    rows, callbacks = np.ones((batches, 3)), [keras.callbacks.LambdaCallback(**events), resume]
    validation = (rows, rows[:, 0])
    model.fit(*validation, 1, epochs, verbose=0, callbacks=callbacks, validation_data=validation)


def fit(model, resume, step, steps):
    """Trains from one step to another."""
    batches = Batches().from_step(step)
    model.fit(batches, steps_per_epoch=steps - step, verbose=0, callbacks=[resume] if resume else [])


@functools.cache
def shared():
    """A compiled model, whose graph is traced once for all tests; and its state at the start, here and as a program."""
    keras.utils.set_random_seed(0)
    model = build()
    model.optimizer.build(model.trainable_variables)
    return model, arrays_of(model)


def at_start():
    """The shared model, as if it had just been built."""
    model, start = shared()
    for variable, array in zip([*model.variables, *model.optimizer.variables], start, strict=True):
        variable.assign(array)
    return model


def train(directory, steps, model=None, **arguments):
    """What a recipe does: directory, number of steps -> the trained model, new or continued."""
    model = model or at_start()
    resume = Resume(directory, data=Batches(), settings=SETTINGS, **arguments)
    step = resume.restore(model)
    if step < steps:
        fit(model, resume, step, steps)
    return model


def arrays_of(model):
    return [keras.ops.convert_to_numpy(variable) for variable in [*model.variables, *model.optimizer.variables]]


def assert_same_bits(model, expected_arrays):
    for array, expected in zip(arrays_of(model), expected_arrays, strict=True):
        assert array.tobytes() == expected.tobytes()


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def terminate():
    signal.raise_signal(signal.SIGTERM)


def at_step(number, action):
    """number of a call from 1, function -> an event that calls it then."""
    calls = itertools.count(1)
    return lambda *_, **__: action() if next(calls) == number else None


def failing(error):
    """error -> an event that raises it."""

    def fail(*_, **__):
        raise error

    return fail


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    for where, how_far in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        train(where, int(how_far), every=1)
