/* SPDX-License-Identifier: GPL-2.0-only */
/* trial_count.c: a sample, judged by both policies, and counted by what became of it; see trial.h. */
#include "trial.h"

#include <string.h>

#include "packet_line.h"
#include "util.h"

#define MAX_DIFFERENCES 1000 /* rows; what does not fit is counted together */

void tally_done(struct tally *tally)
{
	for (size_t i = 0; i < tally->n_differences; i++)
		for (size_t j = 0; j < tally->differences[i].n_examples; j++)
			free(tally->differences[i].examples[j]);
	free(tally->differences);
	free(tally->shadows);
	*tally = (struct tally){};
}

static void add_packet(struct counter *counter, uint32_t len)
{
	counter->packets++;
	counter->bytes += len;
}

static bool same_row(const struct outcome *a, const struct outcome *b)
{
	return a->filtered == b->filtered && a->interface == b->interface &&
	       a->verdict == b->verdict && a->reason == b->reason && a->rule == b->rule;
}

/* --- examples ----------------------------------------------------------------------------- */

static int judge_both(struct trial *trial, int ifindex, const uint8_t *frame, size_t len,
		      struct outcome *now, struct outcome *then, struct diags *diags)
{
	size_t ignored;
	int r = trial_side_judge(&trial->now, ifindex, frame, len, now, &ignored, diags);

	return r < 0 ? r
		     : trial_side_judge(&trial->then, ifindex, frame, len, then, &ignored, diags);
}

/* The packet that a line describes has just this fate: else it would lead astray who pastes it. */
static int try_line(struct trial *trial, const struct sample *sample, const char *interface,
		    uint16_t vlan, bool macs, const struct difference *row, char **ret,
		    struct diags *diags)
{
	_cleanup_free_ uint8_t *frame = NULL;
	_cleanup_free_ char *line = NULL;
	struct outcome now, then;
	size_t len;
	int r = packet_line(interface, vlan, macs, sample->data, sample->captured, &line, &frame,
			    &len);

	if (r < 0)
		return r;
	r = judge_both(trial, (int)sample->ifindex, frame, len, &now, &then, diags);
	if (r < 0)
		return r;
	if (!same_row(&now, &row->now) || !same_row(&then, &row->then))
		return -EINVAL;
	*ret = TAKE_PTR(line);
	return 0;
}

static char *make_example(struct trial *trial, const struct sample *sample,
			  const struct difference *row, struct diags *diags)
{
	/* As who judges by the file calls it; else as it is called now. */
	const struct trial_side *side =
		row->then.interface == ORACLE_NO_INTERFACE ? &trial->now : &trial->then;
	size_t index = side == &trial->now ? row->now.interface : row->then.interface;
	const struct interface *interface = &side->policy->interfaces[index];
	char *line;

	for (int macs = 0; macs <= 1; macs++)
		if (try_line(trial, sample, interface->name, interface->vlan, macs, row, &line,
			     diags) == 0)
			return line;
	return packet_line_hex(interface->name, sample->data, sample->captured);
}

static int add_example(struct trial *trial, const struct sample *sample, struct difference *row,
		       struct diags *diags)
{
	char *line;

	if (row->n_examples == TRIAL_EXAMPLES)
		return 0;
	line = make_example(trial, sample, row, diags);
	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < row->n_examples; i++)
		if (strcmp(row->examples[i], line) == 0) {
			free(line);
			return 0;
		}
	row->examples[row->n_examples++] = line;
	return 0;
}

/* --- counting ----------------------------------------------------------------------------- */

static int add_difference(struct trial *trial, const struct sample *sample,
			  const struct outcome *now, const struct outcome *then,
			  struct diags *diags)
{
	struct tally *tally = &trial->tally;
	struct difference *row = NULL;

