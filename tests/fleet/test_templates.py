"""What creates have in common, under a name: real sandboxes of it."""

import json

import pytest

from fleet import Fleet


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1, max_templates=2) as fleet:
        yield fleet


def test_a_sandbox_is_what_its_template_says_unless_told_otherwise(fleet, api):
    api.ok("POST", "/v1/templates", {"name": "web", "image": "tiny", "memory_mb": 192, "auto_start": True, "labels": {"team": "red", "stage": "test"},
                                     "env": {"GREETING": "hello", "NAME": "template"}, "file_policy": {"roots": ["/tmp"]}})
    plain = api.ok("POST", "/v1/sandboxes", {"template": "web", "agent_id": "a"})["sandbox"]
    assert (plain["state"], plain["memory_mb"], plain["labels"]) == ("RUNNING", 192, {"team": "red", "stage": "test"})
    other = api.ok("POST", "/v1/sandboxes", {"template": "web", "agent_id": "a", "memory_mb": 160, "labels": {"stage": "live"},
                                             "env": {"NAME": "create"}})["sandbox"]
    assert (other["memory_mb"], other["labels"]) == (160, {"team": "red", "stage": "live"})
    said = {one["id"]: api.run(one["id"], "echo $GREETING $NAME")["stdout"] for one in (plain, other)}
    assert said == {plain["id"]: "hello template\n", other["id"]: "hello create\n"}
    status, reply = api.call("GET", f"/v1/sandboxes/{plain['id']}/files?path=/etc/passwd")
    assert (status, reply["reason"]) == (422, "path_not_allowed")
    rows = api.ok("GET", f"/v1/audit?target={plain['id']}&action=sandbox.create&kind=intent")["rows"]
    assert [row["detail"]["template"] for row in rows] == ["web"]

    # What was made of it lives on; what comes later is as it says by then, over a restart, too.
    api.ok("PUT", "/v1/templates/web", {"image": "tiny", "memory_mb": 160})
    fleet.restart_coordinator()
    fleet.wait_ready(1)
    api = fleet.api()
    assert api.ok("GET", f"/v1/sandboxes/{plain['id']}")["sandbox"]["memory_mb"] == 192
    later = api.ok("POST", "/v1/sandboxes", {"template": "web", "agent_id": "a"})["sandbox"]
    assert (later["state"], later["memory_mb"], later["labels"]) == ("CREATED", 160, {})
    api.ok("DELETE", "/v1/templates/web")
    assert api.run(plain["id"], "echo still here")["stdout"] == "still here\n"
    status, reply = api.call("POST", "/v1/sandboxes", {"template": "web", "agent_id": "a"})
    assert (status, reply["reason"]) == (404, "unknown_template")


def test_the_command_line_makes_and_uses_them(fleet, api, cli):
    assert "tiny" in cli.ok("templates", "create", "small", "tiny", "--memory", "160M", "--env", "A=b c", "--label", "x=y", "--description", "for tests")
    assert [row.split()[:2] for row in cli.ok("templates", "ls").splitlines()[1:]] == [["small", "tiny"]]
    made = cli.json("create", "--template", "small", "--name", "of-small")["sandbox"]
    assert (made["memory_mb"], made["labels"], made["state"]) == (160, {"x": "y"}, "RUNNING")
    assert cli.ok("run", "of-small", "--", "sh", "-c", "echo $A") == "b c\n"
    cli.ok("templates", "create", "small", "tiny", "--memory", "192M", "--replace")
    assert cli.json("templates", "get", "small")["template"]["memory_mb"] == 192
    assert cli("templates", "create", "small", "tiny").returncode == 117
    assert cli("templates", "create", "gone", "tiny", "--replace").returncode == 116
    assert cli("create").returncode == 2
    assert cli("create", "--template", "gone").returncode == 116
    cli.ok("templates", "create", "second", "tiny")
    assert "too_many_templates" in cli("templates", "create", "third", "tiny").stderr
    assert json.loads(cli.ok("templates", "rm", "second", "-o", "json")) == {"deleted": "second"}
    assert cli.ok("templates", "rm", "small") == "small deleted\n"
    assert cli("templates", "rm", "small").returncode == 116
