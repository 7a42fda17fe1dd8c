// SPDX-License-Identifier: BSD-2-Clause
// The agent's server-sent events, by fetch(), so that a token goes along. Where there is none to be had (an older agent,
// too many pages, a proxy that holds it back) the page asks once a window instead.
import { get } from "./agent.js";

const SILENCE_MS = 40000; // more than two heartbeats
const FIRST_MS = 1000;
const LONGEST_MS = 60000;

// Takes text in pieces; gives each event whole, as the HTML standard's section on server-sent events has it.
export class EventReader {
	constructor(take) {
		this.take = take;
		this.rest = "";
		this.kind = "message";
		this.data = [];
	}

	feed(text) {
		const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
		this.rest = lines.pop();
		if (this.rest.length > 1 << 20)
			throw new Error("a line without end");
		for (const line of lines)
			this.line(line);
	}

	line(line) {
		if (line === "") {
			if (this.data.length)
				this.take(this.kind, this.data.join("\n"));
			this.kind = "message";
			this.data = [];
			return;
		}
		const colon = line.indexOf(":");
		if (colon === 0)
			return;
		const field = colon < 0 ? line : line.slice(0, colon);
		const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
		if (field === "event")
			this.kind = value;
		else if (field === "data")
			this.data.push(value);
	}
}

export class Stream {
	// take(kind, data) for each event; changed(live) when it begins and ends.
	constructor(take, changed) {
		this.take = take;
		this.changed = changed;
		this.wait_ms = FIRST_MS;
		this.control = null;
		this.timer = 0;
	}

	start() {
		if (!this.control)
			this.run();
	}

	stop() {
		clearTimeout(this.timer);
		const control = this.control;
		this.control = null;
		if (control)
			control.abort();
	}

	async run() {
		const control = this.control = new AbortController();
		clearTimeout(this.timer);
		try {
			await this.read(control);
		} catch {
			// What went wrong shows in what the page asks for meanwhile.
		}
		clearTimeout(this.silence);
		if (this.control !== control)
			return;
		this.changed(false);
		this.timer = setTimeout(() => this.run(), this.wait_ms * (0.75 + Math.random() / 2));
		this.wait_ms = Math.min(LONGEST_MS, this.wait_ms * 2);
	}

	heard(control) {
		clearTimeout(this.silence);
		this.silence = setTimeout(() => control.abort(), SILENCE_MS);
	}

	async read(control) {
		this.heard(control);
		const reply = await get("api/v1/events", control.signal);
		if (!reply.ok || !reply.body) {
			this.wait_ms = LONGEST_MS; // there is none: asking soon changes nothing
			control.abort();
			return;
		}
		const pieces = reply.body.pipeThrough(new TextDecoderStream()).getReader();
		const events = new EventReader((kind, data) => this.take(kind, data));
		this.wait_ms = FIRST_MS;
		this.changed(true);
		for (;;) {
			const { done, value } = await pieces.read();
			if (done || this.control !== control)
				return;
			this.heard(control);
			events.feed(value);
		}
	}
}
