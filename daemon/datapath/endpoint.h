/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * endpoint.h: an address as the kernel's tables of sockets, neighbours and routes have it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

struct endpoint {
	uint8_t family;   /* enum family */
	uint8_t addr[16]; /* as on the wire; IPv4: the first 4 bytes, the others are 0 */
};

/* "[2001:db8::1]:22", "192.0.2.1"; port 0: the address alone. */
#define ENDPOINT_TEXT 56
const char *endpoint_format(const struct endpoint *endpoint, uint16_t port,
			    char buffer[ENDPOINT_TEXT]);

/* From a text without a port; the device behind a link-local address is left out, and an IPv4 address that is mapped into IPv6 is one of IPv4. False: it is
 * none. */
bool endpoint_parse(const char *text, struct endpoint *ret);
/* From the 4 or 16 bytes of an AF_INET or AF_INET6 address; mapped ones likewise. */
struct endpoint endpoint_of(int af, const void *bytes);
int endpoint_af(const struct endpoint *endpoint);

size_t endpoint_bytes(const struct endpoint *endpoint); /* 4 or 16 */
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);
bool endpoint_is_loopback(const struct endpoint *endpoint);
