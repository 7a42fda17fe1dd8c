// SPDX-License-Identifier: BSD-2-Clause
// The state of the agent and of its nameserver in words: the worst of what is known, since when, why and what to type.
import { clock, count, duration, percent, plural, rate } from "./format.js";

// From the best to the worst.
export const LEVELS = ["good", "note", "warn", "bad"];

const DOCTOR = "crosstap doctor";
const LOG = "journalctl -u crosstap -g";

// What `since` and numbers make of each verdict; `lost` is null where the history does not reach back.
const VERDICTS = {
	"wire-blind": {
		level: "warn",
		head: (n, since) => `Packets are not seen${since}, so nobody can tell what dnstap misses`,
		placed: true,
		why: "The nameserver takes packets before the network stack (AF_XDP), answers on an interface or port that is not " +
			"watched or in another network namespace, or the agent lacks capabilities.",
		type: [DOCTOR, "crosstap check", `${LOG} mode`],
	},
	"dnstap-blind": {
		level: "warn",
		head: (n, since) => n.connections ? `No frame comes from the nameserver${since}: only the wire counts` :
			`No nameserver is connected${since}: only the wire counts`,
		placed: true,
		why: "The nameserver has no dnstap lines, was started before its user joined the group dnstap, is in a chroot, or is " +
			"kept from the socket by AppArmor.",
		type: [DOCTOR, "ls -l /run/crosstap/", `${LOG} producer`],
	},
	partial: {
		level: "note",
		head: () => "Each input sees one zone, so wire and dnstap are not compared",
		why: "It is no fault. An input with scope: witness, for Knot's global module, gives the cross-check.",
		type: [],
	},
	"stack-loss": {
		level: "bad",
		lost: "stack_drops",
		head: (n) => `${plural(n.lost, "query", "queries")} reached this machine and the kernel dropped ${them(n.lost)}`,
		why: "A firewall rule, rp_filter with asymmetric routes, a full table of connection tracking, fragments that were " +
			"never whole, or a CPU full of interrupts. What a rule drops on purpose counts, too.",
		type: [DOCTOR, "nft list ruleset", "nstat -az"],
	},
	"socket-loss": {
		level: "bad",
		lost: "socket_drops",
		head: (n) => `${plural(n.lost, "query", "queries")} reached this machine and ${n.lost === 1 ? "was" : "were"} never ` +
			"read by the nameserver",
		why: "Its socket buffer overflowed: the nameserver is too slow for its bursts, stopped for a moment, or one of its " +
			"sockets has a thread that is stuck. Afterwards restart the nameserver, whose own option has to ask for as much.",
		type: ["ss -lunpm sport = :53", DOCTOR, "sysctl -w net.core.rmem_max=4194304 net.core.rmem_default=4194304"],
	},
	"rate-limited": {
		level: "warn",
		head: (n, since) => `The nameserver limits rates${since}: far more answers are truncated than in the hour before`,
		placed: true,
		why: "Response rate limiting answers a reflection or a flood, or large answers go to resolvers that ask for small ones.",
		type: ["crosstap top", "curl -s http://127.0.0.1:9053/api/v1/resolvers"],
	},
	"server-silent": {
		level: "bad",
		head: (n, since) => n.unanswered > 0 ?
			`${plural(n.unanswered, "query", "queries")} got no answer${since}: over half of what comes` :
			`The nameserver leaves over half of the queries unanswered${since}`,
		placed: true,
		why: "Rate limiting that drops, a zone that expired, or an overload.",
		type: ["dig @127.0.0.1 example.org SOA +norecurse", "crosstap top", "tc -s qdisc"],
	},
	"dnstap-loss": {
		level: "bad",
		lost: "unexplained",
		head: (n) => `${plural(n.lost, "query", "queries")} reached the nameserver and never showed in dnstap`,
		why: "The nameserver's queue for dnstap overflows, the agent is starved of CPU, or the nameserver does not log queries " +
			"of some kind. The nameserver may well have answered all of them: its figures are too low, its service is not.",
		type: [`${LOG} producer`, "crosstap top", "rndc stats"],
	},
	ok: {
		level: "good",
		head: (n, since) => n.wire ? `Nothing is missing${since}: the nameserver logged what reached this machine` :
			`Nothing is missing${since}, and nothing comes`,
		placed: true,
		why: "",
		type: [],
	},
};

