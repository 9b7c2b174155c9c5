"""Warm pools: real sandboxes that stand ready before anybody asks, on two hosts."""

import contextlib
import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import ROOT, run, wait_until
from on_hosts import domains, folders, qemus, strangers

BOTH = ["h1", "h2"]
SHAPE = {"image": "tiny", "cpu": 1, "memory_mb": 160, "network_mode": "nat"}
IMAGES_MACHINE_ID = "0123456789abcdef0123456789abcdef"
SOURCE_AT_REST = {"fast": "ready", "portable": "none"}  # By a host's engine.


# ---- what there is --------------------------------------------------------------

def now(api, name):
    return api.ok("GET", f"/v1/pools/{name}")["pool"]


def about(api, host):
    return api.ok("GET", f"/v1/hosts/{host}")["host"]


def standing(fleet, api):
    """What runs on the hosts and is nobody's, with its host. Of a pool at rest: what is ready."""
    listed = {s["id"] for s in api.sandboxes()}
    return {ident: host.name for host in fleet.hosts for ident in qemus(host) if ident not in listed}


def unbalanced(fleet, api, name):
    """Where the hosts have other than what is listed, what the pool says is ready, and its sources."""
    listed = {s["id"]: s["host_name"] for s in api.sandboxes()}
    found = []
    for said in now(api, name)["hosts"]:
        host = next(h for h in fleet.hosts if h.name == said["host_name"])
        own = {ident for ident, where in listed.items() if where == host.name}
        source = 1 if said["source"] == "ready" else 0
        for what, there, wanted in (("process", set(qemus(host)), said["ready"]),
                                    ("domain", domains(host), said["ready"] + source),
                                    ("folder", folders(host), said["ready"] + source)):
            found += [f"{host.name}: no {what} of {ident}, which is listed" for ident in own - there]
            if len(there - own) != wanted:
                found.append(f"{host.name}: {what} of {sorted(there - own)}, not {wanted}; {said}")
    return found


def wait_for_none(what, found, seconds=60):
    """Until `found` has nothing more to tell; fails with what it tells."""
    try:
        wait_until(what, lambda: not found(), seconds)
    except AssertionError as late:
        raise AssertionError(f"{late}: {found()}") from late


def wait_filled(api, name, each, on=BOTH, seconds=120):
    """Until just those hosts have so many ready, and nothing is under way. The pool then."""
    def filled():
        pool = now(api, name)
        engines = {h["name"]: h["state_engine"] for h in api.ok("GET", "/v1/hosts")["hosts"]}
        at_rest = all((h["ready"], h["filling"], h["source"]) == (each, 0, SOURCE_AT_REST.get(engines[h["host_name"]]))
                      for h in pool["hosts"])
        return pool if at_rest and sorted(h["host_name"] for h in pool["hosts"]) == sorted(on) else None
    try:
        return wait_until(f"{each} ready on each of {on}", filled, seconds)
    except AssertionError as late:
        raise AssertionError(f"{late}: {now(api, name)}") from late


# ---- what is done ---------------------------------------------------------------

def make_pool(api, name, **fields):
    return api.ok("POST", "/v1/pools", {"name": name, **SHAPE, **fields}, expect=(201,))["pool"]


@contextlib.contextmanager
def warm_pool(fleet, name="warm", **fields):
    """At the end, also after a failure, all pools are deleted and nothing of them is left."""
    try:
        make_pool(fleet.api(), name, **fields)
        yield name
    finally:
        api = fleet.api()
        for pool in api.ok("GET", "/v1/pools")["pools"]:
            api.ok("DELETE", f"/v1/pools/{pool['name']}")
        wait_for_none("nothing of the pools to be left", lambda: strangers(fleet, api))


@contextlib.contextmanager
def configured(fleet, host, **settings):
    """The hostd of `host` runs with these settings, which /v1/hosts shows under the same names."""
    api = fleet.api()
    try:
        host.reconfigure(**settings)
        wait_until(f"{host.name} to say so", lambda: all(about(api, host.name)[k] == v for k, v in settings.items()), 30)
        yield
    finally:
        host.reconfigure()


def claim(api, use="require", **fields):
    return api.create(**{**SHAPE, "pool": use, **fields})


