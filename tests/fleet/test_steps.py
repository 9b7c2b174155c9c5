"""A fault at any step of what keeps and loses state: afterwards it is the old or the new, and nothing is left.

What a step is and how a fault comes about: fault_steps.hpp, which is preloaded into hostd. Each operation is done
once without a fault, and its steps are counted; then with one, on a fresh sandbox each time.

    PADDOCK_FAULTS=6                            so many of each operation, chosen by PADDOCK_SEED; 1 if not said
    PADDOCK_FAULTS=all                          every step, with every fault: hours
    PADDOCK_FAULTS=restore                      every step of this operation
    PADDOCK_FAULTS=restore:17:hostd:after,...   just these
"""

import itertools
import os
import random
import secrets
import threading
import time
from dataclasses import dataclass, field

import pytest

from fleet import Api, Fleet, HTTP_PORT, wait_until

OUTCOMES = (200, 201, 204, 409, 502, 503, 504)
ALIVE = ("running", "paused", "suspended")
DEAD = ("stopped", "error")
SHAPE = {"image": "tiny", "cpu": 1, "memory_mb": 160, "network_mode": "nat"}
SETTLES_WITHIN = 90  # Seconds: two reconciliations, and what hostd waits for a libvirtd that is gone.
DEEPEST_CHAIN = 4  # Of the host: a disk on more files is pulled onto its image.
QUIET = 1.6  # Seconds without a step: more than hostd waits before it sweeps.
# How often each is chosen; the kill of a daemon says before or after which step.
ACTIONS = ["hostd", "hostd", "libvirtd", "qemu", "error", "enospc"]


# ---- one sandbox, and what is asked of it ---------------------------------------

@dataclass
class Box:
    """One sandbox: a word in its memory, one on its disk, and a process that counts."""

    api: Api
    ident: str
    more: dict = field(default_factory=dict)

    def call(self, method, path="", body=None):
        return self.api.call(method, f"/v1/sandboxes/{self.ident}{path}", body)

    def ok(self, method, path="", body=None):
        return self.api.ok(method, f"/v1/sandboxes/{self.ident}{path}", body)

    def phase(self):
        return self.ok("GET")["sandbox"]["phase"]

    def remember(self, word):
        self.api.run(self.ident, f"echo {word} > /dev/shm/memory; echo {word} > /home/sandbox/disk; sync")

    def fill(self, word):
        self.remember(word)
        self.api.run(self.ident, COUNTER)

    def snapshots(self):
        return {s["name"]: s for s in self.ok("GET", "/snapshots")["snapshots"]}

    def snapshot(self, name, memory=True):
        return self.call("POST", "/snapshots", {"name": name, "memory": memory})


COUNTER = ("n=0; (while :; do n=$((n+1)); echo $n > /dev/shm/c; mv /dev/shm/c /dev/shm/count; usleep 50000; done) "
           ">/dev/null 2>&1 & echo $! > /dev/shm/pid; cat /dev/shm/pid")
LOOK = r"""echo "memory $(cat /dev/shm/memory 2>/dev/null)"; echo "disk $(cat /home/sandbox/disk 2>/dev/null)"
if [ -e /dev/shm/pid ]; then
    kill -0 $(cat /dev/shm/pid) && a=$(cat /dev/shm/count); i=0
    while [ $i -lt 100 ] && [ "$(cat /dev/shm/count)" = "$a" ]; do i=$((i+1)); usleep 50000; done
    [ $i -lt 100 ] && echo counts yes
fi; true"""


def make_box(api):
    box = Box(api, api.create(host="h1", memory_mb=160)["id"])
    box.fill("old")
    return box


def power_cycle(box):
    """It boots from what it has written, with nothing of what ran; then both are there again."""
    memory, disk = look(box)
    expect(box.call("POST", "/stop", {"force": True}), 200)
    expect(box.call("POST", "/start", {}), 200)
    seen = look(box)
    assert seen == ("", disk), f"it held {memory, disk}, and after a boot {seen}"
    box.fill(disk)


def expect(reply, *wanted):
    assert reply[0] in wanted, f"not {wanted} but {reply}"
    return reply[1]