function them(n) {
	return n === 1 ? "it" : "them";
}

export function verdictLevel(verdict) {
	return Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict].level : "note";
}

// Which count of the funnel tells how much is lost; undefined: none.
export function lossOf(verdict) {
	return Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict].lost : undefined;
}

// n: {since_ms, sinceIsStart, now_ms, lost, unanswered, connections, horizon, seconds}
export function verdictWords(verdict, n) {
	const of = Object.hasOwn(VERDICTS, verdict) ? VERDICTS[verdict] : null;
	if (!of)
		return { level: "note", head: `The cross-check says ${verdict}`, detail: "", why: "", type: [] };
	const numbers = { ...n, wire: n.horizon ? n.horizon.wire_queries : 0 };
	const horizon = n.horizon || {};
	if (of.lost && !(numbers.lost > 0))
		numbers.lost = Math.max(0, horizon[of.lost] || 0);
	const since = n.since_ms ?
		` ${n.sinceIsStart ? "since at least" : "since"} ${clock(n.since_ms, n.now_ms, false)}` : "";
	const details = [];
	if (n.since_ms)
		details.push(`for ${duration(Math.max(0, (n.now_ms - n.since_ms) / 1000))}`);
	if (n.horizon && n.seconds) {
		details.push(`in the last ${duration(n.seconds)}: ${count(horizon.wire_queries)} on the wire, ` +
			`${count(horizon.dnstap_queries)} in dnstap`);
		if (of.lost)
			details.push(`${percent(Math.max(0, horizon[of.lost] || 0), horizon.wire_queries)} lost`);
	}
	// `since` stands at the end, or where the sentence has a place for it.
	const head = of.placed ? of.head(numbers, since) : `${of.head(numbers)}${since}`;
	return { level: of.level, head: `${head}.`, detail: details.join(" · "), why: of.why, type: of.type };
}

// The one state at the top. Each part may be missing:
// {gone: {since_ms, error}, token, health: {reasons}, verdict, numbers, compared, empty, waiting, queries_s, now_ms}
export function stateWords(all) {
	if (all.token)
		return { level: "warn", name: "token", head: "The agent wants its token.", detail: "", type: [],
			why: "It is in the file that http.token_file names." };
	if (all.gone) {
		const since = all.gone.since_ms;
		return { level: "bad", name: "no answer", why: `What follows is what it said last. (${all.gone.error})`,
			head: since ? `The agent has not answered since ${clock(since, all.now_ms)}.` : "The agent does not answer.",
			detail: since ? `for ${duration(Math.max(0, (all.now_ms - since) / 1000))}` : "",
			type: ["systemctl status crosstap", "journalctl -u crosstap -n 50"] };
	}
	const words = verdictOrWithout(all);
	const reasons = all.health ? all.health.reasons : null;
	if (!reasons)
		return words;
	if (all.empty) // the reason is that nobody has connected
		return { ...words, level: "warn", detail: reasons.join("; ") };
	return { level: "bad", name: "failing", head: `The agent itself is in trouble: ${reasons[0] || "it does not say why"}.`,
		detail: all.verdict ? `The verdict is ${all.verdict}: ${words.head}` : words.head,
		why: reasons.slice(1).join("; "), type: ["systemctl status crosstap", "journalctl -u crosstap -n 50"] };
}

function verdictOrWithout(all) {
	if (all.empty)
		return { level: "note", name: "waiting", head: "No nameserver has sent anything yet.", detail: "", type: [DOCTOR],
			why: "Below are the lines for its configuration. Once it has them and was restarted, this page shows its queries." };
	if (all.waiting)
		return { level: "note", name: "starting", head: "The first window has not closed yet.", detail: "", why: "", type: [] };
	if (all.verdict && all.compared)
		return { name: all.verdict, ...verdictWords(all.verdict, all.numbers) };
	return { level: "note", name: "dnstap alone", detail: "", type: [DOCTOR],
		head: `${rate(all.queries_s)} queries/s by dnstap; the wire is not watched, so nothing is compared.`,
		why: "With wire.mode: auto and the capabilities that the unit gives, the agent counts packets, too." };
}
