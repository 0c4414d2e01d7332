/* SPDX-License-Identifier: GPL-2.0-only */
#include "datapath.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <string.h>

#include "datapath_internal.h"
#include "kernel.h"
#include "netdev.h"
#include "probe.h"
#include "util.h"

/* --- ports ------------------------------------------------------------------------------- */

int datapath_add_port(struct datapath *datapath, struct port *port)
{
	int r = array_reserve((void **)&datapath->ports, &datapath->ports_capacity,
			      datapath->n_ports + 1, sizeof(*datapath->ports));

	if (r >= 0)
		datapath->ports[datapath->n_ports++] = port;
	return r;
}

void datapath_forget_port(struct datapath *datapath, struct port *port)
{
	for (size_t i = 0; i < datapath->n_ports; i++)
		if (datapath->ports[i] == port) {
			datapath->ports[i] = datapath->ports[--datapath->n_ports];
			break;
		}
	port_free(port);
}

struct port *datapath_find_port(const struct datapath *datapath, int ifindex)
{
	for (size_t i = 0; ifindex > 0 && i < datapath->n_ports; i++)
		if (datapath->ports[i]->ifindex == ifindex)
			return datapath->ports[i];
	return NULL;
}

bool datapath_all_off(const struct datapath *datapath)
{
	return pins_exist(&datapath->pins, "off");
}

bool datapath_is_off(const struct datapath *datapath, const struct port *port)
{
	return datapath_all_off(datapath) || port_is_off(&datapath->pins, port);
}

int port_disarm(const struct port *port, struct diags *diags)
{
	_cleanup_close_ int fd = pass_load(port->frags, diags);
	int r;

	if (fd < 0)
		return fd;
	kernel_forget();
	r = port_slot_set(port, fd);
	return r < 0 ? kernel_error(diags, r, "cannot set the slot of ifindex %d", port->ifindex)
		     : 0;
}

/* Put a program of generation `number` that is pinned into a port's slot. */
int datapath_arm_from_pins(struct datapath *datapath, const struct port *port, uint64_t number)
{
	_cleanup_close_ int fd = generation_slot_program(&datapath->pins, number, port);

	return fd < 0 ? fd : port_slot_set(port, fd);
}

/* --- opening ----------------------------------------------------------------------------- */

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

	if (!pins_port_ifindex(&datapath->pins, key)) {
		/* Of another network namespace, which may be gone, and its devices with it. */
		if (port_is_orphan(&datapath->pins, key))
			pins_remove(&datapath->pins, "ports/%s", key);
		return 0;
	}
	r = port_adopt(&datapath->pins, key, &port, adoption->diags);
	if (r == -ENOENT) {
		pins_remove(&datapath->pins, "ports/%s", key);
		return 0;
	}
	if (r >= 0)
		r = datapath_add_port(datapath, port);
	if (r < 0)
		port_free(port);
	return r;
}

/* A swap was interrupted: its target is complete, so finish it. */
static int finish_swap_to(struct datapath *datapath, uint64_t to, struct diags *diags)
{
	struct pending *pending = NULL;
	uint64_t from = 0;
	int r = 0;

	for (size_t i = 0; i < datapath->n_ports; i++) {
		const struct port *port = datapath->ports[i];

		if (datapath_is_off(datapath, port))
			continue;
		r = datapath_arm_from_pins(datapath, port, to);
		if (r == -ENOENT) /* not a port of the new policy */
			r = port_disarm(port, diags);
		if (r < 0)
			return kernel_error(diags, r, "cannot finish the swap to generation %llu",
					    (unsigned long long)to);
	}
	if (pending_open(&datapath->pins, &pending) >= 0 && pending->state->to == to) {
		pending->state->swapped = 1;
		from = pending->state->from;
	} else { /* of one that this one took the place of */
		r = pending_unpin(&datapath->pins);
	}
	pending_free(pending);
	if (r >= 0)
		r = generation_remove_others(&datapath->pins, to, from);
	return r < 0 ? kernel_error(diags, r, "cannot remove the old generation's pins") : 0;
}

