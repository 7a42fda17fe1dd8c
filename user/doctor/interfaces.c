/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: how interfaces would be watched, and whether a nameserver is behind them. */
#include "doctor/doctor.h"

#include "doctor/network.h"

#include "wire/bpf/dispatcher.h"
#include "wire/bpf/features.h"
#include "wire/bpf/object.h"
#include "wire/netlink/netlink.h"
#include "wire/netlink/netns.h"
#include "wire/rules/select.h"
#include "wire/window/mode.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>

#define PAGE_FRAME_BYTES 3498 /* the MTU that fits in a page with what drivers put around it */
#define DISPATCHER       "xdp_dispatcher"

/* -- the mode of one interface */

static enum wire_mode said(char reason[DOCTOR_REASON_BYTES], enum wire_mode mode,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
static enum wire_mode said(
    char reason[DOCTOR_REASON_BYTES], enum wire_mode mode, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, DOCTOR_REASON_BYTES, format, arguments);
	va_end(arguments);
	return mode;
}

/* Of `auto` and `native`, where BPF is to be had: the ladder of attachment.c, without climbing. */
static enum wire_mode native_or_less(const struct doctor_nic *nic, char reason[DOCTOR_REASON_BYTES])
{
	const struct wire_link *link = nic->link;

	if (link->hardware != ARPHRD_ETHER)
		return said(reason, WIRE_TC, "no Ethernet, which XDP programs read");
	if (nic->ours)
		return said(reason, WIRE_NATIVE, "an agent's program runs there");
	if (link->xdp_native && !(nic->dispatched && nic->dispatcher))
		return said(
		    reason, WIRE_TC, "another XDP program holds it (id %u)", link->xdp_native);
	if (!nic->features_known)
		return said(reason, WIRE_AUTO,
		    "native if the driver takes it, else tc; kernels before 6.3 do not tell");
	if (!nic->native)
		return said(reason, WIRE_TC, "the driver has no native XDP");
	if (link->mtu > PAGE_FRAME_BYTES && !nic->several_buffers)
		return said(reason, WIRE_AUTO,
		    "native if the driver takes an MTU of %u, else tc: it has no frames in "
		    "several buffers",
		    link->mtu);
	return said(reason, WIRE_NATIVE, "%s",
	    link->xdp_native ? "beside others, behind libxdp's dispatcher" : "the driver has it");
}

enum wire_mode doctor_mode(
    const struct doctor_nic *nic, enum wire_mode mode, char reason[DOCTOR_REASON_BYTES])
{
	if (mode == WIRE_OFF || mode == WIRE_PACKET)
		return said(reason, mode, "wire.mode");
	if (nic->bpf < 0)
		return said(reason, WIRE_PACKET, "no BPF: %s", nic->refusal);
	if (mode == WIRE_TC)
		return said(reason, WIRE_TC, "wire.mode");
	if (mode == WIRE_GENERIC) {
		if (nic->link->hardware != ARPHRD_ETHER)
			return said(reason, WIRE_TC, "no Ethernet, which XDP programs read");
		if (nic->link->xdp_generic && !nic->ours)
			return said(reason, WIRE_TC, "another XDP program holds it (id %u)",
			    nic->link->xdp_generic);
		return said(reason, WIRE_GENERIC, "wire.mode");
	}
	return native_or_less(nic, reason);
}

/* -- what is there */

struct visit {
	struct doctor *doctor;
	struct netlink *netlink;
	struct doctor_nic host; /* what holds for all interfaces */
	struct wire_link *links;
	bool *chosen, *once;
	size_t n;
};

static bool take_route(void *context, int index)
{
	struct visit *visit = context;

	for (size_t i = 0; i < visit->n; i++)
		visit->chosen[i] |= visit->links[i].index == index;
	return false;
}

static void choose(struct visit *visit)
{
	const struct config_wire *wire = &visit->doctor->config->wire;

	if (wire->interfaces_auto) {
		(void)netlink_routes(visit->netlink, take_route, visit);
		return;
	}
	for (size_t j = 0; j < wire->interfaces.n; j++) {
		bool found = false;

		for (size_t i = 0; i < visit->n; i++) {
			if (strcmp(visit->links[i].name, wire->interfaces.items[j]) == 0)
				found = visit->chosen[i] = true;
		}
		if (!found)
			doctor_note(visit->doctor, DOCTOR_WARNING,
			    "its packets are not counted: see wire.interfaces", "ip link show",
			    "%s does not exist", wire->interfaces.items[j]);
	}
}

