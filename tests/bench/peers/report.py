# SPDX-License-Identifier: BSD-2-Clause
"""What was measured as text, as rows for the README and as a picture."""

import math
from html import escape

HEAD = ("receiver", "resolvers", "frames/s", "CPU a frame", "cores", "lost", "memory")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 780, 400, 92, 190, 44, 60
COLOURS = ("#0b6e4f", "#b4431c", "#3a5fa8", "#8a6d1d", "#6b3fa0", "#1b7f91", "#a12f5d", "#555555")


def number(n):
    return f"{n:,.0f}"


def rate_name(rate):
    return number(rate) if rate else "unbounded"


def resolvers(sources):
    return number(int(sources.rsplit(":", 1)[-1])) + (", each as often" if ":" in sources else ", Zipf")


def cells(row):
    rate = rate_name(row["rate"]) if row["rate"] else f"unbounded ({number(row['frames_per_second'])})"
    low, high = row["cpu_ns_range"]
    lost = f"{row['lost_percent']:.2f} %" + ("" if row["unread"] is not None else " by its producer")
    return (row["receiver"], resolvers(row["sources"]), rate, f"{number(row['cpu_ns'])} ns ({number(low)}–{number(high)})",
            f"{row['cores']:.3f}", lost, f"{row['peak_mib']:.0f} MiB")


def table(rows):
    lines = [HEAD] + [cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def visible_table(visible):
    return "\n".join(f"{v['receiver']}: a query is in {v['shows']} after {v['seconds']:.1f} s (median of {v['tries']})"
                     if v["seconds"] is not None else f"{v['receiver']}: shows {v['shows']}" for v in visible)


def cores_text(cores):
    return f"{cores:.4f}" if cores < 0.01 else f"{cores:.3f}" if cores < 0.1 else f"{cores:.2f}"


def operator_rows(rows, wire_ns=None):
    """Cores and MiB by queries a second, two frames each, for each set of resolvers; then the cores of XDP and tc, where it is
    known what a query and its answer take there. A rate that was not reached, which is said, counts as what its frames cost at
    the one that was."""
    lines = []
    for rate in sorted({row["rate"] for row in rows if row["rate"]}):
        line = [number(rate / 2)]
        for row in (r for r in rows if r["rate"] == rate):
            reached = row["frames_per_second"] > 0.95 * rate
            cores = row["cores"] if reached else row["cpu_ns"] * rate / 1e9
            at = "" if reached else f" (at {number(row['frames_per_second'] / 2)})"
            line += [cores_text(cores) + at, f"{row['peak_mib']:.0f}"]
        line.append(cores_text(wire_ns * rate / 2 / 1e9) if wire_ns else "-")
        lines.append("| " + " | ".join(line) + " |")
    return "\n".join(lines)


class Picture:
    """CPU a frame by rate, both on logarithmic scales; a line for each receiver, broken for the most resolvers."""

    def __init__(self, rows):
        self.rows = rows
        self.rates = sorted({r["rate"] for r in rows}, key=lambda rate: rate or math.inf)
        values = [r["cpu_ns"] for r in rows if r["cpu_ns"] > 0] or [1]
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
        self.out = []

    def x(self, rate):
        return LEFT + (self.rates.index(rate) + 0.5) / len(self.rates) * (WIDTH - LEFT - RIGHT)

    def y(self, ns):
        share = (math.log10(max(ns, 10**self.low)) - self.low) / max(self.high - self.low, 1)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def text(self, x, y, words, **style):
        style = {"text-anchor": "start", "font-size": "13", **{k.replace("_", "-"): v for k, v in style.items()}}
        attributes = " ".join(f'{k}="{v}"' for k, v in style.items())
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(words)}</text>')

    def axes(self):
        for power in range(self.low, self.high + 1):
            y = self.y(10**power)
            self.out.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
            self.text(LEFT - 8, y + 4, f"{number(10**power)} ns", text_anchor="end")
        for rate in self.rates:
            self.text(self.x(rate), HEIGHT - BOTTOM + 20, rate_name(rate), text_anchor="middle")
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "dnstap frames a second", text_anchor="middle")
        self.text(LEFT, 24, "CPU of the receiver for each frame", font_size="16", font_weight="bold")

    def lines(self):
        kinds = list(dict.fromkeys(r["sources"] for r in self.rows))
        for i, name in enumerate(dict.fromkeys(r["receiver"] for r in self.rows)):
            colour = COLOURS[i % len(COLOURS)]
            for k, sources in enumerate(kinds):
                points = sorted((self.x(r["rate"]), self.y(r["cpu_ns"])) for r in self.rows
                                if (r["receiver"], r["sources"]) == (name, sources))
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                dash = ' stroke-dasharray="6 4"' if k else ""
                self.out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
                self.out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
            self.text(WIDTH - RIGHT + 12, TOP + 14 + 20 * i, name, fill=colour, font_weight="bold")
        for k, sources in enumerate(kinds):
            y = HEIGHT - BOTTOM - 20 * (len(kinds) - k)
            dash = ' stroke-dasharray="6 4"' if k else ""
            self.out.append(f'<path d="M{WIDTH - RIGHT + 12} {y - 4}h24" stroke="#333" stroke-width="2"{dash}/>')
            self.text(WIDTH - RIGHT + 42, y, number(int(sources.rsplit(":", 1)[-1])) + " resolvers", font_size="12")

    def svg(self):
        self.axes()
        self.lines()
        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" fill="#222">\n'
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n' + "\n".join(self.out) + "\n</svg>\n")
