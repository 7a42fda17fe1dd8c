// SPDX-License-Identifier: BSD-2-Clause
// What is shown: the time, the zone and the like, the filter. The part of the address after # keeps it.

export const RANGES = [[900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "24 h"], [172800, "48 h"]];
export const CHOICES = ["zone", "type", "country", "as", "client"];
const TEXT_MAX = 256;

// Of a part of an address that anybody may have written.
export function parse(hash) {
	const fields = new URLSearchParams(hash.replace(/^#/, ""));
	const choice = { range: 3600, from: null, to: null, funnel: "now", q: (fields.get("q") || "").slice(0, TEXT_MAX) };
	const range = Number(fields.get("range"));
	const from = Number(fields.get("from")), to = Number(fields.get("to"));
	if (RANGES.some(([seconds]) => seconds === range))
		choice.range = range;
	if (from > 0 && to > from && to < 1e11)
		Object.assign(choice, { from, to });
	if (fields.get("funnel") === "range")
		choice.funnel = "range";
	for (const name of CHOICES)
		choice[name] = (fields.get(name) || "").slice(0, TEXT_MAX);
	return choice;
}

export function write(choice) {
	const fields = new URLSearchParams();
	if (choice.from !== null) {
		fields.set("from", choice.from);
		fields.set("to", choice.to);
	}
	if (choice.range !== 3600)
		fields.set("range", choice.range);
	if (choice.funnel !== "now")
		fields.set("funnel", choice.funnel);
	for (const name of [...CHOICES, "q"]) {
		if (choice[name])
			fields.set(name, choice[name]);
	}
	return fields.toString();
}
