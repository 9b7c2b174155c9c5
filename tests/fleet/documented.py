"""Commands as pages of docs/ have them: those of indented blocks, and those in the text."""

import re
from dataclasses import dataclass

from fleet import ROOT

PAGES = ("README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
# What is typed begins with one of these, or is a playbook with its variables.
PROGRAMS = {"ansible-playbook", "apt-get", "bench/run", "chgrp", "curl", "journalctl", "kill", "paddock", "paddock-coordinator", "paddock-hostd",
            "paddock-simulator", "pg_dump", "pg_restore", "promtool", "psql", "python3", "quickstart", "run-tests", "runuser", "systemctl",
            "systemd-analyze", "ulimit", "virsh", "SELECT"}


@dataclass(frozen=True)
class Command:
    page: str
    line: int
    text: str
    status: int = 0  # That it exits with, by the page.

    def __str__(self):
        return f"{self.page}:{self.line}: {self.text}"


def is_command(text):
    first, *more = text.removeprefix("sudo ").removeprefix("./").split()
    return (first in PROGRAMS and bool(more) or text.startswith(("sudo ", "tools/", "-e paddock_"))
            or bool(re.match(r"[\w-]+\.yml -e ", text)))


def lines_of(page):
    """Those of fenced blocks are empty."""
    fenced = False
    for line in (ROOT / page).read_text().splitlines():
        fence = line.lstrip().startswith("```")
        yield "" if fenced or fence else line
        fenced ^= fence


def fenced(page, language):
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def blocks(page):
    """Each line of an indented block, with those that it goes on in, without its comment."""
    within, first, text = True, 0, ""
    for number, line in enumerate(lines_of(page), 1):
        within = not line or line.startswith("    ") and within
        if not within or not line:
            continue
        first, text = (first, f"{text} {line.strip()}") if text else (number, line.strip())
        if text.endswith("\\"):
            text = text[:-1].rstrip()
            continue
        command, comment = re.fullmatch(r"(.*?)(?:(?:^|\s+)# (.*))?", text).groups()
        told = re.match(r"exit (\d+)", comment or "")
        if command:
            yield Command(page, first, command, int(told[1]) if told else 0)
        text = ""


def spans(page):
    """What is `set so` in the text, also over the end of a line."""
    text = "\n".join("" if line.startswith("    ") else line for line in lines_of(page))
    for found in re.finditer(r"`([^`]+)`", text):
        yield Command(page, text.count("\n", 0, found.start()) + 1, " ".join(found[1].split()))


def inline(page):
    return (span for span in spans(page) if span.text and is_command(span.text))


def commands(page):
    """In their order, at whatever place of the page."""
    return sorted([*blocks(page), *inline(page)], key=lambda command: command.line)
