/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_status.c: what is in force, for those who ask. It is told from the live generation's
 * manifest, so an adopted generation answers like one that was built here.
 */
#include "gate_internal.h"

#include <stdio.h>
#include <string.h>

#include "util.h"

void gate_format_hash(const uint8_t *hash, char *ret)
{
	for (int i = 0; i < 32; i++)
		sprintf(ret + 2 * i, "%02x", hash[i]);
}

static int fill_status(const struct gate *gate, const struct manifest *manifest,
		       struct gate_status *ret)
{
	int r = 0;

	ret->generation = manifest->generation;
	gate_format_hash(manifest->hash, ret->policy_hash);
	ret->loaded_usec = manifest->loaded_usec;
	ret->history = gate->history_in_force;
	ret->deadline_usec = gate_deadline_realtime(gate);
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
		r = gate_interface_status(gate, manifest, i, &ret->interfaces[i]);
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

/* NULL stays NULL. 0 or -ENOMEM. */
static int copy_text(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
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
	const struct manifest *manifest = gate_manifest(gate);
	int r = 0;

	r = copy_text(gate->config_path, &status.config_path);
	if (r >= 0)
		r = copy_text(gate->last_reload_error, &status.last_reload_error);
	if (r >= 0)
		r = copy_text(gate->self_error, &status.self_error);
	if (r >= 0)
		r = copy_text(gate->set_aside, &status.set_aside);
	if (manifest && r >= 0)
		r = fill_status(gate, manifest, &status);
	if (manifest && r >= 0)
		r = fill_list_copies(gate, &status);
	if (manifest && r >= 0)
		r = gate_feeds_tell(gate, &status);
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
	gate_list_copies_free(status->list_copies, status->n_list_copies);
	gate_feeds_free(status->feeds, status->n_feeds);
	free(status->config_path);
	free(status->last_reload_error);
	free(status->self_error);
	free(status->set_aside);
	*status = (struct gate_status){};
}
