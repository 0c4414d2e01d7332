/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * datapath_internal.h: what the parts of the datapath share: datapath.c opens, adopts and
 * tells, install.c swaps, confirm.c keeps or undoes what was swapped in, devices.c follows the network
 * devices, switch.c turns off.
 */
#pragma once

#include "counters.h"
#include "datapath.h"
#include "front.h"
#include "generation.h"
#include "members.h"
#include "pending.h"
#include "pins.h"
#include "port.h"
#include "sampling.h"

/* What the live generation has where one of its interfaces should be. */
struct place_held {
	struct port *port; /* among datapath.ports; NULL: not attached */
	char *error;       /* of the last attempt to attach */
};

struct datapath {
	struct pins pins;
	struct counters *counters;
	struct live_maps *live_maps;
	bool created;        /* opened by one who makes the folder if need be */
	struct port **ports; /* all that carry our entry, named by the policy or not */
	size_t n_ports, ports_capacity;
	struct generation *live;
	uint64_t highest;          /* generation number in use so far */
	struct place_held *held;   /* by interface of live's manifest */
	struct pending *pending;   /* live waits to be confirmed; NULL: it does not */
	struct sampling *sampling; /* packets are sampled; NULL: they are not */
	bool was_left;             /* see datapath_was_left() */
	uint64_t undone;           /* generation that was undone when this was opened; 0: none */
};

/* By interface of a manifest, all empty; NULL when out of memory. */
struct place_held *places_new(const struct manifest *manifest);
struct place_held *places_free(struct place_held *held, const struct generation *generation);

/* The port is the datapath's from now on. 0 or -ENOMEM. */
int datapath_add_port(struct datapath *datapath, struct port *port);
/* Frees it; its pins are the caller's business. */
void datapath_forget_port(struct datapath *datapath, struct port *port);
struct port *datapath_find_port(const struct datapath *datapath, int ifindex);

/* The operator said `xdpgate off`: to all, or to this one too. */
bool datapath_all_off(const struct datapath *datapath);
bool datapath_is_off(const struct datapath *datapath, const struct port *port);

/* Put the port's program of a generation, from its pin, into the slot. -ENOENT: none. */
int datapath_arm_from_pins(struct datapath *datapath, const struct port *port, uint64_t number);
/* Put the pass program there. */
int port_disarm(const struct port *port, struct diags *diags);

/*
 * Where the interfaces of a manifest are: by interface, the ifindex of its device; 0: there is
 * none; a negative errno: it cannot be used, and held[].error says why. Those that hold a port
 * are there. NULL when out of memory. The caller frees it.
 */
int *datapath_find_devices(const struct datapath *datapath, const struct manifest *manifest,
			   struct place_held *held);

/*
 * The port of a device for an interface of the manifest, attached to if it is new. devices: as of
 * datapath_find_devices(). -EALREADY: attached, but in the other mode. -EOPNOTSUPP: also if the
 * driver does not show the VLAN tags that an interface of the device needs.
 */
int datapath_take_port(struct datapath *datapath, const struct manifest *manifest, uint32_t index,
		       const int *devices, struct port **ret, bool *ret_attached,
		       struct diags *diags);

/* The interfaces that hold the port. */
void datapath_members(const struct manifest *manifest, const struct place_held *held,
		      const struct port *port, struct members *ret);

/* Keep the first message, or the errno's, as the reason why the interface is not filtered. */
void place_set_error(struct place_held *held, const struct diags *diags, int error);

/* By interface of the live generation, what it has where. 0 or -ENOMEM. */
int datapath_hold_places(struct datapath *datapath);
/* Counter identities of what is in force, or may come back, are the ones that are wanted. */
void datapath_retire_unused(struct datapath *datapath);

/*
 * *fd, the generation's own program for a port, becomes what is for the slot: if the generation waits to
 * be confirmed (pending), or packets are sampled, what stands in front of it, pinned.
 */
int datapath_put_in_front(struct datapath *datapath, const struct generation *generation,
			  const struct pending *pending, const struct port *port, int *fd,
			  struct diags *diags);
/* Likewise for a port that the generation does not name: if what would come back, were it not confirmed, judges
 * there, *ret_fd, the caller's, is what stands in front of the pass program; else it stays as it is. */
int datapath_pass_in_front(struct datapath *datapath, const struct generation *generation,
			   const struct pending *pending, const struct port *port, int *ret_fd,
			   struct diags *diags);
/* The wait of generation `to` is over; from 0: nothing was in force before. Works from pins alone. */
int datapath_finish_confirm(struct datapath *datapath, uint64_t to, struct diags *diags);
int datapath_finish_undo(struct datapath *datapath, uint64_t from, struct diags *diags);
/* What waited to be confirmed when the last daemon died: it does still, or it ended. Ports are known,
 * what is live is not yet. */
int datapath_settle(struct datapath *datapath, struct diags *diags);

/* Forget ports whose device is gone or renamed. Needs no tables. */
void datapath_look_at_links(struct datapath *datapath, struct diags *diags);

/* What is said of an interface that cannot be attached, whoever tried: its name, and why. */
#define UNFILTERED "interface '%s' is not filtered: %s"
