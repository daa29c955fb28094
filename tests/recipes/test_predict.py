"""`keras-bert predict`: every task and format, in order, in bounded memory, never half-written."""

import csv
import gzip
import io
import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.recipes import command_line, evaluate

TEXTS = ["a good book", "", "the very dull film.", "books", "a film, a book, a dull dull dull film"]
HEADS = {
    "text_classifier": {"num_classes": 3, "labels": ["bad", "fair", "good"]},
    "text_regressor": {},
    "text_embedder": {},
    "token_classifier": {"num_classes": 3, "labels": ["O", "B-X", "I-X"]},
    "span_predictor": {},
    "masked_language_model": {},
}


@pytest.fixture(scope="module")
def predict(load_recipe):
    return load_recipe("predict")


@pytest.fixture(scope="module")
def models(tmp_path_factory, tokenizer):
    """A directory for each task, of a model with random weights that are wide enough for answers to differ."""
    keras.utils.set_random_seed(5)
    size = {"num_layers": 1, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 32}
    config = keras_bert.BertConfig(vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.7, **size)
    backbone, directory = keras_bert.backbone(config), tmp_path_factory.mktemp("models")
    for task, arguments in HEADS.items():
        model = getattr(keras_bert.models, task)(backbone, **arguments)
        keras_bert.save_pretrained(model, tokenizer, directory / task)
    several = keras_bert.text_classifier(backbone, 3, labels=["bad", "fair", "good"], multi_label=True)
    keras_bert.save_pretrained(several, tokenizer, directory / "several")
    return directory


@pytest.fixture
def run(predict, models, tmp_path):
    """Function: task, contents of a file, its name, the output's name, options -> the output's path."""

    def run(task, text, name="texts.txt", output="answers.jsonl", **options):
        path = tmp_path / name
        (gzip.open if name.endswith(".gz") else open)(path, "wb").write(text.encode())
        counts = predict.main(
            predict.Config(model=str(models / task), input=str(path), output=str(tmp_path / output), **options)
        )
        assert counts["output"] == str(tmp_path / output)
        return tmp_path / output

    return run


def answers_of(models, task, *columns, **options):
    """What the library itself answers."""
    return keras_bert.predictor(*keras_bert.load_pretrained(models / task, task=task), **options)(*columns)


