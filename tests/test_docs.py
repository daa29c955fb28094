"""What the documents say runs."""

import re
from pathlib import Path

import pytest

import keras_bert
import pages

ROOT = Path(__file__).parents[1]
MEASUREMENTS = ROOT / "docs" / "measurements"
README = (ROOT / "README.md").read_text(encoding="utf8")


def test_start_has_two_commands_of_one_line():
    section = README.split("## Start")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)\n```", section, re.S)
    assert [block.count("\n") for block in blocks] == [0, 0]
    assert "recipes/" in blocks[0] and "pytest" in blocks[1]


@pytest.fixture
def checkpoint(tmp_path):
    """A small BERT where the README has a hub id: what is a directory isn't downloaded."""
    path = tmp_path / "google-bert" / "bert-base-uncased"
    texts = keras_bert.data.read_labelled_texts(ROOT / "recipes" / "samples" / "classify" / "en_train.tsv")
    tokenizer = keras_bert.WordPieceTokenizer(keras_bert.train_vocabulary((text for text, _ in texts), size=1000))
    config = keras_bert.BertConfig(tokenizer.vocabulary_size, 1, 4, 24, 37)
    keras_bert.save_pretrained(keras_bert.backbone(config), tokenizer, path)
    return path


@pytest.mark.filterwarnings("ignore:.*these weights start random:UserWarning")
def test_the_eight_lines_run(checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    names = pages.run("README.md")
    assert "{'label': '" in capsys.readouterr().out
    saved, _ = keras_bert.load_pretrained(tmp_path / "reviews", task="text_classifier")
    assert saved.labels == names["train"].labels == ("negative", "positive")


def test_the_readme_is_short():
    assert README.count("\n") <= 150


def test_the_python_block_of_pretraining_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcd."])
    config = keras_bert.BertConfig.named("tiny", vocabulary_size=tokenizer.vocabulary_size)
    keras_bert.save_pretrained(keras_bert.masked_language_model(keras_bert.backbone(config)), tokenizer, "bert")
    Path("reports.txt").write_text("A b c. D c.\n\n" * 40)
    [block] = re.findall(r"```python\n(.*?)\n```", (MEASUREMENTS / "pretraining.md").read_text(encoding="utf8"), re.S)
    exec(compile(block, "docs/measurements/pretraining.md", "exec"), {})
    model, _ = keras_bert.load_pretrained("bert-reports", task="masked_language_model")
    assert model.task == "masked_language_model"


def test_the_python_blocks_of_what_to_train_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = (MEASUREMENTS / "fine-tuning.md").read_text(encoding="utf8").split("## What to train")[1]
    names = {}
    for block in re.findall(r"```python\n(.*?)\n```", section.split("\n## ")[0], re.S):
        exec(compile(block, "docs/measurements/fine-tuning.md", "exec"), names)
    weights = 2 * 2 * 2 * 128 * 4 + 2 * 128 + 2  # of two layers two pairs of matrices of rank 4; and the head
    assert capsys.readouterr().out == f"['encoder_1', 'pooler', 'classifier']\n{weights}\n"
    assert (tmp_path / "adapters" / "adapter_model.safetensors").stat().st_size < 20_000


def test_the_first_screen_goes_from_a_checkpoint_to_answers_in_eight_lines():
    first = README.split("## Start")[0]
    [block] = re.findall(r"```python\n(.*?)\n```", first, re.S)
    lines = [line for line in block.split("\n") if line and not line.startswith("import")]
    assert len(lines) == 8
    steps = ("load_pretrained", ".fit(", "predictor", "save_pretrained")
    assert [step for line in lines for step in steps if step in line] == list(steps)
    assert "pretrain" not in first.split("```python")[0].replace("a pretrained checkpoint", "")


def test_the_tree_of_files_is_true():
    tree = (ROOT / "docs" / "contributing.md").read_text(encoding="utf8").split("**What is where.**")[1]
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
    for path in [*ROOT.glob("keras_bert/**/*.py"), *ROOT.glob("recipes/*.py")]:
        relative = path.relative_to(ROOT).as_posix()
        assert relative in named or path.name == "__init__.py", relative


PAGES = sorted([*ROOT.glob("docs/*.md"), *MEASUREMENTS.glob("*.md")])


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_documents_name_files_that_exist(path):
    text = path.read_text(encoding="utf8")
    assert "@@" not in text  # a figure that is still to come
    for name in re.findall(r"(?:tests|recipes|keras_bert|docs)/[\w/]+\.\w+", text):
        assert (ROOT / name).exists(), name
