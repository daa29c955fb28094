"""A trained model in, a directory that is served out: for TensorFlow Serving, ONNX Runtime or LiteRT.

    python recipes/export.py --model reviews --output models/sentiment/1                SavedModel, strings in
    python recipes/export.py --model reviews --output served-onnx --format onnx         for keras_bert.runtime
    python recipes/export.py --model reviews --output served-int8 --format onnx --int8
    python recipes/export.py --model reviews --output phone --format litert

Where the library is installed, `keras-bert export` is the same as `python recipes/export.py`. ONNX needs the extra
`onnx`: pip install 'bert-for-keras[onnx]'.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import keras_bert
from keras_bert.recipes import command_line, trained


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(trained.Checkpoint):
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
            raise ValueError("`int8` is of ONNX and LiteRT. Received: format=saved_model. Choose one of these formats.")
        if self.precision != "float32" and self.format != "saved_model":
            raise ValueError(f"`precision` is of a SavedModel. Received: format={self.format}. Leave it out.")


def main(config):
    """Loads and writes: Config -> dict of what was written."""
    task = trained.task_of(config)
    if (Path(config.model).expanduser() / "model.onnx").is_file():
        raise ValueError(
            f"`model` must be a checkpoint, as a recipe's --output is. Received: {config.model}, an export."
        )
    options = trained.options_of(config, task)
    if config.pairs:
        options["pairs"] = True
    if config.format == "litert" and options:
        raise ValueError(
            f"LiteRT's file has the model alone, which takes token ids. Received: {', '.join(options)}. Leave that out."
        )
    model, tokenizer, max_length = trained.load(config, task)
    to = {"directory": config.output, "max_length": max_length, "overwrite": config.overwrite}
    if config.format == "saved_model":
        keras_bert.export_saved_model(model, tokenizer, **to, **options)
    else:
        export = {"onnx": keras_bert.export_onnx, "litert": keras_bert.export_litert}[config.format]
        export(model, tokenizer, precision="int8" if config.int8 else "float32", **to, **options)
    size = sum(path.stat().st_size for path in config.output.expanduser().rglob("*") if path.is_file())
    about = {"task": task, "format": config.format, "max_length": max_length}
    return {**about, "megabytes": round(size / 1e6, 1), "output": str(config.output)}


if __name__ == "__main__":
    command_line.run(Config, main)
