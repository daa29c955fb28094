"""A side of encode.py: its name -> one line of JSON."""

import argparse
import csv
import json
import tempfile
import time
from pathlib import Path

import numpy as np

ONE_BY_ONE = 200  # texts


def ours(kind, options):
    """What is behind "ours" in the side's name, options -> function: strings, or one, -> vectors."""
    import keras

    import keras_bert

    if kind == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    settings = {"pooling": "mean", "normalize": True, "max_length": options.max_length}
    model, tokenizer = keras_bert.load_pretrained(options.checkpoint, "text_embedder", **settings)
    if not kind.startswith("ONNX"):
        return lambda texts: keras_bert.embed(texts, model, tokenizer, progress=False)
    with tempfile.TemporaryDirectory() as directory:
        keras_bert.export_onnx(model, tokenizer, Path(directory, "onnx"), precision=kind.split()[1])
        answer = keras_bert.runtime.load(Path(directory, "onnx"))

    def embed(texts):
        answers = answer(texts)
        return answers["embedding"] if isinstance(texts, str) else np.array([one["embedding"] for one in answers])

    return embed


def sentence_transformers(kind, options):
    """As `ours`."""
    from sentence_transformers import SentenceTransformer, models

    encoder = models.Transformer(str(options.checkpoint), max_seq_length=options.max_length)
    layers = [encoder, models.Pooling(encoder.get_word_embedding_dimension(), "mean"), models.Normalize()]
    model = SentenceTransformer(modules=layers, device="cpu")
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side")
    for name in ("texts", "checkpoint", "vectors"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--columns", nargs="+")
    for name in ("limit", "max-length"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    with open(options.texts, encoding="utf8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        texts = [row[column] for row in rows for column in options.columns][: options.limit]
    name, _, kind = options.side.partition(" ")
    embed = {"ours": ours, "sentence_transformers": sentence_transformers}[name](kind, options)
    embed(texts[:64])
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        vectors = np.asarray(embed(texts))
        seconds.append(time.perf_counter() - start)
    start = time.perf_counter()
    for text in texts[:ONE_BY_ONE]:
        embed(text)
    one_by_one = len(texts[:ONE_BY_ONE]) / (time.perf_counter() - start)
    if not options.vectors.exists():
        np.save(options.vectors, vectors)
    cosines = (np.load(options.vectors) * vectors).sum(axis=1)
    result = {"texts_per_s": round(len(texts) / np.median(seconds), 1), "one_by_one": round(one_by_one, 1)}
    print(json.dumps({**result, "least_cosine": round(float(cosines.min()), 6)}))


if __name__ == "__main__":
    main()
