/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate status, xdpgate rules: what the daemon is and does. */
#include <string.h>
#include <time.h>

#include "quantity.h"
#include "request.h"
#include "text.h"
#include "util.h"

static bool bool_of(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* "2025-11-23 08:46:12 (3 minutes ago)" */
static void format_time(long long usec, char *text, size_t size)
{
	time_t then = usec / 1000000, now = time(NULL);
	long long ago = now - then;
	struct tm tm;
	char stamp[32];

	if (usec <= 0 || !localtime_r(&then, &tm)) {
		snprintf(text, size, "never");
		return;
	}
	strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
	if (ago < 120)
		snprintf(text, size, "%s (%lld s ago)", stamp, ago < 0 ? 0 : ago);
	else if (ago < 7200)
		snprintf(text, size, "%s (%lld min ago)", stamp, ago / 60);
	else if (ago < 172800)
		snprintf(text, size, "%s (%lld h ago)", stamp, ago / 3600);
	else
		snprintf(text, size, "%s (%lld days ago)", stamp, ago / 86400);
}

static enum paint state_paint(const char *state)
{
	if (strcmp(state, "filtering") == 0)
		return PAINT_GOOD;
	if (strcmp(state, "failed") == 0)
		return PAINT_BAD;
	return strcmp(state, "off") == 0 ? PAINT_WARN : PAINT_DIM;
}

/* What else there is to say about an interface, in a few words. */
static void notes_of(const json_t *interface, char *text, size_t size)
{
	snprintf(text, size, "%s%s%s", bool_of(interface, "required") ? "required " : "",
		 bool_of(interface, "frags") ? "frags " : "",
		 bool_of(interface, "dispatcher") ? "dispatcher " : "");
	if (text[0])
		text[strlen(text) - 1] = '\0';
}

static bool any_vlan(const json_t *interfaces)
{
	const json_t *item;
	size_t i;

	json_array_foreach (interfaces, i, item)
		if (json_is_integer(json_object_get(item, "vlan")))
			return true;
	return false;
}

static void add_vlan(struct table *table, const json_t *vlan)
{
	char text[16];

	snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(vlan));
	table_text(table, json_is_integer(vlan) ? text : "-", PAINT_NONE);
}

/* What the kernel calls the port, or, if it is absent, what the policy does. */
static const char *port_of(const json_t *interface)
{
	const char *device = string_of(interface, "device");

	return *device ? device : string_of(interface, "port");
}

static void print_interfaces(const json_t *interfaces, bool color)
{
	static const char *const plain[] = { "INTERFACE", "PORT",     "POLICY", "STATE",
					     "MODE",      ">PROGRAM", ">BYTES", "NOTES" };
	static const char *const vlans[] = { "INTERFACE", "PORT",     "VLAN",   "POLICY", "STATE",
					     "MODE",      ">PROGRAM", ">BYTES", "NOTES" };
	bool vlan = any_vlan(interfaces);
	_cleanup_(table_free) struct table table = {
		.titles = vlan ? vlans : plain,
		.n_columns = vlan ? ARRAY_SIZE(vlans) : ARRAY_SIZE(plain),
	};
	const json_t *item;
	char notes[64];
	size_t i;

	json_array_foreach (interfaces, i, item) {
		const char *state = string_of(item, "state");

		table_text(&table, string_of(item, "name"), PAINT_NONE);
		table_text(&table, port_of(item), PAINT_NONE);
		if (vlan)
			add_vlan(&table, json_object_get(item, "vlan"));
		table_text(&table, string_of(item, "policy"), PAINT_NONE);
		table_text(&table, state, state_paint(state));
		table_text(&table, string_of(item, "mode"), PAINT_NONE);
		table_number(&table, number_of(item, "program_id"));
		table_number(&table, number_of(item, "jited_bytes"));
		notes_of(item, notes, sizeof(notes));
		table_text(&table, notes, PAINT_DIM);
	}
	putchar('\n');
	table_print(&table, stdout, color);
	json_array_foreach (interfaces, i, item) {
		if (!json_is_string(json_object_get(item, "error")))
			continue;
		text_printf(stdout, "\n%s: ", string_of(item, "name"));
		text_print_lines(stdout, string_of(item, "error"));
	}
}

