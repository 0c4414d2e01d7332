/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * condition.c: scalar fields, MAC addresses, interfaces, and all together; see condition.h. What a
 * shape carries follows docs/semantics.md, sections 1 to 3.
 */
#include "condition.h"

#include <string.h>

#include "util.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define MAX_ALLOWED 4 /* ranges of one field in one shape */

/* --- shapes ------------------------------------------------------------------------------- */

#define TCP 6
#define UDP 17
#define ICMP 1
#define ICMPV6 58

/* Protocols without an upper header that is read, by family. */
static const struct range other_protocols[N_FAMILIES][MAX_ALLOWED] = {
	{ { 0, 0 }, { 2, 5 }, { 7, 16 }, { 18, 255 } },
	{ { 0, 5 }, { 7, 16 }, { 18, 57 }, { 59, 255 } },
};

static size_t one(struct range *ret, uint32_t first, uint32_t last)
{
	*ret = (struct range){ first, last };
	return 1;
}

static size_t allowed_protocols(enum family family, unsigned int kind,
				struct range ret[MAX_ALLOWED])
{
	switch (kind) {
	case SHAPE_TCP:
		return one(ret, TCP, TCP);
	case SHAPE_UDP:
		return one(ret, UDP, UDP);
	case SHAPE_ICMP:
		return family == FAMILY_V4 ? one(ret, ICMP, ICMP) : one(ret, ICMPV6, ICMPV6);
	case SHAPE_OTHER:
		memcpy(ret, other_protocols[family], sizeof(other_protocols[family]));
		return MAX_ALLOWED;
	case SHAPE_LATER:
		return one(ret, 0, 255);
	default:
		return 0;
	}
}

static size_t allowed_off_ip(unsigned int field, struct range ret[MAX_ALLOWED])
{
	if (field == FIELD_VLAN)
		return one(ret, 1, scalar_field_domain(field) - 1);
	if (field != FIELD_ETHERTYPE)
		return 0;
	one(ret, 0x0600, ETHERTYPE_IPV4 - 1);
	one(ret + 1, ETHERTYPE_IPV4 + 1, ETHERTYPE_IPV6 - 1);
	return 2 + one(ret + 2, ETHERTYPE_IPV6 + 1, 0xffff);
}

/* The values that a field may have in packets of the shape, as their number; 0: they lack it. */
static size_t allowed_values(unsigned int shape, unsigned int field, struct range ret[MAX_ALLOWED])
{
	enum family family = shape / N_IP_SHAPES ? FAMILY_V6 : FAMILY_V4;
	unsigned int kind = shape % N_IP_SHAPES;
	bool is_later = kind == SHAPE_LATER || kind == SHAPE_LATER_UNKNOWN;

	if (shape == SHAPE_NON_IP)
		return allowed_off_ip(field, ret);
	switch (field) {
	case FIELD_PROTO:
		return allowed_protocols(family, kind, ret);
	case FIELD_TCP_FLAGS:
		return kind == SHAPE_TCP ? one(ret, 0, 255) : 0;
	case FIELD_SPORT:
	case FIELD_DPORT:
		return kind == SHAPE_TCP || kind == SHAPE_UDP ? one(ret, 0, 65535) : 0;
	case FIELD_ICMP:
		if (kind != SHAPE_ICMP)
			return 0;
		return family == FAMILY_V4 ? one(ret, 0, 0xffff) : one(ret, 0x10000, 0x1ffff);
	case FIELD_FRAGMENT:
		return is_later ? one(ret, FRAGMENT_LATER, FRAGMENT_LATER)
				: one(ret, FRAGMENT_NONE, FRAGMENT_FIRST);
	case FIELD_LENGTH:
		return family == FAMILY_V4 ? one(ret, 20, 65535) : one(ret, 40, 65575);
	case FIELD_ETHERTYPE:
		return family == FAMILY_V4 ? one(ret, ETHERTYPE_IPV4, ETHERTYPE_IPV4)
					   : one(ret, ETHERTYPE_IPV6, ETHERTYPE_IPV6);
	case FIELD_VLAN:
		return one(ret, 1, scalar_field_domain(field) - 1);
	default:
		return one(ret, 0, scalar_field_domain(field) - 1);
	}
}

