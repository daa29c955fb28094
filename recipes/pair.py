"""Pairs of texts: two texts in, one label out (inference, paraphrase) or one score out (similarity).

    python recipes/pair.py                                                  English inference, from random weights
    python recipes/pair.py --train recipes/samples/pair/ko_train.tsv \
                           --valid recipes/samples/pair/ko_valid.tsv             the same in Korean
    python recipes/pair.py --train train.tsv --valid dev.tsv --text-columns sentence1 sentence2 --label-column score \
                           --kind regression --pretrained DIR-OR-HUB-ID --output similarity --export served

Expect, without options: valid_accuracy 0.91 (0.87 to 0.91 over seeds 0, 1, 2), in Korean 0.94 (0.92 to 0.94); a minute
on 2 CPU cores. STS-B from MiniLM, --epochs 4 --batch-size 32 --learning-rate 1e-4 --precision mixed_bfloat16:
valid_spearman 0.860 (0.85 is the least to expect), 66 examples/s on 2 cores of an AMD EPYC, 6 minutes.
"""

import dataclasses
import json
import math
import os
import sys
from pathlib import Path
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_bert
from keras_bert.data import check_labels, check_scores, classification_batches, read_labelled_texts, regression_batches
from keras_bert.distribution import check_same, is_chief
from keras_bert.metrics import class_scores, correlations
from keras_bert.training.callbacks import KeepBest, Throughput
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_outputs

SAMPLES = Path(__file__).parent / "samples" / "pair"


