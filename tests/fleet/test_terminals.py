"""Terminals in real guests: the agent's own PTYs, in one that has no tmux; test_image.py has one with it."""

import threading
from urllib.parse import quote

import pytest

from fleet import wait_until
from terminals import Terminals


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1")["id"]


@pytest.fixture
def terminals(api, sandbox):
    return Terminals(api, sandbox)


# The sandbox is shared by this file's tests, its sessions are not.
@pytest.fixture(autouse=True)
def nothing_leaks(api, sandbox):
    yield
    for user in ("sandbox", "root"):
        of_user = Terminals(api, sandbox, user)
        for session in of_user.do("GET", "sessions"):
            of_user.do("DELETE", f"sessions/{session['name']}")
    assert [one["id"] for one in api.sandboxes()] == [sandbox]


def test_a_session_is_worked_in_and_looked_at(terminals, api, sandbox):
    pane = terminals.create("work", rows=30, cols=100)
    terminals.type(pane, "echo $((6*7)) $(whoami) $PWD; tty; stty size")
    terminals.shows(pane, "42 sandbox /home/sandbox\n/dev/pts/")
    terminals.shows(pane, "\n30 100\n")
    # What is started lives on, whoever asked for it; Ctrl-C ends it.
    terminals.type(pane, "sh -c 'echo $$ > ~/pid; exec cat'")
    wait_until("the program", lambda: api.run(sandbox, "test -s ~/pid && test -d /proc/$(cat ~/pid)")["exit_code"] == 0, 60)
    terminals.do("POST", "panes/send-keys", pane_id=pane, key="C-c")
    terminals.type(pane, "echo over $?")
    terminals.shows(pane, "over 130")
    terminals.do("POST", "panes/resize", pane_id=pane, rows=20, cols=60)
    terminals.type(pane, "stty size")
    terminals.shows(pane, "\n20 60\n")
    window = terminals.do("GET", "windows", session="work")[0]
    assert (window["width"], window["height"], window["panes"]) == (60, 20, 1)
    assert terminals.do("DELETE", "sessions/work") == {"session_name": "work", "success": True}
    assert terminals.do("GET", "sessions") == []
    wait_until("its program to be gone", lambda: api.run(sandbox, "test -s ~/pid && test ! -d /proc/$(cat ~/pid)")["exit_code"] == 0, 30)


def test_panes_windows_and_what_has_ended(terminals):
    first = terminals.create("panes")
    made = terminals.do("POST", "panes/create", session_name="panes", command="echo gone; exit 7")
    assert made["session_name"] == "panes" and made["pane_id"] != first
    wait_until("its end", lambda: [one["ended"] for one in terminals.panes("panes")] == [False, True], 20)
    ended = terminals.panes("panes")[1]
    assert ended["exit_code"] == 7
    terminals.shows(ended["pane_id"], "gone")
    assert terminals.do("POST", "panes/send-keys", 409, pane_id=ended["pane_id"], key="Enter")["reason"] == "pane_ended"
    other = terminals.do("POST", "panes/create", session_name="panes", new_window=True, window_name="other")
    assert [one["name"] for one in terminals.do("GET", "windows", session="panes")][1] == "other"
    terminals.do("POST", "panes/switch", pane_id=first)
    assert [one["active"] for one in terminals.do("GET", "windows", session="panes")] == [True, False]
    terminals.do("DELETE", f"panes/{quote(other['pane_id'])}")
    assert len(terminals.do("GET", "windows", session="panes")) == 1
    session = terminals.do("GET", "sessions")[0]
    assert terminals.do("POST", f"sessions/{quote(session['id'])}/release", 400)["reason"] == "invalid_argument"  # Its user is in the query.
    terminals.do("DELETE", f"sessions/{quote(session['id'])}")


