"""Random histories over one coordinator, one database and a fleet of simulated hosts that is too small for all that is asked of it; at
the end of each all accounts agree: the hosts' own, the records, the answers and the audit.

PADDOCK_SEED repeats one; PADDOCK_REQUESTS makes each longer."""

import json
import os
import re
import secrets
import time
from collections import Counter, defaultdict

import pytest

from audit_replay import explain
from fleet import Fleet, wait_until
from histories import Client, History
from simulated import Simulator

HOSTS = 14
VCPUS, MEMORY_MB, OVERHEAD_MB = 5, 3000, 64
AT_REST = ("created", "running", "paused", "suspended", "stopped")
SEEDS = [os.environ["PADDOCK_SEED"]] if os.environ.get("PADDOCK_SEED") else ["1", "2", "any"]
REQUESTS = int(os.environ.get("PADDOCK_REQUESTS") or 900)


@pytest.fixture
def accounts(build, image):
    # Who was given to a host that hangs is told so within these, and ten seconds.
    with Fleet(build, image, hosts=0, log_level="info", boot_timeout_sec=2, claim_timeout_sec=1, stop_timeout_sec=2,
               destroy_timeout_sec=3) as fleet, \
            Simulator(fleet, HOSTS, "--vcpus", VCPUS, "--memory-mb", MEMORY_MB, "--overhead-mb", OVERHEAD_MB, "--image", "tiny:1:256",
                      "--refuse", "0.03", "--fail", "0.03", "--make-ms", "1-5", "--boot-ms", "10-60", "--exec-ms", "1-5", "--wake-ms", "1-5",
                      "--state-ms", "10-40", "--stop-ms", "5-20", "--destroy-ms", "2-10", "--every-sec", 1) as simulator:
        yield Accounts(fleet, simulator)


