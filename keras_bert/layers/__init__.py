"""BERT's layers, in `keras.ops` only: they run on every Keras backend."""

from keras_bert.layers.embedding import TokenAndPositionAndSegmentEmbedding
from keras_bert.layers.encoder import TransformerEncoder
from keras_bert.layers.gathering import Parted
from keras_bert.layers.heads import ClassificationHead, MLMHead, NSPHead, Pooler
from keras_bert.layers.pooling import Pooling

__all__ = [
    "ClassificationHead",
    "MLMHead",
    "NSPHead",
    "Parted",
    "Pooler",
    "Pooling",
    "TokenAndPositionAndSegmentEmbedding",
    "TransformerEncoder",
]
