/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.c: network devices come, go and change their names, and the ports follow.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "netdev.h"
#include "offload.h"
#include "util.h"

/* --- where the interfaces are ------------------------------------------------------------ */

void place_set_error(struct place_held *held, const struct diags *diags, int error)
{
	free(held->error);
	held->error = diags->n ? strdup(diags->items[0].message) : strdup(strerror(-error));
}

/* Of several devices with the MAC address, the one that we are on already. */
static int find_own(const struct datapath *datapath, const char *port)
{
	int found = 0;

	for (size_t i = 0; i < datapath->n_ports; i++) {
		int ifindex = datapath->ports[i]->ifindex;

		if (!netdev_is(ifindex, port))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = ifindex;
	}
	return found ? found : -ENOTUNIQ;
}

static int find_device(const struct datapath *datapath, const struct manifest_interface *interface,
		       struct place_held *held)
{
	struct diags own = {};
	int r;

	if (held->port)
		return held->port->ifindex;
	r = netdev_find(interface->port, &own);
	if (r == -ENOTUNIQ)
		r = find_own(datapath, interface->port);
	if (r < 0)
		place_set_error(held, &own, r);
	diags_free(&own);
	return r;
}

/* Two interfaces may name one device differently, which the policy's reader cannot know. */
static int check_pair(const struct manifest_interface *first,
		      const struct manifest_interface *second, struct diags *diags)
{
	if (first->mode == second->mode && first->vlan != second->vlan)
		return 0;
	if (first->mode != second->mode)
		diag_error(diags, NULL,
			   "its port '%s' is the same device as port '%s' of interface '%s', and "
			   "interfaces of one port share one mode",
			   second->port, first->port, first->name);
	else if (first->vlan)
		diag_error(diags, NULL,
			   "its port '%s' is the same device as port '%s' of interface '%s', "
			   "which has VLAN %u already",
			   second->port, first->port, first->name, first->vlan);
	else
		diag_error(diags, NULL,
			   "its port '%s' is the same device as port '%s' of interface '%s', "
			   "which has no `vlan` either",
			   second->port, first->port, first->name);
	return -EEXIST;
}

static int check_device(const struct manifest *manifest, const int *devices, uint32_t index,
			struct place_held *held)
{
	struct diags own = {};
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < index; i++)
		if (devices[i] == devices[index])
			r = check_pair(&manifest->interfaces[i], &manifest->interfaces[index],
				       &own);
	if (r < 0)
		place_set_error(held, &own, r);
	diags_free(&own);
	return r;
}

int *datapath_find_devices(const struct datapath *datapath, const struct manifest *manifest,
			   struct place_held *held)
{
	int *devices = calloc(manifest->n_interfaces + 1, sizeof(*devices));

	for (uint32_t i = 0; devices && i < manifest->n_interfaces; i++) {
		int r;

		devices[i] = find_device(datapath, &manifest->interfaces[i], &held[i]);
		if (devices[i] <= 0 || held[i].port)
			continue;
		r = check_device(manifest, devices, i, &held[i]);
		if (r < 0)
			devices[i] = r;
	}
	return devices;
}

void datapath_members(const struct manifest *manifest, const struct place_held *held,
		      const struct port *port, struct members *ret)
{
	ret->n = 0;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		if (held[i].port == port)
			ret->items[ret->n++] = i;
}

/* --- taking ports ------------------------------------------------------------------------ */

/* Do frames come with their tags, if an interface of the device needs them? */
static int show_tags(const struct manifest *manifest, const int *devices, int ifindex,
		     struct diags *diags)
{
	bool needed = false, fix = false;

	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		if (devices[i] != ifindex)
			continue;
		needed |= manifest->interfaces[i].needs_tags;
		fix |= manifest->interfaces[i].fix;
	}
	return needed ? offload_show_tags(ifindex, fix, diags) : 0;
}

/* An attempt that failed may have left us attached. */
static int adopt_or_attach(struct datapath *datapath, const struct manifest *manifest,
			   uint32_t index, int ifindex, struct port **ret, struct diags *diags)
{
	char key[PORT_KEY_LEN];
	int r;

	pins_port_key(&datapath->pins, ifindex, key);
	r = port_adopt(&datapath->pins, key, ret, diags);
	if (r == -ENOENT)
		r = port_attach(&datapath->pins, ifindex, manifest->interfaces[index].mode,
				manifest->fail_closed, ret, diags);
	if (r < 0)
		return r;
	(*ret)->fresh = true;
	r = datapath_add_port(datapath, *ret);
	if (r < 0) {
		port_detach(&datapath->pins, *ret, diags);
		*ret = port_free(*ret);
	}
	return r;
}

