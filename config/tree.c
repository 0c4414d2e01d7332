/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tree.c: from libfyaml's events to a tree. A stack of at most CONFIG_MAX_DEPTH open
 * collections, no recursion; nodes and texts live in chunks that are freed together.
 *
 * YAML takes an IPv6 address that ends in "::" for a mapping key, and so would refuse
 * `src: 2001:db8::`. Nobody means that. So the parser sees such addresses with their last
 * colon replaced by a byte that never follows a colon in this file, and the scalars get it back.
 */
#include "tree.h"

#include <arpa/inet.h>
#include <libfyaml.h>
#include <string.h>

#include "config.h"
#include "util.h"

#define CHUNK_BYTES 65536

struct chunk {
	struct chunk *next;
	char bytes[] __attribute__((aligned(16)));
};

struct open {
	struct node *node;
	struct node *key; /* of a mapping: the key whose value comes next */
};

struct builder {
	struct tree *tree;
	const struct source *source;
	struct diags *diags;
	struct fy_parser *parser;
	struct open stack[CONFIG_MAX_DEPTH];
	size_t depth;
	size_t end; /* offset behind the last scalar: the place of empty values */
	size_t n_documents;
	char substitute; /* stands for the last colon of an address; 0: none needed */
	int status;      /* -EINVAL: something was refused, but going on finds more */
};

static void *tree_alloc(struct tree *tree, size_t bytes)
{
	struct chunk *chunk = tree->chunks;
	size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
	void *memory;

	bytes = (bytes + 15) & ~(size_t)15;
	if (!chunk || tree->used + bytes > CHUNK_BYTES) {
		chunk = malloc(sizeof(*chunk) + size + 16);
		if (!chunk)
			return NULL;
		chunk->next = tree->chunks;
		tree->chunks = chunk;
		tree->used = 0;
	}
	memory = chunk->bytes + tree->used;
	tree->used += bytes;
	return memory;
}

