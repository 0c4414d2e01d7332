/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * schema.c: the table of the policy language. Order matters: keys of a mapping are read in the
 * order of the table, whatever the order in the file, so that what others refer to comes first.
 */
#include "schema.h"

#include <string.h>

#include "diag.h"
#include "loader.h"
#include "policy.h"
#include "util.h"

/* A key that is known but comes later. */
// clang-format off
#define LATER(key, meaning) { .name = key, .help = meaning }
// clang-format on

#define EXPIRES_FORM "a date such as 2026-12-31, or a time such as 2026-12-31T18:00:00Z"

static const struct key_schema policy_file_keys[] = {
	{ "include", parse_include, false, NULL, "a path, builtin:NAME, or a list of them",
	  "other policy files, and parts that xdpgate brings along, which belong to this one",
	  "includes import", 0 },
	{ "fail", parse_fail, false, "open", "open or closed",
	  "what an interface does while no policy is in force: pass (open) or drop (closed)", NULL,
	  0 },
	{ "guard", parse_guard, false, "all", "all, trusted or off",
	  "which of the TCP connections of this machine a change must not cut", "lockout lock-out",
	  0 },
	{ "fate", parse_fate_mapping, false, "{}", "a mapping of fates",
	  "what becomes of packets that are hard to parse", "fates", 0 },
	{ "sets", parse_sets, false, NULL, "a mapping from names to sets",
	  "named lists of prefixes, ports or MAC addresses", "set lists ipsets", 0 },
	{ "protect", parse_protect, false, NULL, "a mapping with 'link' and 'bgp'",
	  "control traffic that passes ahead of every rule", "protected protects", 0 },
	{ "interfaces", parse_interfaces, true, NULL, "a mapping from names to interfaces",
	  "where packets are judged, and by which policy", "interface ports", 0 },
	{ "groups", parse_groups, false, NULL, "a mapping from names to lists of rules",
	  "lists of rules to use in policies", "group", 0 },
	{ "policies", parse_rulesets, true, NULL, "a mapping from names to policies",
	  "ordered rules with a default", "policy rules rulesets chains", 0 },
	/* Last: they name what all others define. */
	{ "tests", parse_tests, false, NULL, "a list of tests",
	  "packets, and what must become of them; a policy that fails one is refused", "test", 0 },
	{ .name = NULL },
};

#define FATE(member) offsetof(struct policy, member)
static const struct key_schema fate_keys[] = {
	{ "malformed", parse_fate, false, "drop", "drop or pass",
	  "truncated packets and impossible headers", NULL, FATE(fate_malformed) },
	{ "fragments", parse_fate_or_match, false, "match", "match, drop or pass",
	  "first and later fragments; match: the rules decide", "fragment", FATE(fate_fragments) },
	{ "unknown-extension", parse_fate_or_match, false, "pass", "match, drop or pass",
	  "IPv6 packets with an extension header that is not parsed", "unknown-extensions",
	  FATE(fate_extension) },
	{ "non-ip", parse_fate, false, "pass", "drop or pass",
	  "frames that are neither IPv4 nor IPv6 and that no rule decides", "nonip",
	  FATE(fate_non_ip) },
	{ .name = NULL },
};

