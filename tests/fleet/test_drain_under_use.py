"""A host is drained while everything is asked of it: no request fails, and what was on it is elsewhere as it was."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from files import Files, noise
from fleet import Fleet, wait_until
from live import Collector, Live, written
from state_model import look, write
from test_drain import SMALL, drain, filled, is_drained, leaves_nothing, now, progress, seen_moved

# docs/moving.md: what a command is told that a move outlasts; it was not run.
PROMISED = {(504, "still_moving")}
BREATH = 0.3  # Seconds between what one client does and what it does next.
NAMES = ("used", "snapped", "napping", "counting", "paused", "suspended", "stopped", "kept")
SIZE = 300_000  # Of a file.
# It ends when it is told to. All that it writes follows from what it wrote before.
COUNTS = "i=0; until read -t 0.2 told; do i=$((i+1)); echo $i; done; echo $told"


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=3) as fleet:
        yield fleet


@dataclass
class Answer:
    who: str
    what: str
    status: int
    reply: object
    begun: float
    took: float

    def is_good(self):
        return self.status in (200, 201)

    def is_promised(self):
        return isinstance(self.reply, dict) and (self.status, self.reply.get("reason")) in PROMISED


class Refused(Exception):
    """It is on the list of answers."""


class Client:
    """One of those who use the fleet, on a thread of its own: the same again and again, as often as there is time for it."""

    def __init__(self, name, api):
        self.name, self.api, self.rounds, self.answers = name, api, 0, []

    def ask(self, method, path, body=None):
        return self.noted(f"{method} {path}", lambda: self.api.call(method, path, body))

    def noted(self, what, do):
        begun = time.monotonic()
        status, *_, reply = do()
        answer = Answer(self.name, what, status, reply, begun, time.monotonic() - begun)
        self.answers.append(answer)
        if not answer.is_good():
            raise Refused
        return reply

    def keep_on(self, use, over):
        for number in itertools.count():
            if over.is_set():
                return
            try:
                use(self, number)
            except Refused:
                pass  # What comes next is asked for all the same.
            self.rounds += 1
            over.wait(BREATH)


class Use:
    """Many clients at once."""

    def __init__(self, fleet, uses):
        self.over, self.clients = threading.Event(), [Client(name, fleet.api()) for name in uses]
        self.pool = ThreadPoolExecutor(len(uses))
        self.work = [self.pool.submit(client.keep_on, uses[client.name], self.over) for client in self.clients]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.pool.shutdown()

    def answers(self):
        return [answer for client in self.clients for answer in client.answers]

    def goes_on(self):
        """Each client has done all that it does since now; none has seen what is not so."""
        before = {client.name: client.rounds for client in self.clients}

        def all_have():
            for work in self.work:
                if work.done():
                    work.result()
            return all(client.rounds > before[client.name] + 1 for client in self.clients)

        wait_until("each client to get on", all_have, 90)

    def ends_well(self, begun, ended):
        """All answers are good, or promised; in between each client had some."""
        for work in self.work:
            work.result()
        wrong = [answer for answer in self.answers() if not answer.is_good() and not answer.is_promised()]
        assert not wrong, f"{len(wrong)} of {len(self.answers())} answers: " + "\n".join(map(str, wrong[:20]))
        for client in self.clients:
            meanwhile = [answer for answer in client.answers if begun <= answer.begun < ended]
            assert meanwhile, f"{client.name} asked nothing between {begun} and {ended}: {client.answers[-3:]}"
            refused = sum(not answer.is_good() for answer in meanwhile)
            longest = max(meanwhile, key=lambda answer: answer.took)
            print(f"{client.name}: {len(meanwhile)} answers, {refused} of them promised refusals; the longest took {longest.took:.1f} s: {longest.what}")


def creates(client, _):
    made = client.ask("POST", "/v1/sandboxes", {"image": "tiny", "agent_id": "tests", "auto_start": True, **SMALL})["sandbox"]
    client.ask("DELETE", f"/v1/sandboxes/{made['id']}")


def looks(boxes):
    def round_of(client, _):
        listed = {each["id"]: each for each in client.ask("GET", "/v1/sandboxes?limit=500")["sandboxes"]}
        for box in boxes:
            got = client.ask("GET", f"/v1/sandboxes/{box.ident}")["sandbox"]
            assert listed[box.ident]["sandbox_name"] == got["sandbox_name"] == box.name, (listed[box.ident], got)
        assert [host["name"] for host in client.ask("GET", "/v1/hosts")["hosts"]] == ["h1", "h2", "h3"]
        assert client.ask("GET", "/v1/hosts/h1")["host"]["name"] == "h1"
        assert [one["name"] for one in client.ask("GET", "/v1/templates")["templates"]] == ["small"]

    return round_of


def keeps_files(box):
    def round_of(client, number):
        files, content = Files(client.api, box.ident), b"".join(noise(SIZE, seed=b"%d" % number))
        path = f"/home/sandbox/kept-{number % 3}"
        client.noted("PUT a file", lambda: files.put(path, content))
        assert client.noted("GET a file", lambda: files.get(path)) == content

    return round_of


def commands(box):
    def round_of(client, number):
        done = client.ask("POST", f"/v1/sandboxes/{box.ident}/run", {"command": f"echo {number}"})["command"]
        assert (done["stdout"], done["exit_code"]) == (f"{number}\n", 0), done

    return round_of


def snapshots(box):
    path = f"/v1/sandboxes/{box.ident}/snapshots"

    def names(client):
        return {one["name"] for one in client.ask("GET", path)["snapshots"]}

    def round_of(client, number):
        name = f"round-{number}"
        client.ask("POST", path, {"name": name, "memory": number % 2 == 0})
        assert name in names(client)
        client.ask("DELETE", f"{path}/{name}")
        assert name not in names(client)

    return round_of


def naps(box):
    path = f"/v1/sandboxes/{box.ident}"

    def round_of(client, _):
        assert client.ask("POST", f"{path}/pause")["sandbox"]["phase"] == "paused"
        assert client.ask("POST", f"{path}/resume")["sandbox"]["phase"] == "running"

    return round_of


def reasons(api):
    return {one["sandbox_id"]: one["reason"] for one in progress(api, "h1")["left"]}


def restores_first(api, box):
    path = f"/v1/sandboxes/{box.ident}/snapshots/first"
    assert api.ok("POST", f"{path}/verify")["verified"]
    box.restores("first")
    api.ok("POST", f"{path}/restore")
    look(api, box)


def test_no_request_fails_while_a_host_is_drained(fleet, api):
    with ThreadPoolExecutor(2) as pool:
        boxes = list(pool.map(lambda name: filled(fleet.api(), name), NAMES))
    used, snapped, napping, counting, paused, suspended, stopped, kept = boxes
    for box in (snapped, kept):
        api.ok("POST", f"/v1/sandboxes/{box.ident}/snapshots", {"name": "first"})
        box.held["first"] = box.hold(True)
        write(api, box, f"later-{box.name}", f"later-{box.name}")
    api.ok("POST", f"/v1/sandboxes/{paused.ident}/pause")
    api.ok("POST", f"/v1/sandboxes/{suspended.ident}/suspend")
    api.ok("POST", f"/v1/sandboxes/{stopped.ident}/stop", {})
    api.ok("POST", "/v1/templates", {"name": "small", "image": "tiny", **SMALL})
    live = Live(api, counting.ident, ["/bin/sh", "-c", COUNTS], stdin=True)
    reader = Collector(live.events)

    with Use(fleet, {"creates": creates, "looks": looks(boxes), "files": keeps_files(used), "commands": commands(used),
                     "snapshots": snapshots(snapped), "naps": naps(napping)}) as use:
        use.goes_on()
        drain(api, "h1", deadline_sec=300)
        begun = time.monotonic()
        wait_until("all to have left but what is in use", lambda: reasons(api) == {counting.ident: "busy"}, 240)
        live.stdin(b"over\n")
        wait_until("h1 to be drained", lambda: is_drained(api, "h1"), 60)
        ended = time.monotonic()
        use.goes_on()
    print(f"h1 was drained after {ended - begun:.0f} s")
    use.ends_well(begun, ended)

    *counted, end = written(reader.all()).decode().split()
    assert counted and counted == [str(number + 1) for number in range(len(counted))] and end == "over"
    assert live.record()["exit_code"] == 0
    # What was placed meanwhile was placed elsewhere.
    made = [answer.reply["sandbox"] for answer in use.answers() if answer.what == "POST /v1/sandboxes" and answer.begun >= begun]
    assert made and not [one for one in made if one["host_name"] == "h1"]

    how = progress(api, "h1")
    assert how["moved"] >= len(boxes) and how["left"] == []
    leaves_nothing(fleet, "h1")
    phases = {box.name: now(api, box)["phase"] for box in boxes}
    assert phases == {name: name if name in ("paused", "suspended", "stopped") else "running" for name in NAMES}
    api.ok("POST", f"/v1/sandboxes/{stopped.ident}/start", {"wait_for_ip": True})
    stopped.boots()
    for box in boxes:
        seen_moved(api, box)
    for box in (snapped, kept):
        restores_first(api, box)
    assert "ok" in fleet.verify_audit().lower()
    api.ok("DELETE", "/v1/templates/small")
