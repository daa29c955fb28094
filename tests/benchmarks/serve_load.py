"""Loads the server of docs/guide/serving/app.py over loopback, then kills it under load and starts it again.

    python tests/benchmarks/serve_load.py EXPORT [--clients 16] [--requests 2000] [--kills TERM,KILL] [--seed 0]

EXPORT is what keras_bert.export_onnx wrote of a classifier. Each of the clients, threads with a connection that they
keep, sends its share of the requests one after the other: one text or four, of 3 to 200 words. What is refused or
breaks off is sent again until it is answered. Prints one JSON line:

    requests_per_second, p50_ms, p99_ms, errors, requests_per_run   of the load without kills; errors: what isn't 200
    kills: answered, refused, broken, lost, wrong                   of the same load while the server is killed

`refused` counts attempts that found no server, `broken` those that it took and didn't answer, `lost` the requests that
were never answered, `wrong` those whose answers aren't those of keras_bert.runtime to 0.001, as in int8, where an
answer depends on the batch.
"""

import argparse
import http.client
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from keras_bert import runtime

APP = Path(__file__).parents[2] / "docs" / "guide" / "serving"
WORDS = ["the", "a", "film", "was", "good", "dull", "of", "and", "story", "actors", "in", "it", "music", "very", "not"]
PATIENCE = 60  # seconds in which a server starts or a request is answered


class Server:
    """The app as a process, on a port that is the same after each start."""

    def __init__(self, export):
        self._directory = tempfile.mkdtemp()
        Path(self._directory, "served-onnx").symlink_to(Path(export).resolve())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self):
        command = [sys.executable, "-m", "uvicorn", "app:app", "--app-dir", APP, "--port", str(self.port)]
        command += ["--timeout-graceful-shutdown", "8", "--log-level", "warning"]
        self._process = subprocess.Popen(command, cwd=self._directory)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            try:
                return self.health()
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("The server didn't start.")

    def health(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/health")
        return json.load(connection.getresponse())

    def kill(self, number):
        self._process.send_signal(number)
        self._process.wait(PATIENCE)


class Client(threading.Thread):
    """Sends requests one after the other, each until it is answered."""

    def __init__(self, port, requests):
        super().__init__(daemon=True)
        self._port, self._requests, self._connection = port, requests, None
        self.answers, self.seconds = [], []
        self.refused = self.broken = self.errors = 0

    def run(self):
        for texts in self._requests:
            begin = time.monotonic()
            while (answers := self._answers(texts)) is None and time.monotonic() < begin + PATIENCE:
                time.sleep(0.02)
            self.seconds.append(time.monotonic() - begin)
            self.answers.append(answers)

    def _answers(self, texts):
        """texts -> their answers; None if there are none this time."""
        if self._connection is not None and select.select([self._connection.sock], [], [], 0)[0]:
            self._connection = None  # what can be read before a request is the end of the connection
        if self._connection is None:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                connection.connect()
            except OSError:
                self.refused += 1
                return None
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connection = connection
        try:
            self._connection.request("POST", "/predict", json.dumps({"texts": texts}))
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            self.broken += 1
            self._connection = None
            return None
        if response.will_close:
            self._connection = None
        if response.status != 200:
            self.errors += 1
            return None
        return json.loads(body)["answers"]


def clients_of(server, requests, count):
    """Server, requests, number of clients -> the clients, started."""
    clients = [Client(server.port, requests[number::count]) for number in range(count)]
    for client in clients:
        client.start()
    return clients


def under_load(server, requests, count):
    """Server, requests, number of clients -> what the load gave."""
    before, begin = server.health(), time.monotonic()
    clients = clients_of(server, requests, count)
    for client in clients:
        client.join()
    seconds, after = time.monotonic() - begin, server.health()
    latencies = np.concatenate([client.seconds for client in clients])
    runs = after["runs"] - before["runs"]
    return {
        "requests_per_second": round(len(requests) / seconds, 1),
        "p50_ms": round(float(np.percentile(latencies, 50)) * 1000, 1),
        "p99_ms": round(float(np.percentile(latencies, 99)) * 1000, 1),
        "errors": sum(client.errors + client.refused + client.broken for client in clients),
        "requests_per_run": round((after["requests"] - before["requests"]) / runs, 2),
    }


def under_kills(server, requests, count, kills, expected):
    """Server, requests, number of clients, signals, the right answers -> what became of the requests."""
    clients = clients_of(server, requests, count)
    for number, kill in enumerate(kills, 1):
        while sum(len(client.answers) for client in clients) < len(requests) * number / (len(kills) + 1):
            time.sleep(0.01)
        server.kill(kill)
        server.start()
    for client in clients:
        client.join()
    answered = [answers for client in clients for answers in client.answers]
    right = [answers for number in range(count) for answers in expected[number::count]]
    return {
        "answered": sum(answers is not None for answers in answered),
        "refused": sum(client.refused for client in clients),
        "broken": sum(client.broken for client in clients),
        "lost": len(requests) - sum(answers is not None for answers in answered),
        "wrong": sum(not is_near(got, wanted) for got, wanted in zip(answered, right, strict=True) if got is not None),
    }


def is_near(got, wanted):
    """Answers of a request, the right ones -> whether they are the same to 0.001."""
    return len(got) == len(wanted) and all(
        abs(answer["probabilities"][label] - probability) < 1e-3
        for answer, right in zip(got, wanted, strict=True)
        for label, probability in right["probabilities"].items()
    )


def text(chance):
    """A `random.Random` -> a text of 3 to 200 words, shorter ones more often."""
    return " ".join(chance.choices(WORDS, k=round(3 * 67 ** chance.random())))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("export")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--kills", default="TERM,KILL")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    requests = [[text(chance) for _ in range(chance.choice([1, 1, 1, 4]))] for _ in range(options.requests)]
    answers = iter(runtime.load(options.export)([text for texts in requests for text in texts]))
    expected = [[next(answers) for _ in texts] for texts in requests]
    server = Server(options.export)
    try:
        found = {"cores": len(os.sched_getaffinity(0)), "clients": options.clients, "requests": options.requests}
        found |= under_load(server, requests, options.clients)
        kills = [signal.Signals[f"SIG{name}"] for name in options.kills.split(",")]
        found["kills"] = under_kills(server, requests, options.clients, kills, expected)
    finally:
        server.kill(signal.SIGKILL)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
