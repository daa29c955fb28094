"""Question answering: a question and a paragraph in, the part of the paragraph that answers it out.

    python recipes/answer.py                                                English questions, from random weights
    python recipes/answer.py --train recipes/samples/answer/ko_train.json \
                             --valid recipes/samples/answer/ko_valid.json        the same in Korean
    python recipes/answer.py --train train-v1.1.json --valid valid.json --test dev-v1.1.json \
                             --pretrained DIR-OR-HUB-ID --output answerer --export served --predictions scored

Exact match and F1 are in percent, as the official scripts have them. Expect, without options: valid_exact_match 49 and
valid_f1 60 (49 to 57 and 60 to 67 over seeds 0, 1, 2), in Korean 56 and 74 (56 to 58, 74 to 77); in a paragraph of the
samples four places look like answers. A minute of processor time. SQuAD v1.1's dev from MiniLM, 6,000 training
questions (--limit 6000 --epochs 1 --batch-size 32 --learning-rate 2e-4): test_exact_match 45.3 and test_f1 58.1 (45.2
to 45.5, 57.7 to 58.4 over seeds 0, 1), in bfloat16 45.0 and 57.7; 10.8 windows/s in training on 2 cores of an AMD EPYC
in bfloat16 (--precision mixed_bfloat16), a quarter of an hour.
"""

import dataclasses
import json
import os
import sys
import warnings
from pathlib import Path
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import keras_bert
from keras_bert.data import answering_batches, read_squad
from keras_bert.data.question_batches import check_room, evaluation_remarks
from keras_bert.distribution import check_same, is_chief
from keras_bert.metrics import best_null_threshold, score_answers
from keras_bert.training.callbacks import KeepBest, Throughput
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_outputs, write_text, written_beside

SAMPLES = Path(__file__).parent / "samples" / "answer"
# JSON has no infinity, which is the difference where a context is empty.
MOST = 1e9


