"""What docs/ tell people to type is typed, on a fleet like the one that they speak of: each command of each page, or it is said which other
test has it, or why none."""

import pytest

from documented import PAGES, commands
from fleet import ROOT
from typed_elsewhere import ELSEWHERE, NOT_TRIED, NOT_TYPED, TYPED
from typed_pages import OPERATE, PREPARED, TROUBLESHOOT, type_all, typed


def unknown(page):
    return [command for command in commands(page) if command.text not in NOT_TYPED and not command.text.startswith(TYPED)]


@pytest.mark.parametrize("page", PAGES)
def test_of_each_command_it_is_known_where_it_is_tried(page):
    assert not unknown(page), "neither typed here nor in typed_elsewhere.py:\n" + "\n".join(map(str, unknown(page)))
    assert page in PREPARED or not typed(page), f"{page} has commands, and nothing is prepared for them"


def test_a_new_command_is_found_with_its_line(tmp_path):
    page = tmp_path / "new.md"
    page.write_text("""# New
Say `systemctl
start paddock-hostd`, or `paddock ls`.

```yaml
    fenced: 1
```

    # first
    make \\
        install    # it is made
    paddock ls     # exit 2
""")
    assert [(command.line, command.text) for command in unknown(page)] == [(2, "systemctl start paddock-hostd"), (10, "make install")]
    assert [(command.line, command.status) for command in commands(page) if command.text == "paddock ls"] == [(3, 0), (12, 2)]


def test_what_is_tried_elsewhere_is_still_said_and_still_there():
    said = {command.text for page in PAGES for command in commands(page)}
    assert NOT_TYPED - said == set()
    assert not [command for command, (file, part) in ELSEWHERE.items() if part not in (ROOT / file).read_text()]


@pytest.mark.parametrize("command", NOT_TRIED)
def test_what_cannot_be_tried_here(command):
    pytest.skip(f"NOT TRIED: {command}: {NOT_TRIED[command]}")


def test_a_day_of_an_operator(fleet, api, as_before, shell):
    type_all(OPERATE, fleet, api, shell)
    assert api.sandboxes() == []


def test_what_to_look_at_when_something_is_wrong(fleet, api, as_before, shell):
    type_all(TROUBLESHOOT, fleet, api, shell)
