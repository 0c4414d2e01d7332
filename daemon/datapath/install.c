/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * install.c: putting a policy in force. All that can fail is done before the first slot
 * changes; generation.h tells the order of things.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "guard_internal.h"
#include "kernel.h"
#include "util.h"

/* A swap in the making: what was attached for it is detached again if it fails. */
struct install {
	struct datapath *datapath;
	struct pending *pending; /* it waits to be confirmed; NULL: it does not */
	bool strict;             /* a required interface that cannot be attached fails the whole */
	struct generation *generation;
	struct place_held *held;
	int *devices;  /* by interface; see datapath_find_devices() */
	int *programs; /* fd by port, for its slot; -1: none of its interfaces is in the policy */
	size_t n_programs;
	bool *attached_now; /* by interface */
	const struct policy *policy;
	struct guard_request *guard; /* NULL: none is asked */
	struct diags *diags;
};

/* What is said of an interface that cannot be used, and whether the whole fails of it. Where the
 * old policy filters, a warning would not do for leaving the packets unfiltered. */
static int refuse_interface(struct install *install, uint32_t index, int r)
{
	const struct manifest_interface *interface =
		&install->generation->manifest->interfaces[index];
	bool known = install->devices[index] > 0 &&
		     datapath_find_port(install->datapath, install->devices[index]);
	bool misnamed = r == -EEXIST || r == -ENOTUNIQ; /* an error of the policy */

	if (((interface->required || misnamed) && install->strict) || known || r == -ENOMEM ||
	    r == -EALREADY) {
		diag_error(install->diags, NULL, UNFILTERED, interface->name,
			   install->held[index].error);
		return r;
	}
	diag_warning(install->diags, NULL, UNFILTERED, interface->name, install->held[index].error);
	return 0;
}

/* The interface's port. An absent device is no error, and one that cannot be attached is none
 * unless the interface is required, and all was well before. */
static int prepare_interface(struct install *install, uint32_t index)
{
	struct place_held *held = &install->held[index];
	struct diags own = {};
	int r = install->devices[index];

	if (r > 0) {
		r = datapath_take_port(install->datapath, install->generation->manifest, index,
				       install->devices, &held->port, &install->attached_now[index],
				       &own);
		if (r < 0)
			place_set_error(held, &own, r);
		else /* what was set right */
			diags_repeat(install->diags, &own, true);
	}
	diags_free(&own);
	return r < 0 ? refuse_interface(install, index, r) : 0;
}

/* What goes into the port's slot, pinned. */
static int prepare_port(struct install *install, const struct port *port,
			const struct members *members, int *ret_fd)
{
	struct datapath *datapath = install->datapath;
	int r = members_load(&datapath->pins, install->generation, port, members,
			     datapath->counters, false, ret_fd, install->diags);

	return r < 0 ? r
		     : datapath_put_in_front(datapath, install->generation, install->pending, port,
					     ret_fd, install->diags);
}

/* What goes into the slot of each port, pinned. */
static int prepare_ports(struct install *install)
{
	struct datapath *datapath = install->datapath;
	int r = 0;

	install->programs = calloc(datapath->n_ports + 1, sizeof(*install->programs));
	if (!install->programs)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++) {
		struct members members;

		install->programs[install->n_programs++] = -1;
		datapath_members(install->generation->manifest, install->held, datapath->ports[i],
				 &members);
		if (members.n)
			r = prepare_port(install, datapath->ports[i], &members,
					 &install->programs[i]);
		else
			r = datapath_pass_in_front(datapath, install->generation, install->pending,
						   datapath->ports[i], &install->programs[i],
						   install->diags);
	}
	return r;
}

/* --- the swap ---------------------------------------------------------------------------- */

/* What becomes of one port's slot. Both programs are at hand before any slot changes, so that
 * the change and its undoing need nothing but an update each. */
struct change {
	const struct port *port;
	int to;   /* fd of the program to put there */
	int from; /* fd of the program that is there; -1: none */
};

struct changes {
	struct change *items;
	size_t n;
};

static void changes_free(struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++) {
		close_fd(&changes->items[i].to);
		close_fd(&changes->items[i].from);
	}
	free(changes->items);
}

/* The program for a port: the new policy's, or the pass program if that does not name the port
 * or the operator wants it off. fd, the caller's. */
static int program_for(struct install *install, size_t port)
{
	const struct port *of = install->datapath->ports[port];

	if (install->programs[port] >= 0 && !datapath_is_off(install->datapath, of))
		return TAKE_FD(install->programs[port]);
	return pass_load(of->frags, install->diags);
}

