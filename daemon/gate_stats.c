/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gate_stats.c: the counters of the generation in force, by the names that its manifest has for
 * them.
 */
#include "gate_internal.h"

#include <string.h>

#include "util.h"

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
	const struct manifest *manifest = gate_manifest(gate);
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
