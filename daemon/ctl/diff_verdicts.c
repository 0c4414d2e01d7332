/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * diff_verdicts.c: packets at the edges of what both policies' rules say, judged by the oracle under
 * both. Each rule that differs, or whose sets do, is asked first; then the others, as far as the
 * number goes. Sets are thinned to the prefixes that matter, as for the policy's own tests.
 */
#include <arpa/inet.h>
#include <string.h>

#include "diff.h"
#include "oracle.h"
#include "policy_tests.h"
#include "util.h"

#define MAX_PACKETS 4096
#define PER_RULE 12             /* packets for one rule */
#define MAX_EXAMPLES 10         /* that are shown */
#define MAX_JUDGING (1UL << 26) /* packets times rules: bounds the time */

struct samples {
	struct policy_test *items;
	const char **interfaces; /* by name */
	size_t n;
};

/* --- packets ------------------------------------------------------------------------------ */

/* The k-th of the edges of a range condition: both ends, and one beyond each. */
static uint32_t edge(const struct scalar_match *match, unsigned int field, unsigned int k,
		     uint32_t otherwise)
{
	const struct range *range;
	uint32_t value;

	if (!match->present || !match->n_ranges)
		return otherwise;
	range = &match->ranges[k / 4 % match->n_ranges];
	switch (k % 4) {
	case 0:
		return range->first;
	case 1:
		return range->last;
	case 2:
		value = range->last + 1;
		break;
	default:
		value = range->first - 1;
	}
	return value < scalar_field_domain(field) ? value : range->first;
}

static void put(uint8_t *bytes, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

/* The k-th edge of what a condition lists in the family; false: it lists nothing there. Sampled over
 * all of the list, so that what a set has gained at its end is met as well. */
static bool put_address(const struct policy *policy, const struct address_match *match,
			enum family family, unsigned int k, uint8_t *ret)
{
	const struct prefix_set *set;
	size_t n, i;

	if (!match->present || !match->n_sets)
		return !match->present;
	set = &policy->sets[match->sets[k % match->n_sets]];
	n = family == FAMILY_V4 ? set->n_v4 : set->n_v6;
	if (!n)
		return false;
	i = k * (n / PER_RULE + 1) % n;
	if (family == FAMILY_V4) {
		const struct prefix_v4 *prefix = &set->v4[i];
		uint32_t rest = prefix->len == 32 ? 0 : ~0U >> prefix->len;

		put(ret,
		    k % 3 == 0   ? prefix->addr
		    : k % 3 == 1 ? prefix->addr | rest
				 : (prefix->addr | rest) + 1,
		    4);
	} else {
		put(ret, set->v6[i].hi, 8);
		put(ret + 8, set->v6[i].lo + (k % 3 == 1 && set->v6[i].len < 128), 8);
	}
	return true;
}

static void put_defaults(struct test_packet *packet, enum family family)
{
	static const uint8_t v4[N_ADDRESS_FIELDS][4] = { { 192, 0, 2, 77 }, { 198, 51, 100, 77 } };

	*packet = (struct test_packet){ .ip = true, .family = family };
	for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++)
		packet->scalar[f] = TEST_ABSENT;
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		if (family == FAMILY_V4)
			memcpy(packet->address[f], v4[f], 4);
		else
			inet_pton(AF_INET6, f ? "2001:db8:ffff::77" : "2001:db8:fffe::77",
				  packet->address[f]);
	}
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		packet->mac[f][0] = 2;
}

static bool wants_flags(const struct rule *rule)
{
	return rule->scalar[FIELD_TCP_FLAGS].present;
}

static uint32_t pick_proto(const struct rule *rule, enum family family, unsigned int k)
{
	if (rule->scalar[FIELD_ICMP].present)
		return family == FAMILY_V4 ? 1 : 58;
	return edge(&rule->scalar[FIELD_PROTO], FIELD_PROTO, k,
		    wants_flags(rule) || k % 2 ? 6 : 17);
}

