"""restore, fork and density: what it takes to keep the state of a running guest, and to go on from it."""

import os
import subprocess
import threading
import time
from pathlib import Path

from fleet import Fleet, wait_until
from measuring import all_at_once, machine, ms_since, quantile, ratio_p50, say, spread
from plain_domain import PlainDomain

MEMORY_MB = 256
FANOUT = 10


def remember(word):
    """The command that writes it to memory and to the disk, which are told apart."""
    return f"echo {word} > /dev/shm/memory; echo {word} > /home/sandbox/disk; sync"


RECALL = "cat /dev/shm/memory /home/sandbox/disk"


def check_run(api, ident, command, wanted=""):
    reply = api.run(ident, command, timeout_sec=120)
    assert (reply["exit_code"], reply["stdout"]) == (0, wanted), reply


def check_nothing_is_left(fleet):
    assert not fleet.api().sandboxes()
    wait_until("nothing to be left", lambda: not fleet.leftovers(), 60)


# ---- restore --------------------------------------------------------------------

WATCHER = """
import time, libvirt
libvirt.virEventRegisterDefaultImpl()
connection = libvirt.open("qemu:///system")
def told(_, domain, event, *__):
    if event == libvirt.VIR_DOMAIN_EVENT_RESUMED:
        print(time.monotonic(), domain.name(), flush=True)
connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, told, None)
print("0 ready", flush=True)
while True:
    libvirt.virEventRunDefaultImpl()
"""


class Resumptions:
    """When libvirt said of which domain that its CPUs run again."""

    def __init__(self, host):
        self.seen = []
        self.process = subprocess.Popen(host.enter("/usr/bin/python3", "-c", WATCHER), text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        wait_until("libvirt's events", lambda: self.seen, 30)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)

    def _read(self):
        for line in self.process.stdout:
            at, name = line.split()
            self.seen.append((float(at), name))

    def first_after(self, began, ident):
        def found():
            return next((at for at, name in self.seen if at > began and name.split(".")[0] == ident), None)
        return wait_until(f"libvirt's word that {ident} runs", found, 10)


def go_back(api, ident, resumptions, figures):
    """A checkpoint, and back to it."""
    base = f"/v1/sandboxes/{ident}/snapshots"
    check_run(api, ident, remember("before"))
    began = time.monotonic()
    taken = api.ok("POST", base, {"name": "bench"})["snapshot"]
    figures["checkpoint"].append(ms_since(began))
    assert taken["has_memory"] and taken["engine"] == "fast", taken
    figures["checkpoint_pause"].append(taken["paused_ms"])
    figures["checkpoint_mb"].append(taken["size_bytes"] / (1 << 20))
    check_run(api, ident, remember("after"))

    began = time.monotonic()
    sandbox = api.ok("POST", f"{base}/bench/restore")["sandbox"]
    figures["restore_to_ready"].append(ms_since(began))
    assert sandbox["phase"] == "running", sandbox
    check_run(api, ident, "true")
    figures["restore_to_exec"].append(ms_since(began))
    figures["restore"].append((resumptions.first_after(began, ident) - began) * 1000)
    check_run(api, ident, RECALL, "before\nbefore\n")

    # The chain of its disk is as long in each round: back to below what was frozen now.
    api.ok("POST", f"{base}/base/restore")
    api.ok("DELETE", f"{base}/bench")
    check_run(api, ident, RECALL, "base\nbase\n")


def go_back_plainly(plain, figures):
    assert plain.run(remember("before")) == ""
    figures["libvirt_snapshot_create"].append(plain.timed("take"))
    assert plain.run(remember("after")) == ""
    reverted = plain.timed("revert")
    figures["libvirt_revert"].append(reverted)
    took, out = plain.answered("true")
    assert out == ""
    figures["libvirt_revert_to_exec"].append(reverted + took)
    assert plain.run(RECALL) == "before\nbefore\n"
    plain.timed("delete")


