#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What Grafana would not say of a dashboard: panels that lie on each other, variables that nobody defines or uses, links
to boards and pages that are not there."""

import glob
import json
import os
import re

from harness import ROOT, check, check_equal, main, test

OWN = {"__interval", "__interval_ms", "__rate_interval", "__range", "timeFilter", "__url_time_range", "__field", "col"}


# What only a word of `datasets` makes, by what a query names it.
ASKED = {"domains": r"\bdns_domain\b|_dns_top_domain_",
         "addresses": r"\bdns_(address|identity|subnet|talker)\b|_by_(address|identity)_total|_dns_top_(subnet|talker)_",
         "attacks": r"\bdns_attack\b|_dns_attack_",
         "ports": r"\bdns_sport_range\b|_by_sport_range_total"}


def boards():
    for path in sorted(glob.glob(os.path.join(ROOT, "config", "grafana", "*", "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.relpath(path, ROOT), json.load(file)


def strings(value):
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from strings(item)


def used(value):
    """Names of variables in any string of it."""
    names = set()
    for text in strings(value):
        names |= {a or b for a, b in re.findall(r"\$(?:\{(\w+)[^}]*\}|([a-zA-Z_]\w*))", text)}
    return {name for name in names if not name.startswith("tag_") and name not in OWN}


@test
def places(lab):
    """No two panels on one place, none outside of the 24 columns, each with an id of its own."""
    for path, board in boards():
        taken = {}
        for panel in board["panels"]:
            place = panel["gridPos"]
            check(place["x"] + place["w"] <= 24, f"{path}: {panel['title']} is wider than the board")
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    check((x, y) not in taken, f"{path}: {panel['title']} lies on {taken.get((x, y))}")
                    taken[x, y] = panel["title"]
        ids = [panel["id"] for panel in board["panels"]]
        check_equal(len(ids), len(set(ids)), f"{path}: ids")


@test
def variables(lab):
    """What is used is defined, and what is defined is used."""
    for path, board in boards():
        defined = {variable["name"] for variable in board["templating"]["list"]}
        there = used({key: value for key, value in board.items() if key != "templating"})
        among = {name for variable in board["templating"]["list"]
                 for name in used({k: v for k, v in variable.items() if k != "name"})}
        check_equal(there - defined, set(), f"{path}: variables that are not defined")
        check_equal(defined - there - among, set(), f"{path}: variables that are not used")


@test
def panels(lab):
    """Each target's data source is the variable; each panel says what it shows; references are in order."""
    for path, board in boards():
        for panel in board["panels"]:
            what = f"{path}: {panel['title']}"
            if panel["type"] == "row":
                continue
            check(panel["description"], f"{what}: no description")
            check(panel["targets"], f"{what}: no query")
            for target in panel["targets"]:
                check_equal(target["datasource"]["uid"], "${datasource}", f"{what}: data source")
            check_equal([t["refId"] for t in panel["targets"]],
                        [chr(ord("A") + i) for i in range(len(panel["targets"]))], f"{what}: references")


@test
def datasets(lab):
    """A panel that stays empty without a word of `datasets` says which, and no other does."""
    seen = set()
    for path, board in boards():
        for panel in board["panels"]:
            queries = " ".join(strings(panel.get("targets", [])))
            needed = {word for word, names in ASKED.items() if re.search(names, queries)}
            said = set(re.findall(r"the word (\w+) of the option datasets", panel.get("description", "")))
            check_equal(said, needed, f"{path}: {panel['title']}: words of datasets")
            seen |= {(path.split(os.sep)[-2], word) for word in needed}
    check_equal(seen, {(language, word) for language in ("influxql", "flux", "promql") for word in ASKED}, "panels")


@test
def links(lab):
    """Boards, pages of the handbook and paragraphs of the runbook that are linked are there."""
    uids = {board["uid"] for _, board in boards()}
    check_equal(len(uids), len(list(boards())), "uids")
    with open(os.path.join(ROOT, "config", "prometheus", "crosstap-runbook.7.html"), encoding="utf-8") as file:
        anchors = set(re.findall(r'id="([^"]+)"', file.read()))
    seen = set()
    for path, board in boards():
        for text in strings(board):
            for uid in re.findall(r"^/d/([\w-]+)", text):
                check(uid in uids, f"{path}: links the board {uid}, which is not there")
            for page in re.findall(r"^\$\{handbook\}/(.+)\.html$", text):
                check(os.path.exists(os.path.join(ROOT, "config", "man", page)), f"{path}: links the page {page}")
            for anchor in re.findall(r"crosstap-runbook\.7\.html#(\w+)$", text):
                check(anchor in anchors, f"{path}: the runbook has no {anchor}")
                seen.add(anchor)
        tags = {link["tags"][0] for link in board["links"] if link["type"] == "dashboards"}
        check(tags <= set(board["tags"]), f"{path}: its own links do not show it")
    check(len(seen) > 8, f"only {seen} are linked")


if __name__ == "__main__":
    main()
