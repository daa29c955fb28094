"""The recipe for embeddings: it learns each kind of file, and what it writes is used again."""

import dataclasses
import json

import numpy as np
import pytest

import keras_bert

THROUGHPUT = {"train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output"}
SEARCH = ("recall_at_1", "recall_at_10", "mrr_at_10")


@pytest.fixture(scope="module")
def embed(load_recipe):
    return load_recipe("embed")


@pytest.fixture
def config(embed, tmp_path):
    """Triplets, the same as pairs, and pairs with scores: of few words, learned in seconds."""
    words = ["good", "dull", "old", "new", "red", "tall"]
    for name, count in (("train", 24), ("valid", 12), ("test", 12)):
        rows = [
            (f"a {words[i % 6]} book {i}", f"{i} the {words[i % 6]} one", f"the {words[(i + 1) % 6]} one {i}", i % 3)
            for i in range(count)
        ]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["q\tyes\tno", *("\t".join(row[:3]) for row in rows)]) + "\n")
        scored = [json.dumps({"a": q, "b": (no, yes, q)[score], "score": score}) for q, yes, no, score in rows]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(scored) + "\n")
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "valid", "test")}
    return embed.Config(**files, epochs=4, batch_size=8, learning_rate=2e-3, max_length=16)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_embed_learns_from_its_samples(embed, language):
    files = {name: embed.SAMPLES / f"{language}_{name}.tsv" for name in ("train", "valid")}
    metrics = embed.main(embed.Config(**files, epochs=8))
    assert metrics["before_recall_at_1"] < 0.25 and metrics["before_mrr_at_10"] < 0.4  # words that they share
    assert metrics["valid_recall_at_1"] > 0.4 and metrics["valid_mrr_at_10"] > 0.6  # by chance 1 / 72 and 0.04


def test_triplets_are_learned_served_and_loaded(embed, config, tmp_path):
    config = dataclasses.replace(
        config,
        both_directions=True,
        matryoshka=(16, 128),
        prompts=("query: ", "passage: "),
        pooling="cls",
        accumulate=2,
        output=tmp_path / "model",
    )
    metrics = embed.main(config)
    scores = {f"{part}_{name}" for part in ("before", "valid", "test") for name in SEARCH}
    assert set(metrics) == {"train_loss", *scores, *THROUGHPUT}
    assert metrics["steps"] == 12
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="text_embedder")
    assert model.embedder.pooling == "cls" and model.embedder.max_length == 16
    assert model.embedder.prompts == {"query": "query: ", "passage": "passage: "}
    vectors = keras_bert.embed(["a good book", "the good one"], model, tokenizer, prompt="query")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("loss", ["cosent", "cosine"])
def test_pairs_with_scores_are_learned(embed, config, tmp_path, loss):
    files = {name: tmp_path / f"{name}.jsonl" for name in ("train", "valid")}
    files["test"] = tmp_path / "test.tsv"  # each file is what its columns say
    metrics = embed.main(dataclasses.replace(config, **files, loss=loss, export=tmp_path / "served"))
    assert set(metrics) >= {"before_spearman", "valid_pearson", "valid_spearman", "test_mrr_at_10"}
    assert metrics["valid_spearman"] > max(0.3, metrics["before_spearman"] - 0.3)
    assert (tmp_path / "served" / "saved_model.pb").exists()


def test_questions_find_their_paragraphs(embed, config, tmp_path):
    articles = [
        {
            "paragraphs": [
                {
                    "context": f"{name} ran to the {place}.",
                    "qas": [
                        {"id": f"{name}{i}", "question": question, "answers": [{"text": name, "answer_start": 0}]}
                        for i, question in enumerate((f"Who ran to the {place}?", f"Where did {name} run?"))
                    ],
                }
            ]
        }
        for name, place in zip(("Ann", "Ben", "Cay", "Dan"), ("sea", "hill", "town", "wood"), strict=True)
    ]
    path = tmp_path / "questions.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    metrics = embed.main(dataclasses.replace(config, train=path, valid=path, test=None, epochs=1))
    assert metrics["steps"] == 1 and metrics["valid_recall_at_10"] == 1.0  # of four paragraphs


def test_a_last_group_alone_is_left_out(embed, config):
    metrics = embed.main(dataclasses.replace(config, batch_size=23, epochs=1))
    assert metrics["steps"] == 1


def test_bad_input_is_refused_before_training(embed, config, tmp_path):
    def refused(message, **changes):
        with pytest.raises(ValueError, match=message):
            embed.main(dataclasses.replace(config, **changes))

    scored = {"train": tmp_path / "train.jsonl", "valid": tmp_path / "valid.jsonl"}
    refused("`loss` cosent needs pairs with scores", loss="cosent")
    refused("`loss` in_batch_negatives needs groups without scores", loss="in_batch_negatives", **scored)
    refused("no column 'no such'", text_columns=("q", "no such"))
    refused("Scores are of pairs, in two columns of texts. Received: q, yes, no", kind="scored")
    refused("`dimensions` must be at most the vectors' own, 128", matryoshka=(64, 256))
    refused("would be alone in its batch", batch_size=1)
    (tmp_path / "valid.tsv").write_text("q\tyes\tno\nfilm\tgood\tgood\n")
    refused("Line 2 .* has a negative that is its positive")
    (tmp_path / "valid.jsonl").write_text('{"a": "x", "b": "y", "score": "much"}\n')
    refused("Every label must be a number", **scored)
