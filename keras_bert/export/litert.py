"""A model as a LiteRT file, for phones and small devices."""

import tempfile

import keras
import tensorflow as tf

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.export.companions import FILES, check_precision, identity_of, name_of_output, write_companions
from keras_bert.layers.adapting import merge_lora
from keras_bert.layers.quantized import check_not_quantized
from keras_bert.long_texts import check_reads_rows
from keras_bert.models import check_built, check_length_of
from keras_bert.prediction.backend import check_backend
from keras_bert.utils.files import check_writable, written_beside

_LAYOUT = ("model.tflite", *FILES)


def export_litert(model, tokenizer, directory, precision="float32", max_length=None, overwrite=False):
    """Writes a model as a file for LiteRT, once TensorFlow Lite, with the files of its tokenizer.

    The file has operators of LiteRT alone and one signature, by which it takes batches of any size and length. Inputs:
    `token_ids`, `segment_ids` and `padding_mask`, int32 [B, T], and those that a pretrainer adds. Outputs: the model's
    by their names, float32; where there is one only, `logits`, or of a text embedder `embedding`. In the directory are
    model.tflite, config.json with the task, the labels and the model's shape, vocab.txt, tokenizer.json and
    tokenizer_config.json. It appears at once and whole, or not at all.

    Args:
        model: A model of any builder; one of mixed precision is written in float32.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        precision: `"float32"`, equal to the model to 1e-5; or `"int8"`: the matrices are a quarter of the size, and
            products are taken in 8 bits, with answers that differ a little.
        max_length: The most tokens of a row, noted in config.json. None: as in `predictor`.
        overwrite: If True, a directory that holds nothing but such an export is replaced.

    Raises:
        ValueError: If the precision is another word, Keras quantized the model, the tokenizer has another vocabulary
            size, the directory holds something, or the backend isn't TensorFlow.

    Example:
    >>> import tempfile
    >>> import tensorflow as tf
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> directory = tempfile.mkdtemp() + "/phone"
    >>> export_litert(model, tokenizer, directory)
    >>> run = tf.lite.Interpreter(directory + "/model.tflite").get_signature_runner()
    >>> ids = np.array([[2, 5, 3]], "int32")
    >>> run(token_ids=ids, segment_ids=0 * ids, padding_mask=0 * ids + 1)["logits"].shape
    (1, 2)
    """
    check_precision(precision)
    check_backend()
    task = check_built(model)
    check_not_quantized(model)
    check_reads_rows(model, "Take export_saved_model; or export keras_bert.without_windows(model).")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_writable(directory, [_LAYOUT], overwrite)
    contents = {
        "task": task,
        "precision": precision,
        "labels": model.labels and list(model.labels),
        "options": {"max_length": check_length_of(model, max_length)},
        **identity_of(model),
    }
    with written_beside(directory, [_LAYOUT], overwrite) as beside:
        (beside / "model.tflite").write_bytes(_converted(_in_float32(merge_lora(model)), precision))
        write_companions(beside, tokenizer, contents)


def _in_float32(model):
    """model -> the same, or one with the same weights that computes in float32."""
    if all(layer.compute_dtype not in ("bfloat16", "float16") for layer in model.layers):
        return model

    def cloned(layer):
        config = layer.get_config()
        if layer.compute_dtype in ("bfloat16", "float16"):
            config["dtype"] = "float32"
        return type(layer).from_config(config)

    clone = keras.models.clone_model(model, clone_function=cloned)
    clone.set_weights([weight.astype("float32") for weight in model.get_weights()])
    return clone


def _converted(model, precision):
    """model that computes in float32, "float32" or "int8" -> the bytes of the file."""

    def call(inputs):
        outputs = model(inputs, training=False)
        return outputs if isinstance(outputs, dict) else {name_of_output(model): outputs}

    inputs = {name: tf.TensorSpec((None, None), "int32", name) for name in model.input}
    with tempfile.TemporaryDirectory() as directory:
        archive = keras.export.ExportArchive()
        archive.add_endpoint("serving_default", call, input_signature=[inputs])
        archive.write_out(directory, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(directory)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return converter.convert()
