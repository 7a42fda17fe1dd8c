/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: what dnsdist's own pages say of tuning (dnsdist.org/advanced/tuning.html,
 * reference/tuning.html, reference/dnstap.html), as far as a host shows it. */
#include "doctor/network.h"

#include "doctor/processes.h"
#include "doctor/read.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTSTANDING 65535 /* to each backend: the most, and the default since 1.4 */
#define TIGHT       80    /* per cent of the descriptors that it may have */
#define FRAMES      512   /* libfstrm's queue by default, and at most */
#define FRAMES_MOST 16384
#define PIPE_BYTES  1048576 /* between its threads; the default since 1.6 */

static void look_at_descriptors(struct doctor *doctor, const struct nameserver *one)
{
	char place[PATH_MAX], *text = NULL;
	unsigned long most = 0, used = 0;
	const char *line;
	DIR *folder;

	doctor_place(doctor, place, "/proc/%d/limits", (int)one->pid);
	if (doctor_read(place, &text, NULL) < 0)
		return;
	line = strstr(text, "Max open files");
	most = line ? strtoul(line + strlen("Max open files"), NULL, 10) : 0;
	free(text);
	doctor_place(doctor, place, "/proc/%d/fd", (int)one->pid);
	folder = opendir(place);
	while (folder && used < most && readdir(folder))
		used++;
	if (folder)
		closedir(folder);
	if (most && used >= most / 100 * TIGHT)
		doctor_note(doctor, DOCTOR_WARNING,
		    "without a descriptor it takes no further connection, and asks no backend",
		    "systemctl set-property --runtime dnsdist LimitNOFILE=65536 || systemctl edit "
		    "dnsdist # LimitNOFILE=65536",
		    "dnsdist (process %d) has %lu of %lu files open", (int)one->pid, used, most);
}

/* Where it loses by itself, and no counter of the host shows it: frames that do not fit into their
 * queue, connections and queries that do not fit into a pipe between its threads. */
static void look_at_queues(struct doctor *doctor, const struct nameserver *one, const char *restart)
{
	const struct nameserver_facts *facts = &one->facts;
	const long frames = facts->frame_queue ? facts->frame_queue : FRAMES;
	char place[PATH_MAX];
	uint64_t most;

	if (facts->dnstap && *facts->socket && frames < FRAMES_MOST) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "what comes while it is full is in no frame; its log says so, and the verdict "
		    "is "
		    "dnstap-loss",
		    restart, "dnsdist (process %d): its queue holds %ld frames, of all threads",
		    (int)one->pid, frames);
		doctor_add_lines(doctor, one->config,
		    "newFrameStreamUnixLogger(\"PATH\", {inputQueueSize=16384}) -- with what else "
		    "is "
		    "there\n");
	}
	if (facts->pipe_bytes && facts->pipe_bytes < PIPE_BYTES) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "what does not fit is dropped (dumpStats(): tcp-query-pipe-full, "
		    "doh-query-pipe-full), and no frame tells",
		    restart, "dnsdist (process %d): pipes of %ld bytes between its threads",
		    (int)one->pid, facts->pipe_bytes);
		doctor_add_lines(doctor, one->config,
		    "setTCPInternalPipeBufferSize(1048576) -- addDOHLocal: "
		    "internalPipeBufferSize=1048576\n");
	}
	doctor_place(doctor, place, "/proc/sys/fs/pipe-max-size");
	if (doctor_read_number(place, &most) == 0 && most < PIPE_BYTES)
		doctor_note(doctor, DOCTOR_WARNING,
		    "dnsdist asks for 1 MiB between its threads, and gets a small one instead",
		    "sysctl -w fs.pipe-max-size=1048576", "pipes have %llu bytes at most",
		    (unsigned long long)most);
}

static void look_at_one(struct doctor *doctor, const struct nameserver *one, long cpus)
{
	const struct nameserver_facts *facts = &one->facts;
	char place[PATH_MAX], command[PATH_MAX + 64];

	snprintf(command, sizeof(command),
	    "dnsdist --check-config -C '%s' && systemctl restart dnsdist", one->config);
	if (facts->udp_outstanding && facts->udp_outstanding < OUTSTANDING) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "a backend that is slow for a moment has its oldest queries forgotten", command,
		    "dnsdist (process %d): setMaxUDPOutstanding(%ld)", (int)one->pid,
		    facts->udp_outstanding);
		doctor_add_lines(doctor, one->config, "setMaxUDPOutstanding(65535)\n");
	}
	if (cpus > 2 && !facts->reuseport) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "each listener has one thread for UDP: several at an address share the work",
		    command, "dnsdist (process %d): no listener has reusePort, on %ld CPUs",
		    (int)one->pid, cpus);
		doctor_add_lines(doctor, one->config,
		    "addLocal(\"ADDRESS:53\", {reusePort=true}) -- once for each thread\n");
	}
	if (facts->tls && facts->tcp_threads && facts->tcp_threads < cpus) {
		doctor_note(doctor, DOCTOR_WARNING,
		    "handshakes of DNS over TLS are the work of these threads alone", command,
		    "dnsdist (process %d): %ld threads for TCP and TLS, on %ld CPUs", (int)one->pid,
		    facts->tcp_threads, cpus);
		doctor_add_lines(doctor, one->config, "setMaxTCPClientThreads(10)\n");
	}
	doctor_place(doctor, place, "/proc/net/tls_stat");
	if (facts->ktls && access(place, R_OK) < 0)
		doctor_note(doctor, DOCTOR_WARNING,
		    "the kernel cannot encrypt for it: the option does nothing", "modprobe tls",
		    "dnsdist (process %d): ktls is set, and the kernel has no module tls",
		    (int)one->pid);
	look_at_queues(doctor, one, command);
	look_at_descriptors(doctor, one);
}

void doctor_dnsdist(struct doctor *doctor)
{
	const struct nameservers *all = doctor->nameservers;
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const size_t before = doctor_count(doctor, DOCTOR_WARNING);

	for (size_t i = 0; all && i < all->n; i++) {
		if (all->items[i].kind == NAMESERVER_DNSDIST)
			look_at_one(doctor, &all->items[i], cpus);
	}
	if (doctor_count(doctor, DOCTOR_WARNING) == before)
		doctor_note(
		    doctor, DOCTOR_OK, NULL, NULL, "nothing to tune that can be seen from here");
}
