// SPDX-License-Identifier: GPL-2.0-only
/*
 * ruleset.bpf.c: one generation's program for one interface: parse, see what fate the policy
 * has for the odd ones, find the first rule that decides, act. docs/semantics.md tells the
 * same story in words.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "act.h"
#include "classify.h"
#include "config.h"
#include "packet.h"
#include "parse.h"
#include "plain.h"
#include "trace.h"

/* The state of walking through the matching rules. */
struct walk {
	struct classification classification;
	struct judgement judgement;
	__u32 bytes;
};

/* One step: a match, or on to the next. True when the walk is over. */
static __always_inline bool walk_step(struct walk *walk)
{
	struct classification *state = &walk->classification;
	struct counter_page *home;

	if (!state->bits)
		return !classify_on(state);
	home = count_home();
	return !home ||
	       act_on_match(NULL, state, &walk->judgement, classify_rule(state), walk->bytes, home);
}

/* So many steps are taken by a loop, the rest by bpf_loop, whose callback costs about 6.5 ns
 * each time. */
#define LOOP_STEPS 16

/* 1 if the walk is over. Judged once by the verifier, like parse_ipv6_chain(). */
__noinline int walk_some(struct walk *walk)
{
	if (!walk)
		return 1;
	for (int i = 0; i < LOOP_STEPS; i++)
		if (walk_step(walk))
			return 1;
	return 0;
}

static long walk_further(__u32 step __attribute__((unused)), void *context)
{
	return walk_step(context);
}

/* So many matches are looked at inline; most packets need no more. */
#define INLINE_MATCHES 3

/* On to the first word that may have matches. -1 as classify_begin(). */
static __always_inline int walk_begin(const struct packet *packet, struct classification *state)
{
	if (classify_begin(packet, state))
		return -1;
	if (config.n_words == 1) {
		classify_only_word(state);
	} else {
		state->group = FIRST_GROUP;
		classify_on(state);
	}
	return 0;
}

/* Walk the matching rules in order until one decides, if any does. */
static __always_inline void walk_rules(const struct packet *packet, struct walk *walk,
				       struct counter_page *home)
{
	struct classification *state = &walk->classification;

	if (walk_begin(packet, state))
		return;
#pragma unroll
	for (int i = 0; i < INLINE_MATCHES && state->bits; i++)
		if (act_on_match(packet, state, &walk->judgement, classify_rule(state), packet->len,
				 home))
			return;
	if (!state->bits && !state->candidates && state->group >= END_GROUP)
		return;
	if (config.uses_live && !state->live_known)
		live_find(packet, state);
	walk->bytes = packet->len;
	if (!walk_some(walk))
		bpf_loop(classify_steps(), walk_further, walk, 0);
}

/* walk_begin() for the rules that come ahead of the fates. Judged once by the verifier, so that
 * packets that no fate decides neither pay for it nor are judged anew. 0 if there is something to
 * walk. */
__noinline int walk_protected_begin(const struct packet *packet, struct walk *walk)
{
	if (!config.n_protect || !packet || !walk)
		return -1;
	walk->bytes = packet->len;
	return walk_begin(packet, &walk->classification);
}

static long walk_protected_further(__u32 step __attribute__((unused)), void *context)
{
	struct walk *walk = context;
	struct classification *state = &walk->classification;
	struct counter_page *home;
	__u32 rule;

	if (!state->bits)
		return !classify_on(state);
	rule = classify_rule(state);
	if (rule >= config.n_protect)
		return 1;
	home = count_home();
	return !home || act_on_match(NULL, state, &walk->judgement, rule, walk->bytes, home);
}

static __always_inline void decide(struct judgement *judgement, enum verdict verdict,
				   enum reason reason)
{
	judgement->verdict = verdict;
	judgement->reason = reason;
}

/* A fate decides, unless one of the rules does that come ahead of it. */
static __always_inline void decide_by_fate(const struct packet *packet, struct walk *walk,
					   enum verdict verdict, enum reason reason)
{
	struct judgement *judgement = &walk->judgement;

	if (config.n_protect) {
		if (!walk_protected_begin(packet, walk))
			bpf_loop(classify_steps(), walk_protected_further, walk, 0);
		if (judgement->verdict != VERDICT_NONE)
			return;
	}
	decide(judgement, verdict, reason);
}

static __always_inline void judge(const struct packet *packet, enum reason malformed,
				  struct walk *walk, struct counter_page *home)
{
	struct judgement *judgement = &walk->judgement;

	if (malformed != REASON_NONE)
		return decide(judgement, config.fate_malformed, malformed);
	if (packet->unknown_extension && config.fate_extension != VERDICT_NONE)
		return decide_by_fate(packet, walk, config.fate_extension,
				      REASON_UNKNOWN_EXTENSION);
	if (config.fate_fragments != VERDICT_NONE && packet->ip &&
	    !packet_is(packet, FIELD_FRAGMENT, FRAGMENT_NONE))
		return decide_by_fate(packet, walk, config.fate_fragments, REASON_FRAGMENT);

	/* Only rules that name an ethertype touch what is not IP. */
	if (config.n_words && (packet->ip || SCALAR_USED(FIELD_ETHERTYPE)))
		walk_rules(packet, walk, home);
	if (judgement->verdict != VERDICT_NONE)
		return;
	if (packet->ip)
		decide(judgement, config.default_verdict, REASON_DEFAULT);
	else
		decide(judgement, config.fate_non_ip, REASON_NON_IP);
}

SEC("xdp")
int xdpgate_ruleset(struct xdp_md *ctx)
{
	struct packet packet = {};
	struct walk walk = {
		.judgement = { .verdict = VERDICT_NONE, .rule = TRACE_NO_RULE },
	};
	struct counter_page *home = count_home();
	__u32 malformed;

	if (!home)
		return XDP_ABORTED;
	packet.len = bpf_xdp_get_buff_len(ctx);
	malformed = parse_plain(ctx, &packet) ? REASON_NONE : parse(ctx, &packet);
	judge(&packet, malformed, &walk, home);
	if (config.probe)
		trace_packet(ctx, &packet);
	return act(&walk.judgement, packet.len, home);
}

char _license[] SEC("license") = "GPL";
