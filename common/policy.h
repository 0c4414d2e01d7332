/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy.h: the policy, that is what the user wrote, parsed and resolved: interfaces, sets,
 * rules. config/ makes it; it is immutable from then on. Names are already indices here,
 * scalar conditions already ranges of values, so neither the compiler nor the oracle knows
 * anything of the policy file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

#define NAME_LEN 64  /* bytes of a name, the terminating NUL included */
#define PORT_LEN 128 /* likewise of a network device: alternative names are longer */

/* Where something was written, for diagnostics that come later than the parser's. */
struct place {
	const char *file;          /* owned by the policy */
	unsigned int line, column; /* from 1; 0: unknown */
	const char *included_from; /* of an included file: where; owned by the policy, or NULL */
};

struct prefix_v4 {
	uint32_t addr; /* host byte order; bits beyond len are 0 */
	uint8_t len;   /* 0 .. 32 */
};

struct prefix_v6 {
	uint64_t hi, lo; /* host byte order; bits beyond len are 0 */
	uint8_t len;     /* 0 .. 128 */
};

/* What people and programs note beside a rule, a set, an interface. */
struct notes {
	char *comment; /* NULL: none */
	char **tags;
	size_t n_tags;
};

/* When a rule or a set ends, in seconds since 1970; 0: never. */
struct expiry {
	int64_t at;
	bool past; /* it was over when the policy was made: the rule is off, the set is empty */
};

/* Prefixes, and sets of prefixes whose prefixes are besides them. */
struct set_part {
	struct prefix_v4 *v4;
	size_t n_v4;
	struct prefix_v6 *v6;
	size_t n_v6;
	uint32_t *sets; /* indices into policy.sets */
	size_t n_sets;
};

/* What was a set made from that depends on `$self`: elements, less exceptions. The sets in it depend
 * on `$self`, or are it; all else is resolved. */
struct set_origin {
	struct set_part elements, except;
};

/* A named set, or the literal prefixes of one condition (name is then ""). */
struct prefix_set {
	char name[NAME_LEN];
	struct place place;
	/* They may overlap and repeat; those of each list file are in ascending order. */
	struct prefix_v4 *v4;
	size_t n_v4;
	struct prefix_v6 *v6;
	size_t n_v6;
	bool varies; /* it holds what list files or the addresses of the machine are just now */
	struct set_origin *origin; /* NULL: nothing in it depends on `$self`, unless it is that */
	struct notes notes;
	struct expiry expiry;
};

struct range {
	uint32_t first, last; /* inclusive */
};

/* Every local address: what `$self` holds. */
struct local_addresses {
	struct prefix_v4 *v4;
	size_t n_v4;
	struct prefix_v6 *v6;
	size_t n_v6;
};

/* A named set of ports. Conditions that name it have its ranges among their own. */
struct port_set {
	char name[NAME_LEN];
	struct place place;
	struct range *ranges; /* ascending; they do not touch */
	size_t n_ranges;
	struct notes notes;
	struct expiry expiry;
};

/* A named set of MAC addresses. Conditions that name it have its addresses among their own. */
struct mac_set {
	char name[NAME_LEN];
	struct place place;
	uint8_t (*macs)[MAC_BYTES]; /* as on the wire; ascending, each once */
	size_t n_macs;
	struct notes notes;
	struct expiry expiry;
};

/*
 * A named set of prefixes that come and go while the policy is in force. The policy says what it
 * may hold, not what it holds.
 */
struct live_set {
	char name[NAME_LEN]; /* unique among all sets */
	struct place place;
	uint32_t size;    /* most entries, of both families together */
	uint32_t timeout; /* seconds that an entry holds unless it says otherwise; 0: for ever */
	uint8_t widest[N_FAMILIES]; /* the shortest prefix length that an entry may have */
	bool persist;               /* entries survive a reboot */
	char **writers;             /* users, by name, that may change it; besides root */
	size_t n_writers;
	struct prefix_set except; /* entries that overlap one of these are refused; has no name */
	struct notes notes;
};

/* Matches an address that lies in any of the sets (or in none, if negated). */
struct address_match {
	bool present; /* false: the rule does not look at the field */
	bool negated;
	uint32_t *sets; /* indices into policy.sets */
	size_t n_sets;
	uint32_t *live; /* indices into policy.live_sets */
	size_t n_live;
};

/* Matches a value that lies in any of the ranges (or in none, if negated). */
struct scalar_match {
	bool present;
	bool negated;
	struct range *ranges;
	size_t n_ranges;
};