@dataclasses.dataclass(frozen=True)
class Config:
    """Fine-tunes BERT to compare two texts.

    Args:
        train: Labelled pairs to train on: a .tsv, .csv or .jsonl file. Without it and `valid`: the English samples.
        valid: Labelled pairs to choose the best epoch by.
        test: Labelled pairs to report on in the end.
        text_columns: Columns, or keys, of the two texts.
        label_column: Column, or key, of the label.
        kind: classification, or regression where the labels are numbers; scores come in the range of those to train on.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training texts.
        output: Directory for the best model, in Hugging Face's layout.
        export: Directory for a SavedModel that takes pairs of strings.
        limit: Train on a random sample of this size.
        epochs: Passes over the training pairs. Without it: 15, or 3 with `pretrained`.
        batch_size: Pairs in a batch.
        learning_rate: The highest rate, after the warm-up. Without it: 5e-4, or 5e-5 with `pretrained`, which
            suits models of base's size; smaller models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        max_length: The most tokens of a pair; of what is too long, the longer text loses its end.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.
    """

    train: Path | None = None
    valid: Path | None = None
    test: Path | None = None
    text_columns: tuple[str, str] = ("premise", "hypothesis")
    label_column: str = "label"
    kind: Literal["classification", "regression"] = "classification"
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    limit: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    dropout: float | None = None
    max_length: int = 128
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0

    def __post_init__(self):
        defaults = (15, 5e-4) if self.pretrained is None else (3, 5e-5)
        for name, value in zip(("epochs", "learning_rate"), defaults, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen
        for name in ("epochs", "batch_size", "accumulate", "max_length"):
            check_positive_integer(name, getattr(self, name))
        if self.limit is not None:
            check_positive_integer("limit", self.limit)
        check_positive_number("learning_rate", self.learning_rate)
        if self.dropout is not None:
            check_rate("dropout", self.dropout)
        columns = (*self.text_columns, self.label_column)
        if len(set(columns)) < len(columns):
            raise ValueError(
                f"`text_columns` and `label_column` must be three columns. Received: {', '.join(columns)}."
            )


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    # All that can be wrong is looked at before anything takes time.
    check_outputs(output=config.output, export=config.export)
    if (config.train is None) != (config.valid is None):
        raise ValueError(
            f"Give both `train` and `valid`, or neither to try the samples. Received: train={config.train}, "
            f"valid={config.valid}. A tenth of the training pairs, held out of them, will do as valid."
        )
    strategy = keras_bert.distribution.strategy(config.strategy)
    files = {name: getattr(config, name) for name in ("train", "valid", "test")}
    check_same(strategy, config=dataclasses.asdict(config), **files)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)

    def read(path):
        return read_labelled_texts(path, config.text_columns, config.label_column)

    train, valid = read(config.train or SAMPLES / "en_train.tsv"), read(config.valid or SAMPLES / "en_valid.tsv")
    test = config.test and read(config.test)
    classifies = config.kind == "classification"
    labels = train.labels
    for examples in filter(None, (train, valid, test)):
        if classifies:
            check_labels(examples, labels)
        else:
            check_scores(examples)
    options = {"labels": labels} if classifies else {"score_range": check_scores(train)}
    if config.limit is not None:
        train = train.sample(config.limit, config.seed)

    task = "text_classifier" if classifies else "text_regressor"
    head = {"num_classes": len(labels), "labels": labels} if classifies else {}
    with strategy.scope():
        if config.pretrained is not None:
            model, tokenizer = keras_bert.load_pretrained(
                config.pretrained,
                task=task,
                backbone_dropout=config.dropout,
                dropout=config.dropout,
                **head,
            )
        else:
            texts = (text for *pair, _ in train for text in pair)
            vocabulary = keras_bert.train_vocabulary(texts, size=4000, strip_accents=False)
            tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False)
            # Wide enough, for so narrow a model, that words of one text find those of the other from the start.
            rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
            size = keras_bert.BertConfig.named(
                "tiny", vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.1, **rates
            )
            model = getattr(keras_bert, task)(keras_bert.backbone(size), **head)

    # Scores are clipped to their range in the SavedModel only: where many are beyond it, clipped ones rank nothing.
    predict = keras_bert.predictor(model, tokenizer, config.max_length, pairs=True)
    if classifies:
        batches = classification_batches(train, tokenizer, labels, config.batch_size, config.max_length, config.seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        batches = regression_batches(train, tokenizer, config.batch_size, config.max_length, config.seed)
        bias = model.get_layer("regressor").dense.bias
        if not np.any(bias):  # A new head begins at the mean, which small rates reach late if it is far from 0.
            bias.assign([sum(float(label) * count for label, count in train.counts.items()) / len(train)])
        loss = keras.losses.MeanSquaredError()
    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(keras_bert.AdamW(schedule), loss, accumulate=config.accumulate)

    def scores(examples, prefix):
        """LabelledTexts -> metrics of the answers, as an exported model gives them but for the ends of the range."""
        *pairs, gold = map(list, zip(*examples, strict=True))
        answers = keras_bert.predict_in_batches(predict, *pairs, batch_size=config.batch_size)
        if classifies:
            metrics = class_scores(gold, [answer["label"] for answer in answers], labels)
        else:
            metrics = correlations([float(label) for label in gold], [float(answer["score"]) for answer in answers])
        return {prefix + key: value for key, value in metrics.items()}

    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), Throughput()
    validate = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(scores(valid, "val_")))
    keep_best = KeepBest("val_accuracy" if classifies else "val_pearson", tokenizer, config.output)
    model.fit(
        throughput.count(batches),
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=is_chief(strategy) * (1 if sys.stdout.isatty() else 2),
        callbacks=[finite, throughput, validate, keep_best],
    )

    metrics = {"train_loss": keep_best.logs["loss"]}
    metrics |= {f"valid{key[3:]}": value for key, value in keep_best.logs.items() if key.startswith("val_")}
    if test:
        metrics |= scores(test, "test_")
    if config.export is not None and is_chief(strategy):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, pairs=True, **options)
    metrics = {key: None if math.isnan(value) else value for key, value in metrics.items()}  # NaN is no JSON
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


if __name__ == "__main__":
    import tyro

    try:
        print(json.dumps(main(tyro.cli(Config))))
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