static bool is_dispatcher(uint32_t program)
{
	struct bpf_prog_info info = {0};
	uint32_t length = sizeof(info);
	const int fd = program ? bpf_prog_get_fd_by_id(program) : -1;
	bool is = false;

	if (fd < 0)
		return false;
	if (bpf_obj_get_info_by_fd(fd, &info, &length) == 0)
		is = strcmp(info.name, DISPATCHER) == 0;
	close(fd);
	return is;
}

static bool runs_ours(const struct wire_link *link, bool dispatched)
{
	const uint32_t ids[] = {link->xdp_native, link->xdp_generic};
	struct wire_running running;

	wire_running_init(&running);
	for (int i = 0; i < 2; i++) {
		if (ids[i] && wire_running_find(&running, NULL, ids[i]) == 0) {
			wire_running_close(&running);
			return true;
		}
	}
	if (!dispatched || wire_dispatcher_find(-1, link->index, 0, true, &running) < 0)
		return false;
	wire_running_close(&running);
	return true;
}

/* What a wire that is not native costs, or does not see. */
static const char *seen_by(enum wire_mode mode)
{
	if (mode == WIRE_PACKET)
		return "packet sockets copy every packet, and see nothing that an AF_XDP socket "
		       "takes";
	return "it costs more, and sees nothing that an AF_XDP socket takes or sends";
}

/* Who has the program that keeps ours out, and how to be rid of it. */
static void note_owner(struct visit *visit, const struct wire_link *link, uint32_t program)
{
	struct doctor_owner owner;
	char command[64];

	doctor_find_owner(visit->doctor, program, &owner);
	if (owner.pid) {
		snprintf(command, sizeof(command), "ps -fp %d", (int)owner.pid);
		doctor_note(visit->doctor, DOCTOR_WARNING,
		    "crosstap takes nobody's program away, and counts by tc beside it", command,
		    "%s: XDP program %u is held by %s (process %d)", link->name, program,
		    owner.name, (int)owner.pid);
	} else if (owner.unseen) {
		doctor_note(visit->doctor, DOCTOR_WARNING,
		    "crosstap takes nobody's program away, and counts by tc beside it",
		    "sudo crosstap doctor",
		    "%s: who holds XDP program %u cannot be seen without being root", link->name,
		    program);
	} else {
		snprintf(command, sizeof(command), "ip link set dev %s xdp off", link->name);
		doctor_note(visit->doctor, DOCTOR_WARNING,
		    "a process that ended may have left it, unless somebody attached it to stay: "
		    "crosstap "
		    "counts by tc beside it",
		    command, "%s: no process holds XDP program %u", link->name, program);
	}
}

static void look_at(struct visit *visit, const struct wire_link *link)
{
	const enum wire_mode wanted = visit->doctor->config->wire.mode;
	struct doctor_nic nic = visit->host;
	struct wire_features features = {0};
	char reason[DOCTOR_REASON_BYTES];
	enum wire_mode mode;

	nic.link = link;
	if (nic.bpf == 0) {
		nic.dispatched = is_dispatcher(link->xdp_native);
		nic.ours = runs_ours(link, nic.dispatched);
	}
	nic.features_known = wire_features_read(link->index, &features) == 0;
	nic.native = features.native;
	nic.several_buffers = features.several_buffers;
	mode = doctor_mode(&nic, wanted, reason);
	if (mode == WIRE_AUTO || mode == wanted || mode == WIRE_NATIVE ||
	    (mode == WIRE_TC && wanted == WIRE_AUTO && !link->xdp_native))
		doctor_note(visit->doctor, DOCTOR_OK, NULL, NULL, "%s: %s (%s)", link->name,
		    mode == WIRE_AUTO ? "native or tc" : wire_mode_name(mode), reason);
	else
		doctor_note(visit->doctor, DOCTOR_WARNING, seen_by(mode), "man crosstap.yaml",
		    "%s: %s instead of %s (%s)", link->name, wire_mode_name(mode),
		    wanted == WIRE_AUTO ? "native" : wire_mode_name(wanted), reason);
	if (!nic.ours && !nic.dispatched && link->xdp_native && mode != WIRE_OFF)
		note_owner(visit, link, link->xdp_native);
	if (!(link->flags & IFF_UP)) {
		char command[64];

		snprintf(command, sizeof(command), "ip link set dev %s up", link->name);
		doctor_note(visit->doctor, DOCTOR_WARNING, "nothing arrives there", command,
		    "%s is down", link->name);
	}
}

