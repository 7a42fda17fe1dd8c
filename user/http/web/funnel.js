// SPDX-License-Identifier: BSD-2-Clause
// The way of queries over UDP from the NIC to their answers: bands in proportion, and what leaves them in colour.
import { byId, element, replace, setText, shape } from "./dom.js";
import { compact, count, percent } from "./format.js";

// The field of the measurement `funnel`, a short name, what it is.
export const STAGES = [
	["nic", "reach the NIC", "Queries that the NIC had: those on the wire, and packets that it or its driver dropped " +
		"before anybody could count them."],
	["wire_queries", "on the wire", "Compared queries that arrived, as the kernel side counts them."],
	["sockets", "reach a socket", "What is left of them when the network stack has dropped its part."],
	["read", "are read", "What the nameserver read: its sockets had room for these."],
	["dnstap_queries", "in dnstap", "Queries that the nameserver logged."],
	["wire_responses", "answers", "Responses that left this machine over UDP."],
];
// After which stage it leaves, whether it is a loss.
export const EXITS = [
	["nic_drops", 0, "loss", "dropped by the NIC", "A ring that is too short, or one queue for all packets: ethtool -S."],
	["stack_drops", 1, "loss", "dropped by the kernel", "Netfilter, rp_filter, a wrong checksum, no socket at the port, " +
		"reassembly, the backlog of a CPU, connection tracking."],
	["socket_drops", 2, "loss", "found sockets full", "The nameserver did not read fast enough, and its buffer overflowed."],
	["queued", 3, "aside", "wait in sockets", "More wait unread than at the beginning; below 0: fewer. They are not lost."],
	["malformed", 3, "aside", "malformed", "Malformed queries on the wire less those in dnstap."],
	["not_logged", 3, "aside", "never logged", "Queries of a kind that this nameserver's dnstap leaves out by its nature."],
	["unexplained", 3, "loss", "missing in dnstap", "The nameserver read them, dnstap never showed them, and nothing " +
		"explains it. In one window it wavers by the boundary; below 0: dnstap had more."],
	["tx_drops", 4, "loss", "dropped on the way out", "Packets that the device or its queue dropped: tc -s qdisc."],
	["unanswered", 4, "aside", "without an answer", "Queries that the nameserver logged and did not answer over UDP."],
];
const NARROW = 640;
const LEAST_PX = 3; // of a band that is not nothing
const LETTER_PX = 7.5;
const ROW_PX = 40; // of labels

const above = (value) => Math.max(0, value || 0);

// f: the fields summed. null: nothing was compared. Exits have their share of the largest stage.
export function layout(f) {
	if (!f || f.wire_queries === null || f.wire_queries === undefined || (f.wire_queries === 0 && f.dnstap_queries > 0))
		return null;
	const sizes = { nic: f.wire_queries + above(f.nic_drops), wire_queries: f.wire_queries };
	sizes.sockets = above(f.wire_queries - above(f.stack_drops));
	sizes.read = above(sizes.sockets - above(f.socket_drops));
	sizes.dnstap_queries = above(f.dnstap_queries);
	sizes.wire_responses = above(f.wire_responses);
	const most = Math.max(...Object.values(sizes), 1);
	const values = { ...f, unanswered: f.unanswered === null || f.unanswered === undefined ? f.unanswered :
		f.unanswered - above(f.tx_drops) };
	// So many may count in a neighbouring window: no loss yet.
	const kindOf = (key, kind) => key === "unexplained" && above(f.unexplained) <= above(f.boundary) ? "aside" : kind;
	return {
		stages: STAGES.map(([key, label, words]) => ({ key, label, words, value: sizes[key], share: sizes[key] / most })),
		exits: EXITS.map(([key, after, kind, label, words]) => ({ key, after, kind: kindOf(key, kind), label, words,
			value: values[key], share: above(values[key]) / most })),
	};
}

// Labels in rows, none over another nor over the band that leads to one: each item gets its `row`.
export function placeLabels(items) {
	const placed = [];
	for (const item of items) {
		const near = (other, reach) => Math.abs(other.along - item.along) < reach;
		const clash = (row) => placed.some((other) => (other.row === row && near(other, other.half + item.half)) ||
			(other.row < row && near(other, other.half + item.size / 2)) ||
			(other.row > row && near(other, item.half + other.size / 2)));
		let row = 0;
		while (row < items.length && clash(row))
			row++;
		placed.push({ ...item, row });
	}
	return placed;
}

