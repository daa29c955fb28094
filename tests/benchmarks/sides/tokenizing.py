"""A side of tokenize_texts.py: SIDE FILE VOCABULARY [--bytes N] -> one line of JSON."""

import argparse
import json
import time
from pathlib import Path


def tokenizers_ids(vocabulary):
    """path -> function: list of strings -> lists of ids."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(str(vocabulary), lowercase=True)
    return lambda texts: [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def in_graph(tokenizer):
    """Tokenizer of strings -> the same as one graph for a batch of strings."""
    import tensorflow as tf

    graph = tf.function(tokenizer, input_signature=[tf.TensorSpec([None], tf.string)])
    return lambda texts: graph(tf.constant(texts))


def ours(vocabulary):
    import keras_bert

    return in_graph(keras_bert.WordPieceTokenizer.load(vocabulary, lowercase=True))


def keras_hub(vocabulary):
    import keras_nlp  # KerasHub, which is there with keras_bert

    return in_graph(keras_nlp.models.BertTokenizer(str(vocabulary), lowercase=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=["ours", "tokenizers", "keras_hub"])
    parser.add_argument("file", type=Path)
    parser.add_argument("vocabulary", type=Path)
    parser.add_argument("--bytes", type=int, default=4_000_000)
    options = parser.parse_args()
    lines = options.file.read_bytes()[: options.bytes].decode("utf8", errors="ignore").split("\n")
    lines = [line for line in lines if line.strip()]
    batches = [lines[begin : begin + 1000] for begin in range(0, len(lines), 1000)]
    sides = {"ours": ours, "tokenizers": tokenizers_ids, "keras_hub": keras_hub}
    tokenize = sides[options.side](options.vocabulary)
    tokenize(batches[0])
    start = time.perf_counter()
    for batch in batches:
        tokenize(batch)
    seconds = time.perf_counter() - start
    size = sum(len(line.encode()) for line in lines) / 1e6
    reference, differing = tokenizers_ids(options.vocabulary), 0
    for batch in batches:
        ids = tokenize(batch)
        ids = ids if isinstance(ids, list) else ids.to_list()
        differing += sum(one != other for one, other in zip(ids, reference(batch), strict=True))
    print(json.dumps({"mb_per_s": round(size / seconds, 3), "megabytes": round(size, 3), "differing_lines": differing}))


if __name__ == "__main__":
    main()
