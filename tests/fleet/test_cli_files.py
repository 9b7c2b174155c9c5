"""paddock cp and edit, as people and scripts use them, against a real guest."""

import os
import stat

import pytest

from command_line import refused


@pytest.fixture
def web(cli):
    cli.ok("create", "tiny", "--name", "web")
    return "web"


def test_files_go_in_and_come_out(cli, web, tmp_path):
    data = os.urandom(3_000_000)
    source = tmp_path / "data.bin"
    source.write_bytes(data)
    source.chmod(0o750)
    cli.ok("cp", str(source), f"{web}:/tmp/")
    assert cli.ok("run", web, "stat -c '%a %s' /tmp/data.bin") == "750 3000000\n"
    cli.ok("cp", f"{web}:/tmp/data.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == data
    assert stat.S_IMODE((tmp_path / "back").stat().st_mode) == 0o750
    (tmp_path / "folder").mkdir()
    cli.ok("cp", f"{web}:/tmp/data.bin", str(tmp_path / "folder"))
    assert (tmp_path / "folder/data.bin").read_bytes() == data
    cli.ok("cp", "-u", "root", "--owner", "sandbox", str(source), f"{web}:/tmp/given")
    assert cli.ok("run", web, "stat -c %U /tmp/given") == "sandbox\n"
    cli.ok("cp", "-", f"{web}:/tmp/deep/er/text", "-p", input="from stdin\n")
    assert cli.ok("cp", f"{web}:/tmp/deep/er/text", "-") == "from stdin\n"
    assert cli.json("cp", str(source), f"{web}:/tmp/again")["bytes_written"] == len(data)


def test_what_cannot_be_is_said_and_leaves_nothing(cli, web, tmp_path):
    source = tmp_path / "file"
    source.write_text("x")
    refused(cli("cp", str(source), f"{web}:/etc/x"), 115, "permission_denied")
    refused(cli("cp", str(source), f"{web}:/no/such/x"), 116, "no_such_file")
    cli.ok("cp", str(source), f"{web}:/tmp/x")
    refused(cli("cp", "-n", str(source), f"{web}:/tmp/x"), 117, "already_exists")
    refused(cli("cp", f"{web}:/etc/shadow-of", str(tmp_path / "y")), 116, "not_found")
    refused(cli("cp", "-n", f"{web}:/tmp/x", str(source)), 117, "already_exists")
    for words in (("cp", str(source), str(tmp_path / "y")), ("cp", f"{web}:/tmp/x", f"{web}:/tmp/y"),
                  ("cp", f"{web}:relative", "-"), ("cp", str(tmp_path), f"{web}:/tmp"), ("cp", f"{web}:/tmp", str(tmp_path))):
        assert cli(*words).returncode == 2, words
    refused(cli("cp", str(source), "no-such-box:/tmp/x"), 116, "no_such_sandbox")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file"]


def test_a_file_is_changed_in_an_editor(cli, web):
    cli.ok("cp", "-", f"{web}:/tmp/text", input="one\n")
    cli.ok("edit", f"{web}:/tmp/text", "--editor", "sed -i s/one/two/")
    assert cli.ok("run", web, "cat /tmp/text") == "two\n"
    cli.ok("edit", f"{web}:/tmp/new", "--editor", "sh -c 'echo fresh > $1' sh")
    assert cli.ok("run", web, "cat /tmp/new") == "fresh\n"
    assert cli("edit", f"{web}:/tmp/text", "--editor", "true").stderr == "not changed\n"
    assert cli("edit", f"{web}:/tmp/text", "--editor", "false").returncode == 117
    assert cli.ok("run", web, "cat /tmp/text") == "two\n"
