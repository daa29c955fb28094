"""The recipe for pairs of texts: it learns, classifies or scores, and what it writes is used again."""

import dataclasses
from pathlib import Path

import pytest
import tensorflow as tf

import keras_bert

ROOT = Path(__file__).parents[2]
THROUGHPUT = {"train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output"}


@pytest.fixture(scope="module")
def pair(load_recipe):
    return load_recipe("pair")


@pytest.fixture
def config(pair, tmp_path):
    """Labels that the second text alone tells: learned in seconds."""
    for name, count in (("train", 48), ("valid", 12), ("test", 12)):
        rows = [
            f"film {i}\t{'good' if i % 2 else 'dull'} book {i}\t{'yes' if i % 2 else 'no'}\t{4.5 if i % 2 else 0.5}"
            for i in range(count)
        ]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["a\tb\tfits\tscore", *rows]) + "\n")
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "valid", "test")}
    options = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3, "max_length": 16}
    return pair.Config(**files, text_columns=("a", "b"), label_column="fits", **options)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_pair_learns_from_its_samples(pair, language):
    metrics = pair.main(pair.Config(**{name: pair.SAMPLES / f"{language}_{name}.tsv" for name in ("train", "valid")}))
    assert metrics["valid_accuracy"] > 0.75  # a third by chance; two thirds without looking at the first sentence


def test_pairs_are_classified_and_served(pair, load_recipe, config, tmp_path, dropout_rates, assert_evaluated_alike):
    metrics = pair.main(dataclasses.replace(config, dropout=0.0, output=tmp_path / "model", export=tmp_path / "served"))
    scores = {f"{part}_{key}" for part in ("valid", "test") for key in ("accuracy", "f1", "matthews")}
    assert set(metrics) == {"train_loss", *scores, *THROUGHPUT}
    assert metrics["test_accuracy"] == metrics["valid_f1"] == metrics["test_matthews"] == 1.0
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    answer = serve(text=tf.constant(["film 3", "film 4"]), second_text=tf.constant(["good book 3", "dull book 4"]))
    assert answer["label"].numpy().tolist() == [b"yes", b"no"]
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.labels == ("no", "yes")
    assert dropout_rates(tmp_path / "model") == {0.0}
    assert model.pairs
    columns = {"text_columns": ("a", "b"), "label_column": "fits"}
    assert_evaluated_alike(metrics, tmp_path / "model", config.test, **columns)
    refuse_single_texts(load_recipe, config, tmp_path)


def refuse_single_texts(load_recipe, config, folder):
    """recipes, Config, folder with a model of pairs -> None; its files' columns aren't premise and hypothesis."""
    evaluate, predict = load_recipe("evaluate"), load_recipe("predict")
    answers = {"input": str(config.test), "output": str(folder / "answers.jsonl")}
    for options in ({}, {"text_column": "a"}):
        of_model = {"model": str(folder / "model"), **options}
        with pytest.raises(ValueError, match=r"trained on pairs.* Give the columns of the two texts by `text_columns`"):
            evaluate.main(evaluate.Config(**of_model, test=config.test, label_column="fits"))
        with pytest.raises(ValueError, match="trained on pairs of texts"):
            predict.main(predict.Config(**of_model, **answers))
    text = config.test.read_text().replace("a\tb\tfits", "premise\thypothesis\tfits", 1)
    config.test.write_text(text)
    of_model = {"model": str(folder / "model")}
    assert evaluate.main(evaluate.Config(**of_model, test=config.test, label_column="fits"))["test_accuracy"] == 1.0
    assert predict.main(predict.Config(**of_model, **answers))["texts"] == 12


def test_pairs_are_scored_in_the_labels_range(pair, config, tmp_path, assert_evaluated_alike):
    with open(tmp_path / "train.tsv", "a") as file:
        file.write("film 99\tgood book 99\tyes\t4.5\n")  # so that the mean isn't in the middle
    directories = {"output": tmp_path / "model", "export": tmp_path / "served"}
    config = dataclasses.replace(config, kind="regression", label_column="score", epochs=16, **directories)
    metrics = pair.main(config)
    columns = {"text_columns": ("a", "b"), "label_column": "score"}
    assert_evaluated_alike(metrics, tmp_path / "model", config.test, **columns)
    assert min(metrics[f"{part}_{key}"] for part in ("valid", "test") for key in ("pearson", "spearman")) > 0.8
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    answer = serve(text=tf.constant(["film 3", "film 4"]), second_text=tf.constant(["good book 3", "dull book 4"]))
    high, low = answer["score"].numpy()
    assert 0.5 <= low < 1.5 and 3.5 < high <= 4.5


