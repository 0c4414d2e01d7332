/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A gate without a kernel behind it: the functions of daemon/gate.h with made-up answers, so
 * that the control server and the xdpgate command are tested alone. Files in the scenario
 * folder decide how it behaves; each call of a function that changes something is appended
 * to the file "calls" there.
 *
 *   fail-reload, fail-check, fail-switch, fail-trial, fail-detach, fail-read: that fails (…-silently:
 *   without a diagnostic); big: many rules, so that answers are large; frozen: counters stand
 *   still; self: $self is used, and could not be kept current; ugly: names and texts try to be control
 *   sequences; set-aside: the policy file is not what is in force. For config, no-history, slow
 *   and refuse-text see fake_choices.c.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "fake_gate.h"
#include "util.h"

#define BIG_RULES 20000

bool fake_gate_has(const struct gate *gate, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", gate->scenario, name) < 0)
		abort();
	return access(path, F_OK) == 0;
}

FILE *fake_gate_open(const struct gate *gate, const char *name)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/%s", gate->scenario, name) < 0)
		abort();
	return fopen(path, "re");
}

void fake_gate_note(struct gate *gate, const char *format, ...)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	va_list args;

	if (asprintf(&path, "%s/calls", gate->scenario) < 0)
		abort();
	file = fopen(path, "ae");
	if (!file)
		abort();
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	fputc('\n', file);
}

struct gate *fake_gate_new(const char *scenario)
{
	struct gate *gate = calloc(1, sizeof(*gate));

	if (!gate)
		abort();
	gate->scenario = strdup(scenario);
	gate->generation = 1;
	return gate;
}

struct gate *gate_free(struct gate *gate)
{
	fake_sets_free();
	if (gate) {
		fake_choices_free(gate);
		free(gate->scenario);
	}
	free(gate);
	return NULL;
}

int fake_gate_fails(struct gate *gate, const char *what, struct diags *diags)
{
	static const char line[] = "      - {name: ssh, match: {dprot: 22}, do: pass}";
	struct diag_place place = {
		.file = "edge.yaml",
		.line = 12,
		.column = 29,
		.width = 5,
		.source = line,
		.source_len = sizeof(line) - 1,
	};
	char name[64];

	snprintf(name, sizeof(name), "fail-%s-silently", what);
	if (fake_gate_has(gate, name))
		return -ENOMEM;
	snprintf(name, sizeof(name), "fail-%s", what);
	if (!fake_gate_has(gate, name)) {
		if (fake_gate_has(gate, "warn"))
			diag_warning(diags, &place, "%s: set 'unused' is never used", what);
		return 0;
	}
	diag_error(diags, &place, "unknown field 'dprot'; did you mean 'dport'?");
	diag_warning(diags, NULL, "a warning without a place");
	return -EINVAL;
}

int gate_get_policy(struct gate *gate, char **ret, uint64_t *ret_generation, struct diags *diags)
{
	_cleanup_fclose_ FILE *file = fake_gate_open(gate, "policy");
	size_t size = 0;
	char *text = NULL;

	if (!file || getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		return diag_error(diags, NULL, "the policy in force was adopted");
	}
	*ret = text;
	*ret_generation = gate->generation;
	return 0;
}

int gate_check(struct gate *gate, const char *path, struct diags *diags)
{
	fake_gate_note(gate, "check %s", path ? path : "-");
	return fake_gate_fails(gate, "check", diags);
}

int gate_set_off(struct gate *gate, const char *interface, bool off, struct diags *diags)
{
	fake_gate_note(gate, "%s %s", off ? "off" : "on", interface ? interface : "-");
	if (interface && strcmp(interface, "transit-a") != 0 && strcmp(interface, "lan") != 0) {
		diag_error(diags, NULL, "no interface '%s'", interface);
		return -ENOENT;
	}
	gate->off = off;
	return fake_gate_fails(gate, "switch", diags);
}

int gate_detach(struct gate *gate, struct diags *diags)
{
	fake_gate_note(gate, "detach");
	return fake_gate_fails(gate, "detach", diags);
}

const char *interface_state_name(enum interface_state state)
{
	static const char *const names[] = { "absent", "filtering", "off", "failed" };

	return names[state];
}

