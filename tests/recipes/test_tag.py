"""The tagging recipe: it learns words and characters, scores every unit, serves strings, and refuses bad input."""

import math
from pathlib import Path

import pytest
import tensorflow as tf

import keras_bert

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "recipes" / "samples" / "tag"
COSTS = {"train_loss", "train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output"}
SCORES = {"valid_accuracy", "valid_entity_f1", "valid_precision", "valid_recall"}


@pytest.fixture(scope="module")
def tag(load_recipe):
    return load_recipe("tag")


@pytest.fixture
def people(tmp_path):
    """Files that are learned in seconds: whoever isn't a cat is a person."""
    for name, count in (("train", 40), ("valid", 10), ("test", 10)):
        sentences = []
        for i in range(count):
            name_tags = f"{'ann' if i % 2 else 'bob'}\tI-PER\nlee\tI-PER\n" if i % 3 else "cat\tO\n"
            sentences.append(f"the\tO\n{name_tags}saw\tO\n\u200b\tO\n{i}\tO\n")
        (tmp_path / f"{name}.conll").write_text("\n".join(sentences))
    return tmp_path


def config(tag, folder, **options):
    fields = {"train": folder / "train.conll", "valid": folder / "valid.conll", "epochs": 1, "max_length": 16}
    return tag.Config(**{**fields, **options})


@pytest.mark.parametrize(
    ("files", "least"), [(("en_train.conll", "en_valid.conll"), 0.6), (("ko_train.tsv", "ko_valid.tsv"), 0.45)]
)
def test_tag_learns_from_its_samples(tag, files, least):
    train, valid = (SAMPLES / file for file in files)
    metrics = tag.main(tag.Config(train=train, valid=valid))
    assert set(metrics) == COSTS | SCORES | ({"valid_character_f1"} if files[0].startswith("ko") else set())
    assert metrics["valid_entity_f1"] > least  # of names that training doesn't have; 0 by the most frequent tag
    assert metrics["valid_accuracy"] > 0.9


def test_what_tag_writes_is_used_again(tag, people, dropout_rates, assert_evaluated_alike):
    options = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3, "output": people / "model"}
    first = tag.main(config(tag, people, export=people / "served", **options))
    assert first["valid_entity_f1"] == first["valid_accuracy"] == 1.0
    serve = tf.saved_model.load(people / "served").signatures["serving_default"]
    answer = serve(text=tf.constant(["The  Ann Lee saw 3", "the cat saw"]))
    assert answer["tag"].numpy().tolist()[0] == [b"O", b"B-PER", b"I-PER", b"O", b"O"]
    assert answer["entity"].numpy().tolist() == [[b"Ann Lee"], [b""]]
    assert (answer["entity_start"].numpy().tolist(), answer["entity_end"].numpy().tolist()) == (
        [[5], [-1]],
        [[12], [-1]],
    )
    model, _ = keras_bert.load_pretrained(people / "model", task="token_classifier")
    assert model.labels == ("B-PER", "I-PER", "O")
    options = {"pretrained": str(people / "model"), "limit": 8, "test": people / "test.conll", "learning_rate": 1e-6}
    outputs = {"output": people / "again"}
    again = tag.main(config(tag, people, max_length=5, stride=1, dropout=0.0, **outputs, **options))  # in windows
    assert set(again) == COSTS | SCORES | {key.replace("valid", "test") for key in SCORES}
    assert again["test_accuracy"] > 0.9 and again["test_entity_f1"] > 0.9
    assert_evaluated_alike(again, people / "again", people / "test.conll", stride=1)
    assert dropout_rates(people / "again") == {0.0}


def test_weights_of_tags_and_smoothing_change_what_is_learned(tag, people):
    """What has the weight 0 isn't learned; half of each label's certainty leaves a loss that none can be below."""
    options = {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3, "test": people / "test.conll"}
    weights = {"class_weights": ("B-PER=0", "I-PER=0"), "report": people / "report"}
    weighted = tag.main(config(tag, people, **options, **weights))
    assert (weighted["test_recall"], weighted["test_accuracy"]) == (0.0, 44 / 56)
    smoothed = tag.main(config(tag, people, **options, label_smoothing=0.5))
    # Of three classes 0.5 + 0.5 / 3 for the right one and 0.5 / 3 for each other.
    least = -(2 / 3 * math.log(2 / 3) + 2 * 1 / 6 * math.log(1 / 6))
    assert smoothed["test_accuracy"] == 1.0 and least < smoothed["train_loss"] < least + 0.2
    confusion = (people / "report" / "confusion.csv").read_text().splitlines()
    assert confusion == [",PER,O", "PER,0,12", "O,0,44"]


def test_parts_of_speech_are_scored_by_accuracy_and_words_that_vanish_have_the_most_frequent(tag, people):
    words = ["the\t_\tDET", "cat\t_\tNOUN", "saw\t_\tVERB", "dog\t_\tNOUN", "\u200b\t_\tNOUN"]
    rows = [f"{number}\t{word}" for number, word in enumerate(words, 1)]
    rows.insert(2, "2.1\tit\t_\tPRON")  # no word of the text
    (people / "train.conllu").write_text("# text\n" + "\n".join(rows) + "\n\n" + "\n".join(rows[1:]) + "\n")
    files = {name: people / "train.conllu" for name in ("train", "valid")}
    options = {"epochs": 15, "learning_rate": 2e-3, "export": people / "served", "unit": "space"}
    metrics = tag.main(config(tag, people, **files, **options))
    assert set(metrics) == COSTS | {"valid_accuracy"}
    assert metrics["valid_accuracy"] == 1.0
    serve = tf.saved_model.load(people / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["cat \u200b saw"]))["tag"].numpy().tolist() == [[b"NOUN", b"NOUN", b"VERB"]]


