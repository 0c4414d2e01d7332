#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Figures of a measured run as Markdown, for docs/bench.md: `table.py RESULT.json`."""

import json
import pathlib
import sys


def table(*rows):
    for i, row in enumerate(rows):
        print(f"| {' | '.join(row)} |")
        if i == 0:
            print(f"|{'|'.join(['---'] + ['--:'] * (len(row) - 1))}|")
    print()


def ns_of(figure):
    return f"{figure['ns']:,.0f}" if "ns" in figure else "refused" if "note" in figure else "–"


def goal_of(row):
    goals = [f"≤ {row['goal_ns']:.0f}" if "goal_ns" in row else "",
             f"≥ {row['goal_ratio']:.0f}×" if "goal_ratio" in row else ""]
    return ", ".join(filter(None, goals))


def program_tables(result):
    print(f"Program alone, nanoseconds above an empty program (which takes "
          f"{result['empty_ns']:.0f}, harness and all):\n")
    table(["", "xdpgate", "peer", "peer ÷ xdpgate", "goal"],
          *([f"{row['name']}, {row['traffic']}", ns_of(row["xdpgate"]),
             f"{row['peer_name']} {ns_of(row['peer'])}" if "peer" in row else "",
             f"{row['ratio']:.2f}" if "ratio" in row else "", goal_of(row)]
            for row in result["rows"]))
    table(["cost as rules grow", "ratio", "goal"],
          *([row["name"], f"{row['ratio']:.2f}" if "ratio" in row else "refused",
             f"≤ {row['goal']:.1f}"] for row in result["growth"]))


def reload_table(result):
    print("From files to the slot, milliseconds; kernel memory, MiB:\n")
    rows = []
    for row in result["reload"]:
        if "refused" in row:
            rows.append([row["name"], *["–"] * 4, "refused", "–", ""])
            continue
        cost = row["cost"]
        goal = f"≤ {row['goal_ms']:.0f} ms, ≤ {row['goal_mb']:.0f} MiB" if "goal_ms" in row else ""
        rows.append([row["name"], f"{row['read_ms']:.0f}", f"{cost['compile_ms']:.0f}",
                     f"{cost['load_ms']:.0f}", f"{row['swap_ms']:.2f}", f"{row['total_ms']:.0f}",
                     f"{cost['table_bytes'] / 2**20:.1f}", goal])
    table(["", "read", "compile", "load", "swap", "total", "memory", "goal"], *rows)


def live_tables(result):
    print("Live, nanoseconds a packet, and the ratio to the bare program of the same case:\n")
    rows = []
    for case in result["live"]:
        bare = case["subjects"][0]["ns"]
        for subject in case["subjects"]:
            goal = ""
            if case["goal"] and subject["name"] == "xdpgate":
                goal = f"≤ {case['goal'] / case['bare_of_goals']:.2f}"
            rows.append([case["title"], subject["name"], f"{subject['ns']:,.0f}",
                         f"{subject['ns'] / bare:.2f}", goal])
    table(["", "filter", "ns", "ratio", "goal"], *rows)


def daemon_table(result):
    rows = result.get("live_reload")
    if not rows:
        return
    print(f"`xdpgate reload` of {rows[0]['prefixes']:,} prefixes, from the command to its answer, "
          "milliseconds; memory in MiB:\n")
    table(["", "changed", "unchanged", "in the kernel", "daemon before", "peak", "after",
           "emptied", "goals"],
          *([row["list"], f"{row['changed_ms']:.0f}", f"{row['unchanged_ms']:.0f}",
             f"{row['kernel_mb']:.1f}", f"{row['before_mb']:.1f}", f"{row['peak_mb']:.0f}",
             f"{row['after_mb']:.1f}", f"{row['empty_mb']:.1f}",
             "" if row["prefixes"] < 1000000 else ", ".join(row["missed"]) or "met"]
            for row in rows))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    result = json.loads(pathlib.Path(sys.argv[1]).read_text())
    program_tables(result)
    reload_table(result)
    live_tables(result)
    daemon_table(result)


if __name__ == "__main__":
    main()
