"""The pretraining recipe: it learns from plain text, goes on after a kill with the same bits, and refuses bad input.

Without options it finds its way: how often to evaluate, what to hold out, what to do where all is done.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import keras_bert
from keras_bert.text import train_vocabulary, write_vocabulary

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "pretrain.py"
KEYS = {
    "train_loss", "valid_mlm_loss", "valid_mlm_accuracy", "valid_mlm_perplexity", "valid_nsp_loss",
    "valid_nsp_accuracy", "unigram_accuracy", "documents_without_sentences", "train_examples_per_s",
    "real_tokens_per_s", "padding", "steps", "seconds", "output",
}  # fmt: skip

FINISHED = {"steps": 5, "evaluate_every": 2}  # its last epoch has one step


@pytest.fixture(scope="module")
def pretrain(load_recipe):
    return load_recipe("pretrain")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Documents of which each is about one animal, in sentences whose words follow from one another."""
    chance = random.Random(0)
    verbs = {"cat": "catches mice", "dog": "chases cars", "cow": "eats grass", "hen": "lays eggs"}
    lines = []
    for _ in range(60):
        animal = chance.choice(list(verbs))
        lines += [f"The {animal} {verbs[animal]} on {chance.choice(['monday', 'tuesday', 'friday'])}."]
        lines += [f"Every {animal} {verbs[animal]}." for _ in range(chance.randint(3, 9))]
        lines.append("")
    path = tmp_path_factory.mktemp("corpus") / "animals.txt"
    path.write_text("\n".join(lines))
    return path


def options(files, **others):
    fields = {"corpus": [files], "vocabulary_size": 90, "max_length": 32, "hold_out": 10, "batch_size": 8}
    return {
        **fields,
        "steps": 12,
        "evaluate_every": 4,
        "evaluation_batches": 3,
        "fill": ["The cat [MASK] mice."],
        **others,
    }


def command(corpus, output, **others):
    line = [sys.executable, str(RECIPE), "--output", str(output)]
    for name, value in options(corpus, **others).items():
        line += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return line


def config(pretrain, files, **others):
    fields = options(files, **others)
    return pretrain.Config(**{**fields, "corpus": tuple(map(str, fields["corpus"])), "fill": tuple(fields["fill"])})


def test_pretrain_learns_and_classify_and_pretrain_go_on_from_it(pretrain, corpus, tmp_path, dropout_rates, capsys):
    settings = {"steps": 360, "evaluate_every": 180, "learning_rate": 2e-3, "hold_out": 4}
    metrics = pretrain.main(
        config(pretrain, corpus, output=tmp_path / "bert", tensorboard=tmp_path / "logs", **settings)
    )
    assert set(metrics) == KEYS
    assert metrics["valid_mlm_accuracy"] > 0.5 > metrics["unigram_accuracy"] + 0.2
    assert metrics["valid_mlm_perplexity"] == pytest.approx(np.exp(metrics["valid_mlm_loss"]))
    assert metrics["valid_nsp_accuracy"] > 0.6
    assert "at the end: catches" in capsys.readouterr().out
    assert len(list((tmp_path / "logs").rglob("events.out.*"))) == 2  # of training and of evaluation
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "bert", task="text_classifier", num_classes=2)
    assert tokenizer.strip_accents is False and model.output.shape == (None, 2)
    options = {"pretrained": str(tmp_path / "bert"), "vocabulary_size": 4000, "steps": 4, "learning_rate": 1e-5}
    again = config(pretrain, corpus, dropout=0.0, output=tmp_path / "again", **options)
    assert pretrain.main(again)["valid_mlm_accuracy"] > 0.5
    assert dropout_rates(tmp_path / "again") == {0.0}


