"""paddock exec and events, as scripts use them: against a real fleet, over whatever dies."""

import hashlib
import json
import os
import re
import signal
import subprocess

import pytest
from command_line import refused
from fleet import wait_until


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1", vm_name="web")["id"]


# The sandbox is shared by this file's tests: leaks are checked where it is made and destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


@pytest.fixture(autouse=True)
def _shared(sandbox):
    yield


def script(line):
    return ["--", "/bin/sh", "-c", line]


def execs(api, sandbox):
    return {one["id"]: one for one in api.ok("GET", f"/v1/sandboxes/{sandbox}/exec")["execs"]}


def running(api, sandbox, word):
    """The ids of those that run and have this word in them."""
    return [ident for ident, one in execs(api, sandbox).items() if one["status"] == "running" and word in one["command"]]


def test_each_stream_is_its_own_and_every_byte_exact(cli):
    done = cli("exec", "web", *script("head -c 300000 /dev/urandom | tee bytes; md5sum bytes >&2; exit 42"), text=False)
    assert done.returncode == 42
    assert done.stderr.split()[0].decode() == hashlib.md5(done.stdout).hexdigest() and len(done.stdout) == 300000
    done = cli("exec", "web", "-u", "root", "-w", "/", "-e", "A=it's", *script('pwd; echo "$A $(id -un)"; exit 0'))
    assert (done.returncode, done.stdout, done.stderr) == (0, "/\nit's root\n", "")
    assert cli.ok("exec", "web", "--", "printf", "%s|", "[a b]", "[]", "*", "$HOME") == "[a b]|[]|*|$HOME|"


def test_its_output_comes_while_it_runs_and_its_stdin_is_ours(cli):
    child = cli.start("exec", "-i", "web", *script("echo one; read word; echo $word; cat; exit 3"), stdin=subprocess.PIPE)
    assert child.stdout.readline() == "one\n"
    child.stdin.write("two\n")
    child.stdin.flush()
    assert child.stdout.readline() == "two\n"
    out, err = child.communicate("three\nfour", timeout=60)
    assert (child.returncode, out, err) == (3, "three\nfour", "")


def test_a_pipe_of_any_size_goes_in_and_comes_out_also_slowly(cli):
    data = os.urandom(3_000_000)
    done = cli("exec", "-i", "web", "--", "cat", input=data, text=False)
    assert (done.returncode, done.stderr) == (0, b"") and hashlib.md5(done.stdout).digest() == hashlib.md5(data).digest()
    # It reads only once far more is there than anybody on the way holds.
    line = "touch waits; until [ -e go ]; do sleep 0.1; done; md5sum"
    child = cli.start("exec", "-i", "web", *script(f"rm -f go waits; {line}"), stdin=subprocess.PIPE, text=False)
    child.stdin.write(data[:100_000])
    cli.ok("run", "web", "until [ -e waits ]; do sleep 0.1; done; touch go")
    out, err = child.communicate(data[100_000:], timeout=60)
    assert (child.returncode, err) == (0, b"") and out.split()[0].decode() == hashlib.md5(data).hexdigest()


def test_without_stdin_it_has_none(cli):
    assert cli.ok("exec", "web", "--", "wc", "-c", input="not for it").strip() == "0"


def test_a_slow_reader_holds_the_command_up(cli):
    child = cli.start("exec", "web", *script("rm -f all; head -c 8000000 /dev/zero; touch all"), text=False)
    assert child.stdout.read(1) == b"\0"
    for _ in range(3):
        assert cli.ok("run", "web", "test -e all; echo $?") == "1\n"
    assert len(child.stdout.read()) == 7_999_999 and child.wait(90) == 0


@pytest.mark.parametrize("name", ["INT", "TERM"])
def test_a_signal_is_the_commands(cli, name):
    child = cli.start("exec", "web", *script(f"trap 'echo got it; exit 7' {name}; echo ready; while :; do sleep 0.1; done"))
    assert child.stdout.readline() == "ready\n"
    child.send_signal(getattr(signal, f"SIG{name}"))
    out, _ = child.communicate(timeout=150)
    assert (child.returncode, out) == (7, "got it\n")


