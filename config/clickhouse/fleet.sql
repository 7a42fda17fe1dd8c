-- SPDX-License-Identifier: BSD-2-Clause
-- A fleet's questions to ClickHouse, of the tables of `crosstap schema clickhouse`: crosstap-fleet(7).

-- sources: how many different clients all nodes had in an hour. Registers of dns_sources (the dataset `sketches`) are united
-- by the greater one of each two, under one key alone; the estimator is O. Ertl's, "New cardinality estimation algorithms for
-- HyperLogLog sketches" (2017), as scripts/fleet-sources has it.
WITH
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/' AS digits,
    32768 AS registers_n,
    united AS
    (
        SELECT registers_key, entry.1 AS place, max(entry.2) AS value
        FROM
        (
            SELECT registers_key, arrayJoin(if(length(registers) = registers_n,
                arrayMap(i -> (i - 1, position(digits, substring(registers, i, 1)) - 1), range(1, registers_n + 1)),
                arrayMap(e -> (intDiv(e, 64), e % 64),
                    arrayMap(i -> arraySum(k -> (position(digits, substring(registers, 4 * i + k, 1)) - 1) * intExp2(24 - 6 * k),
                        range(1, 5)), range(intDiv(length(registers), 4)))))) AS entry
            FROM (SELECT assumeNotNull(registers) AS registers, registers_key FROM dns_sources
                WHERE time >= now() - INTERVAL 1 HOUR AND registers IS NOT NULL)
        )
        WHERE entry.2 > 0
        GROUP BY registers_key, place
    )
SELECT registers_key, toUInt64(round(registers_n * registers_n / (2 * ln(2) * (sum(exp2(-value))
    + registers_n * (empty + arraySum(k -> pow(empty, exp2(k)) * exp2(k - 1), range(1, 30))))))) AS sources
FROM (SELECT registers_key, value, 1 - count() OVER (PARTITION BY registers_key) / registers_n AS empty FROM united)
GROUP BY registers_key, empty;

-- verdicts: nodes whose last verdict is not ok.
SELECT server, argMax(verdict, time) AS last
FROM funnel
WHERE time >= now() - INTERVAL 1 HOUR
GROUP BY server
HAVING last != 'ok'
ORDER BY server;

-- silent: nodes that had windows today, and none for six of them and a minute.
SELECT server, max(time) AS last
FROM crosstap
WHERE time >= now() - INTERVAL 1 DAY
GROUP BY server
HAVING last < now() - toIntervalSecond(60 + 6 * max(interval_s))
ORDER BY server;

-- catchment: which AS asks which node, and how far away it is.
SELECT asn, server, sum(queries) AS queries,
    sum(icmp_rtt_ms_p50 * queries_icmp) / sumIf(queries_icmp, icmp_rtt_ms_p50 IS NOT NULL) AS icmp_rtt_ms
FROM dns_asn
WHERE time >= now() - INTERVAL 1 HOUR
GROUP BY asn, server
ORDER BY queries DESC;

-- nearer: ASes that would be nearer at another node than at the one that they ask most: the least median round-trip time
-- among nodes that measured it.
SELECT asn, sum(n) AS queries, argMax(server, n) AS asks, argMaxIf(rtt, n, rtt IS NOT NULL) AS icmp_rtt_ms,
    argMin(server, rtt) AS nearer_at, min(rtt) AS least_icmp_rtt_ms
FROM
(
    SELECT asn, server, sum(queries) AS n, sum(icmp_rtt_ms_p50 * queries_icmp)
        / nullIf(sumIf(queries_icmp, icmp_rtt_ms_p50 IS NOT NULL), 0) AS rtt
    FROM dns_asn
    WHERE time >= now() - INTERVAL 1 HOUR
    GROUP BY asn, server
)
GROUP BY asn
HAVING nearer_at != asks AND least_icmp_rtt_ms IS NOT NULL
ORDER BY queries DESC;

-- events: what happened on several nodes in one minute.
SELECT toStartOfMinute(time) AS minute, kind, uniqExact(server) AS nodes
FROM crosstap_event
WHERE time >= now() - INTERVAL 1 DAY
GROUP BY minute, kind
HAVING nodes > 1
ORDER BY minute DESC;

-- queries: of all nodes, by hour.
SELECT time, sum(queries) AS queries
FROM dns_hour
WHERE time >= now() - INTERVAL 30 DAY
GROUP BY time
ORDER BY time;
