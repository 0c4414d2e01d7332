/* SPDX-License-Identifier: GPL-2.0-only */
#include "generation.h"

#include <string.h>
#include <unistd.h>

#include "kernel.h"
#include "live_slots.h"
#include "netdev.h"
#include "smoke.h"
#include "util.h"

struct generation *generation_free(struct generation *generation)
{
	if (!generation)
		return NULL;
	manifest_free(generation->manifest);
	ruleset_maps_close(&generation->maps);
	free(generation->configs);
	free(generation->redirect_ports);
	free(generation->redirect_ifindexes);
	free(generation);
	return NULL;
}

static void generation_freep(struct generation **generation)
{
	generation_free(*generation);
}

static struct generation *generation_new(void)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (generation)
		generation->maps = RULESET_MAPS_NONE;
	return generation;
}

struct generation *generation_adopt(struct manifest *manifest)
{
	struct generation *generation = generation_new();

	if (generation)
		generation->manifest = manifest;
	else
		manifest_free(manifest);
	return generation;
}

/* --- building ---------------------------------------------------------------------------- */

/* What no interface of a port judges counts under the port's name, which may be longer than
 * those of rules. An interface cannot be called ":...", so nobody else has the identity. */
static void identify_port(const char *port, struct counter_identity *identity)
{
	size_t len = strlen(port);
	size_t first = len < NAME_LEN - 1 ? len : NAME_LEN - 1;
	size_t second = len - first < NAME_LEN - 2 ? len - first : NAME_LEN - 2;

	*identity = (struct counter_identity){ .interface = ":" };
	memcpy(identity->policy, port, first);
	memcpy(identity->interface + 1, port + first, second);
	snprintf(identity->rule, NAME_LEN, "unjudged%s", port + first + second);
}

