/* SPDX-License-Identifier: GPL-2.0-only */
/* trial_side.c: see trial_side.h. */
#include "trial_side.h"

#include <string.h>

#include "netdev.h"
#include "util.h"

void trial_side_close(struct trial_side *side)
{
	for (size_t i = 0; side->judges && i < side->policy->n_interfaces; i++)
		judge_close(side->judges[i]);
	free(side->judges);
	free(side->ifindexes);
	free(side->targets);
	*side = (struct trial_side){};
}

/* Ambiguous or unreadable is absent here: who puts the policy in force is told. */
static int find_device(const char *port)
{
	_cleanup_(diags_free) struct diags ignored = {};
	int r = netdev_find(port, &ignored);

	return r < 0 ? 0 : r;
}

void trial_side_refresh(struct trial_side *side)
{
	const struct policy *policy = side->policy;

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		size_t same = 0;

		while (strcmp(policy->interfaces[same].port, policy->interfaces[i].port) != 0)
			same++;
		side->ifindexes[i] =
			same < i ? side->ifindexes[same] : find_device(policy->interfaces[i].port);
	}
	for (size_t i = 0; i < policy->n_redirects; i++)
		side->targets[i] = find_device(policy->redirects[i].port) > 0;
}

static int open_judge(struct trial_side *side, size_t interface, struct diags *diags)
{
	const struct judge_options how = { .live = side->live, .shadows = true };

	return side->judges[interface] ? 0
				       : judge_open(side->policy, side->tables, interface, &how,
						    &side->judges[interface], diags);
}

size_t trial_side_interface(const struct trial_side *side, int ifindex)
{
	for (size_t i = 0; i < side->policy->n_interfaces; i++)
		if (side->ifindexes[i] == ifindex)
			return i;
	return ORACLE_NO_INTERFACE;
}

int trial_side_open(const struct candidate *candidate, struct live_maps *live,
		    struct trial_side *ret, struct diags *diags)
{
	const struct policy *policy = candidate->policy;
	struct trial_side side = {
		.policy = policy,
		.tables = candidate->tables,
		.live = live,
		.ifindexes = calloc(policy->n_interfaces + 1, sizeof(*side.ifindexes)),
		.targets = calloc(policy->n_redirects + 1, sizeof(*side.targets)),
		.judges = calloc(policy->n_interfaces + 1, sizeof(struct judge *)),
	};
	int r = side.ifindexes && side.targets && side.judges ? 0 : -ENOMEM;

	if (r >= 0)
		trial_side_refresh(&side);
	for (size_t i = 0; r >= 0 && i < policy->n_interfaces; i++)
		if (side.ifindexes[i] && trial_side_interface(&side, side.ifindexes[i]) == i)
			r = open_judge(&side, i, diags);
	if (r < 0) {
		trial_side_close(&side);
		return r;
	}
	*ret = side;
	return 0;
}

/* The judge takes targets for granted. */
static void look_at_target(const struct trial_side *side, struct outcome *fate)
{
	const struct interface *interface = &side->policy->interfaces[fate->interface];

	if (fate->verdict != VERDICT_REDIRECT)
		return;
	fate->target = side->policy->rulesets[interface->ruleset].rules[fate->rule].redirect;
	if (!side->targets[fate->target]) {
		fate->verdict = VERDICT_DROP;
		fate->reason = REASON_REDIRECT_FAILED;
	}
}

int trial_side_judge(struct trial_side *side, int ifindex, const uint8_t *frame, size_t len,
		     struct outcome *ret, size_t *ret_shadow, struct diags *diags)
{
	size_t interface = trial_side_interface(side, ifindex);
	struct judged judged;
	int r;

	*ret_shadow = ORACLE_NO_RULE;
	*ret = (struct outcome){ .interface = ORACLE_NO_INTERFACE,
				 .verdict = VERDICT_PASS,
				 .reason = REASON_NONE,
				 .rule = ORACLE_NO_RULE };
	if (interface == ORACLE_NO_INTERFACE)
		return 0;
	r = open_judge(side, interface, diags);
	if (r >= 0)
		r = judge_frame(side->judges[interface], frame, len, &judged, diags);
	if (r < 0)
		return r;
	*ret = (struct outcome){ .filtered = true,
				 .interface = judged.interface,
				 .verdict = judged.verdict,
				 .reason = judged.reason,
				 .rule = judged.rule };
	*ret_shadow = judged.shadow;
	look_at_target(side, ret);
	return 0;
}

static const char *target_of(const struct trial_side *side, const struct outcome *fate)
{
	return side->policy->redirects[fate->target].port;
}

bool outcome_is_same(const struct trial_side *a, const struct outcome *fate_a,
		     const struct trial_side *b, const struct outcome *fate_b)
{
	return fate_a->verdict == fate_b->verdict &&
	       (fate_a->verdict != VERDICT_REDIRECT ||
		strcmp(target_of(a, fate_a), target_of(b, fate_b)) == 0);
}

const char *outcome_text(const struct trial_side *side, const struct outcome *fate,
			 char buffer[OUTCOME_TEXT])
{
	const char *by;

	if (fate->interface == ORACLE_NO_INTERFACE)
		by = fate->filtered ? "no-interface" : "not-filtered";
	else if (fate->rule == ORACLE_NO_RULE || fate->reason != REASON_NONE)
		by = reason_name(fate->reason);
	else
		by = side->policy->rulesets[side->policy->interfaces[fate->interface].ruleset]
			     .rules[fate->rule]
			     .name;
	snprintf(buffer, OUTCOME_TEXT, "%s/%s%s%s", verdict_name(fate->verdict), by,
		 fate->verdict == VERDICT_REDIRECT ? " to " : "",
		 fate->verdict == VERDICT_REDIRECT ? target_of(side, fate) : "");
	return buffer;
}
