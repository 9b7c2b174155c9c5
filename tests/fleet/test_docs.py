"""What docs/ tell people to type is typed, on a fleet like the one that they speak of."""

import re
import subprocess

import pytest

from command_line import Cli
from fleet import ROOT

OPERATE = "docs/operate.md"
TROUBLESHOOT = "docs/troubleshoot.md"


def blocks(page):
    """(line number, command, status that is told of) of each line of an indented block that is the command line's."""
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        found = re.fullmatch(r"    (paddock .*?)(?: +# (.*))?", line)
        if found:
            told = re.match(r"exit (\d+)", found[2] or "")
            yield number, found[1], int(told[1]) if told else 0


def inline(page):
    """Whole commands in the text: a name alone is none, nor is one that has a place for something."""
    for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
        for command in re.findall(r"`(paddock [^`]+)`", line):
            if "…" not in command and command.split()[1:] not in (["evacuate"], ["images", "import"]):
                yield number, command


@pytest.fixture
def typed(fleet, tmp_path):
    """Runs a line as a shell would, with the command line on its PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/paddock").symlink_to(fleet.bin("cli/paddock"))
    cli = Cli(fleet, tmp_path)
    cli.env["PATH"] = f"{tmp_path}/bin:{cli.env['PATH']}"

    def run(command):
        return subprocess.run(["bash", "-c", command], env=cli.env, cwd=tmp_path, text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=400)

    return run


def check(page, number, command, done, status=0):
    assert done.returncode == status, f"{page}:{number}: {command}: exit {done.returncode}, not {status}\n{done.stdout}{done.stderr}"


def test_a_day_of_an_operator(api, typed):
    lines = list(blocks(OPERATE))
    assert len(lines) > 40
    for number, command, status in lines:
        check(OPERATE, number, command, typed(command), status)
    assert api.sandboxes() == []


def test_what_to_look_at_when_something_is_wrong(api, typed):
    api.create(vm_name="web", memory_mb=160)
    lines = list(inline(TROUBLESHOOT))
    assert len(lines) > 15
    for number, command in lines:
        check(TROUBLESHOOT, number, command, typed(command))
    api.destroy(api.ok("GET", "/v1/sandboxes?vm_name=web")["sandboxes"][0]["id"])
