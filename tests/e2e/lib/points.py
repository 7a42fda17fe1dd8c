# SPDX-License-Identifier: BSD-2-Clause
"""Points of a line protocol file."""


def _unescaped_split(text, separator):
    """Splits at separators that are neither escaped nor inside double quotes."""
    parts, part, quoted, i = [], "", False, 0
    while i < len(text):
        c = text[i]
        if c == "\\" and i + 1 < len(text):
            part += text[i:i + 2]
            i += 2
            continue
        if c == '"':
            quoted = not quoted
        if c == separator and not quoted:
            parts.append(part)
            part = ""
        else:
            part += c
        i += 1
    return parts + [part]


def _unescape(text):
    result, i = "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in ', ="\\':
            i += 1
        result += text[i]
        i += 1
    return result


def _field(text):
    if text.startswith('"'):
        return _unescape(text[1:-1])
    if text.endswith("i"):
        return int(text[:-1])
    return {"t": True, "f": False}.get(text) if text in "tf" else float(text)


class Points:
    """Points of a line protocol file."""

    def __init__(self, text):
        self.points = []  # (measurement, tags, fields, time)
        for line in text.splitlines():
            head, fields, stamp = _unescaped_split(line, " ")
            name, *tags = _unescaped_split(head, ",")
            self.points.append((
                _unescape(name), {_unescape(k): _unescape(v) for k, v in (_unescaped_split(t, "=") for t in tags)},
                {_unescape(k): _field(v) for k, v in (_unescaped_split(f, "=") for f in _unescaped_split(fields, ","))},
                int(stamp)))

    def by(self, measurement, field, *group, **tags):
        """{value of the tags in group: sum of the field}, without what is 0."""
        result = {}
        for name, have, fields, _ in self.points:
            if name == measurement and field in fields and all(have.get(k) == v for k, v in tags.items()):
                key = tuple(have.get(g, "") for g in group)
                result[key] = result.get(key, 0) + fields[field]
        return {k: v for k, v in result.items() if v}

    def duplicates(self):
        """Series and times that were written more than once: InfluxDB would overwrite the first."""
        seen, twice = set(), []
        for name, tags, _, stamp in self.points:
            key = (name, tuple(sorted(tags.items())), stamp)
            if key in seen:
                twice.append(key)
            seen.add(key)
        return twice
