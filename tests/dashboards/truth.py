# SPDX-License-Identifier: BSD-2-Clause
"""What a figure of scripts/dashboards must show, computed from the points that the agent wrote to a file, and from its
/metrics as they were read all along."""

import figures

NANO = 1_000_000_000
OF_A_WINDOW = ("crosstap_dns_top_", "crosstap_dns_clients_", "crosstap_dns_attack_")


class Truth:
    def __init__(self, points, over):
        self.points, self.over = points, over

    def rows(self, figure, *fields):
        """[(seconds, tags, fields)] of its points that have all the fields."""
        for name, tags, have, stamp in self.points.points:
            if name == figure.measurement and all(tags.get(k) == v for k, v in figure.where.items()) and \
                    all(f in have for f in fields or (figure.field,)):
                yield stamp / NANO, tags, have

    @staticmethod
    def group(figure, tags):
        return tuple(tags.get(t, "") for t in figure.by)

    def step(self, figure, seconds):
        return seconds // self.over.step * self.over.step

    def total(self, figure):
        """{group: sum}"""
        sums = {}
        for _, tags, have in self.rows(figure):
            key = self.group(figure, tags)
            sums[key] = sums.get(key, 0) + have[figure.field]
        return sums

    rate = total

    def steps(self, figure, *fields):
        """{(group, step): [(seconds, fields)]}"""
        found = {}
        for seconds, tags, have in self.rows(figure, *fields):
            found.setdefault((self.group(figure, tags), self.step(figure, seconds)), []).append((seconds, have))
        return found

    def level(self, figure):
        how = {"max": max, "min": min, "mean": lambda values: sum(values) / len(values), "last": lambda values: values[-1]}
        return {key: how[figure.how]([have[figure.field] for _, have in sorted(rows, key=lambda row: row[0])])
                for key, rows in self.steps(figure).items()}

    def windows(self, figure, window_s):
        """{(group, step): a second's share} of what comes in every window: a step in which some are missing has the mean of
        those that are there."""
        sums = {}
        for seconds, tags, have in self.rows(figure):
            windows = sums.setdefault((self.group(figure, tags), self.step(figure, seconds)), {})
            window = seconds // window_s
            windows[window] = windows.get(window, 0) + have[figure.field]
        return {key: sum(windows.values()) / len(windows) / window_s / figure.scale for key, windows in sums.items()}

    def worst(self, figure):
        return {key: max(have[figure.field] for _, have in rows) for key, rows in self.steps(figure).items()}

    def words(self, figure):
        return {key: sorted(rows, key=lambda row: row[0])[-1][1][figure.field] for key, rows in self.steps(figure).items()}

    def weighted(self, figure):
        sums = {}
        for seconds, tags, have in self.rows(figure, figure.field, figure.weight):
            key = self.group(figure, tags) if figure.total else (self.group(figure, tags), self.step(figure, seconds))
            w, n = sums.get(key, (0, 0))
            sums[key] = w + have[figure.field] * have[figure.weight], n + have[figure.weight]
        return {key: w / n for key, (w, n) in sums.items() if n}

    def share(self, figure):
        sums = {}
        for key, rows in self.steps(figure, figure.field, figure.less).items():
            of, less = (sum(have[f] for _, have in rows) for f in (figure.field, figure.less))
            if of:
                sums[key] = (of - less) / of
        return sums

    def portion(self, figure):
        last = {key: sorted(rows, key=lambda row: row[0])[-1][1] for key, rows in
                self.steps(figure, figure.field, figure.whole).items()}
        return {key: have[figure.field] / have[figure.whole] for key, have in last.items() if have[figure.whole]}

    def bins(self, figure):
        sums = {}
        for have in self.all_of(figure):
            for field, value in have.items():
                if field.startswith(tuple(figure.prefixes)):
                    sums[field] = sums.get(field, 0) + value
        return {field: n for field, n in sums.items() if n}

    def all_of(self, figure):
        for name, tags, have, _ in self.points.points:
            if name == figure.measurement and all(tags.get(k) == v for k, v in figure.where.items()):
                yield have

    def last(self, figure):
        """{group: fields} of the last point of each."""
        found = {}
        for seconds, tags, have in sorted(self.rows(figure, figure.fields[0]), key=lambda row: row[0]):
            found[self.group(figure, tags)] = {f: have.get(f) for f in figure.fields}
        return found

    def odd(self, figure):
        """{group: text}"""
        return {key: fields[figure.field] for key, fields in self.newest(figure).items() if fields[figure.field] != figure.usual}

    def silent(self, figure, window_s):
        """{group: 0.0}: the last windows of the range, the one that has just begun among them, have none."""
        edge = (self.over.stop // window_s - figure.windows + 1) * window_s
        last = {}
        for seconds, tags, _ in self.rows(figure):
            key = self.group(figure, tags)
            last[key] = max(last.get(key, 0), seconds)
        return {key: 0.0 for key, seconds in last.items() if seconds < edge}

    def nearest(self, figure):
        """{group: (node, value)}"""
        sums, least = {}, {}
        for _, tags, have in self.rows(figure, figure.field, figure.weight):
            key = self.group(figure, tags), tags["server"]
            w, n = sums.get(key, (0, 0))
            sums[key] = w + have[figure.field] * have[figure.weight], n + have[figure.weight]
        for (group, server), (w, n) in sums.items():
            if n and (group not in least or w / n < least[group][1]):
                least[group] = server, w / n
        return least

    def nodes(self, figure):
        """{(group, step): nodes}"""
        found = {}
        for seconds, tags, _ in self.rows(figure):
            found.setdefault((self.group(figure, tags), self.step(figure, seconds)), set()).add(tags["server"])
        return {key: len(servers) for key, servers in found.items()}

    def newest(self, figure):
        found = {}
        for _, tags, have in sorted(self.rows(figure), key=lambda row: row[0]):
            found[self.group(figure, tags)] = have
        return found

    def texts(self, figure):
        return [(round(seconds * 1000), *self.group(figure, tags), have[figure.field])
                for seconds, tags, have in sorted(self.rows(figure), key=lambda row: -row[0])]


class Metrics:
    """/metrics, read again and again by a thread of the test: what it was first, last, and ever."""

    def __init__(self):
        self.first, self.last, self.ever, self.scrapes = None, None, {}, []

    def begin(self, samples):
        """What grows is counted from here on."""
        self.first = samples
        self.add(samples)

    def add(self, samples):
        self.last = samples
        # What is greatest has its rank for a window only.
        self.scrapes.append({key: value for key, value in samples.items() if key[0].startswith(OF_A_WINDOW)})
        for key, value in samples.items():
            self.ever.setdefault(key, set()).add(value)

    def grown(self, name, by, where):
        """{group: increase from first to last}"""
        sums = {}
        for (metric, labels), value in self.last.items():
            have = dict(labels)
            if metric == name and all(have.get(k) == v for k, v in where.items()):
                key = tuple(have.get(t, "") for t in by)
                sums[key] = sums.get(key, 0) + value - self.first.get((metric, labels), 0)
        return sums

    def values(self, name):
        """All that a metric has ever been."""
        return {value for (metric, _), values in self.ever.items() if metric == name for value in values}

    def shown(self, name, info, how, by, where):
        """{group: values}: all that each has ever been, of a metric by its own labels, or by those of `info`, which has
        the same ones and more."""
        found, add = {}, {"sum": sum, "max": max}[how]
        for samples in self.scrapes:
            groups = {}
            for labels, value in self.labelled(samples, name, info):
                if all(labels.get(k) == v for k, v in where.items()):
                    groups.setdefault(tuple(labels.get(t, "") for t in by), []).append(value)
            for group, values in groups.items():
                found.setdefault(group, set()).add(add(values))
        return found

    @staticmethod
    def labelled(samples, name, info):
        """(labels, value) of each sample of a metric."""
        infos = [dict(labels) for metric, labels in samples if metric == info] if info else []
        for (metric, labels), value in samples.items():
            if metric != name:
                continue
            if not info:
                yield dict(labels), value
            for more in infos:
                if set(labels) <= set(more.items()):
                    yield more, value

    def quantile(self, name, quantile, by, where):
        """{group: quantile} of a histogram's growth, by the rule of Prometheus: straight within a bucket."""
        groups = {}
        for (metric, labels), value in self.last.items():
            have = dict(labels)
            if metric == name + "_bucket" and all(have.get(k) == v for k, v in where.items()):
                counts = groups.setdefault(tuple(have.get(t, "") for t in by), {})
                grown = value - self.first.get((metric, labels), 0)
                counts[float(have["le"])] = counts.get(float(have["le"]), 0) + grown
        return {key: self.straight(sorted(counts.items()), quantile) for key, counts in groups.items()
                if max(counts.values())}

    @staticmethod
    def straight(counts, quantile):
        rank, below, edge = quantile * counts[-1][1], 0, 0.0
        for le, n in counts:
            if n >= rank:
                return edge if le == float("inf") else edge + (le - edge) * (rank - below) / (n - below)
            below, edge = n, le
        return edge


def is_rank(figure):
    return isinstance(figure, figures.Weighted) and figure.metric.startswith("dns_top_")
