/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print_sets.c: sets as YAML: for people with all that they hold; to be kept, large ones as list files,
 * and those that depend on `$self` as what they are made from.
 */
#include "print.h"

#include <errno.h>
#include <string.h>

#include "quantity.h"
#include "util.h"

/* A condition on MAC addresses of an empty set needs such a set: there is no list of no values. */
static bool needs_empty_set(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rulesets; i++)
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			for (size_t k = 0; k < N_MAC_FIELDS; k++) {
				const struct mac_match *match =
					&policy->rulesets[i].rules[j].mac[k];

				if (match->present && !match->n_macs)
					return true;
			}
	return false;
}

void empty_set_name(const struct policy *policy, char name[NAME_LEN])
{
	bool taken = true;

	for (unsigned int n = 0; taken; n++) {
		snprintf(name, NAME_LEN, n ? "no-macs-%u" : "no-macs", n);
		taken = false;
		for (size_t i = 0; i < policy->n_sets && !taken; i++)
			taken = !strcmp(policy->sets[i].name, name);
		for (size_t i = 0; i < policy->n_live_sets && !taken; i++)
			taken = !strcmp(policy->live_sets[i].name, name);
	}
}

/* It is there without being written; what it holds is where the policy is loaded. */
static bool is_self(const struct prefix_set *set)
{
	return !strcmp(set->name, "self");
}

/* A list, if it is of one, too; of none, too. */
static int print_list(FILE *stream, int indent, const char *key, struct items *items)
{
	if (items->n != 1 || items->failed)
		return print_items(stream, indent, key, false, items);
	fprintf(stream, "%*s%s: [%s]\n", indent, "", key, items->items[0]);
	items_done(items);
	return 0;
}

/* --- what a set holds --------------------------------------------------------------------- */

/* `$self` and what depends on it, by name; then its own. */
static void items_add_part(struct items *items, const struct policy *policy,
			   const struct set_part *part, const struct policy_list *list)
{
	char name[NAME_LEN + 1];

	for (size_t i = 0; i < part->n_sets; i++) {
		snprintf(name, sizeof(name), "$%s", policy->sets[part->sets[i]].name);
		items_add(items, "%s", WORD(name));
	}
	items_add_list(items, list);
}

/* part is what it was made from, list what that has of its own. */
static int print_part(const struct policy *policy, int indent, const char *key,
		      const struct set_part *part, const struct policy_list *list, FILE *stream)
{
	struct items items = { 0 };

	items_add_part(&items, policy, part, list);
	return print_list(stream, indent, key, &items);
}

static struct set_part part_of(const struct prefix_set *set)
{
	return (struct set_part){
		.v4 = set->v4, .n_v4 = set->n_v4, .v6 = set->v6, .n_v6 = set->n_v6
	};
}

static int list_part(const struct set_part *part, struct policy_list *ret)
{
	return policy_list_make(part->v4, part->n_v4, part->v6, part->n_v6, ret);
}

/* The exceptions of a live set, or of one that depends on `$self`. */
static int print_except(const struct policy *policy, const struct set_part *except, FILE *stream)
{
	_cleanup_(policy_list_done) struct policy_list list = { 0 };
	int r = list_part(except, &list);

	return r < 0 ? r : print_part(policy, 4, "except", except, &list, stream);
}

/* What a list file may hold at most was checked when it was read first. */
static int print_file(const struct policy_list *list, const struct policy_lists *lists,
		      FILE *stream)
{
	char file[POLICY_LIST_NAME];
	int r = lists->sink(lists->context, list, file);

	if (r < 0)
		return r;
	fprintf(stream, "    max-width: 0\n    file: %s\n", WORD(file));
	return 0;
}

