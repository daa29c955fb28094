"""A model as ONNX operators, and beside it all that answers strings from it without TensorFlow and Keras."""

import numpy as np

from keras_bert.checkpoints.weights import check_vocabulary_size
from keras_bert.data.question_batches import check_room
from keras_bert.data.windows import default_stride
from keras_bert.export.companions import FILES, check_precision, identity_of, name_of_output, write_companions
from keras_bert.export.onnx_bert import BertNodes, check_activation
from keras_bert.export.onnx_nodes import import_onnx
from keras_bert.long_texts import check_reads_rows
from keras_bert.models import check_built, check_length_of
from keras_bert.prediction import predictor
from keras_bert.prediction.texts import check_pairs
from keras_bert.prediction.vectors import checked_length, prompt_named, vector_settings
from keras_bert.runtime.texts import SCORE_ACTIVATIONS
from keras_bert.utils.checks import check_one_of
from keras_bert.utils.files import check_writable, written_beside
from keras_bert.utils.tag_recognition import bio_labels
from keras_bert.utils.tag_schemes import is_bio

_LAYOUT = ("model.onnx", "config.json", "model.onnx.data", *FILES[1:])
_INT8 = ("query", "key", "value", "attention_output", "feedforward_intermediate", "feedforward_output")
# Name of an input -> its axes.
_INPUTS = {
    **{name: ["batch", "length"] for name in ("token_ids", "segment_ids", "padding_mask")},
    "mask_positions": ["batch", "masked"],
    "cls_positions": ["batch", "sequences"],
}


def export_onnx(model, tokenizer, directory, precision="float32", max_length=None, overwrite=False, **options):
    """Writes a model as a graph of ONNX operators, for ONNX Runtime, with what answers strings from it.

    `keras_bert.runtime.load(directory)` does that: it needs onnxruntime and tokenizers, neither TensorFlow nor Keras,
    and its answers are those of `predictor` with the same arguments. The graph is alone of use too: its inputs are
    `token_ids`, `segment_ids` and `padding_mask`, int32 [B, T] of any B and T, packed rows included, and those that a
    pretrainer adds; its outputs are the model's, float32, and where that has one only, `logits`, or of a text embedder
    `embedding`. Some operators are ONNX Runtime's own. In the directory are model.onnx (weights beyond 2 GB:
    model.onnx.data), config.json with the task, the labels and the options, vocab.txt, tokenizer.json and
    tokenizer_config.json. It appears at once and whole, or not at all.

    Args:
        model: A model of any builder; one of mixed precision is written in float32.
        tokenizer: The `WordPieceTokenizer` that it was trained with.
        directory: Where to write: a directory that doesn't exist yet or is empty.
        precision: `"float32"`, equal to the model to 1e-5; or `"int8"`: dense layers of the encoder multiply in 8 bits,
            with a scale for each column of the weights and one for the vectors, taken while it runs. That is more than
            twice as fast, where the processor has the instructions (VNNI), with answers that differ a little. On an
            x86 processor without them, a session of your own needs `SessionOptions.add_session_config_entry(
            "session.x64quantprecision", "1")`, or sums overflow; `keras_bert.runtime` sets it.
        max_length: The most tokens of a row, [CLS] and [SEP] included, as in training. None: as in `predictor`.
        overwrite: If True, a directory that holds nothing but such an export is replaced.
        **options: As in `predictor`; of a backbone `pooling`, `normalize` and `prompt`, as in `embed`. Pretrainers have
            none.

    Raises:
        ImportError: If the package onnx isn't installed.
        ValueError: If the precision is another word, the options don't fit the model, ONNX hasn't the model's
            activation, the tokenizer has another vocabulary size, or the directory holds something.

    Example:
    >>> import tempfile
    >>> config = keras_bert.BertConfig.named("tiny", vocabulary_size=6)
    >>> model = keras_bert.text_classifier(keras_bert.backbone(config), 2, labels=["no", "yes"])
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> directory = tempfile.mkdtemp() + "/served"
    >>> export_onnx(model, tokenizer, directory)
    >>> keras_bert.runtime.load(directory)("Good!")
    {'label': '...', 'probabilities': {'no': ..., 'yes': ...}}
    """
    check_precision(precision)
    import_onnx()
    task = check_built(model, *_OUTPUTS)
    check_activation(model.config.activation)
    check_reads_rows(model, "Take export_saved_model; or export keras_bert.without_windows(model).")
    check_vocabulary_size(tokenizer, model.config, "the model and the tokenizer")
    check_writable(directory, [_LAYOUT], overwrite)
    contents = {
        "task": task,
        "precision": precision,
        **_answering(model, tokenizer, max_length, options),
        **identity_of(model),
    }
    with written_beside(directory, [_LAYOUT], overwrite) as beside:
        _write_graph(model, beside / "model.onnx", precision)
        write_companions(beside, tokenizer, contents)


def _write_graph(model, path, precision):
    """model, path, "float32" or "int8" -> None; the file is written."""
    nodes = BertNodes(model, is_int8=lambda name: precision == "int8" and name.endswith(_INT8))
    outputs = _OUTPUTS[model.task](nodes, model)
    given = {tensor.name for tensor in model.inputs}
    nodes.write(path, {name: axes for name, axes in _INPUTS.items() if name in given}, outputs)


