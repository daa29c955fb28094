"""Two workers that pretrain: one is lost, and the same command goes on; what differs is refused; how they start."""

import json
import os
import re
import signal
import subprocess
import textwrap
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_bert.distribution import workers
from keras_bert.distribution.strategies import _workers_of
from starting import PROJECT, cluster_of, finish, start, start_workers

PRETRAIN = PROJECT / "recipes" / "pretrain.py"
CLASSIFY = PROJECT / "recipes" / "classify.py"


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


def wait_for(path, processes, seconds=400):
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
        other = 1 - victim
        assert (codes[victim], codes[other]) == (-signal.SIGKILL, 1), outputs
        message = re.search(rf"^error: Worker {other} of 2 has stopped, .* TensorFlow says: (.*)", outputs[other], re.M)
        assert message and message[1].startswith("Collective ops is aborted by: "), outputs
    codes, outputs = finish(start_workers(command, logs), logs)
    assert codes == [0, 0], outputs
    first = next(json.loads(line) for line in outputs[0].split("\n") if line.startswith('{"step"'))
    assert first["step"] >= 4
    assert (tmp_path / "bert" / "model.safetensors").read_bytes() == weights
    # No step more than was asked for, also where the run was ended within an epoch.
    assert sorted(path.name for path in (tmp_path / "bert-checkpoints").iterdir())[-1] == "step-00000012"


def test_workers_with_other_settings_are_refused(uninterrupted, tmp_path):
    directory, _ = uninterrupted
    logs = [tmp_path / "0.log", tmp_path / "1.log"]
    command = pretraining(directory, tmp_path / "bert")
    codes, outputs = finish(start_workers(command, logs, w1=["--seed", 1]), logs)
    assert codes == [1, 1]
    for output in outputs:
        assert "error: All workers must train with the same config. It differs on worker" in output, output


def start_in_folders(tmp_path, lines, options):
    """Classification by two workers, each in a folder of its own, as on machines without a shared disk.

    tmp_path, lines of train.tsv by worker, options -> (exit codes, what they wrote).
    """
    logs, processes = [tmp_path / "0.log", tmp_path / "1.log"], []
    for index, tf_config in enumerate(cluster_of(2)):
        folder = tmp_path / f"host{index}"
        folder.mkdir()
        (folder / "train.tsv").write_text("\n".join(lines[index]) + "\n")
        code = f"import os, sys, runpy; os.chdir({str(folder)!r}); sys.argv = sys.argv[1:]; "
        code += "runpy.run_path(sys.argv[0], run_name='__main__')"
        files = ["--strategy", "multi_worker", "--train", "train.tsv", "--valid", "train.tsv"]
        processes.append(start(["-c", code, CLASSIFY, *files, *options], logs[index], tf_config))
    return finish(processes, logs)


LABELLED = ["text\tlabel", *(f"a good day {i}\tyes\na bad day {i}\tno" for i in range(8))]


def test_workers_with_other_data_are_refused(tmp_path):
    codes, outputs = start_in_folders(tmp_path, [LABELLED, [*LABELLED, "one more\tno"]], [])
    assert codes == [1, 1]
    assert all("must train with the same train. It differs on worker" in output for output in outputs), outputs


def test_only_the_chief_writes(tmp_path):
    options = ["--output", "best", "--export", "served", "--epochs", "2"]
    codes, outputs = start_in_folders(tmp_path, [LABELLED, LABELLED], options)
    assert codes == [0, 0], outputs
    held = [sorted(path.name for path in (tmp_path / f"host{index}").iterdir()) for index in range(2)]
    assert held == [["best", "best-checkpoints", "served", "train.tsv"], ["best-checkpoints", "train.tsv"]]
    assert not list((tmp_path / "host1" / "best-checkpoints").iterdir())
    scores = [json.loads(output.strip().split("\n")[-1]) for output in outputs]
    assert scores[0]["steps"] == 2
    for name in ("train_loss", "valid_loss", "valid_accuracy"):
        assert scores[0][name] == scores[1][name], name


def test_the_causes_of_a_loss_are_told_without_the_stack():
    """Messages as TensorFlow 2.21 gave them, of a sum in a function and of one by itself."""
    in_function = (
        "Graph execution error:\n\nDetected at node CollectiveReduceV2 defined at (most recent call last):\n"
        '  File "train.py", line 3, in main\n\nCollective ops is aborted by: recvmsg:Connection reset by peer\n'
        "The error could be from a previous operation.\n\t [[{{node CollectiveReduceV2}}]] [Op:__inference_f_39]"
    )
    by_itself = "{{function_node __wrapped__CollectiveReduceV2_/job:worker}} Collective ops is aborted by: x"
    assert workers._cause_in(in_function) == (
        "Collective ops is aborted by: recvmsg:Connection reset by peer The error could be from a previous operation."
    )
    assert workers._cause_in(by_itself) == "Collective ops is aborted by: x"


def test_a_worker_lost_in_a_sum_of_our_own_is_explained(monkeypatch):
    """In `any_worker`, `gather_strings` and `check_same`, outside of `fit`."""

    def fails(array):
        raise errors.pop()(None, None, "incarnation doesn't match")

    monkeypatch.setattr(workers, "has_workers", lambda strategy: True)
    monkeypatch.setattr(workers, "_summing_function", lambda strategy: fails)
    errors = [tf.errors.InternalError, tf.errors.FailedPreconditionError, tf.errors.UnavailableError]
    for _ in range(3):
        with pytest.raises(RuntimeError, match=r"^Worker 0 of 1 has stopped, .*incarnation doesn't match$"):
            workers.any_worker(None, True)


def test_other_errors_of_tensorflow_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(workers, "has_workers", lambda strategy: True)
    with pytest.raises(tf.errors.InvalidArgumentError), workers.lost_workers_explained(None):
        raise tf.errors.InvalidArgumentError(None, None, "a negative length")


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        (["host:99999"], "address 'host:99999'"),
        ("host:1", "'host:1' as 'worker', which isn't a list"),
        (["host:0"], "address 'host:0'"),
        ([1], r"\[1\] as 'worker', which isn't a list"),
    ],
)
def test_what_is_not_an_address_is_refused(worker, message):
    text = json.dumps({"cluster": {"worker": worker}, "task": {"type": "worker", "index": 0}})
    with pytest.raises(ValueError, match=message):
        _workers_of(text)


def test_the_job_file_gives_each_worker_its_tf_config(tmp_path):
    """That of scaling.md, with `scontrol` and `srun` as shell functions and a `python` that shows TF_CONFIG."""
    text = (PROJECT / "docs" / "measurements" / "scaling.md").read_text(encoding="utf8")
    script = textwrap.dedent(re.search(r"^    #!/bin/bash\n(?:    .*\n)+", text, re.M)[0])
    (tmp_path / "python").write_text('#!/bin/sh\necho "$TF_CONFIG"\nexit 75\n')
    (tmp_path / "python").chmod(0o755)
    stubs = """
    scontrol() { if [ $1 = show ]; then printf 'node3\\nnode7\\n'; else echo $*; fi; }
    srun() { SLURM_PROCID=0 "$@"; SLURM_PROCID=1 "$@"; }
    """
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "31"}
    done = subprocess.run(["bash", "-c", stubs + script], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    *configs, requeued = done.stdout.splitlines()
    addresses = ["node3:2345", "node7:2345"]
    assert [_workers_of(config) for config in configs] == [(addresses, 0), (addresses, 1)]
    assert requeued == "requeue 31"
