/* SPDX-License-Identifier: GPL-2.0-only */
/* gate_rules.c: the rules of the generation in force, as its manifest has them. */
#include "gate_internal.h"

#include <string.h>

#include "util.h"

static int copy_rule(const struct manifest_ruleset *ruleset, const struct manifest_rule *rule,
		     struct gate_rule *ret)
{
	memcpy(ret->policy, ruleset->name, NAME_LEN);
	memcpy(ret->name, rule->name, NAME_LEN);
	ret->match = strdup(rule->match);
	ret->action = strdup(rule->action);
	return ret->match && ret->action ? notes_copy(&rule->notes, &ret->notes) : -ENOMEM;
}

int gate_get_rules(struct gate *gate, struct gate_rules *ret)
{
	_cleanup_(gate_rules_free) struct gate_rules rules = {};
	const struct manifest *manifest = gate_manifest(gate);
	size_t n = 0;
	int r = 0;

	for (uint32_t i = 0; manifest && i < manifest->n_rulesets; i++)
		n += manifest->rulesets[i].n_rules;
	rules.items = calloc(n + 1, sizeof(*rules.items));
	if (!rules.items)
		return -ENOMEM;
	if (manifest)
		rules.generation = manifest->generation;
	for (uint32_t i = 0; manifest && i < manifest->n_rulesets; i++)
		for (uint32_t j = 0; r >= 0 && j < manifest->rulesets[i].n_rules; j++)
			r = copy_rule(&manifest->rulesets[i], &manifest->rulesets[i].rules[j],
				      &rules.items[rules.n++]);
	if (r < 0)
		return r;
	*ret = rules;
	rules = (struct gate_rules){};
	return 0;
}

void gate_rules_free(struct gate_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n; i++) {
		free(rules->items[i].match);
		free(rules->items[i].action);
		notes_done(&rules->items[i].notes);
	}
	free(rules->items);
	*rules = (struct gate_rules){};
}
