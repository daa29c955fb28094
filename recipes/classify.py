"""Text classification: one text in, one label out (sentiment, topic, spam, intent).

    python recipes/classify.py                                              English reviews, from random weights
    python recipes/classify.py --train recipes/samples/classify/ko_train.tsv \
                               --valid recipes/samples/classify/ko_valid.tsv     the same in Korean
    python recipes/classify.py --train train.tsv --valid dev.tsv --test test.tsv --text-column sentence \
                               --pretrained DIR-OR-HUB-ID --output classifier --export served

Where the library is installed, `keras-bert classify` is the same as `python recipes/classify.py`.

Expect, without options: valid_accuracy 0.88 (0.88 to 0.94 over seeds 0, 1, 2), in Korean 0.89 (0.88 to 0.90); half a
minute on 2 CPU cores. SST-2 from MiniLM, --limit 16384 --epochs 1 --batch-size 32 --learning-rate 1e-4 --precision
mixed_bfloat16: test_accuracy 0.876 (0.865 is the least to expect), 129 examples/s on 2 cores of an AMD EPYC, 3 minutes.
"""

import dataclasses
import warnings

import keras_bert
from keras_bert.recipes import common

SAMPLES = common.SAMPLES / "classify"


@dataclasses.dataclass(frozen=True)
class Config(common.FineTuning):
    """Fine-tunes BERT to classify texts.

    Args:
        train: Labelled texts to train on: a table (.tsv, .csv, .txt) or objects (.json, .jsonl), compressed by gzip if
            .gz follows. Without it and `valid`: the English samples.
        text_column: Column, or key, of the text; or the column's place, counted from 0.
        label_column: The same of the label.
        max_length: The most tokens of a text; what is longer loses its end.
        stride: If given, texts longer than `max_length` run in windows that share so many tokens, and their logits are
            averaged: in the final evaluation and the SavedModel. Training and the choice of the epoch cut them. Where
            one window tells and many don't, the many outvote it.
    """

    text_column: str = "text"
    label_column: str = "label"
    stride: int | None = None

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (8, 5e-4)


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    strategy = common.prepare(config, "texts")

    def read(path):
        return keras_bert.data.read_labelled_texts(path, config.text_column, config.label_column)

    train, valid = read(config.train or SAMPLES / "en_train.tsv"), read(config.valid or SAMPLES / "en_valid.tsv")
    test = config.test and read(config.test)
    labels = train.labels
    for examples in filter(None, (train, valid, test)):
        keras_bert.data.check_labels(examples, labels)
    for remark in keras_bert.data.labelling_remarks(train, valid, test):
        warnings.warn(remark, stacklevel=2)
    train = common.limited(train, config)

    with strategy.scope():
        texts = (text for text, _ in train)
        head = {"num_classes": len(labels), "labels": labels, "dropout": config.dropout}
        model, tokenizer = common.model_and_tokenizer(config, "text_classifier", texts, **head)
    predict = keras_bert.predictor(model, tokenizer, config.max_length, stride=config.stride)

    def batches(examples, seed=None):
        return keras_bert.data.classification_batches(
            examples, tokenizer, labels, config.batch_size, config.max_length, seed
        )

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
    throughput = keras_bert.callbacks.Throughput()
    keep_best = keras_bert.callbacks.KeepBest("val_accuracy", tokenizer, config.output)
    model.fit(
        throughput.count(train_batches),
        validation_data=valid_batches,
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=common.verbosity(strategy),
        callbacks=[keras.callbacks.TerminateOnNaN(raise_error=True), throughput, keep_best],
    )

    def accuracy(examples):
        """LabelledTexts -> the accuracy on whole texts, in windows."""
        texts, gold = map(list, zip(*examples, strict=True))
        predicted = [answer["label"] for answer in predict(texts, batch_size=config.batch_size)]
        return {"accuracy": keras_bert.metrics.class_scores(gold, predicted, labels)["accuracy"]}

    if config.stride is None:
        scores = {"test": test and model.evaluate(test_batches, verbose=0, return_dict=True)}
    else:  # without losses, which are of texts that lack their ends
        scores = {"valid": accuracy(valid), "test": test and accuracy(test)}
    if config.export is not None and keras_bert.distribution.is_chief(strategy):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, stride=config.stride)
    return common.results(config, keep_best, throughput, **scores)


if __name__ == "__main__":
    common.run(Config, main)
