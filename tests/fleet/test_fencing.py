"""A host that hears from no leader fences itself: real VMs, whose counters stand still, are stopped, or run on."""

import contextlib
import os
import signal

import pytest

from fleet import Fleet, wait_until
from processes import Process

SMALL = {"memory_mb": 160}
AFTER = 5
# Said to the console, which the host keeps whether anybody asks or not.
COUNTER = "n=0; while :; do n=$((n+1)); echo tick-$n; sleep 0.2; done > /dev/console"


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image)
    fleet.hosts[1].settings = {"fence": "pause", "fence_after_sec": AFTER}
    with fleet:
        yield fleet


@pytest.fixture
def host(fleet):
    """The second host, as every test begins with it: connected, fenced by pausing, without sandboxes."""
    host = fleet.hosts[1]
    yield host
    with_link(host)
    if not host.hostd.alive():
        host.start_hostd()
    fleet.wait_ready(2)
    api = fleet.api()
    for sandbox in api.sandboxes():
        api.destroy(sandbox["id"])
    wait_until("nothing to be left", lambda: not host.leftovers(), 60)


def with_link(host):
    host.inside("ip", "link", "set", "eth0", "up")
    host.inside("ip", "route", "replace", "default", "via", "10.77.0.1")


@contextlib.contextmanager
def cut(host):
    host.inside("ip", "link", "set", "eth0", "down")
    try:
        yield
    finally:
        with_link(host)


def counting(api, name):
    ident = api.create(vm_name=name, host="h2", **SMALL)["id"]
    api.run(ident, f"setsid sh -c '{COUNTER}' < /dev/null > /dev/null 2>&1 &", user="root")
    return ident


def ticks(host, ident):
    text = "".join(log.read_text(errors="replace") for log in sorted((host.state / "sandboxes" / ident).glob("console*.log*")))
    return max((int(word[5:]) for word in text.split() if word[:5] == "tick-" and word[5:].isdigit()), default=0)


def counts(host, ident):
    before = ticks(host, ident)
    wait_until(f"{ident} to count on", lambda: ticks(host, ident) > before + 2, 30)


def state(host, ident):
    return host.inside("virsh", "-q", "-c", "qemu:///system", "domstate", ident).stdout.strip()


def stands_still(host, ident):
    """Whether it does: three looks, each as long apart as several of its ticks take."""
    seen = []

    def looked():
        seen.append(ticks(host, ident))
        return len(seen) >= 40
    wait_until("some looks at its counter", looked, 60)
    return seen[0] == seen[-1]


def said(host, words):
    return host.hostd.log.read_text().count(words)


def shown(api, ident):
    return api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]


def actions(api, ident):
    return [row["action"] for row in api.ok("GET", f"/v1/audit?target={ident}&limit=100")["rows"]]


def test_a_host_says_how_it_fences_itself(fleet):
    hosts = {host["name"]: host for host in fleet.api().ok("GET", "/v1/hosts")["hosts"]}
    assert (hosts["h1"]["fence"], hosts["h1"]["fence_after_sec"]) == ("keep", 60)
    assert (hosts["h2"]["fence"], hosts["h2"]["fence_after_sec"]) == ("pause", AFTER)
    assert any("fence_after_sec" in warning for warning in hosts["h2"]["warnings"])


def test_guests_stand_still_while_their_host_is_cut_off_and_go_on_with_their_memory(fleet, host):
    api = fleet.api()
    ident, resting = counting(api, "counts"), counting(api, "rests")
    api.run(ident, "echo kept > /dev/shm/word")
    api.ok("POST", f"/v1/sandboxes/{resting}/pause", {})
    counts(host, ident)
    with cut(host):
        wait_until("it to be paused", lambda: state(host, ident) == "paused", 40)
        assert stands_still(host, ident)
    wait_until("it to go on", lambda: shown(api, ident)["phase"] == "running", 60)
    counts(host, ident)
    assert api.run(ident, "cat /dev/shm/word")["stdout"] == "kept\n"
    wait_until("that to be on record", lambda: "sandbox.unfence" in actions(api, ident), 30)
    assert "error" not in shown(api, ident)
    # Somebody had paused the other one, and nobody resumed it.
    assert state(host, resting) == "paused"
    assert shown(api, resting)["phase"] == "paused"
    seen = actions(api, ident)
    assert seen.count("sandbox.fence") == 1 and seen.count("sandbox.unfence") == 1, seen
    assert "sandbox.fence" not in actions(api, resting)
    fleet.verify_audit()


def test_a_restart_of_hostd_while_it_is_cut_off_gains_no_time(fleet, host):
    api = fleet.api()
    ident = counting(api, "counts")
    counts(host, ident)
    with cut(host):
        host.hostd.kill(signal.SIGKILL)
        # Without a hostd nobody fences it; the next one knows how long nobody was heard.
        wait_until("the time to be over", lambda: ticks(host, ident) > 5 * AFTER, 60)
        host.start_hostd()
        wait_until("it to be paused", lambda: state(host, ident) == "paused", 20)
        adopted = said(host, "adopted 1 sandboxes")
        host.restart_hostd()
        wait_until("hostd to have read its sandboxes back", lambda: said(host, "adopted 1 sandboxes") > adopted, 30)
        assert state(host, ident) == "paused"
    wait_until("it to go on", lambda: shown(api, ident)["phase"] == "running", 60)
    counts(host, ident)


