/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * install.c: putting a policy in force. All that can fail is done before the first slot
 * changes; generation.h tells the order of things.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "kernel.h"
#include "util.h"

/* A swap in the making: what was attached for it is detached again if it fails. */
struct install {
	struct datapath *datapath;
	bool strict; /* a required interface that cannot be attached fails the whole */
	struct generation *generation;
	struct place_held *held;
	int *programs; /* fd by interface; -1: not attached */
	bool *attached_now;
	struct diags *diags;
};

/* The interface's port and program, pinned but not in the slot. An absent device is no error,
 * and one that cannot be attached is none unless the interface is required, and all was
 * well before. */
static int prepare_interface(struct install *install, uint32_t index)
{
	const struct manifest *manifest = install->generation->manifest;
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct place_held *held = &install->held[index];
	struct diags own = {};
	int r;

	r = datapath_take_port(install->datapath, manifest, index, &held->port,
			       &install->attached_now[index], &own);
	if (r >= 0) {
		r = generation_load_port(&install->datapath->pins, install->generation, index,
					 held->port, install->datapath->counters,
					 &install->programs[index], install->diags);
	} else if (r == -ENODEV) {
		r = 0;
	} else {
		held->error = own.n ? strdup(own.items[0].message) : strdup(strerror(-r));
		/* Where the old policy filters, a warning would not do for leaving the packets
		 * unfiltered. */
		if ((interface->required && install->strict) || r == -ENOMEM || r == -EALREADY) {
			diag_error(install->diags, NULL, UNFILTERED, interface->name, held->error);
		} else {
			diag_warning(install->diags, NULL, UNFILTERED, interface->name,
				     held->error);
			r = 0;
		}
	}
	diags_free(&own);
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
static int program_for(const struct install *install, const struct port *port)
{
	for (uint32_t i = 0; i < install->generation->manifest->n_interfaces; i++)
		if (install->held[i].port == port && !datapath_is_off(install->datapath, port))
			return TAKE_FD(install->programs[i]);
	return pass_load(port->frags, install->diags);
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
		change->to = program_for(install, change->port);
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

static int swap(struct install *install)
{
	struct datapath *datapath = install->datapath;
	uint64_t to = install->generation->manifest->generation;
	uint64_t from = datapath->live ? datapath->live->manifest->generation : 0;
	_cleanup_(changes_free) struct changes changes = {};
	int r;

	r = prepare_changes(install, &changes);
	if (r >= 0)
		r = intent_write(&datapath->pins, from, to, install->diags);
	if (r < 0)
		return r;
	r = swap_slots(install, &changes);
	if (r < 0) {
		intent_clear(&datapath->pins);
		return r;
	}
	/* The new one is in force whatever becomes of the old one's pins. */
	if (generation_remove_others(&datapath->pins, to) < 0 || intent_clear(&datapath->pins) < 0)
		diag_warning(install->diags, NULL, "cannot remove the old generation's pins");
	return 0;
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
	uint32_t n = install->generation->manifest->n_interfaces;
	int r = 0;

	install->held = places_new(install->generation->manifest);
	install->programs = calloc(n + 1, sizeof(*install->programs));
	install->attached_now = calloc(n + 1, sizeof(*install->attached_now));
	if (!install->held || !install->programs || !install->attached_now)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		install->programs[i] = -1;
	for (uint32_t i = 0; r >= 0 && i < n; i++)
		r = prepare_interface(install, i);
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
	if (install->generation)
		places_free(install->held, install->generation);
	for (uint32_t i = 0; install->programs && install->generation &&
			     i < install->generation->manifest->n_interfaces;
	     i++)
		close_fd(&install->programs[i]);
	free(install->programs);
	free(install->attached_now);
	generation_free(install->generation);
}

/* After a failed build: the identities of the live policy are the ones that are wanted. */
static void retire_unused(struct datapath *datapath)
{
	struct diags ignored = {};

	counters_begin(datapath->counters);
	if (datapath->live)
		manifest_assign_slots(datapath->live->manifest, datapath->counters, &ignored);
	counters_retire_others(datapath->counters);
	diags_free(&ignored);
}

int datapath_install(struct datapath *datapath, const struct policy *policy,
		     const struct tables *tables, unsigned int how, struct diags *diags)
{
	_cleanup_(install_done) struct install install = {
		.datapath = datapath,
		.strict = how & INSTALL_STRICT,
		.diags = diags,
	};
	struct generation *old_generation;
	struct place_held *old_held;
	int r;

	datapath_look_at_links(datapath, diags);
	r = generation_build(policy, tables, datapath->highest + 1, !(how & INSTALL_KNOWN),
			     datapath->counters, &install.generation, diags);
	if (r >= 0)
		r = install_generation(&install);
	if (r < 0) {
		retire_unused(datapath);
		return r;
	}
	counters_retire_others(datapath->counters);
	warn_of_absent_redirects(install.generation, diags);
	datapath->highest++;
	old_generation = datapath->live;
	old_held = datapath->held;
	datapath->live = TAKE_PTR(install.generation);
	datapath->held = TAKE_PTR(install.held);
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++)
		close_fd(&install.programs[i]);
	places_free(old_held, old_generation);
	generation_free(old_generation);
	return 0;
}
