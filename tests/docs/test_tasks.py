"""The guide's pages of single tasks run from their first line to their last, on the samples and tiny models."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
import pages

pytestmark = pytest.mark.filterwarnings("ignore:.*these weights start random:UserWarning")
SAMPLES = "recipes/samples"


def assert_prints_what_it_says(path, out):
    for _, text in pages.printed(pages.read(path)):
        assert text in out


def test_own_texts(checkpoint, folder, capsys):
    train = keras_bert.data.read_labelled_texts(f"{SAMPLES}/classify/en_train.tsv")
    checkpoint("google-bert/bert-base-uncased", [text for text, _ in train])
    names = pages.run("docs/guide/own-texts.md")
    assert_prints_what_it_says("docs/guide/own-texts.md", capsys.readouterr().out)
    assert names["keep_best"].logs["val_accuracy"] == pytest.approx(names["right"] / len(names["valid"]))
    assert names["model"].labels == ("negative", "positive") and (folder / "reviews" / "model.safetensors").exists()


def test_entities(checkpoint, capsys):
    train = keras_bert.data.read_tagged(f"{SAMPLES}/tag/en_train.conll")
    checkpoint("google-bert/bert-base-cased", [sentence.text for sentence in train], lowercase=False)
    names = pages.run("docs/guide/entities.md", [("epochs = 5", "epochs = 2")])
    assert_prints_what_it_says("docs/guide/entities.md", capsys.readouterr().out)
    assert names["tags"] == ("B-LOC", "B-ORG", "B-PER", "I-LOC", "I-ORG", "I-PER", "O")
    assert [*map(len, names["predicted"])] == [*map(len, names["gold"])]
    text = "Mary Smith left Emlis Chemicals in March."
    entities = json.loads(json.dumps(names["answer"]["entities"]))
    assert all(entity["text"] == text[entity["start"] : entity["end"]] for entity in entities)


def test_pairs(checkpoint):
    columns = ("premise", "hypothesis")
    pairs = keras_bert.data.read_labelled_texts(f"{SAMPLES}/pair/en_train.tsv", text_column=columns)
    checkpoint("google-bert/bert-base-uncased", [text for row in pairs for text in row[:2]])
    names = pages.run("docs/guide/pairs.md", [("epochs=3", "epochs=1")])
    assert names["model"].labels == ("contradiction", "entailment", "neutral")
    assert [*names["predict"]("It rains.", "It is dry.")] == ["label", "probabilities"]
    assert 0 <= names["rate"]("It rains.", "Rain is falling.")["score"] <= 5


def test_questions(checkpoint):
    train = keras_bert.data.read_squad(f"{SAMPLES}/answer/en_train.json")
    texts = sorted({text for question in train for text in (question.question, question.context)})
    checkpoint("google-bert/bert-base-uncased", texts)
    names = pages.run("docs/guide/questions.md")
    found = names["found"]
    assert names["document"][found["start"] : found["end"]] == found["answer"] and len(found["answers"]) == 3
    assert max(answer["score"] for answer in names["answers"]) == names["answers"][names["best"]]["score"]
    assert len(names["texts"]) == len(names["valid"]) and isinstance(names["threshold"], float)


def test_embeddings(checkpoint):
    texts = ["Was the food good? Great food.", "How is the hotel? The worst hotel.", "The bank of the river."]
    checkpoint("google-bert/bert-base-uncased", texts)
    checkpoint("sentence-transformers/all-MiniLM-L6-v2", texts)
    names = pages.run("docs/guide/embeddings.md")
    assert names["vectors"].shape == (3, 24) and np.allclose(np.linalg.norm(names["vectors"], axis=1), 1, atol=1e-5)
    assert names["words"].words == ["The", "bank", "of", "the", "river", "."]
    assert keras_bert.load_pretrained("review-vectors", task="text_embedder")[0].embedder is not None


def test_own_heads(checkpoint, folder):
    checkpoint("google-bert/bert-base-uncased", ["A good book.", "A dull film.", "Never again."])
    names = pages.run("docs/guide/own-heads.md")
    served = tf.saved_model.load(folder / "own-served").signatures["serving_default"]
    probabilities = served(text=tf.constant(["A good book.", "Dull."]))["probabilities"]
    inputs = keras_bert.data.model_inputs(["A good book.", "Dull."], names["tokenizer"], max_length=128)
    np.testing.assert_allclose(probabilities, names["model"].predict(inputs, verbose=0), atol=1e-5)
    [head] = [layer for layer in names["model"].layers if layer.trainable and layer.weights]
    assert isinstance(head, keras.layers.Dense)


def test_several_machines(small_config, tokenizer, folder):
    classifier = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["negative", "positive"])
    keras_bert.save_pretrained(classifier, tokenizer, folder / "reviews")
    names = pages.run("docs/guide/several-machines.md", [("max_length=64", "max_length=16")])
    assert names["strategy"].num_replicas_in_sync == 1 and names["model"].optimizer.iterations == len(names["batches"])


def test_pretraining(checkpoint, folder):
    (folder / "reports.txt").write_text("The report was signed. It was read.\n\n" * 40)
    (folder / "corpus.txt").write_text("The cat eats. It sleeps.\nThen it plays.\n\nRain falls. Boats float.\n")
    checkpoint("google-bert/bert-base-uncased", ["The report was signed. It was read."])
    pages.run("docs/guide/pretraining.md", [("batch_size=32, max_length=128,", "batch_size=4, max_length=16,")])
    assert keras_bert.load_pretrained("bert-reports", task="masked_language_model")[0].task == "masked_language_model"
    assert keras_bert.load_pretrained("bert", task="pretrainer")[0].config.num_layers == 2


def test_coming_from(checkpoint):
    checkpoint("google-bert/bert-base-uncased", ["Great food and a friendly waiter."])
    names = pages.run("docs/guide/coming-from.md")
    assert [*names["classify"]("Great food.")["probabilities"]] == ["0", "1"]


def test_notebooks(checkpoint, capsys):
    texts = ["The river rises.", "The boats float."]
    checkpoint("google-bert/bert-base-uncased", texts, head=keras_bert.masked_language_model)
    pages.run("docs/guide/notebooks.md")
    assert len([line for line in capsys.readouterr().out.split("\n") if line[:2] == "0."]) == 5


def test_serving_in_python(small_config, tokenizer, folder, capsys):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime isn't installed: pip install 'bert-for-keras[onnx]'")
    config = dataclasses.replace(small_config, max_sequence_length=128)
    classifier = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["negative", "positive"])
    keras_bert.save_pretrained(classifier, tokenizer, folder / "reviews")
    names = pages.run("docs/guide/serving.md")
    assert "[b'negative' b'positive']" in capsys.readouterr().out
    given = names["classify"]("Great food and a friendly waiter.")["probabilities"]
    np.testing.assert_allclose([*given.values()], names["answer"]["probabilities"][0], atol=1e-5)


def test_install(small_config, tokenizer, folder, capsys):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime isn't installed: pip install 'bert-for-keras[onnx]'")
    classifier = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["negative", "positive"])
    keras_bert.export_onnx(classifier, tokenizer, folder / "served-onnx")
    names = pages.run("docs/guide/install.md")
    assert capsys.readouterr().out.count("'label'") == 2 and len(names["answer"]("Good.")["probabilities"]) == 2
