"""A SavedModel that takes strings and gives answers: tokenizer, model and decoding in one graph."""

import keras
import tensorflow as tf

from keras_bert.prediction import predictor
from keras_bert.utils.files import written_beside

_LAYOUT = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


def export_saved_model(model, tokenizer, directory, max_length=None, overwrite=False, **options):
    """Writes a fine-tuned model as a SavedModel whose signature `serving_default` takes raw strings.

    The answers are those of `predictor` with the same arguments, in the precision that the model was built with.

    It runs wherever tensorflow and tensorflow-text are installed (`import tensorflow_text` before loading); Keras and
    this library aren't needed. The directory appears at once and whole, or not at all.

    Args:
        model: As in `predictor`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        max_length: The most tokens of a row, [CLS] and [SEP] included, as in training. None: the model's
            `max_sequence_length`.
        overwrite: If True, a directory that holds nothing but a SavedModel is replaced.
        **options: As in `predictor`.

    Returns:
        None. The signature's inputs and outputs are those of the `function` of a `Predictor`. Of classifiers of texts
        and tokens there is a second signature, `labels`, without inputs: it gives `labels`, string [C], the names of
        the classes in the order of `probabilities`.

    Raises:
        ValueError: If the model has no task, the labels or `max_length` don't fit it, the tokenizer has another
            vocabulary size, the directory holds something, or the backend isn't TensorFlow.

    Example:
    >>> import tempfile
    >>> import tensorflow as tf
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> directory = tempfile.mkdtemp() + "/served"
    >>> export_saved_model(model, tokenizer, directory)
    >>> serve = tf.saved_model.load(directory).signatures["serving_default"]
    >>> answer = serve(text=tf.constant(["Good!", "good good"]))
    >>> tuple(answer["label"].shape), tuple(answer["probabilities"].shape)
    ((2,), (2, 2))
    >>> tf.saved_model.load(directory).signatures["labels"]()["labels"].numpy().tolist()
    [b'no', b'yes']
    """
    predict = predictor(model, tokenizer, max_length, **options)
    with written_beside(directory, [_LAYOUT], overwrite) as beside:
        archive = keras.export.ExportArchive()  # finds the variables by itself: to track the model writes them twice
        serve = predict.function
        archive.add_endpoint("serving_default", serve.python_function, input_signature=serve.input_signature)
        if predict.labels is not None:
            archive.add_endpoint("labels", lambda: {"labels": tf.constant(predict.labels)}, input_signature=[])
        archive.write_out(str(beside), verbose=False)
