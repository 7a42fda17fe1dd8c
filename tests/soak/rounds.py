# SPDX-License-Identifier: BSD-2-Clause
"""A round of the soak, and what must balance in it: what clients sent, what the wire saw, what the nameserver logged and what
it dropped by itself, what is in the store."""


class Round:
    """From one quiet moment to the next; its load begins when the window of the first of them is closed."""

    def __init__(self, number, begin, servers):
        self.number, self.begin, self.end = number, begin, 0.0
        self.sent = {name: {"udp": 0, "tcp": 0} for name in servers}
        self.answered = dict.fromkeys(servers, 0)
        self.cut = dict.fromkeys(servers, 0)  # queries on TCP connections that ended without the answer: read or not
        self.disturbed = []   # what made a connection of a producer end, or the agent
        self.faults = []
        self.account, self.socket_drops = {}, {}

    def add(self, name, report):
        """What the load generator says."""
        for transport, counts in report["transport"].items():
            self.sent[name][transport] += counts["sent"]
            self.answered[name] += counts["received"]
            self.cut[name] += counts["lost"] + counts["timeouts"] if transport == "tcp" else 0

    def total(self, name):
        return sum(self.sent[name].values())

    def arrived(self, name):
        """(least, most) queries that the server got to see."""
        most = self.total(name) - self.socket_drops.get(name, 0)
        return max(self.answered[name], most - self.cut[name]), most

    def unread(self, names):
        """Over TCP: of a connection that a client closes its server does not read the rest."""
        return sum(self.arrived(name)[1] - self.account[name].logged("query") for name in names)


class Books:
    """The rounds, held against what the store has of them."""

    def __init__(self, database, servers):
        self.database, self.servers = database, servers
        self.rounds = []
        self.sums = dict.fromkeys(("sent", "stored", "missing", "dropped", "socket", "unread"), 0)
        self.failures = []

    def sum(self, round, measurement, fields, group="", where=""):
        """{value of the tag in `group`: {field: sum}} of the windows of a round."""
        columns = ", ".join(f'sum("{f}")' for f in fields)
        text = f'SELECT {columns} FROM "{measurement}"'
        text += f" WHERE time > {int(round.begin * 1e9)} AND time <= {int(round.end * 1e9)} {where}"
        text += f' GROUP BY "{group}"' if group else ""
        return {s.get("tags", {}).get(group, ""): {f: int(v or 0) for f, v in zip(fields, s["values"][0][1:])}
                for s in self.database.query(text)}

    def check(self):
        for round in self.rounds:
            stored = self.sum(round, "dns", ("queries", "responses"), "zone")
            stored = {name: stored.get(name, {"queries": 0, "responses": 0}) for name in self.servers}
            self.add_sums(round, stored)
            faults = [*round.faults, *(self.at_most if round.disturbed else self.exactly)(round, stored)]
            self.failures += [f"round {round.number}, {fault}" for fault in faults]

    def add_sums(self, round, stored):
        sent = sum(round.total(name) for name in self.servers)
        seen = sum(stored[name]["queries"] for name in self.servers)
        self.sums["sent"] += sent
        self.sums["stored"] += seen
        if round.disturbed:
            self.sums["missing"] += sent - seen
        else:
            self.sums["dropped"] += sum(round.account[name].dropped("query") for name in self.servers)
            self.sums["socket"] += sum(round.socket_drops.values())
            self.sums["unread"] += round.unread(self.servers)

    def at_most(self, round, stored):
        """What a nameserver writes into a connection that ends is lost; nothing comes of itself."""
        for name in self.servers:
            for kind, field in (("query", "queries"), ("response", "responses")):
                seen, logged = stored[name][field], round.account[name].of("queued", kind)
                if seen > logged:
                    yield f"{name} ({', '.join(round.disturbed)}): logged {logged} {field}, stored {seen}"

    def exactly(self, round, stored):
        for name in self.servers:
            account = round.account[name]
            for kind, field in (("query", "queries"), ("response", "responses")):
                seen, logged = stored[name][field], account.of("queued", kind)
                if seen != logged:
                    yield (f"{name}: logged {logged} {field}, stored {seen} (sent {round.total(name)}, "
                           f"answered {round.answered[name]})")
            least, most = round.arrived(name)
            if not least <= account.logged("query") <= most:
                yield (f"{name}: {least} to {most} queries reached it, it wanted to log {account.logged('query')} (sent "
                       f"{round.total(name)}, answered {round.answered[name]}, socket drops {round.socket_drops[name]})")
        yield from self.crosscheck(round, stored)

    def crosscheck(self, round, stored):
        """The agent's own words: its wire saw each query, and what is missing in dnstap is what nameservers dropped, or did
        not read."""
        rows = self.sum(round, "crosscheck", ("wire", "dnstap", "difference"), "transport", "AND \"direction\" = 'query'")
        funnel = self.sum(round, "funnel", ("explained", "unexplained", "socket_drops")).get("", {})
        unseen = 0
        for transport in ("udp", "tcp"):
            sent, wire = sum(round.sent[name][transport] for name in self.servers), rows.get(transport, {}).get("wire", 0)
            unseen += sent - wire
            if not 0 <= sent - wire <= (sum(round.cut.values()) if transport == "tcp" else 0):
                yield f"wire: {wire} queries over {transport} of {sent} that were sent"
        counted, seen = sum(row["dnstap"] for row in rows.values()), sum(s["queries"] for s in stored.values())
        if counted != seen:
            yield f"cross-check: {counted} queries of dnstap, stored {seen}"
        dropped = sum(round.account[name].dropped("query") for name in self.servers)
        unread = round.unread(self.servers)
        missing = funnel.get("unexplained", 0) + rows.get("tcp", {}).get("difference", 0)
        if missing != dropped + unread - unseen:
            yield (f"cross-check: {missing} queries unexplained; nameservers dropped {dropped} by themselves and did not read "
                   f"{unread} over TCP, the wire did not see {unseen} of these; {funnel}, {rows}")
        if funnel.get("explained", 0) != sum(round.socket_drops.values()):
            yield f"cross-check: {funnel}, the kernel's socket drops are {round.socket_drops}"
        if dropped or unread or funnel.get("explained"):
            self.say(round, missing, funnel)

    def say(self, round, missing, funnel):
        for name in self.servers:
            account, room = round.account[name], round.socket_drops[name]
            unread = round.unread([name])
            reasons = {"its socket was full": room, "it did not read them before the client closed the connection": unread,
                       **account.reasons("query")}
            if any(reasons.values()):
                print(f"round {round.number:<5}   {name} did not log {sum(reasons.values())} of {round.total(name)} queries: "
                      + ", ".join(f"{n}: {reason}" for reason, n in reasons.items() if n))
        print(f"              the cross-check: {missing} unexplained, {funnel.get('explained', 0)} explained")
