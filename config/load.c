/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * load.c: from a file to a policy: read, make the tree, read the tree by the schema, check what
 * spans more than one place. And the settings of the top level.
 */
#include "loader.h"

#include <string.h>

#include "list_cache.h"
#include "util.h"

static const struct word fail_words[] = { { "open", 0 }, { "closed", 1 }, { NULL, 0 } };
static const struct word fate_words[] = {
	{ "match", VERDICT_NONE }, { "drop", VERDICT_DROP }, { "pass", VERDICT_PASS }, { NULL, 0 }
};

int parse_fail(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	uint32_t closed;
	int r = word_parse(loader, value, fail_words, key->form, &closed);

	if (!r)
		loader->policy->fail_closed = closed;
	return r;
}

int parse_fate_mapping(struct loader *loader, const struct node *value,
		       const struct key_schema *key, void *target)
{
	int r = node_expect(loader, value, NODE_MAPPING, key->form);

	return r < 0 ? r : mapping_parse(loader, value, &schema_fate, loader->policy);
}

/* target is the policy, key->arg the offset of the member. */
int parse_fate_or_match(struct loader *loader, const struct node *value,
			const struct key_schema *key, void *target)
{
	uint32_t verdict;
	int r = word_parse(loader, value, fate_words, key->form, &verdict);

	if (!r)
		*(enum verdict *)((char *)target + key->arg) = (enum verdict)verdict;
	return r;
}

int parse_fate(struct loader *loader, const struct node *value, const struct key_schema *key,
	       void *target)
{
	uint32_t verdict;
	int r = word_parse(loader, value, fate_words + 1, key->form, &verdict);

	if (!r)
		*(enum verdict *)((char *)target + key->arg) = (enum verdict)verdict;
	return r;
}

int file_add(struct loader *loader, char *path)
{
	struct policy *policy = loader->policy;

	if (array_reserve((void **)&policy->files, &loader->files_capacity, policy->n_files + 1,
			  sizeof(*policy->files)) < 0) {
		free(path);
		return -ENOMEM;
	}
	policy->files[policy->n_files++] = (struct policy_file){ .path = path };
	return 0;
}

void file_hash(struct loader *loader, const uint8_t *digest)
{
	sha256_update(&loader->hash, SHA256_DIGEST_SIZE, digest);
}

static void hash_text(struct loader *loader, const char *text, size_t len)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, len, (const uint8_t *)text);
	sha256_digest(&hash, sizeof(digest), digest);
	file_hash(loader, digest);
}

static int parse_document(struct loader *loader)
{
	const struct node *root = loader->tree.root;
	struct diag_place place = { .file = loader->source.path };
	int r;

	if (!root || node_is_empty(root))
		return diag_error(loader->diags, &place,
				  "the file is empty; a policy needs at least 'interfaces' and "
				  "'policies'");
	r = node_expect(loader, root, NODE_MAPPING, "a mapping with 'interfaces' and 'policies'");
	if (r < 0)
		return r;
	return mapping_parse(loader, root, &schema_policy_file, loader->policy);
}

static int load(struct loader *loader, const char *text, size_t len)
{
	int r;

	hash_text(loader, text, len);
	r = source_init(&loader->source, loader->policy->files[0].path, text, len);
	if (r < 0)
		return r;
	r = source_check(&loader->source, loader->diags);
	if (r < 0)
		return r;
	r = tree_parse(&loader->tree, &loader->source, loader->diags);
	if (r < 0 && !loader->tree.complete)
		return r;
	r = worse(r, parse_document(loader));
	if (r != -ENOMEM)
		r = policy_check(loader, r);
	if (!r)
		r = redirects_number(loader->policy);
	if (r < 0)
		return r;
	sha256_digest(&loader->hash, sizeof(loader->policy->hash), loader->policy->hash);
	return 0;
}

static void loader_done(struct loader *loader)
{
	tree_done(&loader->tree);
	source_done(&loader->source);
	name_index_done(&loader->set_names);
	name_index_done(&loader->interface_names);
	name_index_done(&loader->ruleset_names);
	free(loader->policy_names);
	free(loader->named_sets);
	policy_free(loader->policy);
}

static int load_text(const char *path, const char *text, size_t len, struct list_cache *cache,
		     struct policy **ret, struct diags *diags)
{
	_cleanup_(loader_done) struct loader loader = { .diags = diags, .cache = cache };
	char *copy;
	int r;

	sha256_init(&loader.hash);
	if (len > CONFIG_MAX_FILE_BYTES)
		return diag_error(diags, &(struct diag_place){ .file = path },
				  "larger than 16 MiB, the limit for a policy file; put long lists "
				  "of prefixes into list files");
	loader.policy = calloc(1, sizeof(*loader.policy));
	loader.named_sets = calloc(CONFIG_MAX_SETS, sizeof(*loader.named_sets));
	loader.policy_names = calloc(CONFIG_MAX_INTERFACES, sizeof(*loader.policy_names));
	copy = strdup(path);
	if (!copy || !loader.policy || !loader.named_sets || !loader.policy_names) {
		free(copy);
		return -ENOMEM;
	}
	r = file_add(&loader, copy);
	if (!r)
		r = load(&loader, text, len);
	diags_sort(diags);
	if (!r)
		*ret = TAKE_PTR(loader.policy);
	return r;
}

int policy_load_text(const char *path, const char *text, size_t len, struct policy **ret,
		     struct diags *diags)
{
	return load_text(path, text, len, NULL, ret, diags);
}

static int load_file(const char *path, struct list_cache *cache, struct policy **ret,
		     struct diags *diags)
{
	_cleanup_free_ char *text = NULL;
	const char *why;
	size_t len;
	int r;

	r = file_read(path, CONFIG_MAX_FILE_BYTES, &text, &len, &why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return diag_error(diags, &(struct diag_place){ .file = path },
				  "cannot read the policy file: %s%s", why,
				  r == -ENOENT ? "; write one: see xdpgate.yaml(5), and "
						 "/usr/share/doc/xdpgate for examples"
					       : "");
	return load_text(path, text, len, cache, ret, diags);
}

int policy_load(const char *path, struct policy **ret, struct diags *diags)
{
	return load_file(path, NULL, ret, diags);
}

int policy_load_cached(const char *path, struct list_cache *cache, struct policy **ret,
		       struct diags *diags)
{
	int r;

	list_cache_begin(cache);
	r = load_file(path, cache, ret, diags);
	list_cache_end(cache, r >= 0);
	return r;
}
