/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate history: the policies that were in force and are kept. */
#include <string.h>
#include <time.h>

#include "request.h"
#include "text.h"
#include "util.h"

static void add_time(struct table *table, long long usec)
{
	time_t then = usec / 1000000;
	char stamp[32] = "-";
	struct tm tm;

	if (usec > 0 && localtime_r(&then, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	table_text(table, stamp, PAINT_NONE);
}

static enum paint state_paint(const char *state)
{
	if (strcmp(state, "pending") == 0)
		return PAINT_WARN;
	return strcmp(state, "reverted") == 0 ? PAINT_DIM : PAINT_NONE;
}

static const char *mark_of(const json_t *item)
{
	bool boots = json_is_true(json_object_get(item, "boots"));

	if (json_is_true(json_object_get(item, "in_force")))
		return boots ? "in force, boots" : "in force";
	return boots ? "boots" : "-";
}

static void print_history(const json_t *policies, bool color)
{
	static const char *const titles[] = { ">#",     "NOW",   "WHEN",      "WHO",  "STATE",
					      ">RULES", ">SETS", ">PREFIXES", "HASH", "WHY" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *item;
	size_t i;

	json_array_foreach (policies, i, item) {
		const char *state = string_of(item, "state"), *mark = mark_of(item);
		const char *who = string_of(item, "who"), *why = string_of(item, "why");
		char hash[9];

		snprintf(hash, sizeof(hash), "%s", string_of(item, "policy_hash"));
		table_number(&table, number_of(item, "id"));
		table_text(&table, mark, *mark == 'i' ? PAINT_GOOD : PAINT_NONE);
		add_time(&table, number_of(item, "when_usec"));
		table_text(&table, *who ? who : "-", PAINT_NONE);
		table_text(&table, state, state_paint(state));
		table_number(&table, number_of(item, "rules"));
		table_number(&table, number_of(item, "sets"));
		table_number(&table, number_of(item, "prefixes"));
		table_text(&table, *hash ? hash : "-", PAINT_DIM);
		table_text(&table, *why ? why : "-", PAINT_NONE);
	}
	table_print(&table, stdout, color);
}

int run_history(const struct options *options, int n, char **arguments)
{
	_cleanup_(reply_free) struct reply reply = {};
	const json_t *policies;
	int r = request(options, "History", NULL, TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	policies = json_object_get(reply.parameters, "policies");
	if (options->json)
		print_json(reply.parameters);
	else if (json_array_size(policies))
		print_history(policies, wants_color(options));
	else
		printf("no policy is kept yet\n");
	return EXIT_OK;
}
