/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_interfaces.c: the interfaces that the gate stands on: whether they filter, what network
 * devices that come and go make of them, and taking the gate off them.
 */
#include "gate_internal.h"

#include <string.h>

#include "log.h"
#include "util.h"

bool gate_is_ready(const struct gate *gate)
{
	const struct manifest *manifest = gate->datapath ? datapath_manifest(gate->datapath) : NULL;

	if (!manifest)
		return false;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		struct datapath_interface state;

		datapath_interface(gate->datapath, i, &state);
		if (manifest->interfaces[i].required && !state.filtering && !state.off)
			return false;
	}
	return true;
}

int gate_links_changed(struct gate *gate, struct diags *diags)
{
	return gate->detached ? 0 : datapath_links_changed(gate->datapath, diags);
}

int gate_leave(struct gate *gate, struct diags *diags)
{
	if (gate->detached)
		return 0;
	gate_history_refresh(gate, diags);
	return datapath_leave(gate->datapath, diags);
}

int gate_disarm(struct gate *gate, struct diags *diags)
{
	return gate->detached ? 0 : datapath_disarm(gate->datapath, diags);
}

int gate_set_off(struct gate *gate, const char *interface, bool off, struct diags *diags)
{
	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	return datapath_set_off(gate->datapath, interface, off, diags);
}

int gate_detach(struct gate *gate, struct diags *diags)
{
	int r = gate->detached ? 0 : datapath_detach(gate->datapath, diags);

	if (r >= 0) {
		gate->detached = true;
		gate->live = live_sets_free(gate->live);
		log_set_generation(0);
	}
	return r;
}

bool gate_is_detached(const struct gate *gate)
{
	return gate->detached;
}

/* --- their state ------------------------------------------------------------------------- */

const char *interface_state_name(enum interface_state state)
{
	static const char *const names[] = {
		[INTERFACE_ABSENT] = "absent",
		[INTERFACE_FILTERING] = "filtering",
		[INTERFACE_OFF] = "off",
		[INTERFACE_FAILED] = "failed",
	};

	return (unsigned int)state < ARRAY_SIZE(names) ? names[state] : NULL;
}

static enum interface_state state_of(const struct datapath_interface *state)
{
	if (state->absent)
		return INTERFACE_ABSENT;
	if (state->off)
		return INTERFACE_OFF;
	return state->filtering ? INTERFACE_FILTERING : INTERFACE_FAILED;
}

int gate_interface_status(const struct gate *gate, const struct manifest *manifest, uint32_t index,
			  struct gate_interface_status *ret)
{
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct datapath_interface state;
	const char *error;

	datapath_interface(gate->datapath, index, &state);
	memcpy(ret->name, interface->name, NAME_LEN);
	memcpy(ret->port, interface->port, PORT_LEN);
	ret->vlan = interface->vlan;
	memcpy(ret->policy, manifest->rulesets[interface->ruleset].name, NAME_LEN);
	ret->mode = interface->mode;
	ret->required = interface->required;
	ret->state = state_of(&state);
	if (state.port) {
		ret->mode = state.port->mode;
		ret->ifindex = state.port->ifindex;
		if (!if_indextoname(ret->ifindex, ret->device))
			ret->device[0] = '\0';
		ret->dispatcher = state.port->dispatcher;
		ret->frags = port_takes_frags(state.port);
	}
	ret->program_id = state.program_id;
	ret->jited_bytes = state.jited_bytes;
	if (ret->state != INTERFACE_FAILED && !state.error)
		return 0;
	error = state.error  ? state.error
		: state.port ? "attached, but the generation in force has no program in its slot"
			     : "not attached";
	ret->error = strdup(error);
	return ret->error ? 0 : -ENOMEM;
}
