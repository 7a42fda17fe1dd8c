# SPDX-License-Identifier: BSD-2-Clause
"""What a panel can show of the table. `of`: MEASUREMENT.FIELD; `by`: tags, a series for each value; `where`: {tag:
value}; `legend`: as "p99 {zone}"; `metric`: MEASUREMENT.FIELD whose metric says the same where the field has none."""

import dataclasses


@dataclasses.dataclass
class Figure:
    of: str
    by: tuple = ()
    where: dict = dataclasses.field(default_factory=dict)
    legend: str = ""
    metric: str = ""

    @property
    def measurement(self):
        return self.of.split(".")[0]

    @property
    def field(self):
        return self.of.split(".")[1]

    @property
    def column(self):
        """Of a table."""
        return self.field

    def name(self):
        return self.legend or " ".join(f"{{{tag}}}" for tag in self.by) or self.field


@dataclasses.dataclass
class Rate(Figure):
    """A counter of windows, a second. `scale`: so many of its units are one."""
    scale: float = 1


@dataclasses.dataclass
class Total(Figure):
    """A counter of windows, summed over the panel's range."""


@dataclasses.dataclass
class Level(Figure):
    """What is not summed over time: `how` is max, min, mean or last."""
    how: str = "max"


@dataclasses.dataclass
class Weighted(Figure):
    """The mean of windows' quantiles, weighted by what counts beside each; `quantile` of the histogram `metric`."""
    weight: str = "count"
    quantile: float = 0.5
    total: bool = False  # over the panel's range, not over time


@dataclasses.dataclass
class Worst(Figure):
    """The largest of windows' quantiles, which cannot be summed."""
    quantile: float = 0.99


@dataclasses.dataclass
class Share(Figure):
    """(`of` less `less`) ÷ `of`."""
    less: str = ""


@dataclasses.dataclass
class Portion(Figure):
    """Two levels of now: `of` ÷ `whole`."""
    whole: str = ""


@dataclasses.dataclass
class Bins(Figure):
    """Fields that begin with one of `prefixes`, each a sum over the panel's range; `metric` has them as the values of a
    tag."""
    prefixes: tuple = ()
    tag: str = ""


@dataclasses.dataclass
class Words(Figure):
    """A text over time."""


@dataclasses.dataclass
class Rows(Figure):
    """The fields of the last point of each series."""
    fields: tuple = ()


@dataclasses.dataclass
class Log(Figure):
    """Points as lines, the newest first."""
    limit: int = 50


@dataclasses.dataclass
class Odd(Figure):
    """The last text of each, where it is another one than `usual`."""
    usual: str = "ok"


@dataclasses.dataclass
class Silent(Figure):
    """Who had points in the range, but none in the last `windows` of it."""
    windows: int = 6

    @property
    def column(self):
        return "windows"


@dataclasses.dataclass
class Nearest(Figure):
    """By `by` the node with the least of what Weighted shows of each node that measured it, and how much that is."""
    weight: str = "count"

    @property
    def column(self):
        return f"least_{self.field}"


@dataclasses.dataclass
class Nodes(Figure):
    """How many nodes have a point."""


@dataclasses.dataclass
class Metric(Figure):
    """In PromQL alone: the metric of `of`, where it has a value other than 0; with `info` by the labels of that.
    `how`: max or sum, of nodes and zones together."""
    info: str = ""
    how: str = "max"
    instant: bool = False