def ask(fleet, **fields):
    """(status, reply) of a create; 0 if its connection broke."""
    try:
        return fleet.api(timeout=200).call("POST", "/v1/sandboxes", {"agent_id": "tests", "auto_start": True, **SHAPE,
                                                                     **fields})
    except (OSError, http.client.HTTPException) as error:
        return 0, {"error": str(error)}


def destroy_all(api):
    for sandbox in api.sandboxes():
        api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    wait_for_none("the list to be empty", api.sandboxes)


# ---- what is seen from inside ---------------------------------------------------

LOOK = """cat /proc/sys/kernel/hostname; cat /etc/machine-id 2>/dev/null || echo none; date +%s
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'; echo; cat /sys/class/net/eth0/address"""


def look(api, sandbox):
    """What is a sandbox's own, by its guest's word. Its clock must be right, and its address on."""
    ident, host = sandbox["id"], sandbox["host_name"]
    begun = time.time()
    command = api.run(ident, LOOK)
    ended = time.time()
    assert command["exit_code"] == 0, command
    hostname, machine_id, clock, random, mac = command["stdout"].splitlines()
    assert begun - 3 < int(clock) < ended + 2, f"{ident}: its clock says {clock} at {begun} to {ended}"  # Cut to seconds.
    address = api.ok("GET", f"/v1/sandboxes/{ident}/ip")["ip_address"]
    wait_until(f"{ident} to have {address}", lambda: f" {address}/" in api.run(
        ident, "ip -4 -o addr show dev eth0", user="root")["stdout"], 20)
    return {"hostname": hostname, "machine_id": machine_id, "random": random, "mac": mac, "address": (host, address)}


def check_own(seen, *but):
    """No two share anything of it, `but` these."""
    for what in seen[0].keys() - set(but):
        values = [one[what] for one in seen]
        assert len(set(values)) == len(values), f"two share their {what}: {values}"


def boot_of(api, ident):
    """A hundred lines of the kernel's log, to the microsecond: the same only in guests that came from one boot.

    The hundred before them are from when its clock counts ticks of 4 ms: there two boots can be alike.
    """
    lines = api.run(ident, "dmesg | head -n 200 | tail -n 100", user="root")["stdout"].splitlines()
    assert len(lines) == 100, lines
    return lines


# ---- the tests ------------------------------------------------------------------

@pytest.fixture(scope="module")
def images(fleet, build, tmp_path_factory):
    """own-id, on both hosts: with a machine-id, that no clone may keep. lone, on h1 alone: the tiny one."""
    folder, extra = tmp_path_factory.mktemp("own-id"), tmp_path_factory.mktemp("extra")
    (extra / "etc").mkdir()
    (extra / "etc/machine-id").write_text(f"{IMAGES_MACHINE_ID}\n")
    # Nothing can be downloaded in this namespace: the packages are there since the tiny image was made.
    run(ROOT / "tools/build-tiny-image", folder, build / "guest/paddock-guest", extra, timeout=300,
        env={**os.environ, "PADDOCK_DOWNLOADS": str(ROOT / "build/downloads")})
    for host in fleet.hosts:
        host.add_image("own-id", folder)
    fleet.hosts[0].add_image("lone", fleet.image)
    api = fleet.api()

    def hosts_with(name):
        status, reply = api.call("GET", f"/v1/images/{name}")
        return sorted(reply["image"]["hosts"]) if status == 200 else []

    wait_until("the images to be known", lambda: hosts_with("own-id") == BOTH and hosts_with("lone") == ["h1"], 30)


