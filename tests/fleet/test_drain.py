"""Hosts are emptied: their sandboxes move with memory, disk and snapshots, while they are used."""

import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import Fleet, wait_until
from state_model import Box, look, write
from test_network import PROBE, web_server
from test_pools import warm_pool, wait_filled

SMALL = {"memory_mb": 160}


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=3) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def all_open_again(fleet):
    yield
    for host in fleet.hosts:
        fleet.api().ok("POST", f"/v1/hosts/{host.name}/uncordon", {})


def drain(api, host, **fields):
    return api.ok("POST", f"/v1/hosts/{host}/drain", fields, expect=(202,))["host"]


def progress(api, host):
    return api.ok("GET", f"/v1/hosts/{host}")["host"]["drain"]


def is_drained(api, host):
    return progress(api, host)["state"] == "drained"


def made(api, name, host="h1", **fields):
    return Box(name, api.create(vm_name=name, host=host, wait_for_ip=True, **SMALL, **fields)["id"])


def filled(api, name, host="h1"):
    """With a word in memory and on disk, and a process that counts."""
    box = made(api, name, host)
    write(api, box, f"ram-{name}", f"disk-{name}")
    return box


def now(api, box):
    return api.ok("GET", f"/v1/sandboxes/{box.ident}")["sandbox"]


def seen_moved(api, box, away_from="h1"):
    """It is what it was, elsewhere."""
    assert now(api, box)["host_name"] != away_from
    box.identity = {}  # Addresses are their host's.
    look(api, box)


def leaves_nothing(fleet, host):
    wait_until(f"{host} to be empty", lambda: not fleet.hosts[int(host[1:]) - 1].leftovers(), 30)


class Load:
    """Commands in sandboxes, one after the other in each, from as many threads."""

    def __init__(self, fleet, boxes):
        self.fleet, self.over = fleet, threading.Event()
        self.done, self.longest, self.wrong = {box.name: 0 for box in boxes}, {}, []
        self.pool = ThreadPoolExecutor(len(boxes))
        self.all = [self.pool.submit(self.use, box) for box in boxes]

    def use(self, box):
        api = self.fleet.api()
        while not self.over.is_set():
            begun, number = time.monotonic(), self.done[box.name]
            status, reply = api.call("POST", f"/v1/sandboxes/{box.ident}/run", {"command": f"echo {number}"})
            if status != 200 or reply["command"]["stdout"] != f"{number}\n" or reply["command"]["exit_code"] != 0:
                self.wrong.append((box.name, status, reply))
            self.done[box.name] += 1
            self.longest[box.name] = max(self.longest.get(box.name, 0), time.monotonic() - begun)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.pool.shutdown()


def test_a_host_is_drained_while_it_is_used_and_nothing_fails(fleet, api, cli):
    busy = [filled(api, f"busy{n}") for n in range(3)]
    paused, suspended, stopped, kept = (filled(api, name) for name in ("paused", "suspended", "stopped", "kept"))
    api.ok("POST", f"/v1/sandboxes/{kept.ident}/snapshots", {"name": "first"})
    kept.held["first"] = kept.hold(True)
    write(api, kept, "later", "later")
    api.ok("POST", f"/v1/sandboxes/{kept.ident}/snapshots", {"name": "second", "memory": False})
    api.ok("POST", f"/v1/sandboxes/{paused.ident}/pause")
    api.ok("POST", f"/v1/sandboxes/{suspended.ident}/suspend")
    api.ok("POST", f"/v1/sandboxes/{stopped.ident}/stop", {})
    fresh = Box("fresh", api.create(vm_name="fresh", host="h1", auto_start=False, **SMALL)["id"])
    other = filled(api, "other", host="h2")
    with warm_pool(fleet, min=1, max=1) as pool:
        wait_filled(api, pool, 1, on=[host.name for host in fleet.hosts])
        with Load(fleet, [*busy, other]) as load:
            wait_until("commands in all", lambda: all(load.done.values()), 60)
            said = cli.ok("drain", "h1", "--deadline", "10m")
            at_end = dict(load.done)
            wait_until("more commands", lambda: all(load.done[name] > count for name, count in at_end.items()), 60)
        assert not load.wrong and "h1" in said
        print(f"the longest command took, in seconds: {load.longest}")

    host = api.ok("GET", "/v1/hosts/h1")["host"]
    assert host["cordoned"] and host["drain"]["state"] == "drained" and host["sandboxes"] == 0
    assert (host["drain"]["moved"], host["drain"]["remaining"], host["drain"]["left"]) == (8, 0, [])
    leaves_nothing(fleet, "h1")
    assert {now(api, box)["phase"] for box in busy} == {"running"}
    assert now(api, paused)["phase"] == "paused" and now(api, suspended)["phase"] == "suspended"
    assert now(api, stopped)["phase"] == "stopped" and now(api, other)["host_name"] == "h2"
    for box in (*busy, paused, suspended, kept):
        seen_moved(api, box)
    for box in (stopped, fresh):
        assert api.ok("POST", f"/v1/sandboxes/{box.ident}/start", {"wait_for_ip": True})["sandbox"]["host_name"] != "h1"
        box.boots()
        seen_moved(api, box)

    # Its snapshots came with it.
    listed = api.ok("GET", f"/v1/sandboxes/{kept.ident}/snapshots")["snapshots"]
    assert {one["name"]: one["has_memory"] for one in listed} == {"first": True, "second": False}
    assert api.ok("POST", f"/v1/sandboxes/{kept.ident}/snapshots/first/verify")["verified"]
    kept.restores("first")
    api.ok("POST", f"/v1/sandboxes/{kept.ident}/snapshots/first/restore")
    look(api, kept)
    api.ok("POST", f"/v1/sandboxes/{kept.ident}/fork", {"from_snapshot": "second"})
    rows = api.ok("GET", f"/v1/audit?action=sandbox.move&target={kept.ident}")["rows"]
    assert [(row["kind"], row.get("result")) for row in rows] == [("outcome", "ok"), ("intent", None)]
    assert rows[0]["detail"]["from"] == "h1" and int(rows[0]["detail"]["stood_still_ms"]) > 0
    assert rows[0]["host"] == now(api, kept)["host_name"]


