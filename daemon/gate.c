/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate.c: policy file -> policy -> tables -> datapath, and what clients may know of it. All
 * that is in force is told from the live generation's manifest, so an adopted generation
 * answers like one that was built here.
 */
#include "gate.h"

#include <malloc.h>
#include <string.h>
#include <time.h>

#include "compile.h"
#include "config.h"
#include "datapath.h"
#include "kernel.h"
#include "local.h"
#include "log.h"
#include "policy_tests.h"
#include "util.h"

struct gate {
	char *config_path;
	struct datapath *datapath;
	struct list_cache *lists;           /* of the policy in force */
	struct gate_list_copy *list_copies; /* of the policy in force */
	size_t n_list_copies;
	bool loaded;                 /* the policy in force was loaded here: it can be made again */
	struct local_addresses self; /* that it was made of */
	uint64_t self_changed_usec, n_self_changes;
	char *self_error;
	bool detached;
	uint64_t next_expiry; /* of the policy that was loaded last; 0: none */
	uint64_t started_usec;
	uint64_t n_reloads, n_failed_reloads;
	bool last_reload_failed;
	char *last_reload_error;
};

static uint64_t realtime_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

static void tables_freep(struct tables **tables)
{
	tables_free(*tables);
}

static void gate_freep(struct gate **gate)
{
	gate_free(*gate);
}

/* --- copies of list files ---------------------------------------------------------------- */

static void free_list_copies(struct gate_list_copy *copies, size_t n)
{
	for (size_t i = 0; copies && i < n; i++)
		free(copies[i].path);
	free(copies);
}

static int set_state_dir(struct gate *gate, const char *state_dir)
{
	_cleanup_free_ char *folder = NULL;

	if (!state_dir)
		return 0;
	if (asprintf(&folder, "%s/lists", state_dir) < 0)
		return -ENOMEM;
	return list_cache_set_copies(gate->lists, folder);
}

/* The policy is in force: keep copies of the lists that it asks for, and remember those that it was
 * made from. Out of memory, the status tells of fewer. */
static void keep_lists(struct gate *gate, const struct policy *policy, struct diags *diags)
{
	list_cache_keep(gate->lists, policy, diags);
	free_list_copies(TAKE_PTR(gate->list_copies), gate->n_list_copies);
	gate->n_list_copies = 0;
	gate->list_copies = calloc(policy->n_files + 1, sizeof(*gate->list_copies));
	for (size_t i = 0; gate->list_copies && i < policy->n_files; i++) {
		struct gate_list_copy *copy = &gate->list_copies[gate->n_list_copies];

		if (!policy->files[i].copy_usec)
			continue;
		copy->kept_usec = policy->files[i].copy_usec;
		copy->path = strdup(policy->files[i].path);
		gate->n_list_copies += copy->path != NULL;
	}
}

/* --- life -------------------------------------------------------------------------------- */

static void log_library(const char *line)
{
	log_debug("%s", line);
}

int gate_new(const struct gate_options *options, struct gate **ret, struct diags *diags)
{
	_cleanup_(gate_freep) struct gate *gate = calloc(1, sizeof(*gate));
	const struct manifest *manifest;
	int r;

	if (!gate)
		return -ENOMEM;
	kernel_listen(log_library);
	gate->started_usec = realtime_usec();
	gate->config_path = strdup(options->config_path);
	gate->lists = list_cache_new();
	if (!gate->config_path || !gate->lists || set_state_dir(gate, options->state_dir) < 0)
		return -ENOMEM;
	r = datapath_open(options->pin_dir, true, &gate->datapath, diags);
	if (r < 0)
		return r;
	manifest = datapath_manifest(gate->datapath);
	if (manifest) {
		log_set_generation(manifest->generation);
		log_notice("adopted generation %llu, which is %s",
			   (unsigned long long)manifest->generation,
			   datapath_is_armed(gate->datapath) ? "filtering" : "disarmed");
	}
	*ret = TAKE_PTR(gate);
	return 0;
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	datapath_close(gate->datapath);
	list_cache_free(gate->lists);
	free_list_copies(gate->list_copies, gate->n_list_copies);
	local_addresses_free(&gate->self);
	free(gate->self_error);
	free(gate->config_path);
	free(gate->last_reload_error);
	free(gate);
	return NULL;
}

/* --- policy ------------------------------------------------------------------------------ */

