/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * generation.h: one set of tables in the kernel and one program per interface over it; how the
 * live one is known, replaced and found again. What goes into the slots of ports is members.h.
 *
 * The protocol. PIN_DIR/generations/N holds the programs for each port and, pinned last, the
 * manifest: with it the generation is complete. A swap from M to N goes
 *   1. build and pin N                                    (dies here: N is removed)
 *   2. pin the intent {M, N}
 *   3. put N's program in every slot, one update each     (dies here: finished from the pins)
 *   4. when no packet is being judged by M any more, remove its pins
 *   5. unpin the intent
 * so without an intent, and with several complete generations, the oldest is the live one. While N
waits to be confirmed M stays: pending.h.
 */
#pragma once

#include <stdint.h>

#include "compile.h"
#include "counters.h"
#include "live_maps.h"
#include "diag.h"
#include "manifest.h"
#include "pins.h"
#include "policy.h"
#include "port.h"
#include "ruleset.h"

struct generation {
	struct manifest *manifest;
	/* What it takes to serve a port that appears later; absent in an adopted generation,
	 * of which only the programs are known. */
	bool built_here;
	struct ruleset_maps maps;
	struct ruleset_config *configs;   /* by interface */
	char (*redirect_ports)[PORT_LEN]; /* by redirect */
	int *redirect_ifindexes;          /* as the kernel map has them; 0: absent */
	size_t n_redirects;
};

struct generation *generation_free(struct generation *generation); /* pins stay; NULL is fine */

/* Get the counter slots of each interface's block and of each of its rules. */
int manifest_assign_slots(struct manifest *manifest, struct counters *counters,
			  struct diags *diags);

/* Build generation `number` from a policy, with counter slots assigned, and smoke-test it if that is
 * asked for. Nothing is pinned yet. live may be NULL if the policy has no live sets. */
int generation_build(const struct policy *policy, const struct tables *tables, uint64_t number,
		     bool test, struct counters *counters, struct live_maps *live,
		     struct generation **ret, struct diags *diags);

/* Pin the manifest: from now on the generation is complete. */
int generation_complete(const struct pins *pins, const struct generation *generation,
			struct diags *diags);

/* Point the redirects at the devices that bear their names now. */
void generation_update_redirects(struct generation *generation);

/* Of a folder in PIN_DIR/generations; 0: it is none of ours. */
uint64_t generation_number(const char *name);

/* What a generation has pinned for a port's slot: fd, or -ENOENT. That is what stands in front, if
 * anything does (front.h), else its own. */
int generation_slot_program(const struct pins *pins, uint64_t number, const struct port *port);
/* Its own program for the port: fd, or -ENOENT. */
int generation_own_program(const struct pins *pins, uint64_t number, const struct port *port);

/* Remove the pins of all generations but one or two (0: none). Waits until no packet is in them. */
int generation_remove_others(const struct pins *pins, uint64_t keep, uint64_t keep_too);

int intent_write(const struct pins *pins, uint64_t from, uint64_t to, struct diags *diags);
/* 0 with *ret_to the target, or -ENOENT. */
int intent_read(const struct pins *pins, uint64_t *ret_to);
int intent_clear(const struct pins *pins);

/* What is pinned of a generation, checked. -ENOENT: it was never completed. -EINVAL: damaged. -ESTALE:
 * of another ABI version. */
int generation_read_manifest(const struct pins *pins, uint64_t number, struct manifest **ret);
/* Of which only the manifest is known, which is taken over. NULL: out of memory. */
struct generation *generation_adopt(struct manifest *manifest);

/*
 * Find the live generation among the pins; programs of which stand in the slots of ports tell
 * it from others that are complete. *ret NULL: there is none. *ret_highest: the highest number
 * in use, complete or not. What is pinned and makes no sense is left alone and warned of.
 */
int generation_find(const struct pins *pins, struct port *const *ports, size_t n_ports,
		    struct generation **ret, uint64_t *ret_highest, struct diags *diags);
