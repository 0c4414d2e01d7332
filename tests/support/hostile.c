/* SPDX-License-Identifier: GPL-2.0-only */
/* hostile.c: policies that are unkind to the compiler, see hostile.h. */
#include "hostile.h"

#include "build-policy.h"
#include "rng.h"
#include "util.h"

#define MANY_RULES 10000
#define MANY_SETS 4096

static struct rule *add_rule(struct policy *policy, uint32_t number)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "rule-%u", number);
	return build_rule(policy, 0, name, number % 2 ? VERDICT_DROP : VERDICT_NONE);
}

static uint32_t add_set(struct policy *policy, uint32_t number)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "set-%u", number);
	return build_set(policy, name);
}

/* A range that begins and ends at random. */
static void random_range(struct rng *rng, struct rule *rule, enum scalar_field field)
{
	uint32_t domain = scalar_field_domain(field);
	uint32_t a = rng_below(rng, domain), b = rng_below(rng, domain);

	build_scalar(rule, field, a < b ? a : b, a < b ? b : a);
}

/* --- scalar fields ------------------------------------------------------------------------ */

/* None decides, so that all of a packet's thousands of matches show. */
static void overlapping_ports(struct policy *policy)
{
	struct rng rng = { 21 };

	for (uint32_t i = 0; i < MANY_RULES; i++)
		random_range(&rng, add_rule(policy, 2 * i), FIELD_DPORT);
}

static void overlapping_lengths(struct policy *policy)
{
	struct rng rng = { 22 };

	for (uint32_t i = 0; i < MANY_RULES; i++)
		random_range(&rng, add_rule(policy, 2 * i), FIELD_LENGTH);
}

/* Each around the one before: as many rows as there are ends of ranges. */
static void nested_ranges(struct policy *policy)
{
	for (uint32_t i = 0; i < MANY_RULES; i++)
		build_scalar(add_rule(policy, i), FIELD_DPORT, MANY_RULES - i,
			     65535 - MANY_RULES + i);
}

static void crossing_ports(struct policy *policy)
{
	struct rng rng = { 11 };

	for (uint32_t i = 0; i < MANY_RULES; i++) {
		struct rule *rule = add_rule(policy, i);

		random_range(&rng, rule, FIELD_SPORT);
		random_range(&rng, rule, FIELD_DPORT);
	}
}

static void ports_by_protocols(struct policy *policy)
{
	struct rng rng = { 12 };

	for (uint32_t i = 0; i < 4000; i++) {
		struct rule *rule = add_rule(policy, i);

		build_scalar(rule, FIELD_PROTO, i % 256, i % 256);
		build_scalar(rule, FIELD_PROTO, (i * 7) % 256, (i * 7) % 256);
		random_range(&rng, rule, FIELD_SPORT);
		random_range(&rng, rule, FIELD_DPORT);
		rule->scalar[FIELD_PROTO].negated = i % 3 == 0;
		rule->scalar[FIELD_SPORT].negated = i % 5 == 0;
	}
}

/* All fields cross: no small product of any two of them. Every other rule leaves some out, as no
 * packet has them all. */
static void crossing_fields(struct policy *policy)
{
	struct rng rng = { 13 };

	for (uint32_t i = 0; i < 2000; i++) {
		struct rule *rule = add_rule(policy, i);

		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
			if (i % 2 == 0 || rng_percent(&rng, 30))
				random_range(&rng, rule, f);
		}
	}
}

/* A rule for each bit of the value, from the n-th on: so many values, as many classes. */
static void distinct_field(struct policy *policy, enum scalar_field field, uint32_t lowest)
{
	uint32_t domain = scalar_field_domain(field);

	for (uint32_t bit = lowest; bit < domain; bit <<= 1) {
		struct rule *rule = add_rule(policy, (uint32_t)policy->rulesets[0].n_rules);

		for (uint32_t first = bit; first < domain; first += 2 * bit) {
			uint32_t last = first + bit - 1;

			build_scalar(rule, field, first, last < domain ? last : domain - 1);
		}
	}
}

/* A field of 2^17 values, each of them a class of its own, beside one of 2^16. */
static void distinct_values(struct policy *policy)
{
	distinct_field(policy, FIELD_ICMP, 1);
	distinct_field(policy, FIELD_LENGTH, 1);
}

/* Few rules, and no two pairs of ports that match the same ones: 2^28 classes of pairs. */
static void distinct_pairs(struct policy *policy)
{
	distinct_field(policy, FIELD_SPORT, 4);
	distinct_field(policy, FIELD_DPORT, 4);
}

static void distinct_everything(struct policy *policy)
{
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		distinct_field(policy, f, 1);
}