static void log_lists(const struct list_cache *lists)
{
	struct list_cache_stats stats;

	list_cache_get_stats(lists, &stats);
	log_debug("list files: %zu unchanged, %zu changed in nothing but time or inode, %zu read; "
		  "%zu bytes kept of %zu",
		  stats.n_unchanged, stats.n_hashed, stats.n_read, stats.bytes, stats.n_entries);
}

/* Read and compile; lists that have not changed come from the cache, if one is given. The policy's
 * memory is given back as soon as its tables are loaded. */
static int load(const char *path, const struct load_options *options, struct policy **ret_policy,
		struct tables **ret_tables, struct diags *diags)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r;

	r = policy_load_with(path, options, &policy, diags);
	if (options->cache)
		log_lists(options->cache);
	if (r >= 0)
		r = tables_compile(policy, ret_tables, diags);
	if (r < 0)
		return r;
	*ret_policy = TAKE_PTR(policy);
	return 0;
}

/* Never a silent failure: out of memory and the like have no diagnostic of their own. */
static int explain(int r, struct diags *diags)
{
	if (r < 0 && !diags->n_errors)
		diag_error(diags, NULL, "cannot load the policy: %s", strerror(-r));
	return r;
}

static int read_self(struct local_addresses *ret, struct diags *diags)
{
	int r = local_addresses_read(ret);

	if (r < 0)
		diag_error(diags, NULL, "cannot read the addresses of this machine: %s",
			   strerror(-r));
	return r;
}

/* What the policy in force was made of. */
static void take_self(struct gate *gate, struct local_addresses *self)
{
	local_addresses_free(&gate->self);
	gate->self = *self;
	*self = (struct local_addresses){};
	free(TAKE_PTR(gate->self_error));
}

/* again: not the policy that the files hold now, but the one in force. */
static int load_and_install(struct gate *gate, struct local_addresses *self, bool again,
			    unsigned int how, struct diags *diags)
{
	const struct load_options options = { .cache = gate->lists, .self = self, .again = again };
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(tables_freep) struct tables *tables = NULL;
	int r;

	r = load(gate->config_path, &options, &policy, &tables, diags);
	if (r >= 0)
		r = datapath_install(gate->datapath, policy, tables, how, diags);
	list_cache_end(gate->lists, r >= 0);
	if (r >= 0) {
		gate->loaded = true;
		gate->next_expiry = (uint64_t)policy->next_expiry;
		take_self(gate, self);
		log_set_generation(datapath_manifest(gate->datapath)->generation);
		if (!again)
			keep_lists(gate, policy, diags);
	}
	return explain(r, diags);
}

static int install(struct gate *gate, unsigned int how, struct diags *diags)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	int r;

	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	r = read_self(&self, diags);
	if (r >= 0)
		r = load_and_install(gate, &self, false, how, diags);
	/* A large policy's memory goes back to the system, not into our pockets. */
	malloc_trim(0);
	return r;
}

static char *print_diags(const struct diags *diags)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	diags_print(diags, stream, false);
	return fclose(stream) == 0 ? text : NULL;
}

static void note_outcome(struct gate *gate, int r, const struct diags *diags)
{
	free(TAKE_PTR(gate->last_reload_error));
	gate->last_reload_failed = r < 0;
	if (r >= 0)
		return;
	gate->last_reload_error = print_diags(diags);
}

int gate_start(struct gate *gate, struct diags *diags)
{
	/* One interface that refuses is no reason to leave the others open, nor to attach and
	 * detach them with each try to start: it is tried again by itself. */
	int r = install(gate, 0, diags);

	note_outcome(gate, r, diags);
	if (r < 0 && datapath_is_armed(gate->datapath)) {
		log_error("the policy cannot be loaded; the adopted generation %llu goes on",
			  (unsigned long long)datapath_manifest(gate->datapath)->generation);
		if (datapath_manifest(gate->datapath)->uses_self)
			log_warning("$self in it stays as it was built, whatever becomes of the "
				    "addresses of this machine, until a reload succeeds");
		return 0;
	}
	return r;
}

int gate_reload(struct gate *gate, struct diags *diags)
{
	int r = install(gate, INSTALL_STRICT, diags);

	gate->n_reloads++;
	gate->n_failed_reloads += r < 0;
	note_outcome(gate, r, diags);
	return r;
}

uint64_t gate_next_expiry(const struct gate *gate)
{
	return gate->next_expiry;
}

int gate_check(struct gate *gate, const char *path, struct diags *diags)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	const struct load_options options = { .self = &self };
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(tables_freep) struct tables *tables = NULL;
	int r;

	r = read_self(&self, diags);
	if (r >= 0)
		r = load(path ? path : gate->config_path, &options, &policy, &tables, diags);
	if (r >= 0)
		r = policy_tests_run(policy, diags);
	return explain(r, diags);
}

