// SPDX-License-Identifier: BSD-2-Clause
// Reads the JSON under api/v1/ once a window and fills the page. Everything from the agent is set
// as text, never as HTML: names and addresses come from strangers.
"use strict";

const HISTORY = 60; // windows of a sparkline
const TOP = 8; // rows of bars
const byId = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

const history = new Map(); // zone -> queries per second, oldest first
let before = null; // the status of the window before
let shown = { window: null, status: null };
let lastEnd = 0;
let timer = 0;

function element(tag, text, className) {
	const made = document.createElement(tag);
	if (text !== undefined)
		made.textContent = text;
	if (className)
		made.className = className;
	return made;
}

function rate(value) {
	if (value === undefined || !Number.isFinite(value))
		return "–";
	return value >= 100 ? whole.format(Math.round(value)) : short.format(value);
}

function bytes(value) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	while (value >= 1024 && i < units.length - 1) {
		value /= 1024;
		i++;
	}
	return `${short.format(value)} ${units[i]}`;
}

function microseconds(value) {
	if (value === undefined)
		return "–";
	if (value < 1000)
		return `${short.format(value)} µs`;
	return value < 1e6 ? `${short.format(value / 1000)} ms` : `${short.format(value / 1e6)} s`;
}

function duration(seconds) {
	const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
	const at = Math.max(0, parts.findIndex(([size]) => seconds >= size));
	if (seconds < 1)
		return "0 s";
	const [size, unit] = parts[at];
	const rest = parts[at + 1];
	const first = `${Math.floor(seconds / size)} ${unit}`;
	return rest ? `${first} ${Math.floor((seconds % size) / rest[0])} ${rest[1]}` : first;
}

function percent(part, all) {
	return all ? `${short.format((100 * part) / all)} %` : "–";
}

function sum(object) {
	return Object.values(object || {}).reduce((total, value) => total + value, 0);
}

function tiles(list, pairs) {
	const rows = pairs.map(([name, value]) => {
		const group = element("div");
		group.append(element("dt", name), element("dd", value));
		return group;
	});
	list.replaceChildren(...rows);
}

function setState(node, text, good) {
	if (node.textContent !== text) // a screen reader says what is set again
		node.textContent = text;
	node.classList.toggle("good", good === true);
	node.classList.toggle("bad", good === false);
}

function fillRows(id, rows, empty) {
	const body = byId(id).tBodies[0];
	if (rows.length === 0) {
		const cell = element("td", empty, "quiet");
		cell.colSpan = 10;
		rows = [element("tr")];
		rows[0].append(cell);
	}
	body.replaceChildren(...rows);
}

function row(name, cells) {
	const made = element("tr");
	const head = element("th", name, "wide");
	head.scope = "row";
	made.append(head);
	for (const cell of cells)
		made.append(cell instanceof Node ? cell : element("td", cell, "n"));
	return made;
}

function sparkline(values) {
	const cell = element("td");
	const space = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(space, "svg");
	const line = document.createElementNS(space, "polyline");
	const top = Math.max(...values, 1e-9);
	const step = 100 / (HISTORY - 1);
	svg.setAttribute("viewBox", "0 0 100 20");
	svg.setAttribute("preserveAspectRatio", "none");
	svg.setAttribute("class", "spark");
	svg.setAttribute("role", "img");
	svg.setAttribute("aria-label", `highest ${rate(top)} queries/s`);
	if (values.length === 1)
		values = [values[0], values[0]];
	line.setAttribute("points", values.map((value, i) =>
		`${(100 - (values.length - 1 - i) * step).toFixed(2)},${(19 - (18 * value) / top).toFixed(2)}`).join(" "));
	svg.append(line);
	cell.append(svg);
	return cell;
}

function remember(window) {
	if (!window.end_ms || window.end_ms === lastEnd)
		return;
	lastEnd = window.end_ms;
	for (const zone of history.keys()) {
		if (!(zone in window.zones))
			history.get(zone).push(0);
	}
	for (const [zone, figures] of Object.entries(window.zones)) {
		const values = history.get(zone) || [];
		values.push(figures.queries / window.interval_s);
		history.set(zone, values);
	}
	for (const values of history.values())
		values.splice(0, values.length - HISTORY);
}