static int finish_swap(struct datapath *datapath, struct diags *diags)
{
	uint64_t to;
	int r = intent_read(&datapath->pins, &to);

	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EINVAL) /* that is none of ours, and goes */
		return kernel_error(diags, r, "cannot read %s/intent", datapath->pins.path);
	if (r >= 0 &&
	    pins_exist(&datapath->pins, "generations/%llu/manifest", (unsigned long long)to)) {
		r = finish_swap_to(datapath, to, diags);
		if (r < 0)
			return r;
	}
	r = intent_clear(&datapath->pins);
	return r < 0 ? kernel_error(diags, r, "cannot remove %s/intent", datapath->pins.path) : 0;
}

struct place_held *places_new(const struct manifest *manifest)
{
	return calloc(manifest->n_interfaces + 1, sizeof(struct place_held));
}

struct place_held *places_free(struct place_held *held, const struct generation *generation)
{
	for (uint32_t i = 0; held && generation && i < generation->manifest->n_interfaces; i++)
		free(held[i].error);
	free(held);
	return NULL;
}

int datapath_hold_places(struct datapath *datapath)
{
	const struct manifest *manifest = datapath->live->manifest;
	_cleanup_free_ int *devices = NULL;

	datapath->held = places_new(manifest);
	if (!datapath->held)
		return -ENOMEM;
	devices = datapath_find_devices(datapath, manifest, datapath->held);
	if (!devices)
		return -ENOMEM;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		datapath->held[i].port = datapath_find_port(datapath, devices[i]);
	return 0;
}

/* What waits to be confirmed is live, also where no port tells. */
static int find_pending(struct datapath *datapath)
{
	uint64_t to = datapath->pending ? datapath->pending->state->to : 0;
	struct manifest *manifest = NULL;
	int r;

	if (!to || (datapath->live && datapath->live->manifest->generation == to))
		return 0;
	r = generation_read_manifest(&datapath->pins, to, &manifest);
	if (r == -ENOMEM)
		return r;
	if (r < 0) { /* it was whole when it was swapped in: it is as if nothing waited */
		datapath->pending = pending_free(datapath->pending);
		return 0;
	}
	generation_free(datapath->live);
	datapath->live = generation_adopt(manifest);
	return datapath->live ? 0 : -ENOMEM;
}

static int adopt(struct datapath *datapath, struct diags *diags)
{
	struct adoption adoption = { datapath, diags };
	int r;

	r = pins_each(&datapath->pins, "ports", adopt_port, &adoption);
	if (r >= 0)
		r = finish_swap(datapath, diags);
	if (r >= 0)
		r = datapath_settle(datapath, diags);
	if (r >= 0)
		r = generation_find(&datapath->pins, datapath->ports, datapath->n_ports,
				    &datapath->live, &datapath->highest, diags);
	if (r >= 0)
		r = find_pending(datapath);
	return r < 0 || !datapath->live ? r : datapath_hold_places(datapath);
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
	datapath->created = r >= 0 && create;
	if (r >= 0)
		r = counters_open(&datapath->pins, &datapath->counters, diags);
	if (r >= 0)
		r = live_maps_open(&datapath->pins, &datapath->live_maps, diags);
	if (r >= 0) {
		datapath->was_left = pins_exist(&datapath->pins, "left");
		if (create) /* it is the next daemon's to read */
			r = pins_remove(&datapath->pins, "left");
	}
	if (r >= 0)
		r = adopt(datapath, diags);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}

int datapath_open_ports(const char *pin_dir, struct datapath **ret, struct diags *diags)
{
	_cleanup_(datapath_closep) struct datapath *datapath = calloc(1, sizeof(*datapath));
	struct adoption adoption = { datapath, diags };
	int r;

	if (!datapath)
		return -ENOMEM;
	r = pins_open(&datapath->pins, pin_dir, false, diags);
	if (r >= 0)
		r = pins_each(&datapath->pins, "ports", adopt_port, &adoption);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(datapath);
	return 0;
}

struct datapath *datapath_close(struct datapath *datapath)
{
	struct diags ignored = {};

	if (!datapath)
		return NULL;
	datapath_sample_end(datapath, &ignored); /* its reader is told by us, and we go */
	diags_free(&ignored);
	places_free(datapath->held, datapath->live);
	generation_free(datapath->live);
	pending_free(datapath->pending);
	for (size_t i = 0; i < datapath->n_ports; i++)
		port_free(datapath->ports[i]);
	free(datapath->ports);
	counters_close(datapath->counters);
	live_maps_close(datapath->live_maps);
	/* Counters alone, that nothing counts in: we made the folder, and nothing came of it. */
	if (datapath->created && !datapath->live && !pins_exist(&datapath->pins, "ports") &&
	    !pins_exist(&datapath->pins, "generations") && !datapath_all_off(datapath))
		pins_remove_all(&datapath->pins);
	pins_close(&datapath->pins);
	free(datapath);
	return NULL;
}

