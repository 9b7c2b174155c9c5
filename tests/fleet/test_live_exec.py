"""Live commands in a real guest: what they write as they write it, whoever reads and whatever dies."""

import contextlib
import hashlib
import http.client
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fleet import wait_until
from live import Collector, Events, Live, written


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1")["id"]


# The sandbox is shared by this file's tests: leaks are checked where it is made and destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def sh(line):
    return ["/bin/sh", "-c", line]


def test_both_streams_arrive_as_they_are_written(api, sandbox):
    live = Live(api, sandbox, sh("echo one; read go; echo two >&2; exit 3"), stdin=True)
    first = live.events.until_written(b"one\n")
    assert written(first) == b"one\n" and live.record()["status"] == "running"
    live.stdin(b"go\n")
    rest = live.events.until("exit")
    assert written(rest, "stderr") == b"two\n" and written(rest) == b""
    assert rest[-1].data["exit_code"] == 3 and rest[-1].data["status"] == "finished"
    with pytest.raises(StopIteration):
        next(live.events)
    assert live.record()["exit_code"] == 3


def test_positions_count_and_a_reader_comes_back_to_any(api, sandbox):
    live = Live(api, sandbox, sh("i=0; while [ $i -lt 200 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done"))
    events = live.events.until("exit")
    position = 0
    for event in events[:-1]:
        assert event.data["seq"] == position
        position += len(event.bytes)
        assert event.ident == position
    assert written(events) == b"".join(b"out %d\n" % i for i in range(200))
    assert written(events, "stderr") == b"".join(b"err %d\n" % i for i in range(200))
    everything = b"".join(event.bytes for event in events[:-1])
    for start in (0, 1, 777, position - 1, position):
        again = list(live.reader(start))[1:]
        assert b"".join(event.bytes for event in again[:-1]) == everything[start:]
        assert again[-1].name == "exit" and again[-1].ident == position
    resumed = Events(api, f"{live.path}/{live.ident}", headers={"Last-Event-ID": "777"})
    assert b"".join(event.bytes for event in list(resumed)[1:-1]) == everything[777:]


def test_any_bytes_come_through_exactly(api, sandbox):
    live = Live(api, sandbox, sh("head -c 300000 /dev/urandom | tee /tmp/bytes; md5sum /tmp/bytes >&2"))
    events = live.events.until("exit")
    assert written(events, "stderr").split()[0].decode() == hashlib.md5(written(events)).hexdigest()


def test_a_reader_that_goes_leaves_the_command_alone(api, sandbox):
    live = Live(api, sandbox, sh("echo begun; while [ ! -e /tmp/go-on ]; do sleep 0.1; done; echo done"))
    live.events.until_written(b"begun\n")
    live.events.close()
    api.run(sandbox, "touch /tmp/go-on")
    again = list(live.reader())
    assert written(again) == b"begun\ndone\n" and again[-1].data["exit_code"] == 0


def test_a_slow_reader_has_the_command_wait_and_loses_nothing(api, sandbox):
    size = 8 << 20
    line = f"head -c {size} /dev/zero | tr '\\0' x; touch /tmp/all-written"
    live = Live(api, sandbox, sh(f"rm -f /tmp/all-written; {line}"))
    live.events.until_written(b"xxxx")
    # What the sockets on the way hold, and every window, is far less than that.
    looked_until = time.monotonic() + 10  # One that takes nothing for much longer is let go.
    for _ in range(5):
        assert api.run(sandbox, "test -e /tmp/all-written; echo $?")["stdout"] == "1\n"
        if time.monotonic() > looked_until:
            break
    rest = live.events.until("exit")
    assert not [event for event in rest if event.name == "gap"]
    assert rest[-1].ident == size


