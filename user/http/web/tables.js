// SPDX-License-Identifier: BSD-2-Clause
// Tables of the last window: zones, clients, networks, countries, names. One description each; what an agent does not send
// has no table. A filter and what is chosen narrow the rows.
import { byId, button, element, replace } from "./dom.js";
import { bytes, count, microseconds, milliseconds, percent, plain, plural, rate } from "./format.js";

const ROWS = 10; // until somebody asks for all
const opened = new Set();
const regions = new Intl.DisplayNames("en", { type: "region", fallback: "none" });

function countryName(code) {
	try {
		return regions.of(code) || "";
	} catch {
		return ""; // "unknown", "other"
	}
}

const queries = { field: "queries", title: "Queries/s", perSecond: true, sum: true, bar: true };
const nxdomain = { field: "nxdomain", title: "NXDOMAIN", show: (v, row) => percent(v, row.queries), sum: true };
const sources = { field: "sources", title: "Sources", show: count, single: true };
const rtts = [{ field: "icmp_rtt_ms_p50", title: "ICMP", show: milliseconds },
	{ field: "tcp_rtt_ms_p50", title: "TCP", show: milliseconds }];

// shape: list (rows), by (lists by name), map (rows by key), counts (numbers by key)
const TABLES = [
	{ id: "resolvers", title: "Resolvers", from: "resolvers", field: "resolvers", shape: "list",
		key: { field: "address", title: "Address", pick: "client" },
		texts: [{ field: "country", title: "Country", pick: "country" },
			{ field: "asn", title: "AS", pick: "as", more: "as_org" }],
		columns: [queries, nxdomain, { field: "icmp_rtt_ms", title: "ICMP", show: milliseconds },
			{ field: "tcp_rtt_ms", title: "TCP", show: milliseconds }] },
	{ id: "asns", title: "Autonomous systems", from: "resolvers", field: "asns", shape: "map",
		key: { field: "asn", title: "AS", pick: "as", more: "as_org" }, columns: [queries, sources, ...rtts] },
	{ id: "countries", title: "Countries", from: "resolvers", field: "countries", shape: "map",
		key: { field: "country", title: "Country", pick: "country", words: countryName }, columns: [queries, sources, ...rtts] },
	{ id: "subnets", title: "Subnets", from: "window", field: "subnets", shape: "list",
		key: { field: "subnet", title: "Subnet" },
		columns: [queries, { field: "response_bytes", title: "Responses", show: bytes, sum: true }, nxdomain] },
	{ id: "names", title: { query: "Names asked for", nxdomain: "Names that do not exist" }, from: "resolvers",
		field: "names", shape: "by", key: { field: "name", title: "Name" },
		columns: [{ field: "count", title: "Queries/s", perSecond: true, sum: true, bar: true }] },
	{ id: "domains", title: (by) => `Domains by ${by}`, from: "window", field: "domains", shape: "by",
		key: { field: "domain", title: "Domain" }, columns: [queries, nxdomain, sources,
			{ field: "names", title: "Names", show: count, single: true },
			{ field: "magnitude", title: "Magnitude", show: rate, single: true }] },
	{ id: "talkers", title: (by) => `Clients by ${by}`, from: "window", field: "talkers", shape: "by",
		key: { field: "address", title: "Address", pick: "client" },
		columns: [{ field: "count", title: "Count", show: count, sum: true, bar: true }] },
	{ id: "clients", title: "Kinds of clients", from: "window", field: "clients", shape: "map",
		key: { field: "trait", title: "Trait" }, columns: [queries, sources] },
	{ id: "junk", title: "Queries that ask for nothing", from: "window", field: "junk", shape: "counts",
		key: { field: "kind", title: "Kind" }, columns: [queries] },
	{ id: "qtypes", title: "Query types", from: "window", field: "qtype", shape: "counts",
		key: { field: "type", title: "Type", pick: "type" }, columns: [queries] },
	{ id: "rcodes", title: "Response codes", from: "window", field: "rcode", ofType: "qtype_rcode", shape: "counts",
		key: { field: "code", title: "Code" }, columns: [{ ...queries, title: "Responses/s" }] },
];

// ---- rows of a table: {key, fields...}, summed over zones

