"""The roles on one machine, which is coordinator, database, hypervisor and Prometheus: what each change is tried with.

test_rollout.py has the rest, on two."""

import os
import re

import pytest


def test_a_check_of_a_machine_with_nothing_leaves_nothing_there(one_machine):
    recap = one_machine.play("site.yml", "--check", log="one-check")
    assert recap.status == 0 and "fatal:" not in recap.text, recap.text[-6000:]
    assert recap.changed() > 3
    assert one_machine.control.run("find / -xdev -iname '*paddock*'").stdout == ""


def test_a_machine_with_nothing_becomes_a_fleet_that_runs_sandboxes(one_machine):
    recap = one_machine.play("site.yml", log="one-site")
    assert recap.status == 0, recap.text[-6000:]
    assert all(not counts["failed"] and not counts["ignored"] for counts in recap.hosts.values())
    for unit in ("paddock-coordinator", "paddock-hostd", "paddock-hostd-guard", "prometheus"):
        assert one_machine.control.run(f"systemctl is-active {unit}").stdout.strip() == "active"
    assert re.search(r"Doctor finds nothing that does not work\] \*+\nok: \[c1\]", recap.text), recap.text[-4000:]
    said = re.search(r'acceleration +tcg: ([^"]+)', recap.text)
    assert said, recap.text[-4000:]
    host = one_machine.host_now()
    assert (host["health"], host["accel"], host["state_engine"]) == ("ready", "tcg", "fast"), host
    assert host["accel_reason"] in said[1]
    name = one_machine.paddock("create tiny --name first", timeout=1500).split()[-1]
    assert one_machine.in_it(name, "echo $((6 * 7))").strip() == "42"


@pytest.mark.parametrize("half, options", enumerate(((), ("--check",))), ids=("second-run", "check"))
def test_again_it_finds_nothing_to_change(one_machine, half, options):
    """Where a commit has a sixth of the longest tests it has one of these two."""
    sixth = os.environ.get("PADDOCK_SIXTH")
    if sixth is not None and int(sixth) % 2 != half:
        pytest.skip(f"NOT TRIED: sixth {sixth} of the longest tests has the other one; ./run-tests has both")
    recap = one_machine.play("site.yml", *options, log="one-again")
    assert recap.status == 0, recap.text[-6000:]
    assert set(recap.hosts) == {"c1"} and recap.changed() == 0 and recap.hosts["c1"]["ignored"] == 0, recap.changes()
