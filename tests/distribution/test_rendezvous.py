"""The meeting of workers: all come, one doesn't, late, twice, with another list or no port; strangers at the door."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_bert.distribution.rendezvous import MeetingError, meet


def addresses_of(count):
    """number of workers -> their addresses, on free ports of loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def outcome(addresses, index, timeout, delay=0.0):
    """Arguments of `meet`, seconds before it -> None, or the error as text."""
    time.sleep(delay)
    try:
        return meet(addresses, index, timeout)
    except MeetingError as error:
        return str(error)


def outcomes(*workers):
    """Arguments of each worker's `outcome` -> what came of it, by worker."""
    with ThreadPoolExecutor(len(workers)) as threads:
        return [done.result(timeout=30) for done in [threads.submit(outcome, *worker) for worker in workers]]


@pytest.mark.parametrize("late", [0, 1, 2])
def test_all_come_and_worker_0s_address_is_free_again(late):
    addresses = addresses_of(3)
    assert outcomes(*[(addresses, index, 20, 1.0 * (index == late)) for index in range(3)]) == [None] * 3
    port = int(addresses[0].split(":")[1])
    with socket.socket() as plain:  # without SO_REUSEADDR
        plain.bind(("127.0.0.1", port))


def test_who_is_missing_is_named_to_all_that_came():
    addresses = addresses_of(4)
    began = time.monotonic()
    found = outcomes((addresses, 0, 2), (addresses, 2, 2))
    assert time.monotonic() - began < 5
    assert found[0] == found[1]
    assert f"Of 4 workers these haven't come within 2 s: 1 ({addresses[1]}), 3 ({addresses[3]})." in found[0]


def test_worker_0_on_another_machine_than_its_address_says_so():
    """Such as a second worker 0: 192.0.2.1 is an address of nobody (RFC 5737)."""
    address = addresses_of(1)[0].replace("127.0.0.1", "192.0.2.1")
    expected = f"1 (192.0.2.2:1). Worker 0 is on a machine that {address} isn't an address of: is its number right?"
    assert outcome([address, "192.0.2.2:1"], 0, 1).endswith(expected)


def test_who_cannot_listen_ends_all_that_came():
    addresses = addresses_of(3)
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", int(addresses[1].split(":")[1]))):
        found = outcomes((addresses, 0, 20), (addresses, 1, 20, 0.5), (addresses, 2, 20))
    assert time.monotonic() - began < 10
    assert f"Worker 1 can't listen at its address, {addresses[1]}: Address already in use" in found[0]
    assert len(set(found)) == 1


def test_who_cannot_listen_says_so_without_worker_0_too():
    addresses = addresses_of(2)
    with socket.create_server(("127.0.0.1", int(addresses[1].split(":")[1]))):
        assert "Worker 1 can't listen at its address" in outcome(addresses, 1, 0.5)


def test_worker_0_cannot_listen():
    addresses = addresses_of(2)
    with socket.create_server(("127.0.0.1", int(addresses[0].split(":")[1]))):
        assert f"Worker 0 can't listen at its address, {addresses[0]}: Address already in use" in outcome(
            addresses, 0, 9
        )


def test_worker_0_is_missing():
    addresses = addresses_of(2)
    assert f"Worker 0 couldn't be met at {addresses[0]} within 1 s: Connection refused." in outcome(addresses, 1, 1)


def test_another_process_at_worker_0s_address():
    """Such as a training that has begun: it takes the connection, and gives no answer of ours."""
    addresses = addresses_of(2)
    with socket.create_server(("127.0.0.1", int(addresses[0].split(":")[1]))) as server:

        def serve():
            for _ in range(2):
                with server.accept()[0] as connection:
                    connection.recv(1000)
                    connection.sendall(b"\x00\x00\x12\x04\xff")

        threading.Thread(target=serve, daemon=True).start()
        assert "has it begun without this one?" in outcome(addresses, 1, 0.5)


def test_another_list_of_workers():
    addresses = addresses_of(3)
    other = [*addresses[:2], "elsewhere:1"]
    found = outcomes((addresses, 0, 20), (other, 1, 20, 0.5), (addresses, 2, 20))
    assert "Worker 1 has another list of workers" in found[0] and len(set(found)) == 1


def test_two_with_the_same_number():
    addresses = addresses_of(3)
    found = outcomes((addresses, 0, 20), (addresses, 1, 20), (addresses, 1, 20, 0.5))
    assert set(found) == {"Two processes say that they are worker 1 of 3."}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_who_left_may_come_again_and_strangers_are_let_go(order):
    addresses = addresses_of(3)
    host, port = addresses[0].split(":")
    with ThreadPoolExecutor(3) as threads:
        waiting = threads.submit(outcome, addresses, 0, 20)
        for text in (
            b"",
            b"GET / HTTP/1.1\r\n\r\n",
            b'{"worker": 1, "cluster": %b, "error": null}\n' % str(addresses).replace("'", '"').encode(),
        ):
            time.sleep(0.3)
            with socket.create_connection((host, int(port))) as one:
                one.sendall(text)
        time.sleep(0.3)
        others = [threads.submit(outcome, addresses, index, 20) for index in (1, 2)]
        assert [done.result(timeout=30) for done in [waiting, *others]] == [None] * 3


def test_one_worker_meets_nobody():
    assert meet(["nowhere:1"], 0, 0) is None
