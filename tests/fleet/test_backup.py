"""A backup, and a coordinator that is made anew of it: its hosts come back by themselves, with all that runs there."""

import json
import os
import shutil
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet import Fleet, run, wait_until
from processes import Postgres
from test_uploads import folders, on_all, register, tiny

SMALL = {"memory_mb": 160, "network_mode": "none"}


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, orphans="keep") as fleet:
        yield fleet


class Coordinator:
    """Its commands on a fleet."""

    def __init__(self, fleet):
        self.fleet = fleet

    def __call__(self, *argv, check=True, before=(), env=None):
        return run(*before, self.fleet.bin("coordinator/paddock-coordinator"), "--config", self.fleet.coordinator_yaml(), *argv,
                   check=check, timeout=300, env={**os.environ, **(env or {})})

    def refused(self, *argv, **options):
        done = self(*argv, check=False, **options)
        assert done.returncode == 1, done
        assert not done.stdout
        return done.stderr

    def backup(self, out, *argv):
        return json.loads(self("backup", "--out", out, "--json", *argv).stdout)


@pytest.fixture
def coordinator(fleet):
    return Coordinator(fleet)


@pytest.fixture(autouse=True)
def nothing_is_orphaned(fleet, nothing_leaks):
    """After a test that failed halfway: what no record names could not be destroyed."""
    yield
    known = {box["id"] for box in fleet.api().sandboxes()}
    if any(domain.split(".")[0] not in known for host in fleet.hosts for domain in host.domains() if domain.startswith("sbx-")):
        fleet.configure_coordinator(orphans="adopt")
        fleet.restart_coordinator()
        fleet.configure_coordinator(orphans="keep")


@pytest.fixture
def backups(fleet, request):
    """A folder for those of one test."""
    folder = fleet.base / "backups" / request.node.name
    folder.mkdir(parents=True)
    return folder


def secrets(fleet):
    """What no command ever prints."""
    return [fleet.token, (fleet.etc / "server.key").read_text().strip()]


def runs_on(api, sandbox, pid):
    return api.run(sandbox, f"kill -0 {pid} && cat /home/sandbox/mark")["stdout"]


def begin(api, sandbox, mark):
    """A process in it, and a file."""
    return api.run(sandbox, f"echo {mark} >/home/sandbox/mark; sleep 100000 >/dev/null 2>&1 & echo $!")["stdout"].strip()


def fresh_database(fleet):
    """All that PostgreSQL had is gone."""
    fleet.postgres.stop(signal.SIGQUIT)
    shutil.rmtree(fleet.base / "pg")
    fleet.postgres = Postgres(fleet.base)


def lose_everything(fleet):
    """Coordinator, database, keys, lists, configuration, uploads."""
    fleet.coordinator.kill(signal.SIGKILL)
    fresh_database(fleet)
    for name in ("server.key", "server.pub", "tokens", "enrolled", "coordinator.yaml"):
        (fleet.etc / name).unlink()
    shutil.rmtree(fleet.base / "blobs", ignore_errors=True)


def welcomes(fleet):
    return {host.name: host.welcomes() for host in fleet.hosts}


def epoch_of(fleet):
    return int(fleet.postgres.sql("SELECT max(epoch) FROM leader")[0][0])


def audit(api, action):
    return api.ok("GET", f"/v1/audit?action={action}&limit=100")["rows"]


