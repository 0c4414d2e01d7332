/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * random-policy.c: random policies. Few distinct values, so that rules and prefixes overlap:
 * addresses come from a handful of bases, scalars from a list of usual ones.
 */
#include "random-policy.h"

#include <string.h>

#include "build-policy.h"
#include "util.h"

#define N_BASES 6

struct bases {
	uint32_t v4[N_BASES];
	uint64_t hi[N_BASES], lo[N_BASES];
};

static void random_bases(struct rng *rng, struct bases *bases)
{
	for (int i = 0; i < N_BASES; i++) {
		bases->v4[i] = (uint32_t)rng_u64(rng);
		bases->hi[i] = 0x2001ULL << 48 | rng_u64(rng) >> 16;
		bases->lo[i] = rng_u64(rng);
	}
	/* The ends of both address spaces, and two that differ late. */
	if (rng_percent(rng, 30)) {
		bases->v4[0] = 0;
		bases->hi[0] = bases->lo[0] = 0;
	}
	if (rng_percent(rng, 30)) {
		bases->v4[1] = 0xffffffff;
		bases->hi[1] = bases->lo[1] = ~0ULL;
	}
	bases->v4[3] = bases->v4[2] ^ 1U << rng_below(rng, 32);
	bases->hi[3] = bases->hi[2];
	bases->lo[3] = bases->lo[2] ^ 1ULL << rng_below(rng, 64);
}

static uint8_t random_len_v4(struct rng *rng)
{
	static const uint8_t usual[] = { 0, 1, 8, 15, 16, 17, 23, 24, 25, 31, 32, 32 };

	if (rng_percent(rng, 50))
		return (uint8_t)rng_below(rng, 33);
	return usual[rng_below(rng, ARRAY_SIZE(usual))];
}

static uint8_t random_len_v6(struct rng *rng)
{
	static const uint8_t usual[] = { 0, 1, 32, 48, 56, 63, 64, 65, 127, 128, 128 };

	if (rng_percent(rng, 50))
		return (uint8_t)rng_below(rng, 129);
	return usual[rng_below(rng, ARRAY_SIZE(usual))];
}

static void random_prefixes(struct rng *rng, struct policy *policy, uint32_t set,
			    const struct bases *bases)
{
	uint32_t n = rng_percent(rng, 10) ? rng_below(rng, 300) : rng_below(rng, 12);
	bool scattered = rng_percent(rng, 30);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t base = rng_below(rng, N_BASES);
		uint32_t noise = scattered ? rng_below(rng, 1U << rng_below(rng, 20)) : 0;

		if (rng_percent(rng, 50)) {
			build_prefix_v4(policy, set, bases->v4[base] ^ noise, random_len_v4(rng));
		} else if (rng_percent(rng, 50)) {
			build_prefix_v6(policy, set, bases->hi[base] ^ noise, bases->lo[base],
					random_len_v6(rng));
		} else {
			build_prefix_v6(policy, set, bases->hi[base], bases->lo[base] ^ noise,
					random_len_v6(rng));
		}
	}
	/* Sets of one family only matter under `not:`. */
	if (rng_percent(rng, 15))
		policy->sets[set].n_v4 = 0;
	else if (rng_percent(rng, 15))
		policy->sets[set].n_v6 = 0;
}

/* Exceptions are in ascending order, and none lies in another. */
static void random_live_set(struct rng *rng, struct policy *policy, uint32_t index)
{
	static const char *const users[] = { "crowdsec", "_fail2ban", "robot$", "yes" };
	struct live_set *set;
	char name[NAME_LEN];
	uint32_t added;

	snprintf(name, sizeof(name), "live-%u", index);
	added = build_live_set(policy, name);
	set = &policy->live_sets[added];
	set->size = 1 + rng_below(rng, 1U << rng_below(rng, 22));
	set->timeout = rng_percent(rng, 50) ? rng_below(rng, 1U << rng_below(rng, 28)) : 0;
	set->widest[FAMILY_V4] = (uint8_t)rng_below(rng, 33);
	set->widest[FAMILY_V6] = (uint8_t)rng_below(rng, 129);
	set->persist = rng_percent(rng, 30);
	set->writers = calloc(ARRAY_SIZE(users), sizeof(*set->writers));
	set->except.v4 = calloc(12, sizeof(*set->except.v4));
	set->except.v6 = calloc(12, sizeof(*set->except.v6));
	if (!set->writers || !set->except.v4 || !set->except.v6)
		abort();
	for (size_t i = 0; i < ARRAY_SIZE(users); i++)
		if (rng_percent(rng, 20))
			set->writers[set->n_writers++] = strdup(users[i]);
	for (uint32_t i = 0; i < 12; i++) {
		if (rng_percent(rng, 20))
			set->except.v4[set->except.n_v4++] = (struct prefix_v4){ i << 28, 4 + i };
		if (rng_percent(rng, 20))
			set->except.v6[set->except.n_v6++] =
				(struct prefix_v6){ 0x2001ULL << 48 | i, i, 128 };
	}
}