def test_what_stands_ready_on_both_hosts_is_nobodys_until_it_is_its_callers_alone(fleet, api, images):
    before = {name: about(api, name)["used_memory_mb"] for name in BOTH}
    with warm_pool(fleet, image="own-id", min=2, max=2) as name:
        pool, since = wait_filled(api, name, 2), time.monotonic()
        assert (pool["target"], pool["ready"], pool["hits"], pool["misses"], pool["refill_failures"]) == (2, 4, 0, 0, 0)
        # Counted once the outcome of each is written down, an instant after it is ready.
        wait_until("the refills to be counted", lambda: now(api, name)["refills"] >= 4, 10)
        assert now(api, name)["refill_ms"] > 0
        warm = standing(fleet, api)
        assert sorted(warm.values()) == ["h1", "h1", "h2", "h2"]
        assert api.sandboxes() == []
        for ident in warm:
            assert api.call("GET", f"/v1/sandboxes/{ident}")[0] == 404
            assert api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true"})[0] == 404
            assert api.call("DELETE", f"/v1/sandboxes/{ident}")[0] == 404
        for host in (about(api, h) for h in BOTH):
            used = host["used_memory_mb"] - before[host["name"]]
            assert used == 2 * (SHAPE["memory_mb"] + host["overhead_mb"]), host

        wait_until("more time than a clock may be off", lambda: time.monotonic() - since > 3, 10)
        made, seen = [], []
        for fields in ({"vm_name": "named", "labels": {"n": "1"}, "env": {"KEPT": "a b"}, "ttl_seconds": 600}, {}, {}):
            sandbox = claim(api, image="own-id", **fields)
            assert sandbox["id"] in warm and sandbox["host_name"] == warm[sandbox["id"]]
            assert sandbox["state"] == "RUNNING" and sandbox["agent_id"] == "tests"
            seen.append(look(api, sandbox))
            made.append(sandbox)
        named = made[0]
        assert [s["hostname"] for s in seen] == ["named", made[1]["id"], made[2]["id"]]
        assert (named["sandbox_name"], named["labels"], named["ttl_seconds"]) == ("named", {"n": "1"}, 600)
        assert api.run(named["id"], 'echo "$KEPT"')["stdout"] == "a b\n"
        check_own(seen)
        assert all(len(s["machine_id"]) == 32 and s["machine_id"] != IMAGES_MACHINE_ID for s in seen), seen
        for sandbox in made:
            assert api.run(sandbox["id"], "ping -c 1 -w 10 198.51.100.7", user="root")["exit_code"] == 0
        assert {s["id"] for s in api.sandboxes()} == {s["id"] for s in made}

        pool = wait_filled(api, name, 2)
        assert (pool["hits"], pool["misses"]) == (3, 0)
        assert not standing(fleet, api).keys() & {s["id"] for s in made}
        wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


def test_of_many_at_once_each_gets_one_of_its_own(fleet, api, images):
    callers = 8
    with warm_pool(fleet, image="own-id", min=2, max=2) as name:
        wait_filled(api, name, 2)
        warm = standing(fleet, api)

        def come(number):
            mine = fleet.api()
            sandbox = claim(mine, "prefer", image="own-id", vm_name=f"crowd-{number}")
            command = mine.run(sandbox["id"], f"echo {number} > /home/sandbox/mine; cat /proc/sys/kernel/hostname")
            assert command["stdout"] == f"crowd-{number}\n", command
            return sandbox

        with ThreadPoolExecutor(callers) as pool:
            made = list(pool.map(come, range(callers)))
        idents = {s["id"] for s in made}
        assert len(idents) == callers, "one was handed out twice"
        assert warm.keys() <= idents, "one that stood ready was left standing"
        counted = now(api, name)
        assert counted["hits"] >= len(warm) and counted["hits"] + counted["misses"] == callers, counted
        check_own([look(api, sandbox) for sandbox in made])
        for number, sandbox in enumerate(made):
            assert api.run(sandbox["id"], "cat /home/sandbox/mine")["stdout"] == f"{number}\n"
        wait_filled(api, name, 2)
        wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


# Not spelt out, so that who looks does not find itself.
TRACES = """find / -path /proc -prune -o -path /sys -prune -o -name '[l]eft-behind*' -print
grep -ls '[l]eft-behind' /proc/[0-9]*/cmdline"""
LEAVE = """for folder in /home/sandbox /tmp /var/tmp /dev/shm /etc /root; do echo secret > $folder/left-behind; done
mkfifo /run/left-behind.fifo; cat /run/left-behind.fifo </dev/null >/dev/null 2>&1 & sync"""


def test_nothing_of_a_sandbox_that_is_gone_is_in_the_next_ones(fleet, api, images):
    def check_clean_and_leave_something(use):
        ident = claim(api, use, image="lone")["id"]
        assert api.run(ident, TRACES, user="root")["stdout"] == ""
        api.run(ident, LEAVE, user="root")
        traces = api.run(ident, TRACES, user="root")["stdout"].splitlines()
        assert len([t for t in traces if "left-behind" in t]) == 7 and any(t.startswith("/proc/") for t in traces), traces
        api.destroy(ident)
        return ident

    with warm_pool(fleet, image="lone", min=1, max=1) as name:
        used = set()
        for _ in range(3):
            wait_filled(api, name, 1, on=["h1"])
            used.add(check_clean_and_leave_something("require"))
        # Nor in what is cloned for its caller.
        api.ok("PATCH", f"/v1/pools/{name}", {"min": 0, "max": 0})
        wait_filled(api, name, 0, on=["h1"])
        used.add(check_clean_and_leave_something("prefer"))
        assert len(used) == 4
        assert now(api, name)["hits"] == 3


