/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * include.c: `include:`, and what becomes of several files; see include.h.
 */
#include "include.h"

#include <limits.h>
#include <string.h>

#include "builtin.h"
#include "loader.h"
#include "util.h"

#define BUILTIN "builtin:"

/* --- reading one file -------------------------------------------------------------------- */

static void document_free(struct document *document)
{
	if (!document)
		return;
	tree_done(&document->tree);
	source_done(&document->source);
	free(document->identity);
	free(document);
}

static void document_freep(struct document **document)
{
	document_free(*document);
}

void documents_done(struct documents *documents)
{
	for (size_t i = 0; i < documents->n; i++)
		document_free(documents->items[i]);
	free(documents->items);
	*documents = (struct documents){ 0 };
}

const struct source *documents_source(const struct documents *documents, const char *file)
{
	size_t i = 0;

	while (documents->items[i]->source.path != file)
		i++;
	return &documents->items[i]->source;
}

static void hash_text(struct loader *loader, const char *text, size_t len)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, len, (const uint8_t *)text);
	sha256_digest(&hash, sizeof(digest), digest);
	file_hash(loader, digest);
	sha256_update(&loader->text_hash, sizeof(digest), digest);
}

/* "edge.yaml:3:10", or, of deeper ones, "host.yaml:1:10, included from edge.yaml:3:10". */
static char *chain_text(const struct node *at)
{
	struct diag_place place = source_place(at->source, at->offset, at->width);
	char *text;

	if (asprintf(&text, "%s:%u:%u%s%s", place.file, place.line, place.column,
		     place.included_from ? ", included from " : "",
		     place.included_from ? place.included_from : "") < 0)
		return NULL;
	return text;
}

/* The policy's list of files has it from here on, and owns the path. */
static int list_document(struct loader *loader, const struct document *document, char *path,
			 const struct node *at, struct source *source)
{
	struct policy *policy = loader->policy;
	struct policy_file *file;
	int r = file_add(loader, path);

	if (r < 0)
		return r;
	file = &policy->files[policy->n_files - 1];
	file->builtin = document->builtin;
	if (at) {
		file->included_from = chain_text(at);
		if (!file->included_from)
			return -ENOMEM;
	}
	source->included_from = file->included_from;
	source->builtin = file->builtin;
	return 0;
}

/* Text to tree. What is no YAML as a whole is left out, its errors are reported. */
static int parse_document(struct loader *loader, struct document *document, const char *text,
			  size_t len)
{
	struct documents *documents = &loader->documents;
	int r;

	hash_text(loader, text, len);
	r = source_init(&document->source, loader->policy->files[loader->policy->n_files - 1].path,
			text, len);
	if (!r)
		r = source_check(&document->source, loader->diags);
	if (r < 0)
		return r;
	document->tree.n_nodes = documents->n_nodes;
	r = tree_parse(&document->tree, &document->source, loader->diags);
	documents->n_nodes = document->tree.n_nodes;
	if (r != -ENOMEM && document->tree.complete && document->tree.root &&
	    !node_is_empty(document->tree.root))
		document->root = document->tree.root;
	return r;
}

static int read_includes(struct loader *loader, const struct document *document, size_t depth);
static int join(struct loader *loader, const struct document *document);

/* A file whose text is at hand, with all that it includes in front of it. Takes the path and the
 * identity. at: what includes it. */
static int add_document(struct loader *loader, char *path, char *identity,
			const struct document *template, const char *text, size_t len,
			const struct node *at, size_t depth)
{
	_cleanup_(document_freep) struct document *document = malloc(sizeof(*document));
	struct documents *documents = &loader->documents;
	const struct document *added;
	int r, joined;

	if (document)
		*document = *template;
	if (!document || !path || !identity ||
	    array_reserve((void **)&documents->items, &documents->capacity, documents->n + 1,
			  sizeof(struct document *)) < 0) {
		free(path);
		free(identity);
		return -ENOMEM;
	}
	document->identity = identity;
	r = list_document(loader, document, path, at, &document->source);
	if (r < 0)
		return r;
	added = document;
	documents->items[documents->n++] = document;
	r = parse_document(loader, TAKE_PTR(document), text, len);
	if (r == -ENOMEM || !added->root)
		return r;
	joined = node_expect(loader, added->root, NODE_MAPPING,
			     at ? "a mapping such as {sets: ..., groups: ..., policies: ...}"
				: "a mapping with 'interfaces' and 'policies'");
	if (!joined) {
		r = worse(r, read_includes(loader, added, depth));
		joined = r == -ENOMEM ? r : join(loader, added);
	}
	return worse(r, joined);
}

/* --- what is included -------------------------------------------------------------------- */

/* Names are relative to the folder of the file that has them. */
char *path_resolve(const struct node *name)
{
	const char *file = name->source->path, *slash = strrchr(file, '/');
	char *path = NULL;

	if (name->text[0] == '/' || !slash)
		return strdup(name->text);
	if (asprintf(&path, "%.*s/%s", (int)(slash - file), file, name->text) < 0)
		return NULL;
	return path;
}

