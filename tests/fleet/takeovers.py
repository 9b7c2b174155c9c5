"""Several coordinators over one database: steady use while leaders change, and what must be true of it after."""

import http.client
import itertools
import json
import os
import signal
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from fleet import wait_until
from live import Events

PROMISED = 5  # Seconds until the API answers again. What was measured is printed; a busy machine is no failure.
BOUND = 10 * PROMISED
WORKERS = 4
# A request that came to nothing for one of these may be sent again: nothing was begun, or its key tells what was.
AGAIN = {0, 429, 502, 503}


def epoch_of(fleet):
    """Of the coordinator that leads by the database's record."""
    return int(fleet.postgres.sql("SELECT max(epoch) FROM leader WHERE deposed_at IS NULL")[0][0])


def leader_of(fleet):
    """Its number: by the address that it has in the database."""
    address = fleet.postgres.sql("SELECT http_address FROM leader ORDER BY epoch DESC LIMIT 1")[0][0]
    return int(address.rsplit(":", 1)[1]) - 8080


def ask(fleet, number, method, path, body=None, headers=None, timeout=60):
    """(status, reply) on a connection of its own; status 0 where there was none."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080 + number, timeout=timeout)
    try:
        sent = {"Authorization": f"Bearer {fleet.token}", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        reply = connection.getresponse()
        text = reply.read()
        if reply.status == 503 and b'"not_ready"' not in text:
            assert reply.headers["Retry-After"], text
        return reply.status, json.loads(text) if text else {}
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


class Load:
    """Workers that create sandboxes, run something in them and destroy them, each request with a key and again until it is
    answered, at all coordinators in turn."""

    def __init__(self, fleet, workers):
        self.fleet, self.stopping = fleet, threading.Event()
        self.answers = []  # (what, key, status, reply): the last of each request.
        self.again, self.done, self.lock = 0, 0, threading.Lock()
        self.pool = ThreadPoolExecutor(workers)
        self.workers = [self.pool.submit(self.work, number) for number in range(workers)]

    def until_answered(self, what, number, method, path, body=None):
        key = str(uuid.uuid4())
        headers = {"Idempotency-Key": key} if method == "POST" else {}
        deadline = time.monotonic() + 300
        for turn in itertools.count(number):
            status, reply = ask(self.fleet, turn % len(self.fleet.coordinators), method, path, body, headers)
            # A create that came when no host was known to be there is refused, too.
            in_progress = status == 409 and reply["reason"] == "idempotency_in_progress"
            if status not in AGAIN and not in_progress:
                break
            assert time.monotonic() < deadline, f"{what} is never answered: {status} {reply}"
            with self.lock:
                self.again += 1
            self.stopping.wait(0.02) or threading.Event().wait(0.02)
        with self.lock:
            self.answers.append((what, key, status, reply))
            self.done += 1
        return status, reply

    def work(self, number):
        while not self.stopping.is_set():
            status, reply = self.until_answered("create", number, "POST", "/v1/sandboxes", {
                "image": "tiny", "agent_id": "load", "auto_start": True, "memory_mb": 160})
            if status != 201:
                assert status == 504, (status, reply)  # Its end is on record, and it is looked for after.
                continue
            box = reply["sandbox"]["id"]
            for _ in range(2):
                mark = str(uuid.uuid4())
                status, reply = self.until_answered(mark, number, "POST", f"/v1/sandboxes/{box}/run", {
                    "command": f"echo {mark} >> /tmp/marks; echo did"})
                assert status in (200, 504), (status, reply)
            status, reply = self.until_answered(f"marks {box}", number, "POST", f"/v1/sandboxes/{box}/run",
                                                {"command": "cat /tmp/marks"})
            assert status in (200, 504), (status, reply)
            status, reply = self.until_answered("destroy", number, "DELETE", f"/v1/sandboxes/{box}")
            assert status in (200, 204, 404, 504), (status, reply)

    def wait_for(self, more):
        goal = self.done + more
        def did_more():
            for worker in self.workers:
                if worker.done():
                    worker.result()
            return self.done >= goal
        wait_until(f"{more} more answers", did_more, 120)

    def stop(self):
        self.stopping.set()
        try:
            for worker in self.workers:
                worker.result()
        finally:
            self.pool.shutdown()


class Follower(threading.Thread):
    """Reads /v1/events from the start that it is given, at all coordinators in turn, each time from where it was."""

    def __init__(self, fleet):
        super().__init__(daemon=True)
        self.fleet, self.stopping = fleet, threading.Event()
        self.last = self.start_at = int(fleet.postgres.sql("SELECT max(seq) FROM audit")[0][0])
        self.seen, self.connections, self.error = [], 0, None
        self.start()

    def run(self):
        try:
            for turn in itertools.count():
                if self.stopping.is_set():
                    return
                try:
                    self.read(turn % len(self.fleet.coordinators))
                except (OSError, http.client.HTTPException, AssertionError, ValueError):
                    pass  # Cut off, also in the middle of an event.
                threading.Event().wait(0.05)
        except Exception as error:  # Told by whoever joins.
            self.error = error

    def read(self, number):
        events = Events(self.fleet.api(number), "/v1/events", headers={"Last-Event-ID": str(self.last)}, timeout=20)
        if events.refusal is not None:
            return
        self.connections += 1
        try:
            for event in events:
                if event.name == "audit":
                    self.seen.append(event.ident)
                    self.last = event.ident
                if self.stopping.is_set():
                    return
        finally:
            events.close()

    def all(self, until):
        wait_until(f"event {until}", lambda: self.last >= until or self.error, 60)
        self.stopping.set()
        assert self.error is None, self.error
        return self.seen


def events_after(fleet, start, until):
    """What one reader sees without any interruption."""
    events, seen = Events(fleet.api(), "/v1/events", headers={"Last-Event-ID": str(start)}), []
    for event in events:
        if event.name == "audit":
            seen.append(event.ident)
            if event.ident >= until:
                break
    events.close()
    return seen


def check(fleet, load, follower):
    """Every request ended once, with what it says on record; nothing is left over, and the audit is whole."""
    answers = load.answers
    made = {reply["sandbox"]["id"] for what, _, status, reply in answers if what == "create" and status == 201}
    assert len(made) == sum(what == "create" and status == 201 for what, _, status, _ in answers), "one for two requests"
    for what, key, status, reply in answers:
        if what == "create" and status == 504:
            # Under its key it stays unknown, however often it is asked, and never is a second one.
            assert ask(fleet, 0, "POST", "/v1/sandboxes", {
                "image": "tiny", "agent_id": "load", "auto_start": True, "memory_mb": 160}, {"Idempotency-Key": key})[0] == 504
    read = [reply["command"]["stdout"].split() for what, _, status, reply in answers
            if what.startswith("marks ") and status == 200]
    ran = [mark for marks in read for mark in marks]
    assert read and len(ran) == len(set(ran)), "a command ran twice"
    did = {what for what, _, status, reply in answers
           if status == 200 and "command" in reply and reply["command"]["stdout"] == "did\n"}
    unread = sum(what.startswith("marks ") and status != 200 for what, _, status, _ in answers)
    assert len(did - set(ran)) <= 2 * unread, "a command that was answered left nothing behind"
    unknown = sum(status == 504 for _, _, status, _ in answers)
    head = int(fleet.postgres.sql("SELECT max(seq) FROM audit")[0][0])
    seen = [ident for ident in follower.all(head) if ident <= head]
    assert seen == events_after(fleet, follower.start_at, head), "an event was lost, or told twice"
    print(f"   {len(answers)} requests answered, {load.again} times again, {unknown} of unknown end; {len(seen)} events over "
          f"{follower.connections} connections")


@contextmanager
def used(fleet, before=12, after=24, workers=WORKERS):
    """While there is steady use, with so many answers at least; then all of it is checked."""
    load, follower = Load(fleet, workers), Follower(fleet)
    try:
        load.wait_for(before)
        yield load
        load.wait_for(after)
    finally:
        load.stop()
    check(fleet, load, follower)


def measured(fleet, what, epoch, begun, number):
    """Waits for a later leader than that of `epoch`; how long it took until it answered, and had the host."""
    def answers():
        status, reply = ask(fleet, number, "GET", "/readyz", timeout=1)
        return status in (200, 503) and reply.get("epoch", 0) > epoch and (time.monotonic() - begun, status)

    def ready():
        status, reply = ask(fleet, number, "GET", "/readyz", timeout=1)
        return status == 200 and reply["epoch"] > epoch and time.monotonic() - begun

    answered, _ = wait_until("a leader that answers", answers, BOUND)
    had_host = wait_until("a leader that has its host", ready, BOUND)
    print(f"\n{what}: the API answered after {answered:.2f} s, with the host after {had_host:.2f} s (promised: {PROMISED} s)")
    assert answered < BOUND
    return answered, had_host


def start_again(fleet, number):
    """As systemd would; it stands by when it says so."""
    before = fleet.coordinators[number].log.read_text().count("standing by:")
    fleet.start_coordinator(number)
    wait_until("it to stand by", lambda: fleet.coordinators[number].log.read_text().count("standing by:") > before, 30)


def all_there(fleet):
    """Whoever has ended or hangs is back, also after a test that failed halfway."""
    for coordinator in fleet.coordinators:
        if coordinator.alive():
            os.kill(coordinator.pid, signal.SIGCONT)
    if not fleet.postgres.process.alive():
        fleet.postgres.start()

    def all_answer():
        for number, coordinator in enumerate(fleet.coordinators):
            if not coordinator.alive():  # It may only now have found that it is deposed.
                fleet.start_coordinator(number)
        return all(ask(fleet, number, "GET", "/readyz")[0] == 200 for number in range(len(fleet.coordinators)))

    wait_until("all to answer", all_answer, 60)
