"""How fast a fine-tuned classifier answers: strings in, labels out, ours beside what people serve BERT with.

    python tests/benchmarks/serve.py [--checkpoint DIR --data test.tsv] [--engines savedmodel onnx-int8 ort-int8 ...]
                                     [--memory 2000] [--threads 1 8]

DIR is a classifier in Hugging Face's layout, such as recipes/classify.py --output writes; without it, random weights.
Each round starts each engine once, in a process of its own; medians over the rounds:

- `one_by_one`, `batches_of_32`: strings a second, alone, and in batches sorted by length, most characters first.
- `accuracy`: of the labels in batches. `megabytes`: of the directory that is served.
- `startup_s`: from before the engine's libraries are imported to the first answer.
- `threads_1`, `threads_8`, with `--threads 1 8`: requests a second, where so many threads ask at a time, a string each.
- `memory_mb_0` to `memory_mb_N`, with `--memory N`: megabytes that are resident before any, and after a quarter, a half
  and all of N requests of 1 to 200 words.

The last two are of our engines: savedmodel and savedmodel-bfloat16 are export_saved_model's, onnx and onnx-int8
export_onnx's with keras_bert.runtime. The others: torch is transformers, ort and openvino run transformers' own graph,
and ort-int8 what quantize_dynamic makes of it. openvino computes in bfloat16 where the processor has it.
"""

import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import Literal

import common
import tyro

OURS = ("savedmodel", "savedmodel-bfloat16", "onnx", "onnx-int8")
PEERS = ("torch", "ort", "ort-int8", "openvino")


@dataclasses.dataclass(frozen=True)
class Config:
    """Measures serving.

    Args:
        checkpoint: A text classifier in Hugging Face's layout; without it, random weights of `size`.
        data: A table with a column of texts and one of labels; without it, one is made.
        text_column: Name of the former.
        label_column: Name of the latter.
        engines: Which run.
        size: tiny, mini, small, medium, base or large.
        limit: The most texts.
        max_length: The most tokens of a text.
        folder: Where exports are kept for another run; without it, they are made anew.
        memory: Requests of the trial of memory; 0: none.
        threads: Numbers of threads of the trial of threads.
        rounds: Of which the medians are reported.
    """

    checkpoint: Path | None = None
    data: Path | None = None
    text_column: str = "sentence"
    label_column: str = "label"
    engines: tuple[Literal[OURS + PEERS], ...] = OURS + PEERS
    size: str = "mini"
    limit: int = 1000
    max_length: int = 128
    folder: Path | None = None
    memory: int = 0
    threads: tuple[int, ...] = ()
    rounds: int = 3


def main(config):
    pythons = dict.fromkeys(OURS, sys.executable)
    if set(config.engines) & set(PEERS):
        pythons |= dict.fromkeys(PEERS, common.python_of_transformers())
    machine = common.machine()
    with contextlib.ExitStack() as stack:
        folder = config.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        checkpoint, data = config.checkpoint, config.data
        if checkpoint is None and not (checkpoint := folder / f"random-{config.size}").exists():
            common.made_checkpoint(checkpoint, config.size, num_classes=2, labels=["0", "1"])
        if data is None:
            common.made_labelled_texts(data := folder / "made.tsv", config.limit, mean_words=19)
        commands = {}
        for engine in config.engines:
            directory = folder / engine
            export = [pythons[engine], common.SIDES / "exporting.py", engine, checkpoint, directory]
            if not directory.exists():
                common.run([*export, "--max-length", config.max_length])
            options = ["--data", data, "--text-column", config.text_column, "--label-column", config.label_column]
            options += ["--limit", config.limit, "--max-length", config.max_length]
            if engine in OURS:
                options += ["--memory", config.memory, "--threads", *config.threads]
            commands[engine] = [pythons[engine], common.SIDES / "serving.py", engine, directory, *options]
        found = common.alternate(commands, config.rounds)
    figures = ["one_by_one", "batches_of_32", "accuracy", "megabytes", "startup_s"]
    figures = list(dict.fromkeys([*figures, *(name for results in found.values() for name in results[0])]))
    common.report("serve", machine, dataclasses.asdict(config), found, figures)


if __name__ == "__main__":
    main(tyro.cli(Config))
