/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * loader.h: what the parts of the loader share while one policy is made. Every function that
 * reports goes on as far as it can, so that all errors of a file are found in one go: 0, -EINVAL
 * (reported), or -ENOMEM, which alone stops everything.
 */
#pragma once

#include <errno.h>
#include <nettle/sha2.h>

#include "config.h"
#include "diag.h"
#include "include.h"
#include "names.h"
#include "policy.h"
#include "schema.h"
#include "source.h"
#include "text.h"
#include "tree.h"

#define MAX_SCHEMA_KEYS 32 /* of one mapping, the end mark included */

enum set_type {
	SET_PREFIXES,
	SET_PORTS,
	SET_MACS,
	SET_LIVE,
	SET_BAD /* an error was reported */
};

/* Sets are read when all names are known, each after those that it names. */
enum set_state { SET_WAITING, SET_READING, SET_READ };

/* One entry of a list of rules. */
enum item_kind { ITEM_RULE, ITEM_USE, ITEM_ANCHOR, ITEM_BAD /* an error was reported */ };

struct rule_item {
	enum item_kind kind;
	const struct node *node; /* the rule; of the others, the name */
	uint32_t group;          /* ITEM_USE: index of the group */
	struct rule rule;
};

struct rule_list {
	const char *group; /* whose it is; NULL: a policy's */
	struct rule_item *items;
	size_t n, capacity;
	struct name_index names; /* of its rules */
};

struct group {
	const struct node *name;
	struct rule_list rules;
	bool bad;                                          /* an error was reported */
	bool used;                                         /* something names it */
	enum { GROUP_NEW, GROUP_OPEN, GROUP_DONE } search; /* of the search for loops */
};

/* A policy while it is read; target of its keys. */
struct ruleset_draft {
	struct ruleset *ruleset;
	struct rule_list list;    /* as written */
	const struct node **uses; /* of each group: by which the policy has it; NULL: has not */
	size_t capacity;          /* of the ruleset's rules */
};

/* What a set's name stands for. */
struct named_set {
	enum set_state state;
	enum set_type type;
	uint32_t index; /* in the policy's sets of this type */
	struct place place;
	const struct node *value; /* what the file says of it */
	bool used;
};

struct loader {
	struct policy *policy;
	struct diags *diags;
	struct list_cache *cache; /* NULL: none */
	struct documents documents;
	struct node *joined[MAX_SCHEMA_KEYS]; /* of the top level, by place in its schema */
	struct sha256_ctx hash;               /* over the digests of the files, */
	struct sha256_ctx text_hash;          /* of those that are no list files */
	size_t sets_capacity, port_sets_capacity, mac_sets_capacity, live_sets_capacity;
	size_t rulesets_capacity, interfaces_capacity;
	size_t redirects_capacity, tests_capacity, files_capacity, patterns_capacity;
	struct name_index set_names, interface_names, ruleset_names;
	const struct node **policy_names;         /* of each interface; NULL: it has none */
	struct named_set *named_sets;             /* by position in set_names */
	uint32_t reading[CONFIG_MAX_NESTED_SETS]; /* sets, each named by the one before */
	size_t n_reading;
	int64_t now;                        /* seconds since 1970 */
	const struct local_addresses *self; /* NULL: there are none */
	uint32_t self_set;                  /* index in policy.sets, once has_self_set */
	bool has_self_set;
	bool again;           /* take the files as the cache has them */
	bool accept_shrink;   /* list files may have lost what they like */
	struct rule *protect; /* the rules of `protect:`, ahead of those of each policy */
	size_t n_protect, protect_capacity;
	struct name_index group_names;
	struct group *groups;       /* by position in group_names; NULL: none */
	bool groups_loop;           /* was reported: do not follow them */
	size_t n_items;             /* entries of all lists of rules */
	size_t copied_bytes;        /* of rules that groups bring */
	size_t n_rules, n_prefixes; /* of all policies, of all sets */
	size_t n_ranges, n_macs;    /* of all conditions */
	size_t n_copied;            /* elements of sets, to others and to conditions */
	size_t n_live_exceptions;   /* of all live sets */
	size_t list_bytes;          /* read from list files so far */
	size_t n_suggested;         /* candidates looked at so far */
	bool prefixes_exceeded, rules_exceeded, bytes_exceeded; /* was reported */
	bool ranges_exceeded, macs_exceeded, copied_exceeded, copies_exceeded;
};

/* A rule while it is read. */
struct rule_draft {
	struct rule *rule; /* of item */
	const struct node *node;
	struct rule_item *item;
	struct rule_list *list;
	struct text match, action;                  /* normalised */
	const struct node *fields[MAX_SCHEMA_KEYS]; /* values in match, by place in its schema */
};

