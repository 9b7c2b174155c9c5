#!/usr/bin/env python3
"""The rules of this repository that a compiler does not check.

usage: repo_lint.py ROOT [--junit FILE]

Each rule is a function from a tree to complaints. Each is also broken in a tree of its own, which
must make it complain.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.sax.saxutils import quoteattr

# Folder -> folders it may include from (DESIGN.md), beside its own and the base of common/.
MAY_USE = {
    "common": set(),
    "proto": {"common"},
    "vt": {"common"},
    "vt/picture": {"common", "vt"},
    "client": {"common"},
    "cli": {"common", "client", "vt"},
    "guest": {"common", "proto", "vt"},
    "hostd/core": {"common"},
    "hostd/virt": {"common"},
    "hostd/qemu": {"common"},
    "hostd/libvirt": {"common", "hostd/core", "hostd/qemu", "hostd/virt"},
    "hostd/storage": {"common", "hostd/core"},
    "hostd/network": {"common", "hostd/core", "hostd/virt"},
    "hostd/guest": {"common", "hostd/core", "proto"},
    "hostd/link": {"common", "hostd/core", "proto"},
    "hostd/peers": {"common", "hostd/core", "proto"},
    "hostd/metrics": {"common", "hostd/core"},
    "hostd/simulated": {"common", "hostd/core", "hostd/link"},
    "coordinator/scheduler": {"common"},
    "coordinator/core": {"common", "coordinator/scheduler"},
    "coordinator/store": {"common", "coordinator/core"},
    "coordinator/http": {"common", "coordinator/core", "vt", "vt/picture"},
    "coordinator/link": {"common", "coordinator/core", "proto"},
    "coordinator/guest": {"common", "coordinator/core", "proto"},
    "coordinator/standby": {"common"},
    # Where the adapters meet.
    "hostd/daemon": {"common", "hostd"},
    "hostd": {"common", "hostd"},
    "coordinator/daemon": {"common", "coordinator"},
    "coordinator": {"common", "coordinator"},
}
# A library's headers -> the folders that alone include them.
ONLY_IN = {
    r"<libvirt/": {"hostd/libvirt", "hostd/network", "hostd/virt"},
    r"<sys/acl\.h>": {"hostd/libvirt"},
    r"<libxml/": {"hostd/libvirt", "hostd/network"},
    r"<zmq(\.hpp|\.h)>": {"hostd/link", "hostd/peers", "coordinator/link", "common/curve"},
    r"<pqxx/": {"coordinator/store"},
    r"<httplib\.h>": {"coordinator/http", "client"},
    r"<msgpack": {"proto"},
    r"<spdlog/": {"common/log"},
    r"<openssl/": {"common/digest"},
    r"<systemd/": {"common/notify"},
    r"<boost/asio": {"coordinator/standby"},
    r"<png\.h>": {"vt/picture"},
    r"<prometheus/": {"common/metrics", "hostd/metrics"},
    r"<yaml-cpp/": {"common/config"},
    r"<CLI/": {"hostd", "coordinator", "guest", "cli"},
}
PRODUCT = ("common", "proto", "vt", "client", "guest", "hostd", "coordinator", "cli")
# Without these two a guest agent could not be a lone file.
GUEST_FORBIDS = r"<fmt/|<boost/"
MAX_LINES = 400


def files(root, *patterns, under=("",)):
    tracked = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                             capture_output=True, text=True, check=True).stdout.split("\n")
    return [root / f for f in tracked if f and f.startswith(tuple(under)) and (root / f).is_file()]


def sources(root, under=("",)):
    return files(root, "*.cpp", "*.hpp", under=under)


def folder_of(relative):
    parts = relative.parts
    two = "/".join(parts[:2])
    return two if two in MAY_USE else parts[0]


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(["<][^">]+[">])', line)
        if found:
            yield number, found[1]


def includes_follow_the_table(root):
    for path in sources(root, PRODUCT):
        relative = path.relative_to(root)
        folder = folder_of(relative)
        for number, what in includes(path):
            if not what.startswith('"') or what.strip('"').split("/")[0] not in PRODUCT:
                continue
            target = folder_of(Path(what.strip('"')))
            allowed = MAY_USE[folder] | {folder}
            if target not in allowed and target.split("/")[0] not in allowed:
                yield f"{relative}:{number}: {folder} may not include {what}"


def libraries_stay_in_their_adapter(root):
    for path in sources(root, PRODUCT):
        relative = path.relative_to(root)
        for number, what in includes(path):
            for pattern, allowed in ONLY_IN.items():
                if re.match(pattern, what) and not any(relative.is_relative_to(a) for a in allowed):
                    yield f"{relative}:{number}: {what} belongs to {', '.join(sorted(allowed))} alone"
            if relative.parts[0] == "guest" and re.match(GUEST_FORBIDS, what):
                yield f"{relative}:{number}: the guest agent uses no {what}"


def files_are_short(root):
    for path in sources(root):
        lines = path.read_text().count("\n")
        if lines > MAX_LINES:
            yield f"{path.relative_to(root)}: {lines} lines, at most {MAX_LINES}"


def headers_are_guarded(root):
    for path in files(root, "*.hpp"):
        if not path.read_text().startswith("#pragma once\n"):
            yield f"{path.relative_to(root)}: does not begin with #pragma once"


def tests_do_not_sleep(root):
    for path in sources(root, ("tests/unit/", "tests/contract/")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|\bsleep\(", line):
                yield f"{path.relative_to(root)}:{number}: a test waits for a condition, it does not sleep"


def nothing_is_left_to_do(root):
    word = "TO" + "DO|FIX" + "ME|XX" + "X"
    for path in files(root, "*.cpp", "*.hpp", "*.py", "*.sh", "*.md", "*.cmake", "*CMakeLists.txt"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(rf"\b({word})\b", line):
                yield f"{path.relative_to(root)}:{number}: {line.strip()[:80]}"


def scripts(root):
    for path in files(root):
        with open(path, "rb") as file:
            if re.match(rb"#!.*\b(ba)?sh\b", file.readline(64)):
                yield path


def shell_scripts_are_clean(root):
    paths = list(scripts(root)) + files(root, "*.sh")
    for path in paths:
        done = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
        if done.returncode:
            yield done.stderr.strip()
    done = subprocess.run(["shellcheck", "-x", "-f", "gcc", *paths], capture_output=True, text=True, cwd=root)
    if paths and done.returncode:
        yield from done.stdout.splitlines()


def python_compiles(root):
    for path in files(root, "*.py"):
        try:
            compile(path.read_text(), str(path), "exec")
        except SyntaxError as error:
            yield f"{path.relative_to(root)}:{error.lineno}: {error.msg}"


def code_is_formatted(root):
    paths = sources(root)
    if not paths:
        return
    done = subprocess.run(["clang-format-14", "--dry-run", "--Werror", *paths], capture_output=True, text=True, cwd=root)
    yield from sorted({line.split(":")[0].removeprefix(f"{root}/") + ": clang-format-14 -i"
                       for line in done.stderr.splitlines() if "error:" in line})


def every_source_is_built(root):
    for path in files(root, "*.cpp", under=(*PRODUCT, "tests/", "bench/")):
        name = path.name
        near = [p / "CMakeLists.txt" for p in path.parents if p.is_relative_to(root)]
        shared = files(root, "*CMakeLists.txt", "*.cmake")
        if not any(name in p.read_text() for p in near if p.exists()) and \
                not any(name in p.read_text() for p in shared):
            yield f"{path.relative_to(root)}: no CMakeLists.txt names it"


def has_test(path, name):
    text = path.read_text() if path.is_file() else ""
    return re.search(rf"^(def {name}\(|BOOST_\w*TEST_CASE\w*\(\s*{name}\b)", text, re.MULTILINE)


def tests_that_are_named_exist(root):
    """Rows of this page end with tests: each file's path, and then the names of its tests."""
    for page in files(root, "docs/predecessors.md"):
        for number, row in enumerate(page.read_text().splitlines(), 1):
            if not re.match(r"\| \d", row):
                continue
            where, named = root, 0
            for word in re.findall(r"`([^`]+)`", row.split("|")[-2]):
                if "/" in word:
                    where = root / word
                    continue
                named += 1
                if not has_test(where, word):
                    yield f"{page.relative_to(root)}:{number}: there is no test {word} in {where.relative_to(root)}"
            if not named:
                yield f"{page.relative_to(root)}:{number}: names no test"


