"""Fine-tunes an encoder of sentences: texts that belong together get similar vectors, for search.

    python recipes/embed.py                                             questions and answers, from random weights
    python recipes/embed.py --train recipes/samples/embed/ko_train.tsv \
                            --valid recipes/samples/embed/ko_valid.tsv       the same in Korean
    python recipes/embed.py --train train.tsv --valid dev.tsv --text-columns query passage negative \
                            --pretrained DIR-OR-HUB-ID --output embedder --export served
    python recipes/embed.py --train stsb/train.tsv --valid stsb/dev.tsv --pretrained DIR-OR-HUB-ID     pairs with scores
    python recipes/embed.py --train train-v1.1.json --valid dev-v1.1.json --pretrained DIR-OR-HUB-ID   SQuAD's questions

Where the library is installed, `keras-bert embed` is the same as `python recipes/embed.py`.

Expect, without options: valid_recall_at_1 0.92 and valid_mrr_at_10 0.95 (0.90 to 0.94 and 0.94 to 0.97 over seeds 0, 1,
2), in Korean 0.79 and 0.88 (0.76 to 0.82, 0.85 to 0.88); a minute on 2 CPU cores. Each of 72 questions is to find its
answer among all 72: before training the shared words alone give 0.15 and 0.26, in Korean 0.07 and 0.12; chance gives
0.01 and 0.04.

STS-B from MiniLM, one epoch at the defaults: test_spearman 0.814; 2 minutes on 2 cores of an AMD EPYC. That is less
than the 0.820 of MiniLM as it is, which was trained on more than that.
"""

import dataclasses
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, common, embedding, runs

SAMPLES = common.SAMPLES / "embed"


