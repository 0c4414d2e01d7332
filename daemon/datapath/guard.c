/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard.c: a policy that is about to come in force is put before all traffic that matters. What the
 * one in force drops already is not cut by it.
 */
#include "guard.h"

#include <string.h>

#include "guard_internal.h"
#include "oracle.h"
#include "util.h"

#define CUTS_TOLD 5

struct judging {
	struct guard_view next, now;
	bool now_known; /* what is in force can be asked */
	const struct policy *policy;
	struct guard_request *request;
	size_t n_cut;
	struct diags *diags;
};

static void tell(struct judging *judging, uint32_t interface, const struct trace *trace,
		 const struct vital *vital)
{
	const struct ruleset *ruleset =
		&judging->policy->rulesets[judging->policy->interfaces[interface].ruleset];
	size_t rule = guard_rule(&judging->next, interface, trace);
	const struct place *at =
		rule < ruleset->n_rules ? &ruleset->rules[rule].place : &ruleset->place;
	const struct diag_place place = {
		.file = at->file,
		.line = at->line,
		.column = at->column,
		.included_from = at->included_from,
	};
	char text[GUARD_TEXT];

	guard_format(&judging->next, interface, trace, vital, text);
	if (judging->request->warn)
		diag_warning(judging->diags, NULL, "%s", text);
	else
		diag_error(judging->diags, &place, "%s", text);
}

/* Does it pass as things are? Where that cannot be known, it counts as if it did. */
static int passes_now(struct judging *judging, const struct vital *vital, const uint8_t *frame,
		      size_t len)
{
	const struct trace *trace;
	uint32_t interface;
	int r;

	if (!judging->now_known)
		return 1;
	interface = guard_view_interface(&judging->now, vital);
	if (interface == GUARD_NO_INTERFACE)
		return 1;
	r = guard_view_ask(&judging->now, interface, frame, len, &trace, judging->diags);
	return r < 0 ? r : trace->verdict == VERDICT_PASS;
}

/* 1: it is cut. */
static int judge_one(struct judging *judging, const struct vital *vital)
{
	struct guard_request *request = judging->request;
	uint32_t interface = guard_view_interface(&judging->next, vital);
	uint8_t frame[VITAL_FRAME_MAX];
	const struct trace *trace;
	size_t len;
	int r;

	if (interface == GUARD_NO_INTERFACE)
		return 0;
	len = vital_frame(vital, frame);
	r = guard_view_ask(&judging->next, interface, frame, len, &trace, judging->diags);
	if (r < 0 || trace->verdict == VERDICT_PASS)
		return r;
	r = passes_now(judging, vital, frame, len);
	if (r <= 0)
		return r;
	if (request->level == GUARD_TRUSTED && !vital_is_trusted(vital)) {
		if (!request->n_strangers++)
			vital_format(vital, request->stranger);
		return 1;
	}
	if (judging->n_cut++ < CUTS_TOLD)
		tell(judging, interface, trace, vital);
	return 1;
}

static bool is_of(const struct vital *vital, const struct vital *other)
{
	return other && vital->connection && vital->connection == other->connection;
}

static int judge_all(struct judging *judging, const struct vitals *vitals)
{
	const struct vital *cut = NULL;
	int r = 0;

	/* A connection may come in by several ways, which stand behind one another. */
	for (size_t i = 0; r >= 0 && i < vitals->n; i++) {
		if (is_of(&vitals->items[i], cut))
			continue;
		r = judge_one(judging, &vitals->items[i]);
		if (r > 0)
			cut = &vitals->items[i];
	}
	return r < 0 ? r : 0;
}

static int conclude(const struct judging *judging)
{
	size_t more = judging->n_cut > CUTS_TOLD ? judging->n_cut - CUTS_TOLD : 0;
	char others[64] = "";

	if (!judging->n_cut)
		return 0;
	if (more)
		snprintf(others, sizeof(others), "%zu others would be cut, too; ", more);
	if (judging->request->warn) {
		if (more)
			diag_warning(judging->diags, NULL, "%zu others would be cut, too", more);
		return 0;
	}
	diag_error(
		judging->diags, NULL,
		"the lock-out guard: %snothing has changed; let them pass, or take the policy all "
		"the same: 'xdpgate reload --force', or `guard: %s` in the policy file",
		others, judging->request->level == GUARD_ALL ? "trusted` or `guard: off" : "off");
	return -EPERM;
}

/* Never in the way of a change: an operator may be about to mend just this. */
static void warn_of_blindness(const char *what, int r, struct diags *diags)
{
	diag_warning(
		diags, NULL,
		"the lock-out guard did not look whether this cuts a connection: cannot read %s: "
		"%s",
		what, strerror(-r));
}

int guard_judge(const struct datapath *datapath, const struct generation *candidate,
		const struct place_held *held, const struct policy *policy,
		struct guard_request *request, struct diags *diags)
{
	const struct generation *live = datapath->live;
	struct judging judging = {
		.next = { datapath, candidate, held, candidate->maps.live, {} },
		.policy = policy,
		.request = request,
		.diags = diags,
	};
	_cleanup_(vitals_done) struct vitals vitals = {};
	const char *what;
	int r;

	if (request->level == GUARD_OFF)
		return 0;
	r = vitals_read(request->logins, request->n_logins, NULL, guard_is_port, (void *)datapath,
			&vitals, &what);
	if (r < 0) {
		warn_of_blindness(what, r, diags);
		return 0;
	}
	if (vitals.connections.left_out)
		diag_warning(diags, NULL,
			     "the lock-out guard looked at %zu TCP connections; %zu others are too "
			     "many",
			     vitals.connections.n, vitals.connections.left_out);
	if (live && live->built_here) {
		judging.now =
			(struct guard_view){ datapath, live, datapath->held, live->maps.live, {} };
		judging.now_known = true;
	}
	r = judge_all(&judging, &vitals);
	guard_view_done(&judging.next);
	guard_view_done(&judging.now);
	return r < 0 ? r : conclude(&judging);
}