def test_pairs_have_several_labels(pair, config, tmp_path, assert_evaluated_alike):
    """A label that the second text tells, and one that the first does."""
    for name, count in (("train", 48), ("valid", 12), ("test", 12)):
        rows = [
            f"{'red' if i % 3 else 'blue'} film\t{'good' if i % 2 else 'dull'} book\t{int(i % 2)}\t{int(i % 3 == 0)}"
            for i in range(count)
        ]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["a\tb\tfits\tblue", *rows]) + "\n")
    columns = {"label_columns": ("fits", "blue")}
    several = {"multi_label": True, "class_weights": ("balanced",), "label_smoothing": 0.1, "epochs": 12, **columns}
    metrics = pair.main(dataclasses.replace(config, output=tmp_path / "model", export=tmp_path / "served", **several))
    assert metrics["valid_micro_f1"] == metrics["test_micro_f1"] > 0.9
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.multi_label and model.pairs and model.labels == ("fits", "blue")
    assert_evaluated_alike(metrics, tmp_path / "model", config.test, text_columns=("a", "b"), **columns)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    answer = serve(text=tf.constant(["blue film"]), second_text=tf.constant(["good book"]))
    assert answer["labels"].numpy().tolist() == [[b"fits", b"blue"]]
    with pytest.raises(ValueError, match=r"are of classes\. Received: .*multi_label, with kind=regression"):
        dataclasses.replace(config, kind="regression", **several)


def test_scores_far_from_zero_are_learned_at_small_rates(pair, config):
    for name in ("train", "valid", "test"):
        path = getattr(config, name)
        path.write_text(path.read_text().replace("\t0.5\n", "\t60\n").replace("\t4.5\n", "\t100\n"))
    config = dataclasses.replace(config, kind="regression", label_column="score", learning_rate=1e-4, epochs=1)
    metrics = pair.main(config)
    assert metrics["train_loss"] < 20.0**2 * 1.5  # of the mean alone: 20 ** 2; from 0: over 80 ** 2
    assert metrics["valid_spearman"] is not None


def test_a_cross_encoder_learns_scores_without_its_activation(pair, config, tmp_path, tokenizer, small_config):
    """A sigmoid's scores would all be less than 1."""
    model = keras_bert.text_regressor(keras_bert.backbone(small_config), score_activation="sigmoid")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "cross_encoder")
    directories = {"output": tmp_path / "model", "export": tmp_path / "served"}
    regression = {"kind": "regression", "label_column": "score", "epochs": 1}
    pair.main(dataclasses.replace(config, pretrained=str(tmp_path / "cross_encoder"), **regression, **directories))
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="text_regressor")
    assert model.score_activation is None
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    answer = serve(text=tf.constant(["a film"]), second_text=tf.constant(["good book"]))
    assert answer["score"].numpy()[0] > 1.5


def test_bad_input_is_refused_before_training(pair, config, tmp_path):
    def refused(message, **changes):
        with pytest.raises(ValueError, match=message):
            pair.main(dataclasses.replace(config, **changes))

    refused("Every label must be a number.*'no'", kind="regression")
    refused("no column 'text'", text_columns=("text", "b"))
    refused("must be three columns. Received: a, fits, fits", text_columns=("a", "fits"))
    refused("at least 5", max_length=4)
    refused("outside of", output=tmp_path / "x", export=tmp_path / "x" / "y")
    (tmp_path / "valid.tsv").write_text("a\tb\tfits\nfilm\tgood\tmaybe\n")
    refused(r"others: 'maybe' \(1 examples\)")
    (tmp_path / "valid.tsv").write_text("a\tb\tfits\nfilm\tgood\n")
    refused("Line 2 .*has 2 cells, but the header has 3")
