"""Pretraining: plain text in, a pretrained BERT out (masked words and next sentence, trained together).

    python recipes/pretrain.py                              Python's documentation, a tiny BERT; then it fills in [MASK]
    python recipes/pretrain.py --corpus 'texts/*.txt' --size base --vocabulary-size 30000 --batch-size 256 \
                               --learning-rate 1e-4 --steps 100000 --evaluate-every 1000 \
                               --precision mixed_bfloat16 --output bert
    python recipes/pretrain.py --corpus 'reports/*.txt' --pretrained DIR-OR-HUB-ID --no-next-sentence --steps 5000 \
                               --output bert-reports                          goes on from a checkpoint, in your domain

A corpus is text in UTF-8, also compressed by gzip: a paragraph a line, a blank line between documents. Where most
documents are one sentence, as tweets are, nothing can be learned of next ones: --no-next-sentence. With --output, what
training needs to go on stands in OUTPUT-checkpoints: killed at any moment, the same command goes on; where it has
finished, it evaluates OUTPUT and trains nothing. Once OUTPUT is there, the checkpoints can be removed.

Expect, without options: valid_mlm_accuracy 0.36 (the most frequent word alone: 0.096), in 3 minutes on 2 cores of an
Intel Xeon, 28,000 tokens/s; docs/measurements/pretraining.md has larger runs.
"""

import dataclasses
import hashlib
import json
import math
import tempfile
from pathlib import Path
from typing import Literal