@dataclasses.dataclass(frozen=True)
class Config(common.FineTuning):
    """Fine-tunes BERT to give similar vectors to texts that belong together.

    Files are tables (.tsv, .csv, .txt) or objects (.json, .jsonl), compressed by gzip if .gz follows. Each holds what
    its columns say: pairs with scores; questions on paragraphs, in SQuAD's format; or else groups, each of an anchor,
    its positive and perhaps negatives.

    Args:
        train: Texts to train on. Without it and `valid`: the English samples.
        valid: Texts to choose the best epoch by: groups by a search of all their texts, pairs with scores by Spearman.
        export: Directory for a SavedModel that takes strings; where prompts of anchors and of other texts differ, for
            two of them, query and passage.
        text_columns: Columns, or keys, of anchor, positive and negatives, or of the two texts of a pair; or their
            places, counted from 0, where the first line has no names. Without them: all but the score's, in their
            order.
        score_column: Column of the scores of pairs.
        kind: What all files hold, where their columns don't tell.
        loss: in_batch_negatives for groups; cosent or cosine, which wants cosines to be scores, for pairs with scores.
            Without it: the first that fits.
        temperature: Of in_batch_negatives.
        both_directions: Whether in_batch_negatives has positives find their anchors, too.
        matryoshka: Numbers of first dimensions that are to be used by themselves too, such as 32 64 128 384.
        pooling: mean, cls or max. Without it: the checkpoint's own, else mean.
        prompts: What is put before anchors, and before other texts, such as "query: " "passage: ". Without it: the
            checkpoint's own for query, and for document, passage or corpus.
        batch_size: Groups or pairs in a batch; the more groups, the more negatives.
        max_length: The most tokens of a text.
    """

    text_columns: tuple[str, ...] = ()
    score_column: str = "score"
    kind: Literal["groups", "scored", "squad"] | None = None
    loss: Literal["in_batch_negatives", "cosent", "cosine"] | None = None
    temperature: float = 0.05
    both_directions: bool = False
    matryoshka: tuple[int, ...] = ()
    pooling: Literal["mean", "cls", "max"] | None = None
    prompts: tuple[str, str] | None = None
    batch_size: int = 32
    max_length: int | None = None

    # Epochs and learning rate.
    FROM_RANDOM_WEIGHTS = (15, 1e-3)
    FROM_CHECKPOINT = (1, 2e-5)
    MAX_LENGTH = 128  # without a checkpoint

    @classmethod
    def late_defaults(cls):
        hint = f"(default: {cls.MAX_LENGTH}; with --pretrained: the checkpoint's own)"
        return super().late_defaults() | {"max_length": hint}


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    strategy = common.prepare(config, "texts")
    train = embedding.read(config.train or SAMPLES / "en_train.tsv", config)
    parts = runs.held_out(config, train, strategy, fold, classes=False)
    train, valid = parts or (train, embedding.read(config.valid or SAMPLES / "en_valid.tsv", config))
    test = config.test and embedding.read(config.test, config)
    have_scores = [isinstance(examples, keras_bert.data.LabelledTexts) for examples in (train, valid, test)]
    ranges = [
        keras_bert.data.check_scores(examples) if has_scores else None
        for examples, has_scores in zip((train, valid, test), have_scores, strict=True)
    ]
    loss, name = embedding.loss_for(train, config)
    train = common.limited(train, config)

    settings = {}
    if config.max_length is not None or config.pretrained is None:
        settings["max_length"] = config.max_length or config.MAX_LENGTH
    if config.pooling is not None:
        settings["pooling"] = config.pooling
    if config.prompts is not None:
        settings["prompts"] = dict(zip(("query", "passage"), config.prompts, strict=True))
    with strategy.scope():
        texts = (text for row in train for text in (row[:2] if have_scores[0] else row))
        model, tokenizer = common.model_and_tokenizer(config, "text_embedder", texts, **settings)
        common.what_to_train(model, config)
    kinds = embedding.kinds_of_prompts(model.embedder, asks=bool(config.prompts) or not have_scores[0])
    prompts = [model.embedder.prompts.get(kind, "") for kind in kinds]
    sizes = {
        "batch_size": config.batch_size,
        "max_length": keras_bert.models.check_length_of(model, config.max_length),
        "seed": config.seed,
        "prompts": prompts,
    }
    if have_scores[0]:
        score_range = ranges[0] if name == "cosine" else None
        batches = keras_bert.data.similarity_batches(train, tokenizer, score_range=score_range, **sizes)
    else:
        alone = len(train) % config.batch_size == 1  # one group in a batch has no negatives
        batches = keras_bert.data.embedding_batches(train, tokenizer, drop_remainder=alone, **sizes)

    def encode(texts, kind):
        return keras_bert.embed(texts, model, tokenizer, batch_size=config.batch_size, prompt=kind)

    rows = 2 if have_scores[0] else train.num_texts
    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(keras_bert.AdamW(schedule, layer_decay=config.layer_decay), loss, accumulate=config.accumulate)
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput(rows=rows)
    validate = common.validation(lambda: embedding.scores(valid, encode, kinds))
    best = "val_spearman" if have_scores[1] else "val_mrr_at_10"
    keep_best = keras_bert.callbacks.KeepBest(best, tokenizer, config.output, patience=config.early_stopping)
    before = {f"before_{metric}": score for metric, score in embedding.scores(valid, encode, kinds).items()}
    run = runs.Run(config, model, tokenizer, keep_best, len(batches))
    for begin, epochs in run.calls():
        model.fit(
            throughput.count(keras_bert.data.from_step(batches, begin)),
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=[finite, throughput, validate, keep_best, *run.callbacks],
        )

    test_scores = test and embedding.scores(test, encode, kinds)
    if run.writes(config.export):
        directories = {config.export: kinds[0]}
        if len({*prompts}) > 1:  # a SavedModel puts one prompt before its texts
            directories = {config.export / "query": kinds[0], config.export / "passage": kinds[1]}
        for directory, kind in directories.items():
            keras_bert.export_saved_model(model, tokenizer, directory, prompt=kind)
    return before | common.results(config, keep_best, throughput, test=test_scores)


if __name__ == "__main__":
    command_line.run(Config, main)
