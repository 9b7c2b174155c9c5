"""What is done to a fleet under load, and what is promised then: docs/faults.md has the table. One row at a time on two real hosts.

Two sandboxes, one on each host, are given commands without a pause, each of which writes a number of its own; sandboxes are made and
destroyed beside it. After each row all that was answered has happened once and is on record, what was refused never, what was not answered
once or not at all; nothing is lost, doubled, under way or left over, and the audit's chain holds (steady_use.py)."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import pytest

from bad_lines import BadLine
from fleet import Fleet, wait_until
from processes import Process
from steady_use import Load, both_stay_ready, health

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR = 3600
ON_H2 = {"image": "tiny", "agent_id": "matrix", "host": "h2"}


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image)
    fleet.hosts[1].disk_mb = 1500
    fleet.hosts[1].settings = {"fence": "pause"}  # Who holds without a reason that it hears no leader is seen to.
    with fleet:
        yield fleet


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
    with both_stay_ready(fleet):
        fleet.hosts[1].kill_libvirtd()
        yield


@contextlib.contextmanager
def stopped_libvirtd(fleet, _):
    """What needs it waits for it."""
    with both_stay_ready(fleet), ThreadPoolExecutor(1) as pool:
        with stopped(int((fleet.hosts[1].base / "run/libvirt/libvirtd.pid").read_text())):
            making = pool.submit(lambda: fleet.api().call("POST", "/v1/sandboxes", ON_H2))
            yield
            assert not making.done(), making.result()
        assert making.result()[0] == 201, making.result()


@contextlib.contextmanager
def killed_coordinator(fleet, _):
    fleet.coordinator.kill(signal.SIGKILL)
    yield
    fleet.start_coordinator()


@contextlib.contextmanager
def stopped_coordinator(fleet, load):
    """Who looks meanwhile is answered as soon as it goes on, and sees what was so before."""
    with both_stay_ready(fleet), stopped(fleet.coordinator.pid):
        begun = time.monotonic()
        yield
        late = [when - begun for keeper in load.keepers.values() for when in keeper.answered if when > begun + 1]
        assert not late, f"answered by what stands still: {late}"


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
def on_a_bad_line(fleet, _):
    host = fleet.hosts[1]
    line = BadLine(("10.77.0.1", 7421), ("10.77.0.1", 7420), delay=0.2, loss=0.05, seed="200 ms and 5 % loss")
    try:
        host.reconfigure(coordinator_endpoints="[tcp://10.77.0.1:7421]")
        with both_stay_ready(fleet):
            yield
        assert line.lost > 0 and line.chunks > 20, (line.lost, line.chunks)
    finally:
        host.reconfigure(coordinator_endpoints="[tcp://10.77.0.1:7420]")
        line.close()


@contextlib.contextmanager
def restarted_postgres(fleet, _):
    with both_stay_ready(fleet):
        fleet.postgres.stop(signal.SIGINT)
        try:
            yield
        finally:
            fleet.postgres.start()


@contextlib.contextmanager
def full_disk(fleet, _):
    """To the last byte. Who writes what there is no room for stands still until somebody starts it."""
    host, api = fleet.hosts[1], fleet.api()
    filler = host.state / "filler"

    def on_h2():
        return api.call("POST", "/v1/sandboxes", ON_H2)

    with open(filler, "wb") as file:
        with contextlib.suppress(OSError):
            while file.write(bytes(1 << 20)):
                file.flush()
    try:
        assert os.statvfs(host.state).f_bavail == 0
        status, reply = on_h2()
        assert (status, reply["reason"]) == (503, "disk_full") and "disk_reserve_mb" in reply["error"], reply
        assert api.create(auto_start=False)["host_name"] == "h1"
        with both_stay_ready(fleet):
            yield
        assert on_h2()[1]["reason"] == "disk_full"
    finally:
        filler.unlink()
    for box in api.sandboxes():
        if box["host_name"] == "h2" and box["phase"] == "paused":
            assert "Free space" in box["error"], box
            api.ok("POST", f"/v1/sandboxes/{box['id']}/start", {})
    wait_until("creates to be taken again", lambda: on_h2()[0] == 201, 30)


class Clock:
    """A wall clock that is set while its daemon runs; what is monotonic stays so."""

    def __init__(self, fleet, name):
        self.file = fleet.base / name
        self.env = {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": 1, "DONT_FAKE_MONOTONIC": 1}
        self.set(0)

    def set(self, off):
        """To so many seconds from what is right, at once."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{off:+}")
        new.replace(self.file)


@contextlib.contextmanager
def host_clock_that_jumps(fleet, load):
    """That of h2's hostd: an hour on, then two hours back, then right. It has always just heard its leader."""
    host, api, clock = fleet.hosts[1], fleet.api(), Clock(fleet, "clock-of-h2")

    def its_clock_is(off):
        times = re.findall(r"^\d+-\d+-\d+T\S+Z", host.hostd.log.read_text(), re.MULTILINE)
        return abs(datetime.fromisoformat(times[-1]).timestamp() - time.time() - off) < HOUR / 2

    host.hostd_env = clock.env
    host.reconfigure()
    try:
        with both_stay_ready(fleet):
            for off in (HOUR, -HOUR, 0):
                clock.set(off)
                wait_until(f"its log to be {off} s off", lambda: its_clock_is(off), 30)
                load.await_answers(f"while its clock is {off} s off")
                box = api.create(host="h2")["id"]
                assert api.run(box, "echo runs")["stdout"] == "runs\n"
                api.destroy(box)
                if off < 0:
                    yield
    finally:
        host.hostd_env = {}
        host.reconfigure()