static void put_upper(const struct rule *rule, struct test_packet *packet, unsigned int k)
{
	uint32_t *scalar = packet->scalar, proto = scalar[FIELD_PROTO];

	if (scalar[FIELD_FRAGMENT] == FRAGMENT_LATER)
		return;
	if (proto == 6 || proto == 17) {
		scalar[FIELD_SPORT] = edge(&rule->scalar[FIELD_SPORT], FIELD_SPORT, k, 49152);
		scalar[FIELD_DPORT] = edge(&rule->scalar[FIELD_DPORT], FIELD_DPORT, k / 2, 443);
	}
	if (proto == 6)
		scalar[FIELD_TCP_FLAGS] =
			edge(&rule->scalar[FIELD_TCP_FLAGS], FIELD_TCP_FLAGS, k & ~3U, 2);
	if (proto == (packet->family == FAMILY_V4 ? 1 : 58))
		scalar[FIELD_ICMP] = edge(&rule->scalar[FIELD_ICMP], FIELD_ICMP, k,
					  packet->family == FAMILY_V4 ? 0x0800 : 0x18000) &
				     0x1ffff;
}

/* False: no such packet comes of this rule. */
static bool make_packet(const struct policy *policy, const struct rule *rule, unsigned int k,
			struct test_packet *packet)
{
	enum family family = k / 2 % 2 ? FAMILY_V6 : FAMILY_V4;
	uint32_t least;

	put_defaults(packet, family);
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
		if (!put_address(policy, &rule->address[f], family, k + f, packet->address[f]) &&
		    !rule->address[f].n_live)
			return false;
	for (unsigned int f = 0; f < N_MAC_FIELDS; f++)
		if (rule->mac[f].n_macs)
			memcpy(packet->mac[f], rule->mac[f].macs[k % rule->mac[f].n_macs],
			       MAC_BYTES);
	packet->scalar[FIELD_FRAGMENT] =
		edge(&rule->scalar[FIELD_FRAGMENT], FIELD_FRAGMENT, k, FRAGMENT_NONE);
	packet->scalar[FIELD_IP_OPTIONS] =
		edge(&rule->scalar[FIELD_IP_OPTIONS], FIELD_IP_OPTIONS, k, 0);
	packet->scalar[FIELD_TTL] = edge(&rule->scalar[FIELD_TTL], FIELD_TTL, k, 64);
	packet->scalar[FIELD_DSCP] = edge(&rule->scalar[FIELD_DSCP], FIELD_DSCP, k, 0);
	packet->scalar[FIELD_PROTO] = pick_proto(rule, family, k);
	if (rule->scalar[FIELD_VLAN].present)
		packet->scalar[FIELD_VLAN] = edge(&rule->scalar[FIELD_VLAN], FIELD_VLAN, k, 1);
	put_upper(rule, packet, k);
	least = test_headers_length(packet);
	packet->scalar[FIELD_LENGTH] = edge(&rule->scalar[FIELD_LENGTH], FIELD_LENGTH, k, least);
	if (packet->scalar[FIELD_LENGTH] < least || packet->scalar[FIELD_LENGTH] > 1500)
		packet->scalar[FIELD_LENGTH] = least;
	return true;
}

/* An ARP frame and the like, for rules that name an ethertype off IP. */
static bool make_frame(const struct rule *rule, unsigned int k, struct test_packet *packet)
{
	uint32_t type = edge(&rule->scalar[FIELD_ETHERTYPE], FIELD_ETHERTYPE, k, 0);

	if (type < 0x600 || type == 0x0800 || type == 0x86dd || type == 0x8100 || type == 0x88a8)
		return false;
	put_defaults(packet, FAMILY_V4);
	packet->ip = false;
	packet->scalar[FIELD_ETHERTYPE] = type;
	return true;
}

/* --- which rules ------------------------------------------------------------------------- */

