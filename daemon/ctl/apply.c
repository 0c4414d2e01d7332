/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate apply: have a policy in force, for those who do not look: configuration management. FILE is
 * checked here, becomes the daemon's policy file, and is reloaded if that changes anything. If the daemon
 * will not have it, all is as it was.
 */
#include <signal.h>
#include <string.h>

#include "apply_file.h"
#include "candidate.h"
#include "change.h"
#include "config.h"
#include "policy_tests.h"
#include "request.h"
#include "source.h"
#include "text.h"
#include "util.h"
#include "wire.h"

struct apply {
	const struct options *options;
	const char *file; /* as people call it; NULL: the daemon's own */
	char *config;     /* the daemon's */
	char *text;       /* of file */
	size_t len;
};

static void apply_done(struct apply *apply)
{
	free(apply->config);
	free(apply->text);
}

/* --- reading ----------------------------------------------------------------------------- */

static int read_stdin(struct apply *apply)
{
	size_t size = 0;

	for (;;) {
		ssize_t n;

		if (apply->len > CONFIG_MAX_FILE_BYTES)
			return -EFBIG;
		if (array_reserve((void **)&apply->text, &size, apply->len + 65536, 1) < 0)
			return -ENOMEM;
		n = read(STDIN_FILENO, apply->text + apply->len, size - apply->len);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			apply->len += (size_t)n;
	}
}

static int read_file(struct apply *apply, const char *path)
{
	const char *why = NULL;
	int r;

	if (strcmp(path, "-") == 0) {
		apply->file = "(standard input)";
		r = read_stdin(apply);
		why = r == -EFBIG ? "larger than 16 MiB, the limit for a policy file"
				  : strerror(-r);
	} else {
		apply->file = path;
		r = file_read(path, CONFIG_MAX_FILE_BYTES, &apply->text, &apply->len, &why);
	}
	if (r == 0)
		return EXIT_OK;
	text_printf(stderr, "xdpgate: cannot read %s: ", apply->file);
	fprintf(stderr, "%s\n", why);
	return r == -EACCES ? EXIT_DENIED : EXIT_FAILED;
}

static int ask_config(struct apply *apply)
{
	_cleanup_(reply_free) struct reply reply = {};
	int r = request(apply->options, "Status", NULL, TIMEOUT_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	apply->config = strdup(string_of(reply.parameters, "config"));
	if (!apply->config)
		return request_explain(apply->options, -ENOMEM);
	if (apply->config[0] == '/')
		return EXIT_OK;
	text_printf(stderr, "xdpgate: the daemon's policy file has no absolute path: '%s'\n",
		    apply->config);
	return EXIT_FAILED;
}

/* --- what is said of the text under the daemon's name is about FILE ------------------------ */

/* Bytes of the name at text, if it stands there by itself; else 0. */
static size_t named_at(const char *text, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(text, name, n) != 0)
		return 0;
	return text[n] == '\0' || strchr(":'\", ;)\n", text[n]) ? n : 0;
}

/* Caller frees; NULL when out of memory. */
static char *rename_in(const struct apply *apply, const char *text)
{
	_cleanup_free_ char *made = NULL;
	size_t size;
	FILE *stream = open_memstream(&made, &size);

	if (!stream)
		return NULL;
	while (*text) {
		size_t n = named_at(text, apply->config);

		if (n)
			fputs(apply->file, stream);
		else
			fputc(*text, stream);
		text += n ? n : 1;
	}
	return fclose(stream) == 0 ? TAKE_PTR(made) : NULL;
}

static void rename_own(const struct apply *apply, char **text)
{
	char *renamed = *text ? rename_in(apply, *text) : NULL;

	if (!renamed)
		return;
	free(*text);
	*text = renamed;
}

static void rename_diags(const struct apply *apply, struct diags *diags)
{
	for (size_t i = 0; apply->file && i < diags->n; i++) {
		rename_own(apply, &diags->items[i].file);
		rename_own(apply, &diags->items[i].message);
	}
}

static void rename_member(const struct apply *apply, json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	_cleanup_free_ char *renamed = text ? rename_in(apply, text) : NULL;

	if (renamed)
		json_object_set_new(object, key, wire_string(renamed));
}

static void rename_answer(const struct apply *apply, json_t *answer)
{
	json_t *diagnostics = json_object_get(answer, "diagnostics"), *item;
	size_t i;

	if (!apply->file)
		return;
	rename_member(apply, answer, "text");
	json_array_foreach (diagnostics, i, item) {
		rename_member(apply, item, "file");
		rename_member(apply, item, "message");
	}
}

/* --- checking ---------------------------------------------------------------------------- */

static void print_failed_json(const struct apply *apply, const struct diags *diags)
{
	_cleanup_json_ json_t *answer =
		json_pack("{s:b, s:o, s:o}", "changed", 0, "config", wire_string(apply->config),
			  "diagnostics", wire_diags(diags));

	if (answer)
		print_json(answer);
}

