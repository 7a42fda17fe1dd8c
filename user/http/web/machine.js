// SPDX-License-Identifier: BSD-2-Clause
// The agent itself: inputs, outputs, how each interface is watched, what is wrong, each as a sentence. And the nameserver's
// lines, while none is connected.
import { text } from "./agent.js";
import { byId, button, element, replace, setText } from "./dom.js";
import { bytes, clock, count, duration, percent, plain, plural, rate } from "./format.js";

const SILENT_S = 60;

// level, subject, sentence
function line([level, subject, words]) {
	const item = element("li", undefined, level);
	item.append(element("strong", plain(subject)), " ", element("span", plain(words)));
	return item;
}

// ---- sentences

export function inputWords(input, before) {
	const faults = [], good = [];
	const more = (field) => before ? Math.max(0, (input[field] || 0) - (before[field] || 0)) : 0;
	if (!input.connections)
		faults.push(input.frames ? "no nameserver is connected any more" : "no nameserver has connected");
	else
		good.push(`${plural(input.connections, "nameserver")} connected`);
	if (input.last_frame_age_s === undefined)
		faults.push("no frame has come");
	else if (input.last_frame_age_s > SILENT_S)
		faults.push(`no frame for ${duration(input.last_frame_age_s)}`);
	if (before && before.seconds > 0)
		good.push(`${rate(more("frames") / before.seconds)} frames/s`);
	good.push(`${plural(input.frames, "frame")} so far`);
	for (const [field, words] of [["frames_bad", "could not be read"], ["late", "came too late for their window"]]) {
		if (input[field])
			(more(field) ? faults : good).push(`${plural(input[field], "frame")} ${words}`);
	}
	for (const [field, words] of [["refused", "refused"], ["denied", "not allowed"], ["timed_out", "timed out"],
		["cut", "cut"]]) {
		if (input[field])
			(more(field) ? faults : good).push(`${plural(input[field], "connection")} ${words}`);
	}
	return [faults.length ? "warn" : "good", input.address, `${[...faults, ...good].join(", ")}.`];
}

export function outputWords(output) {
	const parts = [];
	if (output.failing)
		parts.push(`fails${output.last_error ? `: ${output.last_error}` : ""}`);
	else
		parts.push("is up to date");
	if (output.queued)
		parts.push(`${plural(output.queued, "batch", "batches")} wait`);
	if (output.spool_batches || output.spool_bytes)
		parts.push(`${bytes(output.spool_bytes)} of ${bytes(output.spool_limit_bytes)} are kept on disk`);
	parts.push(`${plural(output.points, "point")} sent`);
	if (output.kafka_brokers !== undefined)
		parts.push(`${plural(output.kafka_brokers, "broker")} connected`);
	if (output.points_dropped)
		parts.push(`${count(output.points_dropped)} lost`);
	if (output.points_rejected)
		parts.push(`${count(output.points_rejected)} refused by the database`);
	const level = output.failing ? "bad" : output.points_dropped || output.points_rejected ? "warn" : "good";
	return [level, output.name, `${parts.join(", ")}.`];
}

const MODES = {
	native: "by BPF in the driver (native XDP)",
	generic: "by BPF in the network stack (generic XDP)",
	tc: "by BPF in traffic control (tc)",
	packet: "by packet sockets; BPF was not to be had",
	off: "not at all: only dnstap counts",
};

export function watchWords(check) {
	if (!check)
		return [["note", "The wire", "is not watched: only dnstap counts."]];
	const lines = Object.entries(check.modes || {}).map(([name, mode]) => [mode === "off" ? "warn" : "good", name,
		`is watched ${Object.hasOwn(MODES, mode) ? MODES[mode] : mode}.`]);
	if (!lines.length)
		lines.push(["warn", "No interface", "is watched."]);
	if (check.stack_drops_source)
		lines.push(["good", "Drops of the network stack", check.stack_drops_source === "packets" ?
			"are known packet by packet." : "are known by counters, which other packets move, too: an upper bound."]);
	for (const drop of check.stack_drops || [])
		lines.push(["bad", `${drop.upper_bound ? "At most " : ""}${count(drop.messages)}`,
			`queries were dropped by the kernel: ${drop.reason}.`]);
	if ((check.incomplete || []).length)
		lines.push(["note", "The last window", `was not watched whole: ${check.incomplete.join(", ")}.`]);
	return lines;
}

export function databaseWords(resolvers) {
	const lines = [];
	for (const [kind, database] of Object.entries((resolvers && resolvers.databases) || {})) {
		if (database.loaded)
			lines.push(["good", `Database of ${kind}`, `${database.path}, ${database.type || ""}.`]);
		else if (database.path)
			lines.push(["warn", `Database of ${kind}`, `${database.path} is not in use: ${database.reason || "no reason given"}.`]);
	}
	const ping = resolvers && resolvers.ping;
	if (ping && ping.enabled)
		lines.push([ping.status && ping.status !== "ok" && !ping.sent ? "note" : "good", "ICMP",
			`${plural(ping.known || 0, "resolver")} measured, ${count(ping.sent)} sent, ${count(ping.timeouts)} without an ` +
			`answer${ping.status ? ` (${ping.status})` : ""}.`]);
	return lines;
}

