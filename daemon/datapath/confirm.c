/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * confirm.c: what stands in front of ports' programs, and when it goes: a generation that waits to be
 * confirmed (pending.h tells the order of things), and sampling.
 */
#include <string.h>
#include <time.h>

#include "datapath_internal.h"
#include "kernel.h"
#include "util.h"

/* --- in front ---------------------------------------------------------------------------- */

/* The port's interfaces, by the devices where the generation's interfaces are now. */
static int find_members(const struct datapath *datapath, const struct generation *generation,
			const struct port *port, struct members *ret)
{
	struct place_held *places = places_new(generation->manifest);
	_cleanup_free_ int *devices = NULL;

	ret->n = 0;
	if (places)
		devices = datapath_find_devices(datapath, generation->manifest, places);
	for (uint32_t i = 0; devices && i < generation->manifest->n_interfaces; i++)
		if (devices[i] == port->ifindex)
			ret->items[ret->n++] = i;
	places_free(places, generation);
	return devices ? 0 : -ENOMEM;
}

/* What judged on the port before: that generation's program, or, if it had none there, the one that
 * it would have, or else the pass program. fd, the caller's. */
static int program_before(struct datapath *datapath, const struct pending *pending,
			  const struct port *port, struct diags *diags)
{
	const struct generation *before = pending->before;
	struct members members = {};
	int fd = -ENOENT, r;

	if (pending->state->from)
		fd = generation_own_program(&datapath->pins, pending->state->from, port);
	if (fd != -ENOENT)
		return fd;
	r = before && before->built_here ? find_members(datapath, before, port, &members) : 0;
	if (r < 0)
		return r;
	if (!members.n)
		return pass_load(port->frags, diags);
	r = members_load(&datapath->pins, before, port, &members, datapath->counters, true, &fd,
			 diags);
	return r < 0 ? r : fd;
}

int datapath_put_in_front(struct datapath *datapath, const struct generation *generation,
			  const struct pending *pending, const struct port *port, int *fd,
			  struct diags *diags)
{
	const struct sampling *sampling =
		pending || generation != datapath->live ? NULL : datapath->sampling;
	_cleanup_close_ int before_fd = -1;
	struct front front = {
		.now_fd = *fd,
		.before_fd = -1,
		.pending_fd = pending ? pending->fd : -1,
		.sampling_fd = sampling ? sampling->fd : -1,
		.samples_fd = sampling ? sampling->samples_fd : -1,
		.fail_closed = generation->manifest->fail_closed,
	};
	int in_front = -1, r;

	if (!pending && !sampling)
		return 0;
	if (pending) {
		before_fd = program_before(datapath, pending, port, diags);
		if (before_fd < 0)
			return before_fd;
		front.before_fd = before_fd;
	}
	r = front_load(&datapath->pins, generation->manifest->generation, port, &front, &in_front,
		       diags);
	if (r < 0)
		return r;
	close_fd(fd);
	*fd = in_front;
	return 0;
}

int datapath_pass_in_front(struct datapath *datapath, const struct generation *generation,
			   const struct pending *pending, const struct port *port, int *ret_fd,
			   struct diags *diags)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (!pending || !pins_exist(&datapath->pins, "generations/%llu/%s",
				    (unsigned long long)pending->state->from, port->key))
		return 0;
	r = fd = pass_load(port->frags, diags);
	if (r >= 0)
		r = datapath_put_in_front(datapath, generation, pending, port, &fd, diags);
	if (r >= 0)
		*ret_fd = TAKE_FD(fd);
	return r < 0 ? r : 0;
}

/* A clean stop, or what else put the pass program there: nothing judges on the port. */
static bool is_disarmed(const struct port *port)
{
	_cleanup_close_ int fd = port_slot_program(port);

	return fd >= 0 && pass_is(fd);
}

/* A program into the slot of each port that is neither off nor disarmed. get: its fd, -ENOENT: leave
 * the port. */
typedef int get_program(const struct datapath *datapath, uint64_t generation,
			const struct port *port, struct diags *diags);

static int set_slots(struct datapath *datapath, uint64_t generation, get_program *get,
		     struct diags *diags)
{
	for (size_t i = 0; i < datapath->n_ports; i++) {
		const struct port *port = datapath->ports[i];
		_cleanup_close_ int fd = -1;
		int r;

		if (datapath_is_off(datapath, port) || is_disarmed(port))
			continue;
		kernel_forget();
		r = fd = get(datapath, generation, port, diags);
		if (r == -ENOENT)
			continue;
		if (r >= 0)
			r = port_slot_set(port, fd);
		if (r < 0)
			return kernel_error(diags, r, "cannot change the slot of ifindex %d",
					    port->ifindex);
	}
	return 0;
}

static bool has_front(const struct datapath *datapath, uint64_t generation, const struct port *port)
{
	return pins_exist(&datapath->pins, "generations/%llu/%s-front",
			  (unsigned long long)generation, port->key);
}

/* Where the generation has no program, and what is in front has the pass program behind it, that. */
static int get_own(const struct datapath *datapath, uint64_t generation, const struct port *port,
		   struct diags *diags)
{
	int fd = generation_own_program(&datapath->pins, generation, port);

