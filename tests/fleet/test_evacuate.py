"""Hosts that are gone: what other hosts have copies of goes on there, once, as it was when it was copied last."""

import datetime
import signal
import time

import pytest

from fleet import Fleet, wait_until
from state_model import Box, Held, look, write
from test_fencing import cut, state

SMALL = {"memory_mb": 160}
COPIED = {"replicas": {"every_sec": 10}}


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image)
    fleet.hosts[1].settings = {"fence": "pause", "fence_after_sec": 5}
    with fleet:
        yield fleet


@pytest.fixture(autouse=True)
def all_there_again(fleet):
    yield
    for host in fleet.hosts:
        if (host.base / "stop").exists():
            host.power_on()
            wait_health(fleet.api(), host.name, "ready")
        fleet.api().ok("POST", f"/v1/hosts/{host.name}/uncordon", {})


def made(api, name, host="h1", **fields):
    return Box(name, api.create(vm_name=name, host=host, wait_for_ip=True, **SMALL, **fields)["id"])


def now(api, box):
    return api.ok("GET", f"/v1/sandboxes/{box.ident}")["sandbox"]


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def copies(api, box):
    return api.ok("GET", f"/v1/sandboxes/{box.ident}/replicas")["copies"]


def wait_copied(api, box, host="h2"):
    """There is a copy of what it holds by now, with all its snapshots."""
    since, snapshots = time.time(), len(api.ok("GET", f"/v1/sandboxes/{box.ident}/snapshots")["snapshots"])

    def is_there():
        found = [one for one in copies(api, box) if one["host_name"] == host]
        return found and seconds(found[0]["taken_at"]) > since and found[0]["snapshots"] == snapshots

    wait_until(f"a copy of {box.name} on {host}", is_there, 120)


def comes_from_its_copy(api, box):
    """Of its host, which makes no more copies, the last one: what it goes on from."""
    taken = max(seconds(one["taken_at"]) for one in copies(api, box))
    box.held["copy"] = Held(box.disk, box.memory, time.monotonic() - (time.time() - taken))
    box.restores("copy")


def wait_health(api, host, health):
    wait_until(f"{host} to be {health}", lambda: api.ok("GET", f"/v1/hosts/{host}")["host"]["health"] == health, 90)


def evacuation(api, host="h1"):
    return api.ok("GET", f"/v1/hosts/{host}")["host"]["evacuation"]


def seen_again(api, box, host="h2"):
    """It is what it was when it was copied, there. Its model is to be that from before it was asked for: no tick is missed so."""
    wait_until(f"{box.name} to run on {host}",
               lambda: (now(api, box)["host_name"], now(api, box)["phase"]) == (host, "running"), 90)
    box.identity = {}  # Addresses are their host's.
    look(api, box)


def test_a_host_that_is_off_is_evacuated_and_comes_back(fleet, api, cli):
    h1, h2 = fleet.hosts
    box = made(api, "copied", **COPIED)
    disk_only = made(api, "disk-only", replicas={"every_sec": 10, "memory": False})
    alone, other = made(api, "alone"), made(api, "other", host="h2")
    write(api, box, "first", "first")
    api.ok("POST", f"/v1/sandboxes/{box.ident}/snapshots", {"name": "kept"})
    box.held["kept"] = box.hold(True)
    write(api, box, "ram-word", "disk-word")
    write(api, disk_only, "", "kept-word")
    write(api, other, "elsewhere", "elsewhere")
    wait_copied(api, box)
    wait_copied(api, disk_only)
    assert "h2" in cli.ok("replicas", "copied")
    before = now(api, box)
    status, reply = api.call("POST", "/v1/hosts/h1/evacuate", {})
    assert (status, reply["reason"]) == (409, "host_not_lost")

    h1.power_off()
    wait_health(api, "h1", "lost")
    assert api.ok("POST", f"/v1/sandboxes/{other.ident}/run", {"command": "echo on"})["command"]["stdout"] == "on\n"
    status, reply = api.call("POST", "/v1/hosts/h1/evacuate", {})
    assert (status, reply["reason"]) == (409, "not_fenced") and "powered_off" in reply["error"]
    comes_from_its_copy(api, box)
    told = cli("evacuate", "h1", "--powered-off")
    assert told.returncode != 0 and "no_replica" in told.stdout  # One of them had no copy.
    # What was kept there by anything else than that is tried again, also when nobody waits for it any more.
    wait_until("both that have copies to be brought back", lambda: evacuation(api)["moved"] == 2, 120)
    how = evacuation(api)
    assert (how["state"], how["moved"], how["remaining"]) == ("incomplete", 2, 1), (how, told.stdout)
    assert [one["sandbox_id"] for one in how["left"]] == [alone.ident]
    seen_again(api, box)
    after = now(api, box)
    assert (after["id"], after["sandbox_name"]) == (before["id"], "copied") and after["generation"] > before["generation"]
    assert api.ok("GET", f"/v1/sandboxes/{alone.ident}")["sandbox"]["host_name"] == "h1"
    wait_until("disk-only to run", lambda: now(api, disk_only)["phase"] == "running", 90)
    ran = api.ok("POST", f"/v1/sandboxes/{disk_only.ident}/run", {"command": "uniq /home/sandbox/word; ls /dev/shm"})
    assert ran["command"]["stdout"] == "kept-word\n"  # Booted: what was in memory is not there.
    box.restores("kept")
    api.ok("POST", f"/v1/sandboxes/{box.ident}/snapshots/kept/restore")
    look(api, box)
    look(api, other)

    h1.power_on()
    wait_health(api, "h1", "ready")
    wait_until("h1 to have the one alone", lambda: list((h1.state / "sandboxes").iterdir()) == [h1.state / "sandboxes" / alone.ident], 60)
    wait_until("alone to be told as stopped", lambda: now(api, alone)["phase"] == "stopped", 60)
    assert (now(api, box)["host_name"], now(api, box)["phase"]) == ("h2", "running")
    assert evacuation(api)["left"][0]["reason"] == "host_back"
    assert api.ok("POST", "/v1/hosts/h1/uncordon", {})["host"].get("evacuation") is None
    api.ok("POST", f"/v1/sandboxes/{alone.ident}/start", {})
    write(api, box, "later", "later")
    wait_copied(api, box, host="h1")  # It has a copy again: on the host that is back.


