// SPDX-License-Identifier: GPL-2.0-only
/* live_prefix.c: see live_prefix.h. */
#include "live_prefix.h"

#include <errno.h>
#include <string.h>

int live_prefix_parse(const char *text, struct live_prefix *ret, char *why)
{
	size_t len = strlen(text);
	struct live_prefix live = {};
	struct prefix prefix;
	enum prefix_result result = prefix_parse(text, len, &prefix);

	if (result == PREFIX_V4) {
		live.family = FAMILY_V4;
		live.len = prefix.v4.len;
		for (int i = 0; i < 4; i++)
			live.addr[i] = (uint8_t)(prefix.v4.addr >> (24 - 8 * i));
	} else if (result == PREFIX_V6) {
		live.family = FAMILY_V6;
		live.len = prefix.v6.len;
		for (int i = 0; i < 8; i++) {
			live.addr[i] = (uint8_t)(prefix.v6.hi >> (56 - 8 * i));
			live.addr[i + 8] = (uint8_t)(prefix.v6.lo >> (56 - 8 * i));
		}
	} else {
		prefix_explain(result, text, len, &prefix, why, LIVE_PREFIX_WHY);
		return -EINVAL;
	}
	*ret = live;
	return 0;
}

const char *live_prefix_format(const struct live_prefix *live, char *buffer)
{
	struct prefix prefix = { .family = (enum family)live->family };

	if (live->family == FAMILY_V4) {
		prefix.v4.len = live->len;
		for (int i = 0; i < 4; i++)
			prefix.v4.addr = prefix.v4.addr << 8 | live->addr[i];
	} else {
		prefix.v6.len = live->len;
		for (int i = 0; i < 8; i++) {
			prefix.v6.hi = prefix.v6.hi << 8 | live->addr[i];
			prefix.v6.lo = prefix.v6.lo << 8 | live->addr[i + 8];
		}
	}
	return prefix_format(&prefix, buffer);
}

bool live_prefix_equal(const struct live_prefix *a, const struct live_prefix *b)
{
	return a->family == b->family && a->len == b->len &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

bool live_prefix_covers(const struct live_prefix *outer, const struct live_prefix *inner)
{
	unsigned int bytes = outer->len / 8, bits = outer->len % 8;

	return inner->family == outer->family && inner->len >= outer->len &&
	       memcmp(inner->addr, outer->addr, bytes) == 0 &&
	       (!bits || (inner->addr[bytes] ^ outer->addr[bytes]) >> (8 - bits) == 0);
}
