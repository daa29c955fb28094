"""From labelled examples, or plain text, to batches, in tf.data."""

from keras_bert.data.class_weights import class_weights, label_weights
from keras_bert.data.epochs import from_step
from keras_bert.data.files.conll import read_tagged
from keras_bert.data.files.conll_lines import SentenceLines
from keras_bert.data.files.example_rows import WeightedRow
from keras_bert.data.files.label_remarks import labelling_remarks
from keras_bert.data.files.labelled_texts import LabelledTexts, check_labels, check_scores, read_labelled_texts
from keras_bert.data.files.question_files import AskedQuestions, read_squad
from keras_bert.data.files.records import Records
from keras_bert.data.files.squad import Question, Questions
from keras_bert.data.files.tables import column_names
from keras_bert.data.files.tagged_sentences import TaggedSentence, TaggedSentences, check_tags
from keras_bert.data.files.text_groups import TextGroups, question_groups, read_text_groups
from keras_bert.data.files.unlabelled_texts import read_texts
from keras_bert.data.group_batches import embedding_batches, similarity_batches
from keras_bert.data.packing import length_bucketed, model_inputs, pack, pad
from keras_bert.data.pretraining import (
    PretrainingBatches,
    corpus_files,
    masked_word_counts,
    write_python_documentation,
)
from keras_bert.data.question_batches import answering_batches
from keras_bert.data.splits import fold, hold_out
from keras_bert.data.tag_batches import tagging_batches
from keras_bert.data.text_batches import classification_batches, regression_batches, unlabelled_batches

__all__ = [
    "AskedQuestions",
    "LabelledTexts",
    "PretrainingBatches",
    "Question",
    "Questions",
    "Records",
    "SentenceLines",
    "TaggedSentence",
    "TaggedSentences",
    "TextGroups",
    "WeightedRow",
    "answering_batches",
    "check_labels",
    "check_scores",
    "check_tags",
    "class_weights",
    "classification_batches",
    "column_names",
    "corpus_files",
    "embedding_batches",
    "fold",
    "from_step",
    "hold_out",
    "label_weights",
    "labelling_remarks",
    "length_bucketed",
    "masked_word_counts",
    "model_inputs",
    "pack",
    "pad",
    "question_groups",
    "read_labelled_texts",
    "read_squad",
    "read_tagged",
    "read_text_groups",
    "read_texts",
    "regression_batches",
    "similarity_batches",
    "tagging_batches",
    "unlabelled_batches",
    "write_python_documentation",
]
