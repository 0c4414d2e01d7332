/* SPDX-License-Identifier: GPL-2.0-only */
#include "stats.h"

#include <stdlib.h>

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	free(stats->interfaces);
	free(stats->rules);
	free(stats->unjudged);
	*stats = (struct stats){};
}
