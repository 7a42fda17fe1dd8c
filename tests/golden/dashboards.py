# SPDX-License-Identifier: BSD-2-Clause
"""Dashboards and rules use what exists: each measurement, field, tag and metric that a query of config/ names is in
`crosstap check --measurements`."""

import glob
import json
import os
import re
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMON_TAGS = {"server", "site"}  # of every point; `site` is the README's example of the operator's own
SCRAPE_LABELS = {"instance", "job", "le", "site"}  # Prometheus' own, and what a scrape gives as the README's example
QUERY_KEYS = ("query", "expr", "definition")


class Names:
    """What there is to be named."""

    def __init__(self, document):
        self.points, self.metrics = {}, {}
        for m in document["measurements"]:
            tags = {t["name"] for t in m["tags"]}
            if m["points"]:
                self.points[m["name"]] = ({f["name"] for f in m["fields"] if f["points"]}, tags | COMMON_TAGS)
            for metric in (f["metric"] for f in m["fields"] if "metric" in f):
                for ending in ("_bucket", "_sum", "_count") if metric["type"] == "histogram" else ("",):
                    self.metrics[metric["name"] + ending] = tags | SCRAPE_LABELS


def influxql(names, query):
    """Errors of a query. Identifiers are quoted, values are regular expressions, variables or in single quotes."""
    match = re.search(r'\bFROM\s+"([^"]+)"', query, re.I)
    if not match:
        return ["no quoted measurement"]
    if match[1] not in names.points:
        return [f"no measurement {match[1]}"]
    fields, tags = names.points[match[1]]
    before, after = query[: match.start()], query[match.end():]
    # A query around another knows what that one calls its columns, and tags, by which that one may group.
    levels = re.split(r"FROM \(", before)
    given = [set(re.findall(r'\bAS\s+"([^"]*)"', level, flags=re.I)) for level in levels]
    errors = [f"no column {n}" for level, inner in zip(levels, given[1:]) for n in names_in(level) if n not in inner | tags]
    # A tag that is selected beside a field is a column.
    errors += [f"{match[1]} has no field {f}" for f in names_in(levels[-1]) if f not in fields | tags]
    known = fields | tags | set().union(*given)
    return errors + [f"{match[1]} has no tag {t}" for t in re.findall(r'"([^"$]+)"', after) if t not in known]


def names_in(selected):
    """Without what the query itself calls them."""
    return re.findall(r'"([^"$]+)"', re.sub(r'\bAS\s+"[^"]*"', "", selected, flags=re.I))


def flux(names, query):
    found = re.findall(r'_measurement\s*==\s*"([^"]+)"', query)
    errors = [f"no measurement {m}" for m in found if m not in names.points]
    known = [names.points[m] for m in found if m in names.points]
    fields, tags = (set().union(*(k[i] for k in known)) for i in (0, 1))
    errors += [f"no field {f}" for f in re.findall(r'_field\s*==\s*"([^"]+)"', query) if f not in fields]
    columns = re.findall(r'\br\.([a-z]\w*)', query) + re.findall(r'\br\["([a-z]\w*)"\]', query)
    sums = set(re.findall(r"(\w+):", "".join(re.findall(r"identity: \{([^}]*)\}", query))))
    return errors + [f"no tag {c}" for c in columns if c not in tags | fields | sums]


