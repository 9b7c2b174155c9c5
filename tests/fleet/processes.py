"""Children of a test: run to their end, or with a log and ended by their own pid; and a PostgreSQL of them."""

import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

PGBIN = Path("/usr/lib/postgresql/15/bin")
PATIENCE = 3  # What is waited for comes, also on a machine that does other things; a bound is for what never does.


def wait_until(what, condition, seconds):
    """Polls; the last result when it is true. Fails with what was waited for, after a look that began when time was up: this
    process may have stood still."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        is_last = time.monotonic() > deadline
        result = condition()
        if result:
            return result
        if is_last:
            raise AssertionError(f"gave up after {seconds * PATIENCE} s waiting for {what}")
        threading.Event().wait(0.05)


def run(*argv, check=True, timeout=60, **options):
    done = subprocess.run([str(a) for a in argv], check=False, timeout=timeout, text=True,
                          capture_output=True, **options)
    if check and done.returncode != 0:
        print(f"{' '.join(str(a) for a in argv)}:\n{done.stdout}{done.stderr}")
        done.check_returncode()
    return done


def kill_if_there(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Process:
    """A child with its log; ended by its own pid."""

    def __init__(self, name, argv, log, **options):
        self.name, self.log = name, Path(log)
        with open(log, "ab") as out:
            self.child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                                          stderr=subprocess.STDOUT, start_new_session=True, **options)

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def kill(self, number=signal.SIGKILL, wait=90):
        if self.alive():
            self.child.send_signal(number)
        try:
            self.child.wait(wait)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(10)
            raise AssertionError(f"{self.name} did not end within {wait} s of signal {number}")


class Postgres:
    """A private cluster: unix socket only, peer authentication, as the user `postgres`."""

    def __init__(self, base):
        self.base, self.socket, self.data = base, base / "pg", base / "pg" / "data"
        self.socket.mkdir(mode=0o755)
        shutil.chown(self.socket, "postgres", "postgres")
        self._as_postgres(PGBIN / "initdb", "-D", self.data, "--auth=peer", "--no-locale", "--encoding=UTF8", "--no-sync")
        (self.data / "pg_hba.conf").write_text("local all all peer map=paddock\n")
        (self.data / "pg_ident.conf").write_text(
            "".join(f"paddock {line}\n" for line in ("postgres postgres", "root paddock", "root paddock_owner",
                                                     "root postgres")))
        self.process = None
        self.start()
        for sql in ("CREATE ROLE paddock_owner LOGIN", "CREATE ROLE paddock LOGIN",
                    "CREATE DATABASE paddock OWNER paddock_owner"):
            self.sql(sql, database="postgres")

    def _as_postgres(self, *argv):
        return run("runuser", "-u", "postgres", "--", *argv, cwd="/", timeout=120)

    def start(self):
        self.process = Process("postgres", ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                                            PGBIN / "postgres", "-D", self.data, "-c", "listen_addresses=",
                                            "-c", f"unix_socket_directories={self.socket}",
                                            "-c", "max_connections=60"],
                               self.base / "postgres.log", cwd="/")
        wait_until("PostgreSQL", lambda: run(PGBIN / "pg_isready", "-q", "-h", self.socket,
                                             check=False).returncode == 0, 90)

    def stop(self, number=signal.SIGINT):
        self.process.kill(number)

    def sql(self, text, database="paddock", user="postgres"):
        """Rows as lists of texts."""
        reply = run("psql", "-h", self.socket, "-U", user, "-d", database, "-qXAt", "-F", "\x1f",
                    "-v", "ON_ERROR_STOP=1", "-c", text, cwd="/")
        return [line.split("\x1f") for line in reply.stdout.splitlines()]

    def url(self, user, socket=None):
        return f"host={socket or self.socket} dbname=paddock user={user}"
