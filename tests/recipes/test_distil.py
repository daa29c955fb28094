"""The recipe for smaller models: a student that answers as its teacher does, saved and served as any model."""

import dataclasses
import json

import keras
import pytest
import tensorflow as tf

import keras_bert

THROUGHPUT = {"train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output"}
SIZES = {"batch_size": 8, "max_length": 16}


def examples(count):
    """number -> (first text, second text, label, score): the second text alone tells."""
    return [
        (f"a film {i}", f"very {'good' if i % 2 else 'dull'} book", *(("yes", "4.5") if i % 2 else ("no", "0.5")))
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def distil(load_recipe):
    return load_recipe("distil")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory, tokenizer):
    """{task: directory} of models of three layers; the classifier of pairs has learned them."""
    folder = tmp_path_factory.mktemp("teachers")
    size = keras_bert.BertConfig(tokenizer.vocabulary_size, 3, 4, 12, 37, 32, initializer_range=0.2)
    keras.utils.set_random_seed(0)
    classifier = keras_bert.text_classifier(keras_bert.backbone(size), 2, labels=["no", "yes"])
    classifier.compile(keras_bert.AdamW(5e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    rows = [row[:3] for row in examples(48)]
    batches = keras_bert.data.classification_batches(rows, tokenizer, ["no", "yes"], **SIZES, seed=0)
    classifier.fit(batches, epochs=8, verbose=0)
    models = {
        "text_classifier": classifier,
        "text_regressor": keras_bert.text_regressor(keras_bert.backbone(size)),
        "token_classifier": keras_bert.token_classifier(keras_bert.backbone(size), 2, labels=["A", "B"]),
        "backbone": keras_bert.backbone(size),
    }
    for task, model in models.items():
        keras_bert.save_pretrained(model, tokenizer, folder / task)
    return {task: str(folder / task) for task in models}


@pytest.fixture
def config(distil, teachers, tmp_path):
    for name, count in (("train", 48), ("valid", 12), ("test", 12)):
        lines = ["\t".join(row) for row in examples(count)]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["a\tb\tfits\tscore", *lines]) + "\n")
    (tmp_path / "more.jsonl").write_text("".join(json.dumps({"a": a, "b": b}) + "\n" for a, b, *_ in examples(20)))
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "valid", "test")}
    columns = {"text_columns": ("a", "b"), "label_column": "fits"}
    teacher = {"teacher": teachers["text_classifier"], "epochs": 6, "learning_rate": 3e-3}
    return distil.Config(**teacher, **files, **columns, **SIZES)


def test_a_student_of_the_samples_comes_near_to_its_teacher(distil):
    metrics = distil.main(distil.Config())
    assert metrics["teacher_valid_accuracy"] > 0.8  # half by chance
    assert metrics["valid_accuracy"] > metrics["teacher_valid_accuracy"] - 0.05


def test_pairs_are_classified_and_served_by_a_smaller_model(distil, config, tmp_path):
    outputs = {"output": tmp_path / "model", "export": tmp_path / "served"}
    metrics = distil.main(dataclasses.replace(config, num_layers=1, unlabelled=tmp_path / "more.jsonl", **outputs))
    scores = {f"{part}_{key}" for part in ("valid", "test") for key in ("accuracy", "f1", "matthews")}
    assert set(metrics) == {"train_loss", *scores, *(f"teacher_{score}" for score in scores), *THROUGHPUT}
    assert metrics["test_accuracy"] == metrics["teacher_test_accuracy"] == 1.0
    assert metrics["steps"] == 6 * 9  # of 48 texts and 20
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.config.num_layers == 1 and model.labels == ("no", "yes")
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    answer = serve(
        text=tf.constant(["a film 3", "a film 4"]), second_text=tf.constant(["very good book", "very dull book"])
    )
    assert answer["label"].numpy().tolist() == [b"yes", b"no"]


def test_scores_are_learned_from_labels_too(distil, config, teachers):
    """The teacher knows nothing of them."""
    options = {"teacher": teachers["text_regressor"], "label_column": "score", "label_share": 0.9, "epochs": 10}
    options |= {"valid": 0.2, "test": None}  # a fifth of the texts to train on
    metrics = distil.main(dataclasses.replace(config, layers=(0,), accumulate=2, **options))
    assert metrics["valid_pearson"] > 0.9 > metrics["teacher_valid_pearson"]


