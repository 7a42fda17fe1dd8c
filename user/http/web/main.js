// SPDX-License-Identifier: BSD-2-Clause
// Brings the page up and keeps it up: asks for what is shown when a window has closed, and shows it.
import { ask, asked, perhaps, setToken } from "./agent.js";
import { CHOICES, parse, RANGES, write } from "./choice.js";
import * as charts from "./charts.js";
import { button, byId, element, replace, setText } from "./dom.js";
import { clock, count, duration, microseconds, percent, plain, rate } from "./format.js";
import { showFunnel, startFunnel } from "./funnel.js";
import { showEvents, showLines, showMachine } from "./machine.js";
import { Past, stepFor } from "./past.js";
import { Stream } from "./stream.js";
import { showTables } from "./tables.js";
import { verdictLevel, stateWords } from "./words.js";
import { forgetPast, showState, sinceWhen } from "./verdict.js";

const ASK_AGAIN_S = 5; // while the agent does not answer
const LONGEST_S = 60;
const SOON_MS = 250;

let choice = parse(location.hash);
let shown = { status: null, window: null, check: null, resolvers: null, health: null, numbers: {}, last_ms: 0 };
let fault = null; // {error, token}
const past = new Past(charts.NAMES);
let loaded = ""; // which stretch `past` holds
let nowFunnel = null; // the verdict's horizon
let timer = 0, told = 0, running = null, again = false, live = false;

// ---- asking

// Steps are those of what there is to be seen, which is little in the first minutes.
function stretch() {
	const interval = shown.status ? shown.status.interval_s : 10;
	const seconds = choice.from === null ? choice.range : choice.to - choice.from;
	const known = past.held && choice.from === null ?
		Date.now() / 1000 - Math.min(past.held.windows.from, past.held.minutes.from) : seconds;
	return { seconds, step: stepFor(Math.max(60, Math.min(seconds, known)), Math.max(1, interval)), interval };
}

async function loadPast() {
	const { seconds, step } = stretch();
	const wanted = choice.from === null ? `${choice.range} ${step}` : `${choice.from} ${choice.to}`;
	if (loaded === wanted && choice.from !== null)
		return;
	if (loaded === wanted && past.points) {
		await past.extend(seconds);
		return;
	}
	if (choice.from === null)
		await past.load(-seconds, null, step);
	else
		await past.load(Math.floor(choice.from), Math.ceil(choice.to), step);
	const again = choice.from === null && past.points > 0 && stretch().step < step;
	loaded = wanted;
	if (again)
		await loadPast();
}

function horizonSeconds() {
	const horizon = shown.check && shown.check.horizon;
	return horizon && shown.window ? horizon.windows * shown.window.interval_s : 0;
}

async function loadHorizon() {
	const seconds = horizonSeconds();
	nowFunnel = null;
	if (!seconds)
		return;
	const short = new Past(["funnel"]);
	const end = shown.check.time_ms / 1000 + shown.window.interval_s;
	await short.load(Math.floor(end - seconds), Math.ceil(end), undefined);
	nowFunnel = short;
}

async function refresh() {
	const [[code, health], status] = await Promise.all([ask("healthz"), asked("api/v1/status")]);
	const [window, check, resolvers] = await Promise.all([asked("api/v1/window"),
		health.verdict ? perhaps("api/v1/crosscheck") : null, status.window ? perhaps("api/v1/resolvers") : null]);
	const fresh = !shown.status || !shown.status.window || !status.window ||
		shown.status.window.end_ms !== status.window.end_ms;
	if (shown.status && shown.status.started_ms !== status.started_ms)
		restarted();
	window.interval_s = window.interval_s || status.interval_s;
	window.zones = window.zones || {};
	shown = { ...shown, status, window, check, resolvers, health: { failing: code === 503, ...health }, last_ms: Date.now() };
	fault = null;
	if (fresh && status.window)
		await Promise.all([loadPast(), loadHorizon(), loadSince()]);
	show();
	return fresh;
}

async function loadSince() {
	shown.numbers = shown.health.verdict && shown.check ? await sinceWhen(shown.health.verdict) : {};
}

function restarted() {
	loaded = "";
	past.clear();
	forgetPast();
}

