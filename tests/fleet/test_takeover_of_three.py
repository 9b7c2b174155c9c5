"""Three coordinators, one database, one host: the leader is cut from PostgreSQL and no other is; and leaders are killed until one
coordinator is left."""

import time

import pytest

from bad_lines import CutLine
from fleet import Fleet, wait_until
from takeovers import all_there, ask, epoch_of, leader_of, measured, start_again, used


class FleetOnLines(Fleet):
    """Each coordinator has a line of its own to PostgreSQL."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.lines = {}

    def way_to_postgres(self, number):
        folder = self.base / f"line{number}"
        if number not in self.lines:
            folder.mkdir(mode=0o700)
            name = ".s.PGSQL.5432"
            self.lines[number] = CutLine(folder / name, self.postgres.socket / name)
        return folder

    def close(self):
        for line in self.lines.values():
            line.close()
        super().close()


@pytest.fixture(scope="module")
def fleet(build, image):
    with FleetOnLines(build, image, hosts=1, coordinators=3) as fleet:
        yield fleet


@pytest.fixture(autouse=True)
def all_three_there(fleet):
    yield
    for line in fleet.lines.values():
        line.mend()
    all_there(fleet)


def test_the_leader_alone_is_cut_from_the_database(fleet, capsys):
    with used(fleet, before=4, after=6, workers=2):
        leader, epoch = leader_of(fleet), epoch_of(fleet)
        cut, other = fleet.coordinators[leader], (leader + 1) % 3
        begun = time.monotonic()
        fleet.lines[leader].cut()
        with capsys.disabled():
            measured(fleet, "cut from PostgreSQL", epoch, begun, other)
        assert leader_of(fleet) != leader
        # It may not know yet that it is deposed, and begins nothing.
        for path, body in (("/v1/sandboxes", {"image": "tiny", "agent_id": "late", "host": "h1"}), ("/v1/hosts/h1/cordon", {})):
            status, reply = ask(fleet, leader, "POST", path, body)
            assert status in (0, 503, 504), (path, status, reply)
        fleet.lines[leader].mend()
        mended = time.monotonic()
        wait_until("the one that was deposed to end", lambda: not cut.alive(), 30)
        with capsys.disabled():
            print(f"   it ended {time.monotonic() - mended:.2f} s after it was mended, if not before")
        assert cut.child.returncode == 1, "systemd starts again what fails"
        said = cut.log.read_text()  # By the database, or before that by a host.
        assert "another coordinator has become the leader" in said or "a host knows of a coordinator of epoch" in said
        start_again(fleet, leader)
        assert not ask(fleet, other, "GET", "/v1/hosts/h1")[1]["host"]["cordoned"]
        assert all(box["agent_id"] != "late" for box in fleet.api(other).sandboxes())
        assert not fleet.postgres.sql("SELECT id FROM sandboxes WHERE agent_id = 'late'")


def test_leaders_are_killed_until_one_is_left_and_it_serves(fleet, capsys):
    with used(fleet, before=4, after=6, workers=2) as load:
        killed = []
        while len(killed) < 2:
            leader, epoch = leader_of(fleet), epoch_of(fleet)
            killed.append(leader)
            asked = next(number for number in range(3) if number not in killed)
            begun = time.monotonic()
            fleet.coordinators[leader].kill()
            with capsys.disabled():
                measured(fleet, f"kill -9, leader {len(killed)} of three", epoch, begun, asked)
            load.wait_for(4)
        (left,) = set(range(3)) - set(killed)
        assert leader_of(fleet) == left and ask(fleet, left, "GET", "/readyz")[1]["epoch"] == epoch_of(fleet)
        for number in killed:
            start_again(fleet, number)
        assert leader_of(fleet) == left, "who comes back stands by"
