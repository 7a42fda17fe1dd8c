/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of both formats, written here byte by byte, whole and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/unused.h"
#include "capture/pcap_file.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_MAX 400000
#define S        1700000000

/* A file under way, in either byte order. */
struct written {
	uint8_t bytes[FILE_MAX];
	size_t n;
	bool swapped;
	size_t block; /* where the last one begins */
};

static struct written file;
static char error[PCAP_FILE_ERROR_BYTES];

/* IPv4 and UDP, from port 53 to port 4000; 8 bytes of data. */
static const uint8_t datagram[36] = {
    0x45, [3] = 36, [8] = 64, 17, [12] = 192, 0, 2, 1, 198, 51, 100, 1, 0, 53, 0x0f, 0xa0, 0, 16};

static void put(const void *bytes, size_t n)
{
	assert_true(file.n + n <= FILE_MAX);
	memcpy(file.bytes + file.n, bytes, n);
	file.n += n;
}

static void put16(uint16_t value)
{
	value = file.swapped ? __builtin_bswap16(value) : value;
	put(&value, sizeof(value));
}

static void put32(uint32_t value)
{
	value = file.swapped ? __builtin_bswap32(value) : value;
	put(&value, sizeof(value));
}

static void put64(uint64_t value)
{
	value = file.swapped ? __builtin_bswap64(value) : value;
	put(&value, sizeof(value));
}

