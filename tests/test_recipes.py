"""Recipes as templates: they learn, they write what they promise, and they refuse bad input before training."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import keras_bert

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "recipes" / "samples" / "classify"
KEYS = {
    "train_loss", "valid_loss", "valid_accuracy", "train_examples_per_s", "real_tokens_per_s", "padding", "steps",
    "seconds", "output",
}  # fmt: skip


@pytest.fixture(scope="module")
def classify():
    spec = importlib.util.spec_from_file_location("classify", ROOT / "recipes" / "classify.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def reviews(tmp_path):
    """Files that are learned in seconds."""
    for name, count in (("train", 40), ("valid", 10), ("test", 10)):
        lines = [f"a {'good' if i % 2 else 'dull'} {'book' if i % 3 else 'film'} {i}\t{i % 2}" for i in range(count)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    return tmp_path


def config(classify, folder, **options):
    fields = {"train": folder / "train.tsv", "valid": folder / "valid.tsv", "epochs": 1, "max_length": 16}
    return classify.Config(**{**fields, **options})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_classify_learns_from_its_samples(classify, language):
    files = {name: SAMPLES / f"{language}_{name}.tsv" for name in ("train", "valid")}
    metrics = classify.main(classify.Config(**files))
    assert set(metrics) == KEYS
    assert metrics["valid_accuracy"] > 0.75  # 0.5 by chance
    assert metrics["train_loss"] < 0.4


def test_the_command_line_ends_with_a_line_of_json(reviews):
    command = [sys.executable, ROOT / "recipes" / "classify.py", "--epochs", "1", "--max-length", "16"]
    for name in ("train", "valid", "test"):
        command += [f"--{name}", reviews / f"{name}.tsv"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads(done.stdout.splitlines()[-1])
    assert set(metrics) == {*KEYS, "test_loss", "test_accuracy"}
    assert metrics["steps"] == 3


def test_an_error_on_the_command_line_is_one_line(tmp_path):
    command = [sys.executable, ROOT / "recipes" / "classify.py", "--train", "no.tsv", "--valid", "no.tsv"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: There is no file no.tsv")
    assert "Traceback" not in done.stderr


def test_what_classify_writes_is_used_again(classify, reviews):
    options = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3}
    first = classify.main(config(classify, reviews, output=reviews / "model", export=reviews / "served", **options))
    assert first["valid_accuracy"] == 1.0
    serve = tf.saved_model.load(reviews / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["a good book", "a dull book"]))["label"].numpy().tolist() == [b"1", b"0"]
    model, tokenizer = keras_bert.load_pretrained(reviews / "model", task="text_classifier")
    assert keras_bert.labels_of(model) == ("0", "1")
    assert tokenizer.strip_accents is False
    options = {"pretrained": str(reviews / "model"), "limit": 8, "test": reviews / "test.tsv", "learning_rate": 1e-5}
    again = classify.main(config(classify, reviews, **options))
    assert (again["steps"], again["test_accuracy"]) == (1, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": "missing.tsv"}, "There is no file"),
        ({"text_column": "sentence"}, "no column 'sentence'"),
        ({"max_length": 1000}, "max_sequence_length=512"),
        ({"pretrained": "no/such-model"}, "no/such-model"),
        ({"precision": "float13"}, "float13"),
        ({"valid": None}, "Give both"),
        ({"epochs": 0}, "epochs"),
        ({"limit": 0}, "limit"),
        ({"batch_size": -1}, "batch_size"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"output": Path("a"), "export": Path("a")}, "outside of"),
        ({"output": Path("a/b"), "export": Path("a")}, "outside of"),
        ({"output": Path("a"), "export": Path("a/b")}, "outside of"),
    ],
)
def test_classify_refuses_options(classify, reviews, options, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if "train" in options:
        options = {"train": reviews / options["train"]}
    with pytest.raises(ValueError, match=message):
        classify.main(config(classify, reviews, **options))


def test_classify_refuses_labels_that_training_does_not_have(classify, reviews):
    (reviews / "valid.tsv").write_text("text\tlabel\na good book\t2\n")
    with pytest.raises(ValueError, match=r"valid.tsv there are others: '2'"):
        classify.main(config(classify, reviews))


def test_classify_refuses_one_class_and_no_example(classify, reviews):
    (reviews / "train.tsv").write_text("text\tlabel\na good book\t1\n")
    with pytest.raises(ValueError, match=r"at least 2 classes.*train\.tsv"):
        classify.main(config(classify, reviews))
    (reviews / "train.tsv").write_text("text\tlabel\n")
    with pytest.raises(ValueError, match="no example"):
        classify.main(config(classify, reviews))


@pytest.mark.parametrize("option", ["output", "export"])
def test_classify_never_writes_over_something(classify, reviews, option):
    with pytest.raises(ValueError, match=r"train.tsv"):
        classify.main(config(classify, reviews, **{option: reviews}))
    assert (reviews / "train.tsv").exists()
