"""Thousands of connections that ask for little, nothing or never to the end: the API answers others all the while.

The coordinator, PostgreSQL and one host are real; no sandbox runs. No figure is asserted but with a wide margin.
"""

import http.client
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from fleet import HTTP_PORT, Fleet, wait_until

HEAD_TIMEOUT_SECONDS = 10
IDLE_TIMEOUT_SECONDS = 30
EACH = 1000  # Of four kinds.
BEAT_SECONDS = 1  # Between two bytes of a slow one.
BEATS = 30  # Longer than any of them may live.
PATIENCE_SECONDS = 30  # For one answer meanwhile; it is a few milliseconds.
MEMORY_MB = 64  # It is some twenty.
CONNECTIONS = 8 * EACH  # One that is closed may still count while the next is open.
DESCRIPTORS = CONNECTIONS + 1000
HALF_A_HEAD = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\nX-Much: " + b"x" * (8 << 10)
SLOW_HEAD = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n" + b"X-Slow: x\r\n" * 1000


@pytest.fixture(scope="module")
def fleet(build, image):
    """With deadlines that a test can wait for. Started as from a shell, with few descriptors; a coordinator helps itself to more."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(DESCRIPTORS, old[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, most))
    try:
        with Fleet(build, image, hosts=1, log_level="info", http_connections=CONNECTIONS,
                   http_head_timeout_sec=HEAD_TIMEOUT_SECONDS, http_idle_timeout_sec=IDLE_TIMEOUT_SECONDS) as fleet:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            yield fleet
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)


class Member:
    """One connection of the crowd. Opened again each time that the coordinator has closed it."""

    said_first = b""
    answered = b"HTTP/1.1 408 "

    def __init__(self):
        self.closed, self.said, self.socket = 0, b"", None
        self.open()

    def open(self):
        self.said = b""
        self.socket = socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=30)
        if self.said_first:
            self.socket.sendall(self.said_first)
        self.socket.setblocking(False)

    def is_closed(self):
        try:
            while data := self.socket.recv(65536):
                self.said += data
        except BlockingIOError:
            return False
        except ConnectionResetError:
            pass
        self.socket.close()
        self.closed += 1
        assert self.said.startswith(self.answered), f"{type(self).__name__} was told {self.said[:300]}"
        return True

    def beat(self):
        if self.is_closed():
            self.open()


class Silent(Member):
    """Connects."""


class HalfAHead(Member):
    """Sends most of its headers."""

    said_first = HALF_A_HEAD


class Slow(Member):
    """Sends its headers byte by byte."""

    def __init__(self):
        self.sent = 0
        super().__init__()

    def open(self):
        super().open()
        self.sent = 0

    def beat(self):
        super().beat()
        try:
            self.sent += self.socket.send(SLOW_HEAD[self.sent:self.sent + 1])
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            pass  # It was closed just now: is_closed() finds out.


class Idle(Member):
    """Has asked once, and keeps the connection."""

    said_first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answered = b"HTTP/1.1 200 "


class Crowd(threading.Thread):
    """All of them, from one thread, a beat of each every BEAT_SECONDS until end()."""

    def __init__(self):
        super().__init__(daemon=True)
        self.members = [kind() for _ in range(EACH) for kind in (Silent, HalfAHead, Slow, Idle)]
        self.over, self.error, self.beats = threading.Event(), None, 0
        self.start()

    def run(self):
        try:
            while not self.over.wait(BEAT_SECONDS):
                for member in self.members:
                    member.beat()
                self.beats += 1
        except Exception as error:  # Told by end().
            self.error = error

    def end(self):
        self.over.set()
        self.join(60)
        if self.error:
            raise self.error

    def closed_of(self, kind):
        return [member.closed for member in self.members if isinstance(member, kind)]


def descriptors(pid):
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def resident_mb(pid):
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def answered_in(ask):
    began = time.monotonic()
    ask()
    return time.monotonic() - began


def ask_on_a_new_connection(path):
    connection = http.client.HTTPConnection("127.0.0.1", HTTP_PORT, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        assert (reply.status, bool(reply.read())) == (200, True), path
    finally:
        connection.close()


def test_a_crowd_that_asks_for_nothing_keeps_nobody_from_being_answered(fleet):
    pid = fleet.coordinator.pid
    api = fleet.api(timeout=PATIENCE_SECONDS)
    ident = api.create(host="h1", auto_start=False)["id"]
    wanted = api.ok("GET", f"/v1/sandboxes/{ident}")
    before, memory = descriptors(pid), resident_mb(pid)
    crowd = Crowd()
    times, open_at_most, memory_at_most = [], 0, 0
    while crowd.is_alive() and crowd.beats < BEATS:
        times.append(answered_in(lambda: ask_on_a_new_connection("/healthz")))
        times.append(answered_in(lambda: ask_on_a_new_connection("/v1/health")))
        times.append(answered_in(lambda: api.ok("GET", "/healthz", expect=(200,))))
        times.append(answered_in(lambda: api.ok("GET", f"/v1/sandboxes/{ident}", expect=(200,))))
        open_at_most = max(open_at_most, descriptors(pid) - before)
        memory_at_most = max(memory_at_most, resident_mb(pid))
        crowd.join(0.05)  # A pace, and over at once if the crowd is.
    crowd.end()
    assert api.ok("GET", f"/v1/sandboxes/{ident}") == wanted
    print(f"{len(times)} answers, the slowest after {max(times) * 1000:.0f} ms; {open_at_most} connections; "
          f"{memory:.1f} MiB before, {memory_at_most:.1f} at most")
    assert open_at_most > 3 * EACH, "the crowd was not there"
    assert memory_at_most - memory < MEMORY_MB
    for kind in (Silent, HalfAHead, Slow):
        assert min(crowd.closed_of(kind)) > 0, f"{kind.__name__} was left alone for longer than its headers may take"

    # Nobody comes any more: the last of them are let go, too.
    left = crowd.members

    def all_closed():
        left[:] = [member for member in left if not member.is_closed()]
        return not left

    wait_until("all to be closed", all_closed, IDLE_TIMEOUT_SECONDS + 45)
    wait_until("the descriptors to be as before", lambda: descriptors(pid) <= before, 30)
    assert resident_mb(pid) - memory < MEMORY_MB
    ask_on_a_new_connection("/healthz")
    assert api.ok("GET", f"/v1/sandboxes/{ident}") == wanted


def test_what_came_while_the_coordinator_stood_still_is_answered(fleet):
    """More at once than it looks at in one turn: heads that were begun, and connections that were idle, whose time is over meanwhile."""
    head = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    def answer(connection):
        said = b""
        while b'"ok"' not in said:
            piece = connection.recv(65536)
            assert piece, f"closed after {said}"
            said += piece
        return said[:13]

    begun_at = time.monotonic()
    idle = [socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=PATIENCE_SECONDS) for _ in range(100)]
    for connection in idle:
        connection.sendall(head)
        assert answer(connection) == b"HTTP/1.1 200 "
    time.sleep(max(0, begun_at + IDLE_TIMEOUT_SECONDS / 2 - time.monotonic()))
    begun = [socket.create_connection(("127.0.0.1", HTTP_PORT), timeout=PATIENCE_SECONDS) for _ in range(100)]
    for connection in begun:
        connection.sendall(head[:20])
    ask_on_a_new_connection("/v1/health")  # So they are accepted.
    pid = fleet.coordinator.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        for connection in begun:
            connection.sendall(head[20:])
        for connection in idle:
            connection.sendall(head)
        time.sleep(IDLE_TIMEOUT_SECONDS / 2 + 5)
    finally:
        os.kill(pid, signal.SIGCONT)
    for connection in (*begun, *idle):
        with connection:
            assert answer(connection) == b"HTTP/1.1 200 "
