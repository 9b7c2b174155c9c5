"""Playbooks: a coordinator without hosts, PostgreSQL, and what Ansible makes of an export.

Each answer is held against the description that existing clients were generated from.
"""

import itertools
import json
import random
import signal
import subprocess
import threading

import pytest
import yaml

from dying import done_until_it_died
from fleet import Fleet
from published import SANDBOXES, PublishedClient

ALL = "/v1/ansible/playbooks"
ONE = ALL + "/{playbook_name}"
TASK = ONE + "/tasks/{task_id}"
# What every client may count on (the description itself requires nothing).
ALWAYS = {"Playbook": {"id", "name", "hosts", "become", "created_at", "updated_at"},
          "PlaybookTask": {"id", "playbook_id", "position", "name", "module", "params", "created_at"}}

STRINGS = [
    "", " ", " x ", "yes", "No", "ON", "y", "n", "true", "False", "null", "Null", "~", "NULL", "1", "-1", "+1", "0", "007",
    "0o17", "0x1f", "0b1", "1_000", "1e3", "1.5", ".5", "5.", "1.0e+3", ".inf", "-.INF", ".nan", "12:30:45", "190:20:30",
    "2001-12-14", "2001-12-14t21:59:43.10-05:00", "=", "<<", "{{ x }}", "{% if x %}", "{# x #}", "{{ unfinished", "%}",
    "- item", "-", "--", "---", "...", ": x", "x:", "x: y", ":", "#x", "x #y", "!tag", "!!python/object:os.system", "!vault |",
    "&anchor", "*alias", "?", "? x", "@at", "`tick`", "|", "|-\n x", ">", ">+", "%YAML 1.1", "[a]", "{a: b}", "[", "]", "{", "}",
    ",", "'", '"', "it's", 'say "x"', "\\", "\\n", "a\\", "a\nb", "a\n\nb\n", "\n", "\r\n", "\ta", "a\t", "a\u0085b", "a\u2028b",
    "a\u2029b", "\ufeffa", "a\ufeff", "\u00a0", "\u00e4\u4e2d\u6587\U0001f40e", "\u0000", "\u0007\u001b[31m", "\u007f", "\u0080\u009f",
    "\ue000", "\ufdd0\ufffd", "\ufffe\uffff", "\U0001ffff\U0010ffff", "x" * 5000, "w " * 5000, "l\n" * 2000,
]
NUMBERS = ["0", "-0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
           "18446744073709551616", "123456789012345678901234567890", "0.1", "-0.0", "1e3", "1E3", "1e+3", "1e-3", "1.5e300",
           "2.5E-10", "1e-400", "0.1000000000000000055511151231257827", "1234567890.0"]


@pytest.fixture(scope="module")
def alone(build, image):
    with Fleet(build, image, hosts=0, max_playbooks=12, max_playbook_tasks=200) as fleet:
        yield fleet


class Client(PublishedClient):
    def __init__(self, fleet):
        super().__init__(fleet, SANDBOXES, ALWAYS)

    def make(self, name, **fields):
        return self.call("POST", ALL, 201, {"name": name, **fields})["playbook"]

    def add(self, playbook, name="t", module="ansible.builtin.debug", params=None):
        return self.call("POST", ONE + "/tasks", 201, {"name": name, "module": module, "params": params or {}},
                         playbook_name=playbook)["task"]

    def get(self, name):
        return self.call("GET", ONE, 200, playbook_name=name)

    def export(self, name):
        return self.call("GET", ONE + "/export", 200, playbook_name=name)["yaml"]


@pytest.fixture
def client(alone):
    client = Client(alone)
    yield client
    for playbook in client.call("GET", ALL, 200)["playbooks"]:
        client.call("DELETE", ONE, 204, playbook_name=playbook["name"])
    assert alone.half_audited() == []
    assert "ok" in alone.verify_audit().lower()


def exact(value):
    """A text that tells 1 from true and from 1.0."""
    return json.dumps(value, sort_keys=True)


