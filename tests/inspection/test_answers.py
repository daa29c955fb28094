"""Attributions: what speaks for an answer adds up to it, on models whose answers are known by hand."""

import keras
import numpy as np
import pytest

import keras_bert
from builders import shared
from keras_bert import inspection
from keras_bert.inspection.answers import _integral
from keras_bert.inspection.gradients import values_and_gradients

TEXT = "a very dull book, good film."


def built(build, small_config, **overrides):
    """A builder's function of a backbone -> its model with wide weights."""
    keras.utils.set_random_seed(6)
    config = keras_bert.BertConfig(**{**vars(small_config), "initializer_range": 0.2, **overrides})
    return build(keras_bert.backbone(config))


@pytest.fixture
def classifier(small_config):
    """A classifier of three classes."""
    return built(lambda body: keras_bert.text_classifier(body, 3, labels=["no", "so", "yes"]), small_config)


def logits_of(model, tokenizer, *texts):
    """A model, a text or two -> what it gives for them."""
    second = [texts[1]] if len(texts) == 2 else None
    return model(keras_bert.data.packing.model_inputs([texts[0]], tokenizer, 32, second_texts=second))


@pytest.mark.parametrize("target", ["no", "so", "yes", 1, None])
def test_scores_add_up_to_the_log_odds_of_a_class(classifier, tokenizer, target):
    result = inspection.attributions(classifier, tokenizer, TEXT, target=target)
    logits = keras.ops.convert_to_numpy(logits_of(classifier, tokenizer, TEXT))[0]
    number = {None: logits.argmax(), "no": 0, "so": 1, "yes": 2}.get(target, target)
    probability = np.exp(logits - np.logaddexp.reduce(logits))[number]
    assert result.target == ("no", "so", "yes")[number]
    assert result.value == pytest.approx(np.log(probability / (1 - probability)), abs=1e-4)
    assert result.scores.dtype == np.float32 and result.scores.shape == (len(result.tokens),)
    assert abs(result.scores.sum() - (result.value - result.baseline)) < 0.05 * abs(result.value - result.baseline)
    assert result.error < 0.05 and abs(result.value - result.baseline) > 0.01


