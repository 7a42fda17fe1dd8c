// SPDX-License-Identifier: BSD-2-Clause
// Functions of the page by themselves. The page's test runs this in the page and wants an empty list back.
const failed = [];

function equal(got, wanted, what) {
	if (JSON.stringify(got) !== JSON.stringify(wanted))
		failed.push(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`);
}

return (async () => {
	const load = (name) => import(`${location.origin}/${name}.js`);
	const [format, funnel, words, choice, stream, past, tables, machine, verdict] = await Promise.all(["format", "funnel",
		"words", "choice", "stream", "past", "tables", "machine", "verdict"].map(load));

	// numbers
	equal([format.count(1234567), format.count(undefined), format.count(0)], ["1,234,567", "–", "0"], "count");
	equal([format.rate(0.1234), format.rate(99.94), format.rate(1234.5)], ["0.123", "99.9", "1,235"], "rate");
	equal([format.compact(0), format.compact(1200), format.compact(3.4e6)], ["0", "1.2k", "3.4M"], "compact");
	equal([format.percent(1, 3), format.percent(0, 3), format.percent(1, 0), format.percent(1, 1e6)],
		["33.3 %", "0 %", "–", "< 0.01 %"], "percent");
	equal([format.bytes(1023), format.bytes(1536), format.bytes(undefined)], ["1,023 B", "1.5 KiB", "–"], "bytes");
	equal([format.microseconds(41.5), format.microseconds(1500), format.microseconds(2.5e6)],
		["41.5 µs", "1.5 ms", "2.5 s"], "microseconds");
	equal([0.4, 59, 60, 3725, 90000].map(format.duration), ["0 s", "59 s", "1 min", "1 h 2 min", "1 d 1 h"], "duration");
	equal(format.plain("a\u202eb\nc"), "a\\u202eb\\u000ac", "plain");
	equal([format.plural(1, "query", "queries"), format.plural(2000, "query", "queries")], ["1 query", "2,000 queries"],
		"plural");

	// the funnel
	const f = { nic_drops: 10, wire_queries: 1000, stack_drops: 100, socket_drops: 200, queued: -5, malformed: 0, not_logged: 3,
		dnstap_queries: 600, unexplained: 102, wire_responses: 590, tx_drops: 4, unanswered: 10 };
	const picture = funnel.layout(f);
	equal(picture.stages.map((s) => s.value), [1010, 1000, 900, 700, 600, 590], "what reaches each stage");
	equal(picture.exits.filter((e) => e.share > 0).map((e) => e.key),
		["nic_drops", "stack_drops", "socket_drops", "not_logged", "unexplained", "tx_drops", "unanswered"], "what leaves");
	equal(picture.exits.find((e) => e.key === "unanswered").value, 6, "dropped on the way out is not unanswered once more");
	const kind = (boundary) => funnel.layout({ ...f, boundary }).exits.find((e) => e.key === "unexplained").kind;
	equal([kind(undefined), kind(101), kind(102)], ["loss", "loss", "aside"], "what may be next door is no loss");
	equal([null, {}, { wire_queries: null }, { wire_queries: 0, dnstap_queries: 9 }].map(funnel.layout),
		[null, null, null, null], "nothing compared");
	const g = funnel.geometry(picture, 1000, 100);
	equal(g.stages.map((s) => Math.round(s.across)), [100, 99, 89, 69, 59, 58], "in proportion");
	equal(Math.round(g.exits.find((e) => e.key === "socket_drops").size * 10), 198, "a loss, too");
	equal(g.exits.find((e) => e.key === "not_logged").size, 3, "what is not nothing is seen");
	equal(g.exits.every((e) => e.along > e.begin && e.along < e.begin + 200), true, "each leaves in its place");
	for (const width of [640, 1000, 2400]) {
		const placed = funnel.geometry(picture, width, 90).exits;
		const clash = placed.some((a, i) => placed.some((b, j) => i < j && a.row === b.row &&
			Math.abs(a.along - b.along) < a.half + b.half));
		equal(clash, false, `labels over each other at ${width} px`);
	}
	const idle = funnel.geometry(funnel.layout(Object.fromEntries(Object.keys(f).map((k) => [k, 0]))), 1000, 100);
	equal([idle.exits.length, idle.stages.every((s) => s.across === 1)], [0, true], "no traffic");

	// verdicts in words
	const now = new Date(2026, 10, 29, 21, 0).getTime();
	const n = { since_ms: now - 19 * 60000, now_ms: now, lost: 4816, seconds: 60,
		horizon: { windows: 6, wire_queries: 10000, dnstap_queries: 9500, socket_drops: 500, stack_drops: 0, unexplained: 0 } };
	const loss = words.verdictWords("socket-loss", n);
	equal([loss.head, loss.level, loss.detail],
		["4,816 queries reached this machine and were never read by the nameserver since 20:41.", "bad",
			"for 19 min · in the last 1 min: 10,000 on the wire, 9,500 in dnstap · 5 % lost"], "socket-loss");
	equal(words.verdictWords("socket-loss", { ...n, lost: null, since_ms: undefined }).head,
		"500 queries reached this machine and were never read by the nameserver.", "without a history");
	equal(words.verdictWords("stack-loss", { ...n, lost: 1 }).head,
		"1 query reached this machine and the kernel dropped it since 20:41.", "one");
	equal(words.verdictWords("ok", { ...n, sinceIsStart: true }).head,
		"Nothing is missing since at least 20:41: the nameserver logged what reached this machine.", "ok");
	equal([words.verdictWords("constructor", n).level, words.verdictLevel("toString")], ["note", "note"], "an unknown verdict");
	const gone = { gone: { since_ms: now - 5000, error: "no connection" }, now_ms: now };
	equal(words.stateWords(gone).head, "The agent has not answered since 20:59:55.", "gone");
	equal(words.stateWords({ ...gone, token: true }).name, "token", "the token");
	const ill = words.stateWords({ health: { reasons: ["a", "b"] }, verdict: "ok", compared: true, numbers: n, now_ms: now });
	equal([ill.level, ill.head, ill.why], ["bad", "The agent itself is in trouble: a.", "b"], "health comes first");
	const alone = words.stateWords({ health: { reasons: ["no producer"] }, empty: true, now_ms: now });
	equal([alone.name, alone.level, alone.detail], ["waiting", "warn", "no producer"], "nobody has connected for long");
	equal([verdict.runOf(["ok", "x", null, "x"], "x"), verdict.runOf(["ok"], "x"), verdict.runOf([], "x")], [1, 1, 0], "a run");

	// the address
	const kept = choice.parse("#zone=a%26b&range=900&q=x%20y&as=1&funnel=range");
	equal([kept.zone, kept.range, kept.q, kept.as, kept.funnel], ["a&b", 900, "x y", "1", "range"], "hash");
	equal(choice.parse(`#${choice.write(kept)}`), kept, "there and back");
	const odd = choice.parse("#range=7&from=9&to=3&funnel=z");
	equal([odd.range, odd.from, odd.funnel], [3600, null, "now"], "a hash that is none");

	// events, in any pieces
	for (const size of [1, 3, 100]) {
		const got = [];
		const reader = new stream.EventReader((kind, data) => got.push([kind, data]));
		const text = ": beat\n\nevent: window\r\ndata: {\"a\":1}\r\n\r\ndata: x\ndata:y\n\nevent: none\n\n";
		for (let i = 0; i < text.length; i += size)
			reader.feed(text.slice(i, i + size));
		equal(got, [["window", "{\"a\":1}"], ["message", "x\ny"]], `events in pieces of ${size}`);
	}

	// what is remembered
	const series = (name, values) => ({ measurement: "dns", field: "queries", tags: { zone: name }, fold: "sum", values });
	const reply = (from, watched, ...list) => ({ from, step: 10, points: watched.length, watched, series: list, events: [
		{ time: from, kind: "start", text: "" }], held: {} });
	const p = new past.Past([]);
	p.add(reply(100, [10, 10, 5], series("a", [1, 2, 3])));
	p.add(reply(120, [10, null, 10], series("a", [4, null, 6]), series("b", [7, null, 9])));
	equal([p.from, p.to, p.watched], [100, 150, [10, 10, 10, null, 10]], "extended");
	equal([p.values("dns", "queries", { zone: "a" }), p.values("dns", "queries", { zone: "b" })],
		[[1, 2, 4, null, 6], [null, null, 7, null, 9]], "a gap stays one");
	equal(p.events.map((e) => e.time), [100, 120], "events");
	equal([p.sum("dns", "queries", 0, 999), p.find("dns", "queries", { zone: null }).length], [null, 2], "tags are matched whole");
	p.forget(125);
	equal([p.from, p.watched], [120, [10, null, 10]], "forgotten");
	equal([past.stepFor(3600, 10), past.stepFor(172800, 10), past.stepFor(60, 10), past.stepFor(900, 7)], [10, 600, 10, 7],
		"steps");

	// tables
	const table = { key: { field: "address", pick: "client" }, texts: [{ field: "asn", pick: "as" }],
		columns: [{ field: "queries", sum: true, bar: true }] };
	const merged = tables.merge(table, [[{ address: "a", queries: 1, asn: 5 }], [{ address: "b", queries: 2, asn: 6 },
		{ address: "a", queries: 4, asn: 5 }]]);
	equal(merged.map((r) => [r.address, r.queries]), [["a", 5], ["b", 2]], "zones are summed");
	const none = { q: "", client: "", as: "" };
	equal(tables.narrow(table, merged, { ...none, as: "6" }).map((r) => r.address), ["b"], "an AS");
	equal(tables.narrow(table, merged, { ...none, q: "A" }).map((r) => r.address), ["a"], "a filter");

	// the machine
	const input = { address: "/s", connections: 1, frames: 100, frames_bad: 3, late: 0, last_frame_age_s: 0.2 };
	equal(machine.inputWords(input, null)[0], "good", "what was bad long ago");
	equal(machine.inputWords(input, { ...input, frames: 0, frames_bad: 0, seconds: 10 }),
		["warn", "/s", "3 frames could not be read, 1 nameserver connected, 10 frames/s, 100 frames so far."], "an input");
	equal(machine.inputWords({ ...input, connections: 0, last_frame_age_s: 130 }, null)[2].startsWith(
		"no nameserver is connected any more, no frame for 2 min 10 s"), true, "nobody is connected");
	equal(machine.outputWords({ name: "o", failing: true, last_error: "refused", points: 5, queued: 2, points_dropped: 0 })[0],
		"bad", "an output that fails");
	equal(machine.linesFor("# SPDX-License-Identifier: x\nsink: unix:/run/crosstap/dnstap.sock\n", "/tmp/a.sock"),
		"sink: unix:/tmp/a.sock", "the lines");
	return failed;
})();
