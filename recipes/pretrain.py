"""Pretraining: plain text in, a pretrained BERT out (masked words and next sentence, trained together).

    python recipes/pretrain.py                              Python's documentation, a tiny BERT; then it fills in [MASK]
    python recipes/pretrain.py --corpus 'texts/*.txt' --size base --vocabulary-size 30000 --batch-size 256 \
                               --learning-rate 1e-4 --steps 100000 --evaluate-every 1000 \
                               --precision mixed_bfloat16 --output bert
    python recipes/pretrain.py --corpus 'reports/*.txt' --pretrained DIR-OR-HUB-ID --steps 5000 \
                               --output bert-reports                          goes on from a checkpoint, in your domain

A corpus is text in UTF-8, also compressed by gzip: a paragraph a line, a blank line between documents. With --output,
what training needs to go on stands in OUTPUT-checkpoints: killed at any moment, the same command goes on. Once OUTPUT
is there, it can be removed.

Expect, without options: valid_mlm_accuracy 0.36 (the most frequent word alone: 0.096), in 3 minutes on 2 cores of an
Intel Xeon, 28,000 tokens/s; docs/pretraining.md has larger runs.
"""

import dataclasses
import hashlib
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Literal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

import keras_bert
from keras_bert.data import PretrainingBatches, corpus_files, masked_word_counts, write_python_documentation
from keras_bert.distribution import check_same, is_chief, own_batches, sum_over_workers, worker_of
from keras_bert.training.callbacks import Throughput
from keras_bert.training.initialization import neighbour_attention, unigram_bias
from keras_bert.training.resume import Resume, calls_of_fit
from keras_bert.utils.checks import check_divides, check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_apart, check_writable, fingerprint_of

SENTENCES = (
    'If the file is not found, a "FileNotFoundError" is [MASK].',
    "A function is called with a list of [MASK].",
    "The [MASK] statement is used for repeated execution.",
)


@dataclasses.dataclass(frozen=True)
class Config:
    """Pretrains BERT on plain text.

    Args:
        corpus: Text files: paths, or patterns in quotes. Without them: the documentation that comes with Python.
        valid: Text files to evaluate on; they are left out of `corpus`. Without them, every `hold_out`-th document of
            it.
        hold_out: See `valid`.
        vocabulary: A vocab.txt or a directory with one; "train" to train one from the corpus, anew at each start.
        vocabulary_size: Tokens of a vocabulary that is trained.
        lowercase: Whether a vocabulary that is trained is lower-case. Accents stay, and Korean syllables whole.
        size: The model: tiny, mini, small, medium, base or large.
        dropout: Dropped share of activations while training; 0 learns faster from little text. Without it: 0.1, or what
            `pretrained` was trained with.
        unigram_bias: Start a new model's output at the words' frequencies, which learns faster from any text.
        neighbour_attention: Start a new model's attention at each word's neighbours; learns faster (tried to mini).
        pretrained: Checkpoint to go on from, with its vocabulary: a directory or a hub id.
        max_length: Tokens in a row.
        whole_word: Mask whole words in training; evaluation masks tokens.
        output: Directory for the model, in Hugging Face's layout.
        tensorboard: Directory for TensorBoard's logs.
        steps: Optimizer steps.
        evaluate_every: Steps between two evaluations and two checkpoints, an "epoch" of Keras; divides `steps`.
        evaluation_batches: The most batches of an evaluation.
        keep: Number of checkpoints kept.
        batch_size: Rows in a batch.
        optimizer: adamw, or lamb for batches of many thousand rows.
        learning_rate: The highest rate, after the warm-up. Without it: 1e-3, or 5e-5 with `pretrained`,
            which suits models of base's size; smaller models want more.
        epsilon: Added to the root of the optimizer's second moment; 1e-5 calms the rare words of small batches.
        warmup: Share of the steps in which the rate rises; then it falls to 0.
        power: Power of the fall: 1, linear.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG, each of
            which reads its share of the corpus.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, pairs, masks, order and dropout.
        fill: Sentences with [MASK] to fill in before training and in the end.
    """

    corpus: tuple[str, ...] | None = None
    valid: tuple[str, ...] = ()
    hold_out: int = 100
    vocabulary: str = "train"
    vocabulary_size: int = 4000
    lowercase: bool = True
    size: Literal["tiny", "mini", "small", "medium", "base", "large"] = "tiny"
    dropout: float | None = None
    unigram_bias: bool = True
    neighbour_attention: bool = True
    pretrained: str | None = None
    max_length: int = 128
    whole_word: bool = False
    output: Path | None = None
    tensorboard: Path | None = None
    steps: int = 1000
    evaluate_every: int = 250
    evaluation_batches: int = 50
    keep: int = 2
    batch_size: int = 32
    optimizer: Literal["adamw", "lamb"] = "adamw"
    learning_rate: float | None = None
    epsilon: float = 1e-6
    warmup: float = 0.1
    power: float = 1.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    strategy: Literal["one", "mirrored", "multi_worker", "tpu"] = "one"
    accumulate: int = 1
    seed: int = 0
    fill: tuple[str, ...] = ()

    def __post_init__(self):
        if self.learning_rate is None:
            object.__setattr__(self, "learning_rate", 1e-3 if self.pretrained is None else 5e-5)  # it is frozen
        for field in dataclasses.fields(self):
            if field.type is int and field.name != "seed":
                check_positive_integer(field.name, getattr(self, field.name))
        check_divides("evaluate_every", self.evaluate_every, "steps", self.steps)
        if self.dropout is not None:
            check_rate("dropout", self.dropout)
        check_positive_number("learning_rate", self.learning_rate)
        check_positive_number("epsilon", self.epsilon)
        if not 0 <= self.warmup <= 1:
            raise ValueError(f"`warmup` must be a share between 0 and 1. Received: warmup={self.warmup}.")
        if self.corpus == ():
            raise ValueError("`corpus` must have a file. Received: none. Is the pattern, or its variable, empty?")
        if self.valid and not self.corpus:
            raise ValueError(f"`valid` needs `corpus`. Received: valid={self.valid} alone. Give both, or neither.")
        of_new_models = ("vocabulary", "vocabulary_size", "lowercase", "size", "neighbour_attention")
        given = [name for name in of_new_models if getattr(self, name) != getattr(Config, name)]
        if self.pretrained is not None and given:
            raise ValueError(f"`pretrained` brings its own: leave out {', '.join(given)}, which are of a new model.")
        for sentence in self.fill:
            if "[MASK]" not in sentence:
                raise ValueError(f"Each sentence of `fill` must have a [MASK]. Received: {sentence!r}.")


