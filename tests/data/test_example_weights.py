"""Weights of examples: read with them, kept through samples and parts, and given to losses."""

import json
import pickle

import keras
import numpy as np
import pytest

import keras_bert
from keras_bert.data import LabelledTexts, WeightedRow, classification_batches, read_labelled_texts, regression_batches

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "dull", "dog", "hound"]
TABLE = "text\tlabel\tsure\ngood\tyes\t1\ndull\tno\t0.5\ngood good\tyes\t 0 \n"


@pytest.fixture(scope="module")
def tokenizer():
    return keras_bert.WordPieceTokenizer(TOKENS)


def read(tmp_path, contents, name="train.tsv", **options):
    (tmp_path / name).write_text(contents)
    return read_labelled_texts(tmp_path / name, **{"weight_column": "sure", **options})


def weights_of(examples):
    return [row.weight for row in examples]


def test_a_table_and_objects_are_read_alike(tmp_path):
    table = read(tmp_path, TABLE)
    assert list(table) == [("good", "yes"), ("dull", "no"), ("good good", "yes")]
    assert weights_of(table) == [1.0, 0.5, 0.0] and table.is_weighted and table.labels == ("no", "yes")
    header, *lines = (line.split("\t") for line in TABLE.splitlines())
    rows = [dict(zip(header, (text, label, float(sure)), strict=True)) for text, label, sure in lines]
    objects = read(tmp_path, "\n".join(map(json.dumps, rows)), "train.jsonl")
    assert list(objects) == list(table) and weights_of(objects) == weights_of(table)
    by_place = read(tmp_path, TABLE, weight_column=2)
    assert weights_of(by_place) == weights_of(table)
    assert not read(tmp_path, TABLE, weight_column=None).is_weighted


def test_parts_keep_their_weights(tmp_path):
    examples = read(tmp_path, TABLE)
    assert weights_of(examples.chosen([1, 2])) == [0.5, 0.0]
    assert sorted(weights_of(examples.sample(3, seed=0))) == [0.0, 0.5, 1.0]
    assert weights_of(LabelledTexts([*examples.sample(2, seed=1)])) == weights_of(examples.sample(2, seed=1))
    row = pickle.loads(pickle.dumps(WeightedRow(("a", "b"), 3)))
    assert row == ("a", "b") and row.weight == 3.0


def test_batches_give_the_weights(tokenizer, tmp_path):
    examples = read(tmp_path, TABLE)
    [(_, classes, weights)] = classification_batches(examples, tokenizer, ["no", "yes"], 3, 8)
    assert sorted(zip(classes.numpy().tolist(), weights.numpy().tolist(), strict=True)) == [
        (0, 0.5),
        (1, 0.0),
        (1, 1.0),
    ]
    of_classes = {"no": 4.0, "yes": 3.0}
    [(_, classes, weights)] = classification_batches(examples, tokenizer, ["no", "yes"], 3, 8, class_weights=of_classes)
    assert sorted(zip(classes.numpy().tolist(), weights.numpy().tolist(), strict=True)) == [
        (0, 2.0),
        (1, 0.0),
        (1, 3.0),
    ]
    several = LabelledTexts([WeightedRow(("good", ["a", "b"]), 2), WeightedRow(("dull", []), 0.25)])
    [(_, classes, weights)] = classification_batches(several, tokenizer, ["a", "b"], 2, 8)
    assert classes.numpy().tolist() == [[1, 1], [0, 0]] and weights.numpy().tolist() == [2.0, 0.25]
    pairs = LabelledTexts([WeightedRow(("dog", "hound", "4"), 2), WeightedRow(("dog", "dog", "5"), 1)])
    [(_, scores, weights)] = regression_batches(pairs, tokenizer, 2, 8)
    assert scores.numpy().tolist() == [[4.0], [5.0]] and weights.numpy().tolist() == [2.0, 1.0]


def test_a_loss_is_the_mean_by_weights(tokenizer):
    """Logits ln 3 and 0: right with 3/4 and 1/4. So ln(4/3) by 3 and ln(4) by 1, divided by 4."""
    rows = [WeightedRow(("good", "yes"), 3), WeightedRow(("good", "no"), 1)]
    [(_, classes, weights)] = classification_batches(rows, tokenizer, ["yes", "no"], 2, 8)
    loss = keras_bert.losses.SmoothedCrossEntropy()
    value = float(loss(classes, np.array([[np.log(3), 0.0]] * 2), sample_weight=weights))
    assert value == pytest.approx((3 * np.log(4 / 3) + np.log(4)) / 4, rel=1e-6)


def test_an_example_of_weight_0_changes_nothing(tokenizer):
    def trained(rows):
        keras.utils.set_random_seed(0)
        config = keras_bert.BertConfig(9, 1, 2, 4, 8, dropout=0.0, attention_dropout=0.0)
        model = keras_bert.text_classifier(keras_bert.backbone(config), num_classes=2)
        model.compile(keras_bert.AdamW(1e-2), keras_bert.losses.SmoothedCrossEntropy())
        batches = classification_batches(rows, tokenizer, ["no", "yes"], len(rows), 8)
        losses = model.fit(batches, epochs=3, verbose=0).history["loss"]
        return losses, model.get_weights()

    rows = [WeightedRow(("good good", "yes"), 1), WeightedRow(("dull", "no"), 2)]
    (losses, weights), (others, changed) = trained(rows), trained([*rows, WeightedRow(("dog dull", "yes"), 0)])
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    for got, wanted in zip(changed, weights, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("", "has no weight"),
        ("much", "'much' for a weight"),
        ("-1", "'-1' for a weight"),
        ("inf", "'inf' for a weight"),
    ],
)
def test_what_is_no_weight_is_named_with_its_line(tmp_path, cell, told):
    with pytest.raises(ValueError, match=f"Line 3.*{told}"):
        read(tmp_path, f"text\tlabel\tsure\ngood\tyes\t1\ndull\tno\t{cell}\n")


def test_other_bad_weights_are_refused(tmp_path):
    for value in (True, None, "2 kg", [1]):
        rows = [{"text": "good", "label": "yes", "sure": 1}, {"text": "dull", "label": "no", "sure": value}]
        with pytest.raises(ValueError, match=r"Line 2.*must be a finite number of at least 0"):
            read(tmp_path, "\n".join(map(json.dumps, rows)), "train.jsonl")
    with pytest.raises(ValueError, match="no column 'weight'"):
        read(tmp_path, TABLE, weight_column="weight")
    with pytest.raises(ValueError, match="must be different ones"):
        read(tmp_path, TABLE, weight_column="label")
    with pytest.raises(ValueError, match="have the weight 0"):
        read(tmp_path, "text\tlabel\tsure\ngood\tyes\t0\n")
    with pytest.raises(ValueError, match="must have a weight"):
        LabelledTexts([WeightedRow(("good", "yes"), 1), ("dull", "no")])
    with pytest.raises(ValueError, match="at least 0"):
        WeightedRow(("good", "yes"), -1)
