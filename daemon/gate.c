/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate.c: policy file -> policy -> tables -> datapath: the gate's life, and what is done when the
 * policy, or an address that it depends on, has changed.
 */
#include "gate_internal.h"

#include <malloc.h>
#include <string.h>

#include "clock.h"
#include "compile.h"
#include "config.h"
#include "datapath.h"
#include "kernel.h"
#include "local.h"
#include "log.h"
#include "policy_tests.h"
#include "util.h"

static void gate_freep(struct gate **gate)
{
	gate_free(*gate);
}

/* --- copies of list files ---------------------------------------------------------------- */

void gate_list_copies_free(struct gate_list_copy *copies, size_t n)
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
static void keep_lists(struct gate *gate, const struct policy *policy, const struct gate_load *how,
		       struct diags *diags)
{
	/* Those of the policy file stay while something else is tried, or out of the history. */
	if (!how->entry && !datapath_deadline(gate->datapath))
		list_cache_keep(gate->lists, policy, diags);
	gate_list_copies_free(TAKE_PTR(gate->list_copies), gate->n_list_copies);
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

void gate_await_sets(struct gate *gate)
{
	const struct manifest *before = datapath_before(gate->datapath);

	live_sets_await(gate->live, before ? before->live_sets : NULL,
			before ? before->n_live_sets : 0);
}

/* The sets of the adopted generation can be filled, even if its file cannot be loaded any more. What
 * fails is said again when the file is. */
void gate_adopt_sets(struct gate *gate)
{
	const struct manifest *manifest = datapath_manifest(gate->datapath);
	_cleanup_(diags_free) struct diags diags = {};

	gate_await_sets(gate);
	if (!manifest)
		return;
	if (live_sets_prepare(gate->live, manifest->live_sets, manifest->n_live_sets, &diags) >= 0)
		live_sets_take(gate->live, manifest->live_sets, manifest->n_live_sets, &diags);
}

/* Without a history the gate filters all the same. */
static void open_history(struct gate *gate, const char *state_dir, struct diags *diags)
{
	_cleanup_(diags_free) struct diags found = {};
	int r = state_dir ? history_open(state_dir, &gate->history, &found) : 0;

	diags_repeat(diags, &found, true);
	if (r < 0)
		diag_warning(diags, NULL,
			     "no history of policies is kept, so that there is "
			     "nothing to roll back to");
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
	gate->source = strdup(options->config_path);
	if (!gate->config_path || !gate->source || !gate->lists ||
	    set_state_dir(gate, options->state_dir) < 0)
		return -ENOMEM;
	open_history(gate, options->state_dir, diags);
	r = datapath_open(options->pin_dir, true, &gate->datapath, diags);
	if (r >= 0)
		r = live_sets_new(datapath_live_maps(gate->datapath), options->state_dir,
				  &gate->live, diags);
	if (r < 0)
		return r;
	manifest = datapath_manifest(gate->datapath);
	if (manifest) {
		log_set_generation(manifest->generation);
		log_notice("adopted generation %llu, which is %s",
			   (unsigned long long)manifest->generation,
			   datapath_is_armed(gate->datapath) ? "filtering" : "disarmed");
		gate_adopt_sets(gate);
	}
	*ret = TAKE_PTR(gate);
	return 0;
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	guard_live_free(gate->guard);
	live_sets_free(gate->live);
	datapath_close(gate->datapath);
	list_cache_free(gate->lists);
	gate_list_copies_free(gate->list_copies, gate->n_list_copies);
	gate_feeds_done(gate);
	local_addresses_free(&gate->self);
	history_close(gate->history);
	free(gate->self_error);
	free(gate->set_aside);
	free(gate->set_aside_before);
	free(gate->source);
	free(gate->config_path);
	free(gate->last_reload_error);
	free(gate);
	return NULL;
}

const struct manifest *gate_manifest(const struct gate *gate)
{
	return gate->detached ? NULL : datapath_manifest(gate->datapath);
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

int gate_read_self(struct local_addresses *ret, struct diags *diags)
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

/* The policy file that is to be read. The caller frees it. 0, or negative errno. */
static int find_source(const struct gate *gate, const struct gate_load *how, char **ret,
		       struct diags *diags)
{
	char path[PATH_MAX];
	int r = 0;

	if (how->entry && !how->again)
		r = history_path(gate->history, how->entry, path, diags);
	if (r < 0)
		return r;
	*ret = strdup(how->again ? gate->source : how->entry ? path : gate->config_path);
	return *ret ? 0 : -ENOMEM;
}

/* Just this is in force. */
static bool is_in_force(const struct gate *gate, const struct policy *policy,
			const struct local_addresses *self)
{
	const struct manifest *manifest = datapath_manifest(gate->datapath);

	return gate->loaded && manifest && datapath_is_armed(gate->datapath) &&
	       memcmp(manifest->hash, policy->hash, sizeof(policy->hash)) == 0 &&
	       (!policy->uses_self || local_addresses_equal(self, &gate->self));
}

/* A policy of the history is known by the hashes of the files that it was made of then. */
static void take_hashes(const struct gate *gate, const struct gate_load *how, struct policy *policy)
{
	uint64_t number = how->entry ? how->entry : gate->history_in_force;
	const struct history_entry *entry = NULL;

	if (how->entry || (how->again && strcmp(gate->source, gate->config_path) != 0))
		entry = gate_history_find(gate, number);
	if (!entry)
		return;
	memcpy(policy->hash, entry->hash, sizeof(policy->hash));
	memcpy(policy->text_hash, entry->text_hash, sizeof(policy->text_hash));
}

/* When it is undone, unless it is confirmed; 0: never. */
static uint64_t deadline_of(const struct gate *gate, const struct gate_load *how)
{
	if (how->again || (how->starting && !how->entry))
		return datapath_deadline(gate->datapath);
	if (!how->change || !how->change->confirm_sec)
		return how->starting ? datapath_deadline(gate->datapath) : 0;
	return (clock_monotonic_usec() + how->change->confirm_sec * UINT64_C(1000000)) * 1000;
}

static int put_in_force(struct gate *gate, const struct policy *policy, const struct tables *tables,
			const struct gate_load *how, uint64_t number, struct diags *diags)
{
	struct gate_guard guard;
	const struct install_options options = {
		.how = how->how,
		.deadline_ns = deadline_of(gate, how),
		.history = number,
		/* Where nothing but addresses differs, no connection is cut that has its own still. */
		.guard = how->how & INSTALL_KNOWN ? NULL : &guard.request,
	};
	int r = live_sets_prepare(gate->live, policy->live_sets, policy->n_live_sets, diags);

	if (r < 0)
		return r;
	gate_guard_begin(how, policy, &guard);
	r = datapath_install(gate->datapath, policy, tables, &options, diags);
	gate_guard_end(&guard, r);
	return r;
}

/* It is in force. */
static void take_over(struct gate *gate, const struct policy *policy, const struct gate_load *how,
		      char **source, struct local_addresses *self, struct diags *diags)
{
	gate_await_sets(gate);
	live_sets_take(gate->live, policy->live_sets, policy->n_live_sets, diags);
	gate->loaded = true;
	gate->next_expiry = (uint64_t)policy->next_expiry;
	gate->guard_level = policy->guard;
	free(gate->source);
	gate->source = TAKE_PTR(*source);
	take_self(gate, self);
	log_set_generation(datapath_manifest(gate->datapath)->generation);
	gate_feeds_loaded(gate, policy, how->again);
	if (!how->again || how->refreshed)
		keep_lists(gate, policy, how, diags);
}

int gate_load_and_install(struct gate *gate, struct local_addresses *self,
			  const struct gate_load *how, struct diags *diags)
{
	const struct load_options options = {
		.cache = gate->lists,
		.self = self,
		.again = how->again,
		.accept_shrink = how->accept_shrink,
	};
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(tables_freep) struct tables *tables = NULL;
	_cleanup_free_ char *source = NULL;
	bool nothing = false;
	uint64_t number = 0;
	int r;

	r = find_source(gate, how, &source, diags);
	if (r >= 0)
		r = load(source, &options, &policy, &tables, diags);
	if (r >= 0)
		take_hashes(gate, how, policy);
	if (r >= 0)
		r = gate_admits(gate, policy, how, diags);
	if (r >= 0) {
		nothing =
			how->change && how->change->only_changed && is_in_force(gate, policy, self);
		number = gate_history_number(gate, policy, how);
		if (!nothing)
			r = put_in_force(gate, policy, tables, how, number, diags);
	}
	list_cache_end(gate->lists, r >= 0 && !nothing);
	if (r >= 0 && !nothing) {
		take_over(gate, policy, how, &source, self, diags);
		gate_history_note(gate, policy, how, number, diags);
	}
	return r < 0 ? explain(r, diags) : !nothing;
}

int gate_install(struct gate *gate, const struct gate_load *how, struct diags *diags)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	int r;

	if (gate->detached)
		return diag_error(diags, NULL, "xdpgate is detached, and about to stop");
	r = gate_read_self(&self, diags);
	if (r >= 0)
		r = gate_load_and_install(gate, &self, how, diags);
	/* A large policy's memory goes back to the system, not into our pockets. */
	malloc_trim(0);
	return r;
}

char *gate_print_diags(const struct diags *diags)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	diags_print(diags, stream, false);
	return fclose(stream) == 0 ? text : NULL;
}