def test_masked_words_alone_of_documents_of_one_sentence(pretrain, corpus, tmp_path, capsys):
    """What tweets want, from nothing and from a checkpoint of ours; killed, it goes on with the same bits."""
    (tmp_path / "tweets.txt").write_text(corpus.read_text().replace("\n", "\n\n"))
    settings = {"next_sentence": False, "steps": 120, "evaluate_every": 60, "learning_rate": 2e-3, "hold_out": 4}
    run = config(pretrain, tmp_path / "tweets.txt", output=tmp_path / "bert", **settings)
    metrics = pretrain.main(run)
    assert set(metrics) == {key for key in KEYS if "nsp" not in key}
    assert metrics["valid_mlm_accuracy"] > 0.5 > metrics["unigram_accuracy"] + 0.2
    assert metrics["valid_mlm_perplexity"] == pytest.approx(np.exp(metrics["valid_mlm_loss"]))
    assert "at the end: catches" in capsys.readouterr().out

    (tmp_path / "bert").rename(tmp_path / "straight")
    shutil.rmtree(tmp_path / "bert-checkpoints" / "step-00000120")
    assert pretrain.main(run)["steps"] == 60
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("straight", "bert"))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()] == []
    with pytest.warns(UserWarning, match="these weights start random"):
        model, _ = keras_bert.load_pretrained(tmp_path / "bert", task="text_classifier", num_classes=2)
    assert model.output.shape == (None, 2)

    pretrained = {"pretrained": str(tmp_path / "bert"), "vocabulary_size": 4000, "steps": 4, "learning_rate": 1e-5}
    again = config(pretrain, tmp_path / "tweets.txt", next_sentence=False, **pretrained)
    assert pretrain.main(again)["valid_mlm_accuracy"] > 0.5


def test_lamb_whole_words_and_packed_into_bfloat16(pretrain, corpus):
    metrics = pretrain.main(
        config(pretrain, corpus, optimizer="lamb", whole_word=True, precision="mixed_bfloat16", power=2.0, steps=4)
    )
    assert metrics["steps"] == 4 and np.isfinite(metrics["train_loss"])


