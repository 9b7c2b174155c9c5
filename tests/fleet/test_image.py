"""Images: the tiny one is made the same each time; stock ones work through qemu-guest-agent."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from fleet import ROOT, run, wait_until


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
    wait_until("Debian to boot", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "RUNNING", 240)
    assert api.run(ident, "id -un; . /etc/os-release; echo $ID")["stdout"] == "sandbox\ndebian\n"
    api.ok("POST", f"/v1/sandboxes/{ident}/stop", {})


def test_a_stock_image_works_through_qemu_guest_agent(fleet, debian):
    api = fleet.api(timeout=400)
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "debian-qga", "agent_id": "a", "auto_start": True})
    assert status in (201, 504), reply
    ident = api.sandboxes()[0]["id"]
    wait_until("Debian to boot", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "RUNNING", 240)
    reply = api.run(ident, 'id -un; echo "$A" >&2; pwd; exit 3', env={"A": "it's"}, cwd="/tmp", timeout_sec=60)
    assert (reply["stdout"], reply["stderr"], reply["exit_code"]) == ("sandbox\n/tmp\n", "it's\n", 3)
    assert api.run(ident, "id -u", user="root", timeout_sec=60)["stdout"] == "0\n"
    assert api.run(ident, "cat", stdin="through\n", timeout_sec=60)["stdout"] == "through\n"
    status, reply = api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "id", "user": "nobody-here"})
    assert (status, reply["reason"]) == (422, "unknown_user")
    reply = api.run(ident, "sleep 300", timeout_sec=4)
    assert reply["timed_out"]
    assert api.run(ident, "pgrep -c '^sleep' || true", user="root", timeout_sec=60)["stdout"].strip() == "0"
