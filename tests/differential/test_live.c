/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_live.c: the loaded ruleset program against the oracle on random policies with live sets,
 * whose entries come, change, end, go and are replaced between packets. The oracle asks a plain
 * list; the kernel's maps are changed along with it. In the end the kernel has just these entries.
 */
#include <string.h>
#include <time.h>

#include "live_list.h"
#include "oracle.h"
#include "oracle_internal.h"
#include "random-policy.h"
#include "run.h"
#include "trial.h"
#include "util.h"

#define BATCH 30      /* packets between changes */
#define MAX_LIST 60   /* entries of one set, about */
#define MAX_ADDRESS 8 /* of late packets, which entries are made from */

/* What was met: changes, and packets that were judged otherwise because of what live sets hold. */
static struct {
	uint64_t puts, removals, replacements, aborted, decided, ends;
} met;

struct address {
	enum family family;
	uint8_t bytes[16];
};

struct live_trial {
	const struct policy *policy;
	size_t interface;
	struct trial *trial;
	struct oracle_live live;
	struct live_list lists[MAX_LIVE_SETS]; /* by index in policy.live_sets */
	struct address late[MAX_ADDRESS];
	size_t n_late;
};

static void live_trial_close(struct live_trial *t)
{
	for (size_t i = 0; i < MAX_LIVE_SETS; i++)
		live_list_done(&t->lists[i]);
	trial_close(t->trial);
}

/* What packets see as now. */
static uint32_t now_sec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint32_t)now.tv_sec;
}

static bool holds(void *context, size_t set, enum family family, const uint8_t *address)
{
	const struct live_trial *t = context;

	return live_list_holds(&t->lists[set], family, address, now_sec());
}

/* --- packets ------------------------------------------------------------------------------ */

static void note_addresses(struct rng *rng, struct live_trial *t, const struct packet *packet)
{
	struct facts facts = {};

	if (oracle_read_frame(packet->data, packet->len, &facts) != REASON_NONE || !facts.ip)
		return;
	for (int field = 0; field < N_ADDRESS_FIELDS; field++) {
		size_t i = t->n_late < MAX_ADDRESS ? t->n_late++ : rng_below(rng, MAX_ADDRESS);

		t->late[i].family = facts.family;
		memcpy(t->late[i].bytes, facts.address[field], 16);
	}
}

static void count_decided(const struct live_trial *t, const struct packet *packet)
{
	struct oracle_answer with = {}, without = {};

	oracle_judge_live(t->policy, t->interface, packet->data, packet->len, &t->live, &with);
	oracle_judge(t->policy, t->interface, packet->data, packet->len, &without);
	met.decided += with.verdict != without.verdict || with.rule != without.rule;
}

static int judge(struct live_trial *t, const struct packet *packet)
{
	int r = trial_packet(t->trial, packet, NULL);

	count_decided(t, packet);
	for (size_t i = 0; r < 0 && i < t->policy->n_live_sets; i++) {
		fprintf(stderr, "live set %zu:\n", i);
		live_list_print(&t->lists[i], now_sec(), stderr);
	}
	return r;
}

/* Frames come back, so that each is judged before and after a change. */
static int judge_batch(struct rng *rng, struct live_trial *t)
{
	static struct packet packets[4];
	int r = 0;

	for (int i = 0; i < BATCH && r >= 0; i++) {
		struct packet *packet = &packets[rng_below(rng, ARRAY_SIZE(packets))];

		if (!packet->len || rng_percent(rng, 70))
			random_packet(rng, t->policy, t->interface, packet);
		note_addresses(rng, t, packet);
		r = judge(t, packet);
	}
	return r;
}

/* --- changes ------------------------------------------------------------------------------ */

/* Around the address of a late packet, mostly; all lengths. */
static struct live_prefix random_prefix(struct rng *rng, const struct live_trial *t)
{
	struct live_prefix prefix = { .family = rng_percent(rng, 50) ? FAMILY_V4 : FAMILY_V6 };
	unsigned int bits;

