"""What a fleet's sandboxes are, by its audit alone: each row in turn, and what is known of hosts whose power was cut."""

from dataclasses import dataclass, field

# What each action makes of a sandbox. Of a move see below.
BECOMES = {
    "sandbox.create": {"running", "created", "stopped"},
    "sandbox.claim": {"running"},
    "sandbox.start": {"running"},
    "sandbox.pause": {"paused"},
    "sandbox.suspend": {"suspended"},
    "sandbox.stop": {"stopped"},
    "snapshot.restore": {"running", "stopped"},
    "sandbox.destroy": {"destroyed"},
}
# Results after which it may have been done as well as not.
UNKNOWN = {None, "outcome_unknown", "boot_timeout", "host_failed", "host_slow"}
NEEDS_POWER = {"running", "paused"}


@dataclass
class Operation:
    action: str
    seq: int  # Of its first intent.
    hosts: list = field(default_factory=list)  # In the order in which they were asked.
    result: str | None = None
    ended: int | None = None


@dataclass
class Explained:
    """What one may be, if the audit is all that is known."""

    phases: set = field(default_factory=set)
    hosts: set = field(default_factory=set)
    made_as: str | None = None  # What whoever asked for it was told.

    def begins(self, operation):
        if operation.action in ("sandbox.create", "sandbox.claim"):
            self.hosts = {operation.hosts[-1]}
            self.phases = {self.made_as} if self.made_as else set(BECOMES[operation.action])
            if operation.result != "ok":
                self.phases |= {"destroyed", "lost"}
        elif operation.action == "sandbox.move":
            self.hosts.update(operation.hosts)
        elif operation.result == "ok":
            self.phases = set(BECOMES[operation.action])
        elif operation.result in UNKNOWN:
            self.phases |= BECOMES[operation.action]
        elif operation.action == "sandbox.start":
            self.phases.add("stopped")  # It did not come up.

    def has_moved(self, host):
        """It was paused for that, and goes on; unless it was paused before, too. Of what has never run there is only a disk."""
        self.hosts = {host}
        if "paused" in self.phases:
            self.phases.add("running")
        if "created" in self.phases:
            self.phases.add("stopped")

    def loses_power(self, host):
        if host in self.hosts and self.phases & NEEDS_POWER:
            self.phases.add("stopped")


def explain(rows, deaths, made_as):
    """rows: (seq, at as seconds, kind, action, operation, host, target, result), in their order. What each sandbox may be, by its id.
    `made_as`: the phase that a create's answer had; the audit does not tell whether one was to start."""
    operations, targets = {}, {}
    for seq, _, kind, action, ident, host, target, result in rows:
        if not target.startswith("sbx-") or (action not in BECOMES and action != "sandbox.move") or not ident:
            continue
        if ident not in operations:
            operations[ident] = Operation(action, seq)
            targets.setdefault(target, []).append(operations[ident])
        operation = operations[ident]
        if kind == "intent":
            operation.hosts.append(host)
        elif operation.result in UNKNOWN:
            operation.result, operation.ended = result, seq
            operation.hosts += [host] if host else []
    at = {seq: when for seq, when, *_ in rows}
    explained = {}
    for target, done in targets.items():
        what = explained[target] = Explained(made_as=made_as.get(target))
        steps = [(at[one.seq], one.seq, what.begins, one) for one in done]
        steps += [(at[one.ended], one.ended, what.has_moved, one.hosts[-1]) for one in done
                  if one.action == "sandbox.move" and one.result == "ok"]
        steps += [(when, 0, what.loses_power, host) for begun, ended, host in deaths for when in (begun, ended)]
        for _, _, step, argument in sorted(steps, key=lambda step: step[:2]):
            step(argument)
    return explained