class Operation:
    """One operation on a sandbox. Words are those in memory and on disk, `old` or `new`."""

    phases = ("running",)  # That it may be in afterwards, whatever became of it.
    words = {("old", "old")}  # What it may hold then; without memory if it has been booted anew.
    boots = False  # Whether it may have been.
    box_stays = True  # Whether the sandbox outlives it.
    loads = False  # Whether QEMU is given memory.

    def prepare(self, box):
        """What has to be there first."""

    def ask(self, box):
        """(status, reply)"""
        raise NotImplementedError

    def done(self, box):
        """What has to be so if the answer was a success."""

    def again(self, box):
        """It is asked for once more, and succeeds."""
        raise NotImplementedError


class Snapshot(Operation):
    memory = True

    def ask(self, box):
        return box.snapshot("taken", self.memory)

    def done(self, box):
        assert "taken" in box.snapshots(), "it was said to be taken"

    def again(self, box):
        if "taken" not in box.snapshots():
            expect(self.ask(box), 201)
        box.remember("new")
        expect(box.call("POST", "/snapshots/taken/verify"), 200)
        expect(box.call("POST", "/snapshots/taken/restore"), 200)
        seen = look(box)
        assert seen == (("old", "old") if self.memory else ("", "old")), f"restored it holds {seen}"


class SnapshotOfTheDisk(Snapshot):
    memory = False


class Pull(SnapshotOfTheDisk):
    """The last of so many that its disk is pulled onto its image."""

    def prepare(self, box):
        for number in range(DEEPEST_CHAIN - 1):
            expect(box.snapshot(f"s{number}", False), 201)


class Restore(Operation):
    words = {("old", "old"), ("new", "new")}
    loads = memory = True

    def prepare(self, box):
        expect(box.snapshot("base", self.memory), 201)
        box.remember("new")

    def ask(self, box):
        return box.call("POST", "/snapshots/base/restore")

    def done(self, box):
        box.more["words"] = {("old", "old")}

    def again(self, box):
        expect(self.ask(box), 200)
        start(box)
        seen = look(box)
        assert seen == (("old", "old") if self.memory else ("", "old")), f"restored once more it holds {seen}"


class RestoreOfTheDisk(Restore):
    phases = ("running", "stopped")
    loads = memory = False
    boots = True


class Fork(Operation):
    loads = True

    def ask(self, box):
        return box.call("POST", "/fork", {"count": 2})

    def again(self, box):
        def settled():
            return [c for c in box.api.sandboxes() if c["id"] != box.ident and c["phase"] not in (*ALIVE, *DEAD)] == []
        wait_until("its children to settle", settled, SETTLES_WITHIN)
        for child in box.api.sandboxes():
            if child["id"] != box.ident and child["phase"] in ALIVE:
                wait_alive(Box(box.api, child["id"]), {("old", "old")}, ALIVE)
        made = expect(box.call("POST", "/fork", {"count": 1}), 201)["children"][0]["sandbox"]
        seen = look(Box(box.api, made["id"]))
        assert seen == ("old", "old"), f"forked once more it holds {seen}"


class Suspend(Operation):
    phases = ("running", "suspended")

    def ask(self, box):
        return box.call("POST", "/suspend")

    def again(self, box):
        expect(self.ask(box), 200)
        assert box.phase() == "suspended"
        seen = look(box)
        assert seen == ("old", "old"), f"woken it holds {seen}"


class Resume(Operation):
    phases = ("running", "suspended")
    loads = True

    def prepare(self, box):
        expect(box.call("POST", "/suspend"), 200)

    def ask(self, box):
        return box.call("POST", "/resume")

    def again(self, box):
        expect(self.ask(box), 200)
        seen = look(box)
        assert seen == ("old", "old"), f"woken it holds {seen}"


class Claim(Operation):
    """And what the pool makes in its place. The sandbox beside it goes on."""

    loads = True

    def prepare(self, box):
        box.api.ok("POST", "/v1/pools", {"name": "warm", **SHAPE, "min": 1, "max": 1}, expect=(201,))
        self.wait_filled(box)

    @staticmethod
    def wait_filled(box):
        def filled():
            hosts = box.api.ok("GET", "/v1/pools/warm")["pool"]["hosts"]
            return hosts and all((h["ready"], h["filling"], h["source"]) == (1, 0, "ready") for h in hosts)
        wait_until("the pool to be filled", filled, SETTLES_WITHIN)

    def ask(self, box):
        return box.api.call("POST", "/v1/sandboxes", {"agent_id": "tests", "auto_start": True, "pool": "prefer", **SHAPE})

    def again(self, box):
        made = expect(self.ask(box), 201)["sandbox"]
        assert box.api.run(made["id"], "echo alive")["stdout"] == "alive\n"
        self.wait_filled(box)


