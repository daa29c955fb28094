"""Folders as sentence-transformers wrote them, and what it computes; see make_tiny_sentence_bert.py in references."""

import json
import shutil

import numpy as np
import pytest

from tiny_bert import REFERENCES, TINY

FOLDERS = REFERENCES / "tiny_sentence_bert"
WEIGHTS = {
    "projected": "backbone",
    "plain": "backbone",
    "reranker": "text_regressor",
    "classes": "text_classifier",
}


@pytest.fixture
def folder(tmp_path):
    """Function: name of a folder -> a writable copy of it, with its weights."""

    def copied(name):
        directory = shutil.copytree(FOLDERS / name, tmp_path / name)
        shutil.copy(TINY / WEIGHTS[name] / "model.safetensors", directory)
        return directory

    return copied


@pytest.fixture
def configure():
    """Function: path of a JSON file, changed keys -> None; "absent" takes a key out."""

    def changed(path, **settings):
        contents = {**json.loads(path.read_text()), **settings} if path.exists() else settings
        path.write_text(json.dumps({key: value for key, value in contents.items() if value != "absent"}))

    return changed


@pytest.fixture(scope="session")
def expected():
    """{name: array} of what sentence-transformers gives for TEXTS."""
    return dict(np.load(FOLDERS / "expected.npz"))