static const struct key_schema set_keys[] = {
	{ "live", parse_set_live, false, "false", "true or false",
	  "its prefixes come and go while the policy is in force", "dynamic", 0 },
	{ "type", parse_set_type, false, "prefix", "prefix, port or mac", "what the set holds",
	  "kind", 0 },
	{ "max-width", parse_set_max_width, false, NULL,
	  "a prefix length such as 8, or {v4: 8, v6: 19}",
	  "the shortest prefix length that the set may hold; a list file, or an entry of a live "
	  "set, with a wider prefix is refused; default of a live set: {v4: 8, v6: 16}",
	  "min-length width", 0 },
	{ "keep", parse_set_keep, false, "false", "true or false",
	  "keep a copy of each list file, to stand for one that is missing or refused",
	  "cache last-good", 0 },
	{ "watch", parse_set_watch, false, "false", "true or false",
	  "read list files again when they change, and put in force what they hold then",
	  "watched auto-reload refresh", 0 },
	{ "max-shrink", parse_set_max_shrink, false, NULL, "a share from 1% to 100%",
	  "a list file that has lost so much of its prefixes is refused (100%: never); 50% with "
	  "'watch'",
	  "shrink max-loss", 0 },
	{ "expires", parse_set_expires, false, NULL, EXPIRES_FORM, "from then on the set is empty",
	  "expire until expiry", 0 },
	{ "file", parse_set_file, false, NULL, "the path of a list file",
	  "a list file: one prefix a line", "path", 0 },
	{ "files", parse_set_files, false, NULL, "a list of paths", "several list files", "paths",
	  0 },
	{ "glob", parse_set_glob, false, NULL, "a pattern such as feeds/*.txt, or a list of them",
	  "list files by pattern", "pattern globs", 0 },
	{ "elements", parse_set_elements, false, NULL,
	  "a list of prefixes, of ports or of MAC addresses, and of sets",
	  "what the set holds, beside what is in files", "prefixes ports macs entries", 0 },
	{ "except", parse_set_except, false, NULL, "a list of what the set never holds",
	  "what the set never holds, whatever its elements and files say; entries of a live set "
	  "that overlap it are refused",
	  "exclude without", 0 },
	{ "timeout", parse_set_timeout, false, NULL, "a duration such as 30s, 1h30m or 7d",
	  "how long an entry of a live set holds that does not say it; default: for ever",
	  "ttl lifetime", 0 },
	{ "size", parse_set_size, false, NULL, "a number from 1 to 4M, such as 200k",
	  "how many entries a live set may have; default: 64k", "maxelem max-size limit", 0 },
	{ "writers", parse_set_writers, false, NULL, "a list of users",
	  "who may change a live set, besides root", "writer users owners", 0 },
	{ "persist", parse_set_persist, false, NULL, "true or false",
	  "entries of a live set survive a reboot; default: false", "persistent save", 0 },
	LATER("counters", "a counter for each element"),
	{ "comment", parse_set_comment, false, NULL, "a text", "for people", "description", 0 },
	{ "tags", parse_set_tags, false, NULL, "a list of words", "for people and programs", "tag",
	  0 },
	{ .name = NULL },
};

static const struct key_schema width_keys[] = {
	{ "v4", parse_width_v4, false, NULL, "a prefix length from 0 to 32", "of IPv4", "ipv4", 0 },
	{ "v6", parse_width_v6, false, NULL, "a prefix length from 0 to 128", "of IPv6", "ipv6",
	  0 },
	{ .name = NULL },
};

static const struct key_schema protect_keys[] = {
	{ "link", parse_protect_link, false, NULL, "a list of protocols such as [arp, nd, lacp]",
	  "protocols that neighbours on the link speak", "links protocols", 0 },
	{ "bgp", parse_protect_bgp, false, NULL,
	  "a list such as [{peers: $ebgp, gtsm: true, bfd: true}]", "BGP sessions, by their peers",
	  "sessions", 0 },
	{ .name = NULL },
};

static const struct key_schema protect_bgp_keys[] = {
	{ "peers", parse_peers, true, NULL, "the peers' addresses, or a set",
	  "who speaks BGP to us", "peer neighbors neighbours src from", 0 },
	{ "gtsm", parse_gtsm, false, NULL, "true, false or {hops: N}",
	  "only what comes from at most so many hops away (RFC 5082)", "ttl-security ttl", 0 },
	{ "bfd", parse_bfd, false, "false", "true or false", "BFD with these peers, too", NULL, 0 },
	{ .name = NULL },
};

static const struct key_schema gtsm_keys[] = {
	{ "hops", parse_gtsm_hops, true, NULL, "a number of hops from 1 to 254",
	  "1: a neighbour on the link, whose packets have a TTL of 255", "hop", 0 },
	{ .name = NULL },
};

static const struct key_schema interface_keys[] = {
	{ "port", parse_port, false, NULL, "the name of a network device, or {mac: ADDRESS}",
	  "the network device; default: the entry's own name", "device dev iface", 0 },
	{ "vlan", parse_vlan, false, NULL, "a VLAN identifier from 1 to 4094",
	  "only frames of this VLAN, by their outermost tag; default: those of no other entry "
	  "of the port",
	  "vid vlan-id tag", FIELD_VLAN },
	{ "policy", parse_policy_name, true, NULL, "the name of a policy",
	  "the policy that judges what arrives here", "ruleset policies", 0 },
	{ "required", parse_required, false, "false", "true or false",
	  "the daemon is not ready before it filters here", "require", 0 },
	{ "mode", parse_mode, false, "native", "native or generic",
	  "where the program runs: in the driver (native) or behind it (generic)", "xdp-mode", 0 },
	{ "fix", parse_fix, false, "false", "true or false",
	  "turn off what keeps the driver from showing VLAN tags, instead of refusing it", NULL,
	  0 },
	{ "comment", parse_interface_comment, false, NULL, "a text", "for people", "description",
	  0 },
	{ "tags", parse_interface_tags, false, NULL, "a list of words", "for people and programs",
	  "tag", 0 },
	{ .name = NULL },
};

