"""Real requests and replies of every operation, against our own description, the published ones and the contract's tables."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from fleet import ROOT, wait_until
from live import Events

NPM = Path(os.environ.get("PADDOCK_NPM", ROOT / "build/npm"))
API = ROOT / "tests/api"
FOREIGN = """<domain type='qemu'><name>somebodys-vm</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""


def check(description, exchanges, *options):
    """(whether all is well, what is said)"""
    # Both have /v1/health, with other words; the first is the one that this API is compatible with.
    compat = [API / "compat/virsh-sandbox-openapi.yaml", API / "compat/tmux-client-openapi.yaml"]
    done = subprocess.run(["node", API / "check_exchanges.js", description, exchanges, *options, *compat],
                          env={**os.environ, "NODE_PATH": str(NPM / "node_modules")}, capture_output=True, text=True,
                          check=False, timeout=300)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def recording(fleet, tmp_path):
    api = fleet.api()
    api.record = tmp_path / "exchanges"
    return api


@pytest.fixture
def description(fleet, tmp_path):
    """As the coordinator serves it."""
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(fleet.api().ok("GET", "/openapi.json")))
    return path


class Stream(Events):
    """One that is recorded when it is closed, as far as it was read."""

    def __init__(self, api, path, body=None, headers=None):
        self.api, self.text = api, ""
        self.sent = ("GET" if body is None else "POST", path, body and json.dumps(body).encode())
        super().__init__(api, path, body, headers)
        assert self.refusal is None, self.refusal

    def __next__(self):
        event = super().__next__()
        self.text += f"event: {event.name}\nid: {event.ident}\ndata: {json.dumps(event.data)}\n\n"
        return event

    def close(self):
        super().close()
        self.api.note(*self.sent, self.reply, self.text.encode())


def see_the_service(api):
    for path in ("/v1/health", "/healthz", "/readyz", "/version", "/metrics", "/openapi.json", "/docs", "/v1/hosts?limit=1",
                 "/v1/hosts/h1", "/v1/images?limit=500&offset=0", "/v1/images/tiny"):
        api.ok("GET", path)
        assert api.call("HEAD", path)[0] == 200


def see_a_foreign_vm(fleet, api):
    host = fleet.hosts[0]
    (host.base / "foreign.xml").write_text(FOREIGN)
    host.inside("virsh", "-q", "-c", "qemu:///system", "define", host.base / "foreign.xml")
    try:
        assert [vm["name"] for vm in api.ok("GET", "/v1/vms")["vms"]] == ["somebodys-vm"]
        assert api.call("POST", "/v1/sandboxes", {"source_vm_name": "somebodys-vm", "agent_id": "a"})[0] == 403
    finally:
        host.inside("virsh", "-q", "-c", "qemu:///system", "undefine", "somebodys-vm")


def make_and_list(api):
    first = api.create(vm_name="one", labels={"team": "blue"}, env={"A": "b"}, ttl_seconds=3600, cpu=1, memory_mb=160, wait_for_ip=True,
                       network_mode="nat", pool="prefer", placement={"host": "h1"}, disk="durable")
    second = api.ok("POST", "/v1/sandboxes", {"source_vm_name": "tiny", "agent_id": "tests", "memory_mb": 0, "cpu": 0, "vm_name": "",
                                              "network_mode": "none", "disk": "ephemeral", "pool": "skip", "host": "h2"})["sandbox"]
    job = first["job_id"]
    for query in ("", "?agent_id=tests&vm_name=one&host=h1&state=RUNNING&base_image=tiny&label=team%3Dblue&limit=2&offset=0",
                  f"?job_id={job}", "?state=DESTROYED"):
        api.ok("GET", f"/v1/sandboxes{query}")
    return first["id"], second["id"]


def run_commands(api, ident):
    api.ok("POST", f"/v1/sandboxes/{ident}/run",
           {"command": "cat; exit 3", "stdin": "x", "user": "root", "cwd": "/", "env": {"B": "c"}, "timeout_sec": 30,
            "private_key_path": "/k"})
    api.ok("POST", f"/v1/sandboxes/{ident}/command", {"command": "printf '\\377'", "user": "", "timeout_sec": 0})
    api.ok("GET", f"/v1/sandboxes/{ident}/commands?limit=1&offset=1")
    api.ok("GET", f"/v1/sandboxes/{ident}?include_commands=true")
    api.ok("GET", f"/v1/sandboxes/{ident}/ip")
    assert api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true", "user": "nobody-knows"})[0] == 422


