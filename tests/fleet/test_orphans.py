"""Hosts have what no record names: a database that is older than they are, as after a backup was restored."""

import signal

import pytest

from fleet import Fleet, wait_until
from state_model import Box, look, write

SMALL = {"memory_mb": 160}


@pytest.fixture
def adopting(build, image):
    with Fleet(build, image, hosts=1, orphans="adopt") as fleet:
        yield fleet


def forgotten(fleet, boxes):
    """The database has never heard of these."""
    fleet.coordinator.kill(signal.SIGKILL)
    ids = ", ".join(f"'{box.ident}'" for box in boxes)
    for table, column in (("checkpoints", "sandbox_id"), ("commands", "sandbox_id"), ("operations", "sandbox_id"), ("sandboxes", "id")):
        fleet.postgres.sql(f"DELETE FROM {table} WHERE {column} IN ({ids})")
    fleet.start_coordinator()
    fleet.wait_ready(1)


def test_what_an_older_database_does_not_know_is_adopted_as_it_is(adopting):
    api = adopting.api()

    def made(name, **more):
        return Box(name, api.create(vm_name=name, wait_for_ip=True, labels={"of": "mine"}, **SMALL, **more)["id"])

    runs, sleeps, off, known = made("runs"), made("sleeps"), made("off"), made("known")
    for box in (runs, sleeps, off, known):
        write(api, box, f"{box.name}-ram", f"{box.name}-disk")
    api.ok("POST", f"/v1/sandboxes/{runs.ident}/snapshots", {"name": "kept"})
    runs.held["kept"] = runs.hold(True)
    write(api, runs, "later-ram", "later-disk")
    api.ok("POST", f"/v1/sandboxes/{sleeps.ident}/suspend")
    api.ok("POST", f"/v1/sandboxes/{off.ident}/stop")
    off.stops()
    before = {box.name: api.ok("GET", f"/v1/sandboxes/{box.ident}")["sandbox"] for box in (runs, sleeps, off, known)}
    capacity = api.ok("GET", "/v1/hosts/h1")["host"]
    forgotten(adopting, (runs, sleeps, off))

    api = adopting.api()
    wait_until("all to be on record", lambda: len(api.sandboxes()) == 4, 30)
    for box in (runs, sleeps, off):
        is_now, was = api.ok("GET", f"/v1/sandboxes/{box.ident}")["sandbox"], before[box.name]
        same = ("id", "sandbox_name", "host_name", "phase", "image", "vcpus", "memory_mb", "network_mode", "ip", "generation")
        assert {key: is_now.get(key) for key in same} == {key: was.get(key) for key in same}
        assert not is_now.get("labels")
    assert api.ok("GET", f"/v1/sandboxes/{known.ident}")["sandbox"]["labels"] == {"of": "mine"}
    used = api.ok("GET", "/v1/hosts/h1")["host"]
    assert [used[key] for key in ("used_vcpus", "used_memory_mb")] == [capacity[key] for key in ("used_vcpus", "used_memory_mb")]
    # It is used as any other: commands, its snapshot, waking, booting.
    look(api, runs)
    assert [one["name"] for one in api.ok("GET", f"/v1/sandboxes/{runs.ident}/snapshots")["snapshots"]] == ["kept"]
    runs.restores("kept")
    api.ok("POST", f"/v1/sandboxes/{runs.ident}/snapshots/kept/restore")
    look(api, runs)
    look(api, sleeps)
    api.ok("POST", f"/v1/sandboxes/{off.ident}/start", {"wait_for_ip": True})
    off.boots()
    look(api, off)
    look(api, known)
    told = adopting.postgres.sql("SELECT target, action, result FROM audit WHERE action IN ('sandbox.orphan', 'snapshot.found') ORDER BY 1, 2")
    assert told == sorted([[box.ident, "sandbox.orphan", "adopted"] for box in (runs, sleeps, off)] + [[runs.ident, "snapshot.found", "adopted"]])
    # Once: a coordinator that begins anew finds them on record.
    adopting.restart_coordinator()
    api = adopting.api()
    assert len(api.sandboxes()) == 4
    for box in api.sandboxes():
        api.destroy(box["id"])
    wait_until("nothing to be left", lambda: not adopting.leftovers(), 60)
    assert "ok" in adopting.verify_audit().lower()
