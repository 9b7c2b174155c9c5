"""fleet: how many creates a second a coordinator takes over simulated hosts, on real ZeroMQ, with every row durable."""

import json
import math
import os
import platform
import subprocess
import time
from collections import Counter
from pathlib import Path

from fleet import HTTP_PORT, Fleet, wait_until
from measuring import fdatasync_p50_us, quantile, resident_mb, say
from plotting import plot
from processes import PGBIN
from simulated import Simulator

CONNECTIONS = 256
VCPUS, MEMORY_MB, OVERHEAD_MB = 1, 256, 96
SIZES = (10, 100, 1000)
SANDBOXES, SANDBOXES_OF_SMALLER = 100_000, 20_000  # At most so many on fleets that are smaller than the largest.
IDLE_SECONDS = 10
WORDS = ["--make-ms", "2-8", "--boot-ms", "20-60", "--destroy-ms", "2-8", "--every-sec", "10"]
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid):
    """Seconds of this process and of the children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0
    return sum(map(int, fields[11:15])) / TICKS


class Cpu:
    """What each of them takes, from here on."""

    def __init__(self, fleet, simulator):
        self.pids = {"coordinator": [fleet.coordinator.pid], "simulator": [simulator.pid]}
        self.postmaster = fleet.postgres.process.pid
        self.began, self.before = time.monotonic(), self.now()

    def now(self):
        children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text().split()
        all_pids = {**self.pids, "postgres": [self.postmaster, *map(int, children)]}
        return {who: sum(map(cpu_of, pids)) for who, pids in all_pids.items()}

    def seconds(self):
        now = self.now()
        return {who: now[who] - self.before[who] for who in now}, time.monotonic() - self.began


def load(fleet, *words):
    done = subprocess.run([fleet.bin("bench/sandbox-load"), str(HTTP_PORT), str(CONNECTIONS), *map(str, words)],
                          env={**os.environ, "PADDOCK_TOKEN": fleet.token}, stdout=subprocess.PIPE, text=True, check=False, timeout=3600)
    assert done.returncode == 0, f"sandbox-load failed: {done.stdout}"
    told = json.loads(done.stdout)
    assert not told["refused"], f"not all were done: {told}"
    return told


def fill(fleet, sandboxes, create):
    """Their ids."""
    body, ids = fleet.base / "body.json", fleet.base / "ids"
    body.write_text(json.dumps(create))
    load(fleet, "create", sandboxes, body, ids)
    return ids.read_text().split()


def shape(vcpus, image="tiny"):
    """Of each host: so many sandboxes fit."""
    return ["--vcpus", vcpus, "--memory-mb", vcpus * (MEMORY_MB + OVERHEAD_MB), "--overhead-mb", OVERHEAD_MB, "--cores", vcpus,
            "--image", f"{image}:{VCPUS}:{MEMORY_MB}"]


def count(fleet, sql):
    return int(fleet.postgres.sql(f"SELECT count(*) FROM {sql}")[0][0])


def audited(fleet, action):
    return {row[0]: int(row[1]) for row in
            fleet.postgres.sql(f"SELECT kind, count(*) FROM audit WHERE action = '{action}' GROUP BY kind")}


def check(fleet, simulator, answered, vcpus):
    """(lost, doubled): of what was answered, by the hosts' own tables and by SQL. Fails on anything else that is wrong."""
    hosts = simulator.listing()
    at_hosts = Counter(ident for host in hosts.values() for ident in host["sandboxes"])
    where = {(ident, name) for name, host in hosts.items() for ident, phase in host["sandboxes"].items() if phase == "running"}
    recorded = {tuple(row) for row in fleet.postgres.sql("SELECT id, host FROM sandboxes WHERE phase = 'running'")}
    there = {ident for ident, _ in recorded & where}
    lost = set(answered) - there
    doubled = {ident for ident, times in at_hosts.items() if times > 1}
    made = sum(host["creates"] for host in hosts.values())
    assert len(answered) == len(set(answered)), "one id was answered twice"
    assert recorded == where, f"recorded or there, not both: {list(recorded ^ where)[:5]}"
    assert not any(host["oversold"] or host["vcpus"] > vcpus for host in hosts.values()), "a host was asked for more than it has"
    assert audited(fleet, "sandbox.create") == {"intent": len(answered), "outcome": len(answered)}, audited(fleet, "sandbox.create")
    assert count(fleet, "operations WHERE kind = 'create' AND status = 'done'") == len(answered)
    return len(lost), len(doubled) + made - len(set(at_hosts))


