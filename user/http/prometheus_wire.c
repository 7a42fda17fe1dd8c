/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/prometheus_wire.h"

#include "base/clock.h"
#include "base/hist.h"
#include "measure/mnemonic.h"

#define COUNTER "counter"
#define GAUGE   "gauge"

static void put_key(struct exposition *to, unsigned direction, unsigned transport, unsigned family)
{
	exposition_label(to, "direction", mnemonic_direction(direction));
	exposition_label(to, "transport", mnemonic_transport(transport));
	exposition_label(to, "family", mnemonic_family(family));
}

static void put_interface(
    struct exposition *to, const char *name, const struct wire_totals_interface *interface)
{
	for (unsigned d = 0; d < (interface->egress ? 2u : 1u); d++) {
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
				exposition_begin(to, name);
				exposition_label(to, "interface", interface->name);
				put_key(to, d, t, f);
				exposition_count(to, interface->messages[d][t][f]);
			}
		}
	}
}

static void put_messages(struct exposition *to, const struct wire_totals_data *data)
{
	static const char name[] = "crosstap_wire_messages_total";

	exposition_family(to, name, COUNTER, "DNS messages seen on the wire.");
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++)
		if (*data->interfaces[i].name)
			put_interface(to, name, &data->interfaces[i]);
}

static void put_modes(struct exposition *to, const struct wire_totals_data *data)
{
	static const char name[] = "crosstap_wire_mode";

	exposition_family(to, name, GAUGE, "1, with how the interface is watched.");
	for (size_t i = 0; i < WIRE_TOTALS_INTERFACES; i++) {
		if (!*data->interfaces[i].name || !data->interfaces[i].mode)
			continue;
		exposition_begin(to, name);
		exposition_label(to, "interface", data->interfaces[i].name);
		exposition_label(to, "mode", data->interfaces[i].mode);
		exposition_count(to, 1);
	}
}

/* The kernel side's bins are those of base/hist.h, in microseconds. */
static void put_rtt(struct exposition *to, const struct wire_totals_data *data)
{
	static const char name[] = "crosstap_wire_tcp_rtt_seconds";

	if (!data->timed)
		return;
	exposition_family(
	    to, name, "histogram", "Round-trip time to clients, from TCP handshakes.");
	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		struct exposition_histogram histogram = {0};

		for (uint32_t i = 0; i < WIRE_RTT_BINS; i++) {
			const uint64_t count = data->rtt.bins[f][i];

			if (count)
				exposition_histogram_add(&histogram,
				    hist_bucket((uint64_t)(hist_middle(i) * NS_PER_US)), count);
		}
		exposition_histogram_put(to, name, &histogram,
		    (const struct exposition_pair[]){{"family", mnemonic_family(f)}}, 1);
	}
}

static void put_retransmitted(struct exposition *to, const struct wire_totals_data *data)
{
	static const char name[] = "crosstap_wire_tcp_rtt_retransmitted_total";

	if (!data->timed)
		return;
	exposition_family(
	    to, name, COUNTER, "TCP handshakes not timed: a segment of theirs was sent twice.");
	for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
		exposition_begin(to, name);
		exposition_label(to, "family", mnemonic_family(f));
		exposition_count(to, data->retransmitted[f]);
	}
}

static void put_counts(struct exposition *to, const char *name, const char *help,
    const crosscheck_counts counts, bool responses)
{
	exposition_family(to, name, COUNTER, help);
	for (unsigned d = 0; d < (responses ? 2u : 1u); d++) {
		for (unsigned t = 0; t < CROSSCHECK_TRANSPORTS; t++) {
			for (unsigned f = 0; f < CROSSCHECK_FAMILIES; f++) {
				exposition_begin(to, name);
				put_key(to, d, t, f);
				exposition_count(to, counts[d][t][f]);
			}
		}
	}
}

static void put_verdict(struct exposition *to, const struct wire_totals_data *data)
{
	static const char name[] = "crosstap_verdict";

	exposition_family(to, name, GAUGE, "1 for the verdict of the cross-check, 0 for others.");
	for (unsigned i = 0; i < VERDICT_COUNT; i++) {
		exposition_begin(to, name);
		exposition_label(to, "verdict", verdict_name((enum verdict)i));
		exposition_count(to, data->verdict == i);
	}
}

void prometheus_wire(struct exposition *to, const struct wire_totals_data *data)
{
	if (!data->judged)
		return;
	put_messages(to, data);
	put_rtt(to, data);
	put_retransmitted(to, data);
	put_counts(to, "crosstap_crosscheck_missing_total",
	    "Messages on the wire that dnstap does not have, summed over windows.", data->missing,
	    data->responses);
	put_counts(to, "crosstap_crosscheck_surplus_total",
	    "Messages in dnstap that the wire does not have, summed over windows.", data->surplus,
	    data->responses);
	put_verdict(to, data);
	put_modes(to, data);
}
