/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generation_pins.c: generations as they are pinned: which is the live one, how one takes the
 * other's place, and what a death in between leaves; generation.h tells the order of things.
 */
#include <string.h>
#include <unistd.h>

#include "generation.h"
#include "kernel.h"
#include "util.h"

int generation_own_program(const struct pins *pins, uint64_t number, const struct port *port)
{
	return pins_get(pins, "generations/%llu/%s", (unsigned long long)number, port->key);
}

int generation_slot_program(const struct pins *pins, uint64_t number, const struct port *port)
{
	int fd = pins_get(pins, "generations/%llu/%s-front", (unsigned long long)number, port->key);

	return fd == -ENOENT ? generation_own_program(pins, number, port) : fd;
}

uint64_t generation_number(const char *name)
{
	char *end;
	unsigned long long number = strtoull(name, &end, 10);

	return *end || name[0] < '1' || name[0] > '9' ? 0 : number;
}

struct removal {
	const struct pins *pins;
	uint64_t keep, keep_too;
	bool waited;
	int error;
};

static int is_array(const char *name, void *context)
{
	const char *suffix = strrchr(name, '-');

	return suffix && (strcmp(suffix, "-vlans") == 0 || strcmp(suffix, "-behind") == 0);
}

static int remove_one(const char *name, void *context)
{
	struct removal *removal = context;
	char folder[NAME_MAX + 16];
	int r;

	if ((removal->keep && generation_number(name) == removal->keep) ||
	    (removal->keep_too && generation_number(name) == removal->keep_too))
		return 0;
	snprintf(folder, sizeof(folder), "generations/%s", name);
	if (!removal->waited && pins_each(removal->pins, folder, is_array, NULL)) {
		/* An array of programs is emptied with its last pin: a packet that has jumped to what
		 * is in front of it, but not yet from there, would find nothing. */
		kernel_wait_for_packets();
		removal->waited = true;
	}
	r = pins_remove(removal->pins, "generations/%s", name);
	if (r < 0)
		removal->error = r;
	return 0;
}

int generation_remove_others(const struct pins *pins, uint64_t keep, uint64_t keep_too)
{
	struct removal removal = { .pins = pins, .keep = keep, .keep_too = keep_too };
	int r = pins_each(pins, "generations", remove_one, &removal);

	return r < 0 ? r : removal.error;
}

struct intent {
	uint64_t from, to;
};

int intent_write(const struct pins *pins, uint64_t from, uint64_t to, struct diags *diags)
{
	const struct intent intent = { .from = from, .to = to };
	_cleanup_close_ int fd = -1;
	int r;

	kernel_forget();
	r = fd = kernel_table_create("xdpgate_intent", &intent, sizeof(intent));
	if (r >= 0)
		r = intent_clear(pins); /* of a swap that ended, but could not remove it */
	if (r >= 0)
		r = pins_put(pins, fd, "intent");
	return r < 0 ? kernel_error(diags, r, "cannot pin %s/intent", pins->path) : 0;
}

int intent_read(const struct pins *pins, uint64_t *ret_to)
{
	_cleanup_close_ int fd = pins_get(pins, "intent");
	_cleanup_free_ void *value = NULL;
	size_t size;
	int r;

	if (fd < 0)
		return fd;
	r = kernel_table_read(fd, &value, &size);
	if (r < 0)
		return r;
	if (size != sizeof(struct intent))
		return -EINVAL;
	*ret_to = ((const struct intent *)value)->to;
	return 0;
}

int intent_clear(const struct pins *pins)
{
	return pins_remove(pins, "intent");
}

/* --- finding ----------------------------------------------------------------------------- */

int generation_read_manifest(const struct pins *pins, uint64_t number, struct manifest **ret)
{
	_cleanup_close_ int fd =
		pins_get(pins, "generations/%llu/manifest", (unsigned long long)number);
	_cleanup_free_ void *value = NULL;
	size_t size;
	int r;

	if (fd < 0)
		return fd;
	r = kernel_table_read(fd, &value, &size);
	if (r >= 0)
		r = manifest_decode(value, size, ret);
	if (r >= 0 && (*ret)->generation != number) {
		*ret = manifest_free(*ret);
		r = -EINVAL;
	}
	return r;
}

struct search {
	const struct pins *pins;
	struct port *const *ports;
	size_t n_ports;
	struct manifest *found;
	bool found_in_slot; /* one of its programs judges packets */
	uint64_t highest;
	struct diags *diags;
};

static bool in_a_slot(const struct search *search, uint64_t number)
{
	for (size_t i = 0; i < search->n_ports; i++) {
		_cleanup_close_ int fd =
			generation_slot_program(search->pins, number, search->ports[i]);

		uint32_t id = fd >= 0 ? kernel_prog_id(fd) : 0;

		if (id && id == port_slot_get(search->ports[i]))
			return true;
	}
	return false;
}

static int consider(const char *name, void *context)
{
	struct search *search = context;
	struct manifest *manifest = NULL;
	uint64_t number = generation_number(name);
	bool live;
	int r;

	if (!number)
		return 0;
	if (number > search->highest)
		search->highest = number;
	r = generation_read_manifest(search->pins, number, &manifest);
	if (r == -ENOENT)
		return 0;                                 /* never completed */
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) /* nothing is wrong with the pin */
		return kernel_error(search->diags, r, "cannot read %s/generations/%s/manifest",
				    search->pins->path, name);
	if (r < 0) {
		diag_warning(search->diags, NULL,
			     "%s/generations/%s is %s; it is not adopted, and goes with the next "
			     "policy that is loaded",
			     search->pins->path, name,
			     r == -ESTALE ? "of another version of xdpgate"
					  : "not a generation of xdpgate, or damaged");
		return 0;
	}
	live = in_a_slot(search, number);
	if (!search->found || (live && !search->found_in_slot) ||
	    (live == search->found_in_slot && number < search->found->generation)) {
		manifest_free(search->found);
		search->found = manifest;
		search->found_in_slot = live;
	} else {
		manifest_free(manifest);
	}
	return 0;
}

int generation_find(const struct pins *pins, struct port *const *ports, size_t n_ports,
		    struct generation **ret, uint64_t *ret_highest, struct diags *diags)
{
	struct search search = { .pins = pins, .ports = ports, .n_ports = n_ports, .diags = diags };
	struct generation *generation;
	int r;

	r = pins_each(pins, "generations", consider, &search);
	if (r < 0)
		return r;
	*ret_highest = search.highest;
	*ret = NULL;
	if (!search.found)
		return 0;
	generation = generation_adopt(search.found);
	if (!generation)
		return -ENOMEM;
	*ret = generation;
	return 0;
}
