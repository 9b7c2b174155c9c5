"""stream: many live commands at the same time, each read by somebody, some of them slowly."""

import io
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fleet import Fleet
from kept_state import check_nothing_is_left, check_run
from live import Events, written
from measuring import Memory, all_at_once, machine, quantile, say

SANDBOXES = 5
EACH = 40  # Of the 64 that an agent runs at once.
STREAMS = SANDBOXES * EACH
LINES = 2000
PADDING = 80
SLOW = 10
SLOW_LINES = 1000
SLOW_PADDING = 4000  # 4 MiB each: more than all on its way holds together.
SLOW_READ = 16 << 10  # Bytes, with a pause after them: 64 KiB/s.
SLOW_PAUSE_SECONDS = 0.25
SLOW_SECONDS = 10  # At least, before they read on as fast as they can.
OPENERS = 16  # At the same time; a start that waits for its host holds one of the API's threads.
GATE = "/home/sandbox/gate"


@dataclass
class Writer:
    """One command: it waits at its sandbox's gate, then writes its lines, each with its name and number."""

    sandbox: str
    name: str
    lines: int = LINES
    padding: int = PADDING
    slow: bool = False

    def command(self):
        # It keeps the gate open itself: whoever comes late finds its line in there.
        return ["/bin/sh", "-c", f"exec 3<>{GATE}; read -r go <&3; p={'.' * self.padding}; i=0; "
                f"while [ $i -lt {self.lines} ]; do echo \"{self.name} $i $p\"; i=$((i+1)); done"]

    def wanted(self):
        return [f"{self.name} {i} {'.' * self.padding}".encode() for i in range(self.lines)]


class Reader(threading.Thread):
    """Keeps what comes as it is: it is looked at when all is read."""

    def __init__(self, api, writer, hurry):
        super().__init__(daemon=True)
        self.writer, self.hurry = writer, hurry
        self.raw, self.size, self.ended_at, self.error = [], 0, None, None
        self.events = open_events(api, writer)
        start = next(self.events)
        assert start.name == "start", start

    def run(self):
        try:
            while data := self.events.reply.read1(SLOW_READ if self.writer.slow else 1 << 16):
                self.raw.append(data)
                self.size += len(data)
                if self.writer.slow:
                    self.hurry.wait(SLOW_PAUSE_SECONDS)
            self.ended_at = time.monotonic()
        except Exception as error:  # Told by output().
            self.error = error
        self.events.close()

    def output(self):
        """What the command has written."""
        if self.error:
            raise self.error
        self.events.reply = io.BytesIO(b"".join(self.raw))
        seen = list(self.events)
        assert seen[-1].name == "exit" and seen[-1].data["exit_code"] == 0, (self.writer.name, seen[-1:])
        assert not written(seen, "stderr"), (self.writer.name, written(seen, "stderr")[:300])
        return written(seen)


def open_events(api, writer):
    path, body = f"/v1/sandboxes/{writer.sandbox}/exec", {"cmd": writer.command(), "timeout_sec": 600}
    options = {"window": SLOW_READ} if writer.slow else {}
    events = NarrowEvents(api, path, body, timeout=300, **options)
    assert events.status == 200, events.refusal
    return events


class NarrowEvents(Events):
    """Whose kernel takes no more than `window` ahead of its reader."""

    def __init__(self, *arguments, window=0, **options):
        super().__init__(*arguments, **options)
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)


def compared(wanted, got):
    """How many of the lines are not there, are there twice, or are nobody's or somebody else's; and whether in order."""
    seen, known = Counter(got), set(wanted)
    return {"lost": sum(seen[line] == 0 for line in wanted), "doubled": sum(max(0, seen[line] - 1) for line in wanted),
            "foreign": sum(count for line, count in seen.items() if line not in known), "in_order": wanted == got}


