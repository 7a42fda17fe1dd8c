/* SPDX-License-Identifier: BSD-2-Clause */
#include "encode/domains.h"

#include "base/saturate.h"

#include "crosstap/dns.h"

#include <math.h>

const char *domains_by_name(enum domains_by by)
{
	static const char *const names[DOMAINS_BYS] = {"queries", "nxdomain", "sources"};

	return names[by];
}

bool domain_row(const struct view_domain *domain, const struct privacy *privacy,
    char text[PRIVACY_NAME_SIZE], struct domain_row *ret)
{
	if (privacy_name(privacy, domain->name, domain->length, text, PRIVACY_NAME_SIZE) < 0 ||
	    !*text)
		return false;
	*ret = (struct domain_row){.domain = text,
	    .queries = domain->queries,
	    .nxdomain = domain->nxdomain,
	    .sources = domain->sources,
	    .names = domain->names,
	    .magnitude = domain->magnitude};
	return true;
}

void domains_rest(const struct zone_view *zone, enum domains_by by, struct domain_row *ret)
{
	const struct margin_slice messages = margin_of(&zone->margins[MARGIN_MESSAGES], DIR_QUERY);
	uint64_t queries = 0,
		 nxdomain = margin_at(&zone->margins[MARGIN_RCODE], zone->zone, MARGIN_RCODE, 0, 0,
		     0, DNS_RCODE_NXDOMAIN)
				->count;

	for (size_t i = 0; i < messages.n; i++)
		queries += messages.cells[i].count;
	for (size_t i = 0; i < zone->n_domains[by]; i++) {
		queries = saturating_less(queries, zone->domains[by][i].queries);
		nxdomain = saturating_less(nxdomain, zone->domains[by][i].nxdomain);
	}
	*ret = (struct domain_row){.queries = queries, .nxdomain = nxdomain, .magnitude = NAN};
}
