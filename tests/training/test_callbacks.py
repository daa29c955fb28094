"""What training cost, counted exactly, and the best weights kept."""

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.data import LabelledTexts, classification_batches, from_step
from keras_bert.training.callbacks import KeepBest, Throughput

REVIEWS = LabelledTexts([("good " * i, "yes") for i in range(1, 8)] + [("dull " * i, "no") for i in range(1, 8)])


@pytest.fixture
def model(small_config):
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["no", "yes"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras_bert.AdamW(1e-2), loss, metrics=["accuracy"])
    return model


@pytest.fixture
def batches(tokenizer):
    return classification_batches(REVIEWS, tokenizer, REVIEWS.labels, batch_size=4, max_length=6, seed=0)


def test_rows_of_an_example_are_one(model, batches):
    alone, together = Throughput(), Throughput(rows=2)
    counted = together.count(alone.count(batches))
    model.fit(counted, verbose=0, callbacks=[alone, together])
    assert alone._totals.tolist() == together._totals.tolist()
    together._measured_seconds = alone._measured_seconds
    assert together.results()["train_examples_per_s"] == pytest.approx(
        alone.results()["train_examples_per_s"] / 2, abs=0.1
    )
    assert together.results()["real_tokens_per_s"] == alone.results()["real_tokens_per_s"]


def test_throughput_counts_what_was_trained(model, batches):
    throughput = Throughput()
    model.fit(throughput.count(batches), epochs=3, verbose=0, callbacks=[throughput], validation_data=batches)
    results = throughput.results()
    assert results["steps"] == 12
    # Texts of 1 to 7 words, of which 4 fit, with [CLS] and [SEP], twice, in three epochs.
    assert throughput._totals[:2].tolist() == [3 * 14, 3 * 2 * (3 + 4 + 5 + 4 * 6)]
    cells = real = 0
    for inputs, _ in batches:
        real += int(inputs["padding_mask"].numpy().sum())
        cells += inputs["padding_mask"].shape.num_elements()
    assert results["padding"] == pytest.approx(1 - real / cells, abs=0.06)
    assert results["train_examples_per_s"] > 0
    ratio = results["real_tokens_per_s"] / results["train_examples_per_s"]
    assert ratio == pytest.approx(real / 14, rel=0.15)
    assert results["seconds"] > 0


def test_throughput_counts_each_batch_of_a_longer_execution(model, batches):
    model.compile(keras_bert.AdamW(1e-2), model.loss, steps_per_execution=2)
    throughput = Throughput()
    model.fit(throughput.count(batches), epochs=2, verbose=0, callbacks=[throughput])
    assert throughput.results()["steps"] == 8
    assert throughput._totals[0] == 28


def test_throughput_counts_epochs_of_some_steps(model, batches):
    throughput = Throughput()
    dataset = throughput.count(batches.repeat())
    model.fit(dataset, epochs=3, steps_per_epoch=3, verbose=0, callbacks=[throughput])
    assert throughput.results()["steps"] == 9


def test_throughput_refuses_batches_that_it_did_not_count(model, batches):
    with pytest.raises(ValueError, match=r"throughput.count\(dataset\)"):
        model.fit(batches, verbose=0, callbacks=[Throughput()])


def test_throughput_of_a_worker_whose_share_ends_before_another(model, batches):
    throughput = Throughput(workers=2)
    counted = throughput.count(batches)
    model.fit(counted.concatenate(batches), epochs=2, verbose=0, callbacks=[throughput])
    assert throughput.results()["steps"] == 16
    # Twice, in two epochs; nothing of what it didn't count.
    assert throughput._totals[:2].tolist() == [2 * 2 * 14, 2 * 2 * 2 * (3 + 4 + 5 + 4 * 6)]
    with pytest.raises(ValueError, match=r"throughput.count\(dataset\)"):
        model.fit(batches, verbose=0, callbacks=[Throughput(workers=2)])


