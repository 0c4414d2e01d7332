/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many entries in few calls. A message of the control socket has at most 65536 bytes, so a bulk is
 * several calls, of which a few are on their way at any time. Their answers are so small that the
 * daemon never waits for us to read one while we wait for it to read a call.
 */
#include <string.h>
#include <time.h>

#include "live_prefix.h"
#include "request.h"
#include "set.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define CALL_ENTRIES 500U
#define CALL_BYTES 60000U /* of entries, roughly */
#define ENTRY_BYTES 110U  /* of one without its comment, at most */
#define WINDOW 4U         /* calls on their way */
#define REFUSALS_SHOWN 100U
#define PROGRESS_ENTRIES 2000U /* less are done before anybody could look */
#define BAR_CELLS 40U

struct sender {
	const struct options *options;
	const char *set, *method;
	const struct set_entries *entries;
	bool is_delete, is_replace;
	struct client client;
	size_t next;           /* first entry that is not sent */
	size_t first;          /* of the oldest call on its way */
	size_t counts[WINDOW]; /* of the calls on their way, the oldest first */
	size_t n_calls;
	json_t *result; /* the sum of the answers */
	struct timespec shown;
};

/* --- progress ---------------------------------------------------------------------------- */

static bool wants_progress(const struct sender *sender)
{
	return sender->entries->n >= PROGRESS_ENTRIES && !sender->options->quiet &&
	       !sender->options->json && isatty(STDERR_FILENO);
}

static void show_progress(struct sender *sender)
{
	size_t n = sender->entries->n, done = sender->first;
	size_t cells = done * BAR_CELLS / n;
	struct timespec now;

	if (!wants_progress(sender))
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (done < n && (now.tv_sec - sender->shown.tv_sec) * 1000000000LL + now.tv_nsec -
					sender->shown.tv_nsec <
				100000000)
		return;
	sender->shown = now;
	fprintf(stderr, "\r[%.*s%*s] %3zu%%  %zu of %zu", (int)cells,
		"########################################", (int)(BAR_CELLS - cells), "",
		done * 100 / n, done, n);
}

static void end_progress(const struct sender *sender)
{
	if (wants_progress(sender))
		fputs("\r\033[K", stderr);
}

/* --- calls ------------------------------------------------------------------------------- */

static json_t *pack_entry(const struct sender *sender, const struct set_entry *entry)
{
	char text[PREFIX_TEXT];
	json_t *prefix = json_string(live_prefix_format(&entry->prefix, text));
	json_t *packed;

	if (sender->is_delete)
		return prefix;
	packed = json_pack("{s:o}", "prefix", prefix);
	if (entry->timeout != LIVE_TIMEOUT_DEFAULT &&
	    json_object_set_new(packed, "timeout", json_integer(entry->timeout)) < 0)
		goto fail;
	if (entry->comment &&
	    json_object_set_new(packed, "comment", json_string(entry->comment)) < 0)
		goto fail;
	return packed;
fail:
	json_decref(packed);
	return NULL;
}

/* The entries of the next call, and how many. */
static json_t *pack_entries(const struct sender *sender, size_t *ret_n)
{
	_cleanup_json_ json_t *array = json_array();
	size_t n = 0, bytes = 0;

	while (sender->next + n < sender->entries->n && n < CALL_ENTRIES && bytes < CALL_BYTES) {
		const struct set_entry *entry = &sender->entries->items[sender->next + n];

		if (json_array_append_new(array, pack_entry(sender, entry)) < 0)
			return NULL;
		/* in JSON, '"' and '\' take two bytes */
		bytes += ENTRY_BYTES + (entry->comment ? 2 * strlen(entry->comment) : 0);
		n++;
	}
	*ret_n = n;
	return TAKE_PTR(array);
}

static int send_call(struct sender *sender)
{
	size_t n = 0;
	_cleanup_json_ json_t *entries = pack_entries(sender, &n);
	_cleanup_free_ char *method = NULL;
	const char *guard = sender->options->force ? "off" : sender->options->guard;
	json_t *parameters = json_pack("{s:o, s:O}", "set", wire_string(sender->set),
				       sender->is_delete ? "prefixes" : "entries", entries);
	bool final = sender->next + n == sender->entries->n;

	if (sender->is_replace &&
	    (json_object_set_new(parameters, "final", json_boolean(final)) < 0 ||
	     json_object_set_new(parameters, "offset", json_integer((json_int_t)sender->next)) < 0))
		json_decref(TAKE_PTR(parameters));
	if (guard && json_object_set_new(parameters, "guard", wire_string(guard)) < 0)
		json_decref(TAKE_PTR(parameters));
	if (!parameters)
		return -ENOMEM;
	if (asprintf(&method, GATE_INTERFACE "%s", sender->method) < 0) {
		method = NULL;
		json_decref(parameters);
		return -ENOMEM;
	}
	sender->counts[sender->n_calls++] = n;
	sender->next += n;
	return client_call(&sender->client, method, parameters, false);
}

/* --- answers ----------------------------------------------------------------------------- */

/* "bans.txt:12", or the entry itself if it came from the command line. */
static void print_place(const struct sender *sender, size_t index)
{
	const struct set_entry *entry;
	char text[PREFIX_TEXT];

	if (index >= sender->entries->n)
		return;
	entry = &sender->entries->items[index];
	if (entry->line) {
		text_printf(stderr, "%s", sender->entries->file);
		fprintf(stderr, ":%u: ", entry->line);
	}
	fprintf(stderr, "%s: ", live_prefix_format(&entry->prefix, text));
}