	for (size_t i = 0; i < tally->n_differences && !row; i++)
		if (same_row(&tally->differences[i].now, now) &&
		    same_row(&tally->differences[i].then, then))
			row = &tally->differences[i];
	if (!row && tally->n_differences == MAX_DIFFERENCES) {
		tally->more++;
		return 0;
	}
	if (!row) {
		if (array_reserve((void **)&tally->differences, &tally->differences_capacity,
				  tally->n_differences + 1, sizeof(*row)) < 0)
			return -ENOMEM;
		row = &tally->differences[tally->n_differences++];
		*row = (struct difference){ .now = *now, .then = *then };
	}
	add_packet(&row->packets, sample->len);
	return add_example(trial, sample, row, diags);
}

/* What it would be if the shadow decided. */
static bool would_turn(const struct trial_side *side, const struct outcome *fate, size_t shadow)
{
	const struct interface *interface = &side->policy->interfaces[fate->interface];
	const struct rule *rule = &side->policy->rulesets[interface->ruleset].rules[shadow];
	struct outcome turned = { .verdict = rule->verdict, .target = rule->redirect };

	return !outcome_is_same(side, &turned, side, fate);
}

static int add_shadow(struct tally *tally, bool candidate, const struct trial_side *side,
		      const struct outcome *fate, size_t shadow, uint32_t len)
{
	struct shadow_count *row = NULL;

	if (shadow == ORACLE_NO_RULE)
		return 0;
	for (size_t i = 0; i < tally->n_shadows && !row; i++)
		if (tally->shadows[i].candidate == candidate &&
		    tally->shadows[i].interface == fate->interface &&
		    tally->shadows[i].rule == shadow)
			row = &tally->shadows[i];
	if (!row) {
		if (array_reserve((void **)&tally->shadows, &tally->shadows_capacity,
				  tally->n_shadows + 1, sizeof(*row)) < 0)
			return -ENOMEM;
		row = &tally->shadows[tally->n_shadows++];
		*row = (struct shadow_count){ .candidate = candidate,
					      .interface = fate->interface,
					      .rule = shadow };
	}
	add_packet(&row->packets, len);
	if (would_turn(side, fate, shadow))
		add_packet(&row->turned, len);
	return 0;
}

static const char *decider(const struct trial_side *side, const struct outcome *fate)
{
	if (fate->rule == ORACLE_NO_RULE)
		return "";
	return side->policy->rulesets[side->policy->interfaces[fate->interface].ruleset]
		.rules[fate->rule]
		.name;
}

/* Of an interface that was asked for? */
static bool is_wanted(const struct trial *trial, const struct outcome *now)
{
	const char *in = trial->options->in;

	return !in || (now->interface != ORACLE_NO_INTERFACE &&
		       strcmp(trial->now.policy->interfaces[now->interface].name, in) == 0);
}

int trial_count(struct trial *trial, const struct sample *sample, struct diags *diags)
{
	size_t now_shadow, then_shadow;
	struct tally *tally = &trial->tally;
	struct outcome now, then;
	int ifindex = (int)sample->ifindex, r;

	r = trial_side_judge(&trial->now, ifindex, sample->data, sample->captured, &now,
			     &now_shadow, diags);
	if (r < 0)
		return r;
	if (!now.filtered || !is_wanted(trial, &now)) {
		tally->elsewhere++;
		return 0;
	}
	tally->samples++;
	if (sample->captured < sample->len) {
		tally->cut++;
		return 0;
	}
	r = trial_side_judge(&trial->then, ifindex, sample->data, sample->captured, &then,
			     &then_shadow, diags);
	if (r >= 0)
		r = add_shadow(tally, false, &trial->now, &now, now_shadow, sample->len);
	if (r >= 0)
		r = add_shadow(tally, true, &trial->then, &then, then_shadow, sample->len);
	if (r < 0)
		return r;
	if (outcome_is_same(&trial->now, &now, &trial->then, &then)) {
		tally->same++;
		tally->other_rule +=
			strcmp(decider(&trial->now, &now), decider(&trial->then, &then)) != 0;
		return 0;
	}
	tally->differ++;
	return add_difference(trial, sample, &now, &then, diags);
}
