# SPDX-License-Identifier: BSD-2-Clause
"""What a panel looks like, whatever the language: units, words, thresholds, legends, how tables are put together."""

import figures

# Of UCUM, as the table has it: what Grafana calls a level of it, and a rate.
UNITS = {"By": ("bytes", "Bps"), "us": ("µs", "percentunit"), "ms": ("ms", "short"), "s": ("s", "short"),
         "{query}": ("short", "count:queries/s"), "{response}": ("short", "count: responses/s"),
         "{packet}": ("short", "pps"), "": ("none", "none")}
COLOURS = {"ok": "green", "partial": "blue", "wire-blind": "purple", "dnstap-blind": "purple", "stack-loss": "red",
           "socket-loss": "red", "rate-limited": "yellow", "server-silent": "dark-red", "dnstap-loss": "orange"}
# What a figure is, before the table's words.
HOW = {figures.Rate: "A second, averaged over whole windows. ", figures.Total: "Summed over the range shown. ",
       figures.Weighted: "Quantiles of windows, weighted by what counts in each. ", figures.Worst: "The largest of windows. ",
       figures.Bins: "Summed over the range shown. ", figures.Rows: "Of the last window that has it. ",
       figures.Odd: "Only where it is not ok. ", figures.Silent: "Nodes that had windows in the range shown, and none in its last six. ",
       figures.Nearest: "Of each node that measured it, by the same rule; the least, and whose it is. ",
       figures.Nodes: "How many nodes have one. "}


