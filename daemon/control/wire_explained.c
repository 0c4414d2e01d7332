/* SPDX-License-Identifier: GPL-2.0-only */
/* wire_explained.c: an explanation as the JSON that both the daemon and `xdpgate explain FILE` give. */
#include "wire.h"

#include "util.h"

#define TEXT_MAX_BYTES 4096U /* of a rule's condition, as Rules has it */

static const char *const effects[] = {
	[EFFECT_COUNTS] = "counts",
	[EFFECT_SHADOW] = "shadow",
	[EFFECT_WOULD] = "would-decide",
	[EFFECT_DECIDES] = "decides",
};

static json_t *fields_json(const struct explanation *explanation)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < explanation->n_fields; i++)
		if (json_array_append_new(
			    array, json_pack("{s:o, s:o}", "name",
					     wire_string(explanation->fields[i].name), "value",
					     wire_string(explanation->fields[i].value))))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *sets_json(const struct explanation *explanation)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < explanation->n_sets; i++)
		if (json_array_append_new(array, json_pack("{s:o, s:s, s:b}", "name",
							   wire_string(explanation->sets[i].name),
							   "field", explanation->sets[i].field,
							   "live", explanation->sets[i].live)))
			return NULL;
	return TAKE_PTR(array);
}

static json_t *rules_json(const struct explanation *explanation)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < explanation->n_rules; i++) {
		const struct explained_rule *rule = &explanation->rules[i];
		json_t *item =
			json_pack("{s:o, s:o, s:o, s:o, s:s}", "name", wire_string(rule->name),
				  "match", wire_bounded(rule->match, TEXT_MAX_BYTES), "action",
				  wire_bounded(rule->action, TEXT_MAX_BYTES), "place",
				  wire_string(rule->place), "effect", effects[rule->effect]);

		if (json_array_append_new(array, item))
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *name_or_null(const char *name)
{
	return wire_string(*name ? name : NULL);
}

int wire_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

json_t *wire_explanation(const struct explanation *explanation)
{
	bool decided_by_rule = explanation->reason == REASON_NONE;

	return json_pack(
		"{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "generation",
		wire_uint(explanation->generation), "interface",
		name_or_null(explanation->interface), "policy", name_or_null(explanation->policy),
		"verdict", verdict_name(explanation->verdict), "rule",
		name_or_null(explanation->rule), "reason",
		decided_by_rule ? json_null() : wire_string(reason_name(explanation->reason)),
		"reason_text",
		decided_by_rule ? json_null() : wire_string(reason_text(explanation->reason)),
		"redirect", wire_string(explanation->redirect), "fields", fields_json(explanation),
		"sets", sets_json(explanation), "sets_known", explanation->sets_known, "rules",
		rules_json(explanation), "note", wire_string(explanation->note));
}