/* Matches a MAC address that is any of these (or none of them, if negated). */
struct mac_match {
	bool present;
	bool negated;
	uint8_t (*macs)[MAC_BYTES]; /* as on the wire; ascending, each once */
	size_t n_macs;
};

/* Matches packets that arrive on any of the interfaces (or on none, if negated). */
struct interface_match {
	bool present;
	bool negated;
	uint32_t *interfaces; /* indices into policy.interfaces */
	size_t n_interfaces;
};

enum action_kind { ACTION_COUNT, ACTION_DROP, ACTION_PASS, ACTION_REDIRECT };

struct action {
	enum action_kind kind;
	uint32_t redirect; /* ACTION_REDIRECT: index into policy.redirects */
};

struct rule {
	char name[NAME_LEN]; /* of one that a group brings: GROUP/RULE; unique in the ruleset */
	struct place place;
	bool from_group;
	bool never;           /* it matches nothing, which the loader has said already */
	bool shadow;          /* it only counts and goes on, whatever its verdict says */
	struct expiry expiry; /* past: it never matches */
	struct notes notes;
	char *match_text;  /* the condition, normalised, on one line: for people */
	char *action_text; /* likewise, the action list */
	struct address_match address[N_ADDRESS_FIELDS];
	struct scalar_match scalar[N_SCALAR_FIELDS];
	struct mac_match mac[N_MAC_FIELDS];
	struct interface_match interface;
	struct action *actions; /* in order; at most one is terminal, and that is the last */
	size_t n_actions;
	enum verdict verdict; /* of the terminal action; VERDICT_NONE: the judging goes on */
	uint32_t redirect;    /* VERDICT_REDIRECT: index into policy.redirects */
};

/* A named place among the rules. Nothing stands there; packets do not notice it. */
struct anchor {
	char name[NAME_LEN]; /* unique in the ruleset */
	struct place place;
	size_t position; /* of the rule behind it */
};

/* A shadow that would have decided if it were none. */
static inline bool rule_would_decide(const struct rule *rule)
{
	return rule->shadow && rule->verdict != VERDICT_NONE;
}

/* One entry of `policies:`: an ordered list of rules and a default. */
struct ruleset {
	char name[NAME_LEN];
	struct place place;
	enum verdict default_verdict;
	struct rule *rules;
	size_t n_rules;
	/* The first so many rules are those of `protect:`. They come ahead of the fates of fragments
	 * and of unknown extension headers, too; they name no live sets. */
	size_t n_protect;
	struct anchor *anchors; /* in order */
	size_t n_anchors;
};

enum attach_mode { ATTACH_NATIVE, ATTACH_GENERIC };

struct interface {
	char name[NAME_LEN]; /* logical name; unique */
	struct place place;
	/* The network device: name, alternative name, or MAC address, which alone has colons.
	 * Several interfaces may share it, if their vlan differs. */
	char port[PORT_LEN];
	uint16_t vlan;         /* frames whose outermost tag is this one; 0: those of no other */
	uint32_t ruleset;      /* index into policy.rulesets */
	enum attach_mode mode; /* the same for all interfaces of a port */
	bool required;         /* the daemon is not ready before it filters here */
	bool fix;              /* set what the driver needs instead of refusing it */
	struct notes notes;
};

struct redirect {
	char port[PORT_LEN]; /* name or alternative name of a network device */
	struct place place;  /* of its first use */
};

/* What a set asks of its list files. */
struct list_guard {
	char set[NAME_LEN];
	bool watch;         /* they are read again when they change */
	uint8_t max_shrink; /* percent: one that has lost so much of its prefixes is refused; 100:
			     * none is for that */
	uint8_t v4, v6;     /* the shortest prefix lengths that they may hold */
	bool v4_given, v6_given; /* by the policy file */
};

/* A pattern by which a set names list files. */
struct policy_pattern {
	char *path;
	struct list_guard guard;
};

/* A file that the policy was made from, in the order of reading; [0] is the policy file. */
struct policy_file {
	char *path;          /* or "builtin:NAME@VERSION" */
	bool builtin;        /* it is a part of xdpgate: there is no such file */
	char *included_from; /* of included ones: "edge.yaml:3:10", …; else NULL */
	uint64_t n_prefixes; /* list files */
	bool keep;           /* list files: the policy asks for a copy of it to be kept */
	uint64_t copy_usec;  /* not 0: it could not be read, a copy of this time stands for it */
	struct list_guard guard; /* list files */
};

