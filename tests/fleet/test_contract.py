"""Real requests and replies of every operation, against our own description, the published ones and the contract's tables."""

import base64
import hashlib
import json
import os
import struct
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest

from fleet import ROOT, run, wait_until
from live import Events

SHA_OF_TEXT = "982d9e3eb996f559e633f4d194def3761d909f5a3b647d1a851fead67c32c9d1"
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
    assert "next_cursor" in api.ok("GET", "/v1/hosts?limit=1")
    assert api.ok("POST", "/v1/hosts/h2/drain", {"deadline_sec": 60}, expect=(202,))["host"]["cordoned"]
    wait_until("the end of it: nothing is there yet", lambda: api.ok("GET", "/v1/hosts/h2")["host"]["drain"]["state"] == "drained", 20)
    for wanted in ("cordon", "uncordon"):
        api.ok("POST", f"/v1/hosts/h2/{wanted}")
    assert "drain" not in api.ok("GET", "/v1/hosts/h2")["host"]
    api.ok("PATCH", "/v1/hosts/h2", {"labels": {"rack": "a1", "old": None}})
    api.ok("POST", "/v1/placement/explain", {"image": "tiny", "agent_id": "a", "cpu": 1})


def see_a_foreign_vm(fleet, api):
    host = fleet.hosts[0]
    (host.base / "foreign.xml").write_text(FOREIGN)
    host.inside("virsh", "-q", "-c", "qemu:///system", "define", host.base / "foreign.xml")
    try:
        wait_until("hosts to tell of it", lambda: [vm["name"] for vm in api.ok("GET", "/v1/vms")["vms"]] == ["somebodys-vm"], 20)
        assert api.call("POST", "/v1/sandboxes", {"source_vm_name": "somebodys-vm", "agent_id": "a"})[0] == 403
    finally:
        host.inside("virsh", "-q", "-c", "qemu:///system", "undefine", "somebodys-vm")


def make_and_list(api):
    first = api.create(vm_name="one", labels={"team": "blue"}, env={"A": "b"}, ttl_seconds=3600, cpu=1, memory_mb=160, wait_for_ip=True,
                       network_mode="nat", pool="prefer", placement={"host": "h1", "labels": {}}, disk="durable")
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
    assert api.ok("GET", f"/v1/sandboxes/{ident}/metrics")["running"]
    api.run(ident, "echo said on the console > /dev/console", user="root")

    def console(size):
        return api.ok("GET", f"/v1/sandboxes/{ident}/logs?tail_bytes={size}")["data"]

    wait_until("the console", lambda: "said on the console" in console(65536), 20)
    wait_until("its end", lambda: len(console(10)) == 10 and console(65536).endswith(console(10)), 20)
    for query, size in (("", (640, 400)), ("?columns=300&rows=5", (2400, 80))):
        png = api.ok("GET", f"/v1/sandboxes/{ident}/screenshot{query}")
        assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", png[16:24]) == size
    assert api.call("POST", f"/v1/sandboxes/{ident}/run", {"command": "true", "user": "nobody-knows"})[0] == 422


def run_live(api, ident):
    path = f"/v1/sandboxes/{ident}/exec"
    piped = Stream(api, path, {"cmd": ["sh", "-c", "printf '\\377'; cat >&2; exit 3"], "user": "root", "cwd": "/", "env": {"B": "c"},
                               "stdin": True, "timeout_sec": 60})
    one = f"{path}/{next(piped).data['exec']['id']}"
    for replayed in (None, "true"):
        assert api.call("POST", f"{one}/stdin", {"data": "text\n"}, headers={"Idempotency-Key": "stdin-1"})[0] == 204
        assert api.last_headers["Idempotency-Replayed"] == replayed
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
    for target, body in ((f"{one}/stdin", {"data": "x"}), (f"{one}/signal", {"signal": "TERM"}),
                         (f"{one}/resize", {"rows": 4, "cols": 5})):
        for replayed in (None, "true"):
            status, reply = api.call("POST", target, body, headers={"Idempotency-Key": "late-" + target.rsplit("/", 1)[1]})
            assert (status, reply["reason"]) == (409, "exec_ended"), target
            assert api.last_headers["Idempotency-Replayed"] == replayed