def test_a_second_signal_ends_the_client_alone_and_says_how_to_come_back(cli, api, sandbox):
    child = cli.start("exec", "-i", "web", *script("trap 'echo no' INT; echo ready; while :; do read word && echo $word; done"),
                      stdin=subprocess.PIPE)
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGINT)
    assert child.stdout.readline() == "no\n"
    cli.ok("run", "web", "true")  # By then it has put down how far it got.
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=150)
    assert child.returncode == -signal.SIGINT and out == ""
    ident, position = re.search(r"goes on in the sandbox; come back: paddock exec -i --attach (cmd-\w+) --from (\d+) web", err).groups()
    assert ident in running(api, sandbox, "trap")

    again = cli.start("exec", "-i", "--attach", ident, "--from", position, "web", stdin=subprocess.PIPE)
    again.stdin.write("here\n")
    again.stdin.flush()
    assert again.stdout.readline() == "here\n"
    api.ok("POST", f"/v1/sandboxes/{sandbox}/exec/{ident}/signal", {"signal": "KILL"})
    again.stdin.close()
    assert again.wait(90) == 137
    # From its first byte, and how it ended.
    done = cli("exec", "--attach", ident, "web")
    assert (done.returncode, done.stdout) == (137, "ready\nno\nhere\n")


def test_whoever_only_looks_leaves_it_alone(cli, api, sandbox):
    ident = cli.ok("exec", "-d", "web", *script("echo begun; until [ -e seen ]; do sleep 0.1; done; echo over")).strip()
    assert re.search(rf"^{ident} +\d+s +- +sandbox +no +running +/bin/sh -c .*begun", cli.ok("exec", "--list", "web"), re.M)
    child = cli.start("exec", "--attach", ident, "web")
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=150)
    assert child.returncode == -signal.SIGINT and f"--attach {ident}" in err
    assert execs(api, sandbox)[ident]["status"] == "running"
    cli.ok("run", "web", "touch seen")
    assert cli.ok("exec", "--attach", ident, "web") == "begun\nover\n"


def test_a_reader_that_is_gone_takes_it_along(cli, api, sandbox):
    child = cli.start("exec", "web", *script("exec yes forever"))
    assert child.stdout.readline() == "forever\n"
    child.stdout.close()
    assert child.wait(90) == -signal.SIGPIPE and child.stderr.read() == ""
    wait_until("it to end", lambda: not running(api, sandbox, "forever"), 30)
    assert [one["exit_code"] for one in execs(api, sandbox).values() if "forever" in one["command"]] == [129]
    with open("/dev/full", "w") as full:
        done = cli.start("exec", "web", "--", "echo", "x", stdout=full)
        _, err = done.communicate(timeout=150)
    assert done.returncode == 125 and "could not be written" in err


def test_its_end_is_the_exit_status(cli):
    assert cli("exec", "web", *script("kill -9 $$")).returncode == 137
    done = cli("exec", "--timeout", "5s", "web", *script("echo begun; sleep 1000"))
    assert (done.returncode, done.stdout) == (137, "begun\n") and "time was up" in done.stderr
    refused(cli("exec", "-u", "nobody-here", "web", "--", "id"), 118, "unknown_user")
    refused(cli("exec", "web", "--", "/no/such/program"), 118, "not_executable")
    refused(cli("exec", "no-such", "--", "id"), 116, "no_such_sandbox")
    refused(cli("exec", "--attach", "cmd-aaaaaaaaaaaaaaaa", "web"), 116, "no_such_exec")
    refused(cli("exec", "web"), 2, "invalid_argument")
    refused(cli("exec", "--list", "web", "--", "id"), 2, "invalid_argument")
    assert json.loads(cli("exec", "-t", "-o", "json", "web", "--", "id").stderr)["exit_status"] == 2
    refused(cli("exec", "web", "--", "id", env={"PADDOCK_URL": "http://127.0.0.1:9"}), 120, "unreachable")


def test_for_programs_each_event_is_a_line(cli):
    done = cli("exec", "-o", "json", "web", *script("echo out; echo err >&2; exit 5"))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 5 and done.stderr == ""
    assert events[0]["event"] == "start" and events[-1]["event"] == "exit" and events[-1]["data"]["exit_code"] == 5
    assert {(one["event"], one["data"]["data"]) for one in events[1:-1]} == {("stdout", "out\n"), ("stderr", "err\n")}


