/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate diff: what would change if a policy file were in force. */
#include "diff.h"

#include <string.h>

#include "config.h"
#include "local.h"
#include "candidate.h"
#include "policy_text.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- both policies ------------------------------------------------------------------------ */

/* What cannot be loaded is said. */
static int load_text(const struct options *options, const char *name, const char *text,
		     const struct local_addresses *self, struct policy **ret)
{
	_cleanup_(diags_free) struct diags diags = {};
	struct policy *policy = NULL;
	int r = policy_load_text_with(name, text, strlen(text),
				      &(struct load_options){ .self = self }, &policy, &diags);

	if (r < 0 && !diags.n_errors)
		diag_error(&diags, NULL, "%s cannot be read: %s", name, strerror(-r));
	if (r < 0) {
		diags_print(&diags, stderr, wants_color_on_stderr(options));
		return EXIT_USAGE;
	}
	*ret = policy;
	return EXIT_OK;
}

/* The file, printed and read again; what it says of itself goes to standard error. */
static int load_file(const struct options *options, const char *path,
		     const struct local_addresses *self, struct policy **ret)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(diags_free) struct diags diags = {};
	_cleanup_free_ char *text = NULL;
	int r = policy_load_with(path, &(struct load_options){ .self = self }, &policy, &diags);

	if (r < 0 && !diags.n_errors)
		diag_error(&diags, NULL, "%s cannot be read: %s", path, strerror(-r));
	diags_print(&diags, stderr, wants_color_on_stderr(options));
	if (r < 0)
		return EXIT_USAGE;
	text = print_policy(policy);
	if (!text) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_USAGE;
	}
	return load_text(options, path, text, self, ret);
}

static int load_live(const struct options *options, const struct local_addresses *self,
		     struct policy **ret)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(options, "Policy", NULL, TIMEOUT_RELOAD_MSEC, &reply);

	return r != EXIT_OK ? exit_uncompared(r)
			    : load_text(options, "the policy in force",
					string_of(reply.parameters, "text"), self, ret);
}

/* The daemon's own file. Caller frees. */
static int ask_path(const struct options *options, char **ret)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(options, "Status", NULL, TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return exit_uncompared(r);
	*ret = strdup(string_of(reply.parameters, "config"));
	return *ret ? EXIT_OK : EXIT_USAGE;
}

/* --- the answer --------------------------------------------------------------------------- */

static const char *word_of(char mark)
{
	return mark == '+'   ? "added"
	       : mark == '-' ? "removed"
	       : mark == '~' ? "changed"
	       : mark == '>' ? "moved"
			     : "fate";
}

static void print_changes_json(const struct changes *changes)
{
	_cleanup_json_ json_t *answer = json_object();
	json_t *list = json_array();

	for (size_t i = 0; i < changes->n; i++) {
		const struct change *change = &changes->items[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o}", "change",
						      word_of(change->mark), "what", change->what,
						      "name", wire_string(change->name), "detail",
						      wire_string(change->detail)));
	}
	json_object_set_new(answer, "same", json_boolean(!changes->n));
	json_object_set_new(answer, "changes", list);
	json_object_set_new(answer, "packets", wire_uint(changes->n_packets));
	json_object_set_new(answer, "packets_that_differ", wire_uint(changes->n_differ));
	print_json(answer);
}

static void print_change(const struct change *change, bool color)
{
	enum paint paint = change->mark == '+'   ? PAINT_GOOD
			   : change->mark == '-' ? PAINT_BAD
						 : PAINT_WARN;

	printf("%s%c %s ", paint_start(paint, color), change->mark, change->what);
	text_printf(stdout, "%s", change->name);
	printf("%s", paint_end(paint, color));
	if (change->detail)
		text_printf(stdout, ": %s", change->detail);
	putchar('\n');
}

static void print_changes(const struct options *options, const struct changes *changes)
{
	for (size_t i = 0; i < changes->n; i++)
		print_change(&changes->items[i], wants_color(options));
	if (!changes->n)
		printf("no difference\n");
	else
		printf("%zu of %zu sampled packets change their fate\n", changes->n_differ,
		       changes->n_packets);
}

static int compare(const struct options *options, const struct policy *before,
		   const struct policy *after)
{
	struct changes changes = {};
	int code;

	diff_policies(before, after, &changes);
	if (changes.n && diff_verdicts(before, after, &changes) < 0)
		changes.failed = true;
	if (changes.failed)
		fprintf(stderr, "xdpgate: out of memory\n");
	else if (options->json)
		print_changes_json(&changes);
	else
		print_changes(options, &changes);
	code = changes.failed ? EXIT_USAGE : changes.n ? EXIT_FAILED : EXIT_OK;
	changes_done(&changes);
	return code;
}

int run_diff(const struct options *options, int n, char **arguments)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	_cleanup_(policy_freep) struct policy *before = NULL, *after = NULL;
	_cleanup_free_ char *own = NULL;
	int r = read_self(options, &self);

	if (r < 0 && !(r == -EINVAL && options->self))
		fprintf(stderr, "xdpgate: cannot read the addresses of this machine: %s\n",
			strerror(-r));
	if (r < 0)
		return EXIT_USAGE;
	r = n ? EXIT_OK : ask_path(options, &own);
	if (r == EXIT_OK)
		r = load_file(options, n ? arguments[0] : own, &self, &after);
	if (r == EXIT_OK)
		r = load_live(options, &self, &before);
	return r != EXIT_OK ? r : compare(options, before, after);
}
