"""A side of serve.py: ENGINE DIRECTORY --data FILE ... -> one line of JSON."""

import argparse
import csv
import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

START = time.perf_counter()  # before the engines import their libraries
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def saved_model(directory, max_length):
    """directory -> function: list of strings -> labels; and what must live as long."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401

    served = tf.saved_model.load(str(directory))
    signature = served.signatures["serving_default"]
    return lambda texts: [label.decode() for label in signature(text=tf.constant(texts))["label"].numpy()], served


def runtime(directory, max_length):
    import keras_bert

    answer = keras_bert.runtime.load(directory)
    return lambda texts: [one["label"] for one in answer(texts)], answer


def torch(directory, max_length):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    torch.set_num_threads(CORES)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()

    def answer(texts):
        inputs = tokenizer(texts, padding=True, truncation=True, max_length=max_length, return_tensors="pt")
        with torch.inference_mode():
            classes = model(**inputs).logits.argmax(-1)
        return [model.config.id2label[one] for one in classes.tolist()]

    return answer, model


def of_graph(run):
    """Function of a path: the graph as a function of its inputs -> an engine, with tokenizers and NumPy around it."""

    def engine(directory, max_length):
        import numpy as np
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        tokenizer.enable_truncation(max_length)
        tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"))
        labels = json.loads((directory / "config.json").read_text(encoding="utf8"))["id2label"]
        graph = run(directory / "model.onnx")

        def answer(texts):
            rows = tokenizer.encode_batch(texts)
            inputs = {
                "input_ids": np.array([row.ids for row in rows]),
                "attention_mask": np.array([row.attention_mask for row in rows]),
                "token_type_ids": np.array([row.type_ids for row in rows]),
            }
            return [labels[str(one)] for one in graph(inputs).argmax(-1)]

        return answer, graph

    return engine


@of_graph
def onnx_runtime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = CORES
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


@of_graph
def openvino(path):
    import openvino

    model = openvino.compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    return lambda inputs: model(inputs)[0]


ENGINES = {
    "savedmodel": saved_model,
    "savedmodel-bfloat16": saved_model,
    "onnx": runtime,
    "onnx-int8": runtime,
    "torch": torch,
    "ort": onnx_runtime,
    "ort-int8": onnx_runtime,
    "openvino": openvino,
}


def resident():
    """-> megabytes of memory that this process holds now; on systems without /proc, the most that it held."""
    status = Path("/proc/self/status")
    if status.is_file():
        [line] = [line for line in status.read_text().split("\n") if line.startswith("VmRSS")]
        return round(int(line.split()[1]) / 1024)
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)


def memory(answer, texts, count):
    """-> megabytes before, after a quarter, a half and all of so many requests of 1 to 200 words."""
    chance, words = random.Random(0), " ".join(texts).split()
    found = {0: resident()}
    for number in range(1, count + 1):
        answer([" ".join(chance.choices(words, k=chance.randint(1, 200)))])
        if number in (count // 4, count // 2, count):
            found[number] = resident()
    return found


def threads(answer, texts, count):
    """-> requests a second where so many threads ask at a time, a string each."""
    with ThreadPoolExecutor(count) as pool:
        start = time.perf_counter()
        list(pool.map(lambda text: answer([text]), texts))
        return round(len(texts) / (time.perf_counter() - start), 1)


def per_second(answer, batches):
    """-> strings a second, and their labels."""
    start = time.perf_counter()
    labels = [label for batch in batches for label in answer(batch)]
    return round(len(labels) / (time.perf_counter() - start), 1), labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("directory", type=Path)
    for name in ("data", "text-column", "label-column"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("limit", "max-length", "memory"):
        parser.add_argument(f"--{name}", type=int, default=0)
    parser.add_argument("--threads", type=int, nargs="*", default=[])
    options = parser.parse_args()
    with open(options.data, encoding="utf8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = [(row[options.text_column], row[options.label_column]) for row in rows][: options.limit]
    answer, kept = ENGINES[options.engine](options.directory, options.max_length)
    answer([rows[0][0]])
    found = {"startup_s": round(time.perf_counter() - START, 2)}
    rows.sort(key=lambda row: len(row[0]), reverse=True)
    texts, gold = zip(*rows, strict=True)
    if options.memory:
        for count, megabytes in memory(answer, texts, options.memory).items():
            found[f"memory_mb_{count}"] = megabytes
    batches = [list(texts[begin : begin + 32]) for begin in range(0, len(texts), 32)]
    answer(batches[0])
    for text in texts[:: max(1, len(texts) // 20)]:
        answer([text])
    found["one_by_one"], _ = per_second(answer, [[text] for text in texts])
    found["batches_of_32"], labels = per_second(answer, batches)
    found["accuracy"] = round(sum(map(str.__eq__, labels, gold)) / len(gold), 4)
    size = sum(path.stat().st_size for path in options.directory.rglob("*") if path.is_file())
    found["megabytes"] = round(size / 1e6, 1)
    for count in options.threads:
        found[f"threads_{count}"] = threads(answer, texts, count)
    print(json.dumps(found))
    del kept


if __name__ == "__main__":
    main()
