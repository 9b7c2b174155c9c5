"""Hosts that never come back, one after the other: what they had goes on on the next, each time as it was when it was copied last."""

import pytest

from fleet import Fleet, wait_until
from state_model import look, write
from test_evacuate import COPIED, comes_from_its_copy, evacuation, made, now, seen_again, wait_copied, wait_health


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=3) as fleet:
        yield fleet


def test_the_second_host_dies_too_and_the_third_one_serves(fleet, api, cli):
    hosts = {host.name: host for host in fleet.hosts}
    api.ok("POST", "/v1/hosts/h3/cordon", {})
    box = made(api, "twice", **COPIED)
    write(api, box, "first", "first")
    wait_copied(api, box, host="h2")
    hosts["h1"].power_off()
    wait_health(api, "h1", "lost")
    comes_from_its_copy(api, box)
    assert cli("evacuate", "h1", "--powered-off").returncode == 0
    seen_again(api, box, host="h2")

    # h1 stays off. All the same it is copied as before: to the one that is left.
    api.ok("POST", "/v1/hosts/h3/uncordon", {})
    write(api, box, "second", "second")
    wait_copied(api, box, host="h3")
    hosts["h2"].power_off()
    wait_health(api, "h2", "lost")
    comes_from_its_copy(api, box)
    assert cli("evacuate", "h2", "--powered-off").returncode == 0
    assert evacuation(api, "h2")["moved"] == 1
    seen_again(api, box, host="h3")

    # Each has its own when it is back, and takes it away.
    for name in ("h2", "h1"):
        hosts[name].power_on()
        wait_health(api, name, "ready")
        wait_until(f"{name} to have nothing of it", lambda: not list((hosts[name].state / "sandboxes").iterdir()), 60)
    assert (now(api, box)["host_name"], now(api, box)["phase"]) == ("h3", "running")
    look(api, box)
    wait_until("nothing of it to be on record elsewhere", lambda: fleet.postgres.sql("SELECT remains_on FROM sandboxes") == [["{}"]], 60)
