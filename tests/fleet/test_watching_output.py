"""Following a sandbox: what its live commands write is told as they write it, holds nobody up, and what was left out is told to the byte."""

import base64
import time

import pytest
from fleet import wait_until
from live import Collector, Events, Live


@pytest.fixture(scope="module")
def sandbox(fleet):
    return fleet.api().create(host="h1")["id"]


# The sandbox is shared by this file's tests: leaks are checked where it is made and destroyed.
@pytest.fixture(autouse=True)
def nothing_leaks():
    yield


def sh(line):
    return ["/bin/sh", "-c", line]


class Unread:
    """A live command that nobody reads."""

    def __init__(self, api, sandbox, line, **fields):
        self.api, self.path = api, f"/v1/sandboxes/{sandbox}/exec"
        self.ident = api.ok("POST", self.path, {"cmd": sh(line), "detach": True, **fields}, expect=(201,))["exec"]["id"]

    def go(self, line="go"):
        self.api.ok("POST", f"{self.path}/{self.ident}/stdin", {"data": line + "\n"})


class Followed:
    """Somebody who follows a sandbox. What comes is kept, in order."""

    def __init__(self, api, sandbox, last=None):
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        self.events, self.seen = Events(api, f"/v1/sandboxes/{sandbox}/stream", headers=headers), []
        assert self.events.refusal is None, self.events.refusal
        self.until(lambda event: event.name == ("connected" if last is not None else "command_history"))

    def until(self, fits):
        for event in self.events:
            if event.name != "heartbeat":
                self.seen.append(event)
            if fits(event):
                return event
        raise AssertionError(f"it ended: {self.seen[-3:]}")

    def until_written(self, ident, text):
        self.until(lambda _: text in b"".join(data for _, data in self.written(ident)))

    def until_end(self, ident):
        def ends():
            return any(event.name == "command_end" for event in self.of(ident))

        if not ends():
            self.until(lambda _: ends())
        return self.of(ident)

    def of(self, ident):
        return [event for event in self.seen if (event.data.get("data") or {}).get("command_id") == ident]

    def pieces(self, ident):
        return [event.data["data"] for event in self.of(ident) if event.name == "command_output"]

    def written(self, ident):
        """(stream, bytes) of each piece."""
        return [(piece["stream"], bytes_of(piece)) for piece in self.pieces(ident) if "data" in piece]

    def all_of(self, ident, stream="stdout"):
        return b"".join(data for name, data in self.written(ident) if name == stream)

    def accounted(self, ident):
        """(told, missed): each byte of it is one or the other."""
        told = missed = 0
        for piece in self.pieces(ident):
            missed += piece.get("missed_bytes", 0)
            assert piece["seq"] == told + missed, piece
            told += len(bytes_of(piece))
        return told, missed

    def close(self):
        self.events.close()


def bytes_of(piece):
    text = piece.get("data", "")
    return base64.b64decode(text) if piece.get("encoding") == "base64" else text.encode()


def test_two_commands_are_told_as_they_write_with_their_streams_apart(api, sandbox):
    watcher = Followed(api, sandbox)
    line = "echo begun {0}; read go; i=0; while [ $i -lt 100 ]; do echo out {0} $i; echo err {0} $i >&2; i=$((i+1)); done; printf '\\377'; exit {0}"
    one, two = (Unread(api, sandbox, line.format(number), stdin=True) for number in (1, 2))
    watcher.until_written(one.ident, b"begun 1\n")  # While it runs.
    watcher.until_written(two.ident, b"begun 2\n")
    for command in (one, two):
        command.go()
    for number, command in enumerate((one, two), 1):
        events = watcher.until_end(command.ident)
        assert [events[0].name, events[-1].name] == ["command_start", "command_end"]
        assert {event.name for event in events[1:-1]} == {"command_output"}
        assert events[-1].data["data"]["exit_code"] == number
        lines = b"".join(b"out %d %d\n" % (number, i) for i in range(100))
        assert watcher.all_of(command.ident) == b"begun %d\n" % number + lines + b"\xff"
        assert watcher.all_of(command.ident, "stderr") == lines.replace(b"out", b"err")
        assert watcher.accounted(command.ident) == (len(lines) * 2 + 9, 0)
    idents = [event.ident for event in watcher.seen]
    assert idents == sorted(idents)
    watcher.close()


def test_what_a_run_writes_comes_at_its_end_as_before(api, sandbox):
    watcher = Followed(api, sandbox)
    ident = api.run(sandbox, "echo one; echo two >&2")["id"]
    events = watcher.until_end(ident)
    assert [event.name for event in events] == ["command_start", "command_output", "command_output", "command_end"]
    assert [event.ident for event in events[1:]] == [events[-1].ident] * 3 and "seq" not in events[1].data["data"]
    watcher.close()