/* --- mapping.c: what all mappings and lists have in common --- */

/* Report at a node: as diag_error() and diag_warning(). */
int node_error(struct loader *loader, const struct node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int node_warning(struct loader *loader, const struct node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct place node_place(const struct loader *loader, const struct node *node);
/* "on line 5", or "at host.yaml:5" if that is another file than the node's. */
#define PLACE_TEXT 512
const char *place_text(const struct place *place, const struct node *from, char *buffer,
		       size_t size);
/* The node's text is a name or a key that stands elsewhere already; first NULL: somewhere. */
int refuse_repeated(struct loader *loader, const struct node *node, const char *what,
		    const struct node *first);

/* 0 if the node is of the kind (a scalar: not empty), else -EINVAL, reported as "expected ...". */
int node_expect(struct loader *loader, const struct node *node, enum node_kind kind,
		const char *expected);

/* Read a mapping by its schema into target. */
int mapping_parse(struct loader *loader, const struct node *node,
		  const struct mapping_schema *schema, void *target);

/* Read a mapping from names that the user chose. each() is called for every new, valid name,
 * which is in the index already. more: what the names are, for messages ("sets"). */
typedef int name_parser(struct loader *loader, const struct node *value);
int names_parse(struct loader *loader, const struct node *node, struct name_index *index,
		const char *one, const char *many, size_t limit, name_parser *each);

/* A scalar that is one of the words. */
int word_parse(struct loader *loader, const struct node *node, const struct word *words,
	       const char *expected, uint32_t *ret);
/* The word that text may mean, or NULL. */
const char *word_suggest(const struct loader *loader, const struct word *words, const char *text);

/* Is the name one that may be given to things? If not, -EINVAL, reported. */
int name_check(struct loader *loader, const struct node *node, const char *one);
/* The same for rules, whose names may have slashes between. */
int rule_name_check(struct loader *loader, const struct node *node);
/* "true" or "false". */
int bool_read(struct loader *loader, const struct node *value, const struct key_schema *key,
	      bool *ret);
/* Position of a name that must be known; -EINVAL, reported with a suggestion. */
int name_resolve(struct loader *loader, const struct node *node, const char *name,
		 const struct name_index *index, const char *one, uint32_t *ret);
/* suggest() within a budget, so that hostile files cannot make it slow. */
const char *name_suggest(struct loader *loader, const char *name, const struct name_index *index);

/* So many errors were found that further ones are only counted: details are not worth their time.
 */
bool is_quiet(const struct loader *loader);

/* The worse of two results: out of memory before refused before fine. */
static inline int worse(int a, int b)
{
	return a == -ENOMEM || b == -ENOMEM ? -ENOMEM : a < 0 ? a : b;
}

/* --- lists.c --- */

struct prefix;
struct prefix_space {
	size_t v4_capacity, v6_capacity;
};

/* How the list files of a set are read, and where to. */
struct list_reader {
	struct prefix_set *set;
	const struct list_guard *guard;
	bool keep; /* a copy of each is kept, and stands for one that cannot be read */
};

/* Read the list file at path, which is owned by the policy then; name: where the policy file names
 * it. */
int list_read(struct loader *loader, const struct node *name, char *path,
	      const struct list_reader *reader);
/* Add a prefix to the set. -EINVAL, reported at place, past CONFIG_MAX_PREFIXES. */
int set_add(struct loader *loader, struct prefix_set *set, struct prefix_space *space,
	    const struct prefix *prefix, const struct diag_place *place);
/* The same, of a set that is not the policy's: it has no limit. 0 or -ENOMEM. */
int set_push(struct prefix_set *set, struct prefix_space *space, const struct prefix *prefix);

/* --- globs.c --- */

/* The list files that a pattern stands for, in order of name; none is an error. Those that it stood
 * for in the policy in force are among them even if they are gone, if the guard says so: that is an
 * error of the file then. Caller frees each, and the array. */
int glob_expand(struct loader *loader, const struct node *pattern, const struct list_guard *guard,
		bool keep, struct paths *ret);

/* --- sets.c, set_names.c, set_keys.c, set_live.c --- */

/* A new set of prefixes; *ret is its index. 0 or -ENOMEM. */
int set_new(struct loader *loader, const char *name, const struct node *node, uint32_t *ret);
/* The set of this type that `$name` stands for, as its index; it counts as used. -EINVAL,
 * reported, if there is none, or of another type. taker: what takes it, for messages. */
int set_resolve(struct loader *loader, const struct node *item, const char *taker,
		enum set_type type, uint32_t *ret);
/* The set of prefixes, live or not, that `$name` stands for in a condition. */
int set_resolve_address(struct loader *loader, const struct node *item, const char *taker,
			bool *ret_live, uint32_t *ret);
/* So many elements of a set are about to be copied: -EINVAL, reported, past CONFIG_MAX_COPIED. */
int set_count_copied(struct loader *loader, const struct node *item, size_t n);
/* Read all sets whose names are known; errors of each are reported. */
int sets_read(struct loader *loader);
/* "prefixes", "ports", "MAC addresses" */
const char *set_type_name(enum set_type type);
/* Read a prefix from a scalar. */
int prefix_read(struct loader *loader, const struct node *node, struct prefix *ret);
/* Remember that a file was read; its path is owned by the policy then. */
int file_add(struct loader *loader, char *path);
/* The policy's hash goes over this, too: the SHA-256 of a file. */
void file_hash(struct loader *loader, const uint8_t *digest);

/* --- macs.c --- */

/* MAC addresses while they are collected. */
struct macs {
	uint8_t (*items)[MAC_BYTES];
	size_t n, capacity;
};

bool mac_parse(const char *text, size_t len, uint8_t ret[MAC_BYTES]);
/* Read a MAC address from a scalar that is not a set. form: what is expected. */
int mac_read(struct loader *loader, const struct node *node, const char *form,
	     uint8_t ret[MAC_BYTES]);
int macs_add(struct macs *macs, const uint8_t (*items)[MAC_BYTES], size_t n);
/* Each once, in ascending order. */
void macs_sort(struct macs *macs);

/* --- conditions.c: what all fields have in common --- */

/* The value of a field behind `not:`, if that is there. */
int negation_unwrap(struct loader *loader, const struct node *value, const struct node **ret_value,
		    bool *ret_negated);
/* Call each() for the value, or for each value of a list. */
typedef int item_parser(struct loader *loader, const struct node *item, void *state);
int items_parse(struct loader *loader, const struct node *value, item_parser *each, void *state);
/* "field: value" behind what the draft's match says already. */
int draft_add(struct rule_draft *draft, const struct key_schema *key, const struct node *value,
	      bool negated, const struct text_list *items);
/* The key's node of a field that the rule has, for messages that come later; or NULL. */
const struct node *draft_field(const struct rule_draft *draft, const char *field);

/* --- addresses.c --- */

/* Put indices into ascending order, each once; returns how many are left. */
size_t unique_indices(uint32_t *indices, size_t n);
/* Prefixes and sets without `not:`; live sets only where takes_live. match and items are the
 * caller's. */
int addresses_parse(struct loader *loader, const struct node *value, const struct key_schema *key,
		    bool takes_live, struct address_match *match, struct text_list *items);

/* --- protect.c --- */

#define PROTECT "protect/" /* how the names of its rules begin, and no others */

/* Put the rules of `protect:` ahead of all others. 0, -EINVAL, reported at node, or -ENOMEM. */
int protect_ruleset(struct loader *loader, const struct node *node, struct ruleset_draft *draft);
void protect_done(struct loader *loader);

/* --- load.c --- */

/* The text of a policy file; again: as the cache has it. As file_read(). */
int policy_file_read(const char *path, struct list_cache *cache, bool again, char **ret,
		     size_t *ret_len, const char **ret_why);

/* --- values.c --- */

/* Ranges while they are collected. */
struct ranges {
	struct range *items;
	size_t n, capacity;
};

int ranges_add(struct ranges *ranges, uint32_t first, uint32_t last);
/* Sort, merge what touches. */
void ranges_merge(struct ranges *ranges);
/* A number, decimal or 0x...; false if it is none or above 32 bits. */
bool number_parse(const char *text, size_t len, uint32_t *ret);
/* "5" or "5-9"; *first > *last is possible. */
bool range_parse(const char *text, uint32_t *ret_first, uint32_t *ret_last);
/* What a scalar field that has numbers may be. */
void scalar_limits(enum scalar_field field, uint32_t *ret_least, uint32_t *ret_most,
		   const struct word **ret_words);
/* A value or a range of a scalar field that has numbers, as the language writes it. */
#define SCALAR_TEXT 32
const char *scalar_format(enum scalar_field field, const struct range *range,
			  char buffer[SCALAR_TEXT]);
/* A port or a range of ports. 0, -EINVAL, reported, -ENOMEM. */
int port_range_parse(struct loader *loader, const struct node *item, struct ranges *ranges);
/* What a test says of a packet has one value: a number or a word of the scalar field key->arg; flags
 * that are set, all others being clear; what an ICMP type is in each family, with
 * its code (TEST_ABSENT: the family has it not). 0, -EINVAL, reported, -ENOMEM. */
int scalar_value_parse(struct loader *loader, const struct node *item, const struct key_schema *key,
		       uint32_t *ret);
int flags_value_parse(struct loader *loader, const struct node *value, uint32_t *ret);
int icmp_value_parse(struct loader *loader, const struct node *item, const struct key_schema *key,
		     uint32_t ret[N_FAMILIES]);
/* Give the ranges to the condition, or report that there are too many. */
int ranges_take(struct loader *loader, const struct node *node, struct ranges *ranges, bool negated,
		struct scalar_match *match);

/* A field with a parser of its own for each value, which adds to the state; key->arg is the
 * scalar field. */
struct values_state {
	const struct key_schema *key;
	struct ranges ranges;
	struct text_list items;
};

int values_parse(struct loader *loader, const struct node *value, const struct key_schema *key,
		 struct rule_draft *draft, item_parser *each);

/* --- notes.c, expiry.c --- */

/* The values of `comment`, `tags`, `expires`, of whatever has them. */
int comment_read(struct loader *loader, const struct node *value, const struct key_schema *key,
		 struct notes *notes);
int tags_read(struct loader *loader, const struct node *value, const struct key_schema *key,
	      struct notes *notes);
int expiry_read(struct loader *loader, const struct node *value, const struct key_schema *key,
		struct expiry *ret);
/* Find out when the policy's next rule or set expires. */
void policy_note_expiries(struct policy *policy);

/* --- rules.c, groups.c --- */

int rule_list_parse(struct loader *loader, const struct node *value, struct rule_list *list);
void rule_list_done(struct rule_list *list);
/* From the list as written to the rules of the policy. */
int ruleset_fill(struct loader *loader, struct ruleset_draft *draft);
/* Free the groups; none is fine. */
void groups_done(struct loader *loader);

/* --- check.c, findings.c, actions.c, interfaces.c --- */

/* Warn at a place that is not a node's; not of what comes with xdpgate. */
void warn_at(struct loader *loader, const struct place *place, size_t width, const char *format,
	     ...) __attribute__((format(printf, 4, 5)));
/* Warn of rules that can never match. */
void rule_check(struct loader *loader, const struct rule_draft *draft);
/* What can only be said when all is read. r is how that went; returned, or worse. */
int policy_check(struct loader *loader, int r);
/* Warn of what analysis.h finds. 0 or -ENOMEM. */
int policy_find(struct loader *loader);
/* The port that redirects name, as index in the policy; made if new. 0 or -ENOMEM. */
int redirect_find(struct loader *loader, const struct node *node, uint32_t *ret);
/* Number the redirects by their first use in the rules, whatever the order of reading was: tables
 * hold these numbers. 0 or -ENOMEM. */
int redirects_number(struct policy *policy);
/* -EINVAL, reported, if the scalar cannot be the name of a network device. */
int port_check(struct loader *loader, const struct node *node, const char *name);

/* --- the parsers that schema.c names --- */

key_parser parse_include, parse_fail, parse_guard, parse_fate_mapping, parse_sets, parse_interfaces,
	parse_rulesets;
key_parser parse_fate, parse_fate_or_match;
key_parser parse_protect, parse_protect_link, parse_protect_bgp;
key_parser parse_peers, parse_gtsm, parse_gtsm_hops, parse_bfd;
key_parser parse_set_live, parse_set_timeout, parse_set_size, parse_set_writers, parse_set_persist;
key_parser parse_set_type, parse_set_max_width, parse_set_keep, parse_set_file, parse_set_files;
key_parser parse_set_watch, parse_set_max_shrink;
key_parser parse_set_glob, parse_set_elements, parse_set_except, parse_width_v4, parse_width_v6;
key_parser parse_port, parse_port_mac, parse_vlan, parse_policy_name, parse_required, parse_mode;
key_parser parse_fix;
key_parser parse_groups, parse_default, parse_rules;
key_parser parse_rule_name, parse_match, parse_actions, parse_shadow, parse_use, parse_anchor;
key_parser parse_rule_comment, parse_rule_tags, parse_rule_expires;
key_parser parse_set_comment, parse_set_tags, parse_set_expires;
key_parser parse_interface_comment, parse_interface_tags;
key_parser parse_match_interface, parse_match_address, parse_match_scalar, parse_match_icmp;
key_parser parse_match_tcp_flags, parse_match_fragment, parse_flags_set, parse_flags_clear;
key_parser parse_match_ip_options, parse_match_mac;
key_parser parse_plain_action, parse_redirect;
key_parser parse_tests, parse_test_interface, parse_test_address, parse_test_scalar;
key_parser parse_test_flags, parse_test_icmp, parse_test_fragment, parse_test_ip_options;
key_parser parse_test_mac, parse_test_expect;
