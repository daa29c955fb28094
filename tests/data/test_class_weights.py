"""Weights of classes: as scikit-learn's, as given, refused; in the batches and in the loss."""

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

import keras_bert
from keras_bert.data import LabelledTexts, class_weights, classification_batches, label_weights, tagging_batches

COUNTS, LABELS = {"a": 5, "b": 2, "c": 1}, ["a", "b", "c"]
REVIEWS = LabelledTexts([("good", "yes"), ("dull", "no"), ("a book", "yes"), ("film", "yes")])


def test_balanced_weights_are_those_of_scikit_learn():
    every = [label for label, count in COUNTS.items() for _ in range(count)]
    expected = compute_class_weight("balanced", classes=np.array(LABELS), y=every)
    assert [*class_weights("balanced", COUNTS, LABELS).values()] == pytest.approx(expected.tolist())
    assert class_weights("balanced", COUNTS, [*LABELS, "none"])["none"] == 1.0  # a class that doesn't occur
    assert class_weights("balanced", COUNTS, [*LABELS, "none"])["c"] == pytest.approx(expected[2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"d": 1.0}, "of classes of the examples, which has 'a', 'b', 'c'. Received: 'd'"),
        ({"a": -1.0}, "class 'a' must be a finite number of at least 0. Received: -1.0"),
        ({"a": float("inf")}, "must be a finite number"),
        ({"a": 0.0, "b": 0, "c": 0.0}, "All classes of the examples have the weight 0"),
        ("even", '"balanced", or a dict'),
    ],
)
def test_wrong_weights_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        class_weights(given, COUNTS, LABELS)


def test_batches_want_a_weight_for_each_class(tokenizer):
    sizes = {"batch_size": 4, "max_length": 8}
    with pytest.raises(ValueError, match=r"Without one: 'no'\. keras_bert\.data\.class_weights makes such a dict"):
        classification_batches(REVIEWS, tokenizer, ["no", "yes"], class_weights={"yes": 3.0}, **sizes)
    with pytest.raises(ValueError, match="Without one: 'X'"):
        tagging_batches([(["a", "the"], ["O", "X"])], tokenizer, ["O", "X"], class_weights={"O": 1.0}, **sizes)
    assert class_weights({"a": np.int64(3), "b": np.float32(2)}, COUNTS, LABELS) == {"a": 3.0, "b": 2.0, "c": 1.0}


def test_batches_have_the_weights_of_their_classes(tokenizer):
    weights = {"no": 3.0, "yes": 0.5}
    for seed in (None, 0):
        sizes = {"batch_size": 3, "max_length": 6, "seed": seed, "class_weights": weights}
        batches = classification_batches(REVIEWS, tokenizer, ["no", "yes"], **sizes)
        for _, classes, found in batches:
            assert found.numpy().tolist() == [3.0 if number == 0 else 0.5 for number in classes]
    with pytest.raises(ValueError, match=r"one label each.*SmoothedBinaryCrossEntropy\(weights="):
        classification_batches([("a", ["x"]), ("the", ["y"])], tokenizer, ["x", "y"], 2, 6, class_weights={})


def test_tags_have_theirs_on_first_tokens_alone(tokenizer):
    sentences = [(["goods", "a", "book"], ["N", "D", "N"])]
    weights = {"D": 4.0, "N": 0.25}
    [(_, tags, found)] = tagging_batches(sentences, tokenizer, ["D", "N"], 2, 8, class_weights=weights)
    assert tags.numpy().tolist() == [[0, 1, 0, 0, 1, 0]]
    assert found.numpy().tolist() == [[0, 0.25, 0, 4.0, 0.25, 0]]


def test_the_loss_is_the_mean_over_the_weights():
    """-log of 1/2, weight 1, and of 1/4, weight 3: (log 2 + 3 log 4) / 4 = 7/4 log 2."""
    logits = np.log([[0.5, 0.5], [0.75, 0.25]]).astype("float32")
    loss = keras_bert.losses.SmoothedCrossEntropy()(np.array([0, 1]), logits, np.array([1.0, 3.0]))
    assert float(loss) == pytest.approx(7 / 4 * np.log(2), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.75])
def test_smoothed_labels_are_those_of_keras(smoothing):
    rng = np.random.default_rng(0)
    logits, classes, weights = rng.normal(size=(3, 7, 5)), rng.integers(0, 5, (3, 7)), rng.uniform(size=(3, 7))
    options = {"label_smoothing": smoothing, "reduction": "mean_with_sample_weight"}
    expected = keras.losses.CategoricalCrossentropy(from_logits=True, **options)
    ours = keras_bert.losses.SmoothedCrossEntropy(**options)
    for given in (None, weights):
        assert float(ours(classes, logits, given)) == pytest.approx(
            float(expected(np.eye(5)[classes], logits, given)), rel=1e-5
        )
    copy = keras.losses.deserialize(keras.losses.serialize(ours))
    assert (copy.label_smoothing, copy.reduction) == (smoothing, "mean_with_sample_weight")


