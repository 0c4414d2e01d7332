/* SPDX-License-Identifier: GPL-2.0-only */
/* What gate.h gives, as JSON. See answers.h. */
#include <unistd.h>

#include "answers.h"
#include "bounds.h"
#include "util.h"
#include "wire.h"

/* Appends what make() makes of each element; NULL when out of memory. */
#define ARRAY_OF(items, n, make)                                                                   \
	({                                                                                         \
		json_t *_array = json_array();                                                     \
		for (size_t _i = 0; _array && _i < (n); _i++)                                      \
			if (json_array_append_new(_array, make(&(items)[_i])) < 0) {               \
				json_decref(_array);                                               \
				_array = NULL;                                                     \
			}                                                                          \
		_array;                                                                            \
	})

/* 0 stands for none. */
static json_t *uint_or_null(uint64_t value)
{
	return value ? wire_uint(value) : json_null();
}

static json_t *bounded_or_null(const char *text)
{
	return text ? wire_bounded(text, MESSAGE_TEXT_MAX_BYTES) : json_null();
}

static json_t *interface_status(const struct gate_interface_status *interface)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:s, s:i, s:b, s:b, s:I, s:I, s:o}",
			 "name", wire_string(interface->name), "port", wire_string(interface->port),
			 "device", wire_string(interface->device[0] ? interface->device : NULL),
			 "vlan", interface->vlan ? json_integer(interface->vlan) : json_null(),
			 "policy", wire_string(interface->policy), "mode",
			 interface->mode == ATTACH_GENERIC ? "generic" : "native", "required",
			 interface->required, "state", interface_state_name(interface->state),
			 "ifindex", interface->ifindex, "dispatcher", interface->dispatcher,
			 "frags", interface->frags, "program_id", (json_int_t)interface->program_id,
			 "jited_bytes", (json_int_t)interface->jited_bytes, "error",
			 wire_string(interface->error));
}

/* What there is to say of $self; null: the policy in force does not name it. */
static json_t *self_status(const struct gate_status *status)
{
	if (!status->uses_self)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:o}", "addresses", wire_uint(status->n_self), "changes",
			 wire_uint(status->n_self_changes), "changed_usec",
			 wire_uint(status->self_changed_usec), "error",
			 wire_string(status->self_error));
}

static json_t *list_copy(const struct gate_list_copy *copy)
{
	return json_pack("{s:o, s:o}", "path", wire_bounded(copy->path, MESSAGE_TEXT_MAX_BYTES),
			 "kept_usec", wire_uint(copy->kept_usec));
}

static json_t *feed(const struct gate_feed *item)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "path",
			 wire_bounded(item->path, MESSAGE_TEXT_MAX_BYTES), "prefixes",
			 wire_uint(item->n_prefixes), "changed_usec", wire_uint(item->changed_usec),
			 "error", bounded_or_null(item->error));
}

json_t *answer_status(const struct gate_status *status)
{
	return json_pack(
		"{s:s, s:i, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o, s:o, s:o, s:o}",
		"version", XDPGATE_VERSION, "pid", (int)getpid(), "config",
		wire_bounded(status->config_path, MESSAGE_TEXT_MAX_BYTES), "generation",
		wire_uint(status->generation), "policy_hash", wire_string(status->policy_hash),
		"ready", status->ready, "loaded_usec", wire_uint(status->loaded_usec),
		"started_usec", wire_uint(status->started_usec), "reloads",
		wire_uint(status->n_reloads), "failed_reloads", wire_uint(status->n_failed_reloads),
		"last_reload_failed", status->last_reload_failed, "last_reload_error",
		wire_string(status->last_reload_error), "rules", wire_uint(status->n_rules), "sets",
		wire_uint(status->n_sets), "prefixes", wire_uint(status->n_prefixes), "interfaces",
		ARRAY_OF(status->interfaces, status->n_interfaces, interface_status), "list_copies",
		ARRAY_OF(status->list_copies, status->n_list_copies, list_copy), "feeds",
		ARRAY_OF(status->feeds, status->n_feeds, feed), "self", self_status(status),
		"history", uint_or_null(status->history), "deadline_usec",
		uint_or_null(status->deadline_usec), "set_aside",
		bounded_or_null(status->set_aside));
}

