"""paddock watch: somebody looks at a terminal in a sandbox, in a real terminal of their own."""

import json
import re

import pytest

from command_line import bash, refused
from fleet import Fleet
from terminals import Terminals


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=1) as fleet:
        yield fleet


def test_a_pane_is_looked_at_as_it_changes_and_left(terminal, api):
    ident = api.create(vm_name="web")["id"]
    inside = Terminals(api, ident)
    pane = inside.create("work", rows=20, cols=60)
    shell = bash(terminal)
    shell.type("echo before; paddock watch web; echo \"= $?\"", "Enter")
    shell.wait(r"web work %0 · read only, q leaves")
    inside.type(pane, "echo $((6*7)) seen; printf '\\033[1;32mgreen\\033[0m\\n'")
    shell.wait(r"^42 seen$")
    shell.wait(r"^green$")
    assert re.search(r"\x1b\[1m\x1b\[(38;5;2|32)mgreen", shell.screen()), repr(shell.screen())

    # What is typed here gets nowhere; what a program says to the terminal ends at a screen of ours.
    shell.type("ZZZ", "Enter")
    inside.type(pane, "printf '\\033]2;a title\\007\\033[6n\\033[?1049hother screen'; echo")
    shell.wait(r"^other screen")  # Its own terminal's answer may be echoed behind it.
    assert "ZZZ" not in inside.do("POST", "panes/read", pane_id=pane, last_n_lines=100)["content"]
    assert shell.tmux("display-message", "-p", "#{pane_title}").strip() != "a title"
    inside.type(pane, "printf '\\033[?1049l'; echo back")
    shell.wait(r"^back$")

    # Also where it is smaller than what it shows.
    shell.tmux("resize-window", "-x", "30", "-y", "6")
    inside.type(pane, "seq 1 40; echo the end")
    shell.wait(r"^the end$")
    shell.tmux("resize-window", "-x", "100", "-y", "30")
    shell.wait(r"^40$")
    shell.type("q")
    shell.wait(r"^before\n= 0$")  # As it was.
    inside.type(pane, "echo goes on")
    inside.shows(pane, "goes on")


def test_a_flood_does_not_keep_anybody_from_leaving(terminal, api):
    ident = api.create(vm_name="web")["id"]
    Terminals(api, ident).create("flood", rows=200, cols=500, command="exec yes \"$(printf '\\033[2J\\033c')\"")
    shell = bash(terminal)
    for key in ("q", "C-c"):
        shell.type("clear; paddock watch web; echo \"= $?\"", "Enter")
        shell.wait(r"q leaves")
        shell.type(key)
        shell.wait(r"^= 0$", 5)


def test_the_window_that_a_session_shows_is_looked_at(terminal, api):
    ident = api.create(vm_name="web")["id"]
    inside = Terminals(api, ident)
    first = inside.create("work", command="echo in the first; exec cat")
    inside.do("POST", "panes/create", session_name="work", command="echo in the second; exec cat", new_window=True)
    shell = bash(terminal)
    inside.do("POST", "panes/switch", pane_id=first)
    shell.type("paddock watch web work", "Enter")
    shell.wait(r"^in the first$")
    shell.type("q")


def test_who_looks_on_keeps_nobody_awake(terminal, api):
    ident = api.create(vm_name="web")["id"]
    Terminals(api, ident).create("work")
    shell = bash(terminal)
    shell.type("paddock watch web; echo \"= $?\"", "Enter")
    shell.wait(r"q leaves")
    api.ok("POST", f"/v1/sandboxes/{ident}/suspend")
    shell.wait(r"^paddock: web work %0 cannot be looked at any more")
    shell.wait(r"^= 120$")
    assert api.ok("GET", f"/v1/sandboxes/{ident}")["sandbox"]["phase"] == "suspended"


def test_it_ends_with_the_program_and_says_how(terminal, api):
    ident = api.create(vm_name="web")["id"]
    inside = Terminals(api, ident)
    pane = inside.create("work")
    shell = bash(terminal)
    shell.type("paddock watch web work; echo \"= $?\"", "Enter")
    shell.wait(r"q leaves")
    inside.type(pane, "exit 7")
    shell.wait(r"^paddock: web work %0: its program ended with exit code 7\n= 0$")


def test_a_coordinator_that_starts_anew_is_waited_for(fleet, terminal, api):
    ident = api.create(vm_name="web")["id"]
    inside = Terminals(api, ident)
    pane = inside.create("work")
    shell = bash(terminal)
    shell.type("paddock watch web; echo \"= $?\"", "Enter")
    shell.wait(r"q leaves")
    fleet.coordinator.kill()
    shell.wait(r"lost \(.*\): coming back")
    fleet.start_coordinator()
    fleet.wait_ready(1)
    shell.wait(r"q leaves")
    Terminals(fleet.api(), ident).type(pane, "echo $((6*7)) again")
    shell.wait(r"^42 again$")
    shell.type("C-c")
    shell.wait(r"^= 0$")


def test_scripts_get_its_events_and_what_is_wrong_is_said(api, cli):
    ident = api.create(vm_name="web")["id"]
    refused(cli("watch", "web"), 116, "unknown_pane")
    inside = Terminals(api, ident)
    pane = inside.create("work", command="echo hello; read line; exit 3")
    inside.shows(pane, "hello")
    refused(cli("watch", "web"), 2, "usage")  # stdout is no terminal.
    refused(cli("watch", "web", "no-such"), 116, "unknown_pane")
    watching = cli.start("watch", "web", pane, "-o", "json")
    first = [json.loads(watching.stdout.readline()) for _ in range(2)]
    assert [event["event"] for event in first] == ["connected", "screen"]
    inside.type(pane, "")
    rest = [json.loads(line) for line in watching.stdout]
    assert (rest[-1]["event"], rest[-1]["data"]) == ("ended", {"exit_code": 3})
    assert watching.wait(60) == 0
    inside.create("second")
    refused(cli("watch", "web"), 116, "unknown_pane")
    listed = cli.ok("terminals", "web").splitlines()
    assert listed[0].split() == ["PANE", "SESSION", "WINDOW", "SIZE", "ENDED", "TITLE"] and len(listed) == 3
    assert cli.json("terminals", "web")["panes"][0]["exit_code"] == 3