static uint32_t random_n_live(struct rng *rng)
{
	if (rng_percent(rng, 50))
		return 0;
	return rng_percent(rng, 5) ? MAX_LIVE_SETS : 1 + rng_below(rng, 4);
}

static uint32_t random_value(struct rng *rng, unsigned int field)
{
	static const uint32_t protocols[] = { 0,   1,   2,   6,   6,   6,   17, 17, 43,
					      44,  47,  50,  51,  58,  58,  59, 60, 89,
					      132, 135, 139, 140, 253, 254, 255 };
	static const uint32_t ports[] = { 0, 22, 53, 80, 123, 179, 443, 1023, 1024, 65534, 65535 };
	static const uint32_t icmp[] = {
		0x000000, 0x000300, 0x000304, 0x000800, 0x000b00, 0x00ffff,
		0x010000, 0x010100, 0x010200, 0x018000, 0x018700, 0x01ffff
	};
	static const uint32_t lengths[] = {
		20, 28, 40, 48, 60, 68, 1280, 1500, 9000, 65535, 65575
	};
	static const uint32_t ethertypes[] = { 0x0600, 0x0800, 0x0800, 0x0806, 0x86dd,
					       0x86dd, 0x8809, 0x88b5, 0x88cc, 0xffff };
	uint32_t domain = scalar_field_domain(field);

	if (rng_percent(rng, 15))
		return rng_below(rng, domain);
	switch (field) {
	case FIELD_PROTO:
		return protocols[rng_below(rng, ARRAY_SIZE(protocols))];
	case FIELD_SPORT:
	case FIELD_DPORT:
		return ports[rng_below(rng, ARRAY_SIZE(ports))];
	case FIELD_ICMP:
		return icmp[rng_below(rng, ARRAY_SIZE(icmp))];
	case FIELD_LENGTH:
		return lengths[rng_below(rng, ARRAY_SIZE(lengths))];
	case FIELD_ETHERTYPE:
		return ethertypes[rng_below(rng, ARRAY_SIZE(ethertypes))];
	case FIELD_VLAN:
		return rng_percent(rng, 20) ? 4095 : 1 + rng_below(rng, 6);
	default:
		return rng_below(rng, domain);
	}
}

/* All values of the flags' byte with these set and those clear, as the names of the language are
 * made: many ranges that lie scattered. */
static void random_flags(struct rng *rng, struct rule *rule)
{
	static const uint8_t set[] = { 0x02, 0x00, 0x00, 0x29, 0x10, 0x04 };
	static const uint8_t clear[] = { 0x10, 0x3f, 0x16, 0x00, 0x02, 0x00 };
	uint32_t named = rng_below(rng, ARRAY_SIZE(set));
	bool random = rng_percent(rng, 40);
	uint8_t is_set = random ? (uint8_t)(rng_u64(rng) & rng_u64(rng)) : set[named];
	uint8_t is_clear = random ? (uint8_t)(rng_u64(rng) & rng_u64(rng)) : clear[named];

	for (uint32_t byte = 0; byte < 256; byte++)
		if ((byte & is_set) == is_set && !(byte & is_clear & ~is_set))
			build_scalar(rule, FIELD_TCP_FLAGS, byte, byte);
}

/* A group of types of both families, each with all codes. */
static void random_icmp_group(struct rng *rng, struct rule *rule)
{
	static const struct range groups[] = {
		{ 0x000000, 0x0000ff }, { 0x000300, 0x0003ff }, { 0x000800, 0x0008ff },
		{ 0x000b00, 0x000cff }, { 0x010100, 0x0104ff }, { 0x018000, 0x0188ff },
		{ 0x018d00, 0x018fff },
	};

	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		if (rng_percent(rng, 60))
			build_scalar(rule, FIELD_ICMP, groups[i].first, groups[i].last);
}

