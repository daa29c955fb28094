"""What stands beside a graph: the files of its tokenizer, and config.json."""

import dataclasses
import json

from keras_bert.utils.checks import check_one_of

FILES = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json")
_PRECISIONS = ("float32", "int8")


def check_precision(precision):
    """Whatever came -> None; a `ValueError` unless it is "float32" or "int8"."""
    check_one_of("precision", precision, _PRECISIONS)


def identity_of(model):
    """Model -> what config.json says of it beside task and labels: its `BertConfig`; where it has them, its
    `EmbedderConfig`, `score_activation` and `thresholds`."""
    configs = {"model": model.config, "embedder": model.embedder}
    identity = {name: dataclasses.asdict(config) for name, config in configs.items() if config is not None}
    others = {name: getattr(model, name) for name in ("score_activation", "thresholds")}
    return identity | {name: value for name, value in others.items() if value is not None}


def name_of_output(model):
    """Model with one output, which has no name -> the output's name in a graph."""
    return "embedding" if model.task == "text_embedder" else "logits"


def write_companions(directory, tokenizer, contents):
    """A `pathlib.Path` that exists, a `WordPieceTokenizer`, what config.json is to hold -> None; they are written."""
    (directory / "tokenizer.json").touch()  # where there is one, the tokenizer writes its own in its place
    tokenizer.save(directory)
    text = json.dumps(contents, indent=2, ensure_ascii=False, default=lambda number: number.tolist())
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
