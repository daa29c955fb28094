"""The command line of the recipes: as scripts, as the command `keras-bert`, copied, and in the wheel."""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from keras_bert.recipes import command

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "classify.py"
COMMAND = ["-m", "keras_bert.recipes.command"]


def run(arguments, folder):
    """arguments of Python, directory to run in -> the process, when it has ended."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    return subprocess.run(
        [sys.executable, *map(str, arguments)], capture_output=True, text=True, cwd=folder, env=environment
    )


def options(folder):
    """directory of `reviews` -> options of a training that takes seconds."""
    files = [part for name in ("train", "valid", "test") for part in (f"--{name}", folder / f"{name}.tsv")]
    return [*files, "--epochs", "1", "--max-length", "16"]


def test_a_run_ends_with_a_line_of_json_and_nothing_of_tensorflows_start(reviews):
    done = run([*COMMAND, "classify", *options(reviews)], reviews)
    assert done.returncode == 0, done.stderr[-2000:]
    metrics = json.loads(done.stdout.splitlines()[-1])
    assert {"train_loss", "valid_accuracy", "test_f1", "test_accuracy", "padding", "output"} < set(metrics)
    assert metrics["steps"] == 3
    assert ".cc:" not in done.stderr and "absl" not in done.stderr, done.stderr


def test_a_copy_in_another_project_runs(reviews):
    own = reviews / "own.py"
    shutil.copy(RECIPE, own)
    done = run([own, *options(reviews), "--output", "model"], reviews)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1])["output"] == "model"
    assert ".cc:" not in done.stderr and "absl" not in done.stderr, done.stderr
    assert (reviews / "model" / "model.safetensors").exists()


def test_an_error_is_one_line(tmp_path):
    done = run([RECIPE, "--train", "no.tsv", "--valid", "no.tsv"], tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no file no.tsv") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("task", command.TASKS)
def test_help_comes_without_tensorflow(tmp_path, task):
    code = (
        "import sys\n"
        "from keras_bert.recipes import command\n"
        "try:\n"
        f"    command.main(['{task}', '--help'])\n"
        "finally:\n"
        "    assert not {'keras', 'tensorflow'} & set(sys.modules)\n"
    )
    done = run(["-c", code], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"usage: keras-bert {task} [-h] [OPTIONS]" in done.stdout
    assert "None" not in done.stdout and "(default: )" not in done.stdout
    assert ("--seed INT" in done.stdout) == (task not in ("predict", "evaluate", "export", "demo"))


@pytest.mark.parametrize("line", [[RECIPE, "--help"], [*COMMAND, "--help"], [*COMMAND, "classify", "--help"]])
def test_help_answers_at_once(tmp_path, line):
    began = time.perf_counter()
    done = run(line, tmp_path)
    assert time.perf_counter() - began < 4  # half a second, where nothing else runs
    assert (done.returncode, done.stderr) == (0, "")


def test_the_help_of_the_command_has_a_line_for_each_task(capsys):
    command.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for task, what in command.TASKS.items():
        assert (ROOT / "recipes" / f"{task}.py").exists()
        assert sum(line.split(maxsplit=1) == [task, what] for line in lines) == 1


def test_an_unknown_task_is_answered_by_those_there_are(capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["clasify"])
    assert ended.value.code == 2
    expected = f"error: Expected a task, one of {', '.join(command.TASKS)}. Received: clasify.\n"
    assert capsys.readouterr().err == expected


def test_the_command_alone_says_what_it_can_do(capsys):
    command.main([])
    assert capsys.readouterr().out.startswith("usage: keras-bert TASK [OPTIONS]\n")


def test_the_wheel_has_all_packages_and_their_data():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    setuptools = project["tool"]["setuptools"]
    folders = {"keras_bert.recipes": ROOT / "recipes"}
    for path in (ROOT / "keras_bert").rglob("__init__.py"):
        folders[".".join(path.relative_to(ROOT).parts[:-1])] = path.parent
    assert sorted(folders) == sorted(setuptools["packages"])
    data = {
        path
        for name, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in folders[name].glob(pattern)
    }
    kept = [path for folder in (ROOT / "keras_bert", ROOT / "recipes") for path in folder.rglob("*") if path.is_file()]
    missing = {path for path in kept if path.suffix not in (".py", ".pyc")} - data
    assert not missing
    assert project["project"]["scripts"] == {"keras-bert": "keras_bert.recipes.command:main"}