async function run() {
	clearTimeout(timer);
	if (running) {
		again = true;
		return running;
	}
	let fresh = false;
	running = (async () => {
		try {
			fresh = await refresh();
		} catch (error) {
			fault = { token: error.status === 401, error: error.status ? error.message : words(error) };
			showFault();
		}
	})();
	await running;
	running = null;
	clearTimeout(timer);
	if (document.hidden)
		return undefined;
	if (again) {
		again = false;
		return run();
	}
	timer = setTimeout(run, 1000 * wait(fresh));
	return undefined;
}

function words(error) {
	return error.name === "TimeoutError" ? "it takes longer than 10 s" : "no connection";
}

// Seconds until it is asked again; a stream says when a window has closed.
function wait(fresh) {
	if (fault)
		return ASK_AGAIN_S;
	const interval = shown.status.interval_s;
	if (live)
		return Math.max(LONGEST_S, 2 * interval);
	return Math.min(LONGEST_S, Math.max(1, fresh ? interval : interval / 4));
}

// ---- showing

function total(pick) {
	return Object.values(shown.window.zones).reduce((all, zone) => all + (pick(zone) || 0), 0);
}

function isEmpty() {
	const { status } = shown;
	return status.inputs.every((input) => !input.frames && !input.connections) && !total((zone) => zone.queries);
}

function attacks() {
	const lists = Object.values(shown.window.zones).flatMap((zone) => zone.attacks || []);
	return lists.concat(Array.isArray(shown.window.attacks) ? shown.window.attacks : []).slice(0, 5);
}

function state() {
	const now_ms = Date.now();
	if (fault)
		return stateWords({ token: fault.token, gone: { since_ms: shown.last_ms, error: fault.error }, now_ms });
	const { status, window, check, health } = shown;
	const numbers = { ...shown.numbers, now_ms, connections: status.connections, horizon: check && check.horizon,
		seconds: horizonSeconds() };
	const empty = isEmpty();
	const modes = check ? Object.values(check.modes || {}) : [];
	return stateWords({ health: health.failing ? health : null, verdict: health.verdict, numbers, empty, now_ms,
		compared: check && (modes.length > 0 || health.verdict !== "ok"), waiting: !status.window,
		queries_s: total((zone) => zone.queries) / window.interval_s });
}

function tile(name, value, note) {
	const group = element("div");
	group.append(element("dt", name), element("dd", value));
	if (note)
		group.lastChild.append(" ", element("small", note));
	return group;
}

// Of the zone that has most paired responses: quantiles of zones cannot be added up.
function responseTime() {
	const zones = Object.values(shown.window.zones).filter((zone) => zone.response_time_us && zone.response_time_us.count);
	const latest = (field) => {
		const values = past.values("dns_latency", field);
		return values && values.length ? values.findLast((v) => v !== null) : undefined;
	};
	if (choice.from === null && past.points && latest("p50_us"))
		return [latest("p50_us"), latest("p99_us")];
	const most = zones.sort((a, b) => b.response_time_us.count - a.response_time_us.count)[0];
	return most ? [most.response_time_us.p50, most.response_time_us.p99] : [undefined, undefined];
}

function showTiles() {
	const { window, status } = shown, seconds = window.interval_s;
	const queries = total((zone) => zone.queries), responses = total((zone) => zone.responses);
	const nx = total((zone) => (zone.rcode || {}).NXDOMAIN), failed = total((zone) => (zone.rcode || {}).SERVFAIL);
	const tcp = total((zone) => Object.values((zone.messages || {}).tcp || {}).reduce((all, f) => all + f.queries, 0));
	const [p50, p99] = responseTime();
	replace(byId("now"), [tile("Queries", rate(queries / seconds), "/s"), tile("Responses", rate(responses / seconds), "/s"),
		tile("NXDOMAIN", percent(nx, responses)), tile("SERVFAIL", percent(failed, responses)),
		tile("Over TCP", percent(tcp, queries)), tile("Median response", microseconds(p50)),
		tile("99 % of responses", microseconds(p99)), tile("Sources", count(status.resolvers))]);
}

function funnelOver(source, from, to) {
	const fields = ["nic_drops", "wire_queries", "stack_drops", "socket_drops", "queued", "malformed", "not_logged",
		"dnstap_queries", "unexplained", "wire_responses", "tx_drops", "unanswered"];
	const boundary = Math.max(0, ...(source.values("funnel", "boundary") || []));
	return { ...Object.fromEntries(fields.map((field) => [field, source.sum("funnel", field, from, to)])), boundary };
}

