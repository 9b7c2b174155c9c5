"""Random sequences of what keeps, loses and brings back state, on real guests, against a model.

PADDOCK_SEED repeats one; PADDOCK_STEPS makes it longer. The choices depend on both alone.
"""

import os
import random
import secrets
import time

from state_model import Box, agree, look, refusal, write

MOST = 4  # Sandboxes that live at once.
MOST_HELD = 4  # Checkpoints of each.

# How often what is asked for. What needs a cold boot, or starts one soon, is rare: it takes seconds.
WEIGHTS = {
    "write": 16, "exec": 6, "pause": 10, "resume": 8, "suspend": 11, "checkpoint": 14, "restore": 18, "fork": 8,
    "fork_from": 5, "delete": 4, "destroy": 5, "restart": 1, "stop": 2, "start": 2, "gone": 2,
}


class Steps:
    """One population, its model, and the generator that chooses for both."""

    def __init__(self, api, seed):
        self.api, self.random = api, random.Random(seed)
        self.boxes, self.destroyed, self.names = [], [], 0
        self.trying = ""

    def fresh(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def post(self, box, path, body=None, expect=200, reason=None):
        """As `expect` and `reason` foretell; what is refused has changed nothing."""
        url = f"/v1/sandboxes/{box.ident}"
        before = self.api.call("GET", url)[1] if reason else None
        status, reply = self.api.call("POST", f"{url}/{path}", body)
        assert (status, reply.get("reason")) == (expect, reason), f"{path} of {box.name}, {box.phase}: {status} {reply}"
        if reason:
            after = self.api.call("GET", url)[1]
            for answer in (before, after):
                answer.get("sandbox", {}).pop("updated_at", None)
                answer.pop("commands", None)  # What ran in it before may be told of as it ends.
            assert before == after, "what was refused has changed something"
        return reply

    def create(self, _):
        name = self.fresh("box")
        made = self.api.create(host="h1", memory_mb=160, vm_name=name, wait_for_ip=True)
        self.boxes.append(Box(name, made["id"]))
        write(self.api, self.boxes[-1], self.fresh("word"), self.fresh("word"))
        return name, []

    def choose(self):
        """(what, with which box)"""
        if not self.boxes:
            return "create", None
        box = self.random.choice(self.boxes)
        weights = dict(WEIGHTS)
        for op in weights:
            if refusal(op, box):
                weights[op] *= 0.3
        if len(self.boxes) == 1:
            weights["fork"] *= 2
            weights["destroy"] *= 0.3
        elif len(self.boxes) == MOST:
            weights["fork"] = weights["fork_from"] = 0
            weights["destroy"] *= 2
        if not box.held:
            for op in ("restore", "fork_from", "delete"):
                weights[op] *= 0.1  # Of one that there is not.
        if len(box.held) == MOST_HELD:
            weights["checkpoint"] *= 0.1
            weights["delete"] *= 3
        if box.phase == "stopped":
            weights["start"] *= 8
        if not self.destroyed:
            weights["gone"] = 0
        return self.random.choices(list(weights), list(weights.values()))[0], box

    def step(self):
        """Does one, and compares all that it touched. Says what it was."""
        op, box = self.choose()
        self.trying = f"{op} {box.name} ({box.phase})" if box else op
        said, touched = getattr(self, op)(box)
        for each in touched:
            # What sleeps is woken by a look, so not by each: the next step finds it asleep.
            if each.phase == "running" or (each.phase in ("paused", "suspended") and self.random.random() < 0.3):
                look(self.api, each)
                each.phase = "running"
                said += f", seen {each.name}"
            if each.phase != "destroyed":
                self.compare_held(each)
        agree(self.api, self.boxes)
        return f"{self.trying}: {said}"

    def compare_held(self, box):
        listed = self.api.ok("GET", f"/v1/sandboxes/{box.ident}/snapshots")["snapshots"]
        assert {s["name"]: s["has_memory"] for s in listed} == \
            {name: held.memory is not None for name, held in box.held.items()}

    def refused(self, op, box, path, body=None):
        """Whether its phase forbids it; then that was tried."""
        expected = refusal(op, box)
        if expected:
            self.post(box, path, body, *expected)
        return expected is not None

    def becomes(self, phase, op, box):
        """A step that leads to one phase or is refused."""
        if self.refused(op, box, op):
            return "refused", [box]
        assert self.post(box, op)["sandbox"]["phase"] == phase
        box.phase = phase
        return "done", [box]

    def write(self, box):
        if self.refused("write", box, "run", {"command": "true"}):
            return "refused", [box]
        where = self.random.choice(("ram", "disk", "both"))
        write(self.api, box, self.fresh("word") if where != "disk" else "", self.fresh("word") if where != "ram" else "")
        box.phase = "running"
        return where, []

    def exec(self, box):
        if self.refused("exec", box, "run", {"command": "true"}):
            return "refused", [box]
        look(self.api, box)
        box.phase = "running"
        return "done", []

    def pause(self, box):
        return self.becomes("paused", "pause", box)

    def resume(self, box):
        return self.becomes("running", "resume", box)

    def suspend(self, box):
        return self.becomes("suspended", "suspend", box)

    def start(self, box):
        if box.phase == "stopped":
            box.boots()
        return self.becomes("running", "start", box)

    def stop(self, box):
        force = self.random.choice((False, True))
        assert self.post(box, "stop", {"force": force})["sandbox"]["phase"] == "stopped"
        box.stops()
        return "by force" if force else "cleanly", [box]

    def restart(self, box):
        if self.refused("restart", box, "restart", {}):
            return "refused", [box]
        assert self.post(box, "restart", {})["sandbox"]["phase"] == "running"
        box.boots()
        return "done", [box]

    def checkpoint(self, box):
        memory = self.random.choice((True, True, True, None, False))
        name = self.fresh("point")
        wish = {"name": name} if memory is None else {"name": name, "memory": memory}
        if self.refused("checkpoint", box, "snapshots", wish):
            return "refused", [box]
        if box.phase == "stopped" and memory:
            self.post(box, "snapshots", wish, 409, "no_memory")
            return "refused: it has no memory", [box]
        taken = self.random.choice(list(box.held)) if box.held else None
        if taken and (len(box.held) == MOST_HELD or self.random.random() < 0.1):
            self.post(box, "snapshots", {"name": taken}, 409, "snapshot_exists")
            return "refused: there is one of that name", [box]
        keeps = box.phase != "stopped" and memory is not False
        snapshot = self.post(box, "snapshots", wish, 201)["snapshot"]
        assert (snapshot["name"], snapshot["has_memory"]) == (name, keeps)
        box.held[name] = box.hold(keeps)
        return f"{name} {'with memory' if keeps else 'of the disk'}", [box]

    def one_held(self, box):
        """The name of one, mostly of one with memory; None where there is none."""
        names = list(box.held)
        weights = [0.15 if box.held[n].memory is None else 1 for n in names]
        return self.random.choices(names, weights)[0] if names else None

    def restore(self, box):
        name = self.one_held(box)
        if name is None:
            self.post(box, "snapshots/none/restore", None, 404, "unknown_snapshot")
            return "refused", [box]
        box.restores(name)
        phase = self.post(box, f"snapshots/{name}/restore")["sandbox"]["phase"]
        assert phase == box.phase, f"it is {phase} after the restore of {name}, not {box.phase}"
        return name, [box]

    def delete(self, box):
        name = self.one_held(box) or "none"
        url = f"/v1/sandboxes/{box.ident}/snapshots/{name}"
        if name in box.held:
            self.api.ok("DELETE", url)
            del box.held[name]
        assert self.api.call("DELETE", url)[0] == 404
        return name, [box]

    def children(self, box, wish):
        """Forks it; the running children, named alike here and there, of which the model knows nothing yet."""
        count = self.random.randint(1, min(2, MOST - len(self.boxes)))
        prefix = self.fresh("fork")
        reply = self.post(box, "fork", {"count": count, "name_prefix": prefix, **wish}, 201)
        assert all(child["sandbox"]["phase"] == "running" for child in reply["children"]), reply
        made = [Box(child["sandbox"]["sandbox_name"], child["sandbox"]["id"]) for child in reply["children"]]
        assert sorted(child.name for child in made) == [f"{prefix}-{n + 1}" for n in range(count)]
        self.boxes += made
        return reply["has_memory"], made

    def fork(self, box):
        if self.refused("fork", box, "fork", {}):
            return "refused", [box]
        has_memory, made = self.children(box, {})
        assert has_memory
        for child in made:
            child.disk, child.memory = box.disk, box.memory
        return " ".join(child.name for child in made), [box, *made]

    def fork_from(self, box):
        name = self.one_held(box)
        if name is None:
            self.post(box, "fork", {"from_snapshot": "none"}, 404, "unknown_snapshot")
            return "refused", [box]
        held = box.held[name]
        memory = held.back()
        has_memory, made = self.children(box, {"from_snapshot": name})
        assert has_memory == (held.memory is not None)
        for child in made:
            child.disk, child.memory = held.disk, memory
        return f"{name} {' '.join(child.name for child in made)}", [box, *made]

    def destroy(self, box):
        self.api.destroy(box.ident)
        self.boxes.remove(box)
        self.destroyed.append(box)
        box.phase = "destroyed"
        return "done", list(self.boxes)  # Whoever it shared layers with.

    def gone(self, box):
        """Something of one that is no more; `box` lives and is not meant."""
        old = self.random.choice(self.destroyed)
        op, path, body = self.random.choice((
            ("resume", "resume", None), ("suspend", "suspend", None), ("fork", "fork", {}),
            ("write", "run", {"command": "true"}), ("checkpoint", "snapshots", {"name": "late"})))
        self.refused(op, old, path, body)
        assert self.api.call("DELETE", f"/v1/sandboxes/{old.ident}")[0] == 404
        return f"but {old.name} to {op}, which was destroyed", [box]


def test_any_sequence_of_steps_leaves_what_the_model_says(fleet, api, capsys):
    seed = int(os.environ.get("PADDOCK_SEED") or secrets.randbelow(1 << 32))
    count = int(os.environ.get("PADDOCK_STEPS") or 200)
    how = f"PADDOCK_SEED={seed} PADDOCK_STEPS={count}"
    with capsys.disabled():
        print(f"\n{how}", flush=True)
    steps, begun = Steps(api, seed), time.monotonic()
    for number in range(1, count + 1):
        try:
            said = steps.step()
        except BaseException:
            print(f"step {number} failed: {steps.trying}; again with {how}", *steps.boxes, sep="\n")
            raise
        print(f"{number} at {time.monotonic() - begun:.1f} s: {said}", flush=True)
    for box in steps.boxes:
        if box.phase != "stopped":
            look(api, box)
    while steps.boxes:
        steps.destroy(steps.random.choice(steps.boxes))
