"""warm: from the create call to its first command's result, with a pool of warm sandboxes, beside cold boots."""

import json
import threading
import time
from dataclasses import dataclass, field

from fleet import Fleet, wait_until
from kept_state import check_nothing_is_left
from measuring import all_at_once, machine, quantile, ratio_p50, say, spread

POOL = {"name": "bench", "image": "tiny", "min": 10, "max": 10}
BURST = 20  # Creates at the same time; also of those that come one by one, staggered.
STAGGER_SECONDS = 0.2
PAIRS = 10  # Of a warm and a cold one, before each staggered run and each burst.

WARM = {"image": "tiny", "agent_id": "bench", "auto_start": True}
COLD = {**WARM, "pool": "skip"}
COMMAND = {"command": "true"}


@dataclass
class Sample:
    """One create and its first command, as their caller saw them. Not answered: one of them was refused."""

    ident: str = ""
    answered: bool = False
    ms: float = 0
    command_in_guest_ms: float = 0
    steps_ms: dict = field(default_factory=dict)  # Of the create. Only of those that were made alone.

    def control_plane_ms(self):
        """Without what the guest took, to be who it is and for the command."""
        return self.ms - self.steps_ms["agent"] - self.command_in_guest_ms


def caller(fleet):
    """With its connection open: the clock is not to measure that."""
    api = fleet.api()
    api.ok("GET", "/v1/health")
    return api


def create_to_exec(api, body):
    sample = Sample()
    began = time.perf_counter()
    status, made = api.call("POST", "/v1/sandboxes", body)
    if status != 201:
        say(f"  a create was answered {status} {made}")
        return sample
    sample.ident = made["sandbox"]["id"]
    status, ran = api.call("POST", f"/v1/sandboxes/{sample.ident}/run", COMMAND)
    sample.ms = (time.perf_counter() - began) * 1000
    if status != 200:
        say(f"  the first command in {sample.ident} was answered {status} {ran}")
        return sample
    command = ran["command"]
    assert (command["exit_code"], command["stdout"], command["sandbox_id"]) == (0, "", sample.ident), ran
    sample.answered = True
    sample.command_in_guest_ms = command["timings_us"]["guest"] / 1000
    return sample


def wait_filled(fleet, api):
    """Until all stand ready and nothing is under way; the ids of those that do."""
    def filled():
        pool = api.ok("GET", f"/v1/pools/{POOL['name']}")["pool"]
        return (pool["ready"], pool["filling"]) == (POOL["min"], 0)

    wait_until("a filled pool", filled, 300)
    listed = {s["id"] for s in api.sandboxes()}
    # Its source has no process: it is suspended.
    running = {f.stem.split(".")[0] for f in (fleet.hosts[0].base / "run/libvirt/qemu").glob("sbx-*.pid")}
    standing = running - listed
    assert len(standing) == POOL["min"], standing
    return standing


def alone(fleet, api, body):
    """One, with the pool full and nothing else asked for."""
    standing = wait_filled(fleet, api)
    sample = create_to_exec(caller(fleet), body)
    if sample.ident:
        assert (sample.ident in standing) == (body is WARM), f"{sample.ident} of {body}; {standing} stood ready"
        steps = api.ok("GET", f"/v1/sandboxes/{sample.ident}")["sandbox"]["timings_us"]
        sample.steps_ms = {step: us / 1000 for step, us in steps.items()}
        api.destroy(sample.ident)
    return sample


@dataclass
class Run:
    """Several creates, and the ids that stood ready before the first."""

    samples: list
    standing: set
    generator_cpu: float  # Of one core: this process, meanwhile.


def several(fleet, api, pause):
    """BURST of them, `pause` seconds after one another."""
    standing = wait_filled(fleet, api)
    callers = [caller(fleet) for _ in range(BURST)]
    begun = []
    together = threading.Barrier(BURST, action=lambda: begun.append(time.monotonic()))

    def one(number):
        together.wait()
        time.sleep(max(0, begun[0] + number * pause - time.monotonic()))
        return create_to_exec(callers[number], WARM)

    cpu, wall = time.process_time(), time.monotonic()
    samples = all_at_once(one, range(BURST))
    generator_cpu = (time.process_time() - cpu) / (time.monotonic() - wall)
    check_each_is_its_own(fleet, [s.ident for s in samples if s.answered])
    made = [s["id"] for s in api.sandboxes()]
    all_at_once(lambda ident: fleet.api().destroy(ident), made)
    return Run(samples, standing, generator_cpu)


def check_each_is_its_own(fleet, idents):
    assert idents and len(set(idents)) == len(idents), "one was handed out twice"
    look = "cat /sys/class/net/eth0/address /proc/sys/kernel/hostname"
    said = all_at_once(lambda ident: fleet.api().run(ident, look)["stdout"].split(), idents)
    assert len({mac for mac, _ in said}) == len(idents), said
    assert [name for _, name in said] == idents, said


