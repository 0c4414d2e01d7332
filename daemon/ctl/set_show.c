/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate set test, list, stats: what live sets hold. A list is printed page by page as it comes, so
 * that a million entries take no more memory than a thousand.
 */
#include <string.h>
#include <time.h>

#include "live_prefix.h"
#include "quantity.h"
#include "request.h"
#include "set.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* Seconds until an end, or "never" for null. */
static const char *format_left(const json_t *left, char buffer[QUANTITY_TEXT])
{
	json_int_t seconds = json_integer_value(left);

	if (!json_is_integer(left))
		return "never";
	return duration_format(seconds < 0            ? 0
			       : seconds > UINT32_MAX ? UINT32_MAX
						      : (uint32_t)seconds,
			       buffer);
}

/* --- test -------------------------------------------------------------------------------- */

static void print_found(const char *set, const char *address, const json_t *entry)
{
	char left[QUANTITY_TEXT];

	text_printf(stdout, "%s is in set ", address);
	text_printf(stdout, "'%s': by ", set);
	text_printf(stdout, "%s, ", string_of(entry, "prefix"));
	if (json_is_integer(json_object_get(entry, "left")))
		printf("which ends in %s", format_left(json_object_get(entry, "left"), left));
	else
		printf("which does not end");
	if (*string_of(entry, "comment"))
		text_printf(stdout, " (%s)", string_of(entry, "comment"));
	putchar('\n');
}

/* Like grep(1): 1 is an answer, so what is none must be more than that. */
int set_run_test(const struct options *options, int n, char **arguments)
{
	_cleanup_(reply_free) struct reply reply = {};
	char why[LIVE_PREFIX_WHY];
	struct live_prefix prefix;
	json_t *parameters;
	bool found;
	int r;

	if (live_prefix_parse(arguments[1], &prefix, why) < 0) {
		text_printf(stderr, "xdpgate: %s\n", why);
		return EXIT_USAGE;
	}
	parameters = json_pack("{s:o, s:o}", "set", wire_string(arguments[0]), "prefix",
			       wire_string(arguments[1]));
	if (!parameters) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_USAGE;
	}
	r = request(options, "SetTest", parameters, TIMEOUT_MSEC, &reply);
	if (r != EXIT_OK)
		return r == EXIT_FAILED ? EXIT_USAGE : r;
	found = json_is_true(json_object_get(reply.parameters, "found"));
	if (options->json) {
		print_json(reply.parameters);
	} else if (!options->quiet && found) {
		print_found(arguments[0], arguments[1], json_object_get(reply.parameters, "entry"));
	} else if (!options->quiet) {
		text_printf(stdout, "%s is not ", arguments[1]);
		text_printf(stdout, "in set '%s'\n", arguments[0]);
	}
	return found ? EXIT_OK : EXIT_FAILED;
}

/* --- list -------------------------------------------------------------------------------- */

struct listing {
	const struct options *options;
	const char *set;
	bool color;
	size_t n;            /* entries so far */
	size_t prefix_width; /* grows with what comes, never shrinks */
};

static void print_entry(const struct listing *listing, const json_t *entry)
{
	time_t since = number_of(entry, "since");
	char left[QUANTITY_TEXT], stamp[32] = "-";
	struct tm tm;

	if (localtime_r(&since, &tm))
		strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	text_printf(stdout, "%s", string_of(entry, "prefix"));
	printf("%*s  %12s  %s",
	       (int)(listing->prefix_width - text_width(string_of(entry, "prefix"))), "",
	       format_left(json_object_get(entry, "left"), left), stamp);
	if (*string_of(entry, "comment"))
		text_printf(stdout, "  %s", string_of(entry, "comment"));
	putchar('\n');
}

static void print_page(struct listing *listing, const json_t *entries)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (entries, i, entry) {
		size_t width = text_width(string_of(entry, "prefix"));

		if (width > listing->prefix_width)
			listing->prefix_width = width;
	}
	if (listing->n == 0 && json_array_size(entries))
		printf("%s%-*s  %12s  %-19s  COMMENT%s\n", paint_start(PAINT_BOLD, listing->color),
		       (int)listing->prefix_width, "PREFIX", "ENDS IN", "SINCE",
		       paint_end(PAINT_BOLD, listing->color));
	json_array_foreach (entries, i, entry)
		print_entry(listing, entry);
}

