/* SPDX-License-Identifier: GPL-2.0-only */
#include "datapath.h"

#include <bpf/bpf.h>
#include <string.h>

#include "generation.h"
#include "kernel.h"
#include "util.h"

/* What the live generation has where one of its interfaces should be. */
struct place_held {
	struct port *port; /* among datapath.ports; NULL: not attached */
	char *error;       /* of the last attempt to attach */
};

struct datapath {
	struct pins pins;
	struct counters *counters;
	struct port **ports; /* all that carry our entry, named by the policy or not */
	size_t n_ports, ports_capacity;
	struct generation *live;
	uint64_t highest; /* generation number in use so far */
	struct place_held *held; /* by interface of live's manifest */
};

/* --- ports ------------------------------------------------------------------------------- */

static int add_port(struct datapath *datapath, struct port *port)
{
	int r = array_reserve((void **)&datapath->ports, &datapath->ports_capacity,
			      datapath->n_ports + 1, sizeof(*datapath->ports));

	if (r >= 0)
		datapath->ports[datapath->n_ports++] = port;
	return r;
}

static void forget_port(struct datapath *datapath, struct port *port)
{
	for (size_t i = 0; i < datapath->n_ports; i++)
		if (datapath->ports[i] == port) {
			datapath->ports[i] = datapath->ports[--datapath->n_ports];
			break;
		}
	port_free(port);
}

static struct port *find_port(const struct datapath *datapath, int ifindex)
{
	for (size_t i = 0; ifindex && i < datapath->n_ports; i++)
		if (datapath->ports[i]->ifindex == ifindex)
			return datapath->ports[i];
	return NULL;
}

static bool all_off(const struct datapath *datapath)
{
	return pins_exist(&datapath->pins, "off");
}

static bool is_off(const struct datapath *datapath, const struct port *port)
{
	return all_off(datapath) || port_is_off(&datapath->pins, port);
}

static int set_pass(const struct port *port, struct diags *diags)
{
	_cleanup_close_ int fd = pass_load(port->frags, diags);
	int r;

	if (fd < 0)
		return fd;
	kernel_forget();
	r = port_slot_set(port, fd);
	return r < 0 ? kernel_error(diags, r, "cannot set the slot of ifindex %d", port->ifindex) :
		       0;
}

struct adoption {
	struct datapath *datapath;
	struct diags *diags;
};

static int adopt_port(const char *key, void *context)
{
	struct adoption *adoption = context;
	struct datapath *datapath = adoption->datapath;
	struct port *port = NULL;
	int r;

	if (!pins_port_ifindex(&datapath->pins, key))
		return 0; /* of another network namespace */
	r = port_adopt(&datapath->pins, key, &port, adoption->diags);
	if (r == -ENOENT) {
		pins_remove(&datapath->pins, "ports/%s", key);
		return 0;
	}
	if (r >= 0)
		r = add_port(datapath, port);
	if (r < 0)
		port_free(port);
	return r;
}

/* --- opening ----------------------------------------------------------------------------- */

/* Put a program of generation `number` that is pinned into a port's slot. */
static int arm_from_pins(struct datapath *datapath, const struct port *port, uint64_t number)
{
	_cleanup_close_ int fd = generation_pinned_program(&datapath->pins, number, port);

	return fd < 0 ? fd : port_slot_set(port, fd);
}

/* A swap was interrupted: its target is complete, so finish it. */
static int finish_swap(struct datapath *datapath, struct diags *diags)
{
	uint64_t to;
	int r = intent_read(&datapath->pins, &to);

	if (r == -ENOENT)
		return 0;
	if (r >= 0 && pins_exist(&datapath->pins, "generations/%llu/manifest",
				 (unsigned long long)to)) {
		for (size_t i = 0; i < datapath->n_ports; i++) {
			const struct port *port = datapath->ports[i];

			if (is_off(datapath, port))
				continue;
			r = arm_from_pins(datapath, port, to);
			if (r == -ENOENT) /* not a port of the new policy */
				r = set_pass(port, diags);
			if (r < 0)
				return kernel_error(diags, r,
						    "cannot finish the swap to generation %llu",
						    (unsigned long long)to);
		}
		r = generation_remove_others(&datapath->pins, to);
		if (r < 0)
			return kernel_error(diags, r, "cannot remove the old generation's pins");
	}
	r = intent_clear(&datapath->pins);
	return r < 0 ? kernel_error(diags, r, "cannot remove %s/intent", datapath->pins.path) : 0;
}