class Accounts:
    """All that is told of one fleet, by each who can tell."""

    def __init__(self, fleet, simulator):
        self.fleet, self.simulator = fleet, simulator

    def sql(self, text):
        return self.fleet.postgres.sql(text)

    def hosts(self):
        return {host["name"]: host for host in self.fleet.api().ok("GET", "/v1/hosts?limit=500")["hosts"]}

    def records(self):
        """Of those that are to be there."""
        return {row[0]: (row[1], row[2]) for row in self.sql("SELECT id, host, phase FROM sandboxes WHERE phase <> 'destroyed'")}

    def at_hosts(self):
        found = [(ident, host["host"], phase) for host in self.simulator.listing().values() for ident, phase in host["sandboxes"].items()]
        doubled = [ident for ident, count in Counter(ident for ident, *_ in found).items() if count > 1]
        return {ident: (host, phase) for ident, host, phase in found}, doubled

    def never_made(self):
        """Half made when its coordinator was killed, and then undone, or its host lost its power: it is lost, and nobody was ever told of it."""
        return {row[0] for row in self.sql(
            "SELECT id FROM sandboxes WHERE phase = 'lost' AND id IN (SELECT target FROM audit WHERE actor = 'system:restart' AND "
            "action IN ('sandbox.create', 'sandbox.claim')) AND id NOT IN (SELECT target FROM audit WHERE kind = 'outcome' AND result = 'ok' AND "
            "action IN ('sandbox.create', 'sandbox.claim'))")}

    def unrest(self):
        """What is still under way; nothing when all have come to rest and agree."""
        left = [f"{table} {row[0]}" for table in ("operations", "commands") for row in
                self.sql(f"SELECT id FROM {table} WHERE status = 'running'")]
        left += [" ".join(row) for row in self.sql(
            f"SELECT id, host, phase, desired, moving_to, left_host, error FROM sandboxes WHERE (phase <> 'destroyed' AND (phase NOT IN {AT_REST} "
            "OR desired = 'destroyed' OR moving_to <> '')) OR left_host <> ''")]
        if not self.sql("SELECT 1 FROM pools"):  # What it had is destroyed with the next tick.
            left += [f"{row[0]} of a pool that is gone" for row in self.sql("SELECT id FROM sandboxes WHERE pool <> '' AND phase <> 'destroyed'")]
        left += [" ".join(row) for row in self.sql("SELECT id, sandbox_id, status FROM checkpoints WHERE status IN ('taking', 'deleting')")]
        here, doubled = self.at_hosts()
        never_made = self.never_made()
        records = {ident: at for ident, at in self.records().items() if ident not in never_made}
        left = [text for text in left if text.split()[0] not in never_made]
        left += [f"{ident} is on more than one host" for ident in doubled]
        left += [f"{ident}: on record {records.get(ident)}, at its host {here.get(ident)}" for ident in records.keys() | here.keys()
                 if records.get(ident) != here.get(ident)]
        return left

    def settle(self):
        """All that was done to the fleet is over; pools make sandboxes by themselves, and go."""
        self.simulator.order("return *")
        self.simulator.wait_ready(HOSTS)
        for host in self.hosts():
            self.fleet.api().ok("POST", f"/v1/hosts/{host}/uncordon", {})
        self.fleet.api().ok("DELETE", "/v1/pools/small")
        try:
            wait_until("all to come to rest", lambda: not self.unrest(), 40)
        except AssertionError:
            left = self.unrest()
            raise AssertionError("\n".join(["it does not come to rest:", *left, *self.stories(left)])) from None

    def stories(self, told):
        """What the audit has of each sandbox that is named there."""
        named = sorted({ident for text in told for ident in re.findall(r"sbx-[a-z2-7]{16}", text)})
        return [" ".join(row) for ident in named for row in self.sql(
            f"SELECT at, target, kind, action, actor, host, operation_id, result, detail FROM audit WHERE target = '{ident}' ORDER BY seq")]

    # ---- each account against the others ----------------------------------------

    def check_room(self):
        """What hosts have promised: by their own count, by the coordinator's, and by the sum of the records."""
        own, never_made = self.simulator.listing(), self.never_made()
        rows = [(row[0], row[1], row[2], int(row[3]), int(row[4]) >> 20) for row in self.sql(
            "SELECT id, host, phase, vcpus, memory_bytes + overhead_bytes FROM sandboxes WHERE phase <> 'destroyed'")]
        for name, host in self.hosts().items():
            assert own[name]["oversold"] == 0, own[name]
            here = [row for row in rows if row[1] == name]
            charged = [row for row in here if row[2] != "suspended"]
            there = [row for row in charged if row[0] not in never_made]
            assert host["sandboxes"] == len(here), (host, here)
            assert (host["used_vcpus"], host["used_memory_mb"]) == (sum(row[3] for row in charged), sum(row[4] for row in charged)), (host, here)
            assert (own[name]["vcpus"], own[name]["memory_mb"]) == (sum(row[3] for row in there), sum(row[4] for row in there)), (own[name], here)
            assert host["used_vcpus"] <= VCPUS and host["used_memory_mb"] <= MEMORY_MB, host

    def check_the_api_tells_the_records(self):
        """All of them, and none is lost that anybody was told of."""
        records, nobodys = self.records(), {row[0] for row in self.sql("SELECT id FROM sandboxes WHERE pool <> '' OR tenant <> 'default'")}
        told = {one["id"]: (one["host_name"], one["phase"]) for one in self.fleet.api().sandboxes()}
        assert told == {ident: at for ident, at in records.items() if ident not in nobodys}
        assert {phase for ident, (_, phase) in records.items() if ident not in self.never_made()} <= set(AT_REST)

    def check_answers(self, history):
        """What was answered is on record; what was asked under one key took place once."""
        made = defaultdict(list)
        for ident, mark, phase in self.sql("SELECT id, labels->>'mark', phase FROM sandboxes WHERE sandbox_name NOT LIKE 'fork-%'"):
            made[mark].append((ident, phase))
        phases = dict(self.sql("SELECT id, phase FROM sandboxes"))
        commands = defaultdict(list)
        for mark, status in self.sql("SELECT command, status FROM commands"):
            commands[mark].append(status)
        ended = {row[0] for row in self.sql("SELECT DISTINCT request_id FROM audit WHERE kind = 'outcome' AND result = 'ok'")}
        begun = {row[0] for row in self.sql("SELECT DISTINCT request_id FROM audit WHERE kind = 'intent'")}
        ok_creates = {row[0] for row in self.sql("SELECT target FROM audit WHERE action IN ('sandbox.create', 'sandbox.claim') "
                                                 "AND kind = 'outcome' AND result = 'ok'")}
        ends = {asked.path.rpartition("/")[2] for asked in history.asked if asked.what == "destroy"}
        for asked in history.asked:
            good = asked.good()
            for _, request in good:
                assert request in ended or request not in begun, f"answered, and not on record as done: {asked}"
            if asked.what in ("create", "run", "snapshot", "fork") and good and not asked.key:
                assert good[0][1] in ended, f"answered, and not on record: {asked}"
            if asked.what == "create":
                told = {body["sandbox"]["id"] for body, _ in good}
                there = {ident for ident, phase in made[asked.mark] if ident in ok_creates or phase != "destroyed"}
                # Without a key each time it was asked is one of its own; it was asked once.
                assert len(told) <= 1 and told <= there and len(there) <= 1, f"{asked}: {made[asked.mark]}"
                for ident in told - ends:
                    assert phases[ident] != "destroyed", f"it is gone, and nobody destroyed it: {asked}"
            elif asked.what == "run":
                statuses = commands[f"echo {asked.mark}"]
                assert sum(status in ("finished", "outcome_unknown") for status in statuses) <= 1, f"{asked}: {statuses}"
                assert not good or "finished" in statuses, f"{asked}: {statuses}"
            elif asked.what == "destroy" and good:
                assert phases[asked.path.rpartition("/")[2]] == "destroyed", f"destroyed, and is there: {asked}"
            elif asked.what == "fork":
                for child in asked.children():
                    assert phases[child] != "destroyed" or child in ends, f"a child is gone: {asked}"
        done = self.simulator.status()["execs"]
        count = Counter(status for statuses in commands.values() for status in statuses)
        assert count["finished"] <= done <= count["finished"] + count["outcome_unknown"] + count["failed"], (done, count)

    def check_audit(self, history):
        """It is whole, each operation in it has an end, and it explains what each sandbox is. How many of them to the letter."""
        told = self.fleet.api().ok("GET", "/v1/audit/verify")
        assert told["ok"], told
        # What nobody knows the writing of may be written twice (architecture, known limits).
        assert not self.sql("SELECT operation_id, string_agg(kind || ' ' || action, ', ' ORDER BY seq) FROM audit WHERE operation_id <> '' "
                            "GROUP BY operation_id, action HAVING string_agg(kind, ' ' ORDER BY seq) !~ '^(intent )+outcome( outcome)?$'")
        rows = [(int(row[0]), float(row[1]), *row[2:]) for row in self.sql(
            "SELECT seq, extract(epoch FROM at), kind, action, operation_id, host, target, result FROM audit ORDER BY seq")]
        made_as = {box["id"]: box["phase"] for asked in history.asked if asked.what == "create" and asked.good()
                   for box in [asked.good()[0][0]["sandbox"]] if box["phase"] in ("created", "running")}
        explained, exactly = explain(rows, history.deaths, made_as), 0
        for ident, host, phase in self.sql("SELECT id, host, phase FROM sandboxes"):
            may_be = explained.get(ident)
            assert may_be and phase in may_be.phases and (phase == "destroyed" or host in may_be.hosts), \
                f"{ident} is {phase} on {host}, by the audit {may_be}"
            exactly += may_be.phases == {phase}
        return exactly, len(explained)

    def check_all(self, history):
        self.check_room()
        self.check_the_api_tells_the_records()
        self.check_answers(history)
        return self.check_audit(history)


