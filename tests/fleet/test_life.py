"""The main job, end to end, on two hosts."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet import check_clock, run, wait_until


def all_vms(api):
    """Of all hosts: one that is slow to say is left out, and named."""
    return wait_until("all hosts to tell", lambda: [reply for reply in [api.ok("GET", "/v1/vms")] if "host_errors" not in reply], 60)[0]["vms"]


def test_create_run_stop_start_destroy_on_two_hosts_at_once(fleet):
    def life(number):
        api = fleet.api()
        sandbox = api.create(vm_name=f"life-{number}", cpu=1, memory_mb=256, labels={"n": str(number)})
        ident = sandbox["id"]
        assert sandbox["state"] == "RUNNING"
        assert api.run(ident, "echo kept > /home/sandbox/file; sync; id -un")["stdout"] == "sandbox\n"
        api.ok("POST", f"/v1/sandboxes/{ident}/stop", {})
        assert api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "STOPPED"
        status, reply = api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true"})
        assert (status, reply["code"]) == (409, 409)
        api.ok("POST", f"/v1/sandboxes/{ident}/start")
        assert api.run(ident, "cat /home/sandbox/file")["stdout"] == "kept\n"
        gone = api.destroy(ident)
        assert gone["state"] == "DESTROYED"
        assert gone["sandbox_name"] == f"life-{number}"
        assert api.call("DELETE", f"/v1/sandboxes/{ident}")[0] == 404
        after = api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]
        assert after["state"] == "DESTROYED" and after["deleted_at"]
        return sandbox["host_name"]

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(life, (1, 2))) == ["h1", "h2"], "two sandboxes spread over two hosts"


def test_a_stop_while_a_create_boots_ends_the_create_and_keeps_the_sandbox(fleet, api):
    for _ in range(5):
        with ThreadPoolExecutor(1) as pool:
            made = pool.submit(fleet.api().call, "POST", "/v1/sandboxes",
                               {"image": "tiny", "agent_id": "a", "auto_start": True, "memory_mb": 160})
            wait_until("the boot", lambda: any(s["phase"] == "starting" for s in api.sandboxes())
                       and any(host.qemu_pids() for host in fleet.hosts) or made.done(), 30)
            sandbox = api.sandboxes()[0]
            api.ok("POST", f"/v1/sandboxes/{sandbox['id']}/stop", {"force": True})
            status, reply = made.result()
        if status != 201:
            break
        api.destroy(sandbox["id"])  # It had booted before it was stopped.
    assert (status, reply["reason"]) == (409, "stopped"), reply
    after = api.ok("GET", f"/v1/sandboxes/{sandbox['id']}")["sandbox"]
    assert (after["state"], after["host_name"]) == ("STOPPED", sandbox["host_name"])
    api.ok("POST", f"/v1/sandboxes/{sandbox['id']}/start")
    assert api.run(sandbox["id"], "echo alive")["stdout"] == "alive\n"


def test_a_paused_sandbox_keeps_its_memory_and_its_commands_and_wakes_for_the_next(fleet, api):
    host, ident = fleet.hosts[0], api.create(host="h1")["id"]
    api.run(ident, "echo kept > /dev/shm/memory")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(fleet.api().run, ident, "echo begun > /dev/shm/begun; "
                           "while [ ! -e /dev/shm/go ]; do sleep 0.1; done; echo went", timeout_sec=60)
        wait_until("the command", lambda: api.run(ident, "cat /dev/shm/begun 2>/dev/null")["stdout"], 20)
        paused, since = api.ok("POST", f"/v1/sandboxes/{ident}/pause")["sandbox"], time.monotonic()
        assert (paused["state"], paused["phase"]) == ("RUNNING", "paused")
        assert host.inside("virsh", "-q", "-c", "qemu:///system", "domstate", ident).stdout.strip() == "paused"
        host.restart_hostd()  # What is paused stays so, and is known as that.
        fleet.wait_ready(2)
        assert api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["phase"] == "paused"
        wait_until("more time than its clock may be off", lambda: time.monotonic() - since > 6, 20)
        assert not slow.done()
        # It is woken by a command, and goes on where it was.
        assert api.run(ident, "cat /dev/shm/memory; touch /dev/shm/go", timeout_sec=60)["stdout"] == "kept\n"
        assert slow.result()["stdout"] == "went\n"
    check_clock(api, ident)
    api.ok("POST", f"/v1/sandboxes/{ident}/pause")
    assert api.ok("POST", f"/v1/sandboxes/{ident}/resume")["sandbox"]["phase"] == "running"
    api.ok("POST", f"/v1/sandboxes/{ident}/pause")
    api.ok("POST", f"/v1/sandboxes/{ident}/stop")  # It powers off cleanly: it is let go on for that.
    assert api.call("POST", f"/v1/sandboxes/{ident}/pause")[0] == 409
    assert api.call("POST", f"/v1/sandboxes/{ident}/resume")[0] == 409


def test_a_life_is_extended(fleet, api):
    ident = api.create(ttl_seconds=600)["id"]
    before = api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["expires_at"]
    longer = api.ok("POST", f"/v1/sandboxes/{ident}/extend", {"ttl_seconds": 3600})["sandbox"]
    assert longer["ttl_seconds"] == 3600 and longer["expires_at"] > before
    status, reply = api.call("POST", f"/v1/sandboxes/{ident}/extend", {"ttl_seconds": 0})
    assert status == 400 and reply["errors"][0]["field"] == "ttl_seconds"
    api.ok("POST", f"/v1/sandboxes/{ident}/extend", {"ttl_seconds": 1})
    wait_until("its end", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "DESTROYED", 60)


def test_every_command_is_kept_with_its_outcome(fleet, api):
    ident = api.create()["id"]
    good = api.run(ident, "echo out; echo err >&2; exit 3", env={"A": "b c"}, cwd="/tmp")
    assert (good["stdout"], good["stderr"], good["exit_code"]) == ("out\n", "err\n", 3)
    assert sum(len(host.channels()) for host in fleet.hosts) == 1, "leftovers() looks for what it would not see"
    assert api.run(ident, 'echo "$A"; pwd', env={"A": "b c"}, cwd="/tmp")["stdout"] == "b c\n/tmp\n"
    page = api.ok("GET", f"/v1/sandboxes/{ident}/commands?limit=1")
    assert page["total"] == 2 and len(page["commands"]) == 1
    both = api.ok("GET", f"/v1/sandboxes/{ident}?include_commands=true")["commands"]
    assert [c["exit_code"] for c in both] == [0, 3]


def test_the_sandboxs_environment_is_in_each_command_and_the_commands_own_goes_before_it(api):
    ident = api.create(env={"ONE": "it's \"one\"", "TWO": "two"})["id"]
    shown = 'echo "$ONE,$TWO,$THREE"'
    assert api.run(ident, shown)["stdout"] == "it's \"one\",two,\n"
    assert api.run(ident, shown, env={"TWO": "2", "THREE": "3"})["stdout"] == "it's \"one\",2,3\n"
    assert api.run(ident, shown, user="root")["stdout"] == "it's \"one\",two,\n"


def test_the_audit_has_an_intent_before_each_outcome(fleet, api):
    ident = api.create()["id"]
    api.run(ident, "true")
    api.destroy(ident)
    rows = fleet.postgres.sql(f"SELECT kind, action, result FROM audit WHERE target LIKE '%{ident}%' ORDER BY seq")
    kinds = [(row[0], row[1]) for row in rows]
    for action in ("sandbox.create", "sandbox.destroy"):
        assert kinds.index(("intent", action)) < kinds.index(("outcome", action))
    with pytest.raises(Exception, match="append-only|refused|permission|not allowed"):
        try:
            fleet.postgres.sql("DELETE FROM audit")
        except Exception as error:
            raise Exception(error.stderr) from None


FOREIGN = """<domain type='qemu'>
  <name>somebodys-vm</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
    <source file='{disk}'/><target dev='vda' bus='virtio'/></disk></devices>
