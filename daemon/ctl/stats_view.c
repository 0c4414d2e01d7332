/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tables of xdpgate stats: verdicts by interface, reasons by interface (those that
 * counted), rules. Each row is whole, so that grep and awk can use it.
 */
#include <string.h>

#include "request.h"
#include "stats_view.h"
#include "text.h"
#include "util.h"

#define KEY_LEN 512

/* Where rows find their counter of a moment ago: a flat object, row's key -> counter. */
struct view {
	json_t *before; /* NULL: no rates */
	double seconds;
	FILE *stream;
	bool color;
};

static void make_key(char key[KEY_LEN], const char *a, const char *b, const char *c)
{
	snprintf(key, KEY_LEN, "%s\n%s\n%s", a, b, c);
}

static void index_named(json_t *index, const json_t *interface, const char *kind)
{
	char key[KEY_LEN];
	const char *name;
	json_t *counter;

	json_object_foreach (json_object_get(interface, kind), name, counter) {
		make_key(key, kind, string_of(interface, "name"), name);
		json_object_set(index, key, counter);
	}
}

/* NULL when there is nothing to compare with. */
static json_t *index_of(const json_t *stats)
{
	json_t *index = stats ? json_object() : NULL;
	char key[KEY_LEN];
	json_t *item;
	size_t i;

	if (!index)
		return NULL;
	json_array_foreach (json_object_get(stats, "interfaces"), i, item) {
		index_named(index, item, "verdicts");
		index_named(index, item, "reasons");
	}
	json_array_foreach (json_object_get(stats, "unjudged"), i, item) {
		make_key(key, "unjudged", string_of(item, "port"), "");
		json_object_set(index, key, item);
	}
	json_array_foreach (json_object_get(stats, "rules"), i, item) {
		make_key(key, string_of(item, "policy"), string_of(item, "name"),
			 string_of(item, "interface"));
		json_object_set(index, key, item);
	}
	return index;
}

static void add_rate(const struct view *view, struct table *table, const json_t *counter,
		     const json_t *before, const char *what, int factor)
{
	long long delta = number_of(counter, what) - number_of(before, what);
	char text[32];

	/* new since, or another counter of the same name: no rate to speak of */
	if (!before || delta < 0 || view->seconds <= 0)
		snprintf(text, sizeof(text), "-");
	else
		snprintf(text, sizeof(text), "%.0f", (double)delta * factor / view->seconds);
	table_text(table, text, PAINT_NONE);
}

static void add_counter(const struct view *view, struct table *table, const json_t *counter,
			const char *key)
{
	const json_t *before = json_object_get(view->before, key);

	table_number(table, number_of(counter, "packets"));
	table_number(table, number_of(counter, "bytes"));
	if (!view->before)
		return;
	add_rate(view, table, counter, before, "packets", 1);
	add_rate(view, table, counter, before, "bytes", 8);
}

/* kind: "verdicts" or "reasons"; zeros: show rows that counted nothing. */
static void view_named(const struct view *view, const json_t *interfaces, const char *kind,
		       const char *title, bool zeros)
{
	const char *titles[] = { "INTERFACE", title, ">PACKETS", ">BYTES", ">PACKETS/S", ">BIT/S" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = view->before ? 6 : 4 };
	const json_t *interface;
	char key[KEY_LEN];
	const char *name;
	json_t *counter;
	size_t i;

	json_array_foreach (interfaces, i, interface) {
		json_object_foreach (json_object_get(interface, kind), name, counter) {
			if (!zeros && number_of(counter, "packets") == 0)
				continue;
			table_text(&table, string_of(interface, "name"), PAINT_NONE);
			table_text(&table, name, PAINT_NONE);
			make_key(key, kind, string_of(interface, "name"), name);
			add_counter(view, &table, counter, key);
		}
	}
	if (table.n_cells == 0)
		return;
	fputc('\n', view->stream);
	table_print(&table, view->stream, view->color);
}

/* Ports of which all interfaces have a VLAN: what was for none of them has passed. */
static void view_unjudged(const struct view *view, const json_t *ports)
{
	static const char *const titles[] = { "PORT",   "REASON",     ">PACKETS",
					      ">BYTES", ">PACKETS/S", ">BIT/S" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = view->before ? 6 : 4 };
	char key[KEY_LEN];
	const json_t *port;
	size_t i;

	json_array_foreach (ports, i, port) {
		table_text(&table, string_of(port, "port"), PAINT_NONE);
		table_text(&table, "no-interface", PAINT_NONE);
		make_key(key, "unjudged", string_of(port, "port"), "");
		add_counter(view, &table, port, key);
	}
	if (table.n_cells == 0)
		return;
	fputc('\n', view->stream);
	table_print(&table, view->stream, view->color);
}

static void view_rules(const struct view *view, const json_t *rules)
{
	static const char *const titles[] = { "POLICY", "RULE",       "INTERFACE", ">PACKETS",
					      ">BYTES", ">PACKETS/S", ">BIT/S" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = view->before ? 7 : 5 };
	char key[KEY_LEN];
	const json_t *rule;
	size_t i;

	json_array_foreach (rules, i, rule) {
		const char *policy = string_of(rule, "policy"), *name = string_of(rule, "name");
		const char *interface = string_of(rule, "interface");

		table_text(&table, policy, PAINT_NONE);
		table_text(&table, name, PAINT_NONE);
		table_text(&table, interface, PAINT_NONE);
		make_key(key, policy, name, interface);
		add_counter(view, &table, rule, key);
	}
	if (table.n_cells == 0)
		return;
	fputc('\n', view->stream);
	table_print(&table, view->stream, view->color);
}

void stats_view(const json_t *stats, const json_t *previous, double seconds, FILE *stream,
		bool color)
{
	struct view view = {
		.before = index_of(previous),
		.seconds = seconds,
		.stream = stream,
		.color = color,
	};
	const json_t *interfaces = json_object_get(stats, "interfaces");

	fprintf(stream, "generation %lld\n", number_of(stats, "generation"));
	view_named(&view, interfaces, "verdicts", "VERDICT", true);
	view_named(&view, interfaces, "reasons", "REASON", false);
	view_unjudged(&view, json_object_get(stats, "unjudged"));
	view_rules(&view, json_object_get(stats, "rules"));
	json_decref(view.before);
}