def empty(accounts):
    """Nothing is left of anything."""
    api = accounts.fleet.api()
    for box in api.sandboxes():
        api.destroy(box["id"])
    wait_until("the hosts to be empty", lambda: not accounts.unrest() and not accounts.records(), 60)
    assert accounts.at_hosts() == ({}, [])
    assert all((host["used_vcpus"], host["used_memory_mb"]) == (0, 0) for host in accounts.hosts().values())


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_history_all_accounts_agree(accounts, seed, capsys):
    seed = str(secrets.randbelow(1 << 32)) if seed == "any" else seed
    how = f"PADDOCK_SEED={seed} PADDOCK_REQUESTS={REQUESTS}"
    with capsys.disabled():
        print(f"\n{how}", flush=True)
    api, names = accounts.fleet.api(), sorted(accounts.hosts())
    for number, name in enumerate(names):
        api.ok("PATCH", f"/v1/hosts/{name}", {"labels": {"rack": f"r{number % 4}"}})
    api.ok("POST", "/v1/pools", {"name": "small", "image": "tiny", "cpu": 1, "memory_mb": 160, "min": 0, "max": 1})
    history, begun = History(accounts.fleet, accounts.simulator, seed, REQUESTS, names), time.monotonic()
    try:
        history.run()
        took = time.monotonic() - begun
        accounts.settle()
        accounts.check_all(history)
        before = accounts.records()
        # What a coordinator knows that begins anew is the same.
        history.deal_kill_coordinator(None, None)
        accounts.simulator.wait_ready(HOSTS)
        wait_until("all to come to rest again", lambda: not accounts.unrest(), 40)
        exactly, known = accounts.check_all(history)
        assert {ident: at for ident, at in accounts.records().items() if ident in before} == before
    except BaseException:
        print(f"again with {how}", f"done to it: {dict(history.deeds)}", json.dumps(history.reasons, indent=1), sep="\n")
        accounts.fleet.show_logs()
        raise
    empty(accounts)
    with capsys.disabled():
        print(f"{history.answered} answers in {took:.0f} s, the longest after {history.longest:.1f} s; done to the fleet: {dict(history.deeds)}; "
              f"other than done: {dict(history.reasons.most_common(12))}; {known} sandboxes explained, {exactly} to the letter; "
              f"{accounts.simulator.status()}; settled and checked in {time.monotonic() - begun - took:.0f} s", flush=True)
