"""Defects that the predecessors had, where no other test would see them come back: docs/predecessors.md has the table."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import escape

import pytest

from files import Files
from fleet import Fleet, run, wait_until
from live import Events, written
from terminals import Terminals
from test_hostile_requests import Described

SECRET = "correct-horse-77"
TRACE = "a-shell-has-read-it"
# A shell that is given this bare, in quotes or in double quotes runs touch. libvirt takes it for a name.
HOSTILE = f"vm';touch {TRACE};'\";touch {TRACE};\"$(touch {TRACE})"
FOREIGN = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
    <source file="{disk}"/><target dev='vda' bus='virtio'/></disk></devices>
</domain>"""


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image) as fleet:
        fleet.hosts[0].reconfigure(importable_vms="['vm*']")
        yield fleet


def one_box(api):
    return api.create(auto_start=False)["id"]


def rows(fleet):
    """Of all tables, but of who leads and when hosts were last seen."""
    tables = [name for name, in fleet.postgres.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") if name not in ("leader", "hosts")]
    assert {"sandboxes", "operations", "commands", "audit", "request_keys"} <= set(tables)
    return {name: fleet.postgres.sql(f"SELECT t::text FROM {name} t ORDER BY 1") for name in tables}


ACCESS = {"sandbox_id": "{id}", "user_id": "u", "public_key": "ssh-ed25519 AAAA u", "ttl_minutes": 1}
ASK = {"prompt": "May I?", "timeout_secs": 1}
NOT_BUILT = [
    # Its snapshots were ignored.
    ("POST", "/v1/sandboxes/{id}/diff", {"from_snapshot": "base", "to_snapshot": "current"}),
    # They were not mounted, and what they gave opened every sandbox.
    ("POST", "/v1/sandboxes/{id}/sshkey", {"public_key": "ssh-ed25519 AAAA u", "username": "sandbox"}),
    ("POST", "/v1/access/request", ACCESS),
    ("GET", "/v1/access/ca-pubkey", None),
    ("GET", "/v1/access/certificates", None),
    ("GET", "/v1/access/certificate/cert-1", None),
    ("DELETE", "/v1/access/certificate/cert-1", None),
    ("POST", "/v1/access/session/start", {"certificate_id": "cert-1"}),
    ("POST", "/v1/access/session/end", {"session_id": "ses-1"}),
    ("GET", "/v1/access/sessions", None),
    # Nobody had to ask.
    ("POST", "/v1/human/ask", ASK),
    ("POST", "/v1/human/ask-async", ASK),
    ("GET", "/v1/human/pending", None),
    ("GET", "/v1/human/pending/ask-1", None),
    ("DELETE", "/v1/human/pending/ask-1", None),
    ("POST", "/v1/human/respond", {"request_id": "ask-1", "approved": True}),
    ("GET", "/v1/approvals", None),
    ("POST", "/v1/approvals/ask-1", {"approved": True}),
]


def test_what_is_not_built_wants_a_token_says_so_and_changes_nothing(fleet, api):
    """Who builds one of these takes it from here, and gives docs/predecessors.md the test of the defect itself."""
    box = one_box(api)
    before = api.ok("GET", f"/v1/sandboxes/{box}"), rows(fleet)
    for method, path, body in NOT_BUILT:
        path, raw = path.replace("{id}", box), body and json.dumps(body).replace("{id}", box).encode()
        for key in ({}, {"Idempotency-Key": "once"}):
            headers = {"Content-Type": "application/json", **key} if raw else {}
            status, reply = api.call(method, path, raw=raw, headers={**headers, "Authorization": ""})
            assert (status, reply["reason"]) == (401, "unauthenticated"), (method, path, reply)
            status, reply = api.call(method, path, raw=raw, headers=headers)
            assert (status, reply["reason"]) == (501, "not_yet"), (method, path, reply)
    assert (api.ok("GET", f"/v1/sandboxes/{box}"), rows(fleet)) == before


def test_an_unknown_id_is_404_on_every_route(fleet, api):
    described, box = Described(api.ok("GET", "/openapi.json")), one_box(api)
    unknown = {"id": "sbx-aaaaaaaaaaaaaaaa", "eid": "cmd-aaaaaaaaaaaaaaaa", "digest": "0" * 64, "pane": "%250", "window": "@0"}
    tried = 0
    for method, path, operation in described.operations():
        if "{" not in path or "x-not-built" in operation or (method, path) == ("put", "/v1/images/blobs/{digest}"):
            continue  # The last one makes what is not there.
        parameters = [described.resolved(part) for part in operation.get("parameters", [])]
        query = "&".join(f"{p['name']}={quote(p['example'])}" for p in parameters if p["in"] == "query" and p.get("required"))
        body = described.body(operation)
        targets = [path]
        if "/snapshots/{name}" in path or "{eid}" in path:
            targets.append(path.replace("{id}", box))  # Only the other one is unknown.
        for target in targets:
            for part in parameters:
                if part["in"] == "path":
                    target = target.replace("{" + part["name"] + "}", unknown.get(part["name"], "no-such"))
            headers = {} if body else {"Content-Type": "application/octet-stream"} if "requestBody" in operation else {}
            status, reply = api.call(method.upper(), f"{target}?{query}", body and body[1], headers, b"x" if headers else None)
            assert (status, reply["code"]) == (404, 404), (method, target, reply)
            tried += 1
    assert tried > 60


def whole_life(fleet, host):
    """All that can be asked of a sandbox, of one on this host. What it holds is its host's alone."""
    api, word = fleet.api(), f"{host.name}\n"
    made = api.create(host=host.name, memory_mb=160, wait_for_ip=True)
    ident, address = made["id"], made["ip_address"]
    path = f"/v1/sandboxes/{ident}"
    assert made["host_name"] == host.name and ident in host.domains()
    api.run(ident, f"echo {host.name} > /home/sandbox/word; echo {host.name} > /dev/shm/word; sync")

    def remembers(one=ident):
        return api.run(one, "cat /dev/shm/word", timeout_sec=60)["stdout"]

    files, terminals = Files(api, ident), Terminals(api, ident)
    assert files.get("/home/sandbox/word")[2] == word.encode()
    assert files.put("/home/sandbox/up", word.encode())[0] == 201
    assert files.do("read", path="/home/sandbox/up")["content"] == word
    events = Events(api, f"{path}/exec", {"cmd": ["cat", "/home/sandbox/up"]})
    assert written(events.until("exit")) == word.encode()
    events.close()
    pane = terminals.create("one", command="cat /home/sandbox/up; read x")
    terminals.shows(pane, host.name)
    assert api.ok("GET", f"{path}/metrics")["running"]
    assert "data" in api.ok("GET", f"{path}/logs")
    assert api.ok("GET", f"{path}/ip")["ip_address"] == address
    api.ok("POST", f"{path}/extend", {"ttl_seconds": 3600})
    for step in ("pause", "resume", "suspend", "resume"):
        api.ok("POST", f"{path}/{step}")
    assert remembers() == word
    api.ok("POST", f"{path}/snapshots", {"name": "then"}, expect=(201,))
    assert api.ok("POST", f"{path}/snapshots/then/verify")["verified"]
    [child] = api.ok("POST", f"{path}/fork", {"count": 1, "from_snapshot": "then"})["children"]
    child = child["sandbox"]
    assert child["host_name"] == host.name and child["id"] in host.domains() and remembers(child["id"]) == word
    api.destroy(child["id"])
    api.run(ident, "echo later > /dev/shm/word")
    api.ok("POST", f"{path}/snapshots/then/restore")
    assert remembers() == word
    # It is started without waiting for the address, and has it again as soon as its host knows; each further start leaves it.
    api.ok("POST", f"{path}/stop", {"force": True})
    api.ok("POST", f"{path}/start", {})
    assert api.ok("GET", f"{path}/ip")["ip_address"] == address
    assert api.ok("POST", f"{path}/start", {})["ip_address"] == address
    assert api.ok("GET", path)["sandbox"]["ip_address"] == address
    api.ok("POST", f"{path}/restart", {"timeout_sec": 30})
    assert api.run(ident, "cat /home/sandbox/up", timeout_sec=60)["stdout"] == word
    assert api.ok("GET", f"{path}/snapshots")["total"] == 1
    api.destroy(ident)  # With its snapshot.
    assert not {ident, child["id"]} & set(host.domains())
    return host.name


def test_each_host_does_whatever_is_asked_of_a_sandbox(fleet):
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda host: whole_life(fleet, host), fleet.hosts)) == ["h1", "h2"]


