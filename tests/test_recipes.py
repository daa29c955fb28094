"""Recipes as templates: they learn, they write what they promise, and they refuse bad input before training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import keras_bert
from keras_bert.data import Question, Questions

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "recipes" / "samples" / "classify"
ANSWERS = ROOT / "recipes" / "samples" / "answer"
KEYS = {
    "train_loss", "valid_loss", "valid_accuracy", "train_examples_per_s", "real_tokens_per_s", "padding", "steps",
    "seconds", "output",
}  # fmt: skip


@pytest.fixture(scope="module")
def classify(load_recipe):
    return load_recipe("classify")


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


@pytest.mark.parametrize("name", ["answer", "classify", "pair", "tag"])
def test_a_pretrained_model_is_trained_at_a_lower_rate_unless_it_is_given(load_recipe, name):
    """The rate for a tiny model from random weights would ruin it."""
    recipe = load_recipe(name)
    config = recipe.Config(pretrained="some")
    assert (config.epochs, config.learning_rate) == (3, 5e-5)
    assert recipe.Config().learning_rate >= 5e-4 and recipe.Config().epochs >= 8
    given = recipe.Config(pretrained="some", epochs=1, learning_rate=2e-4)
    assert (given.epochs, given.learning_rate) == (1, 2e-4)
    with pytest.raises(ValueError, match="learning_rate"):
        recipe.Config(learning_rate=0.0)


def test_pretraining_that_goes_on_has_a_lower_rate_too(load_recipe):
    pretrain = load_recipe("pretrain")
    rates = [pretrain.Config(pretrained=pretrained).learning_rate for pretrained in (None, "some")]
    assert rates == [1e-3, 5e-5]


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


@pytest.fixture(scope="module")
def answer(load_recipe):
    return load_recipe("answer")


@pytest.fixture
def riddles(tmp_path):
    """Files of questions that are learned in seconds: the first word asks for a digit or for a letter."""
    for name, count in (("train", 96), ("valid", 12), ("test", 12)):
        paragraphs = []
        for i in range(count):
            digit, letter = str(i % 7), "uvwxyz"[i % 6]
            first, second = (digit, letter) if i % 4 < 2 else (letter, digit)
            context, text = f"it is {first} or {second}", digit if i % 2 else letter
            gold = [{"text": text, "answer_start": context.rindex(text)}]
            row = {"id": f"{name}{i}", "question": "number?" if i % 2 else "letter?", "answers": gold}
            paragraphs.append({"context": context, "qas": [row]})
        data = {"version": "1.1", "data": [{"title": "riddles", "paragraphs": paragraphs}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    return tmp_path


def answering(answer, folder, **options):
    files = {"train": folder / "train.json", "valid": folder / "valid.json"}
    sizes = {"epochs": 1, "max_length": 24, "max_question_length": 6, "stride": 3}
    return answer.Config(**{**files, **sizes, **options})


def strict(path):
    """A file of JSON, in which there is no NaN and no infinity."""

    def refuse(constant):
        raise AssertionError(f"{path} holds {constant}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def test_what_answer_writes_is_used_again(answer, riddles, dropout_rates):
    outputs = {name: riddles / name for name in ("output", "export", "predictions")}
    first = answer.main(answering(answer, riddles, epochs=16, batch_size=8, **outputs, test=riddles / "test.json"))
    assert set(first) == {
        "train_loss", "valid_exact_match", "valid_f1", "test_exact_match", "test_f1", "train_examples_per_s",
        "real_tokens_per_s", "padding", "steps", "seconds", "output",
    }  # fmt: skip
    assert first["test_exact_match"] == first["valid_exact_match"] == 100.0  # 50 by chance, once it knows where to look
    predictions = strict(riddles / "predictions" / "predictions.json")
    assert (predictions["test0"], predictions["test1"], len(predictions)) == ("u", "1", 12)
    assert not (riddles / "predictions" / "null_odds.json").exists()
    serve = tf.saved_model.load(riddles / "export").signatures["serving_default"]
    answered = serve(question=tf.constant(["letter?"] * 2), context=tf.constant(["it is 3 or w", ""]))
    assert answered["answer"].numpy().tolist() == [b"w", b""]
    assert (answered["start"].numpy().tolist(), answered["end"].numpy().tolist()) == ([11, -1], [12, -1])
    options = {"pretrained": str(riddles / "output"), "limit": 8, "learning_rate": 1e-6, "dropout": 0.0}
    again = answer.main(answering(answer, riddles, output=riddles / "again", **options))
    assert (again["steps"], again["valid_exact_match"]) == (1, 100.0)
    assert dropout_rates(riddles / "again") == {0.0}


def test_a_training_that_diverges_ends_with_an_error(classify, answer, reviews, riddles):
    output = reviews / "output"
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        classify.main(config(classify, reviews, learning_rate=1e30, output=output))
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        answer.main(answering(answer, riddles, learning_rate=1e30, output=output))
    assert not output.exists()


def test_the_metric_is_that_of_the_files_official_script(answer):
    question = Question("a", "who?", "Ann ran.", (("Ann", 0),))
    for version, metric in (("1.1", "squad"), ("v2.0", "squad"), ("KorQuAD_v1.0_dev", "korquad")):
        assert answer.metric_of(Questions([question], version=version)) == metric
    assert answer.metric_of(Questions([question, Question("b", "who?", "It rains.")])) == "squad2"


def test_answer_finds_the_threshold_of_no_answer_on_valid(answer, riddles):
    for name in ("train", "valid"):
        data = json.loads((riddles / f"{name}.json").read_text())
        for i, paragraph in enumerate(data["data"][0]["paragraphs"]):
            if i % 3 == 0:
                paragraph["context"] = "it is or" if name == "train" or i else ""
                paragraph["qas"][0] |= {"answers": [], "is_impossible": True}
        (riddles / f"{name}.json").write_text(json.dumps(data))
    outputs = {name: riddles / name for name in ("export", "predictions")}
    with pytest.warns(UserWarning, match=r"the context is empty .1: 'valid0'.*asked all the same"):
        metrics = answer.main(answering(answer, riddles, epochs=16, batch_size=8, **outputs))
    assert metrics["valid_f1"] > 90  # 33 by no answer at all
    # What the official scripts read: for each id a string, and a number.
    odds = strict(riddles / "predictions" / "null_odds.json")
    predictions = strict(riddles / "predictions" / "predictions.json")
    assert predictions.keys() == odds.keys() == {f"valid{i}" for i in range(12)}
    assert all(isinstance(text, str) for text in predictions.values())
    assert all(isinstance(number, float) for number in odds.values()) and odds["valid0"] == 1e9
    is_null = {name for name in odds if odds[name] > metrics["null_threshold"]}
    assert is_null == {name for name in odds if not predictions[name]}
    serve = tf.saved_model.load(riddles / "export").signatures["serving_default"]
    answered = serve(question=tf.constant(["letter?"] * 2), context=tf.constant(["it is 3 or w", "it is or"]))
    assert answered["answer"].numpy().tolist() == [b"w", b""]


def test_answer_takes_the_length_of_rows_alone_and_warns_before_training(answer, riddles):
    data = json.loads((riddles / "test.json").read_text())
    data["data"][0]["paragraphs"][1]["qas"][0]["question"] = "number? " * 20
    data["data"][0]["paragraphs"][2]["qas"][0]["answers"][0]["answer_start"] = 1
    (riddles / "test.json").write_text(json.dumps(data))
    options = {"max_length": 20, "stride": None, "max_question_length": None, "test": riddles / "test.json"}
    with pytest.warns(UserWarning) as warned:
        answer.main(answering(answer, riddles, **options))
    remarks = [str(warning.message) for warning in warned if "test.json" in str(warning.message)]
    assert len(remarks) == 2
    assert "answer_start (1: 'test2'). They are asked all the same." in remarks[0]
    assert remarks[1].startswith("1 questions") and "max_question_length=8 tokens" in remarks[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": "missing.json"}, "There is no file"),
        ({"valid": None}, "Give both"),
        ({"stride": 20}, r"less than the 15 tokens.*stride=20"),
        ({"max_question_length": 21}, "at least 25"),
        ({"max_length": 1000}, "max_sequence_length=512"),
        ({"num_answers": 0}, "num_answers"),
        ({"max_answer_length": -1}, "max_answer_length"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"output": Path("a"), "predictions": Path("a/b")}, "outside of"),
    ],
)
def test_answer_refuses_options(answer, riddles, options, message):
    if options.get("train"):
        options = {"train": riddles / options["train"]}
    with pytest.raises(ValueError, match=message):
        answer.main(answering(answer, riddles, **options))


def test_answer_refuses_what_its_metric_cannot_score(answer, riddles):
    data = json.loads((riddles / "valid.json").read_text())
    data["data"][0]["paragraphs"][0]["qas"][0] |= {"answers": [], "is_impossible": True}
    (riddles / "valid.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=r"valid\.json has questions without an answer"):
        answer.main(answering(answer, riddles, metric="squad"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_answer_learns_from_its_samples(answer, language):
    files = {name: ANSWERS / f"{language}_{name}.json" for name in ("train", "valid")}
    metrics = answer.main(answer.Config(**files, epochs=8))
    assert metrics["valid_exact_match"] > 30  # a paragraph has four such places
    assert metrics["valid_f1"] > metrics["valid_exact_match"]


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
