// SPDX-License-Identifier: BSD-2-Clause
// The charts: what each shows, drawn by dygraphs (window.Dygraph). A moment is pointed at in all of them together; a drag
// chooses a stretch of time.
import { byId, button, element, replace, setText } from "./dom.js";
import { clock, compact, milliseconds, plain, rate } from "./format.js";
import { verdictLevel } from "./words.js";

const MOST = 7; // series of a chart; the rest is one more
const DRAG_PX = 6;
const RCODES = { NOERROR: 2, NXDOMAIN: 0, SERVFAIL: 3, REFUSED: 4, FORMERR: 5 };

// ---- what they show: [{name, values, colour, pick}] over the points of `past`

function perSecond(past, values) {
	return past.watched.map((seconds, i) => seconds ? (values[i] || 0) / seconds : null);
}

function addUp(past, list) {
	return past.watched.map((_, i) => list.reduce((all, values) => all + (values[i] || 0), 0));
}

function total(values) {
	return values.reduce((all, value) => all + (value || 0), 0);
}

// The largest by `tag`, and all others together.
function largest(past, found, tag, pick) {
	const byName = new Map();
	for (const series of found) {
		const name = series.tags[tag];
		byName.set(name, [...(byName.get(name) || []), series.values]);
	}
	const rows = [...byName].map(([name, list]) => ({ name, counts: list.length > 1 ? addUp(past, list) : list[0] }));
	const others = rows.filter((row) => row.name === "other");
	const sorted = rows.filter((row) => row.name !== "other").sort((a, b) => total(b.counts) - total(a.counts));
	const rest = [...sorted.splice(MOST), ...others];
	const made = sorted.map((row, i) => ({ name: row.name, values: perSecond(past, row.counts), colour: i, pick }));
	if (rest.length)
		made.push({ name: "other", values: perSecond(past, addUp(past, rest.map((row) => row.counts))), colour: MOST });
	return made;
}

function measured(past, name, measurement, field, tags, colour, scale = 1) {
	const values = past.values(measurement, field, tags);
	if (!values || values.every((value) => value === null))
		return [];
	return [{ name, values: values.map((v, i) => v === null || !past.watched[i] ? null : v * scale), colour }];
}

function witnesses(past) {
	const of = (field) => past.find("crosscheck", field, { direction: "query", transport: null }).map((s) => s.values);
	const made = [["on the wire", "wire", 0], ["in dnstap", "dnstap", 1]].map(([name, field, colour]) =>
		({ name, values: perSecond(past, addUp(past, of(field))), colour }));
	const lost = ["stack_drops", "socket_drops", "unexplained"].map((field) => past.values("funnel", field))
		.filter((values) => values);
	if (!of("wire").length)
		return [];
	made.push({ name: "lost or missing", values: perSecond(past, addUp(past, lost)).map((v) => v === null ? null :
		Math.max(0, v)), colour: "bad", fill: true });
	return made;
}

function byZone(past, choice) {
	if (choice.type)
		return largest(past, past.find("dns_qtype", "queries", { zone: null, qtype: choice.type }), "zone", "zone");
	return largest(past, past.find("dns", "queries", { zone: choice.zone || null }), "zone", "zone");
}

function byType(past, choice) {
	const tags = choice.zone ? { zone: choice.zone, qtype: choice.type || null } : { qtype: choice.type || null };
	return largest(past, past.find("dns_qtype", "queries", tags), "qtype", "type");
}

function byRcode(past, choice) {
	const tags = choice.zone ? { zone: choice.zone, rcode: null } : { rcode: null };
	const made = largest(past, past.find("dns_rcode", "responses", tags), "rcode");
	let free = 6;
	for (const row of made) {
		if (row.name !== "other")
			row.colour = Object.hasOwn(RCODES, row.name) ? RCODES[row.name] : free++ % MOST;
	}
	return made;
}

function byTransport(past) {
	return largest(past, past.find("dns", "queries", { transport: null }), "transport");
}