static void sample_rule(const struct policy *policy, const struct ruleset *ruleset,
			const struct rule *rule, size_t most, struct samples *samples)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		if (&policy->rulesets[policy->interfaces[i].ruleset] != ruleset)
			continue;
		for (unsigned int k = 0; k < PER_RULE && samples->n < most; k++) {
			struct test_packet *packet = &samples->items[samples->n].packet;

			if ((rule->scalar[FIELD_ETHERTYPE].present &&
			     make_frame(rule, k, packet)) ||
			    make_packet(policy, rule, k, packet))
				samples->interfaces[samples->n++] = policy->interfaces[i].name;
		}
		return; /* all interfaces of a policy judge alike, but for rules that name some */
	}
}

/* Is the rule another one in the other policy, or do its sets hold something else there? */
static bool differs(const struct policy *policy, const struct ruleset *ruleset,
		    const struct rule *rule, const struct policy *other)
{
	const struct ruleset *there = ruleset_find(other, ruleset->name);
	const struct rule *twin = there ? rule_find(there, rule->name) : NULL;

	if (!twin || !same_rule(policy, rule, other, twin))
		return true;
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++)
		for (size_t i = 0; i < rule->address[f].n_sets; i++)
			if (i >= twin->address[f].n_sets ||
			    !same_prefixes(&policy->sets[rule->address[f].sets[i]],
					   &other->sets[twin->address[f].sets[i]]))
				return true;
	return false;
}

static void sample_policy(const struct policy *policy, const struct policy *other, bool differing,
			  size_t most, struct samples *samples)
{
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		const struct ruleset *ruleset = &policy->rulesets[i];

		for (size_t j = 0; j < ruleset->n_rules && samples->n < most; j++)
			if (differs(policy, ruleset, &ruleset->rules[j], other) == differing)
				sample_rule(policy, ruleset, &ruleset->rules[j], most, samples);
	}
}

/* --- judging ------------------------------------------------------------------------------ */

static size_t interface_index(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_interfaces; i++)
		if (strcmp(policy->interfaces[i].name, name) == 0)
			return i;
	return policy->n_interfaces;
}

/* "drop/bcp38", "pass/default"; of an interface that is not filtered: "pass". */
static void judge(const struct policy *policy, const char *interface, const uint8_t *frame,
		  size_t len, char ret[TEST_EXPECTED_LEN])
{
	size_t index = interface_index(policy, interface);
	struct oracle_answer answer = { 0 };
	const struct ruleset *ruleset;

	snprintf(ret, TEST_EXPECTED_LEN, "pass/not filtered");
	if (index == policy->n_interfaces)
		return;
	ruleset = &policy->rulesets[policy->interfaces[index].ruleset];
	oracle_judge(policy, index, frame, len, &answer);
	snprintf(ret, TEST_EXPECTED_LEN, "%s/%s", verdict_name(answer.verdict),
		 answer.rule == ORACLE_NO_RULE ? reason_name(answer.reason)
					       : ruleset->rules[answer.rule].name);
}

static bool same_verdict(const char *a, const char *b)
{
	size_t len = strcspn(a, "/");

	return strncmp(a, b, len + 1) == 0;
}

