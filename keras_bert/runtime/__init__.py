"""Strings in, answers out, from what `export_onnx` wrote: with ONNX Runtime, without TensorFlow and Keras."""

from keras_bert.runtime.loading import load

__all__ = ["load"]
