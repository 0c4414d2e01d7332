/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * switch.c: off and on, the clean stop, and the end of it all.
 */
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "kernel.h"
#include "netdev.h"
#include "util.h"

int datapath_disarm(struct datapath *datapath, struct diags *diags)
{
	/* Ahead of the slots: its end puts the policy's own programs there. */
	int result = datapath_sample_end(datapath, diags);

	for (size_t i = 0; i < datapath->n_ports; i++) {
		int r = port_disarm(datapath->ports[i], diags);

		if (r < 0)
			result = r;
	}
	return result;
}

/* Pin a mark under a name: what it is does not matter, only that it is there. */
static int pin_mark(struct datapath *datapath, const char *name)
{
	const uint8_t nothing[8] = {};
	_cleanup_close_ int fd = kernel_table_create("xdpgate_mark", nothing, sizeof(nothing));

	return fd < 0 ? fd : pins_replace(&datapath->pins, fd, "%s", name);
}

int datapath_leave(struct datapath *datapath, struct diags *diags)
{
	int r;

	kernel_forget();
	r = pin_mark(datapath, "left");
	return r < 0 ? kernel_error(diags, r, "cannot pin %s/left", datapath->pins.path) : 0;
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

/* --- what is meant ----------------------------------------------------------------------- */

/* One interface behind a port's dispatcher; or, index ALL, a whole port. */
#define ALL UINT32_MAX

struct target {
	struct port *port;
	uint32_t index;
};

static bool has_dispatcher(const struct datapath *datapath, const struct port *port)
{
	return pins_exist(&datapath->pins, "generations/%llu/%s-vlans",
			  (unsigned long long)datapath->live->manifest->generation, port->key);
}

/* The name is an interface's, or else a port's: what the policy or the kernel calls it. */
static int find_target(const struct datapath *datapath, const char *name, struct target *ret)
{
	const struct manifest *manifest = datapath_manifest(datapath);
	struct diags ignored = {};

	*ret = (struct target){ .index = ALL };
	for (uint32_t i = 0; manifest && i < manifest->n_interfaces; i++) {
		struct port *port = datapath->held[i].port;

		if (strcmp(manifest->interfaces[i].name, name) != 0 || !port)
			continue;
		ret->port = port;
		if (has_dispatcher(datapath, port))
			ret->index = i;
		return 0;
	}
	ret->port = datapath_find_port(datapath, netdev_find(name, &ignored));
	diags_free(&ignored);
	return ret->port ? 0 : -ENOENT;
}

/* --- marks ------------------------------------------------------------------------------- */

/* Mark the interfaces of a port, each by itself; all but one, or all. */
static int mark_members(struct datapath *datapath, const struct port *port, uint32_t but, bool off)
{
	const struct manifest *manifest = datapath_manifest(datapath);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && manifest && i < manifest->n_interfaces; i++)
		if (i != but && datapath->held[i].port == port)
			r = member_set_off(&datapath->pins, port, manifest->interfaces[i].name,
					   off);
	return r;
}

static int mark_all(struct datapath *datapath, bool off, struct diags *diags)
{
	int r = 0;

	if (!off) {
		for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++) {
			r = mark_members(datapath, datapath->ports[i], ALL, false);
			if (r >= 0)
				r = port_set_off(&datapath->pins, datapath->ports[i], false);
		}
		if (r >= 0)
			r = pins_remove(&datapath->pins, "off");
	} else if (!datapath_all_off(datapath)) {
		r = pin_mark(datapath, "off");
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

/* One interface is switched on while its port is off: the others stay off. */
static int split_port_off(struct datapath *datapath, const struct target *target)
{
	int r = mark_members(datapath, target->port, target->index, true);

	return r < 0 ? r : port_set_off(&datapath->pins, target->port, false);
}

static int mark_one(struct datapath *datapath, const struct target *target, bool off,
		    struct diags *diags)
{
	const struct port *port = target->port;
	int r = 0;

	if (!off && datapath_all_off(datapath))
		r = split_all_off(datapath);
	if (r >= 0 && target->index == ALL) {
		if (!off)
			r = mark_members(datapath, port, ALL, false);
		if (r >= 0)
			r = port_set_off(&datapath->pins, port, off);
	} else if (r >= 0) {
		if (!off && port_is_off(&datapath->pins, port))
			r = split_port_off(datapath, target);
		if (r >= 0)
			r = member_set_off(&datapath->pins, port,
					   datapath->live->manifest->interfaces[target->index].name,
					   off);
	}
	return r < 0 ? kernel_error(diags, r, "cannot note in %s what is off", datapath->pins.path)
		     : 0;
}

/* --- programs ---------------------------------------------------------------------------- */

/* What would come back, if what is in force is not confirmed, heeds the marks, too. */
static int switch_members_before(struct datapath *datapath, const struct port *port,
				 struct diags *diags)
{
	const struct manifest *before = datapath_before(datapath);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && before && i < before->n_interfaces; i++) {
		r = members_switch(&datapath->pins, before->generation, port, i,
				   member_is_off(&datapath->pins, port, before->interfaces[i].name),
				   diags);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

/* The interfaces behind a port's dispatcher as their marks say. */
static int switch_members(struct datapath *datapath, const struct port *port, struct diags *diags)
{
	const struct manifest *manifest = datapath_manifest(datapath);
	int r = 0;

	for (uint32_t i = 0; r >= 0 && manifest && i < manifest->n_interfaces; i++) {
		if (datapath->held[i].port != port)
			continue;
		r = members_switch(
			&datapath->pins, manifest->generation, port, i,
			member_is_off(&datapath->pins, port, manifest->interfaces[i].name), diags);
		if (r == -ENOENT) /* no dispatcher */
			r = 0;
	}
	return r < 0 ? r : switch_members_before(datapath, port, diags);
}

/* The slot of a port, and what is behind it, as the marks say. */
static int switch_port(struct datapath *datapath, const struct port *port, struct diags *diags)
{
	int r;

	if (datapath_is_off(datapath, port))
		return port_disarm(port, diags);
	r = switch_members(datapath, port, diags);
	return r < 0 ? r : arm(datapath, port, diags);
}

/* The mark first, then the slot: a death in between leaves what was asked for to the next. */
int datapath_set_off(struct datapath *datapath, const char *interface, bool off,
		     struct diags *diags)
{
	struct target target = { .index = ALL };
	int r;

	kernel_forget();
	if (interface) {
		if (find_target(datapath, interface, &target) < 0) {
			diag_error(
				diags, NULL,
				"'%s' is no interface of the policy in force, and no device that "
				"xdpgate is attached to; see `xdpgate status`",
				interface);
			return -ENOENT;
		}
		r = mark_one(datapath, &target, off, diags);
	} else {
		r = mark_all(datapath, off, diags);
	}
	for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++)
		if (!target.port || datapath->ports[i] == target.port)
			r = switch_port(datapath, datapath->ports[i], diags);
	return r;
}

/* --- the end ----------------------------------------------------------------------------- */

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
	datapath->pending = pending_free(datapath->pending);
	datapath->sampling = sampling_free(datapath->sampling);
	datapath->counters = counters_close(datapath->counters);
	datapath->live_maps = live_maps_close(datapath->live_maps);
	r = pins_remove_all(&datapath->pins);
	return r < 0 ? kernel_error(diags, r, "cannot remove %s", datapath->pins.path) : 0;
}