function showFunnelPart() {
	const ranged = choice.funnel === "range" || choice.from !== null;
	for (const [id, on] of [["funnel-now", !ranged], ["funnel-range", ranged]])
		byId(id).setAttribute("aria-pressed", String(on));
	if (ranged) {
		const note = past.points ? `${clock(1000 * past.from)} to ${clock(1000 * past.to)}` : "nothing is remembered of it";
		showFunnel(past.points ? funnelOver(past, past.from, past.to) : null, note);
	} else if (nowFunnel && nowFunnel.points) {
		showFunnel(funnelOver(nowFunnel, nowFunnel.from, nowFunnel.to), `the last ${duration(horizonSeconds())}`);
	} else {
		showFunnel(shown.check ? shown.check.funnel : null, "the last window");
	}
	showCompared();
}

function showCompared() {
	const rows = [];
	for (const direction of ["query", "response"]) {
		for (const [transport, families] of Object.entries((shown.check && shown.check[direction]) || {})) {
			for (const [family, cell] of Object.entries(families)) {
				const row = element("tr"), head = element("th", plain(`${direction} ${transport} ${family}`));
				head.scope = "row";
				row.append(head, ...["wire", "dnstap", "difference", "boundary", "left_out"].map((field) =>
					element("td", count(cell[field] || 0), "n")));
				rows.push(row);
			}
		}
	}
	byId("compared-part").hidden = rows.length === 0;
	byId("compared").tBodies[0].replaceChildren(...rows);
}

function reach() {
	const { seconds } = stretch();
	const to = choice.from === null ? past.to : choice.to;
	const from = Math.max(to - seconds, choice.from === null ? past.from : choice.from);
	return [from, Math.max(to, from + 1)];
}

// A line of verdicts and events over the same time as the charts.
function showStrip() {
	const [from, to] = reach(), strip = byId("strip"), verdicts = past.values("funnel", "verdict") || [];
	const place = (seconds) => `${Math.min(100, Math.max(0, (100 * (seconds - from)) / (to - from)))}%`;
	const marks = [];
	for (let i = 0; i < verdicts.length; i++) {
		let end = i + 1;
		while (end < verdicts.length && verdicts[end] === verdicts[i])
			end++;
		if (verdicts[i] !== null) {
			const mark = element("span", undefined, `run ${verdictLevel(verdicts[i])}`);
			mark.title = verdicts[i];
			mark.style.left = place(past.from + i * past.step);
			mark.style.width = `calc(${place(past.from + end * past.step)} - ${place(past.from + i * past.step)})`;
			marks.push(mark);
		}
		i = end - 1;
	}
	for (const event of past.events) {
		const mark = element("span", undefined, "event");
		mark.title = `${clock(1000 * event.time)} ${event.kind}: ${plain(event.text)}`;
		mark.style.left = place(event.time);
		marks.push(mark);
	}
	strip.replaceChildren(...marks);
}

function showHistory() {
	charts.showCharts(past, choice, reach());
	showStrip();
	for (const made of byId("ranges").children)
		made.setAttribute("aria-pressed", String(choice.from === null && Number(made.dataset.key) === choice.range));
	byId("back").hidden = choice.from === null;
	const words = choice.from === null ? "" : `${clock(1000 * choice.from)} to ${clock(1000 * choice.to)}`;
	setText(byId("chosen-time"), words);
}

function pointAtTime(seconds) {
	charts.pointAt(Math.floor((seconds - past.from) / past.step));
	byId("charts-title").scrollIntoView({ block: "start" });
}

function showChips() {
	const words = { zone: "zone", type: "type", country: "country", as: "AS", client: "client" };
	const chips = CHOICES.filter((name) => choice[name]).map((name) => {
		const made = button(`${words[name]} ${plain(choice[name])} ×`, "chip", () => pick(name, ""));
		made.setAttribute("aria-label", `show all again, not only ${words[name]} ${plain(choice[name])}`);
		made.dataset.key = `chip ${name}`;
		return made;
	});
	replace(byId("chips"), chips);
	const select = byId("zone"), names = Object.keys(shown.window ? shown.window.zones : {}).sort();
	if (choice.zone && !names.includes(choice.zone))
		names.push(choice.zone);
	if (names.join("\n") !== [...select.options].slice(1).map((o) => o.value).join("\n"))
		select.replaceChildren(select.options[0], ...names.map((name) => new Option(plain(name), name)));
	select.value = choice.zone;
	if (document.activeElement !== byId("filter"))
		byId("filter").value = choice.q;
}

