"""Text classification: one text in, one label out (sentiment, topic, spam, intent), or any number of labels.

    python recipes/classify.py                                              English reviews, from random weights
    python recipes/classify.py --train recipes/samples/classify/ko_train.tsv \
                               --valid recipes/samples/classify/ko_valid.tsv     the same in Korean
    python recipes/classify.py --train train.tsv --valid dev.tsv --test test.tsv --text-column sentence \
                               --pretrained DIR-OR-HUB-ID --output classifier --export served
    python recipes/classify.py --multi-label --label-column labels \
                               --train recipes/samples/classify/en_topics_train.tsv \
                               --valid recipes/samples/classify/en_topics_valid.tsv   several labels a text, or none

Where the library is installed, `keras-bert classify` is the same as `python recipes/classify.py`.

Expect, without options: valid_accuracy 0.94 (0.91 to 0.95 over seeds 0, 1, 2), in Korean 0.89 (0.86 to 0.89); half a
minute on 2 CPU cores. SST-2 from MiniLM, --limit 16384 --epochs 1 --batch-size 32 --learning-rate 1e-4 --precision
mixed_bfloat16: test_accuracy 0.876 (0.865 is the least to expect), 129 examples/s on 2 cores of an AMD EPYC, 3 minutes.
"""

import dataclasses
import functools
import warnings
from typing import Literal

import keras_bert
from keras_bert.recipes import classifying, command_line, common, reports, runs

SAMPLES = common.SAMPLES / "classify"


@dataclasses.dataclass(frozen=True)
class Config(classifying.ClassifyingTexts):
    """Fine-tunes BERT to classify texts.

    Args:
        train: Labelled texts to train on: a table (.tsv, .csv, .txt) or objects (.json, .jsonl), compressed by gzip if
            .gz follows. Without it and `valid`: the English samples.
        text_column: Column, or key, of the text; or the column's place, counted from 0.
        max_length: The most tokens of a text; what is longer is cut, or runs in windows of so many.
        cut: What a longer text loses: its end, or its middle, which of 510 tokens leaves the first 128 and the last
            382.
        windows: If given, longer texts run in windows in training too, and their vectors of [CLS] are pooled so.
        max_windows: The most windows of a text with `windows`, which bounds the memory; the rest isn't read.
        stride: The tokens that two windows share; with `windows` by default a quarter of `max_length`. Without it, and
            if given, longer texts run in windows whose logits are averaged in the final evaluation and the SavedModel
            only. Training cuts them, and so does the choice of the epoch, unless a text may have several labels. If
            only one window shows the class, the others outvote it.
    """

    text_column: str = "text"
    cut: Literal["end", "middle"] = "end"
    windows: Literal["mean", "first_and_last"] | None = None
    max_windows: int | None = None
    stride: int | None = None

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (8, 5e-4)
    NEEDS = (*classifying.ClassifyingTexts.NEEDS, ("max_windows", "windows"))


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    strategy = common.prepare(config, "texts")

    train = config.read(config.train or SAMPLES / "en_train.tsv", config.text_column, weighted=True)
    labels = train.labels
    parts = runs.held_out(config, train, strategy, fold)
    train, valid = parts or (train, config.read(config.valid or SAMPLES / "en_valid.tsv", config.text_column))
    test = config.test and config.read(config.test, config.text_column)
    for examples in filter(None, (train, valid, test)):
        keras_bert.data.check_labels(examples, labels)
    for remark in keras_bert.data.labelling_remarks(train, valid, test):
        warnings.warn(remark, stacklevel=2)
    train = common.limited(train, config)
    class_weights = config.weights_of(train.counts, labels, train.name)

    with strategy.scope():
        texts = (text for text, _ in train)
        head = {"num_classes": len(labels), "labels": labels, "dropout": config.dropout}
        head["multi_label"] = config.multi_label
        if config.multi_label and config.pretrained is None:
            head["initializer_range"] = 0.1  # by narrower weights a small model takes far longer to tell labels apart
        model, tokenizer = common.model_and_tokenizer(config, "text_classifier", texts, **head)
        model.keep_pairs(False)  # whatever it was before
        common.what_to_train(model, config)
        if config.windows is not None:
            sizes = {"length": config.max_length, "stride": config.stride, "most": config.max_windows}
            model = keras_bert.in_windows(model, pooling=config.windows, **sizes)
    # Where the model has windows of its own, they have this stride.
    stride = config.stride if config.windows is None else None
    predict = keras_bert.predictor(model, tokenizer, config.max_length, stride=stride, cut=config.cut)

    def batches(examples, **options):
        options |= {"cut": config.cut, "windows": keras_bert.windows_of(model)}
        sizes = config.batch_size, config.max_length
        return keras_bert.data.classification_batches(examples, tokenizer, labels, *sizes, **options)

    train_batches = batches(train, seed=config.seed, class_weights=class_weights)
    valid_batches = batches(valid)

    steps = config.epochs * len(train_batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule, layer_decay=config.layer_decay),
            loss=config.loss_for(train, labels),
            metrics=None if config.multi_label else ["accuracy"],
            accumulate=config.accumulate,
        )

    throughput = keras_bert.callbacks.Throughput()
    scored = functools.partial(classifying.scored, model=model, predict=predict, batch_size=config.batch_size)
    validate = [common.validation(lambda: scored(valid, finds_thresholds=True)[0])] if config.multi_label else []
    best = "val_micro_f1" if config.multi_label else "val_accuracy"
    keeping = {"max_length": config.max_length, "patience": config.early_stopping}
    keep_best = keras_bert.callbacks.KeepBest(best, tokenizer, config.output, **keeping)
    run = runs.Run(config, model, tokenizer, keep_best, len(train_batches))
    finite = keras.callbacks.TerminateOnNaN(raise_error=True)
    for begin, epochs in run.calls():
        model.fit(
            throughput.count(keras_bert.data.from_step(train_batches, begin)),
            validation_data=valid_batches,
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=[finite, throughput, *validate, keep_best, *run.callbacks],
        )

    scores, report = {}, None
    for part, examples in (("valid", valid), ("test", test)):  # of whole texts, in windows where the options say so
        if examples:
            scores[part], report = scored(examples)
    if stride is None and not config.multi_label:  # else it is of texts that lack their ends, or before thresholds
        scores["valid"]["loss"] = keep_best.logs["val_loss"]
    reports.show(run, config, report, (test or valid).name)
    if run.writes(config.export):
        keras_bert.export_saved_model(model, tokenizer, config.export, config.max_length, stride=stride, cut=config.cut)
    return common.results(config, keep_best, throughput, **scores)


if __name__ == "__main__":
    command_line.run(Config, main)
