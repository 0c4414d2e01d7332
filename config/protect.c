/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * protect.c: control traffic that passes ahead of everything. `protect:` becomes rules as the
 * user could have written them, with names that he cannot give, ahead of the rules of every
 * policy; so whatever knows of rules knows of these: compiler, oracle, counters, commands.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define MAX_SKETCH 160 /* bytes of a match below */
#define MAX_VALUES 8   /* of one field in it */

/* --- rules ------------------------------------------------------------------------------- */

/* Fields as under `match`, in the order of its schema, by blanks; their values by commas. What could
 * come from afar is bound to where it belongs: multicast of the link, hop limits that no router
 * leaves alone (255) or passes on (1), addresses of our own. */
static const char *const protected_matches[] = {
	[PROTECTED_ARP] = "ethertype=arp",
	[PROTECTED_ND] = "icmp=icmpv6:133-137 ttl=255", /* RFC 4861 sections 6, 7 and 8 */
	/* RFC 3810 section 5; without it a switch that snoops keeps solicitations from us */
	[PROTECTED_MLD] = "src=fe80::/10,:: icmp=icmpv6:130-132,icmpv6:143 ttl=1",
	[PROTECTED_IGMP] = "dst=224.0.0.0/4 proto=igmp ttl=1", /* RFC 3376 section 4 */
	[PROTECTED_LACP] = "ethertype=lacp",                   /* all slow protocols: IEEE 802.3 */
	[PROTECTED_LLDP] = "ethertype=lldp",
	/* RFC 2328 appendix A.1, RFC 5340 appendix A.1 */
	[PROTECTED_OSPF] = "dst=224.0.0.5,224.0.0.6,ff02::5,ff02::6,$self proto=ospf",
	[PROTECTED_PIM] = "dst=224.0.0.13,ff02::d,$self proto=pim", /* RFC 7761 section 4.9 */
	[PROTECTED_VRRP] = "proto=vrrp ttl=255",                    /* RFC 9568 section 5.1 */
	[PROTECTED_BFD] = "proto=udp dport=3784-3785 ttl=255",      /* RFC 5881 sections 4 and 5 */
};

static struct node scalar_at(const struct node *at, const char *text)
{
	return (struct node){
		.kind = NODE_SCALAR,
		.source = at->source,
		.offset = at->offset,
		.width = at->width,
		.text = text,
		.len = strlen(text),
	};
}

/* One "field=value,value" of a match, as if it stood at the node. */
static int sketch_field(struct loader *loader, const struct node *at, char *field,
			struct rule_draft *draft)
{
	struct node values[MAX_VALUES], list = scalar_at(at, "");
	char *value = strchr(field, '='), *rest;
	const struct key_schema *key;
	size_t n = 0;

	if (!value)
		return -EINVAL;
	*value++ = '\0';
	key = schema_find(&schema_match, field);
	if (!key)
		return -EINVAL;
	for (value = strtok_r(value, ",", &rest); value; value = strtok_r(NULL, ",", &rest)) {
		values[n] = scalar_at(at, value);
		if (n)
			values[n - 1].next = &values[n];
		n++;
	}
	list.kind = NODE_LIST;
	list.first = values;
	list.n = n;
	return key->parse(loader, n == 1 ? values : &list, key, draft);
}

static int sketch_match(struct loader *loader, const struct node *at, const char *match,
			struct rule_draft *draft)
{
	char text[MAX_SKETCH], *rest;
	int r = 0;

	snprintf(text, sizeof(text), "%s", match);
	for (char *field = strtok_r(text, " ", &rest); field && !r;
	     field = strtok_r(NULL, " ", &rest))
		r = sketch_field(loader, at, field, draft);
	return r;
}

/* A rule at the end of those of `protect:`. */
static struct rule *rule_new(struct loader *loader, const struct node *at, const char *name)
{
	struct rule *rule;

	if (array_reserve((void **)&loader->protect, &loader->protect_capacity,
			  loader->n_protect + 1, sizeof(*loader->protect)) < 0)
		return NULL;
	rule = &loader->protect[loader->n_protect++];
	*rule = (struct rule){ .place = node_place(loader, at), .verdict = VERDICT_NONE };
	snprintf(rule->name, sizeof(rule->name), PROTECT "%s", name);
	return rule;
}

