/* SPDX-License-Identifier: GPL-2.0-only */
/* stats_view.h: the tables of xdpgate stats. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <jansson.h>

/* stats: a reply of Stats. previous: the one before, seconds ago, for rates; or NULL. */
void stats_view(const json_t *stats, const json_t *previous, double seconds, FILE *stream,
		bool color);