function showZones(window) {
	const seconds = window.interval_s;
	const zones = Object.entries(window.zones).sort((a, b) => b[1].queries - a[1].queries);
	fillRows("zones", zones.map(([name, zone]) => {
		const time = zone.response_time_us || {};
		return row(name, [rate(zone.queries / seconds), sparkline(history.get(name) || [0]),
			rate(zone.responses / seconds), whole.format(zone.sources),
			microseconds(time.p50), microseconds(time.p90), microseconds(time.p99),
			percent((zone.rcode || {}).NXDOMAIN || 0, zone.responses),
			whole.format(sum(zone.malformed))]);
	}), "No window has closed yet, or nothing came in it.");
	showChoice(zones.map(([name]) => name).sort());
}

function showChoice(names) {
	const select = byId("zone");
	const chosen = select.value;
	if (names.join("\n") === [...select.options].slice(1).map((o) => o.value).join("\n"))
		return;
	while (select.options.length > 1)
		select.remove(1);
	for (const name of names)
		select.add(new Option(name, name));
	select.value = names.includes(chosen) ? chosen : "";
}

function merged(window, pick) {
	const chosen = byId("zone").value;
	const zones = chosen ? [window.zones[chosen] || {}] : Object.values(window.zones);
	const all = {};
	for (const zone of zones) {
		for (const [name, count] of Object.entries(pick(zone) || {}))
			all[name] = (all[name] || 0) + count;
	}
	return all;
}

function transports(zone) {
	const all = {};
	for (const [transport, families] of Object.entries(zone.messages || {})) {
		for (const [family, counts] of Object.entries(families))
			all[`${transport} ${family}`] = counts.queries;
	}
	return all;
}

function showBars(id, counts, seconds) {
	const total = sum(counts);
	const sorted = Object.entries(counts).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
	const rest = sorted.slice(TOP).reduce((all, [, count]) => all + count, 0);
	const rows = sorted.slice(0, TOP);
	if (rest)
		rows.push([`${sorted.length - TOP} more`, rest]);
	fillRows(id, rows.map(([name, count]) => {
		const cell = element("td");
		const bar = element("div", undefined, "bar");
		bar.style.width = `${(100 * count) / total}%`;
		cell.append(bar);
		return row(name, [`${rate(count / seconds)}/s`, percent(count, total), cell]);
	}), "none");
}

function showMix(window) {
	showBars("qtype", merged(window, (zone) => zone.qtype), window.interval_s);
	showBars("rcode", merged(window, (zone) => zone.rcode), window.interval_s);
	showBars("transport", merged(window, transports), window.interval_s);
}

function showNow(window) {
	const zones = Object.values(window.zones);
	const total = (pick) => zones.reduce((all, zone) => all + (pick(zone) || 0), 0);
	const queries = total((zone) => zone.queries);
	tiles(byId("now"), [
		["Queries/s", rate(queries / window.interval_s)],
		["Responses/s", rate(total((zone) => zone.responses) / window.interval_s)],
		["Queries", whole.format(queries)],
		["Mean query", queries ? bytes(total((zone) => zone.query_bytes) / queries) : "–"],
		["Frames", whole.format(window.frames || 0)],
		["Late frames", whole.format(window.late || 0)],
		["Zones", whole.format(zones.length)],
	]);
}

// Frames a second between the two last windows seen; undefined until there are two.
function frameRate(input, status) {
	const old = before && before.inputs.find((other) => other.address === input.address);
	const seconds = before && (status.window.end_ms - before.window.end_ms) / 1000;
	return old && seconds > 0 && input.frames >= old.frames ?
		(input.frames - old.frames) / seconds : undefined;
}

function showInputs(status) {
	fillRows("inputs", status.inputs.map((input) => row(input.address, [
		whole.format(input.connections), rate(frameRate(input, status)), whole.format(input.frames),
		whole.format(input.frames_bad), whole.format(input.late), whole.format(input.refused),
		input.last_frame_age_s === undefined ? "none yet" : `${duration(input.last_frame_age_s)} ago`,
	])), "None, or no window has closed yet.");
}

function showOutputs(status) {
	fillRows("outputs", status.outputs.map((output) => {
		const cell = element("td", undefined, "wide");
		const state = element("span", output.failing ? "failing" : "ok", "state");
		setState(state, state.textContent, !output.failing);
		cell.append(state);
		if (output.failing && output.last_error)
			cell.append(` ${output.last_error}`);
		return row(output.name, [cell, whole.format(output.points),
			whole.format(output.points_dropped), whole.format(output.points_rejected),
			whole.format(output.queued), bytes(output.spool_bytes)]);
	}), "None.");
}

