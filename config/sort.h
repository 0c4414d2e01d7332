/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sort.h: prefixes in ascending order of address, then length. Lists are sorted as they are read,
 * so that what a cache keeps of them need not be sorted again.
 */
#pragma once

#include <stddef.h>

#include "policy.h"

/* 0 or -ENOMEM, with the prefixes as they were. */
int sort_v4(struct prefix_v4 *prefixes, size_t n);
int sort_v6(struct prefix_v6 *prefixes, size_t n);
