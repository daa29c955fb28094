"""From files of plain text to batches for the pretrainer."""

from keras_bert.data.pretraining.batches import PretrainingBatches, masked_word_counts
from keras_bert.data.pretraining.documents import choose_hold_out, corpus_files, write_python_documentation

__all__ = [
    "PretrainingBatches",
    "choose_hold_out",
    "corpus_files",
    "masked_word_counts",
    "write_python_documentation",
]
