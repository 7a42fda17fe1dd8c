# SPDX-License-Identifier: BSD-2-Clause
"""Figures in PromQL. An agent is a target: `instance` stands for `server`, and `site` is a label of the scrape's."""

import figures

TYPE, NAME, TITLE = "prometheus", "promql", "PromQL"


def label(tag):
    return "instance" if tag == "server" else tag


class PromQL:
    def __init__(self, measured):
        self.measured = measured

    def of(self, figure):
        return figure.metric or figure.of

    def can(self, figure):
        if isinstance(figure, (figures.Words, figures.Rows, figures.Log, figures.Nodes)):
            return False
        if isinstance(figure, figures.Share):
            return all(self.measured.metric(f"{figure.measurement}.{f}") for f in (figure.field, figure.less))
        return self.measured.metric(self.of(figure)) is not None

    def query(self, figure):
        return getattr(self, type(figure).__name__.lower())(figure)

    def series(self, figure, of=None, ending=""):
        of = of or self.of(figure)
        tags = ["server", "site"] + [t for t in self.measured.tags(of.split(".")[0]) if t in ("zone", "interface")]
        parts = [f'{label(t)}=~"${t}"' for t in tags] + [f'{label(k)}="{v}"' for k, v in figure.where.items()]
        return f"{self.measured.metric(of)}{ending}{{{','.join(parts)}}}"

    def by(self, figure, *more):
        tags = [*more, *map(label, figure.by)]
        return f" by ({', '.join(tags)})" if tags else ""

    def rate(self, figure):
        return f"sum{self.by(figure)} (rate({self.series(figure)}[$__rate_interval]))"

    def total(self, figure):
        return f"sum{self.by(figure)} (increase({self.series(figure)}[$__range]))"

    def level(self, figure):
        if figure.how == "mean":
            return f"avg{self.by(figure)} (avg_over_time({self.series(figure)}[$__rate_interval]))"
        how = "max" if figure.how == "last" else figure.how
        return f"{how}{self.by(figure)} ({self.series(figure)})"

    def histogram(self, figure):
        rate = f"rate({self.series(figure, ending='_bucket')}[$__rate_interval])"
        return f"histogram_quantile({figure.quantile}, sum{self.by(figure, 'le')} ({rate}))"

    def weighted(self, figure):
        """Of what is in /metrics by rank alone there is a mean of these."""
        if not self.measured.has(self.of(figure).split(".")[0] + "_info.info"):
            return self.histogram(figure)
        return f"avg{self.by(figure)} ({self.ranked(figure)})"

    def ranked(self, figure):
        of = self.of(figure).split(".")[0]
        same = self.measured.tags(of)
        labels = [t for t in self.measured.tags(f"{of}_info") if t not in same]
        return (f"{self.series(figure)} * on (instance, {', '.join(same)}) group_left ({', '.join(labels)}) "
                f"{self.series(figure, f'{of}_info.info')}")

    def worst(self, figure):
        return self.histogram(figure)

    def share(self, figure):
        less = f"rate({self.series(figure, figure.measurement + '.' + figure.less)}[$__rate_interval])"
        return f"1 - sum{self.by(figure)} ({less}) / sum{self.by(figure)} (rate({self.series(figure)}[$__rate_interval]))"

    def portion(self, figure):
        measurement = self.of(figure).split(".")[0]
        whole = self.series(figure, f"{measurement}.{figure.whole}")
        return f"max{self.by(figure)} ({self.series(figure)} / ({whole} > 0))"

    def bins(self, figure):
        return f"sum by ({figure.tag}) (increase({self.series(figure)}[$__range]))"

    def metric(self, figure):
        if figure.info:
            return f"{figure.how}{self.by(figure)} ({self.ranked(figure)})"
        return f"{figure.how}{self.by(figure)} ({self.series(figure)}) > 0"

    def odd(self, figure):
        """Of a metric that is 1 for what holds."""
        tag = self.measured.tags(self.of(figure).split(".")[0])[0]
        series = self.series(figure)[:-1] + f',{tag}!="{figure.usual}"}}'
        return f"max{self.by(figure, tag)} ({series}) > 0"

    def silent(self, figure):
        """How long ago the end of the last window was that it told of."""
        return (f"time() - max{self.by(figure)} (last_over_time({self.series(figure)}[$__range])) "
                f"> {figure.windows} * $window")

    def nearest(self, figure):
        by = ", ".join(map(label, figure.by))
        return f"bottomk by ({by}) (1, avg{self.by(figure, 'instance')} ({self.ranked(figure)}))"

    def target(self, figure, panel):
        legend = figure.name()
        for tag in (*figure.by, getattr(figure, "tag", "")):
            legend = legend.replace(f"{{{tag}}}", f"{{{{{label(tag)}}}}}")
        if isinstance(figure, figures.Bins):
            legend = f"{{{{{figure.tag}}}}}"
        once = isinstance(figure, (figures.Total, figures.Bins, figures.Odd, figures.Silent, figures.Nearest)) or getattr(figure, "total", False) is True or \
            getattr(figure, "instant", False)
        shape = "table" if panel.kind in ("table", "geomap") else "time_series"
        return {"expr": self.query(figure), "legendFormat": legend, "instant": once, "range": not once, "format": shape}

    def variable(self, tag, measurement):
        metric = {"crosstap": "crosstap_interval_seconds", "dns": "crosstap_dns_queries_total",
                  "wire": "crosstap_wire_packets_total"}[measurement]
        scope = {"site": [], "server": ["site"]}.get(tag, ["site", "server"])
        matchers = ",".join(f'{label(t)}=~"${t}"' for t in scope)
        return f"label_values({metric}{{{matchers}}}, {label(tag)})"

    def window(self):
        return 'query_result(max(crosstap_interval_seconds{instance=~"$server",site=~"$site"}))'

    def annotations(self):
        scope = '{instance=~"$server",site=~"$site"'
        return [{"name": "Starts", "iconColor": "orange", "expr": f"crosstap_start_time_seconds{scope}}} * 1000",
                 "useValueForTime": True, "titleFormat": "start", "textFormat": "{{instance}} was started",
                 "tagKeys": "instance"},
                {"name": "Verdicts", "iconColor": "red", "titleFormat": "{{verdict}}", "textFormat": "{{instance}}",
                 "tagKeys": "instance,verdict",
                 "expr": f'max by (instance, verdict) (crosstap_verdict{scope},verdict!~"ok|partial"}}) == 1'}]
