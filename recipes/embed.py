"""Fine-tunes an encoder of sentences: texts that belong together get similar vectors, for search.

    python recipes/embed.py                                             questions and answers, from random weights
    python recipes/embed.py --train recipes/samples/embed/ko_train.tsv \
                            --valid recipes/samples/embed/ko_valid.tsv       the same in Korean
    python recipes/embed.py --train train.tsv --valid dev.tsv --text-columns query passage negative \
                            --pretrained DIR-OR-HUB-ID --output embedder --export served
    python recipes/embed.py --train stsb/train.tsv --valid stsb/dev.tsv --pretrained DIR-OR-HUB-ID     pairs with scores
    python recipes/embed.py --train train-v1.1.json --valid dev-v1.1.json --pretrained DIR-OR-HUB-ID   SQuAD's questions

Where the library is installed, `keras-bert embed` is the same as `python recipes/embed.py`.

Expect, without options: valid_recall_at_1 0.92 and valid_mrr_at_10 0.95, in Korean 0.81 and 0.88; a minute on 2 CPU
cores. Each of 72 questions is to find its answer among all 72: before training the shared words alone give 0.15 and
0.26, in Korean 0.07 and 0.12; chance gives 0.01 and 0.04.

STS-B from MiniLM, one epoch at the defaults: test_spearman 0.814; 4 minutes of both cores. That is less than the 0.820
of MiniLM as it is, which was trained on more than that.
"""

import dataclasses
import warnings
from typing import Literal

import keras_bert
from keras_bert.recipes import common

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


def read(path, config):
    """file, Config -> TextGroups; LabelledTexts where pairs have scores."""
    is_number = keras_bert.data.tables.is_number
    names = keras_bert.data.column_names(path)
    has_scores = config.score_column in names or is_number(config.score_column)  # by name, or by place
    kind = config.kind or ("squad" if "paragraphs" in names else "scored" if has_scores else "groups")
    if kind == "squad":
        return keras_bert.data.question_groups(keras_bert.data.read_squad(path))
    if not config.text_columns:
        check_names(names, path)
    columns = config.text_columns or [name for name in names if name != config.score_column]
    if kind == "groups":
        groups = keras_bert.data.read_text_groups(path, columns)
        if not config.text_columns and all(is_number(last.strip()) for *_, last in groups):
            raise ValueError(
                f"Every text in the last column of {path}, {columns[-1]!r}, is a number. If these are scores of pairs, "
                "name it by `score_column`; else choose the columns of texts by `text_columns`."
            )
        return groups
    if len(columns) != 2:
        raise ValueError(
            f"Scores are of pairs, in two columns of texts. Received: {', '.join(columns)}, of {path}. Choose two by "
            "`text_columns`."
        )
    return keras_bert.data.read_labelled_texts(path, columns, config.score_column)


def check_names(names, path):
    """names of a file's columns, the file -> None; a `ValueError`, or a warning, if they look like texts."""
    mend = (
        f"If that is no header, choose columns by number, 0 to {len(names) - 1}: texts by `text_columns`, scores by "
        "`score_column`."
    )
    for name in names:
        if keras_bert.data.tables.is_number(name):
            raise ValueError(f"Names of columns are expected in the first line of {path}. Received: {name!r}. {mend}")
        if name.endswith((".", "?", "!", "。")):
            remark = f"The first line of {path} is taken as names of columns, such as {name!r}. {mend}"
            warnings.warn(remark, stacklevel=2)


def loss_for(train, config):
    """TextGroups or LabelledTexts, Config -> the loss to train with, and its name."""
    scored = isinstance(train, keras_bert.data.LabelledTexts)
    name = config.loss or ("cosent" if scored else "in_batch_negatives")
    if (name != "in_batch_negatives") != scored:
        needed = "groups without scores" if scored else "pairs with scores"
        raise ValueError(f"`loss` {name} needs {needed} to train on. Received: {train.name}. Choose another loss.")
    dimensions = config.matryoshka or None
    if name == "in_batch_negatives":
        return keras_bert.losses.InBatchNegatives(config.temperature, config.both_directions, dimensions), name
    losses = {"cosent": keras_bert.losses.CoSENT, "cosine": keras_bert.losses.CosineRegression}
    return losses[name](dimensions=dimensions), name


def main(config):
    """Trains, evaluates and saves: Config -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.
    import numpy as np

    strategy = common.prepare(config, "texts")
    files = (config.train or SAMPLES / "en_train.tsv", config.valid or SAMPLES / "en_valid.tsv", config.test)
    train, valid, test = (file and read(file, config) for file in files)
    have_scores = [isinstance(examples, keras_bert.data.LabelledTexts) for examples in (train, valid, test)]
    ranges = [
        keras_bert.data.check_scores(examples) if has_scores else None
        for examples, has_scores in zip((train, valid, test), have_scores, strict=True)
    ]
    loss, name = loss_for(train, config)
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
    # Of a pair with scores neither text asks for the other, unless the prompts that are given say so.
    stored = model.embedder.prompts if config.prompts or not have_scores[0] else ()
    kinds = [
        next((name for name in names if name in stored), model.embedder.default_prompt)
        for names in (("query",), ("document", "passage", "corpus"))  # as sentence-transformers looks for them
    ]
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

    def vectors(texts, kind):
        """strings, name of the prompt before them -> vectors of length 1."""
        found = keras_bert.embed(texts, model, tokenizer, batch_size=config.batch_size, prompt=kind)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def scores(examples):
        """What `read` gave -> metrics: of pairs how cosines go with their scores; of groups those of a search."""
        if isinstance(examples, keras_bert.data.LabelledTexts):
            *columns, gold = map(list, zip(*examples, strict=True))
            first, second = (vectors(texts, kind) for texts, kind in zip(columns, kinds, strict=True))
            return keras_bert.metrics.correlations([float(score) for score in gold], (first * second).sum(axis=1))
        questions, passages, *wanted = examples.search()
        return keras_bert.metrics.retrieval_scores(vectors(questions, kinds[0]), vectors(passages, kinds[1]), *wanted)

    rows = 2 if have_scores[0] else train.num_texts
    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    with strategy.scope():
        model.compile(keras_bert.AdamW(schedule), loss, accumulate=config.accumulate)
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput(rows=rows)
    validate = common.validation(lambda: scores(valid))
    best = "val_spearman" if have_scores[1] else "val_mrr_at_10"
    keep_best = keras_bert.callbacks.KeepBest(best, tokenizer, config.output)
    before = {f"before_{metric}": score for metric, score in scores(valid).items()}
    model.fit(
        throughput.count(batches),
        epochs=config.epochs,
        shuffle=False,  # the pipeline shuffles
        verbose=common.verbosity(strategy),
        callbacks=[finite, throughput, validate, keep_best],
    )

    test_scores = test and scores(test)
    if config.export is not None and keras_bert.distribution.is_chief(strategy):
        directories = {config.export: kinds[0]}
        if len({*prompts}) > 1:  # a SavedModel puts one prompt before its texts
            directories = {config.export / "query": kinds[0], config.export / "passage": kinds[1]}
        for directory, kind in directories.items():
            keras_bert.export_saved_model(model, tokenizer, directory, prompt=kind)
    return before | common.results(config, keep_best, throughput, test=test_scores)


if __name__ == "__main__":
    common.run(Config, main)