def run_live(api, ident):
    path = f"/v1/sandboxes/{ident}/exec"
    piped = Stream(api, path, {"cmd": ["sh", "-c", "printf '\\377'; cat >&2; exit 3"], "user": "root", "cwd": "/", "env": {"B": "c"},
                               "stdin": True, "timeout_sec": 60})
    one = f"{path}/{next(piped).data['exec']['id']}"
    api.ok("POST", f"{one}/stdin", {"data": "text\n"})
    api.ok("POST", f"{one}/stdin", {"data_base64": "/w==", "eof": True})
    assert {event.name for event in piped.until("exit")} >= {"stdout", "stderr"}
    piped.close()
    terminal = Stream(api, path, {"cmd": ["sleep", "1000"], "pty": True, "rows": 30, "cols": 100})
    two = f"{path}/{next(terminal).data['exec']['id']}"
    api.ok("POST", f"{two}/resize", {"rows": 40, "cols": 120})
    api.ok("POST", f"{two}/signal", {"signal": "SIGKILL"})
    terminal.until("exit")
    terminal.close()
    three = f"{path}/{api.ok('POST', path, {'cmd': ['true'], 'detach': True}, expect=(201,))['exec']['id']}"
    for again in (Stream(api, f"{one}?from=1"), Stream(api, three, headers={"Last-Event-ID": "0"})):
        again.until("exit")
        again.close()
    api.ok("GET", f"{path}?limit=2&offset=0")
    for expected, target, body in ((400, path, {"cmd": ["id"], "rows": 4}), (404, f"{path}/cmd-aaaaaaaaaaaaaaaa/signal", {"signal": "TERM"}),
                                   (409, f"{one}/stdin", {"data": "late"}), (422, path, {"cmd": ["/no/such"], "detach": True})):
        assert api.call("POST", target, body)[0] == expected, target
    assert api.call("POST", path, {"cmd": ["id"]}, headers={"Idempotency-Key": "k"})[0] == 501


def follow(api, ident):
    for query in ("", f"&action=sandbox&kind=outcome&target={ident}", "&host=h1&kind=intent&action=command.run"):
        events = Stream(api, f"/v1/events?from=0{query}")
        assert next(events).name == "connected"
        events.until("audit")
        events.close()
    assert api.call("GET", "/v1/events?kind=both")[0] == 400


def playbooks(api):
    path = "/v1/ansible/playbooks"
    body = {"name": "web", "hosts": "all:!db", "become": True}
    for replayed in (None, "true"):
        assert api.call("POST", path, body, headers={"Idempotency-Key": "web-1"})[0] == 201
        assert api.last_headers["Idempotency-Replayed"] == replayed
    assert api.call("POST", path, {"name": "other"}, headers={"Idempotency-Key": "web-1"})[1]["reason"] == "idempotency_key_reused"
    assert api.call("POST", path, body)[1]["reason"] == "playbook_exists"
    ids = [api.ok("POST", f"{path}/web/tasks", {"name": name, "module": "ansible.builtin.debug", "params": {"msg": [1, None]}})["task"]["id"]
           for name in "ab"]
    api.ok("PUT", f"{path}/web/tasks/{ids[0]}", {"module": "apt", "params": {}})
    api.ok("PATCH", f"{path}/web/tasks/reorder", {"task_ids": ids[::-1]})
    assert api.call("PATCH", f"{path}/web/tasks/reorder", {"task_ids": ids[:1]})[0] == 400
    for target in (f"{path}?limit=5&offset=0", f"{path}/web", f"{path}/web/export"):
        api.ok("GET", target)
    api.ok("DELETE", f"{path}/web/tasks/{ids[0]}")
    assert api.call("DELETE", f"{path}/web/tasks/{ids[0]}")[0] == 404
    api.ok("DELETE", f"{path}/web")
    assert api.call("GET", f"{path}/web")[0] == 404


