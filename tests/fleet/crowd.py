"""Many requests at once that wait for one host: what each was told, what became of it, and how another host is used meanwhile."""

import contextlib
import itertools
import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode

from files import Files
from fleet import wait_until

PATIENCE_SECONDS = 10  # For one answer of a host that is well; it is a few milliseconds, or a boot.
SMALL = {"image": "tiny", "agent_id": "crowd", "memory_mb": 160}
# What is told to who asks for what a host would have to do, while it does not answer, or just after: docs/troubleshoot.md.
NOTHING_DONE = {(429, "busy"), (429, "host_busy"), (429, "guest_busy"), (502, "host_unreachable"), (503, "no_capacity")}
NOBODY_KNOWS = {(504, "outcome_unknown"), (504, "boot_timeout")}
REFUSALS = (409, 429, 502, 503, 504)
_numbers = itertools.count()


@dataclass
class Request:
    """One of the crowd. Its id is its own in the audit, too."""

    kind: str
    method: str
    path: str
    body: dict | None = None
    raw: bytes | None = None
    is_change: bool = True  # It has an operation of its own; who joins one, or only reads, has none.
    number: int = 0
    status: int = 0  # Of its answer; 0: it waits.
    reply: dict = field(default_factory=dict)
    retry_after: str | None = None

    @property
    def ident(self):
        return f"crowd-{self.kind}-{self.number}"

    @property
    def is_done(self):
        return self.status in (200, 201)

    @property
    def told(self):
        return self.status, self.reply.get("reason", "") if isinstance(self.reply, dict) and not self.is_done else ""

    def send(self, api):
        status, self.reply = api.call(self.method, self.path, self.body, {"X-Request-ID": self.ident}, self.raw)
        self.retry_after = api.last_headers["Retry-After"]
        self.status = status

    def check(self, described):
        is_promised = self.status in REFUSALS and self.told in described(self.method, self.path)
        assert self.is_done or is_promised, f"{self.ident} was told {self.status} {self.reply}, which is not said in /docs"
        assert self.status not in (429, 503) or self.retry_after, f"{self.ident} was not told when to come again: {self.reply}"


def description(api):
    """What the API says of itself: status and reason of each refusal of a call."""
    told = api.ok("GET", "/openapi.json")
    paths = [(re.compile(re.sub(r"\\{.*?\\}", "[^/]+", re.escape(path))), calls) for path, calls in told["paths"].items()]
    shared = told["components"]["responses"]

    def described(method, path):
        replies = [(int(status), shared.get(reply.get("$ref", "").rpartition("/")[2], reply)) for pattern, calls in paths
                   if pattern.fullmatch(path.partition("?")[0]) for status, reply in calls.get(method.lower(), {}).get("responses", {}).items()]
        return {(status, reason) for status, reply in replies for reason in reply.get("x-reasons", ())}

    return described


# ---- who asks for what ----------------------------------------------------------

def numbered(kind, count, make, **fields):
    """`make` gives method, path and body of each, by its number."""
    found = []
    for number in itertools.islice(_numbers, count):
        method, path, body = make(number)
        found.append(Request(kind, method, path, **({"raw": body} if isinstance(body, bytes) else {"body": body}), number=number, **fields))
    return found


def of(box, rest=""):
    return f"/v1/sandboxes/{box}{rest}"


def creates(count, **fields):
    return numbered("create", count, lambda n: ("POST", "/v1/sandboxes", {**SMALL, "vm_name": f"crowd-{n}", "auto_start": False, **fields}))


def runs(count, boxes):
    """Each writes its number, in one of these sandboxes after the other."""
    return numbered("run", count, lambda n: ("POST", of(boxes[n % len(boxes)], "/run"), {"command": f"echo {n} >> /home/sandbox/numbers"}))


def execs(count, box):
    return numbered("exec", count, lambda n: ("POST", of(box, "/exec"), {"cmd": ["sh", "-c", f"echo {n} >> /home/sandbox/numbers"]}))


def uploads(count, box):
    return numbered("upload", count, lambda n: ("PUT", of(box, f"/files?{urlencode({'path': f'/home/sandbox/new-{n}'})}"), b"new\n"))