function responseTime(past, choice) {
	const tags = choice.zone ? { zone: choice.zone } : {};
	return [...measured(past, "median", "dns_latency", "p50_us", tags, 0, 1e-3),
		...measured(past, "99 %", "dns_latency", "p99_us", tags, 3, 1e-3)];
}

function tcpRtt(past) {
	return ["ipv4", "ipv6"].flatMap((family, i) => [
		...measured(past, `${family} median`, "wire_tcp_rtt", "p50_us", { family }, i, 1e-3),
		...measured(past, `${family} 99 %`, "wire_tcp_rtt", "p99_us", { family }, 3 + i, 1e-3)]);
}

// Of the busiest countries or ASes, the largest over zones.
function icmpRtt(past, choice) {
	const [measurement, tag, chosen, pick] = choice.as ? ["dns_asn", "asn", choice.as, "as"] :
		["dns_country", "country", choice.country || null, "country"];
	const of = (field) => past.find(measurement, field, { zone: choice.zone || null, [tag]: chosen });
	const busiest = new Map(), rtts = new Map();
	for (const series of of("queries"))
		busiest.set(series.tags[tag], (busiest.get(series.tags[tag]) || 0) + total(series.values));
	for (const series of of("icmp_rtt_ms_p50")) {
		const name = series.tags[tag], before = rtts.get(name);
		rtts.set(name, series.values.map((v, i) => before && before[i] !== null && (v === null || before[i] > v) ?
			before[i] : v));
	}
	return [...rtts].filter(([, values]) => values.some((v) => v !== null))
		.sort((a, b) => (busiest.get(b[0]) || 0) - (busiest.get(a[0]) || 0)).slice(0, MOST)
		.map(([name, values], i) => ({ name: choice.as ? `AS${name}` : name, value: name, values, colour: i, pick }));
}

const CHARTS = [
	{ id: "witnesses", title: "Queries/s: wire beside dnstap", rows: witnesses, show: rate,
		none: "Nothing was compared with the wire in this time." },
	{ id: "zones", title: "Queries/s by zone", rows: byZone, stacked: true, show: rate, narrowed: ["zone", "type"] },
	{ id: "types", title: "Queries/s by type", rows: byType, stacked: true, show: rate, narrowed: ["zone", "type"] },
	{ id: "rcodes", title: "Responses/s by code", rows: byRcode, stacked: true, show: rate, narrowed: ["zone"] },
	{ id: "transports", title: "Queries/s by transport", rows: byTransport, stacked: true, show: rate },
	{ id: "latency", title: "Response time", rows: responseTime, show: milliseconds, narrowed: ["zone"],
		none: "No response could be paired with its query." },
	{ id: "tcp", title: "Round-trip time, TCP handshakes", rows: tcpRtt, show: milliseconds,
		none: "No handshake was timed: it takes a watched wire and TCP." },
	{ id: "icmp", title: "Round-trip time, ICMP", rows: icmpRtt, show: milliseconds, narrowed: ["zone", "country", "as"],
		none: "No resolver was measured: it takes ping.enabled and a database of countries." },
];

export const NAMES = ["funnel", "crosscheck.wire", "crosscheck.dnstap", "dns.queries", "dns_qtype.queries",
	"dns_rcode.responses", "dns_latency.p50_us", "dns_latency.p99_us", "wire_tcp_rtt.p50_us", "wire_tcp_rtt.p99_us",
	"dns_country.queries", "dns_country.icmp_rtt_ms_p50", "dns_asn.queries", "dns_asn.icmp_rtt_ms_p50"];

// ---- drawing

const drawn = new Map(); // id -> {graph, room, legend, figure, rows, cursor, ...}
let past = null, choice = null, pick = () => {}, zoom = () => {};
let moment = null; // the point that is pointed at
let reach = [0, 1]; // seconds