class Delete(Operation):
    """Of one on whose layer nothing lies any more: that is swept."""

    words = {("new", "new")}

    def prepare(self, box):
        for name in ("kept", "gone"):
            expect(box.snapshot(name), 201)
        expect(box.call("POST", "/snapshots/kept/restore"), 200)
        box.remember("new")

    def ask(self, box):
        return box.call("DELETE", "/snapshots/gone")

    def done(self, box):
        assert "gone" not in box.snapshots(), "it was said to be deleted"

    def again(self, box):
        expect(self.ask(box), 200, 404)
        wait_until("it to be gone", lambda: "gone" not in box.snapshots(), SETTLES_WITHIN)
        expect(box.call("POST", "/snapshots/kept/restore"), 200)
        seen = look(box)
        assert seen == ("old", "old"), f"restored to the other one it holds {seen}"


class Destroy(Operation):
    box_stays = False

    def prepare(self, box):
        expect(box.snapshot("base"), 201)

    def ask(self, box):
        return box.call("DELETE")

    def again(self, box):
        expect(self.ask(box), 200, 404)
        wait_until("it to be destroyed", lambda: box.ok("GET")["sandbox"]["state"] == "DESTROYED", SETTLES_WITHIN)


OPERATIONS = {"snapshot": Snapshot(), "snapshot_disk": SnapshotOfTheDisk(), "pull": Pull(), "restore": Restore(),
              "restore_disk": RestoreOfTheDisk(), "fork": Fork(), "suspend": Suspend(), "resume": Resume(),
              "claim": Claim(), "delete": Delete(), "destroy": Destroy()}


# ---- what it holds --------------------------------------------------------------

def look(box, reply=None):
    """The words in its memory and on its disk; where there are any in memory, its process must count."""
    command = reply or box.api.run(box.ident, LOOK, timeout_sec=60)
    seen = dict(line.partition(" ")[::2] for line in command["stdout"].splitlines())
    assert not seen["memory"] or seen.get("counts") == "yes", f"its process does not count any more: {command}"
    return seen["memory"], seen["disk"]


def start(box):
    if box.phase() in DEAD:
        expect(box.call("POST", "/start", {}), 200)


def wait_alive(box, words, phases, boots=False):
    """Until a command in it is answered, woken or started if need be; then it holds one of `words`."""
    deadline = time.monotonic() + SETTLES_WITHIN
    said = None
    while time.monotonic() < deadline:
        phase = box.phase()
        if phase in DEAD and phase in phases:
            boots = True
            said = box.call("POST", "/start", {})
        elif phase in ALIVE:
            said = box.call("POST", "/run", {"command": LOOK, "timeout_sec": 60})
            if said[0] == 200:
                seen = look(box, said[1]["command"])
                assert seen in words or (boots and seen in {("", disk) for _, disk in words}), \
                    f"it holds {seen}, not one of {words}"
                return
        threading.Event().wait(0.1)
    raise AssertionError(f"no command in it was answered within {SETTLES_WITHIN} s: {said}, {box.ok('GET')['sandbox']}")


def told_apart(fleet):
    """Where the checkpoints on record and those on the host differ."""
    folders = {path.name for path in (fleet.hosts[0].state / "snapshots").iterdir()}
    rows = {ident for (ident,) in fleet.postgres.sql("SELECT id FROM checkpoints WHERE status <> 'deleted'")}
    return [f"{ident}: {'only on disk' if ident in folders else 'only on record'}" for ident in folders ^ rows]


# ---- faults ---------------------------------------------------------------------

@dataclass(frozen=True)
class Fault:
    step: int
    action: str
    when: str = "before"

    def __str__(self):
        return f"{self.step}:{self.action}:{self.when}"


class Steps:
    """The preloaded library's folder."""

    def __init__(self, folder):
        self.folder, self.tokens = folder, itertools.count(time.time_ns())
        (folder / "steps.log").write_text("")

    def arm(self, fault):
        (self.folder / "steps.log").write_text("")
        fresh = self.folder / "fresh"
        fresh.write_text(f"{next(self.tokens)} {fault.step} {fault.action} {fault.when}\n")
        fresh.rename(self.folder / "armed")

    def armed(self):
        return (self.folder / "armed").exists()

    def disarm(self):
        (self.folder / "armed").unlink(missing_ok=True)

    def lines(self):
        """What each step was, in order."""
        return [line.partition(" ")[2] for line in (self.folder / "steps.log").read_text().splitlines()]

    def wait_quiet(self):
        """Until no step has been taken for a while, or there was a fault."""
        seen, since = -1, 0

        def quiet():
            nonlocal seen, since
            if (now := len(self.lines())) != seen:
                seen, since = now, time.monotonic()
            return not self.armed() or time.monotonic() - since > QUIET
        wait_until("no more steps", quiet, SETTLES_WITHIN)