</domain>"""


def test_somebody_elses_vm_is_shown_refused_and_left_alone(fleet, api):
    host = fleet.hosts[0]
    disk, xml = host.base / "somebodys.qcow2", host.base / "somebodys.xml"
    run("qemu-img", "create", "-q", "-f", "qcow2", disk, "16M")
    xml.write_text(FOREIGN.format(disk=disk))

    def virsh(*argv):
        return host.inside("virsh", "-q", "-c", "qemu:///system", *argv).stdout

    def seen():
        about = disk.stat()  # But when it was read last.
        return (virsh("dumpxml", "somebodys-vm"), (about.st_ino, about.st_mode, about.st_uid, about.st_size, about.st_mtime_ns, about.st_ctime_ns),
                disk.read_bytes(), host.qemu_pids("somebodys-vm"))

    def check(state):
        [vm] = all_vms(api)
        assert (vm["name"], vm["host_name"], vm["persistent"]) == ("somebodys-vm", "h1", True)
        assert vm["uuid"] == virsh("domuuid", "somebodys-vm").strip() and vm["state"].lower().startswith(state), vm
        before = seen()
        for extra in ({}, {"host": "h1"}):
            status, reply = api.call("POST", "/v1/sandboxes", {"source_vm_name": "somebodys-vm", "agent_id": "a", **extra})
            assert (status, reply["reason"]) == (403, "vm_not_importable"), reply
            assert "somebodys-vm" in reply["error"] and "h1" in reply["error"]
        assert api.call("GET", "/v1/sandboxes/somebodys-vm")[0] in (400, 404)
        assert api.call("DELETE", "/v1/sandboxes/somebodys-vm")[0] in (400, 404)
        assert api.sandboxes() == []
        assert seen() == before

    virsh("define", xml)
    try:
        check("shut")
        virsh("start", "somebodys-vm")
        check("running")
        was = seen()
        # Nor does a hostd that reads its domains back take it for its own.
        host.restart_hostd()
        fleet.wait_ready(2)
        check("running")
        assert seen() == was
    finally:
        host.inside("virsh", "-q", "-c", "qemu:///system", "destroy", "somebodys-vm", check=False)
        virsh("undefine", "somebodys-vm")


def test_an_address_is_discovered_and_shown(fleet, api):
    sandbox = api.create(wait_for_ip=True)
    address = api.ok("GET", f"/v1/sandboxes/{sandbox['id']}/ip")["ip_address"]
    # The lease says so first; the guest's client puts it on a moment later.
    wait_until("the guest to have the address", lambda: f" {address}/" in api.run(
        sandbox["id"], "ip -4 -o addr show dev eth0", user="root")["stdout"], 20)
    assert api.ok("GET", f"/v1/sandboxes/{sandbox['id']}")["sandbox"]["ip_address"] == address
    # A start that does not wait for the address forgets none.
    assert api.ok("POST", f"/v1/sandboxes/{sandbox['id']}/start", {})["ip_address"] == address
    assert api.ok("GET", f"/v1/sandboxes/{sandbox['id']}")["sandbox"]["ip_address"] == address


def test_a_sandbox_without_network_runs_commands_and_has_no_address(fleet, api):
    ident = api.create(network_mode="none")["id"]
    assert api.run(ident, "ls /sys/class/net")["stdout"].split() == ["lo"]
    status, reply = api.call("GET", f"/v1/sandboxes/{ident}/ip")
    assert (status, reply["reason"]) == (409, "no_network")


def test_a_ttl_ends_a_sandbox_in_any_state(fleet, api):
    running = api.create(ttl_seconds=45)["id"]
    never_started = api.create(auto_start=False, ttl_seconds=8)["id"]
    for ident in (running, never_started):
        wait_until("the janitor", lambda i=ident: api.ok("GET", f"/v1/sandboxes/{i}")["sandbox"]["state"] == "DESTROYED", 60)


def test_a_guest_that_powers_off_is_stopped_and_starts_again(fleet, api):
    ident = api.create()["id"]
    api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "poweroff -f", "user": "root", "timeout_sec": 10})
    wait_until("STOPPED", lambda: api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["state"] == "STOPPED", 30)
    api.ok("POST", f"/v1/sandboxes/{ident}/start")
    assert api.run(ident, "echo back")["stdout"] == "back\n"


def test_twenty_sandboxes_on_one_host_each_answer(fleet):
    def one(number):
        api = fleet.api(timeout=800)
        status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "tests", "auto_start": True,
                                                           "host": "h1", "vm_name": f"many-{number}", "memory_mb": 160})
        # Emulated, on a busy machine, twenty may need longer than one is waited for: run waits on.
        assert status == 201 or (status, reply["reason"]) == (504, "boot_timeout"), reply
        [sandbox] = api.ok("GET", f"/v1/sandboxes?vm_name=many-{number}")["sandboxes"]
        return api.run(sandbox["id"], f"echo {number}", timeout_sec=600)["stdout"]

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(one, range(20))) == [f"{n}\n" for n in range(20)]


def test_hosts_say_what_they_are_and_images_what_they_hold(fleet, api):
    hosts = api.ok("GET", "/v1/hosts")["hosts"]
    assert [h["name"] for h in hosts] == ["h1", "h2"]
    for host in hosts:
        assert host["accel"] in ("kvm", "tcg") and host["accel_reason"]
        assert host["capacity_memory_mb"] == 9000
    image = api.ok("GET", "/v1/images/tiny")["image"]
    assert len(image["digest"]) == 64 and sorted(image["hosts"]) == ["h1", "h2"]
    assert all_vms(api) == []


def test_a_request_is_followed_by_its_id_wherever_it_goes(fleet, api):
    host, request = fleet.hosts[0], f"trace-{os.getpid()}.a_B"
    body = {"image": "tiny", "agent_id": "tests", "auto_start": True, "host": "h1", "pool": "skip"}
    status, reply = api.call("POST", "/v1/sandboxes", body, headers={"X-Request-ID": request})
    assert status == 201 and api.last_headers["X-Request-ID"] == request, reply
    ident = reply["sandbox"]["id"]
    assert request in (fleet.base / "coordinator.log").read_text()
    assert f"'create' for request {request}, as op-" in (host.base / "hostd.log").read_text()
    assert f"request='{request}'" in host.inside("virsh", "-q", "-c", "qemu:///system", "dumpxml", ident).stdout.replace('"', "'")
    rows = api.ok("GET", f"/v1/audit?request_id={request}")["rows"]
    assert [(row["kind"], row["action"], row["target"]) for row in rows] == [
        (kind, "sandbox.create", ident) for kind in ("outcome", "intent")]