void tree_done(struct tree *tree)
{
	for (struct chunk *chunk = tree->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	*tree = (struct tree){ 0 };
}

bool node_is_empty(const struct node *node)
{
	return node->kind == NODE_SCALAR && node->plain && (!node->len || !strcmp(node->text, "~"));
}

const char *node_describe(const struct node *node, char *buffer, size_t size)
{
	if (node_is_empty(node))
		return "nothing";
	switch (node->kind) {
	case NODE_SCALAR:
		snprintf(buffer, size, "'%.40s%s'", node->text, node->len > 40 ? "..." : "");
		return buffer;
	case NODE_LIST:
		return "a list";
	case NODE_MAPPING:
		return "a mapping";
	case NODE_BAD:
		break;
	}
	return "an error";
}

static int refuse(struct builder *b, size_t offset, size_t width, const char *message)
{
	struct diag_place place = source_place(b->source, offset, width);

	b->status = -EINVAL;
	return diag_error(b->diags, &place, "%s", message);
}

/* --- addresses that end in a colon ------------------------------------------------------- */

static bool ends_word(char c)
{
	return strchr(" \t\r\n,]}", c); /* the NUL behind the text included */
}

/* Is text[end - 2 .. end - 1], a double colon, the end of an IPv6 address? */
static bool ends_address(const char *text, size_t end)
{
	char word[INET6_ADDRSTRLEN];
	struct in6_addr addr;
	size_t start = end;

	while (start > 0 && end - start < sizeof(word) &&
	       strchr("0123456789abcdefABCDEF:", text[start - 1]))
		start--;
	if (end - start >= sizeof(word) || (start > 0 && !strchr(" \t\r\n,[{", text[start - 1])))
		return false;
	memcpy(word, text + start, end - start);
	word[end - start] = '\0';
	return inet_pton(AF_INET6, word, &addr) == 1;
}

/* A byte that may stand in a plain scalar and never follows a colon in the text. */
static char find_substitute(const char *text)
{
	for (const char *c = "~;_^+=$"; *c; c++) {
		const char pair[] = { ':', *c, '\0' };

		if (!strstr(text, pair))
			return *c;
	}
	return 0;
}

/* A copy of the text with such addresses disguised, or NULL with *ret_r 0: there are none. */
static char *disguise_addresses(struct builder *b, int *ret_r)
{
	const char *text = b->source->text, *p = text;
	char *copy = NULL;

	*ret_r = 0;
	for (; (p = strstr(p, "::")); p++) {
		size_t end = p + 2 - text;

		if (!ends_word(text[end]) || !ends_address(text, end))
			continue;
		if (!copy) {
			b->substitute = find_substitute(text);
			if (!b->substitute)
				return NULL;
			copy = strdup(text);
			if (!copy) {
				*ret_r = -ENOMEM;
				return NULL;
			}
		}
		copy[end - 1] = b->substitute;
	}
	return copy;
}

static void restore_addresses(const struct builder *b, char *text)
{
	for (char *p = text; b->substitute && (p = strchr(p, ':')); p++)
		if (p[1] == b->substitute)
			p[1] = ':';
}

/* --- nodes ------------------------------------------------------------------------------- */

static struct node *node_new(struct builder *b, enum node_kind kind, const struct fy_mark *start,
			     const struct fy_mark *end)
{
	struct node *node;

	if (++b->tree->n_nodes > TREE_MAX_NODES)
		return NULL;
	node = tree_alloc(b->tree, sizeof(*node));
	if (!node)
		return NULL;
	*node = (struct node){
		.kind = kind, .offset = (uint32_t)b->end, .width = 1, .source = b->source
	};
	if (start && end && end->input_pos > start->input_pos) {
		node->offset = (uint32_t)start->input_pos;
		node->width = (uint32_t)(end->input_pos - start->input_pos);
	}
	return node;
}

/* Put a whole scalar, or a collection that begins, where it belongs. */
static void node_place(struct builder *b, struct node *node)
{
	struct open *open = b->depth ? &b->stack[b->depth - 1] : NULL;
	struct node *parent;

	if (!open) {
		b->tree->root = node;
		return;
	}
	parent = open->node;
	if (parent->kind == NODE_MAPPING) {
		if (!open->key) {
			open->key = node;
			if (node->kind == NODE_LIST || node->kind == NODE_MAPPING)
				refuse(b, node->offset, 1,
				       "a key must be a word, not a list or a "
				       "mapping");
			return;
		}
		node->key = TAKE_PTR(open->key);
	}
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->n++;
}

static int on_scalar(struct builder *b, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	struct node *node =
		node_new(b, NODE_SCALAR, fy_event_start_mark(event), fy_event_end_mark(event));
	const char *text;
	char *copy;

	if (!node)
		return -ENOMEM;
	text = token ? fy_token_get_text(token, &node->len) : "";
	copy = text ? tree_alloc(b->tree, node->len + 1) : NULL;
	if (!copy)
		return -ENOMEM;
	if (node->len)
		memcpy(copy, text, node->len);
	copy[node->len] = '\0';
	node->text = copy;
	node->plain = !token || fy_token_scalar_style(token) == FYSS_PLAIN;
	if (!node->len && node->plain && node->width > 1)
		return -ENOMEM;           /* libfyaml says so by an empty text */
	if (!node->len && !node->plain) { /* the marks are between the quotes */
		const struct fy_mark *mark = fy_event_start_mark(event);

		if (mark && mark->input_pos > 0) {
			node->offset = (uint32_t)mark->input_pos - 1;
			node->width = 2;
		}
	}
	if (strlen(copy) != node->len) {
		node->kind = NODE_BAD;
		refuse(b, node->offset, node->width, "a value must not hold a NUL character");
	}
	restore_addresses(b, copy);
	if (node->len)
		b->end = node->offset + node->width;
	node_place(b, node);
	return 0;
}

static int on_alias(struct builder *b, struct fy_event *event)
{
	struct node *node =
		node_new(b, NODE_BAD, fy_event_start_mark(event), fy_event_end_mark(event));

	if (!node)
		return -ENOMEM;
	node->text = "";
	if (node->offset > 0 &&
	    b->source->text[node->offset - 1] == '*') { /* the mark is behind it */
		node->offset--;
		node->width++;
	}
	refuse(b, node->offset, node->width,
	       "anchors and aliases are not supported; use sets for what repeats");
	node_place(b, node);
	return 0;
}

static int on_collection_start(struct builder *b, struct fy_event *event, enum node_kind kind)
{
	const struct fy_mark *start = fy_event_start_mark(event);
	struct node *node = node_new(b, kind, start, fy_event_end_mark(event));

	if (!node)
		return -ENOMEM;
	/* A mapping without brackets begins with its first key. */
	if (kind == NODE_MAPPING && start && start->input_pos > node->offset)
		node->offset = (uint32_t)start->input_pos;
	node->width = 1;
	if (b->depth == CONFIG_MAX_DEPTH)
		return refuse(b, node->offset, 1, "nested too deeply; 32 levels are the limit");
	node_place(b, node);
	b->stack[b->depth++].node = node;
	b->stack[b->depth - 1].key = NULL;
	return 0;
}

/* A list or mapping in brackets is underlined as a whole, others at their first byte. */
static void on_collection_end(struct builder *b, struct fy_event *event)
{
	struct node *node = b->stack[--b->depth].node;
	const struct fy_mark *end = fy_event_end_mark(event);
	char first = b->source->text[node->offset];

	if ((first == '[' || first == '{') && end && end->input_pos > node->offset) {
		node->width = (uint32_t)(end->input_pos - node->offset);
		b->end = end->input_pos;
	}
}

static int on_document(struct builder *b, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);

	if (++b->n_documents > 1)
		return refuse(b, mark ? mark->input_pos : b->end, 3,
			      "a policy file holds one document; remove this '---' and what "
			      "follows, or make it a file of its own");
	return 0;
}

