"""Fixtures of the fleet tests. PADDOCK_BUILD and PADDOCK_IMAGE are set by ./run-tests."""

import os
import shutil
from pathlib import Path

import pytest

from fleet import ROOT, Fleet, wait_until


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the fleet tests need root: they make namespaces and run libvirt", returncode=4)
    for tool in ("qemu-system-x86_64", "libvirtd", "tini", "nft", "ip"):
        if shutil.which(tool) is None:
            pytest.exit(f"the fleet tests need {tool}: tools/install-packages run test", returncode=4)


@pytest.fixture(scope="session")
def build():
    return Path(os.environ.get("PADDOCK_BUILD", ROOT / "build/dev"))


@pytest.fixture(scope="session")
def image():
    return Path(os.environ.get("PADDOCK_IMAGE", ROOT / "build/tiny"))


@pytest.fixture(scope="module")
def fleet(build, image):
    """Two hosts for one file of tests."""
    with Fleet(build, image) as fleet:
        yield fleet


@pytest.fixture
def api(fleet):
    return fleet.api()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "fleet" in item.funcargs:
        item.funcargs["fleet"].show_logs()


@pytest.fixture(autouse=True)
def nothing_leaks(request):
    """After each test: its sandboxes are destroyed, and nothing of them is left anywhere."""
    yield
    if "fleet" not in request.fixturenames:
        return
    fleet = request.getfixturevalue("fleet")
    api = fleet.api()
    for sandbox in api.sandboxes():
        api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
    wait_until("the list to be empty", lambda: not api.sandboxes(), 60)
    try:
        wait_until("no leftovers", lambda: not fleet.leftovers(), 30)
    except AssertionError:
        raise AssertionError(f"left over: {fleet.leftovers()}") from None
    assert "ok" in fleet.verify_audit().lower()
