"""The classification recipe: it learns, it writes what it promises, and it refuses bad input before training."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
import tensorflow as tf
from safetensors.numpy import load_file

import keras_bert

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "recipes" / "samples" / "classify"
KEYS = {
    "train_loss", "valid_loss", "valid_accuracy", "valid_f1", "valid_matthews",
    "train_examples_per_s", "real_tokens_per_s", "padding", "steps",
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
    # Of seed 2 the best epoch, which counts, is an early one in Korean.
    metrics = classify.main(classify.Config(**files))
    assert set(metrics) == KEYS
    assert metrics["valid_accuracy"] > 0.75  # 0.5 by chance
    assert metrics["train_loss"] < 0.4


def test_what_classify_writes_is_used_again(classify, reviews, dropout_rates, assert_evaluated_alike):
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
    assert_evaluated_alike(again, reviews / "again", reviews / "test.tsv")
    assert keras_bert.checkpoints.trained_length(reviews / "again") == 16
    assert [dropout_rates(reviews / name) for name in ("model", "again")] == [{0.1}, {0.0}]


def test_examples_of_weight_0_teach_nothing(classify, reviews):
    """Each review comes once more with the other label, twice, and these weigh 0."""
    header, *lines = (reviews / "train.tsv").read_text().splitlines()
    text, label = (header.split("\t").index(name) for name in ("text", "label"))
    rows = [line.split("\t") for line in lines]
    right = [(row[text], row[label], 1) for row in rows]
    wrong = [(words, {"0": "1", "1": "0"}[label], 0) for words, label, _ in right]
    rows = ["text\tlabel\tweight", *("\t".join(map(str, row)) for row in [*right, *wrong, *wrong])]
    (reviews / "doubtful.tsv").write_text("\n".join(rows) + "\n")
    options = {"train": reviews / "doubtful.tsv", "epochs": 8, "batch_size": 24, "learning_rate": 2e-3}
    metrics = classify.main(config(classify, reviews, weight_column="weight", **options))
    assert metrics["valid_accuracy"] == 1.0


def test_what_is_frozen_is_the_checkpoints(classify, reviews):
    """Of the two layers the lower one, and the embedding; what trains has rates that fall."""
    before = classify.main(config(classify, reviews, output=reviews / "model"))
    assert before["steps"] > 0
    options = {"pretrained": str(reviews / "model"), "freeze_layers": 1, "layer_decay": 0.9, "learning_rate": 1e-3}
    classify.main(config(classify, reviews, output=reviews / "frozen", **options))
    old, new = (load_file(reviews / name / "model.safetensors") for name in ("model", "frozen"))
    same = {name for name in old if (old[name] == new[name]).all()}
    frozen = ("bert.embeddings.", "bert.encoder.layer.0.")
    assert same == {name for name in old if name.startswith(frozen)}
    options = {"pretrained": str(reviews / "model"), "lora_rank": 4, "learning_rate": 2e-2, "epochs": 8}
    options["lora_targets"] = ("query", "value", "feedforward_output")
    adapted = classify.main(config(classify, reviews, output=reviews / "adapted", **options))
    assert adapted["valid_accuracy"] == 1.0
    new = load_file(reviews / "adapted" / "model.safetensors")
    moved = {name.rpartition("layer.")[2][2:] for name in old if (old[name] != new[name]).any()}
    parts = {"attention.self.query.weight", "attention.self.value.weight", "output.dense.weight"}
    assert moved - {"assifier.weight", "assifier.bias"} == parts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze_layers": 1}, "are for checkpoints"),
        ({"freeze_embeddings": True}, "are for checkpoints"),
        ({"lora_rank": 4}, "are for checkpoints"),
        ({"lora_targets": ("key",)}, "Received: lora_targets=key, and no lora_rank. Give it too"),
        ({"pretrained": "some", "lora_rank": 0}, "`lora_rank` must be an integer of at least 1"),
        ({"pretrained": "some", "freeze_layers": 0}, "`freeze_layers` must be an integer of at least 1"),
        ({"layer_decay": 1.1}, "layer_decay"),
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
    options |= {"epochs": 1, "max_length": 10}
    classify.main(config(classify, tmp_path, **options, windows="mean", output=tmp_path / "windows"))
    options |= {"pretrained": str(tmp_path / "windows"), "max_length": 12}  # the options say how texts are read
    classify.main(config(classify, tmp_path, **options, output=tmp_path / "cut"))
    classify.main(config(classify, tmp_path, **options, windows="mean", output=tmp_path / "again"))
    lengths = [
        keras_bert.windows_of(keras_bert.load_pretrained(tmp_path / name, "text_classifier")[0])
        for name in ("windows", "cut", "again")
    ]
    assert [windows and windows.length for windows in lengths] == [10, None, 12]


def test_a_training_that_diverges_ends_with_an_error(classify, reviews):
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        classify.main(config(classify, reviews, learning_rate=1e30, output=reviews / "output"))
    assert not (reviews / "output").exists()


def several(classify, folder, **options):
    """Small files of several labels a text, options -> Config."""
    words = {"good": "praise", "dull": "blame", "book": "book"}
    lines = []
    for i in range(40):
        said = [word for place, word in enumerate(words) if i % 8 & 1 << place]
        lines.append((f"the {' '.join(said)} thing {i}", [words[word] for word in said]))
    for name, part in (("train", lines[:32]), ("valid", lines[32:])):
        table = [f"{text}\t{'|'.join(labels)}" for text, labels in part]
        (folder / f"{name}.tsv").write_text("\n".join(["text\tlabel", *table]) + "\n")
        objects = [json.dumps({"text": text, "label": labels}) for text, labels in part]
        (folder / f"{name}.jsonl").write_text("\n".join(objects))
        cells = [
            ",".join([text, *(str(int(of_word in labels)) for of_word in words.values())]) for text, labels in part
        ]
        (folder / f"{name}.csv").write_text("\n".join([",".join(["text", *words.values()]), *cells]) + "\n")
    return config(classify, folder, multi_label=True, batch_size=8, learning_rate=2e-3, **options)


def test_several_labels_are_learned_kept_and_served(classify, load_recipe, tmp_path, capsys):
    """The files in all three forms say the same."""
    options = {"epochs": 12, "output": tmp_path / "model", "export": tmp_path / "served"}
    metrics = classify.main(several(classify, tmp_path, test=tmp_path / "valid.tsv", **options))
    scores = {"micro_f1", "macro_f1", "precision", "recall", "subset_accuracy", "average_precision"}
    assert {f"{part}_{name}" for part in ("valid", "test") for name in scores} | (
        KEYS - {"valid_accuracy", "valid_f1", "valid_matthews", "valid_loss"}
    ) == {*metrics}
    assert metrics["valid_micro_f1"] == metrics["test_micro_f1"] > 0.9
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.multi_label and model.labels == ("blame", "book", "praise")
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["the good book thing"]))["labels"].numpy().tolist() == [[b"book", b"praise"]]
    assert re.search(r"valid\.tsv:\n +precision .*\nblame +[01]\.\d+ .*\nbook .*\npraise ", capsys.readouterr().out)
    evaluate = load_recipe("evaluate")
    for test, columns in (("valid.csv", ("book", "praise", "blame")), ("valid.jsonl", ())):
        options = {"test": tmp_path / test, "label_columns": columns, "report": tmp_path / f"report-{test}"}
        found = evaluate.main(evaluate.Config(model=str(tmp_path / "model"), **options))
        assert found["test_micro_f1"] == pytest.approx(metrics["test_micro_f1"]) and found["examples"] == 8
        assert f"{test}:\n" in (printed := capsys.readouterr().out) and "\npraise " in printed
        [*_, last] = (options["report"] / "classes.csv").read_text().splitlines()
        assert last.split(",")[0] == "praise" and last.endswith(",0,0")  # neither missed nor given wrongly
        assert (options["report"] / "confusion.png").read_bytes().startswith(b"\x89PNG")
    contents = json.loads((tmp_path / "model" / "config.json").read_text())
    assert contents["keras_bert"]["thresholds"] == list(model.thresholds)


def test_weights_of_labels_change_what_is_learned(classify, tmp_path):
    """Weights of 0 leave nothing to learn of a label's yes: it is never given, which without them it is (above)."""
    options = {
        "epochs": 12,
        "output": tmp_path / "model",
        "class_weights": ("book=0", "praise=2"),
        "label_smoothing": 0.1,
    }
    metrics = classify.main(several(classify, tmp_path, **options))
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    texts = [f"the {words} thing" for words in ("book", "good book", "dull book")]
    answers = keras_bert.predictor(model, tokenizer, max_length=16)(texts)
    assert metrics["steps"] == 48 and max(answer["probabilities"]["book"] for answer in answers) < 0.5
    with pytest.raises(ValueError, match="Received: 'none'"):
        classify.main(several(classify, tmp_path, epochs=1, class_weights=("none=2",)))


def test_several_labels_out_of_columns_and_from_another_head(classify, tmp_path):
    options = {"train": tmp_path / "train.csv", "valid": tmp_path / "valid.csv", "epochs": 1, "stride": 2}
    columns = ("praise", "blame", "book")
    classify.main(several(classify, tmp_path, label_columns=columns, output=tmp_path / "model", **options))
    assert keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")[0].labels == columns
    one = dataclasses.replace(config(classify, tmp_path), pretrained=str(tmp_path / "model"))
    (tmp_path / "train.tsv").write_text("text\tlabel\ngood\tpraise\ndull\tblame\nbook\tbook\n")
    (tmp_path / "valid.tsv").write_text("text\tlabel\ngood thing\tpraise\n")
    with pytest.warns(UserWarning, match="classifier is for several labels a text, this one has multi_label=False"):
        assert classify.main(one)["steps"] == 1


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({"label_columns": ("a", "b")}, "multi_label"),
        ({"label_separator": ";"}, "multi_label"),
        ({"max_windows": 2}, "windows"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(classify, options, needed):
    [name] = options
    with pytest.raises(ValueError, match=f"`{name}` needs `{needed}`"):
        classify.Config(**options)