int datapath_take_port(struct datapath *datapath, const struct manifest *manifest, uint32_t index,
		       const int *devices, struct port **ret, bool *ret_attached,
		       struct diags *diags)
{
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct port *port = datapath_find_port(datapath, devices[index]);
	bool known = port != NULL;
	int r;

	*ret_attached = false;
	r = show_tags(manifest, devices, devices[index], diags);
	if (r >= 0 && !known)
		r = adopt_or_attach(datapath, manifest, index, devices[index], &port, diags);
	if (r < 0)
		return r;
	if (port->mode != interface->mode) {
		diag_error(diags, NULL,
			   "%s is attached in %s mode: changing it takes `xdpgate detach` first, "
			   "which lets packets pass unfiltered for a moment and may reset the link",
			   interface->port, port->mode == ATTACH_NATIVE ? "native" : "generic");
		return -EALREADY;
	}
	*ret_attached = !known;
	*ret = port;
	return 0;
}

/* Ports that the entry is no longer on: the device is gone, or another has its number. */
static void forget_gone_ports(struct datapath *datapath, struct diags *diags)
{
	char name[IFNAMSIZ];

	for (size_t i = 0; i < datapath->n_ports;) {
		struct port *port = datapath->ports[i];
		bool there = if_indextoname(port->ifindex, name);

		if (there && port_is_attached(port)) { /* or it cannot be told */
			i++;
			continue;
		}
		if (there)
			diag_warning(diags, NULL,
				     "xdpgate is no longer attached to %s: the device came anew, "
				     "or somebody took the program off",
				     name);
		for (uint32_t j = 0; datapath->live && j < datapath->live->manifest->n_interfaces;
		     j++)
			if (datapath->held[j].port == port)
				datapath->held[j].port = NULL;
		pins_remove(&datapath->pins, "ports/%s", port->key);
		datapath_forget_port(datapath, port);
	}
}

/* The policy goes by names: a device that is no longer what the interface's port says is none of
 * its business, but somebody should hear of it. */
static void release_renamed(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	const struct manifest *manifest = datapath->live->manifest;
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct place_held *held = &datapath->held[index];
	struct port *port = held->port;
	struct members members;
	char name[IFNAMSIZ] = "";

	if (!port || netdev_is(port->ifindex, interface->port))
		return;
	held->port = NULL;
	if_indextoname(port->ifindex, name);
	datapath_members(manifest, datapath->held, port, &members);
	if (members.n) {
		port->left = true;
		diag_warning(diags, NULL, "%s is no longer port '%s' of interface '%s'%s", name,
			     interface->port, interface->name,
			     datapath->live->built_here
				     ? ""
				     : ": it goes on to judge there until a policy is loaded");
		return;
	}
	if (port_disarm(port, diags) >= 0 && *name)
		diag_warning(diags, NULL,
			     "%s is called %s now: it is no longer interface '%s', and every "
			     "packet passes there",
			     interface->port, name, interface->name);
}

/* What can be done without tables: forget what is gone. */
void datapath_look_at_links(struct datapath *datapath, struct diags *diags)
{
	forget_gone_ports(datapath, diags);
	for (uint32_t i = 0; datapath->live && i < datapath->live->manifest->n_interfaces; i++)
		release_renamed(datapath, i, diags);
}

/* --- serving what has come --------------------------------------------------------------- */

/* The interface's reason not to filter, as it stands in held, said aloud. */
static void report(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	diag_error(diags, NULL, UNFILTERED, datapath->live->manifest->interfaces[index].name,
		   datapath->held[index].error);
}

/* Take the port of an interface of the live generation whose device has appeared. 1: taken, 0:
 * there is none. */
static int join(struct datapath *datapath, uint32_t index, const int *devices, struct diags *diags)
{
	struct place_held *held = &datapath->held[index];
	struct diags own = {};
	bool attached;
	int r = devices[index];

	if (r > 0) {
		free(TAKE_PTR(held->error));
		r = datapath_take_port(datapath, datapath->live->manifest, index, devices,
				       &held->port, &attached, &own);
		if (r < 0)
			place_set_error(held, &own, r);
		else
			r = 1;
	} else if (r == 0) {
		free(TAKE_PTR(held->error)); /* not here (yet) */
	}
	for (size_t i = 0; r > 0 && i < own.n; i++) /* what was set right */
		diag_warning(diags, NULL, "%s", own.items[i].message);
	if (r < 0)
		report(datapath, index, diags);
	diags_free(&own);
	return r;
}

/* The new program into the slot of a port that the live generation serves already: as a swap of
 * the generation for itself, since its pin has changed. */
static int swap_program(struct datapath *datapath, const struct port *port, int fd,
			struct diags *diags)
{
	int r = datapath_is_off(datapath, port) ? port_disarm(port, diags)
						: port_slot_set(port, fd);

	if (r >= 0 && !port->fresh)
		r = intent_clear(&datapath->pins);
	return r;
}