function colours() {
	const style = getComputedStyle(document.documentElement);
	const of = (name) => style.getPropertyValue(`--${name}`).trim();
	return { series: Array.from({ length: MOST + 1 }, (_, i) => of(`series-${i}`)), line: of("line"), text: of("quiet"),
		bad: of("loss"), levels: { bad: of("loss"), warn: of("warn"), note: of("quiet") } };
}

let palette = null;
const colourOf = (row) => row.colour === "bad" ? palette.bad : palette.series[row.colour % palette.series.length];

function levelAt(i) {
	const verdicts = past.values("funnel", "verdict");
	return verdicts && verdicts[i] ? verdictLevel(verdicts[i]) : "good";
}

// Verdicts as bands behind the lines, events as dashes.
function underlay(context, area, graph) {
	if (!past)
		return;
	for (let i = 0; i < past.points; i++) {
		const level = levelAt(i);
		if (level !== "bad" && level !== "warn")
			continue;
		const x = graph.toDomXCoord(1000 * (past.from + i * past.step));
		const end = graph.toDomXCoord(1000 * (past.from + (i + 1) * past.step));
		context.fillStyle = palette.levels[level];
		context.globalAlpha = 0.13;
		context.fillRect(x, area.y, end - x, area.h);
	}
	context.globalAlpha = 0.6;
	context.strokeStyle = palette.text;
	context.setLineDash([3, 3]);
	for (const event of past.events) {
		const x = Math.round(graph.toDomXCoord(1000 * event.time)) + 0.5;
		context.beginPath();
		context.moveTo(x, area.y);
		context.lineTo(x, area.y + area.h);
		context.stroke();
	}
	context.setLineDash([]);
	context.globalAlpha = 1;
}

function axisTime(date, granularity) {
	if (date.getHours() + date.getMinutes() + date.getSeconds() === 0)
		return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
	return clock(date.getTime(), date.getTime(), granularity < window.Dygraph.Granularity.MINUTELY);
}

function dataOf(rows) {
	const data = [];
	for (let i = 0; i < past.points; i++)
		data.push([new Date(1000 * (past.from + (i + 0.5) * past.step)), ...rows.map((row) => row.values[i])]);
	return data;
}

function options(chart, rows) {
	const series = {};
	rows.forEach((row, i) => {
		series[`${i}`] = { fillGraph: chart.stacked || Boolean(row.fill), strokeWidth: chart.stacked ? 1 : 1.6 };
	});
	return { labels: ["time", ...rows.map((_, i) => `${i}`)], colors: rows.map(colourOf), series,
		stackedGraph: Boolean(chart.stacked), stackedGraphNaNFill: "none", fillAlpha: chart.stacked ? 0.45 : 0.25,
		dateWindow: reach.map((s) => 1000 * s), gridLineColor: palette.line, axisLineColor: palette.line,
		axes: { y: { axisLabelFormatter: (v) => chart.show === rate ? compact(v) : chart.show(v), axisLabelWidth: 52,
			pixelsPerLabel: 28, includeZero: true },
		x: { axisLabelFormatter: axisTime, axisLabelWidth: 64, pixelsPerLabel: 74 } } };
}

function make(chart, parts, rows) {
	return new window.Dygraph(parts.room, dataOf(rows), { ...options(chart, rows), legend: "never", interactionModel: {},
		includeZero: true, highlightCircleSize: 3, rightGap: 8, axisLabelFontSize: 12, underlayCallback: underlay,
		animatedZooms: false });
}

function shownAt(values) {
	if (moment !== null)
		return values[moment];
	for (let i = values.length - 1; i >= 0 && i >= values.length - 3; i--) {
		if (values[i] !== null)
			return values[i];
	}
	return null;
}

