"""What both daemons log as JSON, and its level while they run."""

import json
import os
import signal

import pytest

from fleet import Fleet, wait_until


@pytest.fixture(scope="module")
def fleet(build, image):
    fleet = Fleet(build, image, hosts=1, log_format="json")
    fleet.hosts[0].settings = {"log_format": "json"}
    with fleet:
        yield fleet


def lines(process, after=0):
    """Those that are whole, from this position on."""
    text = process.log.read_bytes()[after:]
    return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]


def size(process):
    return process.log.stat().st_size


def told(process, after, what):
    return any(what in line["message"] for line in lines(process, after))


def reload(fleet, process, level, configure, says=None):
    """Where its log goes on under another level."""
    before, fleet.log_level = size(process), level
    configure()
    os.kill(process.pid, signal.SIGHUP)
    wait_until(f"{process.name} to take up {level}", lambda: told(process, before, says or f"log_level is {level} from here on"), 30)
    return size(process)


def test_every_line_is_an_object_and_ids_are_members_of_it(fleet, api):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "tests", "auto_start": True})
    assert status == 201, reply
    request, box, hostd = api.last_headers["X-Request-ID"], reply["sandbox"]["id"], fleet.hosts[0].hostd
    wait_until("its host to tell of it", lambda: any(
        line.get("request_id") == request and line.get("sandbox_id") == box for line in lines(hostd)), 30)
    for process in (fleet.coordinator, hostd):
        found = lines(process)
        assert found
        for line in found:
            assert {"time", "level", "thread", "message"} <= line.keys() <= {
                "time", "level", "thread", "message", "request_id", "sandbox_id", "snapshot_id", "operation_id", "command_id"}, line
            assert line["level"] in ("trace", "debug", "info", "warning", "error"), line
        text = process.log.read_text()
        for secret in (fleet.token, (fleet.etc / "server.key").read_text().strip(), (fleet.hosts[0].base / "etc/host.key").read_text().strip()):
            assert secret not in text


def test_the_level_changes_while_they_run(fleet, api):
    host = fleet.hosts[0]
    hostd, coordinator = host.hostd, fleet.coordinator
    box = api.create()["id"]

    def snapshot(name):
        api.ok("POST", f"/v1/sandboxes/{box}/snapshots", {"name": name})
        return name

    # Steps of a checkpoint are told on `debug`.
    start = size(hostd)
    snapshot("one")
    assert any(line["level"] == "debug" for line in lines(hostd, start))
    start = reload(fleet, hostd, "info", host.configure)
    snapshot("two")
    assert not any(line["level"] == "debug" for line in lines(hostd, start))
    start = reload(fleet, hostd, "debug", host.configure)
    snapshot("three")
    assert any(line["level"] == "debug" for line in lines(hostd, start))
    # What is wrong changes nothing, and is told.
    start = reload(fleet, hostd, "loud", host.configure, "ignoring SIGHUP: log_level 'loud'")
    snapshot("four")
    assert any(line["level"] == "debug" for line in lines(hostd, start))

    # That a host comes is told on `info`.
    start = reload(fleet, coordinator, "error", fleet.configure_coordinator)
    fleet.log_level = "debug"
    host.configure()
    host.restart_hostd()
    fleet.wait_ready(1)
    assert not any(line["level"] in ("info", "debug") for line in lines(coordinator, start))
    start = reload(fleet, coordinator, "info", fleet.configure_coordinator)
    fleet.log_level = "debug"
    host.restart_hostd()
    fleet.wait_ready(1)
    assert any(line["level"] == "info" for line in lines(coordinator, start)[1:])
    assert fleet.coordinator is coordinator and coordinator.alive()
