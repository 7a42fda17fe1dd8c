# SPDX-License-Identifier: BSD-2-Clause
"""Ratios of runs with crosstap to runs without dnstap before and after, and which of them are outside of what those two
differ by themselves."""

import statistics

# Of a run, at a load; is more of it worse?
FIGURES = (("rate", "best", "best rate", False), ("p99_us", "best", "p99 at the best rate", True),
           ("rate", "half", "answers at half", False), ("p99_us", "half", "p99 at half", True))


def ratio(run, figure):
    without = [plain[figure] for plain in run["plain"]]
    return run["with"][figure] / statistics.mean(without) if min(without) > 0 else None


def same(runs, figure, load):
    """The least and the most that a run without dnstap is of the one before it, either way round."""
    pairs = [[plain[figure] for plain in run["plain"]] for run in runs if run["load"] == load]
    ratios = [a / b for pair in pairs if min(pair) > 0 for a, b in (pair, pair[::-1])]
    return (min(ratios), max(ratios)) if ratios else (1.0, 1.0)


def summary(runs):
    """[{nameserver, state, figure, ratio, range, same, outside}], of the runs of one nameserver."""
    rows = []
    for figure, load, title, more_is_worse in FIGURES:
        interval = same(runs, figure, load)
        for state in dict.fromkeys(run["state"] for run in runs):
            ratios = [r for run in runs if (run["state"], run["load"]) == (state, load) for r in [ratio(run, figure)] if r]
            if ratios:
                middle = statistics.median(ratios)
                outside = middle > interval[1] if more_is_worse else middle < interval[0]
                rows.append({"nameserver": runs[0]["nameserver"], "state": state, "figure": title, "ratio": middle,
                             "range": [min(ratios), max(ratios)], "same": interval, "outside": outside})
    return rows


def table(rows):
    titles = [title for _, _, title, _ in FIGURES]
    lines = [[rows[0]["nameserver"], *titles]]
    for state in dict.fromkeys(row["state"] for row in rows):
        own = {row["figure"]: f"{row['ratio']:.3f}{' *' if row['outside'] else ''}" for row in rows if row["state"] == state}
        lines.append([state] + [own.get(title, "-") for title in titles])
    interval = {row["figure"]: "{:.3f} to {:.3f}".format(*row["same"]) for row in rows}
    lines.append(["A/A"] + [interval.get(title, "-") for title in titles])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)
