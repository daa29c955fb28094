"""The guide of predicting runs, line by line, on small files and models with random weights."""

import json
import re
import shlex
from pathlib import Path

import keras
import numpy as np

import keras_bert
from keras_bert.recipes import command

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "predicting-files.md").read_text(encoding="utf8")


def write_files(directory):
    """Writes what the guide's commands read, but for the models."""
    question = {"id": "q", "question": "which book", "context": "the good book"}
    paragraph = {"context": question["context"], "qas": [question | {"answers": [{"text": "good", "answer_start": 4}]}]}
    contents = {
        "reviews.txt": "a good book\na dull film\n",
        "reviews.csv": "text,label\na good book,yes\na dull film,no\n",
        "pairs.jsonl": '{"left": "a good book", "right": "the book"}\n',
        "words.conll": "good B-X\nbook O\n\ndull O\n",
        "questions.json": json.dumps({"data": [{"paragraphs": [paragraph]}]}),
        "passages.txt": "a good book\nthe film\na film\n",
        "gaps.txt": "a [MASK] book\n",
    }
    for name, text in contents.items():
        (directory / name).write_text(text)


def test_each_command_of_the_guide_runs(tmp_path, monkeypatch, capsys, small_config, tokenizer):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    keras.utils.set_random_seed(1)
    backbone = keras_bert.backbone(small_config)
    models = {
        "classifier": keras_bert.text_classifier(backbone, 2, labels=["no", "yes"]),
        "similarity": keras_bert.text_regressor(backbone),
        "tagger": keras_bert.token_classifier(backbone, 3, labels=["O", "B-X", "I-X"]),
        "answerer": keras_bert.span_predictor(backbone),
        "embedder": keras_bert.text_embedder(backbone),
        "masked": keras_bert.masked_language_model(backbone),
    }
    for name, model in models.items():
        keras_bert.save_pretrained(model, tokenizer, tmp_path / name)
    [block] = re.findall(r"```bash\n(.*?)\n```", GUIDE, re.S)
    scores = []
    for line in block.split("\n"):
        program, *arguments = shlex.split(line)
        assert program == "keras-bert"
        command.main(arguments)
        scores.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert {"test_accuracy", "test_f1", "test_matthews"} < set(scores[-2])
    assert {"test_accuracy", "test_entity_f1"} < set(scores[-1])
    assert np.load("vectors.npy").shape == (3, small_config.hidden_dim)
    assert (tmp_path / "answers.csv").read_text().startswith("text,label,predicted_label,probabilities.no")
    assert {"answers.jsonl", "scores.jsonl.gz", "tagged.conll", "predictions.json", "words.jsonl"} < {
        path.name for path in tmp_path.iterdir()
    }