static const struct key_schema port_keys[] = {
	{ "mac", parse_port_mac, true, NULL, "a MAC address such as 02:00:5e:10:00:01",
	  "the one device that has this address", "address ether hwaddr lladdr", 0 },
	{ .name = NULL },
};

static const struct key_schema ruleset_keys[] = {
	{ "default", parse_default, false, "pass", "pass or drop",
	  "what becomes of IP packets that no rule decides", "policy else", 0 },
	{ "rules", parse_rules, false, NULL, "a list of rules",
	  "judged in order; the first that matches and has a terminal action decides", "rule", 0 },
	{ .name = NULL },
};

static const struct key_schema rule_keys[] = {
	{ "name", parse_rule_name, true, NULL, "a name",
	  "unique in the policy; the rule's counters go by it", "id", 0 },
	{ "match", parse_match, false, NULL, "a mapping from fields to values",
	  "all of its fields must hold; without it, every IP packet matches", "if when", 0 },
	{ "do", parse_actions, true, NULL, "an action or a list of actions",
	  "what becomes of a packet that matches", "action actions then verdict", 0 },
	{ "shadow", parse_shadow, false, NULL, "true or false",
	  "count what matches and go on, whatever 'do' says", "dry-run test log-only", 0 },
	{ "expires", parse_rule_expires, false, NULL, EXPIRES_FORM, "from then on the rule is off",
	  "expire until expiry", 0 },
	{ "comment", parse_rule_comment, false, NULL, "a text", "for people", "description", 0 },
	{ "tags", parse_rule_tags, false, NULL, "a list of words", "for people and programs", "tag",
	  0 },
	{ "use", parse_use, false, NULL, "the name of a group",
	  "instead of a rule: those of a group, in this place", "group include jump", 0, true },
	{ "anchor", parse_anchor, false, NULL, "a name",
	  "instead of a rule: a place for rules that come and go", NULL, 0, true },
	{ .name = NULL },
};

static const struct key_schema match_keys[] = {
	{ "interface", parse_match_interface, false, NULL, "the name of an interface",
	  "where the packet arrived", "in iif iface", 0 },
	{ "ethertype", parse_match_scalar, false, NULL, "an ethertype such as arp or 0x0806",
	  "behind at most two VLAN tags; a rule with it may match frames that are not IP",
	  "ether-type", FIELD_ETHERTYPE },
	{ "vlan", parse_match_scalar, false, NULL, "a VLAN identifier from 1 to 4094",
	  "of the outermost tag", "vid vlan-id", FIELD_VLAN },
	{ "src", parse_match_address, false, NULL, "a prefix or a set", "source address",
	  "source saddr source-address from srcip", ADDRESS_SRC },
	{ "dst", parse_match_address, false, NULL, "a prefix or a set", "destination address",
	  "dest destination daddr destination-address to dstip", ADDRESS_DST },
	{ "proto", parse_match_scalar, false, NULL, "a protocol name or a number from 0 to 255",
	  "protocol behind all IPv6 extension headers", "protocol", FIELD_PROTO },
	{ "sport", parse_match_scalar, false, NULL, "a port, a range such as 1024-65535, or a set",
	  "source port of TCP and UDP", "source-port src-port", FIELD_SPORT },
	{ "dport", parse_match_scalar, false, NULL, "a port, a range such as 1024-65535, or a set",
	  "destination port of TCP and UDP", "port destination-port dst-port", FIELD_DPORT },
	{ "tcp-flags", parse_match_tcp_flags, false, NULL,
	  "syn, established, null, xmas or {set: [...], clear: [...]}",
	  "TCP flags that must be set or clear", "flags tcpflags", FIELD_TCP_FLAGS },
	{ "icmp", parse_match_icmp, false, NULL,
	  "a name such as echo-request or essential, icmp:8 or icmpv6:128",
	  "type and code of ICMP and ICMPv6", "icmp-type icmpv6 icmpv6-type", FIELD_ICMP },
	{ "length", parse_match_scalar, false, NULL,
	  "a length in bytes or a range such as 468-65535", "of the whole IP packet", "len size",
	  FIELD_LENGTH },
	{ "ttl", parse_match_scalar, false, NULL, "a number from 0 to 255 or a range",
	  "TTL or hop limit", "hop-limit hoplimit", FIELD_TTL },
	{ "dscp", parse_match_scalar, false, NULL, "a number from 0 to 63 or a name such as ef",
	  "differentiated services code point", "tos traffic-class", FIELD_DSCP },
	{ "fragment", parse_match_fragment, false, NULL, "none, first, later or any",
	  "which fragment of a packet; none: a whole one; any: first or later", "frag fragments",
	  FIELD_FRAGMENT },
	{ "src-mac", parse_match_mac, false, NULL,
	  "a MAC address such as 02:00:5e:10:00:01, or a set", "source MAC address",
	  "smac mac-src ether-src", MAC_SRC },
	{ "dst-mac", parse_match_mac, false, NULL,
	  "a MAC address such as 02:00:5e:10:00:01, or a set", "destination MAC address",
	  "dmac mac-dst ether-dst", MAC_DST },
	{ "ip-options", parse_match_ip_options, false, NULL, "present or absent",
	  "options in the IPv4 header, a hop-by-hop header in IPv6", "options ip-option hop-by-hop",
	  FIELD_IP_OPTIONS },
	LATER("rpf", "reverse path check"),
	{ .name = NULL },
};

