/* SPDX-License-Identifier: GPL-2.0-only */
/* guard_view.c: a generation is asked what it makes of traffic. See guard_internal.h. */
#include <string.h>

#include "guard_internal.h"
#include "kernel.h"
#include "oracle.h"

bool guard_is_port(void *context, int device)
{
	return datapath_find_port(context, device);
}

/* Frames with the VID, or without one, go to the interface of that, or else to the one of none. */
uint32_t guard_view_interface(const struct guard_view *view, const struct vital *vital)
{
	const struct manifest *manifest = view->generation->manifest;
	const struct port *port = datapath_find_port(view->datapath, vital->approach.device);
	uint16_t vid = vital->approach.n_vids ? vital->approach.vids[0] : 0;
	uint32_t found = GUARD_NO_INTERFACE;

	if (!port || datapath_is_off(view->datapath, port))
		return GUARD_NO_INTERFACE;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		if (view->held[i].port != port)
			continue;
		if (manifest->interfaces[i].vlan == vid ||
		    (!manifest->interfaces[i].vlan && found == GUARD_NO_INTERFACE))
			found = i;
	}
	if (found != GUARD_NO_INTERFACE &&
	    member_is_off(&view->datapath->pins, port, manifest->interfaces[found].name))
		return GUARD_NO_INTERFACE;
	return found;
}

int guard_view_ask(struct guard_view *view, uint32_t interface, const uint8_t *frame, size_t len,
		   const struct trace **ret, struct diags *diags)
{
	const struct generation *generation = view->generation;
	int r;

	if (!view->probes[interface]) {
		struct ruleset_maps maps = generation->maps;

		maps.live = view->live;
		r = probe_open_over(&maps, &generation->configs[interface], true,
				    &view->probes[interface], diags);
		if (r < 0)
			return r;
	}
	kernel_forget();
	r = probe_run_many(view->probes[interface], frame, len, ret);
	return r < 0 ? kernel_error(diags, r, "cannot run the program for the lock-out guard") : 0;
}

void guard_view_done(struct guard_view *view)
{
	for (size_t i = 0; i < MAX_INTERFACES; i++)
		view->probes[i] = probe_close(view->probes[i]);
}

size_t guard_rule(const struct guard_view *view, uint32_t interface, const struct trace *trace)
{
	const struct ruleset_config *config = &view->generation->configs[interface];

	return trace->rule == TRACE_NO_RULE ? ORACLE_NO_RULE
					    : trace->rule - config->first_word * ROW_WORD_BITS;
}

void guard_format(const struct guard_view *view, uint32_t interface, const struct trace *trace,
		  const struct vital *vital, char buffer[GUARD_TEXT])
{
	const struct manifest *manifest = view->generation->manifest;
	const struct manifest_interface *at = &manifest->interfaces[interface];
	const struct manifest_ruleset *ruleset = &manifest->rulesets[at->ruleset];
	size_t rule = guard_rule(view, interface, trace);
	char who[NAME_LEN + 32], what[VITAL_TEXT];

	if (rule < ruleset->n_rules)
		snprintf(who, sizeof(who), "rule '%s'", ruleset->rules[rule].name);
	else if (trace->reason == REASON_DEFAULT)
		snprintf(who, sizeof(who), "the default");
	else
		snprintf(who, sizeof(who), "the fate of '%s'", reason_name(trace->reason));
	snprintf(buffer, GUARD_TEXT, "%s of policy '%s' would %s %s on interface '%s'", who,
		 ruleset->name, trace->verdict == VERDICT_REDIRECT ? "lead away" : "cut",
		 vital_format(vital, what), at->name);
}