function legendItem(chart, row) {
	const item = element("li"), swatch = element("span", undefined, "swatch");
	const name = plain(row.name), value = row.value === undefined ? row.name : row.value;
	swatch.style.background = colourOf(row);
	item.append(swatch);
	if (row.pick) {
		const chosen = choice[row.pick] === value;
		const made = button(name, "link", () => pick(row.pick, chosen ? "" : value), chosen);
		made.dataset.key = `${chart.id} ${row.name}`;
		item.append(made);
	} else {
		item.append(element("span", name, "name"));
	}
	row.output = element("span", "", "value");
	item.append(row.output);
	return item;
}

function showValues() {
	for (const [id, parts] of drawn) {
		const chart = CHARTS.find((c) => c.id === id);
		for (const row of parts.rows)
			setText(row.output, chart.show(shownAt(row.values)));
		parts.cursor.hidden = moment === null || !parts.graph;
		if (moment !== null && parts.graph) {
			const at = 1000 * (past.from + (moment + 0.5) * past.step);
			parts.cursor.style.left = `${parts.graph.toDomXCoord(at).toFixed(1)}px`;
			if (past.points)
				parts.graph.setSelection(moment);
		} else if (parts.graph) {
			parts.graph.clearSelection();
		}
		describe(chart, parts);
	}
	setText(byId("moment"), momentText());
}

function momentText() {
	if (!past || !past.points)
		return "";
	if (moment === null)
		return "latest";
	const at = past.from + moment * past.step, verdicts = past.values("funnel", "verdict");
	const parts = [clock(1000 * at)];
	if (past.watched[moment] === null)
		parts.push("nothing is known of this time");
	if (verdicts && verdicts[moment])
		parts.push(verdicts[moment]);
	for (const event of past.events) {
		if (event.time >= at && event.time < at + past.step)
			parts.push(`${event.kind}: ${plain(event.text)}`);
	}
	return parts.join(" · ");
}

function describe(chart, parts) {
	const at = moment === null ? past.points - 1 : moment;
	parts.room.setAttribute("aria-valuemax", Math.max(0, past.points - 1));
	parts.room.setAttribute("aria-valuenow", Math.max(0, at));
	parts.room.setAttribute("aria-valuetext", [clock(1000 * (past.from + at * past.step)), ...parts.rows.map((row) =>
		`${plain(row.name)} ${chart.show(shownAt(row.values))}`)].join(", "));
}

export function pointAt(i) {
	const next = i === null || !past || !past.points ? null : Math.min(past.points - 1, Math.max(0, i));
	if (next === moment)
		return;
	moment = next;
	showValues();
}

// ---- pointing, dragging, keys

function pointOf(parts, event) {
	const box = parts.room.getBoundingClientRect();
	const x = parts.graph.toDataXCoord(event.clientX - box.left) / 1000;
	return { px: event.clientX - box.left, seconds: x, i: Math.floor((x - past.from) / past.step) };
}

function listen(parts) {
	let begun = null;
	const drag = parts.drag;
	parts.room.addEventListener("pointerdown", (event) => {
		if (event.button !== 0 || !parts.graph)
			return;
		begun = pointOf(parts, event);
	});
	parts.room.addEventListener("pointermove", (event) => {
		if (!parts.graph)
			return;
		const at = pointOf(parts, event);
		pointAt(at.i);
		drag.hidden = !begun || Math.abs(at.px - begun.px) < DRAG_PX || event.pointerType === "touch";
		if (drag.hidden)
			return;
		parts.room.setPointerCapture(event.pointerId);
		drag.style.left = `${Math.min(at.px, begun.px)}px`;
		drag.style.width = `${Math.abs(at.px - begun.px)}px`;
	});
	parts.room.addEventListener("pointerup", (event) => {
		const from = begun, dragged = !drag.hidden;
		begun = null;
		drag.hidden = true;
		if (!from || !dragged || !parts.graph)
			return;
		const to = pointOf(parts, event);
		zoom(Math.min(from.seconds, to.seconds), Math.max(from.seconds, to.seconds));
	});
	parts.room.addEventListener("pointercancel", () => {
		begun = null;
		drag.hidden = true;
	});
	parts.room.addEventListener("pointerleave", () => begun || pointAt(null));
	parts.room.addEventListener("dblclick", () => zoom(null, null));
	parts.room.addEventListener("keydown", (event) => key(event));
	parts.room.addEventListener("blur", () => pointAt(null));
}