def test_a_coordinator_is_made_anew_and_nothing_is_lost(fleet, api, coordinator, backups, image):
    made = [api.create(vm_name=f"kept{n}", **SMALL)["id"] for n in range(2)]
    gone = api.create(vm_name="gone", **SMALL)["id"]
    pids = {box: begin(api, box, box) for box in made}
    snapshot = api.ok("POST", f"/v1/sandboxes/{made[0]}/snapshots", {"name": "before"})["snapshot"]["id"]
    registered = register(api, tiny(api, image))
    on_all(fleet, api, "up")
    # It is written to while the backup is made.
    stop = threading.Event()

    def use():
        count = 0
        other = fleet.api()
        while not stop.is_set():
            other.run(made[1], "true")
            count += 1
        return count

    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(use)
        try:
            told = coordinator.backup(backups / "b", "--with-blobs")
        finally:
            stop.set()
        assert busy.result(120) > 0
    assert told["what"] == "made" and not told["warnings"]
    assert told["database"]["sandboxes"] == 3 and told["database"]["checkpoints"] == 1 and told["database"]["hosts"] == 2
    assert {part["name"].split("/")[0] for part in told["parts"]} == {
        "server.key", "enrolled", "tokens", "coordinator.yaml", "database.dump", "blobs"}
    assert {file["sha256"] for one in told["images"] if one.get("tenant") and one["name"] == registered["name"] for file in one["files"]} <= {
        Path(part["name"]).name for part in told["parts"]}
    for path in (backups / "b").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    verified = json.loads(coordinator("backup", "verify", backups / "b", "--json").stdout)
    assert verified["id"] == told["id"]

    # After it: something more, something less, and something else with what there was.
    late = api.create(vm_name="late", **SMALL)["id"]
    pids[late] = begin(api, late, late)
    api.destroy(gone)
    for what in ("pause", "resume", "pause", "resume"):
        api.ok("POST", f"/v1/sandboxes/{made[1]}/{what}")
    epoch, before = epoch_of(fleet), welcomes(fleet)
    lose_everything(fleet)

    text = coordinator("restore", "--from", backups / "b").stdout
    assert told["id"] in text and not any(secret in text for secret in secrets(fleet))
    assert (fleet.etc / "server.key").stat().st_mode & 0o177 == 0
    fleet.start_coordinator()
    wait_until("the hosts to come back by themselves", lambda: all(welcomes(fleet)[n] > before[n] for n in before), 90)
    fleet.wait_ready(2)
    api = fleet.api()
    assert epoch_of(fleet) > epoch
    assert {box["id"] for box in api.sandboxes()} == {*made, gone}
    for box in made:
        assert runs_on(api, box, pids[box]).strip() == box
    # Its host has come further than the record: it is asked for things all the same.
    api.ok("POST", f"/v1/sandboxes/{made[1]}/pause")
    api.ok("POST", f"/v1/sandboxes/{made[1]}/resume")
    assert runs_on(api, made[1], pids[made[1]]).strip() == made[1]
    assert [one["id"] for one in api.ok("GET", f"/v1/sandboxes/{made[0]}/snapshots")["snapshots"]] == [snapshot]
    api.run(made[0], "echo changed >/home/sandbox/mark")
    api.ok("POST", f"/v1/sandboxes/{made[0]}/snapshots/before/restore")
    assert runs_on(api, made[0], pids[made[0]]).strip() == made[0]
    assert api.ok("GET", f"/v1/sandboxes/{gone}")["sandbox"]["phase"] == "lost"
    assert [row["target"] for row in audit(api, "coordinator.restore")] == [told["id"]]
    # What was made later is not touched, and told.
    assert [(row["target"], row["result"]) for row in audit(api, "sandbox.orphan")] == [(late, "left_alone")]
    assert any(late in host.domains() for host in fleet.hosts)
    assert "ok" in fleet.verify_audit().lower()
    tenant = next(one["tenant"] for one in told["images"] if one.get("tenant"))
    for part in told["parts"]:
        if part["name"].startswith("blobs/"):
            assert (fleet.base / "blobs" / tenant / Path(part["name"]).name).stat().st_size == part["bytes"]

    fleet.configure_coordinator(orphans="adopt")
    fleet.restart_coordinator()
    api = fleet.api()
    wait_until("it to be on record", lambda: late in {box["id"] for box in api.sandboxes()}, 60)
    assert runs_on(api, late, pids[late]).strip() == late
    api.ok("DELETE", "/v1/images/up")
    wait_until("its files to go", lambda: not any("up" in folders(host) for host in fleet.hosts), 60)
    fleet.configure_coordinator(orphans="keep")
    fleet.restart_coordinator()


def test_an_archive_is_one_file_and_the_same(fleet, coordinator, backups):
    told = coordinator.backup(backups / "b.tar")
    assert (backups / "b.tar").stat().st_mode & 0o077 == 0
    assert json.loads(coordinator("backup", "verify", backups / "b.tar", "--json").stdout)["id"] == told["id"]
    assert [path.name for path in backups.iterdir()] == ["b.tar"]
    assert "is there already" in coordinator.refused("backup", "--out", backups / "b.tar")
    fleet.coordinator.kill(signal.SIGTERM)
    public = (fleet.etc / "server.pub").read_text()
    for _ in range(2):  # Also of one that was restored itself.
        (fleet.etc / "server.pub").write_text((fleet.hosts[0].base / "etc/host.pub").read_text())  # Of another key.
        coordinator("restore", "--from", backups / "b.tar", "--replace")
        assert (fleet.etc / "server.pub").read_text() == public
        (row,) = fleet.postgres.sql("SELECT target FROM audit WHERE action = 'coordinator.restore' ORDER BY seq DESC LIMIT 1")
        assert row == [told["id"]]
    fleet.start_coordinator()
    fleet.wait_ready(2)


def tables(fleet):
    return fleet.postgres.sql("SELECT relname, relnamespace FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1")


