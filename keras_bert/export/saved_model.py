"""A SavedModel that takes strings and gives answers: tokenizer, model and decoding in one graph."""

import keras
import tensorflow as tf

from keras_bert.export.warm_up import write_warm_up
from keras_bert.layers.adapting import merge_lora
from keras_bert.models import check_length_of
from keras_bert.prediction import predictor
from keras_bert.utils.files import written_beside

_LAYOUT = ("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra")


def export_saved_model(model, tokenizer, directory, max_length=None, overwrite=False, **options):
    """Writes a fine-tuned model as a SavedModel whose signature `serving_default` takes raw strings.

    The answers are those of `predictor` with the same arguments, in the precision that the model was built with. A
    model of mixed bfloat16 is written with bfloat16 matrices: half the size, and faster in batches on processors that
    multiply bfloat16.

    It runs wherever tensorflow and tensorflow-text are installed (`import tensorflow_text` before loading); Keras and
    this library aren't needed. TensorFlow Serving finds requests in it to warm up by. The directory appears at once and
    whole, or not at all.

    Args:
        model: As in `predictor`.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        max_length: The most tokens of a row, [CLS] and [SEP] included, as in training. None: as in `predictor`.
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
    model = merge_lora(model)
    predict = predictor(model, tokenizer, max_length, **options)
    weights = _served_weights(model)

    def answer(*columns):
        with keras.StatelessScope() as scope:
            for variable, served in weights:
                scope.add_update((variable, served.value()))
            return predict.function.python_function(*columns)

    with written_beside(directory, [_LAYOUT], overwrite) as beside:
        archive = keras.export.ExportArchive()  # finds the variables by itself: to track the model writes them twice
        archive.add_endpoint("serving_default", answer, input_signature=predict.function.input_signature)
        if predict.labels is not None:
            archive.add_endpoint("labels", lambda: {"labels": tf.constant(predict.labels)}, input_signature=[])
        archive.write_out(str(beside), verbose=False)
        names = [spec.name for spec in predict.function.input_signature]
        write_warm_up(beside, names, check_length_of(model, max_length))


def _served_weights(model):
    """model -> pairs of a matrix that it casts at each call, in mixed precision, and a variable that has it so."""
    return [
        (variable, tf.Variable(tf.cast(variable.value, layer.compute_dtype), trainable=False, name=variable.path))
        for layer in model._flatten_layers(include_self=False, recursive=True)
        for variable in layer._trainable_variables + layer._non_trainable_variables
        if len(variable.shape) > 1 and variable.dtype != layer.compute_dtype
    ]
