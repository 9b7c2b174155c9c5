"""Images: the tiny one is made the same each time; stock ones work through qemu-guest-agent."""

import contextlib
import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from boot_disks import bios_disk, uefi_disk
from fleet import ROOT, run, wait_until
from terminals import Terminals


@pytest.fixture(scope="module")
def debian(fleet):
    """One Debian disk under two names: by our agent as a service, and by qemu-guest-agent."""
    folder = Path(os.environ.get("PADDOCK_DEBIAN", ROOT / "build/debian"))
    host = fleet.hosts[0]
    host.add_image("debian", folder, agent="paddock", memory_mb=768)
    host.add_image("debian-qga", folder, agent="qemu", memory_mb=768)
    api = fleet.api()
    wait_until("the images to be known", lambda: api.call("GET", "/v1/images/debian-qga")[0] == 200, 30)


def test_the_same_inputs_give_the_same_bytes(build, tmp_path):
    digests = []
    for name in ("one", "two"):
        run(ROOT / "tools/build-tiny-image", tmp_path / name, build / "guest/paddock-guest", timeout=300,
            env={**os.environ, "PADDOCK_DOWNLOADS": str(ROOT / "build/downloads")})
        digests.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / name).iterdir()})
    assert digests[0] == digests[1] and "disk.qcow2" in digests[0]


def test_the_manifest_names_every_part(image):
    about = json.loads((image / "image.json").read_text())
    for part, file in (("disk", "disk.qcow2"), ("kernel", "kernel"), ("initrd", "initrd")):
        assert about["sha256"][part] == hashlib.sha256((image / file).read_bytes()).hexdigest()
    assert all(about["versions"].values()), about["versions"]


def test_a_full_debian_runs_our_agent_as_a_service(fleet, debian):
    api = fleet.api(timeout=400)
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "debian", "agent_id": "a", "auto_start": True})
    assert status in (201, 504), reply  # Under emulation it may need longer than boot_timeout.
    ident = api.sandboxes()[0]["id"]
    wait_until("Debian to boot", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "RUNNING", 600)
    assert api.run(ident, "id -un; . /etc/os-release; echo $ID")["stdout"] == "sandbox\ndebian\n"
    check_tmux(api, ident)
    api.ok("POST", f"/v1/sandboxes/{ident}/stop", {})


def test_a_stock_image_works_through_qemu_guest_agent(fleet, debian):
    api = fleet.api(timeout=400)
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "debian-qga", "agent_id": "a", "auto_start": True})
    assert status in (201, 504), reply
    ident = api.sandboxes()[0]["id"]
    wait_until("Debian to boot", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "RUNNING", 600)
    reply = api.run(ident, 'id -un; echo "$A" >&2; pwd; exit 3', env={"A": "it's"}, cwd="/tmp", timeout_sec=60)
    assert (reply["stdout"], reply["stderr"], reply["exit_code"]) == ("sandbox\n/tmp\n", "it's\n", 3)
    assert api.run(ident, "id -u", user="root", timeout_sec=60)["stdout"] == "0\n"
    assert api.run(ident, "cat", stdin="through\n", timeout_sec=60)["stdout"] == "through\n"
    status, reply = api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "id", "user": "nobody-here"})
    assert (status, reply["reason"]) == (422, "unknown_user")
    reply = api.run(ident, "sleep 300", timeout_sec=4)
    assert reply["timed_out"]
    assert api.run(ident, "pgrep -c '^sleep' || true", user="root", timeout_sec=60)["stdout"].strip() == "0"
    check_disk_alone(fleet, api, ident)


def check_tmux(api, ident):
    """Its terminals are those of its own tmux, where a person in the guest finds them."""
    terminals = Terminals(api, ident)
    pane = terminals.create("work", rows=30, cols=100)
    assert "work" in api.run(ident, "tmux -L paddock list-sessions", timeout_sec=60)["stdout"]
    terminals.type(pane, "echo $((6*7)); stty size; echo $TMUX")
    terminals.shows(pane, "42\n30 100\n/tmp/tmux-")
    events = terminals.watch(pane)
    terminals.type(pane, "exit 3")
    assert events.until("ended")[-1].data == {"exit_code": 3}
    terminals.do("DELETE", "sessions/work")
    assert terminals.do("GET", "sessions") == []