static void many_ranges_in_a_rule(struct policy *policy)
{
	for (uint32_t i = 0; i < 100; i++) {
		struct rule *rule = add_rule(policy, i);

		for (uint32_t port = 0; port < 65536; port += 2 + i % 7)
			build_scalar(rule, FIELD_DPORT, port, port);
	}
}

/* Rows of MAC addresses come first and leave fewer numbers to the others. */
static void many_macs(struct policy *policy)
{
	for (uint32_t i = 0; i < MAX_RULES; i++) {
		const uint8_t mac[MAC_BYTES] = {
			2, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i
		};
		struct rule *rule = add_rule(policy, i);

		build_mac(rule, i % 2 ? MAC_SRC : MAC_DST, mac);
		build_scalar(rule, FIELD_SPORT, i, i + 7);
		build_scalar(rule, FIELD_DPORT, 3 * i, 3 * i + 9);
	}
}

/* --- rules -------------------------------------------------------------------------------- */

static void wildcards(struct policy *policy)
{
	for (uint32_t i = 0; i < MAX_RULES; i++)
		add_rule(policy, i);
}

static void full_rules(struct policy *policy)
{
	struct rng rng = { 14 };

	for (uint32_t i = 0; i < MAX_RULES; i++) {
		struct rule *rule = add_rule(policy, i);

		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			uint32_t set = build_set(policy, "");

			build_prefix_v4(policy, set, (uint32_t)rng_u64(&rng),
					(uint8_t)rng_between(&rng, 16, 32));
			build_prefix_v6(policy, set, rng_u64(&rng), rng_u64(&rng),
					(uint8_t)rng_between(&rng, 32, 128));
			build_address(rule, f, set);
		}
		build_scalar(rule, FIELD_PROTO, i % 2 ? 6 : 17, i % 2 ? 6 : 17);
		build_scalar(rule, FIELD_DPORT, i * 3, i * 3 + i % 50);
	}
}

/* Addresses of a rule's own: one of each family and field. */
static void own_prefixes(struct policy *policy, struct rng *rng, struct rule *rule, bool host)
{
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		uint32_t set = build_set(policy, "");

		build_prefix_v4(policy, set, (uint32_t)rng_u64(rng),
				host ? 32 : (uint8_t)rng_between(rng, 1, 24));
		build_prefix_v6(policy, set, rng_u64(rng), rng_u64(rng),
				host ? 128 : (uint8_t)rng_between(rng, 1, 64));
		build_address(rule, f, set);
	}
}

static void ports_by_protocols_by_prefixes(struct policy *policy)
{
	struct rng rng = { 23 };

	for (uint32_t i = 0; i < 4000; i++) {
		struct rule *rule = add_rule(policy, i);

		build_scalar(rule, FIELD_PROTO, i % 3 ? 6 : 17, i % 3 ? 6 : 17 + i % 20);
		random_range(&rng, rule, FIELD_SPORT);
		random_range(&rng, rule, FIELD_DPORT);
		own_prefixes(policy, &rng, rule, false);
	}
}

static void negate_everything(struct policy *policy)
{
	struct rng rng = { 24 };

	for (uint32_t i = 0; i < 2000; i++) {
		struct rule *rule = add_rule(policy, i);

		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
			uint32_t value = rng_below(&rng, scalar_field_domain(f));

			/* one that holds for most packets, but for tcp and icmp, which exclude
			 * each other */
			if (f == (i % 2 ? FIELD_ICMP : FIELD_TCP_FLAGS) || f == FIELD_VLAN ||
			    f == FIELD_ETHERTYPE)
				continue;
			build_scalar(rule, f, value, value);
			rule->scalar[f].negated = true;
		}
		own_prefixes(policy, &rng, rule, i % 2);
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
			rule->address[f].negated = true;
		for (unsigned int f = 0; f < N_MAC_FIELDS; f++) {
			const uint8_t mac[MAC_BYTES] = {
				2, 0, 0, (uint8_t)f, (uint8_t)(i >> 8), (uint8_t)i
			};

			build_mac(rule, f, mac);
			rule->mac[f].negated = true;
		}
	}
}

/* One address each, spread over all there are. */
static void host_rules(struct policy *policy, uint32_t n)
{
	struct rng rng = { 25 };

	for (uint32_t i = 0; i < n; i++) {
		uint32_t set = build_set(policy, "");

		if (i % 2)
			build_prefix_v4(policy, set, (uint32_t)rng_u64(&rng), 32);
		else
			build_prefix_v6(policy, set, rng_u64(&rng), rng_u64(&rng), 128);
		build_address(add_rule(policy, i), ADDRESS_SRC, set);
	}
}