class Form:
    def __init__(self, language, measured, panel, shown, limit):
        self.language, self.measured, self.panel, self.shown, self.limit = language, measured, panel, shown, limit
        self.promql = type(language).__name__ == "PromQL"

    def words(self, figure):
        of = (figure.metric or figure.of) if self.promql else figure.of
        if isinstance(figure, figures.Share):
            return f"({figure.field} less {figure.less}) ÷ {figure.field}. "
        if isinstance(figure, figures.Portion):
            return f"{figure.field} ÷ {figure.whole}. "
        if isinstance(figure, figures.Bins) and not self.promql:
            return self.measured.field(figure.of)["help"]
        return self.measured.field(of)["help"]

    def description(self):
        said, last = [], None
        for figure in self.shown:
            how = HOW.get(type(figure), "")
            words = self.words(figure).replace("`", "")
            words = f"{figure.field}: {words}" if len(self.shown) > 1 else words
            said.append((how if how != last else "") + words)
            last = how
        text = "\n\n".join(dict.fromkeys(said))
        if self.limit:
            text += f"\n\nThe alert {self.panel.alert} has its threshold at {self.limit[1]}."
        return text.strip() + (f"\n\n{self.panel.note}" if self.panel.note else "")

    def unit(self, figure):
        if self.panel.unit:
            return self.panel.unit
        if isinstance(figure, (figures.Share, figures.Portion)):
            return "percentunit"
        of = (figure.metric or figure.of) if self.promql else figure.of
        if isinstance(figure, (figures.Words, figures.Rows, figures.Log, figures.Odd)):
            return "none"
        level, rate = UNITS.get(self.measured.field(of)["unit"], ("short", "cps"))
        if self.promql and level in ("µs", "ms"):
            level = "s"
        return rate if isinstance(figure, figures.Rate) else level

    def thresholds(self):
        if not self.limit:
            return {"mode": "absolute", "steps": [{"color": "green", "value": None}]}
        kind, limit = self.limit
        # More than 0 is the least that there is above it.
        edge = limit if limit else 1e-9
        low, high = ("green", "red") if kind == "gt" else ("red", "green")
        return {"mode": "absolute", "steps": [{"color": low, "value": None}, {"color": high, "value": edge}]}

    def mappings(self):
        if self.panel.kind != "state-timeline":
            return []
        if self.promql:
            return [{"type": "value", "options": {"1": {"text": "so", "color": "orange", "index": 0}}}]
        return [{"type": "value", "options": {word: {"text": word, "color": colour, "index": i}
                                              for i, (word, colour) in enumerate(COLOURS.items())}}]

    def custom(self):
        if self.panel.kind == "timeseries":
            custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 40 if self.panel.stack else 10,
                      "showPoints": "never", "spanNulls": False,
                      "stacking": {"mode": "normal" if self.panel.stack else "none", "group": "A"}}
            return dict(custom, thresholdsStyle={"mode": "line"}) if self.limit else custom
        if self.panel.kind == "state-timeline":
            return {"lineWidth": 0, "fillOpacity": 80}
        return {"align": "auto", "inspect": False} if self.panel.kind == "table" else {}

    def overrides(self):
        """Names of series in Flux, and units of a table's columns."""
        flux = type(self.language).__name__ == "Flux"
        for i, figure in enumerate(self.shown):
            properties = []
            if flux and self.panel.kind not in ("table", "geomap"):
                name = figure.name() if not isinstance(figure, figures.Bins) else "${__field.name}"
                for tag in figure.by:
                    name = name.replace(f"{{{tag}}}", f"${{__field.labels.{tag}}}")
                if isinstance(figure, figures.Bins):
                    name = "${__field.labels._field}"
                properties.append({"id": "displayName", "value": name})
            if self.unit(figure) != self.unit(self.shown[0]):
                properties.append({"id": "unit", "value": self.unit(figure)})
            if properties:
                yield {"matcher": {"id": "byFrameRefID", "options": chr(ord("A") + i)}, "properties": properties}

    def field_config(self, zone_board):
        defaults = {"unit": self.unit(self.shown[0]), "custom": self.custom(), "mappings": self.mappings(),
                    "thresholds": self.thresholds(),
                    "color": {"mode": "thresholds" if self.panel.kind in ("stat", "geomap") else "palette-classic"}}
        if zone_board:
            defaults["links"] = [{"title": "To the zone ${__field.labels.zone}", "targetBlank": False, "url":
                                  f"/d/{zone_board}?var-zone=${{__field.labels.zone}}&${{__url_time_range}}"
                                  "&${server:queryparam}&${site:queryparam}"}]
        if self.panel.kind == "timeseries" and all(isinstance(f, figures.Rate) for f in self.shown):
            defaults["min"] = 0
        return {"defaults": defaults, "overrides": list(self.overrides())}

    def options(self):
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []}
        values = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        tooltip = {"mode": "multi", "sort": "desc"}
        return {"timeseries": {"legend": legend, "tooltip": tooltip},
                "stat": {"reduceOptions": values, "colorMode": "value", "graphMode": "area", "justifyMode": "auto",
                         "orientation": "auto", "textMode": "auto", "wideLayout": True, "showPercentChange": False,
                         "percentChangeColorMode": "standard"},
                "bargauge": {"reduceOptions": values, "displayMode": "gradient", "orientation": "horizontal",
                             "showUnfilled": True, "valueMode": "color", "namePlacement": "auto", "sizing": "auto",
                             "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300,
                             "legend": dict(legend, showLegend=False)},
                "piechart": {"reduceOptions": values, "pieType": "donut", "orientation": "auto", "legend": dict(legend, values=["percent"]),
                             "tooltip": tooltip, "displayLabels": ["name", "percent"]},
                "state-timeline": {"mergeValues": True, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9,
                                   "legend": legend, "tooltip": tooltip},
                "table": {"showHeader": True, "cellHeight": "sm", "frameIndex": 0, "footer": {"show": False, "reducer": [],
                                                                             "countRows": False, "fields": ""}},
                "geomap": self.map()}[self.panel.kind]

    def columns(self):
        """What the values of a table's figures are called, as the data source calls them."""
        for i, figure in enumerate(self.shown):
            if isinstance(figure, (figures.Rows, figures.Log)):
                continue
            value = "Value" if len(self.shown) == 1 else f"Value #{chr(ord('A') + i)}"
            yield figure, value if self.promql else figure.column

    def map(self):
        names = {("queries" if figure.field == "queries" else figure.field): figure.field for figure in self.shown}
        rtt = next((name for name in names if name.startswith("icmp")), "")
        if not rtt:
            return {}
        marker = {"type": "markers", "name": "countries", "tooltip": True,
                  "location": {"mode": "lookup", "lookup": "country", "gazetteer": "public/gazetteer/countries.json"},
                  "config": {"showLegend": True, "style": {
                      "color": {"field": rtt, "fixed": "dark-green"}, "opacity": 0.6,
                      "size": {"field": "queries", "fixed": 5, "min": 4, "max": 30},
                      "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"}}}}
        return {"view": {"id": "zero", "lat": 20, "lon": 10, "zoom": 2, "allLayers": True}, "layers": [marker],
                "basemap": {"type": "default", "name": "map", "config": {}},
                "controls": {"showZoom": True, "mouseWheelZoom": False, "showAttribution": True},
                "tooltip": {"mode": "details"}}

    def transformations(self):
        """Columns of several queries, side by side, with the fields' own names."""
        if self.panel.kind not in ("table", "geomap"):
            if any(isinstance(f, figures.Bins) for f in self.shown) and type(self.language).__name__ == "InfluxQL":
                return [{"id": "renameByRegex", "options": {"regex": "^sum_(.*)$", "renamePattern": "$1"}}]
            return []
        names = {column: figure.column for figure, column in self.columns() if column != figure.column}
        hidden = {"Time": True, "_start": True, "_stop": True}
        changes = [{"id": "organize", "options": {"excludeByName": hidden if not self.log() else {}, "indexByName": {},
                                                  "renameByName": names}}]
        if self.panel.join and len(self.shown) > 1:
            changes.insert(0, {"id": "joinByField", "options": {"byField": self.panel.join, "mode": "outer"}})
        elif len(self.shown) > 1:
            changes.insert(0, {"id": "merge", "options": {}})
        return changes

    def log(self):
        return any(isinstance(figure, figures.Log) for figure in self.shown)