/* base: what the match has already, in text and in the rule; NULL: nothing. */
static int rule_add(struct loader *loader, const struct node *at, const char *name,
		    const struct rule *base, const char *match, const char *action)
{
	const struct key_schema *key = schema_find(&schema_rule, "do");
	struct rule_draft draft = { .node = at };
	struct rule copy = { 0 };
	struct node node = scalar_at(at, action);
	int r = 0;

	draft.rule = rule_new(loader, at, name);
	if (!draft.rule)
		return -ENOMEM;
	if (base) {
		r = rule_copy(base, "", &copy);
		memcpy(draft.rule->address, copy.address, sizeof(copy.address));
		if (!r)
			r = text_add(&draft.match, "%s", base->match_text);
		free(copy.match_text);
	}
	if (!r)
		r = sketch_match(loader, at, match, &draft);
	if (!r)
		r = parse_actions(loader, &node, key, &draft);
	if (!r) {
		draft.rule->match_text = text_take(&draft.match);
		draft.rule->action_text = text_take(&draft.action);
		if (!draft.rule->match_text || !draft.rule->action_text)
			r = -ENOMEM;
	}
	text_done(&draft.match);
	text_done(&draft.action);
	return r;
}

int protect_ruleset(struct loader *loader, const struct node *node, struct ruleset_draft *draft)
{
	struct ruleset *ruleset = draft->ruleset;

	if (loader->n_protect > MAX_RULES - loader->n_rules) {
		if (loader->rules_exceeded)
			return -EINVAL;
		loader->rules_exceeded = true;
		return node_error(
			loader, node,
			"more than %d rules in all policies, the %zu of 'protect' in each "
			"included",
			MAX_RULES, loader->n_protect);
	}
	if (array_reserve((void **)&ruleset->rules, &draft->capacity, loader->n_protect + 1,
			  sizeof(*ruleset->rules)) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < loader->n_protect; i++) {
		const struct rule *rule = &loader->protect[i];

		if (rule_copy(rule, rule->name, &ruleset->rules[i]) < 0)
			return -ENOMEM;
		ruleset->n_protect = ++ruleset->n_rules;
		loader->n_rules++;
	}
	return 0;
}

void protect_done(struct loader *loader)
{
	for (size_t i = 0; i < loader->n_protect; i++)
		rule_done(&loader->protect[i]);
	free(loader->protect);
}

/* --- link -------------------------------------------------------------------------------- */

static int refuse_protocol(struct loader *loader, const struct node *item)
{
	const char *nearest;
	char all[128] = "";
	size_t n = 0, len = 0;

	if (!strcmp(item->text, "isis") || !strcmp(item->text, "stp"))
		return node_error(loader, item,
				  "frames of %s have a length in place of an ethertype, which no "
				  "rule drops; they pass by the fate 'non-ip: pass'",
				  item->text);
	if (!strcmp(item->text, "bgp"))
		return node_error(loader, item,
				  "BGP is protected by its peers: write bgp: [{peers: ...}] beside "
				  "'link'");
	for (; protected_words[n].name; n++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", n ? ", " : "",
					protected_words[n].name);
	nearest = word_suggest(loader, protected_words, item->text);
	if (nearest)
		return node_error(loader, item, "unknown protocol '%.63s'; did you mean '%s'?",
				  item->text, nearest);
	return node_error(loader, item, "unknown protocol '%.63s'; 'link' knows %s", item->text,
			  all);
}

static int parse_protocol(struct loader *loader, const struct node *item, void *state)
{
	const struct word *word;
	char name[NAME_LEN];
	int r;

	r = node_expect(loader, item, NODE_SCALAR, "a protocol such as arp");
	if (r < 0)
		return r;
	word = word_find(protected_words, item->text);
	if (!word)
		return refuse_protocol(loader, item);
	snprintf(name, sizeof(name), PROTECT "%s", word->name);
	for (size_t i = 0; i < loader->n_protect; i++)
		if (!strcmp(loader->protect[i].name, name))
			return node_error(loader, item, "'%s' is named twice", item->text);
	return rule_add(loader, item, word->name, NULL, protected_matches[word->value], "pass");
}

int parse_protect_link(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	if (value->kind == NODE_LIST && !value->n)
		return node_error(loader, value, "an empty list; leave 'link' out");
	return items_parse(loader, value, parse_protocol, NULL);
}

/* --- bgp --------------------------------------------------------------------------------- */

struct bgp_draft {
	struct rule base; /* a rule from the peers */
	unsigned int number;
	unsigned int hops; /* 0: any */
	bool bfd;
};

int parse_peers(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	struct rule *base = &((struct bgp_draft *)target)->base;
	struct text_list items = { 0 };
	struct text text = { 0 };
	int r;

	if (value->kind == NODE_LIST && !value->n)
		return node_error(loader, value, "an empty list of peers; leave the entry out");
	r = addresses_parse(loader, value, key, false, &base->address[ADDRESS_SRC], &items);
	if (!r)
		r = text_add(&text, "src: ");
	if (!r)
		r = text_add_list(&text, &items);
	if (!r) {
		base->match_text = text_take(&text);
		r = base->match_text ? 0 : -ENOMEM;
	}
	text_done(&text);
	text_list_done(&items);
	return r;
}

