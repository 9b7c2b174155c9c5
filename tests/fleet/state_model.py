"""What a sandbox holds, as it should be, and how that is asked of a real one. For random sequences of steps."""

import time
from dataclasses import dataclass, field, replace

from fleet import wait_until

LINES = 4096  # Of a word in memory and on disk: some pages of each.
CLOCK_OFF = 2.5
TICK = 0.2
SLACK = 10  # Ticks: what a guest that was held up may make up for.

# A process that lives in memory only, and starts no other: its pid is all there is of it. A shell reads a line byte by byte, so
# perhaps some of two counts: each is written twice, and one whose halves differ was not.
COUNTER = f"""rm -f /dev/shm/never; mkfifo /dev/shm/never; exec 3<>/dev/shm/never; n=0
while :; do n=$((n+1)); echo $n $n > /dev/shm/ticks; read -t {TICK} x <&3; done"""

# The disk is read past the guest's cache, which is memory. A counter is seen to count only once it gets on.
SHOW = r"""
tick() {
    read -r tick again < /dev/shm/ticks
    [ -n "$tick" ] && [ "$tick" = "$again" ]
}
show() {
    echo "clock $(date +%s)"
    echo "ram" $(uniq -c /dev/shm/word 2>/dev/null)
    echo "disk" $(dd if=/home/sandbox/word iflag=direct bs=65536 2>/dev/null | uniq -c)
    echo "counters" $(grep -ls '/dev/shm/[c]ounter' /proc/[0-9]*/cmdline | tr -dc '0-9\n')
    if [ -e /dev/shm/ticks ]; then
        until tick; do :; done
        first=$tick; i=0
        while [ $i -lt 400 ]; do
            tick && [ "$tick" != "$first" ] && break
            i=$((i+1)); sleep 0.05
        done
        echo "ticks $first $tick"
    fi
    i=0
    while ip=$(ip -4 -o addr show eth0 | sed 's/.*inet \([0-9.]*\).*/\1/'); [ -z "$ip" ] && [ $i -lt 400 ]; do
        i=$((i+1)); sleep 0.1
    done
    echo "ip $ip"
    read -r mac < /sys/class/net/eth0/address; echo "mac $mac"
    read -r name < /proc/sys/kernel/hostname; echo "hostname $name"
}
"""


@dataclass(frozen=True)
class Memory:
    """What a cold boot begins with is all empty. `ticks` were seen `seen` (by our clock)."""

    word: str = ""
    pid: str = ""
    ticks: int = 0
    seen: float = 0


@dataclass(frozen=True)
class Held:
    """A checkpoint: what restoring it brings back. Without memory, the disk alone."""

    disk: str
    memory: Memory | None
    taken: float = 0

    def back(self):
        """Its memory as it goes on from now: seen as long ago as it had been when this was taken."""
        if self.memory is None:
            return Memory()
        return replace(self.memory, seen=time.monotonic() - (self.taken - self.memory.seen))


@dataclass
class Box:
    """One sandbox. Its phase is one of running, paused, suspended, stopped, destroyed."""

    name: str
    ident: str
    phase: str = "running"
    disk: str = ""
    memory: Memory = Memory()
    identity: dict = field(default_factory=dict)  # ip, mac, hostname: as first seen, and so for life.
    held: dict = field(default_factory=dict)  # Checkpoints by name.

    def boots(self):
        self.phase, self.memory = "running", Memory()

    def stops(self):
        self.phase, self.memory = "stopped", Memory()

    def hold(self, with_memory):
        """To be called after it was taken, as `restores` before it is asked for: no tick is missed so."""
        return Held(self.disk, self.memory if with_memory else None, time.monotonic())

    def restores(self, name):
        held = self.held[name]
        awake = self.phase in ("running", "paused")
        self.disk = held.disk
        if held.memory is not None:
            self.phase, self.memory = "running", held.back()
        elif awake:
            self.boots()
        else:
            self.stops()


# What is refused in which phase.
REFUSED = {
    "write": ("stopped",),
    "exec": ("stopped",),
    "pause": ("stopped", "suspended"),
    "resume": ("stopped",),
    "suspend": ("stopped",),
    "checkpoint": ("suspended",),
    "fork": ("stopped", "suspended"),
    "restart": ("suspended",),
}


def refusal(op, box):
    """(status, reason) by the box's phase alone, or None."""
    if box.phase == "destroyed":
        return 404, "not_found"
    if box.phase in REFUSED.get(op, ()):
        return 409, "not_running" if op in ("write", "exec") else "wrong_state"
    return None