def test_what_runs_in_a_guest_and_comes_over_the_network_goes_on(fleet, api):
    box = filled(api, "net")
    api.run(box.ident, "mkdir -p /tmp/www; echo served > /tmp/www/index.html; httpd -p 8000 -h /tmp/www")
    drain(api, "h1")
    wait_until("h1 to be drained", lambda: is_drained(api, "h1"), 120)
    seen_moved(api, box)
    moved = {**now(api, box), **api.ok("GET", f"/v1/sandboxes/{box.ident}/ip")}
    assert api.run(box.ident, "hostname; ip -4 -o addr show eth0")["stdout"].split()[0] == "net"
    assert moved["ip_address"] in api.run(box.ident, "ip -4 -o addr show eth0")["stdout"]
    assert api.run(box.ident, f"wget -q -O - http://{moved['ip_address']}:8000/")["stdout"] == "served\n"
    with web_server("198.51.100.7"):
        assert api.run(box.ident, PROBE.format("198.51.100.7:8000"))["stdout"] == "reached"
    # And back again, and once more: nothing of a move stands in the way of the next.
    for away in (moved["host_name"], "h1"):
        api.ok("POST", "/v1/hosts/h1/uncordon", {})
        for name in ("h1", "h2", "h3"):
            api.ok("POST", f"/v1/hosts/{name}/{'uncordon' if name != away else 'cordon'}", {})
        drain(api, now(api, box)["host_name"])
        left = now(api, box)["host_name"]
        wait_until(f"{left} to be drained", lambda left=left: is_drained(api, left), 120)
        seen_moved(api, box, left)


def test_what_cannot_move_is_told_and_stays(fleet, api, cli, image):
    for host in fleet.hosts:
        host.add_image("mute", image, agent="none")
    fleet.hosts[0].add_image("alone", image)
    wait_until("the images", lambda: {"mute", "alone"} <= {i["name"] for i in api.ok("GET", "/v1/images")["images"]}, 30)
    mute = api.create(image="mute", host="h1", **SMALL)["id"]
    alone = api.create(image="alone", host="h1", **SMALL)["id"]
    busy, mobile = made(api, "inuse"), filled(api, "mobile")
    with ThreadPoolExecutor(1) as pool:
        long = pool.submit(fleet.api().run, busy.ident, "mkfifo /tmp/over; read x < /tmp/over; echo over", timeout_sec=300)
        try:
            wait_until("the command to run", lambda: api.ok("GET", f"/v1/sandboxes/{busy.ident}/commands")["commands"], 30)
            drain(api, "h1", deadline_sec=25)
            wait_until("h1 to be done with", lambda: progress(api, "h1")["state"] == "incomplete", 60)
            how = progress(api, "h1")
            assert {one["sandbox_id"]: one["reason"] for one in how["left"]} == {
                mute: "no_agent", alone: "image_elsewhere", busy.ident: "busy"}
            assert (how["moved"], how["remaining"]) == (1, 3) and all(one["message"] for one in how["left"])
            refused = cli("drain", "h1", "--deadline", "5s")
            assert refused.returncode != 0 and "no_agent" in refused.stdout + refused.stderr
        finally:
            fleet.api().run(busy.ident, "echo > /tmp/over")
        assert long.result()["stdout"] == "over\n"
    seen_moved(api, mobile)
    # Stopped, what has no agent moves; what is quiet moves, too.
    api.ok("POST", f"/v1/sandboxes/{mute}/stop", {"force": True})
    drain(api, "h1", deadline_sec=60)
    wait_until("two more to have moved", lambda: progress(api, "h1")["remaining"] == 1, 60)
    assert now(api, busy)["host_name"] != "h1" and api.ok("GET", f"/v1/sandboxes/{mute}")["sandbox"]["host_name"] != "h1"
    api.destroy(alone)
    wait_until("h1 to be drained", lambda: is_drained(api, "h1"), 60)
    api.ok("POST", "/v1/hosts/h1/uncordon", {})
    assert "drain" not in api.ok("GET", "/v1/hosts/h1")["host"]


