/* SPDX-License-Identifier: BSD-2-Clause */
#include "dnstap/budget.h"

int budget_share(int places, int inputs)
{
	const int share = inputs > 0 ? places / (2 * inputs) : 0;

	return share > 0 ? share : 1;
}

static int pool_size(int places, int inputs)
{
	const int left = places - budget_share(places, inputs) * inputs;

	return left > 0 ? left : 0;
}

enum budget_place budget_take(struct budget *budget, int places, int inputs, int own)
{
	const int most = pool_size(places, inputs);
	int taken = atomic_load_explicit(&budget->pool, memory_order_relaxed);

	if (own < budget_share(places, inputs))
		return BUDGET_OWN;
	while (taken < most) {
		if (atomic_compare_exchange_weak_explicit(&budget->pool, &taken, taken + 1,
			memory_order_relaxed, memory_order_relaxed))
			return BUDGET_POOL;
	}
	return BUDGET_NONE;
}

void budget_leave(struct budget *budget, enum budget_place place)
{
	if (place == BUDGET_POOL)
		atomic_fetch_sub_explicit(&budget->pool, 1, memory_order_relaxed);
}

int budget_of_address(int places, int inputs)
{
	const int half = (budget_share(places, inputs) + pool_size(places, inputs)) / 2;

	return half > 0 ? half : 1;
}

bool budget_charge(struct budget *budget, size_t bytes, size_t most)
{
	size_t taken = atomic_load_explicit(&budget->bytes, memory_order_relaxed);

	while (bytes <= most && taken <= most - bytes) {
		if (atomic_compare_exchange_weak_explicit(&budget->bytes, &taken, taken + bytes,
			memory_order_relaxed, memory_order_relaxed))
			return true;
	}
	return false;
}

void budget_uncharge(struct budget *budget, size_t bytes)
{
	atomic_fetch_sub_explicit(&budget->bytes, bytes, memory_order_relaxed);
}
