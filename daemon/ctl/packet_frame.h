/* SPDX-License-Identifier: GPL-2.0-only */
/* packet_frame.h: the packet that the options of `xdpgate explain` describe. */
#pragma once

#include "ctl.h"
#include "diag.h"

/* The options, by which key of a test they stand for. */
struct packet_option {
	const char *option, *key;
};
extern const struct packet_option packet_options[];
/* The one of this option, or NULL. */
const struct packet_option *packet_option_find(const char *option);

/* The frame as it arrives at an interface of this name and VLAN (0: none). *ret is the caller's to
 * free. 0, -EINVAL with errors in diags, -ENOMEM. */
int packet_frame(const struct options *options, const char *interface, uint16_t vlan, uint8_t **ret,
		 size_t *ret_len, struct diags *diags);
