"""Reading live execs: server-sent events over a connection of their own."""

import base64
import http.client
import json
import threading
import time
from dataclasses import dataclass


@dataclass
class Event:
    name: str
    ident: int
    data: dict

    @property
    def bytes(self):
        """What was written."""
        text = self.data["data"]
        return base64.b64decode(text) if self.data["encoding"] == "base64" else text.encode()


class Events:
    """An iterator over one reply's events, without those that only say that it is alive. `body` starts an exec; without it an
    exec is read."""

    def __init__(self, api, path, body=None, headers=None, timeout=180):
        self.until_then = time.monotonic() + timeout
        sent = {"Authorization": f"Bearer {api.token}", **(headers or {})}
        self.connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=timeout)
        self.connection.connect()
        self.socket = self.connection.sock  # The reply takes it over.
        if body is None:
            self.connection.request("GET", path, headers=sent)
        else:
            self.connection.request("POST", path, json.dumps(body), {**sent, "Content-Type": "application/json"})
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        self.refusal = None
        if self.reply.headers["Content-Type"] != "text/event-stream":
            self.refusal = json.loads(self.reply.read())
            self.close()

    def __iter__(self):
        return self

    def __next__(self):
        while (event := self._read()).name == "keepalive":
            # An API that says nothing else must not keep a test for ever.
            assert time.monotonic() < self.until_then, "nothing comes any more"
        return event

    def _read(self):
        fields = {}
        while True:
            line = self.reply.readline().decode()
            if not line:
                raise StopIteration
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            assert name in ("event", "id", "data") and name not in fields, f"not an event: {line!r}"
            fields[name] = value
        return Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))

    def until(self, name):
        """The events up to the first of this name, which is the last of them."""
        seen = []
        for event in self:
            seen.append(event)
            if event.name == name:
                return seen
        raise AssertionError(f"it ended before any {name}: {seen[-3:]}")

    def until_written(self, text):
        """All events until what was written, stdout and stderr together, holds `text`."""
        seen = []
        for event in self:
            seen.append(event)
            if text in b"".join(one.bytes for one in seen if one.name in ("stdout", "stderr")):
                return seen
        raise AssertionError(f"it ended before {text!r} was written: {seen[-3:]}")

    def close(self):
        """As a client that is gone."""
        self.reply.close()
        self.connection.close()
        self.socket.close()


def written(events, name="stdout"):
    return b"".join(event.bytes for event in events if event.name == name)


class Live:
    """One live exec of a sandbox."""

    def __init__(self, api, sandbox, cmd, timeout=180, **fields):
        self.api, self.path = api, f"/v1/sandboxes/{sandbox}/exec"
        self.events = Events(api, self.path, {"cmd": cmd, **fields}, timeout=timeout)
        assert self.events.refusal is None, self.events.refusal
        start = next(self.events)
        assert (start.name, start.ident) == ("start", 0)
        self.ident = start.data["exec"]["id"]

    def reader(self, start=0, **options):
        return Events(self.api, f"{self.path}/{self.ident}?from={start}", **options)

    def stdin(self, data=b"", eof=False):
        body = {"data_base64": base64.b64encode(data).decode()} if data else {}
        self.api.ok("POST", f"{self.path}/{self.ident}/stdin", {**body, **({"eof": True} if eof else {})})

    def signal(self, name):
        self.api.ok("POST", f"{self.path}/{self.ident}/signal", {"signal": name})

    def resize(self, rows, cols):
        self.api.ok("POST", f"{self.path}/{self.ident}/resize", {"rows": rows, "cols": cols})

    def record(self):
        """As the list has it."""
        found = [one for one in self.api.ok("GET", self.path)["execs"] if one["id"] == self.ident]
        assert len(found) == 1, found
        return found[0]


class Collector(threading.Thread):
    """Reads all events in the background."""

    def __init__(self, events):
        super().__init__(daemon=True)
        self.events, self.seen, self.error = events, [], None
        self.start()

    def run(self):
        try:
            self.seen.extend(self.events)
        except Exception as error:  # Told by whoever joins.
            self.error = error

    def all(self, timeout=60):
        self.join(timeout)
        assert not self.is_alive() and self.error is None, (self.error, self.seen[-3:])
        return self.seen
