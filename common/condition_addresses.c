/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * condition_addresses.c: conditions on addresses, compared; see condition.h. What live sets hold is
 * not known, so one that names some stands for the addresses of its other sets and theirs, or for
 * those less theirs. Sets are put in order only when they have to be compared.
 */
#include <string.h>

#include "condition.h"
#include "util.h"

typedef unsigned __int128 wide_int; /* an address of either family */

struct interval {
	wide_int first, last; /* inclusive */
};

struct address_values {
	struct interval *items[N_FAMILIES]; /* ascending; they do not touch; negation is resolved */
	size_t n[N_FAMILIES];
	bool given_up; /* it has too many elements: nothing is known of it */
};

void address_values_free(struct address_values *values)
{
	if (!values)
		return;
	for (int family = 0; family < N_FAMILIES; family++)
		free(values->items[family]);
	free(values);
}

/* --- from sets to intervals --------------------------------------------------------------- */

static wide_int last_address(enum family family)
{
	return family == FAMILY_V4 ? 0xffffffffU : ~(wide_int)0;
}

static struct interval interval_v4(const struct prefix_v4 *prefix)
{
	uint32_t rest = prefix->len == 32 ? 0 : ~0U >> prefix->len;

	return (struct interval){ prefix->addr, prefix->addr | rest };
}

static struct interval interval_v6(const struct prefix_v6 *prefix)
{
	wide_int first = (wide_int)prefix->hi << 64 | prefix->lo;
	wide_int rest = prefix->len == 128 ? 0 : ~(wide_int)0 >> prefix->len;

	return (struct interval){ first, first | rest };
}

static int compare_intervals(const void *left, const void *right)
{
	const struct interval *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static void order(struct interval *items, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		if (items[i].first < items[i - 1].first) {
			qsort(items, n, sizeof(*items), compare_intervals);
			return;
		}
	}
}

static size_t merge(struct interval *items, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct interval item = items[i];
		struct interval *last = kept ? &items[kept - 1] : NULL;

		if (last && (item.first <= last->last || item.first - 1 == last->last))
			last->last = item.last > last->last ? item.last : last->last;
		else
			items[kept++] = item;
	}
	return kept;
}

/* In place: there is room for one more. */
static size_t negate(struct interval *items, size_t n, wide_int end)
{
	wide_int next = 0;
	bool over = false; /* the last one ended where the addresses do */
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct interval item = items[i];

		if (item.first > next)
			items[kept++] = (struct interval){ next, item.first - 1 };
		next = item.last + 1;
		over = item.last == end;
	}
	if (!over)
		items[kept++] = (struct interval){ next, end };
	return kept;
}

static size_t count_elements(const struct policy *policy, const struct address_match *match,
			     enum family family)
{
	size_t n = 0;

	for (size_t i = 0; i < match->n_sets; i++) {
		const struct prefix_set *set = &policy->sets[match->sets[i]];

		n += family == FAMILY_V4 ? set->n_v4 : set->n_v6;
	}
	return n;
}

static int fill(const struct policy *policy, const struct address_match *match, enum family family,
		struct address_values *values)
{
	size_t n = 0;
	struct interval *items = calloc(count_elements(policy, match, family) + 1, sizeof(*items));

	values->items[family] = items;
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < match->n_sets; i++) {
		const struct prefix_set *set = &policy->sets[match->sets[i]];

		for (size_t j = 0; family == FAMILY_V4 && j < set->n_v4; j++)
			items[n++] = interval_v4(&set->v4[j]);
		for (size_t j = 0; family == FAMILY_V6 && j < set->n_v6; j++)
			items[n++] = interval_v6(&set->v6[j]);
	}
	order(items, n);
	n = merge(items, n);
	values->n[family] = match->negated ? negate(items, n, last_address(family)) : n;
	return 0;
}

