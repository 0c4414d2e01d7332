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
	return !home || act_on_match(&walk->judgement, classify_rule(state), walk->bytes, home);
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

/* Walk the matching rules in order until one decides, if any does. */
static __always_inline void walk_rules(const struct packet *packet, struct walk *walk,
				       struct counter_page *home)
{
	struct classification *state = &walk->classification;

	if (classify_begin(packet, state))
		return;
	if (config.n_words == 1) {
		classify_only_word(state);
	} else {
		state->group = FIRST_GROUP;
		classify_on(state);
	}
#pragma unroll
	for (int i = 0; i < INLINE_MATCHES && state->bits; i++)
		if (act_on_match(&walk->judgement, classify_rule(state), packet->len, home))
			return;
	if (!state->bits && !state->candidates && state->group >= END_GROUP)
		return;
	walk->bytes = packet->len;
	if (!walk_some(walk))
		bpf_loop(classify_steps(), walk_further, walk, 0);
}

static __always_inline void decide(struct judgement *judgement, enum verdict verdict,
				   enum reason reason)
{
	judgement->verdict = verdict;
	judgement->reason = reason;
}

static __always_inline void judge(const struct packet *packet, enum reason malformed,
				  struct walk *walk, struct counter_page *home)
{
	struct judgement *judgement = &walk->judgement;

	if (malformed != REASON_NONE)
		return decide(judgement, config.fate_malformed, malformed);
	if (packet->unknown_extension && config.fate_extension != VERDICT_NONE)
		return decide(judgement, config.fate_extension, REASON_UNKNOWN_EXTENSION);
	if (config.fate_fragments != VERDICT_NONE && packet->ip &&
	    !packet_is(packet, FIELD_FRAGMENT, FRAGMENT_NONE))
		return decide(judgement, config.fate_fragments, REASON_FRAGMENT);

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
	return act(&walk.judgement, packet.len, home);
}

char _license[] SEC("license") = "GPL";