def test_one_that_nobody_reads_goes_on_and_keeps_the_newest(api, sandbox):
    reply = api.ok("POST", f"/v1/sandboxes/{sandbox}/exec",
                   {"cmd": sh("head -c 4000000 /dev/zero | tr '\\0' y; echo; echo last"), "detach": True}, expect=(201,))
    ident = reply["exec"]["id"]

    def status():
        return next(one["status"] for one in api.ok("GET", f"/v1/sandboxes/{sandbox}/exec")["execs"] if one["id"] == ident)

    wait_until("its end", lambda: status() == "finished", 60)
    events = list(Events(api, f"/v1/sandboxes/{sandbox}/exec/{ident}"))
    gap = events[1]
    assert gap.name == "gap" and gap.data["from"] == 0 and gap.data["to"] > 3_000_000
    kept = written(events)
    assert kept.endswith(b"y\nlast\n") and len(kept) == 4_000_006 - gap.data["to"]


def test_two_readers_both_get_all_of_it(api, sandbox):
    live = Live(api, sandbox, sh("read go; head -c 3000000 /dev/zero | tr '\\0' z"), stdin=True)
    others = [Collector(live.reader()) for _ in range(3)]
    wait_until("all to read", lambda: all(one.seen for one in others), 20)
    live.stdin(b"go\n")
    assert len(written(live.events.until("exit"))) == 3_000_000
    assert [len(written(one.all())) for one in others] == [3_000_000] * 3


def test_stdin_of_any_size_and_its_end(api, sandbox):
    data = bytes(range(256)) * 4096
    live = Live(api, sandbox, sh("md5sum; echo over"), stdin=True)
    for begin in range(0, len(data), 60_000):
        live.stdin(data[begin:begin + 60_000])
    live.stdin(eof=True)
    events = live.events.until("exit")
    assert written(events).split()[0].decode() == hashlib.md5(data).hexdigest()
    status, reply = api.call("POST", f"{live.path}/{live.ident}/stdin", {"data": "more"})
    assert (status, reply["reason"]) == (409, "exec_ended")


def test_stdin_that_was_not_asked_for_is_refused(api, sandbox):
    live = Live(api, sandbox, ["sleep", "100"])
    status, reply = api.call("POST", f"{live.path}/{live.ident}/stdin", {"data": "x"})
    assert (status, reply["reason"]) == (409, "stdin_closed")
    live.signal("TERM")
    end = live.events.until("exit")[-1]
    assert end.data["exit_code"] == 143


def test_a_terminal_is_one(api, sandbox):
    live = Live(api, sandbox, sh("trap 'stty size' WINCH; tty; stty size; echo $TERM; while :; do read line; echo got $line; done"),
                pty=True, rows=30, cols=100)
    first = written(live.events.until_written(b"xterm"))
    assert b"/dev/pts/" in first and b"30 100" in first
    live.resize(40, 120)
    live.events.until_written(b"40 120")
    live.stdin(b"hello\n")
    live.events.until_written(b"got hello")
    live.stdin(b"\x03")  # Ctrl-C, by the terminal's own rules.
    assert live.events.until("exit")[-1].data["exit_code"] == 130


def test_a_time_out_ends_it(api, sandbox):
    began = time.monotonic()
    live = Live(api, sandbox, sh("echo begun; sleep 1000"), timeout_sec=1)
    end = live.events.until("exit")[-1]
    assert end.data["timed_out"] and end.data["exit_code"] == 137 and time.monotonic() - began < 20


@pytest.mark.parametrize("body, status, reason", [
    ({"cmd": ["id"], "user": "nobody-here"}, 422, "unknown_user"),
    ({"cmd": ["/no/such/program"]}, 422, "not_executable"),
    ({"cmd": ["id"], "cwd": "/no/such"}, 422, "no_such_cwd"),
    ({"cmd": []}, 400, "invalid_argument"),
    ({"cmd": "id"}, 400, "invalid_argument"),
    ({"cmd": ["id"], "rows": 4}, 400, "invalid_argument"),
    ({"cmd": ["id"], "command": "id"}, 400, "invalid_argument"),
])
def test_what_cannot_begin_is_told_at_once(api, sandbox, body, status, reason):
    refused = Events(api, f"/v1/sandboxes/{sandbox}/exec", body)
    assert (refused.status, refused.refusal["reason"]) == (status, reason), refused.refusal


def test_an_unknown_one_is_not_found(api, sandbox):
    unknown = Events(api, f"/v1/sandboxes/{sandbox}/exec/cmd-aaaaaaaaaaaaaaaa")
    assert (unknown.status, unknown.refusal["reason"]) == (404, "no_such_exec")


