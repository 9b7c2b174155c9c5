"""Hosts that never come back, one after the other: what they had goes on on the next, each time as it was when it was copied last."""

import pytest

from fleet import Fleet, wait_until
from state_model import look, write
from test_evacuate import COPIED, comes_from_its_copy, evacuation, made, now, seen_again, wait_copied, wait_health


@pytest.fixture(scope="module")
def fleet(build, image):
    with Fleet(build, image, hosts=3) as fleet:
        yield fleet


def goes_on_from(api, cli, box, host, there):
    """Its host dies, with a copy of what it holds by now elsewhere, and stays off."""
    write(api, box, f"on-{host.name}", f"on-{host.name}")
    wait_copied(api, box, host=there)
    host.power_off()
    wait_health(api, host.name, "lost")
    comes_from_its_copy(api, box)
    assert cli("evacuate", host.name, "--powered-off").returncode == 0
    assert evacuation(api, host.name)["moved"] == 1
    seen_again(api, box, host=there)


def test_the_second_host_dies_too_and_the_third_one_serves(fleet, api, cli):
    h1, h2, _ = fleet.hosts
    api.ok("POST", "/v1/hosts/h3/cordon", {})
    box = made(api, "twice", **COPIED)
    goes_on_from(api, cli, box, h1, there="h2")
    # It is copied as before: to the one that is left.
    api.ok("POST", "/v1/hosts/h3/uncordon", {})
    goes_on_from(api, cli, box, h2, there="h3")

    # Each has its own when it is back, and takes it away.
    for host in (h2, h1):
        host.power_on()
        wait_health(api, host.name, "ready")
        wait_until(f"{host.name} to have nothing of it", lambda: not list((host.state / "sandboxes").iterdir()), 60)
    assert (now(api, box)["host_name"], now(api, box)["phase"]) == ("h3", "running")
    look(api, box)
    wait_until("nothing of it to be on record elsewhere", lambda: fleet.postgres.sql("SELECT remains_on FROM sandboxes") == [["{}"]], 60)