def test_the_baseline_is_a_text_of_masks(classifier, tokenizer):
    result = inspection.attributions(classifier, tokenizer, TEXT, target="yes")
    model = keras_bert.text_classifier(keras_bert.backbone(classifier.config), 3)
    model.set_weights(classifier.get_weights())
    count = len(result.tokens) - 2
    ids = np.array([[2, *[4] * count, 3]])
    logits = keras.ops.convert_to_numpy(
        model({"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)})
    )[0]
    assert result.baseline == pytest.approx(logits[2] - np.logaddexp(logits[0], logits[1]), abs=1e-4)
    assert result.scores[0] == result.scores[-1] == 0


def test_of_a_linear_function_each_token_has_its_own_share():
    weights = np.random.default_rng(3).normal(size=(5, 4)).astype("float32")
    vectors, masked = np.random.default_rng(4).normal(size=(2, 5, 4))

    def values_of(rows):
        """vectors [S, T, D] -> values [S]."""
        return keras.ops.sum(rows * weights, axis=(1, 2))

    got = _integral(values_of, vectors, masked, steps=3)
    np.testing.assert_allclose(got, ((vectors - masked) * weights).sum(axis=1), rtol=1e-5)


def test_of_a_product_both_have_half():
    """f = x * y from (0, 0) to (2, 3): x's part is the integral of 2 * 3 a, as y's."""
    vectors = np.array([[2.0], [3.0]])
    got = _integral(lambda rows: rows[:, 0, 0] * rows[:, 1, 0], vectors, 0 * vectors, steps=2)
    np.testing.assert_allclose(got, [3.0, 3.0], rtol=1e-6)


def test_other_answers_add_up_too(small_config, tokenizer):
    regressor = built(keras_bert.text_regressor, small_config)
    several = built(lambda body: keras_bert.text_classifier(body, 2, multi_label=True), small_config)
    tagger = built(lambda body: keras_bert.token_classifier(body, 3, labels=["O", "B-A", "I-A"]), small_config)
    found = {
        "score": inspection.attributions(regressor, tokenizer, TEXT, "very good"),
        "1": inspection.attributions(several, tokenizer, TEXT, target=1),
        "I-A for dull": inspection.attributions(tagger, tokenizer, TEXT, target="I-A", word="dull"),
    }
    values = {
        "score": logits_of(regressor, tokenizer, TEXT, "very good")[0, 0],
        "1": logits_of(several, tokenizer, TEXT)[0, 1],
    }
    logits = keras.ops.convert_to_numpy(logits_of(tagger, tokenizer, TEXT))[0, 3]
    values["I-A for dull"] = logits[2] - np.logaddexp(logits[0], logits[1])
    for target, result in found.items():
        assert result.target == target and result.error < 0.05
        assert result.value == pytest.approx(float(values[target]), abs=1e-4)


def test_spans(small_config, tokenizer):
    model = built(keras_bert.span_predictor, small_config)
    result = inspection.attributions(model, tokenizer, "very good", "a dull book, a good film")
    first, last = 5, 7
    chosen = inspection.attributions(model, tokenizer, "very good", "a dull book, a good film", target=(first, last))
    logits = logits_of(model, tokenizer, "very good", "a dull book, a good film")
    starts, ends = (keras.ops.convert_to_numpy(logits[key])[0] for key in ("start_logits", "end_logits"))
    assert chosen.target == "dull book" + ","
    assert chosen.value == pytest.approx(starts[first] + ends[last], abs=1e-4)
    best = max(starts[a] + ends[b] for a in range(4, 11) for b in range(a, 11))
    assert result.value == pytest.approx(best, abs=1e-4)
    assert result.target in "a dull book, a good film" and result.error < 0.05
    with pytest.raises(ValueError, match=r"first and last token, from 0 to 11\. Received: target=\(7, 5\)"):
        inspection.attributions(model, tokenizer, "very good", "a dull book, a good film", target=(7, 5))


def test_the_model_stays_as_it_is(classifier, tokenizer, tmp_path):
    before = keras.ops.convert_to_numpy(logits_of(classifier, tokenizer, TEXT))
    nodes = [len(layer._inbound_nodes) for layer in classifier.layers]
    inspection.attributions(classifier, tokenizer, TEXT, target="no")
    assert [len(layer._inbound_nodes) for layer in classifier.layers] == nodes
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(logits_of(classifier, tokenizer, TEXT)), before)


def test_few_steps_are_said_to_be_too_few(small_config, tokenizer):
    model = built(lambda body: keras_bert.text_classifier(body, 2), small_config, initializer_range=1.0)
    with pytest.warns(UserWarning, match=r"sum up to .* not to .* Give more than steps=1"):
        result = inspection.attributions(model, tokenizer, TEXT, steps=1)
    assert result.error > 0.05


def test_half_precision(small_config, tokenizer):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = built(lambda body: keras_bert.text_classifier(body, 2), small_config)
    with np.errstate(all="raise"):
        result = inspection.attributions(model, tokenizer, TEXT)
    assert np.isfinite(result.scores).all() and result.error < 0.2


def test_adapters_count(classifier, tokenizer):
    before = inspection.attributions(classifier, tokenizer, TEXT, target="no").scores
    keras_bert.lora(classifier, rank=3)
    for variable in classifier.trainable_variables:
        if variable.path.endswith("_b"):
            variable.assign(np.random.default_rng(5).normal(size=variable.shape))
    result = inspection.attributions(classifier, tokenizer, TEXT, target="no")
    assert result.error < 0.05 and abs(result.scores - before).max() > 0.01


def test_gradients_are_rows_own():
    values, gradients = values_and_gradients(lambda x: keras.ops.sum(x**3, axis=1), np.array([[1.0, 2.0], [3.0, 0.5]]))
    np.testing.assert_allclose(values, [9.0, 27.125])
    np.testing.assert_allclose(gradients, [[3.0, 12.0], [27.0, 0.75]])


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning")
def test_wrong_arguments(classifier, small_config, tokenizer):
    with pytest.raises(ValueError, match=r"text_classifier, text_regressor, .* Received: a backbone"):
        inspection.attributions(shared("backbone"), tokenizer, "good")
    with pytest.raises(ValueError, match="one of no, so, yes, or its number. Received: target='maybe'"):  # noqa: RUF043
        inspection.attributions(classifier, tokenizer, "good", target="maybe")
    for wrong in (3, -1, True, 1.0):
        with pytest.raises(ValueError, match="`target` must be one of no, so, yes"):
            inspection.attributions(classifier, tokenizer, "good", target=wrong)
    with pytest.raises(ValueError, match="`word` is for a token_classifier"):
        inspection.attributions(classifier, tokenizer, "good", word="good")
    with pytest.raises(ValueError, match="`steps` must be an integer"):
        inspection.attributions(classifier, tokenizer, "good", steps=0)
    with pytest.raises(ValueError, match=r"gives one score\. Received: target='no'"):
        inspection.attributions(built(keras_bert.text_regressor, small_config), tokenizer, "good", target="no")
    tagger = built(lambda body: keras_bert.token_classifier(body, 2), small_config)
    with pytest.raises(ValueError, match="give `word`"):
        inspection.attributions(tagger, tokenizer, "good")
    classifier.quantize("int8")
    with pytest.raises(ValueError, match="quantized to int8: rounded numbers have no gradient"):
        inspection.attributions(classifier, tokenizer, "good")