def without_colons(literal):
    """pgbench takes a colon for the beginning of a variable, also in a text."""
    if ":" not in literal:
        return literal
    return literal.replace(":", r"\x3a") if literal.startswith("E") else "U&" + literal.replace(":", r"\003a")


def one_of_each(fleet):
    """Tables like ours, and the row that a create has left in each."""
    sql, fields = fleet.postgres.sql, {}
    for table, where in (("sandboxes", "phase = 'running'"), ("operations", "kind = 'create'"), ("audit", "action = 'sandbox.create'")):
        sql(f"CREATE TABLE plain_{table} (LIKE {table} INCLUDING ALL)")
        names = [row[0] for row in sql(f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 "
                                       "AND NOT attisdropped ORDER BY attnum")]
        quoted = ", ".join(f"quote_nullable({name}::text)" for name in names)
        fields[table] = (names, [without_colons(value) for value in sql(f"SELECT {quoted} FROM {table} WHERE {where} LIMIT 1")[0]])
    sql("CREATE SEQUENCE plain_seq CACHE 100")
    return fields


def plainly(fleet, fields, clients, seconds):
    """The same rows by plain INSERTs, one transaction for each create: one sandbox, one operation, two audit rows."""
    def insert(table, **other):
        names, values = fields[table]
        return (f"INSERT INTO plain_{table} ({', '.join(names)}) VALUES "
                f"({', '.join(other.get(name, value) for name, value in zip(names, values))});")

    ident, number = "'sbx-' || lpad(nextval('plain_seq')::text, 16, '0')", "nextval('plain_seq')"
    script = fleet.base / "plain.sql"
    audit = insert("audit", seq=number, target=ident, operation_id=ident.replace("sbx", "op"))
    script.write_text("\n".join(("BEGIN;", insert("sandboxes", id=ident), insert("operations", id=ident.replace("sbx", "op"), sandbox_id=ident),
                                 audit, audit, "COMMIT;")) + "\n")
    script.chmod(0o644)
    done = subprocess.run([PGBIN / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", script,
                           "-h", fleet.postgres.socket, "-U", "postgres", "paddock"], cwd="/", capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("tps = ")), None)
    assert done.returncode == 0 and line, done.stdout + done.stderr
    return float(line.split()[2])