/* --- addresses --------------------------------------------------------------------------- */

static int rebuild(struct gate *gate, struct local_addresses *self, struct diags *diags)
{
	size_t n = self->n_v4 + self->n_v6, before = gate->self.n_v4 + gate->self.n_v6;
	int r;

	if (!gate->loaded)
		return diag_error(diags, NULL,
				  "the policy in force was adopted, and its file cannot be loaded: "
				  "mend the file and reload");
	r = load_and_install(gate, self, true, INSTALL_KNOWN, diags);
	if (r < 0)
		return r;
	gate->n_self_changes++;
	gate->self_changed_usec = realtime_usec();
	log_notice("$self has %zu addresses now, %zu before: generation %llu is in force", n,
		   before, (unsigned long long)datapath_manifest(gate->datapath)->generation);
	return 0;
}

int gate_addresses_changed(struct gate *gate, struct diags *diags)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	const struct manifest *manifest = datapath_manifest(gate->datapath);
	int r;

	if (gate->detached || !manifest || !manifest->uses_self)
		return 0;
	r = read_self(&self, diags);
	if (r >= 0 && local_addresses_equal(&self, &gate->self)) {
		/* Back to what they were when that could not be put in force. */
		r = gate->self_error != NULL;
		free(TAKE_PTR(gate->self_error));
		return r;
	}
	if (r >= 0)
		r = rebuild(gate, &self, diags);
	if (r >= 0)
		return 1;
	free(TAKE_PTR(gate->self_error));
	gate->self_error = print_diags(diags);
	return r;
}

/* --- interfaces -------------------------------------------------------------------------- */

bool gate_is_ready(const struct gate *gate)
{
	const struct manifest *manifest = gate->datapath ? datapath_manifest(gate->datapath) : NULL;

	if (!manifest)
		return false;
	for (uint32_t i = 0; i < manifest->n_interfaces; i++) {
		struct datapath_interface state;

		datapath_interface(gate->datapath, i, &state);
		if (manifest->interfaces[i].required && !state.filtering && !state.off)
			return false;
	}
	return true;
}

int gate_links_changed(struct gate *gate, struct diags *diags)
{
	return gate->detached ? 0 : datapath_links_changed(gate->datapath, diags);
}

int gate_disarm(struct gate *gate, struct diags *diags)
{
	return gate->detached ? 0 : datapath_disarm(gate->datapath, diags);
}

int gate_set_off(struct gate *gate, const char *interface, bool off, struct diags *diags)
{
	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	return datapath_set_off(gate->datapath, interface, off, diags);
}

int gate_detach(struct gate *gate, struct diags *diags)
{
	int r = gate->detached ? 0 : datapath_detach(gate->datapath, diags);

	if (r >= 0) {
		gate->detached = true;
		log_set_generation(0);
	}
	return r;
}

bool gate_is_detached(const struct gate *gate)
{
	return gate->detached;
}

/* --- what clients may know --------------------------------------------------------------- */

const char *interface_state_name(enum interface_state state)
{
	static const char *const names[] = {
		[INTERFACE_ABSENT] = "absent",
		[INTERFACE_FILTERING] = "filtering",
		[INTERFACE_OFF] = "off",
		[INTERFACE_FAILED] = "failed",
	};

	return (unsigned int)state < ARRAY_SIZE(names) ? names[state] : NULL;
}

static enum interface_state state_of(const struct datapath_interface *state)
{
	if (state->absent)
		return INTERFACE_ABSENT;
	if (state->off)
		return INTERFACE_OFF;
	return state->filtering ? INTERFACE_FILTERING : INTERFACE_FAILED;
}

static int fill_interface(const struct gate *gate, const struct manifest *manifest, uint32_t index,
			  struct gate_interface_status *ret)
{
	const struct manifest_interface *interface = &manifest->interfaces[index];
	struct datapath_interface state;
	const char *error;