def test_somebody_looks_on(terminals):
    pane = terminals.create("shown", command="echo before; read line; echo got $line; read line; exit 5")
    terminals.shows(pane, "before")
    events = terminals.watch(pane)
    assert next(events).name == "connected"
    screen = next(events)
    assert screen.name == "screen" and b"before" in screen.bytes and screen.data["cols"] == 80
    terminals.type(pane, "typed")
    seen = b""
    while b"got typed" not in seen:
        event = next(events)
        seen += event.bytes if event.name in ("screen", "output") else b""
    terminals.type(pane, "")
    assert events.until("ended")[-1].data == {"exit_code": 5}
    assert list(events) == []
    killed = terminals.create("killed")
    events = terminals.watch(killed)
    killing = threading.Thread(target=terminals.do, args=("DELETE", "sessions/killed"))
    killing.start()
    assert events.until("ended")[-1].data.get("reason") == "killed"
    killing.join()
    terminals.do("DELETE", "sessions/shown")


@pytest.mark.parametrize("lines", (25_000, 100_000), ids=("all-of-it", "some-is-missed"))
def test_a_slow_looker_on_holds_nobody_up(terminals, lines):
    pane = terminals.create("flood", command=f"read go; seq 1 {lines}; echo all of it; exec cat")
    events = terminals.watch(pane)
    terminals.type(pane, "")
    next(events)
    terminals.shows(pane, "all of it")
    seen = b""
    while b"all of it" not in seen:  # Some of it was missed: the screen came anew.
        event = next(events)
        seen = event.bytes if event.name == "screen" else seen + event.bytes
    events.close()
    terminals.do("DELETE", "sessions/flood")


def test_users_have_their_own_and_can_do_what_they_can(api, sandbox, terminals):
    root = Terminals(api, sandbox, "root")
    pane = root.create("admin")
    root.type(pane, "id -u")
    root.shows(pane, "\n0\n")
    assert terminals.do("GET", "sessions") == []
    assert terminals.do("DELETE", "sessions/admin", 404)["reason"] == "no_such_session"
    root.do("DELETE", "sessions/admin")
    nobody = Terminals(api, sandbox, "no-such-user")
    assert nobody.do("GET", "sessions", 422)["reason"] == "unknown_user"


def test_a_killed_keeper_costs_its_sessions_and_nothing_else(api, sandbox, terminals):
    terminals.create("lost")
    shell = terminals.panes("lost")[0]["pane_pid"]
    assert api.run(sandbox, f"kill -9 $(cut -d' ' -f4 /proc/{shell}/stat)", user="root")["exit_code"] == 0  # Its parent.
    # Who asks in that very moment is told to ask again.
    wait_until("another keeper", lambda: api.call("GET", f"{terminals.path}/sessions") == (200, []), 20)
    pane = terminals.create("anew")
    terminals.type(pane, "echo still $((1+1))")
    terminals.shows(pane, "still 2")
    terminals.do("DELETE", "sessions/anew")


def test_they_go_on_in_forks_and_after_a_suspend(api, sandbox, terminals):
    pane = terminals.create("kept")
    terminals.type(pane, "answer=42")
    api.ok("POST", f"/v1/sandboxes/{sandbox}/suspend")
    terminals.type(pane, "echo the answer is $answer")  # It wakes the sandbox.
    terminals.shows(pane, "the answer is 42")
    (forked,) = api.ok("POST", f"/v1/sandboxes/{sandbox}/fork", {"count": 1})["children"]
    child = forked["sandbox"]["id"]
    own = Terminals(api, child)
    own.type(pane, "echo in the child $answer")
    own.shows(pane, "in the child 42")
    assert "in the child" not in terminals.do("POST", "panes/read", pane_id=pane)["content"]
    api.ok("DELETE", f"/v1/sandboxes/{child}")
    terminals.do("DELETE", "sessions/kept")


def test_what_is_typed_is_in_no_audit(fleet, api, terminals):
    pane = terminals.create("secret")
    terminals.type(pane, "hunter2-typed")
    terminals.do("DELETE", "sessions/secret")
    rows = fleet.postgres.sql("SELECT action, detail::text FROM audit ORDER BY seq DESC LIMIT 40")
    assert any("terminal" in str(row) for row in rows), rows
    assert not any("hunter2" in str(row) for row in rows)
