/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_explain.c: what becomes of one packet by the policy in force. Its program is asked as a probe;
 * the policy, whose memory was given back when it came in force, is made again for the words.
 */
#include "gate_internal.h"

#include <malloc.h>
#include <string.h>

#include "explain.h"
#include "oracle.h"
#include "util.h"

#define ETHERNET_HEADER 14 /* the kernel runs programs on no less */

/* --- live sets --------------------------------------------------------------------------- */

struct asking {
	struct gate *gate;
	const struct policy *policy;
};

static bool set_holds(void *context, size_t set, enum family family, const uint8_t *address)
{
	const struct asking *asking = context;
	_cleanup_(diags_free) struct diags ignored = {};
	struct live_prefix prefix = { .family = family, .len = family == FAMILY_V4 ? 32 : 128 };
	struct live_listed listed = {};
	int r;

	memcpy(prefix.addr, address, family == FAMILY_V4 ? 4 : 16);
	r = live_sets_test(asking->gate->live, asking->policy->live_sets[set].name, &prefix,
			   &listed, &ignored);
	return r > 0;
}

/* --- the policy in force ----------------------------------------------------------------- */

/* As it was when it came in force. */
static int remake_policy(struct gate *gate, const struct manifest *manifest, struct policy **ret,
			 struct diags *diags)
{
	const struct load_options options = {
		.cache = gate->lists,
		.self = &gate->self,
		.again = true,
	};
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r;

	if (!gate->loaded)
		return diag_error(
			diags, NULL,
			"the policy in force was adopted, and its file could not be "
			"loaded since: see 'xdpgate status', mend the file, then 'xdpgate "
			"reload'; 'xdpgate explain FILE' asks a file");
	r = policy_load_with(gate->source, &options, &policy, diags);
	list_cache_end(gate->lists, false);
	if (r < 0)
		return r;
	for (size_t i = 0; i < policy->n_rulesets; i++)
		if (policy->n_rulesets != manifest->n_rulesets ||
		    policy->rulesets[i].n_rules != manifest->rulesets[i].n_rules)
			r = -ESTALE;
	if (r < 0 || policy->n_interfaces != manifest->n_interfaces)
		return diag_error(
			diags, NULL,
			"the policy in force cannot be made again: a file that it was made "
			"of has changed; 'xdpgate reload' puts it in force as it is now");
	*ret = TAKE_PTR(policy);
	return 0;
}

static int find_interface(const struct manifest *manifest, const char *name, uint32_t *ret,
			  struct diags *diags)
{
	_cleanup_free_ char *known = NULL;
	FILE *stream;
	size_t size;

	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		if (strcmp(manifest->interfaces[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	stream = open_memstream(&known, &size);
	if (!stream)
		return -ENOMEM;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		fprintf(stream, "%s%s", i ? ", " : "", manifest->interfaces[i].name);
	if (fclose(stream) != 0)
		return -ENOMEM;
	diag_error(diags, NULL, "there is no interface '%.63s'; there are: %s", name, known);
	return -ENOENT;
}

/* What keeps the program from judging such packets at all, or makes the words doubtful. */
static int add_note(struct gate *gate, const struct manifest *manifest, uint32_t index,
		    const struct policy *policy, struct explanation *ret)
{
	struct gate_interface_status status = {};
	int r = gate_interface_status(gate, manifest, index, &status), written = 0;

	if (r >= 0 && status.state == INTERFACE_OFF)
		written = asprintf(&ret->note,
				   "the interface is off: all its packets pass until 'xdpgate on'");
	else if (r >= 0 && status.state == INTERFACE_ABSENT)
		written = asprintf(&ret->note,
				   "there is no device %s now, so the program judges no packets",
				   status.port);
	else if (r >= 0 && status.state == INTERFACE_FAILED)
		written = asprintf(&ret->note, "the interface is not filtered: %s",
				   status.error ? status.error : "see 'xdpgate status'");
	else if (strcmp(gate->source, gate->config_path) == 0 && /* the history's do not change */
		 memcmp(policy->hash, manifest->hash, sizeof(policy->hash)) != 0)
		written =
			asprintf(&ret->note,
				 "a list file has changed since the policy came in force: what is "
				 "said of sets is what the file holds now");
	if (written < 0)
		ret->note = NULL;
	free(status.error);
	return written < 0 ? -ENOMEM : r;
}

static int explain_judged(struct gate *gate, const struct policy *policy, size_t interface,
			  const uint8_t *frame, size_t len, struct explanation *ret,
			  struct diags *diags)
{
	struct asking asking = { .gate = gate, .policy = policy };
	const struct oracle_live live = { .holds = set_holds, .context = &asking };
	_cleanup_free_ struct trace *trace = calloc(1, sizeof(*trace));
	uint32_t first_bit = 0;
	int r;

	if (!trace)
		return -ENOMEM;
	/* Shorter ones are malformed, whoever judges. */
	if (len < ETHERNET_HEADER)
		r = oracle_judge_trace(policy, interface, 0, frame, len, &live, trace);
	else
		r = datapath_explain(gate->datapath, (uint32_t)interface, frame, len, trace,
				     &first_bit, diags);
	return r < 0 ? r : explanation_make(policy, interface, first_bit, trace, &live, ret);
}

int gate_explain(struct gate *gate, const char *interface, const uint8_t *frame, size_t len,
		 struct explanation *ret, struct diags *diags)
{
	const struct manifest *manifest = gate_manifest(gate);
	_cleanup_(explanation_done) struct explanation made = {};
	_cleanup_(policy_freep) struct policy *policy = NULL;
	uint32_t arrives;
	size_t judges;
	int r;

	if (!manifest)
		return diag_error(diags, NULL, "no policy is in force");
	r = find_interface(manifest, interface, &arrives, diags);
	if (r >= 0)
		r = remake_policy(gate, manifest, &policy, diags);
	if (r < 0)
		return r;
	judges = oracle_interface(policy, arrives, frame, len);
	if (judges == ORACLE_NO_INTERFACE) {
		struct trace trace = {};

		oracle_trace(frame, len, &trace);
		made.verdict = VERDICT_PASS;
		made.reason = REASON_NONE;
		r = explanation_add_fields(&trace, &made);
	} else {
		r = explain_judged(gate, policy, judges, frame, len, &made, diags);
		if (r >= 0)
			r = add_note(gate, manifest, (uint32_t)judges, policy, &made);
	}
	policy_free(TAKE_PTR(policy));
	malloc_trim(0);
	if (r < 0)
		return r;
	made.generation = manifest->generation;
	*ret = made;
	made = (struct explanation){};
	return 0;
}