def objects(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def close(answers, expected):
    """Whether two lists of answers are the same but for the last digits."""
    flat, flat_expected = (
        json.loads(json.dumps(rows), parse_float=lambda x: round(float(x), 4)) for rows in (answers, expected)
    )
    return flat == flat_expected


def test_lines_are_answered_one_by_one_in_order(run, models):
    path = run("text_classifier", "\n".join(TEXTS) + "\n", batch_size=2)
    expected = answers_of(models, "text_classifier", TEXTS)
    assert close(objects(path), [{"text": text} | answer for text, answer in zip(TEXTS, expected, strict=True)])
    assert len({str(row["probabilities"]) for row in objects(path)}) == 5


def test_a_table_keeps_its_columns_beside_the_answers(run, models):
    table = "id,text,label\n" + "".join(f'{i},"{text}",fair\n' for i, text in enumerate(TEXTS))
    path = run("text_classifier", table, "reviews.csv", "answers.csv")
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    expected = answers_of(models, "text_classifier", TEXTS)
    assert [*rows[0]][:4] == ["id", "text", "label", "predicted_label"]
    assert [row["predicted_label"] for row in rows] == [answer["label"] for answer in expected]
    assert [(row["id"], row["text"], row["label"]) for row in rows] == [
        (str(i), t, "fair") for i, t in enumerate(TEXTS)
    ]
    np.testing.assert_allclose(float(rows[2]["probabilities.good"]), expected[2]["probabilities"]["good"], atol=1e-5)
    tabs = run("text_classifier", table, "reviews.csv", "answers.tsv.gz")
    lines = gzip.decompress(tabs.read_bytes()).decode().splitlines()
    assert len(lines) == 6 and lines[0].split("\t") == [*rows[0]]


def test_pairs_and_scores(run, models):
    pairs = [(text, "a book") for text in TEXTS]
    lines = "".join(json.dumps({"left": a, "right": b, "n": 1}) + "\n" for a, b in pairs)
    path = run("text_regressor", lines, "pairs.jsonl.gz", text_columns=("left", "right"))
    expected = answers_of(models, "text_regressor", *zip(*pairs, strict=True), pairs=True)
    assert close([row["score"] for row in objects(path)], [answer["score"] for answer in expected])
    assert [row["n"] for row in objects(path)] == [1] * 5
    array = json.dumps([{"premise": a, "hypothesis": b} for a, b in pairs], indent=1)
    again = run("text_regressor", array, "pairs.json", "again.jsonl")  # by the recipe's own names
    assert close([row["score"] for row in objects(again)], [answer["score"] for answer in expected])


def test_several_labels_a_text_go_to_every_format(run, models):
    model, tokenizer = keras_bert.load_pretrained(models / "several", task="text_classifier")
    expected = keras_bert.predictor(model, tokenizer)(TEXTS)
    assert len({len(answer["labels"]) for answer in expected}) > 1
    text = "\n".join(TEXTS) + "\n"
    wanted = [{"text": text} | answer for text, answer in zip(TEXTS, expected, strict=True)]
    assert close(objects(run("several", text)), wanted)
    assert close(json.loads(run("several", text, output="answers.json").read_text()), wanted)
    rows = list(csv.DictReader(io.StringIO(run("several", text, output="answers.csv").read_text())))
    assert [json.loads(row["labels"]) for row in rows] == [answer["labels"] for answer in expected]
    assert [*rows[0]] == ["text", "labels", "probabilities.bad", "probabilities.fair", "probabilities.good"]


CONLL = "-DOCSTART- -X-\n\n# one\na x O\ngood x B-X\nbook x O\n\n\nfilms x O\n. x O"


def test_words_of_conll_get_a_column_more(run, models):
    path = run("token_classifier", CONLL, "words.conll", "tagged.conll")
    sentences = keras_bert.data.read_tagged(path)
    tagger = keras_bert.prediction.unit_tagger(
        *keras_bert.load_pretrained(models / "token_classifier", "token_classifier")
    )
    assert [list(sentence.tags) for sentence in sentences] == tagger(sentences)
    lines = path.read_text().splitlines()
    assert [line.rsplit(" ", 1)[0] if line.count(" ") == 3 else line for line in lines] == CONLL.splitlines()
    rows = objects(run("token_classifier", CONLL, "words.conll"))
    assert rows == [
        {"words": [*words], "tags": [*s.tags]}
        for words, s in zip([["a", "good", "book"], ["films", "."]], sentences, strict=True)
    ]


def test_words_alone_ranges_and_names_of_columns(run):
    path = run("token_classifier", "a\ngood\n\nbook\n", "words.conll", "tagged.conll")
    assert [line.split("\t")[0] for line in path.read_text().splitlines()] == ["a", "good", "", "book"]
    assert all(line.split("\t")[1] in ("O", "B-X", "I-X") for line in path.read_text().splitlines() if line)
    rows = ["1-2\tabook\t_", "1\ta\tX", "2\tbook\tX", "2.1\tit\tX"]
    path = run("token_classifier", "\n".join(rows), "words.conllu", "tagged.conllu", word_column=1)
    assert [line.count("\t") for line in path.read_text().splitlines()] == [3] * 4
    assert [line.endswith("\t_") for line in path.read_text().splitlines()] == [True, False, False, True]
    path = run("token_classifier", "token\tner\na\tO\n", "words.tsv", "tagged2.conll")
    assert path.read_text().splitlines()[0] == "token\tner\tpredicted"


def test_texts_are_tagged_as_the_predictor_tags_them(run, models):
    path = run("token_classifier", "\n".join(TEXTS), unit="space")
    expected = answers_of(models, "token_classifier", TEXTS, unit="space")
    assert close([row["tags"] for row in objects(path)], [answer["tags"] for answer in expected])


def squad(count):
    """-> questions in SQuAD's format, without answers, and what they are."""
    asked = [
        {"id": f"q{i}", "question": TEXTS[2 * (i % 2)], "context": "the book. a very good film"} for i in range(count)
    ]
    articles = [
        {"paragraphs": [{"context": q["context"], "qas": [{"id": q["id"], "question": q["question"]}]}]} for q in asked
    ]
    return json.dumps({"version": "1", "data": articles}), asked


def test_questions_in_squads_format_give_its_predictions_file(run, models):
    text, asked = squad(5)
    path = run("span_predictor", text, "dev.json", "predictions.json")
    expected = answers_of(models, "span_predictor", [q["question"] for q in asked], [q["context"] for q in asked])
    assert json.loads(path.read_text()) == {q["id"]: a["answer"] for q, a in zip(asked, expected, strict=True)}
    rows = objects(run("span_predictor", text, "dev.json", num_answers=2))
    assert [(row["id"], row["answer"], len(row["answers"])) for row in rows] == [
        (q["id"], a["answer"], 2) for q, a in zip(asked, expected, strict=True)
    ]
    flat = "".join(json.dumps(q | {"year": 1}) + "\n" for q in asked)
    rows = objects(run("span_predictor", flat, "flat.jsonl", "flat-answers.jsonl"))
    assert [(row["year"], row["answer"]) for row in rows] == [(1, answer["answer"]) for answer in expected]


def test_vectors_go_to_numpys_format_or_jsonl(run, models):
    path = run("text_embedder", "\n".join(TEXTS), output="vectors.npy", batch_size=2)
    expected = keras_bert.embed(TEXTS, *keras_bert.load_pretrained(models / "text_embedder", "text_embedder"))
    assert np.load(path).dtype == np.float32
    np.testing.assert_allclose(np.load(path), expected, atol=1e-5)
    np.testing.assert_allclose(
        [row["embedding"] for row in objects(run("text_embedder", "\n".join(TEXTS)))], expected, atol=1e-5
    )


def test_masks_are_filled(run, models):
    texts = ["a [MASK] book", "the [MASK] [MASK]"]
    rows = objects(run("masked_language_model", "\n".join(texts), num_words=2))
    model = keras_bert.load_pretrained(models / "masked_language_model", "masked_language_model")
    expected = keras_bert.fill_masks(texts, *model, count=2)
    words = [[[word["token"] for word in words] for words in row["masks"]] for row in rows]
    assert words == [[[token for token, _ in words] for words in masks] for masks in expected]
    with pytest.raises(ValueError, match="Text 2 has none: 'a book'"):
        run("masked_language_model", "a [MASK]\na book", "bad.txt", "bad.jsonl")


def test_an_onnx_export_answers_too(predict, models, tokenizer, tmp_path):
    pytest.importorskip("onnxruntime")
    model, _ = keras_bert.load_pretrained(models / "text_classifier", "text_classifier")
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    files = {"input": str(tmp_path / "texts.txt"), "output": str(tmp_path / "answers.jsonl")}
    predict.main(predict.Config(model=str(tmp_path / "served"), **files))
    expected = answers_of(models, "text_classifier", TEXTS)
    assert [row["label"] for row in objects(tmp_path / "answers.jsonl")] == [answer["label"] for answer in expected]
    with pytest.raises(ValueError, match="exported for texts, with its options"):
        predict.main(predict.Config(model=str(tmp_path / "served"), max_length=8, overwrite=True, **files))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.jsonl", '{"text": "a"}\n{"text": \n{"text": 3}\n', r"line 2 isn't JSON(.|\n)*line 3 has no text"),
        ("a.json", '[{"text": "a"}, {"txt": "a"}]', r"\[1\] must be an object with the key 'text'"),
        ("a.json", '[{"text": "a"}, {"text": "b"', r"isn't JSON: .* at character 28"),
        ("a.csv", 'text,id\na,1\na,1,2\n"a', "line 3 has 3 cells(.|\n)*line 4 isn't CSV"),
        ("a.csv", "txt,id\na,1\n", "no column 'text'"),
        ("a.txt", "", "There is no text in"),
        ("a.parquet", "x", "Convert it"),
    ],
)
def test_a_broken_file_is_an_error_and_nothing_is_written(run, tmp_path, name, text, message):
    with pytest.raises(ValueError, match=message):
        run("text_classifier", text, name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_fails_in_the_middle_leaves_nothing_and_no_output_is_lost(run, predict, tmp_path, monkeypatch):
    def fails(self, *columns, **options):
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="no memory"):
        patch.setattr(keras_bert.prediction.Predictor, "__call__", fails)
        run("text_classifier", "a book")
    assert [path.name for path in tmp_path.iterdir()] == ["texts.txt"]
    run("text_classifier", "a book")
    with pytest.raises(ValueError, match=r"answers.jsonl, which is there already"):
        run("text_classifier", "a film")
    assert objects(tmp_path / "answers.jsonl")[0]["text"] == "a book"
    assert objects(run("text_classifier", "a film", overwrite=True))[0]["text"] == "a film"