static void look_at_chosen(struct visit *visit)
{
	size_t watched = 0;

	choose(visit);
	memcpy(visit->once, visit->chosen, visit->n * sizeof(*visit->once));
	wire_select_once(visit->links, visit->n, visit->once);
	for (size_t i = 0; i < visit->n; i++) {
		if (visit->once[i])
			look_at(visit, &visit->links[i]);
		else if (visit->chosen[i] && !visit->doctor->config->wire.interfaces_auto)
			doctor_note(visit->doctor, DOCTOR_OK, NULL, NULL,
			    "%s is left out: another one sees its packets", visit->links[i].name);
		watched += visit->once[i];
	}
	if (!watched)
		doctor_note(visit->doctor, DOCTOR_WARNING,
		    "nothing is held against the frames: name interfaces, or set wire.netns to "
		    "the nameserver's network namespace",
		    "ip -brief link", "no interface is watched");
}

/* In the nameserver's network namespace. */
static void visit_interfaces(void *context)
{
	struct visit *visit = context;
	int r = netlink_open(&visit->netlink, -1);

	if (r == 0)
		r = netlink_links(visit->netlink, &visit->links, &visit->n);
	if (r == 0) {
		visit->chosen = calloc(visit->n + 1, sizeof(*visit->chosen));
		visit->once = calloc(visit->n + 1, sizeof(*visit->once));
		r = visit->chosen && visit->once ? 0 : -ENOMEM;
	}
	if (r == 0)
		look_at_chosen(visit);
	else
		doctor_note(visit->doctor, DOCTOR_WARNING, "nothing of the wire can be foretold",
		    "ip link", "cannot read the network: %s", strerror(-r));
	free(visit->chosen);
	free(visit->once);
	free(visit->links);
	netlink_close(visit->netlink);
}

static void in_namespace(struct doctor *doctor, void (*work)(void *context), void *context)
{
	const char *name = doctor->config->wire.netns;
	const int namespace = *name ? netns_open(name) : -1;
	const int r = *name && namespace < 0 ? namespace : netns_call(namespace, work, context);

	if (r < 0)
		doctor_note(doctor, DOCTOR_WARNING,
		    "the agent would not count the wire: see wire.netns", "ip netns list",
		    "network namespace %s: %s", name, strerror(-r));
	if (namespace >= 0)
		close(namespace);
}

void doctor_interfaces(struct doctor *doctor)
{
	struct visit visit = {.doctor = doctor};
	char refusal[WIRE_REFUSAL_BYTES] = "";

	if (doctor->config->wire.mode == WIRE_OFF) {
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "not watched: wire.mode");
		return;
	}
	wire_bpf_quiet();
	visit.host.bpf = wire_bpf_allowed();
	if (visit.host.bpf < 0)
		wire_refusal_tell(&doctor->standing, visit.host.bpf, refusal, sizeof(refusal));
	visit.host.refusal = refusal;
	visit.host.dispatcher = visit.host.bpf == 0 && wire_dispatcher_works();
	in_namespace(doctor, visit_interfaces, &visit);
}

/* -- the nameserver */

struct sockets {
	const struct config_ports *ports;
	unsigned long udp;
};

/* Lines of /proc/net/udp: "  sl: ADDRESS:PORT ..." in hexadecimal (proc_net_udp(5)). */
static void count_in(struct sockets *sockets, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[512];
	unsigned port;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x", &port) != 1)
			continue;
		for (size_t i = 0; i < sockets->ports->n; i++)
			sockets->udp += sockets->ports->ports[i] == port;
	}
	if (file)
		fclose(file);
}

static void visit_sockets(void *context)
{
	count_in(context, "/proc/thread-self/net/udp");
	count_in(context, "/proc/thread-self/net/udp6");
}

void doctor_nameserver(struct doctor *doctor)
{
	const struct config_ports *ports = &doctor->config->wire.ports;
	struct sockets sockets = {.ports = ports};
	char names[128] = "";

	if (doctor->config->wire.mode == WIRE_OFF) {
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "its sockets are not watched: wire.mode");
		return;
	}
	for (size_t i = 0; i < ports->n; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%u",
		    i ? ", " : "", ports->ports[i]);
	in_namespace(doctor, visit_sockets, &sockets);
	if (sockets.udp)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "%lu UDP sockets at port %s",
		    sockets.udp, names);
	else
		doctor_note(doctor, DOCTOR_WARNING,
		    "nothing is there to count: start it, or set wire.ports, or wire.netns where "
		    "it is in another network namespace",
		    "ss -lunp", "nobody has a UDP socket at port %s", names);
}
