/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * set_living.c: sets that hold `$self`, or except it, or are made from such. What they are made from is
 * remembered: kept for later, the policy must follow the addresses that there are then.
 */
#include "sets.h"

#include <string.h>

#include "util.h"

bool set_is_living(const struct prefix_set *set)
{
	return set->origin || !strcmp(set->name, "self");
}

int set_append(struct set_content *content, const struct prefix_set *set)
{
	struct prefix_set *to = &content->prefixes;

	if (array_reserve((void **)&to->v4, &content->space.v4_capacity, to->n_v4 + set->n_v4,
			  sizeof(*to->v4)) < 0 ||
	    array_reserve((void **)&to->v6, &content->space.v6_capacity, to->n_v6 + set->n_v6,
			  sizeof(*to->v6)) < 0)
		return -ENOMEM;
	if (set->n_v4)
		memcpy(to->v4 + to->n_v4, set->v4, set->n_v4 * sizeof(*to->v4));
	if (set->n_v6)
		memcpy(to->v6 + to->n_v6, set->v6, set->n_v6 * sizeof(*to->v6));
	to->n_v4 += set->n_v4;
	to->n_v6 += set->n_v6;
	return 0;
}

/* What was read so far is the part; it stays in the content. */
static int copy_part(struct set_content *content, struct set_part *ret)
{
	const struct prefix_set *from = &content->prefixes;

	ret->v4 = calloc(from->n_v4 + 1, sizeof(*ret->v4));
	ret->v6 = calloc(from->n_v6 + 1, sizeof(*ret->v6));
	if (!ret->v4 || !ret->v6)
		return -ENOMEM;
	if (from->n_v4)
		memcpy(ret->v4, from->v4, from->n_v4 * sizeof(*ret->v4));
	if (from->n_v6)
		memcpy(ret->v6, from->v6, from->n_v6 * sizeof(*ret->v6));
	ret->n_v4 = from->n_v4;
	ret->n_v6 = from->n_v6;
	ret->n_sets = content->n_living;
	ret->sets = TAKE_PTR(content->living);
	content->n_living = content->living_capacity = 0;
	return 0;
}

static int join(struct loader *loader, struct set_content *content, struct set_part *part)
{
	int r = copy_part(content, part);

	/* The arrays have at least as much room as there is in them. */
	content->space = (struct prefix_space){ content->prefixes.n_v4, content->prefixes.n_v6 };
	for (size_t i = 0; i < part->n_sets && !r; i++)
		r = set_append(content, &loader->policy->sets[part->sets[i]]);
	return r;
}

int set_join_living(struct loader *loader, struct set_draft *draft)
{
	int r;

	if ((!draft->content.n_living && !draft->except.n_living) || draft->expiry.past)
		return 0;
	draft->origin = calloc(1, sizeof(*draft->origin));
	if (!draft->origin)
		return -ENOMEM;
	r = join(loader, &draft->content, &draft->origin->elements);
	return r ? r : join(loader, &draft->except, &draft->origin->except);
}
