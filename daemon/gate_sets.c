/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_sets.c: live sets, as the gate's clients and the event loop see them.
 */
#include "gate_internal.h"
#include "log.h"
#include "util.h"

static int detached(struct diags *diags)
{
	return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
}

/* What is wrong with a set is for whoever looks after the machine, not for the client alone: that it
 * is full, that its journal cannot be written. Errors are told with the call. */
static int log_warnings(int r, const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++)
		if (diags->items[i].severity == SEVERITY_WARNING)
			log_warning("%s", diags->items[i].message);
	return r;
}

int gate_set_add(struct gate *gate, const char *set, const struct live_request *items, size_t n,
		 enum guard_level guard, struct live_result *ret, struct diags *diags)
{
	struct live_guard own;
	int r;

	if (!gate->live)
		return detached(diags);
	r = live_sets_add(gate->live, set, items, n, gate_guard_entries(gate, guard, &own, diags),
			  ret, diags);
	return log_warnings(r, diags);
}

int gate_set_del(struct gate *gate, const char *set, const struct live_prefix *items, size_t n,
		 struct live_result *ret, struct diags *diags)
{
	return gate->live
		       ? log_warnings(live_sets_del(gate->live, set, items, n, ret, diags), diags)
		       : detached(diags);
}

int gate_set_flush(struct gate *gate, const char *set, struct live_result *ret, struct diags *diags)
{
	return gate->live ? log_warnings(live_sets_flush(gate->live, set, ret, diags), diags)
			  : detached(diags);
}

int gate_set_replace(struct gate *gate, const char *set, const struct live_request *items, size_t n,
		     enum guard_level guard, struct live_result *ret, struct diags *diags)
{
	struct live_guard own;
	int r;

	if (!gate->live)
		return detached(diags);
	r = live_sets_replace(gate->live, set, items, n,
			      gate_guard_entries(gate, guard, &own, diags), ret, diags);
	return log_warnings(r, diags);
}

int gate_set_test(struct gate *gate, const char *set, const struct live_prefix *prefix,
		  struct live_listed *ret, struct diags *diags)
{
	return gate->live ? live_sets_test(gate->live, set, prefix, ret, diags) : detached(diags);
}

int gate_set_list(struct gate *gate, const char *set, const struct live_prefix *after, size_t most,
		  struct live_list *ret, struct diags *diags)
{
	return gate->live ? live_sets_list(gate->live, set, after, most, ret, diags)
			  : detached(diags);
}

int gate_set_status(struct gate *gate, const char *set, struct live_set_states *ret,
		    struct diags *diags)
{
	return gate->live ? live_sets_status(gate->live, set, ret, diags) : detached(diags);
}

bool gate_set_may_write(const struct gate *gate, const char *set, uid_t uid)
{
	return gate->live && live_sets_may_write(gate->live, set, uid);
}

bool gate_set_is_writer(const struct gate *gate, uid_t uid)
{
	return gate->live && live_sets_is_writer(gate->live, uid);
}

void gate_set_tick(struct gate *gate)
{
	_cleanup_(diags_free) struct diags diags = {};

	if (gate->live)
		live_sets_tick(gate->live, &diags);
	log_warnings(0, &diags);
}

uint64_t gate_set_next_end(const struct gate *gate)
{
	return gate->live ? live_sets_next_end(gate->live) : 0;
}