@pytest.mark.parametrize(
    ("task", "name", "output", "message"),
    [
        ("text_classifier", "a.txt", "a.xml", "Files of answers end in"),
        ("text_classifier", "a.txt", "a.conll", "of words in CoNLL"),
        ("text_classifier", "a.txt", "a.npy", "of vectors"),
        ("text_embedder", "a.txt", "answers.txt", "of words, labels or scores"),
        ("text_embedder", "a.txt", "a.npy.gz", "need a file that ends in .npy"),
    ],
)
def test_formats_that_do_not_fit_are_refused(run, task, name, output, message):
    with pytest.raises(ValueError, match=message):
        run(task, "a book", name, output)


def test_squads_predictions_are_of_questions(run):
    with pytest.raises(ValueError, match="of questions with an id"):
        run("text_classifier", "a book", output="answers.json", format="squad")


@pytest.mark.parametrize(("task", "kind"), [("span_predictor", "conll"), ("text_classifier", "squad")])
def test_files_for_another_task_are_refused(run, task, kind):
    text = CONLL if kind == "conll" else squad(1)[0]
    with pytest.raises(ValueError, match=f"{kind} is for a "):
        run(task, text, "a.conll" if kind == "conll" else "a.json", input_format=kind)


@pytest.mark.parametrize(
    ("task", "kind", "options", "message"),
    [
        ("token_classifier", "conll", {"unit": "space"}, "words that are parted takes --stride, --fallback, --is-ent"),
        ("token_classifier", "lines", {"num_answers": 3}, r"takes --stride, --unit, .*Received: --num-answers\."),
        ("text_classifier", "lines", {"null_threshold": 0.5, "prompt": "q"}, "--prompt"),
        ("text_embedder", "lines", {"cut": "end"}, "a text_embedder takes --prompt. Received: --cut"),
        ("masked_language_model", "lines", {"stride": 2}, "takes none. Received: --stride"),
    ],
)
def test_options_of_another_task_are_refused(run, task, kind, options, message):
    text = CONLL if kind == "conll" else "a [MASK] book"
    with pytest.raises(ValueError, match=message):
        run(task, text, "a.conll" if kind == "conll" else "a.txt", input_format=kind, **options)


