"""What stands beside a graph: the files of its tokenizer, and config.json."""

import json

FILES = ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json")
_PRECISIONS = ("float32", "int8")


def check_precision(precision):
    """Whatever came -> None; a `ValueError` unless it is "float32" or "int8"."""
    if precision not in _PRECISIONS:
        raise ValueError(f"`precision` must be one of {', '.join(_PRECISIONS)}. Received: precision={precision!r}.")


def write_companions(directory, tokenizer, contents):
    """A `pathlib.Path` that exists, a `WordPieceTokenizer`, what config.json is to hold -> None; they are written."""
    (directory / "tokenizer.json").touch()  # where there is one, the tokenizer writes its own in its place
    tokenizer.save(directory)
    text = json.dumps(contents, indent=2, ensure_ascii=False, default=lambda number: number.tolist())
    (directory / "config.json").write_text(text + "\n", encoding="utf-8")