static void pad(void)
{
	while (file.n % 4)
		put("", 1);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int open_bytes(struct pcap_file **ret, int *ret_fd)
{
	*ret_fd = memfd_create("capture", MFD_CLOEXEC);
	assert_true(*ret_fd >= 0);
	assert_int_equal(write(*ret_fd, file.bytes, file.n), (ssize_t)file.n);
	assert_int_equal(lseek(*ret_fd, 0, SEEK_SET), 0);
	error[0] = '\0';
	return pcap_file_open_fd(ret, *ret_fd, error);
}

/* Reads all; up to `room` packets. Returns what the last call said. */
static int read_all(struct pcap_packet *ret, size_t room, size_t *ret_n)
{
	struct pcap_packet packet;
	struct pcap_file *capture;
	int fd, r = open_bytes(&capture, &fd);

	*ret_n = 0;
	if (r == 0) {
		while ((r = pcap_file_next(capture, &packet, error)) > 0) {
			assert_true(*ret_n < room);
			ret[(*ret_n)++] = packet;
			/* What it holds is not valid any longer. */
			ret[*ret_n - 1].data = NULL;
			if (packet.kind == PACKET_KIND_IP && packet.raw)
				assert_memory_equal(packet.data, datagram, sizeof(datagram));
		}
		assert_int_equal(pcap_file_packets(capture), *ret_n);
		pcap_file_close(capture);
	}
	close(fd);
	return r;
}

static void assert_damaged(const char *what)
{
	struct pcap_packet packets[8];
	size_t n;

	assert_int_equal(read_all(packets, 8, &n), -EIO);
	if (!strstr(error, what))
		fail_msg("said \"%s\", not \"%s\"", error, what);
}

/* --- pcap ------------------------------------------------------------------------------------- */

static void put_pcap_header(uint32_t magic, uint32_t link)
{
	file.n = 0;
	put32(magic);
	put16(2);
	put16(4);
	put64(0);
	put32(65535);
	put32(link);
}

static void put_pcap_packet(uint32_t s, uint32_t fraction, uint32_t captured, uint32_t length)
{
	put32(s);
	put32(fraction);
	put32(captured);
	put32(length);
	put(datagram, captured);
}

static void test_pcap(void **state UNUSED)
{
	struct pcap_packet packets[4];
	size_t n;

	for (int kind = 0; kind < 4; kind++) {
		const bool nanoseconds = kind & 1;

		file.swapped = kind & 2;
		put_pcap_header(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, LINK_RAW);
		put_pcap_packet(S, 5, 36, 36);
		put_pcap_packet(0xffffffff, nanoseconds ? 999999999 : 999999, 36, 40);
		put_pcap_packet(S, 1000000000, 36, 20); /* no fraction of a second */
		assert_int_equal(read_all(packets, 4, &n), 0);
		assert_int_equal(n, 3);
		assert_int_equal(packets[0].time_ns, S * NS_PER_S + (nanoseconds ? 5 : 5000));
		assert_int_equal(packets[1].time_ns / NS_PER_S, 0xffffffff);
		assert_int_equal(packets[1].frame_bytes, 40);
		assert_int_equal(packets[2].time_ns, 0);
		assert_int_equal(packets[2].frame_bytes, 36);
	}
	file.swapped = false;
}

static void test_pcap_damaged(void **state UNUSED)
{
	struct pcap_packet packets[4];
	size_t n;

	put_pcap_header(0xa1b2c3d4, LINK_RAW);
	put_pcap_packet(S, 0, 36, 36);
	put_pcap_packet(S, 0, 36, 36);
	for (size_t whole = file.n; file.n; file.n--) {
		const bool ends = file.n == whole || file.n == 24 || file.n == 24 + 16 + 36;

		assert_int_equal(read_all(packets, 4, &n), ends ? 0 : -EIO);
		assert_int_equal(n, file.n < 24 + 52 ? 0 : file.n < whole ? 1 : 2);
		if (!ends && file.n > 24)
			assert_non_null(strstr(error, "truncated dump file packet="));
	}
	assert_int_equal(read_all(packets, 4, &n), -EIO);
	assert_string_equal(error, "is empty");
	put_pcap_header(0xa1b2c3d4, LINK_RAW);
	put32(S);
	put32(0);
	put32(PCAP_PACKET_MAX + 1);
	put32(PCAP_PACKET_MAX + 1);
	assert_damaged("a packet is too long packet=1 offset=24");
	put_pcap_header(0xa1b2c3d4, 147);
	assert_int_equal(read_all(packets, 4, &n), -EPROTONOSUPPORT);
	put_pcap_header(0xa1b2c3d5, LINK_RAW);
	assert_damaged("unknown file format");
	/* A length of the frame check sequence is no part of the link type. */
	put_pcap_header(0xa1b2c3d4, 0xf4000000 | LINK_RAW);
	put_pcap_packet(S, 0, 36, 36);
	assert_int_equal(read_all(packets, 4, &n), 0);
	assert_int_equal(n, 1);
}

/* --- pcapng ----------------------------------------------------------------------------------- */

static void begin_block(uint32_t type)
{
	file.block = file.n;
	put32(type);
	put32(0);
}

/* Writes both lengths. */
static void end_block(void)
{
	uint32_t length;

	pad();
	length = (uint32_t)(file.n + 4 - file.block);
	put32(length);
	memcpy(file.bytes + file.block + 4, file.bytes + file.n - 4, 4);
}

static void put_section(void)
{
	begin_block(0x0a0d0d0a);
	put32(0x1a2b3c4d);
	put16(1);
	put16(0);
	put64(UINT64_MAX);
	end_block();
}

static void put_option(uint16_t code, const void *value, uint16_t n)
{
	put16(code);
	put16(n);
	put(value, n);
	pad();
}

static void put_interface(uint16_t link, uint32_t snaplen, uint8_t resolution, int64_t offset_s)
{
	const uint64_t offset = (uint64_t)offset_s;
	const uint64_t swapped = file.swapped ? __builtin_bswap64(offset) : offset;

	begin_block(1);
	put16(link);
	put16(0);
	put32(snaplen);
	put_option(2, "eth0", 4);
	put_option(9, &resolution, 1);
	put_option(14, &swapped, 8);
	put_option(0, "", 0);
	end_block();
}

static void put_packet(uint32_t interface, uint64_t time, uint32_t captured, uint32_t flags)
{
	begin_block(6);
	put32(interface);
	put32((uint32_t)(time >> 32));
	put32((uint32_t)time);
	put32(captured);
	put32(36);
	put(datagram, captured);
	pad();
	if (flags) {
		flags = file.swapped ? __builtin_bswap32(flags) : flags;
		put_option(2, &flags, 4);
		put_option(0, "", 0);
	}
	end_block();
}

static void put_simple(uint32_t captured)
{
	begin_block(3);
	put32(36);
	put(datagram, captured);
	end_block();
}

static void put_unknown(size_t bytes)
{
	begin_block(0x0bad0bad);
	for (size_t i = 0; i < bytes; i += 4)
		put32(0xffffffff);
	end_block();
}

static void test_pcapng(void **state UNUSED)
{
	struct pcap_packet packets[16];
	size_t n;

	for (int order = 0; order < 2; order++) {
		file.n = 0;
		file.swapped = order;
		put_section();
		put_interface(LINK_RAW, 0, 6, 0);
		put_interface(LINK_RAW, 0, 3, 0);
		put_interface(LINK_RAW, 0, 9, 1000);
		put_interface(LINK_RAW, 0, 0x80 | 20, 0);
		put_interface(147, 0, 6, 0);
		put_unknown(200000);
		put_packet(0, S * 1000000ull + 7, 36, 0);
		put_packet(1, S * 1000ull + 7, 36, 1);
		put_packet(2, S * 1000000000ull + 7, 36, 2);
		put_packet(3, (uint64_t)S << 20 | 1 << 19, 36, 0);
		put_packet(4, S * 1000000ull, 36, 0);
		put_simple(36);
		/* Another section: another order, its own interfaces. */
		file.swapped = !order;
		put_section();
		put_interface(LINK_RAW, 36, 12, -1);
		put_packet(0, S * 1000000ull * 1000000, 36, 0);
		put_simple(36);
		assert_int_equal(read_all(packets, 16, &n), 0);
		assert_int_equal(n, 8);
		assert_int_equal(packets[0].time_ns, S * NS_PER_S + 7000);
		assert_int_equal(packets[1].time_ns, S * NS_PER_S + 7000000);
		assert_false(packets[1].outgoing);
		assert_int_equal(packets[2].time_ns, (S + 1000) * NS_PER_S + 7);
		assert_true(packets[2].outgoing);
		assert_int_equal(packets[3].time_ns, S * NS_PER_S + NS_PER_S / 2);
		assert_int_equal(packets[4].kind, PACKET_KIND_LINK);
		assert_int_equal(packets[4].number, 147);
		assert_int_equal(packets[5].time_ns, packets[4].time_ns);
		/* 1,700,000,000 * 10^12 does not fit into 64 bits: what is left of it. */
		assert_int_equal(
		    packets[6].time_ns, (int64_t)(S * 1000000ull * 1000000 / 1000) - NS_PER_S);
		assert_int_equal(packets[7].time_ns, packets[6].time_ns);
	}
	file.swapped = false;
}

/* A time that no clock has is the first or the last there is. */
static void test_pcapng_times(void **state UNUSED)
{
	struct pcap_packet packets[4];
	size_t n;

	file.n = 0;
	put_section();
	put_interface(LINK_RAW, 0, 0, 0);
	put_interface(LINK_RAW, 0, 0x7f, 0);
	put_interface(LINK_RAW, 0, 6, INT64_MIN);
	put_packet(0, UINT64_MAX, 36, 0);
	put_packet(1, UINT64_MAX, 36, 0);
	put_packet(2, 5, 36, 0);
	assert_int_equal(read_all(packets, 4, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(packets[0].time_ns, 9000000000 * NS_PER_S);
	assert_int_equal(packets[1].time_ns, 0);
	assert_int_equal(packets[2].time_ns, 0);
}

/* A Simple Packet Block is as long as its interface's limit. */
static void test_simple_snaplen(void **state UNUSED)
{
	struct pcap_packet packets[4];
	size_t n;

	file.n = 0;
	put_section();
	put_interface(LINK_ETHERNET, 30, 6, 0);
	put_simple(30);
	assert_int_equal(read_all(packets, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(packets[0].length, 30);
	assert_int_equal(packets[0].frame_bytes, 36);
}

/* Cut anywhere: what comes before is read, and an end within a block is said. */
static void test_pcapng_cut(void **state UNUSED)
{
	struct pcap_packet packets[8];
	size_t ends[8], n, k = 0;

	file.n = 0;
	put_section();
	ends[k++] = file.n;
	put_interface(LINK_RAW, 0, 6, 0);
	ends[k++] = file.n;
	put_packet(0, S, 36, 2);
	ends[k++] = file.n;
	put_unknown(40);
	ends[k++] = file.n;
	put_simple(36);
	ends[k++] = file.n;
	for (; file.n; file.n--) {
		bool whole = false;

		for (size_t i = 0; i < k; i++)
			whole |= file.n == ends[i];
		assert_int_equal(read_all(packets, 8, &n), whole ? 0 : -EIO);
		assert_int_equal(n, (file.n >= ends[2]) + (file.n >= ends[4]));
		assert_true(whole || error[0]);
	}
}

/* The file so far, and a damaged block behind it. */
static void begin_file(void)
{
	file.n = 0;
	file.swapped = false;
	put_section();
	put_interface(LINK_RAW, 0, 6, 0);
}

static void set32(size_t at, uint32_t value)
{
	memcpy(file.bytes + at, &value, sizeof(value));
}

static void test_pcapng_damaged(void **state UNUSED)
{
	begin_file();
	put_packet(0, S, 36, 0);
	set32(file.block + 4, 8);
	assert_damaged("a block's length is not valid");
	set32(file.block + 4, 33);
	assert_damaged("a block's length is not valid");
	set32(file.block + 4, UINT32_MAX - 3);
	assert_damaged("a block is too long");
	begin_file();
	put_packet(0, S, 36, 0);
	set32(file.n - 4, 40);
	assert_damaged("a block's two lengths differ");
	begin_file();
	put_packet(0, S, 36, 0);
	set32(file.block + 20, 37);
	assert_damaged("a packet is longer than its block");
	set32(file.block + 20, UINT32_MAX);
	assert_damaged("a packet is longer than its block");
	begin_file();
	put_packet(1, S, 36, 0);
	assert_damaged("of an interface that is not described");
	begin_file();
	put_unknown(40);
	set32(file.n - 4, 44);
	assert_damaged("a block's two lengths differ");
	begin_file();
	begin_block(6);
	put32(0);
	end_block();
	assert_damaged("a packet is longer than its block");
	file.n = 0;
	put_section();
	put_simple(36);
	assert_damaged("of an interface that is not described");
	file.n = 0;
	put_section();
	set32(8, 0);
	assert_damaged("a section has no byte order");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_pcap),
	    cmocka_unit_test(test_pcap_damaged),
	    cmocka_unit_test(test_pcapng),
	    cmocka_unit_test(test_pcapng_times),
	    cmocka_unit_test(test_simple_snaplen),
	    cmocka_unit_test(test_pcapng_cut),
	    cmocka_unit_test(test_pcapng_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
