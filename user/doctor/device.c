/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: how the network devices spread and keep what arrives. */
#include "doctor/network.h"

#include "doctor/read.h"
#include "wire/netlink/netlink.h"

#include <ctype.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define FEW_DROPS  10000  /* one packet in this many may be dropped unsaid */
#define INTERRUPTS 100000 /* fewer say nothing about how they are spread */
#define CPUS_MAX   1024
#define ONE_CPU    900 /* of a thousand interrupts */

/* Drivers that stop the device, or make its rings anew, when an XDP program comes or goes, by the
 * names that ethtool has for them; the function is the one behind XDP_SETUP_PROG below
 * drivers/net/ethernet/. scripts/check-xdp-drivers holds this against Linux; it agrees with 6.1. */
static const struct {
	const char *driver, *source;
} resetting[] = {
    {"atlantic", "aquantia/atlantic/aq_main.c: aq_xdp_setup()"},
    {"bnxt_en", "broadcom/bnxt/bnxt_xdp.c: bnxt_xdp_set()"},
    {"ena", "amazon/ena/ena_netdev.c: ena_xdp_set()"},
    {"fsl_dpa", "freescale/dpaa/dpaa_eth.c: dpaa_setup_xdp()"},
    {"fsl_dpaa2_eth", "freescale/dpaa2/dpaa2-eth.c: dpaa2_eth_setup_xdp()"},
    {"fsl_enetc", "freescale/enetc/enetc.c: enetc_setup_xdp_prog()"},
    {"i40e", "intel/i40e/i40e_main.c: i40e_xdp_setup()"},
    {"ice", "intel/ice/ice_main.c: ice_xdp_setup_prog()"},
    {"igb", "intel/igb/igb_main.c: igb_xdp_setup()"},
    {"igc", "intel/igc/igc_xdp.c: igc_xdp_set_prog()"},
    {"ixgbe", "intel/ixgbe/ixgbe_main.c: ixgbe_xdp_setup()"},
    {"ixgbevf", "intel/ixgbevf/ixgbevf_main.c: ixgbevf_xdp_setup()"},
    {"mlx4_en", "mellanox/mlx4/en_netdev.c: mlx4_xdp_set()"},
    {"mlx5_core", "mellanox/mlx5/core/en_main.c: mlx5e_xdp_set()"},
    {"mtk_soc_eth", "mediatek/mtk_eth_soc.c: mtk_xdp_setup()"},
    {"mvneta", "marvell/mvneta.c: mvneta_xdp_setup()"},
    {"mvpp2", "marvell/mvpp2/mvpp2_main.c: mvpp2_xdp_setup()"},
    {"netsec", "socionext/netsec.c: netsec_xdp_setup()"},
    {"nfp", "netronome/nfp/nfp_net_common.c: nfp_net_xdp_setup_drv()"},
    {"nicvf", "cavium/thunder/nicvf_main.c: nicvf_xdp_setup()"},
    {"qede", "qlogic/qede/qede_filter.c: qede_xdp_set()"},
    {"rvu-nicpf", "marvell/octeontx2/nic/otx2_pf.c: otx2_xdp_setup()"},
    {"st_gmac", "stmicro/stmmac/stmmac_xdp.c: stmmac_xdp_set_prog()"},
    {"st_xgmac", "stmicro/stmmac/stmmac_xdp.c: stmmac_xdp_set_prog()"},
};

/* -- what it means */

static void judge_queues(struct doctor *doctor, const struct doctor_device *device, unsigned cpus)
{
	const uint32_t could = device->queues_max < cpus ? device->queues_max : cpus;
	char command[96];

	if (device->queues && device->queues < could) {
		snprintf(
		    command, sizeof(command), "ethtool -L %s combined %u", device->name, could);
		doctor_note(doctor, DOCTOR_WARNING,
		    "each queue is emptied by one CPU, and a full one drops", command,
		    "%s: %u receive queues, of %u that it has for %u CPUs", device->name,
		    device->queues, device->queues_max, cpus);
	}
	for (int i = 0; i < 2; i++) {
		if (device->queues < 2 || !device->hash_known[i] || device->hash_ports[i])
			continue;
		snprintf(command, sizeof(command), "ethtool -N %s rx-flow-hash udp%c sdfn",
		    device->name, i ? '6' : '4');
		doctor_note(doctor, DOCTOR_WARNING,
		    "all queries of a resolver go to one queue, and one CPU: a large resolver "
		    "fills it while others idle",
		    command, "%s: queues are chosen without the ports of UDP over IPv%c",
		    device->name, i ? '6' : '4');
	}
}