@contextlib.contextmanager
def guarded(host):
    guard = Process("guard", host.hostd_command("guard"), host.base / "guard.log")
    try:
        yield
        assert guard.alive(), guard.log.read_text()
    finally:
        guard.kill(signal.SIGTERM)


def test_while_hostd_is_dead_its_guard_fences(fleet, host):
    """And the next hostd tells what it held from what somebody paused."""
    api = fleet.api()
    ident, resting = counting(api, "counts"), counting(api, "rests")
    api.ok("POST", f"/v1/sandboxes/{resting}/pause", {})
    with guarded(host):
        wait_until("hostd to say nothing of a guard", lambda: not any(
            "guard" in warning for warning in api.ok("GET", "/v1/hosts/h2")["host"]["warnings"]), 30)
        host.hostd.kill(signal.SIGKILL)
        wait_until("it to be paused", lambda: state(host, ident) == "paused", 60)
        assert stands_still(host, ident)
        host.start_hostd()
        wait_until("it to go on", lambda: shown(api, ident)["phase"] == "running", 60)
        counts(host, ident)
        assert shown(api, resting)["phase"] == "paused"
        assert {"sandbox.fence", "sandbox.unfence"} <= set(actions(api, ident))
        assert "sandbox.fence" not in actions(api, resting)


def test_while_hostd_stands_still_its_guard_fences_and_a_leader_that_is_heard_has_it_rest(fleet, host):
    api = fleet.api()
    ident = counting(api, "counts")
    with guarded(host):
        wait_until("more than the time, with a leader", lambda: ticks(host, ident) > 10 * AFTER, 90)
        assert state(host, ident) == "running"
        os.kill(host.hostd.pid, signal.SIGSTOP)
        try:
            wait_until("it to be paused", lambda: state(host, ident) == "paused", 60)
        finally:
            os.kill(host.hostd.pid, signal.SIGCONT)
    wait_until("it to be known to stand still", lambda: shown(api, ident)["phase"] == "paused", 60)
    assert api.run(ident, "echo awake")["stdout"] == "awake\n"


def test_what_was_destroyed_meanwhile_does_not_go_on(fleet, host):
    api = fleet.api()
    ident = counting(api, "counts")
    with cut(host):
        wait_until("it to be paused", lambda: state(host, ident) == "paused", 40)
        assert api.call("DELETE", f"/v1/sandboxes/{ident}")[0] == 504
        before = ticks(host, ident)

    def gone():
        assert ticks(host, ident) in (before, 0)  # No line of it, or no file.
        return ident not in host.domains()
    wait_until("it to be gone", gone, 60)


def test_a_leader_that_does_not_reach_its_database_keeps_no_host(fleet, host):
    """Another one may lead by then, and have given what is there to others."""
    api = fleet.api()
    ident = counting(api, "counts")
    kept = api.create(vm_name="kept", host="h1", **SMALL)["id"]
    fleet.postgres.stop(signal.SIGINT)
    try:
        wait_until("it to be paused", lambda: state(host, ident) == "paused", 40)
        assert state(fleet.hosts[0], kept) == "running"
    finally:
        fleet.postgres.start()
    wait_until("it to go on", lambda: shown(api, ident)["phase"] == "running" and state(host, ident) == "running", 60)
    counts(host, ident)


def test_guests_are_stopped_if_the_host_says_so_and_start_again(fleet, host):
    api = fleet.api()
    host.reconfigure(fence="stop", fence_after_sec=AFTER)
    try:
        ident = counting(api, "counts")
        api.run(ident, "echo kept > /home/sandbox/word; sync")
        with cut(host):
            wait_until("it to be stopped", lambda: state(host, ident) == "shut off", 40)
        wait_until("that to be known", lambda: shown(api, ident)["phase"] == "stopped", 60)
        assert shown(api, ident)["error"].startswith("fenced: ")
        assert "sandbox.fence" in actions(api, ident)
        api.ok("POST", f"/v1/sandboxes/{ident}/start", {})
        assert api.run(ident, "cat /home/sandbox/word")["stdout"] == "kept\n"
        assert "error" not in shown(api, ident)
    finally:
        host.reconfigure()


def test_guests_run_on_if_the_host_says_so(fleet, host):
    api = fleet.api()
    host.reconfigure(fence="keep", fence_after_sec=AFTER)
    try:
        ident = counting(api, "counts")
        with cut(host):
            wait_until("the host to say so", lambda: said(host, "sandboxes run on, as") > 0, 40)
            counts(host, ident)
        wait_until("the host to be back", lambda: shown(api, ident)["phase"] == "running", 60)
        counts(host, ident)
    finally:
        host.reconfigure()