def restore(build, image, n):
    names = ("checkpoint_pause", "checkpoint", "checkpoint_mb", "restore", "restore_to_ready", "restore_to_exec")
    ours = {name: [] for name in names}
    theirs = {name: [] for name in ("libvirt_snapshot_create", "libvirt_revert", "libvirt_revert_to_exec")}
    with Fleet(build, image, hosts=1, log_level="info", boot_timeout_sec=300) as fleet:
        host, api = fleet.hosts[0], fleet.api()
        about = machine(fleet)
        ident = api.create(host="h1", memory_mb=MEMORY_MB)["id"]
        plain = PlainDomain(host, build, image)
        plain.start_like(ident)
        check_run(api, ident, remember("base"))
        api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "base"})
        with Resumptions(host) as resumptions:
            go_back(api, ident, resumptions, {name: [] for name in names})
            go_back_plainly(plain, {name: [] for name in theirs})
            for turn in range(n):
                go_back(api, ident, resumptions, ours)
                go_back_plainly(plain, theirs)
                say(f"  {turn + 1}/{n}: Paddock {ours['restore'][-1]:.0f} ms, first command {ours['restore_to_exec'][-1]:.0f} ms; "
                    f"libvirt {theirs['libvirt_revert'][-1]:.0f} and {theirs['libvirt_revert_to_exec'][-1]:.0f} ms")
        plain.remove()
        api.destroy(ident)
        check_nothing_is_left(fleet)
    metrics = {"checkpoint_mb": round(quantile(ours.pop("checkpoint_mb"), 0.5), 1)}
    for name, values in ours.items():
        metrics |= spread(values, name, digits=1)
    metrics["ratio_libvirt_revert_p50"] = ratio_p50((ours["restore"], theirs["libvirt_revert"]))
    metrics["ratio_libvirt_revert_to_exec_p50"] = ratio_p50((ours["restore_to_exec"], theirs["libvirt_revert_to_exec"]))
    metrics["ratio_libvirt_snapshot_create_p50"] = ratio_p50((ours["checkpoint_pause"], theirs["libvirt_snapshot_create"]))
    baseline = {}
    for name, values in theirs.items():
        baseline |= spread(values, name, digits=1)
    return about, metrics, baseline


# ---- fork -----------------------------------------------------------------------

def memory_of(pid):
    """A process's smaps_rollup, MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {fields[0].rstrip(":"): int(fields[1]) / 1024 for fields in map(str.split, lines)}


def private_mb(pid):
    memory = memory_of(pid)
    return memory["Private_Clean"] + memory["Private_Dirty"]


def qemu_of(host, ident):
    """The process that runs this sandbox, by libvirt's word; also after a restore."""
    files = list((host.base / "run/libvirt/qemu").glob(f"{ident}*.pid"))
    assert len(files) == 1, files
    return int(files[0].read_text())


def children_of(fork):
    failed = [child["error"] for child in fork["children"] if "error" in child]
    assert fork["has_memory"] and not failed, fork
    return [child["sandbox"]["id"] for child in fork["children"]]


def fan_out(fleet, figures):
    """From a source of its own: the chain of a disk grows by one with each fork."""
    api = fleet.api()
    source = api.create(host="h1", memory_mb=MEMORY_MB)["id"]
    check_run(api, source, remember("shared"))
    began = time.monotonic()
    fork = api.ok("POST", f"/v1/sandboxes/{source}/fork", {"count": FANOUT})
    figures["fork_reply"].append(ms_since(began))
    children = children_of(fork)
    assert len(set(children)) == FANOUT
    all_at_once(lambda child: check_run(fleet.api(), child, "true"), children)
    figures["fanout"].append(ms_since(began))
    figures["source_pause"].append(fork["source_paused_ms"])
    for child in fork["children"]:
        for step, us in child["sandbox"].get("timings_us", {}).items():
            figures["steps"].setdefault(step, []).append(us / 1000)
    figures["private_mb"] += [private_mb(qemu_of(fleet.hosts[0], child)) for child in children]
    all_at_once(lambda child: check_run(fleet.api(), child, RECALL, "shared\nshared\n"), children)
    machines = all_at_once(lambda child: fleet.api().run(child, "cat /sys/class/net/eth0/address")["stdout"], children)
    assert len(set(machines)) == FANOUT, machines
    check_run(api, source, RECALL, "shared\nshared\n")
    all_at_once(lambda each: fleet.api().destroy(each), [source, *children])


def boot_as_many(fleet, figures):
    def boot(_):
        api = fleet.api()
        ident = api.create(host="h1", memory_mb=MEMORY_MB)["id"]
        check_run(api, ident, "true")
        return ident

    began = time.monotonic()
    booted = all_at_once(boot, range(FANOUT))
    figures["cold"].append(ms_since(began))
    figures["cold_private_mb"] += [private_mb(qemu_of(fleet.hosts[0], each)) for each in booted]
    all_at_once(lambda each: fleet.api().destroy(each), booted)


def fork_figures():
    names = ("fork_reply", "fanout", "source_pause", "private_mb", "cold", "cold_private_mb")
    return {"steps": {}, **{name: [] for name in names}}


