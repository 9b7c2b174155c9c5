"""Words of the programs in docs/ are theirs: commands and options, also where they are only spoken of, settings and their defaults."""

import functools
import re

import pytest
import yaml

from documented import PAGES, commands, fenced, spans
from fleet import ROOT, run
from typed_elsewhere import NO_COMMANDS

PROGRAMS = {"paddock": "cli", "paddock-coordinator": "coordinator", "paddock-hostd": "hostd", "paddock-simulator": "hostd"}
CALL = re.compile(r"(?:^|[;&|(]\s*|sudo (?:\S*/)?|-- )(paddock(?:-\w+)?)((?: +[^\s|;&()>]+)+)")
TURNED_DOWN = {"paddock-hostd --simulate"}  # By a decision, which says why.
MORE_PAGES = ("bench/README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs/decisions").glob("*.md")))


@pytest.fixture(scope="module")
def help_of(build):
    @functools.cache
    def ask(program, *words):
        return run(build / PROGRAMS[program] / program, *words, "--help").stdout
    return ask


def options_in(text):
    """Whether a value follows, by each name."""
    found = re.findall(r"^  (-[-\w,]+)(?: ([A-Z](?:[A-Z]|\b)\S*))?", text, re.MULTILINE)
    return {name: bool(value) for names, value in found for name in names.split(",")}


def commands_in(text):
    found = re.findall(r"^  ([a-z][\w, -]*?) {2,}\S", text.split("Configuration keys")[0].split("Exit status")[0], re.MULTILINE)
    return {name for names in found for name in names.split(", ")}


def settings_in(text):
    """Their defaults."""
    return dict(re.findall(r"^  ([a-z]\w+) .*\[(.*)\]\n +env ", text, re.MULTILINE))


def wrong_word(help_of, program, words):
    """The first that is neither a command, nor an option, nor anything where anything may be."""
    path, options, value_follows = [], {}, False
    for word in words:
        text = help_of(program, *path)
        options |= options_in(text)
        name = word.split("=")[0]
        if value_follows:
            value_follows = False
        elif word == "--":
            return None
        elif word.startswith("-") and word != "-":
            if name in options:
                value_follows = options[name] and "=" not in word
            elif name.startswith("--") or not all(f"-{letter}" in options for letter in name[1:]):
                return word
        elif word in commands_in(text):
            path.append(word)
        elif "SUBCOMMAND" in text and "Positionals:" not in text and word[0].islower():
            return word
    return None


def calls(page):
    for command in (*commands(page), *spans(page)):
        if command.text not in NO_COMMANDS | TURNED_DOWN:
            for program, words in CALL.findall(command.text):
                if program in PROGRAMS:
                    yield command, program, words.split()


@pytest.mark.parametrize("page", (*PAGES, *MORE_PAGES))
def test_commands_and_options_are_those_of_the_program(help_of, page):
    assert [f"{command}: {wrong}" for command, program, words in calls(page) if (wrong := wrong_word(help_of, program, words))] == []


@pytest.mark.parametrize("program, words, wrong", (
    ("paddock", "images pull x", "pull"), ("paddock", "-o json hosts ls", None), ("paddock", "create tiny --memmory 1G", "--memmory"),
    ("paddock", "exec -it web", None), ("paddock", "exec -iz web", "-iz"), ("paddock", "run web -- ls -l /", None),
    ("paddock-hostd", "image remove x", "remove"), ("paddock-coordinator", "--config x enrol --list y", None),
    ("paddock-coordinator", "enroll NAME host.pub", "enroll"), ("paddock-simulator", "--key sim", "--key")))
def test_wrong_ones_are_found(help_of, program, words, wrong):
    assert wrong_word(help_of, program, words.split()) == wrong


def known_settings(help_of):
    return [settings_in(help_of(program)) for program in ("paddock-coordinator", "paddock-hostd")]


@pytest.mark.parametrize("page", [page for page in PAGES if page != "docs/templates.md" and fenced(page, "yaml")])
def test_settings_of_examples_are_those_of_one_daemon(help_of, page):
    for example in fenced(page, "yaml"):
        keys = yaml.safe_load(re.sub(r"^ +", "", example, flags=re.MULTILINE)).keys()
        assert any(keys <= known.keys() for known in known_settings(help_of)), (page, example)


def test_defaults_are_as_the_daemons_say(help_of):
    """Where a page has one in brackets behind the name."""
    wrong, seen = [], 0
    for page in PAGES:
        for name, value in re.findall(r"`(\w+)` \((\d+)\)", (ROOT / page).read_text()):
            defaults = {known[name] for known in known_settings(help_of) if name in known}
            seen += bool(defaults)
            wrong += [f"{page}: {name} ({value}), and not {defaults}"] if defaults and value not in defaults else []
    assert seen > 10 and not wrong


def test_settings_that_the_text_sets_are_there(help_of):
    """As in `log_level: debug`."""
    known = {name for settings in known_settings(help_of) for name in settings}
    set_ = [(span, found[1]) for page in PAGES if page != "docs/templates.md" for span in spans(page) if (found := re.match(r"([a-z]+_\w+): \S", span.text))]
    assert len(set_) > 5 and [str(span) for span, name in set_ if name not in known] == []


def test_variables_that_playbooks_are_given_are_theirs():
    given = {name for page in PAGES for command in commands(page) for name in re.findall(r"-e (\w+)=", command.text)}
    taken = "".join(path.read_text() for path in (ROOT / "ansible").glob("*.yml"))
    assert len(given) > 8 and [name for name in sorted(given) if not re.search(rf"\b{name}\b", taken)] == []
