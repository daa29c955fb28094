"""Models to serve: a SavedModel that takes strings."""

from keras_bert.export.saved_model import export_saved_model

__all__ = ["export_saved_model"]
