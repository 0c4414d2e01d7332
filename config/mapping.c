/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mapping.c: what all mappings of the policy language have in common: known keys by schema,
 * names that the user chose, and good answers to wrong ones.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define SUGGESTION_BUDGET 50000 /* candidates compared for one policy */

static struct diag_place place_of(const struct node *node)
{
	return source_place(node->source, node->offset, node->width);
}

int node_error(struct loader *loader, const struct node *node, const char *format, ...)
{
	struct diag_place place = place_of(node);
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(loader->diags, SEVERITY_ERROR, &place, format, args);
	va_end(args);
	return r;
}

int node_warning(struct loader *loader, const struct node *node, const char *format, ...)
{
	struct diag_place place = place_of(node);
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(loader->diags, SEVERITY_WARNING, &place, format, args);
	va_end(args);
	return r;
}

struct place node_place(const struct loader *loader, const struct node *node)
{
	struct diag_place place = place_of(node);

	return (struct place){ place.file, place.line, place.column, place.included_from };
}

const char *place_text(const struct place *place, const struct node *from, char *buffer,
		       size_t size)
{
	if (place->file == from->source->path)
		snprintf(buffer, size, "on line %u", place->line);
	else
		snprintf(buffer, size, "at %s:%u", place->file, place->line);
	return buffer;
}

int node_expect(struct loader *loader, const struct node *node, enum node_kind kind,
		const char *expected)
{
	char buffer[64];

	if (node->kind == NODE_BAD)
		return -EINVAL;
	if (node->kind == kind && !node_is_empty(node))
		return 0;
	return node_error(loader, node, "expected %s, found %s", expected,
			  node_describe(node, buffer, sizeof(buffer)));
}

static const char *join_keys(const struct mapping_schema *schema, char *buffer, size_t size)
{
	size_t len = 0;

	for (const struct key_schema *key = schema->keys; key->name; key++)
		if (key->parse)
			len += (size_t)snprintf(buffer + len, size - len, "%s%s", len ? ", " : "",
						key->name);
	return buffer;
}