static int prepare_changes(struct install *install, struct changes *changes)
{
	struct datapath *datapath = install->datapath;

	changes->items = calloc(datapath->n_ports + 1, sizeof(*changes->items));
	if (!changes->items)
		return -ENOMEM;
	for (size_t i = 0; i < datapath->n_ports; i++) {
		struct change *change = &changes->items[changes->n++];

		*change = (struct change){ .port = datapath->ports[i], .to = -1, .from = -1 };
		kernel_forget();
		change->from = port_slot_program(change->port);
		if (change->from < 0 && change->from != -ENOENT)
			return kernel_error(install->diags, change->from,
					    "cannot tell what is in the slot of ifindex %d",
					    change->port->ifindex);
		change->to = program_for(install, i);
		if (change->to < 0)
			return change->to;
	}
	return 0;
}

/* Every slot, one update each; after a failure those that were changed are as before. */
static int swap_slots(struct install *install, const struct changes *changes)
{
	const struct generation *live = install->datapath->live;
	char name[IFNAMSIZ] = "";
	size_t i;
	int r = 0;

	kernel_forget();
	for (i = 0; r >= 0 && i < changes->n; i++) {
		r = port_slot_set(changes->items[i].port, changes->items[i].to);
		if (r >= 0)
			r = port_set_fall_through(changes->items[i].port,
						  install->generation->manifest->fail_closed);
	}
	if (r >= 0)
		return 0;
	if_indextoname(changes->items[i - 1].port->ifindex, name);
	kernel_error(install->diags, r, "cannot swap in the program of %s", name);
	while (i-- > 0) {
		const struct change *change = &changes->items[i];

		if (port_slot_set(change->port, change->from) < 0 && change->from >= 0)
			diag_error(
				install->diags, NULL,
				"%s is left with the program of the new policy: reload to mend it",
				if_indextoname(change->port->ifindex, name) ? name : "a device");
		if (live)
			port_set_fall_through(change->port, live->manifest->fail_closed);
	}
	return r;
}

/* A target that is absent is no error: it may come later. Until then its packets drop. */
static void warn_of_absent_redirects(const struct generation *generation, struct diags *diags)
{
	for (size_t i = 0; i < generation->n_redirects; i++)
		if (!generation->redirect_ifindexes[i])
			diag_warning(diags, NULL,
				     "redirect target '%s' is absent: what is redirected there is "
				     "dropped until it appears",
				     generation->redirect_ports[i]);
}

/* What waited before, if anything did, waits again. */
static void restore_pending(struct install *install)
{
	struct datapath *datapath = install->datapath;
	int r = 0;

	if (datapath->pending)
		r = pending_pin(&datapath->pins, datapath->pending, install->diags);
	else if (install->pending)
		r = pending_unpin(&datapath->pins);
	if (r < 0)
		diag_warning(install->diags, NULL, "%s/pending is left behind",
			     datapath->pins.path);
}

/* The new one is in force whatever becomes of the old one's pins. */
static void clean_up(struct install *install)
{
	struct datapath *datapath = install->datapath;
	uint64_t to = install->generation->manifest->generation;
	int r = 0;

	if (install->pending)
		install->pending->state->swapped = 1;
	else
		r = pending_unpin(&datapath->pins);
	if (r >= 0)
		r = generation_remove_others(&datapath->pins, to,
					     install->pending ? install->pending->state->from : 0);
	if (r >= 0)
		r = intent_clear(&datapath->pins);
	if (r < 0)
		diag_warning(install->diags, NULL, "cannot remove the old generation's pins");
	sampling_unpin(&datapath->pins);
	datapath->sampling = sampling_free(datapath->sampling);
}

static int swap(struct install *install)
{
	struct datapath *datapath = install->datapath;
	uint64_t to = install->generation->manifest->generation;
	uint64_t from = datapath->live ? datapath->live->manifest->generation : 0;
	_cleanup_(changes_free) struct changes changes = {};
	int r;

	r = prepare_changes(install, &changes);
	if (r >= 0 && install->pending)
		r = pending_pin(&datapath->pins, install->pending, install->diags);
	if (r >= 0)
		r = intent_write(&datapath->pins, from, to, install->diags);
	if (r >= 0) {
		r = swap_slots(install, &changes);
		if (r < 0)
			intent_clear(&datapath->pins);
	}
	if (r < 0)
		restore_pending(install);
	else
		clean_up(install);
	return r < 0 ? r : 0;
}