static struct address_values *values_make(struct conditions *conditions,
					  const struct address_match *match)
{
	struct address_values *values = calloc(1, sizeof(*values));
	size_t n = count_elements(conditions->policy, match, FAMILY_V4) +
		   count_elements(conditions->policy, match, FAMILY_V6);

	if (!values)
		return NULL;
	values->given_up = n >= conditions->elements;
	conditions->elements = values->given_up ? 0 : conditions->elements - n;
	for (enum family family = 0; family < N_FAMILIES && !values->given_up; family++) {
		if (fill(conditions->policy, match, family, values) < 0) {
			address_values_free(values);
			return NULL;
		}
	}
	return values;
}

/* NULL: out of memory, or given up. */
static const struct address_values *values_of(struct conditions *conditions, size_t rule,
					      enum address_field field, int *r)
{
	const struct address_match *match = &conditions->items[rule].rule->address[field];
	struct address_values **at =
		match->n_sets == 1 ? &conditions->shared[2 * match->sets[0] + match->negated]
				   : &conditions->own[N_ADDRESS_FIELDS * rule + field];

	if (!*at)
		*at = values_make(conditions, match);
	if (!*at)
		*r = -ENOMEM;
	return *at && !(*at)->given_up ? *at : NULL;
}

/* --- comparing ---------------------------------------------------------------------------- */

