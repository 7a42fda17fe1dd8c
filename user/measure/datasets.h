/* SPDX-License-Identifier: BSD-2-Clause */
/* What the option `datasets` asks of counting. */
#ifndef CROSSTAP_MEASURE_DATASETS_H
#define CROSSTAP_MEASURE_DATASETS_H

#include "config/config.h"
#include "stats/facts.h"

/* enum dataset to enum facts_wanted. */
static inline uint8_t datasets_facts(unsigned datasets)
{
	return (uint8_t)((datasets & DATASET_CORE ? FACTS_TYPES : 0) |
	    (datasets & DATASET_EDNS ? FACTS_EDNS : 0) |
	    (datasets & DATASET_NAMES ? FACTS_QNAME : 0) |
	    (datasets & DATASET_DOMAINS ? FACTS_DOMAINS : 0) |
	    (datasets & DATASET_ADDRESSES ? FACTS_ADDRESSES : 0) |
	    (datasets & DATASET_CLIENTS ? FACTS_CLIENTS : 0) |
	    (datasets & DATASET_PORTS ? FACTS_PORTS : 0));
}

/* What is to be counted for it: attacks are looked for among domains as well. */
static inline uint8_t datasets_counted(unsigned datasets)
{
	return (uint8_t)(datasets_facts(datasets) |
	    (datasets & DATASET_ATTACKS ? FACTS_ATTACKS | FACTS_DOMAINS : 0));
}

#endif