static void most_host_rules(struct policy *policy)
{
	host_rules(policy, MAX_RULES);
}

static void too_many_host_rules(struct policy *policy)
{
	host_rules(policy, 65536);
}

static void one_rule_too_many(struct policy *policy)
{
	for (uint32_t i = 0; i <= MAX_RULES; i++)
		build_scalar(add_rule(policy, i), FIELD_DPORT, i, i);
}

/* --- sets --------------------------------------------------------------------------------- */

static void add_hosts(struct policy *policy, uint32_t set, uint32_t n, struct rng *rng)
{
	for (uint32_t i = 0; i < n; i++) {
		build_prefix_v4(policy, set, (uint32_t)rng_u64(rng), 32);
		build_prefix_v6(policy, set, rng_u64(rng), rng_u64(rng), 128);
	}
}

static void exceptions(struct policy *policy)
{
	uint32_t all = add_set(policy, 0), hosts = add_set(policy, 1);
	struct rng rng = { 15 };
	struct rule *rule;

	build_prefix(policy, all, "0.0.0.0/0");
	build_prefix(policy, all, "::/0");
	add_hosts(policy, hosts, 50000, &rng);
	build_address(add_rule(policy, 0), ADDRESS_SRC, hosts);
	build_address(add_rule(policy, 1), ADDRESS_SRC, all);
	rule = add_rule(policy, 2);
	build_address(rule, ADDRESS_SRC, hosts);
	rule->address[ADDRESS_SRC].negated = true;
}

static void many_sets(struct policy *policy)
{
	struct rng rng = { 16 };

	for (uint32_t i = 0; i < MANY_SETS; i++) {
		uint32_t set = add_set(policy, i);

		add_hosts(policy, set, 10, &rng);
		build_prefix_v4(policy, set, (uint32_t)rng_u64(&rng),
				(uint8_t)rng_between(&rng, 8, 24));
		build_address(add_rule(policy, i), i % 2, set);
	}
}

/* Every rule names every set, and most negate them. */
static void rules_of_all_sets(struct policy *policy)
{
	struct rng rng = { 17 };

	for (uint32_t i = 0; i < MANY_SETS; i++)
		add_hosts(policy, add_set(policy, i), 10, &rng);
	for (uint32_t i = 0; i < 500; i++) {
		struct rule *rule = add_rule(policy, i);

		for (uint32_t set = 0; set < MANY_SETS; set++)
			build_address(rule, ADDRESS_SRC, (set + i) % MANY_SETS);
		rule->address[ADDRESS_SRC].negated = i % 3 != 0;
	}
}

/* Short and long prefixes of all sets, anywhere: nearly every interval is in sets that no other
 * is in, so nearly every one has a row of its own. */
static void nest(struct policy *policy, uint32_t n_sets, uint32_t n_prefixes, bool v4)
{
	const uint32_t longest = v4 ? 24 : 48;
	struct rng rng = { 18 };

	for (uint32_t i = 0; i < n_sets; i++) {
		uint32_t set = add_set(policy, i);

		for (uint32_t j = 0; j < n_prefixes; j++) {
			uint32_t len = rng_between(&rng, 4, longest);

			if (v4)
				build_prefix_v4(policy, set, (uint32_t)rng_u64(&rng), (uint8_t)len);
			else
				build_prefix_v6(policy, set, rng_u64(&rng), 0, (uint8_t)len);
		}
		build_address(add_rule(policy, i), ADDRESS_SRC, set);
	}
}

static void nested_sets_v4(struct policy *policy)
{
	nest(policy, MANY_SETS, 10, true);
}

static void nested_sets_v6(struct policy *policy)
{
	nest(policy, MANY_SETS, 10, false);
}

/* As deep as prefixes can lie in each other, in many places; in each of them, other lengths. The
 * longest comes first. */
static void deep_prefixes(struct policy *policy)
{
	struct rng rng = { 26 };

	for (uint32_t len = 1; len <= 128; len++)
		add_set(policy, len);
	for (uint32_t len = 128; len > 0; len--)
		build_address(add_rule(policy, len), ADDRESS_SRC, len - 1);
	for (uint32_t i = 0; i < 2000; i++) {
		uint64_t hi = rng_u64(&rng), lo = rng_u64(&rng);
		bool all = i < 100;

		for (uint32_t len = 1; len <= 128; len++) {
			if (all || rng_percent(&rng, 80))
				build_prefix_v6(policy, len - 1, hi, lo, (uint8_t)len);
			if (len <= 32 && (all || rng_percent(&rng, 80)))
				build_prefix_v4(policy, len - 1, (uint32_t)lo, (uint8_t)len);
		}
	}
}

