"""How fast a text classifier is fine-tuned: ours with model.fit, transformers on torch in a plain loop.

    python tests/benchmarks/fine_tune.py [--train train.tsv --checkpoint DIR] [--examples 1024] [--rounds 3]

Without files, texts of random words and random weights of a named size. Both train one epoch with AdamW, the same
batch size, longest row and arithmetic; rows are padded to the longest of their batch, and ours puts texts of near-equal
length together. With `--lora-rank`, both train matrices of that rank alone, transformers by peft.
`train_examples_per_s` and `real_tokens_per_s` (padding isn't counted) leave the first three steps out, and
`peak_memory_mb` is a process's largest resident size; medians over the rounds, in each of which each side runs once,
in a process of its own. The case is the precision.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Literal

import common
import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures fine-tuning.

    Args:
        train: A table with a column of texts and one of labels; without it, one is made.
        text_column: Name of the former.
        label_column: Name of the latter.
        checkpoint: A directory in Hugging Face's layout; without it, random weights of `size`.
        size: tiny, mini, small, medium, base or large.
        examples: How many are trained on.
        mean_words: Of the texts that are made; SST-2's have 9.
        batch_size: Examples in a batch.
        max_length: The most tokens of a row.
        precisions: Arithmetic of the layers.
        lora_rank: Train matrices of this rank beside queries and values, and the head: keras_bert.lora and peft.
            Without it, all weights.
        rounds: Of which the medians are reported.
    """

    train: Path | None = None
    text_column: str = "sentence"
    label_column: str = "label"
    checkpoint: Path | None = None
    size: str = "mini"
    examples: int = 1024
    mean_words: float = 9
    batch_size: int = 32
    max_length: int = 128
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("bfloat16", "float32")
    lora_rank: int | None = None
    rounds: int = 3


def main(config):
    peer = common.python_of_transformers()
    machine = common.machine()
    with tempfile.TemporaryDirectory() as directory:
        train, checkpoint = config.train, config.checkpoint
        if train is None:
            train = Path(directory, "train.tsv")
            common.made_labelled_texts(train, config.examples, config.mean_words)
        if checkpoint is None:
            checkpoint = Path(directory, "checkpoint")
            common.made_checkpoint(checkpoint, config.size, num_classes=2, labels=["0", "1"])
        options = ["--train", train, "--text-column", config.text_column, "--label-column", config.label_column]
        options += ["--checkpoint", checkpoint, "--examples", config.examples]
        options += ["--batch-size", config.batch_size, "--max-length", config.max_length]
        options += [] if config.lora_rank is None else ["--lora-rank", config.lora_rank]
        commands = {
            f"{side} {precision}": [
                *(python, common.SIDES / "fine_tuning.py", side, *options, "--precision", precision)
            ]
            for precision in config.precisions
            for side, python in (("ours", sys.executable), ("transformers", peer))
        }
        found = common.alternate(commands, config.rounds)
        figures = ["train_examples_per_s", "real_tokens_per_s", "padding", "peak_memory_mb", "train_loss"]
        common.report("fine_tune", machine, dataclasses.asdict(config), found, figures, figures[0])


if __name__ == "__main__":
    main(tyro.cli(Config))