def test_what_has_died_in_a_pool_is_never_handed_out(fleet, api, images):
    host, dead = fleet.hosts[0], set()
    with warm_pool(fleet, image="lone", min=2, max=2) as name:
        for use, how_many in (("prefer", 2), ("require", 1)):
            wait_filled(api, name, 2, on=["h1"])
            for ident, pid in list(qemus(host).items())[:how_many]:
                os.kill(pid, signal.SIGKILL)
                dead.add(ident)
            ident = claim(api, use, image="lone")["id"]
            assert ident not in dead
            assert api.run(ident, "echo alive")["stdout"] == "alive\n"
            api.destroy(ident)
        pool = wait_filled(api, name, 2, on=["h1"])
        assert pool["dead"] == len(dead) == 3, pool
        wait_for_none("the dead to go", lambda: dead & (domains(host) | folders(host)))
        wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


def test_an_empty_pool_refuses_who_requires_and_clones_for_the_others(fleet, api, images):
    def rows():
        return fleet.postgres.sql("SELECT count(*) FROM sandboxes")

    with warm_pool(fleet, image="lone", min=0, max=0) as name:
        wait_filled(api, name, 0, on=["h1"])
        before = rows(), domains(fleet.hosts[0]), folders(fleet.hosts[0])
        for other in ({}, {"memory_mb": 192}, {"network_mode": "isolated"}, {"image": "tiny"}):
            status, reply = ask(fleet, **{"image": "lone", "pool": "require", **other})
            assert (status, reply["reason"]) == (503, "pool_empty"), reply
        assert (rows(), domains(fleet.hosts[0]), folders(fleet.hosts[0])) == before
        assert api.sandboxes() == []

        misses = now(api, name)["misses"]
        clones = [claim(api, "prefer", image="lone") for _ in range(2)]
        pool = now(api, name)
        assert (pool["hits"], pool["misses"]) == (0, misses + 2)
        booted = claim(api, "skip", image="lone")
        check_own([look(api, sandbox) for sandbox in (*clones, booted)], "machine_id")
        one, two, other = (boot_of(api, sandbox["id"]) for sandbox in (*clones, booted))
        assert one == two != other
        assert now(api, name)["misses"] == misses + 2


def test_wrong_requests_are_refused_and_change_nothing(fleet, api, images):
    def refused(status, reason, method, path, body=None):
        got, reply = api.call(method, path, body)
        assert got == status and reason in (None, reply["reason"]), f"{method} {path} {body}: {got} {reply}"

    with warm_pool(fleet, image="lone", min=1, max=1, max_age_seconds=3600) as name:
        mine, other = f"/v1/pools/{name}", {"name": "other", **SHAPE, "min": 1, "max": 1}
        before = wait_filled(api, name, 1, on=["h1"])
        warm = standing(fleet, api)
        for wrong in ({"min": 2}, {"min": -1}, {"min": "1"}, {"max": 1.5}, {"name": "../x"}, {"name": ""}, {"cpu": -1},
                      {"memory_mb": 1}, {"network_mode": "warp"}, {"max_age_seconds": -1}, {"colour": "red"}):
            refused(400, None, "POST", "/v1/pools", {**other, **wrong})
        for missing in ("name", "image"):
            refused(400, None, "POST", "/v1/pools", {k: v for k, v in other.items() if k != missing})
        refused(404, "unknown_image", "POST", "/v1/pools", {**other, "image": "nowhere"})
        refused(409, "pool_exists", "POST", "/v1/pools", {**other, "image": "lone"})
        refused(409, "pool_exists", "POST", "/v1/pools", {**other, "name": name})
        for wrong in ({"min": 2}, {"min": 3, "max": 2}, {"max": -1}, {"memory_mb": 512}, {"image": "tiny"}, {}):
            refused(400, None, "PATCH", mine, wrong)
        for method, body in (("GET", None), ("PATCH", {"min": 0}), ("DELETE", None)):
            refused(404, "unknown_pool", method, "/v1/pools/unknown", body)
        refused(400, None, "POST", "/v1/sandboxes", {**SHAPE, "agent_id": "a", "auto_start": True, "pool": "sometimes"})

        listed = api.ok("GET", "/v1/pools")
        assert [p["name"] for p in listed["pools"]] == [name] and listed["total"] == 1
        definition = ("name", "image", "cpu", "memory_mb", "network_mode", "min", "max", "max_age_seconds", "created_at")
        assert {k: listed["pools"][0][k] for k in definition} == {k: before[k] for k in definition}
        assert {k: before[k] for k in SHAPE} == {**SHAPE, "image": "lone"}
        assert standing(fleet, api) == warm


