/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sets.h: a set while it is read: sets.c begins and ends it, set_keys.c reads what the file says,
 * set_live.c what it says of live sets; set_living.c adds the sets in it that depend on `$self`,
 * set_except.c takes out what must not be in it, set_names.c finds it for those that name it.
 */
#pragma once

#include "loader.h"

/* What a set holds, or what it must not hold; only the parts of its type are in use. */
struct set_content {
	struct prefix_set prefixes;
	struct prefix_space space;
	struct ranges ports;
	struct macs macs;
	struct name_index sets; /* those that are named in it, with their `$` */
	uint32_t *living;       /* of these, by index: those that depend on `$self` */
	size_t n_living, living_capacity;
};

/* target of the keys of a set's mapping */
struct set_draft {
	struct named_set *named;
	const struct node *name;
	struct set_content content, except;
	struct list_guard guard; /* its widths are 0 unless the policy file says them */
	bool max_shrink_given;
	bool keep;
	bool live, persist;
	uint32_t size, timeout; /* 0: not said */
	char **writers;
	size_t n_writers;
	struct notes notes;
	struct expiry expiry;
	struct set_origin *origin; /* once read; NULL: nothing in it depends on `$self` */
	struct name_index paths;   /* of list files that were read */
	const struct node *keep_value, *watch_value, *max_shrink_value, *file, *files, *glob,
		*elements, *except_value;
};

/* The elements of a list, into the content. 0, -EINVAL, reported, -ENOMEM. */
int set_parse_elements(struct loader *loader, const struct node *list, struct set_draft *draft);
/* Read one of the named sets, by its position. 0, -EINVAL, reported, -ENOMEM. */
int set_read(struct loader *loader, uint32_t position);
/* Take what `except:` names from the content; both are in order. Likewise. */
int set_apply_exceptions(struct loader *loader, struct set_draft *draft);
/* All prefixes of a set, besides what the content has. 0 or -ENOMEM. */
int set_append(struct set_content *content, const struct prefix_set *set);
/* Does the set depend on `$self`? */
bool set_is_living(const struct prefix_set *set);
/* Prefixes of sets that depend on `$self` join the others, and origin says what there was: the set's,
 * or, of a live one, its exceptions'. 0 or -ENOMEM. */
int set_join_living(struct loader *loader, struct set_draft *draft);
/* A new live set; *ret is its index. 0, -EINVAL, reported at name, or -ENOMEM. */
int live_set_new(struct loader *loader, const struct node *name, uint32_t *ret);
/* -EINVAL, reported at the key, if the set is live: it is not filled so. */
int live_set_refuse(struct loader *loader, const struct node *value, const struct set_draft *draft);
/* The policy's set gets what was read. 0, -EINVAL, reported, -ENOMEM. */
int live_set_give(struct loader *loader, struct set_draft *draft);
void live_draft_done(struct set_draft *draft);
void set_content_done(struct set_content *content);
