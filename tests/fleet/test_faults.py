"""Bad luck: processes killed, the database gone, hosts cut off, guests that misbehave."""

import itertools
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import wait_until


def settled(api):
    """No sandbox is between two states any more."""
    return all(s["phase"] in ("running", "stopped", "created", "error", "lost") for s in api.sandboxes())


def create_many(fleet, count, **fields):
    """Creates in parallel; the ids and statuses that came back."""
    def one(number):
        api = fleet.api(timeout=200)
        try:
            return api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "faults", "auto_start": True,
                                                      "memory_mb": 160, **fields})
        except OSError as error:
            return 0, {"error": str(error)}

    pool = ThreadPoolExecutor(count)
    return pool, [pool.submit(one, n) for n in range(count)]


def in_flight(api, phases=("placing", "starting", "created")):
    return [s for s in api.sandboxes() if s["phase"] in phases]


def check_all_usable_or_gone(fleet, futures, pool):
    replies = [f.result() for f in futures]
    pool.shutdown()
    api = fleet.api()
    for host in fleet.hosts:
        host.free_half_made_domains()
    wait_until("every sandbox to settle", lambda: settled(api), 120)
    for status, reply in replies:
        assert status in (0, 201, 500, 502, 503, 504), reply
        if status == 201:
            ident = reply["sandbox"]["id"]
            assert api.run(ident, "echo alive")["stdout"] == "alive\n"
    for sandbox in api.sandboxes():
        if sandbox["state"] == "RUNNING":
            assert api.run(sandbox["id"], "echo alive")["stdout"] == "alive\n"
    return replies


def test_hostd_killed_during_creates(fleet, api):
    before = api.create(host="h1")["id"]
    api.run(before, "echo kept > /home/sandbox/f")
    pids = set(fleet.hosts[0].qemu_pids())
    pool, futures = create_many(fleet, 4, host="h1")
    wait_until("creates under way", lambda: in_flight(api), 30)
    fleet.hosts[0].restart_hostd()
    check_all_usable_or_gone(fleet, futures, pool)
    assert pids <= set(fleet.hosts[0].qemu_pids()), "a VM died with hostd"
    assert api.run(before, "cat /home/sandbox/f")["stdout"] == "kept\n"


def test_hostd_killed_during_a_command_loses_no_output(fleet, api):
    ident = api.create(host="h1")["id"]
    with ThreadPoolExecutor(1) as pool:
        command = "echo begun > /tmp/begun; echo one; sleep 6; echo two; echo x >> /tmp/times"
        running = pool.submit(lambda: fleet.api().run(ident, command, timeout_sec=90))
        wait_until("the command to begin", lambda: api.run(ident, "cat /tmp/begun 2>/dev/null")["stdout"], 20)
        fleet.hosts[0].restart_hostd()
        assert running.result()["stdout"] == "one\ntwo\n"
    assert api.run(ident, "wc -l < /tmp/times")["stdout"].strip() == "1", "it was run twice"


def test_libvirtd_killed_during_creates(fleet, api):
    before = api.create(host="h1")["id"]
    pids = set(fleet.hosts[0].qemu_pids())
    pool, futures = create_many(fleet, 4, host="h1")
    wait_until("creates under way", lambda: in_flight(api), 30)
    fleet.hosts[0].kill_libvirtd()
    check_all_usable_or_gone(fleet, futures, pool)
    assert pids <= set(fleet.hosts[0].qemu_pids()), "a VM died with libvirtd"
    assert api.run(before, "echo alive")["stdout"] == "alive\n"


def test_the_coordinator_killed_during_creates(fleet, api):
    before = api.create(env={"KEPT": "a b"})["id"]
    api.run(before, "echo before")
    pool, futures = create_many(fleet, 4)
    wait_until("creates under way", lambda: in_flight(api), 30)
    fleet.restart_coordinator()
    check_all_usable_or_gone(fleet, futures, pool)
    assert api.run(before, 'echo "$KEPT"')["stdout"] == "a b\n"
    commands = api.ok("GET", f"/v1/sandboxes/{before}/commands")["commands"]
    assert [c["stdout"] for c in commands if c["command"] == "echo before"] == ["before\n"]


def test_a_coordinator_that_another_has_deposed_ends_and_says_why(fleet, api):
    ident = api.create()["id"]
    fleet.postgres.sql("""UPDATE leader SET deposed_at = now() WHERE deposed_at IS NULL;
        INSERT INTO leader (epoch, audit_seq, audit_hash)
        SELECT epoch + 1, audit_seq, audit_hash FROM leader ORDER BY epoch DESC LIMIT 1;
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'paddock-writer-%'""")
    wait_until("the coordinator to end", lambda: not fleet.coordinator.alive(), 20)
    assert fleet.coordinator.child.returncode == 1
    assert "another coordinator has become the leader" in fleet.coordinator.log.read_text()
    fleet.start_coordinator()
    fleet.wait_ready(2)
    assert api.run(ident, "echo alive")["stdout"] == "alive\n"