/* Without the warnings. Caller frees; NULL: out of memory. */
static char *print_errors(const struct diags *diags)
{
	_cleanup_free_ struct diag *items = calloc(diags->n + 1, sizeof(*items));
	struct diags errors = { .items = items };

	if (!items)
		return NULL;
	for (size_t i = 0; i < diags->n; i++)
		if (diags->items[i].severity == SEVERITY_ERROR)
			items[errors.n++] = diags->items[i];
	errors.n_errors = diags->n_errors;
	return gate_print_diags(&errors);
}

void gate_note_outcome(struct gate *gate, int r, const struct diags *diags)
{
	free(TAKE_PTR(gate->last_reload_error));
	gate->last_reload_failed = r < 0;
	if (r >= 0)
		return;
	gate->last_reload_error = print_errors(diags);
}

uint64_t gate_next_expiry(const struct gate *gate)
{
	return gate->next_expiry;
}

int gate_expired(struct gate *gate, struct diags *diags)
{
	int r;

	if (!gate->loaded) /* what was loaded last is not what is in force */
		return 0;
	r = gate_install(gate, &(struct gate_load){ .again = true }, diags);
	return r < 0 ? r : 0;
}

int gate_check(struct gate *gate, const char *path, struct diags *diags)
{
	_cleanup_(local_addresses_free) struct local_addresses self = {};
	const struct load_options options = { .self = &self };
	_cleanup_(policy_freep) struct policy *policy = NULL;
	_cleanup_(tables_freep) struct tables *tables = NULL;
	int r;

	r = gate_read_self(&self, diags);
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
	r = gate_load_and_install(
		gate, self, &(struct gate_load){ .again = true, .how = INSTALL_KNOWN }, diags);
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
	r = gate_read_self(&self, diags);
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
	gate->self_error = gate_print_diags(diags);
	return r;
}