def writes(count, box):
    return numbered("write", count, lambda n: ("POST", of(box, "/file/write"), {"path": f"/home/sandbox/new-{n}", "content": "new\n"}))


def edits(count, box):
    return numbered("edit", count, lambda n: ("POST", of(box, "/file/edit"), {"path": "/home/sandbox/text", "old_text": "new", "new_text": "new"}),
                    is_change=False)  # Another one may have it just then.


def lists(count, box):
    return numbered("list", count, lambda n: ("POST", of(box, "/file/list"), {"path": "/home"}), is_change=False)


def downloads(count, box):
    return numbered("download", count, lambda n: ("GET", of(box, "/files?path=/etc/passwd"), None), is_change=False)


def logs(count, box):
    return numbered("logs", count, lambda n: ("GET", of(box, "/logs"), None), is_change=False)


def addresses(count, box):
    return numbered("address", count, lambda n: ("GET", of(box, "/ip"), None), is_change=False)


def listings(count):
    return numbered("vms", count, lambda n: ("GET", "/v1/vms", None), is_change=False)


def snapshots(count, box):
    return numbered("snapshot", count, lambda n: ("POST", of(box, "/snapshots"), {"name": f"crowd-{n}", "memory": False}))


def restores(count, box, name):
    return numbered("restore", count, lambda n: ("POST", of(box, f"/snapshots/{name}/restore"), {}), is_change=False)


def images(count, box, name):
    return numbered("image", count, lambda n: ("POST", "/v1/images", {"name": f"crowd-{n}", "sandbox_id": box, "from_snapshot": name}))


def forks(count, box):
    return numbered("fork", count, lambda n: ("POST", of(box, "/fork"), {"count": 1}), is_change=False)


def moods(count, box, verb):
    """All at once: who comes later joins the first, or is told that it is under way."""
    return numbered(verb, count, lambda n: ("POST", of(box, f"/{verb}"), {}), is_change=False)


def destroys(count, box):
    return numbered("destroy", count, lambda n: ("DELETE", of(box), None), is_change=False)


# ---- all of them ----------------------------------------------------------------

class Crowd:
    """Each on a connection and in a thread of its own. As a context manager: who leaves has all answers."""

    def __init__(self, fleet):
        self.fleet, self.requests, self.sending = fleet, [], []
        self.pool = ThreadPoolExecutor(1000)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.pool.shutdown()
        for one in self.sending if kind is None else ():
            one.result()

    def send(self, requests):
        """They are answered already, or wait, when it returns."""
        self.requests += requests
        self.sending += [self.pool.submit(request.send, self.fleet.api(timeout=240)) for request in requests]
        api, looks = self.fleet.api(timeout=30), []

        def are_there():
            before = len(self.waiting())
            status, page = api.call("GET", "/metrics")
            looks.append(status)
            if status == 429:  # They hold all there is; if it stays so, whoever asks for more will say so.
                return looks[-30:] == [429] * 30
            in_flight = next(int(line.split()[1]) for line in page.splitlines() if line.startswith("paddock_http_requests_in_flight "))
            return before == len(self.waiting()) <= in_flight - 1  # It is one of them.

        wait_until("the crowd to be there", are_there, 30)

    def waiting(self):
        return [request for request in self.requests if request.status == 0]

    def of_kind(self, *kinds):
        return [request for request in self.requests if request.kind in kinds]

    def __str__(self):
        kinds = Counter(request.kind for request in self.requests)
        told = Counter(f"{request.status} {request.told[1]}".strip() for request in self.requests)
        return f"{', '.join(f'{count} {kind}' for kind, count in kinds.items())}: {dict(told)}"

    # ---- what became of them --------------------------------------------------

    def check(self):
        """Once all is at rest: each was told what is promised, and it is so."""
        described = description(self.fleet.api())
        for request in self.requests:
            request.check(described)
        self._check_audit()
        self._check_numbers()
        self._check_files()
        self._check_created()

    def _check_audit(self):
        rows = self.fleet.postgres.sql("""
            SELECT request_id, count(DISTINCT operation_id) FILTER (WHERE operation_id <> ''), count(*) FILTER (WHERE kind = 'outcome'),
                   count(*) FILTER (WHERE result = 'ok') FROM audit WHERE request_id LIKE 'crowd-%' GROUP BY request_id""")
        ends = {ident: tuple(map(int, counts)) for ident, *counts in rows}
        for request in self.requests:
            operations, outcomes, done = ends.get(request.ident, (0, 0, 0))
            assert outcomes == operations, f"{request.ident}: {operations} operations have {outcomes} ends"
            if request.is_change and request.is_done:
                assert done >= 1, f"{request.ident} was done, and is not on record: {request.reply}"
            if request.told in NOTHING_DONE:
                assert done == 0, f"{request.ident} was told {request.told}, and was done"

    def _check_numbers(self):
        asked = self.of_kind("run", "exec")
        api = self.fleet.api()
        for box in {request.path.split("/")[3] for request in asked}:
            mine = [request for request in asked if request.path.split("/")[3] == box]
            text = api.run(box, "cat /home/sandbox/numbers || true")["stdout"]
            times = Counter(map(int, text.split()))
            for request in mine:
                self._check_count(request, times[request.number])

    def _check_files(self):
        asked = self.of_kind("upload", "write")
        for box in {request.path.split("/")[3] for request in asked}:
            found = self.fleet.api().run(box, "ls /home/sandbox")["stdout"].split()
            for request in asked:
                if request.path.split("/")[3] == box:
                    self._check_count(request, found.count(f"new-{request.number}"))

    def _check_created(self):
        names = Counter(box["sandbox_name"] for box in self.fleet.api().sandboxes())
        for request in self.of_kind("create"):
            self._check_count(request, names[f"crowd-{request.number}"])

    @staticmethod
    def _check_count(request, times):
        assert times <= 1, f"{request.ident} was done {times} times"
        assert times == 1 or not request.is_done, f"{request.ident} was answered, and is not done: {request.reply}"
        assert times == 0 or request.told not in NOTHING_DONE, f"{request.ident} was told {request.told}, and was done"


