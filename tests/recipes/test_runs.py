"""Whole runs: killed at any moment the same command goes on; folds; examples held out."""

import dataclasses
import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import fold_that_keeps
import keras_bert
from keras_bert.recipes import runs
from keras_bert.recipes.distilling import SAMPLES
from recipe_that_dies import config_of

PROGRAM = Path(__file__).parents[1] / "processes" / "recipe_that_dies.py"
COSTS = ("train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output")


@pytest.fixture
def classify(load_recipe):
    return load_recipe("classify")


def scores_of(metrics):
    return {name: value for name, value in metrics.items() if name not in COSTS}


def die(recipe, folder, epoch, moment):
    """Name of a recipe, folder, when -> the exit code of a process that ends then."""
    command = [sys.executable, PROGRAM, recipe, folder, str(epoch), moment]
    done = subprocess.run(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, timeout=300)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


def files_of(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_killed_at_two_moments_it_ends_as_it_would_have(classify, reviews, monkeypatch, capsys):
    straight = scores_of(classify.main(config_of(classify, reviews)))
    expected = files_of(reviews / "model")
    for name in ("model", "model-checkpoints", "served"):
        shutil.rmtree(reviews / name)
    monkeypatch.setattr(runs, "EVERY", 2)
    assert die("classify", reviews, 0, "3") == -signal.SIGKILL  # within the first epoch
    assert [path.name for path in (reviews / "model-checkpoints").iterdir()] == ["step-00000002"]
    assert die("classify", reviews, 1, "validation") == -signal.SIGKILL  # the last epoch's end isn't seen yet
    assert [path.name for path in (reviews / "model-checkpoints").iterdir()] == ["step-00000008"]
    capsys.readouterr()
    gone_on = classify.main(config_of(classify, reviews))
    assert "Training goes on from step 8 of 10." in capsys.readouterr().out
    assert scores_of(gone_on) == straight and gone_on["steps"] == 2
    assert files_of(reviews / "model") == expected
    again = classify.main(config_of(classify, reviews))
    told = capsys.readouterr().out
    assert "All 10 steps are done: nothing is left to train." in told and "served stands already" in told
    assert scores_of(again) == straight and again["steps"] == 0
    assert files_of(reviews / "model") == expected


def test_sigterm_ends_a_run_and_the_one_that_goes_on(classify, reviews, capsys):
    straight = scores_of(classify.main(config_of(classify, reviews)))
    for name in ("model", "model-checkpoints", "served"):
        shutil.rmtree(reviews / name)
    assert die("classify", reviews, 0, "sigterm") == 75  # after its second step
    assert [path.name for path in (reviews / "model-checkpoints").iterdir()] == ["step-00000002"]
    assert die("classify", reviews, 1, "sigterm") == 75  # which went on from there
    assert [path.name for path in (reviews / "model-checkpoints").iterdir()] == ["step-00000007"]
    with pytest.raises(ValueError) as refused:
        classify.main(dataclasses.replace(config_of(classify, reviews), batch_size=4, valid=reviews / "train.tsv"))
    assert "`valid` has other contents; `batch_size` was 8 and is 4." in str(refused.value)
    assert scores_of(classify.main(config_of(classify, reviews))) == straight
    assert "Training goes on from step 7 of 10." in capsys.readouterr().out


class Interrupted(runs.Run):
    """Is ended by an error at its fifth step of six, of which the fourth has a checkpoint."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        steps = itertools.count(1)

        def end(batch, logs):
            if next(steps) == 5:
                raise KeyboardInterrupt

        self.callbacks.insert(0, keras.callbacks.LambdaCallback(on_train_batch_end=end))


@pytest.mark.parametrize("name", ["pair", "tag", "answer", "embed", "distil"])
def test_every_recipe_goes_on_where_it_was(load_recipe, tmp_path, monkeypatch, tokenizer, name):
    recipe = load_recipe(name)
    options = {
        "limit": 24,
        "epochs": 2,
        "batch_size": 8,
        "output": tmp_path / "model",
        "tensorboard": tmp_path / "logs",
    }
    if name == "distil":
        size = keras_bert.BertConfig(tokenizer.vocabulary_size, 2, 4, 12, 37, 128)
        teacher = keras_bert.text_classifier(keras_bert.backbone(size), 2, labels=["negative", "positive"])
        keras_bert.save_pretrained(teacher, tokenizer, tmp_path / "teacher")
        files = {part: SAMPLES / f"en_{part}.tsv" for part in ("train", "valid")}
        options |= {"teacher": str(tmp_path / "teacher"), **files}
    config = recipe.Config(**options)
    straight = recipe.main(config)
    assert straight["steps"] == 6 and [*(tmp_path / "logs").rglob("events.out.*")]
    expected = files_of(tmp_path / "model")
    for directory in ("model", "model-checkpoints"):
        shutil.rmtree(tmp_path / directory)
    monkeypatch.setattr(runs, "EVERY", 2)
    with monkeypatch.context() as patched:
        patched.setattr(runs, "Run", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            recipe.main(config)
    gone_on = recipe.main(config)
    assert gone_on["steps"] == 2 and scores_of(gone_on) == scores_of(straight)
    assert files_of(tmp_path / "model") == expected


def test_training_ends_early_and_the_same_command_says_so(classify, reviews, capsys):
    """At a rate that moves nothing no epoch is better than the first."""
    run = dataclasses.replace(config_of(classify, reviews), epochs=6, early_stopping=2, learning_rate=1e-30)
    ended = classify.main(run)
    assert ended["steps"] == 3 * 5
    again = classify.main(run)
    assert again["steps"] == 0 and scores_of(again) == scores_of(ended)
    assert "All 15 steps are done: nothing is left to train." in capsys.readouterr().out


def test_another_checkpoint_in_the_same_directory_is_refused(classify, reviews, tokenizer, small_config):
    def started():
        keras_bert.save_pretrained(keras_bert.backbone(small_config), tokenizer, reviews / "start", overwrite=True)
        return dataclasses.replace(config_of(classify, reviews), pretrained=str(reviews / "start"), export=None)

    with pytest.warns(UserWarning, match="start random"):
        classify.main(started())
    (reviews / "model").rename(reviews / "moved")
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="`pretrained` has other contents"):
        classify.main(started())


def test_of_several_workers_the_first_says_what_is_held_out(classify, monkeypatch, capsys):
    rows = [("a good book", "pos"), ("good", "pos"), ("dull", "neg"), ("a dull book", "neg")]
    reviews = keras_bert.data.LabelledTexts(rows, "reviews.tsv")
    for is_chief, said in ((True, "Held out: 2 of reviews.tsv"), (False, "")):
        monkeypatch.setattr(keras_bert.distribution, "is_chief", lambda strategy, is_chief=is_chief: is_chief)
        train, valid = runs.held_out(classify.Config(train=Path("reviews.tsv"), valid=0.5), reviews, None)
        assert len(train) == len(valid) == 2 and capsys.readouterr().out.startswith(said)


def test_a_cross_validation_keeps_no_model(classify, reviews):
    with pytest.raises(ValueError, match="`cross_validate` with valid, output"):
        classify.main(dataclasses.replace(config_of(classify, reviews), export=None, cross_validate=3))
    with pytest.raises(ValueError, match=r"class 'x' .*Received: -1"):
        classify.Config(class_weights=("x=-1",))
    with pytest.raises(ValueError, match="label_smoothing"):
        classify.Config(label_smoothing=1.0)


def test_each_fold_begins_with_the_memory_of_a_new_process(classify):
    folds = runs.cross_validated(classify.Config(train=Path("a"), cross_validate=3), fold_that_keeps.main)["folds"]
    assert folds == [{"valid_before": 0}] * 3


def test_scores_of_folds_and_their_mean(classify, reviews):
    options = {"train": reviews / "train.tsv", "epochs": 1, "batch_size": 20, "max_length": 16}
    metrics = classify.main(classify.Config(**options, cross_validate=2, class_weights=("1=3",), label_smoothing=0.1))
    scores = [fold["valid_accuracy"] for fold in metrics["folds"]]
    assert metrics["valid_accuracy"] == sum(scores) / 2
    assert metrics["valid_accuracy_deviation"] == pytest.approx(abs(scores[0] - scores[1]) / 2**0.5)
    assert metrics["output"] is None