def test_throughput_has_no_rate_before_the_fourth_step():
    results = Throughput().results()
    assert results["train_examples_per_s"] is None and results["padding"] is None


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("max", [0.5, 0.9, float("nan"), 0.7], 0.9),
        ("min", [0.5, 0.2, float("nan"), 0.3], 0.2),
        ("max", [float("nan"), 0.1], 0.1),
    ],
)
def test_keep_best_knows_better_from_worse(model, mode, values, best):
    keep_best = KeepBest("metric", mode=mode)
    keep_best.set_model(model)
    keep_best.on_train_begin()
    for epoch, value in enumerate(values):
        keep_best.on_epoch_end(epoch, {"metric": value})
    assert keep_best.logs["metric"] == best
    keep_best.on_epoch_begin(0)  # of another training
    assert keep_best.logs == {}


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [(2, [0.5, 0.4, 0.6, 0.6, 0.1, 0.9], 5), (1, [0.5, 0.4, 0.6], 2), (3, [0.5, 0.4, 0.4, 0.6], 4)],
)
def test_keep_best_ends_training_for_want_of_a_better_epoch(patience, values, epochs):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    keep_best = KeepBest("metric", patience=patience)
    keep_best.set_model(model)
    model.stop_training = False  # as `fit` begins
    for epoch, value in enumerate(values, 1):
        assert not keep_best.ended
        keep_best.on_epoch_end(epoch, {"metric": value, "loss": 1.0})
        if model.stop_training:
            break
    assert epoch == epochs and keep_best.ended == (epochs < len(values))
    assert keep_best.logs["metric"] == max(values[:epochs])
    with pytest.raises(ValueError, match="patience"):
        KeepBest("metric", patience=0)