def use_files(api, ident):
    path = f"/v1/sandboxes/{ident}"
    for replayed in (201, 200):
        status, _ = api.call("PUT", f"{path}/files?path=/tmp/f/up&user=sandbox&mode=0600&overwrite=true&parents=true&sha256={SHA_OF_TEXT}",
                             raw=b"text", headers={"Content-Type": "application/octet-stream"})
        assert status == replayed
    assert api.call("PUT", f"{path}/files?path=/tmp/f/up&append=1", raw=b"er")[0] == 200
    assert api.call("GET", f"{path}/files?path=/tmp/f/up")[1] == "texter"
    assert api.call("GET", f"{path}/files?path=/tmp/f/up", headers={"Range": "bytes=1-2"})[0] == 206
    assert api.call("GET", f"{path}/files?path=/tmp/f/up", headers={"Range": "bytes=100-"})[0] == 416
    assert api.call("HEAD", f"{path}/files?path=/tmp/f/up")[0] == 200
    for action, body in (("write", {"path": "/tmp/f/w", "content": "a\nb\n", "overwrite": True, "create_dir": True, "mode": "640", "append": False}),
                         ("read", {"path": "/tmp/f/w", "from_line": 1, "to_line": 2, "max_lines": 1, "user": "root"}),
                         ("edit", {"path": "/tmp/f/w", "old_text": "a", "new_text": "", "all": True}),
                         ("copy", {"source": "/tmp/f", "destination": "/tmp/g", "recursive": True, "overwrite": False}),
                         ("move", {"source": "/tmp/g/w", "destination": "/tmp/f/v", "overwrite": True}),
                         ("list", {"path": "/tmp/f", "recursive": True, "max_depth": 2, "limit": 10}),
                         ("exists", {"path": "/tmp/f"}), ("exists", {"path": "/tmp/none"}), ("hash", {"path": "/tmp/f/w"}),
                         ("mkdir", {"path": "/tmp/f/d/e", "parents": True, "mode": "0700"}),
                         ("delete", {"path": "/tmp/g", "recursive": True})):
        api.ok("POST", f"{path}/file/{action}", body)
    watch = Stream(api, f"{path}/file/watch?path=/tmp/f&recursive=true&user=sandbox")
    assert next(watch).name == "connected"
    api.ok("POST", f"{path}/file/delete", {"path": "/tmp/f", "recursive": True})
    watch.until("end")
    watch.close()
    for expected, action, body in ((400, "read", {"path": "x"}), (403, "write", {"path": "/etc/x", "content": ""}),
                                   (404, "hash", {"path": "/x"}), (409, "mkdir", {"path": "/tmp"}), (422, "delete", {"path": "/proc/x"})):
        assert api.call("POST", f"{path}/file/{action}", body)[0] == expected, action


def use_terminals(api, ident):
    path = f"/v1/sandboxes/{ident}/tmux"
    made = api.ok("POST", f"{path}/sessions/create", {"name": "one", "window_name": "w", "command": "cat", "cwd": "/", "env": {"A": "b"},
                                                      "rows": 30, "cols": 90, "user": "sandbox"})
    other = api.ok("POST", f"{path}/sessions/create", {})["session_id"]
    pane = api.ok("POST", f"{path}/panes/create", {"session_name": "one", "window_name": "w", "horizontal": True, "command": "exit 3"})["pane_id"]
    first = api.ok("GET", f"{path}/panes?session=one&user=sandbox")["panes"][0]["pane_id"]
    watch = Stream(api, f"{path}/panes/watch?pane_id={first.replace('%', '%25')}")
    assert [next(watch).name for _ in "12"] == ["connected", "screen"]
    api.ok("POST", f"{path}/panes/send-keys", {"pane_id": first, "text": "hello", "key": "Enter", "keys": ["C-d"]})
    assert {one.name for one in watch.until("ended")} >= {"output"}
    watch.close()
    api.ok("POST", f"{path}/panes/read", {"pane_id": first, "last_n_lines": 5})
    wait_until("the end of it", lambda: all(one["ended"] for one in api.ok("GET", f"{path}/panes?session=one")["panes"]), 30)
    api.ok("POST", f"{path}/panes/switch", {"pane_id": first})
    api.ok("POST", f"{path}/panes/resize", {"pane_id": first, "rows": 20, "cols": 80})
    window = api.ok("POST", f"{path}/panes/create", {"session_name": "one", "new_window": True})
    windows = api.ok("GET", f"{path}/windows?session=one")
    for refused, method, target, body in ((400, "POST", "panes/read", {"pane_id": "x"}), (404, "POST", "panes/read", {"pane_id": "%9999"}),
                                          (409, "POST", "panes/send-keys", {"pane_id": pane, "key": "Enter"}),
                                          (422, "POST", "sessions/create", {"user": "nobody-knows"}), (404, "DELETE", "sessions/none", None)):
        assert api.call(method, f"{path}/{target}", body)[0] == refused, target
    api.ok("DELETE", f"{path}/panes/{pane.replace('%', '%25')}?user=sandbox")
    assert window["window_index"] == windows[1]["index"]
    api.ok("DELETE", f"{path}/windows/{windows[1]['id']}")
    api.ok("DELETE", f"{path}/sessions/one")
    api.ok("POST", f"{path}/sessions/{other}/release")
    assert api.ok("GET", f"{path}/sessions") == []


