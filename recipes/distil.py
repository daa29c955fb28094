"""Smaller models: a trained model in, one of fewer layers out that answers nearly as well, and faster.

    python recipes/distil.py                                  English reviews: a teacher of two layers, a student of one
    python recipes/distil.py --teacher classifier --train train.tsv --valid dev.tsv --test test.tsv \
                             --text-column sentence --num-layers 3 --output small --export served
    python recipes/distil.py --teacher similarity --train pairs.tsv --valid dev.tsv --text-columns sentence1 sentence2 \
                             --label-column score --output small
    python recipes/distil.py --teacher tagger --train train.conll --valid dev.conll --output small

The teacher is what `classify`, `pair` or `tag` wrote to its --output, or another checkpoint with such a head. Texts
that it answers need no labels. Where the library is installed, `keras-bert distil` is the same as
`python recipes/distil.py`.

Expect, without options: valid_accuracy 0.94 (0.85 is the least to expect) of a student of one layer, and 0.88 of its
teacher of two, on 80 reviews; a minute on 2 CPU cores. SST-2, three layers of MiniLM's six, --limit 30720 --epochs 2
--batch-size 32 --learning-rate 3e-4 --precision mixed_bfloat16: test_accuracy 0.883 (0.87 is the least to expect), and
0.892 of its teacher, of as many labels.
"""

import dataclasses
import tempfile
from pathlib import Path

import keras_bert
from keras_bert.recipes import command_line, common, distilling, reports, runs

SAMPLES = distilling.SAMPLES


@dataclasses.dataclass(frozen=True)
class Config(common.FineTuning):
    """Trains a smaller model to answer as a trained one does.

    Args:
        teacher: The trained model: a directory or a hub id. Without it: a small one, trained on the samples first.
        train: Texts, or pairs of texts, for the teacher to answer: a table (.tsv, .csv, .txt), objects (.json, .jsonl)
            or plain lines (.txt), compressed by gzip if .gz follows. Their labels are read with `label_share` only.
            Tagged sentences, for a tagger: a CoNLL or CoNLL-U file.
        unlabelled: More texts for the teacher to answer, in a file as `train` takes it; they need no labels.
        valid: Labelled texts to choose the best epoch by; or a number between 0 and 1, the share of `train`, labelled
            then, that is held out for it.
        pretrained: Checkpoint for the student to start from, with the teacher's vocabulary: a directory or a hub id.
            Without it: layers of the teacher.
        limit: Answer and train on a random sample of this size, of each file.
        text_column: Column, or key, of the text; or the column's place, counted from 0. By default text.
        text_columns: Columns, or keys, of the two texts of a pair; or the columns' places.
        label_column: Column, or key, of the label; or the column's place, counted from 0.
        label_separator: What stands between the labels of a cell, where the teacher gives several.
        label_columns: Columns of 0 and 1, one for each label, instead of `label_column`, where the teacher gives
            several.
        word_column: Of CoNLL files, the column of the words, counted from 0; by default the first, or the second where
            the first numbers the words.
        tag_column: The same of the tags; by default the last, of CoNLL-U files the fourth.
        is_entities: Whether tags mark entities. By default found out.
        stride: The tokens that two windows of a long sentence share; by default a quarter of `max_length`.
        num_layers: Layers of the student; by default half of the teacher's.
        layers: Which of the teacher's layers it starts from, counted from 0; by default evenly spaced ones, up to the
            last.
        temperature: What logits are divided by before they are compared: the higher, the more the student hears of
            classes that the teacher finds unlikely.
        label_share: The labels' part of the loss; 1 trains the same student without the teacher's answers.
        hidden_states: Weight of the difference between their hidden states; with it, the teacher runs in every step.
        report: Directory for the student's scores of each class and a picture of what was taken for what, on `test` or
            else `valid`.
        learning_rate: The highest rate, after the warm-up. The default suits models of base's size; smaller ones want
            3e-4 or so.
        max_length: The most tokens of a text, or a pair; what is longer loses its end. Of a sentence to be tagged, the
            most of a row; what is longer runs in windows.
    """

    teacher: str | None = None
    unlabelled: Path | None = None
    text_column: str | None = None
    text_columns: tuple[str, str] | None = None
    label_column: str = "label"
    label_separator: str = "|"
    label_columns: tuple[str, ...] = ()
    word_column: int | None = None
    tag_column: int | None = None
    is_entities: bool | None = None
    stride: int | None = None
    num_layers: int | None = None
    layers: tuple[int, ...] = ()
    temperature: float = 2.0
    label_share: float = 0.0
    hidden_states: float = 0.0
    report: Path | None = None

    FROM_RANDOM_WEIGHTS = (8, 1e-3)  # with the teacher of the samples
    START = "teacher"

    def __post_init__(self):
        if (self.teacher is None) != (self.train is None):
            raise ValueError(
                "Give both `teacher` and `train`, or neither to try the samples. Received: "
                f"teacher={self.teacher}, train={self.train}."
            )
        super().__post_init__()
        if self.text_column is not None and self.text_columns is not None:
            raise ValueError(
                "Give `text_column` for single texts or `text_columns` for pairs, not both. Received: text_column="
                f"{self.text_column}, text_columns={', '.join(self.text_columns)}."
            )
        if self.pretrained is not None and (self.num_layers is not None or self.layers):
            raise ValueError("`pretrained` has its own layers. Leave `num_layers` and `layers` out.")
        if not self.hidden_states >= 0:
            raise ValueError(f"`hidden_states` must be at least 0. Received: hidden_states={self.hidden_states}.")
        reports.check_picture(self.report)

    @property
    def columns(self):
        """The columns of the texts: one name or two."""
        return self.text_columns or (self.text_column or "text",)


