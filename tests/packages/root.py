"""A Debian root file system of its own, in a folder, and commands in it. Nothing of it is left."""

import shutil
import subprocess
from pathlib import Path


def debian_sources():
    """This machine's own apt sources of Debian."""
    lists = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.[ls]*")]
    return [str(file) for file in lists if file.is_file() and "debian" in file.read_text().lower()]


class Root:
    def __init__(self, folder):
        self.folder = folder
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,bash-completion",
                        "--aptopt=APT::Install-Recommends \"false\"", "--skip=cleanup/apt",
                        # It lives for minutes: nothing in it has to outlast a cut.
                        "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=force-unsafe-io", "bookworm", str(folder), *debian_sources()],
                       check=True, timeout=600)
        shutil.copy("/etc/resolv.conf", folder / "etc/resolv.conf")
        # No service is started in it, whatever a package wants.
        policy = folder / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def path(self, name):
        return self.folder / name.lstrip("/")

    def run(self, *command, check=True):
        """With a /proc and processes of its own, all of which end with it."""
        done = subprocess.run(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             f"--root={self.folder}", "--wd=/", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
             "DEBIAN_FRONTEND=noninteractive",
             # The first process of a namespace is its init, and the agent takes that for its own task.
             "sh", "-c", '"$@"; exit $?', "sh", *map(str, command)],
            capture_output=True, text=True, timeout=600)
        assert not check or done.returncode == 0, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done

    def install(self, debs):
        inside = self.path("/debs")
        inside.mkdir(exist_ok=True)
        for deb in debs:
            (inside / deb.name).write_bytes(deb.read_bytes())
        return self.run("apt-get", "install", "-qq", "-y", "--no-install-recommends",
                        *(f"/debs/{deb.name}" for deb in debs))

    def state(self, package):
        """installed, config-files or nothing."""
        return self.run("dpkg-query", "-W", "-f", "${db:Status-Status}", package, check=False).stdout
