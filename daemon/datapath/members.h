/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * members.h: the interfaces of one port, and what a generation puts into its slot for them: the
 * ruleset program of the only interface, or, if there are several or one has a VLAN, a dispatcher
 * (xdp/vlans.bpf.c) and, behind it in an array, the ruleset program of each. The array is emptied
 * by the kernel when its last fd and pin are gone, so it is pinned before the dispatcher.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "counters.h"
#include "diag.h"
#include "generation.h"
#include "manifest.h"
#include "pins.h"
#include "port.h"

struct members {
	uint32_t items[MAX_INTERFACES]; /* indices of interfaces of the manifest, ascending */
	size_t n;
};

/*
 * members_load() - load and pin what the generation needs for a port; *ret_fd, the caller's, is
 * what goes into the slot. Interfaces that are off get the pass program.
 * fresh: of the port's pins in this generation none is in use. Else they belong to the live one:
 * what is loaded stays, interfaces are added, and the dispatcher's pin is replaced.
 */
int members_load(const struct pins *pins, const struct generation *generation,
		 const struct port *port, const struct members *members, struct counters *counters,
		 bool fresh, int *ret_fd, struct diags *diags);

/* What the dispatcher of these interfaces is to know. */
void members_settings(const struct manifest *manifest, const struct members *members,
		      struct vlans_config *ret);

/* Id of the interface's own program behind the port's dispatcher, which is its ruleset program or,
 * if the interface is off, the pass program. 0: it is not there. -ENOENT: there is no dispatcher.
 */
int members_program(const struct pins *pins, uint64_t generation, const struct port *port,
		    uint32_t interface, uint32_t *ret_id, bool *ret_judges);

/* Let an interface behind a dispatcher judge, or pass everything. -ENOENT: no dispatcher, or the
 * interface is not behind it. */
int members_switch(const struct pins *pins, uint64_t generation, const struct port *port,
		   uint32_t interface, bool off, struct diags *diags);

/* `xdpgate off` for one interface of a port: pinned, so it outlives the daemon. */
bool member_is_off(const struct pins *pins, const struct port *port, const char *interface);
int member_set_off(const struct pins *pins, const struct port *port, const char *interface,
		   bool off);