def test_valid_is_read_as_train_is(tag, people):
    (people / "train.conll").write_text("a\tB-P\nb\tI-P\n \tO\nc\tO\n\n" * 9)
    (people / "valid.conll").write_text("a\tB-P\nb\tI-P\n\nc\tO\n")  # no space: words, if nobody says otherwise
    metrics = tag.main(config(tag, people, test=people / "valid.conll", epochs=12, learning_rate=2e-3))
    assert metrics["valid_accuracy"] == metrics["valid_character_f1"] == metrics["test_character_f1"] == 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"valid": Path("missing.conll")}, "There is no file missing.conll"),
        ({"tag_column": 2}, "`tag_column` must be"),
        ({"stride": 14}, "less than the 14 tokens"),
        ({"max_length": 1000}, "max_sequence_length=512"),
        ({"valid": None}, "Give both"),
        ({"epochs": 0}, "epochs"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"output": Path("a"), "export": Path("a/b")}, "outside of each other"),
    ],
)
def test_tag_refuses_options(tag, people, options, message):
    with pytest.raises(ValueError, match=message):
        tag.main(config(tag, people, **options))


@pytest.mark.parametrize(
    ("begins", "goes_on", "outside", "kind"), [("PER_B", "PER_I", "-", "PER"), ("B", "I", "O", "ENTITY")]
)
def test_entities_of_other_schemes_are_learned_scored_and_served(tag, tmp_path, begins, goes_on, outside, kind):
    train = f"ann\t{begins}\nlee\t{goes_on}\nsaw\t{outside}\nthe\t{outside}\ncat\t{outside}\n\n"
    (tmp_path / "train.conll").write_text(train * 4)
    (tmp_path / "valid.conll").write_text(f"the\t{outside}\nann\t{begins}\n")  # nobody of two words
    options = {"epochs": 15, "learning_rate": 2e-3, "output": tmp_path / "model", "export": tmp_path / "served"}
    with pytest.warns(UserWarning, match=r"train.conll marks entities in (BIO|IO) as ") as caught:
        metrics = tag.main(config(tag, tmp_path, **options))
    assert sum("marks entities" in str(warning.message) for warning in caught) == 1
    assert metrics["valid_entity_f1"] == 1.0
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="token_classifier")
    assert model.labels == (f"B-{kind}", f"I-{kind}", "O")
    [entity] = keras_bert.predictor(model, tokenizer)("Ann Lee saw the cat")["entities"]
    assert (entity["text"], entity["type"]) == ("Ann Lee", kind)
    serve = tf.saved_model.load(tmp_path / "served").signatures["serving_default"]
    assert serve(text=tf.constant(["Ann Lee saw the cat"]))["entity"].numpy().tolist() == [[b"Ann Lee"]]


def test_types_that_are_none_are_words_if_told_so(tag, tmp_path):
    lines = "ann\tPER\nlee\tPER\nsaw\tO\nthe\tO\ncat\tANIMAL\n"
    for name in ("train", "valid"):
        (tmp_path / f"{name}.conll").write_text(lines)
    options = {"epochs": 15, "learning_rate": 2e-3, "export": tmp_path / "served", "is_entities": False}
    metrics = tag.main(config(tag, tmp_path, **options))
    assert set(metrics) == COSTS | {"valid_accuracy"} and metrics["valid_accuracy"] == 1.0
    answer = tf.saved_model.load(tmp_path / "served").signatures["serving_default"](text=tf.constant(["Ann Lee saw"]))
    assert answer["tag"].numpy().tolist() == [[b"PER", b"PER", b"O"]] and "entity" not in answer


def test_tags_that_training_does_not_have_count_as_errors(tag, people):
    (people / "valid.conll").write_text("ann\tB-PER\nrome\tB-LOC\nsaw\tO\nrome\tB-LOC\n")
    with pytest.warns(
        UserWarning, match=r"valid.conll there are tags .*: 'B-LOC' \(2 times\). Each counts as an error"
    ):
        metrics = tag.main(config(tag, people, epochs=8, batch_size=8, learning_rate=2e-3))
    assert metrics["valid_accuracy"] <= 0.5 and metrics["valid_recall"] <= 1 / 3


def test_tag_refuses_broken_lines_and_tags_of_another_kind(tag, people):
    (people / "valid.conll").write_text("ann\tB-PER\nrome\n")
    with pytest.raises(ValueError, match=r"Line 2 of .*valid.conll has 1 cell"):
        tag.main(config(tag, people))
    (people / "valid.conll").write_text("ann\tNOUN\n")
    with pytest.raises(ValueError, match=r"valid.conll mark them as .*there are others too: 'NOUN' \(1 time, line 1\)"):
        tag.main(config(tag, people))


@pytest.mark.parametrize("option", ["output", "export"])
def test_tag_never_writes_over_something(tag, people, option):
    with pytest.raises(ValueError, match=r"\.conll"):
        tag.main(config(tag, people, **{option: people}))
    assert (people / "train.conll").exists()