def test_a_terminal_without_one_here(cli):
    line = "tty; stty size; echo $TERM; read word; echo got $word; exit 4"
    child = cli.start("exec", "-it", "web", "-e", "TERM=vt100", *script(line), stdin=subprocess.PIPE)
    tty, *first = [child.stdout.readline() for _ in range(3)]
    assert tty.startswith("/dev/pts/") and first == ["24 80\n", "vt100\n"]
    out, _ = child.communicate("hello\n", timeout=150)  # Typed only now: the terminal shows it where it comes.
    assert (child.returncode, out) == (4, "hello\ngot hello\n")


@pytest.mark.parametrize("victim", ["coordinator", "hostd"])
def test_a_daemon_that_dies_loses_nothing_and_starts_nothing_twice(cli, fleet, sandbox, victim):
    line = "echo once >>count; echo one; read word; echo $word; until [ -e on ]; do sleep 0.1; done; echo three; exit 9"
    cli.ok("run", "web", "rm -f count on")
    child = cli.start("exec", "-i", "web", *script(line), stdin=subprocess.PIPE)
    assert child.stdout.readline() == "one\n"
    if victim == "coordinator":
        fleet.restart_coordinator()
    else:
        fleet.hosts[0].restart_hostd()
    fleet.wait_ready(2)
    child.stdin.write("two\n")
    child.stdin.flush()
    assert child.stdout.readline() == "two\n"
    cli.ok("run", "web", "touch on")
    out, err = child.communicate(timeout=150)
    assert (child.returncode, out) == (9, "three\n")
    assert cli.ok("run", "web", "cat count") == "once\n"
    if victim == "coordinator":
        assert "the connection is lost" in err and "connected again" in err
    else:
        assert err == "", "its client notices nothing"


def test_events_are_followed_and_filtered(cli, api):
    child = cli.start("events", "--action", "sandbox", "--kind", "outcome", "-n", "2")
    seen = cli.start("events", "--since", "1h", "--target", "web", "--action", "sandbox.create", "-o", "json", "-n", "2")
    rows = [json.loads(line) for line in seen.communicate(timeout=150)[0].splitlines()]
    assert seen.returncode == 0 and [(row["kind"], row["action"]) for row in rows] == [("intent", "sandbox.create"), ("outcome", "sandbox.create")]

    def told():
        box = api.create(auto_start=False)["id"]
        api.destroy(box)
        return child.poll() is not None

    wait_until("two events", told, 30)  # It may not have listened to the first.
    out, err = child.communicate(timeout=150)
    assert (child.returncode, err) == (0, "")
    line = r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  sandbox\.\w+ +ok +sbx-\w{16}  \S+ +token:\S+$"
    assert len(re.findall(line, out, re.M)) == 2, out


def test_no_event_is_missed_or_comes_twice_over_a_restart_and_ctrl_c_is_no_failure_of_it(cli, fleet):
    start = json.loads(cli.ok("events", "--from", "0", "-n", "1", "-o", "json"))["seq"]
    child = cli.start("events", "-o", "json", "--from", str(start - 1))
    assert json.loads(child.stdout.readline())["seq"] == start
    fleet.restart_coordinator()
    fleet.wait_ready(2)
    api = fleet.api()
    box = api.create(auto_start=False)["id"]
    api.destroy(box)
    rows = []
    while not rows or (rows[-1]["action"], rows[-1]["kind"], rows[-1].get("target")) != ("sandbox.destroy", "outcome", box):
        rows.append(json.loads(child.stdout.readline()))
    assert [row["seq"] for row in rows] == list(range(start + 1, rows[-1]["seq"] + 1))
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=150)
    assert child.returncode == -signal.SIGINT and "nothing is missed" in err


def test_what_would_be_lost_is_not_found_by_a_few_letters(cli, api):
    box = api.create(auto_start=False)["id"]
    assert cli.ok("get", box[4:8], "-o", "json").find(box) > 0
    refused(cli("rm", box[4:11]), 116, "no_such_sandbox")
    refused(cli("rm", box[:11]), 2, "too_short")
    refused(cli("rm", "--force", box[:11]), 2, "too_short")
    assert cli.ok("rm", "--force", box[4:11]) == "" and cli.ok("get", box)
    assert cli.ok("rm", box[:12]) == f"{box[:12]} destroyed\n"
