/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * packet_words.c: a packet that somebody describes on a command line, by the keys of a test, read by
 * the code that reads tests. Each option is a source of its own, so that what is wrong is shown where
 * it was typed.
 */
#include "explain.h"

#include <string.h>

#include "tests.h"
#include "util.h"

#define MAX_WORDS MAX_SCHEMA_KEYS
#define MAX_FLAGS 16 /* words of one option */

/* One option as the parser of a policy file would have made it. */
struct word_nodes {
	struct source source;
	struct node key, value, items[MAX_FLAGS];
	char *texts[MAX_FLAGS]; /* of the items; owned */
};

static void nodes_done(struct word_nodes *nodes, size_t n)
{
	for (size_t i = 0; nodes && i < n; i++) {
		source_done(&nodes[i].source);
		for (size_t j = 0; j < MAX_FLAGS; j++)
			free(nodes[i].texts[j]);
	}
	free(nodes);
}

static void scalar_node(struct node *node, const struct source *source, const char *text,
			size_t offset, size_t width)
{
	*node = (struct node){
		.kind = NODE_SCALAR,
		.plain = true,
		.offset = (uint32_t)offset,
		.width = (uint32_t)(width ? width : 1),
		.source = source,
		.text = text,
		.len = strlen(text),
	};
}

/* "syn,ack" as a list; "none" as an empty one. */
static int split(struct word_nodes *nodes, struct loader *loader)
{
	const char *text = nodes->source.text, *at = text;
	struct node *value = &nodes->value;
	size_t n = 0;

	if (strcmp(text, "none") && !strchr(text, ','))
		return 0;
	value->kind = NODE_LIST;
	while (strcmp(text, "none")) {
		size_t len = strcspn(at, ",");

		if (n == MAX_FLAGS)
			return node_error(loader, value, "more than %d flags", MAX_FLAGS);
		nodes->texts[n] = strndup(at, len);
		if (!nodes->texts[n])
			return -ENOMEM;
		scalar_node(&nodes->items[n], value->source, nodes->texts[n], (size_t)(at - text),
			    len);
		if (n)
			nodes->items[n - 1].next = &nodes->items[n];
		n++;
		at += len;
		if (!*at++)
			break;
	}
	value->n = n;
	value->first = n ? &nodes->items[0] : NULL;
	value->last = n ? &nodes->items[n - 1] : NULL;
	return 0;
}

static int parse_word(struct loader *loader, const struct packet_word *word,
		      struct word_nodes *nodes, struct test_draft *draft)
{
	const struct key_schema *key = schema_find(&schema_test, word->key);
	int r;

	if (source_init(&nodes->source, word->option, word->text, strlen(word->text)) < 0)
		return -ENOMEM;
	r = source_check(&nodes->source, loader->diags);
	if (r < 0)
		return r;
	scalar_node(&nodes->key, &nodes->source, word->option, 0, nodes->source.len);
	scalar_node(&nodes->value, &nodes->source, nodes->source.text, 0, nodes->source.len);
	nodes->value.key = &nodes->key;
	if (key->parse == parse_test_flags)
		r = split(nodes, loader);
	return r < 0 ? r : key->parse(loader, &nodes->value, key, draft);
}

int packet_from_words(const struct packet_word *words, size_t n, const char *name, uint16_t vlan,
		      struct test_packet *ret, struct diags *diags)
{
	struct interface interface = { .vlan = vlan };
	struct policy policy = { .interfaces = &interface, .n_interfaces = 1 };
	struct loader loader = { .diags = diags, .policy = &policy };
	struct policy_test test = { .reason = REASON_NONE, .rule = TEST_ANY_RULE };
	struct test_draft draft = { .test = &test };
	struct word_nodes *nodes = calloc(n + 1, sizeof(*nodes));
	int r = 0;

	if (!nodes)
		return -ENOMEM;
	snprintf(interface.name, sizeof(interface.name), "%s", name);
	for (size_t i = 0; i < N_SCALAR_FIELDS; i++)
		test.packet.scalar[i] = TEST_ABSENT;
	for (size_t i = 0; i < n && r != -ENOMEM; i++)
		r = worse(r, parse_word(&loader, &words[i], &nodes[i], &draft));
	if (!r)
		r = test_check_vlan(&loader, &draft);
	if (!r)
		r = test_packet_finish(&loader, &draft);
	nodes_done(nodes, n);
	if (!r)
		*ret = test.packet;
	return r;
}
