/* SPDX-License-Identifier: BSD-2-Clause */
#include "replay/pcap_file.h"

#include "base/clock.h"
#include "crosstap/packet.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLL_BYTES    16 /* LINKTYPE_LINUX_SLL: type at 0, protocol at 14 */
#define SLL2_BYTES   20 /* LINKTYPE_LINUX_SLL2: protocol at 0, type at 10 */
#define LOOP_BYTES   4  /* the family, in the order of the host that captured: not looked at */
#define SLL_OUTGOING 4
#define LAST_S       9000000000LL /* the year 2255 */

struct pcap_file {
	pcap_t *pcap;
	int link;
	uint64_t packets;
};

static bool is_known(int link)
{
	switch (link) {
	case DLT_EN10MB:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return true;
	default:
		return false;
	}
}

int pcap_file_open(
    struct pcap_file **ret, const char *path, char error[static PCAP_FILE_ERROR_BYTES])
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	struct pcap_file *file = calloc(1, sizeof(*file));
	int r = -ENOMEM;

	if (!file) {
		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", strerror(ENOMEM));
		return r;
	}
	file->pcap =
	    pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (!file->pcap) {
		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s", reason);
		r = -EIO;
		goto out;
	}
	file->link = pcap_datalink(file->pcap);
	if (!is_known(file->link)) {
		const char *name = pcap_datalink_val_to_name(file->link);

		snprintf(error, PCAP_FILE_ERROR_BYTES, "link type %d (%s) is not supported",
		    file->link, name ? name : "unknown");
		r = -EPROTONOSUPPORT;
		goto out;
	}
	*ret = file;
	return 0;
out:
	pcap_file_close(file);
	return r;
}

void pcap_file_close(struct pcap_file *file)
{
	if (!file)
		return;
	if (file->pcap)
		pcap_close(file->pcap);
	free(file);
}

uint64_t pcap_file_packets(const struct pcap_file *file)
{
	return file->packets;
}

/* Cuts n bytes off the front; what is shorter is no packet of IP, and empty. */
static void cut(struct pcap_packet *packet, uint64_t n)
{
	if (packet->length < n) {
		packet->length = 0;
		return;
	}
	packet->data += n;
	packet->length -= n;
	packet->frame_bytes -= n;
}

/* Behind a cooked header: VLAN tags stand where Ethernet has them, then IP. */
static void cut_cooked(struct pcap_packet *packet, uint64_t header, uint64_t protocol_at,
    uint64_t type_at, uint64_t type_bytes)
{
	uint16_t protocol, type;

	if (packet->length < header) {
		packet->length = 0;
		return;
	}
	protocol = ct_load_be16(packet->data + protocol_at);
	type = type_bytes == 1 ? packet->data[type_at] : ct_load_be16(packet->data + type_at);
	packet->outgoing = type == SLL_OUTGOING;
	cut(packet, header);
	for (unsigned i = 0; i < PACKET_MAX_TAGS && packet->length >= 4 &&
	     (protocol == PACKET_ETH_VLAN || protocol == PACKET_ETH_QINQ ||
		 protocol == PACKET_ETH_QINQ_9);
	     i++) {
		protocol = ct_load_be16(packet->data + 2);
		cut(packet, 4);
	}
	if (protocol != PACKET_ETH_IPV4 && protocol != PACKET_ETH_IPV6)
		packet->length = 0;
}

static void cut_link(const struct pcap_file *file, struct pcap_packet *packet)
{
	switch (file->link) {
	case DLT_EN10MB:
		packet->raw = false;
		break;
	case DLT_NULL:
	case DLT_LOOP:
		cut(packet, LOOP_BYTES);
		break;
	case DLT_LINUX_SLL:
		cut_cooked(packet, SLL_BYTES, 14, 0, 2);
		break;
	case DLT_LINUX_SLL2:
		cut_cooked(packet, SLL2_BYTES, 0, 10, 1);
		break;
	default:
		break;
	}
}

/* The microseconds' place holds nanoseconds: asked for when the file was opened. A time in pcapng
 * has 64 bits and may be any number. */
static int64_t time_of(const struct pcap_pkthdr *header)
{
	const int64_t s = header->ts.tv_sec, ns = header->ts.tv_usec;

	if (s < 0 || ns < 0 || ns >= NS_PER_S)
		return 0;
	return s > LAST_S ? LAST_S * NS_PER_S : s * NS_PER_S + ns;
}

int pcap_file_next(
    struct pcap_file *file, struct pcap_packet *ret, char error[static PCAP_FILE_ERROR_BYTES])
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int r = pcap_next_ex(file->pcap, &header, &data);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1) {
		FILE *stream = pcap_file(file->pcap);

		snprintf(error, PCAP_FILE_ERROR_BYTES, "%s packet=%llu offset=%lld",
		    pcap_geterr(file->pcap), (unsigned long long)file->packets + 1,
		    stream ? (long long)ftello(stream) : -1LL);
		return -EIO;
	}
	file->packets++;
	*ret = (struct pcap_packet){
	    .data = data,
	    .length = header->caplen,
	    .frame_bytes = header->len > header->caplen ? header->len : header->caplen,
	    .time_ns = time_of(header),
	    .raw = true,
	};
	cut_link(file, ret);
	return 1;
}
