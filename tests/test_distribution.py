"""tf.distribute: the same result on one device, two replicas and two workers; faults; input shares.

Processes start each other on loopback, with free ports; each has its own log.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_bert
from keras_bert import distribution, keras_internals
from keras_bert.distribution import check_same, strategy, worker_of

TESTS = Path(__file__).parent
PROJECT = TESTS.parent
DEVICES = TESTS / "processes" / "training_on_devices.py"
PRETRAIN = PROJECT / "recipes" / "pretrain.py"
CLASSIFY = PROJECT / "recipes" / "classify.py"


def cluster_of(count):
    """number of workers -> their TF_CONFIGs, on free ports of loopback."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        for index in range(count)
    ]


def start(command, log, tf_config=None):
    """arguments of Python, log file, TF_CONFIG or None -> a process."""
    environment = {name: value for name, value in os.environ.items() if name not in ("TF_CONFIG", "KERAS_BACKEND")}
    environment["PYTHONPATH"] = str(PROJECT)
    if tf_config is not None:
        environment["TF_CONFIG"] = tf_config
    with open(log, "wb") as file:
        return subprocess.Popen([sys.executable, *map(str, command)], env=environment, stdout=file, stderr=file)


def start_workers(command, logs, **changed):
    """arguments, log files of the workers, changed arguments by worker number "w0", ... -> two processes."""
    commands = [[*command, *changed.get(f"w{index}", ())] for index in range(2)]
    return [start(*parts) for parts in zip(commands, logs, cluster_of(2), strict=True)]