static int add_refusals(struct sender *sender, const json_t *refusals)
{
	json_t *all = json_object_get(sender->result, "refusals"), *item;
	size_t i;

	json_array_foreach ((json_t *)refusals, i, item) {
		json_int_t index = json_integer_value(json_object_get(item, "index"));
		const char *text = json_string_value(json_object_get(item, "text"));
		size_t at = sender->first + (size_t)index;

		if (json_array_size(all) == REFUSALS_SHOWN)
			return 0;
		if (index < 0 ||
		    json_object_set_new(item, "index", json_integer((json_int_t)at)) < 0 ||
		    json_array_append(all, item) < 0)
			return -ENOMEM;
		end_progress(sender);
		print_place(sender, at);
		text_printf(stderr, "refused: %s\n", text ? text : "");
	}
	return 0;
}

static int add_answer(struct sender *sender, const json_t *answer)
{
	static const char *const counts[] = { "added", "changed", "removed", "missing", "refused" };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		json_int_t sum = json_integer_value(json_object_get(sender->result, counts[i])) +
				 json_integer_value(json_object_get(answer, counts[i]));

		if (json_object_set_new(sender->result, counts[i], json_integer(sum)) < 0)
			return -ENOMEM;
	}
	return add_refusals(sender, json_object_get(answer, "refusals"));
}

static int refused_call(struct sender *sender, const struct reply *reply)
{
	json_t *index = json_object_get(reply->parameters, "index");

	end_progress(sender);
	if (json_is_integer(index))
		print_place(sender, sender->first + (size_t)json_integer_value(index));
	return request_error(sender->options, reply);
}

/* One answer. EXIT_OK, or an exit code, all said. */
static int take_answer(struct sender *sender)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = client_receive(&sender->client, &reply);

	if (r == 0 && !reply.error && !reply.parameters)
		r = -EBADMSG;
	if (r == 0 && !reply.error)
		r = add_answer(sender, reply.parameters);
	if (r < 0) {
		end_progress(sender);
		return request_explain(sender->options, r);
	}
	if (reply.error)
		return refused_call(sender, &reply);
	sender->first += sender->counts[0];
	sender->n_calls--;
	memmove(sender->counts, sender->counts + 1, sender->n_calls * sizeof(sender->counts[0]));
	show_progress(sender);
	return EXIT_OK;
}

/* It ended early: what is in force all the same? */
static void tell_how_far(const struct sender *sender)
{
	if (sender->is_replace)
		fprintf(stderr,
			sender->next == sender->entries->n
				? "xdpgate: see 'xdpgate set list' for what the set holds now\n"
				: "xdpgate: the set is as it was\n");
	else if (sender->first)
		fprintf(stderr, "xdpgate: of %zu entries, the first %zu were done\n",
			sender->entries->n, sender->first);
}

static int send_all(struct sender *sender)
{
	int r = EXIT_OK;

	while (r == EXIT_OK && (sender->first < sender->entries->n)) {
		int error = 0;

		if (sender->next < sender->entries->n && sender->n_calls < WINDOW)
			error = send_call(sender);
		else
			r = take_answer(sender);
		if (error < 0) {
			end_progress(sender);
			r = request_explain(sender->options, error);
		}
	}
	end_progress(sender);
	if (r != EXIT_OK && r != EXIT_DENIED)
		tell_how_far(sender);
	return r;
}

int set_print_result(const struct options *options, const char *set, const json_t *result)
{
	static const struct {
		const char *key, *text;
	} counts[] = {
		{ "added", "added" },       { "changed", "changed" }, { "removed", "removed" },
		{ "missing", "not there" }, { "refused", "refused" },
	};
	json_int_t refused = json_integer_value(json_object_get(result, "refused"));
	const char *separator = "";

	if (options->json) {
		print_json(result);
	} else if (!options->quiet) {
		text_printf(stdout, "%s: ", set);
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
			json_int_t n = json_integer_value(json_object_get(result, counts[i].key));

			if (!n)
				continue;
			printf("%s%lld %s", separator, (long long)n, counts[i].text);
			separator = ", ";
		}
		puts(*separator ? "" : "nothing to change");
	}
	return refused ? EXIT_FAILED : EXIT_OK;
}

static void tell_others(const struct sender *sender)
{
	json_int_t refused = json_integer_value(json_object_get(sender->result, "refused"));
	size_t told = json_array_size(json_object_get(sender->result, "refusals"));

	if (refused > (json_int_t)told)
		fprintf(stderr, "xdpgate: ... and %lld others were refused\n",
			(long long)refused - (long long)told);
}

int set_send(const struct options *options, const char *set, const char *method,
	     const struct set_entries *entries)
{
	struct sender sender = {
		.options = options,
		.set = set,
		.method = method,
		.entries = entries,
		.is_delete = strcmp(method, "SetDelete") == 0,
		.is_replace = strcmp(method, "SetReplace") == 0,
		.client = CLIENT_CLOSED,
		.result = json_pack("{s:[]}", "refusals"),
	};
	int r = sender.result ? request_open(options, &sender.client) : -ENOMEM;

	if (r == 0)
		r = client_set_timeout(&sender.client, TIMEOUT_RELOAD_MSEC);
	r = r < 0 ? request_explain(options, r) : send_all(&sender);
	if (r == EXIT_OK) {
		tell_others(&sender);
		r = set_print_result(options, set, sender.result);
	}
	client_close(&sender.client);
	json_decref(sender.result);
	return r;
}
