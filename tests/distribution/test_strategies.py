"""tf.distribute: the same result on one device, two replicas and two workers; what strategies refuse."""

import json
import re
import socket
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import training_on_devices
from keras_bert import distribution
from keras_bert.distribution import check_same, strategy, worker_of
from starting import cluster_of, finish, start, start_workers

TESTS = Path(__file__).parents[1]
DEVICES = TESTS / "processes" / "training_on_devices.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """{"one" | "mirrored" | "multi_worker": {task/accumulate/name: array}}."""
    directory = tmp_path_factory.mktemp("devices")
    found = {}
    for mode in ("one", "mirrored", "multi_worker"):
        logs = [directory / f"{mode}-{index}.log" for index in range(2 if mode == "multi_worker" else 1)]
        command = [DEVICES, mode, directory / f"{mode}.npz"]
        processes = start_workers(command, logs) if len(logs) == 2 else [start(command, logs[0])]
        codes, outputs = finish(processes, logs)
        assert codes == [0] * len(codes), outputs
        with np.load(directory / f"{mode}.npz") as arrays:
            found[mode] = dict(arrays)
        said = json.loads(outputs[0].strip().split("\n")[-1])
        assert said["replicas"] == (1 if mode == "one" else 2)
    return found


@pytest.mark.parametrize(
    ("mode", "task"),
    [
        *(("mirrored", task) for task in training_on_devices.TASKS),
        *(("multi_worker", task) for task in training_on_devices.OF_WORKERS),
    ],
)
def test_two_replicas_train_as_one_device(results, mode, task):
    """20 clipped steps of 7 and 3 rows: weights, losses, metrics and predictions."""
    names = [name for name in results["one"] if name.startswith(f"{task}/1/")]
    kinds = {re.sub("_.*", "", name.split("/")[-1]) for name in names}
    assert kinds == {"weight", "history", "evaluate", "predict", "steps"}
    assert sum("/weight_" in name for name in names) > (16 if task == "distilling" else 28)
    assert results["one"][f"{task}/1/steps"] == 20
    for name in names:
        one, several = results["one"][name], results[mode][name]
        assert one.shape == several.shape, name
        tolerance = {"rtol": 0, "atol": 1e-6} if "/weight_" in name else {"rtol": 1e-6, "atol": 1e-6}
        np.testing.assert_allclose(several, one, **tolerance, err_msg=name)


@pytest.mark.parametrize("mode", ["one", "mirrored", "multi_worker"])
@pytest.mark.parametrize("task", training_on_devices.IN_PARTS)
def test_accumulating_changes_nothing(results, mode, task):
    """In three parts a replica, of 1 to 3 rows, or none."""
    for name, one in results["one"].items():
        if name.startswith(f"{task}/1/"):
            parts = results[mode][name.replace("/1/", "/3/")]
            np.testing.assert_allclose(parts, one, rtol=1e-6, atol=1e-6, err_msg=name)


def test_uneven_shares_of_two_workers_end_together(results):
    """Worker 0 has three batches, worker 1 has one; as one device with the batches that they make together."""
    one, several = results["one"], results["multi_worker"]
    assert one["shares/1/steps"] == several["shares/1/steps"] == 6
    for name in one:
        if name.startswith("shares/1/"):
            np.testing.assert_allclose(several[name], one[name], rtol=1e-6, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("mode", ["mirrored", "multi_worker"])
def test_each_replica_drops_by_its_own_seed(results, mode):
    seeds = results[mode]["seeds"]  # [replicas, layers, 2]: a seed and a counter
    assert len(seeds) == 2 and np.all(seeds[0, :, 0] != seeds[1, :, 0])
    assert np.array_equal(seeds[0, :, 1], seeds[1, :, 1]) and np.all(seeds[..., 1] >= 1)


def test_one_batch_is_answered_once(results):
    one, several = results["one"]["on_batch"], results["mirrored"]["on_batch"]
    assert one.shape == (7, 3)
    np.testing.assert_allclose(several, one, atol=1e-6)


def test_training_has_moved_the_weights(results):
    """Or the tests above would compare what was never trained."""
    one = results["one"]
    assert one["pretraining/1/history_loss"][1] < one["pretraining/1/history_loss"][0] - 1e-3
    assert not np.allclose(one["tagging/1/weight_00"], one["classification/1/weight_00"], atol=1e-4)


@pytest.fixture(scope="module")
def by_optimizer(tmp_path_factory):
    """{one | mirrored/OPTIMIZER/path of a weight: array}."""
    directory = tmp_path_factory.mktemp("optimizers")
    log = directory / "log"
    process = start([TESTS / "processes" / "optimizers_on_devices.py", directory / "weights.npz"], log)
    codes, outputs = finish([process], [log])
    assert codes == [0], outputs
    with np.load(directory / "weights.npz") as arrays:
        return dict(arrays)


@pytest.mark.parametrize("optimizer", ["adam", "momentum", "adamw", "lion", "adafactor", "another table"])
def test_an_optimizer_of_keras_trains_alike_on_one_device_and_on_two(by_optimizer, optimizer):
    """20 steps. On one device, Keras alone would hand it slices of a table's gradient: weights would be 5e-3 apart."""
    ones = {name: array for name, array in by_optimizer.items() if name.startswith(f"one/{optimizer}/")}
    assert len(ones) == (3 if optimizer == "another table" else 33)
    for name, one in ones.items():
        two = by_optimizer[name.replace("one/", "mirrored/", 1)]
        if name.endswith("query_key_value/bias"):
            # What is added to all keys alike changes nothing: the gradient is a rounding error, its sign chance.
            one, two = (np.delete(bias, np.s_[12:24]) for bias in (one, two))
        np.testing.assert_allclose(two, one, rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "Received: none"),
        ("{", "JSONDecodeError"),
        ('{"cluster": {"worker": ["a:1"]}}', "KeyError: 'task'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "isn't among"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "isn't among"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "more than once"),
        ('{"cluster": {"worker": ["a:1", "b"]}, "task": {"type": "worker", "index": 0}}', "address 'b'"),
    ],
)
def test_a_wrong_tf_config_is_refused(monkeypatch, text, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        strategy("multi_worker")


def test_a_worker_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster_of(2)[0])
    with pytest.raises(RuntimeError, match=r"haven't come together. Of 2 workers .* within 1 s: 1 \(127.0.0.1:"):
        strategy("multi_worker", timeout=1)


