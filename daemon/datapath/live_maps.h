/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_maps.h: what the kernel holds of live sets: which slot is whose, and in each slot its tables,
 * see abi.h. One for all generations; pinned, so that entries outlive the daemon. Knows nothing of
 * sizes, writers or the order of expiry: see daemon/live.
 *
 * A set keeps its slot, and its entries, as long as it has any, even if no policy names it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "diag.h"
#include "live.h"
#include "pins.h"
#include "policy.h"

struct live_maps;

/* Open the pinned ones, or make and pin new ones (pins NULL: private, not pinned). What is pinned is
 * checked; what does not fit is refused with a diag, not believed. */
int live_maps_open(const struct pins *pins, struct live_maps **ret, struct diags *diags);
/*
 * live_maps_view() - the pinned ones, for programs that look at them beside those of the daemon, whose
 * lock this does not take: they see entries as these come and go. Only _find(), _name(), the fds and
 * _assign() may be asked of a view; a set that has no slot gets one of which nobody else knows, so
 * it is empty. -ENOENT: nothing is pinned there.
 */
int live_maps_view(const char *pin_dir, struct live_maps **ret, struct diags *diags);
struct live_maps *live_maps_close(struct live_maps *maps); /* NULL is fine; returns NULL */

/* For the programs; still the live_maps'. The first is an ARRAY_OF_MAPS. */
int live_maps_tables_fd(const struct live_maps *maps, enum live_table table);
int live_maps_state_fd(const struct live_maps *maps);

/* The slot of the set of this name; given one, with no entries, if it has none. -ENOSPC, reported:
 * all are taken. */
int live_maps_assign(struct live_maps *maps, const char *name, uint32_t *ret_slot,
		     struct diags *diags);
/* -ENOENT: it has none. */
int live_maps_find(const struct live_maps *maps, const char *name, uint32_t *ret_slot);
/* Its name; NULL: the slot is free. */
const char *live_maps_name(const struct live_maps *maps, uint32_t slot);
/* What its policy keeps on disk has been put into it since it got its slot: what it holds now counts,
 * not the disk. */
bool live_maps_is_restored(const struct live_maps *maps, uint32_t slot);
int live_maps_set_restored(struct live_maps *maps, uint32_t slot);
/* Free the slot. Only for sets that no generation names. */
int live_maps_forget(struct live_maps *maps, uint32_t slot);

/*
 * Add an entry, or change the one that is there: times->end is its own, effective_end what packets
 * see; see daemon/live/store.h. In force with the next packet. comment: NULL: as it is; "": none. 0,
 * -ENOMEM, or another errno of the kernel.
 */
int live_maps_put(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		  const struct live_times *times, uint32_t effective_end, const char *comment);
/* -ENOENT: there is no such entry. */
int live_maps_remove(struct live_maps *maps, uint32_t slot, const struct live_prefix *prefix,
		     bool has_comment);

/* Call visit() for each entry, with its comment or NULL; stops at the first that is not 0 and
 * returns it. In no order; entries must not come or go meanwhile. */
typedef int live_maps_visit(void *context, const struct live_prefix *prefix,
			    const struct live_times *times, const char *comment);
int live_maps_each(struct live_maps *maps, uint32_t slot, live_maps_visit *visit, void *context);
/* Drop the comments for which keep() is false: those of entries that a crash has left without. */
typedef bool live_maps_keep(void *context, uint32_t slot, const struct live_prefix *prefix);
int live_maps_sweep_comments(struct live_maps *maps, live_maps_keep *keep, void *context);

/*
 * Replace all entries at once. begin() makes new tables; what is put into the slot from then on
 * goes there, and no packet sees it, until commit() puts them in the place of the old ones: a
 * packet sees all of these or all of those. That takes some tenths of a second, since the kernel
 * waits for packets that are on their way. abort() throws them away. One at a time. expected: so many
 * will be put, by family (NULL: a few); more may come, and cost a copy of them.
 */
void live_maps_begin(struct live_maps *maps, uint32_t slot, const size_t expected[N_FAMILIES]);
int live_maps_commit(struct live_maps *maps, struct diags *diags);
void live_maps_abort(struct live_maps *maps);

/* The last entry of the family is gone: packets need not ask. (put() and commit() tell them to when
 * there are some.) */
void live_maps_is_empty(struct live_maps *maps, uint32_t slot, enum family family);
/* What packets take for now, as live_entry.until counts. */
uint64_t live_maps_jiffies(const struct live_maps *maps);
/* Where an entry is. */
enum live_table live_table_of(const struct live_prefix *prefix);
