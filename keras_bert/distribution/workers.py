"""Several processes that train together under `tf.distribute`: who each of them is, and what all of them hold.

A strategy here is any `tf.distribute.Strategy`; with one process all of this is trivial. TensorFlow is imported when a
strategy is there to ask.
"""

import contextlib
import functools
import hashlib
import json
import re
from pathlib import Path

import keras
import numpy as np

from keras_bert.utils.files import digest_of


def has_workers(strategy):
    """Tells whether several processes train under a strategy: strategy or None -> bool."""
    if strategy is None or keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    return several and worker_of(strategy)[1] > 1


def worker_of(strategy):
    """Tells which worker this process is: strategy or None -> (its number from 0, how many there are)."""
    resolver = getattr(strategy, "cluster_resolver", None)
    tasks = resolver.cluster_spec().as_dict() if resolver is not None else {}
    if resolver is None or resolver.task_type not in ("chief", "worker"):
        return 0, 1
    chiefs, workers = (len(tasks.get(job, ())) for job in ("chief", "worker"))
    return resolver.task_id + (chiefs if resolver.task_type == "worker" else 0), max(chiefs + workers, 1)


def is_chief(strategy):
    """Tells whether this process is the one that writes: strategy or None -> bool."""
    return worker_of(strategy)[0] == 0


def gather_strings(strategy, text):
    """Brings together a string of each worker; all of them must call it: (strategy, str) -> list of str, by worker."""
    if not has_workers(strategy):
        return [text]
    own, (index, count) = np.frombuffer(text.encode(), np.uint8), worker_of(strategy)
    lengths = np.zeros([count, 1])
    lengths[index] = len(own)
    lengths = _sum(strategy, lengths)[:, 0].astype(int)
    rows = np.zeros([count, max(lengths)])
    rows[index, : len(own)] = own
    rows = _sum(strategy, rows)
    return [row[:length].astype(np.uint8).tobytes().decode() for row, length in zip(rows, lengths, strict=True)]


def sum_over_workers(strategy, counts):
    """Adds up counts of all workers, who must all call it: (strategy, integers [N] under 2 ** 24) -> integers [N]."""
    if not has_workers(strategy):
        return counts
    return _sum(strategy, np.asarray(counts)[None])[0].astype(np.int64)


def any_worker(strategy, flag):
    """Tells whether a flag is set on any worker; all of them must call it: (strategy, bool) -> bool."""
    return bool(_sum(strategy, np.array([[flag]]))[0, 0]) if has_workers(strategy) else flag


def check_same(strategy, **values):
    """Checks that all workers were given the same; all of them must call it.

    Args:
        strategy: A `tf.distribute.Strategy`, or None.
        **values: What to compare, by name: anything that JSON can hold; of a `pathlib.Path`, the file's bytes.

    Raises:
        ValueError: On every worker, if a value differs; it names the value and the workers.

    Example:
    >>> check_same(None, seed=0)
    """
    if not has_workers(strategy):
        return
    own = {name: _digest(value) for name, value in values.items()}
    of_workers = [json.loads(text) for text in gather_strings(strategy, json.dumps(own))]
    for name in own:
        digests = [digest.get(name) for digest in of_workers]
        if len(set(digests)) > 1:
            usual = max(digests, key=digests.count)
            others = [str(worker) for worker, digest in enumerate(digests) if digest != usual]
            raise ValueError(
                f"All workers must train with the same {name}. It differs on worker {', '.join(others)} of "
                f"{len(digests)}. Here it is {values[name]!r:.300}. Start all of them with the same command, files and "
                "versions."
            )


@contextlib.contextmanager
def lost_workers_explained(strategy):
    """Within it, TensorFlow's errors of a worker that is gone become a `RuntimeError` that says so."""
    if not has_workers(strategy):
        yield
        return
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        if not _tells_of_a_lost_worker(error):
            raise
        index, count = worker_of(strategy)
        raise RuntimeError(
            f"Worker {index} of {count} has stopped, because another one is gone or can't be reached. Start all "
            "workers again with the same command: with checkpoints they go on. TensorFlow says: "
            f"{_cause_in(error.message)}"
        ) from error


def _tells_of_a_lost_worker(error):
    """`tf.errors.OpError` while several workers train -> whether one of them is gone, or was started again."""
    import tensorflow as tf

    kinds = (
        tf.errors.UnavailableError,  # its connection is closed, or its heartbeats don't come any more
        tf.errors.AbortedError,
        tf.errors.DeadlineExceededError,
        tf.errors.CancelledError,
    )
    # FailedPreconditionError: another process answers in its place; UnknownError: what NCCL says on GPUs.
    phrases = ("incarnation", "remote process exited")
    return isinstance(error, kinds) or any(phrase in error.message for phrase in phrases)


def _cause_in(message):
    """A message of TensorFlow -> its lines that tell the cause: without nodes and the stack, which come first."""
    lines = re.sub(r"\{\{.*?\}\} ?", "", message).split("\n")
    of_stack = (" ", "\t", "<stack", "Graph execution error", "Detected at node")
    return " ".join(line for line in lines if line and not line.startswith(of_stack))[:500]


def _sum(strategy, array):
    """strategy, this worker's array [N, L] -> the sum of all workers' arrays; float32, enough for bytes and flags."""
    with lost_workers_explained(strategy):
        return _summing_function(strategy)(array.astype(np.float32)).numpy()


@functools.cache
def _summing_function(strategy):
    """strategy -> the function that sums arrays over the workers, traced once."""
    import tensorflow as tf

    here = strategy.num_replicas_in_sync // worker_of(strategy)[1]

    def summed(array):
        """array of this worker, once for each of its replicas -> the sum over the workers."""
        context = tf.distribute.get_replica_context()
        is_first = tf.cast(context.replica_id_in_sync_group % here == 0, tf.float32)
        return context.all_reduce(tf.distribute.ReduceOp.SUM, array * is_first)

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def summed_on_replicas(array):
        return strategy.experimental_local_results(strategy.run(summed, args=(array,)))[0]

    return summed_on_replicas


def _digest(value):
    """What JSON can hold, or the `Path` of a file -> its SHA-256, as hexadecimal digits."""
    if isinstance(value, Path):
        return digest_of(value) if value.is_file() else "missing"
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