/* Anchors and tags, on whatever node. */
static void check_properties(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
	const struct fy_mark *mark;

	if (anchor && (mark = fy_token_start_mark(anchor)))
		refuse(b, mark->input_pos ? mark->input_pos - 1 : 0, 1,
		       "anchors and aliases are not supported; use sets for what repeats");
	if (tag && (mark = fy_token_start_mark(tag)))
		refuse(b, mark->input_pos, 1, "YAML tags are not supported; remove the tag");
}

static int on_event(struct builder *b, struct fy_event *event)
{
	switch (event->type) {
	case FYET_DOCUMENT_START:
		return on_document(b, event);
	case FYET_SCALAR:
		check_properties(b, event->scalar.anchor, event->scalar.tag);
		return on_scalar(b, event);
	case FYET_ALIAS:
		return on_alias(b, event);
	case FYET_SEQUENCE_START:
		check_properties(b, event->sequence_start.anchor, event->sequence_start.tag);
		return on_collection_start(b, event, NODE_LIST);
	case FYET_MAPPING_START:
		check_properties(b, event->mapping_start.anchor, event->mapping_start.tag);
		return on_collection_start(b, event, NODE_MAPPING);
	case FYET_SEQUENCE_END:
	case FYET_MAPPING_END:
		on_collection_end(b, event);
		return 0;
	default:
		return 0;
	}
}

/* --- syntax errors ----------------------------------------------------------------------- */

/* The innermost bracket that is still open, or NULL. */
static const struct node *open_bracket(const struct builder *b)
{
	for (size_t i = b->depth; i > 0; i--) {
		const struct node *node = b->stack[i - 1].node;

		if (strchr("[{", b->source->text[node->offset]))
			return node;
	}
	return NULL;
}

