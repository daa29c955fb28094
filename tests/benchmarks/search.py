"""Times the code of docs/guide/search.md on 10,000 paragraphs, and counts how often the relevant one is found.

    python tests/benchmarks/search.py CHECKPOINT squad/dev-v1.1.json wiki_en/*.txt

CHECKPOINT is a text embedder; its encoder under a random head stands for the cross-encoder, of which only the speed is
measured. Passages are SQuAD's, filled up with paragraphs of the text files; 1,000 of SQuAD's questions are asked. The
last line is JSON.
"""

import contextlib
import json
import random
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import keras_bert

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "search.md"
PASSAGES, QUESTIONS = 10_000, 1_000


def write_texts(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf8")


def prepare(directory, squad, files):
    """Where to write, SQuAD's file, files of paragraphs -> number of each question's paragraph [Q]."""
    paragraphs = [paragraph for article in json.loads(squad.read_text())["data"] for paragraph in article["paragraphs"]]
    passages = [paragraph["context"] for paragraph in paragraphs]
    others = (line for file in files for line in file.read_text(encoding="utf8").splitlines() if len(line) > 200)
    passages += [line for line, _ in zip(others, range(PASSAGES - len(passages)), strict=False)]
    asked = [(one["question"], place) for place, paragraph in enumerate(paragraphs) for one in paragraph["qas"]]
    asked = random.Random(0).sample(asked, QUESTIONS)
    write_texts(directory / "passages.jsonl", passages)
    write_texts(directory / "questions.jsonl", [question for question, _ in asked])
    return np.array([place for _, place in asked])


def seconds(function, *arguments, times=3):
    """A function, its arguments -> the median of its seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        function(*arguments)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main(checkpoint, squad, *files):
    checkpoint, squad, *files = (Path(name).absolute() for name in (checkpoint, squad, *files))
    with tempfile.TemporaryDirectory() as directory, contextlib.chdir(directory):
        relevant = prepare(Path(directory), squad, files)
        backbone, tokenizer = keras_bert.load_pretrained(checkpoint)
        keras_bert.save_pretrained(keras_bert.text_regressor(backbone), tokenizer, "reranker")
        text = GUIDE.read_text(encoding="utf8")
        text = text.replace("sentence-transformers/all-MiniLM-L6-v2", str(checkpoint))
        text = text.replace("cross-encoder/ms-marco-MiniLM-L6-v2", "reranker")
        names, taken = {}, []
        for block in re.findall(r"```python\n(.*?)\n```", text, re.S):
            code = compile(block, GUIDE.name, "exec")
            taken.append(seconds(exec, code, names, times=1))
        asked, vectors, index, exact = (names[name] for name in ("asked", "vectors", "index", "exact"))
        one = asked[:1]
        results = {
            "embedded_texts_per_s": (PASSAGES + QUESTIONS) / taken[1],
            "mean_tokens": float(np.mean(tokenizer(names["passages"][:1000]).row_lengths())) + 2,
            "relevant_in_10": float(np.mean([place in row for place, row in zip(relevant, exact, strict=True)])),
            "exact_questions_per_s": QUESTIONS / seconds(names["search"], asked, vectors),
            "exact_one_ms": 1000 * seconds(names["search"], one, vectors, times=50),
            "index_build_s": taken[4],
            "index_questions_per_s": QUESTIONS / seconds(index.search, asked, 10),
            "index_one_ms": 1000 * seconds(index.search, one, 10, times=50),
            "recall": float(names["recall"]),
            "vectors_mb": Path("vectors.npy").stat().st_size / 1e6,
            "index_mb": Path("passages.usearch").stat().st_size / 1e6,
            "reranked_ten_ms": 1000 * seconds(names["reranked"], names["questions"][0], exact[0], times=5),
        }
    print(json.dumps({name: round(value, 4) for name, value in results.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