static char *identity_of(const char *path)
{
	char *real = realpath(path, NULL);

	return real || errno == ENOMEM ? real : strdup(path);
}

/* "edge.yaml -> host.yaml -> edge.yaml", from first to the file of last and back. */
static int loop_text(struct text *text, const struct document *first, const struct document *last)
{
	int r = last == first ? 0 : loop_text(text, first, last->parent);

	return r < 0 ? r : text_add(text, "%s -> ", last->source.path);
}

static int refuse_loop(struct loader *loader, const struct node *item, const struct document *first,
		       const struct document *last)
{
	struct text text = { 0 };
	int r = loop_text(&text, first, last);

	if (!r)
		r = node_error(loader, item,
			       "files include each other in a loop: %s%s; leave one "
			       "of these includes out",
			       text.text, first->source.path);
	text_done(&text);
	return r;
}

/* 1: it is read already, which is enough. 0: it is new. -EINVAL: it includes the one that names
 * it. */
static int find_document(struct loader *loader, const struct node *item, const char *identity,
			 const struct document *parent)
{
	const struct documents *documents = &loader->documents;

	for (const struct document *up = parent; up; up = up->parent)
		if (!strcmp(up->identity, identity))
			return refuse_loop(loader, item, up, parent);
	for (size_t i = 0; i < documents->n; i++)
		if (!strcmp(documents->items[i]->identity, identity))
			return 1;
	return 0;
}

static int include_file(struct loader *loader, const struct node *item,
			const struct document *parent, size_t depth)
{
	_cleanup_free_ char *path = path_resolve(item), *text = NULL;
	_cleanup_free_ char *identity = path ? identity_of(path) : NULL;
	struct documents *documents = &loader->documents;
	const struct document template = { .parent = parent };
	const char *why;
	size_t len;
	int r;

	if (!path || !identity)
		return -ENOMEM;
	r = find_document(loader, item, identity, parent);
	if (r)
		return r < 0 ? r : 0;
	r = policy_file_read(path, loader->cache, loader->again, &text, &len, &why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return node_error(loader, item, "cannot read %s: %s", path, why);
	documents->n_bytes += len;
	if (documents->n_bytes > CONFIG_MAX_FILE_BYTES)
		return node_error(loader, item,
				  "with %s the policy is larger than 16 MiB; put long lists of "
				  "prefixes into list files",
				  path);
	return add_document(loader, TAKE_PTR(path), TAKE_PTR(identity), &template, text, len, item,
			    depth);
}

static int refuse_builtin(struct loader *loader, const struct node *item, const char *name)
{
	_cleanup_free_ char *names = builtin_names();
	_cleanup_free_ char *plain = strndup(name, strcspn(name, "@"));
	const struct builtin *newest = plain ? builtin_find(plain) : NULL;
	const char *nearest;

	if (!names || !plain)
		return -ENOMEM;
	if (newest)
		return node_error(
			loader, item,
			"this xdpgate has no 'builtin:%.63s'; its newest is 'builtin:%s@%u'", name,
			newest->name, newest->version);
	nearest = is_quiet(loader) ? NULL : builtin_suggest(plain);
	if (nearest)
		return node_error(loader, item,
				  "xdpgate has no part 'builtin:%.63s'; did you mean 'builtin:%s'?",
				  name, nearest);
	return node_error(loader, item, "xdpgate has no part 'builtin:%.63s'; there are: %s", name,
			  names);
}

/* Another version of a part that is there already would define the same names. */
static int refuse_version(struct loader *loader, const struct node *item,
			  const struct builtin *builtin)
{
	const struct documents *documents = &loader->documents;

	for (size_t i = 0; i < documents->n; i++) {
		const struct document *other = documents->items[i];

		if (other->builtin && other->builtin != builtin &&
		    !strcmp(other->builtin->name, builtin->name))
			return node_error(loader, item,
					  "%s is included already, from %s; take one version "
					  "everywhere",
					  other->source.path, other->source.included_from);
	}
	return 0;
}

static int include_builtin(struct loader *loader, const struct node *item,
			   const struct document *parent, size_t depth)
{
	const char *name = item->text + strlen(BUILTIN);
	const struct builtin *builtin = builtin_find(name);
	const struct document template = { .parent = parent, .builtin = builtin };
	_cleanup_free_ char *identity = NULL;
	char *path;
	int r;

	if (!builtin)
		return refuse_builtin(loader, item, name);
	if (asprintf(&identity, BUILTIN "%s@%u", builtin->name, builtin->version) < 0) {
		identity = NULL;
		return -ENOMEM;
	}
	r = find_document(loader, item, identity, parent);
	if (r)
		return r < 0 ? r : 0;
	r = refuse_version(loader, item, builtin);
	if (r < 0)
		return r;
	path = strdup(identity);
	return add_document(loader, path, TAKE_PTR(identity), &template, builtin->text,
			    strlen(builtin->text), item, depth);
}

static int include_item(struct loader *loader, const struct node *item,
			const struct document *parent, size_t depth)
{
	struct documents *documents = &loader->documents;
	int r;

	r = node_expect(loader, item, NODE_SCALAR, "the path of a policy file, or builtin:NAME");
	if (r < 0)
		return r;
	if (!item->len)
		return node_error(loader, item, "expected the path of a policy file, found ''");
	if (documents->n_includes == CONFIG_MAX_INCLUDES)
		return node_error(loader, item, "more than %d includes", CONFIG_MAX_INCLUDES);
	documents->n_includes++;
	if (depth == CONFIG_MAX_INCLUDE_DEPTH)
		return node_error(loader, item, "included too deeply; %d levels are the limit",
				  CONFIG_MAX_INCLUDE_DEPTH);
	if (!strncmp(item->text, BUILTIN, strlen(BUILTIN)))
		return include_builtin(loader, item, parent, depth + 1);
	return include_file(loader, item, parent, depth + 1);
}

static const struct node *find_key(const struct node *mapping, const char *name)
{
	for (const struct node *value = mapping->first; value; value = value->next)
		if (value->key->kind == NODE_SCALAR && !strcmp(value->key->text, name))
			return value;
	return NULL;
}

static int read_includes(struct loader *loader, const struct document *document, size_t depth)
{
	const struct node *value = find_key(document->root, "include");
	struct name_index seen = { 0 };
	int r = 0;

	if (!value)
		return 0;
	if (value->kind != NODE_LIST)
		return include_item(loader, value, document, depth);
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next) {
		if (item->kind == NODE_SCALAR && name_index_find(&seen, item->text) >= 0) {
			r = node_error(loader, item, "'%s' is named twice", item->text);
			continue;
		}
		if (item->kind == NODE_SCALAR && name_index_add(&seen, item->text) < 0)
			r = -ENOMEM;
		else
			r = worse(r, include_item(loader, item, document, depth));
		if (loader->documents.n_includes == CONFIG_MAX_INCLUDES && r < 0)
			break;
	}
	name_index_done(&seen);
	return r;
}