def test_a_flood_waits_for_no_watcher_and_what_they_miss_is_counted(fleet, api, sandbox):
    size = 200 << 20
    line = f"read go; head -c {size} /dev/zero | tr '\\0' x; echo over >&2"

    def took():
        command = Unread(api, sandbox, line, stdin=True)
        begun = time.monotonic()
        command.go()
        list(Events(api, f"{command.path}/{command.ident}", headers={"Last-Event-ID": str(size + 5)}))  # Until it ends.
        return command.ident, time.monotonic() - begun

    _, alone = took()
    lazy, eager = Followed(api, sandbox), Followed(api, sandbox)
    reader = Collector(iter_until_end(eager))
    before = resident(fleet.coordinator), resident(fleet.hosts[0].hostd)
    ident, watched = took()
    grown = [now - then for now, then in zip((resident(fleet.coordinator), resident(fleet.hosts[0].hostd)), before)]
    reader.all(60)
    assert watched < 3 * alone + 2, (alone, watched)
    assert max(grown) < 32 << 20, grown
    lazy.until_end(ident)  # All this time it has taken nothing.
    for watcher in (lazy, eager):
        told, missed = watcher.accounted(ident)
        assert told + missed == size + 5 and missed > 0, (told, missed)
        assert watcher.of(ident)[-1].name == "command_end"
        watcher.close()
    told, _ = eager.accounted(ident)
    assert told < (1 << 20) + (watched + 10) * (256 << 10), (told, watched)
    assert eager.all_of(ident, "stderr") == b"over\n"  # There is a moment for the last of it.


def iter_until_end(watcher):
    watcher.until(lambda event: event.name == "command_end")
    return
    yield


def resident(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * 4096


def test_one_that_floods_leaves_room_for_another(api, sandbox):
    watcher = Followed(api, sandbox)
    flood = Live(api, sandbox, ["yes"])
    reader = Collector(flood.events)
    quiet = Unread(api, sandbox, "read line; echo $line; read line; echo $line", stdin=True)
    for line in ("first", "second"):
        quiet.go(line)
        watcher.until_written(quiet.ident, line.encode())
    flood.signal("KILL")
    exit = reader.all()[-1]
    watcher.until_end(flood.ident)
    assert sum(watcher.accounted(flood.ident)) == exit.ident
    assert watcher.accounted(quiet.ident) == (13, 0)
    watcher.close()


def test_who_comes_in_the_middle_sees_the_rest_and_where_the_beginning_is(api, sandbox):
    command = Unread(api, sandbox, "head -c 5000 /dev/zero | tr '\\0' a; read go; echo rest", stdin=True)
    first = Followed(api, sandbox)
    position = next(event.ident for event in Events(api, f"{command.path}/{command.ident}") if event.ident == 5000)
    command.go()
    first.until_end(command.ident)
    told, missed = first.accounted(command.ident)
    assert told + missed == position + 5 and first.all_of(command.ident).endswith(b"rest\n")
    piece = first.pieces(command.ident)[-1]
    start = piece["seq"] - piece.get("missed_bytes", 0)
    again = list(Events(api, f"{command.path}/{command.ident}?from={start}"))
    assert b"".join(event.bytes for event in again[1:-1]) == (b"a" * 5000 + b"rest\n")[start:]
    first.close()


def test_a_hostd_that_dies_is_watched_again(fleet, api, sandbox):
    watcher = Followed(api, sandbox)
    command = Unread(api, sandbox, "echo one; read go; echo two; read go; echo three", stdin=True)
    watcher.until_written(command.ident, b"one\n")
    fleet.hosts[0].restart_hostd()
    fleet.wait_ready(2)
    for text in (b"two\n", b"three\n"):
        command.go()
        watcher.until_written(command.ident, text)
    assert watcher.until_end(command.ident)[-1].data["data"]["exit_code"] == 0
    assert watcher.accounted(command.ident) == (14, 0)
    watcher.close()


def test_after_the_coordinator_died_who_comes_back_is_told_of_what_follows(fleet, sandbox):
    api = fleet.api()
    watcher = Followed(api, sandbox)
    command = Unread(api, sandbox, "echo one; read go; echo two; read go; echo three", stdin=True)
    watcher.until_written(command.ident, b"one\n")
    last = watcher.seen[-1].ident
    fleet.restart_coordinator()
    fleet.wait_ready(2)
    command.api = api = fleet.api()
    watcher = Followed(api, sandbox, last)
    wait_until("the command", lambda: api.ok("GET", command.path)["execs"][0]["status"] == "running", 30)
    command.go()
    watcher.until_written(command.ident, b"two\n")
    command.go()
    events = watcher.until_end(command.ident)
    assert "command_start" not in [event.name for event in events] and events[-1].ident > last
    assert sum(watcher.accounted(command.ident)) == 14 and watcher.all_of(command.ident).endswith(b"two\nthree\n")
    watcher.close()


def test_the_end_of_its_machine_is_told(fleet):
    api = fleet.api()
    box = api.create(host="h1")["id"]
    watcher = Followed(api, box)
    command = Unread(api, box, "echo one; read go", stdin=True)
    watcher.until_written(command.ident, b"one\n")
    api.destroy(box)
    assert watcher.until_end(command.ident)[-1].data["data"]["status"] in ("failed", "outcome_unknown")
    watcher.close()