def test_killed_at_random_moments_it_ends_with_the_same_bits(corpus, tmp_path):
    """Two kills of a real process, each after a new checkpoint, then the same command to the end."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    run = {"steps": 31, "evaluate_every": 2, "evaluation_batches": 1}  # its last epoch has one step
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command(corpus, straight, **run), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    chance, seen = random.Random(0), 0
    for _ in range(2):
        process = subprocess.Popen(
            command(corpus, killed, **run), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        checkpoints = tmp_path / "killed-checkpoints"
        while process.poll() is None and max([int(p.name[5:]) for p in checkpoints.glob("step-*")], default=0) <= seen:
            time.sleep(0.02)
        time.sleep(chance.random() / 10)
        process.send_signal(signal.SIGKILL)
        assert process.wait() in (-signal.SIGKILL, 0)
        seen = max(int(path.name[5:]) for path in checkpoints.glob("step-*"))
    done = subprocess.run(command(corpus, killed, **run), capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads(done.stdout.splitlines()[-1])
    assert metrics["steps"] < 31  # it went on, and did not start again
    ours, theirs = (load_file(folder / "model.safetensors") for folder in (straight, killed))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name].tobytes() != theirs[name].tobytes()] == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"corpus": ["missing/*.txt"]}, r"There is no file 'missing/\*.txt'"),
        ({"valid": ("missing.txt",)}, "There is no file 'missing.txt'"),
        ({"evaluate_every": 0}, "evaluate_every"),
        ({"steps": 0}, "steps"),
        ({"warmup": 1.5}, "warmup"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"max_length": 4}, "max_length"),
        ({"max_length": 1000}, "max_sequence_length=512"),
        ({"vocabulary": "no-such-dir"}, "no-such-dir"),
        ({"hold_out": 100}, "documents are needed"),
        ({"fill": ["no gap"]}, "MASK"),
        ({"corpus": []}, "`corpus` must have a file"),
        ({"pretrained": "some", "size": "mini"}, "leave out vocabulary_size, size"),
        ({"pretrained": "some", "neighbour_attention": False}, "leave out vocabulary_size, neighbour_attention"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"power": 0.0}, "power"),
        ({"output": Path("bert"), "tensorboard": Path("bert/logs")}, "outside of each other"),
    ],
)
def test_pretrain_refuses_options(pretrain, corpus, fields, message):
    with pytest.raises(ValueError, match=message):
        pretrain.main(config(pretrain, corpus, **fields))


def test_a_training_that_diverges_keeps_the_checkpoint_before(pretrain, corpus, tmp_path):
    with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch"):
        pretrain.main(config(pretrain, corpus, output=tmp_path / "bert", learning_rate=1e30, warmup=0.0))
    assert not (tmp_path / "bert").exists()
    assert not [*(tmp_path / "bert-checkpoints").glob("*")]


def test_text_that_nothing_can_be_learned_from_is_refused(pretrain, corpus, tmp_path):
    vocabulary = write_vocabulary(train_vocabulary(corpus, size=90), tmp_path / "vocab.txt")
    for name, text in (("empty.txt", "\u200b\n\n\u200b\n"), ("short.txt", "Cat\n\n\u200b\n")):
        (tmp_path / name).write_text(text)
        given = {"vocabulary": str(vocabulary), "steps": 4}
        with pytest.raises(ValueError, match=r"Received: \d+ and 0, in the text to evaluate on"):
            pretrain.main(config(pretrain, corpus, valid=(str(tmp_path / name),), **given))
        with pytest.raises(ValueError, match=r"Received: \d+ and 0, in the text to train on"):
            pretrain.main(config(pretrain, tmp_path / name, valid=(str(corpus),), **given))


def test_a_vocabulary_of_another_language_is_noticed(pretrain, corpus, tmp_path):
    write_vocabulary(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "der", "die"], tmp_path / "vocab.txt")
    with pytest.warns(
        UserWarning, match="% of the masked words in the text to train on are .UNK.. Is the vocabulary of this language"
    ):
        pretrain.main(config(pretrain, corpus, vocabulary=str(tmp_path / "vocab.txt"), steps=1))


def test_files_to_evaluate_on_are_left_out_of_the_corpus(pretrain, corpus, tmp_path, monkeypatch):
    shutil.copy(corpus, tmp_path / "copy.txt")
    (tmp_path / "train.txt").write_text(corpus.read_text()[:-1])
    read = []

    class Noted(keras_bert.data.PretrainingBatches):
        """Batches whose files are noted."""

        def __init__(self, files, *args, **options):
            super().__init__(files, *args, **options)
            read.append(self.files)

    monkeypatch.setattr(keras_bert.data, "PretrainingBatches", Noted)
    valid = str(tmp_path / "copy.txt")
    with pytest.warns(UserWarning, match="1 of 2 files are left out of the corpus"):
        pretrain.main(config(pretrain, tmp_path / "*.txt", steps=4, valid=(valid,)))
    assert [files for files in read if files != [valid]] == [[str(tmp_path / "train.txt")]] * 2  # to train, to count
    with pytest.raises(ValueError, match=r"Every file of the corpus is to be left out\. Received: .*animals\.txt"):
        pretrain.main(config(pretrain, corpus, valid=(str(corpus),)))


def test_pretrain_never_writes_over_something(pretrain, corpus):
    with pytest.raises(ValueError, match=r"animals\.txt"):
        pretrain.main(config(pretrain, corpus, output=corpus.parent))


@pytest.mark.parametrize(
    ("steps", "evaluate_every"), [(1000, 250), (100, 25), (997, 250), (1001, 201), (100_000, 250), (12, 3), (3, 1)]
)
def test_how_often_to_evaluate_follows_from_the_steps(pretrain, steps, evaluate_every):
    assert pretrain.Config(steps=steps).evaluate_every == evaluate_every


@pytest.fixture(scope="module")
def trained(pretrain, corpus, tmp_path_factory):
    """A directory in which a run has ended, and what it reported."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, pretrain.main(config(pretrain, corpus, output=folder / "bert", **FINISHED))


