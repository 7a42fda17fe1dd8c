// SPDX-License-Identifier: BSD-2-Clause
// The panel at the top: one state in words. Since when a verdict holds, by what the agent remembers.
import { Past } from "./past.js";
import { byId, button, element, replace, setText } from "./dom.js";
import { bytes, plain, plural, percent } from "./format.js";
import { lossOf, LEVELS } from "./words.js";

const HOUR = 3600;
const LONGEST = 172800;
const NAMES = ["funnel.verdict", "funnel.stack_drops", "funnel.socket_drops", "funnel.unexplained", "funnel.unanswered"];

const past = new Past(NAMES);
let span = HOUR;
let shownCommands = "";

// The run of points at the end that have this verdict; a point without one belongs to what is around it.
export function runOf(values, verdict) {
	let first = values.length;
	for (let i = values.length - 1; i >= 0; i--) {
		if (values[i] !== null && values[i] !== verdict)
			break;
		if (values[i] === verdict)
			first = i;
	}
	return first;
}

async function follow() {
	if (past.points)
		await past.extend(span);
	else
		await past.load(-span, null, undefined);
}

function holdsThroughout(verdict) {
	const values = past.values("funnel", "verdict") || [];
	return values.length > 0 && runOf(values, verdict) === values.findIndex((v) => v !== null);
}

// {since_ms, sinceIsStart, lost, unanswered}
export async function sinceWhen(verdict) {
	await follow();
	if (span === HOUR && holdsThroughout(verdict) && past.held && past.held.minutes.from < past.from - 60) {
		span = LONGEST;
		await past.load(-span, null, undefined);
	} else if (span === LONGEST && !holdsThroughout(verdict)) {
		span = HOUR;
		await past.load(-span, null, undefined);
	}
	const values = past.values("funnel", "verdict");
	const first = values ? runOf(values, verdict) : past.points;
	if (!values || first >= past.points)
		return {};
	// A verdict comes some windows after what it is about.
	const from = past.from + Math.max(0, first - 2) * past.step;
	const loss = lossOf(verdict);
	return {
		since_ms: 1000 * (past.from + first * past.step),
		sinceIsStart: first === values.findIndex((v) => v !== null),
		lost: loss ? past.sum("funnel", loss, from, past.to) : null,
		unanswered: past.sum("funnel", "unanswered", from, past.to),
	};
}

export function forgetPast() {
	past.clear();
}

function commandLine(text) {
	const line = element("li");
	const copy = button("copy", "copy", async () => {
		try {
			await navigator.clipboard.writeText(text);
			setText(copy, "copied");
		} catch {
			setText(copy, "select it, please"); // without TLS a browser has no clipboard for pages
		}
	});
	copy.setAttribute("aria-label", `copy ${text}`);
	line.append(element("code", text), copy);
	return line;
}

// attacks: of the last window, as the agent lists them; the share of a reflection is one of bytes
function attackLine(attack) {
	const line = element("li");
	const share = attack.share === undefined ? "" : `, ${percent(attack.share, 1)} of all`;
	const much = attack.response_bytes === undefined ? plural(attack.queries, "query", "queries") : bytes(attack.response_bytes);
	line.append(element("strong", plain(attack.kind)), ` ${plain(attack.subject || "")}: `, `${much}${share}`,
		attack.since_s === undefined ? "" : `, for ${plural(Math.round(attack.since_s), "second")}`);
	return line;
}

export function showState(words, attacks) {
	const panel = byId("verdict");
	for (const level of LEVELS)
		panel.classList.toggle(level, level === words.level);
	setText(byId("verdict-name"), words.name);
	setText(byId("verdict-head"), plain(words.head));
	setText(byId("verdict-detail"), plain(words.detail || ""));
	setText(byId("verdict-why"), plain(words.why || ""));
	byId("verdict-detail").hidden = !words.detail;
	byId("verdict-why").hidden = !words.why;
	if (shownCommands !== words.type.join("\n")) {
		shownCommands = words.type.join("\n");
		replace(byId("verdict-commands"), words.type.map(commandLine));
	}
	byId("verdict-type").hidden = words.type.length === 0;
	replace(byId("attacks"), attacks.map(attackLine));
	byId("attacks-part").hidden = attacks.length === 0;
}