	return fd == -ENOENT && has_front(datapath, generation, port)
		       ? pass_load(port->frags, diags)
		       : fd;
}

static int get_own_or_pass(const struct datapath *datapath, uint64_t generation,
			   const struct port *port, struct diags *diags)
{
	int fd = generation ? generation_own_program(&datapath->pins, generation, port) : -ENOENT;

	return fd == -ENOENT ? pass_load(port->frags, diags) : fd;
}

/* Nothing stands in front of the generation's programs any more. */
static int clear_front(struct datapath *datapath, uint64_t generation, struct diags *diags)
{
	int r = set_slots(datapath, generation, get_own, diags);

	return r < 0 ? r
		     : front_remove(&datapath->pins, generation, datapath->ports,
				    datapath->n_ports);
}

/* --- waiting to be confirmed ------------------------------------------------------------- */

static int cannot_settle(const struct datapath *datapath, int r, struct diags *diags)
{
	return kernel_error(diags, r, "cannot remove pins in %s", datapath->pins.path);
}

int datapath_finish_confirm(struct datapath *datapath, uint64_t to, struct diags *diags)
{
	int r = clear_front(datapath, to, diags);

	if (r < 0)
		return r;
	kernel_forget();
	r = generation_remove_others(&datapath->pins, to, 0);
	if (r >= 0)
		r = pending_unpin(&datapath->pins);
	return r < 0 ? cannot_settle(datapath, r, diags) : 0;
}

int datapath_finish_undo(struct datapath *datapath, uint64_t from, struct diags *diags)
{
	int r = set_slots(datapath, from, get_own_or_pass, diags);

	if (r < 0)
		return r;
	kernel_forget();
	r = generation_remove_others(&datapath->pins, from, 0);
	if (r >= 0)
		r = pending_unpin(&datapath->pins);
	return r < 0 ? cannot_settle(datapath, r, diags) : 0;
}

/* The wait is over, and what waited is in force for good; or what could not be done of that is left
 * to the next daemon. */
static void forget_pending(struct datapath *datapath)
{
	datapath->pending = pending_free(datapath->pending);
	datapath_retire_unused(datapath);
}

int datapath_confirm(struct datapath *datapath, struct diags *diags)
{
	struct pending *pending = datapath->pending;
	int r;

	if (!pending) {
		diag_error(
			diags, NULL,
			"no policy waits to be confirmed: it was confirmed or undone before, as "
			"'xdpgate history' tells; 'xdpgate reload --confirm TIME' makes one wait");
		return -ENOENT;
	}
	if (pending_is_overdue(pending)) {
		diag_error(diags, NULL,
			   "it is too late: packets are judged by the policy that "
			   "was in force before");
		return -ETIMEDOUT;
	}
	/* From here on it is confirmed, whatever happens. */
	pending->state->deadline = PENDING_CONFIRMED;
	r = datapath_finish_confirm(datapath, pending->state->to, diags);
	if (r < 0)
		diag_warning(diags, NULL,
			     "the policy is confirmed, but what is left of the one before could "
			     "not be removed: the next reload does");
	forget_pending(datapath);
	return 0;
}

int datapath_undo(struct datapath *datapath, struct diags *diags)
{
	struct pending *pending = datapath->pending;
	struct generation *undone = datapath->live;
	struct place_held *held = datapath->held;
	int r;

	if (!pending)
		return -ENOENT;
	/* From here on all packets are judged by what was in force before. */
	pending->state->deadline = 0;
	r = datapath_finish_undo(datapath, pending->state->from, diags);
	if (r < 0)
		diag_warning(diags, NULL,
			     "the policy is undone, but not all that is left of it could be "
			     "removed: the next reload does");
	datapath->live = TAKE_PTR(pending->before);
	datapath->held = NULL;
	places_free(held, undone);
	generation_free(undone);
	forget_pending(datapath);
	r = datapath->live ? datapath_hold_places(datapath) : 0;
	if (r >= 0 && datapath->live)
		for (size_t i = 0; i < datapath->n_ports; i++)
			port_set_fall_through(datapath->ports[i],
					      datapath->live->manifest->fail_closed);
	if (r >= 0)
		r = datapath_links_changed(datapath, diags);
	return r == -ENOMEM ? r : 0;
}

uint64_t datapath_deadline(const struct datapath *datapath)
{
	return datapath->pending ? datapath->pending->state->deadline_ns : 0;
}

const struct manifest *datapath_before(const struct datapath *datapath)
{
	return datapath->pending && datapath->pending->before ? datapath->pending->before->manifest
							      : NULL;
}

/* --- what a daemon before us left -------------------------------------------------------- */

/* What is in the port's slot is the generation's, or stands in front of that. */
static bool judges(const struct datapath *datapath, uint64_t generation, const struct port *port)
{
	_cleanup_close_ int own_fd = generation_own_program(&datapath->pins, generation, port);
	_cleanup_close_ int slot_fd = generation_slot_program(&datapath->pins, generation, port);
	uint32_t own = own_fd < 0 ? 0 : kernel_prog_id(own_fd);
	uint32_t front = slot_fd < 0 ? 0 : kernel_prog_id(slot_fd);
	uint32_t id = port_slot_get(port);

	return id && (id == own || id == front);
}

