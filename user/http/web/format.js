// SPDX-License-Identifier: BSD-2-Clause
// Numbers, times and strangers' texts, as the page writes them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const NONE = "–";

function known(value) {
	return value !== undefined && value !== null && Number.isFinite(value);
}

export function count(value) {
	return known(value) ? whole.format(value) : NONE;
}

export function rate(value) {
	if (!known(value))
		return NONE;
	return Math.abs(value) >= 100 ? whole.format(value) : short.format(value);
}

// For an axis: 1200 is 1.2k.
export function compact(value) {
	const units = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
	const unit = units.find(([size]) => Math.abs(value) >= size);
	return unit ? `${short.format(value / unit[0])}${unit[1]}` : short.format(value);
}

export function percent(part, all) {
	if (!all || !known(part))
		return NONE;
	const share = (100 * part) / all;
	return share > 0 && share < 0.01 ? "< 0.01 %" : `${short.format(share)} %`;
}

export function bytes(value) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	if (!known(value))
		return NONE;
	while (value >= 1024 && i < units.length - 1) {
		value /= 1024;
		i++;
	}
	return `${i ? short.format(value) : whole.format(value)} ${units[i]}`;
}

export function milliseconds(value) {
	if (!known(value))
		return NONE;
	if (value > 0 && value < 1)
		return `${short.format(value * 1000)} µs`;
	return value < 1000 ? `${short.format(value)} ms` : `${short.format(value / 1000)} s`;
}

export function microseconds(value) {
	return known(value) ? milliseconds(value / 1000) : NONE;
}

export function duration(seconds) {
	const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
	const at = parts.findIndex(([size]) => seconds >= size);
	if (at < 0)
		return "0 s";
	const [size, unit] = parts[at];
	const rest = parts[at + 1];
	const first = `${Math.floor(seconds / size)} ${unit}`;
	const more = rest ? Math.floor((seconds % size) / rest[0]) : 0;
	return more ? `${first} ${more} ${rest[1]}` : first;
}

const pad = (n) => String(n).padStart(2, "0");

// With the day where it is not today's.
export function clock(ms, now = Date.now(), seconds = true) {
	const at = new Date(ms);
	const time = `${pad(at.getHours())}:${pad(at.getMinutes())}${seconds ? `:${pad(at.getSeconds())}` : ""}`;
	if (at.toDateString() === new Date(now).toDateString())
		return time;
	return `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} ${time}`;
}

export function plural(n, one, many = `${one}s`) {
	return `${count(n)} ${n === 1 ? one : many}`;
}

// What a stranger wrote: nothing in it may turn the line around, hide, or break it.
export function plain(text) {
	return String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
		(c) => `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);
}
