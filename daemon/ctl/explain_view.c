/* SPDX-License-Identifier: GPL-2.0-only */
/* explain_view.c: see explain_view.h. */
#include "explain_view.h"

#include <string.h>

#include "request.h"
#include "text.h"
#include "util.h"

static void print_head(const json_t *answer, const char *path, const char *in)
{
	const char *interface = string_of(answer, "interface");

	if (!*interface)
		printf("No interface judges it");
	else
		text_printf(stdout, "Interface %s", interface);
	if (*interface)
		text_printf(stdout, ", policy %s", string_of(answer, "policy"));
	if (path)
		text_printf(stdout, " of %s\n", path);
	else
		printf(", generation %lld, which is in force\n", number_of(answer, "generation"));
	if (*interface && in && strcmp(in, interface) != 0) {
		text_printf(stdout, "(not %s: ", in);
		printf("they share a port, and the packet's VLAN decides)\n");
	}
}

static void print_fields(const json_t *fields)
{
	const json_t *field;
	size_t i;

	printf("\nThe packet as it was read:\n");
	json_array_foreach (fields, i, field) {
		char left[32];

		snprintf(left, sizeof(left), "%s", string_of(field, "name"));
		printf("  %-12s", left);
		text_printf(stdout, "%s\n", string_of(field, "value"));
	}
}

static void print_sets(const json_t *answer)
{
	const json_t *sets = json_object_get(answer, "sets"), *set;
	bool known = json_is_true(json_object_get(answer, "sets_known"));
	size_t i;

	if (!known)
		printf("\nSets that hold it: cannot be told of compiled sets\n");
	else
		printf("\nSets that hold it:%s\n", json_array_size(sets) ? "" : " none");
	json_array_foreach (sets, i, set) {
		text_printf(stdout, "  %s", string_of(set, "field"));
		text_printf(stdout, " in $%s", string_of(set, "name"));
		printf("%s\n", json_is_true(json_object_get(set, "live")) ? " (live)" : "");
	}
}

static void print_rules(const json_t *rules, bool color)
{
	static const char *const titles[] = { "RULE", "ACTION", "EFFECT", "PLACE", "MATCH" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *rule;
	size_t i;

	printf("\nRules that matched, in order:%s\n", json_array_size(rules) ? "" : " none");
	json_array_foreach (rules, i, rule) {
		const char *effect = string_of(rule, "effect");
		const char *place = string_of(rule, "place");

		table_text(&table, string_of(rule, "name"), PAINT_NONE);
		table_text(&table, string_of(rule, "action"), PAINT_NONE);
		table_text(&table, effect,
			   strcmp(effect, "decides") == 0 ? PAINT_BOLD : PAINT_NONE);
		table_text(&table, *place ? place : "-", PAINT_NONE);
		table_text(&table, string_of(rule, "match"), PAINT_NONE);
	}
	if (table.n_cells)
		table_print(&table, stdout, color);
}

/* What it would be without `shadow`. */
static void print_shadow(const json_t *rules)
{
	const json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule) {
		if (strcmp(string_of(rule, "effect"), "would-decide") != 0)
			continue;
		text_printf(stdout, "The shadow rule %s ", string_of(rule, "name"));
		text_printf(stdout, "would have decided: %s\n", string_of(rule, "action"));
	}
}

static void print_verdict(const json_t *answer, bool color)
{
	const char *verdict = string_of(answer, "verdict"), *rule = string_of(answer, "rule");
	const char *reason = string_of(answer, "reason");
	enum paint paint = strcmp(verdict, "drop") == 0 ? PAINT_BAD : PAINT_GOOD;

	printf("\n%s", paint_start(paint, color));
	text_printf(stdout, "%s", verdict);
	printf("%s", paint_end(paint, color));
	if (*rule)
		text_printf(stdout, ", by the rule %s", rule);
	if (*string_of(answer, "redirect"))
		text_printf(stdout, ", to %s", string_of(answer, "redirect"));
	if (*reason)
		text_printf(stdout, ", %s: ", reason);
	if (*reason)
		text_printf(stdout, "%s", string_of(answer, "reason_text"));
	if (!*rule && !*reason)
		printf(": no interface of this port has its VLAN");
	putchar('\n');
	print_shadow(json_object_get(answer, "rules"));
}

void explain_print(const json_t *answer, const char *path, const char *in, bool color)
{
	const char *note = string_of(answer, "note");

	print_head(answer, path, in);
	print_fields(json_object_get(answer, "fields"));
	if (*string_of(answer, "interface")) {
		print_sets(answer);
		print_rules(json_object_get(answer, "rules"), color);
	}
	print_verdict(answer, color);
	if (*note)
		text_printf(stdout, "\nNote: %s\n", note);
}
