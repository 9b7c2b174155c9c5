"""The command line client as people see it: in a real terminal, with a real shell around it."""

import re

from command_line import bash
from fleet import wait_until


def test_a_table_has_colours_and_fits_the_terminal(terminal, api):
    api.create(vm_name="web", labels={f"label-{n}": "x" * 40 for n in range(5)})
    shell = bash(terminal)
    shell.type("paddock ls", "Enter")
    shell.wait(r"^sbx-\w+ +web +running .*…$")
    row = next(line for line in shell.screen().splitlines() if "sbx-" in line)
    assert "\033[32mrunning\033[" in row
    shell.type("clear; NO_COLOR=1 paddock ls; echo pla''in", "Enter")
    shell.wait(r"^sbx-\w+ +web +running .*…\nplain$")
    assert "\033[32m" not in shell.screen()


def test_a_picture_is_not_written_to_a_terminal(terminal, api):
    api.create(vm_name="web", auto_start=False)
    shell = bash(terminal)
    shell.type("paddock screenshot web; echo \"= $?\"", "Enter")
    shell.wait(r"^paddock: a picture is nothing for a terminal: name a file.*\n= 2$")
    shell.type("clear; paddock screenshot web | head -c 4 | tail -c 3; echo", "Enter")
    shell.wait(r"^PNG$")


def test_a_create_shows_how_it_goes_and_then_its_id_alone(terminal):
    shell = bash(terminal)
    shown = shell.record()
    shell.type("ID=$(paddock create tiny --name web --pool skip)", "Enter")
    wait_until("its progress", lambda: re.search(r"creating web … (placing|starting|created), \d+ s", shown()), 60)
    shell.wait(r"^web running on h\d")
    assert "creating web" not in shell.plain()
    shell.type("clear; paddock run $ID 'echo out; exit 7'; echo \"= $? $ID\"", "Enter")
    shell.wait(r"^out\n= 7 sbx-\w{16}$")


def test_a_copy_shows_how_it_goes(terminal, api):
    api.create(vm_name="web")
    shell = bash(terminal)
    pieces = "for n in 1 2 3 4 5 6 7 8; do head -c 102400 /dev/zero; sleep 0.3; done; read -r < /dev/tty"
    shell.type(f"({pieces}) | paddock cp - web:/tmp/zeros; echo \"= $?\"", "Enter")
    shell.wait(r"^zeros \d{3} KiB, \d+(\.\d)? KiB/s$")
    shell.type("Enter")
    shell.wait(r"^zeros 800 KiB, \S+ KiB/s\n= 0$")


def test_a_copy_out_shows_how_it_goes(terminal, api):
    box = api.create(vm_name="web")["id"]
    api.run(box, "head -c 8388608 /dev/zero > /tmp/zeros")
    shell = bash(terminal)
    pieces = "for n in 1 2 3 4 5 6 7 8; do head -c 409600 > /dev/null; sleep 0.3; done; read -r < /dev/tty; wc -c"
    shell.type(f"paddock cp web:/tmp/zeros - | ({pieces}); echo \"= ${{PIPESTATUS[*]}}\"", "Enter")
    shell.wait(r"^zeros \d+(\.\d)? [KM]iB of 8(\.0)? MiB, \d{1,2}%, \d+(\.\d)? [KM]iB/s$")
    shell.type("Enter")
    shell.wait(r"^zeros 8(\.0)? MiB of 8(\.0)? MiB, 100%, \S+ [KM]iB/s$")
    shell.wait(r"^5111808\n= 0 0$")


def test_ctrl_c_in_a_create_says_what_becomes_of_it(terminal, api):
    shell = bash(terminal)
    for _ in range(10):
        shell.type("clear; paddock create tiny --name web --pool skip; echo \"= $?\"", "Enter")
        shell.wait(r"creating web … \w+, \d+ s|^= 0$")
        shell.type("C-c")
        if shell.wait(r"the create goes on if it is on record; see: paddock get web|^= 0$").group() != "= 0":
            break
        api.destroy(api.sandboxes()[0]["id"])  # It was quicker than we are.
    wait_until("it to run all the same", lambda: [s["state"] for s in api.sandboxes()] == ["RUNNING"], 60)


def complete_in(shell, api):
    """A command, an option, its value, and the names of what there is."""
    api.create(vm_name="web-server", auto_start=False)
    shell.type("paddock snaps", "Tab")
    shell.wait(r"paddock snapshot$")
    shell.type("C-u")  # No signal, which would take along what is typed after it.
    shell.type("paddock ls --stat", "Tab")
    shell.wait(r"paddock ls --state$")
    shell.type("RUNN", "Tab")
    shell.wait(r"paddock ls --state RUNNING$")
    shell.type("C-u")
    shell.type("paddock get web-s", "Tab", "Enter")
    shell.wait(r"sandbox_name +web-server")


def test_bash_completes(terminal, api):
    shell = bash(terminal)
    shell.type("source <(paddock completion bash)", "Enter")
    complete_in(shell, api)


def test_zsh_completes(terminal, api):
    shell = terminal("zsh", "-f")
    shell.type("PS1='$ '; autoload -U compinit; compinit -D; source <(paddock completion zsh); echo read''y", "Enter")
    shell.wait(r"^ready")
    complete_in(shell, api)


def test_fish_completes(terminal, api):
    shell = terminal("fish", "--no-config", SHELL="/usr/bin/fish")
    shell.type("paddock completion fish | source; echo read''y", "Enter")
    shell.wait(r"^ready")
    complete_in(shell, api)