class Supervisor(threading.Thread):
    """Starts hostd anew whenever it has ended, as systemd would. A context manager."""

    def __init__(self, host):
        super().__init__()
        self.host, self.ended = host, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            if not self.host.hostd.alive():
                self.host.start_hostd()

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def restart_hostd(fleet):
    """Until the coordinator has taken in another one."""
    host = fleet.hosts[0]
    welcomes = host.welcomes()
    host.restart_hostd()
    wait_until("the coordinator to know the new hostd", lambda: host.welcomes() > welcomes, 30)
    fleet.wait_ready(1)


def possible(lines):
    """Every fault that there is, of steps that were these."""
    for number, line in enumerate(lines, 1):
        called = line.startswith("vir")
        for action in ("hostd", "libvirtd", "qemu"):
            yield Fault(number, action)
            if called:  # Else it is as before the next one.
                yield Fault(number, action, "after")
        yield Fault(number, "error")
        if line.startswith(("open", "mkdir", "link", "rename", "fsync", "ftruncate", "write", "pwritev")):
            yield Fault(number, "enospc")


def not_taken_back(what, lines):
    """A rename that is not durable, and then has no room for the way back."""
    return [Fault(number, "enospc") for number, (moved, line) in enumerate(itertools.pairwise(lines), 2)
            if what == "delete" and moved.startswith("rename") and line.startswith("fsync")]


def chosen(what, lines, seed):
    """Those that PADDOCK_FAULTS asks for: a number is of random ones."""
    asked = os.environ.get("PADDOCK_FAULTS") or "1"
    every = list(possible(lines))
    if not asked.isdigit():
        exact = [one.split(":") for one in asked.split(",") if one.startswith(f"{what}:")]
        return [Fault(int(step), *how) for _, step, *how in exact] or every
    dice = random.Random(f"{seed}:{what}")
    found = not_taken_back(what, lines)
    actions, wanted = [], min(int(asked) + len(found), len(every))
    while len(found) < wanted:
        actions = actions or dice.sample(ACTIONS, len(ACTIONS))
        action = actions.pop()
        left = [fault for fault in every if fault.action == action and fault not in found]
        if left:
            found.append(dice.choice(left))
    return found


# ---- the test -------------------------------------------------------------------

def clean_up(fleet, before):
    """All is deleted over the API, and nothing is left that was not there before."""
    api = fleet.api(timeout=200)
    for pool in api.ok("GET", "/v1/pools")["pools"]:
        api.ok("DELETE", f"/v1/pools/{pool['name']}")
    replies = [api.call("DELETE", f"/v1/sandboxes/{s['id']}") for s in api.sandboxes()]
    try:
        wait_until("the list to be empty", lambda: not api.sandboxes(), SETTLES_WITHIN)
        wait_until("nothing to be left", lambda: not set(fleet.leftovers()) - before, SETTLES_WITHIN)
    except AssertionError as late:
        raise AssertionError(f"{late}: deleted with {replies}, left are {api.sandboxes()}, "
                             f"{sorted(set(fleet.leftovers()) - before)}") from late


def recover(fleet, operation, fault, welcomes):
    """What was killed is there again, and the coordinator knows it."""
    host = fleet.hosts[0]
    wait_until("libvirtd", host.libvirt_answers, 30)
    if fault.action == "libvirtd" and operation.loads:
        # libvirt 9 locks a domain whose load it died in until it is started again.
        host.kill_libvirtd()
        wait_until("libvirtd once more", host.libvirt_answers, 30)
    if fault.action == "libvirtd":
        host.free_half_made_domains()
    if fault.action == "hostd":
        wait_until("the coordinator to know the new hostd", lambda: host.welcomes() > welcomes, 30)
    fleet.wait_ready(1)


