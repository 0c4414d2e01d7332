/* SPDX-License-Identifier: GPL-2.0-only */
/* gate_policy.c: the policy in force as text, out of what it was made of. */
#include <string.h>

#include "config.h"
#include "gate_internal.h"
#include "util.h"

int gate_load_again(struct gate *gate, struct policy **ret, struct diags *diags)
{
	const struct load_options options = { .cache = gate->lists,
					      .self = &gate->self,
					      .again = true };
	int r = policy_load_with(gate->source, &options, ret, diags);

	list_cache_end(gate->lists, false);
	return r;
}

static int print(const struct policy *policy, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	int r = stream ? policy_print(policy, stream) : -ENOMEM;

	if (stream && fclose(stream) != 0 && !r)
		r = -ENOMEM;
	if (r < 0)
		return r;
	if (size > CONFIG_MAX_FILE_BYTES)
		return -EFBIG;
	*ret = TAKE_PTR(text);
	return 0;
}

int gate_get_policy(struct gate *gate, char **ret, uint64_t *ret_generation, struct diags *diags)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	const struct manifest *manifest = gate_manifest(gate);
	int r;

	if (!gate->loaded || !manifest)
		return diag_error(
			diags, NULL,
			"the policy in force was adopted, and its file cannot be loaded, so "
			"only its rules are known: mend the file and reload");
	r = gate_load_again(gate, &policy, diags);
	if (!r)
		r = print(policy, ret);
	if (r == -EFBIG)
		return diag_error(
			diags, NULL,
			"the policy in force takes more than the %lu MiB of a policy file when "
			"it is printed with its lists",
			CONFIG_MAX_FILE_BYTES >> 20);
	if (r < 0 && !diags->n_errors)
		return diag_error(diags, NULL, "cannot make the policy in force again: %s",
				  strerror(-r));
	if (!r)
		*ret_generation = manifest->generation;
	return r;
}
