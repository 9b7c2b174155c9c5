"""Memory that is kept: suspend, checkpoints, restore, fork. Real guests, compared from inside."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import check_clock, wait_until


def phase(api, ident):
    return api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["phase"]


def wait_settled(api, ident, asked):
    try:
        wait_until("it to settle", lambda: phase(api, ident) in ("running", "suspended"), 60)
    except AssertionError as late:
        raise AssertionError(f"{asked} left it {api.ok('GET', f'/v1/sandboxes/{ident}')['sandbox']}") from late


def snapshot(api, ident, name, **fields):
    return api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": name, **fields}, expect=(201,))["snapshot"]


def restore(api, ident, name):
    return api.ok("POST", f"/v1/sandboxes/{ident}/snapshots/{name}/restore")["sandbox"]


def remember(api, ident, word):
    """In memory and on disk; both are told apart."""
    api.run(ident, f"echo {word} > /dev/shm/memory; echo {word} > /home/sandbox/disk; sync")


def remembers(api, ident):
    return api.run(ident, "cat /dev/shm/memory /home/sandbox/disk", timeout_sec=60)["stdout"].split()


def start_counter(api, ident):
    """A process that only lives in memory; its pid."""
    api.run(ident, "n=0; (while true; do n=$((n+1)); echo $n > /dev/shm/c; mv /dev/shm/c /dev/shm/count; usleep 100000; done) "
                   ">/dev/null 2>&1 & echo $! > /dev/shm/pid")
    return api.run(ident, "cat /dev/shm/pid")["stdout"].strip()


def counts(api, ident, pid):
    """Whether that very process still runs and gets on."""
    script = (f"kill -0 {pid} && a=$(cat /dev/shm/count) && b=$a && "
              f"while [ $b -le $a ]; do usleep 50000; b=$(cat /dev/shm/count); done; echo $a $b")
    command = api.run(ident, script, timeout_sec=60)
    assert command["exit_code"] == 0, command
    return [int(n) for n in command["stdout"].split()]


def reaches(api, ident):
    """Whether its packets come and go, once DHCP has given it its route: a public address answers."""
    wait_until("a route", lambda: "default" in api.run(ident, "ip route")["stdout"], 60)
    ping = api.run(ident, "ping -c 1 -w 10 198.51.100.7 || { ip addr; ip route; ip neigh; false; }", user="root",
                   timeout_sec=60)
    if ping["exit_code"] != 0:
        print(ping["stdout"], ping["stderr"])
    return ping["exit_code"] == 0


def test_what_is_suspended_costs_no_memory_and_goes_on_where_it_was(fleet, api):
    host = fleet.hosts[0]
    ident = api.create(host="h1")["id"]
    remember(api, ident, "kept")
    pid = start_counter(api, ident)
    used = api.ok("GET", "/v1/hosts/h1")["host"]["used_memory_mb"]
    sandbox = api.ok("POST", f"/v1/sandboxes/{ident}/suspend")["sandbox"]
    assert (sandbox["state"], sandbox["phase"]) == ("STOPPED", "suspended")
    assert api.ok("POST", f"/v1/sandboxes/{ident}/suspend")["sandbox"]["phase"] == "suspended"
    assert not host.qemu_pids()
    assert api.ok("GET", "/v1/hosts/h1")["host"]["used_memory_mb"] < used
    assert api.ok("POST", f"/v1/sandboxes/{ident}/resume")["sandbox"]["phase"] == "running"
    assert remembers(api, ident) == ["kept", "kept"]
    counts(api, ident, pid)
    check_clock(api, ident)
    # Again, and woken by a command this time. The tenth time is as good as the first.
    for word in ("two", "three"):
        remember(api, ident, word)
        api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
        assert remembers(api, ident) == [word, word]
        counts(api, ident, pid)
    api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
    assert api.ok("POST", f"/v1/sandboxes/{ident}/stop")["sandbox"]["phase"] == "stopped"
    api.ok("POST", f"/v1/sandboxes/{ident}/start")
    assert api.run(ident, "cat /home/sandbox/disk; ls /dev/shm")["stdout"] == "three\n"


def test_what_is_suspended_outlives_daemons_and_a_reboot_of_its_host(fleet, api):
    host = fleet.hosts[0]
    idents = [api.create(host="h1", memory_mb=160)["id"] for _ in range(2)]
    pids = {}
    for ident in idents:
        remember(api, ident, ident)
        pids[ident] = start_counter(api, ident)
        api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
    running = api.create(host="h1", memory_mb=160)["id"]
    remember(api, running, "running")
    host.restart_hostd()
    fleet.restart_coordinator()
    assert [phase(api, i) for i in idents] == ["suspended"] * 2
    host.reboot()
    fleet.wait_ready(2)
    wait_until("the host's word", lambda: phase(api, running) == "stopped", 30)
    for ident in idents:
        assert phase(api, ident) == "suspended"
        assert remembers(api, ident) == [ident, ident]
        counts(api, ident, pids[ident])
    api.ok("POST", f"/v1/sandboxes/{running}/start")
    assert api.run(running, "cat /home/sandbox/disk")["stdout"] == "running\n"


def test_an_agent_goes_back_to_a_checkpoint(fleet, api):
    made = api.create(host="h1", wait_for_ip=True)
    ident = made["id"]
    remember(api, ident, "before")
    pid = start_counter(api, ident)
    taken = snapshot(api, ident, "good")
    assert taken["has_memory"] and taken["frozen"] and taken["sandbox_id"] == ident
    assert taken["size_bytes"] > 1 << 20 and taken["paused_ms"] > 0 and taken["engine"] == "fast"
    assert set(taken["digests"]) >= {"ram", "device"}
    at = counts(api, ident, pid)
    remember(api, ident, "after")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(lambda: fleet.api().call("POST", f"/v1/sandboxes/{ident}/run",
                                                    {"command": "touch /dev/shm/begun; tail -f /dev/null", "timeout_sec": 200}))
        wait_until("the command to begin", lambda: api.run(ident, "ls /dev/shm/begun 2>/dev/null")["stdout"], 20)
        back = restore(api, ident, "good")
        status, reply = slow.result(timeout=30)
    assert reply["reason"] == "restored", (status, reply)
    assert (back["id"], back["phase"], back["ip_address"]) == (ident, "running", made["ip_address"])
    assert remembers(api, ident) == ["before", "before"]
    assert counts(api, ident, pid)[0] < at[1] + 600
    assert api.run(ident, "ls /dev/shm/begun 2>/dev/null")["stdout"] == ""
    # Again, with a second one on top, and back and forth between both.
    remember(api, ident, "second")
    assert snapshot(api, ident, "second")["parent_id"] == taken["id"]
    for name, word in (("good", "before"), ("second", "second"), ("good", "before")):
        restore(api, ident, name)
        assert remembers(api, ident) == [word, word]
        counts(api, ident, pid)
    # From other states, too.
    api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
    assert restore(api, ident, "second")["phase"] == "running"
    assert remembers(api, ident) == ["second", "second"]
    api.ok("POST", f"/v1/sandboxes/{ident}/stop", {"force": True})
    restore(api, ident, "good")
    assert remembers(api, ident) == ["before", "before"]
    check_clock(api, ident)
    assert reaches(api, ident)


def test_checkpoints_are_listed_verified_and_deleted(fleet, api):
    host = fleet.hosts[0]
    ident = api.create(host="h1")["id"]
    base = f"/v1/sandboxes/{ident}/snapshots"
    first = snapshot(api, ident, "one")
    disk = snapshot(api, ident, "disk", memory=False)
    assert not disk["has_memory"] and disk["kind"] == "EXTERNAL"
    assert api.call("POST", base, {"name": "one"})[1]["reason"] == "snapshot_exists"
    assert api.call("POST", base, {"name": "../x"})[0] == 400
    listed = api.ok("GET", base)
    assert [s["name"] for s in listed["snapshots"]] == ["one", "disk"] and listed["total"] == 2
    assert api.ok("GET", f"{base}/one")["snapshot"]["id"] == first["id"]
    assert api.call("GET", f"{base}/none")[0] == 404
    assert api.ok("POST", f"{base}/one/verify")["verified"]
    host.restart_hostd()  # It knows them from the disk alone.
    fleet.wait_ready(2)
    assert api.ok("POST", f"{base}/one/verify")["verified"]
    api.ok("DELETE", f"{base}/one")
    assert api.call("DELETE", f"{base}/one")[0] == 404
    assert api.ok("GET", base)["total"] == 1
    assert len(list((host.state / "snapshots").iterdir())) == 1
    # The name is free again, and what is deleted takes nothing away from what lies on it.
    snapshot(api, ident, "one")
    api.ok("DELETE", f"{base}/disk")
    restore(api, ident, "one")
    assert api.run(ident, "echo alive")["stdout"] == "alive\n"


def test_a_disk_alone_is_restored_by_a_boot(fleet, api):
    ident = api.create(host="h1")["id"]
    remember(api, ident, "then")
    snapshot(api, ident, "disk", memory=False)
    remember(api, ident, "later")
    assert restore(api, ident, "disk")["phase"] == "running"
    assert api.run(ident, "cat /home/sandbox/disk; ls /dev/shm")["stdout"] == "then\n"
    api.ok("POST", f"/v1/sandboxes/{ident}/stop")
    remembered = snapshot(api, ident, "stopped")
    assert not remembered["has_memory"]
    assert api.call("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "m", "memory": True})[0] == 409
    assert restore(api, ident, "stopped")["phase"] == "stopped"


def test_an_ephemeral_disk_is_for_everything_but_suspending(fleet, api):
    host = fleet.hosts[0]
    cached = lambda ident: "cache='unsafe'" in host.inside("virsh", "-c", "qemu:///system", "dumpxml", ident).stdout
    ident = api.create(host="h1", disk="ephemeral")["id"]
    assert cached(ident)
    assert not cached(api.create(host="h1")["id"])
    remember(api, ident, "before")
    snapshot(api, ident, "clean")
    status, reply = api.call("POST", f"/v1/sandboxes/{ident}/suspend")
    assert (status, reply["reason"]) == (409, "ephemeral_disk"), reply
    remember(api, ident, "after")
    (child,) = api.ok("POST", f"/v1/sandboxes/{ident}/fork", {"count": 1, "from_snapshot": "clean"})["children"]
    child = child["sandbox"]["id"]
    assert cached(child) and remembers(api, child) == ["before", "before"]
    restore(api, ident, "clean")
    assert remembers(api, ident) == ["before", "before"]
    assert api.ok("GET", f"/v1/sandboxes/{child}")["sandbox"]["disk"] == "ephemeral"


@pytest.mark.parametrize("file", ["ram", "device", "domain.xml", "layer"])
@pytest.mark.parametrize("how", ["flipped", "cut"])
def test_what_is_damaged_is_refused_by_name_before_qemu_sees_it(fleet, api, file, how):
    host = fleet.hosts[0]
    ident = api.create(host="h1", memory_mb=160)["id"]
    taken = snapshot(api, ident, "one")
    folder = host.state / "snapshots" / taken["id"]
    path = next((host.state / "layers").glob("*.qcow2")) if file == "layer" else folder / file
    content = path.read_bytes()
    middle = len(content) // 2
    with open(path, "r+b") as out:
        if how == "cut":
            out.truncate(middle)
        else:
            out.seek(middle)
            out.write(bytes([content[middle] ^ 1]))
    for verb in ("verify", "restore"):
        status, reply = api.call("POST", f"/v1/sandboxes/{ident}/snapshots/one/{verb}")
        assert (status, reply["reason"]) == (409, "checkpoint_damaged"), reply
        assert path.name in reply["error"], reply
    assert api.run(ident, "echo alive")["stdout"] == "alive\n" or file == "layer"


def test_forks_go_on_from_one_moment_as_different_machines(fleet, api):
    source = api.create(host="h1", memory_mb=160)
    ident = source["id"]
    remember(api, ident, "shared")
    pid = start_counter(api, ident)
    # Readers that never stop, also not for the fork: what they read next must differ.
    api.run(ident, "(while true; do head -c 16 /dev/urandom | od -An -tx1 >> /dev/shm/random; done) "
                   ">/dev/null 2>&1 &")
    fork = api.ok("POST", f"/v1/sandboxes/{ident}/fork", {"count": 4}, expect=(201,))
    assert fork["has_memory"] and fork["source_paused_ms"] > 0
    children = [c["sandbox"] for c in fork["children"]]
    assert all(c["phase"] == "running" for c in children), fork
    everybody = [ident, *(c["id"] for c in children)]
    streams, machines, macs = {}, set(), set()

    def drawn(each):
        return int(api.run(each, "wc -l < /dev/shm/random")["stdout"])

    for each in everybody:
        first = drawn(each)
        # One more may still have been on its way at the fork.
        wait_until("it to draw anew", lambda each=each, first=first: drawn(each) > first + 2, 60)
    for each in everybody:
        assert remembers(api, each) == ["shared", "shared"]
        counts(api, each, pid)
        lines = api.run(each, "cat /dev/shm/random")["stdout"].split("\n")
        streams[each] = [line.strip() for line in lines if line.strip()]
        machines.add(api.run(each, "cat /proc/sys/kernel/hostname")["stdout"])
        macs.add(api.run(each, "cat /sys/class/net/eth0/address")["stdout"])
    common = set.intersection(*(set(s) for s in streams.values()))
    own = {each: set(stream) - common for each, stream in streams.items()}
    assert all(own.values()) and len(common) > 0
    for a in everybody:
        for b in everybody:
            assert a == b or not own[a] & own[b], "two siblings read the same randomness"
    assert len(machines) == len(macs) == 5
    addresses = {api.ok("GET", f"/v1/sandboxes/{each}/ip")["ip_address"] for each in everybody}
    assert len(addresses) == 5
    # A child is a sandbox like any other, and needs nothing of the one that it came from.
    api.destroy(ident)
    for child in children:
        assert reaches(api, child["id"])
    child = children[0]["id"]
    remember(api, child, "child")
    snapshot(api, child, "of-a-clone")
    remember(api, child, "later")
    grandchild = api.ok("POST", f"/v1/sandboxes/{child}/fork", {"count": 1, "from_snapshot": "of-a-clone"},
                        expect=(201,))["children"][0]["sandbox"]["id"]
    assert remembers(api, grandchild) == ["child", "child"]
    restore(api, child, "of-a-clone")
    assert remembers(api, child) == ["child", "child"]
    api.ok("POST", f"/v1/sandboxes/{child}/restart")
    assert api.run(child, "cat /home/sandbox/disk")["stdout"] == "child\n"


def test_a_clone_does_not_take_the_address_that_its_source_is_being_given(fleet, api):
    def has(sandbox, marker):
        return api.run(sandbox, f"test -e /dev/shm/{marker}")["exit_code"] == 0

    source = api.create(host="h1", memory_mb=160)["id"]
    api.ok("GET", f"/v1/sandboxes/{source}/ip")
    # The client's script waits between DHCP's answer and what it makes of it.
    api.run(source, "mkfifo /dev/shm/go; sed -i '"
                    "s|^ *bound.*|&\\n touch /dev/shm/given; read go </dev/shm/go|;"
                    "s|^ *mv /run/resolv.*|&\\n touch /dev/shm/taken|' /etc/udhcpc.script; kill -9 $(pidof udhcpc)",
            user="root")
    wait_until("DHCP's answer", lambda: has(source, "given"), 30)
    fork = api.ok("POST", f"/v1/sandboxes/{source}/fork", {"count": 1}, expect=(201,))
    child = fork["children"][0]["sandbox"]["id"]
    for each in (source, child):
        assert not has(each, "taken")
        assert api.run(each, "echo go >/dev/shm/go", user="root", timeout_sec=60)["exit_code"] == 0
        wait_until("DHCP's answer to be taken", lambda: has(each, "taken"), 60)
        shown = api.run(each, "ip -4 -o addr show dev eth0")["stdout"]
        own = api.ok("GET", f"/v1/sandboxes/{each}/ip")["ip_address"]
        assert re.findall(r"inet ([0-9.]+)/", shown) == [own], shown
        assert reaches(api, each)


def test_a_child_that_does_not_fit_leaves_the_others_alone(fleet, api):
    source = api.create(host="h2", memory_mb=2600)["id"]
    fork = api.ok("POST", f"/v1/sandboxes/{source}/fork", {"count": 4}, expect=(201,))
    assert [("sandbox" in c) for c in fork["children"]].count(True) == 2, fork
    assert {c["error"]["reason"] for c in fork["children"] if "error" in c} == {"no_capacity"}
    assert api.run(source, "echo alive")["stdout"] == "alive\n"


STEPS = [0.02, 0.08, 0.15, 0.25, 0.4]


@pytest.mark.parametrize("victim", ["hostd", "libvirtd"])
@pytest.mark.parametrize("what", ["snapshot", "suspend", "restore"])
def test_a_daemon_that_is_killed_leaves_the_old_or_the_new(fleet, api, what, victim):
    host = fleet.hosts[0]
    ident = api.create(host="h1", memory_mb=160)["id"]
    remember(api, ident, "old")
    snapshot(api, ident, "base")
    for number, delay in enumerate(STEPS):
        remember(api, ident, "new")
        with ThreadPoolExecutor(1) as pool:
            path, body = {"snapshot": ("snapshots", {"name": f"s{number}"}), "suspend": ("suspend", None),
                          "restore": ("snapshots/base/restore", None)}[what]
            asked = pool.submit(lambda: fleet.api().call("POST", f"/v1/sandboxes/{ident}/{path}", body))
            threading.Event().wait(delay)
            if victim == "hostd":
                host.restart_hostd()
            else:
                host.kill_libvirtd()
            status, reply = asked.result()
        assert status in (200, 201, 409, 502, 503, 504), reply
        fleet.wait_ready(2)
        wait_until("libvirtd", host.libvirt_answers, 30)
        wait_settled(api, ident, f"{what} with {victim} killed after {delay} s, answered {status} {reply},")
        now = remembers(api, ident)  # Which wakes it.
        if what == "restore":
            assert now in (["old", "old"], ["new", "new"]), now
            if status == 200:
                assert now == ["old", "old"]
        else:
            assert now == ["new", "new"]
        if what == "snapshot":
            known = [s["name"] for s in api.ok("GET", f"/v1/sandboxes/{ident}/snapshots")["snapshots"]]
            assert (f"s{number}" in known) or status != 201
            snapshot(api, ident, f"after{number}")  # Whatever QEMU and libvirt believed of the disk.
    if (what, victim) == ("restore", "libvirtd"):
        # With a QEMU, libvirt 9 locks a domain that it died in the making of until it is started again.
        host.kill_libvirtd()
        wait_until("libvirtd", host.libvirt_answers, 30)
        host.free_half_made_domains()
        wait_until("the half-loaded domain to go", lambda: len(host.domains()) == 1, 60)
    restore(api, ident, "base")
    assert remembers(api, ident) == ["old", "old"]
    wait_until("the domain of before to go", lambda: len(host.domains()) == 1, 30)


def test_a_full_disk_stops_no_guest(fleet, api):
    host = fleet.hosts[0]
    ident = api.create(host="h1", memory_mb=160)["id"]
    remember(api, ident, "kept")
    api.run(ident, "head -c 40000000 /dev/urandom > /dev/shm/ballast")
    host.inside("mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", "/var/lib/paddock/snapshots")
    try:
        host.inside("fallocate", "-l", "290M", "/var/lib/paddock/snapshots/filler")
        status, reply = api.call("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "full"})
        assert (status, reply["reason"]) in ((503, "disk_full"), (507, "disk_full")), (status, reply)
        assert remembers(api, ident) == ["kept", "kept"]
        assert api.ok("GET", f"/v1/sandboxes/{ident}/snapshots")["total"] == 0
    finally:
        host.unmount("/var/lib/paddock/snapshots")
    snapshot(api, ident, "fits")


def test_a_coordinator_that_is_killed_forgets_no_checkpoint(fleet, api):
    ident = api.create(host="h1", memory_mb=160)["id"]
    remember(api, ident, "kept")
    snapshot(api, ident, "before")
    for delay in (0.05, 0.3):
        with ThreadPoolExecutor(1) as pool:
            def ask():
                try:
                    fleet.api(timeout=60).call("POST", f"/v1/sandboxes/{ident}/fork", {"count": 2})
                except OSError:
                    pass
            asked = pool.submit(ask)
            threading.Event().wait(delay)
            fleet.restart_coordinator()
            asked.result()
    names = [s["name"] for s in fleet.api().ok("GET", f"/v1/sandboxes/{ident}/snapshots")["snapshots"]]
    assert names == ["before"]
    restore(fleet.api(), ident, "before")
    assert remembers(fleet.api(), ident) == ["kept", "kept"]


def test_a_disk_lies_on_few_files_however_often_it_is_captured(fleet, api):
    host = fleet.hosts[1]
    host.reconfigure(deepest_chain=3)
    try:
        ident = api.create(host="h2", memory_mb=160)["id"]
        remember(api, ident, "before")
        snapshot(api, ident, "first")
        remember(api, ident, "after")
        for number in range(8):
            api.run(ident, f"echo {number} >> /var/counted; sync", user="root")
            snapshot(api, ident, f"s{number}", memory=number % 2 == 0)

        def files():
            top = max((host.state / "sandboxes" / ident).glob("overlay*.qcow2"), key=lambda f: f.stat().st_mtime)
            chain = host.inside("qemu-img", "info", "-U", "--backing-chain", "--output=json", top).stdout
            return len(json.loads(chain)) - 1
        wait_until("the chain to be shallow", lambda: files() <= 4, 30)
        assert api.run(ident, "cat /var/counted")["stdout"] == "".join(f"{n}\n" for n in range(8))
        assert remembers(api, ident) == ["after", "after"]
        # What lies on the files that are not in its chain any more is as it was.
        restore(api, ident, "s4")
        assert api.run(ident, "cat /var/counted")["stdout"] == "".join(f"{n}\n" for n in range(5))
        restore(api, ident, "first")
        assert remembers(api, ident) == ["before", "before"]
    finally:
        host.reconfigure()


def test_a_guest_that_sends_is_not_idle_and_a_quiet_one_is(fleet, api):
    idle = 25  # Hosts look at traffic every ten seconds.
    fleet.configure_coordinator(idle_pause_after_sec=idle)
    fleet.restart_coordinator()
    try:
        api = fleet.api()
        sender, quiet = (api.create(host="h1", memory_mb=160)["id"] for _ in range(2))
        api.run(sender, "(while true; do ping -c 1 -w 1 -s 1000 198.51.100.7; usleep 100000; done) "
                        ">/dev/null 2>&1 & echo $! > /dev/shm/pid", user="root")
        begun = time.monotonic()
        wait_until("the quiet one to be paused", lambda: phase(api, quiet) == "paused", 3 * idle)

        def long_past():
            assert phase(api, sender) == "running", f"{time.monotonic() - begun:.0f} s after its last request"
            return time.monotonic() - begun > 2.5 * idle
        wait_until("time to pass", long_past, 4 * idle)
        api.run(sender, "kill $(cat /dev/shm/pid)", user="root")
        wait_until("the silent one to be paused", lambda: phase(api, sender) == "paused", 3 * idle)
    finally:
        fleet.configure_coordinator(idle_pause_after_sec=0)
        fleet.restart_coordinator()


def test_a_host_without_the_fast_engine_keeps_memory_too(fleet, api):
    host = fleet.hosts[1]
    host.reconfigure(state_engine="portable")
    try:
        wait_until("the engine", lambda: api.ok("GET", "/v1/hosts/h2")["host"]["state_engine"] == "portable", 30)
        ident = api.create(host="h2", memory_mb=160)["id"]
        remember(api, ident, "before")
        pid = start_counter(api, ident)
        assert snapshot(api, ident, "good")["engine"] == "portable"
        remember(api, ident, "after")
        assert restore(api, ident, "good")["phase"] == "running"
        assert remembers(api, ident) == ["before", "before"]
        counts(api, ident, pid)
        api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
        assert not host.qemu_pids()
        assert remembers(api, ident) == ["before", "before"]
        counts(api, ident, pid)
        # It clones no memory, and says so; a disk it does.
        status, reply = api.call("POST", f"/v1/sandboxes/{ident}/fork", {"count": 1, "from_snapshot": "good"})
        assert "checkpoint without memory" in str(reply) and status != 201, (status, reply)
        snapshot(api, ident, "disk", memory=False)
        fork = api.ok("POST", f"/v1/sandboxes/{ident}/fork", {"count": 1, "from_snapshot": "disk"}, expect=(201,))
        child = fork["children"][0]["sandbox"]["id"]
        assert api.run(child, "cat /home/sandbox/disk", timeout_sec=60)["stdout"] == "before\n"
    finally:
        host.reconfigure()