class Figures:
    """All that was measured, in rounds."""

    def __init__(self):
        self.seq, self.cold, self.staggered, self.bursts = [], [], [], []

    def add_round(self, fleet, api, pairs):
        for _ in range(pairs):
            self.seq.append(alone(fleet, api, WARM))
            self.cold.append(alone(fleet, api, COLD))
        self.staggered.append(several(fleet, api, STAGGER_SECONDS))
        self.bursts.append(several(fleet, api, 0))

    def warm(self):
        return [*self.seq, *samples_of(self.staggered), *samples_of(self.bursts)]


def samples_of(runs):
    return [sample for run in runs for sample in run.samples]


def at_hand_of(runs):
    """Those that got one which had stood ready."""
    return [sample for run in runs for sample in run.samples if sample.ident in run.standing]


def times(samples):
    found = [s.ms for s in samples if s.answered]
    assert found, "none was answered"
    return found


def with_p99(samples, name):
    """Of fewer than a hundred it is the worst."""
    values = times(samples)
    return spread(values, name, digits=1) | {f"{name}_p99_ms": round(quantile(values, 0.99), 1)}


def metrics_of(figures, pool):
    seq = [s for s in figures.seq if s.answered]
    staggered, burst = samples_of(figures.staggered), samples_of(figures.bursts)
    at_hand = at_hand_of(figures.bursts)
    beyond = [s for s in burst if s not in at_hand]
    asked = figures.warm()
    steps = {step: round(quantile([s.steps_ms[step] for s in seq], 0.5), 2) for step in seq[0].steps_ms}
    metrics = {"request": json.dumps(WARM), "pool": json.dumps(POOL)}
    metrics |= with_p99(seq, "seq") | with_p99(staggered, "staggered")
    metrics["staggered_hits"] = len(at_hand_of(figures.staggered))
    metrics["burst_n"] = BURST
    metrics |= with_p99(burst, "burst")
    metrics |= spread(times(at_hand), "at_hand", digits=1) | spread(times(beyond), "beyond", digits=1)
    metrics["samples"] = {name: len(times(samples)) for name, samples in
                          (("seq", seq), ("staggered", staggered), ("burst", burst), ("at_hand", at_hand), ("beyond", beyond))}
    metrics["success_rate"] = round(sum(s.answered for s in asked) / len(asked), 4)
    metrics["control_plane_p50_ms"] = round(quantile([s.control_plane_ms() for s in seq], 0.5), 1)
    metrics["steps_p50_ms"] = steps
    metrics["refill_ms"] = pool["refill_ms"]
    metrics["generator_cpu_percent"] = round(quantile([run.generator_cpu for run in figures.bursts], 0.5) * 100, 1)
    metrics["ratio_seq_p50"] = ratio_p50((times(seq), times(figures.cold)))
    metrics["ratio_beyond_p50"] = ratio_p50((times(beyond), times(figures.cold)))
    metrics["ratio_burst_p99_cold_p50"] = round(quantile(times(burst), 0.99) / quantile(times(figures.cold), 0.5), 3)
    return metrics


def warm(build, image, n):
    with Fleet(build, image, hosts=1, log_level="info", boot_timeout_sec=300) as fleet:
        host = fleet.hosts[0]
        most = POOL["max"] + BURST + 2  # The source, and a cold one.
        host.reconfigure(capacity_memory_mb=most * 400, capacity_vcpus=most)
        fleet.wait_ready(1)
        about, api = machine(fleet), fleet.api(timeout=400)
        api.ok("POST", "/v1/pools", POOL)
        for body in (WARM, COLD):  # Not counted: the first of each.
            assert alone(fleet, api, body).answered
        figures = Figures()
        while len(figures.seq) < n:
            figures.add_round(fleet, api, min(PAIRS, n - len(figures.seq)))
            shown = {"one by one": figures.seq, "staggered": samples_of(figures.staggered),
                     f"{BURST} at once": samples_of(figures.bursts), "cold": figures.cold}
            say(f"  {len(figures.seq)}/{n}: "
                + ", ".join(f"{name} {quantile(times(samples), 0.5):.0f} ms" for name, samples in shown.items()))
        wait_filled(fleet, api)
        pool = api.ok("GET", f"/v1/pools/{POOL['name']}")["pool"]
        assert pool["hits"] + pool["misses"] == len(figures.warm()) + 1, pool
        api.ok("DELETE", f"/v1/pools/{POOL['name']}")
        check_nothing_is_left(fleet)
    baseline = {"request": json.dumps(COLD)} | with_p99(figures.cold, "cold")
    return about, metrics_of(figures, pool), baseline