def keep_and_go_back(api, ident):
    path = f"/v1/sandboxes/{ident}"
    snapshot = api.ok("POST", f"{path}/snapshot", {"name": "s1", "external": False, "memory": True})["snapshot"]
    api.ok("POST", f"{path}/snapshots", {"name": "s2"})
    assert api.call("POST", f"{path}/snapshots", {"name": "s2"})[0] == 409
    api.ok("GET", f"{path}/snapshots?limit=1")
    api.ok("GET", f"{path}/snapshots/s1")
    api.ok("POST", f"{path}/snapshots/s1/verify")
    api.ok("POST", "/v1/images", {"name": "with-state", "from_snapshot": snapshot["id"]})
    api.ok("GET", "/v1/images/with-state")
    forked = api.ok("POST", f"{path}/fork", {"count": 2, "from_snapshot": "s1", "name_prefix": "child", "labels": {"n": ""},
                                             "agent_id": "other", "ttl_seconds": 0})
    assert len(forked["children"]) == 2
    api.ok("POST", f"{path}/fork")
    api.ok("POST", f"{path}/snapshots/s1/restore", {})
    api.ok("DELETE", f"{path}/snapshots/s2")
    assert api.call("DELETE", f"{path}/snapshots/s2")[0] == 404
    wait_until("the image to go", lambda: api.call("DELETE", "/v1/images/with-state")[0] in (200, 404), 60)


def live(api, ident):
    path = f"/v1/sandboxes/{ident}"
    for step, body in (("pause", None), ("resume", {}), ("suspend", None), ("resume", None), ("extend", {"ttl_seconds": 60}),
                       ("restart", {"timeout_sec": 30}), ("stop", {"force": True}), ("start", {"wait_for_ip": True}),
                       ("stop", {"force": True}), ("start", None)):
        api.ok("POST", f"{path}/{step}", body)


def pool(api):
    api.ok("POST", "/v1/pools", {"name": "p", "image": "tiny", "min": 0, "max": 0, "cpu": 1, "memory_mb": 128, "network_mode": "isolated",
                                 "max_age_seconds": 60})
    for method, path, body in (("GET", "/v1/pools?limit=5", None), ("GET", "/v1/pools/p", None), ("PATCH", "/v1/pools/p", {"max": 1}),
                               ("DELETE", "/v1/pools/p", None)):
        api.ok(method, path, body)


def be_refused(api, ident, quiet):
    """`quiet` was never started and has no network."""
    refused = [
        (400, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "nonsense": 1}),
        (400, "GET", "/v1/sandboxes?nonsense=1", None),
        (400, "POST", "/v1/sandboxes", {"image": "tiny", "source_vm_name": "tiny", "agent_id": "a"}),
        (400, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "pool": "require"}),
        (400, "POST", "/v1/pools", {"name": "p", "image": "tiny", "min": 2, "max": 1}),
        (400, "POST", "/v1/images", {"name": "i", "from_snapshot": "s1"}),
        (404, "POST", "/v1/sandboxes", {"image": "no-such", "agent_id": "a"}),
        (404, "GET", "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa", None),
        (404, "GET", "/v1/nothing", None),
        (404, "GET", "/v1/pools/none", None),
        (404, "GET", f"/v1/sandboxes/{ident}/snapshots/none", None),
        (405, "PATCH", "/v1/sandboxes", {}),
        (409, "GET", f"/v1/sandboxes/{quiet}/ip", None),
        (409, "POST", f"/v1/sandboxes/{quiet}/run", {"command": "true"}),
        (409, "POST", f"/v1/sandboxes/{quiet}/pause", None),
        (409, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "vm_name": "one"}),
        (413, "POST", f"/v1/sandboxes/{ident}/run", {"command": "x" * (2 << 20)}),
        (501, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "egress": {}}),
        (501, "GET", "/v1/sandboxes?cursor=x", None),
        (501, "GET", f"/v1/sandboxes/{ident}/tmux/panes", None),
        (503, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "memory_mb": 1048576}),
    ]
    for expected, method, path, body in refused:
        status, reply = api.call(method, path, body)
        assert status == expected, f"{method} {path}: {status} {reply}"
    assert api.call("POST", "/v1/sandboxes", raw=b"a=b", headers={"Content-Type": "text/plain"})[0] == 415
    assert api.call("GET", "/v1/hosts", headers={"Host": "evil.example"})[0] == 403
    assert api.call("GET", "/v1/hosts", headers={"Authorization": "Bearer wrong"})[0] == 401
    assert api.call("GET", "/docs", headers={"Authorization": "Basic eDp5"})[0] == 401


