"""How fast texts become token ids: our tokenizer in TensorFlow's graph, Hugging Face's tokenizers, KerasHub's.

    python tests/benchmarks/tokenize_texts.py [--texts en.txt ko.txt] [--vocabulary vocab.txt] [--no-keras-hub]

Without files, English and Korean texts are made of the samples' words. `mb_per_s` is megabytes of text in UTF-8 a
second, in batches of 1,000 lines, after a first batch that isn't counted; medians over the rounds, in each of which
each tokenizer runs once, in a process of its own. All three may use all cores. The case is the file's name. Of
`differing_lines` tokenizers' ids are the reference.
"""

import dataclasses
import sys
import tempfile
from pathlib import Path

import common
import tyro


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures tokenizers.

    Args:
        texts: Files of text; without them, two are made.
        vocabulary: A vocab.txt, lower-case; without it, one is trained on the texts.
        megabytes: The most of each file that is read, and the size of what is made.
        keras_hub: Whether KerasHub's tokenizer runs too.
        rounds: Of which the medians are reported.
    """

    texts: tuple[Path, ...] = ()
    vocabulary: Path | None = None
    megabytes: float = 4
    keras_hub: bool = True
    rounds: int = 3


def main(config):
    import keras_bert

    machine = common.machine()
    with tempfile.TemporaryDirectory() as directory:
        texts = config.texts or [Path(directory, "en.txt"), Path(directory, "ko.txt")]
        if not config.texts:
            for path in texts:
                some = common.made_texts(round(config.megabytes * 12_000), 20, path.stem)
                path.write_text("\n".join(some), encoding="utf8")
        vocabulary = config.vocabulary or Path(directory, "vocab.txt")
        if config.vocabulary is None:
            trained = keras_bert.train_vocabulary([str(path) for path in texts], size=30522)
            vocabulary.write_text("\n".join(trained) + "\n", encoding="utf8")
        sides = ["ours", "tokenizers", *["keras_hub"] * config.keras_hub]
        commands = {
            f"{side} {path}": [
                *(sys.executable, common.SIDES / "tokenizing.py", side, path, vocabulary),
                *("--bytes", round(config.megabytes * 1e6)),
            ]
            for path in texts
            for side in sides
        }
        found = common.alternate(commands, config.rounds)
        common.report(
            "tokenize", machine, dataclasses.asdict(config), found, ["mb_per_s", "megabytes", "differing_lines"]
        )


if __name__ == "__main__":
    main(tyro.cli(Config))