/* As options of explain would say it. */
static char *describe_packet(const char *interface, const struct test_packet *packet)
{
	static const struct {
		enum scalar_field field;
		const char *name;
	} shown[] = { { FIELD_PROTO, "proto" },   { FIELD_SPORT, "sport" },
		      { FIELD_DPORT, "dport" },   { FIELD_TTL, "ttl" },
		      { FIELD_LENGTH, "length" }, { FIELD_VLAN, "vlan" } };
	char text[512], src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
	int family = packet->family == FAMILY_V4 ? AF_INET : AF_INET6;
	size_t len;

	if (!packet->ip)
		return change_text("--in %s --ethertype 0x%04x", interface,
				   packet->scalar[FIELD_ETHERTYPE]);
	inet_ntop(family, packet->address[ADDRESS_SRC], src, sizeof(src));
	inet_ntop(family, packet->address[ADDRESS_DST], dst, sizeof(dst));
	len = (size_t)snprintf(text, sizeof(text), "--in %s --src %s --dst %s", interface, src,
			       dst);
	for (size_t i = 0; i < ARRAY_SIZE(shown) && len < sizeof(text); i++)
		if (packet->scalar[shown[i].field] != TEST_ABSENT)
			len += (size_t)snprintf(text + len, sizeof(text) - len, " --%s %u",
						shown[i].name, packet->scalar[shown[i].field]);
	if (packet->scalar[FIELD_FRAGMENT] && len < sizeof(text))
		snprintf(text + len, sizeof(text) - len, " --fragment %s",
			 packet->scalar[FIELD_FRAGMENT] == FRAGMENT_FIRST ? "first" : "later");
	return change_text("%s", text);
}

/* Examples are those of different pairs of fates. */
static void note_difference(struct changes *changes, const char *interface,
			    const struct test_packet *packet, const char *old, const char *new)
{
	_cleanup_free_ char *fates = change_text("%s, %s before", new, old);
	size_t n = 0;

	changes->n_differ++;
	for (size_t i = 0; fates && i < changes->n; i++) {
		if (strcmp(changes->items[i].what, "packet") != 0)
			continue;
		n++;
		if (strcmp(changes->items[i].name, fates) == 0)
			return;
	}
	if (n < MAX_EXAMPLES)
		change_add(changes, '!', "packet", fates ? fates : "?",
			   describe_packet(interface, packet));
}

static void judge_all(const struct policy *before, const struct policy *after,
		      const struct samples *samples, uint8_t *frame, struct changes *changes)
{
	char old[TEST_EXPECTED_LEN], new[TEST_EXPECTED_LEN];

	for (size_t i = 0; i < samples->n; i++) {
		const struct test_packet *packet = &samples->items[i].packet;
		size_t len = test_frame(packet, frame);

		judge(before, samples->interfaces[i], frame, len, old);
		judge(after, samples->interfaces[i], frame, len, new);
		changes->n_packets++;
		if (!same_verdict(old, new))
			note_difference(changes, samples->interfaces[i], packet, old, new);
	}
}

/* So many that judging them is a matter of a second, whatever the number of rules. */
static size_t most_packets(const struct policy *before, const struct policy *after)
{
	size_t n_rules = 1, most;

	for (size_t i = 0; i < before->n_rulesets; i++)
		n_rules += before->rulesets[i].n_rules;
	for (size_t i = 0; i < after->n_rulesets; i++)
		n_rules += after->rulesets[i].n_rules;
	most = MAX_JUDGING / n_rules;
	return most < MAX_PACKETS ? most : MAX_PACKETS;
}

int diff_verdicts(const struct policy *before, const struct policy *after, struct changes *changes)
{
	size_t most = most_packets(before, after);
	_cleanup_free_ struct policy_test *items = calloc(most + 1, sizeof(*items));
	_cleanup_free_ const char **interfaces = calloc(most + 1, sizeof(*interfaces));
	_cleanup_free_ uint8_t *frame = malloc(TEST_FRAME_MAX);
	struct samples samples = { items, interfaces, 0 };
	struct policy thin_before = { 0 }, thin_after = { 0 };
	int r;

	if (!items || !interfaces || !frame)
		return -ENOMEM;
	sample_policy(before, after, true, most / 3, &samples);
	sample_policy(after, before, true, 2 * most / 3, &samples);
	sample_policy(after, before, false, most, &samples);
	r = policy_thin(before, items, samples.n, &thin_before);
	if (!r)
		r = policy_thin(after, items, samples.n, &thin_after);
	if (!r)
		judge_all(&thin_before, &thin_after, &samples, frame, changes);
	policy_thin_done(&thin_before);
	policy_thin_done(&thin_after);
	return r;
}
