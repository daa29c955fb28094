"""The command line of a recipe: what it takes, and how errors, warnings and metrics are written."""

import dataclasses
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Literal

import pytest

from keras_bert.recipes import command_line, common


@dataclasses.dataclass(frozen=True)
class Baking(common.FineTuning):
    """Fine-tunes bread.

    Args:
        max_length: The longest loaf.
        flour: What it is made of.
        seeds: What is strewn on it.
        salted: Whether there is salt in it.
    """

    max_length: int = 77
    flour: Literal["rye", "spelt"] | None = None
    seeds: tuple[str, ...] = ()
    salted: bool = True

    FROM_RANDOM_WEIGHTS = (21, 2e-2)


def test_a_command_line_becomes_a_config():
    arguments = ["--flour", "rye", "--seeds", "poppy", "sesame", "--no-salted", "--train", "a.tsv", "--limit", "5"]
    config = command_line.parse(Baking, arguments)
    assert config == Baking(flour="rye", seeds=("poppy", "sesame"), salted=False, train=Path("a.tsv"), limit=5)
    assert type(config) is Baking
    assert (config.epochs, config.learning_rate, config.max_length) == (21, 2e-2, 77)
    assert command_line.parse(Baking, ["--valid", "0.25"]).valid == 0.25
    assert command_line.parse(Baking, ["--valid", "./0.25", "--train", "a.tsv"]).valid == Path("0.25")
    for share in ("0", "1", "2", "-0.5", "nan"):
        with pytest.raises(ValueError, match=r"share of `train` to hold out, between 0 and 1. Received: valid="):
            command_line.parse(Baking, [f"--valid={share}"])
    with pytest.raises(ValueError, match=r"`limit` must be an integer of at least 1. Received: limit=0"):
        command_line.parse(Baking, ["--limit", "0"])


def test_help_has_a_value_for_each_option_and_the_defaults_that_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        command_line.parse(Baking, ["--help"], program="bake bread")
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "usage: bake bread" in text and "Fine-tunes bread." in text
    assert "--train PATH Examples to train on. Without it and `valid`: the English samples. --valid FLOAT|PATH" in text
    assert "--epochs INT Passes over the examples to train on. (default: 21; with --pretrained: 3)" in text
    assert "models want 1e-4 or more. (default: 0.02; with --pretrained: 5e-05)" in text
    assert "--max-length INT The longest loaf. (default: 77)" in text
    assert "--flour {rye,spelt} What it is made of. --seeds [STR [STR ...]] What is strewn on it. --salted" in text
    assert "(default: True)" in text
    assert "None" not in text and "(default: )" not in text


def test_without_tyro_the_command_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tyro", None)
    with pytest.raises(SystemExit, match=r"error: .*pip install 'bert-for-keras\[recipes\]'"):
        command_line.parse(Baking, [])


def test_a_run_prints_its_metrics_as_one_line_and_its_errors_too(capsys):
    command_line.run(Baking, lambda config: {"loaves": config.epochs}, ["--epochs", "3"])
    assert json.loads(capsys.readouterr().out) == {"loaves": 3}

    def burnt(config):
        raise RuntimeError("The bread is burnt.")

    with pytest.raises(SystemExit, match="error: The bread"):
        command_line.run(Baking, burnt, [])
    with pytest.raises(SystemExit, match=r"error: --epochs must be .*\. Received: --epochs=0\."):
        command_line.run(Baking, burnt, ["--epochs", "0"])

    def stopped(config):
        raise SystemExit(75)

    with pytest.raises(SystemExit) as ended:
        command_line.run(Baking, stopped, [])
    assert ended.value.code == 75


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "`max_length` is 3. Received: max_length=3, valid=None.",
            "--max-length is 3. Received: --max-length=3, no --valid.",
        ),
        ("Received: f(seed=1), seed=0.5. Pass seed=2.", "Received: f(seed=1), --seed=0.5. Pass seed=2."),
        ("`y_true` has seeds=3.", "`y_true` has seeds=3."),
    ],
)
def test_messages_name_the_options(message, expected):
    assert command_line.with_options(message, Baking) == expected


def test_a_warning_is_a_sentence_that_comes_once(capsys):
    def bake(config):
        for loaf in range(2):
            for text in ("The oven is cold.", f"Loaf {loaf} is as `max_length` says."):
                warnings.warn_explicit(text, UserWarning, f"oven{loaf}.py", 7 + loaf)
        return {}

    before = warnings.showwarning
    command_line.run(Baking, bake, [])
    lines = [
        f"warning: {text}" for text in ("The oven is cold.", *(f"Loaf {n} is as --max-length says." for n in (0, 1)))
    ]
    assert capsys.readouterr().err.splitlines() == lines
    assert warnings.showwarning is before


def test_only_the_lines_of_tensorflows_start_are_kept_back(capfd):
    banner = (
        "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
        "I0000 00:00:1795672502.098366   11845 port.cc:153] oneDNN custom operations are on.\n"
    )
    error = "E0000 00:00:1795672502.098366   11845 cuda.cc:153] The driver is too old.\n"
    with command_line.without_banner():
        os.write(2, (banner + "WARNING: else\n" + error).encode())
    assert capfd.readouterr().err == "WARNING: else\n" + error
    with pytest.raises(ImportError), command_line.without_banner():
        os.write(2, b"no library\n")
        raise ImportError
    os.write(2, b"as before\n")
    assert capfd.readouterr().err == "no library\nas before\n"
