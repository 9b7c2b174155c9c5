"""What each page of docs/ takes for granted, and what happens between its commands."""

import re

from documented import commands, fenced
from fleet import wait_until
from processes import Postgres
from typed_elsewhere import NOT_TYPED, TYPED

OPERATE = "docs/operate.md"
REPLICAS = "docs/replicas.md"
SIMULATOR = "docs/simulator.md"
STATE = "docs/state.md"
TEMPLATES = "docs/templates.md"
TROUBLESHOOT = "docs/troubleshoot.md"
MORE_THAN = {OPERATE: 40, TROUBLESHOOT: 15}
SMALL = {"memory_mb": 160}


def typed(page):
    return [command for command in commands(page) if command.text not in NOT_TYPED and command.text.startswith(TYPED)]


def type_all(page, fleet, api, shell):
    before = PREPARED[page](fleet, api, shell)  # What is to be seen to before a command.
    assert len(typed(page)) > MORE_THAN.get(page, 0) and before.keys() <= {command.text for command in typed(page)}
    for command in typed(page):
        before.get(command.text, lambda: None)()
        shell.check(command)


def nothing(*_):
    return {}


def one_host(fleet, api, shell):
    """README.md speaks of one."""
    api.ok("POST", "/v1/hosts/h1/cordon", {})
    return {}


def fresh_postgresql(fleet, api, shell):
    """Without roles and a database, and no coordinator has been there."""
    base = fleet.base / "fresh"
    base.mkdir(exist_ok=True)
    fresh = Postgres(base)
    shell.leave.append(fresh.stop)
    for what in ("DATABASE paddock", "ROLE paddock", "ROLE paddock_owner"):
        fresh.sql(f"DROP {what}", database="postgres")
    (shell.etc / "coordinator.yaml").unlink()
    (shell.work / "host.pub").unlink()
    (shell.work / "host.pub").symlink_to(shell.etc / "host.pub")
    shell.type(f"PGHOST={fresh.socket}")
    return {}


def a_sandbox(fleet, api, shell):
    api.create(vm_name="web", **SMALL)
    return {}


def a_sandbox_with_an_id(fleet, api, shell):
    box = api.create(vm_name="web", **SMALL)["id"]
    shell.type(f"ID={box}")

    def its_snapshot():
        shell.places["snp-…"] = api.ok("GET", f"/v1/sandboxes/{box}/snapshots/clean")["snapshot"]["id"]

    return {next(command.text for command in commands(STATE) if "snp-…" in command.text): its_snapshot}


def a_host_that_is_lost(fleet, api, shell):
    h1 = fleet.hosts[0]
    h1.reconfigure(fence="pause", fence_after_sec=5)
    api.ok("POST", "/v1/hosts/h2/cordon", {})  # So that it is h1's.

    def is_copied():
        return api.ok("GET", "/v1/sandboxes?vm_name=web")["sandboxes"] and api.ok("GET", f"/v1/sandboxes/{web()}/replicas")["copies"]

    def web():
        return api.ok("GET", "/v1/sandboxes?vm_name=web")["sandboxes"][0]["id"]

    def health():
        return api.ok("GET", "/v1/hosts/h1")["host"]["health"]

    def copied():
        api.ok("POST", "/v1/hosts/h2/uncordon", {})
        wait_until("a copy", is_copied, 120)

    def lost():
        h1.power_off()
        shell.leave.append(there_again)
        wait_until("h1 to be lost", lambda: health() == "lost", 60)

    def there_again():
        if not h1.hostd:
            h1.power_on()
        wait_until("h1 to be back", lambda: health() == "ready", 90)

    return {"paddock replicas web": copied, "paddock hosts get h1": lost, "paddock uncordon h1": there_again}


def a_template_of_an_image(fleet, api, shell):
    """The page's own with the digits that it leaves out, which nobody fetches; and one for what is there."""
    (example,) = fenced(TEMPLATES, "yaml")
    file = shell.work / "web.yaml"
    file.write_text(re.sub(r"\b8d4f…", "8d4f" * 16, example))
    return {"paddock templates apply --dry-run web.yaml": lambda: file.write_text("name: web\nimage: tiny\nmemory: 160MiB\nttl: 2h\n")}


PREPARED = {
    "README.md": one_host,
    "docs/availability.md": nothing,
    "docs/capacity.md": nothing,
    "docs/disaster-recovery.md": nothing,
    "docs/install.md": fresh_postgresql,
    "docs/keys.md": nothing,
    "docs/monitoring.md": nothing,
    "docs/moving.md": a_sandbox,
    OPERATE: nothing,
    REPLICAS: a_host_that_is_lost,
    SIMULATOR: nothing,
    STATE: a_sandbox_with_an_id,
    TEMPLATES: a_template_of_an_image,
    TROUBLESHOOT: a_sandbox,
    "docs/upgrade.md": nothing,
}