export function agentWords(status) {
	const up = (status.now_ms - status.started_ms) / 1000;
	const lines = [["good", `crosstap ${status.version}`, `has run for ${duration(up)}, uses ` +
		`${up > 0 ? percent(status.cpu_us / 1e6, up) : "–"} of a core and ${bytes(status.rss_bytes)}, and knows ` +
		`${plural(status.resolvers, "source")} of the last window.`]];
	const faults = [["lost", "update", "found no memory: the figures are too low (limits.memory)"],
		["overflow", "source", "were counted together, for want of room (limits.resolvers)"],
		["frames_bad", "frame", "could not be read"], ["log_dropped", "line", "of the log were lost"],
		["merged", "window", "were merged: the agent came late"]];
	for (const [field, noun, words] of faults) {
		if (status[field])
			lines.push(["warn", plural(status[field], noun), `${words}.`]);
	}
	if (status.mmdb_age_s > 30 * 86400)
		lines.push(["warn", "Countries", `come from a database that is ${duration(status.mmdb_age_s)} old.`]);
	lines.push(["good", `${plural(status.windows, "window")}`, `of ${duration(status.interval_s)} have closed; ` +
		`the configuration is ${status.config_hash}.`]);
	return lines;
}

// ---- shown

let before = null;

export function showMachine(status, check, resolvers) {
	const seconds = before ? (status.now_ms - before.now_ms) / 1000 : 0;
	const old = new Map(before ? before.inputs.map((input) => [input.address, { ...input, seconds }]) : []);
	replace(byId("inputs"), status.inputs.map((input) => line(inputWords(input, old.get(input.address)))));
	byId("inputs-none").hidden = status.inputs.length !== 0;
	replace(byId("outputs"), status.outputs.map((output) => line(outputWords(output))));
	byId("outputs-none").hidden = status.outputs.length !== 0;
	replace(byId("watch"), [...watchWords(check), ...databaseWords(resolvers)].map(line));
	replace(byId("agent"), agentWords(status).map(line));
	if (!before || seconds >= 1)
		before = status;
}

export function showEvents(events, pointAt) {
	const items = events.slice(-50).reverse().map((event) => {
		const item = element("li", undefined, event.kind === "verdict" ? "strong" : "");
		const when = button(clock(1000 * event.time), "link when", () => pointAt(event.time));
		when.dataset.key = `${event.time}`;
		item.append(when, element("strong", plain(event.kind.replaceAll("_", " "))), " ", element("span", plain(event.text)));
		return item;
	});
	replace(byId("events"), items);
	byId("events-none").hidden = items.length !== 0;
}

// ---- the nameserver's lines

const SNIPPETS = [["Knot DNS", "knot.conf"], ["NSD", "nsd.conf"], ["BIND", "named.conf"], ["Unbound", "unbound.conf"],
	["dnsdist", "dnsdist.lua"], ["PowerDNS Recursor", "recursor.yml"], ["CoreDNS", "Corefile"]];
const SOCKET = "/run/crosstap/dnstap.sock";
let chosen = "";
let listed = null; // whose address the lines have

// Comments of the file that are for whoever ships it go; the socket is the agent's.
export function linesFor(source, address) {
	const lines = source.split("\n").filter((row) => !row.includes("SPDX-License-Identifier"));
	const joined = lines.join("\n").trim();
	return address && address.startsWith("/") ? joined.replaceAll(SOCKET, address) : joined;
}

async function choose(file, address) {
	chosen = file;
	for (const tab of byId("lines-tabs").children)
		tab.setAttribute("aria-pressed", String(tab.dataset.key === file));
	const source = await text(`nameservers/${file}`);
	if (chosen === file)
		setText(byId("lines-text"), linesFor(source, address));
}

export function showLines(wanted, status) {
	const part = byId("lines-part");
	part.hidden = !wanted;
	const input = status.inputs.find((one) => one.address.startsWith("/"));
	const address = input ? input.address : "";
	if (!wanted || listed === address)
		return;
	listed = address;
	setText(byId("lines-address"), plain(address || status.inputs.map((one) => one.address).join(", ") || SOCKET));
	replace(byId("lines-tabs"), SNIPPETS.map(([name, file]) => {
		const made = button(name, "tab", () => choose(file, address).catch(() => {}), false);
		made.dataset.key = file;
		return made;
	}));
	choose(chosen || SNIPPETS[0][1], address).catch(() => {});
}
