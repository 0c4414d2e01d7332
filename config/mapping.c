/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mapping.c: what all mappings of the policy language have in common: known keys by schema,
 * names that the user chose, and good answers to wrong ones.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define SUGGESTION_BUDGET 50000 /* candidates compared for one policy */

static struct diag_place place_of(const struct loader *loader, const struct node *node)
{
	return source_place(&loader->source, node->offset, node->width);
}

int node_error(struct loader *loader, const struct node *node, const char *format, ...)
{
	struct diag_place place = place_of(loader, node);
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(loader->diags, SEVERITY_ERROR, &place, format, args);
	va_end(args);
	return r;
}

int node_warning(struct loader *loader, const struct node *node, const char *format, ...)
{
	struct diag_place place = place_of(loader, node);
	va_list args;
	int r;

	va_start(args, format);
	r = diag_addv(loader->diags, SEVERITY_WARNING, &place, format, args);
	va_end(args);
	return r;
}

struct place node_place(const struct loader *loader, const struct node *node)
{
	struct diag_place place = place_of(loader, node);

	return (struct place){ place.file, place.line, place.column };
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

/* The values of a mapping, by the schema's keys. */
struct values {
	const struct node *of[MAX_SCHEMA_KEYS];
	bool meant[MAX_SCHEMA_KEYS]; /* a wrong key stood for it: it is not missing */
	bool unsupported;            /* there is a key that comes later: nothing is missing */
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
		return r;
	}
	if (!key->parse) {
		values->unsupported = true;
		return node_error(loader, value->key, "not supported yet: %s '%s' (%s)",
				  schema->noun, key->name, key->help);
	}
	slot = &values->of[key - schema->keys];
	if (*slot)
		return node_error(loader, value->key,
				  "%s '%s' is repeated; it is on line %u already", schema->noun,
				  key->name, node_place(loader, (*slot)->key).line);
	*slot = value;
	return 0;
}

static int parse_fallback(struct loader *loader, const struct node *node,
			  const struct key_schema *key, void *target)
{
	struct node fallback = { .kind = NODE_SCALAR,
				 .offset = node->offset,
				 .width = 1,
				 .text = key->fallback,
				 .len = strlen(key->fallback) };

	if (!strcmp(key->fallback, "{}"))
		fallback.kind = NODE_MAPPING;
	return key->parse(loader, &fallback, key, target);
}

int mapping_parse(struct loader *loader, const struct node *node,
		  const struct mapping_schema *schema, void *target)
{
	struct values values = { 0 };
	int r = 0;

	for (const struct node *value = node->first; value; value = value->next)
		r = worse(r, collect_value(loader, value, schema, &values));
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

int name_check(struct loader *loader, const struct node *node, const char *one)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._-";
	size_t good = strspn(node->text, allowed);
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
	return node_error(loader, &place, "%s names have letters, digits, '.', '_' and '-' only",
			  one);
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

/* The line of the key that gave a name first. */
static unsigned int line_of_name(struct loader *loader, const struct node *node, const char *name)
{
	for (const struct node *value = node->first; value && !is_quiet(loader);
	     value = value->next)
		if (value->key->text == name)
			return node_place(loader, value->key).line;
	return 0;
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
			r = node_error(loader, key, "%s '%s' is repeated; it is on line %u already",
				       one, key->text,
				       line_of_name(loader, node, index->names[position]));
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