def follow(api, ident):
    activity = Stream(api, f"/v1/sandboxes/{ident}/stream")
    begun = [next(activity) for _ in "12"]
    assert [one.name for one in begun] == ["connected", "command_history"]
    api.run(ident, "echo told; exit 4")
    api.ok("POST", f"/v1/sandboxes/{ident}/file/write", {"path": "/tmp/told", "content": "x"})
    told = activity.until("file_change")
    live = api.ok("POST", f"/v1/sandboxes/{ident}/exec", {"cmd": ["echo", "live"], "detach": True})["exec"]["id"]
    assert [(one.name, one.data["data"]["command_id"], one.data["data"].get("data")) for one in activity.until("command_end")] == \
           [("command_start", live, None), ("command_output", live, "live\n"), ("command_end", live, None)]
    activity.close()
    output, end = (next(one.data["data"] for one in told if one.name == name) for name in ("command_output", "command_end"))
    assert (output["data"], end["exit_code"], end["result"], told[-1].data["data"]["path"]) == ("told\n", 4, "ok", "/tmp/told")
    again = Stream(api, f"/v1/sandboxes/{ident}/stream", headers={"Last-Event-ID": str(begun[1].ident)})
    assert [next(again).name for _ in "123"] == ["connected", "command_start", "command_output"]
    again.close()
    status, reply = api.call("GET", f"/v1/sandboxes/{ident}/stream", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
    assert (status, reply["reason"]) == (426, "use_event_stream")
    for query in ("", f"&action=sandbox&kind=outcome&target={ident}", "&host=h1&kind=intent&action=command.run"):
        events = Stream(api, f"/v1/events?from=0{query}")
        assert next(events).name == "connected"
        events.until("audit")
        events.close()
    assert api.call("GET", "/v1/events?kind=both")[0] == 400


def see_the_audit(api, ident):
    rows = api.ok("GET", f"/v1/audit?target={ident}&limit=2&order=oldest&kind=outcome")
    assert len(rows["rows"]) == 2 and rows["has_more"]
    api.ok("GET", f"/v1/audit?limit=2&cursor={rows['next_cursor']}&order=oldest")
    one = rows["rows"][0]
    asked = {"limit": 5, "order": "newest", "target": ident, "host": "h1", "action": one["action"], "tool": one["action"].split(".")[0],
             "actor": one["actor"], "result": one["result"], "kind": "outcome", "request_id": one["request_id"],
             "operation_id": one["operation_id"], "since": one["at"], "until": "2100-01-01T00:00:00Z", "after": one["seq"] - 1,
             "before": one["seq"] + 1}
    assert [entry["row"] for entry in api.ok("POST", "/v1/audit/query", asked)["entries"]] == [one]
    assert api.ok("GET", f"/v1/audit?{urlencode(asked)}")["rows"] == [one]
    failed = api.ok("POST", "/v1/audit/query", {"result": "unknown_user"})["entries"]
    assert failed and all("error" in entry for entry in failed)
    for replayed in (None, "true"):
        assert api.call("POST", "/v1/audit/query", {"tool": "sandbox"}, headers={"Idempotency-Key": "audit-1"})[0] == 200
        assert api.last_headers["Idempotency-Replayed"] == replayed
    api.ok("POST", "/v1/audit/query")
    api.ok("GET", f"/v1/audit/export?after={one['seq']}")
    assert api.ok("GET", "/v1/audit/verify")["ok"]
    api.ok("GET", f"/v1/audit/stats?since={one['at']}&until=2100-01-01T00:00:00Z")
    for target in ("/v1/audit?nonsense=1", "/v1/audit?cursor=1", "/v1/audit/export?limit=1", "/v1/audit/stats?since=now", "/v1/audit/verify?x=1"):
        assert api.call("GET", target)[0] == 400, target
    assert api.call("POST", "/v1/audit/query", {"sandbox": ident})[0] == 400


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


def templates(api):
    path = "/v1/templates"
    body = {"name": "web", "description": "", "image": "tiny", "cpu": 1, "memory_mb": 160, "ttl_seconds": 600, "auto_start": True,
            "wait_for_ip": False, "labels": {"team": "red"}, "network_mode": "none", "disk": "durable", "env": {"A": "1"},
            "file_policy": {"roots": ["/tmp"]}, "pool": "skip", "placement": {"labels": {}}, "ready_command": "true", "ready_timeout_sec": 30}
    for replayed in (None, "true"):
        assert api.call("POST", path, body, headers={"Idempotency-Key": "template-1"})[0] == 201
        assert api.last_headers["Idempotency-Replayed"] == replayed
    assert api.call("POST", path, body)[1]["reason"] == "template_exists"
    assert api.ok("GET", f"{path}?limit=5&offset=0")["total"] == 1
    api.ok("GET", f"{path}/web")
    api.ok("PUT", f"{path}/web", {"image": "tiny", "memory_mb": 160})
    api.ok("POST", "/v1/placement/explain", {"template": "web", "agent_id": "a"})
    api.destroy(api.ok("POST", "/v1/sandboxes", {"template": "web", "agent_id": "a"})["sandbox"]["id"])
    assert api.call("POST", "/v1/sandboxes", {"template": "no-such", "agent_id": "a"})[1]["reason"] == "unknown_template"
    api.ok("DELETE", f"{path}/web")
    assert api.call("GET", f"{path}/web")[0] == 404


def plans(api):
    path = "/v1/plan"
    body = {"name": "serve", "description": "", "steps": ["a", "b", "c"]}
    for replayed in (None, "true"):
        plan = api.call("POST", f"{path}/create", body, headers={"Idempotency-Key": "plan-1"})[1]["plan_id"]
        assert api.last_headers["Idempotency-Replayed"] == replayed
    assert api.ok("GET", f"{path}/?limit=5&offset=0")["total"] == 1
    step = {"plan_id": plan, "step_index": 0}
    assert api.call("POST", f"{path}/update", {**step, "status": "failed"})[0] == 409
    api.ok("POST", f"{path}/{plan}/advance")
    api.ok("POST", f"{path}/{plan}/advance", {"result": "done"})
    api.ok("POST", f"{path}/update", {**step, "step_index": 1, "status": "skipped", "result": "", "error": "not needed"})
    assert not api.ok("POST", f"{path}/update", {**step, "status": "completed"})["updated"]
    assert api.call("POST", f"{path}/update", {**step, "step_index": 3, "status": "active"})[0] == 404
    api.ok("POST", f"{path}/{plan}/abort", {"reason": "seen enough"})
    for target in ("advance", "abort"):
        assert api.call("POST", f"{path}/{plan}/{target}", {})[1]["reason"] == "plan_ended"
    api.ok("GET", f"{path}/{plan}")
    api.ok("DELETE", f"{path}/{plan}")
    assert api.call("GET", f"{path}/{plan}")[0] == 404


def keep_and_go_back(api, ident):
    path = f"/v1/sandboxes/{ident}"
    snapshot = api.ok("POST", f"{path}/snapshot", {"name": "s1", "external": False, "memory": True})["snapshot"]
    api.ok("POST", f"{path}/snapshots", {"name": "s2"})
    assert api.call("POST", f"{path}/snapshots", {"name": "s2"})[0] == 409
    api.ok("GET", f"{path}/snapshots?limit=1")
    api.ok("GET", f"{path}/replicas")
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


def make_an_image_of_files(api, folder):
    disk = folder / "contract.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", disk, "1M")
    digest = hashlib.sha256(disk.read_bytes()).hexdigest()
    path = f"/v1/images/blobs/{digest}"
    for expected in (201, 200):
        assert api.call("PUT", path, raw=disk.read_bytes(), headers={"Content-Type": "application/octet-stream"})[0] == expected
    api.ok("GET", path)
    assert api.call("PUT", f"/v1/images/blobs/{'0' * 64}", raw=b"other")[0] == 400
    assert api.call("GET", f"/v1/images/blobs/{'0' * 64}")[0] == 404
    made = api.ok("POST", "/v1/images", {"name": "of-files", "disk": f"sha256:{digest}", "boot": "uefi", "agent": "none", "cpu": 1, "memory_mb": 64})
    assert made["image"]["id"].startswith("img-")
    api.ok("GET", "/v1/images/of-files")
    api.ok("GET", "/v1/images")
    assert api.call("POST", "/v1/images", {"name": "of-files", "disk": digest, "agent": "none"})[0] == 409
    api.ok("DELETE", "/v1/images/of-files")


