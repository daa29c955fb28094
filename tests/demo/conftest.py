"""Small models of every task, whose random weights are wide enough for answers to differ, and a server of them."""

import contextlib
import functools
import threading
import time

import keras
import pytest

import keras_bert
from keras_bert.demo import Shown, page, server

LETTERS = [*"abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'-", *"나는오늘사과를먹었다책이좋았지만길어요"]
HEADS = {
    "masked_language_model": {},
    "pretrainer": {},
    "text_classifier": {"num_classes": 3, "labels": ["bad", "fair", "good"]},
    "text_regressor": {},
    "token_classifier": {"num_classes": 5, "labels": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]},
    "span_predictor": {},
    "text_embedder": {},
    "backbone": None,
}


@pytest.fixture(scope="session")
def letters():
    """A tokenizer whose tokens are letters and Korean syllables."""
    letters = dict.fromkeys(LETTERS)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return keras_bert.WordPieceTokenizer(
        [*special, *letters, *(f"##{letter}" for letter in letters)], strip_accents=False
    )


@pytest.fixture(scope="session")
def shown(letters):
    """Function: a task, options of `Shown` -> a `Shown` of it."""
    keras.utils.set_random_seed(5)
    size = {"num_layers": 2, "num_heads": 4, "hidden_dim": 12, "intermediate_dim": 37, "max_sequence_length": 64}
    config = keras_bert.BertConfig(vocabulary_size=letters.vocabulary_size, initializer_range=0.7, **size)
    backbone = keras_bert.backbone(config)

    @functools.cache  # each has graphs of its own, which take seconds to make
    def model(task):
        return backbone if HEADS[task] is None else getattr(keras_bert.models, task)(backbone, **HEADS[task])

    @functools.cache
    def shown(task, name=None, pairs=False):
        return Shown(name or task, letters, model(task), pairs=pairs)

    return shown


@pytest.fixture(scope="session")
def served_at():
    """Function: `Shown`s -> a block in which a server shows them; it gives the server's address."""

    @contextlib.contextmanager
    def served_at(models):
        import uvicorn

        application = server.Guard(server.served(page(models)), "127.0.0.1")
        running = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        with server.listening("127.0.0.1", 0) as opened:
            thread = threading.Thread(target=running.run, kwargs={"sockets": [opened]}, daemon=True)
            thread.start()
            while thread.is_alive() and not running.started:
                time.sleep(0.05)
            yield f"http://127.0.0.1:{opened.getsockname()[1]}"
            running.should_exit = True
            thread.join(timeout=30)

    return served_at