def _answering(model, tokenizer, max_length, options):
    """model, tokenizer, most tokens of a row, the user's options -> labels and options in full; or a `ValueError`."""
    if model.task not in _OPTIONS:
        accepted = _SETTINGS_OF_VECTORS if model.task == "backbone" else ()
        if unknown := sorted(options.keys() - {*accepted}):
            raise ValueError(
                f"Options of a {model.task}: {', '.join(accepted) or 'none'}. Received: {', '.join(unknown)}."
            )
        if accepted:
            return {"labels": None, "options": vector_settings(model, max_length=max_length, **options)}
        return {"labels": None, "options": {"max_length": checked_length(model, max_length)}}
    max_length = check_length_of(model, max_length)
    labels = predictor(model, tokenizer, max_length, **options).labels  # checks the options
    options = {"max_length": max_length, **_OPTIONS[model.task], **options}
    options.pop("labels", None)
    if "pairs" in options:
        options["pairs"] = check_pairs(model, options["pairs"])
    if model.task == "text_regressor":
        options["activation"] = model.score_activation and check_one_of(
            "score_activation", model.score_activation, SCORE_ACTIVATIONS
        )
    if model.multi_label:
        options["thresholds"] = list(model.thresholds)
    if model.task == "text_embedder":
        options["prompt"] = prompt_named(model.embedder, options["prompt"])
    if model.task == "token_classifier":
        options |= _tags(labels, **options)
    if model.task == "span_predictor":
        lengths = check_room(max_length, options["stride"], options["max_question_length"])
        options |= dict(zip(("stride", "max_question_length"), lengths, strict=True))
    return {"labels": labels and list(labels), "options": options}


_SETTINGS_OF_VECTORS = ("pooling", "normalize", "prompt")
# Task of answers to strings -> the options of `predictor` that are written down, with their defaults.
_OPTIONS = {
    "text_classifier": {"stride": None, "pairs": None, "cut": "end"},
    "text_regressor": {"stride": None, "pairs": None, "cut": "end", "score_range": None},
    "text_embedder": {"prompt": None},
    "token_classifier": {"stride": None, "unit": "word", "fallback": None, "is_entities": None},
    "span_predictor": {
        "stride": None,
        "max_question_length": None,
        "max_answer_length": 30,
        "num_answers": 5,
        "null_threshold": None,
    },
}


def _tags(labels, max_length, stride, fallback, is_entities, **_):
    """labels of tokens, options -> those that follow from them: the answers' tags, and what was None."""
    tags, _ = bio_labels(labels, is_entities)
    fallback = fallback or ("O" if "O" in tags else tags[0])
    return {
        "stride": default_stride(max_length) if stride is None else stride,
        "tags": tags,
        "fallback": dict(zip(labels, tags, strict=True)).get(fallback, fallback),
        "is_entities": is_entities is not False and is_bio(tags),
    }


def _of_backbone(nodes, model):
    """nodes, model -> name of an output: its node and its axes."""
    x, width = nodes.tokens(), model.config.hidden_dim
    pooled = nodes.pooled(nodes.first_of(x))
    return {"sequence_output": (x, ["batch", "length", width]), "pooled_output": (pooled, ["batch", width])}


def _of_pretrainer(nodes, model):
    """As `_of_backbone`."""
    x = nodes.tokens_at(nodes("Concat", "mask_positions", "cls_positions", axis=1))
    count = nodes("Shape", "mask_positions", start=1, end=2)
    axis, begin, end = nodes.integers(1), nodes.integers(0), nodes.integers(2**31)
    masked, first = nodes("Slice", x, begin, count, axis), nodes("Slice", x, count, end, axis)
    next_sentence = nodes.dense("nsp/dense", nodes.pooled(first))
    return {**_words(nodes, model, masked), "nsp": (next_sentence, ["batch", "sequences", 2])}


def _of_masked_language_model(nodes, model):
    """As `_of_backbone`."""
    return _words(nodes, model, nodes.tokens_at("mask_positions"))


def _words(nodes, model, x):
    """nodes, model, vectors [B, M, D] -> the output of the head of masked words."""
    logits = nodes.masked_words(x, model.get_layer("mlm"))
    return {"mlm": (logits, ["batch", "masked", model.config.vocabulary_size])}


def _of_texts(head):
    """Name of a head of whole texts -> function as `_of_backbone`."""

    def outputs(nodes, model):
        return {"logits": (nodes.dense(f"{head}/dense", nodes.pooled(nodes.first_tokens())), _axes(model, "batch"))}

    return outputs


def _of_text_embedder(nodes, model):
    """As `_of_backbone`."""
    return {name_of_output(model): (nodes.texts(model.embedder), _axes(model, "batch"))}


def _of_token_classifier(nodes, model):
    """As `_of_backbone`."""
    return {"logits": (nodes.dense("classifier/dense", nodes.tokens()), _axes(model, "batch", "length"))}


def _of_span_predictor(nodes, model):
    """As `_of_backbone`."""
    logits = nodes.dense("span/dense", nodes.tokens())  # [B, T, 2]
    columns = (nodes("Gather", logits, nodes.constant(f"column_{i}", np.int32(i)), axis=2) for i in range(2))
    names = ("start_logits", "end_logits")
    return {name: (column, ["batch", "length"]) for name, column in zip(names, columns, strict=True)}


def _axes(model, *names):
    """model of one output, names of axes -> these and the number of classes."""
    return [*names, model.output.shape[-1]]


# Name of a builder -> function: nodes, model -> name of an output: its node and its axes.
_OUTPUTS = {
    "backbone": _of_backbone,
    "pretrainer": _of_pretrainer,
    "masked_language_model": _of_masked_language_model,
    "text_classifier": _of_texts("classifier"),
    "text_regressor": _of_texts("regressor"),
    "text_embedder": _of_text_embedder,
    "token_classifier": _of_token_classifier,
    "span_predictor": _of_span_predictor,
}
