"""The HTTP API, as tests call it."""

import http.client
import json
import os
import time


class Api:
    """The HTTP API on one keep-alive connection. Not for two threads at once."""

    def __init__(self, port, token, timeout=400):
        self.port, self.token, self.timeout = port, token, timeout
        self.connection = None
        self.record = os.environ.get("PADDOCK_RECORD")  # Each exchange is added to it: tests/api/check_exchanges.js.

    def call(self, method, path, body=None, headers=None, raw=None):
        """(status, decoded body; a picture's bytes as they are). `raw` bytes go out as they are."""
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        payload = raw
        if body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        for attempt in (1, 2):
            fresh = self.connection is None
            if fresh:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
            try:
                try:
                    self.connection.request(method, path, payload, sent)
                except BrokenPipeError:
                    pass  # Refused before it was all sent: the reply says why.
                reply = self.connection.getresponse()
                # A stream is no reply of a call, and may have no end: who reads one does it by live.Events.
                streams = reply.headers.get_content_type() == "text/event-stream"
                data = b"" if streams else reply.read()
                break
            except (ConnectionError, http.client.HTTPException, TimeoutError) as error:
                self.connection.close()
                self.connection = None
                # An idle connection that the server had closed: once more, on a fresh one. A POST
                # on a fresh connection is never repeated: it may have been done.
                if fresh or attempt == 2 or isinstance(error, TimeoutError):
                    raise
        self.last_headers = reply.headers
        if streams:
            reply.close()
            self.connection.close()
            self.connection = None
        if self.record:
            self.note(method, path, payload, reply, data)
        if reply.headers.get_content_type() == "image/png":
            return reply.status, data
        is_json = data[:1] in (b"{", b"[") and reply.headers.get_content_type() != "application/x-ndjson"
        return reply.status, json.loads(data) if is_json else data.decode()

    def note(self, method, path, payload, reply, data):
        line = json.dumps({"method": method, "target": path, "request": payload.decode(errors="replace") if payload else None,
                           "status": reply.status, "headers": {k.lower(): v for k, v in reply.headers.items()},
                           "body": data.decode(errors="replace")})
        file = os.open(self.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, f"{line}\n".encode())  # At once: there are others that write to it.
        finally:
            os.close(file)

    def ok(self, method, path, body=None, expect=(200, 201, 204)):
        status, reply = self.call(method, path, body)
        assert status in expect, f"{method} {path}: {status} {reply}"
        return reply

    def create(self, **fields):
        body = {"image": "tiny", "agent_id": "tests", "auto_start": True, **fields}
        return self.ok("POST", "/v1/sandboxes", body, expect=(201,))["sandbox"]

    def run(self, sandbox, command, **fields):
        return self.ok("POST", f"/v1/sandboxes/{sandbox}/run", {"command": command, **fields})["command"]

    def destroy(self, sandbox):
        return self.ok("DELETE", f"/v1/sandboxes/{sandbox}")

    def sandboxes(self):
        return self.ok("GET", "/v1/sandboxes?limit=500")["sandboxes"]


def check_clock(api, ident):
    """It is ours, cut to a second; an error below one is not stepped."""
    begun = time.time()
    clock = float(api.run(ident, "date +%s")["stdout"])
    assert begun - 2.5 < clock < time.time() + 2.5, f"its clock says {clock} at {begun}"
