"""What int8 costs in accuracy and gives in speed: fine-tuned checkpoints exported as ONNX, scored on their test files.

    python tests/benchmarks/onnx_precisions.py --classify DIR sst2/test.tsv --tag DIR wnut17/test.conll \
                                               --compare DIR stsb/test.tsv [--trials float32,int8] [--one-by-one 200]

DIR is what recipes/classify.py, tag.py and pair.py write as --output; a .tsv has the columns sentence and label, or
sentence1, sentence2 and score. Prints a JSON line for each trial and task: the score, texts per second of CPU time on
one thread, which other programs on the machine hardly change, in batches of 32 and one by one, and the size of the
graph in MB. `int8` is what export_onnx writes; `no-output` leaves the feed-forward's second layer in float32,
`feedforward` has its two layers alone in int8, `attention` all others, and `by-tensor` has one scale a matrix.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import keras_bert
from keras_bert.export import onnx, onnx_bert

NAMES = onnx._INT8
TRIALS = {
    "float32": (),
    "int8": NAMES,
    "no-output": NAMES[:-1],
    "feedforward": NAMES[-2:],
    "attention": NAMES[:-2],
    "by-tensor": NAMES,
}


def by_tensor(kernel):
    """kernel [I, O] -> int8 [I, O], and one scale, as often as there are columns."""
    scale = np.abs(kernel).max() / np.float32(127)
    return np.round(kernel / scale).astype("int8"), np.full(kernel.shape[1], scale, "float32")


def classified(answers, gold):
    return keras_bert.metrics.class_scores(gold, [answer["label"] for answer in answers], sorted({*gold}))["accuracy"]


def compared(answers, gold):
    scores = [answer["score"] for answer in answers]
    return keras_bert.metrics.correlations([float(score) for score in gold], scores)["spearman"]


def tagged(answers, gold):
    tags = [[word["tag"] for word in answer["tags"]] for answer in answers]
    return keras_bert.metrics.entity_scores(gold, tags)["entity_f1"]


def columns_of(task, path):
    """Name of a task, path -> the columns that its model takes, the right answers."""
    if task == "tag":
        sentences = keras_bert.data.read_tagged(path)
        return [[sentence.text for sentence in sentences]], [sentence.tags for sentence in sentences]
    names = "sentence" if task == "classify" else ("sentence1", "sentence2")
    rows = keras_bert.data.read_labelled_texts(path, names, "label" if task == "classify" else "score")
    *columns, gold = map(list, zip(*rows, strict=True))
    return columns, gold


TASKS = {
    "classify": ("text_classifier", classified, {}),
    "tag": ("token_classifier", tagged, {"unit": "space"}),
    "compare": ("text_regressor", compared, {"pairs": True}),
}


def per_second(function, count):
    """A function that answers so many texts -> what it gives, and the texts per second of CPU time."""
    start = time.process_time()
    answers = function()
    return answers, round(count / (time.process_time() - start), 1)


def main():
    parser = argparse.ArgumentParser()
    for task in TASKS:
        parser.add_argument(f"--{task}", nargs=2, metavar=("DIR", "FILE"))
    parser.add_argument("--trials", default="float32,int8")
    parser.add_argument("--one-by-one", type=int, default=200)
    options = parser.parse_args()
    for task, (builder, score, arguments) in TASKS.items():
        if getattr(options, task) is None:
            continue
        checkpoint, path = getattr(options, task)
        model, tokenizer = keras_bert.load_pretrained(checkpoint, task=builder)
        columns, gold = columns_of(task, path)
        for trial in options.trials.split(","):
            onnx._INT8 = TRIALS[trial]
            onnx_bert._quantized = by_tensor if trial == "by-tensor" else QUANTIZED
            directory = Path(tempfile.mkdtemp(), "served")
            precision = "int8" if TRIALS[trial] else "float32"
            keras_bert.export_onnx(model, tokenizer, directory, precision, max_length=128, **arguments)
            answer = keras_bert.runtime.load(directory, threads=1)
            answers, batches = per_second(lambda: answer(*columns), len(gold))  # noqa: B023
            some = [*zip(*columns, strict=True)][: options.one_by_one]
            _, one_by_one = per_second(lambda: [answer(*row) for row in some], len(some))  # noqa: B023
            size = round((directory / "model.onnx").stat().st_size / 1e6, 1)
            found = {"score": round(score(answers, gold), 4), "batches": batches, "one_by_one": one_by_one, "mb": size}
            print(json.dumps({"trial": trial, "task": task, **found}), flush=True)


QUANTIZED = onnx_bert._quantized

if __name__ == "__main__":
    main()