	datapath_interface(gate->datapath, index, &state);
	memcpy(ret->name, interface->name, NAME_LEN);
	memcpy(ret->port, interface->port, PORT_LEN);
	ret->vlan = interface->vlan;
	memcpy(ret->policy, manifest->rulesets[interface->ruleset].name, NAME_LEN);
	ret->mode = interface->mode;
	ret->required = interface->required;
	ret->state = state_of(&state);
	if (state.port) {
		ret->mode = state.port->mode;
		ret->ifindex = state.port->ifindex;
		if (!if_indextoname(ret->ifindex, ret->device))
			ret->device[0] = '\0';
		ret->dispatcher = state.port->dispatcher;
		ret->frags = port_takes_frags(state.port);
	}
	ret->program_id = state.program_id;
	ret->jited_bytes = state.jited_bytes;
	if (ret->state != INTERFACE_FAILED && !state.error)
		return 0;
	error = state.error  ? state.error
		: state.port ? "attached, but the generation in force has no program in its slot"
			     : "not attached";
	ret->error = strdup(error);
	return ret->error ? 0 : -ENOMEM;
}

static void format_hash(const uint8_t *hash, char *ret)
{
	for (int i = 0; i < 32; i++)
		sprintf(ret + 2 * i, "%02x", hash[i]);
}

static int fill_status(const struct gate *gate, const struct manifest *manifest,
		       struct gate_status *ret)
{
	int r = 0;

	ret->generation = manifest->generation;
	format_hash(manifest->hash, ret->policy_hash);
	ret->loaded_usec = manifest->loaded_usec;
	ret->n_sets = manifest->n_sets;
	ret->n_prefixes = manifest->n_prefixes;
	ret->uses_self = manifest->uses_self;
	ret->n_self = manifest->n_self;
	for (uint32_t i = 0; i < manifest->n_rulesets; i++)
		ret->n_rules += manifest->rulesets[i].n_rules;
	ret->interfaces = calloc(manifest->n_interfaces + 1, sizeof(*ret->interfaces));
	if (!ret->interfaces)
		return -ENOMEM;
	ret->n_interfaces = manifest->n_interfaces;
	for (uint32_t i = 0; r >= 0 && i < manifest->n_interfaces; i++)
		r = fill_interface(gate, manifest, i, &ret->interfaces[i]);
	return r;
}

static int fill_list_copies(const struct gate *gate, struct gate_status *ret)
{
	ret->list_copies = calloc(gate->n_list_copies + 1, sizeof(*ret->list_copies));
	if (!ret->list_copies)
		return -ENOMEM;
	for (size_t i = 0; i < gate->n_list_copies; i++) {
		ret->list_copies[i].kept_usec = gate->list_copies[i].kept_usec;
		ret->list_copies[i].path = strdup(gate->list_copies[i].path);
		if (!ret->list_copies[i].path)
			return -ENOMEM;
		ret->n_list_copies++;
	}
	return 0;
}

static const struct manifest *in_force(const struct gate *gate)
{
	return gate->detached ? NULL : datapath_manifest(gate->datapath);
}

int gate_get_status(struct gate *gate, struct gate_status *ret)
{
	_cleanup_(gate_status_free) struct gate_status status = {
		.ready = !gate->detached && gate_is_ready(gate),
		.started_usec = gate->started_usec,
		.n_reloads = gate->n_reloads,
		.n_failed_reloads = gate->n_failed_reloads,
		.last_reload_failed = gate->last_reload_failed,
		.self_changed_usec = gate->self_changed_usec,
		.n_self_changes = gate->n_self_changes,
	};
	const struct manifest *manifest = in_force(gate);
	int r = 0;

	status.config_path = strdup(gate->config_path);
	if (!status.config_path)
		return -ENOMEM;
	if (gate->last_reload_error) {
		status.last_reload_error = strdup(gate->last_reload_error);
		if (!status.last_reload_error)
			return -ENOMEM;
	}
	if (gate->self_error) {
		status.self_error = strdup(gate->self_error);
		if (!status.self_error)
			return -ENOMEM;
	}
	if (manifest)
		r = fill_status(gate, manifest, &status);
	if (manifest && r >= 0)
		r = fill_list_copies(gate, &status);
	if (r < 0)
		return r;
	*ret = status;
	status = (struct gate_status){};
	return 0;
}

void gate_status_free(struct gate_status *status)
{
	if (!status)
		return;
	for (size_t i = 0; i < status->n_interfaces; i++)
		free(status->interfaces[i].error);
	free(status->interfaces);
	free_list_copies(status->list_copies, status->n_list_copies);
	free(status->config_path);
	free(status->last_reload_error);
	free(status->self_error);
	*status = (struct gate_status){};
}

static int read_interface(struct gate *gate, const struct manifest_interface *interface,
			  struct stats_interface *ret)
{
	int r = 0;

