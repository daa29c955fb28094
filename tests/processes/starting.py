"""Starts processes that train together on loopback, for the tests that need several."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


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


def finish(processes, logs, seconds=900):
    """Waits: processes, logs -> (exit codes, what they wrote)."""
    try:
        codes = [process.wait(timeout=seconds) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return codes, [Path(log).read_text(errors="replace") for log in logs]