def test_what_is_damaged_or_in_the_way_changes_nothing(fleet, coordinator, backups):
    whole = backups / "whole"
    coordinator.backup(whole)
    keys = {path.name: path.read_bytes() for path in fleet.etc.iterdir()}

    def damaged(name, change):
        copy = backups / name
        shutil.copytree(whole, copy)
        change(copy)
        return copy

    def flip(part):
        def change(copy):
            content = bytearray((copy / part).read_bytes())
            content[len(content) // 2] ^= 1
            (copy / part).write_bytes(content)
        return change

    def cut(part):
        return lambda copy: os.truncate(copy / part, (copy / part).stat().st_size // 2)

    def edit(**changes):
        def change(copy):
            manifest = json.loads((copy / "manifest.json").read_text())
            for key, value in changes.items():
                where, _, name = key.rpartition("__")
                (manifest[where] if where else manifest)[name] = value
            (copy / "manifest.json").write_text(json.dumps(manifest))
            run("sh", "-c", "sha256sum manifest.json >manifest.json.sha256", cwd=copy)
        return change

    fleet.coordinator.kill(signal.SIGTERM)
    fresh_database(fleet)
    try:
        for name, change, why in (
                ("dump", flip("database.dump"), "damaged: database.dump is not what it was"),
                ("key", flip("server.key"), "damaged: server.key is not what it was"),
                ("manifest", flip("manifest.json"), "damaged: manifest.json is not what it was"),
                ("short", cut("database.dump"), "damaged: database.dump has"),
                ("without", lambda copy: (copy / "database.dump").unlink(), "damaged: database.dump cannot be read"),
                ("half", lambda copy: (copy / "manifest.json").unlink(), "is no backup, or its end is missing"),
                ("format", edit(format=2), "of format 2, and this version of paddock-coordinator reads 1"),
                ("newer", edit(database__schema_version=9999), "has schema 9999, and this version"),
                # Found only when it is all there, in the transaction.
                ("other", edit(database__audit_rows=1), "does not hold what the manifest says")):
            copy = damaged(name, change)
            for argv in ([] if name in ("newer", "other") else [["backup", "verify", copy]]) + [["restore", "--from", copy]]:
                said = coordinator.refused(*argv)
                assert why in said and not any(secret in said for secret in secrets(fleet)), said
            assert not tables(fleet)
        said = coordinator.refused("restore", "--from", whole, env={"PADDOCK_ORPHANS": "destroy"})
        assert "orphans: destroy" in said
        (fleet.etc / "server.key").rename(fleet.etc / "aside")
        coordinator("keygen", "--out", backups / "other-key")
        shutil.copy(backups / "other-key/server.key", fleet.etc / "server.key")
        assert "say --replace" in coordinator.refused("restore", "--from", whole)
        (fleet.etc / "aside").rename(fleet.etc / "server.key")
        fleet.postgres.sql("CREATE TABLE theirs (n int)", user="postgres")
        assert "is not empty" in coordinator.refused("restore", "--from", whole)
        assert "is none of Paddock's" in coordinator.refused("restore", "--from", whole, "--replace")
        fleet.postgres.sql("DROP TABLE theirs", user="postgres")
        assert {path.name: path.read_bytes() for path in fleet.etc.iterdir()} == keys
    finally:
        coordinator("restore", "--from", whole)
        fleet.start_coordinator()
        fleet.wait_ready(2)
    assert "a coordinator leads on this database" in coordinator.refused("restore", "--from", whole, "--replace")
    archive = backups / "cut.tar"
    coordinator.backup(archive)
    os.truncate(archive, archive.stat().st_size // 2)
    assert "unpack the backup" in coordinator.refused("backup", "verify", archive)


def test_a_full_disk_and_a_kill_leave_no_backup_and_no_restore(fleet, coordinator, backups, tmp_path):
    small = backups / "small"
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small)
    try:
        assert "No space left on device" in coordinator.refused("backup", "--out", small / "b")
        assert not list(small.iterdir())
    finally:
        run("umount", small)

    # PostgreSQL's programs as they are, but that they wait until they are told to go on.
    slow = tmp_path / "bin"
    slow.mkdir()
    for name in ("pg_dump", "pg_restore"):
        reached, go_on = tmp_path / f"{name}.reached", tmp_path / f"{name}.go-on"
        os.mkfifo(go_on)
        (slow / name).write_text(f'#!/bin/sh\n[ "$1" = --list ] || {{ : >{reached}; read -r _ <{go_on}; }}\nexec {shutil.which(name)} "$@"\n')
        (slow / name).chmod(0o755)

    def killed_in(name, *argv):
        child = subprocess.Popen([str(fleet.bin("coordinator/paddock-coordinator")), "--config", str(fleet.coordinator_yaml()), *map(str, argv)],
                                 env={**os.environ, "PATH": f"{slow}:{os.environ['PATH']}"}, stdout=subprocess.DEVNULL)
        try:
            wait_until(f"{name} to run", (tmp_path / f"{name}.reached").exists, 60)
        finally:
            child.kill()
            child.wait(30)
        (tmp_path / f"{name}.go-on").write_text("\n")  # What it was to do comes too late.

    killed_in("pg_dump", "backup", "--out", backups / "b")
    assert not (backups / "b").exists() and list(backups.glob(".b.draft-*"))
    coordinator.backup(backups / "b")
    assert not list(backups.glob(".b.draft-*"))

    fleet.coordinator.kill(signal.SIGTERM)
    before = epoch_of(fleet), fleet.postgres.sql("SELECT count(*), max(seq) FROM audit")
    killed_in("pg_restore", "restore", "--from", backups / "b", "--replace")
    # Again, and to its end: nothing is in the way, and nothing was lost by the one that was killed.
    wait_until("its connection to end", lambda: not fleet.postgres.sql(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'paddock-%'"), 60)
    assert (epoch_of(fleet), fleet.postgres.sql("SELECT count(*), max(seq) FROM audit")) == before
    coordinator("restore", "--from", backups / "b", "--replace")
    fleet.start_coordinator()
    fleet.wait_ready(2)
