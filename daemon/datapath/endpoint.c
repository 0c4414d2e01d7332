/* SPDX-License-Identifier: GPL-2.0-only */
#include "endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int endpoint_af(const struct endpoint *endpoint)
{
	return endpoint->family == FAMILY_V4 ? AF_INET : AF_INET6;
}

size_t endpoint_bytes(const struct endpoint *endpoint)
{
	return endpoint->family == FAMILY_V4 ? 4 : 16;
}

struct endpoint endpoint_of(int af, const void *bytes)
{
	struct endpoint endpoint = { .family = af == AF_INET ? FAMILY_V4 : FAMILY_V6 };
	const uint8_t *from = bytes;

	if (af == AF_INET6 && memcmp(from, mapped, sizeof(mapped)) == 0) {
		endpoint.family = FAMILY_V4;
		from += sizeof(mapped);
	}
	memcpy(endpoint.addr, from, endpoint_bytes(&endpoint));
	return endpoint;
}

bool endpoint_parse(const char *text, struct endpoint *ret)
{
	char address[INET6_ADDRSTRLEN];
	uint8_t bytes[16];
	int af = strchr(text, ':') ? AF_INET6 : AF_INET;
	size_t len = af == AF_INET6 ? strcspn(text, "%") : strlen(text); /* "fe80::1%eth0" */

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(af, address, bytes) != 1)
		return false;
	*ret = endpoint_of(af, bytes);
	return true;
}

const char *endpoint_format(const struct endpoint *endpoint, uint16_t port,
			    char buffer[ENDPOINT_TEXT])
{
	bool brackets = port && endpoint->family == FAMILY_V6;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(endpoint_af(endpoint), endpoint->addr, text, sizeof(text));
	if (port)
		snprintf(buffer, ENDPOINT_TEXT, brackets ? "[%s]:%u" : "%s:%u", text, port);
	else
		snprintf(buffer, ENDPOINT_TEXT, "%s", text);
	return buffer;
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->addr, b->addr, sizeof(a->addr));
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	static const uint8_t loopback[16] = { [15] = 1 };

	return endpoint->family == FAMILY_V4
		       ? endpoint->addr[0] == 127
		       : memcmp(endpoint->addr, loopback, sizeof(loopback)) == 0;
}
