"""What is done to a fleet under load, and what is promised then: docs/faults.md has the table. One row at a time on two real hosts.

Two sandboxes, one on each host, are given commands without a pause, each of which writes a number of its own; sandboxes are made and
destroyed beside it. After each row all that was answered has happened once, what was not answered once or not at all; nothing is lost,
doubled or left over, and the audit's chain holds."""

import contextlib
import http.client
import itertools
import os
import signal
import threading
import time
from collections import Counter

import pytest

from bad_lines import BadLine
from fleet import Fleet, wait_until
from processes import Process

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
NOT_ANSWERED = (OSError, http.client.HTTPException)


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image)
    fleet.hosts[1].disk_mb = 1500
    with fleet:
        yield fleet


class Load:
    """Steady use of a fleet, and what came of each request."""

    def __init__(self, fleet):
        self.fleet = fleet
        api = fleet.api()
        self.keepers = {host: api.create(host=host, memory_mb=160)["id"] for host in ("h1", "h2")}
        self.done = {host: set() for host in self.keepers}
        self.unknown = {host: set() for host in self.keepers}
        self.longest = dict.fromkeys(self.keepers, 0.0)
        self.answered = []  # (when, host)
        self.made, self.gone, self.refused = {}, set(), Counter()
        self.ending = threading.Event()
        self.threads = [threading.Thread(target=self._command, args=(host,)) for host in self.keepers]
        self.threads.append(threading.Thread(target=self._churn))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def _command(self, host):
        api = self.fleet.api(timeout=120)
        for number in itertools.count():
            if self.ending.is_set():
                return
            begun = time.monotonic()
            try:
                status, reply = api.call("POST", f"/v1/sandboxes/{self.keepers[host]}/run",
                                         {"command": f"echo {number} >> /home/sandbox/numbers", "timeout_sec": 20})
            except NOT_ANSWERED:
                status, reply = 0, {}
            took = time.monotonic() - begun
            if status == 200 and reply["command"]["exit_code"] == 0 and reply["command"]["status"] == "finished":
                self.done[host].add(number)
                self.answered.append((time.monotonic(), host))
                self.longest[host] = max(self.longest[host], took)
            else:
                self.unknown[host].add(number)
                self.refused[reply.get("reason", "no answer")] += 1
                self.ending.wait(0.2)

    def _churn(self):
        api = self.fleet.api(timeout=120)
        for number in itertools.count():
            if self.ending.is_set():
                return
            name = f"churn-{number}"
            try:
                status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "matrix", "vm_name": name})
                if status == 201:
                    self.made[name] = reply["sandbox"]["id"]
                    status, reply = api.call("DELETE", f"/v1/sandboxes/{self.made[name]}")
                    if status == 200:
                        self.gone.add(name)
                if status not in (200, 201):
                    assert status in (429, 502, 503, 504), (status, reply)
                    self.refused[reply["reason"]] += 1
                    self.ending.wait(0.2)
            except NOT_ANSWERED:
                self.refused["no answer"] += 1
                self.ending.wait(0.2)

    def await_answers(self, what, hosts=("h1", "h2")):
        """One more on each of them. Seconds until it came."""
        begun = time.monotonic()
        wait_until(f"commands to be answered {what}",
                   lambda: all(any(when > begun and at == host for when, at in list(self.answered)) for host in hosts), 90)
        return time.monotonic() - begun

    def check(self):
        """All that was answered has happened once, all else once or never."""
        api = self.fleet.api()
        for host, ident in self.keepers.items():
            numbers = Counter(int(line) for line in api.run(ident, "cat /home/sandbox/numbers")["stdout"].split())
            assert max(numbers.values()) == 1, f"{host}: done twice: {[n for n, times in numbers.items() if times > 1]}"
            assert self.done[host] <= set(numbers), f"{host}: lost: {self.done[host] - set(numbers)}"
            assert set(numbers) <= self.done[host] | self.unknown[host]
        names = Counter(sandbox["sandbox_name"] for sandbox in api.sandboxes())
        assert all(times == 1 for times in names.values()), names
        for name, ident in self.made.items():
            assert name not in self.gone or name not in names, f"{name} was destroyed and is there"
            assert name in self.gone or name in names or api.call("GET", f"/v1/sandboxes/{ident}")[0] == 200, f"{name} is lost"
        folders = [{path.name for path in (host.state / "sandboxes").iterdir()} for host in self.fleet.hosts]
        assert not folders[0] & folders[1], folders[0] & folders[1]


# ---- what is done ---------------------------------------------------------------

@contextlib.contextmanager
def killed_hostd(fleet, _):
    fleet.hosts[1].hostd.kill(signal.SIGKILL)
    yield
    fleet.hosts[1].start_hostd()


@contextlib.contextmanager
def stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stopped_hostd(fleet, _):
    return stopped(fleet.hosts[1].hostd.pid)


@contextlib.contextmanager
def killed_libvirtd(fleet, _):
    fleet.hosts[1].kill_libvirtd()
    yield


def stopped_libvirtd(fleet, _):
    return stopped(int((fleet.hosts[1].base / "run/libvirt/libvirtd.pid").read_text()))


@contextlib.contextmanager
def killed_coordinator(fleet, _):
    fleet.coordinator.kill(signal.SIGKILL)
    yield
    fleet.start_coordinator()