# Rule -> a file that breaks it.
RULES = {
    includes_follow_the_table: ("proto/bad.hpp", '#pragma once\n#include "hostd/core/model.hpp"\n'),
    libraries_stay_in_their_adapter: ("hostd/core/bad.hpp", "#pragma once\n#include <libvirt/libvirt.h>\n"),
    files_are_short: ("common/bad.hpp", "#pragma once\n" * (MAX_LINES + 1)),
    headers_are_guarded: ("common/bad.hpp", "// Nothing guards this.\n"),
    tests_do_not_sleep: ("tests/unit/bad.cpp", "void f() { std::this_thread::sleep_for(x); }\n"),
    nothing_is_left_to_do: ("common/bad.hpp", "// " + "TO" + "DO: later\n"),
    shell_scripts_are_clean: ("tools/bad", '#!/bin/bash\nrm $1/*\n'),
    python_compiles: ("tests/bad.py", "def f(:\n"),
    code_is_formatted: ("common/bad.hpp", "#pragma once\nint   f( );\n"),
    every_source_is_built: ("common/bad.cpp", "int f();\n"),
    tests_that_are_named_exist: ("docs/predecessors.md", "| 1 | it broke | it holds | `tests/bad.py` `test_it` |\n"),
}


def self_test():
    failed = []
    for rule, (name, text) in RULES.items():
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            subprocess.run(["git", "init", "-q", folder], check=True)
            (root / ".clang-format").write_text("BasedOnStyle: LLVM\n")
            before = list(rule(root))
            (root / name).parent.mkdir(parents=True)
            (root / name).write_text(text)
            if before or not list(rule(root)):
                failed.append(f"{rule.__name__} does not tell right from wrong")
    return failed


def main(argv):
    root = Path(argv[1]).resolve()
    results = {rule.__name__: list(rule(root)) for rule in RULES}
    results["every_rule_can_fail"] = self_test()
    cases = ""
    for name, complaints in results.items():
        for complaint in complaints:
            print(f"{name}: {complaint}")
        failure = f"<failure message={quoteattr(chr(10).join(complaints))}/>" if complaints else ""
        cases += f'<testcase classname="lint" name="{name}">{failure}</testcase>'
    failures = sum(1 for c in results.values() if c)
    if len(argv) > 3:
        Path(argv[3]).write_text(f'<testsuite name="lint" tests="{len(results)}" failures="{failures}">{cases}'
                                 "</testsuite>\n")
    print(f"{len(results) - failures} rules hold, {failures} do not")
    return 1 if failures else 0


sys.exit(main(sys.argv))
