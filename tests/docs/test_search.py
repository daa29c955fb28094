"""The guide of search runs, on made passages: exact search is exact, the index agrees, reranking goes by the scores."""

import importlib.util
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_bert

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "search.md").read_text(encoding="utf8")
BLOCKS = re.findall(r"```python\n(.*?)\n```", GUIDE, re.S)
PASSAGES, QUESTIONS = 211, 23


@pytest.fixture(scope="module")
def directory(tmp_path_factory, tokenizer):
    """Where passages, questions and the two checkpoints stand that the guide names."""
    directory = tmp_path_factory.mktemp("search")
    keras.utils.set_random_seed(3)
    size = {"num_layers": 1, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 32}
    config = keras_bert.BertConfig(vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.5, **size)
    backbone = keras_bert.backbone(config)
    embedder = keras_bert.text_embedder(backbone)
    keras_bert.save_pretrained(embedder, tokenizer, directory / "sentence-transformers" / "all-MiniLM-L6-v2")
    model = keras_bert.text_regressor(backbone, score_activation="sigmoid")
    keras_bert.save_pretrained(model, tokenizer, directory / "cross-encoder" / "ms-marco-MiniLM-L6-v2")
    rng = np.random.default_rng(3)
    for name, count in (("passages", PASSAGES), ("questions", QUESTIONS)):
        texts = [" ".join(rng.choice([*tokenizer.vocabulary][5:], 1 + i % 17)) for i in range(count)]
        (directory / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return directory


@pytest.fixture(scope="module")
def names(directory):
    """What the guide's blocks define, run one after the other; those of the index where its library is installed."""
    names = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        for block in BLOCKS:
            if "index" not in block or importlib.util.find_spec("usearch"):
                exec(compile(block.replace("max_length=512", "max_length=32"), "docs/guide/search.md", "exec"), names)
    return names


def test_vectors_are_those_of_the_embedder(names, directory):
    assert names["vectors"].shape == (PASSAGES, 12) and names["asked"].shape == (QUESTIONS, 12)
    predict = keras_bert.predictor(names["model"], names["tokenizer"])
    vectors = [answer["embedding"] for answer in predict(names["passages"])]
    np.testing.assert_allclose(names["vectors"], vectors, atol=1e-5)
    np.testing.assert_array_equal(np.load(directory / "vectors.npy"), names["vectors"])


@pytest.mark.parametrize(("k", "block"), [(10, 100_000), (10, 50), (10, 7), (1, 211), (211, 30), (500, 100)])
def test_exact_search_is_sorting_everything(k, block, names):
    asked, vectors = names["asked"], names["vectors"]
    found, cosines = names["search"](asked, vectors, k, block)
    whole = asked @ vectors.T
    expected = -np.sort(-whole)[:, :k]
    assert found.shape == cosines.shape == expected.shape
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    np.testing.assert_allclose(np.take_along_axis(whole, found, axis=1), expected, atol=1e-6)
    assert all(len({*row}) == len(row) for row in found)


def test_the_saved_index_finds_what_is_nearest(names, directory):
    pytest.importorskip("usearch", reason="usearch isn't installed: pip install 'bert-for-keras[search]'")
    assert (directory / "passages.usearch").stat().st_size > 2 * names["vectors"].size
    assert len(names["index"]) == PASSAGES and names["near"].shape == (QUESTIONS, 10)
    assert names["recall"] > 0.95


def test_ten_passages_by_chance_are_hardly_the_nearest(names):
    """So that the index's recall isn't high for whatever is found."""
    found = np.random.default_rng(0).permutation(PASSAGES)[:10]
    assert np.mean([np.isin(found, nearest).mean() for nearest in names["exact"]]) < 0.2


def test_reranking_goes_by_the_scores(names):
    question, numbers = names["questions"][5], names["exact"][5]
    order = names["reranked"](question, numbers)
    scores = {number: names["score"](question, names["passages"][number])["score"] for number in numbers}
    assert sorted(order) == sorted(numbers) and [*order] != [*numbers]
    in_order = [scores[number] for number in order]
    assert in_order == sorted(in_order, reverse=True) and 0 < min(in_order) < max(in_order) < 1
