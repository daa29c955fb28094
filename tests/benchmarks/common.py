"""What the benchmarks share: the machine, the peer's environment, rounds that alternate, made data, one line of JSON.

The line has, in this order, the benchmark, the date, the `machine` with the speed of its matrix products, the
`settings`, for each side the medians over the rounds as `medians`, all their figures as `rounds`, and the `ratios` of
ours to the peer. Sides are named "ours ..." and "transformers ...", or another peer, with the case behind.
"""

import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SIDES = Path(__file__).parent / "sides"
CACHE = Path("~/.cache/keras-bert-benchmarks").expanduser()
# On Linux, torch brings gigabytes for GPUs, unless PIP_EXTRA_INDEX_URL names its index for processors.
TRANSFORMERS = [
    "torch==2.13.0",
    "transformers==5.23.0",
    "peft==0.21.2",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "openvino==2026.4.1",
]
SENTENCE_TRANSFORMERS = ["torch==2.13.0", "transformers==5.23.0", "sentence-transformers==6.2.0"]


def python_of_transformers():
    """-> the interpreter of an environment with transformers, which is made in the cache the first time."""
    return _python_with(TRANSFORMERS, CACHE / "transformers")


def python_of_sentence_transformers():
    """-> the same of one with sentence-transformers."""
    return _python_with(SENTENCE_TRANSFORMERS, CACHE / "sentence_transformers")


def _python_with(packages, place):
    """packages with their versions, a folder -> the interpreter of an environment with them, there."""
    python, made = place / "bin" / "python", place / "made.txt"
    if not made.is_file() or made.read_text().split() != packages:
        print(f"Installing {', '.join(packages)} in {place} ...", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True, stdout=sys.stderr)
        made.write_text("\n".join(packages))
    return python


def machine():
    """-> its processor, cores, and billions of operations a second in products of two matrices 2048 x 2048."""
    from keras_bert.recipes.command_line import without_banner

    with without_banner():
        import tensorflow as tf

    def billions(dtype, size=2048):
        matrix = tf.cast(tf.random.stateless_normal([size, size], seed=(0, 0)), dtype)
        product, seconds = tf.function(tf.matmul), []
        product(matrix, matrix)
        for _ in range(7):
            start = time.perf_counter()
            product(matrix, matrix).numpy()
            seconds.append(time.perf_counter() - start)
        return round(2 * size**3 / statistics.median(seconds) / 1e9)

    information = Path("/proc/cpuinfo")
    lines = information.read_text().split("\n") if information.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "float32_gflops": billions(tf.float32),
        "bfloat16_gflops": billions(tf.bfloat16),
    }


def run(command):
    """Program and its arguments -> the object in its last line on stdout; if it fails, this process ends too."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
    command = [str(part) for part in command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{done.stderr}\nerror: {' '.join(command)} failed.")
    return json.loads(done.stdout.strip().split("\n")[-1])


def alternate(commands, rounds):
    """Name of a side -> its command, number of rounds -> name: what each round gave; in a round each side runs once."""
    found = {name: [] for name in commands}
    for number in range(rounds):
        for name, command in commands.items():
            found[name].append(run(command))
            print(f"round {number + 1}, {name}: {json.dumps(found[name][-1])}", file=sys.stderr, flush=True)
    return found


def report(benchmark, machine, settings, found, figures, compared=None, peer="transformers"):
    """Prints medians as a table of Markdown on stderr, and all of it as one line of JSON on stdout.

    Args:
        benchmark: Its name.
        machine: What `machine` gave, before the rounds.
        settings: A dict of what the figures depend on.
        found: What `alternate` gave.
        figures: Names of the figures that each round has; one that a side lacks is left out.
        compared: The figure whose ratios are wanted.
        peer: The side that ours is compared with.
    """
    medians = {
        side: {
            name: round(statistics.median(one[name] for one in results), 4) for name in figures if name in results[0]
        }
        for side, results in found.items()
    }
    cases = {side.partition(" ")[2] for side in found} if compared else ()
    ratios = {
        case: round(medians[f"ours {case}"][compared] / medians[f"{peer} {case}"][compared], 2)
        for case in sorted(cases)
        if {f"ours {case}", f"{peer} {case}"} <= set(found)
    }
    print("|".join(["", " ", *(f" {name} " for name in figures), ""]), file=sys.stderr)
    print("|" + " --- |" * (1 + len(figures)), file=sys.stderr)
    for side, values in medians.items():
        print("|".join(["", f" {side} ", *(f" {values.get(name, '')} " for name in figures), ""]), file=sys.stderr)
    line = {"benchmark": benchmark, "date": str(datetime.date.today()), "machine": machine, "settings": settings}
    print(json.dumps({**line, "medians": medians, "ratios": ratios, "rounds": found}, default=str))


def made_texts(count, mean_words, language="en", seed=0):
    """Texts of words of the samples, as frequent as there, in random order; their number of words is log-normal.

    They have the lengths and letters of real ones, and no sense: for speed, not for scores.
    """
    lines = (ROOT / "recipes" / "samples" / "classify" / f"{language}_train.tsv").read_text(encoding="utf8").split("\n")
    words = np.array(" ".join(line.partition("\t")[0] for line in lines[1:]).split())
    generator = np.random.default_rng(seed)
    lengths = np.maximum(generator.lognormal(np.log(mean_words) - 0.18, 0.6, count).round().astype(int), 1)
    return [" ".join(words[generator.integers(len(words), size=length)]) for length in lengths]


def made_labelled_texts(path, count, mean_words, seed=0):
    """path, number of rows, mean number of words -> None; a table with the columns sentence and label is written."""
    texts = made_texts(count, mean_words, seed=seed)
    labels = np.random.default_rng(seed).integers(2, size=count)
    rows = [f"{text}\t{label}" for text, label in zip(texts, labels, strict=True)]
    Path(path).write_text("\n".join(["sentence\tlabel", *rows]) + "\n", encoding="utf8")


def made_checkpoint(directory, size, task="text_classifier", **head):
    """Writes random weights of a named size, with a vocabulary of 30,522 tokens, in Hugging Face's layout."""
    import keras

    import keras_bert

    keras.utils.set_random_seed(0)
    vocabulary = keras_bert.train_vocabulary(made_texts(3000, 20), size=4000)
    vocabulary += [f"[unused{number}]" for number in range(30522 - len(vocabulary))]
    tokenizer = keras_bert.WordPieceTokenizer(vocabulary)
    config = keras_bert.BertConfig.named(size, vocabulary_size=len(vocabulary))
    model = getattr(keras_bert, task)(keras_bert.backbone(config), **head)
    keras_bert.save_pretrained(model, tokenizer, directory)