int manifest_assign_slots(struct manifest *manifest, struct counters *counters, struct diags *diags)
{
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		struct manifest_interface *interface = &manifest->interfaces[i];
		const struct manifest_ruleset *ruleset = &manifest->rulesets[interface->ruleset];
		struct counter_identity identity = {};
		int r;

		snprintf(identity.interface, NAME_LEN, "%s", interface->name);
		r = counters_assign(counters, &identity, &interface->block, diags);
		snprintf(identity.policy, NAME_LEN, "%s", ruleset->name);
		for (uint32_t j = 0; r >= 0 && j < ruleset->n_rules; j++) {
			memset(identity.rule, 0, NAME_LEN);
			snprintf(identity.rule, NAME_LEN, "%s", ruleset->rules[j].name);
			r = counters_assign(counters, &identity, &interface->slots[j], diags);
		}
		identify_port(interface->port, &identity);
		if (r >= 0 && interface->vlan)
			r = counters_assign(counters, &identity, &interface->unjudged, diags);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The actions of the interface's rules: the policy's, each with the slot where it counts here. */
static void fill_actions(const struct tables *tables, const struct ruleset_config *config,
			 const struct manifest_interface *interface, uint32_t n_rules,
			 struct rule_action *actions)
{
	const struct rule_action *from = tables->actions + config->first_word * ROW_WORD_BITS;

	for (uint32_t i = 0; i < n_rules; i++) {
		actions[i] = from[i];
		actions[i].slot = interface->slots[i];
	}
}

/* The interfaces' settings, and the actions of all their rules in one table. */
static int fill_settings(struct generation *generation, const struct tables *tables,
			 struct rule_action **ret_actions, uint32_t *ret_n)
{
	const struct manifest *manifest = generation->manifest;
	struct rule_action *actions;
	uint32_t n = 0, at = 0;

	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		n += manifest->rulesets[manifest->interfaces[i].ruleset].n_rules;
	actions = calloc(n + 1, sizeof(*actions));
	generation->configs = calloc(manifest->n_interfaces + 1, sizeof(*generation->configs));
	if (!actions || !generation->configs) {
		free(actions);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		const struct manifest_interface *interface = &manifest->interfaces[i];
		uint32_t n_rules = manifest->rulesets[interface->ruleset].n_rules;
		struct ruleset_config *config = &generation->configs[i];

		*config = tables->configs[i];
		config->generation = manifest->generation;
		config->interface_block = interface->block;
		config->interface_actions = at;
		config->n_actions = n;
		fill_actions(tables, config, interface, n_rules, actions + at);
		at += n_rules;
	}
	*ret_actions = actions;
	*ret_n = n;
	return 0;
}

/* The extras of the policy's rules, and in the settings the slots of its live sets. */
static int fill_live(struct generation *generation, const struct policy *policy,
		     const struct tables *tables, struct live_maps *live,
		     struct rule_extra **ret_extras, struct diags *diags)
{
	uint32_t slots[MAX_LIVE_SETS];
	int r = live_slots_assign(policy, live, slots, diags);

	for (size_t i = 0; r >= 0 && i < tables->n_configs; i++)
		live_slots_in_config(slots, &generation->configs[i]);
	return r < 0 ? r : live_slots_in_extras(slots, tables, ret_extras);
}

static int copy_redirects(struct generation *generation, const struct policy *policy)
{
	generation->redirect_ports =
		calloc(policy->n_redirects + 1, sizeof(*generation->redirect_ports));
	generation->redirect_ifindexes =
		calloc(policy->n_redirects + 1, sizeof(*generation->redirect_ifindexes));
	if (!generation->redirect_ports || !generation->redirect_ifindexes)
		return -ENOMEM;
	generation->n_redirects = policy->n_redirects;
	for (size_t i = 0; i < policy->n_redirects; i++)
		memcpy(generation->redirect_ports[i], policy->redirects[i].port, PORT_LEN);
	return 0;
}

int generation_build(const struct policy *policy, const struct tables *tables, uint64_t number,
		     bool test, struct counters *counters, struct live_maps *live,
		     struct generation **ret, struct diags *diags)
{
	_cleanup_(generation_freep) struct generation *generation = generation_new();
	_cleanup_free_ struct rule_extra *extras = NULL;
	_cleanup_free_ struct rule_action *actions = NULL;
	bool test_failed = false;
	uint32_t n_actions;
	int r;

	if (!generation)
		return -ENOMEM;
	generation->built_here = true;
	r = manifest_from_policy(policy, &generation->manifest);
	if (r < 0)
		return r;
	generation->manifest->generation = number;
	generation->manifest->loaded_usec = realtime_usec();
	counters_begin(counters);
	r = manifest_assign_slots(generation->manifest, counters, diags);
	if (r >= 0)
		r = fill_settings(generation, tables, &actions, &n_actions);
	if (r >= 0)
		r = copy_redirects(generation, policy);
	if (r >= 0)
		r = fill_live(generation, policy, tables, live, &extras, diags);
	if (r >= 0)
		r = ruleset_maps_create(tables, actions, n_actions, extras, policy->n_redirects,
					&generation->maps, diags);
	if (r < 0)
		return r;
	generation->maps.live = live;
	generation_update_redirects(generation);
	for (size_t i = 0; test && i < policy->n_interfaces; i++) {
		r = smoke_test(policy, tables, i, &generation->maps, &generation->configs[i],
			       &test_failed, diags);
		if (r < 0)
			return r;
	}
	if (test_failed)
		return -EINVAL;
	*ret = TAKE_PTR(generation);
	return 0;
}

int generation_complete(const struct pins *pins, const struct generation *generation,
			struct diags *diags)
{
	unsigned long long number = generation->manifest->generation;
	_cleanup_free_ void *bytes = NULL;
	_cleanup_close_ int fd = -1;
	size_t size;
	int r;

	kernel_forget();
	r = pins_remove(pins, "generations/%llu/manifest", number);
	if (r >= 0)
		r = manifest_encode(generation->manifest, &bytes, &size);
	if (r >= 0)
		r = fd = kernel_table_create("xdpgate_policy", bytes, size);
	if (r >= 0)
		r = pins_put(pins, fd, "generations/%llu/manifest", number);
	if (r < 0)
		return kernel_error(diags, r, "cannot pin %s/generations/%llu/manifest", pins->path,
				    number);
	return 0;
}

void generation_update_redirects(struct generation *generation)
{
	for (size_t i = 0; i < generation->n_redirects; i++) {
		struct diags ignored = {};
		int ifindex = netdev_find(generation->redirect_ports[i], &ignored);

		diags_free(&ignored);
		if (ifindex < 0) /* it cannot be told */
			continue;

		/* Set even if it seems unchanged: the kernel drops an entry with its device,
		 * and the next device may have got the same number. */
		if (ruleset_maps_set_redirect(&generation->maps, i, ifindex) == 0)
			generation->redirect_ifindexes[i] = ifindex;
	}
}