def test_one_that_was_not_off_does_not_run_twice_for_long(fleet, api):
    h1 = fleet.hosts[0]
    box = made(api, "twice", **COPIED)
    write(api, box, "ram", "disk")
    wait_copied(api, box)
    h1.hostd.child.send_signal(signal.SIGSTOP)
    try:
        wait_health(api, "h1", "lost")
        comes_from_its_copy(api, box)
        api.ok("POST", "/v1/hosts/h1/evacuate", {"powered_off": True}, expect=(202,))
        seen_again(api, box)
    finally:
        h1.hostd.child.send_signal(signal.SIGCONT)
    wait_until("nothing of it on h1", lambda: not h1.leftovers(), 60)
    assert (now(api, box)["host_name"], now(api, box)["phase"]) == ("h2", "running")
    look(api, box)


def test_a_host_that_fences_itself_is_evacuated_without_anybodys_word(fleet, api):
    h2 = fleet.hosts[1]
    box = made(api, "fenced", host="h2", **COPIED)
    write(api, box, "ram", "disk")
    wait_copied(api, box, host="h1")
    before = now(api, box)
    with cut(h2):
        wait_health(api, "h2", "lost")
        comes_from_its_copy(api, box)
        api.ok("POST", "/v1/hosts/h2/evacuate", {}, expect=(202,))
        wait_until("it to run on h1", lambda: (now(api, box)["host_name"], now(api, box)["phase"]) == ("h1", "running"), 90)
        assert state(h2, box.ident) == "paused"  # It is there, and does nothing.
        seen_again(api, box, host="h1")
    wait_until("nothing of it on h2", lambda: not h2.leftovers(), 60)
    assert now(api, box)["generation"] > before["generation"]
    look(api, box)


def test_a_coordinator_that_is_killed_goes_on_with_it(fleet, api):
    h1 = fleet.hosts[0]
    boxes = [made(api, f"killed{n}", **COPIED) for n in range(2)]
    for box in boxes:
        write(api, box, f"ram-{box.name}", f"disk-{box.name}")
    for box in boxes:
        wait_copied(api, box)
    h1.power_off()
    wait_health(api, "h1", "lost")
    for box in boxes:
        comes_from_its_copy(api, box)
    api.ok("POST", "/v1/hosts/h1/evacuate", {"powered_off": True}, expect=(202,))
    wait_until("one of them to be h2's", lambda: any(now(api, box)["host_name"] == "h2" for box in boxes), 60)
    fleet.coordinator.kill(signal.SIGKILL)
    fleet.start_coordinator()
    fleet.wait_ready(1)
    for box in boxes:
        seen_again(api, box)
    wait_until("the end of it", lambda: evacuation(api)["state"] == "evacuated", 60)
    h1.power_on()
    wait_health(api, "h1", "ready")
    wait_until("nothing of them on h1", lambda: not h1.leftovers(), 60)
    assert not fleet.half_audited()
