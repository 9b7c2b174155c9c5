"""Hostile requests to every route, made of the description: always refused for what is wrong in them, and nothing has changed.

PADDOCK_SEED repeats a run, PADDOCK_FUZZ_SECONDS bounds it. Everything is real; what is there to be changed stands still, so that
whatever has changed was changed by one of them.
"""

import hashlib
import json
import os
import random
import re
import time
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from fleet import Fleet
from test_contract import check

SECONDS = float(os.environ.get("PADDOCK_FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("PADDOCK_SEED", random.SystemRandom().randrange(1 << 32)))
METHODS = ("get", "post", "put", "patch", "delete")
OTHER_METHODS = ("trace", "propfind", "purge", "x" * 20)
JSON = {"Content-Type": "application/json"}
VALUES = {"string": "x", "integer": 7, "number": 1.5, "boolean": True, "object": {"a": 1}, "array": [1], "null": None}
BAD_HEADERS = {"Idempotency-Key": ("", "a b", "x" * 256), "Last-Event-ID": ("x", "-1", "1.0", "9" * 40)}
# What says that the request itself is wrong. That nothing of that name is there, or that it is in another state, would hide a
# handler that takes what it does not know.
WRONG = (400, 413, 415, 431)
UNSOUND = ("no-such!", "-a", "a b", "x" * 300, "../", "é")
ENDLESS = {"proc", "sys", "dev", "run"}  # Folders of a guest that change by themselves.
# All but who leads and when hosts were last seen.
TABLES = ("sandboxes", "checkpoints", "replicas", "pools", "commands", "host_images", "registered_images", "playbooks", "playbook_tasks", "plans", "plan_steps", "templates", "request_keys",
          "operations", "audit", "(SELECT name, cordoned, labels, taints, drain_since, drain_until, evacuate_since FROM hosts)")


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1, log_level="info") as fleet:
        yield fleet


class Described:
    """The description, as far as one needs it to do what it forbids."""

    def __init__(self, document):
        self.document = document

    def resolved(self, part):
        while "$ref" in part or "allOf" in part:
            if "allOf" in part:
                part = {**self.resolved(part["allOf"][0]), **{k: v for k, v in part.items() if k != "allOf"}}
                continue
            where = self.document
            for step in part["$ref"].split("/")[1:]:
                where = where[step]
            part = where
        return part

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method, path, operation

    def body(self, operation):
        """(schema, example); None where it takes none."""
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return content and (self.resolved(content["schema"]), content["example"])


def nobodys(example):
    """As this parameter, and nothing has it."""
    if re.fullmatch("[a-z]{3}-[a-z2-7]{16}", example):
        return example[:4] + "a" * 16
    if re.fullmatch("[0-9a-f]{64}", example):
        return "0" * 64
    return "no-such"


class Hostile:
    """Each method makes one request that must be refused: (method, path, raw body, headers, field or None).

    `there`: by the beginnings of paths, what their parameters are if they are to be of something that is there.
    """

    def __init__(self, described, chance, there=()):
        self.described, self.chance, self.there = described, chance, there

    def filled(self, path, operation, unsound=0.0):
        """(a path, whether its parameters are such as could be there)"""
        known = [values for beginning, values in self.there if path.startswith(beginning)]
        values = self.chance.choice(known) if known and self.chance.random() < 0.8 else {}
        sound = True
        for part in map(self.described.resolved, operation.get("parameters", [])):
            if part["in"] == "path":
                value = values.get(part["name"]) or nobodys(part.get("example", ""))
                if not values and self.chance.random() < unsound:
                    value, sound = self.chance.choice(UNSOUND), False
                path = path.replace("{" + part["name"] + "}", quote(value, safe=""))
        return path, sound

    def wrong_type(self, schema):
        """A value of a type that this schema does not take."""
        return self.chance.choice([value for kind, value in VALUES.items() if kind != schema["type"]])

    def out_of_bounds(self, schema):
        """Values of the right type that are none the less wrong."""
        kind = schema.get("type")
        if kind == "integer":
            yield from (value for value in (schema["maximum"] + 1, -1, -(1 << 63), (1 << 63) - 1, (1 << 64) - 1, 1 << 70)
                        if not schema["minimum"] <= value <= schema["maximum"])
        elif kind == "string":
            if "maxLength" in schema:
                yield from ("x" * (schema["maxLength"] + 1), "é" * schema["maxLength"])
            if "enum" in schema:
                yield from (schema["enum"][0] + "x", schema["enum"][0].upper(), "")
            if "pattern" in schema:
                yield "a\x00b"
            if "Za-z0-9._-" in schema.get("pattern", ""):
                yield from ("../x", "a/b", "-a", "a b", "ü", "a\nb", "a'b", "<a/>", ".")
        elif kind == "object" and "additionalProperties" in schema and "maxProperties" in schema:
            yield {f"a{n}": "" for n in range(schema["maxProperties"] + 1)}
            yield from ({"a": 1}, {"a": {}}, {"": "x"}, {"a b": "x"}, {"a": "\x00"})

    def field(self, schema):
        name = self.chance.choice(sorted(schema["properties"]))
        return name, self.described.resolved(schema["properties"][name])

    def requests(self, method, target, operation):
        """All kinds once. A body is refused only by what is built: what is not says so first."""
        yield method, target + "?no-such=1", None, {}, "no-such"
        yield method, f"{target}?{quote(bytes(self.chance.choices(range(256), k=8)))}=1", None, {}, None
        yield method, target + self.chance.choice(["?a=%zz", "?a=%00", "?" + "&".join(["a=1"] * 65), "?a=%ff%fe", "?a=%"]), None, {}, None
        yield method, target, None, {"X-Request-ID": self.chance.choice(["a b", "x" * 129, "é".encode().decode("latin-1"), "<a>"])}, None
        for part in map(self.described.resolved, operation.get("parameters", [])):
            if part["in"] == "query":
                yield from self.queries(method, target, part)
            for value in BAD_HEADERS.get(part["name"], ()):
                yield method, target, None, {part["name"]: value}, part["name"]
        wanted = self.described.body(operation)
        if wanted:
            yield from self.bodies(method, target, *wanted)
        elif "requestBody" in operation:  # Bytes, of any kind: they are no reason to accept what is wrong beside them.
            yield method, target, bytes(self.chance.choices(range(256), k=64)), {"Content-Type": "no/such"}, None
            yield method, target, b"x", {"Content-Encoding": "gzip"}, None
        elif method != "get":
            yield method, target, b'{"no-such": 1}', JSON, "no-such"
        else:
            yield method, target, b"{}", JSON, None

    def queries(self, method, target, part):
        name, schema = part["name"], self.described.resolved(part["schema"])
        if schema["type"] == "integer":
            for value in ("x", "", "-1", "1.0", "0x1", " 1", str(schema["maximum"] + 1), "9" * 40):
                yield method, f"{target}?{name}={quote(value)}", None, {}, name
            yield method, f"{target}?{name}=1&{name}=1", None, {}, name
        if "enum" in schema or schema["type"] == "boolean":
            yield method, f"{target}?{name}=no-such", None, {}, name
        if schema["type"] == "array":
            yield method, f"{target}?{name}=no-equals", None, {}, name

    def bodies(self, method, target, schema, example):
        def body(value, field=None):
            return method, target, json.dumps(value).encode(), JSON, field

        for value in VALUES.values():
            if not isinstance(value, dict):
                yield body(value)
        yield body({**example, "no-such": self.chance.choice(list(VALUES.values()))}, "no-such")
        for name in schema.get("required", []):
            yield body({k: v for k, v in example.items() if k != name}, name)
        text = json.dumps(example).encode()
        cut = self.chance.randrange(1, len(text)) if len(text) > 2 else 1
        for raw in (text[:cut], text + b"x", text + text, b"\xff" + text, text.replace(b'"', b"'") + b"'", b"{\"a\":" * 40 + b"1" + b"}" * 40,
                    b"[" * 100000, b'{"a":1e999}', b'{"a":NaN}', b'{"\xc3\x28":1}', b'{"a":"\xed\xa0\x80"}', b'{"x":1,"x":2}',
                    bytes(self.chance.choices(range(256), k=64)) + b"{"):
            yield method, target, raw, JSON, None
        yield method, target, b'{"a":"' + b"x" * (1 << 20) + b'"}', JSON, None
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx"):
            yield method, target, text, {"Content-Type": kind}, None
        yield method, target, text, {**JSON, "Content-Encoding": "gzip"}, None
        if not schema.get("properties"):
            return
        for _ in range(3):
            name, field = self.field(schema)
            if "type" in field:
                yield body({**example, name: self.wrong_type(field)}, name)
        name, field = self.field(schema)
        for value in self.out_of_bounds(field):
            if not (value == "" and "pattern" in field):
                yield body({**example, name: value}, name)


def state(fleet):
    """Of all that requests change. That a host has connected again is no request's doing."""
    rows = {table: fleet.postgres.sql(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')), count(*) FROM {table} t"
                                      + (" WHERE action <> 'host.connect'" if table == "audit" else ""))
            for table in TABLES}
    # Not their times: who asks for one, also for what is then refused, has it kept longer.
    blobs = {str(path): path.is_file() and hashlib.sha256(path.read_bytes()).digest() for path in (fleet.base / "blobs").rglob("*")}
    assert any(blobs.values())
    return {**rows, "blobs": blobs}


def inside(api, box):
    """Of a running sandbox: its files, its terminals, its live commands."""
    def names(path, **more):
        reply = api.ok("POST", f"/v1/sandboxes/{box}/file/list", {"path": path, "user": "root", **more})
        assert not reply["truncated"] and "unreadable" not in reply
        return reply["files"]

    top = [one for one in names("/") if one["name"] not in ENDLESS]
    found = {"/": top, **{one["path"]: names(one["path"], recursive=True) for one in top if one["is_dir"]}}
    execs = api.ok("GET", f"/v1/sandboxes/{box}/exec")["execs"]
    return {"files": found, "panes": api.ok("GET", f"/v1/sandboxes/{box}/tmux/panes"), "execs": execs}


def refused(api, method, path, raw, headers, field, built, sound):
    """Sends it; what is wrong with the answer, or nothing."""
    status, reply = api.call(method.upper(), path, raw=raw, headers=headers)
    if not isinstance(reply, dict) or not reply.get("error") or reply.get("code") != status or not reply.get("request_id"):
        return f"{status} {str(reply)[:200]} is not an error in shape"
    if not built and (status, reply["reason"]) == (501, "not_yet"):
        return ""
    if status not in WRONG and (built and sound or not 400 <= status < 500):
        return f"{status} {reply}"
    if field and built and status == 400 and sound and not any(e["field"].startswith(field) for e in reply.get("errors", [])):
        return f"{field} is not named in {reply}"
    return ""


@pytest.fixture(scope="module")
def there(fleet):
    """What a request could change: a stopped sandbox with a snapshot, a running one with a terminal and a live command, an image, a
    blob, a host with a taint, a pool, a template, and a playbook and a plan of two parts each."""
    api = fleet.api()
    box, running = api.create()["id"], api.create()["id"]
    api.ok("POST", f"/v1/sandboxes/{box}/stop")
    api.ok("POST", f"/v1/sandboxes/{box}/snapshots", {"name": "kept"})
    api.ok("POST", f"/v1/sandboxes/{running}/file/write", {"path": "/tmp/note", "content": "hello\n", "overwrite": True})
    api.ok("POST", f"/v1/sandboxes/{running}/tmux/sessions/create", {"name": "kept"})
    pane = api.ok("GET", f"/v1/sandboxes/{running}/tmux/panes")["panes"][0]["pane_id"]
    window = api.ok("GET", f"/v1/sandboxes/{running}/tmux/windows")[0]["id"]
    live = api.ok("POST", f"/v1/sandboxes/{running}/exec", {"cmd": ["cat"], "pty": True, "detach": True})["exec"]["id"]
    content = b"no disk, but somebody's"
    digest = hashlib.sha256(content).hexdigest()
    assert api.call("PUT", f"/v1/images/blobs/{digest}", raw=content, headers={"Content-Type": "application/octet-stream"})[0] == 201
    api.ok("POST", "/v1/ansible/playbooks", {"name": "kept"})
    api.ok("POST", "/v1/templates", {"name": "kept", "image": "tiny"})
    api.ok("POST", "/v1/pools", {"name": "kept", "image": "tiny", "min": 0, "max": 0})
    api.ok("PATCH", "/v1/hosts/h1", {"taints": {"kept": "yes"}})
    task, _ = [api.ok("POST", "/v1/ansible/playbooks/kept/tasks", {"name": name, "module": "apt"})["task"]["id"] for name in ("one", "two")]
    plan = api.ok("POST", "/v1/plan/create", {"name": "kept", "steps": ["one", "two"]})["plan_id"]
    in_running = {"id": running, "name": "kept", "pane": pane, "window": window, "eid": live}
    places = (("/v1/ansible/playbooks/", {"name": "kept", "id": task}), ("/v1/plan/", {"id": plan}),
              ("/v1/sandboxes/", {"id": box, "name": "kept"}), ("/v1/sandboxes/", in_running), ("/v1/hosts/", {"name": "h1"}),
              ("/v1/images/", {"name": "tiny", "digest": digest}), ("/v1/templates/", {"name": "kept"}), ("/v1/pools/", {"name": "kept"}))
    return SimpleNamespace(places=places, running=running, live=live)


@pytest.fixture
def described(fleet):
    return Described(fleet.api().ok("GET", "/openapi.json"))


def is_open(operation):
    """Of those, probes ignore what is in their query."""
    return operation.get("security") == [] or operation["operationId"] == "getMetrics"


def test_no_hostile_request_gets_through(fleet, described, there, tmp_path):
    print(f"PADDOCK_SEED={SEED}")
    hostile, api = Hostile(described, random.Random(SEED), there.places), fleet.api()
    live = [one for one in inside(api, there.running)["execs"] if one["id"] == there.live]
    assert [one["status"] for one in live] == ["running"]
    inside_before = inside(api, there.running)
    api.record = tmp_path / "exchanges"
    before, deadline, sent, rounds, wrong = state(fleet), time.monotonic() + SECONDS, 0, 0, []
    operations = [o for o in described.operations() if not is_open(o[2])]
    assert len(operations) > 100
    while rounds == 0 or time.monotonic() < deadline:
        for method, path, operation in operations:
            built = "x-not-built" not in operation
            target, sound = hostile.filled(path, operation, unsound=0.3)
            for request in hostile.requests(method, target, operation):
                sent += 1
                said = refused(api, *request, built, sound)
                if said:
                    wrong.append(f"{request[0]} {request[1][:200]} {str(request[2])[:200]} {request[3]}: {said}")
        rounds += 1
        api.record = None  # One round has one of each kind.
        assert not wrong, f"seed {SEED}, {len(wrong)} of {sent}:\n" + "\n".join(wrong[:20])
    print(f"{sent} requests in {rounds} rounds")
    assert state(fleet) == before
    assert inside(api, there.running) == inside_before
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(described.document))
    well, said = check(path, tmp_path / "exchanges")
    assert well, said[-4000:]


