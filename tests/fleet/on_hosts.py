"""What there is of sandboxes on the hosts of a fleet: what runs, is defined and lies there, and whether the list says so."""

from pathlib import Path


def qemus(host):
    """The sandboxes whose QEMU lives on this host, with its pid."""
    found = {}
    for file in (host.base / "run/libvirt/qemu").glob("sbx-*.pid"):
        try:
            pid = int(file.read_text())
            if b"qemu" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found[file.stem.split(".")[0]] = pid
        except (OSError, ValueError):
            pass
    return found


def domains(host):
    """Also of those that do not run."""
    return {name.split(".")[0] for name in host.domains()}


def folders(host):
    return {path.name for path in (host.state / "sandboxes").glob("*")}


def strangers(fleet, api):
    """Whatever is on a host of sandboxes that are not listed there."""
    listed = {(s["host_name"], s["id"]) for s in api.sandboxes()}
    return [f"{host.name}: {what} {ident}" for host in fleet.hosts
            for what, found in (("process", qemus(host)), ("domain", domains(host)), ("folder", folders(host)))
            for ident in found if (host.name, ident) not in listed]


def absentees(fleet, api):
    """What is listed, and is not on its host; what is listed as lost is said not to be there."""
    there = {host.name: (("domain", domains(host)), ("folder", folders(host))) for host in fleet.hosts}
    return [f"{s['host_name']}: no {what} of {s['id']}, which is listed as {s['phase']}" for s in api.sandboxes()
            for what, found in there[s["host_name"]] if s["id"] not in found and s["phase"] != "lost"]