def finish(processes, logs, seconds=400):
    """Waits: processes, logs -> (exit codes, what they wrote)."""
    try:
        codes = [process.wait(timeout=seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return codes, [Path(log).read_text(errors="replace") for log in logs]


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


@pytest.mark.parametrize("mode", ["mirrored", "multi_worker"])
@pytest.mark.parametrize("task", ["pretraining", "classification", "tagging", "pair", "answering"])
def test_two_replicas_train_as_one_device(results, mode, task):
    """20 clipped steps of 7 and 3 rows: weights, losses, metrics and predictions."""
    names = [name for name in results["one"] if name.startswith(f"{task}/1/")]
    kinds = {re.sub("_.*", "", name.split("/")[-1]) for name in names}
    assert kinds == {"weight", "history", "evaluate", "predict", "steps"}
    assert sum("/weight_" in name for name in names) > 30 and results["one"][f"{task}/1/steps"] == 20
    for name in names:
        one, several = results["one"][name], results[mode][name]
        assert one.shape == several.shape, name
        tolerance = {"rtol": 0, "atol": 1e-6} if "/weight_" in name else {"rtol": 1e-6, "atol": 1e-6}
        np.testing.assert_allclose(several, one, **tolerance, err_msg=name)


@pytest.mark.parametrize("mode", ["one", "mirrored", "multi_worker"])
@pytest.mark.parametrize("task", ["pretraining", "classification"])
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


def test_each_replica_drops_by_its_own_seed(results):
    seeds = results["mirrored"]["seeds"]  # [replicas, layers, 2]: a seed and a counter
    assert len(seeds) == 2 and np.all(seeds[0, :, 0] != seeds[1, :, 0])
    assert np.array_equal(seeds[0, :, 1], seeds[1, :, 1]) and np.all(seeds[..., 1] >= 1)


def test_training_has_moved_the_weights(results):
    """Or the tests above would compare what was never trained."""
    one = results["one"]
    assert one["pretraining/1/history_loss"][1] < one["pretraining/1/history_loss"][0] - 1e-3
    assert not np.allclose(one["tagging/1/weight_00"], one["classification/1/weight_00"], atol=1e-4)


# Faults: two workers that pretrain.


def corpus(directory):
    """directory -> two files of documents, and a vocabulary."""
    words = ["river", "bank", "money", "water", "boat", "tree", "house", "stone", "cloud", "wind", "light", "sound"]
    rng = np.random.default_rng(0)
    for number in range(2):
        documents = [
            "\n".join(" ".join(" ".join(rng.choice(words, 6)).capitalize() + "." for _ in range(4)) for _ in range(3))
            for _ in range(60)
        ]
        (directory / f"{number}.txt").write_text("\n\n".join(documents) + "\n")
    letters = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *words, *letters]
    (directory / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    return directory


def pretraining(directory, output, steps=12):
    """directory of the corpus, name of the output -> command of a short training."""
    command = f"--strategy multi_worker --size tiny --max-length 32 --batch-size 4 --steps {steps} --hold-out 10"
    return [PRETRAIN, *command.split(), "--evaluate-every", 2, "--evaluation-batches", 1] + [
        *("--corpus", directory / "*.txt"),
        *("--vocabulary", directory / "vocab.txt"),
        *("--output", output),
    ]


def wait_for(path, processes, seconds=200):
    """Waits until a path is there: path, running processes -> None."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end and all(process.poll() is None for process in processes), path
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A directory with a corpus, and the bytes of the weights of a training that nothing disturbed."""
    directory = corpus(tmp_path_factory.mktemp("faults"))
    logs = [directory / "whole-0.log", directory / "whole-1.log"]
    codes, outputs = finish(start_workers(pretraining(directory, directory / "whole"), logs), logs)
    assert codes == [0, 0], outputs
    return directory, (directory / "whole" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(("fault", "victim"), [("SIGKILL", 0), ("SIGKILL", 1), ("SIGTERM", 1)])
def test_a_lost_worker_and_the_same_command_again(uninterrupted, tmp_path, fault, victim):
    directory, weights = uninterrupted
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    command = pretraining(directory, tmp_path / "bert")
    processes = start_workers(command, logs)
    wait_for(tmp_path / "bert-checkpoints" / "step-00000004", processes)
    processes[victim].send_signal(getattr(signal, fault))
    began = time.monotonic()
    codes, outputs = finish(processes, logs, seconds=120)
    assert time.monotonic() - began < 100
    assert not (tmp_path / "bert").exists()
    if fault == "SIGTERM":
        assert codes == [75, 75], outputs
    else:
        assert codes[victim] == -signal.SIGKILL
        # The coordinator is worker 0's: without it TensorFlow ends the process by itself.
        assert codes[1 - victim] not in (0, None)
        if victim == 1:
            assert codes[0] == 1 and "error: Worker 0 of 2 has stopped" in outputs[0], outputs
    codes, outputs = finish(start_workers(command, logs), logs)
    assert codes == [0, 0], outputs
    first = next(json.loads(line) for line in outputs[0].split("\n") if line.startswith('{"step"'))
    assert first["step"] >= 4
    assert (tmp_path / "bert" / "model.safetensors").read_bytes() == weights


def test_workers_with_other_settings_are_refused(uninterrupted, tmp_path):
    directory, _ = uninterrupted
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    command = pretraining(directory, tmp_path / "bert")
    codes, outputs = finish(start_workers(command, logs, w1=["--seed", 1]), logs)
    assert codes == [1, 1]
    for output in outputs:
        assert "error: All workers must train with the same config. It differs on worker" in output, output


def test_workers_with_other_data_are_refused(tmp_path):
    lines = ["text\tlabel", *(f"a good day {i}\tyes\na bad day {i}\tno" for i in range(8))]
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    for index in range(2):
        (tmp_path / f"host{index}").mkdir()
        changed = lines if index == 0 else [*lines, "one more\tno"]
        (tmp_path / f"host{index}" / "train.tsv").write_text("\n".join(changed) + "\n")
    # Each worker sees its own file under the same name, as on machines without a shared disk.
    processes = []
    for index, (log, config) in enumerate(zip(logs, cluster_of(2), strict=True)):
        code = f"import os, sys, runpy; os.chdir({str(tmp_path / f'host{index}')!r}); sys.argv = sys.argv[1:]; "
        code += "runpy.run_path(sys.argv[0], run_name='__main__')"
        options = ["--strategy", "multi_worker", "--train", "train.tsv", "--valid", "train.tsv"]
        processes.append(start(["-c", code, CLASSIFY, *options], log, config))
    codes, outputs = finish(processes, logs)
    assert codes == [1, 1]
    assert all("must train with the same train. It differs on worker" in output for output in outputs), outputs


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


# What compile refuses.


def classifier():
    return keras_bert.text_classifier(keras_bert.backbone(keras_bert.BertConfig.named("tiny", vocabulary_size=29)), 2)


def test_accumulate_is_checked():
    with pytest.raises(ValueError, match="accumulate"):
        classifier().compile("adam", "mse", accumulate=0)
    with pytest.raises(ValueError, match="jit_compile=True"):
        classifier().compile("adam", "mse", accumulate=2, jit_compile=True)


def test_accumulate_survives_keras_files(tmp_path):
    model = classifier()
    model.compile(keras_bert.AdamW(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), accumulate=3)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model) and loaded.get_compile_config()["accumulate"] == 3
    assert loaded.loss.loss.name == "sparse_categorical_crossentropy"


def test_another_keras_is_refused(monkeypatch):
    monkeypatch.setattr(keras_internals, "TRIED_VERSIONS", ("3.9",))
    with pytest.raises(RuntimeError, match=r"tried with Keras 3.9.\* only"):
        keras_internals.check_keras_version()


def test_an_optimizer_that_clips_each_replica_is_refused():
    with pytest.raises(ValueError, match=r"Received: adam\w* with \{'clipnorm': 1.0\}"):
        keras_internals.check_clips_sums(keras.optimizers.Adam(clipnorm=1.0))
    keras_internals.check_clips_sums(keras.optimizers.Adam())
    keras_internals.check_clips_sums(keras_bert.AdamW())
