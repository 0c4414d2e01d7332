/* SPDX-License-Identifier: GPL-2.0-only */
/* candidate.c: see candidate.h. */
#include "candidate.h"

#include <string.h>

#include "config.h"
#include "local.h"
#include "prefix.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

bool wants_color_on_stderr(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return !options->no_color && !(no_color && *no_color) && isatty(STDERR_FILENO) && term &&
	       strcmp(term, "dumb") != 0;
}

void print_diags(const struct options *options, const struct diags *diags)
{
	diags_print(diags, stderr, wants_color_on_stderr(options));
}

static int add_self(struct local_addresses *self, const struct prefix *prefix)
{
	size_t v4_capacity = self->n_v4, v6_capacity = self->n_v6;

	if (prefix->family == FAMILY_V4) {
		if (array_reserve((void **)&self->v4, &v4_capacity, self->n_v4 + 1,
				  sizeof(*self->v4)) < 0)
			return -ENOMEM;
		self->v4[self->n_v4++] = prefix->v4;
	} else {
		if (array_reserve((void **)&self->v6, &v6_capacity, self->n_v6 + 1,
				  sizeof(*self->v6)) < 0)
			return -ENOMEM;
		self->v6[self->n_v6++] = prefix->v6;
	}
	return 0;
}

/* Addresses by commas; none in an empty text. -EINVAL, having said why. */
static int parse_self(const char *text, struct local_addresses *self)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		enum prefix_result result;
		struct prefix prefix;

		result = prefix_parse(text, len, &prefix);
		if ((result != PREFIX_V4 && result != PREFIX_V6) || memchr(text, '/', len)) {
			fprintf(stderr, "xdpgate: --self: '%.*s' is not an IPv4 or IPv6 address\n",
				(int)len, text);
			return -EINVAL;
		}
		if (add_self(self, &prefix) < 0)
			return -ENOMEM;
		text += len;
		text += *text == ',';
	}
	return 0;
}

int read_self(const struct options *options, struct local_addresses *self)
{
	return options->self ? parse_self(options->self, self) : local_addresses_read(self);
}

void candidate_done(struct candidate *candidate)
{
	tables_free(candidate->tables);
	policy_free(candidate->policy);
	diags_free(&candidate->diags);
	*candidate = (struct candidate){};
}

/* text: NULL: that of the file. */
static int load(const struct options *options, const char *path, const char *text, size_t len,
		struct candidate *ret)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	const struct load_options how = { .self = &self };
	int r;

	r = read_self(options, &self);
	if (r == -EINVAL && options->self)
		return EXIT_USAGE;
	if (r < 0)
		diag_error(&ret->diags, NULL, "cannot read the addresses of this machine: %s",
			   strerror(-r));
	else if (text)
		r = policy_load_text_with(path, text, len, &how, &ret->policy, &ret->diags);
	else
		r = policy_load_with(path, &how, &ret->policy, &ret->diags);
	if (r >= 0)
		r = tables_compile(ret->policy, &ret->tables, &ret->diags);
	if (r < 0 && ret->diags.n_errors == 0)
		diag_error(&ret->diags, &(struct diag_place){ .file = path }, "cannot be read: %s",
			   strerror(-r));
	return r < 0 ? EXIT_FAILED : EXIT_OK;
}

int candidate_load(const struct options *options, const char *path, struct candidate *ret)
{
	return load(options, path, NULL, 0, ret);
}

int candidate_load_text(const struct options *options, const char *path, const char *text,
			size_t len, struct candidate *ret)
{
	return load(options, path, text, len, ret);
}

int candidate_load_live(const struct options *options, struct candidate *ret,
			long long *ret_generation)
{
	_cleanup_(reply_free) struct reply reply = {};
	const char *text;
	int r = request(options, "Policy", NULL, TIMEOUT_RELOAD_MSEC, &reply);

	if (r != EXIT_OK)
		return r;
	text = string_of(reply.parameters, "text");
	r = candidate_load_text(options, "the policy in force", text, strlen(text), ret);
	if (r != EXIT_OK) {
		print_diags(options, &ret->diags);
		return r;
	}
	*ret_generation = number_of(reply.parameters, "generation");
	return EXIT_OK;
}

static void list_interfaces(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_interfaces; i++) {
		text_printf(stderr, i ? ", %s" : "%s", policy->interfaces[i].name);
	}
	fputc('\n', stderr);
}

int candidate_interface(const struct candidate *candidate, const char *path, const char *name,
			size_t *ret)
{
	const struct policy *policy = candidate->policy;

	for (size_t i = 0; i < policy->n_interfaces; i++)
		if (name ? strcmp(policy->interfaces[i].name, name) == 0
			 : policy->n_interfaces == 1) {
			*ret = i;
			return EXIT_OK;
		}
	if (name)
		text_printf(stderr, "xdpgate: there is no interface '%s'; in ", name);
	else
		fprintf(stderr, "xdpgate: where do the packets arrive? Add --in INTERFACE: in ");
	text_printf(stderr, "%s there are: ", path);
	list_interfaces(policy);
	return name ? EXIT_FAILED : EXIT_USAGE;
}
