"""Compares the tokenizer with Hugging Face's `tokenizers`: ids and offsets over whole corpora, and speed.

    python tests/references/compare_tokenizer.py codepoints
    python tests/references/compare_tokenizer.py random [--count 100000] [--seed 0]
    python tests/references/compare_tokenizer.py corpora [--megabytes 10]
    python tests/references/compare_tokenizer.py speed [--megabytes 8] [--rounds 5]
    python tests/references/compare_tokenizer.py start

Everything but `speed` and `start` goes through the six settings of lowercase and strip_accents (`random` also with
special tokens kept whole) and prints how many lines have ids or offsets that differ: 0 is what is wanted. `--data` is
a folder with vocab/bert-base-uncased.txt, wiki_en, wiki_ko, nsmc and wnut17 (default: ../shared/data beside the
repository).
"""

import argparse
import itertools
import os
import pathlib
import random
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
import tokenizers

from keras_bert.text import WordPieceTokenizer, read_vocabulary, train_vocabulary

SETTINGS = list(itertools.product((True, False), (None, True, False)))  # lowercase, strip_accents
CODEPOINTS = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF]
ALPHABETS = {  # what random strings are mixed from: ranges of codepoints
    "ascii": [(0x20, 0x7E)],
    "latin": [(0xA0, 0x24F), (0x1E00, 0x1EFF)],
    "greek and cyrillic": [(0x370, 0x52F), (0x1F00, 0x1FFF)],
    "marks": [(0x300, 0x36F), (0x483, 0x489), (0x591, 0x5BD), (0x610, 0x61A), (0x8D3, 0x8FF), (0x1DC0, 0x1DFF)],
    "rare marks": [(0x302A, 0x302F), (0x1B44, 0x1B44), (0x1BF2, 0x1BF3), (0x1D15E, 0x1D172), (0x1E000, 0x1E02A)],
    "indic": [(0x900, 0xDFF), (0xF00, 0xFDA), (0x11000, 0x114FF)],
    "hebrew and arabic": [(0x5D0, 0x6FF)],
    "hangul": [(0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3130, 0x318F)],
    "kana and chinese": [(0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x2B700, 0x2B940)],
    "symbols": [(0x2000, 0x2BFF), (0x2E00, 0x2E5D)],
    "emoji": [(0x1F300, 0x1FAFF), (0xFE00, 0xFE0F), (0x1F1E6, 0x1F1FF), (0x200D, 0x200D)],
    "controls": [(0x0, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x2028, 0x202F), (0x2060, 0x206F), (0xFEFF, 0xFEFF)],
    "anything": [(0x0, 0xD7FF), (0xE000, 0x10FFFF)],
}
WORDS = [
    "[MASK]",
    "[SEP]",
    "[CLS]",
    "[PAD]",
    "[UNK]",
    "[MASK",
    "MASK]",
    "##s",
    "the",
    "한국어",
    "a" * 101,
    "é" * 99,
    "\ufffd",
]


def random_strings(count, seed):
    """Strings that mix scripts, marks, controls and special tokens, the same for the same seed: -> list of str."""
    generator = random.Random(seed)
    strings = []
    for _ in range(count):
        kinds = generator.sample(list(ALPHABETS.values()), generator.randint(1, 4))
        parts = []
        for _ in range(generator.randint(0, 12)):
            kind = generator.choice(kinds)
            run = (chr(generator.randint(*generator.choice(kind))) for _ in range(generator.randint(1, 6)))
            parts.append(generator.choice(WORDS) if generator.random() < 0.05 else "".join(run))
            parts.append(generator.choice(["", "", " ", "  "]))
        strings.append("".join(parts))
    return strings


def reference(tokens, lowercase, strip_accents, keep_special_tokens):
    """The tokenizer to agree with."""
    ids = {token: i for i, token in enumerate(tokens)}
    tokenizer = tokenizers.BertWordPieceTokenizer(ids, lowercase=lowercase, strip_accents=strip_accents)
    tokenizer._tokenizer.encode_special_tokens = not keep_special_tokens
    return tokenizer


def differing(texts, ours, theirs, keep_special_tokens, batch=4096):
    """Lines whose ids, and lines whose offsets, differ: -> (list of str, list of str)."""
    ids_differ, offsets_differ = [], []
    for at in range(0, len(texts), batch):
        lines = texts[at : at + batch]
        plain = ours(tf.constant(lines), keep_special_tokens).to_list()
        ids, starts, ends = (x.to_list() for x in ours.tokenize_with_offsets(tf.constant(lines), keep_special_tokens))
        for line, encoding, *mine in zip(
            lines, theirs.encode_batch(lines, add_special_tokens=False), plain, ids, starts, ends, strict=True
        ):
            if not encoding.ids == mine[0] == mine[1]:
                ids_differ.append(line)
            if encoding.offsets != list(zip(mine[2], mine[3], strict=True)):
                offsets_differ.append(line)
    return ids_differ, offsets_differ


def compare(name, texts, tokens, settings=SETTINGS, keeps=(False, True)):
    """Prints a line for each setting; returns how many lines differed."""
    total = 0
    for (lowercase, strip_accents), keep in itertools.product(settings, keeps):
        ours = WordPieceTokenizer(tokens, lowercase, strip_accents)
        ids, offsets = differing(texts, ours, reference(tokens, lowercase, strip_accents, keep), keep)
        total += len(ids) + len(offsets)
        print(
            f"{name}: lowercase={lowercase} strip_accents={strip_accents} keep_special_tokens={keep}: "
            f"{len(texts)} lines, ids differ on {len(ids)}, offsets on {len(offsets)}",
            *(ascii(x[:60]) for x in (ids + offsets)[:4]),
            flush=True,
        )
    return total


