/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * datapath_internal.h: what the parts of the datapath share: datapath.c opens, adopts and
 * tells, install.c swaps, devices.c follows the network devices, switch.c turns off.
 */
#pragma once

#include "counters.h"
#include "datapath.h"
#include "generation.h"
#include "pins.h"
#include "port.h"

/* What the live generation has where one of its interfaces should be. */
struct place_held {
	struct port *port; /* among datapath.ports; NULL: not attached */
	char *error;       /* of the last attempt to attach */
};

struct datapath {
	struct pins pins;
	struct counters *counters;
	bool created;        /* opened by one who makes the folder if need be */
	struct port **ports; /* all that carry our entry, named by the policy or not */
	size_t n_ports, ports_capacity;
	struct generation *live;
	uint64_t highest;        /* generation number in use so far */
	struct place_held *held; /* by interface of live's manifest */
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

/* Find the port of an interface of the manifest, or attach to it. -ENODEV, without a diag:
 * there is no such device. -EALREADY: attached, but in the other mode. */
int datapath_take_port(struct datapath *datapath, const struct manifest *manifest, uint32_t index,
		       struct port **ret, bool *ret_attached, struct diags *diags);

/* Forget ports whose device is gone or renamed. Needs no tables. */
void datapath_look_at_links(struct datapath *datapath, struct diags *diags);

/* What is said of an interface that cannot be attached, whoever tried: its name, and why. */
#define UNFILTERED "interface '%s' is not filtered: %s"
