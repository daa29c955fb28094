"""Requests that TensorFlow Serving runs while it loads a model, so that the first ones of users aren't slow."""

import tensorflow as tf

_PLACE = ("assets.extra", "tf_serving_warmup_requests")
_SHAPES = ((1, 8), (1, 16), (1, 32), (1, 64), (1, 128), (8, 32), (32, 32))  # texts and their tokens


def write_warm_up(directory, input_names, max_length):
    """Writes requests of several sizes beside a SavedModel, where TensorFlow Serving looks for them.

    Args:
        directory: A `pathlib.Path` of the SavedModel.
        input_names: Names of the inputs of its signature `serving_default`, each strings [B].
        max_length: The most tokens of a row.

    Reference: `PredictionLog`, in tensorflow_serving/apis/prediction_log.proto.

    Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> directory = Path(tempfile.mkdtemp())
    >>> write_warm_up(directory, ["text"], max_length=64)
    >>> sum(1 for _ in tf.data.TFRecordDataset(str(directory / "assets.extra" / "tf_serving_warmup_requests")))
    6
    """
    place = directory.joinpath(*_PLACE)
    place.parent.mkdir()
    with tf.io.TFRecordWriter(str(place)) as writer:
        for count, length in _SHAPES:
            if length <= max_length:
                # Each mark is a token; the first input, of two, is as short as a question.
                lengths = [length] if len(input_names) == 1 else [length // 4, length - length // 4]
                texts = ["." * (tokens - 2) for tokens in lengths]
                columns = {name: [text] * count for name, text in zip(input_names, texts, strict=True)}
                writer.write(_prediction_log(columns))


def _prediction_log(columns):
    """{name: strings [B]} -> a serialized `PredictionLog` that has them as a request to `serving_default`."""
    inputs = b"".join(
        _field(2, _field(1, name.encode()) + _field(2, tf.make_tensor_proto(column).SerializeToString()))
        for name, column in columns.items()
    )
    model = _field(1, _field(3, b"serving_default"))
    return _field(6, _field(1, model + inputs))


def _field(number, value):
    """number of a field, its bytes -> the field as protocol buffers write it, with its length before it."""
    return bytes([number << 3 | 2]) + _varint(len(value)) + value


def _varint(number):
    """integer -> bytes, seven bits in each, the lowest first."""
    if number < 128:
        return bytes([number])
    return bytes([number & 127 | 128]) + _varint(number >> 7)