/* --- looking ----------------------------------------------------------------------------- */

const struct manifest *datapath_manifest(const struct datapath *datapath)
{
	return datapath->live ? datapath->live->manifest : NULL;
}

bool datapath_was_left(const struct datapath *datapath)
{
	return datapath->was_left;
}

static bool is_filtering(const struct datapath *datapath, const struct port *port,
			 uint32_t program_id)
{
	_cleanup_close_ int fd = generation_slot_program(
		&datapath->pins, datapath->live->manifest->generation, port);

	return fd >= 0 && program_id && kernel_prog_id(fd) == program_id;
}

bool datapath_is_armed(const struct datapath *datapath)
{
	for (size_t i = 0; datapath->live && i < datapath->n_ports; i++)
		if (is_filtering(datapath, datapath->ports[i], port_slot_get(datapath->ports[i])))
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

/* Of the live generation's own program for a port. */
static uint32_t own_program_id(const struct datapath *datapath, const struct port *port)
{
	_cleanup_close_ int fd =
		generation_own_program(&datapath->pins, datapath->live->manifest->generation, port);

	return fd < 0 ? 0 : kernel_prog_id(fd);
}

/* The program in the slot of a port is the live generation's: what of it is the interface's? */
static void look_at_program(const struct datapath *datapath, uint32_t index,
			    struct datapath_interface *ret)
{
	const struct port *port = ret->port;
	uint64_t generation = datapath->live->manifest->generation;
	bool judges = true;

	if (members_program(&datapath->pins, generation, port, index, &ret->program_id, &judges) <
	    0)
		ret->program_id = own_program_id(datapath, port);
	ret->filtering = judges;
}

void datapath_interface(const struct datapath *datapath, uint32_t index,
			struct datapath_interface *ret)
{
	const struct place_held *held = &datapath->held[index];
	const struct manifest_interface *interface = &datapath->live->manifest->interfaces[index];
	struct diags ignored = {};

	*ret = (struct datapath_interface){ .port = held->port, .error = held->error };
	if (!held->port) {
		ret->absent = !held->error && netdev_find(interface->port, &ignored) == 0;
		diags_free(&ignored);
		return;
	}
	ret->off = datapath_is_off(datapath, held->port) ||
		   member_is_off(&datapath->pins, held->port, interface->name);
	ret->program_id = port_slot_get(held->port);
	if (is_filtering(datapath, held->port, ret->program_id))
		look_at_program(datapath, index, ret);
	ret->jited_bytes = ret->program_id ? jited_bytes(ret->program_id) : 0;
}

void datapath_snapshot_counters(struct datapath *datapath)
{
	if (datapath->counters)
		counters_snapshot(datapath->counters);
}

int datapath_read_counter(struct datapath *datapath, uint32_t slot, struct counter *ret)
{
	return counters_read(datapath->counters, slot, ret);
}

struct live_maps *datapath_live_maps(const struct datapath *datapath)
{
	return datapath->live_maps;
}

/* --- explaining -------------------------------------------------------------------------- */

static void probe_closep(struct probe **probe)
{
	probe_close(*probe);
}

int datapath_explain(struct datapath *datapath, uint32_t index, const uint8_t *frame, size_t len,
		     struct trace *ret, uint32_t *ret_first_bit, struct diags *diags)
{
	const struct generation *live = datapath->live;
	_cleanup_(probe_closep) struct probe *probe = NULL;
	struct probe_answer answer;
	int r;

	if (!live || !live->built_here) {
		diag_error(diags, NULL,
			   "what is in force was adopted from a daemon before this one, which had "
			   "its tables; a reload builds it anew: xdpgate reload");
		return -EOPNOTSUPP;
	}
	r = probe_open_over(&live->maps, &live->configs[index], true, &probe, diags);
	if (r < 0)
		return r;
	kernel_forget();
	r = probe_run(probe, frame, len, &answer, NULL);
	if (r < 0)
		return kernel_error(diags, r, "cannot run the program on the packet");
	*ret = answer.trace;
	*ret_first_bit = live->configs[index].first_word * ROW_WORD_BITS;
	return 0;
}