def main(config, fold=None):
    """Trains, evaluates and saves: Config, number of a cross-validation's fold -> dict of metrics."""
    import keras  # Here, because it takes seconds, and `--help` doesn't need it.

    if config.cross_validate is not None and fold is None:
        return runs.cross_validated(config, main)
    strategy = common.prepare(config, "texts")
    with tempfile.TemporaryDirectory() as folder:
        source = config.teacher or distilling.teacher_of_samples(Path(folder, "teacher"), config)
        with strategy.scope():
            teacher, student, tokenizer = distilling.teacher_and_student(source, config)
            common.what_to_train(student, config)
    examples = distilling.examples_for(teacher, student, tokenizer, config)
    batches, valid = examples.unanswered(strategy, fold)
    parts = {"valid": valid} | ({"test": examples.read(config.test)} if config.test else {})
    scores_of_teacher, scores = examples.scorer(teacher), examples.scorer(student)
    of_teacher = {
        f"teacher_{part}_{name}": score
        for part, labelled in parts.items()
        for name, score in scores_of_teacher(labelled)[0].items()
    }
    batches = keras_bert.distillation.soft_batches(batches, teacher, tokenizer, config.batch_size, config.seed)

    steps = config.epochs * len(batches)
    schedule = keras_bert.WarmupPolynomialDecay(config.learning_rate, steps, warmup_steps=steps // 10)
    model, weights = student, None
    losses = keras_bert.distillation.SoftTargets(config.temperature, config.label_share, examples.activation)
    with strategy.scope():
        if config.hidden_states:
            model = keras_bert.distillation.with_hidden_states(student, teacher, config.layers[:-1] or None)
            losses = {"targets": losses, "hidden_states": "mae"}
            weights = {"targets": 1.0, "hidden_states": config.hidden_states}
        model.compile(
            keras_bert.AdamW(schedule, layer_decay=config.layer_decay),
            losses,
            loss_weights=weights,
            accumulate=config.accumulate,
        )
    finite, throughput = keras.callbacks.TerminateOnNaN(raise_error=True), keras_bert.callbacks.Throughput()
    finding = {"finds_thresholds": True} if student.multi_label else {}
    validate = common.validation(lambda: scores(valid, **finding)[0])
    keeping = {"max_length": config.max_length, "patience": config.early_stopping}
    keep_best = keras_bert.distillation.KeepStudent(student, examples.best, tokenizer, config.output, **keeping)
    run = runs.Run(config, model, tokenizer, keep_best, len(batches))
    for begin, epochs in run.calls():
        left = keras_bert.data.from_step(batches, begin)
        model.fit(
            throughput.count(keras_bert.distillation.with_zeros(left) if config.hidden_states else left),
            **epochs,
            shuffle=False,  # the pipeline shuffles
            verbose=common.verbosity(strategy),
            callbacks=[finite, throughput, validate, keep_best, *run.callbacks],
        )

    of_test = None
    if config.test or examples.have_classes:
        last = parts.get("test", valid)
        of_last, report = scores(last)
        of_test = of_last if config.test else None
        if report is not None:
            reports.show(run, config, report, last.name)
    if run.writes(config.export):
        examples.export(student)
    return common.results(config, keep_best, throughput, test=of_test) | of_teacher


if __name__ == "__main__":
    command_line.run(Config, main)