@contextlib.contextmanager
def clock_that_jumps(fleet, _):
    """The coordinator's: an hour on, then two hours back, then right."""
    clock = Clock(fleet, "clock")
    fleet.coordinator.kill(signal.SIGTERM)
    fleet.coordinator = Process("coordinator",
                                ["env", *(f"{key}={value}" for key, value in clock.env.items()),
                                 fleet.bin("coordinator/paddock-coordinator"), "--config", fleet.etc / "coordinator.yaml"],
                                fleet.base / "coordinator.log")
    fleet.wait_ready(2)
    with both_stay_ready(fleet):
        api = fleet.api()
        short = api.create(auto_start=False, ttl_seconds=HOUR // 2, vm_name="short-lived")["id"]
        clock.set(HOUR)
        # Its time is up, by the clock: a time to live is a time of day.
        wait_until("the end of what lives for half an hour",
                   lambda: api.ok("GET", f"/v1/sandboxes/{short}")["sandbox"]["state"] == "DESTROYED", 60)
        clock.set(-HOUR)
        yield
        # What was written since is not older than what was written then.
        box = api.create(auto_start=False)["id"]
        assert fleet.postgres.sql(f"SELECT at > now() + interval '50 minutes' FROM audit WHERE target = '{box}'") == [["t"], ["t"]]
        clock.set(0)
    fleet.restart_coordinator(signal.SIGTERM)


# ---- what is seen meanwhile -----------------------------------------------------

def nothing_more(fleet, load):
    pass


def h2_is_suspect(fleet, load):
    """It becomes so, and from then on nothing is placed there."""
    api = fleet.api()
    wait_until("h2 to be suspect", lambda: health(api)["h2"] == "suspect", 12)
    assert api.create(auto_start=False)["host_name"] == "h1"  # What was placed before is on record by now, too.
    [[head]] = fleet.postgres.sql("SELECT max(seq) FROM audit")
    status, reply = api.call("POST", "/v1/sandboxes", ON_H2)
    assert status == 503 and "h2: it has not been heard" in reply["details"], reply
    for _ in range(6):
        assert api.create(auto_start=False)["host_name"] == "h1"
    assert not fleet.postgres.sql(f"SELECT * FROM audit WHERE seq > {head} AND kind = 'intent' AND action = 'sandbox.create' AND host = 'h2'")
    assert health(api) == {"h1": "ready", "h2": "suspect"}


def reads_go_on(fleet, load):
    """What would write waits, and is told that nothing was done when PostgreSQL does not come back in time."""
    api = fleet.api()
    for keeper in load.keepers.values():
        assert keeper.ident in {box["id"] for box in api.sandboxes()}
        assert api.ok("GET", f"/v1/sandboxes/{keeper.ident}")["sandbox"]["phase"] == "running"
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "matrix", "vm_name": "refused"})
    assert (status, reply["reason"]) == (503, "database_unavailable") and api.last_headers["Retry-After"], reply
    assert "refused" not in {box["sandbox_name"] for box in api.sandboxes()}


# ---- what is promised -----------------------------------------------------------

@dataclass(frozen=True)
class Row:
    fault: Callable
    seconds: float
    used: tuple = ("h1",)  # Which hosts answer commands all the while.
    told: dict | None = None  # Why commands to a host may not be done; to one that is not named all are. None: nothing is promised.
    meanwhile: Callable = nothing_more


UNKNOWN_ON_H2 = {"h2": {"outcome_unknown"}}
ROWS = {
    "hostd killed": Row(killed_hostd, 3, told=UNKNOWN_ON_H2),
    "hostd stopped": Row(stopped_hostd, 12, told=UNKNOWN_ON_H2, meanwhile=h2_is_suspect),
    "libvirtd killed": Row(killed_libvirtd, 2, used=("h1", "h2"), told={}),
    "libvirtd stopped": Row(stopped_libvirtd, 8, used=("h1", "h2"), told={}),
    "coordinator killed": Row(killed_coordinator, 1, used=()),
    "coordinator stopped": Row(stopped_coordinator, 8, used=(), told={}),
    "host cut off": Row(cut_off, 12, told=UNKNOWN_ON_H2, meanwhile=h2_is_suspect),
    "200 ms and 5 % loss": Row(on_a_bad_line, 10, used=("h1", "h2"), told=UNKNOWN_ON_H2),
    "PostgreSQL restarted": Row(restarted_postgres, 12, used=(), told={host: {"database_unavailable", "outcome_unknown"} for host in ("h1", "h2")},
                                meanwhile=reads_go_on),
    "disk full": Row(full_disk, 8),
    "a host's clock jumps": Row(host_clock_that_jumps, 3, used=("h1", "h2"), told=UNKNOWN_ON_H2),
    "clock jumps": Row(clock_that_jumps, 3, used=("h1", "h2")),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_promised_is_seen(fleet, row, capsys):
    promised = ROWS[row]
    fleet.wait_ready(2)
    with Load(fleet) as load:
        load.await_answers("before")
        with promised.fault(fleet, load):
            begun = time.monotonic()
            load.await_answers(f"during: {row}", promised.used)
            promised.meanwhile(fleet, load)
            load.ending.wait(max(0, promised.seconds - (time.monotonic() - begun)))  # For as long as the row says.
            load.await_answers(f"still, during: {row}", promised.used)
        back = load.await_answers(f"after: {row}")
    for host in fleet.hosts:
        host.free_half_made_domains()
    fleet.wait_ready(2)
    load.check()
    for host in load.keepers if promised.told is not None else ():
        assert set(load.reasons(host)) <= promised.told.get(host, set()), f"{host}: {load.reasons(host)}"
    with capsys.disabled():
        print(f"\n{row}: {load}; used again after {back:.1f} s")