def test_a_command_survives_the_coordinators_death(fleet, api):
    ident = api.create()["id"]
    with ThreadPoolExecutor(1) as pool:
        def run():
            try:
                return fleet.api().run(ident, "echo one; sleep 5; echo two", timeout_sec=60)
            except OSError:
                return None
        running = pool.submit(run)
        wait_until("the command to be dispatched", lambda: fleet.postgres.sql(
            f"SELECT 1 FROM commands WHERE sandbox_id = '{ident}' AND status = 'running'"), 20)
        fleet.restart_coordinator()
        running.result()
    def outcome():
        commands = api.ok("GET", f"/v1/sandboxes/{ident}/commands")["commands"]
        return commands and commands[0]["stdout"] == "one\ntwo\n"
    wait_until("the outcome to be recorded", outcome, 60)


def test_postgres_restarted_under_load(fleet, api):
    ident = api.create()["id"]
    stop, done, failed = threading.Event(), [], []

    def load(number):
        mine = fleet.api()
        for turn in itertools.count():
            if stop.is_set():
                return
            status, reply = mine.call("POST", f"/v1/sandboxes/{ident}/run",
                                      {"command": f"echo {number}-{turn} | tee -a /tmp/once"})
            (done if status == 200 else failed).append((status, reply))

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(load, n) for n in range(4)]
        wait_until("load", lambda: len(done) > 20, 60)
        fleet.postgres.stop(signal.SIGQUIT)  # Immediate: as if the power was cut.
        fleet.postgres.start()
        count = len(done)
        wait_until("load after the restart", lambda: len(done) > count + 20, 60)
        stop.set()
        for worker in workers:
            worker.result()
    for status, reply in failed:
        assert status in (503, 504), reply
    # Everything that was answered is there; nothing was done twice.
    stored = {row[0] for row in fleet.postgres.sql("SELECT id FROM commands WHERE status = 'finished'")}
    missing = [r["command"]["id"] for _, r in done if r["command"]["id"] not in stored]
    assert not missing
    ran = api.run(ident, "cat /tmp/once")["stdout"].split()
    assert len(ran) == len(set(ran)), [line for line in ran if ran.count(line) > 1]
    assert {r["command"]["stdout"].strip() for _, r in done} <= set(ran)
    # nothing_leaks() sees to it that each intent has its one outcome.


def test_postgres_gone_is_503_and_reads_go_on(fleet, api):
    ident = api.create(auto_start=False)["id"]
    fleet.postgres.stop()
    try:
        assert api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["id"] == ident
        status, reply = fleet.api().call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a"})
        assert status in (503, 504), reply
        wait_until("readyz to say so", lambda: fleet.api().call("GET", "/readyz")[0] == 503, 20)
    finally:
        fleet.postgres.start()
    wait_until("readyz", lambda: fleet.api().call("GET", "/readyz")[0] == 200, 60)
    api.create(auto_start=False)


def test_a_host_cut_off_is_no_longer_chosen_and_comes_back(fleet, api):
    host = fleet.hosts[1]
    ident = api.create(host="h2")["id"]
    host.inside("ip", "link", "set", "eth0", "down")
    try:
        wait_until("h2 to be missed", lambda: api.ok("GET", "/v1/hosts/h2")["host"]["health"] != "ready", 60)
        assert api.create(auto_start=False)["host_name"] == "h1"
        status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "host": "h2"})
        assert status == 503 and "h2" in reply["details"]
        status, reply = fleet.api().call("DELETE", f"/v1/sandboxes/{ident}")
        assert (status, reply["reason"]) == (504, "outcome_unknown")
    finally:
        host.inside("ip", "link", "set", "eth0", "up")
        host.inside("ip", "route", "replace", "default", "via", "10.77.0.1")
    fleet.wait_ready(2)
    # The intent was kept: it is finished when the host is back.
    wait_until("the delete to be finished",
               lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "DESTROYED", 60)


def test_a_full_disk_is_said_and_leaves_nothing(fleet, api):
    host = fleet.hosts[0]
    folder = host.state / "sandboxes"
    # A file system of 64 MiB in place of the sandboxes' folder, inside the host's namespaces.
    host.inside("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", "/var/lib/paddock/sandboxes")
    try:
        status, reply = fleet.api().call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "host": "h1"})
        assert status == 503 and "disk" in str(reply), reply
    finally:
        host.unmount("/var/lib/paddock/sandboxes")
    assert not list(folder.iterdir())