def test_many_short_ones_each_give_all_that_they_wrote(fleet, sandbox):
    def once(number):
        return written(Live(fleet.api(), sandbox, ["echo", str(number)]).events.until("exit"))

    with ThreadPoolExecutor(24) as pool:
        assert list(pool.map(once, range(48))) == [b"%d\n" % number for number in range(48)]


def test_in_a_copy_of_its_guest_it_goes_on_unread(fleet):
    api = fleet.api()
    box = api.create(host="h1")["id"]
    line = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; head -c 8192 /dev/zero; sleep 0.01; done"
    live = Live(api, box, sh(line))
    live.events.until_written(b"\0")
    reader = Collector(live.events)
    child = api.ok("POST", f"/v1/sandboxes/{box}/fork", {"count": 1}, expect=(201,))["children"][0]["id"]

    def count():
        return int(api.run(child, "cat /tmp/count")["stdout"] or 0)

    begun = count()
    wait_until("it to write more than anybody holds", lambda: count() > begun + 100, 60)
    assert api.ok("GET", f"/v1/sandboxes/{child}/exec")["total"] == 0
    live.signal("KILL")
    assert reader.all()[-1].data["exit_code"] == 137
    for each in (child, box):
        api.destroy(each)  # The child's goes on, and on.


@pytest.mark.parametrize("victim", ["hostd", "coordinator", "both"])
def test_a_daemon_that_dies_loses_nothing_of_it(fleet, sandbox, victim):
    api = fleet.api()
    line = f"rm -f /tmp/on; echo one; while [ ! -e /tmp/on ]; do sleep 0.1; done; echo two; read last; echo $last"
    live = Live(api, sandbox, sh(line), stdin=True)
    position = live.events.until_written(b"one\n")[-1].ident
    reader = Collector(live.events)
    if victim != "coordinator":
        fleet.hosts[0].restart_hostd()
    if victim != "hostd":
        fleet.restart_coordinator()
    fleet.wait_ready(2)
    api = live.api = fleet.api()
    api.run(sandbox, "touch /tmp/on")
    live.stdin(b"three\n")
    if victim == "hostd":
        rest = reader.all()  # The same reader: its client has noticed nothing.
    else:
        rest = list(live.reader(position))
    assert not [event for event in rest if event.name == "gap"], rest
    assert written(rest) == b"two\nthree\n" and rest[-1].data["exit_code"] == 0, rest


def test_a_coordinator_that_dies_loses_nothing_of_one_that_writes_much(fleet, sandbox):
    api = fleet.api()
    size = 16 << 20
    live = Live(api, sandbox, sh(f"head -c {size} /dev/zero | tr '\\0' x"))
    for event in live.events:
        position = event.ident
        if position > 1 << 20:
            break
    fleet.coordinator.kill()
    with contextlib.suppress(OSError, http.client.HTTPException, AssertionError, ValueError):
        for event in live.events:  # What was on its way, as far as it came.
            position = event.ident
    fleet.start_coordinator()
    fleet.wait_ready(2)
    live.api = fleet.api()
    rest = list(live.reader(position))
    assert not [event for event in rest if event.name == "gap"], (position, rest[:3])
    assert len(written(rest)) == size - position and rest[-1].data["exit_code"] == 0, rest[-1]


def test_the_end_of_its_machine_is_its_end(fleet):
    api = fleet.api()
    box = api.create(host="h1")["id"]
    live = Live(api, box, ["sleep", "1000"])
    api.destroy(box)
    end = live.events.until("exit")[-1]
    assert end.data["status"] in ("failed", "outcome_unknown") and end.data["error"]


def test_the_death_of_its_qemu_is_its_end(fleet, api):
    box = api.create(host="h1")["id"]
    live = Live(api, box, ["sleep", "1000"])
    (pid,) = fleet.hosts[0].qemu_pids(box)
    os.kill(pid, signal.SIGKILL)
    end = live.events.until("exit")[-1]
    assert end.data["status"] in ("failed", "outcome_unknown") and end.data["error"], end.data
