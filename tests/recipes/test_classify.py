"""The classification recipe: it learns, it writes what it promises, and it refuses bad input before training."""

from pathlib import Path

import pytest
import tensorflow as tf

import keras_bert

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "recipes" / "samples" / "classify"
KEYS = {
    "train_loss", "valid_loss", "valid_accuracy", "train_examples_per_s", "real_tokens_per_s", "padding", "steps",
    "seconds", "output",
}  # fmt: skip


@pytest.fixture(scope="module")
def classify(load_recipe):
    return load_recipe("classify")


def config(classify, folder, **options):
    fields = {"train": folder / "train.tsv", "valid": folder / "valid.tsv", "epochs": 1, "max_length": 16}
    return classify.Config(**{**fields, **options})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_classify_learns_from_its_samples(classify, language):
    files = {name: SAMPLES / f"{language}_{name}.tsv" for name in ("train", "valid")}
    # Of seed 0 the best epoch, which counts, is an early one in English.
    metrics = classify.main(classify.Config(**files, seed=2))
    assert set(metrics) == KEYS
    assert metrics["valid_accuracy"] > 0.75  # 0.5 by chance
    assert metrics["train_loss"] < 0.4


def test_what_classify_writes_is_used_again(classify, reviews, dropout_rates):
    options = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3}
    first = classify.main(config(classify, reviews, output=reviews / "model", export=reviews / "served", **options))
    assert first["valid_accuracy"] == 1.0
    serve = tf.saved_model.load(reviews / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["a good book", "a dull book"]))["label"].numpy().tolist() == [b"1", b"0"]
    model, tokenizer = keras_bert.load_pretrained(reviews / "model", task="text_classifier")
    assert model.labels == ("0", "1")
    assert tokenizer.strip_accents is False
    options = {"pretrained": str(reviews / "model"), "limit": 8, "test": reviews / "test.tsv", "learning_rate": 1e-5}
    again = classify.main(config(classify, reviews, dropout=0.0, output=reviews / "again", **options))
    assert (again["steps"], again["test_accuracy"]) == (1, 1.0)
    assert [dropout_rates(reviews / name) for name in ("model", "again")] == [{0.1}, {0.0}]


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
        ({"dropout": 1.0}, "dropout"),
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


def test_classify_takes_long_texts_in_windows(classify, tmp_path):
    """The words that tell come after what training sees of the long texts of `test`."""
    short = [f"a {'good' if i % 2 else 'dull'} book {i}\t{i % 2}" for i in range(40)]
    long = [f"{'a the ' * 4}{'good book ' * 8 if i % 2 else 'dull book ' * 8}\t{i % 2}" for i in range(10)]
    for name, lines in (("train", short), ("valid", short[:10]), ("test", long)):
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
    options = {"test": tmp_path / "test.tsv", "epochs": 8, "batch_size": 8, "learning_rate": 2e-3, "max_length": 10}
    assert classify.main(config(classify, tmp_path, **options))["test_accuracy"] == 0.5
    metrics = classify.main(config(classify, tmp_path, **options, stride=2, export=tmp_path / "served"))
    assert metrics["test_accuracy"] == metrics["valid_accuracy"] == 1.0
    assert "test_loss" not in metrics  # it would be of texts without their ends
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["a the " * 4 + "dull book " * 8]))["label"].numpy() == [b"0"]
    with pytest.raises(ValueError, match="less than the 8 tokens"):
        classify.main(config(classify, tmp_path, **options, stride=8))


def test_a_training_that_diverges_ends_with_an_error(classify, reviews):
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        classify.main(config(classify, reviews, learning_rate=1e30, output=reviews / "output"))
    assert not (reviews / "output").exists()