static struct place_held *new_places(const struct manifest *manifest)
{
	return calloc(manifest->n_interfaces + 1, sizeof(struct place_held));
}

static struct place_held *free_places(struct place_held *held, const struct generation *generation)
{
	for (uint32_t i = 0; held && generation && i < generation->manifest->n_interfaces; i++)
		free(held[i].error);
	free(held);
	return NULL;
}

static int adopt(struct datapath *datapath, struct diags *diags)
{
	struct adoption adoption = { datapath, diags };
	const struct manifest *manifest;
	int r;

	r = pins_each(&datapath->pins, "ports", adopt_port, &adoption);
	if (r >= 0)
		r = finish_swap(datapath, diags);
	if (r >= 0)
		r = generation_find(&datapath->pins, datapath->ports, datapath->n_ports,
				    &datapath->live, &datapath->highest, diags);
	if (r < 0 || !datapath->live)
		return r;
	manifest = datapath->live->manifest;
	datapath->held = new_places(manifest);
	if (!datapath->held)
		return -ENOMEM;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		datapath->held[i].port =
			find_port(datapath, if_nametoindex(manifest->interfaces[i].port));
	return 0;
}

static void datapath_closep(struct datapath **datapath)
{
	datapath_close(*datapath);
}

int datapath_open(const char *pin_dir, bool create, struct datapath **ret, struct diags *diags)
{
	_cleanup_(datapath_closep) struct datapath *datapath = calloc(1, sizeof(*datapath));
	int r;

	if (!datapath)
		return -ENOMEM;
	r = pins_open(&datapath->pins, pin_dir, create, diags);
	if (r >= 0)
		r = counters_open(&datapath->pins, &datapath->counters, diags);
	if (r >= 0)
		r = adopt(datapath, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}

struct datapath *datapath_close(struct datapath *datapath)
{
	if (!datapath)
		return NULL;
	free_places(datapath->held, datapath->live);
	generation_free(datapath->live);
	for (size_t i = 0; i < datapath->n_ports; i++)
		port_free(datapath->ports[i]);
	free(datapath->ports);
	counters_close(datapath->counters);
	pins_close(&datapath->pins);
	free(datapath);
	return NULL;
}

/* --- installing -------------------------------------------------------------------------- */

/* A swap in the making: what was attached for it is detached again if it fails. */
struct install {
	struct datapath *datapath;
	struct generation *generation;
	struct place_held *held;
	int *programs; /* fd by interface; -1: not attached */
	bool *attached_now;
	struct diags *diags;
};

static char *last_error(const struct diags *diags)
{
	return diags->n ? strdup(diags->items[diags->n - 1].message) : NULL;
}

/* Find or attach the interface's port. -ENODEV: there is no such device. */
static int take_port(struct datapath *datapath, const struct manifest *manifest, uint32_t index,
		     struct port **ret, bool *ret_attached, struct diags *diags)
{
	const struct manifest_interface *interface = &manifest->interfaces[index];
	int ifindex = if_nametoindex(interface->port);
	struct port *port = find_port(datapath, ifindex);
	int r;

	*ret_attached = false;
	if (!ifindex)
		return -ENODEV;
	if (port && port->mode != interface->mode) {
		diag_error(diags, NULL,
			   "%s is attached in %s mode: changing it takes `xdpgate detach` first, "
			   "which lets packets pass unfiltered for a moment and may reset the link",
			   interface->port,
			   port->mode == ATTACH_NATIVE ? "native" : "generic");
		return -EEXIST;
	}
	if (!port) {
		r = port_attach(&datapath->pins, ifindex, interface->mode,
				manifest->fail_closed, &port, diags);
		if (r < 0)
			return r;
		r = add_port(datapath, port);
		if (r < 0) {
			port_detach(&datapath->pins, port, diags);
			port_free(port);
			return r;
		}
		*ret_attached = true;
	}
	*ret = port;
	return 0;
}

/* The interface's port and program, pinned but not in the slot. */
static int prepare_interface(struct install *install, uint32_t index)
{
	const struct manifest *manifest = install->generation->manifest;
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct place_held *held = &install->held[index];
	struct diags own = {};
	int r;

	r = take_port(install->datapath, manifest, index, &held->port,
		      &install->attached_now[index], &own);
	if (r >= 0)
		r = generation_load_port(&install->datapath->pins, install->generation, index,
					 held->port, install->datapath->counters,
					 &install->programs[index], install->diags);
	else if (r == -ENODEV)
		r = 0;
	else if (!interface->required && r != -ENOMEM) {
		held->error = last_error(&own);
		diag_warning(install->diags, NULL, "interface '%s' is not filtered: %s",
			     interface->name, held->error ? held->error : strerror(-r));
		r = 0;
	} else {
		diag_error(install->diags, NULL, "interface '%s': %s", interface->name,
			   own.n ? own.items[own.n - 1].message : strerror(-r));
	}
	diags_free(&own);
	return r;
}

/* Is the port one that the policy in the making names? */
static bool install_holds(const struct install *install, const struct port *port)
{
	for (uint32_t i = 0; i < install->generation->manifest->n_interfaces; i++)
		if (install->held[i].port == port)
			return true;
	return false;
}

/* Every slot, one update each. Ports that the policy no longer names let packets pass. */
static int swap_slots(struct install *install)
{
	const struct manifest *manifest = install->generation->manifest;
	struct datapath *datapath = install->datapath;
	int r = 0;

	kernel_forget();
	for (uint32_t i = 0; r >= 0 && i < manifest->n_interfaces; i++) {
		const struct port *port = install->held[i].port;

		if (!port)
			continue;
		if (is_off(datapath, port))
			r = set_pass(port, install->diags);
		else
			r = port_slot_set(port, install->programs[i]);
		if (r >= 0)
			r = port_set_fall_through(port, manifest->fail_closed);
		if (r < 0)
			kernel_error(install->diags, r, "cannot swap in the program of '%s'",
				     manifest->interfaces[i].name);
	}
	for (size_t i = 0; r >= 0 && i < datapath->n_ports; i++)
		if (!install_holds(install, datapath->ports[i]))
			r = set_pass(datapath->ports[i], install->diags);
	return r;
}

/* Slots that were changed go back to the old generation's programs. */
static void restore_slots(struct datapath *datapath)
{
	struct diags ignored = {};

	for (size_t i = 0; i < datapath->n_ports; i++) {
		const struct port *port = datapath->ports[i];

		if (is_off(datapath, port) || !datapath->live ||
		    arm_from_pins(datapath, port, datapath->live->manifest->generation) < 0)
			set_pass(port, &ignored);
	}
	diags_free(&ignored);
}

static int swap(struct install *install)
{
	struct datapath *datapath = install->datapath;
	uint64_t to = install->generation->manifest->generation;
	uint64_t from = datapath->live ? datapath->live->manifest->generation : 0;
	int r;

	r = intent_write(&datapath->pins, from, to, install->diags);
	if (r < 0)
		return r;
	r = swap_slots(install);
	if (r < 0) {
		restore_slots(datapath);
		intent_clear(&datapath->pins);
		return r;
	}
	/* The new one is in force whatever becomes of the old one's pins. */
	if (generation_remove_others(&datapath->pins, to) < 0 ||
	    intent_clear(&datapath->pins) < 0)
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
			forget_port(datapath, port);
	}
	pins_remove(&datapath->pins, "generations/%llu",
		    (unsigned long long)install->generation->manifest->generation);
}

