"""Images of somebody else's VMs: read, where their operator says so, and nothing else."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import Fleet, run, wait_until

GOLD = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>160</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{folder}/kernel</kernel><initrd>{folder}/initrd</initrd><cmdline>{cmdline}</cmdline></os>
  <cpu mode='custom'><model>qemu64</model></cpu>
  <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{folder}/disk.qcow2'/><target dev='vda' bus='virtio'/></disk>
  {more}</devices>
</domain>"""


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1) as fleet:
        fleet.hosts[0].reconfigure(importable_vms="[gold*]")
        yield fleet


class Vm:
    """One that nobody here has made."""

    def __init__(self, host, image, name, more=""):
        self.host, self.name, self.folder = host, name, host.base / name
        shutil.copytree(image, self.folder)
        self.disk = self.folder / "disk.qcow2"
        about = json.loads((image / "image.json").read_text())
        definition = self.folder / "domain.xml"
        definition.write_text(GOLD.format(name=name, folder=self.folder, cmdline=about["cmdline"], more=more))
        self.virsh("define", definition)

    def virsh(self, *argv, **options):
        return self.host.inside("virsh", "-q", "-c", "qemu:///system", *argv, **options).stdout

    def seen(self):
        """All of it, but for when it was read last."""
        about = self.disk.stat()
        return (self.virsh("dumpxml", self.name), (about.st_ino, about.st_mode, about.st_uid, about.st_gid, about.st_size, about.st_mtime_ns,
                                                   about.st_ctime_ns), self.disk.read_bytes(), self.host.qemu_pids(self.name))

    def close(self):
        self.virsh("destroy", self.name, check=False)
        self.virsh("undefine", self.name)
        shutil.rmtree(self.folder)


@pytest.fixture
def vm(fleet, image):
    made = []

    def make(name, more=""):
        made.append(Vm(fleet.hosts[0], image, name, more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(autouse=True)
def no_image_leaks(fleet, api, nothing_leaks):
    folder = fleet.hosts[0].state / "images"
    before = {path.name for path in folder.iterdir()}
    yield
    for sandbox in api.sandboxes():
        api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    for image in api.ok("GET", "/v1/images")["images"]:
        if "from_vm" in image:
            wait_until(f"{image['name']} to be removed", lambda: api.call("DELETE", f"/v1/images/{image['name']}")[0] in (200, 404), 30)
    assert {path.name for path in folder.iterdir()} == before


def refused(api, method, path, body):
    status, reply = api.call(method, path, body)
    return status, reply.get("reason")


def of_vm(api, name, vm="gold", **fields):
    return api.ok("POST", "/v1/images", {"name": name, "from_vm": vm, "agent": "paddock", **fields}, expect=(201,))["image"]


def boots(api, image):
    ident = api.create(image=image)["id"]
    assert api.run(ident, "echo hello")["stdout"] == "hello\n"
    return ident


def test_an_image_is_made_of_one_that_is_shut_off_and_leaves_it_as_it_was(fleet, api, vm):
    gold = vm("gold")
    before = gold.seen()
    made = of_vm(api, "of-gold", host="h1")
    assert (made["from_vm"], made["hosts"], made["boot"], made["agent"], made["default_cpu"], made["default_memory_mb"]) == \
        ("gold", ["h1"], "kernel", "paddock", 1, 160)
    assert gold.seen() == before
    boots(api, "of-gold")
    assert gold.seen() == before
    assert refused(api, "POST", "/v1/images", {"name": "of-gold", "from_vm": "gold"}) == (409, "image_exists")
    assert refused(api, "POST", "/v1/images", {"name": "x", "from_vm": "no-such"}) == (404, "unknown_vm")
    assert refused(api, "POST", "/v1/images", {"name": "x", "from_vm": "gold", "host": "h7"}) == (404, "unknown_vm")


def test_of_one_that_runs_it_is_what_its_disk_holds_at_one_moment(fleet, api, vm):
    gold = vm("gold", "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>")
    gold.virsh("start", "gold")
    _, _, _, pids = before = gold.seen()
    made = of_vm(api, "of-running")
    # No file of its QEMU's any more.
    disk = fleet.hosts[0].state / "images" / made["name"] / "disk.qcow2"
    assert (disk.stat().st_uid, disk.stat().st_mode & 0o777) == (0, 0o644)
    assert sorted(path.name for path in disk.parent.iterdir()) == ["disk.qcow2", "initrd", "kernel", "manifest.json"]
    boots(api, "of-running")
    assert gold.seen()[0] == before[0] and gold.seen()[3] == pids and len(pids) == 1
    assert gold.virsh("domstate", "gold").strip() == "running"
    assert "Job type" not in gold.virsh("domjobinfo", "gold") or "None" in gold.virsh("domjobinfo", "gold")
    # As a source of a sandbox it has to be shut off: the answer says what else there is.
    status, reply = api.call("POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"})
    assert (status, reply["reason"]) == (409, "vm_running") and "from_vm" in reply["error"], reply


def test_a_sandbox_of_a_vm_is_of_an_image_that_is_made_once(fleet, api, vm):
    gold = vm("gold")
    before = gold.seen()
    first = api.ok("POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"})["sandbox"]
    assert first["image"] == "vm-gold-h1"
    digest = api.ok("GET", "/v1/images/vm-gold-h1")["image"]["digest"]
    registered = api.ok("GET", "/v1/images/vm-gold-h1")["image"]["registered_at"]
    second = api.ok("POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"})["sandbox"]
    now = api.ok("GET", "/v1/images/vm-gold-h1")["image"]
    assert (second["image"], now["digest"], now["registered_at"]) == ("vm-gold-h1", digest, registered)
    assert gold.seen() == before
    # What its disk holds has changed: it is made anew, once nothing lies on what it was.
    run("qemu-io", "-f", "qcow2", "-c", "write -P 7 0 4096", gold.disk)
    assert refused(api, "POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"}) == (409, "image_in_use")
    for one in (first, second):
        api.ok("DELETE", f"/v1/sandboxes/{one['id']}")
    third = wait_until("it to be made anew", lambda: (lambda got: got[1] if got[0] == 201 else None)(
        api.call("POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"})), 30)["sandbox"]
    assert third["image"] == "vm-gold-h1" and api.ok("GET", "/v1/images/vm-gold-h1")["image"]["digest"] != digest