# ---- what is done meanwhile -----------------------------------------------------

@contextlib.contextmanager
def hung(host):
    """Its hostd stands still, as one that waits for a disk that does not answer."""
    pid = host.hostd.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def use(fleet, host, box, *, boots):
    """What one does with a sandbox that runs on this host, and with a new one, which boots if that is wanted. Seconds that each took."""
    api, took = fleet.api(timeout=90), {}
    files = Files(api, box)

    def timed(what, ask):
        begun = time.monotonic()
        answer = ask()
        took[what] = time.monotonic() - begun
        return answer

    assert timed("run", lambda: api.run(box, "rm -f /tmp/text; echo runs"))["stdout"] == "runs\n"
    status, reply = timed("upload", lambda: files.put("/tmp/text", b"one\n"))
    assert status == 201, f"an upload to {host}: {status} {reply}"
    timed("edit", lambda: files.do("edit", path="/tmp/text", old_text="one", new_text="two"))
    status, _, data = timed("download", lambda: files.get("/tmp/text"))
    assert (status, data) == (200, b"two\n"), f"a download from {host}: {status} {data[:300]}"
    assert box in {one["id"] for one in timed("list", api.sandboxes)}
    assert timed("get", lambda: api.ok("GET", of(box)))["sandbox"]["phase"] == "running"
    timed("hosts", lambda: api.ok("GET", "/v1/hosts"))
    new = timed("create", lambda: api.create(**SMALL, host=host, auto_start=False))["id"]
    if boots:
        timed("start", lambda: api.ok("POST", of(new, "/start"), {}))
        assert timed("run in it", lambda: api.run(new, "echo runs"))["stdout"] == "runs\n"
    timed("destroy", lambda: api.destroy(new))
    return took


def check_times(took, quiet):
    """Not a benchmark: nobody waits for another host."""
    for what, seconds in took.items():
        assert seconds < max(PATIENCE_SECONDS, 10 * quiet[what]), f"{what} took {seconds:.1f} s; {quiet[what]:.1f} s when all is quiet"


def shown(took, quiet):
    return ", ".join(f"{what} {seconds * 1000:.0f} ms ({quiet[what] * 1000:.0f})" for what, seconds in took.items())
