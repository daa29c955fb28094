"""Texts longer than a row: cut in the middle, or read whole in windows; values worked out by hand, in training too."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.config import Windows
from keras_bert.data.packing import pack
from keras_bert.layers.windows import WindowPooling

LONG = "a good book the dull film very good film the book ."  # 12 tokens
TEXTS = [LONG, "good", "", "a the " * 9, LONG + " dull " * 5, "good very " * 20]  # the last has 13 windows of 7


@pytest.fixture(params=["text_classifier", "text_regressor"])
def plain(request, small_config):
    """A model without windows, whose weights are wide."""
    config = keras_bert.BertConfig(**{**vars(small_config), "initializer_range": 0.5})
    backbone = keras_bert.backbone(config)
    if request.param == "text_regressor":
        return keras_bert.text_regressor(backbone)
    return keras_bert.text_classifier(backbone, 3, labels=["x", "y", "z"])


def outputs_by_hand(plain, tokenizer, text, windows):
    """What a model in windows must give, window by window, each in a batch of its own."""
    ids = tokenizer(text).numpy().tolist()
    room, step = windows.length - 2, windows.length - 2 - windows.stride
    begins = [0]
    while begins[-1] + room < len(ids):
        begins.append(begins[-1] + step)
    begins = begins[: windows.most]
    encoder = keras.Model(plain.input, plain.get_layer("pooler").output)
    vectors = []
    for begin in begins:
        row = np.array([[tokenizer.cls_id, *ids[begin : begin + room], tokenizer.sep_id]])
        vectors.append(encoder({"token_ids": row, "segment_ids": 0 * row, "padding_mask": 0 * row + 1}).numpy()[0])
    if windows.pooling == "first_and_last":
        vectors = [vectors[0], vectors[-1]]
    head = plain.get_layer("classifier" if plain.task == "text_classifier" else "regressor")
    return head(np.mean(vectors, axis=0, dtype="float32")[None]).numpy()[0]


@pytest.mark.parametrize(("pooling", "most"), [("mean", None), ("mean", 2), ("first_and_last", None)])
def test_a_text_is_the_pooling_of_its_windows(plain, tokenizer, pooling, most):
    model = keras_bert.in_windows(plain, length=7, stride=2, pooling=pooling, most=most)
    assert keras_bert.windows_of(model) == Windows(length=7, stride=2, pooling=pooling, most=most)
    assert (model.task, model.labels, model.config) == (plain.task, plain.labels, plain.config)
    task = keras_bert.predictor(model, tokenizer)._task
    expected = [outputs_by_hand(plain, tokenizer, text, keras_bert.windows_of(model)) for text in TEXTS]
    np.testing.assert_allclose(task._logits(tf.constant(TEXTS), None), expected, atol=1e-5)
    others = [outputs_by_hand(plain, tokenizer, text, Windows(length=32)) for text in TEXTS]
    assert np.abs(np.array(expected) - others)[[0, 3, 4, 5]].max(axis=1).min() > 1e-3


def test_of_a_text_that_fits_the_answer_is_the_models_without_windows(plain, tokenizer):
    windowed = keras_bert.predictor(keras_bert.in_windows(plain, length=16), tokenizer)
    alone = keras_bert.predictor(plain, tokenizer)
    for answer, expected in zip(windowed(TEXTS[:3]), alone(TEXTS[:3]), strict=True):
        assert json.dumps(answer, default=str)[:9] == json.dumps(expected, default=str)[:9]
        key = "score" if "score" in answer else "probabilities"
        assert answer[key] == pytest.approx(expected[key], abs=1e-5)


def test_windows_take_the_integers_of_numpy():
    windows = Windows(length=np.int64(8), stride=np.int32(2), most=np.int64(3))
    assert json.dumps(vars(windows)) == '{"length": 8, "stride": 2, "pooling": "mean", "most": 3}'


def test_first_and_last_by_hand():
    vectors = np.array([[1.0, 0.0], [2.0, 2.0], [6.0, 4.0], [5.0, 5.0], [9.0, 9.0], [9.0, 9.0]])
    mask = np.array([[1, 1, 2, 2, 3, 0], [1, 0, 0, 0, 0, 0]])
    assert WindowPooling(2, 0)(vectors, mask).numpy().tolist() == [[3.0, 2.0], [5.0, 5.0]]
    assert WindowPooling(2, 0, "first_and_last")(vectors, mask).numpy().tolist() == [[3.5, 2.0], [5.0, 5.0]]
    shifted = np.array([[1, 1, 1, 2, 2, 0], [1, 0, 0, 0, 0, 0]])  # windows that begin elsewhere
    assert np.isnan(WindowPooling(2, 0)(vectors, shifted).numpy()).tolist() == [[True, True], [False, False]]


def test_batches_hold_the_windows_and_one_label_a_text(tokenizer):
    examples = [(LONG, "yes"), ("good", "no"), (LONG + " a", "no")]
    reading = {"batch_size": 3, "max_length": 7, "windows": Windows(length=7, stride=2)}
    [(inputs, labels)] = keras_bert.data.classification_batches(examples, tokenizer, ["no", "yes"], **reading)
    assert labels.numpy().tolist() == [0, 1, 0]
    mask = [
        [1, 1, 1] + [0] * 25,
        [k for k in (1, 2, 3) for _ in range(7)] + [4, 4, 4, 4, 4, 0, 0],
        [k for k in (1, 2, 3) for _ in range(7)] + [4] * 6 + [0],
    ]
    assert inputs["padding_mask"].numpy().tolist() == mask
    ids = tokenizer(LONG).numpy().tolist()
    rows = [ids[begin : begin + 5] for begin in (0, 3, 6, 9)]
    expected = [token for row in rows for token in (tokenizer.cls_id, *row, tokenizer.sep_id)]
    assert inputs["token_ids"].numpy()[1, :26].tolist() == expected


def training(model, tokenizer, accumulate=1, steps=3):
    """A model in windows -> its losses and its outputs after some steps of plain SGD."""
    is_classifier = model.task == "text_classifier"
    examples = [
        (text, label)
        for text, label in zip(TEXTS * 2, "xyzxyzzyxxyz" if is_classifier else "012345678901", strict=True)
    ]
    reading = {"batch_size": 12, "max_length": 7, "windows": keras_bert.windows_of(model)}
    if is_classifier:
        batches = keras_bert.data.classification_batches(examples, tokenizer, model.labels, **reading)
    else:
        batches = keras_bert.data.regression_batches(examples, tokenizer, **reading)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if is_classifier else "mse"
    model.compile(keras.optimizers.SGD(1e-2), loss, accumulate=accumulate)
    history = model.fit(batches, epochs=steps, shuffle=False, verbose=0)
    return history.history["loss"], model.predict(batches, verbose=0)


def without_dropout(config):
    return keras_bert.BertConfig(**{**vars(config), "dropout": 0.0, "attention_dropout": 0.0, "initializer_range": 0.3})


def test_training_is_the_same_in_parts(small_config, tokenizer):
    """The loss is one a text, however many windows it has; tests/distribution has several devices."""
    results = []
    for accumulate in (1, 3):
        keras.utils.set_random_seed(7)
        plain = keras_bert.text_classifier(keras_bert.backbone(without_dropout(small_config)), 3, ["x", "y", "z"])
        results.append(training(keras_bert.in_windows(plain, length=7, stride=2), tokenizer, accumulate))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert results[0][0][-1] < results[0][0][0]


def test_the_weights_are_those_of_the_model_without_windows(plain, tokenizer):
    model = keras_bert.in_windows(plain, length=7, stride=2)
    assert {v.path for v in model.weights} == {v.path for v in plain.weights}
    before = plain.get_layer("pooler").weights[0].numpy()
    training(model, tokenizer, steps=1)
    assert np.abs(plain.get_layer("pooler").weights[0].numpy() - before).max() > 0


def test_windows_are_kept_by_keras_files_save_pretrained_and_the_saved_model(plain, tokenizer, tmp_path):
    model = keras_bert.in_windows(plain, length=7, stride=2, pooling="first_and_last", most=3)
    expected = keras_bert.predictor(model, tokenizer)(TEXTS)
    key = "score" if model.task == "text_regressor" else "probabilities"
    model.save(tmp_path / "model.keras")
    keras_bert.save_pretrained(model, tokenizer, tmp_path / "model")
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served")
    loaded = [
        keras.models.load_model(tmp_path / "model.keras"),
        keras_bert.load_pretrained(tmp_path / "model", model.task)[0],
    ]
    for again in loaded:
        assert keras_bert.windows_of(again) == keras_bert.windows_of(model)
        answers = keras_bert.predictor(again, tokenizer)(TEXTS)
        for answer, other in zip(answers, expected, strict=True):
            assert answer[key] == pytest.approx(other[key], abs=1e-5)
    served = (
        tf.saved_model.load(tmp_path / "served").signatures["serving_default"](text=tf.constant(TEXTS))[key].numpy()
    )
    values = [list(answer[key].values()) if key == "probabilities" else answer[key] for answer in expected]
    np.testing.assert_allclose(served, values, atol=1e-5)


def test_the_model_without_windows_comes_back(plain, tokenizer, tmp_path):
    windowed = keras_bert.in_windows(plain, length=7, stride=2)
    keras_bert.save_pretrained(windowed, tokenizer, tmp_path / "model")
    expected = keras_bert.predictor(plain, tokenizer)(TEXTS)
    key = "score" if plain.task == "text_regressor" else "probabilities"
    loaded = keras_bert.load_pretrained(tmp_path / "model", plain.task)[0]
    for model in (windowed, loaded, plain):
        again = keras_bert.without_windows(model)
        assert keras_bert.windows_of(again) is None and again.identity == plain.identity
        for answer, other in zip(keras_bert.predictor(again, tokenizer)(TEXTS), expected, strict=True):
            assert answer[key] == pytest.approx(other[key], abs=1e-5)
    other_windows = keras_bert.in_windows(keras_bert.without_windows(loaded), length=9, stride=3)
    assert keras_bert.windows_of(other_windows).length == 9


@pytest.mark.parametrize(
    "fields", [{"length": 7, "step": 2}, {"length": 7, "stride": 9}, {"length": "7"}, ["length"], 7]
)
def test_wrong_windows_of_a_checkpoint_are_refused(plain, tokenizer, tmp_path, fields):
    keras_bert.save_pretrained(keras_bert.in_windows(plain, length=7), tokenizer, tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    contents = json.loads(path.read_text())
    contents["keras_bert"]["windows"] = fields
    path.write_text(json.dumps(contents))
    with pytest.raises(ValueError, match=r"The config\.json of .*model has wrong windows: .* Mend or remove them"):
        keras_bert.load_pretrained(tmp_path / "model", plain.task)


def test_what_does_not_fit_windows_is_refused(plain, tokenizer, tmp_path):
    model = keras_bert.in_windows(plain, length=7)
    for options, message in (
        ({"max_length": 8}, "reads windows of 7 tokens"),
        ({"stride": 2}, "windows of its own"),
        ({"pairs": True}, "Pairs of texts"),
        ({"cut": "middle"}, "lose nothing"),
    ):
        with pytest.raises(ValueError, match=message):
            keras_bert.predictor(model, tokenizer, **options)
    with pytest.raises(ValueError, match=r"already: .*keras_bert\.without_windows\(model\)"):
        keras_bert.in_windows(model)
    with pytest.raises(ValueError, match="at most the model's max_sequence_length=32"):
        keras_bert.in_windows(plain, length=64)
    for export in (keras_bert.export_onnx, keras_bert.export_litert):
        with pytest.raises(ValueError, match="export_saved_model"):
            export(model, tokenizer, tmp_path / "export")
    with pytest.raises(ValueError, match='layout="hugging_face"'):
        keras_bert.save_pretrained(model, tokenizer, tmp_path / "google", layout="google")
    for arguments, message in (
        ({"stride": 5}, "less than the 5"),
        ({"pooling": "max"}, "pooling"),
        ({"most": 0}, "most"),
    ):
        with pytest.raises(ValueError, match=message):
            keras_bert.in_windows(plain, length=7, **arguments)


def test_the_middle_is_cut_to_the_first_128_and_the_last_382_tokens():
    tokenizer = keras_bert.WordPieceTokenizer(
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{i}" for i in range(600))]
    )
    text = " ".join(f"w{i}" for i in range(600))
    rows = pack(tokenizer([text, "w1 w2"]), tokenizer, max_length=512, cut="middle")["token_ids"].to_list()
    numbers = [number - 5 for number in rows[0][1:-1]]
    assert numbers == [*range(128), *range(600 - 382, 600)]
    assert rows[1] == [tokenizer.cls_id, 6, 7, tokenizer.sep_id]
    with pytest.raises(ValueError, match="`cut`"):
        pack(tokenizer([text]), tokenizer, max_length=512, cut="start")
    with pytest.raises(ValueError, match="Of pairs"):
        pack(tokenizer([text]), tokenizer, max_length=512, second_ids=tokenizer([text]), cut="middle")


def test_training_prediction_and_served_model_cut_alike(small_config, tokenizer, tmp_path):
    model = keras_bert.text_classifier(keras_bert.backbone(without_dropout(small_config)), 2, labels=["no", "yes"])
    reading = {"max_length": 6, "cut": "middle"}
    [(inputs, _)] = keras_bert.data.classification_batches(
        [(LONG, "yes"), (LONG, "no")], tokenizer, ["no", "yes"], 2, **reading
    )
    ids = tokenizer(LONG).numpy().tolist()
    assert inputs["token_ids"].numpy()[0].tolist() == [tokenizer.cls_id, ids[0], *ids[-3:], tokenizer.sep_id]
    [expected, _] = keras.ops.softmax(model(inputs)).numpy().tolist()
    answers = [keras_bert.predictor(model, tokenizer, **reading)(LONG)["probabilities"]]
    keras_bert.export_onnx(model, tokenizer, tmp_path / "onnx", **reading)
    answers.append(keras_bert.runtime.load(tmp_path / "onnx")(LONG)["probabilities"])
    for answer in answers:
        np.testing.assert_allclose([*answer.values()], expected, atol=1e-5)
    keras_bert.export_saved_model(model, tokenizer, tmp_path / "served", **reading)
    served = tf.saved_model.load(tmp_path / "served").signatures["serving_default"](text=tf.constant([LONG]))
    np.testing.assert_allclose(served["probabilities"][0], expected, atol=1e-5)
    with pytest.raises(ValueError, match="not both"):
        keras_bert.predictor(model, tokenizer, max_length=6, cut="middle", stride=1)


def test_the_guide_runs(tmp_path, monkeypatch, small_config, tokenizer):
    monkeypatch.chdir(tmp_path)
    config = keras_bert.BertConfig(**{**vars(small_config), "max_sequence_length": 256})
    keras_bert.save_pretrained(keras_bert.backbone(config), tokenizer, "google-bert/bert-base-uncased")
    Path("reports.tsv").write_text(
        "text\tlabel\n" + "".join(f"{'good book ' * 150 * i} film\t{i % 2}\n" for i in range(4))
    )
    guide = (Path(__file__).parents[1] / "docs" / "guide" / "long-texts.md").read_text(encoding="utf8")
    [block] = re.findall(r"```python\n(.*?)\n```", guide, re.S)
    exec(compile(block, "docs/guide/long-texts.md", "exec"), {})
    model, _ = keras_bert.load_pretrained("reports", "text_classifier")
    assert keras_bert.windows_of(model) == Windows(length=256, stride=32, most=8)


def test_the_recipe_finds_what_stands_behind_the_first_window(load_recipe, tmp_path):
    classify = load_recipe("classify")
    for name, count in (("train", 48), ("valid", 16), ("test", 16)):
        rows = [
            f"{'a the ' * (3 + i % 3)}{'good' if i % 2 else 'dull'} {'a the ' * (i % 2)}\t{i % 2}" for i in range(count)
        ]
        (tmp_path / f"{name}.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    files = {name: tmp_path / f"{name}.tsv" for name in ("train", "valid", "test")}
    sizes = {"max_length": 8, "epochs": 6, "batch_size": 8, "learning_rate": 2e-3}
    windows = {"windows": "mean", "stride": 2, "output": tmp_path / "model"}
    assert classify.main(classify.Config(**files, **sizes))["test_accuracy"] < 0.8
    assert classify.main(classify.Config(**files, **sizes, **windows))["test_accuracy"] == 1.0
    evaluate = load_recipe("evaluate")
    scores = evaluate.main(evaluate.Config(model=str(tmp_path / "model"), test=files["test"]))
    assert scores["test_accuracy"] == 1.0
