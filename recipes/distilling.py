"""What `distil` does around its story: teacher and student, what the teacher is to answer, scores of both."""

import functools
import random
from pathlib import Path

import keras_bert
from keras_bert.recipes import classify, classifying, common, runs, tag

SAMPLES = classify.SAMPLES
# What a text gets -> what makes probabilities of logits, and what the best epoch is chosen by.
ANSWERS = {
    "a label": ("softmax", "val_accuracy"),
    "several labels": ("sigmoid", "val_micro_f1"),
    "a score": ("linear", "val_pearson"),
}
TASKS = ("text_classifier", "text_regressor", "token_classifier")


def teacher_of_samples(directory, config):
    """directory that isn't there yet, Config -> the directory, with a small classifier of the samples."""
    classify.main(classify.Config(output=directory, seed=config.seed, precision=config.precision))
    return directory


def teacher_and_student(source, config):
    """directory or hub id of the teacher, Config -> the two models, and the teacher's tokenizer."""
    task = keras_bert.checkpoints.task_of(source)
    if task not in TASKS:
        raise ValueError(
            f"`teacher` must be a text classifier, a text regressor or a token classifier. Received: {source}, a "
            f"{task}. `keras-bert classify`, `keras-bert pair` and `keras-bert tag` write such directories."
        )
    teacher, tokenizer = keras_bert.load_pretrained(source, task, backbone_dropout=config.dropout)
    if teacher.random_weights:
        raise ValueError(
            f"`teacher` must be a trained {task}. Received: {source}, which has no head for it, so that its answers "
            "would be chance. Fine-tune it by the recipe of its task first."
        )
    if config.pretrained is None:
        return teacher, keras_bert.student(teacher, config.num_layers, config.layers or None), tokenizer
    head = {} if task == "text_regressor" else {"num_classes": teacher.output.shape[-1], "labels": teacher.labels}
    if task == "text_classifier":
        head["multi_label"] = teacher.multi_label
    student, own = keras_bert.load_pretrained(config.pretrained, task, backbone_dropout=config.dropout, **head)
    if own is None or own.vocabulary != tokenizer.vocabulary:
        raise ValueError(
            "The student must have the teacher's vocabulary, for both read the same tokens. Received: "
            f"pretrained={config.pretrained}, teacher={source}, whose vocabularies differ. Leave `pretrained` out, or "
            "choose one that was made from the teacher's."
        )
    return teacher, student, tokenizer


def examples_for(teacher, student, tokenizer, config):
    """teacher, student, their tokenizer, Config -> `Texts` or `Sentences`, by the teacher's task; a `ValueError` if the
    options are of the other."""
    of_words = teacher.task == "token_classifier"
    others = ("text_column", "text_columns") if of_words else ("word_column", "tag_column", "is_entities", "stride")
    if given := [name for name in others if getattr(config, name) is not None]:
        raise ValueError(
            f"The teacher is a {teacher.task}. Received: {', '.join(f'`{name}`' for name in given)}, which "
            f"{'texts' if of_words else 'tagged words'} have. Leave that out."
        )
    several = ("label_columns", "label_separator")
    if not teacher.multi_label and any(getattr(config, name) != getattr(type(config), name) for name in several):
        raise ValueError(
            "`label_columns` and `label_separator` are of several labels a text, and the teacher gives one answer. "
            "Leave them out."
        )
    if config.report is not None and teacher.task == "text_regressor":
        raise ValueError("`report` is of classes and tags, and the teacher gives scores. Leave it out.")
    if not of_words:
        student.keep_pairs(len(config.columns) == 2)
    return (Sentences if of_words else Texts)(teacher, tokenizer, config)


