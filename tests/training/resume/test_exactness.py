"""A training that is continued ends with the same bits, at the same steps."""

import keras
import pytest

from keras_bert.training.resume import Preempted, Resume, calls_of_fit
from resuming import (
    SETTINGS,
    Batches,
    arrays_of,
    assert_same_bits,
    at_start,
    at_step,
    build,
    fit_tiny,
    names,
    terminate,
    tiny,
    train,
)


def test_continued_training_has_the_same_bits(tmp_path):
    straight = arrays_of(train(tmp_path / "straight", 7))
    train(tmp_path / "parts", 3)
    keras.utils.set_random_seed(1)
    fresh = build()
    assert (arrays_of(fresh)[0] != arrays_of(at_start())[0]).any()
    assert_same_bits(train(tmp_path / "parts", 7, fresh), straight)
    assert names(tmp_path / "parts") == ["step-00000003", "step-00000007"]
    assert_same_bits(train(tmp_path / "parts", 7), straight)


def test_executions_of_several_steps(tmp_path):
    fit_tiny(tiny(steps_per_execution=2), Resume(tmp_path, every=3, keep=9), 8)
    assert names(tmp_path) == ["step-00000004", "step-00000006", "step-00000008"]


def test_accumulated_gradients_and_several_epochs(tmp_path):
    optimizer = keras.optimizers.SGD(1e-3, gradient_accumulation_steps=2)
    fit_tiny(tiny(optimizer), Resume(tmp_path, every=2, keep=9), 4, epochs=3)
    assert names(tmp_path) == [f"step-{step:08d}" for step in (2, 4, 6)]


def test_interrupted_within_an_epoch(tmp_path):
    """The rest of the epoch in a `fit` of its own, then the other epochs, with the same callback."""

    def training(name):
        return Resume(tmp_path / name, every=4, keep=9, data=Batches(), settings=SETTINGS)

    def epochs(model, resume, step, steps_per_epoch, first, last, **events):
        callbacks = [keras.callbacks.LambdaCallback(**events), resume]
        options = {"steps_per_epoch": steps_per_epoch, "initial_epoch": first, "epochs": last, "verbose": 0}
        model.fit(Batches().from_step(step), callbacks=callbacks, **options)

    model = at_start()
    epochs(model, training("straight"), 0, 4, 0, 3)
    straight = arrays_of(model)
    with pytest.raises(Preempted):
        epochs(at_start(), training("parts"), 0, 4, 0, 3, on_train_batch_begin=at_step(5, terminate))
    model, resume = at_start(), training("parts")
    assert resume.restore(model) == 5
    epochs(model, resume, 5, 3, 1, 2)
    assert names(tmp_path / "parts") == ["step-00000004", "step-00000005", "step-00000008"]
    epochs(model, resume, 8, 4, 2, 3)
    assert_same_bits(model, straight)
    assert names(tmp_path / "straight") == ["step-00000004", "step-00000008", "step-00000012"]
    assert names(tmp_path / "parts") == ["step-00000004", "step-00000005", "step-00000008", "step-00000012"]
    for name in names(tmp_path / "straight"):
        for file in names(tmp_path / "straight" / name):
            assert (tmp_path / "parts" / name / file).read_bytes() == (tmp_path / "straight" / name / file).read_bytes()


@pytest.mark.parametrize(
    ("step", "calls"),
    [
        (0, [(0, 0, 3, 4)]),
        (8, [(8, 2, 3, 4)]),
        (5, [(5, 1, 2, 3), (8, 2, 3, 4)]),
        (11, [(11, 2, 3, 1)]),
        (12, [(12, 3, 3, 4)]),
    ],
)
def test_a_run_that_was_ended_within_an_epoch_first_ends_it(step, calls):
    """First step, first and last epoch, steps of an epoch, of 12 steps in epochs of 4."""
    found = [
        (begin, *map(c.get, ("initial_epoch", "epochs", "steps_per_epoch"))) for begin, c in calls_of_fit(step, 12, 4)
    ]
    assert found == calls
