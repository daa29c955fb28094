"""What every test and doctest shares."""

import gc
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

import keras_bert

# A graph is a hundred thousand objects, so that Python would look for garbage again and again while it is made.
gc.freeze()
gc.set_threshold(10_000, 10, 10)
LONG = ("tests/recipes/", "tests/distribution/")  # whole trainings


def pytest_collection_modifyitems(items):
    """What takes long begins first, so that no worker ends long after the others."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def doctest_names(doctest_namespace):
    doctest_namespace.update(keras=keras, keras_bert=keras_bert, np=np)