static void print_count(long long n, const char *one, const char *many, const char *end)
{
	printf("%lld %s%s", n, n == 1 ? one : many, end);
}

static void print_list_copies(const json_t *copies, bool color)
{
	const json_t *item;
	char kept[64];
	size_t i;

	json_array_foreach (copies, i, item) {
		format_time(number_of(item, "kept_usec"), kept, sizeof(kept));
		text_printf(stdout, "List        %s", string_of(item, "path"));
		printf(" %scannot be used; a copy kept %s stands for it%s\n",
		       paint_start(PAINT_WARN, color), kept, paint_end(PAINT_WARN, color));
	}
}

static void print_feeds(const json_t *feeds, bool color)
{
	const json_t *item;
	char changed[64];
	size_t i;

	json_array_foreach (feeds, i, item) {
		format_time(number_of(item, "changed_usec"), changed, sizeof(changed));
		text_printf(stdout, "Feed        %s: ", string_of(item, "path"));
		print_count(number_of(item, "prefixes"), "prefix", "prefixes", "");
		printf(", changed %s\n", changed);
		if (!json_is_string(json_object_get(item, "error")))
			continue;
		printf("%sWhat it holds now is refused; what it held before stays in force:%s\n",
		       paint_start(PAINT_BAD, color), paint_end(PAINT_BAD, color));
		text_print_lines(stdout, string_of(item, "error"));
	}
}

static void print_self(const json_t *self, bool color)
{
	long long changed = number_of(self, "changed_usec");
	char when[64];

	fputs("Self        ", stdout);
	print_count(number_of(self, "addresses"), "local address", "local addresses", "");
	if (changed) {
		format_time(changed, when, sizeof(when));
		fputs("; ", stdout);
		print_count(number_of(self, "changes"), "change", "changes", ", the last ");
		puts(when);
	} else {
		puts(", unchanged since the daemon started");
	}
	if (!json_is_string(json_object_get(self, "error")))
		return;
	printf("%s$self is not what the addresses are now; trying again:%s\n",
	       paint_start(PAINT_BAD, color), paint_end(PAINT_BAD, color));
	text_print_lines(stdout, string_of(self, "error"));
}

/* Does what is in force stay, and is it what the file holds? */
static void print_standing(const json_t *status, bool color)
{
	long long deadline = number_of(status, "deadline_usec");
	long long left = (deadline - (long long)realtime_usec() + 999999) / 1000000;
	char duration[QUANTITY_TEXT];

	if (json_is_integer(json_object_get(status, "history")))
		printf("History     policy %lld\n", number_of(status, "history"));
	if (deadline)
		printf("Pending     %sunconfirmed: reverts in %s unless 'xdpgate confirm'%s\n",
		       paint_start(PAINT_WARN, color),
		       duration_format(left > 0 ? (uint32_t)left : 0, duration),
		       paint_end(PAINT_WARN, color));
	if (!json_is_string(json_object_get(status, "set_aside")))
		return;
	printf("%sThe policy file is not what is in force:%s\n", paint_start(PAINT_BAD, color),
	       paint_end(PAINT_BAD, color));
	text_print_lines(stdout, string_of(status, "set_aside"));
}

static void print_status(const json_t *status, bool color)
{
	bool ready = bool_of(status, "ready"), failed = bool_of(status, "last_reload_failed");
	char loaded[64], started[64];

	format_time(number_of(status, "loaded_usec"), loaded, sizeof(loaded));
	format_time(number_of(status, "started_usec"), started, sizeof(started));
	text_printf(stdout, "Daemon      xdpgated %s", string_of(status, "version"));
	printf(", process %lld, started %s\n", number_of(status, "pid"), started);
	text_printf(stdout, "Policy      %s", string_of(status, "config"));
	text_printf(stdout, "  sha256 %.16s\n", string_of(status, "policy_hash"));
	printf("Generation  %lld, in force since %s\n", number_of(status, "generation"), loaded);
	print_standing(status, color);
	fputs("Contents    ", stdout);
	print_count(number_of(status, "rules"), "rule", "rules", ", ");
	print_count(number_of(status, "sets"), "set", "sets", ", ");
	print_count(number_of(status, "prefixes"), "prefix", "prefixes", "\n");
	print_list_copies(json_object_get(status, "list_copies"), color);
	print_feeds(json_object_get(status, "feeds"), color);
	if (json_is_object(json_object_get(status, "self")))
		print_self(json_object_get(status, "self"), color);
	printf("Ready       %s%s%s\n", paint_start(ready ? PAINT_GOOD : PAINT_BAD, color),
	       ready ? "yes" : "no: a required interface does not filter",
	       paint_end(PAINT_BAD, color));
	printf("Reloads     %lld, of which %lld failed\n", number_of(status, "reloads"),
	       number_of(status, "failed_reloads"));
	if (failed)
		printf("%sThe last reload failed; the policy in force is an older one:%s\n",
		       paint_start(PAINT_BAD, color), paint_end(PAINT_BAD, color));
	if (failed)
		text_print_lines(stdout, string_of(status, "last_reload_error"));
	print_interfaces(json_object_get(status, "interfaces"), color);
}