	memcpy(ret->name, interface->name, NAME_LEN);
	for (uint32_t i = 0; r >= 0 && i < N_VERDICTS; i++)
		r = datapath_read_counter(gate->datapath, interface->block + i, &ret->verdicts[i]);
	for (uint32_t i = 0; r >= 0 && i < N_REASONS; i++)
		r = datapath_read_counter(gate->datapath,
					  interface->block + INTERFACE_BLOCK_REASONS + i,
					  &ret->reasons[i]);
	return r;
}

static int read_rules(struct gate *gate, const struct manifest *manifest,
		      const struct manifest_interface *interface, struct stats_rule *rows)
{
	const struct manifest_ruleset *ruleset = &manifest->rulesets[interface->ruleset];
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < ruleset->n_rules; i++) {
		memcpy(rows[i].policy, ruleset->name, NAME_LEN);
		memcpy(rows[i].name, ruleset->rules[i].name, NAME_LEN);
		memcpy(rows[i].interface, interface->name, NAME_LEN);
		r = datapath_read_counter(gate->datapath, interface->slots[i], &rows[i].counter);
	}
	return r;
}

/* Is there an interface of the same port, before this one or without a VLAN? */
static bool is_told_elsewhere(const struct manifest *manifest, uint32_t index)
{
	for (uint32_t i = 0; i < manifest->n_interfaces; i++)
		if (strcmp(manifest->interfaces[i].port, manifest->interfaces[index].port) == 0 &&
		    (i < index || !manifest->interfaces[i].vlan))
			return true;
	return false;
}

/* What arrives on a port of which all interfaces have VLANs, and on none of these. */
static int read_unjudged(struct gate *gate, const struct manifest *manifest, struct stats *stats)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < manifest->n_interfaces; i++) {
		const struct manifest_interface *interface = &manifest->interfaces[i];
		struct stats_port *row = &stats->unjudged[stats->n_unjudged];

		if (!interface->vlan || is_told_elsewhere(manifest, i))
			continue;
		memcpy(row->port, interface->port, PORT_LEN);
		r = datapath_read_counter(gate->datapath, interface->unjudged, &row->counter);
		stats->n_unjudged++;
	}
	return r;
}

int gate_get_stats(struct gate *gate, struct stats *ret)
{
	_cleanup_(stats_free) struct stats stats = {};
	const struct manifest *manifest = in_force(gate);
	size_t n_rows = 0;
	int r = 0;

	for (uint32_t i = 0; manifest && i < manifest->n_interfaces; i++)
		n_rows += manifest->rulesets[manifest->interfaces[i].ruleset].n_rules;
	stats.interfaces =
		calloc((manifest ? manifest->n_interfaces : 0) + 1, sizeof(*stats.interfaces));
	stats.rules = calloc(n_rows + 1, sizeof(*stats.rules));
	stats.unjudged =
		calloc((manifest ? manifest->n_interfaces : 0) + 1, sizeof(*stats.unjudged));
	if (!stats.interfaces || !stats.rules || !stats.unjudged)
		return -ENOMEM;
	datapath_snapshot_counters(gate->datapath);
	if (manifest) {
		stats.generation = manifest->generation;
		stats.n_interfaces = manifest->n_interfaces;
	}
	for (uint32_t i = 0; r >= 0 && i < stats.n_interfaces; i++) {
		const struct manifest_interface *interface = &manifest->interfaces[i];

		r = read_interface(gate, interface, &stats.interfaces[i]);
		if (r >= 0)
			r = read_rules(gate, manifest, interface, stats.rules + stats.n_rules);
		stats.n_rules += manifest->rulesets[interface->ruleset].n_rules;
	}
	if (r >= 0 && manifest)
		r = read_unjudged(gate, manifest, &stats);
	if (r < 0)
		return r;
	*ret = stats;
	stats = (struct stats){};
	return 0;
}

static int copy_rule(const struct manifest_ruleset *ruleset, const struct manifest_rule *rule,
		     struct gate_rule *ret)
{
	memcpy(ret->policy, ruleset->name, NAME_LEN);
	memcpy(ret->name, rule->name, NAME_LEN);
	ret->match = strdup(rule->match);
	ret->action = strdup(rule->action);
	return ret->match && ret->action ? 0 : -ENOMEM;
}

int gate_get_rules(struct gate *gate, struct gate_rules *ret)
{
	_cleanup_(gate_rules_free) struct gate_rules rules = {};
	const struct manifest *manifest = in_force(gate);
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
	}
	free(rules->items);
	*rules = (struct gate_rules){};
}