def test_a_wrong_method_is_405_with_the_right_ones(fleet, described, api):
    before = state(fleet)
    for path, methods in described.document["paths"].items():
        target, _ = Hostile(described, random.Random(SEED)).filled(path, next(iter(methods.values())))
        for method in METHODS + OTHER_METHODS:
            if method in methods:
                continue
            status, reply = api.call(method.upper(), target)
            # /tasks/reorder is also a task of that name.
            assert status in (405, 501), f"{method} {path}: {status} {reply}"
            if status == 405:
                assert reply["reason"] == "method_not_allowed"
                assert {m.upper() for m in methods} <= set(api.last_headers["Allow"].split(", "))
    assert state(fleet) == before


def test_the_probes_answer_whatever_is_asked(fleet, described, api):
    for method, path, operation in described.operations():
        if is_open(operation):
            assert api.call(method.upper(), path + "?no-such=1&a=b")[0] in (200, 503)
            assert api.call(method.upper(), path + "?a=%zz")[0] == 400


def test_nothing_but_the_probes_is_told_without_a_token(fleet, described, api):
    for method, path, operation in described.operations():
        target, _ = Hostile(described, random.Random(SEED)).filled(path, operation)
        status, reply = api.call(method.upper(), target, headers={"Authorization": ""})
        if operation.get("security") == []:
            assert status in (200, 503), path
        else:
            assert (status, reply["reason"]) == (401, "unauthenticated"), path
