// SPDX-License-Identifier: BSD-2-Clause
// Elements. All texts are set as text, never as HTML: names and addresses come from strangers.

export const byId = (id) => document.getElementById(id);

export function element(tag, text, className) {
	const made = document.createElement(tag);
	if (text !== undefined)
		made.textContent = text;
	if (className)
		made.className = className;
	return made;
}

export function shape(tag, attributes, text) {
	const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
	for (const [name, value] of Object.entries(attributes))
		made.setAttribute(name, value);
	if (text !== undefined)
		made.textContent = text;
	return made;
}

// A screen reader says again what is set again.
export function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

export function button(text, className, run, pressed) {
	const made = element("button", text, className);
	made.type = "button";
	if (pressed !== undefined)
		made.setAttribute("aria-pressed", String(pressed));
	made.addEventListener("click", run);
	return made;
}

// Replaces what is in `parent`; what had the focus keeps it if its data-key is there again.
export function replace(parent, nodes) {
	const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
	parent.replaceChildren(...nodes);
	if (focused === undefined)
		return;
	for (const node of parent.querySelectorAll("[data-key]")) {
		if (node.dataset.key === focused) {
			node.focus({ preventScroll: true });
			return;
		}
	}
}