def left_by_a_shell(fleet):
    """Below any of the daemons: it begins in their folder."""
    folders = {Path(f"/proc/{one.pid}/cwd").resolve() for one in (fleet.coordinator, *(host.hostd for host in fleet.hosts))}
    found = [path for folder in folders if (path := folder / TRACE).exists()]
    for path in found:
        path.unlink()
    return found


def test_the_name_of_a_vm_is_read_by_no_shell(fleet, api, tmp_path):
    for command in (f"true {HOSTILE}", f"true '{HOSTILE}'", f'true "{HOSTILE}"'):
        run("sh", "-c", command, cwd=tmp_path, check=False)
        (tmp_path / TRACE).unlink()
    host = fleet.hosts[0]
    folder = host.base / HOSTILE
    folder.mkdir()
    run("qemu-img", "create", "-q", "-f", "qcow2", folder / "disk", "1M")
    definition = host.base / "hostile.xml"
    definition.write_text(FOREIGN.format(name=escape(HOSTILE), disk=escape(f"{folder}/disk", {'"': "&quot;"})))
    host.inside("virsh", "-q", "-c", "qemu:///system", "define", definition)
    try:
        wait_until("the hosts to tell of it", lambda: HOSTILE in [vm["name"] for vm in api.ok("GET", "/v1/vms")["vms"]], 20)
        for field in ("source_vm_name", "vm_name", "image"):
            body = {"agent_id": "a", **({"image": "tiny"} if field == "vm_name" else {}), field: HOSTILE}
            status, reply = api.call("POST", "/v1/sandboxes", body)
            assert (status, [error["field"] for error in reply["errors"]]) == (400, [field]), reply
        # It may be imported all the same: its name and its disk's path come to all that is run for that.
        made = api.ok("POST", "/v1/images", {"name": "odd", "from_vm": HOSTILE, "agent": "none"}, expect=(201,))["image"]
        assert made["from_vm"] == HOSTILE
        api.ok("DELETE", "/v1/images/odd")
    finally:
        host.inside("virsh", "-q", "-c", "qemu:///system", "undefine", HOSTILE)
    assert left_by_a_shell(fleet) == []


