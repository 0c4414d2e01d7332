/* SPDX-License-Identifier: GPL-2.0-only */
/* packet_line.h: a packet as `xdpgate explain` would take it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * packet_line() - "--in lan --src 203.0.113.9 ... --dport 443": what the packet is, but for what the
 * options say by themselves.
 * @vlan: of the interface, 0: none. @macs: say the MAC addresses, too.
 * @frame, @len: the packet. *ret_frame: what the options describe, the caller's to free, too.
 * 0 with *ret the caller's to free; -EINVAL: options cannot describe it; -ENOMEM.
 */
int packet_line(const char *interface, uint16_t vlan, bool macs, const uint8_t *frame, size_t len,
		char **ret, uint8_t **ret_frame, size_t *ret_len);
/* "--in lan --hex ...": all of it. NULL: out of memory. */
char *packet_line_hex(const char *interface, const uint8_t *frame, size_t len);