/* A packet as a test describes it; whole, well-formed, and no larger than its length says. */
#define TEST_ABSENT UINT32_MAX
struct test_packet {
	bool ip;            /* false: there are MAC addresses, an ethertype and maybe a VLAN tag */
	enum family family; /* of an IP packet */
	uint8_t address[N_ADDRESS_FIELDS][16]; /* as on the wire; IPv4: the first 4 bytes */
	uint8_t mac[N_MAC_FIELDS][MAC_BYTES];  /* likewise */
	uint32_t scalar[N_SCALAR_FIELDS];      /* TEST_ABSENT: the packet lacks the field */
};

/* One entry of `tests:`: what must become of a packet. */
struct policy_test {
	struct place place;
	unsigned int width; /* bytes of the test on its first line */
	char *source;       /* that line; NULL if it is very long */
	uint32_t interface; /* where it arrives: index into policy.interfaces */
	struct test_packet packet;
	enum verdict verdict; /* that is expected */
	enum reason reason;   /* likewise; REASON_NONE: any */
	uint32_t rule;        /* likewise, by index in its ruleset; TEST_ANY_RULE */
};
#define TEST_ANY_RULE UINT32_MAX

/* What the lock-out guard counts of the connections that a change would cut. */
enum guard_level {
	GUARD_ALL,     /* all that are established */
	GUARD_TRUSTED, /* those that this machine opened, BGP, and from where somebody is logged in */
	GUARD_OFF,     /* none */
};

struct policy {
	struct interface *interfaces;
	size_t n_interfaces;
	struct ruleset *rulesets;
	size_t n_rulesets;
	struct prefix_set *sets;
	size_t n_sets;
	struct port_set *port_sets;
	size_t n_port_sets;
	struct mac_set *mac_sets;
	size_t n_mac_sets;
	struct live_set *live_sets;
	size_t n_live_sets; /* MAX_LIVE_SETS at most */
	struct redirect *redirects;
	size_t n_redirects;
	struct policy_test *tests;
	size_t n_tests;
	struct policy_file *files;
	size_t n_files;
	struct policy_pattern *patterns; /* of sets with `watch: true` */
	size_t n_patterns;
	enum verdict fate_malformed; /* drop | pass */
	enum verdict fate_fragments; /* drop | pass | VERDICT_NONE: match */
	enum verdict fate_extension; /* likewise */
	enum verdict fate_non_ip;    /* drop | pass */
	bool uses_self;              /* something in it depends on the local addresses, */
	uint32_t n_self;             /* which are so many */
	enum guard_level guard;
	bool fail_closed;     /* entry program with an empty slot: drop instead of pass */
	bool partly_analysed; /* it is too large to compare all rules: see analysis.h */
	int64_t next_expiry;  /* when the next rule or set ends; 0: none will */
	uint8_t hash[32];     /* SHA-256 over the SHA-256 of each file, in order of reading */
	uint8_t text_hash
		[32]; /* likewise, of the policy file and what it includes alone: no lists */
};

/* Frees a policy and all it owns; NULL and half-built ones are fine. Returns NULL. */
struct policy *policy_free(struct policy *policy);

/* For _cleanup_(). */
static inline void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

/* Named sets of all types; prefixes of all sets of prefixes, named or not. */
size_t policy_count_sets(const struct policy *policy);
size_t policy_count_prefixes(const struct policy *policy);
size_t policy_count_rules(const struct policy *policy);

/* Does the condition hold for a packet whose field has the value? */
bool scalar_match_holds(const struct scalar_match *match, uint32_t value);

/* A copy that owns all it has, under another name. 0, or -ENOMEM with *ret untouched. */
int rule_copy(const struct rule *rule, const char *name, struct rule *ret);
void rule_done(struct rule *rule);
/* A copy that owns all it has. 0, or -ENOMEM with *ret untouched. */
int notes_copy(const struct notes *from, struct notes *ret);
void notes_done(struct notes *notes);
/* How many bytes the rule owns, about. */
size_t rule_bytes(const struct rule *rule);

/* A copy that owns all it has, which is all but place and notes. 0, or -ENOMEM with *ret untouched. */
int live_set_copy(const struct live_set *set, struct live_set *ret);
void live_set_done(struct live_set *set);
/* Returns NULL; NULL is fine. */
struct set_origin *set_origin_free(struct set_origin *origin);

const char *guard_level_name(enum guard_level level);
/* False: it is the name of none. */
bool guard_level_parse(const char *name, enum guard_level *ret);

/* Names from the tables of abi.h and verdict.h; NULL past their ends. */
const char *verdict_name(unsigned int verdict);
const char *reason_name(unsigned int reason);
const char *reason_text(unsigned int reason);
enum fate reason_fate(unsigned int reason);
const char *scalar_field_name(unsigned int field);
uint32_t scalar_field_domain(unsigned int field);
