"""Drawings of figures against the size of a fleet: by gnuplot, as SVG."""

import re
import shutil
import subprocess

from measuring import quantile

# Figure, title: each has a unit of its own. All but the first two are the coordinator's.
PANELS = (("creates_per_s", "creates per second"),
          ("p99_ms", "p99 of a create, ms"),
          ("coordinator_cpu_ms", "CPU of a create, ms"),
          ("coordinator_kb_per_sandbox", "memory of a sandbox, KiB"),
          ("coordinator_before_mb", "memory without any, MiB"),
          ("coordinator_cpu_percent_idle", "CPU while idle, % of a core"))
COLUMNS = 3


def check_gnuplot():
    if not shutil.which("gnuplot"):
        raise SystemExit("bench/run --plot needs gnuplot: sudo tools/install-packages bench")


def script(rounds, file):
    """`rounds`: by the number of hosts, the figures of each round. A point is their middle one, its bar all of them."""
    sizes = ", ".join(str(hosts) for hosts in rounds)
    first, last = min(rounds) / 1.5, max(rounds) * 1.5
    lines = [f"set terminal svg size 960,520 font 'sans-serif,11' background 'white'\nset output '{file}'",
             f"set multiplot layout {-(-len(PANELS) // COLUMNS)},{COLUMNS}",
             f"set logscale x\nset xrange [{first:g}:{last:g}]\nset xtics ({sizes})\nset xlabel 'hosts'",
             "set yrange [0:*]\nset offsets graph 0, 0, graph 0.1, 0\nset grid\nunset key\nset title font ',12'"]
    for name, title in PANELS:
        lines.append("$data << END")
        for hosts, told in rounds.items():
            values = [figures[name] for figures in told]
            lines.append(f"{hosts} {quantile(values, 0.5)} {min(values)} {max(values)}")
        lines.append(f"END\nset title '{title}'\nplot $data using 1:2:3:4 with yerrorlines linecolor '#1f77b4' linewidth 1.5 pointtype 7 pointsize 0.5")
    return "\n".join([*lines, "unset multiplot\n"])


def plot(rounds, file):
    done = subprocess.run(["gnuplot"], input=script(rounds, file), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and file.is_file(), done.stderr
    # Most of it is groups with nothing in them, and what is so by default.
    drawn = file.read_text().replace(' stroke-linecap="butt" stroke-linejoin="miter"', "")
    file.write_text(re.sub(r"<g [^>]*>\s*</g>\n", "", drawn))
