"""A trained model in, a directory that is served out: for TensorFlow Serving, ONNX Runtime or LiteRT.

    python recipes/export.py --model reviews --output models/sentiment/1                SavedModel, strings in
    python recipes/export.py --model reviews --output served-onnx --format onnx         for keras_bert.runtime
    python recipes/export.py --model reviews --output served-int8 --format onnx --int8
    python recipes/export.py --model reviews --output phone --format litert

Where the library is installed, `keras-bert export` is the same as `python recipes/export.py`. ONNX needs the extra
`onnx`: pip install 'bert-for-keras[onnx]'.
"""

import dataclasses
import importlib.util
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, trained


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(trained.Trained):
    """Exports a trained model, with the options that it shall answer with.

    Args:
        output: Directory to write: it appears at once and whole, or not at all.
        format: A SavedModel takes strings, in TensorFlow Serving and wherever tensorflow-text is. A graph for ONNX
            Runtime answers strings by keras_bert.runtime, without TensorFlow and faster on a CPU. LiteRT's file, for
            phones, takes token ids.
        int8: Dense layers multiply in 8 bits: smaller, faster where the processor has the instructions, and a little
            different. Of ONNX and LiteRT.
        pairs: The model reads two texts; what `keras-bert pair` wrote says so itself.
        unit: What gets a tag: each "word" or punctuation mark; each string between spaces ("space"); or each "piece" of
            a word, where the model was trained on characters.
        num_answers: How many answers to give to a question, the best ones.
        overwrite: Whether a directory that holds nothing but an export of this format is replaced.
        precision: Arithmetic of a SavedModel's layers; mixed_bfloat16 is half the size, and faster in batches where the
            processor multiplies bfloat16.
    """

    output: Path
    format: Literal["saved_model", "onnx", "litert"] = "saved_model"
    int8: bool = False
    pairs: bool = False
    unit: Literal["word", "space", "piece"] | None = None
    num_answers: int | None = None
    overwrite: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.int8 and self.format == "saved_model":
            raise ValueError("`int8` goes with the formats onnx and litert. Received: format=saved_model.")
        if self.precision != "float32" and self.format != "saved_model":
            raise ValueError(
                f"`precision` changes a SavedModel alone. Received: format={self.format}. Leave `precision` out."
            )
        if self.format == "onnx" and importlib.util.find_spec("onnx") is None:
            raise ValueError("The format onnx needs onnx, which isn't installed: pip install 'bert-for-keras[onnx]'")


def main(config):
    """Loads and writes: Config -> dict of what was written."""
    if any((Path(config.model).expanduser() / name).is_file() for name in ("model.onnx", "model.tflite")):
        raise ValueError(
            f"`model` must be a checkpoint. Received: {config.model}, an export. Give what it was made of."
        )
    task = trained.task_of(config)
    options = trained.options_of(config, task)
    if config.pairs:
        options["pairs"] = True
    if config.format == "litert" and options:
        raise ValueError(
            "LiteRT's file has the model alone, which takes token ids. Received: "
            f"{', '.join(f'`{name}`' for name in options)}. Leave that out."
        )
    model, tokenizer, max_length = trained.load(config, task)
    to = {"directory": config.output, "max_length": max_length, "overwrite": config.overwrite}
    precision = "int8" if config.int8 else "float32"
    if config.format == "saved_model":
        keras_bert.export_saved_model(model, tokenizer, **to, **options)
    elif config.format == "onnx":
        keras_bert.export_onnx(model, tokenizer, precision=precision, **to, **options)
    else:
        keras_bert.export_litert(model, tokenizer, precision=precision, **to)
    size = sum(path.stat().st_size for path in config.output.expanduser().rglob("*") if path.is_file())
    about = {"task": task, "format": config.format, "max_length": max_length}
    return {**about, "megabytes": round(size / 1e6, 1), "output": str(config.output)}


if __name__ == "__main__":
    command_line.run(Config, main)