@pytest.mark.parametrize("smoothing", [1.0, -0.1, True, float("nan"), "0.1"])
def test_smoothing_out_of_its_range_is_refused(smoothing):
    with pytest.raises(ValueError, match="label_smoothing"):
        keras_bert.losses.SmoothedCrossEntropy(smoothing)


def test_parts_of_a_batch_give_the_gradients_of_the_whole(tokenizer, small_config):
    """Parts whose weights differ, as 0.5 + 0.5 and 3 + 0.5 do, count by their weights."""
    sizes = {"batch_size": 4, "max_length": 6, "class_weights": {"no": 3.0, "yes": 0.5}}
    batches = classification_batches(REVIEWS, tokenizer, ["no", "yes"], **sizes)
    results = []
    model = keras_bert.text_classifier(keras_bert.backbone(small_config), 2, labels=["no", "yes"], dropout=0.0)
    start = model.get_weights()
    for accumulate in (1, 2):
        model.set_weights(start)
        loss = keras_bert.losses.SmoothedCrossEntropy(0.1)
        model.compile(keras.optimizers.SGD(0.1), loss, accumulate=accumulate, run_eagerly=True)
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        shown = model.fit(batches, verbose=0).history["loss"]
        results.append((shown, [weight - before for weight, before in zip(model.get_weights(), start, strict=True)]))
    (loss, whole), (loss_of_parts, parts) = results
    assert loss_of_parts == pytest.approx(loss, rel=1e-5)
    assert max(np.abs(change).max() for change in whole) > 1e-3
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_labels_are_balanced_as_scikit_learn_balances_each_column():
    columns = {"food": [1, 0, 0, 0, 1], "price": [1, 1, 1, 1, 0], "none": [0] * 5, "every": [1] * 5}
    counts = {label: sum(column) for label, column in columns.items()}
    found = label_weights("balanced", counts, [*columns], total=5)
    for label in ("food", "price"):
        no, yes = compute_class_weight("balanced", classes=np.array([0, 1]), y=columns[label])
        assert found[label] == pytest.approx((yes, no))
    assert found["none"] == found["every"] == (1.0, 1.0)
    assert label_weights({"food": 3}, counts, ["food", "price"], 5) == {"food": (3.0, 1.0), "price": (1.0, 1.0)}
    for given, message in (({"d": 1.0}, "Received: 'd'"), ({"food": -1.0}, "at least 0"), ("even", '"balanced", or')):
        with pytest.raises(ValueError, match=message):
            label_weights(given, counts, [*columns], 5)


def test_labels_count_by_their_weights_and_are_smoothed():
    """Probabilities of 1/4 and 3/4. Of 1 smoothing by 0.2 leaves 0.9, of 0 comes 0.1."""
    logits, target = np.log([[1 / 3, 3.0], [1 / 3, 3.0]]), np.array([[1, 1], [0, 0]])
    right, wrong = -np.log(3 / 4), -np.log(1 / 4)
    loss = keras_bert.losses.SmoothedBinaryCrossEntropy
    by_hand = [(3 * wrong + 5 * right) / 2, (2 * right + 7 * wrong) / 2]
    weights = [(3, 2), (5, 7)]
    assert float(loss(weights=weights)(target, logits)) == pytest.approx(np.mean(by_hand), rel=1e-6)
    first = (0.9 * wrong + 0.1 * right + 0.9 * right + 0.1 * wrong) / 2
    assert float(loss(0.2)(target[:1], logits[:1])) == pytest.approx(first, rel=1e-6)
    both = (3 * (0.9 * wrong + 0.1 * right) + 5 * (0.9 * right + 0.1 * wrong)) / 2
    assert float(loss(0.2, weights)(target[:1], logits[:1])) == pytest.approx(both, rel=1e-6)
    weighted = loss(weights=weights)(target, logits, np.array([1.0, 3.0]))  # of examples: the mean is over these
    assert float(weighted) == pytest.approx((by_hand[0] + 3 * by_hand[1]) / 4, rel=1e-6)
    copy = keras.losses.deserialize(keras.losses.serialize(loss(0.2, weights)))
    assert float(copy(target[:1], logits[:1])) == pytest.approx(both, rel=1e-6)


def test_the_loss_of_several_labels_is_keras_without_weights():
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(5, 3)), rng.integers(0, 2, (5, 3))
    expected = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.3)(target, logits)
    assert float(keras_bert.losses.SmoothedBinaryCrossEntropy(0.3)(target, logits)) == pytest.approx(float(expected))


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0, 2.0], "a pair of numbers for each label"), ([(1, -1)], "at least 0"), ([(1, 1)], "of all 2 labels")],
)
def test_weights_that_fit_no_labels_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        keras_bert.losses.SmoothedBinaryCrossEntropy(weights=weights)(np.array([[1, 0]]), np.array([[0.5, 0.5]]))