static void too_many_rows_v4(struct policy *policy)
{
	nest(policy, MANY_SETS, 50, true);
}

static void too_many_rows_v6(struct policy *policy)
{
	nest(policy, MANY_SETS, 200, false);
	/* as many words in a row as there may be */
	for (uint32_t i = MANY_SETS; i < MAX_RULES; i++)
		build_address(add_rule(policy, i), ADDRESS_SRC, i % MANY_SETS);
}

/* The rows are long, and no step from one to the next is the same for long. */
static void long_rows(struct policy *policy)
{
	struct rng rng = { 19 };
	uint32_t hosts[8];

	for (uint32_t i = 0; i < ARRAY_SIZE(hosts); i++)
		hosts[i] = add_set(policy, i);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t address = (uint32_t)rng_u64(&rng);

		for (uint32_t j = 0; j < 2 + i % 3; j++)
			build_prefix_v4(policy, hosts[rng_below(&rng, ARRAY_SIZE(hosts))], address,
					32);
	}
	for (uint32_t i = 0; i < MAX_RULES; i++)
		build_address(add_rule(policy, i), ADDRESS_SRC, hosts[i % ARRAY_SIZE(hosts)]);
}

/* --- prefixes ----------------------------------------------------------------------------- */

static void most_prefixes(struct policy *policy, uint32_t n, bool v4)
{
	uint32_t set = add_set(policy, 0);
	struct rng rng = { 20 };

	for (uint32_t i = 0; i < n; i++) {
		if (v4)
			build_prefix_v4(policy, set, (uint32_t)rng_u64(&rng), 32);
		else
			build_prefix_v6(policy, set, rng_u64(&rng), rng_u64(&rng), 128);
	}
	build_address(add_rule(policy, 1), ADDRESS_SRC, set);
}

static void million_v4(struct policy *policy)
{
	most_prefixes(policy, 1000000, true);
}

static void four_million_v4(struct policy *policy)
{
	most_prefixes(policy, 4000000, true);
}

static void four_million_v6(struct policy *policy)
{
	most_prefixes(policy, 4000000, false);
}

/* Memory: some three times what it was when this was written. */
const struct hostile hostiles[] = {
	{ "10,000 overlapping ranges of ports", overlapping_ports, 400 },
	{ "10,000 overlapping ranges of lengths", overlapping_lengths, 400 },
	{ "10,000 nested ranges", nested_ranges, 200 },
	{ "10,000 random sport by dport ranges", crossing_ports, 400, .may_refuse = true },
	{ "ports by protocols", ports_by_protocols, 200, .may_refuse = true },
	{ "ports by protocols by prefixes", ports_by_protocols_by_prefixes, 400 },
	{ "all fields cross", crossing_fields, 200, .may_refuse = true },
	{ "every value distinct", distinct_values, 200, .may_refuse = true },
	{ "every pair of ports distinct", distinct_pairs, 200 },
	{ "every value of every field distinct", distinct_everything, 200, .may_refuse = true },
	{ "many ranges in a rule", many_ranges_in_a_rule, 200 },
	{ "16,384 rules with MAC addresses", many_macs, 800, .may_refuse = true },
	{ "16,384 rules without conditions", wildcards, 50 },
	{ "16,384 rules, each with addresses and ports", full_rules, 700 },
	{ "16,384 rules of an address each", most_host_rules, 400 },
	{ "65,536 rules of an address each", too_many_host_rules, 50, .must_refuse = true },
	{ "16,385 rules", one_rule_too_many, 50, .must_refuse = true },
	{ "every field negated", negate_everything, 400 },
	{ "a /0 with 50,000 exceptions", exceptions, 100 },
	{ "4,096 sets", many_sets, 200 },
	{ "500 rules that name all of 4,096 sets", rules_of_all_sets, 200 },
	{ "4,096 sets in each other", nested_sets_v4, 200 },
	{ "4,096 sets in each other, IPv6", nested_sets_v6, 200 },
	{ "prefixes 128 deep in each other", deep_prefixes, 200 },
	{ "more rows than IPv4 can number", too_many_rows_v4, 400, .may_refuse = true },
	{ "a long row for each of 800,000 prefixes", too_many_rows_v6, 1500, .may_refuse = true },
	{ "rows of 16,384 rules, 200,000 addresses", long_rows, 200 },
	{ "1,000,000 prefixes", million_v4, 150 },
	{ "4,000,000 IPv4 prefixes", four_million_v4, 500, .by_hand = true },
	{ "4,000,000 IPv6 prefixes", four_million_v6, 1000, .by_hand = true },
};
const size_t n_hostiles = ARRAY_SIZE(hostiles);