def test_a_pool_grows_and_shrinks_as_it_is_told(fleet, api, images):
    with warm_pool(fleet, image="lone", min=1, max=1) as name:
        wait_filled(api, name, 1, on=["h1"])
        [first] = standing(fleet, api)
        changed = api.ok("PATCH", f"/v1/pools/{name}", {"min": 2, "max": 2, "max_age_seconds": 600})["pool"]
        assert (changed["min"], changed["max"], changed["max_age_seconds"], changed["target"]) == (2, 2, 600, 2)
        wait_filled(api, name, 2, on=["h1"])
        assert first in standing(fleet, api)
        changed = api.ok("PATCH", f"/v1/pools/{name}", {"min": 0})["pool"]
        assert (changed["min"], changed["max"], changed["max_age_seconds"], changed["target"]) == (0, 2, 600, 0)
        wait_filled(api, name, 0, on=["h1"])
        wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


def test_what_has_stood_too_long_is_replaced(fleet, api, images):
    host = fleet.hosts[0]
    with warm_pool(fleet, image="lone", min=1, max=1, max_age_seconds=3600) as name:
        wait_filled(api, name, 1, on=["h1"])
        [old] = standing(fleet, api)
        [source] = folders(host) - {old}
        # An hour passes while the coordinator is away.
        fleet.coordinator.kill(signal.SIGTERM)
        fleet.postgres.sql("UPDATE sandboxes SET created_at = created_at - interval '1 hour' "
                           f"WHERE id IN ('{old}', '{source}')")
        fleet.start_coordinator()
        fleet.wait_ready(2)
        wait_for_none("the old one to go", lambda: {old} & (domains(host) | folders(host)))
        wait_filled(api, name, 1, on=["h1"])
        assert source in folders(host), "a source does not age: its clones set their clocks"
        ident = claim(api, image="lone")["id"]
        assert ident != old and api.run(ident, "echo alive")["stdout"] == "alive\n"


def kill(fleet, victim):
    if victim == "coordinator":
        return fleet.restart_coordinator()
    host = fleet.hosts[0]
    host.restart_hostd()
    fleet.wait_ready(len(fleet.hosts))


def replies_around_a_kill(fleet, api, victim, answered):
    """Of creates, of which at least so many are answered when it is killed."""
    callers = 6
    with ThreadPoolExecutor(callers) as pool:
        asked = [pool.submit(ask, fleet, pool="prefer") for _ in range(callers)]
        wait_until("creates under way", lambda: api.sandboxes() and sum(a.done() for a in asked) >= answered, 60)
        kill(fleet, victim)
        return [a.result() for a in asked]


@pytest.mark.parametrize("victim", ["coordinator", "hostd"])
def test_a_daemon_that_is_killed_while_warm_ones_are_claimed_leaves_nothing_behind(fleet, api, victim):
    with warm_pool(fleet, min=2, max=2) as name:
        for answered in (0, 3):
            wait_filled(api, name, 2, seconds=180)
            replies = replies_around_a_kill(fleet, api, victim, answered)
            wait_for_none("each to settle", lambda: [
                s for s in api.sandboxes() if s["phase"] not in ("running", "stopped", "created", "error", "lost")], 120)
            made = [reply["sandbox"]["id"] for status, reply in replies if status == 201]
            assert len(set(made)) == len(made) >= answered, "one was handed out twice"
            for status, reply in replies:
                if status == 0:
                    assert victim == "coordinator", reply
                elif status != 201:
                    assert status in (502, 503, 504) and reply["reason"] and reply["error"], reply
            # Those of whom nobody was told, too, if they are there.
            for ident in {*made, *(s["id"] for s in api.sandboxes() if s["state"] == "RUNNING")}:
                assert api.run(ident, "echo alive")["stdout"] == "alive\n"
            wait_filled(api, name, 2, seconds=180)
            wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))
            destroy_all(api)
            wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