def test_a_random_head_does_not_answer(predict, models, tmp_path):
    (tmp_path / "a.txt").write_text("a book")
    files = {"model": str(models / "text_embedder"), "input": str(tmp_path / "a.txt")}
    with pytest.raises(ValueError, match=r"wasn't trained as a text_regressor: .*kernel would be random"):
        predict.main(predict.Config(task="text_regressor", **files))


def test_adapters_answer_on_the_checkpoint_that_they_were_trained_on(predict, models, tokenizer, tmp_path):
    """A head that the checkpoint lacks comes with them."""
    backbone, _ = keras_bert.load_pretrained(models / "text_classifier", "backbone")
    keras_bert.save_pretrained(backbone, tokenizer, tmp_path / "bert")
    model = keras_bert.lora(keras_bert.text_classifier(backbone, 2), rank=2)
    for name, variable in zip("abcdefgh", model.trainable_variables, strict=False):
        variable.assign(keras.random.normal(variable.shape, stddev=0.5, seed=ord(name)))
    keras_bert.save_adapters(model, tmp_path / "adapters")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    (tmp_path / "labelled.tsv").write_text(
        "text\tlabel\n" + "".join(f"{text}\t{i % 2}\n" for i, text in enumerate(TEXTS))
    )
    options = {"model": str(tmp_path / "bert"), "adapters": tmp_path / "adapters"}
    files = {"input": str(tmp_path / "texts.txt"), "output": str(tmp_path / "answers.jsonl")}
    predict.main(predict.Config(**options, **files))
    expected = keras_bert.predictor(model, tokenizer)(TEXTS)
    found = objects(tmp_path / "answers.jsonl")
    assert close([row["probabilities"] for row in found], [answer["probabilities"] for answer in expected])
    assert {*found[0]["probabilities"]} == {"0", "1"}
    right = sum(answer["label"] == str(i % 2) for i, answer in enumerate(expected))
    scores = evaluate.main(evaluate.Config(**options, test=tmp_path / "labelled.tsv"))
    assert scores["test_accuracy"] == pytest.approx(right / 5)
    keras_bert.export_onnx(model, tokenizer, tmp_path / "served")
    with pytest.raises(ValueError, match=r"exported for texts, with its options\. Received: `adapters`"):
        predict.main(predict.Config(**{**options, "model": str(tmp_path / "served")}, **files, overwrite=True))