/* One document, {"set": …, "entries": […]}, whatever its length. */
static void begin_json(const char *set)
{
	_cleanup_json_ json_t *name = wire_string(set);

	fputs("{\"set\":", stdout);
	json_dumpf(name, stdout, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	fputs(",\"entries\":[", stdout);
}

static void print_page_json(const struct listing *listing, const json_t *entries)
{
	const json_t *entry;
	size_t i;

	json_array_foreach (entries, i, entry) {
		fputs(listing->n + i ? ",\n" : "\n", stdout);
		json_dumpf(entry, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	}
}

static int follow(struct listing *listing, struct client *client)
{
	bool continues = true, begun = false;

	while (continues && !ferror(stdout)) {
		_cleanup_(reply_free) struct reply reply = {};
		const json_t *entries;
		int r = client_receive(client, &reply);

		if (r == 0 && !reply.error && !reply.parameters)
			r = -EBADMSG;
		if (r < 0)
			return request_explain(listing->options, r);
		r = request_error(listing->options, &reply);
		if (r != EXIT_OK)
			return r;
		entries = json_object_get(reply.parameters, "entries");
		if (listing->options->json && !begun)
			begin_json(listing->set);
		begun = true;
		if (listing->options->json)
			print_page_json(listing, entries);
		else
			print_page(listing, entries);
		listing->n += json_array_size(entries);
		continues = reply.continues;
	}
	return EXIT_OK;
}

static int list_set(const struct options *options, const char *set)
{
	_cleanup_(client_close) struct client client = CLIENT_CLOSED;
	struct listing listing = {
		.options = options,
		.set = set,
		.color = wants_color(options),
		.prefix_width = sizeof("255.255.255.255/32") - 1,
	};
	json_t *parameters = json_pack("{s:o}", "set", wire_string(set));
	int r = parameters ? request_open(options, &client) : -ENOMEM;

	if (r == 0)
		r = client_set_timeout(&client, TIMEOUT_MSEC);
	if (r == 0)
		r = client_call(&client, GATE_INTERFACE "SetList", TAKE_PTR(parameters), true);
	json_decref(parameters);
	if (r < 0)
		return request_explain(options, r);
	r = follow(&listing, &client);
	if (r != EXIT_OK)
		return r;
	if (options->json)
		fputs("]}\n", stdout);
	else if (listing.n == 0)
		text_printf(stdout, "set '%s' is empty\n", set);
	return EXIT_OK;
}

/* --- sets -------------------------------------------------------------------------------- */

/* As the policy says, "-" if no policy names the set. */
static void add_policy_number(struct table *table, const json_t *set, const char *key)
{
	if (json_is_true(json_object_get(set, "parked")))
		table_text(table, "-", PAINT_NONE);
	else
		table_number(table, number_of(set, key));
}

static void add_timeout(struct table *table, const json_t *set)
{
	long long seconds = number_of(set, "timeout");
	char text[QUANTITY_TEXT];

	if (json_is_true(json_object_get(set, "parked")))
		table_text(table, "-", PAINT_NONE);
	else if (!seconds)
		table_text(table, "never", PAINT_NONE);
	else
		table_text(table, duration_format((uint32_t)seconds, text), PAINT_NONE);
}

/* Names by commas; what else there is to say. */
static void add_notes(struct table *table, const json_t *set)
{
	const json_t *writers = json_object_get(set, "writers"), *writer;
	_cleanup_free_ char *text = NULL;
	size_t size, i;
	FILE *stream = open_memstream(&text, &size);

	if (!stream) {
		table->failed = true;
		return;
	}
	if (json_is_true(json_object_get(set, "parked")))
		fputs("in no policy ", stream);
	if (json_is_true(json_object_get(set, "persist")))
		fputs("persist ", stream);
	json_array_foreach (writers, i, writer)
		fprintf(stream, "%s%s", i ? "," : "writers: ",
			json_string_value(writer) ? json_string_value(writer) : "");
	if (fclose(stream) == 0)
		table_text(table, text, PAINT_DIM);
}

static void print_sets(const json_t *sets, bool color)
{
	static const char *const titles[] = { "SET",      ">IPV4",     ">IPV6", ">SIZE",
					      ">TIMEOUT", ">NEXT END", "NOTES" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	char left[QUANTITY_TEXT];
	const json_t *set;
	size_t i;

	json_array_foreach (sets, i, set) {
		table_text(&table, string_of(set, "name"), PAINT_NONE);
		table_number(&table, number_of(set, "entries_v4"));
		table_number(&table, number_of(set, "entries_v6"));
		add_policy_number(&table, set, "size");
		add_timeout(&table, set);
		table_text(&table, format_left(json_object_get(set, "next_end"), left), PAINT_NONE);
		add_notes(&table, set);
	}
	table_print(&table, stdout, color);
}

static void print_stats(const json_t *sets, bool color)
{
	static const char *const titles[] = { "SET",      ">ENTRIES", ">ADDED",
					      ">CHANGED", ">REMOVED", ">ENDED",
					      ">REFUSED", ">FULL",    ">BYTES" };
	static const char *const keys[] = { "added",   "changed", "removed", "ended",
					    "refused", "full",    "bytes" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *set;
	size_t i;

	json_array_foreach (sets, i, set) {
		table_text(&table, string_of(set, "name"), PAINT_NONE);
		table_number(&table, number_of(set, "entries_v4") + number_of(set, "entries_v6"));
		for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
			table_number(&table, number_of(set, keys[k]));
	}
	table_print(&table, stdout, color);
}

static void print_journal_errors(const json_t *sets)
{
	const json_t *set;
	size_t i;

	json_array_foreach (sets, i, set) {
		if (!json_is_string(json_object_get(set, "journal_error")))
			continue;
		text_printf(stdout,
			    "\n%s: changes do not reach the disk: ", string_of(set, "name"));
		text_print_lines(stdout, string_of(set, "journal_error"));
	}
}

/* SetStats of one set or of all (NULL), as one of two tables. */
static int show_sets(const struct options *options, const char *name,
		     void (*print)(const json_t *sets, bool color))
{
	_cleanup_(reply_free) struct reply reply = {};
	json_t *parameters = json_pack("{s:o}", "set", wire_string(name));
	const json_t *sets;
	int r;

	if (!parameters)
		return request_explain(options, -ENOMEM);
	r = request(options, "SetStats", parameters, TIMEOUT_MSEC, &reply);
	if (r != EXIT_OK)
		return r;
	sets = json_object_get(reply.parameters, "sets");
	if (options->json) {
		print_json(reply.parameters);
	} else if (json_array_size(sets) == 0) {
		printf("there are no live sets; in the policy: sets: {banned: {live: true}}\n");
	} else {
		print(sets, wants_color(options));
		print_journal_errors(sets);
	}
	return EXIT_OK;
}

int set_run_list(const struct options *options, int n, char **arguments)
{
	return n ? list_set(options, arguments[0]) : show_sets(options, NULL, print_sets);
}

int set_run_stats(const struct options *options, int n, char **arguments)
{
	return show_sets(options, n ? arguments[0] : NULL, print_stats);
}
