/* SPDX-License-Identifier: GPL-2.0-only */
/* answers_sets.h: of live sets, as answers.h of the rest. */
#pragma once

#include <jansson.h>

#include "live_sets.h"

/* prefix_of(context, i): of the call's i-th entry. */
typedef const struct live_prefix *prefix_of_index(const void *context, size_t index);

json_t *answer_set_result(const struct live_result *result, prefix_of_index *prefix_of,
			  const void *context);
json_t *answer_set_entry(const struct live_listed *entry);
json_t *answer_set_page(const struct live_list *list);
/* Those for which wanted(context, name) holds; NULL: all. */
json_t *answer_set_states(const struct live_set_states *states,
			  bool (*wanted)(const void *context, const char *set),
			  const void *context);