def try_one(fleet, steps, operation, fault, story):
    """The operation on a fresh sandbox, with this fault. `story` is told what happened."""
    host, box = fleet.hosts[0], make_box(fleet.api(timeout=200))
    steps.arm(Fault(0, "none"))
    operation.prepare(box)
    if steps.lines():
        steps.wait_quiet()  # What preparing has left to do is no step of this.
    welcomes = host.welcomes()
    with Supervisor(host):
        steps.arm(fault)
        status, reply = operation.ask(box)
        story += [f"answered {status} {reply if status >= 300 else ''}".rstrip()]
        steps.wait_quiet()
        struck = not steps.armed()
        lines = steps.lines()
        steps.arm(Fault(0, "none"))  # There is room again.
        story += [f"at {lines[fault.step - 1]}" if struck else f"not struck, it took {len(lines)} steps"]
        assert status in OUTCOMES, "that is no answer"
        if struck:
            recover(fleet, operation, fault, welcomes)
        else:
            assert status < 300, "it failed without a fault"
        killed = struck and fault.action == "qemu"
        if status < 300:
            operation.done(box)
        if operation.box_stays:
            phases = operation.phases + (DEAD if killed else ())
            wait_until(f"it to be one of {phases}", lambda: box.phase() in phases, SETTLES_WITHIN)
            wait_alive(box, box.more.get("words", operation.words), phases, operation.boots)
            if struck:
                power_cycle(box)
        wait_until("record and disk to say the same of checkpoints", lambda: not told_apart(fleet), SETTLES_WITHIN)
        operation.again(box)
    return lines


def attempt(fleet, steps, what, fault):
    """(the steps taken, what failed or "")"""
    before, story, lines, begun = set(fleet.leftovers()), [], [], time.monotonic()
    failed = []
    try:
        lines = try_one(fleet, steps, OPERATIONS[what], fault, story)
    except Exception as error:  # Also what the API's client throws. All of them are told at the end.
        failed += [f"{type(error).__name__}: {error}"]
    steps.disarm()
    try:
        clean_up(fleet, before)
    except Exception as error:
        failed += [f"{type(error).__name__}: {error}"]
        fleet.hosts[0].kill_libvirtd()  # The next one is not to fail for this one's sake.
        wait_until("libvirtd", fleet.hosts[0].libvirt_answers, 30)
        restart_hostd(fleet)
    print(f"{what}:{fault} {time.monotonic() - begun:.1f} s: {'; '.join(story)[:300]}", *failed, sep="\n    ", flush=True)
    return lines, "\n    ".join([f"{what}:{fault}", *story, *failed]) if failed else ""


@pytest.fixture(scope="module")
def fleet(build, image):
    """One host, whose hostd counts its steps."""
    with Fleet(build, image, hosts=1) as fleet:
        host = fleet.hosts[0]
        steps = host.base / "faults"
        steps.mkdir()
        library = os.environ.get("PADDOCK_FAULT_LIBRARY") or fleet.bin("tests/fleet/fault_steps.so")
        host.hostd_env = {"LD_PRELOAD": library, "PADDOCK_FAULT_STEPS": steps}
        host.configure(deepest_chain=DEEPEST_CHAIN)
        restart_hostd(fleet)
        wait_until("the engine", lambda: fleet.api().ok("GET", "/v1/hosts/h1")["host"]["state_engine"] == "fast", 60)
        yield fleet


def asked_for():
    """The operations that PADDOCK_FAULTS names; without any, all."""
    named = {one.split(":")[0] for one in (os.environ.get("PADDOCK_FAULTS") or "").split(",")}
    return [what for what in OPERATIONS if what in named] or list(OPERATIONS)


@pytest.mark.parametrize("what", asked_for())
def test_a_fault_at_any_step_leaves_the_old_or_the_new(fleet, what, capsys):
    seed = int(os.environ.get("PADDOCK_SEED") or secrets.randbelow(1 << 32))
    with capsys.disabled():
        print(f"\nPADDOCK_SEED={seed}", flush=True)
    steps = Steps(fleet.hosts[0].base / "faults")
    lines, failed = attempt(fleet, steps, what, Fault(0, "none"))
    assert not failed, f"without a fault:\n{failed}"
    print(*(f"{number} {line}" for number, line in enumerate(lines, 1)), sep="\n", flush=True)
    assert lines, "the library counts nothing: is it preloaded?"
    faults = chosen(what, lines, seed)
    failures = [failed for fault in faults if (failed := attempt(fleet, steps, what, fault)[1])]
    assert not failures, "\n".join([f"{len(failures)} of {len(faults)}; again with PADDOCK_FAULTS=OPERATION:STEP:ACTION:WHEN",
                                    *failures])
