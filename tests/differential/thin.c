/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * thin.c: which prefixes of a set hold an address: for each length that the set has, the
 * address cut to that length is looked for among all prefixes. See thin.h.
 */
#include "thin.h"

#include <string.h>

#include "util.h"

#define N_LENGTHS 129 /* 0 .. 128 */

struct element {
	u128 first;
	uint8_t len;
};

/* The prefixes of a set, of one family, by length, then address. */
struct index {
	struct element *elements;
	size_t n;
	size_t behind[N_LENGTHS]; /* end of each length's elements */
};

struct thinner {
	struct policy policy; /* with sets of its own, all else is the original's */
	const struct prefix_set *sets;
	struct index *indices; /* by set and family */
};

static int element_compare(const void *a, const void *b)
{
	const struct element *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return x->first == y->first ? 0 : x->first < y->first ? -1 : 1;
}

static struct element element_of(const struct prefix_set *set, enum family family, size_t i)
{
	if (family == FAMILY_V4)
		return (struct element){ (u128)set->v4[i].addr << 96, set->v4[i].len };
	return (struct element){ (u128)set->v6[i].hi << 64 | set->v6[i].lo, set->v6[i].len };
}

static int index_set(struct index *index, const struct prefix_set *set, enum family family)
{
	size_t n = family == FAMILY_V4 ? set->n_v4 : set->n_v6, at = 0;

	index->elements = calloc(n + 1, sizeof(*index->elements));
	if (!index->elements)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		index->elements[i] = element_of(set, family, i);
	qsort(index->elements, n, sizeof(*index->elements), element_compare);
	for (int len = 0; len < N_LENGTHS; len++) {
		while (at < n && index->elements[at].len == len)
			at++;
		index->behind[len] = at;
	}
	index->n = n;
	return 0;
}

struct thinner *thinner_free(struct thinner *thinner)
{
	if (!thinner)
		return NULL;
	for (size_t i = 0; thinner->policy.sets && i < thinner->policy.n_sets; i++) {
		free(thinner->policy.sets[i].v4);
		free(thinner->policy.sets[i].v6);
	}
	for (size_t i = 0; thinner->indices && i < thinner->policy.n_sets * N_FAMILIES; i++)
		free(thinner->indices[i].elements);
	free(thinner->policy.sets);
	free(thinner->indices);
	free(thinner);
	return NULL;
}

struct thinner *thinner_new(const struct policy *policy)
{
	_cleanup_(thinner_freep) struct thinner *thinner = calloc(1, sizeof(*thinner));
	const size_t most = (size_t)N_ADDRESS_FIELDS * N_LENGTHS;

	if (!thinner)
		return NULL;
	thinner->policy = *policy;
	thinner->sets = policy->sets;
	thinner->policy.sets = calloc(policy->n_sets + 1, sizeof(*policy->sets));
	thinner->indices = calloc(policy->n_sets * N_FAMILIES + 1, sizeof(*thinner->indices));
	if (!thinner->policy.sets || !thinner->indices)
		return NULL;
	for (size_t i = 0; i < policy->n_sets; i++) {
		struct prefix_set *set = &thinner->policy.sets[i];
		struct index *indices = &thinner->indices[i * N_FAMILIES];

		set->v4 = calloc(most, sizeof(*set->v4));
		set->v6 = calloc(most, sizeof(*set->v6));
		if (!set->v4 || !set->v6 ||
		    index_set(&indices[FAMILY_V4], &policy->sets[i], FAMILY_V4) < 0 ||
		    index_set(&indices[FAMILY_V6], &policy->sets[i], FAMILY_V6) < 0)
			return NULL;
	}
	return TAKE_PTR(thinner);
}

static void add_element(struct prefix_set *set, enum family family, const struct element *element)
{
	if (family == FAMILY_V4)
		set->v4[set->n_v4++] =
			(struct prefix_v4){ (uint32_t)(element->first >> 96), element->len };
	else
		set->v6[set->n_v6++] = (struct prefix_v6){ (uint64_t)(element->first >> 64),
							   (uint64_t)element->first, element->len };
}

/* Add to the set all prefixes of the index that hold the address. */
static void add_holding(struct prefix_set *set, enum family family, const struct index *index,
			u128 address)
{
	size_t from = 0;

	for (unsigned int len = 0; len < N_LENGTHS; len++) {
		u128 mask = len ? ~(u128)0 << (128 - len) : 0;
		struct element wanted = { address & mask, (uint8_t)len };
		const struct element *found;

		if (from == index->behind[len])
			continue;
		found = bsearch(&wanted, index->elements + from, index->behind[len] - from,
				sizeof(wanted), element_compare);
		if (found)
			add_element(set, family, found);
		from = index->behind[len];
	}
}

const struct policy *thin(struct thinner *thinner, enum family family,
			  const u128 addresses[N_ADDRESS_FIELDS])
{
	for (size_t i = 0; i < thinner->policy.n_sets; i++) {
		struct prefix_set *set = &thinner->policy.sets[i];
		const struct index *index = &thinner->indices[i * N_FAMILIES + family];

		set->n_v4 = set->n_v6 = 0;
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
			add_holding(set, family, index, addresses[f]);
	}
	return &thinner->policy;
}
