"""Strings to token ids and back, as TensorFlow graph ops: the same for training and serving."""

try:
    from keras_bert.text.tokenizer import WordPieceTokenizer
except ModuleNotFoundError as error:
    if error.name not in ("tensorflow", "tensorflow_text"):
        raise
    raise ImportError(
        f"keras_bert.text needs tensorflow and tensorflow-text, and {error.name} isn't installed. tensorflow-text has "
        "wheels for Python 3.11 to 3.13 on Linux and on Macs with Apple's own processors: use one of these, on Windows "
        "in WSL. keras_bert.runtime, which answers from what export_onnx wrote, needs neither.",
        name=error.name,
    ) from error
from keras_bert.text.vocabulary import read_vocabulary, train_vocabulary, write_vocabulary

__all__ = ["WordPieceTokenizer", "read_vocabulary", "train_vocabulary", "write_vocabulary"]