@pytest.mark.parametrize("victim", ["source", "target", "coordinator", "libvirtd of the source", "libvirtd of the target"])
def test_whoever_is_killed_in_the_middle_nothing_is_lost_or_doubled(fleet, api, victim):
    boxes = [filled(api, f"hit{n}") for n in range(2)]
    api.ok("POST", "/v1/hosts/h3/cordon", {})
    chance = random.Random(victim)
    for attempt in range(3):
        source, target = (fleet.hosts[0], fleet.hosts[1]) if attempt % 2 == 0 else (fleet.hosts[1], fleet.hosts[0])
        api.ok("POST", f"/v1/hosts/{target.name}/uncordon", {})
        drain(api, source.name)
        wait_until("a move", lambda: any(one["reason"] == "moving" for one in progress(api, source.name)["left"]), 30)
        begun, wait = time.monotonic(), chance.uniform(0, 2.5)
        wait_until("the moment", lambda: time.monotonic() - begun >= wait, 10)
        if victim == "coordinator":
            fleet.restart_coordinator()
            api = fleet.api()
        elif victim.startswith("libvirtd"):
            (source if "source" in victim else target).kill_libvirtd()
        else:
            (source if victim == "source" else target).restart_hostd(signal.SIGKILL)
        fleet.wait_ready(3)
        wait_until(f"{source.name} to be drained after {wait:.2f} s", lambda: is_drained(api, source.name), 180)
        for box in boxes:
            seen_moved(api, box, source.name)
            assert now(api, box)["host_name"] == target.name
        leaves_nothing(fleet, source.name)
        assert sorted(d.split(".")[0] for d in target.domains() if d.startswith("sbx-")) == sorted(b.ident for b in boxes)


def test_a_host_that_is_full_or_away_takes_nothing_and_what_was_to_move_goes_on(fleet, api):
    box = filled(api, "home")
    api.ok("POST", "/v1/hosts/h3/cordon", {})
    fleet.hosts[1].reconfigure(disk_reserve_mb=100_000_000)
    try:
        drain(api, "h1")
        wait_until("it to be told", lambda: [one["reason"] for one in progress(api, "h1")["left"]] == ["disk_full"], 60)
        assert now(api, box)["host_name"] == "h1"
        look(api, box)
    finally:
        api.ok("POST", "/v1/hosts/h1/uncordon", {})  # First: to a host that has room again it would move.
        fleet.hosts[1].reconfigure(disk_reserve_mb=256)
    wait_until("its engine", lambda: api.ok("GET", "/v1/hosts/h2")["host"]["state_engine"] == "fast", 60)
    fleet.hosts[1].hostd.child.send_signal(signal.SIGSTOP)  # It is connected, and does nothing.
    try:
        drain(api, "h1")
        wait_until("a move", lambda: progress(api, "h1")["left"][0]["reason"] == "moving", 30)
        wait_until("it to come to nothing", lambda: progress(api, "h1")["left"][0]["reason"] not in ("moving", "waiting"), 120)
        look(api, box)
        assert now(api, box)["host_name"] == "h1"
    finally:
        fleet.hosts[1].hostd.child.send_signal(signal.SIGCONT)
    wait_until("h1 to be drained", lambda: is_drained(api, "h1"), 180)
    seen_moved(api, box)
    leaves_nothing(fleet, "h1")
