/* SPDX-License-Identifier: GPL-2.0-only */
/* diff_sets.c: what sets of prefixes and live sets gain and lose. */
#include <stdarg.h>
#include <string.h>

#include "diff.h"
#include "prefix.h"
#include "quantity.h"
#include "util.h"

#define MAX_SAMPLES 10 /* of what a set gains, of what it loses */

/* All prefixes of a set, ascending: both families, IPv4 ahead. Normalised sets are in order. */
static size_t count(const struct prefix_set *set)
{
	return set->n_v4 + set->n_v6;
}

static struct prefix at(const struct prefix_set *set, size_t i)
{
	if (i < set->n_v4)
		return (struct prefix){ .v4 = set->v4[i], .family = FAMILY_V4 };
	return (struct prefix){ .v6 = set->v6[i - set->n_v4], .family = FAMILY_V6 };
}

static int compare(const struct prefix *a, const struct prefix *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	if (a->family == FAMILY_V4) {
		if (a->v4.addr != b->v4.addr)
			return a->v4.addr < b->v4.addr ? -1 : 1;
		return a->v4.len - b->v4.len;
	}
	if (a->v6.hi != b->v6.hi)
		return a->v6.hi < b->v6.hi ? -1 : 1;
	if (a->v6.lo != b->v6.lo)
		return a->v6.lo < b->v6.lo ? -1 : 1;
	return a->v6.len - b->v6.len;
}

bool same_prefixes(const struct prefix_set *a, const struct prefix_set *b)
{
	if (a->n_v4 != b->n_v4 || a->n_v6 != b->n_v6)
		return false;
	for (size_t i = 0; i < count(a); i++) {
		struct prefix left = at(a, i), right = at(b, i);

		if (compare(&left, &right) != 0)
			return false;
	}
	return true;
}

/* What one of them has that the other has not. */
struct surplus {
	size_t n;
	char text[MAX_SAMPLES * (PREFIX_TEXT + 1) + 1];
	size_t len;
};

static void note(struct surplus *surplus, const struct prefix *prefix)
{
	char buffer[PREFIX_TEXT];

	if (surplus->n++ < MAX_SAMPLES)
		surplus->len += (size_t)snprintf(surplus->text + surplus->len,
						 sizeof(surplus->text) - surplus->len, " %s",
						 prefix_format(prefix, buffer));
}

static void compare_sets(const struct prefix_set *before, const struct prefix_set *after,
			 struct surplus *lost, struct surplus *gained)
{
	size_t i = 0, j = 0;

	while (i < count(before) || j < count(after)) {
		struct prefix old = { 0 }, new = { 0 };
		int order = i == count(before) ? 1 : -1;

		if (i < count(before))
			old = at(before, i);
		if (j < count(after))
			new = at(after, j);
		if (i < count(before) && j < count(after))
			order = compare(&old, &new);
		if (order < 0)
			note(lost, &old);
		else if (order > 0)
			note(gained, &new);
		i += order <= 0;
		j += order >= 0;
	}
}

static void diff_set(const struct prefix_set *before, const struct prefix_set *after,
		     struct changes *changes)
{
	struct surplus lost = { 0 }, gained = { 0 };

	compare_sets(before, after, &lost, &gained);
	if (!lost.n && !gained.n)
		return;
	change_add(changes, '~', "set", after->name,
		   change_text("%zu prefixes, %zu before%s%s%s%s%s%s", count(after), count(before),
			       gained.n ? "; gained:" : "", gained.text,
			       gained.n > MAX_SAMPLES ? " ..." : "", lost.n ? "; lost:" : "",
			       lost.text, lost.n > MAX_SAMPLES ? " ..." : ""));
}

static const struct prefix_set *set_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_sets; i++)
		if (*name && strcmp(policy->sets[i].name, name) == 0)
			return &policy->sets[i];
	return NULL;
}

static const struct live_set *live_find(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->n_live_sets; i++)
		if (strcmp(policy->live_sets[i].name, name) == 0)
			return &policy->live_sets[i];
	return NULL;
}

/* Settings on one line, to be compared and shown; writers and exceptions by number. */
static char *describe_live(const struct live_set *set)
{
	char size[QUANTITY_TEXT], timeout[QUANTITY_TEXT];

	return change_text(
		"size %s, timeout %s, max-width /%u and /%u%s, %zu writers, %zu exceptions",
		count_format(set->size, size),
		set->timeout ? duration_format(set->timeout, timeout) : "none",
		set->widest[FAMILY_V4], set->widest[FAMILY_V6], set->persist ? ", persist" : "",
		set->n_writers, set->except.n_v4 + set->except.n_v6);
}

static bool same_writers(const struct live_set *a, const struct live_set *b)
{
	for (size_t i = 0; i < a->n_writers && i < b->n_writers; i++)
		if (strcmp(a->writers[i], b->writers[i]) != 0)
			return false;
	return a->n_writers == b->n_writers;
}

static void diff_live(const struct live_set *before, const struct live_set *after,
		      struct changes *changes)
{
	_cleanup_free_ char *old = describe_live(before), *new = describe_live(after);
	bool same_lists =
		same_writers(before, after) && same_prefixes(&before->except, &after->except);

	if (!old || !new)
		changes->failed = true;
	else if (strcmp(old, new) != 0 || !same_lists)
		change_add(changes, '~', "live set", after->name,
			   change_text("%s; before: %s%s", new, old,
				       same_lists ? "" : "; other writers or exceptions"));
}

void diff_sets(const struct policy *before, const struct policy *after, struct changes *changes)
{
	for (size_t i = 0; i < before->n_sets; i++) {
		const struct prefix_set *set = &before->sets[i];

		if (*set->name && !set_find(after, set->name))
			change_add(changes, '-', "set", set->name,
				   change_text("%zu prefixes", count(set)));
	}
	for (size_t i = 0; i < after->n_sets; i++) {
		const struct prefix_set *set = &after->sets[i];
		const struct prefix_set *old = set_find(before, set->name);

		if (old)
			diff_set(old, set, changes);
		else if (*set->name)
			change_add(changes, '+', "set", set->name,
				   change_text("%zu prefixes", count(set)));
	}
	for (size_t i = 0; i < before->n_live_sets; i++)
		if (!live_find(after, before->live_sets[i].name))
			change_add(changes, '-', "live set", before->live_sets[i].name,
				   describe_live(&before->live_sets[i]));
	for (size_t i = 0; i < after->n_live_sets; i++) {
		const struct live_set *set = &after->live_sets[i];
		const struct live_set *old = live_find(before, set->name);

		if (old)
			diff_live(old, set, changes);
		else
			change_add(changes, '+', "live set", set->name, describe_live(set));
	}
}
