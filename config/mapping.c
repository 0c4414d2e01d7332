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

/* `dport:22` is one word to YAML. True, with an error reported, if that is what happened. */
static bool lacks_space(struct loader *loader, const struct node *value,
			const struct mapping_schema *schema)
{
	const char *text = value->key->text, *colon = strchr(text, ':');
	char name[NAME_LEN];

	if (!colon || !node_is_empty(value) || (size_t)(colon - text) >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
	if (!schema_find(schema, name))
		return false;
	node_error(loader, value->key, "a space is missing behind the colon; write '%s: %.40s'",
		   name, colon + 1);
	return true;
}

static int refuse_key(struct loader *loader, const struct node *value,
		      const struct mapping_schema *schema)
{
	const struct node *key = value->key;
	const struct key_schema *known;
	char buffer[256];

	if (!strcmp(key->text, "<<"))
		return node_error(loader, key, "merge keys are not supported; write the keys out");
	if (lacks_space(loader, value, schema))
		return -EINVAL;
	known = schema_suggest(schema, key->text);
	if (known)
		return node_error(loader, key, "unknown %s '%.63s'; did you mean '%s'?",
				  schema->noun, key->text, known->name);
	return node_error(loader, key, "unknown %s '%.63s' in %s; it may have: %s", schema->noun,
			  key->text, schema->what, join_keys(schema, buffer, sizeof(buffer)));
}

/* Sort the values of a mapping by the schema's keys. */
static int collect_values(struct loader *loader, const struct node *node,
			  const struct mapping_schema *schema, const struct node **values,
			  bool *ret_unsupported)
{
	int r = 0;

	for (const struct node *value = node->first; value; value = value->next) {
		const struct key_schema *key;

		if (value->key->kind != NODE_SCALAR) {
			r = -EINVAL; /* reported where the tree was made */
			continue;
		}
		key = schema_find(schema, value->key->text);
		if (!key) {
			r = refuse_key(loader, value, schema);
		} else if (!key->parse) {
			r = node_error(loader, value->key, "not supported yet: %s '%s' (%s)",
				       schema->noun, key->name, key->help);
			*ret_unsupported = true;
		} else if (values[key - schema->keys]) {
			struct place first = node_place(loader, values[key - schema->keys]->key);

			r = node_error(loader, value->key,
				       "%s '%s' is repeated; it is on line %u already",
				       schema->noun, key->name, first.line);
		} else {
			values[key - schema->keys] = value;
		}
	}
	return r;
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
	const struct node *values[MAX_SCHEMA_KEYS] = { NULL };
	bool unsupported = false;
	int r;

	r = collect_values(loader, node, schema, values, &unsupported);
	for (const struct key_schema *key = schema->keys; key->name && r != -ENOMEM; key++) {
		const struct node *value = values[key - schema->keys];

		if (value)
			r = worse(r, key->parse(loader, value, key, target));
		else if (key->fallback)
			r = worse(r, parse_fallback(loader, node, key, target));
		else if (key->required && !unsupported)
			r = worse(r, node_error(loader, node, "%s needs '%s': %s", schema->what,
						key->name, key->form));
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

int word_parse(struct loader *loader, const struct node *node, const struct word *words,
	       const char *expected, uint32_t *ret)
{
	const struct word *word;
	char buffer[64];
	int r;

	r = node_expect(loader, node, NODE_SCALAR, expected);
	if (r < 0)
		return r;
	word = word_find(words, node->text);
	if (!word)
		return node_error(loader, node, "expected %s, found %s", expected,
				  node_describe(node, buffer, sizeof(buffer)));
	*ret = word->value;
	return 0;
}