static void random_scalar(struct rng *rng, struct rule *rule, unsigned int field)
{
	uint32_t n = rng_percent(rng, 10) ? rng_below(rng, 40) : 1 + rng_below(rng, 3);
	uint32_t last_value = scalar_field_domain(field) - 1;

	rule->scalar[field].present = true; /* of no value, if it names an empty set of ports */
	rule->scalar[field].negated = rng_percent(rng, 25);
	if (field == FIELD_TCP_FLAGS && rng_percent(rng, 50)) {
		random_flags(rng, rule);
		return;
	}
	if (field == FIELD_ICMP && rng_percent(rng, 40)) {
		random_icmp_group(rng, rule);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t first = random_value(rng, field);
		uint32_t last = first;

		if (rng_percent(rng, 40)) {
			last = random_value(rng, field);
		} else if (rng_percent(rng, 20)) {
			last = first + rng_below(rng, 16);
		} else if (rng_percent(rng, 5)) {
			first = 0;
			last = last_value;
		}
		if (last > last_value)
			last = last_value;
		build_scalar(rule, field, first < last ? first : last, first < last ? last : first);
	}
}

void random_mac(struct rng *rng, uint8_t mac[MAC_BYTES])
{
	static const uint8_t usual[][MAC_BYTES] = {
		{ 0, 0, 0, 0, 0, 0 },
		{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0x01, 0x80, 0xc2, 0, 0, 0x0e },
		{ 0x02, 0, 0, 0, 0, 1 },
		{ 0x02, 0, 0, 0, 0, 2 },
		{ 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff },
		{ 0x80, 0, 0, 0, 0, 0 },
	};

	for (int i = 0; i < MAC_BYTES; i++)
		mac[i] = usual[rng_below(rng, ARRAY_SIZE(usual))][i];
	if (rng_percent(rng, 60))
		memcpy(mac, usual[rng_below(rng, ARRAY_SIZE(usual))], MAC_BYTES);
	if (rng_percent(rng, 20))
		mac[rng_below(rng, MAC_BYTES)] ^= (uint8_t)(1 << rng_below(rng, 8));
}

static void random_macs(struct rng *rng, struct rule *rule, enum mac_field field)
{
	uint32_t n = rng_percent(rng, 10) ? 1 + rng_below(rng, 60) : 1 + rng_below(rng, 3);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t mac[MAC_BYTES];

		random_mac(rng, mac);
		build_mac(rule, field, mac);
	}
	rule->mac[field].negated = rng_percent(rng, 25);
}

/* One to three sets, of both kinds where the policy has both. */
static void random_address(struct rng *rng, const struct policy *policy, struct rule *rule,
			   enum address_field field)
{
	for (uint32_t i = rng_below(rng, 3); i < 3; i++) {
		bool live = policy->n_live_sets && (!policy->n_sets || rng_percent(rng, 40));

		if (live)
			build_live_address(rule, field,
					   rng_below(rng, (uint32_t)policy->n_live_sets));
		else
			build_address(rule, field, rng_below(rng, (uint32_t)policy->n_sets));
	}
	rule->address[field].negated = rng_percent(rng, 25);
}

static void random_rule(struct rng *rng, struct policy *policy, uint32_t ruleset, uint32_t index,
			unsigned int fields_percent, unsigned int terminal_percent)
{
	static const enum verdict verdicts[] = { VERDICT_DROP, VERDICT_PASS, VERDICT_REDIRECT };
	enum verdict verdict = VERDICT_NONE;
	char name[NAME_LEN], port[PORT_LEN];
	struct rule *rule;

	if (rng_percent(rng, terminal_percent))
		verdict = verdicts[rng_below(rng, ARRAY_SIZE(verdicts))];
	snprintf(name, sizeof(name), "rule-%u", index);
	rule = build_rule(policy, ruleset, name, verdict);
	if (verdict == VERDICT_REDIRECT) {
		snprintf(port, sizeof(port), "out%u", rng_below(rng, 4));
		build_redirect(policy, rule, port);
	}

	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
		if ((policy->n_sets || policy->n_live_sets) && rng_percent(rng, fields_percent))
			random_address(rng, policy, rule, f);
	/* Rules about other ethertypes than IP match little else: fewer of them. */
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
		unsigned int percent = f == FIELD_ETHERTYPE ? fields_percent / 2
				       : f <= FIELD_DPORT   ? fields_percent
							    : fields_percent * 2 / 3;

		if (rng_percent(rng, percent))
			random_scalar(rng, rule, f);
	}
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++) {
		if (rng_percent(rng, fields_percent / 2))
			random_macs(rng, rule, f);
	}
	rule->shadow = rng_percent(rng, 10);
	if (rng_percent(rng, 5))
		rule->expiry =
			(struct expiry){ .at = 1 + rng_below(rng, 1700000000), .past = true };
	if (rng_percent(rng, fields_percent / 2)) {
		for (uint32_t i = rng_below(rng, 2); i < 2; i++)
			build_on_interface(rule, rng_below(rng, (uint32_t)policy->n_interfaces));
		rule->interface.negated = rng_percent(rng, 30);
	}
}

