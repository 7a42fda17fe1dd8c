// SPDX-License-Identifier: BSD-2-Clause
// What the agent remembers of a stretch of time, on a grid of steps: asked for once, then extended window by window.
import { asked } from "./agent.js";

const POINTS = 360; // of a chart
const STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600];

export function stepFor(seconds, interval) {
	const least = Math.max(seconds / POINTS, interval);
	const step = STEPS.find((s) => s >= least && s % interval === 0);
	return step || Math.ceil(least / interval) * interval;
}

export function keyOf(series) {
	const tags = Object.keys(series.tags).sort().map((tag) => `${tag}=${series.tags[tag]}`);
	return `${series.measurement}.${series.field} ${tags.join(" ")}`;
}

export class Past {
	constructor(names) {
		this.names = names;
		this.held = null; // what the agent has of windows and of minutes
		this.clear();
	}

	clear() {
		this.step = 0;
		this.from = 0;
		this.watched = [];
		this.series = new Map();
		this.events = [];
	}

	get points() {
		return this.watched.length;
	}

	get to() {
		return this.from + this.points * this.step;
	}

	// Seconds since 1970; to: null is now.
	async load(from, to, step) {
		this.clear();
		this.add(await this.fetch(from, to, step));
	}

	// From the last point on, which may have been half full. `seconds` are kept.
	async extend(seconds) {
		const from = this.points ? Math.floor(this.to - 2 * this.step) : -seconds;
		this.add(await this.fetch(from, null, this.step || undefined));
		this.forget(this.to - seconds);
	}

	fetch(from, to, step) {
		const fields = [`from=${from}`, `names=${this.names.join(",")}`];
		if (to !== null)
			fields.push(`to=${to}`);
		if (step)
			fields.push(`step=${Math.max(1, Math.round(step))}`);
		return asked(`api/v1/history?${fields.join("&")}`);
	}

	add(reply) {
		this.held = reply.held;
		if (!reply.points)
			return;
		if (!this.points || reply.step !== this.step || reply.from < this.from || reply.from > this.to + 3600) {
			this.clear();
			this.step = reply.step;
			this.from = reply.from;
		}
		const offset = Math.round((reply.from - this.from) / this.step);
		const points = Math.max(this.points, offset + reply.points);
		const put = (values, more) => {
			while (values.length < points)
				values.push(null);
			for (let i = 0; i < reply.points; i++)
				values[offset + i] = more ? more[i] : null;
		};
		const fresh = new Map(reply.series.map((series) => [keyOf(series), series]));
		put(this.watched, reply.watched);
		for (const [key, series] of fresh) {
			if (!this.series.has(key))
				this.series.set(key, { ...series, values: [] });
		}
		for (const [key, series] of this.series)
			put(series.values, fresh.has(key) ? fresh.get(key).values : null);
		this.events = this.events.filter((event) => event.time < reply.from).concat(reply.events);
	}

	forget(before) {
		const n = Math.floor((before - this.from) / this.step);
		if (!(n > 0))
			return;
		this.from += n * this.step;
		this.watched.splice(0, n);
		for (const series of this.series.values())
			series.values.splice(0, n);
		this.events = this.events.filter((event) => event.time >= this.from);
	}

	// All with these tags and no others; a tag that is null may be anything.
	find(measurement, field, tags) {
		const wanted = Object.entries(tags);
		return [...this.series.values()].filter((series) => series.measurement === measurement &&
			series.field === field && Object.keys(series.tags).length === wanted.length &&
			wanted.every(([tag, value]) => tag in series.tags && (value === null || series.tags[tag] === value)));
	}

	values(measurement, field, tags = {}) {
		const found = this.find(measurement, field, tags);
		return found.length ? found[0].values : null;
	}

	// Of a count over the points from..to (seconds), null where it was never measured.
	sum(measurement, field, from, to) {
		const values = this.values(measurement, field);
		let total = null;
		for (let i = 0; values && i < this.points; i++) {
			const at = this.from + i * this.step;
			if (values[i] !== null && at >= from && at < to)
				total += values[i];
		}
		return total;
	}
}
