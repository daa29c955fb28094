"""Question answering: a question and a paragraph in, the part of the paragraph that answers it out.

    python recipes/answer.py                                                English questions, from random weights
    python recipes/answer.py --train recipes/samples/answer/ko_train.json \
                             --valid recipes/samples/answer/ko_valid.json        the same in Korean
    python recipes/answer.py --train train-v1.1.json --valid valid.json --test dev-v1.1.json \
                             --pretrained DIR-OR-HUB-ID --output answerer --export served --predictions scored

Where the library is installed, `keras-bert answer` is the same as `python recipes/answer.py`.

Exact match and F1 are in percent, as the official scripts have them. Expect, without options: valid_exact_match 56 and
valid_f1 65 (56 to 58 and 65 to 67 over seeds 0, 1, 2), in Korean 50 and 68 (50 to 62, 68 to 81); in a paragraph of the
samples four places look like answers. A minute of processor time. SQuAD v1.1's dev from MiniLM, 6,000 training
questions (--limit 6000 --epochs 1 --batch-size 32 --learning-rate 2e-4): test_exact_match 45.3 and test_f1 58.1 (45.2
to 45.5, 57.7 to 58.4 over seeds 0, 1), in bfloat16 45.0 and 57.7; 10.8 windows/s in training on 2 cores of an AMD EPYC
in bfloat16 (--precision mixed_bfloat16), a quarter of an hour.
"""

import dataclasses
import json
import warnings
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, common, runs
from keras_bert.utils.checks import check_positive_integer
from keras_bert.utils.files import write_text, written_beside

SAMPLES = common.SAMPLES / "answer"
# JSON has no infinity, which is the difference where a context is empty.
MOST = 1e9


