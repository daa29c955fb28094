"""The workers' meeting before `tf.distribute` starts, which itself waits an hour for who is missing.

Worker 0 listens at its own address of the cluster, the others come there and say who they are, and whether they can
listen at theirs. Once all have come, the time is over or something is wrong, all that came hear the same answer; then
the address is free for TensorFlow.
"""

import contextlib
import json
import socket
import time

SECONDS_OF_A_MESSAGE = 5  # for who has connected to say something; the answer may take as long as the meeting


class MeetingError(RuntimeError):
    """Not all workers came, or they don't fit together."""


def meet(addresses, index, timeout):
    """Returns once all workers have come.

    Args:
        addresses: list of "host:port", of all workers by their number.
        index: Number of this worker.
        timeout: Seconds to wait.

    Raises:
        MeetingError: If a worker hasn't come in time, has another cluster or the number of another one, or can't
            listen at its address. All workers that came get it.

    Example:
    >>> meet(["localhost:2345"], index=0, timeout=600)
    """
    if len(addresses) == 1:
        return
    deadline = time.monotonic() + timeout
    if index == 0:
        _host(addresses, deadline, timeout)
    else:
        _join(addresses, index, deadline, timeout)


def _host(addresses, deadline, timeout):
    """Waits at this worker's address for the others, and answers them: addresses, time of the end, seconds -> None."""
    guests = {}  # number of a worker -> its connection
    is_here = _is_of_this_machine(addresses[0])
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_server(addresses, 0))
        error = None
        while error is None and len(guests) < len(addresses) - 1:
            server.settimeout(max(deadline - time.monotonic(), 0.01))
            try:
                connection = stack.enter_context(server.accept()[0])
            except TimeoutError:
                connection = None
            guests = {index: guest for index, guest in guests.items() if _is_open(guest)}  # who left may come again
            if connection is None:
                error = _who_is_missing(addresses, guests, timeout, is_here)
            else:
                error = _receive(connection, guests, addresses)
        for connection in guests.values():
            _answer(connection, error)
    if error is not None:
        raise MeetingError(error)


def _who_is_missing(addresses, guests, timeout, is_here):
    """addresses, connections by worker, seconds that are over, whether worker 0's address is here -> the error."""
    missing = [f"{i} ({addresses[i]})" for i in range(1, len(addresses)) if i not in guests]
    error = f"Of {len(addresses)} workers these haven't come within {timeout:g} s: {', '.join(missing)}."
    if not is_here:
        error += f" Worker 0 is on a machine that {addresses[0]} isn't an address of: is its number right?"
    return error


def _receive(connection, guests, addresses):
    """A new connection, connections by worker (changed), addresses -> what is wrong, or None."""
    connection.settimeout(SECONDS_OF_A_MESSAGE)
    try:
        message = json.loads(_read_line(connection))
        index, cluster, error = message["worker"], message["cluster"], message["error"]
    except (OSError, ValueError, LookupError, TypeError):
        return None  # not a worker; someone looked whether the port is open
    if cluster != addresses:
        error = f"Worker {index} has another list of workers, {cluster}, than worker 0, {addresses}."
    elif index not in range(1, len(addresses)) or index in guests:
        error = f"Two processes say that they are worker {index} of {len(addresses)}."
    if error is None:
        guests[index] = connection
    else:
        _answer(connection, error)
    return error


def _answer(connection, error):
    """Ends a connection of worker 0: connection, what is wrong or None -> None."""
    with contextlib.suppress(OSError):
        connection.settimeout(SECONDS_OF_A_MESSAGE)
        connection.sendall(_line({"error": error}))
        connection.recv(1)  # the guest closes first, and so worker 0's address is free at once


def _join(addresses, index, deadline, timeout):
    """Goes to worker 0 and waits for its answer: addresses, own number, time of the end, seconds -> None."""
    own_error = None
    try:
        _server(addresses, index).close()
    except MeetingError as error:
        own_error = str(error)  # worker 0 tells it to all
    seen = "nothing answers there"
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection(_host_and_port(addresses[0]), min(left, SECONDS_OF_A_MESSAGE)) as connection:
                connection.sendall(_line({"worker": index, "cluster": addresses, "error": own_error}))
                connection.settimeout(timeout + SECONDS_OF_A_MESSAGE)  # worker 0 may have begun to wait later
                answer = json.loads(_read_line(connection))
            if answer["error"] is None:
                return
            raise MeetingError(answer["error"])
        except (ValueError, LookupError, TypeError):
            seen = "a process is there, but it isn't waiting for workers: has it begun without this one?"
        except OSError as error:
            seen = f"{error.strerror or error}"
        time.sleep(0.3)
    raise MeetingError(own_error or f"Worker 0 couldn't be met at {addresses[0]} within {timeout:g} s: {seen}.")


def _server(addresses, index):
    """addresses, own number -> a socket that listens at its port, with IPv6 and IPv4 where the machine has both."""
    port = _host_and_port(addresses[index])[1]
    try:
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except (OSError, ValueError):
            return socket.create_server(("", port))
    except OSError as error:
        raise MeetingError(
            f"Worker {index} can't listen at its address, {addresses[index]}: {error.strerror or error}. Is another "
            "process there?"
        ) from error


def _is_of_this_machine(address):
    """ "host:port" -> whether the host is this machine; behind a service of Kubernetes or NAT it may look otherwise."""
    try:
        found = socket.getaddrinfo(_host_and_port(address)[0], 0, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, name in found:
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as one:
                one.bind(name)
                return True
    except OSError:
        pass  # no such host
    return False


def _host_and_port(address):
    """ "host:port", "[IPv6]:port" -> host, port."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _line(message):
    """What JSON can hold -> bytes of one line."""
    return json.dumps(message).encode() + b"\n"


def _read_line(connection):
    """connection -> the line that was sent, or what came of it."""
    with connection.makefile("rb") as file:
        return file.readline(1_000_000)


def _is_open(connection):
    """Connection of who waits for an answer -> whether it is still there."""
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False