	for (int i = 0; i < 16; i++)
		prefix.addr[i] = (uint8_t)rng_u64(rng);
	if (t->n_late && rng_percent(rng, 95)) {
		const struct address *late = &t->late[rng_below(rng, (uint32_t)t->n_late)];

		prefix.family = late->family;
		memcpy(prefix.addr, late->bytes, 16);
	}
	bits = prefix.family == FAMILY_V4 ? 32 : 128;
	prefix.len = (uint8_t)rng_below(rng, bits + 1);
	if (rng_percent(rng, 30))
		prefix.len = (uint8_t)bits;
	else if (rng_percent(rng, 30))
		prefix.len = (uint8_t)(bits - rng_below(rng, 9));
	if (prefix.len && rng_percent(rng, 10)) {
		unsigned int bit = rng_below(rng, prefix.len);

		prefix.addr[bit / 8] ^= 0x80 >> bit % 8;
	}
	for (unsigned int bit = prefix.len; bit < 128; bit++)
		prefix.addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return prefix;
}

/* Over, or far away, or never: what ends meanwhile is for expiry(). */
static uint32_t random_end(struct rng *rng)
{
	uint32_t now = now_sec();

	switch (rng_below(rng, 4)) {
	case 0:
		return LIVE_FOREVER;
	case 1:
		return now > 5 ? now - rng_below(rng, 5) : 0;
	default:
		return now + 1000 + rng_below(rng, 1000000);
	}
}

static int random_put(struct rng *rng, struct live_trial *t, struct live_list *list)
{
	struct live_prefix prefix = random_prefix(rng, t);

	if (list->n && rng_percent(rng, 20)) /* one that is there */
		prefix = list->items[rng_below(rng, (uint32_t)list->n)].prefix;
	met.puts++;
	return live_list_put(list, &prefix, random_end(rng), rng_percent(rng, 30) ? "c" : NULL);
}

static bool has_family(const struct live_list *list, enum family family)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].prefix.family == family)
			return true;
	return false;
}

static int random_removal(struct rng *rng, struct live_list *list)
{
	size_t i = rng_below(rng, (uint32_t)list->n);
	enum family family = list->items[i].prefix.family;
	int r = live_list_remove(list, i);

	met.removals++;
	if (r >= 0 && !has_family(list, family) && rng_percent(rng, 50))
		live_maps_is_empty(list->maps, list->slot, family);
	return r;
}

/* Packets see the old entries until the new ones are all there. */
static int replace(struct rng *rng, struct live_trial *t, struct live_list *list)
{
	_cleanup_(diags_free) struct diags diags = {};
	struct live_list next = { .maps = list->maps, .slot = list->slot };
	int r = 0;

	live_maps_begin(list->maps, list->slot, NULL);
	for (uint32_t n = rng_below(rng, 20); n && r >= 0; n--)
		r = random_put(rng, t, &next);
	if (r >= 0 && rng_percent(rng, 50))
		r = live_list_fill(&next); /* again: what is there may be put */
	if (r >= 0)
		r = judge_batch(rng, t);
	if (r >= 0 && rng_percent(rng, 30)) {
		live_maps_abort(list->maps);
		live_list_done(&next);
		met.aborted++;
		return 0;
	}
	if (r >= 0)
		r = live_maps_commit(list->maps, &diags);
	if (r < 0) {
		diags_print(&diags, stderr, false);
		live_list_done(&next);
		return r;
	}
	live_list_done(list);
	*list = next;
	met.replacements++;
	return 0;
}

static int change(struct rng *rng, struct live_trial *t)
{
	struct live_list *list = &t->lists[rng_below(rng, (uint32_t)t->policy->n_live_sets)];
	int r = 0;

	if (rng_percent(rng, 10))
		return replace(rng, t, list);
	if (rng_percent(rng, 10)) { /* to the last entry: then nobody looks there */
		while (list->n && r >= 0)
			r = random_removal(rng, list);
		return r;
	}
	for (uint32_t n = rng_below(rng, 12); n && r >= 0; n--)
		r = list->n && (list->n > MAX_LIST || rng_percent(rng, 35))
			    ? random_removal(rng, list)
			    : random_put(rng, t, list);
	return r;
}