def test_every_operation_keeps_to_what_is_described_and_published(fleet, recording, description):
    api = recording
    see_the_service(api)
    see_a_foreign_vm(fleet, api)
    first, second = make_and_list(api)
    run_commands(api, first)
    run_live(api, first)
    playbooks(api)
    pool(api)
    be_refused(api, first, second)
    keep_and_go_back(api, first)
    live(api, first)
    follow(api, first)
    api.destroy(first)
    api.ok("GET", f"/v1/sandboxes/{first}")
    assert api.call("DELETE", f"/v1/sandboxes/{first}")[0] == 404
    api.ok("GET", "/v1/sandboxes?state=DESTROYED")
    well, said = check(description, api.record, "--every-operation")
    print(said)
    assert well, said


def spoilt(exchange):
    """The exchange with one thing wrong in it, by what that is."""
    def change(**parts):
        return {**exchange, **parts}

    body = json.loads(exchange["body"])
    sandbox = body["sandbox"]
    yield "a status", change(status=202)
    yield "a content type", change(headers={**exchange["headers"], "content-type": "text/plain"})
    yield "a missing header", change(headers={k: v for k, v in exchange["headers"].items() if k != "location"})
    yield "a missing field", change(body=json.dumps({"sandbox": {k: v for k, v in sandbox.items() if k != "phase"}}))
    yield "a new field", change(body=json.dumps({"sandbox": {**sandbox, "colour": "blue"}}))
    yield "a wrong type", change(body=json.dumps({"sandbox": {**sandbox, "cpu": "1"}}))
    yield "a state of nobody's", change(body=json.dumps({"sandbox": {**sandbox, "state": "PAUSED"}}))
    yield "a time of nobody's", change(body=json.dumps({"sandbox": {**sandbox, "created_at": "yesterday"}}))
    yield "an accepted field", change(request=json.dumps({"image": "tiny", "agent_id": "a", "nonsense": 1}))
    yield "an accepted query", change(target="/v1/sandboxes?x=1")
    yield "a reason", change(status=404, body=json.dumps({"error": "e", "code": 404, "reason": "odd", "request_id": "r"}))


def test_what_is_not_as_described_is_found(fleet, recording, description, tmp_path):
    recording.create(auto_start=False)
    well, said = check(description, recording.record)
    assert well, said
    exchange = json.loads(recording.record.read_text())
    for what, wrong in spoilt(exchange):
        path = tmp_path / "spoilt"
        path.write_text(json.dumps(wrong) + "\n")
        well, said = check(description, path)
        assert not well, f"{what} was not found: {said}"
    well, said = check(description, recording.record, "--every-operation")
    assert not well and "getHealth never succeeded" in said


def test_an_event_that_is_not_as_described_is_found(recording, description, tmp_path):
    events = Stream(recording, "/v1/events")
    next(events)
    events.close()
    assert check(description, recording.record)[0]
    exchange = json.loads(recording.record.read_text())
    for sound, wrong in (("event: connected", "event: linked"), ('{"seq"', '{"sequence"'), ("id: ", "id: x"), ('{"seq": ', '{"seq": -')):
        assert sound in exchange["body"]
        path = tmp_path / "spoilt"
        path.write_text(json.dumps({**exchange, "body": exchange["body"].replace(sound, wrong)}) + "\n")
        well, said = check(description, path)
        assert not well and "event " in said, f"{wrong} was not found: {said}"


def test_a_browser_sees_the_page_with_its_token_as_a_password(fleet, api):
    password = base64.b64encode(f"anybody:{fleet.token}".encode()).decode()
    status, page = api.call("GET", "/docs", headers={"Authorization": f"Basic {password}"})
    assert status == 200 and "createSandbox" in page
    assert api.call("GET", "/v1/sandboxes", headers={"Authorization": f"Basic {password}"})[0] == 401
