/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate explain: one packet through the program of a policy file, made here, or through that of the
 * policy in force, by the daemon; and what came of it, step by step.
 */
#include "explain.h"

#include <string.h>

#include "candidate.h"
#include "explain_view.h"
#include "kernel.h"
#include "packet_frame.h"
#include "policy_tests.h"
#include "probe.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

#define ETHERNET_HEADER 14 /* the kernel runs programs on no less */

/* --- a policy file ----------------------------------------------------------------------- */

static void probe_closep(struct probe **probe)
{
	probe_close(*probe);
}

static int trace_by_program(const struct candidate *candidate, size_t interface,
			    const uint8_t *frame, size_t len, struct trace *ret,
			    struct diags *diags)
{
	_cleanup_(probe_closep) struct probe *probe = NULL;
	struct probe_answer answer;
	int r = probe_open(candidate->policy, candidate->tables, interface, true, &probe, diags);

	if (r == -EPERM || r == -EACCES)
		diag_error(diags, NULL,
			   "running the program takes root, or the capabilities CAP_BPF and "
			   "CAP_NET_ADMIN; --engine oracle takes none, and answers the same");
	if (r < 0)
		return r;
	r = probe_run(probe, frame, len, &answer, NULL);
	if (r < 0)
		return diag_error(diags, NULL, "the kernel does not run the program: %s",
				  strerror(-r));
	*ret = answer.trace;
	return 0;
}

/* Nobody judges: that is an answer, too. */
static int explain_unjudged(const uint8_t *frame, size_t len, struct explanation *ret)
{
	struct trace trace = {};

	oracle_trace(frame, len, &trace);
	ret->verdict = VERDICT_PASS;
	ret->reason = REASON_NONE;
	return explanation_add_fields(&trace, ret);
}

static int explain_by_candidate(const struct options *options, const struct candidate *candidate,
				size_t arrives, const uint8_t *frame, size_t len,
				struct explanation *ret, struct diags *diags)
{
	const struct policy *policy = candidate->policy;
	size_t interface = oracle_interface(policy, arrives, frame, len);
	uint32_t first_bit;
	struct trace *trace;
	int r;

	if (interface == ORACLE_NO_INTERFACE)
		return explain_unjudged(frame, len, ret);
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return -ENOMEM;
	first_bit = candidate->tables->first_bit[policy->interfaces[interface].ruleset];
	/* A shorter frame is malformed, whoever judges, and the kernel gives it to no program. */
	if (options->engine == ENGINE_ORACLE || len < ETHERNET_HEADER)
		r = oracle_judge_trace(policy, interface, first_bit, frame, len, NULL, trace);
	else
		r = trace_by_program(candidate, interface, frame, len, trace, diags);
	if (r >= 0)
		r = explanation_make(policy, interface, first_bit, trace, NULL, ret);
	if (r >= 0 && policy->n_live_sets)
		ret->note = strdup("the policy file has live sets, which are empty here; explain "
				   "without FILE asks those in force");
	free(trace);
	return r;
}

/* EXIT_OK with *ret, a new object; or all is said. */
static int explain_file(const struct options *options, const char *path, json_t **ret,
			const char **ret_in)
{
	_cleanup_(candidate_done) struct candidate candidate = {};
	_cleanup_(explanation_done) struct explanation explanation = {};
	struct diags *diags = &candidate.diags;
	_cleanup_free_ uint8_t *frame = NULL;
	size_t interface, len;
	int r;

	r = candidate_load(options, path, &candidate);
	if (r == EXIT_OK)
		r = candidate_interface(&candidate, path, options->in, &interface);
	if (r == EXIT_OK) {
		const struct interface *arrives = &candidate.policy->interfaces[interface];

		*ret_in = options->in;
		r = packet_frame(options, arrives->name, arrives->vlan, &frame, &len, diags);
		if (r >= 0)
			r = explain_by_candidate(options, &candidate, interface, frame, len,
						 &explanation, diags);
		if (r < 0 && !diags->n_errors)
			diag_error(diags, NULL, "cannot explain: %s", strerror(-r));
		r = r < 0 ? EXIT_FAILED : EXIT_OK;
	}
	print_diags(options, diags);
	if (r != EXIT_OK)
		return r;
	*ret = wire_explanation(&explanation);
	return EXIT_OK;
}