void doctor_judge_device(struct doctor *doctor, const struct doctor_device *device, unsigned cpus)
{
	const size_t before = doctor_count(doctor, DOCTOR_WARNING);
	char command[96];

	judge_queues(doctor, device, cpus);
	if (device->drops > device->packets / FEW_DROPS) {
		if (device->ring && device->ring < device->ring_max)
			snprintf(command, sizeof(command), "ethtool -G %s rx %u", device->name,
			    device->ring_max);
		else
			snprintf(command, sizeof(command),
			    "ethtool -S %s | grep -i -E 'drop|miss|discard'", device->name);
		doctor_note(doctor, DOCTOR_WARNING,
		    "the device or its driver dropped them before anybody could count", command,
		    "%s: %llu packets dropped beside %llu received (ring of %u, at most %u)",
		    device->name, (unsigned long long)device->drops,
		    (unsigned long long)device->packets, device->ring, device->ring_max);
	}
	if (device->lro) {
		snprintf(command, sizeof(command), "ethtool -K %s lro off", device->name);
		doctor_note(doctor, DOCTOR_WARNING,
		    "most drivers refuse a native XDP program beside it, and tc sees merged "
		    "segments",
		    command, "%s: large receive offload is on", device->name);
	}
	for (size_t i = 0; i < sizeof(resetting) / sizeof(resetting[0]); i++) {
		if (strcmp(device->driver, resetting[i].driver) == 0)
			doctor_note(doctor, DOCTOR_OK, NULL, NULL,
			    "%s: its driver %s makes the rings anew when XDP is attached, so that "
			    "packets are lost for a moment (%s); "
			    "wire.on_exit: keep spares the next start that",
			    device->name, device->driver, resetting[i].source);
	}
	if (doctor_count(doctor, DOCTOR_WARNING) == before)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "%s: %u receive queues, %llu of %llu packets dropped", device->name,
		    device->queues, (unsigned long long)device->drops,
		    (unsigned long long)device->packets + device->drops);
}

/* -- interrupts */

/* The name of a device as a whole word: "eth0-rx-1", "mlx5_comp0@pci:0000:01:00.0". */
static bool has_word(const char *line, size_t length, const char *word)
{
	const size_t size = word ? strlen(word) : 0;

	for (size_t i = 0; size && i + size <= length; i++) {
		if (memcmp(line + i, word, size) == 0 &&
		    (i == 0 || !isalnum((unsigned char)line[i - 1])) &&
		    (i + size == length || !isalnum((unsigned char)line[i + size])))
			return true;
	}
	return false;
}

int doctor_busiest_cpu(const char *text, const char *name, const char *other, unsigned *ret_cpu)
{
	uint64_t counts[CPUS_MAX] = {0};
	uint64_t sum = 0, most = 0;
	size_t cpus = 0, lines = 0;

	for (const char *at = text; (at = strstr(at, "CPU")) && at < text + strcspn(text, "\n");
	     at += 3)
		cpus += cpus < CPUS_MAX;
	for (text += strcspn(text, "\n"); *text; text += strcspn(text, "\n")) {
		const size_t length = strcspn(++text, "\n");
		const char *at = memchr(text, ':', length);

		if (!at || (!has_word(text, length, name) && !has_word(text, length, other)))
			continue;
		lines++;
		at++;
		for (size_t i = 0; i < cpus && at < text + length; i++) {
			char *end;
			const uint64_t count = strtoull(at, &end, 10);

			/* The kernel counts in an unsigned int; more is no text of its. */
			if (end == at || end > text + length || count > UINT32_MAX)
				break;
			counts[i] += count;
			sum += count;
			at = end;
		}
	}
	for (size_t i = 0; i < cpus; i++) {
		if (counts[i] > most) {
			most = counts[i];
			*ret_cpu = (unsigned)i;
		}
	}
	return lines < 2 || cpus < 2 || sum < INTERRUPTS ? -1
							 : (int)((double)most * 1000 / (double)sum);
}

