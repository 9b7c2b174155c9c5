"""What creates have in common, under a name: real sandboxes of it."""

import json
import re

import pytest

from fleet import Fleet, wait_until


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


def test_a_file_makes_one_with_its_image_and_pool(api, cli, image, tmp_path):
    file = tmp_path / "filed.yaml"
    about = f"name: filed\ndisk: {image}\nmemory: 160MiB\nenv: {{GREETING: hello}}\npool: {{min: 0, max: 0}}\n"
    file.write_text(about)
    apply = ("templates", "apply", str(file))
    assert cli.ok(*apply, "--check", env={"PADDOCK_URL": "http://127.0.0.1:1"}) == f"{file}: template filed is well-formed\n"
    planned = cli.json(*apply, "--dry-run")["steps"]
    assert [(step["kind"], step["result"], step["done"]) for step in planned] == [(kind, "created", False) for kind in ("image", "template", "pool")]
    name = planned[0]["name"]
    assert re.fullmatch("filed-[0-9a-f]{12}", name)
    assert cli("templates", "get", "filed").returncode == cli("image", "get", name).returncode == cli("pools", "get", "filed").returncode == 116
    assert cli.ok(*apply) == f"image {name} created\ntemplate filed created\npool filed created\n"
    unchanged = f"image {name} unchanged\ntemplate filed unchanged\npool filed unchanged\n"
    assert cli.ok(*apply) == cli.ok(*apply, "--dry-run") == unchanged
    made = cli.json("create", "--template", "filed", "--name", "of-file")["sandbox"]
    assert (made["image"], made["memory_mb"], made["state"]) == (name, 160, "RUNNING")
    assert cli.ok("run", "of-file", "echo $GREETING") == "hello\n"
    exported = cli.ok("templates", "export", "filed")
    assert cli.ok("templates", "apply", "-", input=exported) == "template filed unchanged\npool filed unchanged\n", exported

    file.write_text(about.replace("160MiB", "192MiB").replace("max: 0", "max: 0, max_age: 2h"))
    assert cli.ok(*apply) == f"image {name} unchanged\ntemplate filed changed\npool filed replaced\n"
    pool = api.ok("GET", "/v1/pools/filed")["pool"]
    assert (pool["image"], pool["memory_mb"], pool["max_age_seconds"]) == (name, 192, 7200)
    file.write_text("name: filed\nimgae: tiny\nmemory: lots\nready_command: [true]\n")
    bad = cli(*apply)
    assert bad.returncode == 2 and bad.stdout == ""
    for line, key in ((2, "imgae"), (3, "memory"), (4, "ready_command")):
        assert f"{file}:{line}: {key} " in bad.stderr, bad.stderr
    good = tmp_path / "good.yaml"
    good.write_text("name: good\nimage: no-such\npool: 1\n")
    assert f"{file}:2: imgae " in cli(*apply, str(good)).stderr
    bad = cli("templates", "apply", "-o", "json", str(good))
    assert bad.returncode == 116 and json.loads(bad.stderr)["reason"] == "unknown_image", bad.stderr
    assert [one["name"] for one in api.ok("GET", "/v1/templates")["templates"]] == ["filed"]

    old = tmp_path / "old.yaml"
    old.write_text(f"name: old\nkernel: {image}/kernel\nrootfs: {image}/disk.qcow2\nboot_args: quiet\nmemory_mb: 512\n"
                   "guest_agent: {enabled: true, port: 8000}\nresource_limits: {cpus: 1}\n")
    taken = cli("templates", "apply", "--check", str(old))
    assert taken.returncode == 0
    for key in ("rootfs became disk", "boot_args became cmdline", "memory_mb became memory", "guest_agent.port is of no use"):
        assert key in taken.stderr, taken.stderr
    cli.ok("rm", "of-file")
    cli.ok("pools", "rm", "filed")
    cli.ok("templates", "rm", "filed")
    # What the pool had is taken away by itself.
    wait_until("nothing to lie on its image", lambda: cli("image", "rm", name).returncode == 0, 60)