int parse_gtsm_hops(struct loader *loader, const struct node *value, const struct key_schema *key,
		    void *target)
{
	struct bgp_draft *draft = target;
	uint32_t hops;
	char buffer[64];
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (r < 0)
		return r;
	if (!number_parse(value->text, value->len, &hops) || !hops || hops > 254)
		return node_error(loader, value, "expected %s, found %s", key->form,
				  node_describe(value, buffer, sizeof(buffer)));
	draft->hops = hops;
	return 0;
}

int parse_gtsm(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	struct bgp_draft *draft = target;
	bool neighbours = false;
	int r;

	if (value->kind == NODE_MAPPING)
		return mapping_parse(loader, value, &schema_gtsm, draft);
	r = bool_read(loader, value, key, &neighbours);
	draft->hops = neighbours;
	return r;
}

int parse_bfd(struct loader *loader, const struct node *value, const struct key_schema *key,
	      void *target)
{
	return bool_read(loader, value, key, &((struct bgp_draft *)target)->bfd);
}

/*
 * The rules of one entry. BFD on the link always has a TTL of 255 (RFC 5881 section 5), over
 * several hops that of the session (RFC 5883 section 5). Whoever claims to be a peer from
 * further away than he can be (RFC 5082) is not protected, but counted.
 */
static const struct bgp_rule {
	const char *suffix, *match, *action;
	bool bfd, gtsm; /* only with these */
	enum { TTL_ANY, TTL_NEAR, TTL_FAR } ttl;
} bgp_rules[] = {
	{ "", "proto=tcp dport=179", "pass", false, false, TTL_NEAR },
	{ "-back", "proto=tcp sport=179", "pass", false, false, TTL_NEAR },
	{ "-bfd", "proto=udp dport=3784-3785 ttl=255", "pass", true, false, TTL_ANY },
	{ "-bfd-multihop", "proto=udp dport=4784", "pass", true, false, TTL_NEAR },
	{ "-far", "proto=tcp dport=179", "count", false, true, TTL_FAR },
	{ "-far-back", "proto=tcp sport=179", "count", false, true, TTL_FAR },
	{ "-far-bfd", "proto=udp dport=3784-3785 ttl=0-254", "count", true, true, TTL_ANY },
	{ "-far-bfd-multihop", "proto=udp dport=4784", "count", true, true, TTL_FAR },
};

static int add_bgp_rule(struct loader *loader, const struct node *at, const struct bgp_rule *rule,
			const struct bgp_draft *draft)
{
	char name[NAME_LEN], match[MAX_SKETCH], ttl[16] = "";

	if ((rule->bfd && !draft->bfd) || (rule->gtsm && !draft->hops))
		return 0;
	if (draft->hops && rule->ttl == TTL_NEAR)
		snprintf(ttl, sizeof(ttl), " ttl=%u-255", 256 - draft->hops);
	else if (rule->ttl == TTL_FAR)
		snprintf(ttl, sizeof(ttl), " ttl=0-%u", 255 - draft->hops);
	snprintf(match, sizeof(match), "%s%s", rule->match, ttl);
	snprintf(name, sizeof(name), "bgp-%u%s", draft->number, rule->suffix);
	return rule_add(loader, at, name, &draft->base, match, rule->action);
}

static int parse_bgp_entry(struct loader *loader, const struct node *item, void *state)
{
	struct bgp_draft draft = { .number = ++*(unsigned int *)state };
	int r;

	r = node_expect(loader, item, NODE_MAPPING, "a mapping such as {peers: $ebgp, gtsm: true}");
	if (!r)
		r = mapping_parse(loader, item, &schema_protect_bgp, &draft);
	for (size_t i = 0; i < ARRAY_SIZE(bgp_rules) && !r; i++)
		r = add_bgp_rule(loader, item, &bgp_rules[i], &draft);
	free(draft.base.address[ADDRESS_SRC].sets);
	free(draft.base.match_text);
	return r;
}

int parse_protect_bgp(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	unsigned int number = 0;

	if (value->kind == NODE_LIST && !value->n)
		return node_error(loader, value, "an empty list; leave 'bgp' out");
	return items_parse(loader, value, parse_bgp_entry, &number);
}

/* --- protect ----------------------------------------------------------------------------- */

int parse_protect(struct loader *loader, const struct node *value, const struct key_schema *key,
		  void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	if (r < 0)
		return r;
	if (!value->n)
		return node_error(
			loader, value,
			"an empty 'protect' protects nothing; name protocols under 'link' "
			"or peers under 'bgp', or leave it out");
	return mapping_parse(loader, value, &schema_protect, NULL);
}