def test_what_its_operator_has_not_opened_or_cannot_be_copied_is_refused(fleet, api, vm):
    closed = vm("closed")
    before = closed.seen()
    for path, body in (("/v1/images", {"name": "x", "from_vm": "closed"}), ("/v1/sandboxes", {"source_vm_name": "closed", "agent_id": "a"})):
        status, reply = api.call("POST", path, body)
        assert (status, reply["reason"]) == (403, "vm_not_importable") and "importable_vms" in reply["error"], reply
    assert closed.seen() == before
    second = "<disk type='file' device='disk'><source file='{0}'/><target dev='vdb' bus='virtio'/></disk>".format(closed.disk)
    vm("gold-two", second)
    assert refused(api, "POST", "/v1/images", {"name": "x", "from_vm": "gold-two"}) == (409, "vm_unsupported")
    gone = vm("gold-gone")
    shutil.move(gone.disk, gone.folder / "elsewhere")
    status, reply = api.call("POST", "/v1/images", {"name": "x", "from_vm": "gold-gone"})
    assert (status, reply["reason"]) == (409, "vm_unsupported"), reply
    shutil.move(gone.folder / "elsewhere", gone.disk)


def test_two_at_once_make_one_image(fleet, api, vm):
    vm("gold")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(lambda: fleet.api().call("POST", "/v1/sandboxes", {"source_vm_name": "gold", "agent_id": "a"})) for _ in range(2)]
        replies = [one.result() for one in asked]
    assert sorted(status for status, _ in replies) in ([201, 201], [201, 409]), replies


def test_the_command_line_imports(fleet, api, cli, vm):
    vm("gold")
    made = cli.json("images", "import", "by-cli", "gold", "--host", "h1", "--agent", "paddock")["image"]
    assert (made["name"], made["from_vm"]) == ("by-cli", "gold")
    assert cli.ok("images", "rm", "by-cli") == "by-cli deleted\n"
    assert cli("images", "import", "x", "closed-vm").returncode == 116