class Texts:
    """Texts, or pairs, that a text classifier or a text regressor answers. Arguments: teacher, tokenizer, Config."""

    def __init__(self, teacher, tokenizer, config):
        self._teacher, self._tokenizer, self._config = teacher, tokenizer, config
        self.have_classes, self._columns = teacher.task == "text_classifier", config.columns
        kind = "several labels" if teacher.multi_label else "a label" if self.have_classes else "a score"
        self.activation, self.best = ANSWERS[kind]
        self.options = {"pairs": len(config.columns) == 2}  # of predictor and SavedModel

    def read(self, path):
        """file -> LabelledTexts with the teacher's labels."""
        labels = self._config.label_columns or self._config.label_column
        several = {"multi_label": self._teacher.multi_label, "label_separator": self._config.label_separator}
        examples = keras_bert.data.read_labelled_texts(path, self._columns, labels, **several)
        if self.have_classes:
            keras_bert.data.check_labels(examples, self._teacher.labels)
        else:
            keras_bert.data.check_scores(examples)
        return examples

    def scorer(self, model):
        """teacher or student -> a function: LabelledTexts, whether it finds thresholds -> what `scored` gives."""
        predict = keras_bert.predictor(model, self._tokenizer, self._config.max_length, **self.options)
        sizes = {"batch_size": self._config.batch_size}
        return functools.partial(classifying.scored, model=model, predict=predict, **sizes)

    def unanswered(self, strategy, fold):
        """strategy, number of a fold or None -> batches that the teacher shall answer, with labels if these are
        learned; and LabelledTexts to choose the best epoch by."""
        config, batches, texts = self._config, [], []
        path = config.train or SAMPLES / "en_train.tsv"
        holds_out = fold is not None or isinstance(config.valid, float)
        train = self.read(path) if config.label_share or holds_out else None
        parts = runs.held_out(config, train, strategy, fold, classes=self.have_classes)
        train, valid = parts or (train, self.read(config.valid or SAMPLES / "en_valid.tsv"))
        sizes = {"batch_size": config.batch_size, "max_length": config.max_length}
        if config.label_share:
            examples = common.limited(train, config)
            if self.have_classes:
                labels = self._teacher.labels
                batches.append(keras_bert.data.classification_batches(examples, self._tokenizer, labels, **sizes))
            else:
                batches.append(keras_bert.data.regression_batches(examples, self._tokenizer, **sizes))
        elif train is not None:
            texts.append([row[0] if len(row) == 2 else row[:-1] for row in train])
        else:
            texts.append(keras_bert.data.read_texts(path, self._columns))
        if config.unlabelled is not None:
            texts.append(keras_bert.data.read_texts(config.unlabelled, self._columns))
        for rows in texts:
            batches.append(keras_bert.data.unlabelled_batches(sampled(rows, config), self._tokenizer, **sizes))
        return batches, valid

    def export(self, model):
        """student -> None; writes its SavedModel."""
        options = self.options | ({"labels": self._teacher.labels} if self.have_classes else {})
        directory, length = Path(self._config.export), self._config.max_length
        keras_bert.export_saved_model(model, self._tokenizer, directory, length, **options)


class Sentences:
    """Sentences whose words a token classifier tags. Arguments: as of `Texts`."""

    activation, have_classes = "softmax", True

    def __init__(self, teacher, tokenizer, config):
        self._teacher, self._tokenizer, self._config = teacher, tokenizer, config
        self._lengths = {"max_length": config.max_length, "stride": config.stride}
        self._like = None  # the sentences to train on, as which others are read
        self.best = None

    def read(self, path):
        """file -> TaggedSentences with the teacher's tags."""
        config, like = self._config, self._like
        units = {} if like is None else {"by_character": like.by_character, "scheme": like.scheme}
        sentences = keras_bert.data.read_tagged(
            path, config.word_column, config.tag_column, is_entities=config.is_entities, **units
        )
        keras_bert.data.check_tags(sentences, self._teacher.labels)
        return sentences

    def scorer(self, model):
        """teacher or student -> a function: TaggedSentences -> what `scored` gives."""
        options = {"batch_size": self._config.batch_size, "is_entities": self._like.is_entities, **self._lengths}
        tagger = keras_bert.prediction.unit_tagger(model, self._tokenizer, **options)
        return functools.partial(tag.scored, tag=tagger)

    def unanswered(self, strategy, fold):
        """As of `Texts`; words in files of `unlabelled` need no tags."""
        config = self._config
        self._like = train = self.read(config.train)
        self.best = "val_entity_f1" if train.is_entities else "val_accuracy"
        parts = runs.held_out(config, train, strategy, fold)
        train, valid = parts or (train, self.read(config.valid))
        batches = [self._batches(common.limited(train, config))]
        if config.unlabelled is not None:
            batches.append(self._batches(self._without_tags(config.unlabelled)).map(without_labels))
        return batches, valid

    def _without_tags(self, path):
        """file of words -> TaggedSentences, with a tag that isn't learned."""
        blocks = keras_bert.data.SentenceLines(path, self._config.word_column)
        rows = [(block.words, self._teacher.labels[:1] * len(block.words)) for block in blocks]
        rows = sampled([(words, tags) for words, tags in rows if words], self._config)
        units = {"by_character": self._like.by_character, "is_entities": False}
        return keras_bert.data.TaggedSentences(rows, str(path), **units)

    def _batches(self, sentences):
        sizes = {"batch_size": self._config.batch_size, **self._lengths}
        return keras_bert.data.tagging_batches(sentences, self._tokenizer, self._teacher.labels, **sizes)

    def export(self, model):
        """As of `Texts`."""
        unit = {"unit": "piece"} if self._like.by_character else {}
        options = {"is_entities": self._like.is_entities, **self._lengths, **unit}
        keras_bert.export_saved_model(model, self._tokenizer, self._config.export, **options)


def sampled(rows, config):
    """list of rows without labels, Config -> a random sample of `limit` of them; all, if there is no limit."""
    if config.limit is None or config.limit >= len(rows):
        return rows
    return random.Random(config.seed).sample(rows, config.limit)


def without_labels(inputs, labels, weights):
    """a batch -> the same with NaN for each label, by which none is learned."""
    import tensorflow as tf

    return inputs, tf.fill(tf.shape(labels), float("nan")), weights