def check_disk_alone(fleet, api, ident):
    """What was written and not synced is in a checkpoint of the disk alone."""
    with ThreadPoolExecutor(1) as pool:
        # A command that runs meanwhile is none the worse for it.
        long = pool.submit(fleet.api(timeout=400).run, ident, "mkfifo ~/go; read go < ~/go; echo through",
                           timeout_sec=240)
        wait_until("the command to begin", lambda: api.run(ident, "test -p ~/go", timeout_sec=60)["exit_code"] == 0, 60)
        written = api.run(ident, "echo kept > ~/unsynced; dd if=/dev/urandom of=~/large bs=1M count=4 2>/dev/null; "
                                 "sha256sum < ~/large", timeout_sec=60)["stdout"]
        taken = api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "disk", "memory": False},
                       expect=(201,))["snapshot"]
        assert not taken["frozen"] and not taken["has_memory"] and taken["paused_ms"] > 0, taken
        assert api.run(ident, "echo on > ~/on && sync ~/on && cat ~/on && echo > ~/go",
                       timeout_sec=60)["stdout"] == "on\n"
        assert long.result()["stdout"] == "through\n"
    api.ok("POST", f"/v1/sandboxes/{ident}/stop", {"force": True})
    status, reply = api.call("POST", f"/v1/sandboxes/{ident}/fork", {"count": 1, "from_snapshot": "disk"})
    assert status in (201, 504), reply
    child = next(s["id"] for s in api.sandboxes() if s["id"] != ident)
    wait_until("the clone to boot", lambda: api.ok("GET", f"/v1/sandboxes/{child}")["sandbox"]["state"] == "RUNNING", 600)
    assert api.run(child, "cat ~/unsynced; sha256sum < ~/large; ls ~/on", timeout_sec=60)["stdout"] == "kept\n" + written


def log_of(path):
    """"" while there is none: it is turned over."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def console(host, ident):
    return host.state / "sandboxes" / ident / "console.log"


def create_without_agent(fleet, api, image):
    wait_until("the image to be known", lambda: api.call("GET", f"/v1/images/{image}")[0] == 200, 30)
    sandbox = api.create(image=image, cpu=1, memory_mb=128)
    assert (sandbox["state"], sandbox["host_name"]) == ("RUNNING", "h1")
    status, reply = api.call("POST", f"/v1/sandboxes/{sandbox['id']}/run", {"command": "true"})
    assert (status, reply["reason"]) == (409, "no_agent"), reply
    return sandbox["id"]


def test_a_disk_boots_by_bios_and_the_log_of_a_console_that_floods_is_bounded(fleet, api):
    host = fleet.hosts[0]
    words = "A boot sector was here"
    host.add_disk("bios", bios_disk(words + "\r\n"), "--boot", "bios", "--agent", "none")
    log = console(host, create_without_agent(fleet, api, "bios"))
    wait_until("the console", lambda: log_of(log).count(words) > 2, 120)
    turns = size = most = 0

    def turned_over():
        nonlocal turns, size, most
        files = {}
        for path in log.parent.glob("console.log*"):
            with contextlib.suppress(FileNotFoundError):  # It is taken away for the next one.
                files[path.name] = path.stat().st_size
        before, size = size, files.get(log.name, 0)  # There is none for an instant.
        turns += size < before
        most = max(most, sum(files.values()))
        return turns > 6 and len(files) == 4

    wait_until("the log to turn over", turned_over, 240)
    assert most <= 4 * host.CONSOLE_LOG, most


def test_a_disk_boots_by_uefi(fleet, api):
    host = fleet.hosts[0]
    words = "A UEFI application was here"
    host.add_disk("uefi", uefi_disk(words + "\r\n"), "--boot", "uefi", "--agent", "none")
    log = console(host, create_without_agent(fleet, api, "uefi"))
    wait_until("the console", lambda: words in log_of(log), 180)