/* A generation that judges nowhere was never swapped in: it is not to judge now. */
static int remove_front_of(const char *name, void *context)
{
	struct datapath *datapath = context;
	uint64_t number = generation_number(name);
	struct diags ignored = {};

	for (size_t i = 0; number && i < datapath->n_ports; i++)
		if (judges(datapath, number, datapath->ports[i]) &&
		    pins_exist(&datapath->pins, "generations/%s/%s-behind", name,
			       datapath->ports[i]->key)) {
			clear_front(datapath, number, &ignored);
			break;
		}
	diags_free(&ignored);
	return 0;
}

/* Nothing waits to be confirmed, so whatever stands in front took samples for somebody. */
static void end_sampling_of_others(struct datapath *datapath)
{
	pins_each(&datapath->pins, "generations", remove_front_of, datapath);
	sampling_unpin(&datapath->pins);
}

static int adopt_pending(struct datapath *datapath, struct pending *pending)
{
	struct manifest *manifest = NULL;
	int r = 0;

	if (pending->state->from)
		r = generation_read_manifest(&datapath->pins, pending->state->from, &manifest);
	if (r == -ENOMEM)
		return r;
	if (manifest) { /* else programs can go back to it, but nobody knows what it was */
		pending->before = generation_adopt(manifest);
		if (!pending->before)
			return -ENOMEM;
	}
	datapath->pending = pending;
	return 0;
}

int datapath_settle(struct datapath *datapath, struct diags *diags)
{
	struct pending *pending = NULL;
	int r = pending_open(&datapath->pins, &pending);
	uint64_t from, to;

	if (r == -ENOENT) {
		end_sampling_of_others(datapath);
		return 0;
	}
	if (r < 0) {
		diag_warning(
			diags, NULL,
			"%s/pending is not what xdpgate pins there: it goes, and the policy in "
			"force stays",
			datapath->pins.path);
		end_sampling_of_others(datapath);
		return pending_unpin(&datapath->pins);
	}
	from = pending->state->from;
	to = pending->state->to;
	if (pending->state->swapped && !pending_is_confirmed(pending) &&
	    !pending_is_overdue(pending)) {
		r = adopt_pending(datapath, pending);
		if (r < 0)
			pending_free(pending);
		return r;
	}
	if (pending->state->swapped && pending_is_confirmed(pending)) {
		r = datapath_finish_confirm(datapath, to, diags);
	} else {
		datapath->undone = pending->state->swapped ? to : 0;
		r = datapath_finish_undo(datapath, from, diags);
	}
	pending_free(pending);
	return r;
}

uint64_t datapath_undone(const struct datapath *datapath)
{
	return datapath->undone;
}

/* --- sampling ---------------------------------------------------------------------------- */

/* In front of every port that the live generation serves. */
static int start_sampling(struct datapath *datapath, struct diags *diags)
{
	uint64_t number = datapath->live->manifest->generation;

	for (size_t i = 0; i < datapath->n_ports; i++) {
		const struct port *port = datapath->ports[i];
		_cleanup_close_ int fd = generation_own_program(&datapath->pins, number, port);
		int r = fd;

		if (fd == -ENOENT)
			continue;
		if (r >= 0)
			r = datapath_put_in_front(datapath, datapath->live, NULL, port, &fd, diags);
		if (r >= 0 && !datapath_is_off(datapath, port))
			r = port_slot_set(port, fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int datapath_sample(struct datapath *datapath, uint32_t seconds, uint32_t one_in,
		    struct diags *diags)
{
	int r = 0;

	if (!datapath->live)
		return diag_error(diags, NULL, "no policy is in force");
	if (datapath->pending) {
		diag_error(diags, NULL,
			   "the policy in force waits to be confirmed: 'xdpgate confirm' or "
			   "'xdpgate rollback' first");
		return -EBUSY;
	}
	if (!datapath->sampling) {
		r = sampling_new(&datapath->pins, &datapath->sampling, diags);
		if (r >= 0)
			r = start_sampling(datapath, diags);
	}
	if (r >= 0)
		r = sampling_set(datapath->sampling, seconds, one_in, diags);
	if (r < 0)
		datapath_sample_end(datapath, diags);
	return r;
}

int datapath_samples_path(const struct datapath *datapath, char ret[static PATH_MAX])
{
	return pins_path(&datapath->pins, ret, "samples");
}

int datapath_sample_end(struct datapath *datapath, struct diags *diags)
{
	int r = 0;

	if (!datapath->sampling)
		return 0;
	datapath->sampling->state->until = 0;
	datapath->sampling = sampling_free(datapath->sampling);
	if (datapath->live)
		r = clear_front(datapath, datapath->live->manifest->generation, diags);
	sampling_unpin(&datapath->pins);
	return r;
}
