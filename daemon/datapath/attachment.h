/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * attachment.h: which XDP program is on a network device, and whether our entry is among them:
 * alone, or as a component of libxdp's dispatcher. "Our entry" is whichever program uses the
 * slot.
 *
 * Whoever hears that the entry is not there removes pins, so that answer (-ENOENT) is kept
 * apart from every failure to tell. The kernel is asked, not libxdp, which leaves descriptors
 * open each time it looks: a component is a program that a link joins to the dispatcher. Only
 * to take a component out again takes libxdp.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

struct attachment {
	uint32_t id; /* of the program that the device runs: the entry, or the dispatcher */
	enum attach_mode mode;
	bool dispatcher;
	bool frags; /* the dispatcher takes multi-buffer packets; not known of an entry alone */
};

/* Find the entry that uses the slot. 0, -ENOENT: it is not on the device, -ENODEV: there is no
 * such device, or another errno. */
int attachment_find(int ifindex, int slot_fd, struct attachment *ret);

/* Is the device free for our entry, or has it a dispatcher that would take it in? 0, -EBUSY:
 * another program stands there alone, -EPROTOTYPE: a dispatcher does, but in the other mode,
 * or another errno. */
int attachment_is_possible(int ifindex, enum attach_mode mode);

/* Take that entry off; others stay. -ENOENT: it is not there. */
int attachment_remove(int ifindex, int slot_fd);

/* 1 if the program uses the map, 0 if not or if there is no such program (any more), or a
 * negative errno. */
int program_uses_map(uint32_t program_id, uint32_t map_id);

/* Is the link that of a component to the dispatcher, and which program is it? 1, 0, or a negative
 * errno. */
int attachment_component(uint32_t link_id, uint32_t dispatcher_id, uint32_t *ret_program_id);
