"""The guide of several labels runs, and what it trains learns."""

import re
import shlex
from pathlib import Path

import pytest

import keras_bert
from keras_bert.recipes import classify, command_line

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "several-labels.md").read_text(encoding="utf8")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Has the samples, and a tiny BERT where the guide has a hub id; what is a directory isn't downloaded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    path = "recipes/samples/classify/en_topics_train.tsv"
    train = keras_bert.data.read_labelled_texts(path, label_column="labels", multi_label=True)
    tokenizer = keras_bert.WordPieceTokenizer(keras_bert.train_vocabulary((text for text, _ in train), size=4000))
    # Wide weights and a high rate: from random weights it would learn little in six epochs otherwise.
    size = {"vocabulary_size": tokenizer.vocabulary_size, "initializer_range": 0.1}
    backbone = keras_bert.backbone(keras_bert.BertConfig.named("tiny", **size))
    keras_bert.save_pretrained(backbone, tokenizer, tmp_path / "google-bert" / "bert-base-uncased")
    return tmp_path


@pytest.mark.filterwarnings("ignore:.*these weights start random:UserWarning")
def test_the_code_runs_and_learns(folder, capsys):
    first, second = re.findall(r"```python\n(.*?)\n```", GUIDE, re.S)
    assert first.count("5e-5") == 1
    names = {}
    exec(compile(first.replace("5e-5", "5e-4"), "several-labels.md", "exec"), names)
    assert names["labels"] == ("food", "place", "price", "room", "staff")
    assert names["scores"]["micro_f1"] > 0.75  # 0.47 if every text had every label
    answer = names["predict"]("The soup was cold and the waiter was rude.")
    assert "food" in answer["labels"] and len(answer["probabilities"]) == 5
    capsys.readouterr()
    exec(compile(second, "several-labels.md", "exec"), names)
    assert capsys.readouterr().out.splitlines()[-1] == str(answer["labels"])
    saved, _ = keras_bert.load_pretrained(folder / "topics", task="text_classifier")
    assert saved.thresholds == names["model"].thresholds


def test_the_commands_that_train_are_for_several_labels():
    [block] = re.findall(r"```bash\n(.*?)\n```", GUIDE, re.S)
    configs = [
        command_line.parse(classify.Config, shlex.split(line)[2:])
        for line in block.split("\n")
        if line.startswith("keras-bert classify ")
    ]
    assert [config.multi_label for config in configs] == [True, True]
