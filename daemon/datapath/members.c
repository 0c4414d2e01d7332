/* SPDX-License-Identifier: GPL-2.0-only */
/* members.c: several interfaces on one port; see members.h. */
#include "members.h"

#include <bpf/bpf.h>
#include <string.h>

#include "kernel.h"
#include "ruleset.h"
#include "util.h"

/* What is needed to load for a port, in one place. */
struct loading {
	const struct pins *pins;
	const struct generation *generation;
	const struct port *port;
	const struct members *members;
	struct counters *counters;
	struct diags *diags;
};

static unsigned long long number_of(const struct generation *generation)
{
	return generation->manifest->generation;
}

/* --- what is off ------------------------------------------------------------------------- */

#define OFF_PIN_LEN (NAME_LEN + 8)

/* Names of interfaces may have dots, those of pins may not. */
static void off_pin(const char *interface, char ret[static OFF_PIN_LEN])
{
	snprintf(ret, OFF_PIN_LEN, "off-%s", interface);
	for (char *dot = ret; (dot = strchr(dot, '.')); dot++)
		*dot = '+';
}

bool member_is_off(const struct pins *pins, const struct port *port, const char *interface)
{
	char name[OFF_PIN_LEN];

	off_pin(interface, name);
	return pins_exist(pins, "ports/%s/%s", port->key, name);
}

int member_set_off(const struct pins *pins, const struct port *port, const char *interface,
		   bool off)
{
	char name[OFF_PIN_LEN];

	off_pin(interface, name);
	if (!off)
		return pins_remove(pins, "ports/%s/%s", port->key, name);
	if (member_is_off(pins, port, interface))
		return 0;
	/* What is pinned does not matter, only that it is there. */
	return pins_put(pins, port->fall_through_fd, "ports/%s/%s", port->key, name);
}

/* --- the array --------------------------------------------------------------------------- */

static int get_array(const struct pins *pins, uint64_t generation, const struct port *port)
{
	return pins_get(pins, "generations/%llu/%s-vlans", (unsigned long long)generation,
			port->key);
}

static int make_array(const struct loading *loading)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = fd =
		bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "xdpgate_vlans", sizeof(uint32_t),
			       sizeof(uint32_t), loading->generation->manifest->n_interfaces, NULL);
	if (r >= 0)
		r = pins_put(loading->pins, fd, "generations/%llu/%s-vlans",
			     number_of(loading->generation), loading->port->key);
	return r < 0 ? r : TAKE_FD(fd);
}

static int set_member(int array_fd, uint32_t interface, int program_fd)
{
	return bpf_map_update_elem(array_fd, &interface, &program_fd, BPF_ANY);
}

/* --- loading ----------------------------------------------------------------------------- */

static int load_ruleset(const struct loading *loading, uint32_t interface)
{
	const struct generation *generation = loading->generation;
	int fd = -1, r;

	r = ruleset_load(&generation->maps, loading->counters, &generation->configs[interface],
			 loading->port->frags, &fd, NULL, loading->diags);
	return r < 0 ? r : fd;
}

/* The interface's program, loaded and pinned unless it is already. fd, the caller's. */
static int member_program(const struct loading *loading, uint32_t interface)
{
	unsigned long long number = number_of(loading->generation);
	const char *key = loading->port->key;
	_cleanup_close_ int fd =
		pins_get(loading->pins, "generations/%llu/%s-%u", number, key, interface);
	int r = fd;

	if (r != -ENOENT)
		return r < 0 ? kernel_error(loading->diags, r,
					    "cannot open %s/generations/%llu/%s-%u",
					    loading->pins->path, number, key, interface)
			     : TAKE_FD(fd);
	r = fd = load_ruleset(loading, interface);
	if (r < 0)
		return r;
	kernel_forget();
	r = pins_put(loading->pins, fd, "generations/%llu/%s-%u", number, key, interface);
	if (r < 0)
		return kernel_error(loading->diags, r, "cannot pin %s/generations/%llu/%s-%u",
				    loading->pins->path, number, key, interface);
	return TAKE_FD(fd);
}

static int add_member(const struct loading *loading, int array_fd, uint32_t interface)
{
	const struct manifest_interface *member =
		&loading->generation->manifest->interfaces[interface];
	_cleanup_close_ int program_fd = member_program(loading, interface), pass_fd = -1;
	int r = program_fd;

	if (r >= 0 && member_is_off(loading->pins, loading->port, member->name))
		r = pass_fd = pass_load(loading->port->frags, loading->diags);
	if (r < 0)
		return r;
	kernel_forget();
	r = set_member(array_fd, interface, pass_fd >= 0 ? pass_fd : program_fd);
	return r < 0 ? kernel_error(loading->diags, r, "cannot add interface '%s' to its port",
				    member->name)
		     : 0;
}

void members_settings(const struct manifest *manifest, const struct members *members,
		      struct vlans_config *ret)
{
	*ret = (struct vlans_config){ .others = VLANS_NONE, .fail_closed = manifest->fail_closed };
	memset(ret->member_of, 0xff, sizeof(ret->member_of));
	for (size_t i = 0; i < members->n; i++) {
		uint32_t index = members->items[i];
		const struct manifest_interface *member = &manifest->interfaces[index];

		if (i == 0)
			ret->other_slot = member->unjudged;
		if (!member->vlan) {
			ret->others = index;
			continue;
		}
		if (ret->n < VLANS_INLINE) {
			ret->vids[ret->n] = member->vlan;
			ret->members[ret->n] = (uint16_t)index;
		}
		ret->member_of[member->vlan] = (uint16_t)index;
		ret->n++;
	}
}