def stopped_coordinator(fleet, _):
    return stopped(fleet.coordinator.pid)


@contextlib.contextmanager
def cut_off(fleet, _):
    host = fleet.hosts[1]
    host.inside("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        host.inside("ip", "link", "set", "eth0", "up")
        host.inside("ip", "route", "replace", "default", "via", "10.77.0.1")


@contextlib.contextmanager
def on_a_bad_line(fleet, seed):
    host = fleet.hosts[1]
    line = BadLine(("10.77.0.1", 7421), ("10.77.0.1", 7420), delay=0.2, loss=0.05, seed=seed)
    try:
        host.reconfigure(coordinator_endpoints="[tcp://10.77.0.1:7421]")
        yield
        assert line.lost > 0 and line.chunks > 20, (line.lost, line.chunks)
    finally:
        host.reconfigure(coordinator_endpoints="[tcp://10.77.0.1:7420]")
        line.close()


@contextlib.contextmanager
def restarted_postgres(fleet, _):
    fleet.postgres.stop(signal.SIGINT)
    yield
    fleet.postgres.start()


@contextlib.contextmanager
def full_disk(fleet, _):
    """To the last byte. Who writes what there is no room for stands still until somebody starts it."""
    host, api = fleet.hosts[1], fleet.api()
    filler = host.state / "filler"

    def on_h2():
        return api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "matrix", "host": "h2"})

    with open(filler, "wb") as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(1 << 20)):
                file.flush()
    try:
        assert os.statvfs(host.state).f_bavail == 0
        status, reply = on_h2()
        assert (status, reply["reason"]) == (503, "disk_full") and "disk_reserve_mb" in reply["error"], reply
        assert api.create(auto_start=False)["host_name"] == "h1"
        yield
        assert on_h2()[1]["reason"] == "disk_full"
    finally:
        filler.unlink()
    for box in api.sandboxes():
        if box["host_name"] == "h2" and box["phase"] == "paused":
            assert "Free space" in box["error"], box
            api.ok("POST", f"/v1/sandboxes/{box['id']}/start", {})
    wait_until("creates to be taken again", lambda: on_h2()[0] == 201, 30)


@contextlib.contextmanager
def clock_that_jumps(fleet, _):
    """The coordinator's: an hour on, then two hours back, then right."""
    offset = fleet.base / "clock"
    offset.write_text("+0")
    fleet.coordinator.kill(signal.SIGTERM)
    fleet.coordinator = Process("coordinator",
                                ["env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME_TIMESTAMP_FILE={offset}", "FAKETIME_NO_CACHE=1",
                                 "DONT_FAKE_MONOTONIC=1", fleet.bin("coordinator/paddock-coordinator"), "--config",
                                 fleet.etc / "coordinator.yaml"], fleet.base / "coordinator.log")
    fleet.wait_ready(2)
    api = fleet.api()
    short = api.create(auto_start=False, ttl_seconds=1800, vm_name="short-lived")["id"]
    offset.write_text("+3600")
    # Its time is up, by the clock: a time to live is a time of day.
    wait_until("the end of what lives for half an hour",
               lambda: api.ok("GET", f"/v1/sandboxes/{short}")["sandbox"]["state"] == "DESTROYED", 60)
    assert all(host["health"] == "ready" for host in api.ok("GET", "/v1/hosts")["hosts"])
    offset.write_text("-3600")
    yield
    offset.write_text("+0")
    fleet.restart_coordinator(signal.SIGTERM)


# name: what is done, for how many seconds, and whether the other host is used meanwhile.
ROWS = {
    "hostd killed": (killed_hostd, 3, True),
    "hostd stopped": (stopped_hostd, 12, True),
    "libvirtd killed": (killed_libvirtd, 2, True),
    "libvirtd stopped": (stopped_libvirtd, 8, True),
    "coordinator killed": (killed_coordinator, 1, False),
    "coordinator stopped": (stopped_coordinator, 8, False),
    "host cut off": (cut_off, 12, True),
    "200 ms and 5 % loss": (on_a_bad_line, 10, True),
    "PostgreSQL restarted": (restarted_postgres, 2, False),
    "disk full": (full_disk, 8, True),
    "clock jumps": (clock_that_jumps, 3, True),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_promised_is_seen(fleet, row, capsys):
    fault, seconds, other_goes_on = ROWS[row]
    fleet.wait_ready(2)
    with Load(fleet) as load:
        load.await_answers("before")
        with fault(fleet, row):
            begun = time.monotonic()
            if other_goes_on:
                load.await_answers(f"on the other host, during: {row}", hosts=("h1",))
            load.ending.wait(max(0, seconds - (time.monotonic() - begun)))  # For as long as the row says.
        back = load.await_answers(f"after: {row}")
    for host in fleet.hosts:
        host.free_half_made_domains()
    fleet.wait_ready(2)
    load.check()
    with capsys.disabled():
        print(f"\n{row}: {sum(map(len, load.done.values()))} commands and {len(load.made)} creates answered; not answered, or refused: "
              f"{dict(load.refused) or 'none'}; longest {load.longest['h1']:.1f} s on h1, {load.longest['h2']:.1f} s on h2; "
              f"used again after {back:.1f} s")