def live(api, ident):
    path = f"/v1/sandboxes/{ident}"
    for step, body in (("pause", None), ("resume", {}), ("suspend", None), ("resume", None), ("extend", {"ttl_seconds": 3600}),
                       ("restart", {"timeout_sec": 30}), ("stop", {"force": True}), ("start", {"wait_for_ip": True}),
                       ("stop", {"force": True}), ("start", None)):
        api.ok("POST", f"{path}/{step}", body)
        assert api.ok("GET", f"{path}/metrics")["running"] == (step not in ("suspend", "stop")), step


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
        (400, "GET", "/v1/sandboxes?cursor=x", None),
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
        (404, "POST", "/v1/images", {"name": "w", "from_vm": "somebodys-vm"}),
        (404, "POST", "/v1/hosts/h9/drain", None),
        (409, "POST", "/v1/hosts/h1/evacuate", {"powered_off": True}),
        (400, "GET", f"/v1/sandboxes/{ident}/screenshot?columns=19&rows=101", None),
        (404, "GET", "/v1/sandboxes/sbx-aaaaaaaaaaaaaaaa/screenshot", None),
        (503, "POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "memory_mb": 1048576}),
    ]
    for expected, method, path, body in refused:
        status, reply = api.call(method, path, body)
        assert status == expected, f"{method} {path}: {status} {reply}"
    assert api.call("POST", "/v1/sandboxes", raw=b"a=b", headers={"Content-Type": "text/plain"})[0] == 415
    assert api.call("GET", "/v1/hosts", headers={"Host": "evil.example"})[0] == 403
    assert api.call("GET", "/v1/hosts", headers={"Authorization": "Bearer wrong"})[0] == 401
    assert api.call("GET", "/docs", headers={"Authorization": "Basic eDp5"})[0] == 401