static void look_at_interrupts(struct doctor *doctor, const char *name)
{
	char place[PATH_MAX], link[PATH_MAX] = "", *text = NULL, command[160];
	const char *bus;
	unsigned cpu = 0;
	int part;

	doctor_place(doctor, place, "/sys/class/net/%s/device", name);
	if (readlink(place, link, sizeof(link) - 1) < 0)
		return; /* no hardware, or of another network namespace */
	bus = strrchr(link, '/');
	doctor_place(doctor, place, "/proc/interrupts");
	if (doctor_read(place, &text, NULL) < 0)
		return;
	part = doctor_busiest_cpu(text, name, bus ? bus + 1 : NULL, &cpu);
	free(text);
	if (part < ONE_CPU)
		return;
	snprintf(command, sizeof(command),
	    "apt install irqbalance\ngrep -E '%s|%s' /proc/interrupts", name, bus ? bus + 1 : name);
	doctor_note(doctor, DOCTOR_WARNING,
	    "one CPU takes what arrives in all queues, and is the first to be full", command,
	    "%s: CPU %u takes %d.%d %% of its interrupts", name, cpu, part / 10, part % 10);
}

/* -- what is there (ethtool's requests, <linux/ethtool.h>) */

static bool ask(int fd, const char *name, void *request)
{
	struct ifreq device = {.ifr_data = request};

	snprintf(device.ifr_name, sizeof(device.ifr_name), "%s", name);
	return ioctl(fd, SIOCETHTOOL, &device) == 0;
}

static void ask_all(int fd, struct doctor_device *device)
{
	struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ethtool_ringparam ring = {.cmd = ETHTOOL_GRINGPARAM};
	struct ethtool_value flags = {.cmd = ETHTOOL_GFLAGS};
	static const uint32_t flows[2] = {UDP_V4_FLOW, UDP_V6_FLOW};

	if (ask(fd, device->name, &driver))
		snprintf(device->driver, sizeof(device->driver), "%.31s", driver.driver);
	if (ask(fd, device->name, &channels)) {
		device->queues = channels.combined_count + channels.rx_count;
		device->queues_max =
		    channels.max_combined ? channels.max_combined : channels.max_rx;
	}
	if (ask(fd, device->name, &ring)) {
		device->ring = ring.rx_pending;
		device->ring_max = ring.rx_max_pending;
	}
	device->lro = ask(fd, device->name, &flags) && flags.data & ETH_FLAG_LRO;
	for (int i = 0; i < 2; i++) {
		struct ethtool_rxnfc hash = {.cmd = ETHTOOL_GRXFH, .flow_type = flows[i]};

		device->hash_known[i] = ask(fd, device->name, &hash) && hash.data;
		device->hash_ports[i] = (hash.data & (RXH_L4_B_0_1 | RXH_L4_B_2_3)) != 0;
	}
}

/* /proc/net/dev: bytes, packets, errors, drops (the driver's and the device's), overruns, ... */
static void count(const char *text, struct doctor_device *device)
{
	char name[IFNAMSIZ + 2];
	const char *at;
	unsigned long long packets, drops, overruns;

	snprintf(name, sizeof(name), "%s:", device->name);
	at = text ? strstr(text, name) : NULL;
	if (at &&
	    sscanf(at + strlen(name), "%*u %llu %*u %llu %llu", &packets, &drops, &overruns) == 3) {
		device->packets = packets;
		device->drops = drops + overruns;
	}
}

struct look {
	struct doctor *doctor;
	size_t seen;
};

static void look_at(struct look *look, const char *text, int fd, const struct wire_link *link)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct doctor_device device = {0};

	snprintf(device.name, sizeof(device.name), "%s", link->name);
	ask_all(fd, &device);
	count(text, &device);
	doctor_judge_device(look->doctor, &device, cpus > 0 ? (unsigned)cpus : 1);
	look_at_interrupts(look->doctor, link->name);
	look->seen++;
}

static void visit(void *context)
{
	struct look *look = context;
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct netlink *netlink = NULL;
	struct wire_link *links = NULL;
	char *text = NULL;
	size_t n = 0;

	if (fd < 0 || netlink_open(&netlink, -1) < 0 || netlink_links(netlink, &links, &n) < 0)
		n = 0;
	(void)doctor_read("/proc/thread-self/net/dev", &text, NULL);
	for (size_t i = 0; i < n && i < 64; i++) {
		if (links[i].hardware == ARPHRD_ETHER && links[i].flags & IFF_UP && !*links[i].kind)
			look_at(look, text, fd, &links[i]);
	}
	free(text);
	free(links);
	netlink_close(netlink);
	if (fd >= 0)
		close(fd);
}

void doctor_devices(struct doctor *doctor)
{
	struct look look = {.doctor = doctor};

	doctor_in_namespace(doctor, visit, &look);
	if (!look.seen)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL,
		    "no hardware in the network namespace that counts");
}
