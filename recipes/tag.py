"""Tagging: a tag for each word (entities, parts of speech) or for each character.

    python recipes/tag.py                                                English names, from random weights
    python recipes/tag.py --train recipes/samples/tag/ko_train.tsv \
                          --valid recipes/samples/tag/ko_valid.tsv       Korean names, a character a line
    python recipes/tag.py --train train.conll --valid dev.conll --test test.conll --pretrained DIR-OR-HUB-ID \
                          --output tagger --export served

Where the library is installed, `keras-bert tag` is the same as `python recipes/tag.py`.

Expect, without options: valid_entity_f1 0.73 (0.73 to 0.78 over seeds 0, 1, 2), in Korean 0.70 (0.70 to 0.78), on
names that training doesn't have; a minute on 2 CPU cores. WNUT-17 from MiniLM, --epochs 5 --batch-size 32
--learning-rate 2e-4 --precision mixed_bfloat16: test_accuracy 0.944, test_entity_f1 0.435 (0.412 is the least to
expect), 74 sentences/s on 2 cores of an AMD EPYC, 6 minutes.
"""

import dataclasses
from typing import Literal

import keras_bert
from keras_bert.recipes import classifying, command_line, common, reports, runs

SAMPLES = common.SAMPLES / "tag"


@dataclasses.dataclass(frozen=True)
class Config(classifying.Classifying):
    """Fine-tunes BERT to tag words or characters.

    Args:
        train: Tagged sentences to train on: a CoNLL or CoNLL-U file. Without it and `valid`: the English samples.
        word_column: Column of the words, counted from 0; by default the first, or the second where the first numbers
            the words.
        tag_column: Column of the tags; by default the last, of CoNLL-U files the fourth.
        is_entities: Whether tags mark entities, in whatever scheme (BIO, BIOES, PER_B, b-per, PER and O ...), or say
            something of each word alone. By default found out, and said where it isn't plain.
        max_length: The most tokens of a row; longer sentences run in windows.
        stride: The tokens that two windows share; by default a quarter of `max_length`.
        unit: What the SavedModel tags: a "word" or punctuation mark, as BERT parts them; what white space parts, as
            in the training files ("space"); a "piece" of a word. By default a piece if characters have tags, else a
            word.
    """

    word_column: int | None = None
    tag_column: int | None = None
    is_entities: bool | None = None
    stride: int | None = None
    unit: Literal["word", "space", "piece"] | None = None

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (12, 1e-3)


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    strategy = common.prepare(config, "sentences")

    def read(path, like=None):
        units = {"by_character": like and like.by_character, "scheme": like and like.scheme}
        columns = config.word_column, config.tag_column
        return keras_bert.data.read_tagged(path, *columns, is_entities=config.is_entities, **units)

    train = read(config.train or SAMPLES / "en_train.conll")
    tags, entities, characters = train.labels, train.is_entities, train.by_character
    test = config.test and read(config.test, like=train)
    parts = runs.held_out(config, train, strategy, fold)
    train, valid = parts or (train, read(config.valid or SAMPLES / "en_valid.conll", like=train))
    fallback = "O" if entities and "O" in tags else train.counts.most_common(1)[0][0]
    for sentences in filter(None, (train, valid, test)):
        keras_bert.data.check_tags(sentences, tags)
    train = common.limited(train, config)
    class_weights = config.weights_of(train.counts, tags, train.name)

    with strategy.scope():
        texts = (sentence.text for sentence in train)
        # An entity may end at any character: tokens of a single one, if characters have tags.
        frequency = {"min_frequency": 10**9} if characters else {}
        head = {"num_classes": len(tags), "labels": tags, "dropout": config.dropout}
        model, tokenizer = common.model_and_tokenizer(config, "token_classifier", texts, **frequency, **head)
        common.what_to_train(model, config)
    length = {"max_length": config.max_length, "stride": config.stride}
    meaning = {"fallback": fallback, "is_entities": entities}
    tag = keras_bert.prediction.unit_tagger(model, tokenizer, batch_size=config.batch_size, **meaning, **length)
    options = {"seed": config.seed, "class_weights": class_weights, **length}
    batches = keras_bert.data.tagging_batches(train, tokenizer, tags, config.batch_size, **options)

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(
            optimizer=keras_bert.AdamW(schedule, layer_decay=config.layer_decay),
            # The weights are 1, or the tag's, for the first token of a word and 0 elsewhere: the mean is over words.
            loss=keras_bert.losses.SmoothedCrossEntropy(config.label_smoothing),
            accumulate=config.accumulate,
        )
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput()
    validate = common.validation(lambda: scored(valid, tag)[0])
    best = "val_entity_f1" if entities else "val_accuracy"
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

    scores, report = scored(test or valid, tag)
    reports.show(run, config, report, (test or valid).name)
    if run.writes(config.export):
        unit = config.unit or ("piece" if characters else "word")
        keras_bert.export_saved_model(model, tokenizer, config.export, unit=unit, **meaning, **length)
    return common.results(config, keep_best, throughput, test=test and scores)


def scored(sentences, tag):
    """TaggedSentences, what `unit_tagger` made -> scores over all their units, in the tags of the file; and of each
    type of entity, or of each tag."""
    gold, predicted = [sentence.tags for sentence in sentences], tag(sentences)
    scores = {"accuracy": keras_bert.metrics.tag_accuracy(gold, predicted)}
    if sentences.is_entities:
        scores |= keras_bert.metrics.entity_scores(gold, predicted)
    if sentences.by_character:
        scores["character_f1"] = keras_bert.metrics.character_f1(gold, predicted)
    if sentences.is_entities:
        return scores, keras_bert.metrics.entity_report(gold, predicted)
    gold, predicted = ([name for names in tags for name in names] for tags in (gold, predicted))
    return scores, keras_bert.metrics.class_report(gold, predicted, sorted({*gold, *predicted}))


if __name__ == "__main__":
    command_line.run(Config, main)
