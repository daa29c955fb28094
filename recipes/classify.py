"""Text classification: one text in, one label out (sentiment, topic, spam, intent).

    python recipes/classify.py                                              English reviews, from random weights
    python recipes/classify.py --train recipes/samples/classify/ko_train.tsv \
                               --valid recipes/samples/classify/ko_valid.tsv     the same in Korean
    python recipes/classify.py --train train.tsv --valid dev.tsv --test test.tsv --text-column sentence \
                               --pretrained DIR-OR-HUB-ID --output classifier --export served

Expect, without options: valid_accuracy 0.89 (0.89 to 0.95 over seeds 0, 1, 2), in Korean 0.90 (0.85 to 0.90); half a
minute on 2 CPU cores. SST-2 from MiniLM, --limit 16384 --epochs 1 --batch-size 32 --learning-rate 1e-4 --precision
mixed_bfloat16: test_accuracy 0.876 (0.865 is the least to expect), 129 examples/s on 2 cores of an AMD EPYC, 3 minutes.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_bert
from keras_bert.data import check_labels, classification_batches, read_labelled_texts
from keras_bert.distribution import check_same, is_chief
from keras_bert.metrics import class_scores
from keras_bert.training.callbacks import KeepBest, Throughput
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_outputs

SAMPLES = Path(__file__).parent / "samples" / "classify"


@dataclasses.dataclass(frozen=True)
class Config:
    """Fine-tunes BERT to classify texts.

    Args:
        train: Labelled texts to train on: a .tsv, .csv or .jsonl file. Without it and `valid`: the English samples.
        valid: Labelled texts to choose the best epoch by.
        test: Labelled texts to report on in the end.
        text_column: Column, or key, of the text.
        label_column: Column, or key, of the label.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training texts.
        output: Directory for the best model, in Hugging Face's layout.
        export: Directory for a SavedModel that takes strings.
        limit: Train on a random sample of this size.
        epochs: Passes over the training texts. Without it: 8, or 3 with `pretrained`.
        batch_size: Texts in a batch.
        learning_rate: The highest rate, after the warm-up. Without it: 5e-4, or 5e-5 with `pretrained`, which
            suits models of base's size; smaller models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        max_length: The most tokens of a text; what is longer loses its end.
        stride: If given, texts longer than `max_length` run in windows that share so many tokens, and their logits are
            averaged: in the final evaluation and the SavedModel. Training and the choice of the epoch cut them. Where
            one window tells and many don't, the many outvote it.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.
    """

    train: Path | None = None
    valid: Path | None = None
    test: Path | None = None
    text_column: str = "text"
    label_column: str = "label"
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    limit: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    dropout: float | None = None
    max_length: int = 128
    stride: int | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0

    def __post_init__(self):
        defaults = (8, 5e-4) if self.pretrained is None else (3, 5e-5)
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


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    # All that can be wrong is looked at before anything takes time.
    check_outputs(output=config.output, export=config.export)
    if (config.train is None) != (config.valid is None):
        raise ValueError(
            f"Give both `train` and `valid`, or neither to try the samples. Received: train={config.train}, "
            f"valid={config.valid}. A tenth of the training texts, held out of them, will do as valid."
        )
    strategy = keras_bert.distribution.strategy(config.strategy)
    files = {name: getattr(config, name) for name in ("train", "valid", "test")}
    check_same(strategy, config=dataclasses.asdict(config), **files)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)

    train = config.train or SAMPLES / "en_train.tsv"
    train = read_labelled_texts(train, config.text_column, config.label_column)
    valid = config.valid or SAMPLES / "en_valid.tsv"
    valid = read_labelled_texts(valid, config.text_column, config.label_column)
    test = config.test and read_labelled_texts(config.test, config.text_column, config.label_column)
    labels = train.labels
    for examples in filter(None, (train, valid, test)):
        check_labels(examples, labels)
    if config.limit is not None:
        train = train.sample(config.limit, config.seed)

    with strategy.scope():
        if config.pretrained is not None:
            model, tokenizer = keras_bert.load_pretrained(
                config.pretrained,
                task="text_classifier",
                backbone_dropout=config.dropout,
                dropout=config.dropout,
                labels=labels,
            )
        else:
            vocabulary = keras_bert.train_vocabulary((text for text, _ in train), size=4000, strip_accents=False)
            tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False)
            rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
            size = keras_bert.BertConfig.named("tiny", vocabulary_size=tokenizer.vocabulary_size, **rates)
            model = keras_bert.text_classifier(keras_bert.backbone(size), len(labels), labels=labels)

    predict = keras_bert.predictor(model, tokenizer, config.max_length, stride=config.stride)

    def batches(examples, seed=None):
        return classification_batches(examples, tokenizer, labels, config.batch_size, config.max_length, seed)

    train_batches, valid_batches = batches(train, config.seed), batches(valid)
    test_batches = test and batches(test)

    steps = config.epochs * len(train_batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            accumulate=config.accumulate,
        )
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), Throughput()
    keep_best = KeepBest("val_accuracy", tokenizer, config.output)
    model.fit(
        throughput.count(train_batches),
        validation_data=valid_batches,
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=is_chief(strategy) * (1 if sys.stdout.isatty() else 2),
        callbacks=[finite, throughput, keep_best],
    )

    metrics = {
        "train_loss": keep_best.logs["loss"],
        "valid_loss": keep_best.logs["val_loss"],
        "valid_accuracy": keep_best.logs["val_accuracy"],
    }
    if test:
        metrics["test_loss"], metrics["test_accuracy"] = model.evaluate(test_batches, verbose=0)
    if config.stride is not None:
        for name, examples in (("valid", valid), ("test", test)):
            if examples:
                texts, gold = map(list, zip(*examples, strict=True))
                answers = keras_bert.predict_in_batches(predict, texts, batch_size=config.batch_size)
                predicted = [answer["label"] for answer in answers]
                metrics[f"{name}_accuracy"] = class_scores(gold, predicted, labels)["accuracy"]
                del metrics[f"{name}_loss"]  # it was of texts without their ends
    if config.export is not None and is_chief(strategy):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, stride=config.stride)
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


if __name__ == "__main__":
    import tyro

    try:
        print(json.dumps(main(tyro.cli(Config))))
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