def promql(names, query):
    metrics = set(re.findall(r"\bcrosstap_\w+", query))
    errors = [f"no metric {m}" for m in sorted(metrics) if m not in names.metrics]
    labels = set().union(*(names.metrics.get(m, set()) for m in metrics))
    used = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", query)
    used += re.findall(r"label_values\([^,]+,\s*(\w+)\)", query)
    for group in re.findall(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", query):
        used += re.findall(r"\w+", group)
    return errors + [f"no label {u}" for u in used if u not in labels]


def errors_of(names, query):
    if "_measurement" in query:
        return flux(names, query)
    if re.search(r"\bFROM\s", query, re.I):
        return influxql(names, query)
    return promql(names, query) if "crosstap_" in query else []


def queries_of(value):
    """All strings in a dashboard that are queries."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in QUERY_KEYS and isinstance(item, str):
                yield item
            else:
                yield from queries_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from queries_of(item)


def rules_of(text):
    """Expressions of a file of Prometheus' rules, of one line or of a block that is indented more deeply."""
    lines = text.splitlines()
    for i, line in enumerate(lines):
        match = re.match(r"(\s*(?:- )?)expr:\s*(.*)", line)
        if not match:
            continue
        expression, depth = match[2].lstrip("|>-"), len(match[1])
        for more in lines[i + 1:]:
            if more.strip() and len(more) - len(more.lstrip()) <= depth:
                break
            expression += " " + more.strip()
        yield expression


def check_names(program):
    """The number of queries looked at."""
    done = subprocess.run([program, "check", "--measurements"], capture_output=True, text=True, timeout=60, check=True)
    names = Names(json.loads(done.stdout))
    queries = []
    for path in sorted(glob.glob(os.path.join(ROOT, "config", "grafana", "*", "*.json"))):
        with open(path, encoding="utf-8") as file:
            queries += [(path, query) for query in queries_of(json.load(file))]
    for path in sorted(glob.glob(os.path.join(ROOT, "config", "grafana", "*.y*ml"))):
        with open(path, encoding="utf-8") as file:
            queries += [(path, json.loads(text)) for text in re.findall(r'^ *query: (".*")$', file.read(), re.M)]
    for path in sorted(glob.glob(os.path.join(ROOT, "config", "prometheus", "*.y*ml"))):
        with open(path, encoding="utf-8") as file:
            queries += [(path, query) for query in rules_of(file.read())]
    errors = [f"{os.path.basename(path)}: {e}: {query}" for path, query in queries for e in errors_of(names, query)]
    assert not errors, "\n".join(errors)
    assert len(queries) > 20, f"only {len(queries)} queries found"
    check_the_check(names)
    return len(queries)


def check_the_check(names):
    """Names that are not there are found, wherever they stand."""
    for query in ('SELECT sum("query") FROM "dns" GROUP BY "zone"', 'SELECT sum("queries") FROM "dnss"',
                  'SELECT sum("queries") FROM "dns" WHERE "qtype" = \'A\'',
                  'SELECT mean("n") FROM (SELECT sum("query") AS "n" FROM "dns" WHERE $timeFilter)',
                  'SELECT mean("m") FROM (SELECT sum("queries") AS "n" FROM "dns" WHERE $timeFilter)',
                  'SELECT min("k") FROM (SELECT last("n") AS "m" FROM (SELECT sum("queries") AS "n" FROM "dns" GROUP BY "zone"))',
                  'SELECT min("m") FROM (SELECT sum("queries") AS "m" FROM "dns" GROUP BY "zon") GROUP BY "server"',
                  'SELECT sum("query") AS "query" FROM "dns"',
                  'SHOW TAG VALUES FROM "dns" WITH KEY = "zon"', "rate(crosstap_dns_queries[5m])",
                  'crosstap_verdict{verdikt="ok"}', "sum by (zon) (crosstap_dns_queries_total)",
                  "crosstap_dns_response_time_seconds", "label_values(crosstap_dns_queries_total, zon)",
                  'from(bucket: "dns") |> filter(fn: (r) => r._measurement == "dns" and r._field == "querys")',
                  'from(bucket: "dns") |> filter(fn: (r) => r._measurement == "dns" and r.zon == "x")'):
        assert errors_of(names, query), f"not found to be wrong: {query}"
    rules = [rule.split() for rule in rules_of("  - expr: |\n      a >\n      b\n    for: 1m\n  - expr: c\n")]
    assert rules == [["a", ">", "b"], ["c"]], rules