def writers_of(idents):
    found = [Writer(ident, f"s{at}w{number}") for at, ident in enumerate(idents) for number in range(EACH)]
    for writer in found[::STREAMS // SLOW]:
        writer.lines, writer.padding, writer.slow = SLOW_LINES, SLOW_PADDING, True
    return found


def one_round(fleet, idents, figures):
    api = fleet.api()
    coordinator, hostd = Memory(fleet.coordinator.pid), Memory(fleet.hosts[0].hostd.pid)
    for ident in idents:
        check_run(api, ident, f"rm -f {GATE}; mkfifo {GATE}")
    writers, hurry = writers_of(idents), threading.Event()
    with ThreadPoolExecutor(OPENERS) as openers:
        readers = list(openers.map(lambda writer: Reader(api, writer, hurry), writers))
    for reader in readers:
        reader.start()
    for ident in idents:
        running = [one for one in api.ok("GET", f"/v1/sandboxes/{ident}/exec")["execs"] if one["status"] == "running"]
        assert len(running) == EACH, f"{len(running)} commands run in {ident}"
    cpu, began = time.process_time(), time.monotonic()
    all_at_once(lambda ident: check_run(fleet.api(), ident, f"head -c {EACH} /dev/zero | tr '\\0' '\\n' >{GATE}"), idents)
    quick, slow = [r for r in readers if not r.writer.slow], [r for r in readers if r.writer.slow]
    for reader in quick:
        reader.join(300)
        assert not reader.is_alive(), f"{reader.writer.name} got {reader.size} bytes and no end"
    generator = (time.process_time() - cpu) / (time.monotonic() - began)
    time.sleep(max(0, began + SLOW_SECONDS - time.monotonic()))
    behind = min(len(reader.writer.wanted()) * (SLOW_PADDING + 10) - reader.size for reader in slow)
    assert behind > 1 << 20, f"a slow reader has but {behind} bytes to come: it held nobody up"
    held = coordinator.most()
    hurry.set()
    for reader in slow:
        reader.join(300)
        assert not reader.is_alive(), f"{reader.writer.name} got {reader.size} bytes and no end"
    figures["held_mb"].append(held)
    figures["coordinator_mb_before"].append(coordinator.before)
    figures["coordinator_mb"].append(coordinator.most())
    figures["hostd_mb"].append(hostd.most())
    figures["generator_cpu"].append(generator * 100)
    account(readers, quick, began, figures)


def account(readers, quick, began, figures):
    found = Counter()
    for reader in readers:
        wanted, got = reader.writer.wanted(), reader.output().split(b"\n")
        assert got.pop() == b"", f"{reader.writer.name}: the last line has no end"
        of_this = compared(wanted, got)
        found += Counter({name: of_this[name] for name in ("lost", "doubled", "foreign")})
        found["lines"] += len(wanted)
        found["out_of_order"] += not of_this["in_order"]
    took = max(reader.ended_at for reader in quick) - began
    figures["lines_per_s"].append(sum(reader.writer.lines for reader in quick) / took)
    for name in ("lines", "lost", "doubled", "foreign", "out_of_order"):
        figures[name].append(found[name])


def stream(build, image, n):
    figures = {name: [] for name in ("lines", "lost", "doubled", "foreign", "out_of_order", "lines_per_s", "held_mb", "coordinator_mb",
                                     "coordinator_mb_before", "hostd_mb", "generator_cpu")}
    with Fleet(build, image, hosts=1, log_level="info", boot_timeout_sec=300) as fleet:
        about, api = machine(fleet), fleet.api()
        idents = [api.create(host="h1")["id"] for _ in range(SANDBOXES)]
        for turn in range(n):
            one_round(fleet, idents, figures)
            say(f"  {turn + 1}/{n}: {figures['lost'][-1]} of {figures['lines'][-1]} lines lost, {figures['lines_per_s'][-1]:.0f} lines/s, "
                f"coordinator {figures['coordinator_mb_before'][-1]} to {figures['coordinator_mb'][-1]} MiB")
        all_at_once(lambda ident: fleet.api().destroy(ident), idents)
        check_nothing_is_left(fleet)
    metrics = {"lines_lost": sum(figures["lost"]), "lines_doubled": sum(figures["doubled"]), "lines_foreign": sum(figures["foreign"]),
               "streams_out_of_order": sum(figures["out_of_order"]), "lines": sum(figures["lines"]), "streams": STREAMS,
               "slow_readers": SLOW, "lines_per_s_p50": round(quantile(figures["lines_per_s"], 0.5)),
               "coordinator_mb_max": max(figures["coordinator_mb"]), "coordinator_mb_before": figures["coordinator_mb_before"][0],
               "coordinator_mb_slow": max(figures["held_mb"]), "hostd_mb_max": max(figures["hostd_mb"]),
               "generator_cpu_percent": round(quantile(figures["generator_cpu"], 0.5), 1)}
    wrong = {name: metrics[name] for name in ("lines_lost", "lines_doubled", "lines_foreign", "streams_out_of_order") if metrics[name]}
    assert not wrong, f"of {metrics['lines']} lines: {wrong}"
    return about, metrics, {}
