"""How fast texts become vectors: ours by embed and by keras_bert.runtime, sentence-transformers by encode.

    python tests/benchmarks/encode.py --texts stsb/test.tsv --columns sentence1 sentence2 --checkpoint DIR

In batches each side takes the texts in one call and sorts them by length itself. The vectors of the same checkpoint are
compared with those of the first side: the least cosine of a text. Medians over the rounds, in each of which each side
runs once, in a process of its own.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path

import common
import tyro

OURS = ("ours float32", "ours bfloat16", "ours ONNX float32", "ours ONNX int8")


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures the making of vectors.

    Args:
        checkpoint: A directory in Hugging Face's layout, of an encoder with mean pooling.
        texts: A table with columns of texts; without it, some are made.
        columns: Names of these.
        peer: Interpreter of an environment with sentence-transformers; without it, one is made.
        limit: The most texts.
        max_length: The most tokens of a text.
        rounds: Of which the medians are reported.
    """

    checkpoint: Path
    texts: Path | None = None
    columns: tuple[str, ...] = ("sentence1", "sentence2")
    peer: Path | None = None
    limit: int = 3000
    max_length: int = 128
    rounds: int = 3


def main(config):
    peer = config.peer or common.python_of_sentence_transformers()
    machine = common.machine()
    with tempfile.TemporaryDirectory() as directory:
        texts, columns = config.texts, config.columns
        if texts is None:
            texts, columns = Path(directory, "texts.tsv"), ["sentence"]
            common.made_labelled_texts(texts, config.limit, 11)
        options = ["--texts", texts, "--checkpoint", config.checkpoint, "--max-length", config.max_length]
        options += ["--limit", config.limit, "--vectors", Path(directory, "vectors.npy"), "--columns", *columns]
        commands = {
            side: [
                peer if side.startswith("sentence") else sys.executable,
                common.SIDES / "encoding.py",
                side,
                *options,
            ]
            for side in (*OURS, "sentence_transformers float32")
        }
        found = common.alternate(commands, config.rounds)
    figures = ["texts_per_s", "one_by_one", "least_cosine"]
    common.report("encode", machine, dataclasses.asdict(config), found, figures, figures[0], "sentence_transformers")


if __name__ == "__main__":
    main(tyro.cli(Config))
