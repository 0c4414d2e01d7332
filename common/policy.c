/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy.c: the end of a policy's life, copies of rules, and the names of the tables in abi.h and
 * verdict.h.
 */
#include "policy.h"

#include <string.h>

#include "util.h"

void notes_done(struct notes *notes)
{
	free(notes->comment);
	for (size_t i = 0; i < notes->n_tags; i++)
		free(notes->tags[i]);
	free(notes->tags);
	*notes = (struct notes){ 0 };
}

/* Each array that a rule owns, with the number of its elements: X(array, n). */
#define RULE_ARRAYS(X, rule)                                                                       \
	for (size_t f = 0; f < N_ADDRESS_FIELDS; f++)                                              \
		X((rule)->address[f].sets, (rule)->address[f].n_sets);                             \
	for (size_t f = 0; f < N_ADDRESS_FIELDS; f++)                                              \
		X((rule)->address[f].live, (rule)->address[f].n_live);                             \
	for (size_t f = 0; f < N_SCALAR_FIELDS; f++)                                               \
		X((rule)->scalar[f].ranges, (rule)->scalar[f].n_ranges);                           \
	for (size_t f = 0; f < N_MAC_FIELDS; f++)                                                  \
		X((rule)->mac[f].macs, (rule)->mac[f].n_macs);                                     \
	X((rule)->interface.interfaces, (rule)->interface.n_interfaces);                           \
	X((rule)->actions, (rule)->n_actions);                                                     \
	X((rule)->match_text, (rule)->match_text ? strlen((rule)->match_text) + 1 : 0);            \
	X((rule)->action_text, (rule)->action_text ? strlen((rule)->action_text) + 1 : 0)

void rule_done(struct rule *rule)
{
#define FREE(array, n) free(array)
	RULE_ARRAYS(FREE, rule);
#undef FREE
	notes_done(&rule->notes);
}

static void *copy_of(const void *array, size_t bytes, bool *failed)
{
	void *copy = array ? malloc(bytes + 1) : NULL;

	if (copy)
		memcpy(copy, array, bytes);
	else if (array)
		*failed = true;
	return copy;
}

int notes_copy(const struct notes *from, struct notes *ret)
{
	struct notes copy = { 0 };
	bool failed = false;

	if (from->comment)
		copy.comment = copy_of(from->comment, strlen(from->comment) + 1, &failed);
	if (from->n_tags)
		copy.tags = calloc(from->n_tags, sizeof(*copy.tags));
	if (from->n_tags && !copy.tags)
		failed = true;
	for (size_t i = 0; copy.tags && i < from->n_tags; i++)
		copy.tags[copy.n_tags++] =
			copy_of(from->tags[i], strlen(from->tags[i]) + 1, &failed);
	if (failed) {
		notes_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

int rule_copy(const struct rule *rule, const char *name, struct rule *ret)
{
	struct rule copy = *rule;
	bool failed = false;

#define COPY(array, n) (array) = copy_of((array), (n) * sizeof(*(array)), &failed)
	RULE_ARRAYS(COPY, &copy);
#undef COPY
	copy.notes = (struct notes){ 0 };
	failed |= notes_copy(&rule->notes, &copy.notes) < 0;
	if (failed) {
		rule_done(&copy);
		return -ENOMEM;
	}
	snprintf(copy.name, sizeof(copy.name), "%s", name);
	*ret = copy;
	return 0;
}

size_t rule_bytes(const struct rule *rule)
{
	size_t bytes = sizeof(*rule);

#define ADD(array, n) bytes += (n) * sizeof(*(array))
	RULE_ARRAYS(ADD, rule);
#undef ADD
	if (rule->notes.comment)
		bytes += strlen(rule->notes.comment) + 1;
	for (size_t i = 0; i < rule->notes.n_tags; i++)
		bytes += sizeof(char *) + strlen(rule->notes.tags[i]) + 1;
	return bytes;
}

static void set_part_done(struct set_part *part)
{
	free(part->v4);
	free(part->v6);
	free(part->sets);
}

struct set_origin *set_origin_free(struct set_origin *origin)
{
	if (!origin)
		return NULL;
	set_part_done(&origin->elements);
	set_part_done(&origin->except);
	free(origin);
	return NULL;
}

void live_set_done(struct live_set *set)
{
	for (size_t i = 0; i < set->n_writers; i++)
		free(set->writers[i]);
	free(set->writers);
	free(set->except.v4);
	free(set->except.v6);
	set_origin_free(set->except.origin);
	notes_done(&set->notes);
	*set = (struct live_set){ 0 };
}

int live_set_copy(const struct live_set *set, struct live_set *ret)
{
	const struct prefix_set *except = &set->except;
	struct live_set copy = *set;
	bool failed = false;

	copy.place = (struct place){ 0 };
	copy.notes = (struct notes){ 0 };
	copy.except = (struct prefix_set){ .n_v4 = except->n_v4, .n_v6 = except->n_v6 };
	copy.except.v4 = copy_of(except->v4, except->n_v4 * sizeof(*except->v4), &failed);
	copy.except.v6 = copy_of(except->v6, except->n_v6 * sizeof(*except->v6), &failed);
	copy.n_writers = 0;
	copy.writers = calloc(set->n_writers + 1, sizeof(*copy.writers));
	failed |= !copy.writers;
	for (size_t i = 0; i < set->n_writers && !failed; i++)
		copy.writers[copy.n_writers++] =
			copy_of(set->writers[i], strlen(set->writers[i]) + 1, &failed);
	if (failed) {
		live_set_done(&copy);
		return -ENOMEM;
	}
	*ret = copy;
	return 0;
}

static void policy_file_done(struct policy_file *file)
{
	free(file->path);
	free(file->included_from);
}

struct policy *policy_free(struct policy *policy)
{
	if (!policy)
		return NULL;
	for (size_t i = 0; i < policy->n_rulesets; i++) {
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			rule_done(&policy->rulesets[i].rules[j]);
		free(policy->rulesets[i].rules);
		free(policy->rulesets[i].anchors);
	}
	free(policy->rulesets);
	for (size_t i = 0; i < policy->n_sets; i++) {
		free(policy->sets[i].v4);
		free(policy->sets[i].v6);
		set_origin_free(policy->sets[i].origin);
		notes_done(&policy->sets[i].notes);
	}
	free(policy->sets);
	for (size_t i = 0; i < policy->n_port_sets; i++) {
		free(policy->port_sets[i].ranges);
		notes_done(&policy->port_sets[i].notes);
	}
	free(policy->port_sets);
	for (size_t i = 0; i < policy->n_mac_sets; i++) {
		free(policy->mac_sets[i].macs);
		notes_done(&policy->mac_sets[i].notes);
	}
	free(policy->mac_sets);
	for (size_t i = 0; i < policy->n_live_sets; i++)
		live_set_done(&policy->live_sets[i]);
	free(policy->live_sets);
	for (size_t i = 0; i < policy->n_interfaces; i++)
		notes_done(&policy->interfaces[i].notes);
	free(policy->interfaces);
	free(policy->redirects);
	for (size_t i = 0; i < policy->n_tests; i++)
		free(policy->tests[i].source);
	free(policy->tests);
	for (size_t i = 0; i < policy->n_files; i++)
		policy_file_done(&policy->files[i]);
	free(policy->files);
	for (size_t i = 0; i < policy->n_patterns; i++)
		free(policy->patterns[i].path);
	free(policy->patterns);
	free(policy);
	return NULL;
}

size_t policy_count_sets(const struct policy *policy)
{
	size_t n = policy->n_port_sets + policy->n_mac_sets + policy->n_live_sets;

	for (size_t i = 0; i < policy->n_sets; i++)
		n += policy->sets[i].name[0] != '\0';
	return n;
}

size_t policy_count_prefixes(const struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_sets; i++)
		n += policy->sets[i].n_v4 + policy->sets[i].n_v6;
	return n;
}

size_t policy_count_rules(const struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_rulesets; i++)
		n += policy->rulesets[i].n_rules;
	return n;
}

