/* SPDX-License-Identifier: BSD-2-Clause */
/* crosstap doctor: one request to each output that is elsewhere. No point is sent. */
#include "doctor/doctor.h"

#include "sink/sink.h"

#include <curl/curl.h>

static const char *advice_for(const struct doctor *doctor, const struct sink_finding *finding)
{
	if (!finding->unreachable)
		return finding->advice;
	return *doctor->config->spool_path ? "points wait in the spool until it answers"
					   : "points are lost until it answers";
}

void doctor_outputs(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	size_t asked = 0;

	curl_global_init(CURL_GLOBAL_DEFAULT);
	for (size_t i = 0; i < config->n_outputs; i++) {
		struct sink_finding finding;

		if (!sink_probe(&config->outputs[i], &finding))
			continue;
		doctor_note(doctor, finding.good ? DOCTOR_OK : DOCTOR_WARNING,
		    finding.good ? NULL : advice_for(doctor, &finding),
		    finding.good ? NULL : "man crosstap.yaml", "%s", finding.text);
		asked++;
	}
	if (!asked)
		doctor_note(doctor, DOCTOR_OK, NULL, NULL, "none that would have to be asked");
}