int run_status(const struct options *options, int n, char **arguments)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(options, "Status", NULL, TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	if (options->json)
		print_json(reply.parameters);
	else
		print_status(reply.parameters, wants_color(options));
	return EXIT_OK;
}

/* The tags of a rule. Caller frees; NULL when out of memory. */
static char *join_tags(const json_t *tags)
{
	char *text = NULL;
	size_t size, i;
	const json_t *tag;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	json_array_foreach (tags, i, tag)
		if (json_is_string(tag))
			fprintf(stream, "%s%s", i ? "," : "", json_string_value(tag));
	return fclose(stream) == 0 ? text : NULL;
}

/* A comment of several lines on one. Caller frees; NULL when out of memory. */
static char *join_lines(const char *text)
{
	char *line = malloc(strlen(text) + 1), *end = line;

	for (const char *word = text; line && *(word += strspn(word, " \t\r\n"));) {
		size_t n = strcspn(word, " \t\r\n");

		if (end != line)
			*end++ = ' ';
		memcpy(end, word, n);
		end += n;
		word += n;
	}
	if (line)
		*end = '\0';
	return line;
}

/* Columns that only some rules have something for: none at all, unless there is such a rule. */
static size_t rule_columns(const json_t *rules, const char **titles, bool *tags, bool *comments)
{
	const json_t *item;
	size_t n = 0, i;

	*tags = *comments = false;
	json_array_foreach (rules, i, item) {
		*tags |= json_array_size(json_object_get(item, "tags")) > 0;
		*comments |= *string_of(item, "comment") != '\0';
	}
	titles[n++] = ">#";
	titles[n++] = "POLICY";
	titles[n++] = "RULE";
	titles[n++] = "ACTION";
	titles[n++] = "MATCH";
	if (*tags)
		titles[n++] = "TAGS";
	if (*comments)
		titles[n++] = "COMMENT";
	return n;
}

static void print_rules(const json_t *rules, bool color)
{
	const char *titles[TABLE_MAX_COLUMNS], *previous = "";
	bool tags, comments;
	_cleanup_(table_free) struct table table = {
		.titles = titles,
		.n_columns = rule_columns(rules, titles, &tags, &comments),
	};
	const json_t *item;
	long long number = 0;
	size_t i;

	json_array_foreach (rules, i, item) {
		const char *policy = string_of(item, "policy");
		_cleanup_free_ char *all = join_tags(json_object_get(item, "tags"));
		_cleanup_free_ char *line = join_lines(string_of(item, "comment"));

		table.failed |= !all || !line;
		/* each policy is judged by itself, so each counts from 1 */
		number = strcmp(policy, previous) == 0 ? number + 1 : 1;
		previous = policy;
		table_number(&table, number);
		table_text(&table, policy, PAINT_NONE);
		table_text(&table, string_of(item, "name"), PAINT_NONE);
		table_text(&table, string_of(item, "action"), PAINT_NONE);
		table_text(&table, string_of(item, "match"), PAINT_NONE);
		if (tags)
			table_text(&table, all && *all ? all : "-", PAINT_NONE);
		if (comments)
			table_text(&table, line && *line ? line : "-", PAINT_NONE);
	}
	table_print(&table, stdout, color);
}

int run_rules(const struct options *options, int n, char **arguments)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(options, "Rules", NULL, TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	if (options->json)
		print_json(reply.parameters);
	else
		print_rules(json_object_get(reply.parameters, "rules"), wants_color(options));
	return EXIT_OK;
}
