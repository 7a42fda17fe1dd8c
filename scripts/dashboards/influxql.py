# SPDX-License-Identifier: BSD-2-Clause
"""Figures in InfluxQL. Identifiers are quoted, since `queries` and `name` are among the reserved words."""

import figures
import table

TYPE, NAME, TITLE = "influxdb", "influxql", "InfluxQL"
SCOPE = {"server": '"server" =~ /^$server$/', "site": '"site" =~ /^$site$/', "zone": '"zone" =~ /^$zone$/',
         "interface": '"interface" =~ /^$interface$/'}


def quoted(names):
    return "".join(f', "{name}"' for name in names)


class InfluxQL:
    def __init__(self, measured):
        self.measured = measured

    def where(self, measurement, more, time=True):
        tags = ["server", "site"] + [t for t in self.measured.tags(measurement) if t in ("zone", "interface")]
        parts = [SCOPE[t] for t in tags] + [f"\"{k}\" = '{v}'" for k, v in more.items()]
        return " AND ".join(parts + (["$timeFilter"] if time else []))

    def can(self, figure):
        return not isinstance(figure, figures.Metric)

    def query(self, figure):
        return getattr(self, type(figure).__name__.lower())(figure)

    def source(self, figure):
        return f'FROM "{figure.measurement}" WHERE {self.where(figure.measurement, figure.where)}'

    def over_time(self, figure, fill="null"):
        return f"GROUP BY time($__interval){quoted(figure.by)} fill({fill})"

    def grouped(self, figure):
        return " GROUP BY " + quoted(figure.by)[2:] if figure.by else ""

    def rate(self, figure):
        """The mean of windows, so that a group which is no multiple of a window is right too."""
        fill = "none" if figure.measurement in table.EVERY_WINDOW else "0"
        scale = f" / {figure.scale:.0f}" if figure.scale != 1 else ""
        return (f'SELECT mean("n") / $window{scale} FROM (SELECT sum("{figure.field}") AS "n" {self.source(figure)} '
                f"GROUP BY time(${{window}}s){quoted(figure.by)} fill({fill})) WHERE $timeFilter {self.over_time(figure)}")

    def total(self, figure):
        return f'SELECT sum("{figure.field}") AS "{figure.field}" {self.source(figure)}{self.grouped(figure)}'

    def level(self, figure):
        return f'SELECT {figure.how}("{figure.field}") {self.source(figure)} {self.over_time(figure)}'

    def weighted(self, figure):
        inner = f'SELECT "{figure.field}" * "{figure.weight}" AS "w", "{figure.weight}" AS "n" {self.source(figure)}'
        # A window without a quantile has no weight.
        inner += f' AND "{figure.field}" >= 0'
        group = self.grouped(figure)[1:] if figure.total else self.over_time(figure)
        return f'SELECT sum("w") / sum("n") AS "{figure.field}" FROM ({inner}) WHERE $timeFilter {group}'

    def worst(self, figure):
        return f'SELECT max("{figure.field}") {self.source(figure)} {self.over_time(figure)}'

    def share(self, figure):
        whole = f'sum("{figure.field}")'
        return f'SELECT ({whole} - sum("{figure.less}")) / {whole} {self.source(figure)} {self.over_time(figure)}'

    def portion(self, figure):
        return (f'SELECT last("{figure.field}") / last("{figure.whole}") {self.source(figure)} '
                f"{self.over_time(figure, 'none')}")

    def bins(self, figure):
        fields = "|".join(figure.prefixes)
        return f"SELECT sum(/^({fields})/) {self.source(figure)}"

    def words(self, figure):
        return f'SELECT last("{figure.field}") {self.source(figure)} {self.over_time(figure, "none")}'

    def rows(self, figure):
        first, *others = figure.fields
        return f'SELECT last("{first}") AS "{first}"{quoted(others)} {self.source(figure)}{self.grouped(figure)}'

    def log(self, figure):
        fields = f'"{figure.field}"{quoted(figure.by)}'
        return f"SELECT {fields} {self.source(figure)} ORDER BY time DESC LIMIT {figure.limit}"

    def odd(self, figure):
        inner = f'SELECT last("{figure.field}") AS "{figure.field}" {self.source(figure)}{self.grouped(figure)}'
        return (f'SELECT "{figure.field}" FROM ({inner}) WHERE $timeFilter AND "{figure.field}" != \'{figure.usual}\''
                f"{self.grouped(figure)}")

    def silent(self, figure):
        """The mean of so many windows' counts is 0."""
        counts = (f'SELECT moving_average(count("{figure.field}"), {figure.windows}) AS "m" {self.source(figure)} '
                  f"GROUP BY time(${{window}}s){quoted(figure.by)} fill(0)")
        last = f'SELECT last("m") AS "{figure.column}" FROM ({counts}) WHERE $timeFilter{self.grouped(figure)}'
        return (f'SELECT "{figure.column}" FROM ({last}) WHERE $timeFilter AND "{figure.column}" = 0{self.grouped(figure)}')

    def nearest(self, figure):
        inner = f'SELECT "{figure.field}" * "{figure.weight}" AS "w", "{figure.weight}" AS "n" {self.source(figure)}'
        inner += f' AND "{figure.field}" >= 0 AND "{figure.weight}" > 0'
        each = (f'SELECT sum("w") / sum("n") AS "m" FROM ({inner}) WHERE $timeFilter '
                f'GROUP BY "server"{quoted(figure.by)}')
        return f'SELECT min("m") AS "{figure.column}", "server" FROM ({each}) WHERE $timeFilter{self.grouped(figure)}'

    def nodes(self, figure):
        each = (f'SELECT count("{figure.field}") AS "n" {self.source(figure)} '
                f'GROUP BY time($__interval), "server"{quoted(figure.by)} fill(none)')
        return f'SELECT count("n") FROM ({each}) WHERE $timeFilter {self.over_time(figure, "none")}'

    # -- what is around the query

    def target(self, figure, panel):
        words = panel.kind == "table" or panel.kind == "geomap"
        target = {"query": self.query(figure), "rawQuery": True, "resultFormat": "table" if words else "time_series"}
        alias = figure.name()
        for tag in figure.by:
            alias = alias.replace(f"{{{tag}}}", f"$tag_{tag}")
        if isinstance(figure, figures.Bins):
            alias = "$col"
        return target if words else dict(target, alias=alias)

    def variable(self, tag, measurement):
        scope = {"site": [], "server": ["site"]}.get(tag, ["site", "server"])
        where = " WHERE " + " AND ".join(SCOPE[t] for t in scope) if scope else ""
        return f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}"{where}'

    def window(self):
        return ('SELECT max("s") FROM (SELECT last("interval_s") AS "s" FROM "crosstap" '
                f'WHERE {self.where("crosstap", {}, time=False)} GROUP BY "server")')

    def annotations(self):
        query = f'SELECT "text", "kind", "server" FROM "crosstap_event" WHERE {self.where("crosstap_event", {})}'
        return [{"name": "Events", "iconColor": "orange", "query": query, "textColumn": "text",
                 "tagsColumn": "kind,server", "fromAnnotations": True, "textEditor": True,
                 "target": {"refId": "Events", "query": query, "rawQuery": True}}]