static json_t *counter(const struct counter *value)
{
	return json_pack("{s:o, s:o}", "packets", wire_uint(value->packets), "bytes",
			 wire_uint(value->bytes));
}

typedef const char *(*name_function)(unsigned int);

static json_t *named_counters(const struct counter *counters, unsigned int n, name_function name)
{
	_cleanup_json_ json_t *object = json_object();

	for (unsigned int i = 0; i < n; i++)
		if (json_object_set_new(object, name(i), counter(&counters[i])) < 0)
			return NULL;
	return TAKE_PTR(object);
}

static json_t *interface_stats(const struct stats_interface *interface)
{
	return json_pack("{s:o, s:o, s:o}", "name", wire_string(interface->name), "verdicts",
			 named_counters(interface->verdicts, N_VERDICTS, verdict_name), "reasons",
			 named_counters(interface->reasons, N_REASONS, reason_name));
}

static json_t *rule_stats(const struct stats_rule *rule)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "policy", wire_string(rule->policy), "name",
			 wire_string(rule->name), "interface", wire_string(rule->interface),
			 "packets", wire_uint(rule->counter.packets), "bytes",
			 wire_uint(rule->counter.bytes));
}

static json_t *unjudged(const struct stats_port *port)
{
	return json_pack("{s:o, s:o, s:o}", "port", wire_string(port->port), "packets",
			 wire_uint(port->counter.packets), "bytes", wire_uint(port->counter.bytes));
}

json_t *answer_stats(const struct stats *stats)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "generation", wire_uint(stats->generation),
			 "interfaces",
			 ARRAY_OF(stats->interfaces, stats->n_interfaces, interface_stats), "rules",
			 ARRAY_OF(stats->rules, stats->n_rules, rule_stats), "unjudged",
			 ARRAY_OF(stats->unjudged, stats->n_unjudged, unjudged));
}

static json_t *tag(char *const *text)
{
	return wire_string(*text);
}

static json_t *rule(const struct gate_rule *item)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "policy", wire_string(item->policy),
			 "name", wire_string(item->name), "match",
			 wire_bounded(item->match, RULE_TEXT_MAX_BYTES), "action",
			 wire_bounded(item->action, RULE_TEXT_MAX_BYTES), "comment",
			 wire_string(item->notes.comment), "tags",
			 ARRAY_OF(item->notes.tags, item->notes.n_tags, tag));
}

json_t *answer_rules(const struct gate_rules *rules)
{
	return json_pack("{s:o, s:o}", "generation", wire_uint(rules->generation), "rules",
			 ARRAY_OF(rules->items, rules->n, rule));
}

static json_t *history_entry(const struct gate_history_entry *entry)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:b, s:o, s:o, s:o}", "id",
			 wire_uint(entry->id), "when_usec", wire_uint(entry->when_usec), "who",
			 bounded_or_null(entry->who), "why", bounded_or_null(entry->why),
			 "policy_hash", wire_string(entry->policy_hash), "state",
			 history_state_name(entry->state), "in_force", entry->in_force, "boots",
			 entry->boots, "rules", wire_uint(entry->n_rules), "sets",
			 wire_uint(entry->n_sets), "prefixes", wire_uint(entry->n_prefixes));
}

json_t *answer_history(const struct gate_history *history)
{
	return json_pack("{s:o}", "policies", ARRAY_OF(history->items, history->n, history_entry));
}

json_t *answer_changed(const struct gate_changed *changed, const struct diags *diags)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o}", "changed", changed->changed,
			 "generation", wire_uint(changed->generation), "history",
			 uint_or_null(changed->history), "deadline_usec",
			 uint_or_null(changed->deadline_usec), "diagnostics", wire_diags(diags),
			 "text", wire_diags_text(diags));
}

json_t *answer_diags(const struct diags *diags)
{
	return json_pack("{s:o, s:o}", "diagnostics", wire_diags(diags), "text",
			 wire_diags_text(diags));
}