@pytest.fixture
def finished(trained, tmp_path):
    """A copy of that directory."""
    return Path(shutil.copytree(trained[0], tmp_path / "finished"))


def test_the_last_epoch_may_be_shorter(trained):
    folder, metrics = trained
    assert metrics["steps"] == 5
    assert sorted(path.name for path in (folder / "bert-checkpoints").iterdir()) == ["step-00000004", "step-00000005"]


def test_what_was_held_out_is_not_trained_on_by_another_command(pretrain, corpus, finished):
    (finished / "valid.txt").write_text(corpus.read_text()[:-1])
    for other in ({"hold_out": 7}, {"valid": (str(finished / "valid.txt"),)}):
        with pytest.raises(ValueError, match="hold_out"):
            pretrain.main(config(pretrain, corpus, **{**FINISHED, "output": finished / "bert", **other}))


def test_another_checkpoint_in_the_same_directory_is_not_taken_for_the_same(pretrain, corpus, trained, tmp_path):
    shutil.copytree(trained[0] / "bert", tmp_path / "start")
    run = {"output": tmp_path / "bert", "steps": 1, "pretrained": str(tmp_path / "start"), "vocabulary_size": 4000}
    pretrain.main(config(pretrain, corpus, **run))
    (tmp_path / "bert").rename(tmp_path / "moved")
    shutil.copy(tmp_path / "moved" / "model.safetensors", tmp_path / "start")  # one step further
    with pytest.raises(ValueError, match="`pretrained` has other contents"):
        pretrain.main(config(pretrain, corpus, **run))


def test_another_command_is_not_taken_for_the_same_run(pretrain, corpus, finished):
    (finished / "bert").rename(finished / "moved")
    with pytest.raises(ValueError, match="`batch_size` was 8 and is 7"):
        pretrain.main(config(pretrain, corpus, output=finished / "bert", batch_size=7, **FINISHED))


def test_of_few_documents_a_tenth_is_held_out(pretrain, corpus, finished, capsys):
    """As if `hold_out` had been given: the same run is at its end."""
    (finished / "bert").rename(finished / "moved")
    metrics = pretrain.main(config(pretrain, corpus, output=finished / "bert", hold_out=None, **FINISHED))
    assert "Held out for evaluation: one document in 10.\n" in capsys.readouterr().out
    assert (metrics["steps"], metrics["output"]) == (0, str(finished / "bert"))


def test_the_same_command_again_says_that_all_is_done(pretrain, corpus, trained, finished, monkeypatch, capsys):
    run, (_, first) = {"output": finished / "bert", **FINISHED}, trained
    written = {path: path.stat().st_mtime_ns for path in (finished / "bert").iterdir()}

    with monkeypatch.context() as patched:
        patched.delattr(keras_bert, "train_vocabulary")  # the output has it
        again = pretrain.main(config(pretrain, corpus, **run))
    assert "All 5 steps are done: nothing is left to train." in capsys.readouterr().out
    assert set(again) == KEYS and again["steps"] == 0
    assert {name: again[name] for name in KEYS if name.startswith("valid")} == {
        name: first[name] for name in KEYS if name.startswith("valid")
    }
    assert {path: path.stat().st_mtime_ns for path in (finished / "bert").iterdir()} == written

    with pytest.raises(ValueError, match="`batch_size` was 8 and is 7"):
        pretrain.main(config(pretrain, corpus, **run, batch_size=7))
    shutil.rmtree(finished / "bert-checkpoints")
    with pytest.raises(ValueError, match=r"must be empty .*config\.json.*; move that away, or choose another"):
        pretrain.main(config(pretrain, corpus, **run))
