"""How a sentence encoder is fine-tuned: ours by recipes/embed.py, sentence-transformers on torch in a plain loop.

    python tests/benchmarks/embed.py --train stsb/train.tsv --valid stsb/test.tsv --checkpoint DIR
    python tests/benchmarks/embed.py --train train-v1.1.json --valid dev-v1.1.json --checkpoint DIR --examples 2000

Pairs with scores (a table with sentence1, sentence2 and score) are trained by CoSENT and measured by Spearman; SQuAD's
questions and paragraphs by in-batch negatives and a search of all paragraphs of `valid`. Both use AdamW with a decay of
0.01, a warm-up of a tenth, gradients clipped at 1, the same batch size, longest row and arithmetic; of the same
paragraph twice in a batch ours leaves the second out of the negatives, and sentence-transformers' loader makes none.
`train_examples_per_s` leaves the first three steps out; medians over the rounds, in each of which each side runs once,
in a process of its own. The case is the precision.
"""

import dataclasses
import sys
from pathlib import Path
from typing import Literal

import common
import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures the training of embeddings.

    Args:
        train: What is trained on.
        valid: What is measured on, before and after.
        checkpoint: A directory in Hugging Face's layout, of an encoder with mean pooling.
        peer: Interpreter of an environment with sentence-transformers; without it, one is made.
        examples: How many are trained on; without it, all.
        epochs: Passes over them.
        batch_size: Pairs in a batch.
        learning_rate: The highest.
        max_length: The most tokens of a text.
        precisions: Arithmetic of the layers.
        rounds: Of which the medians are reported.
    """

    train: Path
    valid: Path
    checkpoint: Path
    peer: Path | None = None
    examples: int | None = None
    epochs: int = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    max_length: int = 128
    precisions: tuple[Literal["float32", "bfloat16"], ...] = ("float32",)
    rounds: int = 3


def main(config):
    peer = config.peer or common.python_of_sentence_transformers()
    machine = common.machine()
    options = ["--train", config.train, "--valid", config.valid, "--checkpoint", config.checkpoint]
    options += ["--epochs", config.epochs, "--batch-size", config.batch_size, "--max-length", config.max_length]
    options += ["--learning-rate", config.learning_rate]
    options += [] if config.examples is None else ["--examples", config.examples]
    commands = {
        f"{side} {precision}": [*(python, common.SIDES / "embedding.py", side, *options, "--precision", precision)]
        for precision in config.precisions
        for side, python in (("ours", sys.executable), ("sentence_transformers", peer))
    }
    found = common.alternate(commands, config.rounds)
    of_search = ("recall_at_1", "recall_at_10", "mrr_at_10")
    scores = of_search if config.valid.suffix == ".json" else ("spearman",)
    figures = [
        "train_examples_per_s",
        "train_loss",
        *(f"{part}_{name}" for part in ("before", "valid") for name in scores),
    ]
    common.report("embed", machine, dataclasses.asdict(config), found, figures, figures[0], "sentence_transformers")


if __name__ == "__main__":
    main(tyro.cli(Config))