/* Which packets have that shape at all: IPv4 has no fragments without a protocol. */
static bool shape_exists(unsigned int shape)
{
	return shape != SHAPE_LATER_UNKNOWN;
}

/* --- sets of values ----------------------------------------------------------------------- */

static int compare_ranges(const void *left, const void *right)
{
	const struct range *a = left, *b = right;

	return a->first < b->first ? -1 : a->first > b->first;
}

static void merge_ranges(struct values *values)
{
	size_t kept = 0;

	for (size_t i = 0; i < values->n; i++) {
		struct range *last = kept ? &values->ranges[kept - 1] : NULL;
		const struct range range = values->ranges[i];

		if (last && range.first <= (uint64_t)last->last + 1)
			last->last = range.last > last->last ? range.last : last->last;
		else
			values->ranges[kept++] = range;
	}
	values->n = kept;
}

/* In place: it has room for one range more. */
static void complement(struct values *values, uint32_t domain)
{
	uint64_t next = 0;
	size_t n = 0;

	for (size_t i = 0; i < values->n; i++) {
		const struct range range = values->ranges[i];

		if (range.first > next)
			values->ranges[n++] = (struct range){ (uint32_t)next, range.first - 1 };
		next = (uint64_t)range.last + 1;
	}
	if (next < domain)
		values->ranges[n++] = (struct range){ (uint32_t)next, domain - 1 };
	values->n = n;
}

static int make_values(const struct scalar_match *match, uint32_t domain, struct values *ret)
{
	ret->ranges = calloc(match->n_ranges + 1, sizeof(*ret->ranges));
	if (!ret->ranges)
		return -ENOMEM;
	if (match->n_ranges)
		memcpy(ret->ranges, match->ranges, match->n_ranges * sizeof(*ret->ranges));
	ret->n = match->n_ranges;
	qsort(ret->ranges, ret->n, sizeof(*ret->ranges), compare_ranges);
	merge_ranges(ret);
	if (match->negated)
		complement(ret, domain);
	return 0;
}