static uint32_t random_n_rules(struct rng *rng)
{
	switch (rng_below(rng, 12)) {
	case 0:
		return 0;
	case 1:
		return 1;
	case 2:
	case 3:
		return 62 + rng_below(rng, 5); /* around a word */
	case 4:
		return 126 + rng_below(rng, 5);
	case 5:
		return rng_below(rng, 700);
	case 6: /* around 64 words, which is what one word of a summary tells of */
		return rng_percent(rng, 20) ? 64 * ROW_WORD_BITS - 66 + rng_below(rng, 200) : 5;
	default:
		return 2 + rng_below(rng, 30);
	}
}

/* What comes ahead of the fates names no live set. */
static void random_protection(struct rng *rng, struct ruleset *ruleset)
{
	ruleset->n_protect = rng_below(rng, (uint32_t)ruleset->n_rules + 1);
	for (size_t i = 0; i < ruleset->n_protect; i++)
		for (int f = 0; f < N_ADDRESS_FIELDS; f++) {
			struct address_match *match = &ruleset->rules[i].address[f];

			match->n_live = 0;
			match->present = match->n_sets > 0;
		}
}

struct policy *random_policy(struct rng *rng)
{
	static const enum verdict fates[] = { VERDICT_DROP, VERDICT_PASS, VERDICT_NONE,
					      VERDICT_NONE };
	struct policy *policy = build_policy();
	uint32_t n_rulesets = 1 + rng_below(rng, 3);
	uint32_t n_interfaces = n_rulesets + rng_below(rng, 3);
	uint32_t n_sets = rng_below(rng, 8);
	struct bases bases;
	char name[NAME_LEN];

	policy->fate_malformed = rng_below(rng, 2) ? VERDICT_DROP : VERDICT_PASS;
	policy->fate_fragments = fates[rng_below(rng, ARRAY_SIZE(fates))];
	policy->fate_extension = fates[rng_below(rng, ARRAY_SIZE(fates))];
	policy->fate_non_ip = rng_below(rng, 2) ? VERDICT_DROP : VERDICT_PASS;

	random_bases(rng, &bases);
	for (uint32_t i = 0; i < n_sets; i++) {
		snprintf(name, sizeof(name), "set-%u", i);
		random_prefixes(rng, policy, build_set(policy, name), &bases);
	}
	for (uint32_t i = 0, n = random_n_live(rng); i < n; i++)
		random_live_set(rng, policy, i);
	for (uint32_t i = 0; i < n_rulesets; i++) {
		snprintf(name, sizeof(name), "policy-%u", i);
		build_ruleset(policy, name, rng_below(rng, 2) ? VERDICT_DROP : VERDICT_PASS);
	}
	for (uint32_t i = 0; i < n_interfaces; i++) {
		snprintf(name, sizeof(name), "interface-%u", i);
		build_interface(policy, name, i < n_rulesets ? i : rng_below(rng, n_rulesets));
	}
	for (uint32_t i = 0; i < n_rulesets; i++) {
		uint32_t n_rules = random_n_rules(rng);
		/* Long rulesets decide late, or their ends would never be seen. */
		unsigned int terminal =
			n_rules > 30 ? 5 + rng_below(rng, 20) : 20 + rng_below(rng, 70);
		unsigned int fields = 3 + rng_below(rng, 22);

		for (uint32_t j = 0; j < n_rules; j++)
			random_rule(rng, policy, i, j, fields, terminal);
		if (rng_percent(rng, 40))
			random_protection(rng, &policy->rulesets[i]);
	}
	return policy;
}

/* Take out what the language has no words for: values that no packet carries. */
static void clip(struct scalar_match *match, uint32_t least, uint32_t most)
{
	size_t n = 0;

	for (size_t i = 0; i < match->n_ranges; i++) {
		struct range range = match->ranges[i];

		if (range.first < least)
			range.first = least;
		if (range.last > most)
			range.last = most;
		if (range.first <= range.last)
			match->ranges[n++] = range;
	}
	match->n_ranges = n;
	match->present = n > 0;
}

void random_policy_in_words(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		struct ruleset *ruleset = &policy->rulesets[i];

		ruleset->n_protect = 0;
		for (size_t j = 0; j < ruleset->n_rules; j++) {
			clip(&ruleset->rules[j].scalar[FIELD_VLAN], VLAN_FIRST, VLAN_LAST);
			clip(&ruleset->rules[j].scalar[FIELD_ETHERTYPE], 0x600, 0xffff);
		}
	}
}
