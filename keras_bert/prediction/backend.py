"""What every function of strings needs: TensorFlow under Keras."""

import keras


def check_backend():
    """Raises a `ValueError` unless Keras runs on TensorFlow, whose graph holds tokenizer and decoding."""
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Strings in, answers out: that needs TensorFlow. Received: KERAS_BACKEND={keras.backend.backend()}. "
            "Save with save_pretrained, then load and predict or export with KERAS_BACKEND=tensorflow."
        )