/* The first range that does not end below the value, by index; n if there is none. */
static size_t find_range(const struct values *values, uint32_t value)
{
	size_t low = 0, high = values->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (values->ranges[middle].last < value)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool meets_range(const struct values *values, uint32_t first, uint32_t last)
{
	size_t i = find_range(values, first);

	return i < values->n && values->ranges[i].first <= last;
}

static bool holds_range(const struct values *values, uint32_t first, uint32_t last)
{
	size_t i = find_range(values, first);

	return i < values->n && values->ranges[i].first <= first && values->ranges[i].last >= last;
}

static uint32_t highest(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t lowest(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Does test() hold for each piece of the values that the shape allows? values NULL: all. */
static bool each_piece(const struct values *values, unsigned int shape, unsigned int field,
		       bool (*test)(const struct values *with, uint32_t first, uint32_t last),
		       const struct values *with, bool wanted)
{
	struct range allowed[MAX_ALLOWED];
	size_t n = allowed_values(shape, field, allowed);

	for (size_t i = 0; i < n; i++) {
		if (!values) {
			if (test(with, allowed[i].first, allowed[i].last) != wanted)
				return false;
			continue;
		}
		for (size_t j = find_range(values, allowed[i].first);
		     j < values->n && values->ranges[j].first <= allowed[i].last; j++)
			if (test(with, highest(values->ranges[j].first, allowed[i].first),
				 lowest(values->ranges[j].last, allowed[i].last)) != wanted)
				return false;
	}
	return true;
}

static bool is_satisfiable(const struct values *values, unsigned int shape, unsigned int field)
{
	struct range allowed[MAX_ALLOWED];
	size_t n = allowed_values(shape, field, allowed);

	for (size_t i = 0; i < n; i++)
		if (meets_range(values, allowed[i].first, allowed[i].last))
			return true;
	return false;
}

/* --- MAC addresses ------------------------------------------------------------------------ */

static bool lists_mac(const struct mac_match *match, const uint8_t *mac)
{
	size_t low = 0, high = match->n_macs;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = memcmp(match->macs[middle], mac, MAC_BYTES);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* Are all (or, if not wanted, none) of the addresses of a listed in b? */
static bool all_listed(const struct mac_match *a, const struct mac_match *b, bool wanted)
{
	for (size_t i = 0; i < a->n_macs; i++)
		if (lists_mac(b, a->macs[i]) != wanted)
			return false;
	return true;
}

static bool mac_covers(const struct mac_match *wide, const struct mac_match *narrow)
{
	if (!wide->present)
		return true;
	if (!narrow->present || (narrow->negated && !wide->negated))
		return false; /* no list has all 2^48, but for one of none, negated */
	return narrow->negated ? all_listed(wide, narrow, true)
			       : all_listed(narrow, wide, !wide->negated);
}

static bool macs_are_disjoint(const struct mac_match *a, const struct mac_match *b)
{
	if (!a->present || !b->present || (a->negated && b->negated))
		return false;
	return a->negated ? all_listed(b, a, true) : all_listed(a, b, b->negated);
}

/* --- interfaces --------------------------------------------------------------------------- */

static void make_interfaces(const struct policy *policy, size_t ruleset,
			    const struct interface_match *match, uint64_t ret[INTERFACE_WORDS])
{
	uint64_t listed[INTERFACE_WORDS] = { 0 };

	for (size_t i = 0; i < match->n_interfaces; i++)
		listed[match->interfaces[i] / 64] |= 1ULL << match->interfaces[i] % 64;
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		bool is_listed = listed[i / 64] >> i % 64 & 1;

		if (policy->interfaces[i].ruleset == ruleset &&
		    (!match->present || is_listed != match->negated))
			ret[i / 64] |= 1ULL << i % 64;
	}
}

/* --- conditions --------------------------------------------------------------------------- */

static bool may_have_shape(struct conditions *conditions, size_t index, unsigned int shape, int *r)
{
	const struct condition *condition = &conditions->items[index];
	const struct rule *rule = condition->rule;

	if (shape == SHAPE_NON_IP && !rule->scalar[FIELD_ETHERTYPE].present)
		return false;
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		if (rule->scalar[f].present && !is_satisfiable(&condition->scalar[f], shape, f))
			return false;
	for (enum address_field f = 0; f < N_ADDRESS_FIELDS; f++) {
		if (!rule->address[f].present)
			continue;
		if (shape == SHAPE_NON_IP ||
		    !addresses_may_hold(conditions, index, f,
					shape / N_IP_SHAPES ? FAMILY_V6 : FAMILY_V4, r))
			return false;
	}
	return true;
}

/* The fate of fragments leaves whole packets to the rules, but for those of `protect`. */
static bool survives_fates(const struct conditions *conditions, const struct ruleset *ruleset,
			   size_t index, unsigned int shape)
{
	const struct condition *condition = &conditions->items[index];
	unsigned int kind = shape % N_IP_SHAPES;

	if (shape == SHAPE_NON_IP || conditions->policy->fate_fragments == VERDICT_NONE ||
	    index < ruleset->n_protect)
		return true;
	if (kind == SHAPE_LATER || kind == SHAPE_LATER_UNKNOWN)
		return false;
	return !condition->rule->scalar[FIELD_FRAGMENT].present ||
	       meets_range(&condition->scalar[FIELD_FRAGMENT], FRAGMENT_NONE, FRAGMENT_NONE);
}

static bool mac_may_hold(const struct mac_match *match)
{
	return !match->present || match->negated || match->n_macs;
}

static void find_shapes(struct conditions *conditions, const struct ruleset *ruleset, size_t index,
			int *r)
{
	struct condition *condition = &conditions->items[index];

	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		if (!mac_may_hold(&condition->rule->mac[f]))
			return;
	for (unsigned int shape = 0; shape < N_SHAPES; shape++) {
		if (!shape_exists(shape) || !may_have_shape(conditions, index, shape, r))
			continue;
		condition->unfated |= 1U << shape;
		if (survives_fates(conditions, ruleset, index, shape))
			condition->shapes |= 1U << shape;
	}
}

/* 16 bits for the values: those of a few by a hash, else all. */
static uint64_t sign_values(const struct values *values)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < values->n; i++) {
		const struct range *range = &values->ranges[i];

		if (range->last - range->first >= 16)
			return 0xffff;
		for (uint32_t value = range->first; value <= range->last; value++)
			bits |= 1ULL << (value * 2654435761U >> 28);
	}
	return bits;
}

/* Shapes, and of the fields that most rules look at, what they are. A rule that does not look at a
 * field wants nothing certain of it, and gives all. */
static void sign(const struct policy *policy, const struct condition *condition,
		 struct signature *ret)
{
	static const unsigned int fields[] = { FIELD_PROTO, FIELD_DPORT, FIELD_SPORT };
	uint32_t wants, gives;

	ret->wants[0] = ret->gives[0] = condition->shapes;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		bool present = condition->rule->scalar[fields[i]].present;
		uint64_t bits = present ? sign_values(&condition->scalar[fields[i]]) : 0;

		ret->wants[0] |= bits << (N_SHAPES + 16 * i);
		ret->gives[0] |= (present ? bits : 0xffff) << (N_SHAPES + 16 * i);
	}
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		addresses_sign(policy, &condition->rule->address[f], &wants, &gives);
		ret->wants[1] |= (uint64_t)wants << 32 * f;
		ret->gives[1] |= (uint64_t)gives << 32 * f;
	}
}