def test_a_worker_that_comes_after_the_others_began(monkeypatch):
    others, own = cluster_of(2)
    server = tf.distribute.Server({"worker": json.loads(others)["cluster"]["worker"][:1]}, job_name="worker")
    monkeypatch.setenv("TF_CONFIG", own)
    with pytest.raises(RuntimeError, match="has it begun without this one"):
        strategy("multi_worker", timeout=1)
    assert server.target


def test_an_address_in_use(monkeypatch):
    config = cluster_of(2)[0]
    port = int(json.loads(config)["cluster"]["worker"][0].split(":")[1])
    monkeypatch.setenv("TF_CONFIG", config)
    with socket.create_server(("", port)), pytest.raises(RuntimeError, match="can't listen at its address"):
        strategy("multi_worker", timeout=1)


def test_strategies_by_name():
    assert strategy("one") is tf.distribute.get_strategy()
    assert strategy("mirrored").num_replicas_in_sync == len(tf.config.list_logical_devices("CPU"))
    with pytest.raises(ValueError, match="one of one, mirrored, multi_worker, tpu"):
        strategy("horovod")
    with pytest.raises(ValueError, match="No TPU can be found"):
        strategy("tpu")


def test_one_process_is_the_only_worker():
    assert worker_of(None) == worker_of(strategy("one")) == (0, 1)
    assert distribution.is_chief(None) and not distribution.has_workers(strategy("mirrored"))
    assert distribution.gather_strings(None, "a") == ["a"] and distribution.any_worker(None, True)
    check_same(None, anything=object)