def test_keep_best_replaces_an_earlier_model_if_it_may(model, tokenizer, tmp_path):
    for epoch, loss in ((0, 0.5), (1, 0.25)):
        keep_best = KeepBest("loss", tokenizer, tmp_path / "best", mode="min", overwrite=epoch == 1)
        keep_best.set_model(model)
        keep_best.on_train_begin()
        keep_best.on_epoch_end(0, {"loss": loss})
        model.set_weights([weight + 1 for weight in model.get_weights()])
    with pytest.raises(ValueError, match="overwrite=True to replace it"):
        KeepBest("loss", tokenizer, tmp_path / "best").on_train_begin()
    (tmp_path / "best" / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.txt.* move that away"):
        KeepBest("loss", tokenizer, tmp_path / "best", overwrite=True).on_train_begin()


def test_keep_best_takes_its_state_back(model, tokenizer, tmp_path):
    keep_best, other = (KeepBest("metric", tokenizer, tmp_path / "best", patience=2) for _ in range(2))
    keep_best.set_model(model)
    keep_best.on_train_begin()
    best = model.get_weights()
    keep_best.on_epoch_end(0, {"metric": 0.5, "loss": 0.25})
    keep_best.on_epoch_end(1, {"metric": 0.25, "loss": 0.5})
    state, weights = keep_best.state()
    place = str(tmp_path / "best")
    logs = {"metric": 0.5, "loss": 0.25}
    assert state == {"logs": logs, "epochs_since": 1, "thresholds": None, "directory": [place, place]}
    model.set_weights([weight + 1 for weight in best])
    other.set_model(model)
    other.restore_state(state, weights)
    other.on_train_begin()  # what stands there is its own
    other.on_epoch_end(2, {"metric": 0.25, "loss": 0.5})
    assert other.ended and model.stop_training
    other.on_train_end()
    assert all((now == then).all() for now, then in zip(model.get_weights(), best, strict=True))
    elsewhere = KeepBest("metric", tokenizer, tmp_path)
    elsewhere.restore_state(state, weights)
    with pytest.raises(ValueError, match="best"):
        elsewhere.on_train_begin()


@pytest.mark.parametrize("key", ["val_loss", "loss"])
@pytest.mark.parametrize("losses", [(0.5, 0.4, 0.2, 0.3, 0.1), (0.5, float("nan"), 0.2, float("nan"), 0.1)])
def test_keep_best_takes_the_lowest_loss_of_equal_epochs(model, key, losses):
    keep_best = KeepBest("val_accuracy")
    keep_best.set_model(model)
    keep_best.on_train_begin()
    for epoch, (accuracy, loss) in enumerate(zip((0.9, 1.0, 1.0, 1.0, 0.9), losses, strict=True)):
        keep_best.on_epoch_end(epoch, {"val_accuracy": accuracy, "loss": 1.0 - epoch} | {key: loss})
    assert keep_best.logs["val_accuracy"] == 1.0 and keep_best.logs[key] == 0.2


def test_keep_best_looks_at_its_directory_before_training(model, batches, tokenizer, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        model.fit(batches, verbose=0, callbacks=[KeepBest("val_accuracy", tokenizer, tmp_path)])


def test_keep_best_ends_with_the_best_epoch(model, batches, tokenizer, tmp_path):
    best = KeepBest("val_accuracy", tokenizer, tmp_path / "best")
    best.set_model(model)
    best.on_train_begin()
    kept = None
    for epoch, accuracy in enumerate([0.5, 0.9, 0.9, 0.7]):
        model.set_weights([np.full(weight.shape, float(epoch), "float32") for weight in model.get_weights()])
        best.on_epoch_end(epoch, {"val_accuracy": accuracy})
        if epoch == 1:
            kept = (tmp_path / "best" / "model.safetensors").read_bytes()
    best.on_train_end()
    assert best.logs == {"val_accuracy": 0.9}
    assert {float(weight.max()) for weight in model.get_weights()} == {1.0}
    assert (tmp_path / "best" / "model.safetensors").read_bytes() == kept
    loaded, _ = keras_bert.load_pretrained(tmp_path / "best", task="text_classifier")
    assert loaded.labels == ("no", "yes")
    assert {float(weight.max()) for weight in loaded.get_weights()} == {1.0}


def test_keep_best_under_fit(model, batches, tokenizer):
    best = KeepBest("val_accuracy", tokenizer)
    history = model.fit(batches, validation_data=batches, epochs=4, verbose=0, callbacks=[best])
    assert best.logs["val_accuracy"] == max(history.history["val_accuracy"])
    assert model.evaluate(batches, verbose=0, return_dict=True)["accuracy"] == pytest.approx(best.logs["val_accuracy"])


def test_training_in_two_calls_goes_on_from_the_last_weights(small_config, batches):
    """Epoch 1 is the best, by a metric that is made up; the call ends after epoch 2, which isn't."""

    def train(*calls):
        keras.utils.set_random_seed(0)
        model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2)
        model.compile(keras_bert.AdamW(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        made_up = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(m=[1, 3, 2, 2][epoch]))
        callbacks, seen, losses = [made_up, KeepBest("m")], [], []
        for first, last in calls:
            arguments = {"initial_epoch": first, "epochs": last, "steps_per_epoch": len(batches), "verbose": 0}
            done = model.fit(from_step(batches, first * len(batches)), callbacks=callbacks, **arguments)
            losses += done.history.get("loss", [])
            seen.append(model.get_weights())
        return losses, seen

    losses, (best,) = train((0, 4))
    again, ends = train((0, 3), (3, 4), (4, 4))
    assert again == losses
    for end in ends:
        assert all((now == then).all() for now, then in zip(end, best, strict=True))


def test_resumed_after_the_first_epoch_was_written_and_no_checkpoint(model, batches, tokenizer, tmp_path):
    directories = tmp_path / "best", tmp_path / "checkpoints"

    def train(**events):
        keep_best = KeepBest("loss", tokenizer, directories[0], mode="min")
        resume = keras_bert.resume.Resume(directories[1], callbacks=[keep_best])
        step = resume.restore(model)
        callbacks = [keep_best, keras.callbacks.LambdaCallback(**events), resume]
        model.fit(batches, verbose=0, callbacks=callbacks)
        return step

    def die(epoch, logs):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        train(on_epoch_end=die)
    assert (directories[0] / "config.json").exists()
    assert train() == 0
    assert sorted(path.name for path in directories[1].iterdir()) == ["step-00000000", "step-00000004"]


def test_keep_best_keeps_the_thresholds_of_the_best_weights(small_config, batches):
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, multi_label=True)
    keep_best, restored = KeepBest("metric"), KeepBest("metric")
    for callback in (keep_best, restored):
        callback.set_model(model)
    for epoch, metric in enumerate((0.5, 0.75, 0.25)):
        model.keep_thresholds((epoch + 1) / 10)
        keep_best.on_epoch_end(epoch, {"metric": metric, "loss": 1.0})
    keep_best.on_train_end()
    assert model.thresholds == (0.2, 0.2)
    keep_best.on_epoch_begin(3)
    assert model.thresholds == (0.3, 0.3)
    restored.restore_state(*keep_best.state())
    restored.on_train_end()
    assert model.thresholds == (0.2, 0.2)


def test_keep_best_refuses_a_metric_that_is_not_logged(model, batches, tokenizer):
    with pytest.raises(ValueError, match="val_accuracy"):
        model.fit(batches, verbose=0, callbacks=[KeepBest("val_accuracy", tokenizer)])
