"""Strategies of `tf.distribute` by their names, and each worker's own share of a step."""

import json
import os
import re

import keras

from keras_bert.distribution.keras_internals import split_among_replicas
from keras_bert.distribution.rendezvous import MeetingError, meet
from keras_bert.distribution.workers import has_workers

STRATEGIES = ("one", "mirrored", "multi_worker", "tpu")


def strategy(name="one", timeout=600):
    """Makes a strategy by its name, before anything else of TensorFlow is used.

    Args:
        name: `"one"`, the one device that TensorFlow chooses; `"mirrored"`, all GPUs of this machine, or all logical
            CPUs where there is none; `"multi_worker"`, all processes that the environment variable TF_CONFIG names; or
            `"tpu"`.
        timeout: Seconds to wait until all workers are there.

    Returns:
        A `tf.distribute.Strategy`. Build and compile the model in its `scope()`.

    Raises:
        ValueError: If the name is unknown, TF_CONFIG isn't valid, no TPU is there, or Keras isn't on TensorFlow.
        RuntimeError: If a worker doesn't come in time, is given another cluster or another one's number, or can't
            listen at its address. All that came get the error.

    Example:
    >>> with strategy("one").scope():
    ...     model = keras_bert.text_regressor(keras_bert.backbone(keras_bert.BertConfig.named("tiny")))
    """
    if name not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {', '.join(STRATEGIES)}. Received: {name!r}.")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"Strategies of tf.distribute need Keras on TensorFlow. Received: {name!r} on {keras.backend.backend()}. "
            "There, keras.distribution.DataParallel does it (docs/measurements/scaling.md)."
        )
    import tensorflow as tf

    if name == "one":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "tpu":
        return _tpu()
    return _multi_worker(timeout)


def own_batches(dataset, strategy):
    """Marks a dataset as this worker's own share of each step, where reading all of the data would be too much.

    Args:
        dataset: A `tf.data.Dataset` of this worker's batches; all workers together make the whole batch of a step.
            Where one ends before another, the others go on without it.
        strategy: What `strategy` gave.

    Returns:
        What `fit`, `evaluate` and `predict` take: with one worker, the dataset itself.

    Example:
    >>> import tensorflow as tf
    >>> int(own_batches(tf.data.Dataset.range(3).batch(2), strategy("one")).cardinality())
    2
    """
    if not has_workers(strategy):
        return dataset
    return split_among_replicas(dataset, strategy, own=True)


def _multi_worker(timeout):
    """seconds to wait -> MultiWorkerMirroredStrategy, once all workers are there."""
    import tensorflow as tf

    addresses, index = _workers_of(os.environ.get("TF_CONFIG"))
    try:
        meet(addresses, index, timeout)
        return tf.distribute.MultiWorkerMirroredStrategy()
    except MeetingError as error:
        raise RuntimeError(
            f"The workers of TF_CONFIG haven't come together. {error} Start all of them at about the same time, with "
            "the same list of workers and a number for each, and see that they reach each other."
        ) from error
    except tf.errors.UnknownError as error:  # another process took the port after the meeting
        raise RuntimeError(
            f"This worker can't listen at its address of TF_CONFIG, {addresses[index]}: {error}. Is another process "
            "there already?"
        ) from error


def _workers_of(text):
    """TF_CONFIG or None -> addresses of all workers, number of this one; a `ValueError` that says what is wrong."""
    expected = (
        'TF_CONFIG must be JSON such as {"cluster": {"worker": ["host1:2345", "host2:2345"]}, "task": {"type": '
        '"worker", "index": 0}}, with the same cluster on all workers and an index for each of them.'
    )
    if not text:
        raise ValueError(f"{expected} Received: none. Set it in the environment of each worker.")
    try:
        config = json.loads(text)
        cluster, task = dict(config["cluster"]), config["task"]
        tasks, index = cluster[task["type"]], int(task["index"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{expected} Received: {text} ({type(error).__name__}: {error}).") from error
    for job, addresses in cluster.items():
        if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
            raise ValueError(f"{expected} Received: {addresses!r} as {job!r}, which isn't a list of addresses.")
    listed = [address for addresses in cluster.values() for address in addresses]
    if task["type"] not in ("chief", "worker") or not 0 <= index < len(tasks):
        raise ValueError(
            f"{expected} Received: task {task['type']!r} {index}, which isn't among "
            f"{ {job: len(addresses) for job, addresses in cluster.items()} }."
        )
    if len(set(listed)) < len(listed):
        raise ValueError(f"{expected} Received: an address more than once, in {listed}.")
    for address in listed:
        if not (re.fullmatch(r".+:\d{1,5}", address) and 1 <= int(address.rpartition(":")[2]) <= 65535):
            raise ValueError(
                f"{expected} Received: address {address!r}, which isn't a host, a colon and a port from 1 to 65535."
            )
    chiefs, workers = (cluster.get(job, []) for job in ("chief", "worker"))
    return chiefs + workers, index + (len(chiefs) if task["type"] == "worker" else 0)


def _tpu():
    """-> TPUStrategy, on the TPU that the environment names."""
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(tpu="")
    except (ValueError, tf.errors.NotFoundError) as error:
        raise ValueError(
            f"No TPU can be found from here: {error}. Choose another strategy, or run on a TPU VM."
        ) from error
    return tf.distribute.TPUStrategy(resolver)
