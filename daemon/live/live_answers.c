/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * live_answers.c: the end of what live sets answer; needs nothing else of them.
 */
#include "live_sets.h"

#include <stdlib.h>

void live_result_done(struct live_result *result)
{
	for (size_t i = 0; i < result->n_refusals; i++)
		free(result->refusals[i].why);
	free(result->refusals);
	*result = (struct live_result){};
}

void live_list_done(struct live_list *list)
{
	free(list->items);
	*list = (struct live_list){};
}

void live_set_states_done(struct live_set_states *states)
{
	for (size_t i = 0; i < states->n; i++) {
		for (size_t j = 0; j < states->items[i].n_writers; j++)
			free(states->items[i].writers[j]);
		free(states->items[i].writers);
		free(states->items[i].journal_error);
	}
	free(states->items);
	*states = (struct live_set_states){};
}
