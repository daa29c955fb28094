"""Writes tiny_sentence_bert/: folders of tiny_bert as sentence-transformers saves them, and what it computes.

    python make_tiny_sentence_bert.py

with torch and sentence-transformers installed (6.2 made the files that are kept). Two folders make vectors, two are
cross-encoders; expected.npz holds what they give for TEXTS, and for pairs of them.
"""

import itertools
import shutil
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer import modules

TEXTS = [
    "The cat sat on the mat.",
    "",
    "a big dog ran to a red house of wood, and it was very old!",
    "dogs ran",
    "고양이 cats",
]
PROMPTS = {"query": "the house of ", "passage": "a cat: "}
POOLINGS = {"projected": "cls", "plain": "max"}

here = Path(__file__).parent
root = here / "tiny_sentence_bert"
shutil.rmtree(root, ignore_errors=True)
torch.manual_seed(11)
expected = {}


def whole(task):
    """Name of one of tiny_bert's directories -> a directory with it and the tokenizer."""
    directory = root / "whole"
    shutil.copytree(here / "tiny_bert" / task, directory, dirs_exist_ok=True)
    shutil.copytree(here / "tiny_bert" / "tokenizer", directory, dirs_exist_ok=True)
    return str(directory)


def without_cards(name):
    """Name of a folder -> None; what nothing reads is removed, and the encoder's weights, which tiny_bert has."""
    shutil.rmtree(root / "whole")
    for file in ("README.md", "model.safetensors"):
        (root / name / file).unlink()


for name, pooling in POOLINGS.items():
    parts = [
        modules.Transformer(whole("backbone"), processor_kwargs={"model_max_length": 9}),
        modules.Pooling(12, pooling),
    ]
    if name == "projected":
        parts += [modules.Dense(12, 7), modules.Dense(7, 5, bias=False, activation_function=torch.nn.Identity())]
        parts.append(modules.Normalize())
    default = None if name == "projected" else "passage"
    model = SentenceTransformer(modules=parts, prompts=PROMPTS, default_prompt_name=default, device="cpu")
    model.save(str(root / name))
    expected[name] = model.encode(TEXTS)
    expected[f"{name}/query"] = model.encode(TEXTS, prompt_name="query")
    without_cards(name)

for task, name in {"text_regressor": "reranker", "text_classifier": "classes"}.items():
    model = CrossEncoder(whole(task), device="cpu")
    model.save(str(root / name))
    pairs = list(itertools.pairwise(TEXTS))
    expected[name] = model.predict(pairs, apply_softmax=name == "classes")
    without_cards(name)
np.savez_compressed(root / "expected.npz", **expected)
