/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * device_programs.h: the XDP programs of a device, whoever attached them; and what the kernel says
 * when a program that passes everything is attached for a moment.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "policy.h"

#define DEVICE_PROGRAMS_MAX 16
#define PROGRAM_NAME_LEN 16

struct device_program {
	uint32_t id;
	char name[PROGRAM_NAME_LEN]; /* "" if it may not be told */
	enum attach_mode mode;
	uint32_t link_id; /* of the bpf_link that holds it; 0: it was attached by netlink */
	bool dispatcher;  /* libxdp's */
	bool component;   /* behind the dispatcher */
	bool ours;        /* xdpgate's entry */
};

struct device_programs {
	struct device_program items[DEVICE_PROGRAMS_MAX];
	size_t n;
	bool named; /* we were allowed to look at them (CAP_SYS_ADMIN) */
};

/* The programs of a device of this network namespace; those behind a dispatcher come after it. */
int device_programs_read(int ifindex, struct device_programs *ret);

/*
 * Attach a program that passes every packet, and take it off again. frags: it takes multi-buffer
 * packets, as xdpgate's entry does. The driver may reset the link both times. -EBUSY: there is a
 * program; kernel_words() has more.
 */
int device_attach_try(int ifindex, enum attach_mode mode, bool frags);
