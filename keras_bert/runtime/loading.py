"""What `export_onnx` wrote -> something to call with strings."""

import json
import os
from pathlib import Path

from keras_bert.runtime.answers import SpanPredictor
from keras_bert.runtime.embeddings import Embedder
from keras_bert.runtime.engine import Engine
from keras_bert.runtime.tags import Tagger
from keras_bert.runtime.texts import TextClassifier, TextRegressor
from keras_bert.runtime.vectors import TextEmbedder

_TASKS = {
    "backbone": Embedder,
    "text_classifier": TextClassifier,
    "text_regressor": TextRegressor,
    "text_embedder": TextEmbedder,
    "token_classifier": Tagger,
    "span_predictor": SpanPredictor,
}
_FILES = ("model.onnx", "config.json", "tokenizer.json")
_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def load(directory, threads=None):
    """Loads an export of `export_onnx`, in less than a second.

    Args:
        directory: Where it stands.
        threads: How many threads compute; None: as many as this process may have.

    Returns:
        An object to call with strings. It takes what a `Predictor` takes, `batch_size` too, and gives what that gives:
        a dict for one string, or a list of dicts; and it has `labels`. Of backbones it gives what `embed` gives. All
        have `session`, the `onnxruntime.InferenceSession`.

    Raises:
        ImportError: If onnxruntime or tokenizers isn't installed.
        ValueError: If the directory holds no such export, or its model has no answers for strings, as pretrainers.

    Example:
    >>> import tempfile
    >>> model = keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=6))
    >>> tokenizer = keras_bert.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good"])
    >>> directory = tempfile.mkdtemp() + "/served"
    >>> keras_bert.export_onnx(model, tokenizer, directory)
    >>> load(directory)(["Good!", "good good"]).shape
    (2, 128)
    """
    directory = Path(directory).expanduser()
    if absent := [name for name in _FILES if not (directory / name).is_file()]:
        is_saved_model = (directory / "saved_model.pb").is_file()
        raise ValueError(
            f"`directory` must be what keras_bert.export_onnx wrote. Received: {directory}, which lacks "
            f"{', '.join(absent)}."
            + (" It is a SavedModel, which tf.saved_model.load loads." if is_saved_model else "")
        )
    contents = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    if contents["task"] not in _TASKS:
        raise ValueError(
            f"A {contents['task']} has no answers for strings. Run {directory / 'model.onnx'} with "
            "onnxruntime.InferenceSession, or export a model of another task."
        )
    try:
        session, tokenizer = _session(directory / "model.onnx", threads), _tokenizer(directory / "tokenizer.json")
    except ImportError as error:
        raise ImportError(
            f"keras_bert.runtime needs onnxruntime and tokenizers, and {error.name} isn't installed. Install them: "
            "pip install onnxruntime tokenizers."
        ) from error
    return _TASKS[contents["task"]](Engine(session, tokenizer), contents["labels"], **contents["options"])


def _session(path, threads):
    """path, number of threads or None -> an `onnxruntime.InferenceSession` on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    options.intra_op_num_threads = threads
    # Without VNNI, sums of an int8 product overflow its 16 bits, unless ONNX Runtime is told to be exact, and slower.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _tokenizer(path):
    """path -> a `tokenizers.Tokenizer` that takes "[MASK]" in a text for text, as `WordPieceTokenizer` does."""
    import tokenizers

    text = path.read_text(encoding="utf-8")
    contents = json.loads(text)
    others = [token for token in contents["added_tokens"] if token["content"] not in _SPECIAL_TOKENS]
    for token in others:  # found all the same, and without the white space around them
        token |= {"special": False, "lstrip": False, "rstrip": False}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(contents) if others else text)
    tokenizer.encode_special_tokens = True
    return tokenizer
