"""The guide of smaller models runs: from a teacher to a student that is saved."""

import re
from pathlib import Path

import keras_bert

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "smaller-models.md").read_text(encoding="utf8")


def test_the_blocks_run_one_after_the_other(tmp_path, monkeypatch, tokenizer):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    size = keras_bert.BertConfig(tokenizer.vocabulary_size, 4, 4, 12, 37, 64)
    classifier = keras_bert.text_classifier(keras_bert.backbone(size), 2, labels=["negative", "positive"])
    keras_bert.save_pretrained(classifier, tokenizer, "reviews")
    tags = keras_bert.data.read_tagged("recipes/samples/tag/en_train.conll").labels
    tagger = keras_bert.token_classifier(keras_bert.backbone(size), len(tags), labels=tags)
    keras_bert.save_pretrained(tagger, tokenizer, "names")
    names = {}
    for block in re.findall(r"```python\n(.*?)\n```", GUIDE, re.S):
        exec(compile(block, "smaller-models.md", "exec"), names)
    small, _ = keras_bert.load_pretrained("small-reviews", task="text_classifier")
    assert small.config.num_layers == 2 and small.labels == ("negative", "positive")
    assert {*names["both"].output} == {"targets", "hidden_states"}
    assert names["student"].task == "token_classifier" and names["student"].config.num_layers == 1