/* The first that does not end below the address, by index; n if there is none. */
static size_t find(const struct interval *items, size_t n, wide_int address)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (items[middle].last < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool intervals_cover(struct conditions *conditions, const struct address_values *wide,
			    const struct address_values *narrow, enum family family)
{
	const struct interval *items = wide->items[family];
	size_t n = wide->n[family];

	for (size_t i = 0; i < narrow->n[family]; i++) {
		const struct interval *part = &narrow->items[family][i];
		size_t at = find(items, n, part->first);

		if (!conditions_spend(conditions, 1) || at == n || items[at].first > part->first ||
		    items[at].last < part->last)
			return false;
	}
	return true;
}

static bool intervals_are_disjoint(struct conditions *conditions, const struct address_values *a,
				   const struct address_values *b, enum family family)
{
	if (a->n[family] > b->n[family])
		return intervals_are_disjoint(conditions, b, a, family);
	for (size_t i = 0; i < a->n[family]; i++) {
		const struct interval *part = &a->items[family][i];
		size_t at = find(b->items[family], b->n[family], part->first);

		if (!conditions_spend(conditions, 1) ||
		    (at < b->n[family] && b->items[family][at].first <= part->last))
			return false;
	}
	return true;
}

static bool is_full(const struct address_values *values, enum family family)
{
	return values->n[family] == 1 && !values->items[family][0].first &&
	       values->items[family][0].last == last_address(family);
}

/* Are all indices of a among those of b? Conditions name few sets. */
static bool all_among(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b)
{
	for (size_t i = 0; i < n_a; i++) {
		bool found = false;

		for (size_t j = 0; j < n_b && !found; j++)
			found = a[i] == b[j];
		if (!found)
			return false;
	}
	return true;
}

static bool names_all(const struct address_match *a, const struct address_match *b)
{
	return all_among(a->sets, a->n_sets, b->sets, b->n_sets) &&
	       all_among(a->live, a->n_live, b->live, b->n_live);
}

/* By the names of the sets alone. */
static bool covers_by_name(const struct address_match *wide, const struct address_match *narrow)
{
	if (wide->negated != narrow->negated)
		return false;
	return wide->negated ? names_all(wide, narrow) : names_all(narrow, wide);
}

/* Does it depend on what list files hold, or on the addresses of the machine? */
static bool varies(const struct policy *policy, const struct address_match *match)
{
	for (size_t i = 0; i < match->n_sets; i++)
		if (policy->sets[match->sets[i]].varies)
			return true;
	return false;
}

bool addresses_may_hold(struct conditions *conditions, size_t rule, enum address_field field,
			enum family family, int *r)
{
	const struct address_match *match = &conditions->items[rule].rule->address[field];
	const struct address_values *values;

	/* What holds just now is nothing to rely on. */
	if (varies(conditions->policy, match))
		return true;
	if (!match->negated)
		return match->n_live || count_elements(conditions->policy, match, family);
	if (count_elements(conditions->policy, match, family) > 1024)
		return true; /* lists do not hold the whole world */
	values = values_of(conditions, rule, field, r);
	return !values || values->n[family];
}

/* Of the narrow one all that it may hold is what `values` tells, unless it is positive and names
 * live sets; of the wide one what it holds for certain, unless it is negated and names some. */
static bool covers_by_values(struct conditions *conditions, size_t wide_index, size_t narrow_index,
			     enum address_field field, enum family family, int *r)
{
	const struct address_match *wide = &conditions->items[wide_index].rule->address[field];
	const struct address_match *narrow = &conditions->items[narrow_index].rule->address[field];
	const struct address_values *all = values_of(conditions, wide_index, field, r);
	const struct address_values *part;

	if (!all)
		return false;
	if (wide->negated && wide->n_live &&
	    !(narrow->present && narrow->negated &&
	      all_among(wide->live, wide->n_live, narrow->live, narrow->n_live)))
		return false;
	if (!narrow->present)
		return is_full(all, family);
	if (!narrow->negated && narrow->n_live && !is_full(all, family) &&
	    (wide->negated || !all_among(narrow->live, narrow->n_live, wide->live, wide->n_live)))
		return false;
	part = values_of(conditions, narrow_index, field, r);
	return part && intervals_cover(conditions, all, part, family);
}

enum coverage addresses_cover(struct conditions *conditions, size_t wide_index, size_t narrow_index,
			      enum address_field field, enum family family, int *r)
{
	const struct rule *wide_rule = conditions->items[wide_index].rule;
	const struct rule *narrow_rule = conditions->items[narrow_index].rule;
	const struct address_match *wide = &wide_rule->address[field];
	const struct address_match *narrow = &narrow_rule->address[field];
	bool varying;

	if (!wide->present || (narrow->present && covers_by_name(wide, narrow)))
		return COVERS;
	varying = varies(conditions->policy, wide) || varies(conditions->policy, narrow);
	/* Lists that overlap are nothing to speak of: they need not be compared. */
	if (varying && wide_rule->verdict == narrow_rule->verdict)
		return COVERS_NOT;
	if (!covers_by_values(conditions, wide_index, narrow_index, field, family, r))
		return COVERS_NOT;
	return varying ? COVERS_NOW : COVERS;
}

bool addresses_are_disjoint(struct conditions *conditions, size_t a_index, size_t b_index,
			    enum address_field field, enum family family, int *r)
{
	const struct address_match *a = &conditions->items[a_index].rule->address[field];
	const struct address_match *b = &conditions->items[b_index].rule->address[field];
	const struct address_values *left, *right;

	if (!a->present || !b->present || (!a->negated && a->n_live) ||
	    (!b->negated && b->n_live) || varies(conditions->policy, a) ||
	    varies(conditions->policy, b))
		return false;
	left = values_of(conditions, a_index, field, r);
	right = values_of(conditions, b_index, field, r);
	return left && right && intervals_are_disjoint(conditions, left, right, family);
}

/* --- signatures --------------------------------------------------------------------------- */

/* By the upper 16 bits of what is wanted of an address, if a prefix is as long; else all. */
static uint32_t sign_bits(uint32_t upper, unsigned int len)
{
	return len < 16 ? ~0U : 1U << (upper * 2654435761U >> 27);
}

void addresses_sign(const struct policy *policy, const struct address_match *match,
		    uint32_t *ret_wants, uint32_t *ret_gives)
{
	uint32_t bits = 0;

	*ret_wants = 0;
	*ret_gives = ~0U;
	/* What a condition does not list, it may hold all the same. */
	if (!match->present || match->negated)
		return;
	for (size_t i = 0; i < match->n_sets; i++) {
		const struct prefix_set *set = &policy->sets[match->sets[i]];

		for (size_t j = 0; j < set->n_v4 && bits != ~0U; j++)
			bits |= sign_bits(set->v4[j].addr >> 16, set->v4[j].len);
		for (size_t j = 0; j < set->n_v6 && bits != ~0U; j++)
			bits |= sign_bits((uint32_t)(set->v6[j].hi >> 32),
					  set->v6[j].len < 32 ? 0 : set->v6[j].len);
	}
	*ret_wants = *ret_gives = bits;
}