def fork(build, image, n):
    figures = fork_figures()
    with Fleet(build, image, hosts=1, log_level="info", boot_timeout_sec=300) as fleet:
        about = machine(fleet)
        fan_out(fleet, fork_figures())
        for turn in range(n):
            fan_out(fleet, figures)
            boot_as_many(fleet, figures)
            say(f"  {turn + 1}/{n}: {FANOUT} children {figures['fanout'][-1]:.0f} ms, {FANOUT} cold {figures['cold'][-1]:.0f} ms")
        check_nothing_is_left(fleet)
    metrics = spread(figures["source_pause"], "source_pause", digits=1)
    metrics |= {"fanout_n": FANOUT, "fanout_ms": round(quantile(figures["fanout"], 0.5), 1),
                "fanout_p95_ms": round(quantile(figures["fanout"], 0.95), 1)}
    metrics |= spread(figures["fork_reply"], "fork_reply", digits=1)
    metrics["private_mb_per_child"] = round(quantile(figures["private_mb"], 0.5), 1)
    metrics["steps_p50_ms"] = {step: round(quantile(times, 0.5), 2) for step, times in figures["steps"].items()}
    metrics["ratio_cold_p50"] = ratio_p50((figures["fanout"], figures["cold"]))
    metrics["ratio_private_mb"] = ratio_p50((figures["private_mb"], figures["cold_private_mb"]))
    baseline = spread(figures["cold"], f"cold_{FANOUT}", digits=1)
    baseline["private_mb_per_cold_boot"] = round(quantile(figures["cold_private_mb"], 0.5), 1)
    return about, metrics, baseline


# ---- density --------------------------------------------------------------------

DENSITY_MEMORY_MB = 160
SETTLE_SECONDS = 10
IDLE_SECONDS = 20
MOST_CHILDREN = 25  # Of one request.


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def available_mb():
    line = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return int(line.split()[1]) / 1024


def fill(fleet, n):
    """n forks of one sandbox that is no more; each has answered."""
    api = fleet.api(timeout=400)
    source = api.create(host="h1", memory_mb=DENSITY_MEMORY_MB)["id"]
    check_run(api, source, remember("shared"))
    api.ok("POST", f"/v1/sandboxes/{source}/snapshots", {"name": "bench"})
    children = []
    while len(children) < n:
        count = min(MOST_CHILDREN, n - len(children))
        more = children_of(api.ok("POST", f"/v1/sandboxes/{source}/fork", {"count": count, "from_snapshot": "bench"}))
        for child in more:
            check_run(api, child, RECALL, "shared\nshared\n")
        children += more
        say(f"  {len(children)}/{n} sandboxes")
    api.destroy(source)
    return children


def density(build, image, n):
    with Fleet(build, image, hosts=1, log_level="info", boot_timeout_sec=300) as fleet:
        host = fleet.hosts[0]
        host.reconfigure(capacity_memory_mb=n * 300 + 1000, capacity_vcpus=n + 8)
        fleet.wait_ready(1)
        about = machine(fleet)
        empty_hostd_mb, available = memory_of(host.hostd.pid)["Rss"], available_mb()
        children = fill(fleet, n)
        time.sleep(SETTLE_SECONDS)
        qemus = [qemu_of(host, child) for child in children]
        before, wall = [cpu_seconds(pid) for pid in (host.hostd.pid, *qemus)], time.monotonic()
        time.sleep(IDLE_SECONDS)
        wall = time.monotonic() - wall
        spent = [(cpu_seconds(pid) - was) / wall * 100 for pid, was in zip((host.hostd.pid, *qemus), before)]
        available -= available_mb()
        memories, hostd = [memory_of(pid) for pid in qemus], memory_of(host.hostd.pid)
        for child in children:
            check_run(fleet.api(), child, "echo alive", "alive\n")
        all_at_once(lambda child: fleet.api(timeout=400).destroy(child), children)
        check_nothing_is_left(fleet)
    metrics = {
        "sandboxes": n,
        "mb_per_sandbox": round(sum(m["Pss"] for m in memories) / n, 1),
        "private_mb_per_sandbox": round(sum(m["Private_Clean"] + m["Private_Dirty"] for m in memories) / n, 1),
        "host_mb_per_sandbox": round(available / n, 1),
        "hostd_mb": round(hostd["Rss"], 1),
        "hostd_pss_mb": round(hostd["Pss"], 1),
        "hostd_empty_mb": round(empty_hostd_mb, 1),
        "hostd_cpu_percent_idle": round(spent[0], 2),
        "sandbox_cpu_percent_idle": round(sum(spent[1:]) / n, 2),
    }
    return about, metrics, {}
