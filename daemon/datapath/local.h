/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * local.h: the addresses of this network namespace, as the kernel has them now: what `$self`
 * holds. Those of every interface, of every VRF too, loopback and link-local ones included;
 * not what only routes make local (ip route add local ...).
 */
#pragma once

#include <stdbool.h>

#include "policy.h"

/* Each address once, in ascending order. 0 with *ret owned by the caller (local_addresses_free()),
 * or negative errno with *ret untouched. */
int local_addresses_read(struct local_addresses *ret);
void local_addresses_free(struct local_addresses *addresses); /* and empties it; NULL is fine */

bool local_addresses_equal(const struct local_addresses *a, const struct local_addresses *b);
