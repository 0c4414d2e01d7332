/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_internal.h: what judging a whole policy (guard.c) and an entry of a live set (guard_live.c)
 * share: a generation, asked by probes.
 */
#pragma once

#include "datapath_internal.h"
#include "guard.h"
#include "probe.h"

/* A generation, and where its interfaces are, or would be. */
struct guard_view {
	const struct datapath *datapath;
	const struct generation *generation;
	const struct place_held *held;
	const struct live_maps *live;         /* that probes see */
	struct probe *probes[MAX_INTERFACES]; /* opened when they are needed */
};

#define GUARD_NO_INTERFACE UINT32_MAX
/* The interface that judges frames of this traffic; none if all pass there. */
uint32_t guard_view_interface(const struct guard_view *view, const struct vital *vital);
/* Its answer. 0, or negative errno with the reason in diags. */
int guard_view_ask(struct guard_view *view, uint32_t interface, const uint8_t *frame, size_t len,
		   const struct trace **ret, struct diags *diags);
void guard_view_done(struct guard_view *view);

/* A port of ours, as vital_filter of vitals_read(); context: the datapath. */
vital_filter guard_is_port;

/* "rule 'ssh' of policy 'edge' would cut the connection from … on interface 'transit'" */
#define GUARD_TEXT (VITAL_TEXT + 4 * NAME_LEN)
void guard_format(const struct guard_view *view, uint32_t interface, const struct trace *trace,
		  const struct vital *vital, char buffer[GUARD_TEXT]);
/* Place of the rule in its ruleset that decided; ORACLE_NO_RULE. */
size_t guard_rule(const struct guard_view *view, uint32_t interface, const struct trace *trace);

/* Before the first slot changes: is the candidate fit to come in force? held: where its interfaces
 * would be. 0, or -EPERM with errors in diags. */
int guard_judge(const struct datapath *datapath, const struct generation *candidate,
		const struct place_held *held, const struct policy *policy,
		struct guard_request *request, struct diags *diags);