static const struct key_schema tcp_flags_keys[] = {
	{ "set", parse_flags_set, false, NULL, "a flag or a list of flags", "all of these are set",
	  NULL, 0 },
	{ "clear", parse_flags_clear, false, NULL, "a flag or a list of flags",
	  "all of these are clear", "unset not-set", 0 },
	{ .name = NULL },
};

static const struct key_schema action_keys[] = {
	{ "drop", parse_plain_action, false, NULL, "drop", "the packet is gone",
	  "deny block reject discard", ACTION_DROP },
	{ "pass", parse_plain_action, false, NULL, "pass", "the packet goes to the kernel",
	  "accept allow permit", ACTION_PASS },
	{ "count", parse_plain_action, false, NULL, "count",
	  "only count it (every rule does) and go on with the next rule", "counter", ACTION_COUNT },
	{ "redirect", parse_redirect, false, NULL, "{redirect: DEVICE}",
	  "the packet leaves by another network device", "forward", ACTION_REDIRECT },
	LATER("limit", "a rate"),
	LATER("sample", "copies of some packets"),
	LATER("log", "a line in the log for some packets"),
	LATER("per", "what a limit counts by"),
	LATER("over", "what is done with packets over a limit"),
	{ .name = NULL },
};

static const struct key_schema test_keys[] = {
	{ "in", parse_test_interface, true, NULL, "the name of an interface",
	  "where the packet arrives", "interface iif iface", 0 },
	{ "ethertype", parse_test_scalar, false, NULL, "an ethertype such as arp or 0x0806",
	  "default: ipv4 or ipv6, as the other fields say", "ether-type", FIELD_ETHERTYPE },
	{ "vlan", parse_test_scalar, false, NULL, "a VLAN identifier from 1 to 4094",
	  "default: the interface's, or no tag", "vid vlan-id", FIELD_VLAN },
	{ "src", parse_test_address, false, NULL, "an address",
	  "source address; default: 192.0.2.1 or 2001:db8::1",
	  "source saddr source-address from srcip", ADDRESS_SRC },
	{ "dst", parse_test_address, false, NULL, "an address",
	  "destination address; default: 198.51.100.1 or 2001:db8::2",
	  "dest destination daddr destination-address to dstip", ADDRESS_DST },
	{ "proto", parse_test_scalar, false, NULL, "a protocol name or a number from 0 to 255",
	  "default: what carries the other fields; tcp", "protocol", FIELD_PROTO },
	{ "sport", parse_test_scalar, false, NULL, "a port", "default: 49152",
	  "source-port src-port", FIELD_SPORT },
	{ "dport", parse_test_scalar, false, NULL, "a port", "default: 443",
	  "port destination-port dst-port", FIELD_DPORT },
	{ "tcp-flags", parse_test_flags, false, NULL, "a flag or a list of flags",
	  "those that are set, all others being clear; default: syn", "flags tcpflags",
	  FIELD_TCP_FLAGS },
	{ "icmp", parse_test_icmp, false, NULL, "a name such as echo-request, icmp:8 or icmpv6:128",
	  "type and code; default: echo-request", "icmp-type icmpv6 icmpv6-type", FIELD_ICMP },
	{ "length", parse_test_scalar, false, NULL, "a length in bytes",
	  "of the whole IP packet; default: its headers", "len size", FIELD_LENGTH },
	{ "ttl", parse_test_scalar, false, NULL, "a number from 0 to 255",
	  "TTL or hop limit; default: 64", "hop-limit hoplimit", FIELD_TTL },
	{ "dscp", parse_test_scalar, false, NULL, "a number from 0 to 63 or a name such as ef",
	  "default: 0", "tos traffic-class", FIELD_DSCP },
	{ "fragment", parse_test_fragment, false, NULL, "none, first or later", "default: none",
	  "frag fragments", FIELD_FRAGMENT },
	{ "ip-options", parse_test_ip_options, false, NULL, "present or absent", "default: absent",
	  "options ip-option hop-by-hop", FIELD_IP_OPTIONS },
	{ "src-mac", parse_test_mac, false, NULL, "a MAC address such as 02:00:5e:10:00:01",
	  "default: 02:00:00:00:00:01", "smac mac-src ether-src", MAC_SRC },
	{ "dst-mac", parse_test_mac, false, NULL, "a MAC address such as 02:00:5e:10:00:01",
	  "default: 02:00:00:00:00:02", "dmac mac-dst ether-dst", MAC_DST },
	{ "expect", parse_test_expect, true, NULL, "VERDICT, VERDICT/RULE or VERDICT/REASON",
	  "what must become of the packet, and what must decide it", "expected verdict result", 0 },
	{ .name = NULL },
};