def evacuate(fleet, api):
    """A host that is lost: its hostd has ended, and comes back afterwards."""
    h2 = fleet.hosts[1]
    h2.hostd.kill()
    quiet = fleet.api()  # Not each look is an exchange to be compared.
    wait_until("h2 to be lost", lambda: quiet.ok("GET", "/v1/hosts/h2")["host"]["health"] == "lost", 90)
    assert api.ok("POST", "/v1/hosts/h2/evacuate", {"powered_off": True}, expect=(202,))["host"]["evacuation"]["powered_off"]
    api.ok("GET", "/v1/hosts/h2")
    h2.start_hostd()
    fleet.wait_ready(2)
    assert "evacuation" not in api.ok("POST", "/v1/hosts/h2/uncordon")["host"]


def test_every_operation_keeps_to_what_is_described_and_published(fleet, recording, description, tmp_path):
    api = recording
    see_the_service(api)
    see_a_foreign_vm(fleet, api)
    first, second = make_and_list(api)
    run_commands(api, first)
    run_live(api, first)
    use_files(api, first)
    use_terminals(api, first)
    playbooks(api)
    plans(api)
    templates(api)
    pool(api)
    be_refused(api, first, second)
    keep_and_go_back(api, first)
    make_an_image_of_files(api, tmp_path)
    live(api, first)
    follow(api, first)
    see_the_audit(api, first)
    api.destroy(first)
    api.ok("GET", f"/v1/sandboxes/{first}")
    assert api.call("DELETE", f"/v1/sandboxes/{first}")[0] == 404
    api.ok("GET", "/v1/sandboxes?state=DESTROYED")
    evacuate(fleet, api)
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
    assert not well and "getHealth never succeeded" in said and "getHealth is published, and was not compared" in said


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