int gate_get_status(struct gate *gate, struct gate_status *ret)
{
	struct gate_interface_status *interfaces;

	if (fake_gate_has(gate, "fail-read"))
		return -EIO;
	fake_gate_tick(gate);
	interfaces = calloc(2, sizeof(*interfaces));
	interfaces[0] = (struct gate_interface_status){
		.name = "transit-a",
		.port = "bond0",
		.policy = "internet",
		.required = true,
		.state = gate->off ? INTERFACE_OFF : INTERFACE_FILTERING,
		.ifindex = 7,
		.dispatcher = true,
		.frags = true,
		.program_id = 42,
		.jited_bytes = 3210,
	};
	interfaces[1] = (struct gate_interface_status){
		.name = "lan",
		.port = "enp2s0",
		.policy = "customer",
		.mode = ATTACH_GENERIC,
		.state = INTERFACE_FAILED,
		.error = strdup("cannot attach to enp2s0: \033[31mNot red\033[0m\xff"),
	};
	*ret = (struct gate_status){
		.config_path = fake_gate_config(gate),
		.generation = gate->generation,
		.ready = true,
		.loaded_usec = 1700000000000000,
		.started_usec = 1600000000000000,
		.n_reloads = gate->n_reloads,
		.n_failed_reloads = gate->n_failed,
		.last_reload_failed = gate->last_failed,
		.last_reload_error =
			gate->last_failed
				? strdup("edge.yaml:12:29: error: unknown field 'dprot'\n   12 | dprot\n      | ^~~~~\n")
				: NULL,
		.history = fake_gate_has(gate, "no-history") ? 0 : gate->in_force,
		.deadline_usec = gate->deadline_usec,
		.set_aside =
			fake_gate_has(gate, "set-aside")
				? strdup("policy 7 was not confirmed in time\033[31m; edit the "
					 "file, or reload --force")
				: NULL,
		.n_rules = 3,
		.n_sets = 2,
		.n_prefixes = 243000,
		.uses_self = fake_gate_has(gate, "self"),
		.n_self = 3,
		.n_self_changes = 2,
		.self_changed_usec = 1650000000000000,
		.self_error =
			fake_gate_has(gate, "self") ? strdup("the kernel\033[31m refused") : NULL,
		.interfaces = interfaces,
		.n_interfaces = 2,
		.list_copies = calloc(1, sizeof(*ret->list_copies)),
		.n_list_copies = 1,
	};
	ret->list_copies[0] = (struct gate_list_copy){
		.path = strdup("/etc/xdpgate/feeds/\033[31mred\xff.txt"),
		.kept_usec = 1650000000000000,
	};
	ret->feeds = calloc(2, sizeof(*ret->feeds));
	ret->feeds[0] = (struct gate_feed){ .path = strdup("/etc/xdpgate/feeds/a.txt"),
					    .n_prefixes = 1,
					    .changed_usec = 1650000000000000 };
	ret->feeds[1] =
		(struct gate_feed){ .path = strdup("/etc/xdpgate/feeds/\033[31mb\xff.txt"),
				    .n_prefixes = 20000,
				    .error = strdup("b.txt: error: it is \033[31mempty\n") };
	ret->n_feeds = 2;
	memset(ret->policy_hash, 'a', 64);
	return 0;
}

void gate_status_free(struct gate_status *status)
{
	for (size_t i = 0; i < status->n_interfaces; i++)
		free(status->interfaces[i].error);
	free(status->interfaces);
	for (size_t i = 0; i < status->n_list_copies; i++)
		free(status->list_copies[i].path);
	free(status->list_copies);
	for (size_t i = 0; i < status->n_feeds; i++) {
		free(status->feeds[i].path);
		free(status->feeds[i].error);
	}
	free(status->feeds);
	free(status->self_error);
	free(status->set_aside);
	free(status->config_path);
	free(status->last_reload_error);
	*status = (struct gate_status){};
}

int gate_get_stats(struct gate *gate, struct stats *ret)
{
	size_t n = fake_gate_has(gate, "big") ? BIG_RULES : 3;
	struct stats stats = { .generation = gate->generation, .n_interfaces = 2, .n_rules = n };
	uint64_t base;

	if (fake_gate_has(gate, "fail-read"))
		return -EIO;
	base = fake_gate_has(gate, "frozen") ? 1000 : 1000 + 10 * gate->n_stats++;
	stats.interfaces = calloc(2, sizeof(*stats.interfaces));
	strcpy(stats.interfaces[0].name, "transit-a");
	strcpy(stats.interfaces[1].name, "lan");
	stats.interfaces[0].verdicts[VERDICT_DROP] = (struct counter){ base, base * 60 };
	stats.interfaces[0].verdicts[VERDICT_PASS] = (struct counter){ UINT64_MAX, 1 };
	stats.interfaces[0].reasons[REASON_DEFAULT] = (struct counter){ 5, 300 };
	stats.rules = calloc(n, sizeof(*stats.rules));
	for (size_t i = 0; i < n; i++) {
		struct stats_rule *rule = &stats.rules[i];

		strcpy(rule->policy, i < 2 ? "internet" : "customer");
		strcpy(rule->interface, i < 2 ? "transit-a" : "lan");
		snprintf(rule->name, sizeof(rule->name), "rule-%zu", i);
		rule->counter = (struct counter){ base + i, (base + i) * 64 };
	}
	if (fake_gate_has(gate, "ugly"))
		strcpy(stats.rules[0].name, "\033[2Jr\xc3\xa9gle\xe2\x80\xae");
	*ret = stats;
	return 0;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	free(stats->interfaces);
	free(stats->rules);
	*stats = (struct stats){};
}