def durable(fleet):
    settings = {row[0]: row[1] for row in fleet.postgres.sql(
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes')")}
    assert settings == {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}, settings


def load_before():
    return round(os.getloadavg()[0], 2)


def about(fleet, load_1min):
    memory_mb = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {"cpus": os.cpu_count(), "memory_mb": memory_mb, "kernel": platform.release(), "fdatasync_p50_us": fdatasync_p50_us(fleet.base),
            "load_1min": load_1min, "build": fleet.build.name}


def each_ms(seconds, things):
    return {f"{who}_cpu_ms": round(used / things * 1000, 3) for who, used in seconds.items()}


def idle(fleet, simulator, seconds):
    """What it takes that they are there, and nothing is asked for."""
    cpu = Cpu(fleet, simulator)
    time.sleep(seconds)
    used, wall = cpu.seconds()
    return {"coordinator_before_mb": resident_mb(fleet.coordinator.pid), "coordinator_cpu_percent_idle": round(used["coordinator"] / wall * 100, 2)}


def one_fleet(build, image, hosts, sandboxes, idle_seconds, baseline_seconds):
    """Creates all, looks, destroys all, looks again."""
    vcpus = math.ceil(sandboxes / hosts * 1.25) + 1
    with Fleet(build, image, hosts=0, log_level="info", http_threads=CONNECTIONS + CONNECTIONS // 8) as fleet:
        durable(fleet)
        with Simulator(fleet, hosts, *shape(vcpus), *WORDS) as simulator:
            body, ids = fleet.base / "body.json", fleet.base / "ids"
            body.write_text(json.dumps({"image": "tiny", "agent_id": "bench", "auto_start": True}))
            figures = idle(fleet, simulator, idle_seconds)
            before_mb, cpu = resident_mb(fleet.coordinator.pid), Cpu(fleet, simulator)
            created = load(fleet, "create", sandboxes, body, ids)
            used, wall = cpu.seconds()
            grown_mb = resident_mb(fleet.coordinator.pid) - before_mb
            say(f"  {hosts} hosts: {created['per_s']:.0f} creates/s, p50 {created['p50_ms']:.0f}, p99 {created['p99_ms']:.0f} ms; each tenth: "
                f"{created['tenths_per_s']}")
            answered = ids.read_text().split()
            assert len(answered) == created["done"] == sandboxes, created
            lost, doubled = check(fleet, simulator, answered, vcpus)
            figures |= {"creates_per_s": round(created["per_s"], 1), "p50_ms": created["p50_ms"], "p99_ms": created["p99_ms"],
                        "worst_ms": created["worst_ms"], "slowest_tenth_per_s": min(created["tenths_per_s"]),
                        "coordinator_kb_per_sandbox": round(grown_mb * 1024 / sandboxes, 2), "coordinator_mb": resident_mb(fleet.coordinator.pid),
                        "simulator_mb": resident_mb(simulator.pid), "lost": lost, "doubled": doubled,
                        **each_ms({**used, "generator": created["cpu_s"]}, sandboxes),
                        "cpus_busy": round((sum(used.values()) + created["cpu_s"]) / wall, 2)}
            rows = one_of_each(fleet)
            deleted = load(fleet, "delete", ids)
            figures |= {"deletes_per_s": round(deleted["per_s"], 1), "delete_p99_ms": deleted["p99_ms"]}
            say(f"  {hosts} hosts: {deleted['per_s']:.0f} deletes/s, p99 {deleted['p99_ms']:.0f} ms")
            assert simulator.status()["sandboxes"] == 0 and count(fleet, "sandboxes WHERE deleted_at IS NULL") == 0
            assert audited(fleet, "sandbox.destroy") == {"intent": sandboxes, "outcome": sandboxes}, audited(fleet, "sandbox.destroy")
            wait_until("the operations to end", lambda: count(fleet, "operations WHERE status = 'running'") == 0, 30)
            assert "ok" in fleet.verify_audit().lower()
            machine = about(fleet, load_before())
        if baseline_seconds:
            figures["pgbench_inserts_per_s"] = round(plainly(fleet, rows, 32, baseline_seconds), 1)
    assert lost == doubled == 0, figures
    return machine, figures


def middle(rounds):
    """Of each figure, by itself."""
    return {name: round(quantile([figures[name] for figures in rounds], 0.5), 3) for name in rounds[0]}


def fleet_of(build, image, n, sizes, sandboxes, quick, drawing):
    """n rounds over each fleet, in turns; the largest is beside pgbench."""
    load_1min, largest = load_before(), max(sizes)
    rounds = {hosts: [] for hosts in sorted(sizes)}
    for turn in range(n):
        say(f"  {turn + 1}/{n}")
        for hosts, told in rounds.items():
            of_it, baseline_seconds = (sandboxes, 3 if quick else 15) if hosts == largest else (min(sandboxes, SANDBOXES_OF_SMALLER), 0)
            machine, figures = one_fleet(build, image, hosts, of_it, 2 if quick else IDLE_SECONDS, baseline_seconds)
            told.append({"sandboxes": of_it, **figures})
    if drawing:
        plot(rounds, drawing)
    by_size = {hosts: middle(told) for hosts, told in rounds.items()}
    plain = by_size[largest].pop("pgbench_inserts_per_s")
    metrics = {"hosts": largest, **by_size[largest], "connections": CONNECTIONS}
    for hosts in sorted(rounds.keys() - {largest}):
        metrics |= {f"{name}_{hosts}_hosts": value for name, value in by_size[hosts].items()}
    baseline = {"pgbench_inserts_per_s": plain, "ratio_creates": round(metrics["creates_per_s"] / plain, 3),
                "pgbench": "-M prepared -c 32 -j 2; one transaction each: 1 sandbox, 1 operation, 2 audit rows, all indexes"}
    return machine | {"load_1min": load_1min}, metrics, baseline