def main(config):
    """Trains, evaluates, fills in words and saves: Config -> dict of metrics."""
    # What can be wrong is looked at before anything takes time.
    if config.output is not None:
        check_writable(config.output)
        check_apart(output=config.output, tensorboard=config.tensorboard)
    strategy = keras_bert.distribution.strategy(config.strategy)
    worker, workers = worker_of(strategy)
    check_divides("number of workers", workers, "batch_size", config.batch_size)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)

    warmup_steps = round(config.warmup * config.steps)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, config.steps, warmup_steps, config.power)
    corpus, valid, sentences = config.corpus, config.valid, config.fill
    if corpus is None:
        directory = tempfile.TemporaryDirectory()  # there as long as this function runs
        corpus, valid = write_python_documentation(directory.name)
        sentences = sentences or SENTENCES
    valid = corpus_files(valid)
    files = corpus_files(corpus, without=valid)
    texts, valid_texts = ([fingerprint_of(name) for name in names] for names in (files, valid))
    check_same(strategy, config=dataclasses.asdict(config), corpus=texts, valid=valid_texts)
    with strategy.scope():
        model, tokenizer = build(config, files)
    check_same(strategy, vocabulary=tokenizer.vocabulary)
    keras_bert.models.check_length_of(model, config.max_length)

    def batches(files, batch_size, **options):
        return PretrainingBatches(files, tokenizer, batch_size, config.max_length, config.seed, **options)

    hold_out = None if valid else config.hold_out
    share = {"batch_size": config.batch_size // workers, "shard": (worker, workers)}
    train = batches(files, **share, whole_word=config.whole_word, hold_out=hold_out)
    held_out = batches(valid or files, config.batch_size, hold_out=hold_out, held_out=not valid)
    held_out = held_out.first(config.evaluation_batches)
    callbacks = [keras.callbacks.TerminateOnNaN(raise_error=True), throughput := Throughput(workers)]
    if config.output is not None:
        callbacks.append(resume := checkpoints(config, texts, tokenizer, train))
    if config.tensorboard is not None and is_chief(strategy):
        callbacks.append(keras.callbacks.TensorBoard(config.tensorboard))

    held_out_counts = masked_word_counts(held_out, tokenizer, "the text to evaluate on")
    count = math.ceil(2**20 / (32 * config.max_length * workers))  # of batches: a million tokens, of all workers
    some = batches(files, 32, hold_out=hold_out, shard=share["shard"]).dataset(epochs=1).take(count)
    counts = sum_over_workers(strategy, masked_word_counts(some, tokenizer, "the text to train on"))
    if config.unigram_bias and config.pretrained is None:
        unigram_bias(model, counts)

    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    optimizer = {"adamw": keras_bert.AdamW, "lamb": keras_bert.LAMB}[config.optimizer]
    with strategy.scope():
        model.compile(
            optimizer(schedule, epsilon=config.epsilon),
            loss={"mlm": cross_entropy, "nsp": cross_entropy},  # and their sum
            weighted_metrics={"mlm": ["accuracy"], "nsp": ["accuracy"]},
            accumulate=config.accumulate,
        )
    step = 0 if config.output is None else resume.restore(model)
    before = keras_bert.fill_masks(sentences, model, tokenizer, count=3)
    # Before fit, which else would take a batch of the training data to build the metrics, and lose it.
    print(json.dumps({"step": step, **model.evaluate(held_out, verbose=0, return_dict=True)}))
    for begin, epochs in calls_of_fit(step, config.steps, config.evaluate_every):
        model.fit(
            own_batches(throughput.count(train.dataset(begin)), strategy),
            validation_data=held_out,
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=is_chief(strategy) * (1 if sys.stdout.isatty() else 2),
            callbacks=callbacks,
        )

    if config.output is not None and is_chief(strategy):
        keras_bert.save_pretrained(model, tokenizer, config.output)
    valid = model.evaluate(held_out, verbose=0, return_dict=True)
    metrics = {
        "train_loss": model.history.history["loss"][-1] if model.history.epoch else None,
        "valid_mlm_loss": valid["mlm_loss"],
        "valid_mlm_accuracy": valid["mlm_accuracy"],
        "valid_mlm_perplexity": math.exp(min(valid["mlm_loss"], 700)),  # beyond, there is no float
        "valid_nsp_loss": valid["nsp_loss"],
        "valid_nsp_accuracy": valid["nsp_accuracy"],
        "unigram_accuracy": float(held_out_counts[counts.argmax()] / held_out_counts.sum()),
        "documents_without_sentences": train.counts["documents_without_sentences"],  # so far, each epoch's
    }
    after = keras_bert.fill_masks(sentences, model, tokenizer, count=3)
    for sentence, *found in zip(sentences, before, after, strict=True):
        print(sentence)
        for moment, masks in zip((f"at step {step}", "at the end"), found, strict=True):
            words = " | ".join(", ".join(f"{token} {share:.2f}" for token, share in mask) for mask in masks)
            print(f"    {moment}: {words}")
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


def build(config, files):
    """Config, the corpus's files -> the model and its tokenizer."""
    if config.pretrained is not None:
        return keras_bert.load_pretrained(config.pretrained, task="pretrainer", backbone_dropout=config.dropout)
    if config.vocabulary == "train":
        vocabulary = keras_bert.train_vocabulary(
            files, config.vocabulary_size, lowercase=config.lowercase, strip_accents=False
        )
        tokenizer = keras_bert.WordPieceTokenizer(vocabulary, config.lowercase, strip_accents=False)
    else:
        tokenizer = keras_bert.WordPieceTokenizer.load(config.vocabulary)
    rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
    size = keras_bert.BertConfig.named(config.size, vocabulary_size=tokenizer.vocabulary_size, **rates)
    model = keras_bert.pretrainer(keras_bert.backbone(size))
    if config.neighbour_attention:
        neighbour_attention(model, config.seed)
    return model, tokenizer


def checkpoints(config, texts, tokenizer, train):
    """Config, the corpus's fingerprints, tokenizer, data -> the callback by which the same command goes on."""
    free = ("corpus", "valid", "vocabulary", "output", "tensorboard", "keep", "fill", "evaluation_batches")
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in free}
    settings["hold_out"] = None if config.valid else config.hold_out  # it is of no use beside `valid`
    settings["corpus"] = f"{len(texts)} files, SHA-256 {hashlib.sha256(' '.join(texts).encode()).hexdigest()}"
    settings["vocabulary"] = hashlib.sha256("\n".join(tokenizer.vocabulary).encode()).hexdigest()
    output = config.output.expanduser().resolve()
    directory = output.with_name(output.name + "-checkpoints")
    return Resume(directory, every=config.evaluate_every, keep=config.keep, data=train, settings=settings)


if __name__ == "__main__":
    import tyro

    try:
        print(json.dumps(main(tyro.cli(Config))))
    except (ValueError, RuntimeError, OSError, tf.errors.DataLossError) as error:
        raise SystemExit(f"error: {error}") from error