/* --- one policy --------------------------------------------------------------------------- */

static int find_lists(struct live_trial *t)
{
	int r = 0;

	for (size_t i = 0; i < t->policy->n_live_sets && r >= 0; i++) {
		t->lists[i].maps = trial_live_maps(t->trial);
		r = live_maps_find(t->lists[i].maps, t->policy->live_sets[i].name,
				   &t->lists[i].slot);
	}
	return r;
}

static void sleep_until(uint32_t second, long nsec)
{
	const struct timespec until = { .tv_sec = second, .tv_nsec = nsec };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
		;
}

/* Entries that end while packets are judged, to a few hundredths of a second. */
static int expiry(struct rng *rng, struct live_trial *t)
{
	uint32_t end = now_sec() + 2;
	int r = 0;

	for (int i = 0; i < 40 && r >= 0; i++) {
		struct live_prefix prefix = random_prefix(rng, t);

		r = live_list_put(&t->lists[rng_below(rng, (uint32_t)t->policy->n_live_sets)],
				  &prefix, end + rng_below(rng, 2), NULL);
	}
	for (uint32_t second = end - 1; second <= end + 1 && r >= 0; second++) {
		sleep_until(second, 30000000);
		for (int i = 0; i < 10 && r >= 0; i++)
			r = judge_batch(rng, t);
		sleep_until(second, 950000000);
		if (r >= 0 && now_sec() == second) /* else the machine slept on */
			r = judge_batch(rng, t);
		met.ends++;
	}
	return r;
}

static int check_trial(struct rng *rng, struct live_trial *t, uint64_t n_packets)
{
	static bool has_expired;
	int r = find_lists(t);

	for (uint64_t n = 0; n < n_packets && r >= 0; n += BATCH) {
		r = judge_batch(rng, t);
		if (r >= 0)
			r = change(rng, t);
	}
	if (r >= 0 && !has_expired) { /* it takes its time */
		has_expired = true;
		r = expiry(rng, t);
	}
	for (size_t i = 0; i < t->policy->n_live_sets && r >= 0; i++)
		r = live_list_check(&t->lists[i]);
	return r < 0 ? r : trial_counters(t->trial);
}

static struct policy *policy_with_live_sets(struct rng *rng)
{
	for (;;) {
		struct policy *policy = random_policy(rng);

		if (policy->n_live_sets)
			return policy;
		policy_free(policy);
	}
}

static int check_policy(struct rng *rng, uint64_t n_packets)
{
	_cleanup_(policy_freep) struct policy *policy = policy_with_live_sets(rng);
	_cleanup_(live_trial_close) struct live_trial t = {
		.policy = policy,
		.interface = rng_below(rng, (uint32_t)policy->n_interfaces),
		.live.holds = holds,
	};
	int r = trial_open(policy, t.interface, rng_percent(rng, 50), &t.trial);

	if (r < 0)
		return r;
	t.live.context = &t;
	trial_live_sets(t.trial, &t.live);
	return check_trial(rng, &t, n_packets);
}

static bool report_coverage(void)
{
	coverage_print(stdout);
	printf("%llu entries put, %llu removed, %llu replacements, %llu aborted; %llu packets went "
	       "another way because of them\n",
	       (unsigned long long)met.puts, (unsigned long long)met.removals,
	       (unsigned long long)met.replacements, (unsigned long long)met.aborted,
	       (unsigned long long)met.decided);
	return coverage.packets < 100000 ||
	       (met.puts && met.removals && met.replacements && met.aborted && met.ends &&
		met.decided > coverage.packets / 200);
}

int main(int argc, char **argv)
{
	const struct run_options defaults = { .n_policies = 50, .n_packets = 3000 };

	return run_main(argc, argv, &defaults, check_policy, report_coverage);
}
