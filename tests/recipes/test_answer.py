"""The recipe for question answering: it learns, its files are what the official scripts read, it refuses bad input."""

import json
from pathlib import Path

import pytest
import tensorflow as tf

from keras_bert.data import Question, Questions

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "recipes" / "samples" / "answer"


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


def test_what_answer_writes_is_used_again(answer, riddles, dropout_rates, assert_evaluated_alike):
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
    windows = {name: getattr(answering(answer, riddles), name) for name in ("stride", "max_question_length")}
    assert_evaluated_alike(first, riddles / "output", riddles / "test.json", **windows)
    options = {"pretrained": str(riddles / "output"), "limit": 8, "learning_rate": 1e-6, "dropout": 0.0}
    again = answer.main(answering(answer, riddles, output=riddles / "again", **options))
    assert (again["steps"], again["valid_exact_match"]) == (1, 100.0)
    assert dropout_rates(riddles / "again") == {0.0}


def test_the_metric_is_that_of_the_files_official_script():
    question = Question("a", "who?", "Ann ran.", (("Ann", 0),))
    for version, metric in (("1.1", "squad"), ("v2.0", "squad"), ("KorQuAD_v1.0_dev", "korquad")):
        assert Questions([question], version=version).metric == metric
    unanswered = Question("b", "who?", "It rains.")
    assert Questions([question, unanswered]).metric == "squad2"
    assert Questions([question, unanswered], version="KorQuAD_v1.0_dev").metric == "squad2"
    for text, metric in (("北京", "cmrc"), ("東京タワー", "korquad"), ("부산", "squad")):
        assert Questions([question._replace(answers=((text, 0),))]).metric == metric


def test_answer_reads_flat_files_and_says_what_makes_scores_doubtful(answer, tmp_path):
    rows = [
        {"guid": i, "context": f"{i}在北京", "question": "哪里？", "answers": {"text": ["北京"], "answer_start": [2]}}
        for i in range(8)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(map(json.dumps, [*rows, rows[0] | {"guid": 9, "answers": []}])))
    with pytest.warns(UserWarning) as warned:
        metrics = answer.main(answering(answer, tmp_path, train=path, valid=path, batch_size=4))
    assert "null_threshold" in metrics  # squad2: a question has no answer
    told = [str(warning.message) for warning in warned]
    assert any("9 of 9 questions of" in remark and "'0', '1', '2'" in remark for remark in told)
    assert any("have no spaces between words, of which squad2's F1 is" in remark for remark in told)


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
    assert len(remarks) == 3
    assert remarks[0].startswith("11 of 12 questions of ") and "are among those of " in remarks[0]
    assert "answer_start (1: 'test2'). They are asked all the same." in remarks[1]
    assert remarks[2].startswith("1 questions") and "max_question_length=8 tokens" in remarks[2]


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
    files = {name: SAMPLES / f"{language}_{name}.json" for name in ("train", "valid")}
    metrics = answer.main(answer.Config(**files, epochs=8))
    assert metrics["valid_exact_match"] > 30  # a paragraph has four such places
    assert metrics["valid_f1"] > metrics["valid_exact_match"]


def test_a_training_that_diverges_ends_with_an_error(answer, riddles):
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        answer.main(answering(answer, riddles, learning_rate=1e30, output=riddles / "output"))
    assert not (riddles / "output").exists()
