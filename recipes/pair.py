"""Pairs of texts: two texts in, one label out (inference, paraphrase) or one score out (similarity).

    python recipes/pair.py                                                  English inference, from random weights
    python recipes/pair.py --train recipes/samples/pair/ko_train.tsv \
                           --valid recipes/samples/pair/ko_valid.tsv             the same in Korean
    python recipes/pair.py --train train.tsv --valid dev.tsv --text-columns sentence1 sentence2 --label-column score \
                           --kind regression --pretrained DIR-OR-HUB-ID --output similarity --export served

Where the library is installed, `keras-bert pair` is the same as `python recipes/pair.py`.

Expect, without options: valid_accuracy 0.91 (0.87 to 0.91 over seeds 0, 1, 2), in Korean 0.94 (0.92 to 0.94); a minute
on 2 CPU cores. STS-B from MiniLM, --epochs 4 --batch-size 32 --learning-rate 1e-4 --precision mixed_bfloat16:
valid_spearman 0.860 (0.85 is the least to expect), 66 examples/s on 2 cores of an AMD EPYC, 6 minutes.
"""

import dataclasses
import warnings
from typing import Literal

import keras_bert
from keras_bert.recipes import common

SAMPLES = common.SAMPLES / "pair"


@dataclasses.dataclass(frozen=True)
class Config(common.FineTuning):
    """Fine-tunes BERT to compare two texts.

    Args:
        train: Labelled pairs to train on: a table (.tsv, .csv, .txt) or objects (.json, .jsonl), compressed by gzip if
            .gz follows. Without it and `valid`: the English samples.
        text_columns: Columns, or keys, of the two texts; or the columns' places, counted from 0.
        label_column: The same of the label.
        kind: classification, or regression where the labels are numbers; scores come in the range of those to train on.
        export: Directory for a SavedModel that takes pairs of strings.
        max_length: The most tokens of a pair; of what is too long, the longer text loses its end.
    """

    text_columns: tuple[str, str] = ("premise", "hypothesis")
    label_column: str = "label"
    kind: Literal["classification", "regression"] = "classification"

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (15, 5e-4)

    def __post_init__(self):
        super().__post_init__()
        columns = (*self.text_columns, self.label_column)
        if len(set(columns)) < len(columns):
            raise ValueError(
                f"`text_columns` and `label_column` must be three columns. Received: {', '.join(columns)}."
            )


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    strategy = common.prepare(config, "pairs")

    def read(path):
        return keras_bert.data.read_labelled_texts(path, config.text_columns, config.label_column)

    train, valid = read(config.train or SAMPLES / "en_train.tsv"), read(config.valid or SAMPLES / "en_valid.tsv")
    test = config.test and read(config.test)
    classifies = config.kind == "classification"
    labels = train.labels
    for examples in filter(None, (train, valid, test)):
        if classifies:
            keras_bert.data.check_labels(examples, labels)
        else:
            keras_bert.data.check_scores(examples)
    for remark in keras_bert.data.labelling_remarks(train, valid, test, classes=classifies):
        warnings.warn(remark, stacklevel=2)
    options = {"labels": labels} if classifies else {"score_range": keras_bert.data.check_scores(train)}
    train = common.limited(train, config)

    with strategy.scope():
        task = "text_classifier" if classifies else "text_regressor"
        texts = (text for *pair, _ in train for text in pair)
        # A cross-encoder's own activation would bend the scores, which are learned before it.
        head = {"num_classes": len(labels), "labels": labels} if classifies else {"score_activation": None}
        # Wide enough, for so narrow a model, that words of one text find those of the other from the start.
        model, tokenizer = common.model_and_tokenizer(
            config, task, texts, initializer_range=0.1, dropout=config.dropout, **head
        )
    # Scores are clipped to their range in the SavedModel only: where many are beyond it, clipped ones rank nothing.
    predict = keras_bert.predictor(model, tokenizer, config.max_length, pairs=True)
    sizes = {"batch_size": config.batch_size, "max_length": config.max_length, "seed": config.seed}
    if classifies:
        batches = keras_bert.data.classification_batches(train, tokenizer, labels, **sizes)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    else:
        batches = keras_bert.data.regression_batches(train, tokenizer, **sizes)
        loss = keras.losses.MeanSquaredError()
        bias = model.get_layer("regressor").dense.bias
        if not keras.ops.any(bias):  # A new head begins at the mean, which small rates reach late if it is far from 0.
            bias.assign([sum(float(label) * count for label, count in train.counts.items()) / len(train)])

    def scores(examples):
        """LabelledTexts -> metrics of the answers, as an exported model gives them but for the ends of the range."""
        *pairs, gold = map(list, zip(*examples, strict=True))
        answers = predict(*pairs, batch_size=config.batch_size)
        if classifies:
            return keras_bert.metrics.class_scores(gold, [answer["label"] for answer in answers], labels)
        gold = [float(label) for label in gold]
        return keras_bert.metrics.correlations(gold, [answer["score"] for answer in answers])

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(keras_bert.AdamW(schedule), loss, accumulate=config.accumulate)
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput()
    validate = common.validation(lambda: scores(valid))
    best = "val_accuracy" if classifies else "val_pearson"
    keep_best = keras_bert.callbacks.KeepBest(best, tokenizer, config.output)
    model.fit(
        throughput.count(batches),
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=common.verbosity(strategy),
        callbacks=[finite, throughput, validate, keep_best],
    )

    test_scores = test and scores(test)
    if config.export is not None and keras_bert.distribution.is_chief(strategy):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, pairs=True, **options)
    return common.results(config, keep_best, throughput, test=test_scores)


if __name__ == "__main__":
    common.run(Config, main)