def test_hidden_states_are_learned_too(distil, config, tmp_path):
    options = {"hidden_states": 0.1, "layers": (0, 2), "output": tmp_path / "model"}
    metrics = distil.main(dataclasses.replace(config, test=None, **options))
    assert metrics["valid_accuracy"] == 1.0
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.config.num_layers == 2
    # The same command again: nothing is left to do, but for the scores.
    again = distil.main(dataclasses.replace(config, test=None, **options))
    assert again["valid_accuracy"] == 1.0 and again["steps"] == 0


def test_a_student_may_come_from_elsewhere(distil, config, tokenizer, tmp_path):
    narrow = keras_bert.BertConfig(tokenizer.vocabulary_size, 1, 2, 8, 16, 32, initializer_range=0.2)
    keras_bert.save_pretrained(keras_bert.backbone(narrow), tokenizer, tmp_path / "narrow")
    options = {"pretrained": str(tmp_path / "narrow"), "output": tmp_path / "model", "epochs": 1, "test": None}
    with pytest.warns(UserWarning, match="start random"):
        distil.main(dataclasses.replace(config, **options))
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.config.hidden_dim == 8 and model.labels == ("no", "yes")


def test_a_student_is_adapted_at_ten_times_the_rate(distil, config, tmp_path):
    """And learns from plain lines too, whose single texts the teacher of pairs answers somehow."""
    (tmp_path / "train.txt").write_text("".join(f"{a} {b}\n" for a, b, *_ in examples(20)))
    options = {
        "text_columns": None,
        "text_column": None,
        "train": tmp_path / "train.txt",
        "valid": tmp_path / "one.tsv",
    }
    (tmp_path / "one.tsv").write_text("text\tfits\na good book\tyes\na dull book\tno\n")
    options |= {"lora_rank": 2, "learning_rate": None, "epochs": 1, "test": None, "output": tmp_path / "model"}
    adapting = dataclasses.replace(config, **options)
    assert adapting.learning_rate == pytest.approx(5e-4)
    assert distil.main(adapting)["steps"] == 3
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert not any("lora" in variable.path for variable in model.weights)


def test_a_tagger_is_made_smaller(distil, teachers, tmp_path, assert_evaluated_alike):
    """Of labels it learns what its teacher, of random weights, doesn't know; words of another file have none."""
    for name, count in (("train", 40), ("valid", 10), ("test", 10)):
        sentences = [f"a A\n{'good B' if i % 2 else 'dull A'}\nbook A\n" for i in range(count)]
        (tmp_path / f"{name}.conll").write_text("\n".join(sentences))
    (tmp_path / "words.conll").write_text("the\nfilm\n\na\nbook\n")
    files = {name: tmp_path / f"{name}.conll" for name in ("train", "valid", "test")}
    options = {"label_share": 1.0, "num_layers": 1, "epochs": 12, "learning_rate": 1e-2, "limit": 32}
    outputs = {"output": tmp_path / "model", "export": tmp_path / "served"}
    config = distil.Config(teacher=teachers["token_classifier"], **files, **options, **outputs, **SIZES)
    metrics = distil.main(dataclasses.replace(config, unlabelled=tmp_path / "words.conll"))
    assert metrics["steps"] == 12 * 5  # of 32 sentences and 2
    assert metrics["test_accuracy"] == 1.0 > metrics["teacher_test_accuracy"]
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="token_classifier")
    assert model.config.num_layers == 1 and model.labels == ("A", "B")
    assert_evaluated_alike(metrics, tmp_path / "model", config.test)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["a good book"]))["tag"].numpy().tolist() == [[b"A", b"B", b"A"]]
    with pytest.raises(ValueError, match=r"is a token_classifier\. Received: `text_column`, which texts have"):
        distil.main(dataclasses.replace(config, text_column="a", output=None, export=None))


