/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.c: network devices come, go and change their names, and the ports follow.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "util.h"

int datapath_take_port(struct datapath *datapath, const struct manifest *manifest, uint32_t index,
		       struct port **ret, bool *ret_attached, struct diags *diags)
{
	const struct manifest_interface *interface = &manifest->interfaces[index];
	int ifindex = if_nametoindex(interface->port);
	struct port *port = datapath_find_port(datapath, ifindex);
	bool known = port != NULL;
	char key[PORT_KEY_LEN];
	int r;

	*ret_attached = false;
	if (!ifindex)
		return -ENODEV;
	if (!known) {
		/* An attempt that failed may have left us attached. */
		pins_port_key(&datapath->pins, ifindex, key);
		r = port_adopt(&datapath->pins, key, &port, diags);
		if (r == -ENOENT)
			r = port_attach(&datapath->pins, ifindex, interface->mode,
					manifest->fail_closed, &port, diags);
		if (r < 0)
			return r;
		r = datapath_add_port(datapath, port);
		if (r < 0) {
			port_detach(&datapath->pins, port, diags);
			port_free(port);
			return r;
		}
	}
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

/* The policy goes by names: a device that no longer has the interface's name is none of its
 * business, but somebody should hear of it. */
static void release_renamed(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	const struct manifest_interface *interface = &datapath->live->manifest->interfaces[index];
	struct place_held *held = &datapath->held[index];
	char name[IFNAMSIZ];

	if (!held->port || (int)if_nametoindex(interface->port) == held->port->ifindex)
		return;
	if (port_disarm(held->port, diags) >= 0 && if_indextoname(held->port->ifindex, name))
		diag_warning(diags, NULL,
			     "%s is called %s now: it is no longer interface '%s', and every "
			     "packet passes there",
			     interface->port, name, interface->name);
	held->port = NULL;
}

/* What can be done without tables: forget what is gone. */
void datapath_look_at_links(struct datapath *datapath, struct diags *diags)
{
	forget_gone_ports(datapath, diags);
	for (uint32_t i = 0; datapath->live && i < datapath->live->manifest->n_interfaces; i++)
		release_renamed(datapath, i, diags);
}

/* Attach and arm an interface of the live generation whose device has appeared. */
static int try_to_serve(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	struct place_held *held = &datapath->held[index];
	_cleanup_close_ int fd = -1;
	bool attached = false;
	int r;

	r = datapath_take_port(datapath, datapath->live->manifest, index, &held->port, &attached,
			       diags);
	if (r >= 0)
		r = generation_load_port(&datapath->pins, datapath->live, index, held->port,
					 datapath->counters, &fd, diags);
	if (r >= 0)
		r = datapath_is_off(datapath, held->port) ? port_disarm(held->port, diags)
							  : port_slot_set(held->port, fd);
	if (r >= 0)
		return 0;
	if (held->port && attached && port_detach(&datapath->pins, held->port, diags) >= 0)
		datapath_forget_port(datapath, held->port);
	held->port = NULL;
	return r;
}

static int serve_interface(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	struct diags own = {};
	int r = try_to_serve(datapath, index, &own);

	free(TAKE_PTR(datapath->held[index].error));
	if (r == -ENODEV)
		r = 0; /* not here (yet) */
	if (r < 0) {
		datapath->held[index].error =
			own.n ? strdup(own.items[0].message) : strdup(strerror(-r));
		diag_error(diags, NULL, UNFILTERED,
			   datapath->live->manifest->interfaces[index].name,
			   datapath->held[index].error);
	}
	diags_free(&own);
	return r;
}

int datapath_links_changed(struct datapath *datapath, struct diags *diags)
{
	int result = 0;

	datapath_look_at_links(datapath, diags);
	if (!datapath->live || !datapath->live->built_here)
		return 0;
	generation_update_redirects(datapath->live);
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++) {
		int r = datapath->held[i].port ? 0 : serve_interface(datapath, i, diags);

		if (r < 0)
			result = r;
	}
	return result;
}