def test_the_databases_password_is_told_nowhere(fleet):
    was = {key: fleet.postgres.url(role) for key, role in (("database_url", "paddock"), ("database_owner_url", "paddock_owner"))}
    told = []  # (where, what)

    def ask(*paths, expect):
        for path in paths:
            status, reply = fleet.api().call("GET", path)
            assert status == expect, (path, reply)
            told.append((path, str(reply)))

    fleet.configure_coordinator(**{key: f"{url} password={SECRET}" for key, url in was.items()})
    try:
        fleet.restart_coordinator()
        ask("/readyz", "/version", "/metrics", expect=200)
        told.append(("audit verify", fleet.verify_audit()))
        fleet.postgres.stop()
        try:
            wait_until("readyz to say so", lambda: fleet.api().call("GET", "/readyz")[0] == 503, 20)
            ask("/readyz", "/v1/audit", expect=503)
            fleet.coordinator.kill()
            before = fleet.coordinator.log.read_text().count("trying again")
            fleet.start_coordinator()  # What it says when it cannot begin.
            wait_until("a try", lambda: fleet.coordinator.log.read_text().count("trying again") > before, 30)
        finally:
            fleet.postgres.start()
        fleet.wait_ready(2)
        told += [(path, path.read_text(errors="replace")) for path in (fleet.coordinator.log, *(host.hostd.log for host in fleet.hosts))]
        told.append(("its arguments", Path(f"/proc/{fleet.coordinator.pid}/cmdline").read_text()))
    finally:
        fleet.configure_coordinator(**was)
    assert [where for where, what in told if SECRET in what] == []