def test_warm_ones_make_way_for_who_needs_their_room(fleet, api, images):
    host = fleet.hosts[0]
    # With 96 MiB of overhead four warm ones take 1024, and two of them and the large one 1308.
    with configured(fleet, host, capacity_memory_mb=1400), warm_pool(fleet, image="lone", min=4, max=4) as name:
        filled = wait_filled(api, name, 4, on=["h1"])
        warm, before = standing(fleet, api), about(api, "h1")
        assert before["capacity_memory_mb"] - before["used_memory_mb"] < 700, "it fits beside them: nothing is shown"
        large = api.create(host="h1", image="lone", memory_mb=700)["id"]
        assert api.run(large, "echo alive")["stdout"] == "alive\n"
        pool, after = now(api, name), about(api, "h1")
        assert (pool["ready"], pool["thrown_out"] - filled["thrown_out"]) == (2, 2), pool
        assert after["used_memory_mb"] <= after["capacity_memory_mb"]
        # The others are as good as before.
        left = standing(fleet, api)
        assert left.keys() < warm.keys()
        small = claim(api, image="lone")["id"]
        assert small in left and api.run(small, "echo alive")["stdout"] == "alive\n"
        # And who does not fit in without them either is refused, and costs none of them its place.
        status, reply = ask(fleet, host="h1", image="lone", memory_mb=1000)
        assert (status, reply["reason"]) == (503, "no_capacity"), reply
        assert left.keys() - {small} == standing(fleet, api).keys()
        destroy_all(api)
        wait_filled(api, name, 4, on=["h1"])


def test_a_host_without_the_fast_engine_boots_each_of_its_warm_ones(fleet, api):
    host = fleet.hosts[1]
    with configured(fleet, host, state_engine="portable"), warm_pool(fleet, min=1, max=1) as name:
        made = []
        for vm_name in ("one", "two"):
            pool = wait_filled(api, name, 1)
            assert {h["host_name"]: h["source"] for h in pool["hosts"]} == {"h1": "ready", "h2": "none"}
            warm = standing(fleet, api)
            made.append(claim(api, host="h2", vm_name=vm_name))
            assert warm[made[-1]["id"]] == "h2"
        seen = [look(api, sandbox) for sandbox in made]
        assert [s["hostname"] for s in seen] == ["one", "two"]
        check_own(seen, "machine_id")  # The tiny image has none.
        one, two = (boot_of(api, sandbox["id"]) for sandbox in made)
        assert one != two
        wait_filled(api, name, 1)
        wait_for_none("it to add up", lambda: unbalanced(fleet, api, name))


def test_a_pool_that_is_deleted_takes_all_with_it_but_what_was_claimed(fleet, api, images):
    with warm_pool(fleet, image="lone", min=2, max=2) as name:
        wait_filled(api, name, 2, on=["h1"])
        mine = claim(api, image="lone")["id"]
        api.run(mine, "echo kept > /home/sandbox/file; sync")
        api.ok("DELETE", f"/v1/pools/{name}")
        assert api.call("GET", f"/v1/pools/{name}")[0] == 404
        wait_for_none("the pool's to go", lambda: strangers(fleet, api))
        # It is a sandbox like any other, also with its disk on what was the source's.
        api.ok("POST", f"/v1/sandboxes/{mine}/restart")
        assert api.run(mine, "cat /home/sandbox/file; echo now > /dev/shm/memory")["stdout"] == "kept\n"
        api.ok("POST", f"/v1/sandboxes/{mine}/snapshots", {"name": "good"}, expect=(201,))
        api.run(mine, "rm /home/sandbox/file /dev/shm/memory")
        api.ok("POST", f"/v1/sandboxes/{mine}/snapshots/good/restore")
        assert api.run(mine, "cat /home/sandbox/file /dev/shm/memory")["stdout"] == "kept\nnow\n"
        # The name is free again; and one that goes while it is filled leaves nothing either.
        make_pool(api, name, image="lone", min=2, max=2)
        wait_until("it to be filled", lambda: strangers(fleet, api), 60)
        api.ok("DELETE", f"/v1/pools/{name}")
        wait_for_none("the pool's to go", lambda: strangers(fleet, api))
        assert api.run(mine, "echo alive")["stdout"] == "alive\n"