def check_export(client, name, tmp_path):
    """Its export is what is stored, to both readers of YAML that there are, and Ansible takes it."""
    stored, text = client.get(name), client.export(name)
    playbook = stored["playbook"]
    wanted = [{"name": name, "hosts": playbook["hosts"], "become": playbook["become"],
               "tasks": [{"name": task["name"], task["module"]: task["params"]} for task in stored["tasks"]]}]
    for loader in (yaml.SafeLoader, yaml.CSafeLoader):
        assert exact(yaml.load(text, Loader=loader)) == exact(wanted)
    file = tmp_path / "playbook.yml"
    file.write_text(text, encoding="utf-8", newline="")
    done = subprocess.run(["ansible-playbook", "--syntax-check", "-i", "localhost,", file], capture_output=True, text=True,
                          cwd=tmp_path, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    return text


def test_a_playbook_lives_as_the_description_says(client):
    made = client.make("web", hosts="webservers", become=True)
    assert made["hosts"] == "webservers" and made["become"] is True
    assert client.make("app")["hosts"] == "all"
    listed = client.call("GET", ALL, 200)
    assert [p["name"] for p in listed["playbooks"]] == ["app", "web"] and listed["total"] == 2
    ids = [client.add("web", name)["id"] for name in "abc"]
    changed = client.call("PUT", TASK, 200, {"module": "apt", "params": {"name": "nginx"}}, playbook_name="web",
                          task_id=ids[1])["task"]
    assert (changed["name"], changed["module"], changed["params"], changed["position"]) == ("b", "apt", {"name": "nginx"}, 1)
    client.call("PATCH", ONE + "/tasks/reorder", 204, {"task_ids": [ids[2], ids[0], ids[1]]}, playbook_name="web")
    client.call("DELETE", TASK, 204, playbook_name="web", task_id=ids[0])
    got = client.get("web")
    assert [(t["id"], t["position"]) for t in got["tasks"]] == [(ids[2], 0), (ids[1], 1)]
    assert got["playbook"]["updated_at"] > made["updated_at"]
    client.call("DELETE", ONE, 204, playbook_name="web")
    client.call("GET", ONE, 404, playbook_name="web")
    client.make("web")


def test_bad_requests_are_refused_as_described_and_change_nothing(client, alone):
    client.make("web")
    ids = [client.add("web", name)["id"] for name in "ab"]
    before, rows = exact(client.get("web")), alone.postgres.sql("SELECT count(*) FROM audit")
    assert client.call("POST", ALL, 409, {"name": "web"})["reason"] == "playbook_exists"
    for name in ("../x", "a/b", "/etc/passwd", "..", "a..b", "", "x" * 64, "ü", "a\nb", "a\u0000"):
        assert client.call("POST", ALL, 400, {"name": name})["errors"][0]["field"] == "name"
    for body in ('{"name":"x"} {}', '{"name":"x","nonsense":1}', '{"name":"x","become":"yes"}', "[]", '{"name":"x"'):
        client.call("POST", ALL, 400, raw=body)
    for fields in ({"name": "t"}, {"module": "apt"}, {"name": "t", "module": "when"}, {"name": "t", "module": "a b"},
                   {"name": "t", "module": "apt", "params": []}, {"name": "t", "module": "apt", "params": {"a": "x" * 70000}}):
        client.call("POST", ONE + "/tasks", 400, fields, playbook_name="web")
    for order in ([], ids[:1], ids + ids[:1], [ids[0], ids[0]], [ids[0], "tsk-aaaaaaaaaaaaaaaa"], ids[0], [1]):
        client.call("PATCH", ONE + "/tasks/reorder", 400, {"task_ids": order}, playbook_name="web")
    for path in ("..%2Fweb", "nope", "%2e%2e%2fetc"):
        client.call("GET", ONE, 404, playbook_name=path)
        client.call("DELETE", ONE, 404, playbook_name=path)
        client.call("POST", ONE + "/tasks", 404, {"name": "t", "module": "apt"}, playbook_name=path)
    client.call("PUT", TASK, 404, {}, playbook_name="web", task_id="tsk-aaaaaaaaaaaaaaaa")
    client.call("DELETE", TASK, 404, playbook_name="web", task_id="..%2F..%2Fx")
    assert exact(client.get("web")) == before
    assert alone.postgres.sql("SELECT count(*) FROM audit") == rows


def test_hostile_values_are_exported_as_they_are(client, tmp_path):
    client.make("strings", hosts="all:!yes,~w[0-9]", become=True)
    for text in STRINGS:
        client.add("strings", text[:1000] or "empty", params={"msg": text, "list": [text, [text]], "map": {text: {text: text}}})
    check_export(client, "strings", tmp_path)


def test_numbers_and_shapes_are_exported_as_they_are(client, tmp_path):
    client.make("numbers", hosts="yes")
    for number in NUMBERS:
        body = f'{{"name":"t","module":"ansible.builtin.debug","params":{{"msg":{number},"var":[{number}]}}}}'
        task = client.call("POST", ONE + "/tasks", 201, raw=body, playbook_name="numbers")["task"]
        assert exact(task["params"]["msg"]) == exact(json.loads(number))
    nested = {}
    for _ in range(5):
        nested = {"a": [nested, [], {}, None, True, False, [[1], [[2]]]]}
    for params in ({}, {"a": []}, {"a": {}}, {"a": None, "b": True, "c": False}, {"msg": nested},
                   {"k" * n: n for n in (1, 511, 512, 513, 1023, 1025, 3000)}, {"\u0001" * 300: {"\u0002" * 2000: [1]}}):
        client.add("numbers", params=params)
    text = check_export(client, "numbers", tmp_path)
    for number in ("123456789012345678901234567890", "0.1000000000000000055511151231257827", "1.0e+3"):
        assert f": {number}\n" in text


def test_whatever_may_be_in_params_comes_back(client, tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    alphabet = [chr(c) for c in (*range(0x00, 0xA1), 0x2028, 0x2029, 0xFEFF, 0xFDD0, 0xFFFD, 0xFFFE, 0xFFFF, 0x1F40E, 0x1FFFE)]

    def value(depth):
        kind = rng.randrange(6 if depth else 4)
        if kind == 0:
            return rng.choice([None, True, False, rng.randrange(-1 << 70, 1 << 70), rng.uniform(-1, 1) * 10.0**rng.randrange(-30, 30)])
        if kind < 4:
            return rng.choice(STRINGS[:100]) if kind == 1 else "".join(rng.choices(alphabet, k=rng.randrange(12)))
        if kind == 4:
            return [value(depth - 1) for _ in range(rng.randrange(4))]
        return mapping(depth - 1)

    def mapping(depth):
        return {value(0) if rng.random() < 0.1 else "".join(rng.choices(alphabet, k=rng.randrange(6))): value(depth)
                for _ in range(rng.randrange(5))}

    client.make("random")
    for _ in range(120):
        params = json.loads(json.dumps({"msg": value(6)}))  # Keys are strings.
        assert exact(client.add("random", params=params)["params"]) == exact(params)
    check_export(client, "random", tmp_path)


def test_a_name_that_means_something_else_in_a_task_is_no_module(client):
    task = pytest.importorskip("ansible.playbook.task").Task
    client.make("web")
    for keyword in {*task.fattributes, "block", "rescue", "always", "local_action", "with_items"}:
        reply = client.call("POST", ONE + "/tasks", 400, {"name": "t", "module": keyword}, playbook_name="web")
        assert reply["errors"][0]["field"] == "module", keyword


def test_limits_are_answered_with_their_reason(client):
    for number in range(12):
        client.make(f"p{number}")
    assert client.call("POST", ALL, 409, {"name": "more"})["reason"] == "too_many_playbooks"
    for _ in range(200):
        client.add("p0")
    reply = client.call("POST", ONE + "/tasks", 409, {"name": "t", "module": "apt"}, playbook_name="p0")
    assert reply["reason"] == "too_many_tasks"
    for _ in range(8):
        client.add("p1", params={"msg": "x" * 65000})
    reply = client.call("POST", ONE + "/tasks", 409, {"name": "t", "module": "apt", "params": {"msg": "x" * 65000}},
                        playbook_name="p1")
    assert reply["reason"] == "playbook_too_large"
    assert client.call("GET", ALL, 200)["total"] == 12


def test_many_change_one_playbook_at_once_and_nothing_is_lost(client, alone):
    client.make("web")
    failures = []

    def add(number):
        mine = Client(alone)
        try:
            ids = [mine.add("web", f"{number}-{i}")["id"] for i in range(12)]
            for id in ids[::2]:
                mine.call("DELETE", TASK, 204, playbook_name="web", task_id=id)
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    tasks = client.get("web")["tasks"]
    assert [t["position"] for t in tasks] == list(range(48))
    for number in range(8):
        assert [t["name"] for t in tasks if t["name"].startswith(f"{number}-")] == [f"{number}-{i}" for i in range(1, 12, 2)]


def test_a_restart_loses_nothing(client, alone):
    client.make("web", hosts="a", become=True)
    for text in ("one", "two", "\u0000\u2028'\"\\"):
        client.add("web", text, params={"z": text, "a": 1 << 70})
    before, exported = exact(client.get("web")), client.export("web")
    alone.restart_coordinator(signal.SIGKILL)
    assert exact(client.get("web")) == before
    assert client.export("web") == exported
    client.add("web", "four")


def test_what_is_confirmed_is_there_whenever_the_coordinator_dies(client, alone):
    client.make("web")
    confirmed = []
    for round in range(3):
        mine, numbers = Client(alone), itertools.count()
        confirmed += done_until_it_died(alone, lambda: mine.add("web", f"{round}-{next(numbers)}")["name"])
        tasks = client.get("web")["tasks"]
        names = [t["name"] for t in tasks]
        assert [t["position"] for t in tasks] == list(range(len(tasks)))
        assert [n for n in names if n in set(confirmed)] == confirmed
        assert len(names) <= len(confirmed) + round + 1