@dataclasses.dataclass(frozen=True)
class Config(common.FineTuning):
    """Fine-tunes BERT to find answers in paragraphs.

    Args:
        train: Questions to train on: JSON in the format of SQuAD, KorQuAD or KLUE-MRC, or with a question, its context
            and its answers an item or a line. Without it and `valid`: the English samples.
        valid: Questions to choose the best epoch by, and for v2.0 the threshold of no answer.
        metric: Whose official script gives the scores: SQuAD v1.1's, v2.0's, KorQuAD's or CMRC 2018's. By default as
            `valid` is: squad2 if questions have no answer, korquad if its version says so, cmrc if its answers are
            Chinese, korquad for other scripts without spaces, as F1 is of characters there; else squad.
        predictions: Directory for predictions.json, and for v2.0 null_odds.json, which the official scripts take: the
            answers to `test`, or else to `valid`.
        batch_size: Rows, that is windows of paragraphs, in a batch.
        max_length: The most tokens of a row; longer paragraphs run in overlapping windows.
        stride: The tokens that two windows share. By default 128, or half of what a window holds if that is less.
        max_question_length: The most tokens of a question; what is longer loses its end. By default 64, or half of the
            row if that is less.
        max_answer_length: The most tokens of an answer.
        num_answers: How many answers the SavedModel gives to a question.
    """

    metric: Literal["squad", "squad2", "korquad", "cmrc"] | None = None
    predictions: Path | None = None
    max_length: int = 384
    stride: int | None = None
    max_question_length: int | None = None
    max_answer_length: int = 30
    num_answers: int = 5

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (12, 1e-3)

    def __post_init__(self):
        super().__post_init__()
        for name in ("max_answer_length", "num_answers"):
            check_positive_integer(name, getattr(self, name))


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    lengths = {name: getattr(config, name) for name in ("max_length", "stride", "max_question_length")}
    decoding = {"max_answer_length": config.max_answer_length, "num_answers": config.num_answers}
    keras_bert.data.question_batches.check_room(**lengths)
    strategy = common.prepare(config, "articles", predictions=config.predictions)

    read = keras_bert.data.read_squad
    train = read(config.train or SAMPLES / "en_train.json")
    parts = runs.held_out(config, train, strategy, fold)
    train, valid = parts or (train, read(config.valid or SAMPLES / "en_valid.json"))
    test = config.test and read(config.test)
    metric = config.metric or valid.metric
    for questions in filter(None, (valid, test)):
        if questions.has_impossible and metric != "squad2":
            raise ValueError(f"{questions.name} has questions without an answer. Choose metric squad2.")
    for remark in keras_bert.data.files.squad.shared_questions(train, valid, test):
        warnings.warn(remark, stacklevel=2)
    if metric in ("squad", "squad2") and valid.rules_by_script != "squad":
        warnings.warn(f"Answers of {valid.name} have no spaces between words, of which {metric}'s F1 is.", stacklevel=2)
    train = common.limited(train, config)
    train.for_training()

    with strategy.scope():
        texts = sorted({text for question in train for text in (question.question, question.context)})
        # Few tokens, so that unknown names fall into known pieces and particles come apart from what they follow; wide
        # enough, for so narrow a model, that tokens of the question find those of the paragraph at once.
        small = {"vocabulary_size": 500, "initializer_range": 0.1}
        model, tokenizer = common.model_and_tokenizer(config, "span_predictor", texts, **small)
        common.what_to_train(model, config)
    predict = keras_bert.predictor(model, tokenizer, **lengths, **decoding)
    batches = keras_bert.data.answering_batches(train, tokenizer, config.batch_size, **lengths, seed=config.seed)
    for questions in filter(None, (valid, test)):
        for remark in keras_bert.data.question_batches.evaluation_remarks(questions, tokenizer, **lengths):
            warnings.warn(remark, stacklevel=2)

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule, layer_decay=config.layer_decay),
            loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in model.output},
            loss_weights={name: 0.5 for name in model.output},
            accumulate=config.accumulate,
        )

    def scores():
        """-> scores on `valid`, and for v2.0 the threshold of no answer that is best there."""
        texts, null_differences = answers_to(valid, predict, config.batch_size)
        gold, threshold = valid.right_answers, {}
        if metric == "squad2":
            threshold["null_threshold"] = keras_bert.metrics.best_null_threshold(texts, null_differences, gold)
        texts = with_nulls(texts, null_differences, **threshold)
        return {**keras_bert.metrics.score_answers(texts, gold, metric), **threshold}

    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput()
    keeping = {"max_length": config.max_length, "patience": config.early_stopping}
    keep_best = keras_bert.callbacks.KeepBest("val_f1", tokenizer, config.output, **keeping)
    run = runs.Run(config, model, tokenizer, keep_best, len(batches), predictions=config.predictions)
    for begin, epochs in run.calls():
        model.fit(
            throughput.count(keras_bert.data.from_step(batches, begin)),
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=[finite, throughput, common.validation(scores), keep_best, *run.callbacks],
        )

    threshold, test_scores = keep_best.logs.get("val_null_threshold"), None
    if test or config.predictions:
        texts, null_differences = answers_to(test or valid, predict, config.batch_size)
        texts = with_nulls(texts, null_differences, threshold)
        test_scores = test and keras_bert.metrics.score_answers(texts, test.right_answers, metric)
        if run.writes(config.predictions):
            write_predictions(texts, null_differences if metric == "squad2" else None, config.predictions)
    if run.writes(config.export):
        keras_bert.export_saved_model(model, tokenizer, config.export, **lengths, **decoding, null_threshold=threshold)
    metrics = common.results(config, keep_best, throughput, test=test_scores)
    if threshold is not None:
        metrics["null_threshold"] = metrics.pop("valid_null_threshold")  # no score of `valid`
    return metrics


def answers_to(questions, predict, batch_size):
    """Questions, predictor, ... -> id: the best answer, and id: score of no answer less that answer's; two dicts."""
    columns = [row.question for row in questions], [row.context for row in questions]
    texts, null_differences = {}, {}
    for row, found in zip(questions, predict(*columns, batch_size=batch_size), strict=True):
        texts[row.id] = found["answer"]
        null_differences[row.id] = MOST if found["null_difference"] is None else found["null_difference"]
    return texts, null_differences


def with_nulls(texts, null_differences, null_threshold=None):
    """what `answers_to` gives, a number -> the answers, "" where the difference is over it; None: all as they are."""
    if null_threshold is None:
        return texts
    return {name: "" if null_differences[name] > null_threshold else text for name, text in texts.items()}


def write_predictions(texts, null_differences, directory):
    """Writes what the official scripts read: id: answer, id: difference or None, directory -> None."""
    with written_beside(directory) as beside:
        write_text(json.dumps(texts, ensure_ascii=False, indent=1), beside / "predictions.json")
        if null_differences is not None:
            write_text(json.dumps(null_differences, indent=1), beside / "null_odds.json")


if __name__ == "__main__":
    command_line.run(Config, main)
