#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A picture of a measured run: `chart.py RESULT.json CHART.svg`. Bars on a logarithmic scale,
since the slowest take a hundred times as long as the fastest; each bar says its figure."""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 900, 250, 130, 15, 12
COLOURS = {"bare XDP_DROP": "#9e9e9e", "xdpgate": "#1b7f4b", "LPM_TRIE": "#c98a1b",
           "LPM_TRIE program": "#c98a1b", "xdp-filter": "#2f6fb3", "nftables": "#b3402f",
           "ipset": "#7d4fa8", "bpf_loop": "#b3402f", "plain loop": "#b3402f"}
INK, FAINT, PAPER = "#222222", "#d8d8d8", "#ffffff"


class Panel:
    """Groups of bars under a title; a group is (label, [(name, ns or None, note)])."""

    def __init__(self, title, subtitle, groups):
        self.title, self.subtitle, self.groups = title, subtitle, groups
        values = [ns for _, bars in groups for _, ns, _ in bars if ns]
        self.low = 10 ** math.floor(math.log10(max(1, min(values, default=1))))
        self.high = max(values, default=10)

    def height(self):
        return 66 + sum(len(bars) * BAR + GAP for _, bars in self.groups)

    def x(self, ns):
        span = math.log10(self.high) - math.log10(self.low) or 1
        share = (math.log10(max(ns, self.low)) - math.log10(self.low)) / span
        return LEFT + max(2, share * (WIDTH - LEFT - RIGHT))

    def draw(self, top):
        lines = [text(16, top + 20, self.title, 16, bold=True),
                 text(16, top + 38, self.subtitle, 12)]
        bottom = top + self.height() - 8
        decade = self.low
        while decade <= self.high:
            x = self.x(decade) if decade > self.low else LEFT
            lines.append(f'<line x1="{x:.0f}" y1="{top + 56}" x2="{x:.0f}" y2="{bottom}" '
                         f'stroke="{FAINT}"/>')
            lines.append(text(x, top + 53, f"{decade:,} ns", 10, anchor="middle"))
            decade *= 10
        y = top + 62
        for label, bars in self.groups:
            lines.append(text(LEFT - 8, y + 11, label, 12, anchor="end"))
            for name, ns, note in bars:
                lines += self.bar(y, name, ns, note)
                y += BAR
            y += GAP
        return lines

    def bar(self, y, name, ns, note):
        if not ns:
            return [text(LEFT + 6, y + 11, f"{name}: {note or 'not measured'}", 11)]
        x = self.x(ns)
        return [f'<rect x="{LEFT}" y="{y}" width="{x - LEFT:.1f}" height="{BAR - 2}" '
                f'fill="{COLOURS.get(name, "#666666")}"/>',
                text(x + 5, y + 11, f"{ns:,.0f}  {name}", 11)]


def text(x, y, words, size, anchor="start", bold=False):
    weight = ' font-weight="bold"' if bold else ""
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{INK}"{weight}>{escape(words)}</text>')


def live_panel(result):
    groups = [(case["title"], [(s["name"], s["ns"], "") for s in case["subjects"]])
              for case in result.get("live", [])]
    return Panel("Live: one packet dropped", "Generator, veth and filter on one core; the bare "
                 "XDP_DROP beside it is the floor. Shorter is better.", groups)


def rows_panel(result, title, subtitle, wanted):
    groups = []
    for row in result.get("rows", []):
        if not wanted(row):
            continue
        gate, peer = row["xdpgate"], row.get("peer")
        bars = [("xdpgate", gate.get("ns"), "refused")]
        if peer:
            bars.append((row["peer_name"], peer.get("ns"), "refused"))
        label = row["name"] if row["section"] != "packet" else f"{row['name']} {row['traffic']}"
        groups.append((label, bars))
    return Panel(title, subtitle, groups)


def draw(result):
    above = "BPF_PROG_TEST_RUN over many different packets, above an empty program."
    panels = [
        live_panel(result),
        rows_panel(result, "One source looked up, random hits", above,
                   lambda r: r["section"] in ("prefixes", "countries") and r["traffic"] == "hits"),
        rows_panel(result, "Many rules: ClassBench filter sets against a linear scan", above,
                   lambda r: r["section"] == "rules"),
    ]
    lines, top = [], 8
    for panel in panels:
        if panel.groups:
            lines += panel.draw(top)
            top += panel.height() + 18
    footer = (f"{result.get('cpu', '')}, {result.get('cpus', '?')} CPUs, Linux "
              f"{result.get('kernel', '?')}, xdpgate {result.get('xdpgate', '?')}")
    lines.append(text(16, top + 4, footer, 11))
    top += 20
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
        f'viewBox="0 0 {WIDTH} {top}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{top}" fill="{PAPER}"/>', *lines, "</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    result = json.loads(pathlib.Path(sys.argv[1]).read_text())
    pathlib.Path(sys.argv[2]).write_text(draw(result))


if __name__ == "__main__":
    main()
