# SPDX-License-Identifier: BSD-2-Clause
"""What must add up in points: countries, ASes and resolvers of a zone are its queries, to the last one."""

from checks import check, check_equal


def by_window(points, measurement, field):
    """{(zone, time): sum}"""
    result = {}
    for name, tags, fields, stamp in points.points:
        if name == measurement and field in fields:
            key = (tags["zone"], stamp)
            result[key] = result.get(key, 0) + fields[field]
    return {k: v for k, v in result.items() if v}


def check_adds_up(points, measurements=("dns_country", "dns_asn", "dns_resolver")):
    queries = by_window(points, "dns", "queries")
    check(queries, "no points")
    for measurement in measurements:
        check_equal(by_window(points, measurement, "queries"), queries, f"{measurement}: queries of windows and zones")
        if measurement != "dns_resolver":
            check_equal(by_window(points, measurement, "responses"), by_window(points, "dns", "responses"),
                        f"{measurement}: responses")
            check_equal(by_window(points, measurement, "sources"), by_window(points, "dns_sources", "sources"),
                        f"{measurement}: sources")
    nxdomain = {}
    for name, tags, fields, stamp in points.points:
        if name == "dns_rcode" and tags["rcode"] == "NXDOMAIN":
            nxdomain[tags["zone"], stamp] = fields["responses"]
    check_equal(by_window(points, "dns_resolver", "nxdomain"), nxdomain, "dns_resolver: nxdomain")
    check_equal(points.duplicates(), [], "series and times written twice")
    for name, _, fields, _ in points.points:
        if name in ("dns_country", "dns_asn"):
            check_equal(fields["queries_icmp"] + fields["queries_tcp"] - fields["queries_both"]
                        + fields["queries_unmeasured"], fields["queries"], "measured and unmeasured queries")