/* `dport:22` is one word to YAML: the key that was meant, or NULL if that is not what happened. */
static const struct key_schema *key_without_space(const struct node *value,
						  const struct mapping_schema *schema)
{
	const char *text = value->key->text, *colon = strchr(text, ':');
	char name[NAME_LEN];

	if (!colon || !node_is_empty(value) || (size_t)(colon - text) >= sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	return schema_find(schema, name);
}

/* Report an unknown key. *ret_meant is the key that was meant, NULL if we have no idea. */
static int refuse_key(struct loader *loader, const struct node *value,
		      const struct mapping_schema *schema, const struct key_schema **ret_meant)
{
	const struct node *key = value->key;
	const struct key_schema *meant;
	char buffer[256];

	*ret_meant = NULL;
	if (!strcmp(key->text, "<<"))
		return node_error(loader, key, "merge keys are not supported; write the keys out");
	meant = key_without_space(value, schema);
	if (meant) {
		*ret_meant = meant;
		return node_error(loader, key,
				  "a space is missing behind the colon; write '%s: %.40s'",
				  meant->name, key->text + strlen(meant->name) + 1);
	}
	meant = schema_suggest(schema, key->text);
	if (meant) {
		*ret_meant = meant;
		return node_error(loader, key, "unknown %s '%.63s'; did you mean '%s'?",
				  schema->noun, key->text, meant->name);
	}
	return node_error(loader, key, "unknown %s '%.63s' in %s; it may have: %s", schema->noun,
			  key->text, schema->what, join_keys(schema, buffer, sizeof(buffer)));
}

int refuse_repeated(struct loader *loader, const struct node *node, const char *what,
		    const struct node *first)
{
	char buffer[PLACE_TEXT];
	struct place place;

	if (!first)
		return node_error(loader, node, "%s '%s' is repeated", what, node->text);
	if (first->source != node->source && (first->source->builtin || node->source->builtin)) {
		bool is_first = node->source->builtin;

		return node_error(loader, is_first ? first : node,
				  "%s '%s' is one of %s, which is included; give this one another "
				  "name, or leave that include out",
				  what, node->text,
				  is_first ? node->source->path : first->source->path);
	}
	place = node_place(loader, first);
	return node_error(loader, node, "%s '%s' is repeated; it is %s already", what, node->text,
			  place_text(&place, node, buffer, sizeof(buffer)));
}

/* The values of a mapping, by the schema's keys. */
struct values {
	const struct node *of[MAX_SCHEMA_KEYS];
	bool meant[MAX_SCHEMA_KEYS];    /* a wrong key stood for it: it is not missing */
	bool unsupported;               /* there is a key that comes later: nothing is missing */
	const struct key_schema *alone; /* … or one that stands alone, also if only meant */
};

static int collect_value(struct loader *loader, const struct node *value,
			 const struct mapping_schema *schema, struct values *values)
{
	const struct key_schema *key, *meant;
	const struct node **slot;
	int r;

	if (value->key->kind != NODE_SCALAR)
		return -EINVAL; /* reported where the tree was made */
	key = schema_find(schema, value->key->text);
	if (!key) {
		r = refuse_key(loader, value, schema, &meant);
		if (meant)
			values->meant[meant - schema->keys] = true;
		if (meant && meant->alone)
			values->alone = meant;
		return r;
	}
	if (key->alone)
		values->alone = key;
	if (!key->parse) {
		values->unsupported = true;
		return node_error(loader, value->key, "not supported yet: %s '%s' (%s)",
				  schema->noun, key->name, key->help);
	}
	slot = &values->of[key - schema->keys];
	if (*slot)
		return refuse_repeated(loader, value->key, schema->noun, (*slot)->key);
	*slot = value;
	return 0;
}

static int parse_fallback(struct loader *loader, const struct node *node,
			  const struct key_schema *key, void *target)
{
	struct node fallback = { .kind = NODE_SCALAR,
				 .source = node->source,
				 .offset = node->offset,
				 .width = 1,
				 .text = key->fallback,
				 .len = strlen(key->fallback) };

	if (!strcmp(key->fallback, "{}"))
		fallback.kind = NODE_MAPPING;
	return key->parse(loader, &fallback, key, target);
}

/* A key beside which nothing may stand. */
static int parse_alone(struct loader *loader, const struct node *node, const struct values *values,
		       const struct mapping_schema *schema, void *target)
{
	const struct key_schema *key = values->alone;
	const struct node *value = values->of[key - schema->keys];

	if (!value)
		return -EINVAL; /* reported: it was only meant */
	if (node->n > 1)
		return node_error(
			loader, value->key,
			"'%s' stands alone: {%s: %s}; what stands beside it belongs into %s "
			"of its own",
			key->name, key->name, value->kind == NODE_SCALAR ? value->text : "...",
			schema->what);
	return key->parse(loader, value, key, target);
}

int mapping_parse(struct loader *loader, const struct node *node,
		  const struct mapping_schema *schema, void *target)
{
	struct values values = { 0 };
	int r = 0;

	for (const struct node *value = node->first; value; value = value->next)
		r = worse(r, collect_value(loader, value, schema, &values));
	if (values.alone)
		return worse(r, parse_alone(loader, node, &values, schema, target));
	for (const struct key_schema *key = schema->keys; key->name && r != -ENOMEM; key++) {
		size_t i = (size_t)(key - schema->keys);

		if (values.of[i])
			r = worse(r, key->parse(loader, values.of[i], key, target));
		else if (key->fallback)
			r = worse(r, parse_fallback(loader, node, key, target));
		else if (key->required && !values.unsupported && !values.meant[i])
			r = worse(r, node_error(loader, node, "missing '%s' in %s; expected %s",
						key->name, schema->what, key->form));
	}
	return r;
}

bool is_quiet(const struct loader *loader)
{
	const struct diags *diags = loader->diags;

	return diags->n_errors > (diags->limit ? diags->limit : DIAGS_DEFAULT_LIMIT);
}

const char *name_suggest(struct loader *loader, const char *name, const struct name_index *index)
{
	if (!index->n || is_quiet(loader) || loader->n_suggested + index->n > SUGGESTION_BUDGET)
		return NULL;
	loader->n_suggested += index->n;
	return suggest(name, index->names);
}

/* allowed: slashes may be among the characters, or not. */
static int check_characters(struct loader *loader, const struct node *node, const char *one,
			    bool slashes)
{
	static const char allowed[] = "/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t good = strspn(node->text, slashes ? allowed : allowed + 1);
	struct node place = *node;

	if (!node->len)
		return node_error(loader, node, "%s names must not be empty", one);
	if (node->len >= NAME_LEN)
		return node_error(loader, node, "%s names have %d bytes at most; this one has %zu",
				  one, NAME_LEN - 1, node->len);
	if (good == node->len)
		return 0;
	if (node->plain && node->width == node->len) { /* point at the very character */
		place.offset += (uint32_t)good;
		place.width = 1;
		while (place.offset + place.width < node->offset + node->width &&
		       (node->text[good + place.width] & 0xc0) == 0x80)
			place.width++;
	}
	return node_error(loader, &place, "%s names have letters, digits, '.', '_'%s '-'%s only",
			  one, slashes ? "," : " and", slashes ? " and '/'" : "");
}

int name_check(struct loader *loader, const struct node *node, const char *one)
{
	return check_characters(loader, node, one, false);
}

int rule_name_check(struct loader *loader, const struct node *node)
{
	int r = check_characters(loader, node, "rule", true);

	if (!r &&
	    (node->text[0] == '/' || node->text[node->len - 1] == '/' || strstr(node->text, "//")))
		r = node_error(loader, node,
			       "in a rule's name, '/' stands between other characters");
	if (!r && !strncmp(node->text, PROTECT, strlen(PROTECT)))
		r = node_error(loader, node,
			       "names that begin with '" PROTECT "' are those of the rules that "
			       "'protect' makes; give this one another name");
	return r;
}

int name_resolve(struct loader *loader, const struct node *node, const char *name,
		 const struct name_index *index, const char *one, uint32_t *ret)
{
	long position = name_index_find(index, name);
	const char *nearest;

	if (position >= 0) {
		*ret = (uint32_t)position;
		return 0;
	}
	nearest = name_suggest(loader, name, index);
	if (nearest)
		return node_error(loader, node, "there is no %s '%.63s'; did you mean '%s'?", one,
				  name, nearest);
	return node_error(loader, node, "there is no %s '%.63s'", one, name);
}

/* The key that gave a name first; NULL if nobody reads that any more. */
static const struct node *key_of_name(struct loader *loader, const struct node *node,
				      const char *name)
{
	for (const struct node *value = node->first; value && !is_quiet(loader);
	     value = value->next)
		if (value->key->text == name)
			return value->key;
	return NULL;
}

int names_parse(struct loader *loader, const struct node *node, struct name_index *index,
		const char *one, const char *many, size_t limit, name_parser *each)
{
	int r = 0;

	for (const struct node *value = node->first; value && r != -ENOMEM; value = value->next) {
		const struct node *key = value->key;
		long position;

		if (key->kind != NODE_SCALAR) {
			r = -EINVAL;
			continue;
		}
		if (name_check(loader, key, one) < 0) {
			r = -EINVAL;
			continue;
		}
		position = name_index_find(index, key->text);
		if (position >= 0) {
			r = refuse_repeated(loader, key, one,
					    key_of_name(loader, node, index->names[position]));
			continue;
		}
		if (index->n == limit)
			return node_error(loader, key, "more than %zu %s", limit, many);
		if (name_index_add(index, key->text) < 0)
			return -ENOMEM;
		r = worse(r, each(loader, value));
	}
	return r;
}

const char *word_suggest(const struct loader *loader, const struct word *words, const char *text)
{
	const char *names[64];
	size_t n = 0;

	if (is_quiet(loader))
		return NULL;
	for (; words->name && n + 1 < ARRAY_SIZE(names); words++)
		names[n++] = words->name;
	names[n] = NULL;
	return suggest(text, names);
}

int word_parse(struct loader *loader, const struct node *node, const struct word *words,
	       const char *expected, uint32_t *ret)
{
	const struct word *word;
	const char *nearest;
	char buffer[64];
	int r;

	r = node_expect(loader, node, NODE_SCALAR, expected);
	if (r < 0)
		return r;
	word = word_find(words, node->text);
	if (word) {
		*ret = word->value;
		return 0;
	}
	nearest = word_suggest(loader, words, node->text);
	return node_error(loader, node,
			  nearest ? "expected %s, found %s; did you mean '%s'?"
				  : "expected %s, found %s",
			  expected, node_describe(node, buffer, sizeof(buffer)), nearest);
}
