/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_list.h: what a live set holds, as a plain list, and the same in the kernel: each change of
 * the list is one of the maps. Effective ends are worked out the long way, from the whole list.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "live_maps.h"

struct live_item {
	struct live_prefix prefix;
	struct live_times times;
	uint32_t effective; /* as the kernel was told */
	bool has_comment;
};

struct live_list {
	struct live_maps *maps;
	uint32_t slot;
	struct live_item *items;
	size_t n, capacity;
};

void live_list_done(struct live_list *list);

/* Add an entry or change the one that is there. 0 or negative errno. */
int live_list_put(struct live_list *list, const struct live_prefix *prefix, uint32_t end,
		  const char *comment);
/* Of the entry by its position. */
int live_list_remove(struct live_list *list, size_t i);
/* To the kernel, into a replacement that has begun; the list is that of the replacement. */
int live_list_fill(struct live_list *list);

/* By the entries' own ends alone, so that an entry that has ended hides nothing. */
bool live_list_holds(const struct live_list *list, enum family family, const uint8_t *address,
		     uint32_t now);
/* Does the kernel have just these entries, with these times and comments? -EINVAL: no, printed. */
int live_list_check(const struct live_list *list);
void live_list_print(const struct live_list *list, uint32_t now, FILE *stream);