/* --- the policy in force ----------------------------------------------------------------- */

/* Which of the daemon's interfaces is meant. */
static int find_interface(const json_t *interfaces, const char *name, const json_t **ret)
{
	const char *between = "";
	const json_t *item;
	size_t i;

	json_array_foreach (interfaces, i, item)
		if (name ? strcmp(string_of(item, "name"), name) == 0
			 : json_array_size(interfaces) == 1) {
			*ret = item;
			return EXIT_OK;
		}
	if (name)
		text_printf(stderr, "xdpgate: there is no interface '%s' in the policy in force; ",
			    name);
	else
		fprintf(stderr, "xdpgate: where does the packet arrive? Add --in INTERFACE; ");
	fprintf(stderr, "there are: ");
	json_array_foreach (interfaces, i, item) {
		fputs(between, stderr);
		text_printf(stderr, "%s", string_of(item, "name"));
		between = ", ";
	}
	fputc('\n', stderr);
	return name ? EXIT_FAILED : EXIT_USAGE;
}

/* The zeros that the frame ends with need not be sent. */
static json_t *call_parameters(const char *interface, const uint8_t *frame, size_t len)
{
	size_t n = len;
	char *hex;
	json_t *parameters;

	while (n > 1 && !frame[n - 1])
		n--;
	hex = malloc(2 * n + 1);
	if (!hex)
		return NULL;
	for (size_t i = 0; i < n; i++)
		sprintf(hex + 2 * i, "%02x", frame[i]);
	parameters = json_pack("{s:o, s:s, s:I}", "interface", wire_string(interface), "frame", hex,
			       "length", (json_int_t)len);
	free(hex);
	return parameters;
}

static int explain_live(const struct options *options, json_t **ret)
{
	_cleanup_(reply_free) struct reply status = {}, reply = {};
	_cleanup_(diags_free) struct diags diags = {};
	_cleanup_free_ uint8_t *frame = NULL;
	const json_t *interface;
	size_t len;
	int r = request(options, "Status", NULL, TIMEOUT_MSEC, &status);

	if (r == EXIT_OK)
		r = find_interface(json_object_get(status.parameters, "interfaces"), options->in,
				   &interface);
	if (r != EXIT_OK)
		return r;
	r = packet_frame(options, string_of(interface, "name"),
			 (uint16_t)number_of(interface, "vlan"), &frame, &len, &diags);
	if (r < 0 && !diags.n_errors)
		diag_error(&diags, NULL, "cannot make the packet: %s", strerror(-r));
	print_diags(options, &diags);
	if (r < 0)
		return EXIT_FAILED;
	r = request(options, "Explain", call_parameters(string_of(interface, "name"), frame, len),
		    TIMEOUT_MSEC, &reply);
	if (r == EXIT_OK)
		*ret = json_incref(reply.parameters);
	return r;
}

int run_explain(const struct options *options, int n, char **arguments)
{
	_cleanup_json_ json_t *answer = NULL;
	const char *in = options->in;
	int r;

	kernel_listen(NULL);
	if (!n && options->engine == ENGINE_ORACLE) {
		fprintf(stderr, "xdpgate: --engine oracle takes a FILE: the policy in force is "
				"asked by its program\n");
		return EXIT_USAGE;
	}
	r = n ? explain_file(options, arguments[0], &answer, &in) : explain_live(options, &answer);
	if (r != EXIT_OK)
		return r;
	if (!answer) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_FAILED;
	}
	if (options->json)
		print_json(answer);
	else
		explain_print(answer, n ? arguments[0] : NULL, in, wants_color(options));
	return EXIT_OK;
}
