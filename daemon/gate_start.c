/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_start.c: what a start of the daemon begins with: the policy file, as a person would expect who
 * has edited it and restarts; but not one that was undone, nor, when the machine has booted and nobody
 * is there to look, one that was never in force, or that cannot be loaded: then what was confirmed last,
 * out of the history. What waits to be confirmed goes on waiting.
 */
#include "gate_internal.h"

#include <string.h>

#include "log.h"
#include "util.h"

/* What was in force when the last daemon died, and what has become of it meanwhile: packets decided. */
static void settle_history(struct gate *gate, struct diags *diags)
{
	const struct manifest *manifest = datapath_manifest(gate->datapath);
	const struct manifest *before = datapath_before(gate->datapath);

	gate->history_in_force = manifest ? manifest->history : 0;
	gate->history_before = before ? before->history : 0;
	if (!gate->history)
		return;
	/* Of policies that could not be kept, or whose history is gone. */
	history_skip(gate->history, gate->history_in_force);
	history_skip(gate->history, gate->history_before);
	gate_history_settle(gate, diags);
}

/* Out of the history; when the file cannot be, or may not be, loaded. */
static int start_from_history(struct gate *gate, uint64_t number, struct diags *diags)
{
	const struct gate_load how = { .starting = true, .entry = number };
	int r = gate_install_entry(gate, &how, diags);

	if (r >= 0)
		log_warning("in force is policy %llu of the history, not what %s holds: see "
			    "'xdpgate status'",
			    (unsigned long long)number, gate->config_path);
	return r;
}

/* The one that is in force, or was confirmed last; 0: there is none. */
static uint64_t find_entry(const struct gate *gate)
{
	const struct history_entry *entry;

	if (!gate->history)
		return 0;
	entry = gate_history_find(gate, gate->history_in_force);
	if (!entry && !datapath_is_armed(gate->datapath) && !datapath_deadline(gate->datapath))
		entry = history_last_confirmed(gate->history);
	return entry ? entry->id : 0;
}

/* What is adopted filters, and goes on. */
static int go_on(const struct gate *gate)
{
	const struct manifest *manifest = datapath_manifest(gate->datapath);

	log_error("the policy cannot be loaded; the adopted generation %llu goes on",
		  (unsigned long long)manifest->generation);
	if (manifest->uses_self)
		log_warning(
			"$self in it stays as it was built, whatever becomes of the addresses of "
			"this machine, until a reload succeeds");
	return 0;
}

static int start(struct gate *gate, struct diags *diags)
{
	/* One interface that refuses is no reason to leave the others open, nor to attach and
	 * detach them with each try to start: it is tried again by itself. */
	const struct gate_load how = { .starting = true };
	_cleanup_(diags_free) struct diags found = {};
	bool armed = datapath_is_armed(gate->datapath);
	uint64_t number;
	int r;

	settle_history(gate, diags);
	r = gate_install(gate, &how, &found);
	/* A file that may not be loaded is no failure: what was asked for last is in force. */
	gate_note_outcome(gate, r == -ECANCELED ? 0 : r, &found);
	/* What is no fault of the file, another start may mend: lack of memory, say. */
	number = r == -ECANCELED || (r == -EINVAL && !armed) ? find_entry(gate) : 0;
	diags_repeat(diags, &found, number != 0);
	if (number) {
		gate_set_aside(gate, gate_print_diags(&found));
		r = start_from_history(gate, number, diags);
	}
	return r < 0 && armed ? go_on(gate) : r < 0 ? r : 0;
}

int gate_start(struct gate *gate, struct diags *diags)
{
	int r = start(gate, diags);

	if (r >= 0 && gate->history)
		history_booted(gate->history, diags);
	return r;
}
