"""Makes keras_bert/text/codepoints.npz: what BERT's normalization does to each codepoint, by asking `tokenizers`
itself.

    python tests/references/make_codepoints.py [--output keras_bert/text/codepoints.npz]

Asks ~4.4 million questions, about half a minute. Made with tokenizers 0.23.3 and tensorflow-text 2.21.1; make it again
when a test says that either has changed its mind. `keras_bert/text/normalization.py` says what each array is for.
"""

import argparse
import pathlib
import unicodedata

import numpy as np
import tensorflow as tf
import tensorflow_text
from tokenizers import normalizers, pre_tokenizers

BLOCK = 128
SETTINGS = {  # name in the file -> (lowercase, strip_accents)
    "cased": (False, False),
    "stripped": (False, True),
    "lower": (True, False),
    "lower_stripped": (True, True),
}
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FIRST_SPECIAL_INPUT = 0x110000  # one past Unicode: stands for a special token found whole in a text
FIRST_SPECIAL_OUTPUT = 0x100001  # plane 16 is private use: BERT's cleaning removes it from every text, so it is free
FIRST_ALIAS = 0x100010
CODEPOINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def normalizer(lowercase, strip_accents):
    """The reference's normalization as a function: str -> str."""
    return normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=strip_accents, lowercase=lowercase
    ).normalize_str


def reference_boundaries():
    """Codepoints that stand alone after BERT's normalization and pre-tokenization: punctuation and Chinese."""
    clean, split = normalizer(False, False), pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    return {c for c in CODEPOINTS if len(split(clean("a" + chr(c) + "a"))) == 3}


def tensorflow_text_boundaries():
    """Codepoints that FastWordpieceTokenizer makes a word of their own."""
    tokenizer = tensorflow_text.FastWordpieceTokenizer(["[UNK]", "a"], token_out_type=tf.int32)
    rows = tokenizer.tokenize(tf.constant(["a" + chr(c) + "a" for c in CODEPOINTS]))
    return {c for c, length in zip(CODEPOINTS, rows.row_lengths().numpy(), strict=True) if length == 3}


def mark_ranks():
    """Every combining mark's rank in canonical order: {codepoint: rank}, 1 for the class that sorts first."""
    nfd = normalizers.NFD().normalize_str
    examples = {}  # class -> one mark of that class
    for c in CODEPOINTS:
        if unicodedata.combining(chr(c)) and nfd(chr(c)) == chr(c):
            examples.setdefault(unicodedata.combining(chr(c)), chr(c))
    examples = [examples[k] for k in sorted(examples)]
    # A mark of a lower class moves in front of one of a higher class; nothing moves across a codepoint of class 0.
    moves = [c for c in CODEPOINTS if nfd(chr(c) + examples[0])[0] == examples[0] and chr(c) != examples[0]]
    moves += [c for c in CODEPOINTS if nfd(examples[-1] + chr(c))[0] != examples[-1]]
    return {c: 1 + sum(nfd(chr(c) + e)[0] == e and nfd(chr(c))[0] != e for e in examples) for c in set(moves)}


def make():
    """All arrays of the file: {name: array}."""
    clean = {c: normalizer(False, False)(chr(c)).strip(" ") for c in CODEPOINTS}
    alone, alone_here = reference_boundaries(), tensorflow_text_boundaries()
    aliased = sorted(c for c in alone ^ alone_here if clean[c])
    alias = {c: FIRST_ALIAS + i for i, c in enumerate(aliased)}
    ranks = mark_ranks()
    stripped = normalizer(False, True)
    # A dropped mark of class 0 still keeps its neighbours from changing places: rank 0. What cleaning removes isn't
    # listed.
    ranks |= {c: 0 for c in CODEPOINTS if clean[c] and not stripped(chr(c)) and c not in ranks}
    arrays = {
        "aliased": np.array(aliased, np.int32),
        "marks": np.array(sorted(ranks), np.int32),
        "mark_ranks": np.array([ranks[c] for c in sorted(ranks)], np.int32),
    }
    for name, (lowercase, strip_accents) in SETTINGS.items():
        ask = normalizer(lowercase, strip_accents)
        entries = np.zeros(FIRST_SPECIAL_INPUT + BLOCK, np.int32)
        entries[0xD800:0xE000] = 0  # surrogates have no place in UTF-8: removed, as what is no text
        expansions = []
        for c in CODEPOINTS:
            text = ask(chr(c))
            output = [ord(x) for x in (text if text == " " else text.strip(" "))]
            moves = strip_accents and any(ranks.get(x, 0) for x in output)
            assert not (moves and any(x in alias for x in output)), hex(c)
            if len(output) == 1 and output[0] in alias:
                around = [ord(" ")] if output[0] in alone else []
                output = [*around, alias[output[0]], *around]
            else:
                assert not any(x in alias for x in output), hex(c)
            value = output[0] - c if len(output) == 1 else len(expansions)
            if len(output) > 1:
                expansions += output
            boundary = c in alone_here or (clean[c] == "" and text == " ")
            entries[c] = value << 4 | moves << 3 | boundary << 2 | min(len(output), 3)
            assert len(output) <= 3, hex(c)
        for i in range(len(SPECIAL_TOKENS)):
            entries[FIRST_SPECIAL_INPUT + i] = len(expansions) << 4 | 3
            expansions += [ord(" "), FIRST_SPECIAL_OUTPUT + i, ord(" ")]
        blocks, index = np.unique(entries.reshape(-1, BLOCK), axis=0, return_inverse=True)
        arrays[f"{name}_index"] = index.reshape(-1).astype(np.uint16)
        arrays[f"{name}_blocks"] = blocks
        arrays[f"{name}_expansions"] = np.array(expansions, np.int32)
    return arrays


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    home = pathlib.Path(__file__).parents[2] / "keras_bert" / "text" / "codepoints.npz"
    parser.add_argument("--output", type=pathlib.Path, default=home)
    options = parser.parse_args()
    made = make()
    np.savez_compressed(options.output, **made)
    for name, array in made.items():
        print(name, array.shape, array.dtype)
    print(options.output, options.output.stat().st_size, "bytes")