def test_a_teacher_may_give_several_labels(distil, tokenizer, tmp_path):
    """Of labels the student learns what its teacher, of random weights, doesn't know, and finds its own thresholds."""
    size = keras_bert.BertConfig(tokenizer.vocabulary_size, 2, 4, 12, 37, 32, initializer_range=0.2)
    teacher = keras_bert.text_classifier(keras_bert.backbone(size), 2, labels=["book", "good"], multi_label=True)
    keras_bert.save_pretrained(teacher, tokenizer, tmp_path / "teacher")
    rows = [("a good film", "good"), ("a dull book", "book"), ("a good book", "book|good"), ("a dull film", "")]
    for name, count in (("train", 12), ("valid", 3)):
        (tmp_path / f"{name}.tsv").write_text("text\tlabels\n" + "\n".join(map("\t".join, rows * count)) + "\n")
    (tmp_path / "more.txt").write_text("a film\na book\n")
    files = {"train": tmp_path / "train.tsv", "valid": tmp_path / "valid.tsv", "test": tmp_path / "valid.tsv"}
    options = {"label_column": "labels", "label_share": 1.0, "num_layers": 1, "epochs": 12, "learning_rate": 1e-2}
    outputs = {"output": tmp_path / "model", "report": tmp_path / "report"}
    config = distil.Config(teacher=str(tmp_path / "teacher"), **files, **options, **outputs, **SIZES)
    metrics = distil.main(dataclasses.replace(config, unlabelled=tmp_path / "more.txt"))
    assert metrics["test_micro_f1"] == 1.0 > metrics["teacher_test_micro_f1"]
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_classifier")
    assert model.multi_label and model.config.num_layers == 1 and model.thresholds != (0.5, 0.5)
    assert json.loads((tmp_path / "report" / "report.json").read_text())["classes"]["good"]["false_negatives"] == 0
    # The student is now a teacher, of a student from elsewhere that sees no labels but those of the epoch's choice.
    lines = [f"{text},{int('book' in labels)},{int('good' in labels)}" for text, labels in rows * 12]
    (tmp_path / "train.csv").write_text("\n".join(["text,book,good", *lines]) + "\n")
    keras_bert.save_pretrained(keras_bert.backbone(size), tokenizer, tmp_path / "elsewhere")
    options |= {"label_share": 0.0, "label_columns": ("book", "good"), "num_layers": None, "valid": 0.25}
    options |= {"teacher": str(tmp_path / "model"), "pretrained": str(tmp_path / "elsewhere")}
    files = {"train": tmp_path / "train.csv", "test": None, "output": tmp_path / "second", "report": None}
    with pytest.warns(UserWarning, match="start random"):
        metrics = distil.main(dataclasses.replace(config, **options, **files))
    assert metrics["teacher_valid_micro_f1"] == 1.0 and metrics["valid_micro_f1"] > 0.85  # all labels for all: 0.67


@pytest.mark.filterwarnings("ignore:.*these weights start random:UserWarning")
def test_bad_input_is_refused_before_training(distil, config, teachers, tmp_path):
    def refused(message, **changes):
        with pytest.raises(ValueError, match=message):
            distil.main(dataclasses.replace(config, **changes))

    refused("at most the teacher's, 3. Received: num_layers=4", num_layers=4)
    refused("`layers` must be different numbers", layers=(2, 3))
    refused("has its own layers", pretrained="some", num_layers=2)
    refused("both `teacher` and `train`", teacher=None)
    refused("`text_column` for single texts or `text_columns` for pairs, not both", text_column="a")
    refused("Give one by `teacher`", teacher=None, train=None, lora_rank=2)
    refused("`hidden_states` must be at least 0", hidden_states=-1.0)
    refused(r"is a token_classifier\. Received: `text_columns`", teacher=teachers["token_classifier"])
    refused(r"is a text_classifier\. Received: `tag_column`, `stride`, which tagged words have", tag_column=1, stride=2)
    refused("names no head|must be a trained", teacher=teachers["backbone"])
    refused("are of several labels a text", label_columns=("yes", "no"))
    refused("are of several labels a text", label_separator=";")
    refused("`report` is of classes and tags", teacher=teachers["text_regressor"], report=tmp_path / "report")
    refused("no column 'c'", text_columns=("a", "c"))
    refused(r"others: '0.5' \(6 examples\)", label_column="score")
    other = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"])
    size = keras_bert.BertConfig(other.vocabulary_size, 1, 2, 8, 16, 32)
    keras_bert.save_pretrained(keras_bert.backbone(size), other, tmp_path / "other")
    refused("whose vocabularies differ", pretrained=str(tmp_path / "other"))
    (tmp_path / "train.tsv").write_text("a\tb\n")
    refused("There is no text in")
