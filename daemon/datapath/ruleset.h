/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ruleset.h: tables in kernel maps, and instances of the ruleset program over them. One set
 * of maps serves all interfaces of a generation, and its probes; what differs between the
 * instances is frozen in each one's settings.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "compile.h"
#include "counters.h"
#include "diag.h"
#include "live_maps.h"

/* fds, the owner's; what nothing refers to dies with them and the programs. */
struct ruleset_maps {
	int rows, scalars, macs, lpm4, lpm6, actions, extras;
	/* For programs that take multi-buffer packets [true] and for those that do not: the
	 * kernel ties a device map, like a PROG_ARRAY, to one of the two kinds. */
	int redirects[2];
	/* Not the maps' own. NULL: each program has empty live sets to itself. */
	const struct live_maps *live;
};

#define RULESET_MAPS_NONE ((struct ruleset_maps){ -1, -1, -1, -1, -1, -1, -1, { -1, -1 }, NULL })

/*
 * Create and fill the maps. actions: of each rule of each interface, in the order that
 * configs[].interface_actions says. extras: as many as the tables have. Redirect targets start out absent.
 * On failure nothing is left and diags says which map and why.
 */
int ruleset_maps_create(const struct tables *tables, const struct rule_action *actions,
			uint32_t n_actions, const struct rule_extra *extras, size_t n_redirects,
			struct ruleset_maps *ret, struct diags *diags);
void ruleset_maps_close(struct ruleset_maps *maps); /* RULESET_MAPS_NONE is fine */

/* Point a redirect at a device; ifindex 0: it is absent. */
int ruleset_maps_set_redirect(const struct ruleset_maps *maps, uint32_t redirect, int ifindex);

/*
 * Load one instance; its fd is the caller's. ret_traces_fd, for probes, gets the map that the
 * trace is written to (NULL: not wanted).
 * frags: take multi-buffer packets; must be what the PROG_ARRAY's other programs say.
 */
int ruleset_load(const struct ruleset_maps *maps, const struct counters *counters,
		 const struct ruleset_config *config, bool frags, int *ret_fd, int *ret_traces_fd,
		 struct diags *diags);

/*
 * The program that finds the interface of a frame; see abi.h. array_fd: a PROG_ARRAY, filled by
 * the caller, who must keep it pinned. Its fd is the caller's.
 */
int vlans_load(const struct vlans_config *config, int array_fd, const struct counters *counters,
	       bool frags, int *ret_fd, struct diags *diags);

/* The pass program. fd, the caller's, or negative errno. */
int pass_load(bool frags, struct diags *diags);
bool pass_is(int fd); /* this is one */
