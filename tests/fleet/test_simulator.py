"""A fleet of simulated hosts over a real coordinator and PostgreSQL: many creates while hosts refuse, fail, hang, are cut off
and die. Nothing is oversold, lost or doubled, by the hosts' own count and by the records."""

import http.client
import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from fleet import Fleet, run, wait_until
from simulated import Simulator

HOSTS = 50
VCPUS = 8
CALLERS = 16


def a_fleet(build, image):
    # A create that is given to a host which hangs is answered within boot_timeout_sec and ten seconds.
    return Fleet(build, image, hosts=0, log_level="info", boot_timeout_sec=2)


def simulate(fleet, *options):
    return Simulator(fleet, HOSTS, "--vcpus", VCPUS, "--memory-mb", 16384, "--image", "tiny:1:256", "--make-ms", "1-5", "--boot-ms", "5-30",
                     "--exec-ms", "1", "--every-sec", 1, *options)


@pytest.fixture(scope="module")
def simulated(build, image):
    with a_fleet(build, image) as fleet, simulate(fleet) as simulator:
        yield fleet, simulator


def create(fleet, number):
    return fleet.api(timeout=60).call("POST", "/v1/sandboxes",
                                      {"image": "tiny", "agent_id": "tests", "auto_start": True, "vm_name": f"box-{number}"})


def create_many(fleet, numbers):
    """(status, body) of each."""
    with ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(lambda number: create(fleet, number), numbers))


def at_rest(fleet):
    return not fleet.postgres.sql("SELECT id FROM operations WHERE status = 'running'")


def living(fleet):
    """Host and phase of each sandbox that is to be there, by the records."""
    return {row[0]: (row[1], row[2]) for row in
            fleet.postgres.sql("SELECT id, host, phase FROM sandboxes WHERE deleted_at IS NULL AND phase <> 'destroyed'")}


def at_hosts(simulator):
    """Likewise, by the hosts."""
    found = [(ident, host["host"], phase) for host in simulator.listing().values() for ident, phase in host["sandboxes"].items()]
    doubled = [ident for ident, count in Counter(ident for ident, _, _ in found).items() if count > 1]
    assert not doubled, f"on more than one host: {doubled}"
    return {ident: (host, phase) for ident, host, phase in found}


def check_room(simulator):
    for host in simulator.listing().values():
        assert host["vcpus"] <= VCPUS and host["oversold"] == 0, host


def check_created(fleet, simulator, count):
    """So many are created, and are there, once."""
    replies = create_many(fleet, range(count))
    assert Counter(status for status, _ in replies) == {201: count}, next(r for r in replies if r[0] != 201)
    wait_until("the operations to end", lambda: at_rest(fleet), 30)
    assert living(fleet) == at_hosts(simulator)
    assert {reply["sandbox"]["id"] for _, reply in replies} == set(living(fleet))
    check_room(simulator)


def check_audit(fleet):
    # One that a host had refused was asked of another one: it says so before.
    assert not fleet.postgres.sql("SELECT operation_id, action FROM audit WHERE operation_id <> '' GROUP BY operation_id, action "
                                  "HAVING string_agg(kind, ' ' ORDER BY seq) !~ '^(intent )+outcome$'")
    assert "ok" in fleet.verify_audit().lower()


def test_what_hosts_refuse_or_fail_to_make_others_make(build, image):
    with a_fleet(build, image) as fleet, simulate(fleet, "--refuse", "0.1", "--fail", "0.1") as simulator:
        check_created(fleet, simulator, 200)
        status = simulator.status()
        assert status["refused"] > 0 and status["failed"] > 0 and status["oversold"] == 0, status
        assert status["creates"] == status["sandboxes"] == 200, status
        check_audit(fleet)


def test_what_was_created_is_there_once_and_within_its_hosts_room(simulated):
    fleet, simulator = simulated
    check_created(fleet, simulator, 300)
    assert fleet.api().run(next(iter(living(fleet))), "true")["exit_code"] == 0


