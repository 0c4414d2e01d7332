/* SPDX-License-Identifier: GPL-2.0-only */
/* See answers_sets.h. */
#include "answers_sets.h"
#include "bounds.h"
#include "live_prefix.h"
#include "util.h"
#include "wire.h"

static json_t *prefix_text(const struct live_prefix *prefix)
{
	char text[PREFIX_TEXT];

	return json_string(live_prefix_format(prefix, text));
}

static json_t *seconds_or_null(uint32_t seconds)
{
	return seconds == LIVE_FOREVER ? json_null() : json_integer(seconds);
}

json_t *answer_set_result(const struct live_result *result, prefix_of_index *prefix_of,
			  const void *context)
{
	_cleanup_json_ json_t *refusals = json_array();

	for (size_t i = 0; i < result->n_refusals; i++) {
		const struct live_refusal *refusal = &result->refusals[i];

		if (json_array_append_new(
			    refusals,
			    json_pack("{s:o, s:o, s:o}", "index", wire_uint(refusal->index),
				      "prefix", prefix_text(prefix_of(context, refusal->index)),
				      "text", wire_bounded(refusal->why, REFUSAL_TEXT_MAX_BYTES))) <
		    0)
			return NULL;
	}
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:O}", "added", wire_uint(result->added),
			 "changed", wire_uint(result->changed), "removed",
			 wire_uint(result->removed), "missing", wire_uint(result->missing),
			 "refused", wire_uint(result->refused), "refusals", refusals);
}

json_t *answer_set_entry(const struct live_listed *entry)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "prefix", prefix_text(&entry->prefix), "left",
			 seconds_or_null(entry->left), "since", wire_uint(entry->since), "comment",
			 wire_string(entry->comment[0] ? entry->comment : NULL));
}

json_t *answer_set_page(const struct live_list *list)
{
	_cleanup_json_ json_t *entries = json_array();

	for (size_t i = 0; i < list->n; i++)
		if (json_array_append_new(entries, answer_set_entry(&list->items[i])) < 0)
			return NULL;
	return json_pack("{s:O, s:b}", "entries", entries, "more", list->more);
}

static json_t *writers_of(const struct live_set_status *set)
{
	_cleanup_json_ json_t *writers = json_array();

	for (size_t i = 0; i < set->n_writers; i++)
		if (json_array_append_new(writers, wire_string(set->writers[i])) < 0)
			return NULL;
	return TAKE_PTR(writers);
}

static json_t *set_status(const struct live_set_status *set)
{
	return json_pack("{s:o, s:b, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			 "s:o, s:o, s:o}",
			 "name", wire_string(set->name), "parked", set->parked, "entries_v4",
			 wire_uint(set->entries[FAMILY_V4]), "entries_v6",
			 wire_uint(set->entries[FAMILY_V6]), "size", wire_uint(set->size),
			 "timeout", wire_uint(set->timeout), "persist", set->persist, "writers",
			 writers_of(set), "added", wire_uint(set->added), "changed",
			 wire_uint(set->changed), "removed", wire_uint(set->removed), "ended",
			 wire_uint(set->ended), "refused", wire_uint(set->refused), "full",
			 wire_uint(set->full), "bytes", wire_uint(set->bytes), "next_end",
			 seconds_or_null(set->next_end), "journal_error",
			 wire_string(set->journal_error));
}

json_t *answer_set_states(const struct live_set_states *states,
			  bool (*wanted)(const void *context, const char *set), const void *context)
{
	_cleanup_json_ json_t *sets = json_array();

	for (size_t i = 0; i < states->n; i++)
		if (!wanted || wanted(context, states->items[i].name))
			if (json_array_append_new(sets, set_status(&states->items[i])) < 0)
				return NULL;
	return json_pack("{s:O}", "sets", sets);
}