/* As the daemon would load it from its own place, tests included. Warnings are left to the daemon. */
static int check(const struct apply *apply)
{
	_cleanup_(candidate_done) struct candidate candidate = {};
	int r;

	if (apply->text)
		r = candidate_load_text(apply->options, apply->config, apply->text, apply->len,
					&candidate);
	else
		r = candidate_load(apply->options, apply->config, &candidate);
	if (r == EXIT_OK && policy_tests_run(candidate.policy, &candidate.diags) < 0) {
		if (candidate.diags.n_errors == 0)
			diag_error(&candidate.diags, NULL,
				   "its tests cannot be run: out of memory");
		r = EXIT_FAILED;
	}
	if (r == EXIT_OK)
		return EXIT_OK;
	rename_diags(apply, &candidate.diags);
	if (apply->options->json)
		print_failed_json(apply, &candidate.diags);
	print_diags(apply->options, &candidate.diags);
	fprintf(stderr, "xdpgate: nothing was changed\n");
	return EXIT_FAILED;
}

/* --- doing it ---------------------------------------------------------------------------- */

/* From the moment when the file is another one until the daemon has answered, and the file was put back
 * if need be, we are not to be interrupted; an SSH connection that breaks now, of all moments, too. */
static void block_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, before);
}

/* The daemon did not take it, or did not say so. */
static int undo(const struct apply *apply, struct policy_file_swap *swap, int code)
{
	if (!swap->exchanged)
		return code;
	if (policy_file_put_back(swap) < 0)
		return EXIT_FAILED;
	text_printf(stderr, "xdpgate: %s is what it was before, byte for byte\n", apply->config);
	return code;
}

static int reload(const struct apply *apply, struct policy_file_swap *swap, struct reply *ret)
{
	struct options options = *apply->options;
	json_t *parameters;
	int r;

	options.if_changed = true;
	parameters = change_parameters(&options);
	r = parameters ? request_try(&options, "Reload", parameters, TIMEOUT_RELOAD_MSEC, ret)
		       : -ENOMEM;
	if (r == 0 && !ret->error && !ret->parameters)
		r = -EBADMSG;
	if (r < 0) {
		r = request_explain(&options, r);
		fprintf(stderr, "xdpgate: whether the policy was put in force is not known: see "
				"'xdpgate status', and apply it again\n");
		return undo(apply, swap, r);
	}
	rename_answer(apply, ret->parameters);
	r = request_error(&options, ret);
	return r == EXIT_OK ? EXIT_OK : undo(apply, swap, r);
}

static int exchange_and_reload(const struct apply *apply, struct policy_file_swap *swap,
			       struct reply *ret)
{
	int r = 0;

	if (apply->text)
		r = policy_file_exchange(swap, apply->text, apply->len);
	if (r < 0)
		return undo(apply, swap, r == -EACCES || r == -EPERM ? EXIT_DENIED : EXIT_FAILED);
	return reload(apply, swap, ret);
}

/* Tell what has changed; EXIT_CHANGED or EXIT_OK, unless waiting ended otherwise. */
static int conclude(const struct apply *apply, json_t *answer, bool file_changed)
{
	bool policy_changed = json_is_true(json_object_get(answer, "changed"));
	bool changed = file_changed || policy_changed;
	int r;

	if (json_object_set_new(answer, "changed", json_boolean(changed)) < 0 ||
	    json_object_set_new(answer, "file_changed", json_boolean(file_changed)) < 0 ||
	    json_object_set_new(answer, "policy_changed", json_boolean(policy_changed)) < 0 ||
	    json_object_set_new(answer, "config", wire_string(apply->config)) < 0)
		return request_explain(apply->options, -ENOMEM);
	r = change_conclude(apply->options, answer, "changed");
	return r == EXIT_OK && changed ? EXIT_CHANGED : r;
}

static int apply(struct apply *apply)
{
	_cleanup_(policy_file_close) struct policy_file_swap swap = POLICY_FILE_SWAP_CLOSED;
	_cleanup_(reply_free) struct reply reply = {};
	bool file_changed;
	sigset_t before;
	int r;

	r = policy_file_lock(&swap, apply->config, !apply->text);
	if (r < 0)
		return r == -EACCES || r == -EPERM ? EXIT_DENIED : EXIT_FAILED;
	block_signals(&before);
	r = exchange_and_reload(apply, &swap, &reply);
	file_changed = swap.exchanged;
	policy_file_close(&swap); /* others need not wait until it is confirmed */
	if (apply->options->wait)
		sigprocmask(SIG_SETMASK, &before, NULL);
	if (r == EXIT_OK)
		r = conclude(apply, reply.parameters, file_changed);
	fflush(stdout);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int run_apply(const struct options *options, int n, char **arguments)
{
	_cleanup_(apply_done) struct apply job = { .options = options };
	int r = change_check(options);

	if (r == EXIT_OK && n)
		r = read_file(&job, arguments[0]);
	if (r == EXIT_OK)
		r = ask_config(&job);
	if (r == EXIT_OK)
		r = check(&job);
	return r == EXIT_OK ? apply(&job) : r;
}