static int install_generation(struct install *install)
{
	struct datapath *datapath = install->datapath;
	uint32_t n = install->generation->manifest->n_interfaces;
	int r = 0;

	install->held = new_places(install->generation->manifest);
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
		free_places(install->held, install->generation);
	for (uint32_t i = 0; install->programs && install->generation &&
			     i < install->generation->manifest->n_interfaces; i++)
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
		     const struct tables *tables, struct diags *diags)
{
	_cleanup_(install_done) struct install install = { .datapath = datapath, .diags = diags };
	struct generation *old_generation;
	struct place_held *old_held;
	int r;

	r = datapath_links_changed(datapath, NULL);
	if (r >= 0)
		r = generation_build(policy, tables, datapath->highest + 1, datapath->counters,
				     &install.generation, diags);
	if (r >= 0)
		r = install_generation(&install);
	if (r < 0) {
		retire_unused(datapath);
		return r;
	}
	counters_retire_others(datapath->counters);
	datapath->highest++;
	old_generation = datapath->live;
	old_held = datapath->held;
	datapath->live = TAKE_PTR(install.generation);
	datapath->held = TAKE_PTR(install.held);
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++)
		close_fd(&install.programs[i]);
	free_places(old_held, old_generation);
	generation_free(old_generation);
	return 0;
}

