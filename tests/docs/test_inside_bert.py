"""The chapter docs/inside-bert: its code runs and prints what stands below it; BERT in NumPy is BERT.

A Python block prints what the ```text block behind it holds, and nothing where there is none.
"""

import json
import os
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import bert_in_numpy
import keras_bert
from builders import HEADS, arrays, backbone, batch
from reference import weights_of

ROOT = Path(__file__).parents[2]
CHAPTER = ROOT / "docs" / "inside-bert"
PAGES = sorted(path.name for path in CHAPTER.glob("*.md") if path.name != "index.md")
MINILM = Path(os.environ.get("KERAS_BERT_MINILM", "~/.cache/bert-peers/minilm")).expanduser()
needs_minilm = pytest.mark.skipif(
    not (MINILM / "model.safetensors").exists(), reason="KERAS_BERT_MINILM names no MiniLM directory"
)
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.S | re.M)
NAME_OF_MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def read(name):
    return (CHAPTER / name).read_text(encoding="utf8")


def examples_in(text):
    """Text of a page -> list of [code, what it prints]."""
    examples = []
    for kind, content in BLOCK.findall(text):
        if kind == "python":
            examples.append([content, ""])
        else:
            examples[-1][1] = content
    return examples


@pytest.mark.parametrize("name", PAGES)
def test_the_code_prints_what_the_page_says(name, tmp_path, monkeypatch, capsys):
    """Sections that load MiniLM are left out where it isn't there."""
    monkeypatch.chdir(tmp_path)
    for folder in ("recipes", "docs"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    has_minilm = (MINILM / "model.safetensors").exists()
    if has_minilm:
        (tmp_path / "sentence-transformers").mkdir()
        (tmp_path / NAME_OF_MINILM).symlink_to(MINILM)
    names, left_out = {}, 0
    for section in re.split(r"^## ", read(name), flags=re.M):
        if NAME_OF_MINILM in section and not has_minilm:
            left_out += 1
            continue
        for code, printed in examples_in(section):
            exec(compile(code, f"docs/inside-bert/{name}", "exec"), names)
            assert capsys.readouterr().out == printed, code
    if left_out:
        pytest.skip(f"{left_out} section(s) want MiniLM; the others ran")


@pytest.mark.parametrize("name", [*PAGES, "index.md"])
def test_both_languages_have_the_same_code_pictures_and_places(name):
    english, korean = read(name), read(f"ko/{name}")
    assert BLOCK.findall(english) == BLOCK.findall(korean)
    assert len(re.findall(r"^## ", english, re.M)) == len(re.findall(r"^## ", korean, re.M))
    pictures = [re.findall(r"!\[[^]]*\]\(\S*?([\w-]+\.(?:png|svg))\)", page) for page in (english, korean)]
    assert pictures[0] == pictures[1]
    assert len(re.findall("[가-힣]", korean)) > 200, "the Korean page is in Korean"
    assert f"(ko/{name})" in english and f"(../{name})" in korean


@pytest.mark.parametrize("name", [*PAGES, *(f"ko/{name}" for name in PAGES)])
def test_pages_say_the_idea_first_and_lead_into_the_library(name):
    page = read(name)
    assert len(page.split("```python")[0].split("\n\n")[2]) > 60, "an idea in a few sentences, ahead of the code"
    assert "keras_bert/" in page and f"({Path(name).name})" in read(Path(name).with_name("index.md"))


@pytest.mark.parametrize("path", sorted(CHAPTER.rglob("*.md")), ids=lambda path: path.relative_to(CHAPTER).as_posix())
def test_links_lead_somewhere(path):
    prose = BLOCK.sub("", path.read_text(encoding="utf8"))
    links = re.findall(r"\]\(([^)\s]+)\)|^\[[^]]+\]: (\S+)$", prose, re.M)
    assert links
    for link in map("".join, links):
        if not link.startswith("https://"):
            assert (path.parent / link.split("#")[0]).exists(), link
    assert max(map(len, path.read_text(encoding="utf8").split("\n"))) < 160


@pytest.mark.parametrize("path", sorted(CHAPTER.glob("pictures/*")), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(path):
    assert path.suffix == ".py" or path.stat().st_size < 60_000
    assert path.suffix == ".py" or any(path.name in page.read_text(encoding="utf8") for page in CHAPTER.glob("*.md"))


def test_numpy_gives_what_the_library_gives():
    """Padding and three sequences in a row among it."""
    model, inputs = backbone(), batch()
    weights = weights_of(model)
    vectors = bert_in_numpy.encode(weights, inputs, HEADS)
    outputs = arrays(model(inputs))
    np.testing.assert_allclose(outputs["sequence_output"], vectors, atol=1e-5)
    np.testing.assert_allclose(outputs["pooled_output"], bert_in_numpy.pool(weights, vectors[:, 0]), atol=1e-5)
    embedder = keras_bert.text_embedder(model)
    expected = bert_in_numpy.sentence_vector(vectors, inputs["padding_mask"])
    np.testing.assert_allclose(arrays(embedder(inputs))["output"], expected, atol=1e-5)


def test_numpy_reads_a_checkpoint(tmp_path):
    model = backbone(num_segments=2)
    tokenizer = keras_bert.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(str, range(model.config.vocabulary_size - 5))]
    )
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "bert")
    weights, expected = bert_in_numpy.read_weights(tmp_path / "bert"), weights_of(model)
    assert weights.keys() == {variable.path for variable in model.trainable_variables}
    for path, weight in weights.items():
        np.testing.assert_array_equal(weight, expected[path], err_msg=path)


@needs_minilm
def test_numpy_gives_the_vectors_of_minilm():
    golden = dict(np.load(ROOT / "tests" / "references" / "minilm_golden.npz"))  # by transformers, on torch
    real = golden["padding_mask"] == 1
    weights = bert_in_numpy.read_weights(MINILM)
    heads = json.loads((MINILM / "config.json").read_text())["num_attention_heads"]
    vectors = bert_in_numpy.encode(weights, golden, heads)
    np.testing.assert_allclose(vectors[real], golden["sequence_output"][real], atol=1e-5)
    np.testing.assert_allclose(bert_in_numpy.pool(weights, vectors[:, 0]), golden["pooled_output"], atol=1e-5)
    model, _ = keras_bert.load_pretrained(MINILM)
    outputs = keras.ops.convert_to_numpy(model({key: golden[key] for key in model.input})["sequence_output"])
    np.testing.assert_allclose(outputs[real], vectors[real], atol=1e-5)
