"""Fixtures of the fleet tests. PADDOCK_BUILD and PADDOCK_IMAGE are set by ./run-tests."""

import os
import shutil
from pathlib import Path

import pytest

from command_line import URL, Cli, Terminal
from fleet import ROOT, Fleet, wait_until
from typing_shell import Shell


def pytest_configure(config):
    if os.geteuid() != 0:
        pytest.exit("the fleet tests need root: they make namespaces and run libvirt", returncode=4)
    for tool in ("qemu-system-x86_64", "libvirtd", "tini", "nft", "ip"):
        if shutil.which(tool) is None:
            pytest.exit(f"the fleet tests need {tool}: tools/install-packages run test", returncode=4)


# What takes long and shows a few things in many ways, in six parts that take about as long as each other. With PADDOCK_SIXTH of 0 to 5
# one of them is tried, whole and in order; the tests of the others are skipped and counted. Without it all are tried.
SIXTHS = (
    ("test_drain", "test_connections", "test_orphans", "test_docs_pages"),
    ("test_state", "test_evacuate", "test_idempotency", "test_docs_calls"),
    ("test_steps", "test_faults", "test_uploads", "test_drain_under_use"),
    ("test_takeover", "test_life", "test_takeover_of_three", "test_input", "test_hung_host"),
    ("test_pools", "test_image", "test_images", "test_network", "test_evacuate_again"),
    ("test_fault_matrix", "test_fencing", "test_files", "test_cordon", "test_cli", "test_watching_output"),
)
# The longest first: they would be waited for at the end, where two run at a time.
LONGEST = ("test_state_property", "test_steps", "test_drain", "test_evacuate", "test_takeover", "test_takeover_of_three", "test_fleet_property", "test_fault_matrix", "test_faults", "test_state", "test_image", "test_pools", "test_drain_under_use", "test_live_exec", "test_contract")


def pytest_collection_modifyitems(items):
    def rank(item):
        name = item.module.__name__
        return LONGEST.index(name) if name in LONGEST else len(LONGEST)

    items.sort(key=rank)  # Stable: a file's tests stay together and in order.
    if "PADDOCK_SIXTH" in os.environ:
        tried = SIXTHS[int(os.environ["PADDOCK_SIXTH"])]
        left_out = {name for part in SIXTHS for name in part} - set(tried)
        for item in items:
            if item.module.__name__ in left_out:
                item.add_marker(pytest.mark.skip(reason="NOT TRIED: of another sixth; ./run-tests tries all"))


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


@pytest.fixture(scope="module")
def cli(fleet, tmp_path_factory):
    return Cli(fleet, tmp_path_factory.mktemp("home"))


@pytest.fixture
def scratch(tmp_path):
    """Where what `cli_in_scratch` fetches, converts and changes lies meanwhile: nothing of it is left."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def cli_in_scratch(fleet, tmp_path, scratch):
    cli = Cli(fleet, tmp_path)
    # libguestfs keeps its own machine for the next time.
    cli.env.update({"TMPDIR": str(scratch), "LIBGUESTFS_CACHEDIR": str(tmp_path)})
    return cli


@pytest.fixture
def terminal(fleet, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/paddock").symlink_to(fleet.bin("cli/paddock"))
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8",
           "PADDOCK_URL": URL, "PADDOCK_TOKEN": fleet.token, "PS1": "$ ", "USER": "tests"}
    opened = []

    def open_one(*shell, **more):
        opened.append(Terminal(tmp_path, {**env, **more}, *shell))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def shell(fleet, image, tmp_path):
    with Shell(fleet, tmp_path, image, fleet.hosts[1]) as shell:
        yield shell


@pytest.fixture
def as_before(fleet, api):
    """What is no sandbox is not left for the next page either."""
    yield
    for sandbox in api.sandboxes():
        api.destroy(sandbox["id"])
    for host in ("h1", "h2"):
        api.ok("POST", f"/v1/hosts/{host}/uncordon", {})
    for kind in ("pools", "templates"):
        for one in api.ok("GET", f"/v1/{kind}")[kind]:
            api.ok("DELETE", f"/v1/{kind}/{one['name']}")
    for image in api.ok("GET", "/v1/images")["images"]:
        if image.get("from_snapshot"):  # Its host may have the disk of a sandbox of it for an instant more.
            wait_until(f"{image['name']} to be deleted", lambda: api.call("DELETE", f"/v1/images/{image['name']}")[0] == 200, 60)


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

    def none_left():
        for sandbox in api.sandboxes():
            api.call("DELETE", f"/v1/sandboxes/{sandbox['id']}")
        return not api.sandboxes()

    wait_until("the list to be empty", none_left, 60)
    try:
        wait_until("no leftovers", lambda: not fleet.leftovers(), 60)
    except AssertionError:
        raise AssertionError(f"left over: {fleet.leftovers()}") from None
    assert "ok" in fleet.verify_audit().lower()
