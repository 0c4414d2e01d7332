/* SPDX-License-Identifier: GPL-2.0-only */
#include "describe.h"

#include <string.h>

#include "classes.h"
#include "util.h"

static void print_size(FILE *stream, const char *what, uint64_t bytes)
{
	if (bytes)
		fprintf(stream, ", %s %.1f KiB", what, (double)bytes / 1024);
}

static void print_tables(const struct tables *tables, FILE *stream)
{
	fprintf(stream, "tables: %u rows of %u word%s", tables->n_rows, tables->row_words,
		tables->row_words == 1 ? "" : "s");
	print_size(stream, "rows", tables->n_row_words * sizeof(*tables->rows));
	print_size(stream, "IPv4", tables->n_lpm4 * sizeof(*tables->lpm4));
	print_size(stream, "IPv6", tables->n_lpm6 * sizeof(*tables->lpm6));
	print_size(stream, "scalar fields", tables->n_scalars * sizeof(*tables->scalars));
	print_size(stream, "MAC addresses", tables->n_macs * sizeof(*tables->macs));
	fputc('\n', stream);
}

/* The fields that came together in each place, as bits. */
static void trace_folds(const struct ruleset_config *config, uint32_t fields[N_SCALAR_FIELDS])
{
	for (uint32_t i = 0; i < N_SCALAR_FIELDS; i++)
		fields[i] = config->uses_scalars & 1U << i;
	for (uint32_t i = 0; i < N_FOLDS; i++) {
		if (config->folds & 1U << i)
			fields[fold_lefts[i]] |= fields[fold_rights[i]];
		else if (config->moves & 1U << i)
			fields[fold_lefts[i]] = fields[fold_rights[i]];
		else
			continue;
		fields[fold_rights[i]] = 0;
	}
}

static void print_vector(uint32_t fields, FILE *stream)
{
	const char *between = "";

	for (uint32_t i = 0; i < N_SCALAR_FIELDS; i++)
		if (fields & 1U << i) {
			fprintf(stream, "%s%s", between, scalar_field_name(i));
			between = " * ";
		}
}

static void print_interface(const struct ruleset_config *config, FILE *stream)
{
	static const char *const addresses[N_ADDRESS_FIELDS] = { "src", "dst" };
	static const char *const macs[N_MAC_FIELDS] = { "src-mac", "dst-mac" };
	uint32_t fields[N_SCALAR_FIELDS], n = 0;

	trace_folds(config, fields);
	for (uint32_t i = 0; i < N_ADDRESS_FIELDS; i++) {
		bool v4 = config->uses_address & USES_PREFIXES(i, FAMILY_V4);

		if (config->uses_address & USES_ADDRESS(i))
			fprintf(stream, "%s%s%s", n++ ? ", " : "", addresses[i],
				!v4                      ? ""
				: config->lpm4_stride[i] ? " (IPv4: tree)"
							 : " (IPv4: compact)");
	}
	for (uint32_t i = 0; i < N_MAC_FIELDS; i++)
		if (config->uses_macs & 1U << i)
			fprintf(stream, "%s%s", n++ ? ", " : "", macs[i]);
	for (uint32_t i = 0; i < N_SCALAR_FIELDS; i++)
		if (config->vectors & 1U << i && fields[i]) {
			fputs(n++ ? ", " : "", stream);
			print_vector(fields[i], stream);
		}
	if (config->uses_interface)
		fprintf(stream, "%sinterface", n++ ? ", " : "");
	fputs(n ? "\n" : "nothing\n", stream);
}

void tables_describe(const struct policy *policy, const struct tables *tables, FILE *stream)
{
	print_tables(tables, stream);
	for (size_t i = 0; i < tables->n_configs && i < policy->n_interfaces; i++) {
		const struct ruleset *ruleset = &policy->rulesets[policy->interfaces[i].ruleset];

		fprintf(stream, "%s: %zu rule%s; a packet is looked up by ",
			policy->interfaces[i].name, ruleset->n_rules,
			ruleset->n_rules == 1 ? "" : "s");
		print_interface(&tables->configs[i], stream);
	}
}
