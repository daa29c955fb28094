"""Pairs of texts: two texts in, one label out (inference, paraphrase), any number of labels, or a score (similarity).

    python recipes/pair.py                                                  English inference, from random weights
    python recipes/pair.py --train recipes/samples/pair/ko_train.tsv \
                           --valid recipes/samples/pair/ko_valid.tsv             the same in Korean
    python recipes/pair.py --train train.tsv --valid dev.tsv --text-columns sentence1 sentence2 --label-column score \
                           --kind regression --pretrained DIR-OR-HUB-ID --output similarity --export served

Where the library is installed, `keras-bert pair` is the same as `python recipes/pair.py`.

Expect, without options: valid_accuracy 0.98 (0.90 to 0.98 over seeds 0, 1, 2), in Korean 0.90 (0.82 to 0.93); a minute
on 2 CPU cores. STS-B from MiniLM, --epochs 4 --batch-size 32 --learning-rate 1e-4 --precision mixed_bfloat16:
valid_spearman 0.860 (0.85 is the least to expect), 66 examples/s on 2 cores of an AMD EPYC, 6 minutes.
"""

import dataclasses
import functools
import warnings
from typing import Literal

import keras_bert
from keras_bert.recipes import classifying, command_line, common, reports, runs

SAMPLES = common.SAMPLES / "pair"


@dataclasses.dataclass(frozen=True)
class Config(classifying.ClassifyingTexts):
    """Fine-tunes BERT to compare two texts.

    Args:
        train: Labelled pairs to train on: a table (.tsv, .csv, .txt) or objects (.json, .jsonl), compressed by gzip if
            .gz follows. Without it and `valid`: the English samples.
        text_columns: Columns, or keys, of the two texts; or the columns' places, counted from 0.
        kind: classification, or regression where the labels are numbers; scores come in the range of those to train on.
        export: Directory for a SavedModel that takes pairs of strings.
        max_length: The most tokens of a pair; of what is too long, the longer text loses its end.
    """

    text_columns: tuple[str, str] = ("premise", "hypothesis")
    kind: Literal["classification", "regression"] = "classification"

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (15, 5e-4)

    def __post_init__(self):
        super().__post_init__()
        columns = (*self.text_columns, *(self.label_columns or (self.label_column,)))
        if len(set(columns)) < len(columns):
            raise ValueError(
                f"`text_columns` and `label_column` must be three columns. Received: {', '.join(columns)}."
            )
        of_classes = ("class_weights", "label_smoothing", "multi_label", "report")
        if self.kind == "regression" and (given := [name for name in of_classes if getattr(self, name)]):
            raise ValueError(
                f"{', '.join(f'`{name}`' for name in of_classes)} are of classes. Received: {', '.join(given)}, with "
                "kind=regression. Leave them out."
            )


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    strategy = common.prepare(config, "pairs")

    classifies = config.kind == "classification"
    train = config.read(config.train or SAMPLES / "en_train.tsv", config.text_columns, weighted=True)
    labels = train.labels
    parts = runs.held_out(config, train, strategy, fold, classes=classifies)
    train, valid = parts or (train, config.read(config.valid or SAMPLES / "en_valid.tsv", config.text_columns))
    test = config.test and config.read(config.test, config.text_columns)
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
        head = {"score_activation": None}
        if classifies:
            head = {"num_classes": len(labels), "labels": labels, "multi_label": config.multi_label}
        # Wide enough, for so narrow a model, that words of one text find those of the other from the start.
        model, tokenizer = common.model_and_tokenizer(
            config, task, texts, initializer_range=0.1, dropout=config.dropout, **head
        )
        model.keep_pairs()
        common.what_to_train(model, config)
    # Scores are clipped to their range in the SavedModel only: where many are beyond it, clipped ones rank nothing.
    predict = keras_bert.predictor(model, tokenizer, config.max_length)
    sizes = {"batch_size": config.batch_size, "max_length": config.max_length, "seed": config.seed}
    if classifies:
        weights = config.weights_of(train.counts, labels, train.name)
        batches = keras_bert.data.classification_batches(train, tokenizer, labels, **sizes, class_weights=weights)
        loss = config.loss_for(train, labels)
    else:
        batches = keras_bert.data.regression_batches(train, tokenizer, **sizes)
        loss = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
        bias = model.get_layer("regressor").dense.bias
        if not keras.ops.any(bias):  # A new head begins at the mean, which small rates reach late if it is far from 0.
            bias.assign([sum(float(label) * count for label, count in train.counts.items()) / len(train)])

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(keras_bert.AdamW(schedule, layer_decay=config.layer_decay), loss, accumulate=config.accumulate)
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput()
    scored = functools.partial(classifying.scored, model=model, predict=predict, batch_size=config.batch_size)
    validate = common.validation(lambda: scored(valid, finds_thresholds=config.multi_label)[0])
    best = "val_micro_f1" if config.multi_label else "val_accuracy" if classifies else "val_pearson"
    keeping = {"max_length": config.max_length, "patience": config.early_stopping}
    keep_best = keras_bert.callbacks.KeepBest(best, tokenizer, config.output, **keeping)
    run = runs.Run(config, model, tokenizer, keep_best, len(batches))
    for begin, epochs in run.calls():
        model.fit(
            throughput.count(keras_bert.data.from_step(batches, begin)),
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=[finite, throughput, validate, keep_best, *run.callbacks],
        )

    scores, report = scored(test or valid) if test or classifies else (None, None)
    if classifies:
        reports.show(run, config, report, (test or valid).name)
    if run.writes(config.export):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, **options)
    return common.results(config, keep_best, throughput, test=test and scores)


if __name__ == "__main__":
    command_line.run(Config, main)