function showLiveness() {
	const end = shown.status && shown.status.window ? `until ${clock(shown.status.window.end_ms)}` : "";
	setText(byId("age"), fault ? "" : [live ? "live" : "once a window", end].filter(Boolean).join(" · "));
	byId("age").classList.toggle("live", live && !fault);
}

function show() {
	document.body.classList.remove("gone");
	byId("token-part").hidden = true;
	byId("main").hidden = false;
	setText(byId("server"), plain(shown.status.server));
	const words = state();
	document.title = `${words.level === "good" ? "" : `${words.name}: `}${plain(shown.status.server)} – crosstap`;
	showState(words, attacks());
	showLiveness();
	const empty = isEmpty();
	showLines(empty, shown.status);
	byId("bar").hidden = empty;
	byId("figures").hidden = empty;
	if (!empty) {
		showTiles();
		showFunnelPart();
		showHistory();
		showTables(shown, choice, pick);
		showChips();
	}
	showEvents(past.events, pointAtTime);
	showMachine(shown.status, shown.check, shown.resolvers);
}

function showFault() {
	const words = state();
	document.title = `${words.name}: crosstap`;
	document.body.classList.toggle("gone", !fault.token);
	byId("token-part").hidden = !fault.token;
	byId("main").hidden = !shown.status;
	showState(words, []);
	showLiveness();
}

// ---- what people do

function save() {
	const hash = write(choice);
	history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

function changed(time) {
	save();
	if (!shown.status)
		return;
	if (!time) {
		show();
		return;
	}
	(async () => {
		try {
			await loadPast();
		} catch (error) {
			fault = { token: error.status === 401, error: words(error) };
		}
		(fault ? showFault : show)();
	})();
}

function pick(name, value) {
	choice[name] = value;
	changed(false);
}

function zoom(from, to) {
	if (from === null) {
		Object.assign(choice, { from: null, to: null });
	} else {
		const least = Math.max(2 * stretch().interval, 10);
		const middle = (from + to) / 2, half = Math.min(86400, Math.max(least, to - from) / 2);
		Object.assign(choice, { from: Math.floor(middle - half), to: Math.ceil(middle + half) });
	}
	changed(true);
}

function listen() {
	replace(byId("ranges"), RANGES.map(([seconds, name]) => {
		const made = button(name, "tab", () => {
			Object.assign(choice, { range: seconds, from: null, to: null });
			changed(true);
		}, seconds === choice.range);
		made.dataset.key = `${seconds}`;
		return made;
	}));
	byId("back").addEventListener("click", () => zoom(null, null));
	byId("funnel-now").addEventListener("click", () => {
		Object.assign(choice, { funnel: "now", from: null, to: null });
		changed(true);
	});
	byId("funnel-range").addEventListener("click", () => pick("funnel", "range"));
	byId("zone").addEventListener("change", (event) => pick("zone", event.target.value));
	byId("filter").addEventListener("input", (event) => pick("q", event.target.value));
	byId("token-part").addEventListener("submit", (event) => {
		event.preventDefault();
		setToken(byId("token").value);
		byId("token").value = "";
		stream.stop();
		stream.start();
		run();
	});
	window.addEventListener("hashchange", () => {
		choice = parse(location.hash);
		changed(true);
	});
	document.addEventListener("visibilitychange", () => {
		if (document.hidden) {
			stream.stop();
			return;
		}
		stream.start();
		run();
	});
}

// What the agent tells is fetched a moment later: events come with their window, and to all pages at once.
function soon() {
	clearTimeout(told);
	told = setTimeout(run, SOON_MS * (0.2 + Math.random()));
}

function isShown(data) {
	const end = shown.status && shown.status.window ? shown.status.window.end_ms : 0;
	try {
		return Math.round(1000 * JSON.parse(data).end) <= end;
	} catch {
		return false;
	}
}

const stream = new Stream((kind, data) => {
	if (kind === "verdict" || kind === "event" || (kind === "window" && !isShown(data)))
		soon();
}, (now) => {
	const ended = live && !now;
	live = now;
	showLiveness();
	if (ended)
		soon();
});

listen();
startFunnel();
charts.startCharts({ pick, zoom });
setInterval(() => fault && showFault(), 1000);
run();
stream.start();
