/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/preface.h"

#include <stdbool.h>
#include <string.h>

#define RECORD_ALERT     21
#define RECORD_HANDSHAKE 22
#define CLIENT_HELLO     1
#define RECORD_MAX       16384
#define CONTROL_MAX      512 /* FRAME_STREAM_MAX_CONTROL_BYTES */

static bool is_tls(const uint8_t *bytes, size_t length)
{
	size_t record;

	if (bytes[0] != RECORD_HANDSHAKE || (length > 1 && bytes[1] != 3) ||
	    (length > 2 && bytes[2] > 4))
		return false;
	if (length < 5)
		return true;
	record = (size_t)bytes[3] << 8 | bytes[4];
	return record >= 1 && record <= RECORD_MAX && (length < 6 || bytes[5] == CLIENT_HELLO);
}

static bool is_frames(const uint8_t *bytes, size_t length)
{
	static const uint8_t escape[4];
	uint32_t control;

	if (memcmp(bytes, escape, length < sizeof(escape) ? length : sizeof(escape)) != 0)
		return false;
	if (length < 8)
		return true;
	control = (uint32_t)bytes[4] << 24 | (uint32_t)bytes[5] << 16 | (uint32_t)bytes[6] << 8 |
	    bytes[7];
	return control >= 4 && control <= CONTROL_MAX;
}

static bool is_http(const uint8_t *bytes, size_t length)
{
	static const char methods[][5] = {"GET ", "HEAD", "POST", "PUT ", "OPTI", "PRI "};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (length >= 4 && memcmp(bytes, methods[i], 4) == 0)
			return true;
	}
	return false;
}

enum preface preface_of(const uint8_t *bytes, size_t length)
{
	if (length > PREFACE_BYTES)
		length = PREFACE_BYTES;
	if (is_tls(bytes, length))
		return PREFACE_TLS;
	if (is_frames(bytes, length))
		return PREFACE_FRAMES;
	return is_http(bytes, length) ? PREFACE_HTTP : PREFACE_UNKNOWN;
}

int preface_alert(const uint8_t *bytes, size_t length)
{
	static const uint8_t fatal[] = {0, 2, 2}; /* two bytes, level 2 */

	if (length < PREFACE_ALERT_BYTES || bytes[0] != RECORD_ALERT || bytes[1] != 3 ||
	    memcmp(bytes + 3, fatal, sizeof(fatal)) != 0)
		return -1;
	return bytes[6];
}