static int load_and_swap(struct datapath *datapath, struct port *port,
			 const struct members *members, struct diags *diags)
{
	uint64_t number = datapath->live->manifest->generation;
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (!port->fresh)
		r = intent_write(&datapath->pins, number, number, diags);
	if (r < 0)
		return r;
	r = members_load(&datapath->pins, datapath->live, port, members, datapath->counters,
			 port->fresh, &fd, diags);
	if (r >= 0)
		r = datapath_put_in_front(datapath, datapath->live, datapath->pending, port, &fd,
					  diags);
	if (r >= 0)
		return swap_program(datapath, port, fd, diags);
	if (!port->fresh)
		intent_clear(&datapath->pins);
	return r;
}

/* The port has interfaces that it had not, or has lost some. joined: by interface. */
static int serve_port(struct datapath *datapath, struct port *port, const bool *joined,
		      struct diags *diags)
{
	struct members members;
	struct diags own = {};
	int r;

	datapath_members(datapath->live->manifest, datapath->held, port, &members);
	r = load_and_swap(datapath, port, &members, &own);
	if (r >= 0) {
		port->fresh = port->left = false;
		diags_free(&own);
		return 0;
	}
	for (size_t i = 0; i < members.n; i++) {
		uint32_t index = members.items[i];

		if (!joined[index])
			continue;
		datapath->held[index].port = NULL;
		place_set_error(&datapath->held[index], &own, r);
		report(datapath, index, diags);
	}
	diags_free(&own);
	if (port->fresh && port_detach(&datapath->pins, port, diags) >= 0)
		datapath_forget_port(datapath, port);
	return r;
}

static bool has_joined(const struct datapath *datapath, const struct port *port, const bool *joined)
{
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++)
		if (joined[i] && datapath->held[i].port == port)
			return true;
	return false;
}

static int serve_ports(struct datapath *datapath, const bool *joined, struct diags *diags)
{
	int result = 0;

	for (size_t i = datapath->n_ports; i-- > 0;) { /* the last one may be forgotten */
		struct port *port = datapath->ports[i];
		int r = 0;

		if (port->left || has_joined(datapath, port, joined))
			r = serve_port(datapath, port, joined, diags);
		if (r < 0)
			result = r;
	}
	return result;
}

static int serve(struct datapath *datapath, struct diags *diags)
{
	const struct manifest *manifest = datapath->live->manifest;
	_cleanup_free_ int *devices = datapath_find_devices(datapath, manifest, datapath->held);
	_cleanup_free_ bool *joined = calloc(manifest->n_interfaces + 1, sizeof(*joined));
	int result = 0, r;

	if (!devices || !joined)
		return -ENOMEM;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		if (datapath->held[i].port)
			continue;
		r = join(datapath, i, devices, diags);
		joined[i] = r > 0;
		if (r < 0)
			result = r;
	}
	r = serve_ports(datapath, joined, diags);
	return r < 0 ? r : result;
}

/* --- tags -------------------------------------------------------------------------------- */

/* Somebody may have switched the driver's stripping on again. Set right or said once. */
static void watch_tags(struct datapath *datapath, uint32_t index, const int *devices,
		       struct diags *diags)
{
	const struct manifest_interface *interface = &datapath->live->manifest->interfaces[index];
	struct place_held *held = &datapath->held[index];
	struct diags own = {};
	int r;

	if (!held->port || !interface->needs_tags)
		return;
	r = show_tags(datapath->live->manifest, devices, held->port->ifindex, &own);
	if (r < 0 && !held->error) {
		place_set_error(held, &own, r);
		diag_warning(diags, NULL,
			     "interface '%s' does not see its packets as it should: %s",
			     interface->name, held->error);
	} else if (r >= 0) {
		free(TAKE_PTR(held->error));
		for (size_t i = 0; i < own.n; i++)
			diag_warning(diags, NULL, "%s", own.items[i].message);
	}
	diags_free(&own);
}

static int watch_all_tags(struct datapath *datapath, struct diags *diags)
{
	uint32_t n = datapath->live->manifest->n_interfaces;
	_cleanup_free_ int *devices = calloc(n + 1, sizeof(*devices));

	if (!devices)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		devices[i] = datapath->held[i].port ? datapath->held[i].port->ifindex : 0;
	for (uint32_t i = 0; i < n; i++)
		watch_tags(datapath, i, devices, diags);
	return 0;
}

int datapath_links_changed(struct datapath *datapath, struct diags *diags)
{
	int r, result;

	datapath_look_at_links(datapath, diags);
	if (!datapath->live)
		return 0;
	r = watch_all_tags(datapath, diags);
	if (!datapath->live->built_here)
		return r;
	generation_update_redirects(datapath->live);
	result = serve(datapath, diags);
	return result < 0 ? result : r;
}
