"""`keras-bert demo`: models loaded by their directories, served until interrupted."""

import re
import signal
import subprocess
import sys
import urllib.request

import keras
import pytest

import keras_bert


@pytest.fixture(scope="module")
def demo(load_recipe):
    return load_recipe("demo")


@pytest.fixture(scope="module")
def directories(tmp_path_factory, tokenizer):
    """Directories of two models: a classifier and a regressor."""
    keras.utils.set_random_seed(5)
    size = {"num_layers": 1, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 32}
    backbone = keras_bert.backbone(keras_bert.BertConfig(vocabulary_size=tokenizer.vocabulary_size, **size))
    directory = tmp_path_factory.mktemp("models")
    classifier = keras_bert.text_classifier(backbone, 2, labels=["bad", "good"])
    keras_bert.save_pretrained(classifier, tokenizer, directory / "reviews", max_length=16)
    keras_bert.save_pretrained(keras_bert.text_regressor(backbone), tokenizer, directory / "similarity")
    return directory


def test_models_are_called_by_their_directories(demo, directories):
    reviews, similarity = map(str, (directories / "reviews", directories / "similarity"))
    models = demo.loaded(demo.Config(model=(reviews,), pairs=(similarity,)))
    assert [shown.name for shown in models] == ["reviews", "similarity"]
    assert [(shown.task, shown.pairs, shown.max_length) for shown in models] == [
        ("text_classifier", False, 16),
        ("text_regressor", True, 32),
    ]


def test_an_encoder_without_a_head_is_a_backbone(demo, tmp_path, tokenizer, small_config):
    keras_bert.save_pretrained(keras_bert.backbone(small_config), tokenizer, tmp_path / "encoder")
    [shown] = demo.loaded(demo.Config(model=(str(tmp_path / "encoder"),)))
    assert (shown.name, shown.task) == ("encoder", "backbone")
    with pytest.raises(ValueError, match="no-such-model"):
        demo.loaded(demo.Config(model=(str(tmp_path / "no-such-model"),)))


def test_without_a_model_there_is_a_tokenizer_of_the_samples(demo):
    shown = demo.samples_tokenizer()
    assert shown.task == "tokenizer" and 1000 < shown.tokenizer.vocabulary_size <= demo.VOCABULARY_SIZE
    for text in ("A friendly waiter.", "친절한 직원이었다."):
        assert "[UNK]" not in shown.tokenizer.tokens(text)


def test_it_serves_until_it_is_interrupted(directories):
    pytest.importorskip("gradio", reason="gradio isn't installed: pip install 'bert-for-keras[demo]'")
    command = [sys.executable, "-m", "keras_bert.recipes.command", "demo", "--port", "0"]
    command += ["--model", str(directories / "reviews"), "--pairs", str(directories / "similarity")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = re.fullmatch(r"Open (http://127\.0\.0\.1:\d+) in a browser.*\n", process.stdout.readline())[1]
        served = urllib.request.urlopen(address, timeout=60).read().decode()
        assert "Classify" in served and "Pairs" in served and "Entities" not in served
    finally:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors


def test_a_missing_extra_is_one_line(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"isn't installed: pip install 'bert-for-keras\[demo\]'"):
        demo.main(demo.Config())
