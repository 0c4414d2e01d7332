/* SPDX-License-Identifier: GPL-2.0-only */
/* replay_view.c: what became of all packets of a replay, as JSON and for people; see replay.h. */
#include "replay.h"

#include <string.h>

#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- JSON -------------------------------------------------------------------------------- */

static json_t *counter_json(const struct counter *counter)
{
	return json_pack("{s:o, s:o}", "packets", wire_uint(counter->packets), "bytes",
			 wire_uint(counter->bytes));
}

/* Those that have counted. */
static json_t *named_counters(const struct counter *counters, unsigned int n,
			      const char *(*name)(unsigned int))
{
	_cleanup_json_ json_t *object = json_object();

	for (unsigned int i = 0; i < n; i++)
		if (counters[i].packets &&
		    json_object_set_new(object, name(i), counter_json(&counters[i])) < 0)
			return NULL;
	return TAKE_PTR(object);
}

static json_t *rules_json(const struct ruleset *ruleset, const struct counter *counters)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < ruleset->n_rules; i++) {
		json_t *rule = json_pack(
			"{s:o, s:o, s:o, s:o}", "name", wire_string(ruleset->rules[i].name),
			"action", wire_string(ruleset->rules[i].action_text), "packets",
			wire_uint(counters[i].packets), "bytes", wire_uint(counters[i].bytes));

		if (json_array_append_new(array, rule) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *interfaces_json(const struct replay *replay)
{
	const struct policy *policy = replay->candidate.policy;
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < policy->n_interfaces; i++) {
		const struct judge_counts *counts = judge_counts(replay->judge, i);
		const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[i].ruleset];
		json_t *item;

		if (!counts)
			continue;
		item = json_pack("{s:o, s:o, s:o, s:o, s:o}", "name",
				 wire_string(policy->interfaces[i].name), "policy",
				 wire_string(ruleset->name), "verdicts",
				 named_counters(counts->verdicts, N_VERDICTS, verdict_name),
				 "reasons", named_counters(counts->reasons, N_REASONS, reason_name),
				 "rules", rules_json(ruleset, counts->rules));
		if (json_array_append_new(array, item) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

json_t *replay_answer(const struct replay *replay)
{
	struct counter unjudged = judge_unjudged(replay->judge);
	_cleanup_json_ json_t *answer = json_pack(
		"{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "capture",
		wire_string(replay->capture_path), "policy_file", wire_string(replay->policy_path),
		"engine", engine_name(replay->options->engine), "in",
		wire_string(replay->candidate.policy->interfaces[replay->interface].name),
		"packets", wire_uint(replay->packets.packets), "bytes",
		wire_uint(replay->packets.bytes), "cut", wire_uint(replay->n_cut), "too_large",
		wire_uint(replay->n_too_large), "unjudged", wire_uint(unjudged.packets),
		"interfaces", interfaces_json(replay));

	if (answer && replay->each && json_object_set(answer, "each", replay->each) < 0)
		return NULL;
	return TAKE_PTR(answer);
}

/* --- for people -------------------------------------------------------------------------- */

static enum paint paint_of(const char *verdict)
{
	return strcmp(verdict, "drop") == 0 ? PAINT_BAD : PAINT_GOOD;
}

static void add_share(struct table *table, long long packets, long long all)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f%%", all ? 100.0 * (double)packets / (double)all : 0);
	table_text(table, text, PAINT_NONE);
}

static void add_counts(struct table *table, const json_t *counter, long long all)
{
	table_number(table, number_of(counter, "packets"));
	add_share(table, number_of(counter, "packets"), all);
	table_number(table, number_of(counter, "bytes"));
}

static void print_verdicts(const json_t *interfaces, long long all, bool color)
{
	static const char *const titles[] = { "INTERFACE", "POLICY", "VERDICT",
					      ">PACKETS",  ">SHARE", ">BYTES" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *interface, *counter;
	const char *name;
	size_t i;

	json_array_foreach (interfaces, i, interface)
		json_object_foreach ((json_t *)json_object_get(interface, "verdicts"), name,
				     counter) {
			table_text(&table, string_of(interface, "name"), PAINT_NONE);
			table_text(&table, string_of(interface, "policy"), PAINT_NONE);
			table_text(&table, name, paint_of(name));
			add_counts(&table, counter, all);
		}
	if (table.n_cells)
		table_print(&table, stdout, color);
}

static void add_row(struct table *table, const json_t *interface, const char *what,
		    const char *action, const json_t *counter, long long all)
{
	table_text(table, string_of(interface, "name"), PAINT_NONE);
	table_text(table, what, PAINT_NONE);
	table_text(table, action, PAINT_NONE);
	add_counts(table, counter, all);
}

/* Rules in order, as far as they counted; then reasons. *ret_silent: rules that did not. */
static void print_rules(const json_t *interfaces, long long all, bool color, size_t *ret_silent)
{
	static const char *const titles[] = { "INTERFACE", "RULE OR REASON", "ACTION",
					      ">PACKETS",  ">SHARE",         ">BYTES" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *interface, *item;
	const char *name;
	size_t i, j;

	*ret_silent = 0;
	json_array_foreach (interfaces, i, interface) {
		json_array_foreach (json_object_get(interface, "rules"), j, item) {
			if (!number_of(item, "packets"))
				(*ret_silent)++;
			else
				add_row(&table, interface, string_of(item, "name"),
					string_of(item, "action"), item, all);
		}
		json_object_foreach ((json_t *)json_object_get(interface, "reasons"), name, item)
			add_row(&table, interface, name, "-", item, all);
	}
	if (table.n_cells) {
		putchar('\n');
		table_print(&table, stdout, color);
	}
}

void replay_print(const json_t *answer, bool color)
{
	const json_t *interfaces = json_object_get(answer, "interfaces");
	long long all = number_of(answer, "packets");
	size_t silent;

	text_printf(stdout, "%s: ", string_of(answer, "capture"));
	printf("%lld packet%s, %lld bytes, ", all, all == 1 ? "" : "s", number_of(answer, "bytes"));
	text_printf(stdout, "arriving at '%s' of ", string_of(answer, "in"));
	text_printf(stdout, "%s, ", string_of(answer, "policy_file"));
	text_printf(stdout, "judged by the %s\n", string_of(answer, "engine"));
	if (!all)
		return;
	putchar('\n');
	print_verdicts(interfaces, all, color);
	print_rules(interfaces, all, color, &silent);
	if (silent)
		printf("\n%zu rule%s matched no packet.\n", silent, silent == 1 ? "" : "s");
	if (number_of(answer, "unjudged"))
		printf("\nNo interface of the policy judges %lld of them, which pass: no interface "
		       "of this port has their VLAN.\n",
		       number_of(answer, "unjudged"));
}
