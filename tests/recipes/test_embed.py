"""The recipe for embeddings: it learns each kind of file, and what it writes is used again."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.recipes import embedding

THROUGHPUT = {"train_examples_per_s", "real_tokens_per_s", "padding", "steps", "seconds", "output"}
SEARCH = ("recall_at_1", "recall_at_10", "mrr_at_10")


@pytest.fixture(scope="module")
def embed(load_recipe):
    return load_recipe("embed")


@pytest.fixture
def config(embed, tmp_path):
    """Triplets, and pairs with scores, in other words: nothing is right before it is learned, in seconds."""
    words = [("good", "fine"), ("dull", "dry"), ("old", "aged"), ("new", "fresh"), ("red", "pink"), ("tall", "high")]
    things = [("book", "novel"), ("film", "movie"), ("song", "tune"), ("dish", "meal")]
    rows = [
        (f"a {word} {thing}", f"the {like} {other}", f"the {unlike} {other}")
        for thing, other in things
        for (word, like), (_, unlike) in zip(words, words[1:] + words[:1], strict=True)
    ]
    rows = [(*row, i % 3) for i, row in enumerate(rows)]
    for name, count in (("train", 24), ("valid", 12), ("test", 12)):
        lines = ["q\tyes\tno", *("\t".join(row[:3]) for row in rows[:count])]
        (tmp_path / f"{name}.tsv").write_text("\n".join(lines) + "\n")
        scored = [json.dumps({"a": q, "b": (no, yes, q)[score], "score": score}) for q, yes, no, score in rows[:count]]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(scored) + "\n")
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "valid", "test")}
    return embed.Config(**files, epochs=4, batch_size=8, learning_rate=2e-3, max_length=16)


def served(directory, texts):
    """directory of a SavedModel, strings -> vectors."""
    serve = tf.saved_model.load(directory).signatures["serving_default"]
    return serve(text=tf.constant(texts))["embedding"].numpy()


@pytest.mark.parametrize("language", ["en", "ko"])
def test_embed_learns_from_its_samples(embed, language):
    files = {name: embed.SAMPLES / f"{language}_{name}.tsv" for name in ("train", "valid")}
    metrics = embed.main(embed.Config(**files, epochs=8))
    assert metrics["before_recall_at_1"] < 0.25 and metrics["before_mrr_at_10"] < 0.4  # words that they share
    assert metrics["valid_recall_at_1"] > 0.4 and metrics["valid_mrr_at_10"] > 0.6  # by chance 1 / 72 and 0.04


def test_triplets_are_learned_served_and_loaded(embed, config, tmp_path, assert_evaluated_alike):
    config = dataclasses.replace(
        config,
        both_directions=True,
        matryoshka=(16, 128),
        prompts=("query: ", "passage: "),
        pooling="max",
        accumulate=2,
        epochs=10,
        output=tmp_path / "model",
        export=tmp_path / "served",
    )
    metrics = embed.main(config)
    scores = {f"{part}_{name}" for part in ("before", "valid", "test") for name in SEARCH}
    assert set(metrics) == {"train_loss", *scores, *THROUGHPUT}
    assert metrics["steps"] == 30
    assert metrics["before_mrr_at_10"] < 0.4 and metrics["valid_mrr_at_10"] > 0.6  # 0.21 and 1 at the seed 0
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="text_embedder")
    assert model.embedder.pooling == "max" and model.embedder.max_length == 16
    assert model.embedder.prompts == {"query": "query: ", "passage": "passage: "}
    assert_evaluated_alike(metrics, tmp_path / "model", config.test)
    texts = ["a good book", "the good one"]
    vectors = {prompt: keras_bert.embed(texts, model, tokenizer, prompt=prompt) for prompt in ("query", "passage")}
    assert np.abs(vectors["query"] - vectors["passage"]).max() > 1e-3
    for prompt, expected in vectors.items():
        np.testing.assert_allclose(np.linalg.norm(expected, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(served(tmp_path / "served" / prompt, texts), expected, atol=1e-5)


@pytest.mark.parametrize("loss", ["cosent", "cosine"])
def test_pairs_with_scores_are_learned(embed, config, tmp_path, loss, load_recipe):
    files = {name: tmp_path / f"{name}.jsonl" for name in ("train", "valid")}
    files["test"] = tmp_path / "test.tsv"  # each file is what its columns say
    directories = {"output": tmp_path / "model", "export": tmp_path / "served"}
    metrics = embed.main(dataclasses.replace(config, **files, **directories, loss=loss, epochs=8))
    assert set(metrics) >= {"before_spearman", "valid_pearson", "valid_spearman", "test_mrr_at_10"}
    assert metrics["before_spearman"] < 0.8 < 0.9 < metrics["valid_spearman"]
    evaluate = load_recipe("evaluate")
    scores = evaluate.main(evaluate.Config(model=str(tmp_path / "model"), test=tmp_path / "valid.jsonl"))
    assert scores["test_spearman"] == pytest.approx(metrics["valid_spearman"], abs=1e-6)
    model, tokenizer = keras_bert.load_pretrained(tmp_path / "model", task="text_embedder")
    vectors = keras_bert.embed(["a good book"], model, tokenizer)
    np.testing.assert_allclose(served(tmp_path / "served", ["a good book"]), vectors, atol=1e-5)


def test_questions_find_their_paragraphs(embed, config, tmp_path):
    """In other words, too."""
    names = ("Ann", "Ben", "Cay", "Dan", "Eve", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo")
    places = ("sea", "hill", "town", "wood", "lake", "farm", "mill", "park", "shop", "gate", "barn", "pond")
    others = ("ocean", "mount", "city", "forest", "pool", "field", "wheel", "garden", "store", "door", "shed", "water")
    articles = []
    for name, place, other in zip(names, places, others, strict=True):
        questions = (f"Who was at the {other}?", f"Is the {other} far?")
        answers = [{"text": name, "answer_start": 0}]
        asked = [{"id": question, "question": question, "answers": answers} for question in questions]
        articles.append({"paragraphs": [{"context": f"{name} ran to the {place}.", "qas": asked}]})
    path = tmp_path / "questions.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    metrics = embed.main(dataclasses.replace(config, train=path, valid=path, test=None, epochs=8))
    assert metrics["steps"] == 24  # 24 questions, 8 in a batch
    assert metrics["before_mrr_at_10"] < 0.4 and metrics["valid_mrr_at_10"] > 0.6  # of twelve paragraphs


def test_prompts_and_length_are_the_checkpoints_own(embed, config, tmp_path, tokenizer, small_config, monkeypatch):
    """Those of sentence-transformers 5: query and document; corpus comes after."""
    prompts = {"query": "good ", "corpus": "film ", "document": "dull "}
    model = keras_bert.text_embedder(keras_bert.backbone(small_config), max_length=13, prompts=prompts)
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "checkpoint")
    make, made = keras_bert.data.embedding_batches, []
    monkeypatch.setattr(keras_bert.data, "embedding_batches", lambda *a, **b: made.append(b) or make(*a, **b))
    config = dataclasses.replace(config, pretrained=str(tmp_path / "checkpoint"), max_length=None, epochs=1)
    embed.main(dataclasses.replace(config, output=tmp_path / "model"))
    assert made[0]["prompts"] == ["good ", "dull "] and made[0]["max_length"] == 13
    model, _ = keras_bert.load_pretrained(tmp_path / "model", task="text_embedder")
    assert model.embedder.max_length == 13 and model.embedder.prompts == prompts
    with pytest.raises(ValueError, match="at most the model's max_sequence_length=32"):
        embed.main(dataclasses.replace(config, max_length=33))


def test_lengths_are_checked(embed):
    assert embed.Config().max_length is None and embed.Config.late_defaults()["max_length"].startswith("(default: 128;")
    with pytest.raises(ValueError, match="`max_length` must be an integer of at least 1"):
        embed.Config(max_length=0)


def test_columns_that_hold_no_texts_are_refused(embed, tmp_path):
    def read(text, **options):
        (tmp_path / "pairs.tsv").write_text(text)
        return embedding.read(tmp_path / "pairs.tsv", embed.Config(**options))

    scored = "sentence1\tsentence2\tlabel\na dog\ta hound\t4.5\na dog\ta plane\t0\n"
    with pytest.raises(ValueError, match=r"last column .*'label', is a number. .* name it by `score_column`"):
        read(scored)
    rows = [("a dog", "a hound", "4.5"), ("a dog", "a plane", "0")]
    assert list(read(scored, score_column="label")) == rows
    assert list(read(scored, text_columns=("sentence1", "label"))) == [("a dog", "4.5"), ("a dog", "0")]
    headerless = scored.partition("\n")[2]
    with pytest.raises(ValueError, match=r"Received: '4.5'. If that is no header, choose columns by number, 0 to 2"):
        read(headerless)
    assert list(read(headerless, text_columns=("0", "1"), score_column="2")) == rows
    assert list(read("q\tnumber\na\t1\nb\tone\n")) == [("a", "1"), ("b", "one")]
    with pytest.warns(UserWarning, match="is taken as names of columns, such as 'Who ran\\?'"):
        assert list(read("Who ran?\tAnn\nWho sat?\tBen\n")) == [("Who sat?", "Ben")]


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