/* Undo what a failed install attached and pinned. */
static void abandon(struct install *install)
{
	struct datapath *datapath = install->datapath;

	for (uint32_t i = 0; i < install->generation->manifest->n_interfaces; i++) {
		struct port *port = install->held[i].port;

		if (!install->attached_now[i] || !port)
			continue;
		if (port_detach(&datapath->pins, port, install->diags) >= 0)
			datapath_forget_port(datapath, port);
	}
	pins_remove(&datapath->pins, "generations/%llu",
		    (unsigned long long)install->generation->manifest->generation);
}

static int install_generation(struct install *install)
{
	struct datapath *datapath = install->datapath;
	const struct manifest *manifest = install->generation->manifest;
	uint32_t n = manifest->n_interfaces;
	int r = 0;

	install->held = places_new(manifest);
	install->attached_now = calloc(n + 1, sizeof(*install->attached_now));
	if (!install->held || !install->attached_now)
		return -ENOMEM;
	install->devices = datapath_find_devices(datapath, manifest, install->held);
	if (!install->devices)
		return -ENOMEM;
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		r = prepare_interface(install, i);
	if (r >= 0 && install->guard)
		r = guard_judge(datapath, install->generation, install->held, install->policy,
				install->guard, install->diags);
	if (r >= 0)
		r = prepare_ports(install);
	if (r >= 0)
		r = generation_complete(&datapath->pins, install->generation, install->diags);
	if (r >= 0)
		r = swap(install);
	if (r < 0)
		abandon(install);
	return r;
}

static void install_done(struct install *install)
{
	if (install->pending)
		install->pending->before = NULL; /* is not ours */
	pending_free(install->pending);
	if (install->generation)
		places_free(install->held, install->generation);
	for (size_t i = 0; i < install->n_programs; i++)
		close_fd(&install->programs[i]);
	free(install->devices);
	free(install->programs);
	free(install->attached_now);
	generation_free(install->generation);
}

void datapath_retire_unused(struct datapath *datapath)
{
	struct diags ignored = {};

	counters_begin(datapath->counters);
	if (datapath->live)
		manifest_assign_slots(datapath->live->manifest, datapath->counters, &ignored);
	if (datapath->pending && datapath->pending->before)
		manifest_assign_slots(datapath->pending->before->manifest, datapath->counters,
				      &ignored);
	counters_retire_others(datapath->counters);
	diags_free(&ignored);
}

/* It is to be undone at a deadline: what is gone back to is what is in force, or what the one in force
 * would go back to. The generation stays its owner's until it is swapped in. */
static int prepare_pending(struct install *install, uint64_t deadline_ns)
{
	struct datapath *datapath = install->datapath;
	struct generation *before = datapath->pending ? datapath->pending->before : datapath->live;
	uint64_t from = datapath->pending ? datapath->pending->state->from
			: before          ? before->manifest->generation
					  : 0;
	int r = pending_new(from, install->generation->manifest->generation, deadline_ns,
			    &install->pending, install->diags);

	if (r >= 0)
		install->pending->before = before;
	return r;
}

/* It is in force: what was before is freed, unless it may come back. */
static void take_over(struct install *install)
{
	struct datapath *datapath = install->datapath;
	struct generation *old_generation = datapath->live;
	struct place_held *old_held = datapath->held;

	datapath->highest++;
	datapath->live = TAKE_PTR(install->generation);
	datapath->held = TAKE_PTR(install->held);
	for (size_t i = 0; i < datapath->n_ports; i++)
		datapath->ports[i]->fresh = datapath->ports[i]->left = false;
	places_free(old_held, old_generation);
	if (datapath->pending && install->pending)
		datapath->pending->before = NULL; /* is the new one's now */
	if (datapath->pending || !install->pending)
		generation_free(old_generation);
	pending_free(datapath->pending);
	datapath->pending = TAKE_PTR(install->pending);
}

int datapath_install(struct datapath *datapath, const struct policy *policy,
		     const struct tables *tables, const struct install_options *options,
		     struct diags *diags)
{
	_cleanup_(install_done) struct install install = {
		.datapath = datapath,
		.strict = options->how & INSTALL_STRICT,
		.policy = policy,
		.guard = options->guard,
		.diags = diags,
	};
	int r;

	datapath_look_at_links(datapath, diags);
	r = generation_build(policy, tables, datapath->highest + 1, !(options->how & INSTALL_KNOWN),
			     datapath->counters, datapath->live_maps, &install.generation, diags);
	if (r >= 0)
		install.generation->manifest->history = options->history;
	if (r >= 0 && options->deadline_ns)
		r = prepare_pending(&install, options->deadline_ns);
	if (r >= 0)
		r = install_generation(&install);
	if (r < 0) {
		datapath_retire_unused(datapath);
		return r;
	}
	warn_of_absent_redirects(install.generation, diags);
	take_over(&install);
	datapath_retire_unused(datapath);
	return 0;
}
