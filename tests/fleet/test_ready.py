"""Sandboxes that are there once something has succeeded in them."""

import pytest

from fleet import Fleet, wait_until

# Not at once: what is to be ready takes its time.
THIRD = "n=$(cat /tmp/tries 2>/dev/null || echo 0); echo $((n + 1)) >/tmp/tries; test $n -ge 2"


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def nothing_stays(fleet):
    yield
    api = fleet.api()
    for one in api.ok("GET", "/v1/sandboxes")["sandboxes"]:
        api.ok("DELETE", f"/v1/sandboxes/{one['id']}")


def commands(api, ident):
    return api.ok("GET", f"/v1/sandboxes/{ident}/commands")["commands"]


def test_a_create_is_answered_once_its_command_succeeded(api):
    made = api.create(ready_command=THIRD, env={"A": "b"})
    assert api.run(made["id"], "cat /tmp/tries")["stdout"] == "3\n"
    # It is a command of the sandbox's as any other, and has its environment.
    first = min(commands(api, made["id"]), key=lambda one: one["started_at"])
    assert first["command"] == THIRD and first["exit_code"] == 0
    made = api.create(ready_command='test "$A" = b && test "$(id -un)" = sandbox', env={"A": "b"})
    assert made["phase"] == "running"


@pytest.mark.parametrize("command", ("echo no; false", "exit 3", "tail -f /dev/null", "nothing-of-this-name", "kill -9 $$", "syntax ( error"))
def test_one_that_is_never_ready_stays_and_says_where_to_look(api, command):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "auto_start": True, "ready_command": command, "ready_timeout_sec": 1})
    assert (status, reply["reason"]) == (504, "not_ready"), reply
    box, = api.ok("GET", "/v1/sandboxes")["sandboxes"]
    assert box["phase"] == "running" and box["id"] in reply["error"] and "within 1 s" in reply["error"]
    tried, = commands(api, box["id"])
    assert tried["id"] in reply["error"] and tried["command"] == command
    if command.startswith("echo"):
        assert tried["stdout"].startswith("no\nno\n")
    assert api.run(box["id"], "echo hello")["stdout"] == "hello\n"


def test_what_is_not_booted_is_not_waited_for(api):
    status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "ready_command": "false"})
    assert status == 201, reply


def test_bad_wishes_are_named(api):
    for field, value in (("ready_command", ""), ("ready_command", 7), ("ready_timeout_sec", 0), ("ready_timeout_sec", 3601)):
        status, reply = api.call("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "a", "auto_start": True, field: value})
        assert status == 400 and [one["field"] for one in reply["errors"]] == [field], reply
    assert api.ok("GET", "/v1/sandboxes")["total"] == 0


def test_the_command_line_and_a_template_s_file_say_it(api, cli, tmp_path):
    cli.ok("create", "tiny", "--name", "by-option", "--ready", THIRD, "--ready-timeout", "30s")
    assert cli.ok("run", "by-option", "cat /tmp/tries") == "3\n"
    file = tmp_path / "web.yaml"
    file.write_text(f"name: web\nimage: tiny\nready_timeout: 30s\nready_command: |-\n  {THIRD}\n")
    cli.ok("templates", "apply", file)
    made = api.ok("GET", "/v1/templates/web")["template"]
    assert (made["ready_command"], made["ready_timeout_sec"]) == (THIRD, 30)
    assert "unchanged" in cli.ok("templates", "apply", file)
    cli.ok("create", "--template", "web", "--name", "by-template")
    assert cli.ok("run", "by-template", "cat /tmp/tries") == "3\n"
    failed = cli("create", "--template", "web", "--name", "never", "--ready", "false", "--ready-timeout", "1s")
    assert failed.returncode != 0 and "ready_command did not succeed within 1 s" in failed.stderr, failed.stderr
    cli.ok("templates", "rm", "web")


def test_what_stood_ready_in_a_pool_is_waited_for_too(api):
    api.ok("POST", "/v1/pools", {"name": "ready", "image": "tiny", "min": 1})
    try:
        wait_until("one to stand ready", lambda: api.ok("GET", "/v1/pools/ready")["pool"]["ready"] == 1, 120)
        made = api.create(pool="require", ready_command=THIRD)
        assert api.run(made["id"], "cat /tmp/tries")["stdout"] == "3\n"
    finally:
        api.ok("DELETE", "/v1/pools/ready")
