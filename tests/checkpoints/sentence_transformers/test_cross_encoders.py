"""Scores as CrossEncoder gives them, and the activation that makes them, through all that keeps it."""

import keras
import numpy as np
import pytest

import keras_bert

TEXTS = [
    "The cat sat on the mat.",
    "",
    "a big dog ran to a red house of wood, and it was very old!",
    "dogs ran",
    "고양이 cats",
]


def answers(directory, task):
    model, tokenizer = keras_bert.load_pretrained(directory, task=task)
    return keras_bert.predictor(model, tokenizer, pairs=True)(TEXTS[:-1], TEXTS[1:])


def scores(directory):
    return [answer["score"] for answer in answers(directory, "text_regressor")]


def test_scores_equal_cross_encoders(folder, expected, tmp_path):
    directory = folder("reranker")
    np.testing.assert_allclose(scores(directory), expected["reranker"], atol=1e-5)
    model, tokenizer = keras_bert.load_pretrained(directory, task="text_regressor")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "again")
    np.testing.assert_allclose(scores(tmp_path / "again"), expected["reranker"], atol=1e-5)


def test_several_classes_have_their_probabilities(folder, expected):
    found = answers(folder("classes"), "text_classifier")
    np.testing.assert_allclose(
        [[*answer["probabilities"].values()] for answer in found], expected["classes"], atol=1e-5
    )


def test_several_classes_with_a_sigmoid_are_labels_of_their_own(folder, expected, configure):
    directory = folder("classes")
    configure(directory / "config_sentence_transformers.json", activation_fn="torch.nn.modules.activation.Sigmoid")
    found = np.array([[*answer["probabilities"].values()] for answer in answers(directory, "text_classifier")])
    odds = found / (1 - found)  # e to the logits
    np.testing.assert_allclose(odds / odds.sum(axis=1, keepdims=True), expected["classes"], atol=1e-5)
    model, _ = keras_bert.load_pretrained(directory, task="text_classifier")
    assert model.multi_label and model.thresholds == (0.5, 0.5, 0.5) and model.score_activation is None


def test_the_activation_is_kept(folder, tmp_path):
    model, _ = keras_bert.load_pretrained(folder("reranker"), task="text_regressor")
    model.save(tmp_path / "model.keras")
    for one in (model, keras.models.load_model(tmp_path / "model.keras"), keras.models.clone_model(model)):
        assert one.score_activation == "sigmoid"
    with pytest.warns(UserWarning, match=r"Google's layout has no place for the model's score_activation, 'sigmoid'"):
        keras_bert.save_pretrained(model, None, tmp_path / "google", layout="google")


@pytest.mark.filterwarnings("ignore:.*cross-encoder.*has 'the ':UserWarning")
@pytest.mark.parametrize(
    "in_modules, in_config, activation",
    [
        ("torch.nn.modules.linear.Identity", {}, None),
        ("absent", {"sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"}}, None),
        ("absent", {"sbert_ce_default_activation_function": "torch.nn.modules.activation.Tanh"}, "tanh"),
        ("absent", {}, "sigmoid"),
    ],
)
def test_where_the_activation_stands(folder, configure, in_modules, in_config, activation):
    directory = folder("reranker")
    configure(directory / "config_sentence_transformers.json", activation_fn=in_modules)
    configure(directory / "config.json", **in_config)
    assert keras_bert.load_pretrained(directory, task="text_regressor")[0].score_activation == activation
    if not in_config:
        return
    (directory / "modules.json").unlink()
    assert keras_bert.load_pretrained(directory, task="text_regressor")[0].score_activation == activation


def test_other_regressors_have_none(folder, configure):
    directory = folder("reranker")
    for name in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (directory / name).unlink()
    configure(directory / "config.json", sentence_transformers="absent", sbert_ce_default_activation_function="absent")
    assert keras_bert.load_pretrained(directory, task="text_regressor")[0].score_activation is None


def test_what_it_does_beside_is_said(folder, configure):
    directory = folder("reranker")
    configure(directory / "tokenizer_config.json", model_max_length=7)
    configure(directory / "config_sentence_transformers.json", prompts={"query": "the "}, default_prompt_name="query")
    with pytest.warns(UserWarning) as caught:
        keras_bert.load_pretrained(directory, task="text_regressor")
    first, second = caught
    assert "up to 7 tokens. Pass max_length=7 to predictor" in str(first.message)
    assert "has 'the ' before the first text of each pair" in str(second.message)
    assert first.filename == second.filename == __file__


def test_what_cannot_be_done_is_refused_by_name(folder, configure):
    directory, classes = folder("reranker"), folder("classes")
    configure(directory / "config_sentence_transformers.json", activation_fn="mine.Softsign")
    with pytest.raises(ValueError, match=r"activation 'mine\.Softsign'; .*Pass score_activation="):
        keras_bert.load_pretrained(directory, task="text_regressor")
    model, _ = keras_bert.load_pretrained(directory, task="text_regressor", score_activation="softsign")
    assert model.score_activation == "softsign"
    configure(classes / "config_sentence_transformers.json", activation_fn="torch.nn.modules.activation.Tanh")
    with pytest.raises(ValueError, match="scores each of its 3 classes by itself"):
        keras_bert.load_pretrained(classes, task="text_classifier")
    with pytest.raises(ValueError, match=r"model_type='CrossEncoder'.*task=\"text_regressor\""):
        keras_bert.load_pretrained(directory, task="text_embedder")
    assert keras_bert.load_pretrained(directory)[0].embedder is None
    with pytest.raises(ValueError, match=r"must be .*gelu.*Received: activation='no'"):
        keras_bert.text_regressor(keras_bert.backbone(model.config), score_activation="no")
