"""How fast a BERT is pretrained on masked words and the next sentence: ours, and transformers on torch.

    python tests/benchmarks/pretrain.py [--corpus 'texts/*.txt' --vocabulary vocab.txt] [--steps 30] [--rounds 3]

Without files, documents of random words, and a vocabulary of 30,522 tokens. Both read text and make pairs, masks and
rows while they train, with AdamW and the same number of rows of the same length; ours packs several pairs in a row,
transformers' rows are one pair each, padded to the longest of the batch. `real_tokens_per_s` counts what isn't padding
and leaves the first three steps out; medians over the rounds, in each of which each side runs once, in a process of its
own. The case is the number of tokens in a row.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Literal

import common
import tyro

from keras_bert import BertConfig


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures pretraining.

    Args:
        corpus: Files of plain text, a blank line between documents; without them, one is made.
        vocabulary: A vocab.txt, lower-case; without it, one is made.
        size: tiny, mini, small, medium, base or large.
        steps: Steps that are measured; three more come before.
        max_lengths: Tokens in a row.
        cells: Tokens in a batch, padding included: rows times their length.
        precision: Arithmetic of the layers.
        rounds: Of which the medians are reported.
    """

    corpus: tuple[Path, ...] = ()
    vocabulary: Path | None = None
    size: str = "mini"
    steps: int = 30
    max_lengths: tuple[int, ...] = (128, 512)
    cells: int = 4096
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    rounds: int = 3


def made_corpus(path, documents=400, sentences=40):
    """path -> None; documents of 40 sentences of 20 random words are written."""
    texts = [text.replace(".", "") + "." for text in common.made_texts(documents * sentences, 20)]
    blocks = [" ".join(texts[begin : begin + sentences]) for begin in range(0, len(texts), sentences)]
    Path(path).write_text("\n\n".join(blocks) + "\n", encoding="utf8")


def main(config):
    peer = common.python_of_transformers()
    machine = common.machine()
    with tempfile.TemporaryDirectory() as directory:
        corpus = config.corpus or [Path(directory, "corpus.txt")]
        if not config.corpus:
            made_corpus(corpus[0])
        vocabulary = config.vocabulary
        if vocabulary is None:
            common.made_checkpoint(Path(directory, "checkpoint"), "tiny", num_classes=2)
            vocabulary = Path(directory, "checkpoint", "vocab.txt")
        size = BertConfig.named(config.size)
        options = ["--corpus", *corpus, "--vocabulary", vocabulary, "--num-layers", size.num_layers]
        options += ["--num-heads", size.num_heads, "--hidden-dim", size.hidden_dim]
        options += ["--precision", config.precision, "--steps", config.steps]
        commands = {
            f"{side} {length}": [
                *(python, common.SIDES / "pretraining.py", side, *options),
                *("--max-length", length, "--batch-size", max(1, config.cells // length)),
            ]
            for length in config.max_lengths
            for side, python in (("ours", sys.executable), ("transformers", peer))
        }
        found = common.alternate(commands, config.rounds)
        figures = ["real_tokens_per_s", "padding", "train_loss"]
        common.report("pretrain", machine, dataclasses.asdict(config), found, figures, figures[0])


if __name__ == "__main__":
    main(tyro.cli(Config))
