"""`tf.distribute` under plain `model.fit`: strategies by name, and what several workers must agree on.

    strategy = keras_bert.distribution.strategy("multi_worker")
    with strategy.scope():
        model = ...  # build and compile
    model.fit(dataset)  # the same batches on every worker; each computes its rows of them

Everything else of `fit`, `evaluate` and `predict` is `BertModel`'s, which every builder of `keras_bert.models` returns.
"""

from keras_bert.distribution.model import BertModel
from keras_bert.distribution.strategies import own_batches, strategy
from keras_bert.distribution.workers import (
    any_worker,
    check_same,
    gather_strings,
    has_workers,
    is_chief,
    sum_over_workers,
    worker_of,
)

__all__ = [
    "BertModel",
    "any_worker",
    "check_same",
    "gather_strings",
    "has_workers",
    "is_chief",
    "own_batches",
    "strategy",
    "sum_over_workers",
    "worker_of",
]
