"""The command line client: the real program, by itself and in a real terminal."""

import json
import os
import re
import subprocess

from fleet import HTTP_PORT, run, wait_until

URL = f"http://127.0.0.1:{HTTP_PORT}"


class Cli:
    """paddock with an environment of its own, in which nothing but what it is given is set."""

    def __init__(self, fleet, home):
        self.program = fleet.bin("cli/paddock")
        self.env = {"HOME": str(home), "PATH": os.environ["PATH"], "PADDOCK_URL": URL, "PADDOCK_HOME": str(home),
                    "PADDOCK_TOKEN": fleet.token, "USER": "tests"}

    def start(self, *argv, **options):
        env = {**self.env, **options.pop("env", {})}
        env = {key: value for key, value in env.items() if value is not None}
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(["env", "--default-signal=INT", str(self.program), *argv], env=env, **{**streams, **options})

    def __call__(self, *argv, input=None, **options):
        child = self.start(*argv, stdin=subprocess.PIPE, **options)
        out, err = child.communicate(input, timeout=400)
        return subprocess.CompletedProcess(argv, child.returncode, out, err)

    def ok(self, *argv, **options):
        done = self(*argv, **options)
        assert done.returncode == 0, f"paddock {' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *argv):
        return json.loads(self.ok(*argv, "-o", "json"))


def refused(done, status, reason):
    """It exited so, said why in one line with the request's id, and printed nothing else."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("paddock: ") and f"({reason}" in done.stderr, done.stderr


class Terminal:
    """A shell in tmux, on a server of its own."""

    def __init__(self, folder, env, *shell):
        self.socket = folder / "tmux"
        self.folder = folder
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "50", *shell, env=env)

    def tmux(self, *argv, **options):
        return run("tmux", "-S", self.socket, *argv, **options).stdout

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def screen(self):
        """With its colours, as escape sequences."""
        return self.tmux("capture-pane", "-p", "-e")

    def plain(self):
        return self.tmux("capture-pane", "-p")

    def record(self):
        """All that is written from here on, also what is gone from the screen by now."""
        file = self.folder / "recorded"
        file.touch()
        self.tmux("pipe-pane", "-o", f"cat >> '{file}'")
        return lambda: file.read_text(errors="replace")

    def wait(self, pattern, seconds=60):
        try:
            return wait_until(f"{pattern} on the screen", lambda: re.search(pattern, self.plain(), re.M), seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows:\n{self.plain()}") from None

    def close(self):
        self.tmux("kill-server", check=False)


def bash(terminal, **more):
    shell = terminal("bash", "--norc", "--noprofile", **more)
    shell.wait(r"^\$$")
    return shell