static int load_dispatcher(const struct loading *loading, int array_fd)
{
	struct vlans_config config;
	int fd = -1, r;

	members_settings(loading->generation->manifest, loading->members, &config);
	r = vlans_load(&config, array_fd, loading->counters, loading->port->frags, &fd,
		       loading->diags);
	return r < 0 ? r : fd;
}

/* The dispatcher, with all behind it. fd, the caller's. */
static int load_several(const struct loading *loading)
{
	_cleanup_close_ int array_fd =
		get_array(loading->pins, number_of(loading->generation), loading->port);
	int r = array_fd;

	kernel_forget();
	if (r == -ENOENT)
		r = array_fd = make_array(loading);
	if (r < 0)
		return kernel_error(loading->diags, r, "cannot make the array of %s's interfaces",
				    loading->port->key);
	for (size_t i = 0; r >= 0 && i < loading->members->n; i++)
		r = add_member(loading, array_fd, loading->members->items[i]);
	return r < 0 ? r : load_dispatcher(loading, array_fd);
}

/* Also where the only interface is off by its own name, so that others can join the port without
 * being off too; and where there is a dispatcher already. */
static bool needs_dispatcher(const struct loading *loading)
{
	const struct manifest_interface *first =
		&loading->generation->manifest->interfaces[loading->members->items[0]];

	return loading->members->n > 1 || first->vlan ||
	       member_is_off(loading->pins, loading->port, first->name) ||
	       pins_exist(loading->pins, "generations/%llu/%s-vlans",
			  number_of(loading->generation), loading->port->key);
}

/* Pins of a device that had this ifindex before. */
static int remove_stale(const struct loading *loading)
{
	unsigned long long number = number_of(loading->generation);
	const char *key = loading->port->key;
	int r = pins_remove(loading->pins, "generations/%llu/%s", number, key);

	if (r >= 0)
		r = pins_remove(loading->pins, "generations/%llu/%s-vlans", number, key);
	if (r >= 0)
		r = pins_remove(loading->pins, "generations/%llu/%s-front", number, key);
	if (r >= 0)
		r = pins_remove(loading->pins, "generations/%llu/%s-behind", number, key);
	for (uint32_t i = 0; r >= 0 && i < loading->generation->manifest->n_interfaces; i++)
		r = pins_remove(loading->pins, "generations/%llu/%s-%u", number, key, i);
	return r < 0 ? kernel_error(loading->diags, r, "cannot remove old pins in %s/generations",
				    loading->pins->path)
		     : 0;
}

int members_load(const struct pins *pins, const struct generation *generation,
		 const struct port *port, const struct members *members, struct counters *counters,
		 bool fresh, int *ret_fd, struct diags *diags)
{
	const struct loading loading = { pins, generation, port, members, counters, diags };
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (fresh)
		r = remove_stale(&loading);
	if (r >= 0)
		r = fd = needs_dispatcher(&loading) ? load_several(&loading)
						    : load_ruleset(&loading, members->items[0]);
	if (r < 0)
		return r;
	kernel_forget();
	r = pins_replace(pins, fd, "generations/%llu/%s", number_of(generation), port->key);
	if (r < 0)
		return kernel_error(diags, r, "cannot pin %s/generations/%llu/%s", pins->path,
				    number_of(generation), port->key);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* --- looking and switching --------------------------------------------------------------- */

int members_program(const struct pins *pins, uint64_t generation, const struct port *port,
		    uint32_t interface, uint32_t *ret_id, bool *ret_judges)
{
	_cleanup_close_ int array_fd = get_array(pins, generation, port), fd = -1;
	uint32_t id = 0;

	if (array_fd < 0)
		return array_fd;
	if (bpf_map_lookup_elem(array_fd, &interface, &id) < 0)
		id = 0;
	fd = pins_get(pins, "generations/%llu/%s-%u", (unsigned long long)generation, port->key,
		      interface);
	*ret_judges = id && fd >= 0 && kernel_prog_id(fd) == id;
	*ret_id = id;
	return 0;
}

int members_switch(const struct pins *pins, uint64_t generation, const struct port *port,
		   uint32_t interface, bool off, struct diags *diags)
{
	_cleanup_close_ int array_fd = get_array(pins, generation, port), fd = -1;
	int r;

	if (array_fd < 0)
		return array_fd;
	r = fd = pins_get(pins, "generations/%llu/%s-%u", (unsigned long long)generation, port->key,
			  interface);
	if (r == -ENOENT)
		return r;
	if (r >= 0 && off) {
		close_fd(&fd);
		r = fd = pass_load(port->frags, diags);
		if (r < 0)
			return r;
	}
	kernel_forget();
	if (r >= 0)
		r = set_member(array_fd, interface, fd);
	return r < 0 ? kernel_error(diags, r, "cannot switch an interface of ifindex %d",
				    port->ifindex)
		     : 0;
}
