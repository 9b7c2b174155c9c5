"""What placing costs: the core and its scheduler, with nothing behind them."""

import json
import os
import platform
import subprocess

from measuring import quantile, say

FLEETS = {10: 20_000, 100: 20_000, 1000: 100_000, 10000: 400_000}  # Creates: more than half of what has room, so that others end.
CALLERS = 32


def once(build, hosts, creates):
    done = subprocess.run([build / "bench/placement-run", str(hosts), str(creates), str(CALLERS)],
                          stdout=subprocess.PIPE, check=False, timeout=600)
    told = json.loads(done.stdout)
    assert done.returncode == 0 and told["oversold"] == 0 and told["failed"] == 0, told
    return told


def placement(build, _, n):
    """n rounds over each fleet, in turns: the middle one of each figure."""
    rounds = {hosts: [] for hosts in FLEETS}
    for turn in range(n):
        for hosts, creates in FLEETS.items():
            told = once(build, hosts, creates)
            rounds[hosts].append(told)
            say(f"  {turn + 1}/{n}: {hosts} hosts: {told['placements_per_s']:.0f}/s, p99 {told['p99_ms']:.2f} ms, "
                f"{told['cpu_us']:.0f} µs of CPU each")
    about = {"cpus": os.cpu_count(), "kernel": platform.release(), "load_1min": round(os.getloadavg()[0], 2),
             "build": build.name}
    middle = {hosts: {name: round(quantile([told[name] for told in all_of], 0.5), 3) for name in all_of[0]}
              for hosts, all_of in rounds.items()}
    metrics = {f"{name}_{hosts}": told[name] for hosts, told in middle.items()
               for name in ("placements_per_s", "p99_ms", "cpu_us", "scrape_core_ms", "scrape_ms")}
    metrics |= {"placements_per_s": middle[1000]["placements_per_s"], "p99_ms": middle[1000]["p99_ms"],
                "oversold": sum(told["oversold"] for all_of in rounds.values() for told in all_of)}
    # Against itself: what a fleet a hundred times as large costs more.
    return about, metrics, {"ratio_cpu_1000_to_10": round(middle[1000]["cpu_us"] / middle[10]["cpu_us"], 2)}