/* --- links ------------------------------------------------------------------------------- */

static void forget_gone_ports(struct datapath *datapath)
{
	char name[IFNAMSIZ];

	for (size_t i = 0; i < datapath->n_ports;) {
		struct port *port = datapath->ports[i];

		if (if_indextoname(port->ifindex, name)) {
			i++;
			continue;
		}
		for (uint32_t j = 0; datapath->live && j < datapath->live->manifest->n_interfaces;
		     j++)
			if (datapath->held[j].port == port)
				datapath->held[j].port = NULL;
		pins_remove(&datapath->pins, "ports/%s", port->key);
		forget_port(datapath, port);
	}
}

/* The device with the interface's name is not the one we stand on (renamed, or replaced). */
static void release_renamed(struct datapath *datapath, uint32_t index)
{
	struct place_held *held = &datapath->held[index];
	struct diags ignored = {};

	if (!held->port ||
	    (int)if_nametoindex(datapath->live->manifest->interfaces[index].port) ==
		    held->port->ifindex)
		return;
	set_pass(held->port, &ignored);
	diags_free(&ignored);
	held->port = NULL;
}

/* Attach and arm an interface of the live generation whose device has appeared. */
static int serve_interface(struct datapath *datapath, uint32_t index, struct diags *diags)
{
	const struct manifest_interface *interface = &datapath->live->manifest->interfaces[index];
	struct place_held *held = &datapath->held[index];
	_cleanup_close_ int fd = -1;
	bool attached = false;
	int r;

	r = take_port(datapath, datapath->live->manifest, index, &held->port, &attached, diags);
	if (r >= 0)
		r = generation_load_port(&datapath->pins, datapath->live, index, held->port,
					 datapath->counters, &fd, diags);
	if (r >= 0)
		r = is_off(datapath, held->port) ? set_pass(held->port, diags) :
						   port_slot_set(held->port, fd);
	free(TAKE_PTR(held->error));
	if (r >= 0)
		return 0;
	if (r != -ENODEV)
		held->error = diags->n ? last_error(diags) : strdup(strerror(-r));
	if (held->port && attached && port_detach(&datapath->pins, held->port, diags) >= 0)
		forget_port(datapath, held->port);
	held->port = NULL;
	if (r == -ENODEV)
		return 0;
	diag_error(diags, NULL, "interface '%s' is not filtered", interface->name);
	return r;
}