/* Offset of a tab in the indentation of the line of the place or of the next one, or 0. */
static size_t indenting_tab(const struct source *source, unsigned int line)
{
	for (size_t i = line - 1; i < source->n_lines && i <= line; i++) {
		size_t offset = source->lines[i] + strspn(source->text + source->lines[i], " ");

		if (source->text[offset] == '\t')
			return offset;
	}
	return 0;
}

static void report_syntax(struct builder *b, const struct fy_diag_error *error)
{
	const struct fy_mark *mark = error->fyt ? fy_token_start_mark(error->fyt) : NULL;
	const struct node *bracket = open_bracket(b);
	size_t line = error->line > 0 ? (size_t)error->line : 1, offset, tab;
	struct diag_place place, open;

	if (line > b->source->n_lines)
		line = b->source->n_lines;
	offset = mark ? mark->input_pos : b->source->lines[line - 1];
	if (offset > 0 && strstr(error->msg, "quoted") &&
	    strchr("\"'", b->source->text[offset - 1]))
		offset--; /* at the quote, not behind it */
	place = source_place(b->source, offset, 1);
	b->status = -EINVAL;
	if (bracket) {
		open = source_place(b->source, bracket->offset, 1);
		if (open.line != place.line || place.column > place.source_len) {
			diag_error(b->diags, &open,
				   "YAML syntax: this bracket is not closed (line %u: %s)",
				   place.line, error->msg);
			return;
		}
	}
	tab = indenting_tab(b->source, place.line);
	if (tab && !bracket)
		refuse(b, tab, 1, "a tab cannot indent in YAML; use spaces");
	else
		diag_error(b->diags, &place, "YAML syntax: %s", error->msg);
}

static int parse_events(struct builder *b, struct fy_diag *diag)
{
	struct fy_diag_error *error;
	struct fy_event *event;
	void *iterator = NULL;

	while ((event = fy_parser_parse(b->parser))) {
		int r = on_event(b, event);

		fy_parser_event_free(b->parser, event);
		if (r == -ENOMEM && b->tree->n_nodes > TREE_MAX_NODES)
			return refuse(b, b->end, 1,
				      "more than 1000000 values; put long lists of prefixes into "
				      "list files");
		if (r < 0)
			return r;
	}
	b->tree->complete = !fy_parser_get_stream_error(b->parser);
	while ((error = fy_diag_errors_iterate(diag, &iterator))) {
		if (error->type == FYET_ERROR) {
			report_syntax(b, error);
			b->tree->complete = false;
		}
	}
	if (!b->tree->complete && !b->status)
		refuse(b, b->end, 1, "not YAML, or out of memory");
	return b->status;
}

static void parser_destroy(struct fy_parser **parser)
{
	if (*parser)
		fy_parser_destroy(*parser);
}

static void diag_destroy(struct fy_diag **diag)
{
	if (*diag)
		fy_diag_destroy(*diag);
}

int tree_parse(struct tree *tree, const struct source *source, struct diags *diags)
{
	struct builder b = { .tree = tree, .source = source, .diags = diags };
	_cleanup_free_ char *disguised = NULL; /* the parser reads it to its own end */
	_cleanup_(diag_destroy) struct fy_diag *diag = NULL;
	_cleanup_(parser_destroy) struct fy_parser *parser = NULL;
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg parse_cfg = {
		.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION,
	};
	int r;

	*tree = (struct tree){ .n_nodes = tree->n_nodes };
	disguised = disguise_addresses(&b, &r);
	if (r < 0)
		return r;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag = fy_diag_create(&diag_cfg);
	if (!diag)
		return -ENOMEM;
	fy_diag_set_collect_errors(diag, true);
	parse_cfg.diag = diag;
	parser = fy_parser_create(&parse_cfg);
	if (!parser ||
	    fy_parser_set_string(parser, disguised ? disguised : source->text, source->len) < 0)
		return -ENOMEM;
	b.parser = parser;
	return parse_events(&b, diag);
}