_Static_assert(N_SHAPES + 3 * 16 <= 64, "no room for the signature");
_Static_assert(N_ADDRESS_FIELDS == 2, "likewise");

static bool is_temporary(const struct policy *policy, const struct rule *rule)
{
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
		for (size_t i = 0; i < rule->address[f].n_sets; i++)
			if (policy->sets[rule->address[f].sets[i]].expiry.at)
				return true;
	return false;
}

static int condition_make(struct conditions *conditions, size_t ruleset, size_t index)
{
	const struct policy *policy = conditions->policy;
	const struct ruleset *rules = &policy->rulesets[ruleset];
	struct condition *condition = &conditions->items[index];
	const struct rule *rule = &rules->rules[index];
	int r = 0;

	condition->rule = rule;
	condition->temporary = is_temporary(policy, rule);
	for (unsigned int f = 0; f < N_SCALAR_FIELDS && !r; f++)
		if (rule->scalar[f].present)
			r = make_values(&rule->scalar[f], scalar_field_domain(f),
					&condition->scalar[f]);
	if (r < 0)
		return r;
	make_interfaces(policy, ruleset, &rule->interface, condition->interfaces);
	find_shapes(conditions, rules, index, &r);
	sign(policy, condition, &conditions->signatures[index]);
	return r;
}

int conditions_make(const struct policy *policy, size_t ruleset, uint64_t work, uint64_t elements,
		    struct conditions *ret)
{
	const struct ruleset *rules = &policy->rulesets[ruleset];

	*ret = (struct conditions){
		.policy = policy, .n = rules->n_rules, .work = work, .elements = elements
	};
	ret->items = calloc(ret->n + 1, sizeof(*ret->items));
	ret->shared = calloc(2 * policy->n_sets + 1, sizeof(*ret->shared));
	ret->own = calloc(N_ADDRESS_FIELDS * ret->n + 1, sizeof(*ret->own));
	ret->signatures = calloc(ret->n + 1, sizeof(*ret->signatures));
	if (!ret->items || !ret->signatures || !ret->shared || !ret->own)
		return -ENOMEM;
	for (size_t i = 0; i < ret->n; i++)
		if (condition_make(ret, ruleset, i) < 0)
			return -ENOMEM;
	return 0;
}

void conditions_done(struct conditions *conditions)
{
	for (size_t i = 0; conditions->items && i < conditions->n; i++)
		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
			free(conditions->items[i].scalar[f].ranges);
	for (size_t i = 0; conditions->shared && i < 2 * conditions->policy->n_sets; i++)
		address_values_free(conditions->shared[i]);
	for (size_t i = 0; conditions->own && i < N_ADDRESS_FIELDS * conditions->n; i++)
		address_values_free(conditions->own[i]);
	free(conditions->items);
	free(conditions->signatures);
	free(conditions->shared);
	free(conditions->own);
	*conditions = (struct conditions){ 0 };
}

