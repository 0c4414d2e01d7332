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

/* --- pins -------------------------------------------------------------------------------- */

int generation_pinned_program(const struct pins *pins, uint64_t number, const struct port *port)
{
	return pins_get(pins, "generations/%llu/%s", (unsigned long long)number, port->key);
}

static uint64_t generation_number(const char *name)
{
	char *end;
	unsigned long long number = strtoull(name, &end, 10);

	return *end || name[0] < '1' || name[0] > '9' ? 0 : number;
}

struct removal {
	const struct pins *pins;
	uint64_t keep;
	bool waited;
	int error;
};

static int is_array(const char *name, void *context)
{
	const char *suffix = strrchr(name, '-');

	return suffix && strcmp(suffix, "-vlans") == 0;
}

static int remove_one(const char *name, void *context)
{
	struct removal *removal = context;
	char folder[NAME_MAX + 16];
	int r;

	if (removal->keep && generation_number(name) == removal->keep)
		return 0;
	snprintf(folder, sizeof(folder), "generations/%s", name);
	if (!removal->waited && pins_each(removal->pins, folder, is_array, NULL)) {
		/* An array of programs is emptied with its last pin: a packet that has jumped to the
		 * dispatcher of the old generation, but not yet from there, would find nothing. */
		kernel_wait_for_packets();
		removal->waited = true;
	}
	r = pins_remove(removal->pins, "generations/%s", name);
	if (r < 0)
		removal->error = r;
	return 0;
}

int generation_remove_others(const struct pins *pins, uint64_t keep)
{
	struct removal removal = { .pins = pins, .keep = keep };
	int r = pins_each(pins, "generations", remove_one, &removal);

	return r < 0 ? r : removal.error;
}

struct intent {
	uint64_t from, to;
};

int intent_write(const struct pins *pins, uint64_t from, uint64_t to, struct diags *diags)
{
	const struct intent intent = { .from = from, .to = to };
	_cleanup_close_ int fd = -1;
	int r;

	kernel_forget();
	r = fd = kernel_table_create("xdpgate_intent", &intent, sizeof(intent));
	if (r >= 0)
		r = intent_clear(pins); /* of a swap that ended, but could not remove it */
	if (r >= 0)
		r = pins_put(pins, fd, "intent");
	return r < 0 ? kernel_error(diags, r, "cannot pin %s/intent", pins->path) : 0;
}

int intent_read(const struct pins *pins, uint64_t *ret_to)
{
	_cleanup_close_ int fd = pins_get(pins, "intent");
	_cleanup_free_ void *value = NULL;
	size_t size;
	int r;

	if (fd < 0)
		return fd;
	r = kernel_table_read(fd, &value, &size);
	if (r < 0)
		return r;
	if (size != sizeof(struct intent))
		return -EINVAL;
	*ret_to = ((const struct intent *)value)->to;
	return 0;
}

int intent_clear(const struct pins *pins)
{
	return pins_remove(pins, "intent");
}

/* --- finding ----------------------------------------------------------------------------- */

static int read_manifest(const struct pins *pins, uint64_t number, struct manifest **ret)
{
	_cleanup_close_ int fd =
		pins_get(pins, "generations/%llu/manifest", (unsigned long long)number);
	_cleanup_free_ void *value = NULL;
	size_t size;
	int r;

	if (fd < 0)
		return fd;
	r = kernel_table_read(fd, &value, &size);
	if (r >= 0)
		r = manifest_decode(value, size, ret);
	if (r >= 0 && (*ret)->generation != number) {
		*ret = manifest_free(*ret);
		r = -EINVAL;
	}
	return r;
}

struct search {
	const struct pins *pins;
	struct port *const *ports;
	size_t n_ports;
	struct manifest *found;
	bool found_in_slot; /* one of its programs judges packets */
	uint64_t highest;
	struct diags *diags;
};

static bool in_a_slot(const struct search *search, uint64_t number)
{
	for (size_t i = 0; i < search->n_ports; i++) {
		_cleanup_close_ int fd =
			generation_pinned_program(search->pins, number, search->ports[i]);

		uint32_t id = fd >= 0 ? kernel_prog_id(fd) : 0;

		if (id && id == port_slot_get(search->ports[i]))
			return true;
	}
	return false;
}

static int consider(const char *name, void *context)
{
	struct search *search = context;
	struct manifest *manifest = NULL;
	uint64_t number = generation_number(name);
	bool live;
	int r;

	if (!number)
		return 0;
	if (number > search->highest)
		search->highest = number;
	r = read_manifest(search->pins, number, &manifest);
	if (r == -ENOENT)
		return 0;                                 /* never completed */
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE) /* nothing is wrong with the pin */
		return kernel_error(search->diags, r, "cannot read %s/generations/%s/manifest",
				    search->pins->path, name);
	if (r < 0) {
		diag_warning(search->diags, NULL,
			     "%s/generations/%s is %s; it is not adopted, and goes with the next "
			     "policy that is loaded",
			     search->pins->path, name,
			     r == -ESTALE ? "of another version of xdpgate"
					  : "not a generation of xdpgate, or damaged");
		return 0;
	}
	live = in_a_slot(search, number);
	if (!search->found || (live && !search->found_in_slot) ||
	    (live == search->found_in_slot && number < search->found->generation)) {
		manifest_free(search->found);
		search->found = manifest;
		search->found_in_slot = live;
	} else {
		manifest_free(manifest);
	}
	return 0;
}

int generation_find(const struct pins *pins, struct port *const *ports, size_t n_ports,
		    struct generation **ret, uint64_t *ret_highest, struct diags *diags)
{
	struct search search = { .pins = pins, .ports = ports, .n_ports = n_ports, .diags = diags };
	struct generation *generation;
	int r;

	r = pins_each(pins, "generations", consider, &search);
	if (r < 0)
		return r;
	*ret_highest = search.highest;
	*ret = NULL;
	if (!search.found)
		return 0;
	generation = generation_new();
	if (!generation) {
		manifest_free(search.found);
		return -ENOMEM;
	}
	generation->manifest = search.found;
	*ret = generation;
	return 0;
}