def test_a_guest_whose_disk_cannot_grow_is_paused_says_so_and_goes_on(fleet, api):
    host = fleet.hosts[0]
    host.inside("mount", "-t", "tmpfs", "-o", "size=320m", "tmpfs", "/var/lib/paddock/sandboxes")
    ident = None
    try:
        ident = api.create(host="h1")["id"]
        free = int(host.inside("df", "--output=avail", "-k", "/var/lib/paddock/sandboxes").stdout.split()[1])
        host.inside("fallocate", "-l", f"{free - 2048}K", "/var/lib/paddock/sandboxes/filler")
        api.run(ident, "(dd if=/dev/urandom of=/home/sandbox/f bs=1M count=16; sync; echo done > /tmp/done) "
                       ">/dev/null 2>&1 &")
        wait_until("the pause", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["phase"] == "paused", 60)
        assert "Free space" in api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["error"]
        status, reply = fleet.api().call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true"})
        assert (status, reply["reason"]) == (409, "not_running"), reply
        host.inside("rm", "/var/lib/paddock/sandboxes/filler")
        api.ok("POST", f"/v1/sandboxes/{ident}/start", {})
        wait_until("the write to be finished",
                   lambda: api.run(ident, "cat /tmp/done 2>/dev/null")["stdout"] == "done\n", 60)
        sandbox = api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]
        assert (sandbox["phase"], sandbox.get("error")) == ("running", None)
    finally:
        if ident:
            api.destroy(ident)
        host.unmount("/var/lib/paddock/sandboxes")


@pytest.fixture(scope="module")
def hostile(fleet, build, tmp_path_factory):
    """Images whose "agent" is an enemy; the kernel's command line says how it behaves."""
    from fleet import ROOT, run
    folder = tmp_path_factory.mktemp("hostile")
    # Nothing can be downloaded in this namespace: the packages are there since the tiny image was made.
    run(ROOT / "tools/build-tiny-image", folder, build / "tests/support/hostile-guest", timeout=300,
        env={**os.environ, "PADDOCK_DOWNLOADS": str(ROOT / "build/downloads")})
    import json
    cmdline = json.loads((folder / "image.json").read_text())["cmdline"]
    for mode in ("silent", "flood", "liar"):
        fleet.hosts[0].add_image(f"hostile-{mode}", folder, cmdline=f"{cmdline} hostile={mode}")
    api = fleet.api()
    wait_until("the images to be known", lambda: api.call("GET", "/v1/images/hostile-liar")[0] == 200, 30)


def test_a_guest_that_never_says_hello_times_out_and_is_destroyed_cleanly(fleet, api, hostile, monkeypatch):
    fleet.configure_coordinator(boot_timeout_sec=10)
    fleet.restart_coordinator(signal.SIGTERM)
    try:
        began = time.monotonic()
        status, reply = fleet.api().call("POST", "/v1/sandboxes", {"image": "hostile-silent", "agent_id": "a",
                                                                   "auto_start": True})
        assert (status, reply["reason"]) == (504, "boot_timeout"), reply
        assert time.monotonic() - began < 30
        assert api.sandboxes()[0]["state"] == "STARTING"
    finally:
        fleet.extra_coordinator.pop("boot_timeout_sec")
        fleet.configure_coordinator()
        fleet.restart_coordinator(signal.SIGTERM)


@pytest.mark.parametrize("mode", ["flood", "liar"])
def test_a_guest_that_attacks_its_channel_harms_no_other(fleet, api, hostile, mode):
    good = api.create(host="h1")["id"]
    bad = fleet.api()
    with ThreadPoolExecutor(1) as pool:
        attack = pool.submit(bad.call, "POST", "/v1/sandboxes",
                             {"image": f"hostile-{mode}", "agent_id": "a", "auto_start": True, "host": "h1"})
        wait_until("the attacker to run", lambda: len(fleet.hosts[0].qemu_pids()) >= 2, 30)
        for _ in range(20):
            assert api.run(good, "echo fine", timeout_sec=30)["stdout"] == "fine\n"
        attacker = next(sandbox["id"] for sandbox in api.sandboxes() if sandbox["id"] != good)
        if mode == "liar":  # Each time that it is listened to again it tells another of its lies.
            said = f"the agent of {attacker} broke the protocol: "
            wait_until("its lies to be found out", lambda: len(set(re.findall(f"{said}(.*)", fleet.hosts[0].hostd.log.read_text()))) >= 4, 60)
            assert api.run(good, "echo fine", timeout_sec=30)["stdout"] == "fine\n"
        api.destroy(attacker)
        attack.result()
    pid = fleet.hosts[0].hostd.pid
    with open(f"/proc/{pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    assert resident < 200 * 1024, f"hostd grew to {resident} KiB"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_each_daemon_cleanly(fleet, api, number):
    ident = api.create(host="h1")["id"]
    host = fleet.hosts[0]
    began = time.monotonic()
    host.hostd.kill(number, wait=15)
    assert host.hostd.child.returncode == 0
    host.start_hostd()
    fleet.coordinator.kill(number, wait=15)
    assert fleet.coordinator.child.returncode == 0
    fleet.start_coordinator()
    fleet.wait_ready(2)
    assert api.run(ident, "echo alive")["stdout"] == "alive\n"
    assert time.monotonic() - began < 60