bool conditions_are_spent(const struct conditions *conditions)
{
	return !conditions->work || !conditions->elements;
}

/* --- comparing ---------------------------------------------------------------------------- */

bool conditions_spend(struct conditions *conditions, uint64_t work)
{
	bool enough = conditions->work > work;

	conditions->work = enough ? conditions->work - work : 0;
	return enough;
}

static bool scalars_cover(struct conditions *conditions, const struct condition *wide,
			  const struct condition *narrow, unsigned int shape)
{
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
		const struct values *values =
			narrow->rule->scalar[f].present ? &narrow->scalar[f] : NULL;

		if (!wide->rule->scalar[f].present)
			continue;
		/* the one field that packets of a shape may have or not */
		if (f == FIELD_VLAN && !values)
			return false;
		if (!conditions_spend(conditions, 1 + narrow->scalar[f].n) ||
		    !each_piece(values, shape, f, holds_range, &wide->scalar[f], true))
			return false;
	}
	return true;
}

static enum coverage worse_coverage(enum coverage a, enum coverage b)
{
	return a < b ? a : b;
}

enum coverage condition_covers(struct conditions *conditions, size_t wide_index,
			       size_t narrow_index, int *r)
{
	const struct condition *wide = &conditions->items[wide_index];
	const struct condition *narrow = &conditions->items[narrow_index];
	enum coverage coverage = COVERS;

	if (!condition_may_cover(conditions, wide_index, narrow_index))
		return COVERS_NOT;
	for (int i = 0; i < INTERFACE_WORDS; i++)
		if (narrow->interfaces[i] & ~wide->interfaces[i])
			return COVERS_NOT;
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		if (!conditions_spend(conditions, 1 + narrow->rule->mac[f].n_macs) ||
		    !mac_covers(&wide->rule->mac[f], &narrow->rule->mac[f]))
			return COVERS_NOT;
	for (unsigned int shape = 0; shape < N_SHAPES; shape++)
		if (narrow->shapes >> shape & 1 && !scalars_cover(conditions, wide, narrow, shape))
			return COVERS_NOT;
	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum address_field f = 0; f < N_ADDRESS_FIELDS && coverage; f++)
			if (narrow->shapes & SHAPES_OF(family))
				coverage = worse_coverage(
					coverage, addresses_cover(conditions, wide_index,
								  narrow_index, f, family, r));
	return coverage;
}

static bool scalars_are_disjoint(struct conditions *conditions, const struct condition *a,
				 const struct condition *b, unsigned int shape)
{
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
		if (!a->rule->scalar[f].present || !b->rule->scalar[f].present)
			continue;
		if (!conditions_spend(conditions, 1 + a->scalar[f].n))
			return false;
		if (each_piece(&a->scalar[f], shape, f, meets_range, &b->scalar[f], false))
			return true;
	}
	return false;
}

bool conditions_are_disjoint(struct conditions *conditions, size_t a_index, size_t b_index, int *r)
{
	const struct condition *a = &conditions->items[a_index];
	const struct condition *b = &conditions->items[b_index];
	uint32_t shapes = a->shapes & b->shapes;
	uint64_t interfaces = 0;

	for (int i = 0; i < INTERFACE_WORDS; i++)
		interfaces |= a->interfaces[i] & b->interfaces[i];
	if (!interfaces)
		return true;
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		if (conditions_spend(conditions,
				     1 + a->rule->mac[f].n_macs + b->rule->mac[f].n_macs) &&
		    macs_are_disjoint(&a->rule->mac[f], &b->rule->mac[f]))
			return true;
	for (unsigned int shape = 0; shape < N_SHAPES; shape++)
		if (shapes >> shape & 1 && scalars_are_disjoint(conditions, a, b, shape))
			shapes &= ~(1U << shape);
	for (enum family family = 0; family < N_FAMILIES; family++)
		for (enum address_field f = 0; f < N_ADDRESS_FIELDS; f++)
			if (shapes & SHAPES_OF(family) &&
			    addresses_are_disjoint(conditions, a_index, b_index, f, family, r))
				shapes &= ~SHAPES_OF(family);
	return !shapes;
}