/* --- joining ----------------------------------------------------------------------------- */

static void append(struct node *parent, struct node *child)
{
	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->n++;
}

/* The children of one mapping or list go behind those of another. */
static void append_all(struct node *to, const struct node *from)
{
	if (!from->first)
		return;
	if (to->last)
		to->last->next = from->first;
	else
		to->first = from->first;
	to->last = from->last;
	to->n += from->n;
}

/* The same key in two files. */
static int join_value(struct loader *loader, struct node *to, const struct node *value)
{
	char here[64], there[64], where[PLACE_TEXT];
	struct place place;

	if (value->kind == to->kind && (value->kind == NODE_MAPPING || value->kind == NODE_LIST)) {
		append_all(to, value);
		return 0;
	}
	if (value->kind == NODE_BAD || to->kind == NODE_BAD)
		return -EINVAL;
	if (value->kind == to->kind)
		return refuse_repeated(loader, value->key, "key", to->key);
	place = node_place(loader, to->key);
	return node_error(loader, value->key, "'%s' is %s here, but %s %s; they cannot be joined",
			  value->key->text, node_describe(value, here, sizeof(here)),
			  node_describe(to, there, sizeof(there)),
			  place_text(&place, value, where, sizeof(where)));
}

/* What the file says joins what others said before. A key that is there twice in one file is
 * refused here, where that can still be told. */
static int join(struct loader *loader, const struct document *document)
{
	struct node *root = &loader->documents.root, *next;
	const struct node *seen[MAX_SCHEMA_KEYS] = { 0 };
	int r = 0;

	root->offset = document->root->offset;
	root->width = document->root->width;
	root->source = document->root->source;
	for (struct node *value = document->root->first; value; value = next) {
		const struct key_schema *key =
			value->key->kind == NODE_SCALAR
				? schema_find(&schema_policy_file, value->key->text)
				: NULL;
		size_t i = key ? (size_t)(key - schema_policy_file.keys) : 0;

		next = value->next;
		if (key && seen[i]) {
			r = refuse_repeated(loader, value->key, "key", seen[i]->key);
			continue;
		}
		if (key)
			seen[i] = value;
		if (!key || !loader->joined[i])
			append(root, value);
		else if (key->parse != parse_include)
			r = worse(r, join_value(loader, loader->joined[i], value));
		if (key && !loader->joined[i])
			loader->joined[i] = value;
	}
	return r;
}

int documents_read(struct loader *loader, const char *path, const char *text, size_t len,
		   bool *ret_joined)
{
	const struct document template = { 0 };
	struct documents *documents = &loader->documents;
	const struct document *main;
	int r;

	documents->n_bytes = len;
	documents->root.kind = NODE_MAPPING;
	r = add_document(loader, strdup(path), identity_of(path), &template, text, len, NULL, 0);
	if (r == -ENOMEM)
		return r;
	main = documents->items[0];
	*ret_joined = main->root && main->root->kind == NODE_MAPPING;
	if (!r && !main->root)
		return diag_error(loader->diags, &(struct diag_place){ .file = main->source.path },
				  "the file is empty; a policy needs at least 'interfaces' and "
				  "'policies'");
	return r;
}

/* Its work was done before any other key was read. */
int parse_include(struct loader *loader, const struct node *value, const struct key_schema *key,
		  void *target)
{
	return 0;
}
