/* SPDX-License-Identifier: GPL-2.0-only */
/* xdpgate check: is the policy right? */
#include <string.h>

#include "candidate.h"
#include "config.h"
#include "describe.h"
#include "policy_tests.h"
#include "policy_text.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* What `$self` held for this check: it is not a property of the file. */
static void print_self(const struct options *options, const struct policy *policy)
{
	if (policy->uses_self)
		printf("  $self: %u address%s, %s\n", policy->n_self,
		       policy->n_self == 1 ? "" : "es",
		       options->self ? "those of --self"
				     : "those of this machine's network namespace, as they are "
				       "now");
}

static void print_contents(const char *path, const struct policy *policy)
{
	size_t n_rules = 0, n_prefixes = 0;

	for (size_t i = 0; i < policy->n_rulesets; i++)
		n_rules += policy->rulesets[i].n_rules;
	for (size_t i = 0; i < policy->n_sets; i++)
		n_prefixes += policy->sets[i].n_v4 + policy->sets[i].n_v6;
	text_printf(stdout, "%s: ok: ", path);
	printf("%zu interface%s, %zu rule%s, %zu prefix%s", policy->n_interfaces,
	       policy->n_interfaces == 1 ? "" : "s", n_rules, n_rules == 1 ? "" : "s", n_prefixes,
	       n_prefixes == 1 ? "" : "es");
	if (policy->n_tests)
		printf(", %zu test%s passed", policy->n_tests, policy->n_tests == 1 ? "" : "s");
	printf("\n");
}

char *print_policy(const struct policy *policy)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int r = stream ? policy_print(policy, stream) : -ENOMEM;

	if (stream && (fclose(stream) != 0 || r < 0))
		free(TAKE_PTR(text));
	return text;
}

static void print_check_json(const char *path, const char *normalised, const struct diags *diags)
{
	_cleanup_json_ json_t *answer =
		json_pack("{s:o, s:b, s:I, s:I, s:o}", "file", wire_string(path), "ok",
			  diags->n_errors == 0, "errors", (json_int_t)diags->n_errors, "warnings",
			  (json_int_t)diags->n_warnings, "diagnostics", wire_diags(diags));

	if (answer && normalised)
		json_object_set_new(answer, "policy", wire_string(normalised));
	if (answer)
		print_json(answer);
}

int run_check(const struct options *options, int n, char **arguments)
{
	_cleanup_(candidate_done) struct candidate candidate = {};
	_cleanup_free_ char *normalised = NULL;
	const struct diags *diags = &candidate.diags;
	const char *path = arguments[0];
	int r;

	if (options->builtin)
		return show_builtin(options);
	if (options->against && strcmp(options->against, "live") != 0) {
		fprintf(stderr,
			"xdpgate: --against %s: it compares with 'live', the policy in "
			"force, only\n",
			options->against);
		return EXIT_USAGE;
	}
	if (options->against)
		return run_diff(options, n, arguments);
	r = candidate_load(options, path, &candidate);
	if (r == EXIT_USAGE)
		return r;
	if (r == EXIT_OK)
		r = policy_tests_run(candidate.policy, &candidate.diags);
	if (r == 0 && options->print) {
		normalised = print_policy(candidate.policy);
		r = normalised ? 0 : -ENOMEM;
	}
	if (r < 0 && diags->n_errors == 0)
		diag_error(&candidate.diags, &(struct diag_place){ .file = path },
			   "cannot be checked: %s", strerror(-r));
	if (options->json)
		print_check_json(path, normalised, diags);
	else
		print_diags(options, diags);
	if (normalised && !options->json)
		fputs(normalised, stdout);
	else if (diags->n_errors == 0 && !options->json)
		print_contents(path, candidate.policy);
	if (diags->n_errors == 0 && options->verbose && !options->json)
		tables_describe(candidate.policy, candidate.tables, normalised ? stderr : stdout);
	if (diags->n_errors == 0 && options->verbose && candidate.policy->partly_analysed &&
	    !options->json)
		fprintf(normalised ? stderr : stdout,
			"  too many rules, or too large sets, to compare all rules with each other: "
			"there may be more to warn of\n");
	if (diags->n_errors == 0 && !normalised && !options->json)
		print_self(options, candidate.policy);
	return diags->n_errors ? EXIT_FAILED : EXIT_OK;
}