def lines_of(folder, megabytes=None):
    """The lines of a folder's files, `megabytes` of them at most: -> list of str."""
    lines, size = [], 0
    for path in sorted(folder.iterdir()):
        for line in path.read_text(encoding="utf-8").split("\n"):
            lines.append(line)
            size += len(line.encode()) + 1
            if megabytes and size > megabytes * 1e6:
                return lines
    return lines


def speed(texts, tokens, rounds, batch):
    """Alternates with `encode_batch` on the same cores; prints MB/s, medians and their ratio."""
    ours, theirs = WordPieceTokenizer(tokens), reference(tokens, True, None, False)
    size = sum(len(text.encode()) for text in texts) / 1e6
    source = tf.data.Dataset.from_tensor_slices(texts).batch(batch).cache()
    pipelines = {
        "ours": source.map(lambda t: ours(t).values, num_parallel_calls=tf.data.AUTOTUNE),
        "ours, with offsets": source.map(
            lambda t: [v.values for v in ours.tokenize_with_offsets(t)], num_parallel_calls=tf.data.AUTOTUNE
        ),
    }
    batches = [tf.constant(texts[at : at + batch]) for at in range(0, len(texts), batch)]

    def drain(pipeline):
        for _ in pipeline:
            pass

    ways = {name: lambda p=pipeline: drain(p) for name, pipeline in pipelines.items()}
    ways["ours, called in a loop"] = lambda: [ours(b) for b in batches]
    ways["encode_batch"] = lambda: theirs.encode_batch(texts, add_special_tokens=False)
    figures = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            begin = time.perf_counter()
            way()
            figures[name].append(size / (time.perf_counter() - begin))
    for name, values in figures.items():
        ratio = np.median(np.array(values) / np.array(figures["encode_batch"]))
        rounds = " ".join(f"{value:.1f}" for value in values)
        print(f"{name}: {np.median(values):.1f} MB/s (all: {rounds}), {ratio:.2f} x encode_batch")


def start(tokens):
    """Prints how long it takes to make a tokenizer, and to tokenize one string."""
    for _ in range(3):
        begin = time.perf_counter()
        ours = WordPieceTokenizer(tokens)
        print(f"made in {time.perf_counter() - begin:.3f} s")
    text = "Here is the sentence I want embeddings for."
    theirs = reference(tokens, True, None, False)
    for name, way, argument in (
        ("a Python string", ours, [text]),
        ("a tensor", ours, tf.constant([text])),
        ("a tensor, with offsets", ours.tokenize_with_offsets, tf.constant([text])),
        ("a tensor with an accent", ours, tf.constant([text + " Café"])),
        ("tokenizers.encode", lambda x: theirs.encode(x, add_special_tokens=False), text),
    ):
        begin = time.perf_counter()
        way(argument)
        first, times = time.perf_counter() - begin, []
        for _ in range(300):
            begin = time.perf_counter()
            way(argument)
            times.append(time.perf_counter() - begin)
        print(f"{name}: first call {first * 1e3:.1f} ms, then {np.median(times) * 1e6:.0f} us (median of 300)")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["codepoints", "random", "corpora", "speed", "start"])
    home = pathlib.Path(__file__).parents[2].parent / "shared" / "data"
    parser.add_argument("--data", type=pathlib.Path, default=home)
    parser.add_argument("--megabytes", type=float, default=10)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    tokens = read_vocabulary(options.data / "vocab" / "bert-base-uncased.txt")
    if options.what == "codepoints":
        texts = [form.format(c) for c in CODEPOINTS for form in ("{}", "in{}side", "a {}")]
        name = f"{len(CODEPOINTS)} codepoints, alone, inside a word, after a space"
        total = compare(name, texts, tokens, keeps=(False,))
    elif options.what == "random":
        texts = random_strings(options.count, options.seed)
        # Every character of the strings is in this vocabulary, so that not everything is [UNK].
        rich = train_vocabulary(texts, 40_000, lowercase=False, strip_accents=False, alphabet_size=12_000)
        total = compare("random strings, standard vocabulary", texts, tokens)
        total += compare("random strings, a vocabulary of their characters", texts, rich)
    elif options.what == "corpora":
        korean = train_vocabulary(sorted((options.data / "wiki_ko").iterdir()), 32_000, lowercase=False)
        total = 0
        for name in ("wiki_en", "wiki_ko", "nsmc", "wnut17"):
            texts = lines_of(options.data / name, options.megabytes)
            vocabularies = {"standard": tokens} | ({"Korean": korean} if name in ("wiki_ko", "nsmc") else {})
            for vocabulary, its_tokens in vocabularies.items():
                total += compare(f"{name}, {vocabulary} vocabulary", texts, its_tokens, keeps=(False,))
    elif options.what == "speed":
        speed(lines_of(options.data / "wiki_en", options.megabytes), tokens, options.rounds, options.batch)
        return
    else:
        start(tokens)
        return
    print("differing lines in all:", total)


if __name__ == "__main__":
    main()
