"""Tagging: a tag for each word (entities, parts of speech) or for each character.

    python recipes/tag.py                                                English names, from random weights
    python recipes/tag.py --train recipes/samples/tag/ko_train.tsv \
                          --valid recipes/samples/tag/ko_valid.tsv       Korean names, a character a line
    python recipes/tag.py --train train.conll --valid dev.conll --test test.conll --pretrained DIR-OR-HUB-ID \
                          --output tagger --export served

Expect, without options: valid_entity_f1 0.73 (0.73 and 0.76 with seeds 0 and 1), in Korean 0.81 (0.81 and 0.77), on
names that training doesn't have; a minute on 2 CPU cores. WNUT-17 from MiniLM, --epochs 5 --batch-size 32
--learning-rate 2e-4 --precision mixed_bfloat16: test_accuracy 0.944, test_entity_f1 0.435 (0.412 is the least to
expect), 74 sentences/s on 2 cores of an AMD EPYC, 6 minutes.
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
from keras_bert.data import check_tags, read_tagged, tagging_batches
from keras_bert.distribution import check_same, is_chief
from keras_bert.metrics import character_f1, entity_scores, tag_accuracy
from keras_bert.prediction import unit_tagger
from keras_bert.training.callbacks import KeepBest, Throughput
from keras_bert.utils.checks import check_positive_integer, check_positive_number, check_rate
from keras_bert.utils.files import check_outputs

SAMPLES = Path(__file__).parent / "samples" / "tag"


@dataclasses.dataclass(frozen=True)
class Config:
    """Fine-tunes BERT to tag words or characters.

    Args:
        train: Tagged sentences to train on: a CoNLL or CoNLL-U file. Without it and `valid`: the English samples.
        valid: Tagged sentences to choose the best epoch by.
        test: Tagged sentences to report on in the end.
        word_column: Column of the words, counted from 0; by default the first, of .conllu files the second.
        tag_column: Column of the tags; by default the last, of .conllu files the fourth.
        pretrained: Checkpoint to start from: a directory or a hub id. Without one, a tiny BERT with random weights and
            a vocabulary trained on the training sentences.
        output: Directory for the best model, in Hugging Face's layout.
        export: Directory for a SavedModel that takes strings.
        unit: What the SavedModel tags: a "word" or punctuation mark, as BERT parts them; what white space parts, as
            in the training files ("space"); a "piece" of a word. By default a piece if characters have tags, else a
            word.
        limit: Train on a random sample of this size.
        epochs: Passes over the training sentences. Without it: 12, or 3 with `pretrained`.
        batch_size: Sentences in a batch.
        learning_rate: The highest rate, after the warm-up. Without it: 1e-3, or 5e-5 with `pretrained`, which
            suits models of base's size; smaller models want 1e-4 or more.
        dropout: Dropped share of activations while training. Without it: the checkpoint's own, else 0.1.
        max_length: The most tokens of a row; longer sentences run in windows.
        stride: The tokens that two windows share; by default a quarter of `max_length`.
        precision: Arithmetic of the layers; mixed_bfloat16 is faster where the processor multiplies bfloat16.
        strategy: Devices that share each batch: one, all of this machine, or those of all workers in TF_CONFIG.
        accumulate: In how many parts each device computes its rows of a batch: less memory, the same result.
        seed: Of weights, shuffling and dropout.
    """

    train: Path | None = None
    valid: Path | None = None
    test: Path | None = None
    word_column: int | None = None
    tag_column: int | None = None
    pretrained: str | None = None
    output: Path | None = None
    export: Path | None = None
    unit: Literal["word", "space", "piece"] | None = None
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
        defaults = (12, 1e-3) if self.pretrained is None else (3, 5e-5)
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
            f"valid={config.valid}. A tenth of the training sentences, held out of them, will do as valid."
        )
    strategy = keras_bert.distribution.strategy(config.strategy)
    files = {name: getattr(config, name) for name in ("train", "valid", "test")}
    check_same(strategy, config=dataclasses.asdict(config), **files)
    keras.utils.set_random_seed(config.seed)
    keras.config.set_dtype_policy(config.precision)

    columns = {"word_column": config.word_column, "tag_column": config.tag_column}
    train = read_tagged(config.train or SAMPLES / "en_train.conll", **columns)
    tags, entities, characters = train.tags, train.is_entities, train.by_character
    valid = read_tagged(config.valid or SAMPLES / "en_valid.conll", **columns, by_character=characters)
    test = config.test and read_tagged(config.test, **columns, by_character=characters)
    fallback = train.counts.most_common(1)[0][0]
    for sentences in filter(None, (train, valid, test)):
        check_tags(sentences, tags)
    if config.limit is not None:
        train = train.sample(config.limit, config.seed)

    with strategy.scope():
        if config.pretrained is not None:
            model, tokenizer = keras_bert.load_pretrained(
                config.pretrained,
                task="token_classifier",
                backbone_dropout=config.dropout,
                dropout=config.dropout,
                labels=tags,
            )
        else:
            # An entity may end at any character: tokens of a single one, if characters have tags.
            frequency = {"min_frequency": 10**9} if characters else {}
            texts = (sentence.text for sentence in train)
            vocabulary = keras_bert.train_vocabulary(texts, size=4000, strip_accents=False, **frequency)
            tokenizer = keras_bert.WordPieceTokenizer(vocabulary, strip_accents=False)
            rates = {"dropout": config.dropout, "attention_dropout": config.dropout}
            size = keras_bert.BertConfig.named("tiny", vocabulary_size=tokenizer.vocabulary_size, **rates)
            model = keras_bert.token_classifier(keras_bert.backbone(size), len(tags), labels=tags)

    length = {"max_length": config.max_length, "stride": config.stride}
    tag = unit_tagger(model, tokenizer, fallback=fallback, batch_size=config.batch_size, **length)
    train_batches = tagging_batches(train, tokenizer, tags, config.batch_size, seed=config.seed, **length)

    def scores(sentences, prefix):
        """TaggedSentences -> metrics over all their units, in the tags of the file."""
        gold, predicted = [sentence.tags for sentence in sentences], tag(sentences)
        metrics = {"accuracy": tag_accuracy(gold, predicted)} | (entity_scores(gold, predicted) if entities else {})
        if characters:
            metrics["character_f1"] = character_f1(gold, predicted)
        return {prefix + key: value for key, value in metrics.items()}

    steps = config.epochs * len(train_batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule),
            # The weights are 1 for the first token of a word and 0 elsewhere: the mean is over words.
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="mean_with_sample_weight"),
            accumulate=config.accumulate,
        )
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), Throughput()
    validate = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(scores(valid, "val_")))
    keep_best = KeepBest("val_entity_f1" if entities else "val_accuracy", tokenizer, config.output)
    model.fit(
        throughput.count(train_batches),
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
        unit = config.unit or ("piece" if characters else "word")
        keras_bert.export_saved_model(model, tokenizer, config.export, unit=unit, fallback=fallback, **length)
    return {**metrics, **throughput.results(), "output": config.output and str(config.output)}


if __name__ == "__main__":
    import tyro

    try:
        print(json.dumps(main(tyro.cli(Config))))
    except (ValueError, RuntimeError, OSError) as error:
        raise SystemExit(f"error: {error}") from error
