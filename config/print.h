/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * print.h: what the parts of the printer share: values as YAML, gathered and then written under
 * their key.
 */
#pragma once

#include <stdio.h>

#include "config.h"
#include "policy.h"

/* Everywhere here: lists is NULL if the policy is printed for people, and not to be kept. */

/* Values, each as it stands in the file. */
struct items {
	char **items;
	size_t n, capacity;
	bool failed; /* out of memory */
};

/* --- print_items.c --- */

void items_add(struct items *items, const char *format, ...) __attribute__((format(printf, 2, 3)));
void items_done(struct items *items);

#define YAML_TEXT(len) (2 * (len) + 3)
/* A word as YAML, in quotes where it needs them for us or for another reader of YAML. buffer has
 * YAML_TEXT(strlen(text)) bytes. */
const char *yaml_word(const char *text, char *buffer);
#define WORD(text) yaml_word(text, (char[YAML_TEXT(sizeof(text))]){ 0 }) /* of an array */
/* "key: value", "key: [value, value]" or a list below it. 0 or -ENOMEM; the items are done with. */
int print_items(FILE *stream, int indent, const char *key, bool negated, struct items *items);

/* --- print_notes.c --- */

void print_notes(int indent, const struct notes *notes, FILE *stream);

/* --- print_sets.c --- */

/* 0, -ENOMEM, or what the sink said. */
int print_sets(const struct policy *policy, const struct policy_lists *lists, FILE *stream);
/* The name of the set that stands for no MAC addresses: one that no printed set has. */
void empty_set_name(const struct policy *policy, char name[NAME_LEN]);

/* --- print_rules.c --- */

/* A moment as the loader reads it; none: nothing. */
void print_expiry(int indent, const struct expiry *expiry, FILE *stream);
/* 0 or -ENOMEM. */
int print_ruleset(const struct policy *policy, const struct ruleset *ruleset,
		  const struct policy_lists *lists, FILE *stream);
/* `protect:`, if the policy has it. Every ruleset begins with its rules, whose names tell what they
 * were made from. 0 or -ENOMEM. */
int print_protect(const struct policy *policy, FILE *stream);

/* --- print_values.c --- */

/* Copies of the prefixes, in ascending order, without those that others hold. 0 or -ENOMEM. */
int policy_list_make(const struct prefix_v4 *v4, size_t n_v4, const struct prefix_v6 *v6,
		     size_t n_v6, struct policy_list *ret);
void policy_list_done(struct policy_list *list);
void items_add_list(struct items *items, const struct policy_list *list);
/* The prefixes of a set, as those of a list. */
void items_add_prefixes(struct items *items, const struct prefix_set *set);
/* The ranges of a scalar field, as values that the field takes: at least one. *negated is what the
 * condition says, and may change: no value at all is the negation of all. */
void items_add_scalar(struct items *items, enum scalar_field field,
		      const struct scalar_match *match, bool *negated);
void items_add_mac(struct items *items, const uint8_t mac[MAC_BYTES]);
/* The fields and values of a test, "key: value", in the order of the schema. */
void items_add_packet(struct items *items, const struct test_packet *packet);
