"""Two coordinators, one database, one host: the leader ends in every way there is while it is used, and nothing is lost, done
twice or told twice."""

import os
import signal
import time

import pytest

from fleet import Fleet, wait_until
from live import Events
from takeovers import BOUND, all_there, ask, epoch_of, leader_of, measured, start_again, used


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1, coordinators=2) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def both_there(fleet):
    yield
    all_there(fleet)


def test_one_stands_by_and_passes_everything_on(fleet):
    api, by = fleet.api(), fleet.api(1)
    wait_until("it to stand by", lambda: "standing by:" in fleet.coordinators[1].log.read_text(), 30)
    box = by.create()["id"]
    assert [s["id"] for s in api.sandboxes()] == [s["id"] for s in by.sandboxes()] == [box]
    assert by.run(box, "echo alive")["stdout"] == "alive\n"
    events = Events(by, "/v1/events?action=sandbox&kind=outcome")
    next(events)
    content = os.urandom(3 << 20)
    status, _ = by.call("PUT", f"/v1/sandboxes/{box}/files?path=/tmp/up", raw=content, headers={"Content-Type": "application/octet-stream"})
    assert status in (200, 201, 204), status
    assert by.run(box, "wc -c < /tmp/up")["stdout"].strip() == str(len(content))
    assert by.call("GET", "/v1/sandboxes", headers={"Authorization": "Bearer wrong"})[0] == 401
    api.destroy(box)
    assert next(events).data["action"] == "sandbox.destroy"
    events.close()


def test_the_leader_is_killed(fleet):
    with used(fleet):
        leader, epoch = leader_of(fleet), epoch_of(fleet)
        begun = time.monotonic()
        fleet.coordinators[leader].child.kill()
        measured(fleet, "kill -9", epoch, begun, 1 - leader)
        fleet.coordinators[leader].child.wait(30)
        start_again(fleet, leader)


def test_the_leader_hangs_and_wakes_up(fleet):
    with used(fleet):
        leader, epoch = leader_of(fleet), epoch_of(fleet)
        hung = fleet.coordinators[leader]
        begun = time.monotonic()
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            measured(fleet, "SIGSTOP", epoch, begun, 1 - leader)
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        awake = time.monotonic()
        # It may answer what it knew for as long as it takes to learn that it is deposed.
        wait_until("the one that was deposed to end", lambda: not hung.alive(), 30)
        print(f"   it ended {time.monotonic() - awake:.2f} s after it woke up")
        assert hung.child.returncode == 1, "systemd starts again what fails"
        assert "another coordinator has become the leader" in hung.log.read_text()
        start_again(fleet, leader)


def test_the_leader_ends_in_order(fleet):
    with used(fleet):
        leader, epoch = leader_of(fleet), epoch_of(fleet)
        begun = time.monotonic()
        fleet.coordinators[leader].child.terminate()
        measured(fleet, "SIGTERM", epoch, begun, 1 - leader)
        assert fleet.coordinators[leader].child.wait(60) == 0
        start_again(fleet, leader)


def test_the_database_restarts_and_the_leader_stays(fleet):
    with used(fleet):
        epoch = epoch_of(fleet)
        fleet.postgres.stop(signal.SIGINT)
        for number in (0, 1):
            status, reply = ask(fleet, number, "GET", "/v1/sandboxes")
            assert status == 200, "reads are answered from memory"
            status, reply = ask(fleet, number, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "x"})
            assert (status, reply["reason"]) == (503, "database_unavailable"), reply
        begun = time.monotonic()
        fleet.postgres.start()
        wait_until("readyz", lambda: ask(fleet, 0, "GET", "/readyz")[0] == 200, BOUND)
        print(f"\nPostgreSQL restarted: ready {time.monotonic() - begun:.2f} s after its start began")
        assert epoch_of(fleet) == epoch, "who led before leads on"
        assert all(coordinator.alive() for coordinator in fleet.coordinators)


def test_without_any_leader_a_standby_says_so(fleet):
    leader = leader_of(fleet)
    os.kill(fleet.coordinators[leader].pid, signal.SIGSTOP)
    try:
        fleet.postgres.stop(signal.SIGINT)
        fleet.coordinators[leader].kill(signal.SIGKILL)
        status, reply = ask(fleet, 1 - leader, "GET", "/v1/sandboxes")
        assert (status, reply["reason"]) == (503, "no_leader"), reply
        assert reply["request_id"].startswith("req-")
    finally:
        fleet.postgres.start()
    wait_until("the other one to lead", lambda: ask(fleet, 1 - leader, "GET", "/readyz", timeout=5)[0] == 200, BOUND)
    start_again(fleet, leader)