bool scalar_match_holds(const struct scalar_match *match, uint32_t value)
{
	bool found = false;

	if (!match->present)
		return true;
	for (size_t i = 0; i < match->n_ranges && !found; i++)
		found = value >= match->ranges[i].first && value <= match->ranges[i].last;
	return found != match->negated;
}

#define X(id, name, ...) [id] = name,
static const char *const verdict_names[] = { VERDICTS(X) };
static const char *const reason_names[] = { REASONS(X) };
static const char *const field_names[] = { SCALAR_FIELDS(X) };
#undef X
#define X(id, name, domain) [id] = domain,
static const uint32_t field_domains[] = { SCALAR_FIELDS(X) };
#undef X
#define X(id, name, fate, text) [id] = fate,
static const enum fate reason_fates[] = { REASONS(X) };
#undef X
#define X(id, name, fate, text) [id] = text,
static const char *const reason_texts[] = { REASONS(X) };
#undef X

_Static_assert(INTERFACE_BLOCK_REASONS >= N_VERDICTS, "verdicts overlap the reasons");
_Static_assert(INTERFACE_BLOCK_REASONS + N_REASONS <= INTERFACE_BLOCK, "block too small");

const char *verdict_name(unsigned int verdict)
{
	return verdict < N_VERDICTS ? verdict_names[verdict] : NULL;
}

const char *reason_name(unsigned int reason)
{
	return reason < N_REASONS ? reason_names[reason] : NULL;
}

const char *reason_text(unsigned int reason)
{
	return reason < N_REASONS ? reason_texts[reason] : NULL;
}

enum fate reason_fate(unsigned int reason)
{
	return reason < N_REASONS ? reason_fates[reason] : FATE_RULE;
}

const char *scalar_field_name(unsigned int field)
{
	return field < N_SCALAR_FIELDS ? field_names[field] : NULL;
}

uint32_t scalar_field_domain(unsigned int field)
{
	return field < N_SCALAR_FIELDS ? field_domains[field] : 0;
}

static const char *const guard_levels[] = {
	[GUARD_ALL] = "all",
	[GUARD_TRUSTED] = "trusted",
	[GUARD_OFF] = "off",
};

const char *guard_level_name(enum guard_level level)
{
	return level < ARRAY_SIZE(guard_levels) ? guard_levels[level] : NULL;
}

bool guard_level_parse(const char *name, enum guard_level *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(guard_levels); i++)
		if (strcmp(name, guard_levels[i]) == 0) {
			*ret = (enum guard_level)i;
			return true;
		}
	return false;
}
