/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * switch.c: off and on, the clean stop, and the end of it all.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "kernel.h"
#include "util.h"

int datapath_disarm(struct datapath *datapath, struct diags *diags)
{
	int result = 0;

	for (size_t i = 0; i < datapath->n_ports; i++) {
		int r = port_disarm(datapath->ports[i], diags);

		if (r < 0)
			result = r;
	}
	return result;
}

/* Arm a port of the live generation again. */
static int arm(struct datapath *datapath, const struct port *port, struct diags *diags)
{
	int r;

	if (!datapath->live)
		return 0;
	kernel_forget();
	r = datapath_arm_from_pins(datapath, port, datapath->live->manifest->generation);
	if (r < 0 && r != -ENOENT) /* not an interface of the policy: nothing to arm */
		return kernel_error(diags, r, "cannot arm ifindex %d", port->ifindex);
	return 0;
}

static struct port *port_of_interface(struct datapath *datapath, const char *name)
{
	const struct manifest *manifest = datapath_manifest(datapath);

	for (uint32_t i = 0; manifest && i < manifest->n_interfaces; i++)
		if (strcmp(manifest->interfaces[i].name, name) == 0 && datapath->held[i].port)
			return datapath->held[i].port;
	return datapath_find_port(datapath, if_nametoindex(name));
}

static int mark_all(struct datapath *datapath, bool off, struct diags *diags)
{
	_cleanup_close_ int fd = -1;
	uint8_t nothing[8] = {};
	int r = 0;

	if (!off) {
		for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++)
			r = port_set_off(&datapath->pins, datapath->ports[i], false);
		if (r >= 0)
			r = pins_remove(&datapath->pins, "off");
	} else if (!datapath_all_off(datapath)) {
		r = fd = kernel_table_create("xdpgate_off", nothing, sizeof(nothing));
		if (r >= 0)
			r = pins_put(&datapath->pins, fd, "off");
	}
	return r < 0 ? kernel_error(diags, r, "cannot note in %s what is off", datapath->pins.path)
		     : 0;
}

/* One interface is switched on while all are off: the others stay off, each by itself. */
static int split_all_off(struct datapath *datapath)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++)
		r = port_set_off(&datapath->pins, datapath->ports[i], true);
	return r < 0 ? r : pins_remove(&datapath->pins, "off");
}

static int mark_one(struct datapath *datapath, const struct port *port, bool off,
		    struct diags *diags)
{
	int r = 0;

	if (!off && datapath_all_off(datapath))
		r = split_all_off(datapath);
	if (r >= 0)
		r = port_set_off(&datapath->pins, port, off);
	return r < 0 ? kernel_error(diags, r, "cannot note in %s what is off", datapath->pins.path)
		     : 0;
}

/* The mark first, then the slot: a death in between leaves what was asked for to the next. */
int datapath_set_off(struct datapath *datapath, const char *interface, bool off,
		     struct diags *diags)
{
	struct port *only = NULL;
	int r;

	kernel_forget();
	if (interface) {
		only = port_of_interface(datapath, interface);
		if (!only) {
			diag_error(
				diags, NULL,
				"'%s' is no interface of the policy in force, and no device that "
				"xdpgate is attached to; see `xdpgate status`",
				interface);
			return -ENOENT;
		}
		r = mark_one(datapath, only, off, diags);
	} else {
		r = mark_all(datapath, off, diags);
	}
	for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++) {
		const struct port *port = datapath->ports[i];

		if (only && port != only)
			continue;
		r = off ? port_disarm(port, diags) : arm(datapath, port, diags);
	}
	return r;
}

struct other_ports {
	struct datapath *datapath;
	struct diags *diags;
	size_t n;
};

static int note_other_port(const char *key, void *context)
{
	struct other_ports *others = context;

	others->n++;
	diag_error(others->diags, NULL,
		   "%s/ports/%s is of another network namespace: run `xdpgate detach` there",
		   others->datapath->pins.path, key);
	return 0;
}

int datapath_detach(struct datapath *datapath, struct diags *diags)
{
	struct other_ports others = { .datapath = datapath, .diags = diags };
	int result = 0, r;

	while (datapath->n_ports && result >= 0) {
		struct port *port = datapath->ports[datapath->n_ports - 1];

		result = port_detach(&datapath->pins, port, diags);
		if (result < 0)
			return result;
		for (uint32_t i = 0; datapath->live && i < datapath->live->manifest->n_interfaces;
		     i++)
			if (datapath->held[i].port == port)
				datapath->held[i].port = NULL;
		datapath_forget_port(datapath, port);
	}
	r = pins_each(&datapath->pins, "ports", note_other_port, &others);
	if (r < 0 || others.n)
		return r < 0 ? r : -EBUSY;

	/* Nothing refers to these any more but us. */
	datapath->held = places_free(datapath->held, datapath->live);
	datapath->live = generation_free(datapath->live);
	datapath->counters = counters_close(datapath->counters);
	r = pins_remove_all(&datapath->pins);
	return r < 0 ? kernel_error(diags, r, "cannot remove %s", datapath->pins.path) : 0;
}
