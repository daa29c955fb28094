"""Losses of vectors: values by hand and by sentence-transformers, what does not count, refusals, other backends."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert.training.losses import CoSENT, CosineRegression, InBatchNegatives

TESTS = Path(__file__).parents[1]
BATCH, WIDTH = 5, 12
# Name of a case -> the loss, and how many times its mean over dimensions stands in the reference's sum.
CASES = {
    "pairs": (InBatchNegatives(), 1),
    "triplets": (InBatchNegatives(temperature=0.1), 1),
    "both_directions": (InBatchNegatives(both_directions=True), 1),
    "matryoshka": (InBatchNegatives(dimensions=(3, 7, 12)), 3),
    "cosent": (CoSENT(), 1),
    "cosine": (CosineRegression(), 1),
}


@pytest.fixture(scope="module")
def golden():
    with np.load(TESTS / "references" / "embedding_losses_golden.npz") as arrays:
        return dict(arrays)


def targets_of(loss, columns, scores):
    """loss, number of columns, scores [B] -> the targets of rows that stand column by column."""
    groups = np.tile(np.arange(BATCH), columns)
    if not isinstance(loss, InBatchNegatives):
        return np.stack([groups, np.tile(scores, columns)], axis=1)
    return np.stack([groups, np.repeat(np.arange(columns), BATCH), np.arange(BATCH * columns)], axis=1)


@pytest.mark.parametrize("case", CASES)
def test_losses_and_gradients_are_those_of_sentence_transformers(golden, case):
    loss, times = CASES[case]
    vectors = golden[f"{case}/vectors"]  # [columns, B, D]
    targets = targets_of(loss, len(vectors), golden["scores"])
    order = np.random.default_rng(1).permutation(len(targets))  # rows may stand anywhere
    rows = tf.constant(vectors.reshape(-1, WIDTH)[order])
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = loss(targets[order], rows)
    np.testing.assert_allclose(times * value, golden[f"{case}/loss"], rtol=2e-6)
    gradient = np.empty_like(rows)
    gradient[order] = tape.gradient(value, rows)
    np.testing.assert_allclose(times * gradient.reshape(vectors.shape), golden[f"{case}/gradient"], atol=2e-5)


def unit(*degrees):
    """angles in degrees -> vectors of length 1 [R, 2]."""
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


def by_hand(right, *others):
    """score of the right one, of the others -> the cross-entropy."""
    return math.log(sum(math.exp(score - right) for score in (right, *others)))


def test_a_hard_negative_by_hand():
    """Anchors at 0 and 90 degrees; the first has its positive at 60 and a negative at 0, the second its own at 90."""
    targets = [[0, 0, 0], [0, 1, 1], [0, 2, 2], [1, 0, 3], [1, 1, 4]]
    value = InBatchNegatives(temperature=0.5)(np.array(targets), unit(0, 60, 0, 90, 90))
    first = by_hand(0.5 / 0.5, 1 / 0.5, 0.0)
    second = by_hand(1 / 0.5, math.sqrt(0.75) / 0.5, 0.0)
    assert float(value) == pytest.approx((first + second) / 2, rel=1e-6)


ANGLES = 0, 60, 90, 30  # anchor, positive, anchor, positive


@pytest.mark.parametrize(
    ("texts", "forward", "backward"),
    [
        ([0, 1, 2, 3], True, True),
        ([0, 1, 2, 1], False, False),  # the same positive
        ([0, 1, 0, 3], False, False),  # the same anchor
        ([0, 1, 2, 0], "second", "first"),  # the second positive is the first anchor
        ([0, 1, 1, 3], "first", "second"),  # the second anchor is the first positive
    ],
)
def test_what_may_be_right_is_no_negative(texts, forward, backward):
    """Of two pairs; where a text comes twice, its vectors here differ all the same."""
    targets = np.array([[0, 0, texts[0]], [0, 1, texts[1]], [1, 0, texts[2]], [1, 1, texts[3]]])
    cosine = np.cos(np.radians(np.subtract.outer(ANGLES, ANGLES)))

    def expected(counts, first, second):
        """for whom the other one counts; (row, its right one, its other) twice -> the loss."""
        losses = [
            by_hand(cosine[row, right], *([cosine[row, other]] if counts in (True, name) else []))
            for name, (row, right, other) in {"first": first, "second": second}.items()
        ]
        return sum(losses) / 2

    one = expected(forward, (0, 1, 3), (2, 3, 1))
    other = expected(backward, (1, 0, 2), (3, 2, 0))
    got = InBatchNegatives(temperature=1.0)(targets, unit(*ANGLES))
    assert float(got) == pytest.approx(one, abs=1e-6)
    got = InBatchNegatives(temperature=1.0, both_directions=True)(targets, unit(*ANGLES))
    assert float(got) == pytest.approx((one + other) / 2, abs=1e-6)


def test_graded_pairs_by_hand():
    """Three pairs with cosines 1, 0.5 and 0, whose scores are 0.2, 0.8 and 0.8."""
    targets = np.array([[0, 0.2], [1, 0.8], [2, 0.8], [0, 0.2], [1, 0.8], [2, 0.8]])
    vectors = unit(0, 0, 0, 0, 60, 90)
    expected = math.log(1 + math.exp(2 * 0.5) + math.exp(2 * 1.0))  # no pair of equal scores
    assert float(CoSENT(scale=2.0)(targets, vectors)) == pytest.approx(expected, rel=1e-6)
    assert float(CosineRegression()(targets, vectors)) == pytest.approx((0.8**2 + 0.3**2 + 0.8**2) / 3, rel=1e-6)


def test_first_dimensions_are_vectors_of_their_own():
    targets = np.array([[0, 1.0], [0, 1.0]])
    vectors = np.array([[3.0, 4.0, 0.0], [3.0, 4.0, 5.0]])  # of two dimensions the same
    whole, cut = float(CosineRegression()(targets, vectors)), float(CosineRegression((2,))(targets, vectors))
    assert whole == pytest.approx((1 - math.sqrt(0.5)) ** 2, rel=1e-5) and cut == pytest.approx(0, abs=1e-12)
    assert float(CosineRegression((2, 3))(targets, vectors)) == pytest.approx(whole / 2, rel=1e-5)


@pytest.mark.parametrize("rows", [[0, 1, 2], [0, 1, 3], [0, 1, 2, 3, 3]])
def test_a_group_that_is_not_whole_is_not_a_number(rows):
    """A lone anchor, a lone positive, a positive twice."""
    ranking = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 2], [1, 1, 3]])[rows]
    assert math.isnan(float(InBatchNegatives(both_directions=True)(ranking, unit(*range(len(rows))))))
    graded = np.array([[0, 0.2], [0, 0.2], [1, 0.8], [1, 0.8]])[rows]
    assert math.isnan(float(CosineRegression()(graded, unit(*range(len(rows))))))


def test_many_groups_are_told_apart_under_any_float_type():
    """bfloat16 has no 257."""
    groups = np.repeat(np.arange(300), 2)
    targets = np.stack([groups, np.tile([0, 1], 300), np.arange(600)], axis=1).astype("int32")
    vectors = np.random.default_rng(0).normal(size=(600, 3)).astype("float32")
    expected = float(InBatchNegatives()(targets, vectors))
    before = keras.config.floatx()
    keras.config.set_floatx("bfloat16")
    try:
        assert float(InBatchNegatives()(targets, vectors)) == expected
    finally:
        keras.config.set_floatx(before)


def embedder(config):
    return keras_bert.text_embedder(keras_bert.backbone(config))


def test_wrong_arguments_are_refused(small_config):
    for arguments in (
        {"temperature": 0},
        {"dimensions": (3, 3)},
        {"dimensions": ()},
        {"dimensions": (0,)},
        {"dimensions": 5},
    ):
        with pytest.raises(ValueError, match=next(iter(arguments))):
            InBatchNegatives(**arguments)
    with pytest.raises(ValueError, match="scale"):
        CoSENT(scale=-1)
    with pytest.raises(ValueError, match=r"at most the vectors' own, 12. Received: dimensions=\(4, 32\)"):
        embedder(small_config).compile("adam", CoSENT(dimensions=(4, 32)))
    with pytest.raises(ValueError, match=r"one vector a text, such as keras_bert.text_embedder"):
        keras_bert.backbone(small_config).compile("adam", CoSENT())
    with pytest.raises(ValueError, match="must be a model's only loss"):
        embedder(small_config).compile("adam", [CoSENT(), "mse"])


def test_targets_of_another_kind_and_weights_are_refused(tokenizer, small_config):
    model = embedder(small_config)
    scored = keras_bert.data.similarity_batches([("a", "book", "1"), ("a", "film", "2")], tokenizer, 2, 8)
    model.compile("adam", InBatchNegatives())
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"targets of the shape \[rows, 3\]: those of keras_bert.data.embedding_batch"):
        model.fit(scored, verbose=0)
    with pytest.raises(ValueError, match="needs batches that hold whole groups"):
        model.fit({key: np.ones((4, 3), "int32") for key in model.input}, np.zeros((4, 3)), verbose=0)
    weighted = scored.map(lambda x, y: (x, y[:, :1], tf.ones([4])))
    with pytest.raises(ValueError, match=r"has no weights.*Remove sample weights and class_weight"):
        model.fit(weighted, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(("optimizer", "precision"), [("AdamW", "float32"), ("Adam", "mixed_bfloat16")])
def test_an_embedder_learns_and_is_saved_with_its_loss(tokenizer, small_config, tmp_path, optimizer, precision):
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(precision)
    try:
        model = embedder(small_config)
    finally:
        keras.config.set_dtype_policy("float32")
    pairs = [("good book", "the book s"), ("dull film", "film y"), ("a . .", "very very")]
    loss = InBatchNegatives(both_directions=True, dimensions=(4, 12))
    kinds = {"AdamW": keras_bert.AdamW, "Adam": keras.optimizers.Adam}
    model.compile(kinds[optimizer](5e-3), loss)
    batches = keras_bert.data.embedding_batches(pairs, tokenizer, batch_size=3, max_length=8, seed=0)
    losses = model.fit(batches, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == {**loss.get_config(), "dimensions": (4, 12)}
    assert loaded.evaluate(batches, verbose=0) == pytest.approx(model.evaluate(batches, verbose=0), rel=1e-2)


def test_jax_has_the_same_losses(golden):
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(TESTS.parent)}
    command = [sys.executable, TESTS / "processes" / "losses_on_a_backend.py"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) == {*CASES, "fit"}
    for case, (_, times) in CASES.items():
        assert times * found[case] == pytest.approx(float(golden[f"{case}/loss"]), rel=2e-6)
    assert found["fit"][-1] < found["fit"][0]