class Reading:
    """What `show` said, between two of our own times."""

    def __init__(self, text, begun, ended):
        self.fields = dict(line.partition(" ")[::2] for line in text.splitlines())
        self.begun, self.ended = begun, ended

    def compare(self, box):
        """Fails where the box is not as the model has it; what is newly seen of it is put down."""
        where, memory, got = f"{box.name} {box.ident}", box.memory, self.fields
        for what, word in (("ram", memory.word), ("disk", box.disk)):
            wanted = f"{LINES} {word}" if word else ""
            assert got[what].strip() == wanted, f"{where}: its {what} holds {got[what]!r}, not {wanted!r}"
        clock = int(got["clock"])  # Cut to seconds.
        assert self.begun - CLOCK_OFF - 1 < clock < self.ended + CLOCK_OFF, \
            f"{where}: its clock says {clock} at {self.begun} to {self.ended}"
        assert got["counters"].strip() == memory.pid, \
            f"{where}: the counters in it are {got['counters']!r}, not {memory.pid!r}"
        assert ("ticks" in got) == bool(memory.pid), f"{where}: {got}"
        if memory.pid:
            first, last = (int(n) for n in got["ticks"].split())
            now = time.monotonic()
            most = memory.ticks + SLACK + (now - memory.seen) / TICK
            assert memory.ticks <= first < last <= most, \
                f"{where}: its counter went from {first} to {last}, not within {memory.ticks} to {most:.0f}"
            box.memory = replace(memory, ticks=last, seen=now)
        identity = {key: got[key] for key in ("ip", "mac", "hostname")}
        assert all(identity.values()), f"{where}: {identity}"
        assert not box.identity or box.identity == identity, f"{where}: it was {box.identity}, and is {identity}"
        box.identity = identity


def look(api, box, then=""):
    """One command: shows, does `then`, and shows again if there was anything to do."""
    begun = time.time()
    parts = [SHOW, "show"] + ([f"echo ----\n{then}\necho ----\nshow"] if then else [])
    command = api.run(box.ident, "\n".join(parts), timeout_sec=120)
    ended = time.time()
    assert command["exit_code"] == 0, command
    first, *rest = command["stdout"].split("----\n")
    Reading(first, begun, ended).compare(box)
    return rest, begun, ended


def write(api, box, ram, disk):
    """New words where given, and a counter if none runs."""
    script = []
    if ram:
        script.append(f"yes {ram} | head -n {LINES} > /dev/shm/word")
    if disk:
        script.append(f"yes {disk} | head -n {LINES} > /home/sandbox/word; sync")
    if not box.memory.pid:
        # Not spelt out: who looks for counters is not to find this script.
        script.append(f"cat > /dev/shm/count''er <<'END'\n{COUNTER}\nEND\n"
                      "sh /dev/shm/count''er </dev/null >/dev/null 2>&1 &\necho $!\n"
                      "while [ ! -s /dev/shm/ticks ]; do sleep 0.05; done")
    (said, shown), begun, ended = look(api, box, "\n".join(script))
    memory = box.memory
    if not memory.pid:
        memory = replace(memory, pid=said.strip(), seen=time.monotonic() - (ended - begun))
    box.memory, box.disk = replace(memory, word=ram or memory.word), disk or box.disk
    Reading(shown, begun, ended).compare(box)


def agree(api, boxes):
    """All that the API says of the living is as the model has it, and no two share what is one's own."""
    living = {box.ident: box for box in boxes}
    listed = {s["id"]: s for s in api.sandboxes()}
    assert listed.keys() == living.keys()
    phases = {box.name: (listed[box.ident]["phase"], box.phase) for box in boxes}
    assert all(is_ == wanted for is_, wanted in phases.values()), f"phases (is, should be): {phases}"
    for box in boxes:
        if box.identity and box.phase == "running" and listed[box.ident].get("ip_address") != box.identity["ip"]:
            # The host's word for a new address may come after the guest has it.
            wait_until(f"{box.name}'s address to be {box.identity['ip']}", lambda box=box: api.ok(
                "GET", f"/v1/sandboxes/{box.ident}").get("ip_address") == box.identity["ip"], 10)
    for key in ("ip", "mac", "hostname"):
        values = [box.identity[key] for box in boxes if box.identity]
        assert len(set(values)) == len(values), f"two share their {key}: {values}"
