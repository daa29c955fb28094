"""From labelled examples, or plain text, to batches, in tf.data."""

from keras_bert.data.conll import read_tagged
from keras_bert.data.group_batches import embedding_batches, similarity_batches
from keras_bert.data.label_remarks import labelling_remarks
from keras_bert.data.labelled_texts import LabelledTexts, check_labels, check_scores, read_labelled_texts
from keras_bert.data.packing import length_bucketed, model_inputs, pack, pad
from keras_bert.data.pretraining import (
    PretrainingBatches,
    corpus_files,
    masked_word_counts,
    write_python_documentation,
)
from keras_bert.data.question_batches import answering_batches
from keras_bert.data.question_files import read_squad
from keras_bert.data.squad import Question, Questions
from keras_bert.data.tables import column_names
from keras_bert.data.tag_batches import tagging_batches
from keras_bert.data.tagged_sentences import TaggedSentence, TaggedSentences, check_tags
from keras_bert.data.text_batches import classification_batches, regression_batches
from keras_bert.data.text_groups import TextGroups, question_groups, read_text_groups

__all__ = [
    "LabelledTexts",
    "PretrainingBatches",
    "Question",
    "Questions",
    "TaggedSentence",
    "TaggedSentences",
    "TextGroups",
    "answering_batches",
    "check_labels",
    "check_scores",
    "check_tags",
    "classification_batches",
    "column_names",
    "corpus_files",
    "embedding_batches",
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
    "regression_batches",
    "similarity_batches",
    "tagging_batches",
    "write_python_documentation",
]