// Bands in pixels: `along` the way, `across` it. Those of a stage end where the next begins; exits leave between them.
export function geometry(picture, length, thickness) {
	const n = picture.stages.length;
	const step = length / (n - 1);
	const px = (share) => share > 0 ? Math.max(LEAST_PX, share * thickness) : 0;
	const stages = picture.stages.map((stage, i) => ({ ...stage, along: i * step, across: Math.max(1, px(stage.share)) }));
	const exits = [];
	for (let i = 0; i < n - 1; i++) {
		let from = stages[i].across;
		const leaving = picture.exits.filter((exit) => exit.after === i && exit.share > 0);
		leaving.forEach((exit, j) => {
			const size = px(exit.share);
			exits.push({ ...exit, begin: stages[i].along, along: (i + 0.2 + (0.8 * (j + 0.5)) / leaving.length) * step, size,
				from: Math.max(0, from - size), place: j, of: leaving.length,
				half: (LETTER_PX * Math.max(exit.label.length, 6)) / 2 });
			from -= size;
		});
	}
	return { stages, exits: placeLabels(exits), step };
}

function path(points, turn) {
	return points.map(([command, ...pairs]) => command + pairs.map(([along, across]) =>
		turn ? `${across.toFixed(1)},${along.toFixed(1)}` : `${along.toFixed(1)},${across.toFixed(1)}`).join(" ")).join("");
}

// What leaves between two stages has its part from the first of them on; what comes back comes little by little.
function trunk(stages, turn, base) {
	const end = stages[stages.length - 1];
	const points = [["M", [stages[0].along, base]], ["L", [end.along, base]], ["L", [end.along, base + end.across]]];
	for (let i = stages.length - 2; i >= 0; i--) {
		const { along, across } = stages[i], next = stages[i + 1], middle = (along + next.along) / 2;
		if (next.across > across)
			points.push(["C", [middle, base + next.across], [middle, base + across], [along, base + across]]);
		else
			points.push(["L", [along, base + next.across]], ["L", [along, base + across]]);
	}
	return `${path(points, turn)}Z`;
}

// Along the trunk first, then away from it.
function branch(exit, turn, base, end) {
	const near = exit.along - exit.size / 2, far = exit.along + exit.size / 2;
	const inner = base + exit.from, outer = inner + exit.size, begin = exit.begin;
	const bend = Math.min(12, Math.max(0, near - begin), Math.max(0, end - outer));
	return `${path([["M", [begin, inner]], ["L", [Math.max(begin, far - exit.size - bend), inner]],
		["C", [far, inner], [far, inner], [far, outer + bend]], ["L", [far, end]], ["L", [near, end]],
		["L", [near, outer + bend]], ["C", [near, outer], [near, outer], [near - bend, outer]], ["L", [begin, outer]]],
	turn)}Z`;
}

function group(item, kind) {
	const made = shape("g", { tabindex: "0", role: "img", class: `part ${kind}`,
		"aria-label": `${item.label}: ${count(item.value)}. ${item.words}` });
	const explain = () => setText(byId("funnel-explain"), `${item.label}: ${count(item.value)}. ${item.words}`);
	made.dataset.key = item.key;
	made.append(shape("title", {}, item.words));
	for (const event of ["focus", "mouseenter", "click"])
		made.addEventListener(event, explain);
	return made;
}

function words(made, x, y, item, anchor) {
	made.append(shape("text", { x, y, class: "number", "text-anchor": anchor }, count(item.value)),
		shape("text", { x, y: y + 17, class: "label", "text-anchor": anchor }, item.label));
}