function key(event) {
	const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
	const at = moment === null ? past.points - 1 : moment;
	if (event.key in steps)
		pointAt(Math.min(past.points - 1, Math.max(0, at + steps[event.key])));
	else if (event.key === "+" || event.key === "-")
		zoomAround(past.from + at * past.step, event.key === "+" ? 0.5 : 2);
	else if (event.key === "Escape")
		zoom(null, null);
	else
		return;
	event.preventDefault();
}

function zoomAround(seconds, factor) {
	const half = ((reach[1] - reach[0]) * factor) / 2;
	zoom(seconds - half, seconds + half);
}

// ---- from outside

function build(chart) {
	const figure = element("figure", undefined, "chart"), caption = element("figcaption");
	const parts = { figure, room: element("div", undefined, "plot"), legend: element("ul", undefined, "legend"),
		none: element("p", chart.none || "Nothing was counted in this time.", "none"), cursor: element("div", undefined, "cursor"),
		drag: element("div", undefined, "drag"), title: element("h3", chart.title), scope: element("span", "", "quiet"),
		graph: null, rows: [] };
	const stack = element("div", undefined, "stack");
	parts.cursor.hidden = parts.drag.hidden = true;
	parts.room.tabIndex = 0;
	parts.room.setAttribute("role", "slider");
	parts.room.setAttribute("aria-label", `${chart.title}, moment`);
	parts.room.setAttribute("aria-valuemin", "0");
	parts.room.setAttribute("aria-valuenow", "0");
	parts.room.setAttribute("aria-valuemax", "0");
	caption.append(parts.title, parts.scope);
	stack.append(parts.room, parts.cursor, parts.drag);
	figure.append(caption, stack, parts.none, parts.legend);
	listen(parts);
	drawn.set(chart.id, parts);
	return figure;
}

function scopeOf(chart) {
	const words = { zone: "zone", type: "type", country: "country", as: "AS" };
	const narrowed = (chart.narrowed || []).filter((name) => choice[name]);
	const wide = ["zone", "type"].some((name) => choice[name]) && !narrowed.length;
	return narrowed.map((name) => `${words[name]} ${plain(choice[name])}`).join(", ") || (wide ? "of all" : "");
}

export function startCharts(callbacks) {
	pick = callbacks.pick;
	zoom = callbacks.zoom;
	// The others write HTML and inline styles, which this page's Content-Security-Policy does not allow.
	window.Dygraph.PLUGINS = [window.Dygraph.Plugins.Grid, window.Dygraph.Plugins.Axes];
	byId("charts").replaceChildren(...CHARTS.map(build));
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
		() => past && showCharts(past, choice, reach, true));
}

// `from` and `to` in seconds: what is to be seen of it.
export function showCharts(newPast, newChoice, newReach, anew) {
	past = newPast;
	choice = newChoice;
	reach = newReach;
	if (!palette || anew)
		palette = colours();
	if (moment !== null && moment >= past.points)
		moment = null;
	for (const chart of CHARTS) {
		const parts = drawn.get(chart.id);
		const rows = past.points ? chart.rows(past, choice) : [];
		const same = parts.graph && !anew && rows.length === parts.rows.length;
		parts.rows = rows;
		setText(parts.scope, scopeOf(chart));
		parts.room.parentNode.hidden = parts.legend.hidden = rows.length === 0;
		parts.none.hidden = rows.length !== 0;
		replace(parts.legend, rows.map((row) => legendItem(chart, row)));
		if (same) {
			parts.graph.updateOptions({ file: dataOf(rows), ...options(chart, rows) });
			continue;
		}
		if (parts.graph)
			parts.graph.destroy();
		parts.graph = rows.length ? make(chart, parts, rows) : null;
	}
	showValues();
}