/* A set of which more is to be said than what it holds. */
static int print_mapping(const struct policy *policy, const struct prefix_set *set,
			 const struct set_part *elements, const struct policy_list *list,
			 bool in_file, const struct policy_lists *lists, FILE *stream)
{
	const struct policy_list none = { 0 };
	int r = 0;

	fprintf(stream, "  %s:\n", WORD(set->name));
	print_expiry(4, &set->expiry, stream);
	if (lists)
		print_notes(4, &set->notes, stream);
	if (in_file)
		r = print_file(list, lists, stream);
	if (!r && (elements->n_sets || !in_file))
		r = print_part(policy, 4, "elements", elements, in_file ? &none : list, stream);
	return r;
}

static int print_set(const struct policy *policy, const struct prefix_set *set,
		     const struct policy_lists *lists, FILE *stream)
{
	const struct set_origin *origin = lists ? set->origin : NULL;
	const struct set_part part = origin ? origin->elements : part_of(set);
	bool has_notes = lists && (set->notes.comment || set->notes.n_tags), in_file;
	_cleanup_(policy_list_done) struct policy_list list = { 0 };
	int r = list_part(&part, &list);

	if (r < 0)
		return r;
	in_file = lists && list.n_v4 + list.n_v6 >= lists->least;
	if (!origin && !has_notes && !in_file && !set->expiry.at)
		return print_part(policy, 2, WORD(set->name), &part, &list, stream);
	r = print_mapping(policy, set, &part, &list, in_file, lists, stream);
	if (!r && origin && (origin->except.n_v4 || origin->except.n_v6 || origin->except.n_sets))
		r = print_except(policy, &origin->except, stream);
	return r;
}

static int print_live_set(const struct policy *policy, const struct live_set *set,
			  const struct policy_lists *lists, FILE *stream)
{
	const struct set_origin *origin = lists ? set->except.origin : NULL;
	const struct set_part except = origin ? origin->except : part_of(&set->except);
	char text[QUANTITY_TEXT], word[YAML_TEXT(CONFIG_MAX_USER_NAME)];
	struct items writers = { 0 };
	int r;

	fprintf(stream, "  %s:\n    live: true\n", WORD(set->name));
	if (lists)
		print_notes(4, &set->notes, stream);
	if (set->timeout)
		fprintf(stream, "    timeout: %s\n", duration_format(set->timeout, text));
	fprintf(stream, "    size: %s\n", count_format(set->size, text));
	fprintf(stream, "    max-width: {v4: %u, v6: %u}\n", set->widest[FAMILY_V4],
		set->widest[FAMILY_V6]);
	fprintf(stream, "    persist: %s\n", set->persist ? "true" : "false");
	for (size_t i = 0; i < set->n_writers; i++)
		items_add(&writers, "%s", yaml_word(set->writers[i], word));
	r = print_list(stream, 4, "writers", &writers);
	if (r < 0)
		return r;
	return print_except(policy, &except, stream);
}

/* --- all of them -------------------------------------------------------------------------- */

/* Those with names: of prefixes, live or not. The others are part of the conditions that name
 * them. */
int print_sets(const struct policy *policy, const struct policy_lists *lists, FILE *stream)
{
	bool first = true;
	int r = 0;

	for (size_t i = 0; i < policy->n_sets && !r; i++) {
		const struct prefix_set *set = &policy->sets[i];

		if (!set->name[0] || is_self(set))
			continue;
		if (first)
			fputs("sets:\n", stream);
		first = false;
		r = print_set(policy, set, lists, stream);
	}
	if (first && policy->n_live_sets)
		fputs("sets:\n", stream);
	first = first && !policy->n_live_sets;
	for (size_t i = 0; i < policy->n_live_sets && !r; i++)
		r = print_live_set(policy, &policy->live_sets[i], lists, stream);
	if (!r && needs_empty_set(policy)) {
		char name[NAME_LEN];

		empty_set_name(policy, name);
		fprintf(stream, "%s  %s: {type: mac, elements: []}\n", first ? "sets:\n" : "",
			name);
	}
	return r;
}