@dataclasses.dataclass(frozen=True)
class Config:
    """Fine-tunes BERT to find answers in paragraphs.

    Args:
        train: Questions to train on: a JSON file in SQuAD's format. Without it and `valid`: the English samples.
        valid: Questions to choose the best epoch by, and for v2.0 the threshold of no answer.
        test: Questions to report on in the end.
        metric: Whose official script gives the scores: SQuAD v1.1's, v2.0's or KorQuAD's. By default as `valid` is.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training questions and paragraphs.
        output: Directory for the best model, in Hugging Face's layout.
        export: Directory for a SavedModel that takes strings.
        predictions: Directory for predictions.json, and for v2.0 null_odds.json, which the official scripts take: the
            answers to `test`, or else to `valid`.
        limit: Train on a random sample of this size.
        epochs: Passes over the training questions. Without it: 12, or 3 with `pretrained`.
        batch_size: Rows, that is windows of paragraphs, in a batch.
        learning_rate: The highest rate, after the warm-up. Without it: 1e-3, or 5e-5 with `pretrained`, which
            suits models of base's size; smaller models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        max_length: The most tokens of a row; longer paragraphs run in overlapping windows.
        stride: The tokens that two windows share. By default 128, or half of what a window holds if that is less.
        max_question_length: The most tokens of a question; what is longer loses its end. By default 64, or half of the
            row if that is less.
        max_answer_length: The most tokens of an answer.
        num_answers: How many answers the SavedModel gives to a question.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.
    """

    train: Path | None = None
    valid: Path | None = None
    test: Path | None = None
    metric: Literal["squad", "squad2", "korquad"] | None = None
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    predictions: Path | None = None
    limit: int | None = None
    epochs: int | None = None
    batch_size: int = 16
    learning_rate: float | None = None
    dropout: float | None = None
    max_length: int = 384
    stride: int | None = None
    max_question_length: int | None = None
    max_answer_length: int = 30
    num_answers: int = 5
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0

    def __post_init__(self):
        defaults = (12, 1e-3) if self.pretrained is None else (3, 5e-5)
        for name, value in zip(("epochs", "learning_rate"), defaults, strict=True):
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen
        for name in ("epochs", "batch_size", "accumulate", "max_answer_length", "num_answers"):
            check_positive_integer(name, getattr(self, name))
        check_room(self.max_length, self.stride, self.max_question_length)
        if self.limit is not None:
            check_positive_integer("limit", self.limit)
        check_positive_number("learning_rate", self.learning_rate)
        if self.dropout is not None:
            check_rate("dropout", self.dropout)


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    # All that can be wrong is looked at before anything takes time.
    check_outputs(output=config.output, export=config.export, predictions=config.predictions)
    if (config.train is None) != (config.valid is None):
        raise ValueError(
            f"Give both `train` and `valid`, or neither to try the samples. Received: train={config.train}, "
            f"valid={config.valid}. A tenth of the training articles, held out of them, will do as valid."
        )
    strategy = keras_bert.distribution.strategy(config.strategy)
    files = {name: getattr(config, name) for name in ("train", "valid", "test")}
    check_same(strategy, config=dataclasses.asdict(config), **files)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)

    train = read_squad(config.train or SAMPLES / "en_train.json")
    valid = read_squad(config.valid or SAMPLES / "en_valid.json")
    test = config.test and read_squad(config.test)
    metric = config.metric or metric_of(valid)
    for questions in filter(None, (valid, test)):
        if questions.has_impossible and metric != "squad2":
            raise ValueError(f"{questions.name} has questions without an answer. Choose metric squad2.")
    if config.limit is not None:
        train = train.sample(config.limit, config.seed)
    train.for_training()

    with strategy.scope():
        if config.pretrained is not None:
            model, tokenizer = keras_bert.load_pretrained(
                config.pretrained, task="span_predictor", backbone_dropout=config.dropout
            )
        else:
            texts = {text for question in train for text in (question.question, question.context)}
            # Few tokens, so that unknown names fall into known pieces and particles come apart from what they follow.
            vocabulary = keras_bert.train_vocabulary(sorted(texts), size=500, strip_accents=False)
            tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False)
            # Wide enough, for so narrow a model, that tokens of the question find those of the paragraph at once.
            rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
            size = keras_bert.BertConfig.named(
                "tiny", vocabulary_size=tokenizer.vocabulary_size, initializer_range=0.1, **rates
            )
            model = keras_bert.span_predictor(keras_bert.backbone(size))
    lengths = {name: getattr(config, name) for name in ("max_length", "stride", "max_question_length")}
    decoding = {"max_answer_length": config.max_answer_length, "num_answers": config.num_answers}
    predict = keras_bert.predictor(model, tokenizer, **lengths, **decoding)
    batches = answering_batches(train, tokenizer, config.batch_size, **lengths, seed=config.seed)
    for questions in filter(None, (valid, test)):
        for remark in evaluation_remarks(questions, tokenizer, **lengths):
            warnings.warn(remark, stacklevel=2)

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule),
            loss={name: keras.losses.SparseCategoricalCrossentropy(from_logits=True) for name in model.output},
            loss_weights={name: 0.5 for name in model.output},
            accumulate=config.accumulate,
        )

    def evaluate(epoch, logs):
        """number of the epoch, Keras's logs -> None; puts the scores on `valid` into the logs."""
        texts, null_differences = answers_to(valid, predict, config.batch_size)
        if metric == "squad2":
            logs["null_threshold"] = best_null_threshold(texts, null_differences, right_answers(valid))
        texts = with_nulls(texts, null_differences, logs.get("null_threshold"))
        scores = score_answers(texts, right_answers(valid), metric)
        logs |= {f"val_{name}": score for name, score in scores.items()}

    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), Throughput()
    validate = keras.callbacks.LambdaCallback(on_epoch_end=evaluate)
    keep_best = KeepBest("val_f1", tokenizer, config.output)
    model.fit(
        throughput.count(batches),
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=is_chief(strategy) * (1 if sys.stdout.isatty() else 2),
        callbacks=[finite, throughput, validate, keep_best],
    )

    metrics = {"train_loss": keep_best.logs["loss"]}
    metrics |= {f"valid_{name}": keep_best.logs[f"val_{name}"] for name in ("exact_match", "f1")}
    threshold = keep_best.logs.get("null_threshold")
    if metric == "squad2":
        metrics["null_threshold"] = threshold
    if test or config.predictions:
        texts, null_differences = answers_to(test or valid, predict, config.batch_size)
        texts = with_nulls(texts, null_differences, threshold)
        if test:
            scores = score_answers(texts, right_answers(test), metric)
            metrics |= {f"test_{name}": score for name, score in scores.items()}
        if config.predictions and is_chief(strategy):
            with written_beside(config.predictions) as beside:
                write_text(json.dumps(texts, ensure_ascii=False, indent=1), beside / "predictions.json")
                if metric == "squad2":
                    write_text(json.dumps(null_differences, indent=1), beside / "null_odds.json")
    if config.export is not None and is_chief(strategy):
        keras_bert.export_saved_model(model, tokenizer, config.export, **lengths, **decoding, null_threshold=threshold)
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


def metric_of(questions):
    """Questions -> whose official script is for such a file."""
    if questions.version.startswith("KorQuAD"):
        return "korquad"
    return "squad2" if questions.has_impossible else "squad"


def answers_to(questions, predict, batch_size):
    """Questions, predictor, ... -> id: the best answer, and id: score of no answer less that answer's; two dicts."""
    columns = [row.question for row in questions], [row.context for row in questions]
    found = keras_bert.predict_in_batches(predict, *columns, batch_size=batch_size)
    texts = {row.id: answer["answer"] for row, answer in zip(questions, found, strict=True)}
    differences = (min(float(answer["null_difference"]), MOST) for answer in found)
    return texts, dict(zip(texts, differences, strict=True))


def with_nulls(texts, null_differences, threshold):
    """what `answers_to` gives, a number or None -> the answers, "" where the difference is over the threshold."""
    if threshold is None:
        return texts
    return {name: "" if null_differences[name] > threshold else text for name, text in texts.items()}


def right_answers(questions):
    """Questions -> id: list of texts."""
    return {row.id: [text for text, _ in row.answers] for row in questions}


if __name__ == "__main__":
    import tyro

    try:
        print(json.dumps(main(tyro.cli(Config))))
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
