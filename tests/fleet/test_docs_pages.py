"""What pages for operators tell people to type, but for those that take long (test_docs.py, test_docs_calls.py)."""

import pytest

from fleet import Fleet, wait_until
from typed_pages import OPERATE, PREPARED, REPLICAS, SIMULATOR, STATE, TROUBLESHOOT, type_all, typed
from typing_shell import Shell

ELSEWHERE = {"README.md", OPERATE, REPLICAS, SIMULATOR, STATE, TROUBLESHOOT}


def test_a_fleet_of_simulated_hosts(build, image, tmp_path):
    """First: it has a fleet of its own. Its simulator goes on, beside the shell, until it is ended."""
    with Fleet(build, image, hosts=0, log_level="info", link_address="tcp://*:7420") as fleet, Shell(fleet, tmp_path, image) as shell:
        shell.type('. /var/lib/paddock/quickstart.env; A="Authorization: Bearer $PADDOCK_TOKEN"')
        for command in typed(SIMULATOR):
            if command.text.startswith("paddock-simulator --keys"):
                assert shell.type(f"{command.text} & SIMULATOR=$!") == 0
                wait_until("a host to be ready", lambda: [host["health"] for host in fleet.api().ok("GET", "/v1/hosts?limit=1")["hosts"]] == ["ready"], 60)
            else:
                shell.check(command)
        assert shell.type("kill $SIMULATOR; wait $SIMULATOR") == 0


@pytest.mark.parametrize("page", [page for page in PREPARED if page not in ELSEWHERE])
def test_a_page(fleet, api, as_before, shell, page):
    type_all(page, fleet, api, shell)