@pytest.mark.parametrize(
    "task", ["text_classifier", "text_regressor", "text_embedder", "token_classifier", "span_predictor"]
)
def test_a_saved_model_answers_as_the_checkpoint_that_it_was_exported_from(predict, models, tmp_path, task):
    model, tokenizer = keras_bert.load_pretrained(models / task, task)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", max_length=16)
    columns = (["what book"] * 5, TEXTS) if task == "span_predictor" else (TEXTS,)
    names = ("question", "context") if task == "span_predictor" else ("text",)
    rows = [json.dumps(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
    (tmp_path / "texts.jsonl").write_text("\n".join(rows))
    config = {"model": str(tmp_path / "served"), "output": str(tmp_path / "answers.jsonl")}
    predict.main(predict.Config(input=str(tmp_path / "texts.jsonl"), **config))
    expected = answers_of(models, task, *columns, max_length=16)
    found = [{name: row[name] for name in expected[0]} for row in objects(tmp_path / "answers.jsonl")]
    assert close(found, expected)
    if task == "text_classifier":
        for options in ({"max_length": 8}, {"cut": "end"}, {"task": "text_regressor"}):
            with pytest.raises(ValueError, match=r"was exported (for texts, with its options|of a text_classifier)"):
                predict.main(predict.Config(input=str(tmp_path / "texts.jsonl"), overwrite=True, **options, **config))
        with pytest.raises(ValueError, match="is a SavedModel, by which `keras-bert predict` answers"):
            evaluate.main(evaluate.Config(model=str(tmp_path / "served"), test=tmp_path / "texts.jsonl"))


def test_models_that_do_not_say_what_they_are_for_and_exports_are_refused(predict, models, tokenizer, tmp_path):
    model, _ = keras_bert.load_pretrained(models / "text_classifier", "backbone")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "backbone")
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "saved_model.pb").touch()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "checkpoints").mkdir()
    for name, message in (
        ("backbone", "doesn't say for what it was trained"),
        ("served", "must be a SavedModel of keras_bert.export_saved_model"),
        ("checkpoints", "in no layout"),
    ):
        with pytest.raises(ValueError, match=message):
            predict.main(predict.Config(model=str(tmp_path / name), input=str(tmp_path / "a.txt")))


def test_the_standard_input_and_output(predict, models, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(TEXTS).encode())))
    command_line.run(
        predict.Config, predict.main, ["--model", str(models / "text_classifier")], program="keras-bert predict"
    )
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == TEXTS


def test_a_row_is_cut_as_in_training(predict, models, tokenizer, run, tmp_path):
    model, _ = keras_bert.load_pretrained(models / "text_classifier", "text_classifier")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "short", max_length=4)
    config = {"model": str(tmp_path / "short"), "output": str(tmp_path / "short.jsonl")}
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    predict.main(predict.Config(input=str(tmp_path / "texts.txt"), **config))
    shares = [row["probabilities"] for row in objects(tmp_path / "short.jsonl")]
    expected = [answer["probabilities"] for answer in answers_of(models, "text_classifier", TEXTS, max_length=4)]
    assert close(shares, expected)
    assert not close(shares, [answer["probabilities"] for answer in answers_of(models, "text_classifier", TEXTS)])


def test_chunks_are_of_a_bounded_size(predict):
    rows = [(i, ("ab" * (5 if i % 2 else 50),)) for i in range(1000)]
    chunks = list(predict.chunks(iter(rows), batch_size=4))
    assert [len(chunk) for chunk in chunks] == [256, 256, 256, 232]
    assert [row for chunk in chunks for row in chunk] == rows
    long = [(i, ("a" * predict.CHARACTERS_A_CHUNK, "b")) for i in range(3)]
    assert [len(chunk) for chunk in predict.chunks(long, batch_size=4)] == [1, 1, 1]


def test_a_file_that_is_longer_than_a_block_of_json(tmp_path):
    """The reader's blocks are of a million characters: items are cut by their ends."""
    items = [{"text": "é" * (i % 977), "n": i * 12345678901} for i in range(6000)]
    path = Path(tmp_path, "texts.json")
    path.write_text(json.dumps({"a": [1, {}], "data": items, "b": "c"}, ensure_ascii=False))
    from keras_bert.data.files.json_items import json_items

    assert [item for _, item in json_items(path)] == items