function rowsIn(table, data, by) {
	const key = table.key.field;
	if (table.shape === "list")
		return data;
	if (table.shape === "by")
		return data[by] || [];
	if (table.shape === "counts")
		return Object.entries(data).map(([name, n]) => ({ [key]: name, queries: n }));
	return Object.entries(data).map(([name, row]) => ({ [key]: name, ...row }));
}

function zonesOf(document, choice) {
	const zones = document && document.zones ? document.zones : {};
	return choice.zone ? (Object.hasOwn(zones, choice.zone) ? [zones[choice.zone]] : []) : Object.values(zones);
}

export function merge(table, parts) {
	const merged = new Map();
	for (const rows of parts) {
		for (const row of rows) {
			const key = String(row[table.key.field]), before = merged.get(key);
			if (!before) {
				merged.set(key, { ...row });
				continue;
			}
			for (const column of table.columns) {
				if (column.sum && row[column.field] !== undefined)
					before[column.field] = (before[column.field] || 0) + row[column.field];
			}
		}
	}
	const by = table.columns.find((column) => column.bar).field;
	return [...merged.values()].sort((a, b) => (b[by] || 0) - (a[by] || 0));
}

export function narrow(table, rows, choice) {
	const words = choice.q.toLowerCase();
	const picks = [table.key, ...(table.texts || [])].filter((text) => text.pick && choice[text.pick]);
	return rows.filter((row) => picks.every((text) => String(row[text.field]) === choice[text.pick]) &&
		(!words || Object.values(row).some((value) => typeof value === "string" && value.toLowerCase().includes(words)) ||
			(table.key.words && table.key.words(row[table.key.field]).toLowerCase().includes(words))));
}

// ---- as HTML

function textCell(text, row, choice, pick) {
	const cell = element(text === row.head ? "th" : "td", undefined, text.field === "address" ? "text address" : "text");
	const value = row.of[text.field];
	if (text === row.head)
		cell.scope = "row";
	if (value === undefined || value === "") {
		cell.textContent = "–";
		return cell;
	}
	const name = text.field === "asn" && /^\d+$/.test(value) ? `AS${value}` : plain(value);
	if (text.pick) {
		const chosen = choice[text.pick] === String(value);
		const made = button(name, "link", () => pick(text.pick, chosen ? "" : String(value)), chosen);
		made.dataset.key = `${row.id} ${text.field} ${value}`;
		cell.append(made);
	} else {
		cell.append(name);
	}
	const more = text.more ? row.of[text.more] : text.words ? text.words(value) : "";
	if (more)
		cell.append(" ", element("span", plain(more), "quiet"));
	return cell;
}

function numberCell(column, row, seconds, most) {
	const value = row[column.field], cell = element("td", undefined, "n");
	const text = value === undefined ? "–" : column.perSecond ? rate(value / seconds) : column.show(value, row);
	if (!column.bar) {
		cell.textContent = text;
		return cell;
	}
	const bar = element("span", undefined, "bar");
	bar.style.width = `${most ? (100 * (value || 0)) / most : 0}%`;
	cell.classList.add("barred");
	cell.append(bar, element("span", text));
	return cell;
}

function headOf(texts, columns) {
	const row = element("tr");
	for (const text of texts) {
		const cell = element("th", text.title);
		cell.scope = "col";
		row.append(cell);
	}
	for (const column of columns) {
		const cell = element("th", column.title, "n");
		cell.scope = "col";
		row.append(cell);
	}
	const head = element("thead");
	head.append(row);
	return head;
}

// A table that is too wide for its place can be moved by keys, too.
function frame(title, table) {
	const scroll = element("div", undefined, "scroll");
	scroll.tabIndex = 0;
	scroll.setAttribute("role", "region");
	scroll.setAttribute("aria-label", title);
	scroll.append(table);
	return scroll;
}

function draw(id, title, table, rows, all, view) {
	const size = table.texts ? (rows.length > ROWS / 2 ? " large tall" : " large") : "";
	const card = element("section", undefined, `card${size}`);
	const made = element("table");
	const texts = [table.key, ...(table.texts || [])].filter((text) => text === table.key ||
		all.some((row) => row[text.field] !== undefined));
	const columns = table.columns.filter((column) => (!column.single || view.single) &&
		all.some((row) => row[column.field] !== undefined));
	const bar = columns.find((column) => column.bar);
	const most = bar ? Math.max(...all.map((row) => row[bar.field] || 0), 1) : 1;
	const body = element("tbody"), shown = opened.has(id) ? rows : rows.slice(0, ROWS);
	for (const row of shown) {
		const line = element("tr");
		for (const text of texts)
			line.append(textCell(text, { id, of: row, head: table.key }, view.choice, view.pick));
		for (const column of columns)
			line.append(numberCell(column, row, view.seconds, most));
		body.append(line);
	}
	made.append(headOf(texts, columns), body);
	card.append(element("h3", title), frame(title, made));
	if (rows.length > ROWS) {
		const more = button(opened.has(id) ? `the first ${ROWS}` : `all ${count(rows.length)}`, "more", () => {
			if (!opened.delete(id))
				opened.add(id);
			view.again();
		}, opened.has(id));
		more.dataset.key = `more ${id}`;
		card.append(more);
	}
	return card;
}