function drawWide(svg, picture, width) {
	const side = 62, thickness = 84, top = 46;
	const { stages, exits } = geometry(picture, width - 2 * side, thickness);
	const rows = Math.max(0, ...exits.map((exit) => exit.row + 1));
	const bottom = top + thickness + 26, height = bottom + Math.max(1, rows) * ROW_PX;
	svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
	svg.setAttribute("height", height);
	const all = shape("g", { transform: `translate(${side} 0)` });
	for (const exit of exits) {
		const made = group(exit, exit.kind), end = bottom + exit.row * ROW_PX;
		made.append(shape("path", { d: branch(exit, false, top, end) }));
		words(made, exit.along, end + 16, exit, "middle");
		all.append(made);
	}
	all.prepend(shape("path", { d: trunk(stages, false, top), class: "trunk" }));
	for (const stage of stages) {
		const made = group(stage, "stage");
		made.append(shape("line", { x1: stage.along, x2: stage.along, y1: top, y2: top + stage.across }));
		words(made, stage.along, 16, stage, "middle");
		all.append(made);
	}
	svg.replaceChildren(all);
}

function drawNarrow(svg, picture, width) {
	const gap = 84, top = 12, thickness = Math.max(60, width * 0.28), right = thickness + 26;
	const length = gap * (picture.stages.length - 1);
	const { stages, exits } = geometry(picture, length, thickness);
	const height = length + top + 34;
	svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
	svg.setAttribute("height", height);
	const all = shape("g", { transform: `translate(0 ${top})` });
	for (const exit of exits) {
		const made = group(exit, exit.kind);
		// Labels of one gap stand below each other, each in one line.
		const y = (exit.after + 0.5) * gap + (exit.place - (exit.of - 1) / 2) * 17 + 12;
		made.append(shape("path", { d: branch({ ...exit, along: y }, true, 0, right - 4) }));
		made.append(shape("text", { x: right + 4, y: y + 4, class: "label" }, `${count(exit.value)} ${exit.label}`));
		all.append(made);
	}
	all.prepend(shape("path", { d: trunk(stages, true, 0), class: "trunk" }));
	for (const stage of stages) {
		const made = group(stage, "stage");
		made.append(shape("line", { x1: 0, x2: stage.across, y1: stage.along, y2: stage.along }));
		made.append(shape("text", { x: right + 4, y: stage.along + 5, class: "number" }, count(stage.value)),
			shape("text", { x: right + 4 + 10 * count(stage.value).length + 6, y: stage.along + 5, class: "label" }, stage.label));
		all.append(made);
	}
	svg.replaceChildren(all);
}

function tableRow(item, all, kind) {
	const row = element("tr", undefined, kind);
	const head = element("th", item.label);
	head.scope = "row";
	row.append(head, element("td", count(item.value), "n"), element("td", percent(item.value, all), "n"),
		element("td", item.words, "wide"));
	return row;
}

function fillTable(picture) {
	const all = picture.stages[1].value;
	const rows = [];
	picture.stages.forEach((stage, i) => {
		rows.push(tableRow(stage, all, "stage"));
		for (const exit of picture.exits.filter((e) => e.after === i))
			rows.push(tableRow(exit, all, exit.value > 0 ? exit.kind : "quiet"));
	});
	byId("funnel-table").tBodies[0].replaceChildren(...rows);
}

let last = null;

function redraw() {
	const svg = byId("funnel-picture"), width = byId("funnel-room").clientWidth;
	if (!last || !width)
		return;
	const focused = svg.contains(document.activeElement) ? document.activeElement.dataset.key : null;
	svg.setAttribute("width", width);
	(width < NARROW ? drawNarrow : drawWide)(svg, last, width);
	if (focused)
		svg.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

export function showFunnel(f, note) {
	last = layout(f);
	byId("funnel-picture").toggleAttribute("hidden", !last);
	byId("funnel-none").hidden = Boolean(last);
	byId("funnel-words").hidden = !last;
	setText(byId("funnel-note"), note);
	if (!last)
		return;
	const lost = last.exits.filter((exit) => exit.kind === "loss" && exit.value > 0);
	byId("funnel-picture").setAttribute("aria-label", `${compact(last.stages[1].value)} queries on the wire, ` +
		`${compact(last.stages[4].value)} in dnstap; ${lost.length ? lost.map((exit) =>
			`${count(exit.value)} ${exit.label}`).join(", ") : "nothing lost"}`);
	redraw();
	fillTable(last);
}

export function startFunnel() {
	new ResizeObserver(redraw).observe(byId("funnel-room"));
}
