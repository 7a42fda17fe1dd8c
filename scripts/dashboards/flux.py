# SPDX-License-Identifier: BSD-2-Clause
"""Figures in Flux, of InfluxDB 2 and of 1.8 and later."""

import figures
import table

TYPE, NAME, TITLE = "influxdb", "flux", "Flux"
# A group is a multiple of the agents' window, so that each has as many windows.
STEP = """windowNs = ${window} * 1000000000
step = duration(v: (int(v: v.windowPeriod) + windowNs - 1) / windowNs * windowNs)
"""
RANGE = 'from(bucket: "${bucket}")\n  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)\n'
EVER = 'from(bucket: "${bucket}")\n  |> range(start: -30d)\n'
SITE = ("  |> filter(fn: (r) => (exists r.site and r.site =~ /^${site:regex}$/) or "
        '(not exists r.site and "" =~ /^${site:regex}$/))\n')


def names(columns):
    return "[" + ", ".join(f'"{c}"' for c in columns) + "]"


class Flux:
    def __init__(self, measured):
        self.measured = measured

    def filters(self, measurement, fields, more, scope=("server", "zone", "interface")):
        tags = [t for t in ["server"] + self.measured.tags(measurement) if t in scope]
        either = " or ".join(f'r._field == "{f}"' for f in fields)
        parts = [f'r._measurement == "{measurement}"', f"({either})" if len(fields) > 1 else either]
        parts += [f"r.{t} =~ /^${{{t}:regex}}$/" for t in tags] + [f'r.{k} == "{v}"' for k, v in more.items()]
        return "  |> filter(fn: (r) => " + " and ".join(filter(None, parts)) + ")\n"

    def source(self, figure, *fields):
        return RANGE + self.filters(figure.measurement, fields or (figure.field,), figure.where) + SITE

    def can(self, figure):
        return not isinstance(figure, figures.Metric)

    def query(self, figure):
        return getattr(self, type(figure).__name__.lower())(figure).rstrip()

    def windows(self, figure, function, empty="false"):
        order = '  |> sort(columns: ["_time"])\n' if function in ("last", "first") else ""
        return (f"  |> group(columns: {names(figure.by)})\n{order}"
                f'  |> aggregateWindow(every: step, fn: {function}, timeSrc: "_start", createEmpty: {empty})\n')

    def rate(self, figure):
        zeros = "" if figure.measurement in table.EVERY_WINDOW else "  |> fill(value: 0.0)\n"
        scale = f" / {figure.scale:.1f}" if figure.scale != 1 else ""
        return (STEP + self.source(figure) + "  |> toFloat()\n" + self.windows(figure, "sum", "true" if zeros else "false")
                + zeros + "  |> map(fn: (r) => ({r with _value: r._value * 1000000000.0 / "
                f"float(v: int(v: step)){scale}}}))\n")

    def total(self, figure):
        return self.source(figure) + f"  |> toFloat()\n  |> group(columns: {names(figure.by)})\n  |> sum()\n"

    def level(self, figure):
        return STEP + self.source(figure) + "  |> toFloat()\n" + self.windows(figure, figure.how)

    def sums(self, figure, fields, add, value, divisor):
        """Of columns over a group: `add` {sum: expression of r}, then `value`, an expression of these with a divisor that is
        0 where there is nothing to say."""
        keep = ", ".join(f"{t}: r.{t}" for t in ("_time", "_start", "_stop", *figure.by))
        over_time = not getattr(figure, "total", False)
        text = self.source(figure, *fields) + "  |> toFloat()\n"
        text += '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
        text += "  |> filter(fn: (r) => " + " and ".join(f"exists r.{f}" for f in fields) + ")\n"
        text += f"  |> map(fn: (r) => ({{{keep}, " + ", ".join(f"{k}: {v}" for k, v in add.items()) + "}))\n"
        text += f"  |> group(columns: {names(figure.by)})\n"
        if over_time:
            text += "  |> window(every: step)\n"
        text += "  |> reduce(identity: {" + ", ".join(f"{k}: 0.0" for k in add) + "}, fn: (r, accumulator) => ({"
        text += ", ".join(f"{k}: accumulator.{k} + r.{k}" for k in add) + "}))\n"
        text += f"  |> filter(fn: (r) => r.{divisor} > 0.0)\n  |> map(fn: (r) => ({{r with _value: {value}}}))\n"
        text += f"  |> drop(columns: {names(add)})\n"
        if over_time:
            text += '  |> duplicate(column: "_start", as: "_time")\n'
            text += f"  |> group(columns: {names(figure.by)})\n"
        return (STEP if over_time else "") + text

    def weighted(self, figure):
        of, weight = figure.field, figure.weight
        return self.sums(figure, (of, weight), {"w": f"r.{of} * r.{weight}", "n": f"r.{weight}"}, "r.w / r.n",
                         "n")

    def worst(self, figure):
        return STEP + self.source(figure) + "  |> toFloat()\n" + self.windows(figure, "max")

    def share(self, figure):
        of, less = figure.field, figure.less
        return self.sums(figure, (of, less), {"w": f"r.{of}", "n": f"r.{less}"}, "(r.w - r.n) / r.w", "w")

    def portion(self, figure):
        of, whole = figure.field, figure.whole
        return (STEP + self.source(figure, of, whole) + "  |> toFloat()\n"
                '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
                f"  |> filter(fn: (r) => exists r.{of} and exists r.{whole} and r.{whole} > 0.0)\n"
                f"  |> map(fn: (r) => ({{r with _value: r.{of} / r.{whole}}}))\n" + self.windows(figure, "last"))

    def bins(self, figure):
        fields = "|".join(figure.prefixes)
        return (RANGE + self.filters(figure.measurement, (), figure.where) + f"  |> filter(fn: (r) => r._field =~ /^({fields})/)\n"
                + SITE + '  |> toFloat()\n  |> group(columns: ["_field"])\n  |> sum()\n')

    def words(self, figure):
        return STEP + self.source(figure) + self.windows(figure, "last")

    def rows(self, figure):
        return (self.source(figure, *figure.fields)
                + '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")\n'
                f"  |> filter(fn: (r) => exists r.{figure.fields[0]})\n"
                f'  |> group(columns: {names(figure.by)})\n  |> sort(columns: ["_time"])\n  |> tail(n: 1)\n  |> group()\n'
                f"  |> keep(columns: {names(['_time', *figure.by, *figure.fields])})\n")

    def log(self, figure):
        columns = names(["_time", *figure.by, "_value"])
        return (self.source(figure) + '  |> group()\n  |> sort(columns: ["_time"], desc: true)\n'
                f"  |> limit(n: {figure.limit})\n  |> keep(columns: {columns})\n")

    def odd(self, figure):
        return (self.source(figure) + f'  |> group(columns: {names(figure.by)})\n  |> sort(columns: ["_time"])\n  |> last()\n'
                f'  |> filter(fn: (r) => r._value != "{figure.usual}")\n')

    def silent(self, figure):
        return ("windowNs = ${window} * 1000000000\n"
                f"edge = time(v: (int(v: v.timeRangeStop) / windowNs - {figure.windows - 1}) * windowNs)\n" + self.source(figure)
                + f'  |> group(columns: {names(figure.by)})\n  |> sort(columns: ["_time"])\n  |> last()\n'
                "  |> filter(fn: (r) => r._time < edge)\n  |> map(fn: (r) => ({r with _value: 0.0}))\n")

    def nearest(self, figure):
        of, weight, by = figure.field, figure.weight, ("server", *figure.by)
        each = figures.Weighted(figure.of, by, where=figure.where, weight=weight, total=True)
        return (self.sums(each, (of, weight), {"w": f"r.{of} * r.{weight}", "n": f"r.{weight}"}, "r.w / r.n", "n")
                + f"  |> group(columns: {names(figure.by)})\n  |> min()\n")

    def nodes(self, figure):
        by = names(("server", *figure.by))
        return (STEP + self.source(figure) + f"  |> group(columns: {by})\n"
                '  |> aggregateWindow(every: step, fn: count, timeSrc: "_start", createEmpty: false)\n'
                f'  |> group(columns: {names(("_time", *figure.by))})\n  |> count()\n  |> group(columns: {names(figure.by)})\n')

    def target(self, figure, panel):
        """In a table, tags are columns and not what names a series."""
        query = self.query(figure)
        if panel.kind in ("table", "geomap") and not isinstance(figure, (figures.Rows, figures.Log)):
            query += f'\n  |> group()\n  |> rename(columns: {{_value: "{figure.column}"}})'
            more = ("server",) if isinstance(figure, figures.Nearest) else ()
            query += f"\n  |> keep(columns: {names((*figure.by, *more, figure.column))})"
        return {"query": query}

    def variable(self, tag, measurement):
        scope = {"site": (), "server": ()}.get(tag, ("server",))
        site = SITE if tag != "site" else ""
        return (EVER + self.filters(measurement, (), {}, scope) + site
                + f'  |> keep(columns: ["{tag}"])\n  |> group()\n  |> distinct(column: "{tag}")')

    def window(self):
        return (EVER + self.filters("crosstap", ("interval_s",), {}) + SITE
                + '  |> last()\n  |> group()\n  |> max()\n  |> keep(columns: ["_value"])')

    def annotations(self):
        query = (RANGE + self.filters("crosstap_event", ("text",), {}) + SITE + "  |> group()\n"
                 '  |> map(fn: (r) => ({time: r._time, text: r._value, tags: r.kind + "," + r.server}))')
        return [{"name": "Events", "iconColor": "orange", "target": {"refId": "Events", "query": query}}]