function titled(table, by) {
	if (typeof table.title === "string")
		return table.title;
	return typeof table.title === "function" ? plain(table.title(by)) :
		Object.hasOwn(table.title, by) ? table.title[by] : plain(by);
}

// Of the type that is chosen, where the agent tells that apart.
function figuresOf(table, zone, choice) {
	const byType = table.ofType && choice.type ? zone[table.ofType] : undefined;
	return byType ? (Object.hasOwn(byType, choice.type) ? byType[choice.type] : {}) : zone[table.field];
}

function cardsOf(table, documents, view) {
	const zones = zonesOf(documents[table.from], view.choice).filter((zone) => zone[table.field]);
	const names = table.shape === "by" ? [...new Set(zones.flatMap((zone) => Object.keys(zone[table.field])))] : [""];
	const cards = [];
	for (const by of names) {
		const all = merge(table, zones.map((zone) => rowsIn(table, figuresOf(table, zone, view.choice), by)));
		const rows = narrow(table, all, view.choice);
		if (rows.length)
			cards.push(draw(`${table.id} ${by}`, titled(table, by), table, rows, all,
				{ ...view, single: zones.length === 1 }));
	}
	return cards;
}

// ---- zones, which are not summed

function zoneRow(name, zone, view, all) {
	const row = element("tr"), head = element("th"), time = zone.response_time_us || {};
	const chosen = view.choice.zone === name;
	const made = button(plain(name), "link", () => view.pick("zone", chosen ? "" : name), chosen);
	made.dataset.key = `zone ${name}`;
	head.scope = "row";
	head.className = "text";
	head.append(made);
	const nx = (zone.rcode || {}).NXDOMAIN || 0, failed = (zone.rcode || {}).SERVFAIL || 0;
	const malformed = zone.malformed ? zone.malformed.query + zone.malformed.response : 0;
	row.append(head, numberCell(queries, { queries: zone.queries }, view.seconds, all),
		...[rate(zone.responses / view.seconds), count(zone.sources), percent(nx, zone.responses),
			percent(failed, zone.responses), microseconds(time.p50), microseconds(time.p90), microseconds(time.p99),
			count(malformed)].map((text) => element("td", text, "n")));
	if (chosen)
		row.className = "chosen";
	return row;
}

function showZones(view) {
	const words = view.choice.q.toLowerCase();
	const zones = Object.entries(view.window.zones || {}).sort((a, b) => b[1].queries - a[1].queries);
	const most = Math.max(...zones.map(([, zone]) => zone.queries), 1);
	const shown = zones.filter(([name]) => !words || name.toLowerCase().includes(words));
	const cut = opened.has("zones") ? shown : shown.slice(0, 2 * ROWS);
	replace(byId("zones").tBodies[0], cut.map(([name, zone]) => zoneRow(name, zone, view, most)));
	byId("zones-part").hidden = shown.length === 0;
	byId("zones-more").hidden = shown.length <= 2 * ROWS;
	byId("zones-more").textContent = opened.has("zones") ? `the first ${2 * ROWS}` : `all ${plural(shown.length, "zone")}`;
	byId("zones-more").onclick = () => {
		if (!opened.delete("zones"))
			opened.add("zones");
		view.again();
	};
}

// documents: {window, resolvers}; pick(name, value)
export function showTables(documents, choice, pick) {
	const again = () => showTables(documents, choice, pick);
	const view = { window: documents.window, choice, pick, again, seconds: documents.window.interval_s };
	showZones(view);
	const cards = TABLES.flatMap((table) => cardsOf(table, documents, view));
	replace(byId("tables"), cards);
	byId("tables-none").hidden = cards.length !== 0;
}
