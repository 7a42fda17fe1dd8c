// SPDX-License-Identifier: BSD-2-Clause
// Asks the agent. A token that somebody typed goes along with each request, and is kept nowhere else.

const PATIENCE_MS = 10000;
let token = "";

export function setToken(text) {
	token = text.trim();
}

export class Refused extends Error {
	constructor(status, path) {
		super(status === 401 ? "the agent wants its token" : `${path}: status ${status}`);
		this.status = status;
	}
}

// Without the name and password that the page's own address may have.
function address(path) {
	return new URL(path, location.origin + location.pathname);
}

// The field keeps the browser's own dialogue for names and passwords away: the page asks for the token.
export function get(path, signal) {
	const headers = { "X-Requested-With": "page", ...(token && { Authorization: `Bearer ${token}` }) };
	return fetch(address(path), { cache: "no-store", headers, signal });
}

// [status, document]
export async function ask(path) {
	const reply = await get(path, AbortSignal.timeout(PATIENCE_MS));
	if (reply.status === 401)
		throw new Refused(401, path);
	return [reply.status, await reply.json()];
}

export async function asked(path) {
	const [status, json] = await ask(path);
	if (status !== 200)
		throw new Refused(status, path);
	return json;
}

// null: the agent has none.
export async function perhaps(path) {
	const [status, json] = await ask(path);
	return status === 200 ? json : null;
}

export async function text(path) {
	const reply = await get(path, AbortSignal.timeout(PATIENCE_MS));
	if (!reply.ok)
		throw new Refused(reply.status, path);
	return reply.text();
}
