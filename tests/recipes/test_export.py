"""A trained model is exported by a command: the export answers as the checkpoint does."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import keras_bert

TEXTS = ["a good book", "very dull, the film"]


@pytest.fixture(scope="module")
def export(load_recipe):
    return load_recipe("export")


@pytest.fixture(scope="module")
def models(tmp_path_factory, tokenizer):
    """Directory with checkpoints for five tasks."""
    folder = tmp_path_factory.mktemp("models")
    size = keras_bert.BertConfig(tokenizer.vocabulary_size, 2, 4, 12, 37, 32, initializer_range=0.2)
    backbone = keras_bert.backbone(size)
    pairs = keras_bert.text_classifier(backbone, 2, labels=["no", "yes"])
    pairs.keep_pairs()
    models = {
        "classifier": keras_bert.text_classifier(backbone, 2, labels=["dull", "good"]),
        "pairs": pairs,
        "tagger": keras_bert.token_classifier(backbone, 2, labels=["A", "B"]),
        "answerer": keras_bert.span_predictor(backbone),
        "embedder": keras_bert.text_embedder(backbone),
        "masked": keras_bert.masked_language_model(backbone),
    }
    for name, model in models.items():
        keras_bert.save_pretrained(model, tokenizer, folder / name, max_length=8)
    return folder


@pytest.fixture
def config(export, models, tmp_path):
    return export.Config(model=str(models / "classifier"), output=tmp_path / "served")


def expected_of(directory, task, *texts):
    return keras_bert.predictor(*keras_bert.load_pretrained(directory, task), max_length=8)(*texts)


def test_a_saved_model_answers_as_the_checkpoint(export, config, models):
    written = export.main(config)
    assert written["task"] == "text_classifier" and written["max_length"] == 8 and written["megabytes"] > 0
    serve = tf.saved_model.load(config.output).signatures["serving_default"]
    expected = expected_of(config.model, "text_classifier", TEXTS)
    given = serve(text=tf.constant(TEXTS))["probabilities"].numpy()
    np.testing.assert_allclose(given, [[*answer["probabilities"].values()] for answer in expected], atol=1e-5)
    with pytest.raises(ValueError, match="is a SavedModel"):
        export.main(dataclasses.replace(config, model=str(config.output)))
    with pytest.raises(ValueError, match="served"):
        export.main(config)  # it is there already
    export.main(dataclasses.replace(config, overwrite=True))


@pytest.mark.parametrize("int8", [False, True])
def test_onnx_answers_as_the_checkpoint(export, config, int8):
    pytest.importorskip("onnxruntime")
    export.main(dataclasses.replace(config, format="onnx", int8=int8))
    given = keras_bert.runtime.load(config.output)(TEXTS)
    for answer, expected in zip(given, expected_of(config.model, "text_classifier", TEXTS), strict=True):
        assert answer["probabilities"] == pytest.approx(expected["probabilities"], abs=0.05 if int8 else 1e-5)
    with pytest.raises(ValueError, match="must be a checkpoint"):
        export.main(dataclasses.replace(config, model=str(config.output)))


def test_pairs_and_tags_answer_with_their_options(export, config, models, tmp_path):
    export.main(dataclasses.replace(config, model=str(models / "pairs")))
    serve = tf.saved_model.load(config.output).signatures["serving_default"]
    assert {*serve.structured_input_signature[1]} == {"text", "second_text"}
    tags = {"model": str(models / "tagger"), "output": tmp_path / "tags", "unit": "space"}
    export.main(dataclasses.replace(config, **tags))
    words = tf.saved_model.load(tmp_path / "tags").signatures["serving_default"](text=tf.constant(["very dull, the"]))
    assert words["word"].numpy().tolist() == [[b"very", b"dull,", b"the"]]


def test_answers_and_vectors_have_their_options(export, config, models, tmp_path):
    answering = {"model": str(models / "answerer"), "output": tmp_path / "answers", "num_answers": 2}
    export.main(dataclasses.replace(config, **answering))
    serve = tf.saved_model.load(tmp_path / "answers").signatures["serving_default"]
    assert serve(question=tf.constant(["a book"]), context=tf.constant(TEXTS[:1]))["answers"].shape == (1, 2)
    written = export.main(dataclasses.replace(config, model=str(models / "embedder"), max_length=5))
    vectors = tf.saved_model.load(config.output).signatures["serving_default"](text=tf.constant(TEXTS))["embedding"]
    loaded = keras_bert.load_pretrained(models / "embedder", "text_embedder")
    np.testing.assert_allclose(vectors, keras_bert.embed(TEXTS, *loaded, max_length=5), atol=1e-5)
    half = {"model": str(models / "embedder"), "output": tmp_path / "half", "precision": "mixed_bfloat16"}
    assert export.main(dataclasses.replace(config, **half))["megabytes"] <= written["megabytes"]


def test_litert_has_the_model_alone(export, config):
    export.main(dataclasses.replace(config, format="litert", int8=True))
    assert (config.output / "model.tflite").is_file()
    with pytest.raises(ValueError, match="must be a checkpoint"):
        export.main(dataclasses.replace(config, model=str(config.output)))
    with pytest.raises(ValueError, match="Received: `stride`"):
        export.main(dataclasses.replace(config, format="litert", stride=2))


def test_what_does_not_fit_is_refused(export, config, models):
    def refused(message, **options):
        with pytest.raises(ValueError, match=message):
            export.main(dataclasses.replace(config, **options))
        assert not config.output.exists()

    refused("`int8` goes with the formats onnx and litert", int8=True)
    refused("`precision` changes a SavedModel alone", precision="mixed_bfloat16", format="onnx")
    refused("a text_classifier takes --cut, --stride. Received: --prompt", prompt="query")
    refused("`max_length` must be .*32", max_length=1000)
    refused("masked_language_model", model=str(models / "masked"))
