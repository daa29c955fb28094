"""What the documents say runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf8")


def test_start_has_two_commands_of_one_line():
    section = README.split("## Start")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)\n```", section, re.S)
    assert [block.count("\n") for block in blocks] == [0, 0]
    assert "recipes/" in blocks[0] and "pytest" in blocks[1]


def test_the_python_blocks_run_one_after_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    names = {}
    for block in re.findall(r"```python\n(.*?)\n```", README, re.S):
        exec(compile(block, "README.md", "exec"), names)
    assert names["model"].count_params() > 100_000
    assert "b'negative'" in capsys.readouterr().out
    assert names["answer"]["probabilities"].shape == (2, 2)


def test_the_tree_of_files_is_true():
    tree = README.split("## What is where")[1]
    named, folders = set(), []
    for line in tree.split("\n"):
        if not line.startswith("    "):
            continue
        depth = (len(line) - len(line.lstrip()) - 4) // 2
        name = line.split()[0]
        folders = [*folders[:depth], name]
        named.add("".join(folders))
    for path in named:
        assert (ROOT / path).exists(), path
    for path in ROOT.glob("keras_bert/**/*.py"):
        relative = path.relative_to(ROOT).as_posix()
        assert relative in named or path.name == "__init__.py", relative
    for path in ROOT.glob("recipes/*.py"):
        assert path.relative_to(ROOT).as_posix() in named


@pytest.mark.parametrize("path", sorted(ROOT.glob("docs/*.md")), ids=lambda path: path.name)
def test_documents_name_files_that_exist(path):
    text = path.read_text(encoding="utf8")
    assert "@@" not in text  # a figure that is still to come
    for name in re.findall(r"(?:tests|recipes|keras_bert|docs)/[\w/]+\.\w+", text):
        assert (ROOT / name).exists(), name