def test_hosts_that_hang_are_cut_off_or_die_lose_and_double_nothing(simulated):
    fleet, simulator = simulated
    before = set(living(fleet))
    for order, count in (("hang sim-000[1-3]", 3), ("cut sim-000[45]", 2), ("die sim-000[67]", 2)):
        assert simulator.order(order)[-1] == {"hosts": count}
    replies = create_many(fleet, range(1000, 1050))
    # Whoever was given to a host that was gone just then is told that nobody knows yet, or that there is none.
    assert {status for status, _ in replies} <= {201, 503, 504}, replies
    assert simulator.order("return *")[-1] == {"hosts": HOSTS}
    simulator.wait_ready(HOSTS)
    wait_until("the operations to end", lambda: at_rest(fleet), 60)
    wait_until("the records to say what the hosts say", lambda: living(fleet) == at_hosts(simulator), 30)
    there = at_hosts(simulator)
    made = {reply["sandbox"]["id"] for status, reply in replies if status == 201}
    assert before | made <= set(there), (before | made) - set(there)
    stopped = {host for host, phase in there.values() if phase == "stopped"}
    assert stopped <= {"sim-0006", "sim-0007"}, stopped  # Their power was cut.
    check_room(simulator)


def test_a_coordinator_that_is_killed_among_creates_finds_all_of_it_again(simulated):
    fleet, simulator = simulated
    before = set(living(fleet))

    def try_it(number):
        try:
            return create(fleet, number)
        except (OSError, http.client.HTTPException):
            return None, None  # It was killed before it had answered.

    with ThreadPoolExecutor(CALLERS) as callers:
        under_way = [callers.submit(try_it, number) for number in range(2000, 2050)]
        next(itertools.islice(as_completed(under_way), 15, None))
        fleet.coordinator.kill()
        fleet.start_coordinator()
    made = {reply["sandbox"]["id"] for status, reply in (future.result() for future in under_way) if status == 201}
    simulator.wait_ready(HOSTS)
    wait_until("the operations to end", lambda: at_rest(fleet), 60)
    wait_until("the records to say what the hosts say", lambda: living(fleet) == at_hosts(simulator), 30)
    assert made and before | made <= set(living(fleet)), (before | made) - set(living(fleet))
    check_room(simulator)


def test_checkpoints_and_drains_are_as_of_real_hosts(simulated):
    fleet, simulator = simulated
    api = fleet.api()
    ident, (host, _) = next((i, at) for i, at in living(fleet).items() if at[1] == "running" and at[0] > "sim-0010")
    api.ok("POST", f"/v1/sandboxes/{ident}/snapshots", {"name": "clean"})
    assert api.ok("POST", f"/v1/sandboxes/{ident}/suspend")["sandbox"]["phase"] == "suspended"
    assert api.ok("POST", f"/v1/sandboxes/{ident}/resume")["sandbox"]["phase"] == "running"
    assert api.ok("POST", f"/v1/sandboxes/{ident}/snapshots/clean/restore")["sandbox"]["phase"] == "running"
    api.ok("POST", f"/v1/hosts/{host}/drain", {}, expect=(200, 202))
    wait_until("the host to be empty", lambda: not any(at[0] == host for at in living(fleet).values()), 60)
    wait_until("it to have nothing left", lambda: not simulator.listing()[host]["sandboxes"], 60)
    assert living(fleet)[ident][1] == "running"
    check_room(simulator)


def test_what_is_destroyed_is_gone_everywhere_and_the_audit_tells_it_all(simulated):
    fleet, simulator = simulated

    def destroy(ident):
        return fleet.api(timeout=60).call("DELETE", f"/v1/sandboxes/{ident}")[0]

    with ThreadPoolExecutor(CALLERS) as callers:
        assert set(callers.map(destroy, living(fleet))) <= {200}
    assert not living(fleet) and not at_hosts(simulator)
    assert simulator.status()["sandboxes"] == 0
    wait_until("the operations to end", lambda: at_rest(fleet), 30)
    check_audit(fleet)


def test_the_simulator_says_what_it_lacks_and_ends_politely(simulated, tmp_path):
    fleet, _ = simulated
    program = fleet.bin("hostd/paddock-simulator")
    assert "keygen" in run(program, "--help").stdout
    for options, wanted in (((), "--keys"), (("--keys", tmp_path / "none"), "keygen --out"),
                            (("--keys", fleet.base / "simulated", "--coordinator-key", fleet.etc / "server.pub", "--boot-ms", "1s"), "no time"),
                            (("--keys", fleet.base / "simulated", "--hosts", HOSTS + 1), f"{HOSTS} hosts")):
        done = run(program, *options, check=False)
        assert done.returncode == 1 and wanted in done.stderr, done.stderr
    run(program, "keygen", "--out", tmp_path, "--hosts", 2, "--prefix", "other-")
    quit_ = run(program, "--keys", tmp_path, "--coordinator-key", fleet.etc / "server.pub", "--coordinator", "tcp://127.0.0.1:1",
                input="status\nquit\n")
    assert '"hosts":2,"welcomed":0' in quit_.stdout, quit_.stdout