int datapath_links_changed(struct datapath *datapath, struct diags *diags)
{
	int result = 0;

	forget_gone_ports(datapath);
	if (!datapath->live)
		return 0;
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++)
		release_renamed(datapath, i);
	if (!diags || !datapath->live->built_here)
		return 0; /* nothing is to be attached, or there are no tables for it */
	generation_update_redirects(datapath->live);
	for (uint32_t i = 0; i < datapath->live->manifest->n_interfaces; i++) {
		int r = datapath->held[i].port ? 0 : serve_interface(datapath, i, diags);

		if (r < 0)
			result = r;
	}
	return result;
}

/* --- off, disarm, detach ----------------------------------------------------------------- */

int datapath_disarm(struct datapath *datapath, struct diags *diags)
{
	int result = 0;

	for (size_t i = 0; i < datapath->n_ports; i++) {
		int r = set_pass(datapath->ports[i], diags);

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
	r = arm_from_pins(datapath, port, datapath->live->manifest->generation);
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
	return find_port(datapath, if_nametoindex(name));
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
	} else if (!all_off(datapath)) {
		r = fd = kernel_table_create("xdpgate_off", nothing, sizeof(nothing));
		if (r >= 0)
			r = pins_put(&datapath->pins, fd, "off");
	}
	return r < 0 ? kernel_error(diags, r, "cannot note in %s what is off",
				    datapath->pins.path) :
		       0;
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

	if (!off && all_off(datapath))
		r = split_all_off(datapath);
	if (r >= 0)
		r = port_set_off(&datapath->pins, port, off);
	return r < 0 ? kernel_error(diags, r, "cannot note in %s what is off",
				    datapath->pins.path) :
		       0;
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
			diag_error(diags, NULL,
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
		r = off ? set_pass(port, diags) : arm(datapath, port, diags);
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
		forget_port(datapath, port);
	}
	r = pins_each(&datapath->pins, "ports", note_other_port, &others);
	if (r < 0 || others.n)
		return r < 0 ? r : -EBUSY;

	/* Nothing refers to these any more but us. */
	datapath->held = free_places(datapath->held, datapath->live);
	datapath->live = generation_free(datapath->live);
	datapath->counters = counters_close(datapath->counters);
	r = pins_remove_all(&datapath->pins);
	return r < 0 ? kernel_error(diags, r, "cannot remove %s", datapath->pins.path) : 0;
}

/* --- looking ----------------------------------------------------------------------------- */

const struct manifest *datapath_manifest(const struct datapath *datapath)
{
	return datapath->live ? datapath->live->manifest : NULL;
}

static bool is_filtering(const struct datapath *datapath, const struct port *port,
			 uint32_t program_id)
{
	_cleanup_close_ int fd = generation_pinned_program(
		&datapath->pins, datapath->live->manifest->generation, port);

	return fd >= 0 && program_id && kernel_prog_id(fd) == program_id;
}

bool datapath_is_armed(const struct datapath *datapath)
{
	for (size_t i = 0; datapath->live && i < datapath->n_ports; i++)
		if (is_filtering(datapath, datapath->ports[i],
				 port_slot_get(datapath->ports[i])))
			return true;
	return false;
}

static uint32_t jited_bytes(uint32_t program_id)
{
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(program_id);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.jited_prog_len;
}

void datapath_interface(const struct datapath *datapath, uint32_t index,
			struct datapath_interface *ret)
{
	const struct place_held *held = &datapath->held[index];

	*ret = (struct datapath_interface){ .port = held->port, .error = held->error };
	if (!held->port) {
		ret->absent =
			!if_nametoindex(datapath->live->manifest->interfaces[index].port);
		return;
	}
	ret->off = is_off(datapath, held->port);
	ret->program_id = port_slot_get(held->port);
	ret->filtering = is_filtering(datapath, held->port, ret->program_id);
	ret->jited_bytes = ret->program_id ? jited_bytes(ret->program_id) : 0;
}

int datapath_read_counter(struct datapath *datapath, uint32_t slot, struct counter *ret)
{
	return counters_read(datapath->counters, slot, ret);
}
