"""A shell on a machine where all is where docs/ say that it is, one command after the other."""

import os
import select
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

from command_line import URL
from fleet import ROOT, run

PATIENCE_S = 400
# A status of HTTP that is none of success, and nothing where a value is expected, are failures here.
CURL = '#!/bin/sh\ncase "$1" in -f*) ;; *) set -- --fail-with-body "$@" ;; esac\nexec /usr/bin/curl "$@"\n'
JQ = '#!/bin/sh\nexec /usr/bin/jq -e "$@"\n'


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)


class Shell:
    """Of root, on the coordinator's machine, which is a host, too, if there is one: as quickstart leaves it, and with /etc/paddock and
    /srv. These are folders of its own, in a mount namespace of its own. Use as a context manager."""

    def __init__(self, fleet, folder, image, host=None):
        self.fleet, self.folder, self.image, self.host = fleet, folder, image, host
        self.work, self.etc, self.srv = (folder / name for name in ("work", "etc", "srv"))
        self.state = host.state if host else folder / "state"
        self.places = {}  # What of a command is typed otherwise than the page has it.
        self.leave = []  # What is done at its end.
        self.out = folder / "out"
        self.made = None

    def lay_out(self):
        for path in (self.work, self.etc, self.srv, self.state / "bin", self.state / "etc", self.folder / "bin", self.folder / "var-tmp"):
            path.mkdir(parents=True, exist_ok=True)
        left = self.state / "quickstart.env"
        left.write_text(f"PADDOCK_URL={URL}\nPADDOCK_TOKEN={self.fleet.token}\n")
        left.chmod(0o600)
        for path, name in (("cli/paddock", "paddock"), ("coordinator/paddock-coordinator", "paddock-coordinator"),
                           ("hostd/paddock-simulator", "paddock-simulator")):
            (self.folder / "bin" / name).symlink_to(self.fleet.bin(path))
        script(self.folder / "bin/curl", CURL)
        script(self.folder / "bin/jq", JQ)
        script(self.folder / "bin/sudo", '#!/bin/sh\nexec "$@"\n')
        script(self.folder / "bin/editor", '#!/bin/sh\necho changed >>"$1"\n')
        shutil.copy(self.fleet.coordinator_yaml(), self.etc / "coordinator.yaml")
        if self.host:
            (self.folder / "var-tmp/debian-12").symlink_to(self.image)
            for place in (self.etc, self.state / "etc"):
                shutil.copy(self.host.base / "hostd.yaml", place / "hostd.yaml")
            for place in (self.folder / "bin", self.state / "bin"):
                net = f"/proc/{(self.host.base / 'pid').read_text().strip()}/ns/net"
                script(place / "paddock-hostd", f'#!/bin/sh\nexec nsenter --net={net} {self.fleet.bin("hostd/paddock-hostd")} "$@"\n')

    def fill(self):
        """What pages speak of as being at hand."""
        (self.work / "ansible").symlink_to(ROOT / "ansible")
        shutil.copytree(ROOT / "monitoring", self.work, dirs_exist_ok=True)
        (self.work / "src").mkdir()
        for name in ("notes.txt", "src/main.c"):
            (self.work / name).write_text("what somebody has written\n")
        for name in ("server.pub", "coordinator.yaml"):
            shutil.copy(self.fleet.etc / name, self.work / name)
        run(self.fleet.bin("hostd/paddock-hostd"), "keygen", "--out", self.work)

    def __enter__(self):
        self.lay_out()
        self.fill()
        self.told, tell = os.pipe()
        mounts = {self.etc: "/etc/paddock", self.srv: "/srv", self.folder / "var-tmp": "/var/tmp"}
        if not self.host:
            mounts[self.state] = "/var/lib/paddock"
        if not Path("/etc/paddock").exists():
            self.made = Path("/etc/paddock")
        for place in mounts.values():
            Path(place).mkdir(parents=True, exist_ok=True)
        begin = "; ".join(["set -e", "mount --make-rprivate /", *(f"mount --bind {source} {place}" for source, place in mounts.items()),
                           f"cd {self.work}", "exec bash --norc"])
        enter = self.host.enter()[:3] + ["--mount", "--"] if self.host else []
        self.child = subprocess.Popen(
            [*enter, "unshare", "--mount", "bash", "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, pass_fds=(tell,),
            start_new_session=True,
            env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder), "USER": "tests", "LC_ALL": "C.UTF-8",
                 "EDITOR": "editor", "TOLD": str(tell), "PGHOST": str(self.fleet.postgres.socket), "PGUSER": "postgres"})
        os.close(tell)
        self.type("set -o pipefail; trap 'failed=$?' ERR; trap 'jobs -p | xargs -r kill' EXIT")
        return self

    def __exit__(self, *_):
        try:
            self.child.communicate(timeout=60)  # It ends with its stdin.
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(10)
        os.close(self.told)
        for leave in self.leave:
            leave()
        if self.made:
            self.made.rmdir()

    def type(self, text):
        """Its status: of each part that failed, the last one's."""
        for place, what in self.places.items():
            text = text.replace(place, what)
        if text.startswith("SELECT "):
            text = f"psql -qX -v ON_ERROR_STOP=1 -d paddock -c {shlex.quote(text)}"
        self.child.stdin.write(f"failed=0; eval {shlex.quote(text)} </dev/null >{self.out} 2>&1; status=$?; "
                               "echo $((failed ? failed : status)) >&$TOLD\n")
        self.child.stdin.flush()
        ready, _, _ = select.select([self.told], [], [], PATIENCE_S)
        assert ready, f"{text}: no end within {PATIENCE_S} s:\n{self.said()}"
        told = os.read(self.told, 16)
        assert told, f"{text}: the shell ended:\n{self.said()}"
        return int(told)

    def said(self):
        return self.out.read_text(errors="replace") if self.out.exists() else ""

    def check(self, command):
        status = self.type(command.text)
        assert status == command.status, f"{command}: exit {status}, not {command.status}\n{self.said()}"
