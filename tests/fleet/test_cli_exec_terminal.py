"""paddock exec -it as people use it: in a real terminal, with a shell of the guest in it."""

import hashlib
import os
import signal

import pytest
from command_line import bash
from fleet import run, wait_until


@pytest.fixture
def shell(terminal, api):
    """A shell here, in which a shell of a guest runs."""
    box = api.create(host="h1", vm_name="web")["id"]
    here = bash(terminal)
    here.type("paddock exec -it web", "Enter")
    wait_until("its start", lambda: api.ok("GET", f"/v1/sandboxes/{box}/exec")["execs"], 60)
    here.type("PS1='guest> '", "Enter")
    here.wait(r"guest>$")
    here.type("clear", "Enter")
    # The guest's shell asks the terminal where its cursor is. An answer that comes while no shell reads is shown, as over any line.
    here.wait(r"\A\S*guest>$")
    return here


def is_sane(here):
    """The terminal is as it was: what is typed is shown, and lines end where they should."""
    here.type("clear; stty -a | grep -cE -- '-(icanon|echo|isig|opost|icrnl)( |;|$)'; echo sa''ne", "Enter")
    here.wait(r"^0\nsane\n\$$")


def test_it_is_a_terminal_of_the_size_of_this_one_also_when_that_changes(shell):
    def size():
        return shell.tmux("display", "-p", "#{pane_height} #{pane_width}").strip()

    shell.type("tty; stty size; echo \"= $TERM\"", "Enter")
    shell.wait(rf"^/dev/pts/\d+\n{size()}\n= (tmux|screen)\S*$")
    before = size()
    shell.tmux("resize-window", "-x", "91", "-y", "31")
    assert size() != before
    shell.type("clear; until [ \"$(stty size)\" != '" + before + "' ]; do sleep 0.1; done; stty size", "Enter")
    shell.wait(rf"^{size()}$")


def test_ctrl_c_is_for_what_runs_in_the_guest_and_its_end_is_the_exit_status(shell):
    shell.type("sh -c 'echo begun; exec sleep 1000'", "Enter")
    shell.wait(r"^begun$")
    shell.type("C-c")
    shell.wait(r"^guest>$")
    shell.type("echo still $((40 + 2)) | cat; exit 7", "Enter")
    shell.wait(r"^still 42$")
    shell.wait(r"^\$$")
    shell.type("echo \"= $?\"", "Enter")
    shell.wait(r"^= 7$")
    is_sane(shell)


def test_what_is_pasted_arrives_whole_and_in_order(shell, api, tmp_path):
    text = "".join(f"line {number:05d} {'x' * (number % 97)}\n" for number in range(2000))
    (tmp_path / "pasted").write_text(text)
    shell.type("stty -echo; cat >/tmp/pasted; stty echo; md5sum /tmp/pasted", "Enter")
    shell.tmux("load-buffer", str(tmp_path / "pasted"))
    shell.tmux("paste-buffer", "-r")
    shell.type("C-d")
    shell.wait(hashlib.md5(text.encode()).hexdigest())


def test_its_keys_leave_it_and_it_is_come_back_to(shell):
    shell.type("WORD=kept", "Enter")
    shell.type("C-p", "C-q")
    shell.wait(r"left; it goes on in the sandbox. Come back: paddock exec -it --attach")
    is_sane(shell)
    shell.type("clear; paddock exec -it --attach $(paddock exec --list web | awk 'END { print $1 }') web", "Enter")
    shell.wait(r"^guest> WORD=kept\nguest>$")  # What it wrote before is shown again.
    shell.type("clear; echo \"$WORD it is\"; exit", "Enter")
    shell.wait(r"^kept it is$")
    shell.wait(r"^\$$")
    is_sane(shell)


def test_the_terminal_is_sane_whatever_ends_the_client(shell):
    pane = shell.tmux("display", "-p", "#{pane_pid}").strip()
    pid = int(run("pgrep", "-P", pane, "-x", "paddock").stdout)

    def ended():
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return True
        return not run("pgrep", "-P", pane, "-x", "paddock", check=False).stdout

    # The guest's shell ignores the first one; the second is the client's.
    wait_until("it to end", ended, 30)
    shell.wait(r"it goes on in the sandbox; come back: paddock exec -it --attach")
    is_sane(shell)


def test_a_terminal_that_is_gone_takes_its_command_along(shell, api):
    [box] = [one["id"] for one in api.sandboxes()]
    [one] = api.ok("GET", f"/v1/sandboxes/{box}/exec")["execs"]
    assert one["status"] == "running" and one["pty"]
    shell.close()
    wait_until("it to end", lambda: api.ok("GET", f"/v1/sandboxes/{box}/exec")["execs"][0]["status"] == "finished", 30)