/* What arrived is told as fields; the first byte says what becomes of it. */
int gate_explain(struct gate *gate, const char *interface, const uint8_t *frame, size_t len,
		 struct explanation *ret, struct diags *diags)
{
	struct explanation made = {
		.generation = gate->generation,
		.policy = "internet",
		.verdict = frame[0] ? VERDICT_DROP : VERDICT_PASS,
		.reason = frame[0] ? REASON_NONE : REASON_DEFAULT,
		.sets_known = true,
	};

	if (fake_gate_has(gate, "fail-read"))
		return diag_error(diags, NULL, "the policy in force was adopted");
	if (strcmp(interface, "transit-a") != 0) {
		diag_error(diags, NULL, "there is no interface '%s'", interface);
		return -ENOENT;
	}
	strcpy(made.interface, interface);
	made.fields = calloc(1, sizeof(*made.fields));
	made.sets = calloc(1, sizeof(*made.sets));
	made.rules = calloc(1, sizeof(*made.rules));
	made.fields[made.n_fields].name = strdup("length");
	if (asprintf(&made.fields[made.n_fields++].value, "%zu", len) < 0)
		abort();
	made.sets[made.n_sets++] = (struct explained_set){ "banned", "src", true };
	made.rules[made.n_rules].effect = frame[0] ? EFFECT_DECIDES : EFFECT_SHADOW;
	strcpy(made.rules[made.n_rules].name, "rule-0");
	made.rules[made.n_rules].match = strdup("src: $banned");
	made.rules[made.n_rules++].action = strdup("drop");
	if (frame[0])
		strcpy(made.rule, "rule-0");
	*ret = made;
	return 0;
}

/* The file "ring" of the scenario has the path that is told. */
int gate_trial_start(struct gate *gate, uint32_t seconds, uint32_t one_in, struct gate_trial *ret,
		     struct diags *diags)
{
	_cleanup_fclose_ FILE *file = fake_gate_open(gate, "ring");

	fake_gate_note(gate, "trial %u %u", seconds, one_in);
	if (fake_gate_has(gate, "fail-trial") || fake_gate_has(gate, "fail-trial-silently"))
		return fake_gate_fails(gate, "trial", diags);
	*ret = (struct gate_trial){ .generation = gate->generation,
				    .until_usec = 1700000000000000 + seconds * UINT64_C(1000000) };
	if (!file || !fgets(ret->ring, sizeof(ret->ring), file))
		strcpy(ret->ring, "/nowhere/samples");
	return 0;
}

int gate_trial_stop(struct gate *gate, struct diags *diags)
{
	fake_gate_note(gate, "trial-end");
	return fake_gate_fails(gate, "trial", diags);
}

int gate_get_rules(struct gate *gate, struct gate_rules *ret)
{
	struct gate_rules rules = { .generation = gate->generation, .n = 3 };

	if (fake_gate_has(gate, "fail-read"))
		return -EIO;
	rules.items = calloc(3, sizeof(*rules.items));
	for (size_t i = 0; i < 3; i++) {
		struct gate_rule *rule = &rules.items[i];

		strcpy(rule->policy, i < 2 ? "internet" : "customer");
		snprintf(rule->name, sizeof(rule->name), "rule-%zu", i);
		rule->match = strdup("src: $block");
		rule->action = strdup(i ? "drop" : "pass");
		if (i != 1 || !fake_gate_has(gate, "notes"))
			continue;
		rule->notes.comment = strdup("NOC-4711,\n  since \033[31mMonday\n");
		rule->notes.tags = calloc(2, sizeof(char *));
		rule->notes.tags[rule->notes.n_tags++] = strdup("feed");
		rule->notes.tags[rule->notes.n_tags++] = strdup("external");
	}
	if (fake_gate_has(gate, "big")) {
		free(rules.items[0].match);
		rules.items[0].match = malloc(100001);
		memset(rules.items[0].match, 'm', 100000);
		rules.items[0].match[100000] = '\0';
	}
	*ret = rules;
	return 0;
}

void gate_rules_free(struct gate_rules *rules)
{
	for (size_t i = 0; i < rules->n; i++) {
		free(rules->items[i].match);
		free(rules->items[i].action);
		notes_done(&rules->items[i].notes);
	}
	free(rules->items);
	*rules = (struct gate_rules){};
}