const struct mapping_schema schema_policy_file = { "the policy file", "key", policy_file_keys };
const struct mapping_schema schema_fate = { "'fate'", "key", fate_keys };
const struct mapping_schema schema_set = { "a set", "key", set_keys };
const struct mapping_schema schema_width = { "'max-width'", "key", width_keys };
const struct mapping_schema schema_protect = { "'protect'", "key", protect_keys };
const struct mapping_schema schema_protect_bgp = { "'bgp'", "key", protect_bgp_keys };
const struct mapping_schema schema_gtsm = { "'gtsm'", "key", gtsm_keys };
const struct mapping_schema schema_interface = { "an interface", "key", interface_keys };
const struct mapping_schema schema_port = { "'port'", "key", port_keys };
const struct mapping_schema schema_ruleset = { "a policy", "key", ruleset_keys };
const struct mapping_schema schema_rule = { "a rule", "key", rule_keys };
const struct mapping_schema schema_match = { "'match'", "field", match_keys };
const struct mapping_schema schema_tcp_flags = { "'tcp-flags'", "key", tcp_flags_keys };
const struct mapping_schema schema_action = { "'do'", "action", action_keys };
const struct mapping_schema schema_test = { "a test", "key", test_keys };

const struct mapping_schema *const schemas[] = {
	&schema_policy_file, &schema_fate,        &schema_set,  &schema_width,
	&schema_protect,     &schema_protect_bgp, &schema_gtsm, &schema_interface,
	&schema_port,        &schema_ruleset,     &schema_rule, &schema_match,
	&schema_tcp_flags,   &schema_action,      &schema_test, NULL,
};

#define FITS(keys) _Static_assert(ARRAY_SIZE(keys) <= MAX_SCHEMA_KEYS, "too many keys")
FITS(policy_file_keys);
FITS(set_keys);
FITS(match_keys);
FITS(test_keys);

const struct key_schema *schema_find(const struct mapping_schema *schema, const char *name)
{
	for (const struct key_schema *key = schema->keys; key->name; key++)
		if (!strcmp(key->name, name))
			return key;
	return NULL;
}

/* Is word one of the words in list? */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; len && (p = strstr(p, word)); p++)
		if ((p == list || p[-1] == ' ') && (!p[len] || p[len] == ' '))
			return true;
	return false;
}

const struct key_schema *schema_suggest(const struct mapping_schema *schema, const char *name)
{
	const char *names[MAX_SCHEMA_KEYS], *nearest;
	size_t n = 0;

	for (const struct key_schema *key = schema->keys; key->name; key++) {
		if (key->mistaken && has_word(key->mistaken, name))
			return key;
		if (key->parse)
			names[n++] = key->name;
	}
	names[n] = NULL;
	nearest = suggest(name, names);
	return nearest ? schema_find(schema, nearest) : NULL;
}
