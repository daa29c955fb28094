"""From labelled examples to batches, in tf.data."""

from keras_bert.data.packing import length_bucketed, model_inputs, pack, pad
from keras_bert.data.tasks import LabelledTexts, check_labels, classification_batches, read_labelled_texts

__all__ = [
    "LabelledTexts",
    "check_labels",
    "classification_batches",
    "length_bucketed",
    "model_inputs",
    "pack",
    "pad",
    "read_labelled_texts",
]
