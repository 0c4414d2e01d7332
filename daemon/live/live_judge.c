/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_judge.c: what a live set lets in.
 */
#include "live_sets_internal.h"

#include <arpa/inet.h>
#include <string.h>

#include "util.h"

static const char *format_address(enum family family, const struct address *address,
				  char buffer[INET6_ADDRSTRLEN])
{
	uint8_t bytes[16];

	if (family == FAMILY_V4) {
		for (int i = 0; i < 4; i++)
			bytes[i] = (uint8_t)(address->lo >> (24 - 8 * i));
	} else {
		for (int i = 0; i < 8; i++) {
			bytes[i] = (uint8_t)(address->hi >> (56 - 8 * i));
			bytes[8 + i] = (uint8_t)(address->lo >> (56 - 8 * i));
		}
	}
	return inet_ntop(family == FAMILY_V4 ? AF_INET : AF_INET6, bytes, buffer, INET6_ADDRSTRLEN);
}

static int say_excepted(const struct set *set, enum family family,
			const struct address_range *range, char **why)
{
	char first[INET6_ADDRSTRLEN], last[INET6_ADDRSTRLEN];

	format_address(family, &range->first, first);
	format_address(family, &range->last, last);
	if (strcmp(first, last) == 0)
		return asprintf(why, "'%s' never holds %s ('except' in the policy)", set->name,
				first);
	return asprintf(why, "'%s' never holds %s to %s ('except' in the policy)", set->name, first,
			last);
}

int live_judge(const struct set *set, enum live_verb verb, const struct live_prefix *prefix,
	       const struct live_guard *guard, char **why)
{
	const struct address_range *range;

	if (verb != LIVE_ADD || set->parked)
		return 0;
	if (prefix->len < set->widest[prefix->family]) {
		if (asprintf(why,
			     "wider than '%s' may hold: /%u at most for %s ('max-width' in the "
			     "policy)",
			     set->name, set->widest[prefix->family],
			     prefix->family == FAMILY_V4 ? "IPv4" : "IPv6") < 0)
			return -ENOMEM;
		return -EPERM;
	}
	range = space_overlap(&set->except, prefix);
	if (!range)
		return guard ? guard->judge(guard->context, set->name, prefix, why) : 0;
	return say_excepted(set, prefix->family, range, why) < 0 ? -ENOMEM : -EPERM;
}
