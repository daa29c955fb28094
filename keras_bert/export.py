"""A SavedModel that takes strings and gives answers: tokenizer, model and decoding in one graph."""

import keras
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.checks import check_names
from keras_bert.data.packing import check_max_length, model_inputs
from keras_bert.decoding import decode_classes
from keras_bert.files import written_beside
from keras_bert.models import check_length_of, config_of, labels_of

_LAYOUT = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


def export_saved_model(model, tokenizer, directory, labels=None, max_length=None, overwrite=False):
    """Writes a text classifier as a SavedModel whose signature `serving_default` takes raw strings.

    The answers are those of `model.predict`, in the precision that the model was built with.

    It runs wherever tensorflow and tensorflow-text are installed (`import tensorflow_text` before loading); Keras and
    this library aren't needed. The directory appears at once and whole, or not at all.

    Args:
        model: A model from `text_classifier`, on the TensorFlow backend.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        labels: Names of the classes in the order of the logits; None: the model's own, or else their numbers.
        max_length: The most tokens of a text, [CLS] and [SEP] included; what is longer loses its end, as in training.
            None: the model's `max_sequence_length`.
        overwrite: If True, a directory that holds nothing but a SavedModel is replaced.

    Returns:
        None. The signature's input: `text`, strings [B]. Its outputs: `label`, the likeliest class's name, string
        [B], and `probabilities`, float32 [B, C], in the order of `labels`.

    Raises:
        ValueError: If the model is no text classifier, the labels or `max_length` don't fit it, the tokenizer has
            another vocabulary size, the directory holds something, or the backend isn't TensorFlow.

    Example:
    >>> import tempfile
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> directory = tempfile.mkdtemp() + "/served"
    >>> export_saved_model(model, tokenizer, directory)
    >>> serve = tf.saved_model.load(directory).signatures["serving_default"]
    >>> answer = serve(text=tf.constant(["Good!", "good good"]))
    >>> tuple(answer["label"].shape), tuple(answer["probabilities"].shape)
    ((2,), (2, 2))
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"A SavedModel needs the TensorFlow backend. Received: KERAS_BACKEND={keras.backend.backend()}. Save with "
            "save_pretrained, then load and export with KERAS_BACKEND=tensorflow."
        )
    shape = getattr(getattr(model, "output", None), "shape", ())
    if len(shape) != 2 or "classifier" not in {layer.name for layer in model.layers}:
        raise ValueError(f"`model` must come from keras_bert.text_classifier. Received: {model!r}.")
    num_classes = shape[-1]
    if labels is None:
        labels = labels_of(model) or [str(number) for number in range(num_classes)]
    labels = check_names("labels", labels, "num_classes", num_classes)
    max_length = check_length_of(model, max_length)
    check_max_length(max_length)
    check_vocabulary_size(tokenizer, config_of(model), "the model and the tokenizer to be exported")

    def classify(text):
        return decode_classes(model(model_inputs(text, tokenizer, max_length), training=False), labels)

    with written_beside(directory, [_LAYOUT], overwrite) as beside:
        archive = keras.export.ExportArchive()  # finds the variables by itself: to track the model writes them twice
        signature = [tf.TensorSpec([None], tf.string, name="text")]
        archive.add_endpoint("serving_default", classify, input_signature=signature)
        archive.write_out(str(beside), verbose=False)