function showAgent(status) {
	const up = (status.now_ms - status.started_ms) / 1000;
	tiles(byId("agent"), [
		["Version", status.version],
		["Up", duration(up)],
		["Window", `${short.format(status.interval_s)} s`],
		["Windows closed", whole.format(status.windows)],
		["Sources in the last window", whole.format(status.resolvers)],
		["Memory", bytes(status.rss_bytes)],
		["CPU", up > 0 ? `${short.format(status.cpu_us / up / 1e4)} % of a core` : "–"],
		["Bad frames", whole.format(status.frames_bad)],
		["Counts without memory", whole.format(status.lost)],
		["Configuration", status.config_hash],
	]);
	byId("server").textContent = status.server;
	document.title = `${status.server} – crosstap`;
}

// How each interface is watched, what the kernel dropped and why, why the window is not complete.
function watchText(check) {
	const parts = Object.entries(check.modes || {}).map(([name, mode]) => `${name}: ${mode}`);
	for (const drop of check.stack_drops || [])
		parts.push(`${drop.upper_bound ? "at most " : ""}${whole.format(drop.messages)} dropped: ${drop.reason}`);
	if (check.stack_drops_source)
		parts.push(`the stack's drops by ${check.stack_drops_source}`);
	if ((check.incomplete || []).length)
		parts.push(`window not complete: ${check.incomplete.join(", ")}`);
	return parts.join(" · ");
}

function crosscheckRows(check) {
	const rows = [];
	for (const direction of ["query", "response"]) {
		for (const [transport, families] of Object.entries(check[direction] || {})) {
			for (const [family, cell] of Object.entries(families))
				rows.push(row(`${direction} ${transport} ${family}`, [whole.format(cell.wire),
					whole.format(cell.dnstap), whole.format(cell.difference),
					whole.format(cell.boundary || 0), whole.format(cell.left_out)]));
		}
	}
	return rows;
}

function showCrosscheck(check) {
	byId("crosscheck-section").hidden = !check;
	if (!check)
		return;
	setState(byId("verdict"), check.verdict, check.verdict === "ok");
	byId("watch").textContent = watchText(check);
	tiles(byId("crosscheck"), Object.entries(check.funnel || {})
		.filter(([name, value]) => typeof value === "number" && name !== "complete")
		.map(([name, value]) => [name.replaceAll("_", " "), whole.format(value)]));
	fillRows("rows", crosscheckRows(check), "Nothing to compare in this window.");
}

function showHealth(code, health) {
	const reasons = code === 503 ? health.reasons || [] : [];
	byId("reasons").replaceChildren(...reasons.map((reason) => element("li", reason)));
	byId("reasons").hidden = reasons.length === 0;
	setState(byId("state"), code === 503 ? "failing" : "ok", code !== 503);
}

async function ask(path) {
	const reply = await fetch(path, { cache: "no-store", signal: AbortSignal.timeout(10000) });
	return [reply.status, await reply.json()];
}

async function asked(path) {
	const [code, json] = await ask(path);
	if (code !== 200)
		throw new Error(json.error || `${path}: ${code}`);
	return json;
}

async function refresh() {
	const [[code, health], status, window, [checked, check]] = await Promise.all([ask("healthz"),
		asked("api/v1/status"), asked("api/v1/window"), ask("api/v1/crosscheck")]);
	const fresh = status.window && (!shown.status || !shown.status.window ||
		shown.status.window.end_ms !== status.window.end_ms);
	window.interval_s = window.interval_s || status.interval_s;
	if (fresh && shown.status && shown.status.window)
		before = shown.status;
	shown = { window, status };
	remember(window);
	showHealth(code, health);
	showAgent(status);
	showNow(window);
	showZones(window);
	showMix(window);
	showInputs(status);
	showOutputs(status);
	showCrosscheck(checked === 200 ? check : null);
	byId("age").textContent = status.window ?
		`until ${new Date(status.window.end_ms).toLocaleTimeString()}` : "no window has closed yet";
	return fresh ? status.interval_s : status.interval_s / 4;
}

async function run() {
	let seconds = 5;
	clearTimeout(timer);
	try {
		seconds = await refresh();
	} catch (error) {
		setState(byId("state"), `no answer: ${error.message}`, false);
	}
	clearTimeout(timer);
	if (!document.hidden)
		timer = setTimeout(run, 1000 * Math.min(60, Math.max(1, seconds)));
}

byId("zone").addEventListener("change", () => shown.window && showMix(shown.window));
document.addEventListener("visibilitychange", () => document.hidden || run());
run();