# Keras and TensorFlow are imported where they are used: --help needn't wait for them.
import keras_bert
from keras_bert.recipes import command_line, common, runs
from keras_bert.training.step_directories import DIGEST
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
        hold_out: See `valid`. Without it: 100; of fewer than 1000 documents ten are held out, but a tenth at most.
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
        next_sentence: Learn the next sentence beside masked words. Without it, words alone: for a domain's language, or
            documents of one sentence.
        output: Directory for the model, in Hugging Face's layout.
        tensorboard: Directory for TensorBoard's logs.
        steps: Optimizer steps.
        evaluate_every: Steps between two evaluations and two checkpoints, an "epoch" of Keras; the last may be shorter.
            Without it: a quarter of `steps`, 250 at most.
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
    hold_out: int | None = None
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
    next_sentence: bool = True
    output: Path | None = None
    tensorboard: Path | None = None
    steps: int = 1000
    evaluate_every: int | None = None
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
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (int, int | None) and field.name != "seed" and value is not None:
                check_positive_integer(field.name, value)
        num_epochs = max(4, math.ceil(self.steps / 250))
        defaults = {
            "evaluate_every": math.ceil(self.steps / num_epochs),
            "learning_rate": 1e-3 if self.pretrained is None else 5e-5,
        }
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # the dataclass is frozen
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
    import keras

    # What can be wrong is looked at before anything takes time.
    finished = is_finished(config)
    if config.output is not None and not finished:
        check_writable(config.output)
    check_apart(output=config.output, tensorboard=config.tensorboard)
    strategy = keras_bert.distribution.strategy(config.strategy)
    is_chief = keras_bert.distribution.is_chief(strategy)
    worker, workers = keras_bert.distribution.worker_of(strategy)
    check_divides("number of workers", workers, "batch_size", config.batch_size)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)
    warmup_steps = round(config.warmup * config.steps)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, config.steps, warmup_steps, config.power)

    # Files, model and tokenizer.
    corpus, valid, sentences = config.corpus, config.valid, config.fill
    if corpus is None:
        directory = tempfile.TemporaryDirectory()  # there as long as this function runs
        corpus, valid = keras_bert.data.write_python_documentation(directory.name)
        sentences = sentences or SENTENCES
    valid = keras_bert.data.corpus_files(valid)
    files = keras_bert.data.corpus_files(corpus, without=valid)
    texts, valid_texts = ([fingerprint_of(path) for path in paths] for paths in (files, valid))
    check_same = keras_bert.distribution.check_same
    check_same(strategy, config=dataclasses.asdict(config), corpus=texts, valid=valid_texts)
    with strategy.scope():
        model, tokenizer = build(config, files, config.output if finished else config.pretrained)
    check_same(strategy, vocabulary=tokenizer.vocabulary)
    keras_bert.models.check_length_of(model, config.max_length)

    # Batches: to train on, to evaluate on, and some to count words in.
    def batches(files, size, **options):
        options["next_sentence"] = config.next_sentence
        return keras_bert.data.PretrainingBatches(files, tokenizer, size, config.max_length, config.seed, **options)

    hold_out = None
    if not valid:
        hold_out = config.hold_out or keras_bert.data.pretraining.choose_hold_out(files)
        print(f"Held out for evaluation: one document in {hold_out}.")
    share = {"hold_out": hold_out, "shard": (worker, workers)}
    train = batches(files, config.batch_size // workers, whole_word=config.whole_word, **share)
    held_out = batches(valid or files, config.batch_size, hold_out=hold_out, held_out=not valid)
    held_out = held_out.first(config.evaluation_batches)
    held_out_counts = keras_bert.data.masked_word_counts(held_out, tokenizer, "the text to evaluate on")
    num_counted = math.ceil(2**20 / (32 * config.max_length * workers))  # a million tokens, of all workers
    some = batches(files, 32, **share).dataset(epochs=1).take(num_counted)
    counts = keras_bert.data.masked_word_counts(some, tokenizer, "the text to train on")
    counts = keras_bert.distribution.sum_over_workers(strategy, counts)
    if config.unigram_bias and config.pretrained is None:
        keras_bert.initialization.unigram_bias(model, counts)

    # Training.
    throughput = keras_bert.callbacks.Throughput(workers)
    callbacks = [keras.callbacks.TerminateOnNaN(raise_error=True), throughput]
    if config.output is not None:
        callbacks.append(resume := checkpoints(config, texts, tokenizer, train))
    if config.tensorboard is not None and is_chief:
        callbacks.append(keras.callbacks.TensorBoard(config.tensorboard))
    optimizer = {"adamw": keras_bert.AdamW, "lamb": keras_bert.LAMB}[config.optimizer]
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight")
    with strategy.scope():
        model.compile(
            optimizer(schedule, epsilon=config.epsilon),
            loss=dict.fromkeys(model.output, cross_entropy),  # of mlm and nsp, and their sum
            weighted_metrics={name: ["accuracy"] for name in model.output},
            accumulate=config.accumulate,
        )
    step = 0 if config.output is None else resume.restore(model)
    if step == config.steps:
        print(f"All {step} steps are done: nothing is left to train.")
    is_new = any(name.startswith("mlm/") for name in model.random_weights)  # its checkpoint had no such head
    before = [[]] * len(sentences) if is_new else keras_bert.fill_masks(sentences, model, tokenizer, count=3)
    # Before fit, which else would take a batch of the training data to build the metrics, and lose it.
    print(json.dumps({"step": step, **evaluate(model, held_out)}))
    for begin, epochs in keras_bert.resume.calls_of_fit(step, config.steps, config.evaluate_every):
        model.fit(
            keras_bert.distribution.own_batches(throughput.count(train.dataset(begin)), strategy),
            validation_data=held_out,
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=callbacks,
        )

    # What came of it.
    if config.output is not None and is_chief and not finished:
        keras_bert.save_pretrained(model, tokenizer, config.output)
    scores = evaluate(model, held_out)
    metrics = {
        "train_loss": model.history.history["loss"][-1] if model.history.epoch else None,
        **{f"valid_{name}": score for name, score in scores.items() if name != "loss"},
        "valid_mlm_perplexity": math.exp(min(scores["mlm_loss"], 700)),  # beyond, there is no float
        "unigram_accuracy": float(held_out_counts[counts.argmax()] / held_out_counts.sum()),
        "documents_without_sentences": train.counts["documents_without_sentences"],  # so far, each epoch's
    }
    after = keras_bert.fill_masks(sentences, model, tokenizer, count=3)
    for sentence, *found in zip(sentences, before, after, strict=True):
        print(sentence)
        for moment, masks in zip((f"at step {step}", "at the end"), found, strict=True):
            words = " | ".join(", ".join(f"{token} {share:.2f}" for token, share in mask) for mask in masks)
            print(f"    {moment}: {words or 'nothing, for the head is new'}")
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


def build(config, files, checkpoint):
    """Config, the corpus's files, the checkpoint to load or None -> the model and its tokenizer."""
    task = "pretrainer" if config.next_sentence else "masked_language_model"
    if checkpoint is not None:
        return keras_bert.load_pretrained(checkpoint, task=task, backbone_dropout=config.dropout)
    if config.vocabulary == "train":
        vocabulary = keras_bert.train_vocabulary(
            files, config.vocabulary_size, lowercase=config.lowercase, strip_accents=False
        )
        tokenizer = keras_bert.WordPieceTokenizer(vocabulary, config.lowercase, strip_accents=False)
    else:
        tokenizer = keras_bert.WordPieceTokenizer.load(config.vocabulary)
    rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
    size = keras_bert.BertConfig.named(config.size, vocabulary_size=tokenizer.vocabulary_size, **rates)
    model = getattr(keras_bert, task)(keras_bert.backbone(size))
    if config.neighbour_attention:
        keras_bert.initialization.neighbour_attention(model, config.seed)
    return model, tokenizer


def evaluate(model, batches):
    """model, batches -> its losses and accuracies by name: mlm_loss and so on."""
    scores = model.evaluate(batches, verbose=0, return_dict=True)
    # Of a single output Keras doesn't tell the name.
    return scores if len(model.output) > 1 else {f"mlm_{name}": score for name, score in scores.items()}


def checkpoints(config, texts, tokenizer, train):
    """Config, the corpus's fingerprints, tokenizer, data -> the callback by which the same command goes on."""
    free = ("corpus", "valid", "vocabulary", "output", "tensorboard", "keep", "fill", "evaluation_batches")
    settings = {name: value for name, value in dataclasses.asdict(config).items() if name not in free}
    settings["hold_out"] = train.hold_out  # as it was chosen, None beside `valid`
    settings["pretrained"] = runs.contents_of(config.pretrained)
    settings["corpus"] = DIGEST + hashlib.sha256(" ".join(texts).encode()).hexdigest()
    settings["vocabulary"] = DIGEST + hashlib.sha256("\n".join(tokenizer.vocabulary).encode()).hexdigest()
    every, directory = config.evaluate_every, checkpoints_directory(config)
    return keras_bert.resume.Resume(directory, every, config.keep, data=train, settings=settings, minutes=runs.MINUTES)


def checkpoints_directory(config):
    output = config.output.expanduser().resolve()
    return output.with_name(output.name + "-checkpoints")


def is_finished(config):
    """Config -> whether its output is there, and beside it a checkpoint of the last step; of which run, that tells."""
    output = config.output and config.output.expanduser()
    last = f"step-{config.steps:08d}"
    return output is not None and any(output.glob("*")) and (checkpoints_directory(config) / last).is_dir()


if __name__ == "__main__":
    command_line.run(Config, main)
