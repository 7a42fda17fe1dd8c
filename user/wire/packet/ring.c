/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/packet/ring.h"

#include "base/clock.h"
#include "crosstap/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * A block holds the largest merged frame; 8 MiB are a tenth of a second at 100,000 packets of 800
 * bytes a second. A block is given over every PACKET_RING_RETIRE_MS, however little is in it: so
 * many blocks are what a reader that does not run may sleep through, 3 s.
 */
#define BLOCK_BYTES (1u << 17)
#define BLOCKS      64
#define RING_BYTES  ((size_t)BLOCK_BYTES * BLOCKS)

static int set(int fd, int option, const void *value, socklen_t size)
{
	return setsockopt(fd, SOL_PACKET, option, value, size) < 0 ? -errno : 0;
}

/* What the device's frames begin with. */
static int find_link(int fd, const char *interface, bool *ret_raw)
{
	struct ifreq request = {0};

	if (strlen(interface) >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, interface, strlen(interface));
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return -errno;
	*ret_raw = request.ifr_hwaddr.sa_family != ARPHRD_ETHER &&
	    request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK;
	return 0;
}

static int set_filter(int fd, const uint8_t ports[65536], bool raw)
{
	struct packet_filter filter;
	struct sock_fprog program = {.filter = filter.code};

	packet_filter_make(&filter, ports, raw);
	program.len = (unsigned short)filter.n;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

static int map_ring(struct packet_ring *ring)
{
	const struct tpacket_req3 request = {
	    .tp_block_size = BLOCK_BYTES,
	    .tp_block_nr = BLOCKS,
	    .tp_frame_size = TPACKET_ALIGNMENT << 7, /* only its limits matter in version 3 */
	    .tp_frame_nr = (unsigned)(RING_BYTES / (TPACKET_ALIGNMENT << 7)),
	    .tp_retire_blk_tov = PACKET_RING_RETIRE_MS,
	};
	const int version = TPACKET_V3, on = 1;
	int r = set(ring->fd, PACKET_VERSION, &version, sizeof(version));

	/* Says how many segments a merged frame stands for. */
	if (r == 0)
		r = set(ring->fd, PACKET_VNET_HDR, &on, sizeof(on));
	if (r == 0)
		r = set(ring->fd, PACKET_RX_RING, &request, sizeof(request));
	if (r < 0)
		return r;
	ring->memory = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (ring->memory == MAP_FAILED) {
		ring->memory = NULL;
		return -errno;
	}
	return 0;
}

/* Protocol 0 until everything is set: no packet comes in unfiltered. */
int packet_ring_open(struct packet_ring *ring, const char *interface, const uint8_t ports[65536])
{
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int r;

	*ring = (struct packet_ring){.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
	if (ring->fd < 0)
		return -errno;
	r = find_link(ring->fd, interface, &ring->raw);
	if (r == 0)
		r = set_filter(ring->fd, ports, ring->raw);
	if (r == 0)
		r = map_ring(ring);
	if (r == 0) {
		address.sll_ifindex = (int)if_nametoindex(interface);
		if (!address.sll_ifindex ||
		    bind(ring->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
			r = -errno;
	}
	if (r < 0)
		packet_ring_close(ring);
	return r;
}

int packet_ring_set_ports(struct packet_ring *ring, const uint8_t ports[65536])
{
	return set_filter(ring->fd, ports, ring->raw);
}

void packet_ring_close(struct packet_ring *ring)
{
	if (ring->memory)
		munmap(ring->memory, RING_BYTES);
	if (ring->fd >= 0)
		close(ring->fd);
	*ring = (struct packet_ring){.fd = -1};
}

void *packet_ring_block(struct packet_ring *ring)
{
	struct tpacket_block_desc *block =
	    (void *)(ring->memory + (size_t)ring->next * BLOCK_BYTES);

	if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return NULL;
	return block;
}

void packet_ring_release(struct packet_ring *ring, void *block)
{
	struct tpacket_block_desc *description = block;

	__atomic_store_n(&description->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	ring->next = (ring->next + 1) % BLOCKS;
}

/* Of merged segments the kernel tells the size of each. */
static uint64_t count_segments(const struct packet_ring *ring, const struct packet_frame *frame)
{
	const struct ct_view view = {.data = frame->data, .end = frame->data + frame->length};
	struct virtio_net_hdr header;
	struct packet packet = {0};

	memcpy(&header, frame->data - sizeof(header), sizeof(header));
	if (header.gso_type == VIRTIO_NET_HDR_GSO_NONE || !header.gso_size ||
	    packet_parse(&view, NULL, ring->raw, frame->frame_bytes, &packet) < 0 || !packet.length)
		return 1;
	return (packet.length + header.gso_size - 1) / header.gso_size;
}

bool packet_ring_frame(
    const struct packet_ring *ring, void *block, void **at, struct packet_frame *ret)
{
	const struct tpacket_block_desc *description = block;
	const struct tpacket3_hdr *header = *at;
	const struct sockaddr_ll *link;

	if (!header) {
		if (!description->hdr.bh1.num_pkts)
			return false;
		header = (const void *)((const uint8_t *)block +
		    description->hdr.bh1.offset_to_first_pkt);
	} else {
		if (!header->tp_next_offset)
			return false;
		header = (const void *)((const uint8_t *)header + header->tp_next_offset);
	}
	*at = (void *)header;
	link = (const void *)((const uint8_t *)header + TPACKET_ALIGN(sizeof(*header)));
	*ret = (struct packet_frame){
	    .data = (const uint8_t *)header + header->tp_mac,
	    .length = header->tp_snaplen,
	    .frame_bytes = header->tp_len,
	    .time_ns = (int64_t)header->tp_sec * NS_PER_S + header->tp_nsec,
	    .outgoing = link->sll_pkttype == PACKET_OUTGOING,
	    /* Whatever Ethernet address they are for, as XDP and tc have it: the ports of a bridge,
	     * and devices with upper ones, see frames for others' with an address of ours inside.
	     */
	    .incoming = link->sll_pkttype <= PACKET_OTHERHOST,
	};
	ret->segments = count_segments(ring, ret);
	return true;
}

uint64_t packet_ring_drops(struct packet_ring *ring)
{
	struct tpacket_stats_v3 stats;
	socklen_t size = sizeof(stats);

	if (ring->fd < 0 || getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		return 0;
	return stats.tp_drops;
}
