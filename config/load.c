/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * load.c: from a file to a policy: read, make the tree, read the tree by the schema, check what
 * spans more than one place. And the settings of the top level.
 */
#include "loader.h"

#include <string.h>
#include <time.h>

#include "list_cache.h"
#include "util.h"

static const struct word fail_words[] = { { "open", 0 }, { "closed", 1 }, { NULL, 0 } };
static const struct word guard_words[] = {
	{ "all", GUARD_ALL }, { "trusted", GUARD_TRUSTED }, { "off", GUARD_OFF }, { NULL, 0 }
};
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

int parse_guard(struct loader *loader, const struct node *value, const struct key_schema *key,
		void *target)
{
	uint32_t level;
	int r = word_parse(loader, value, guard_words, key->form, &level);

	if (!r)
		loader->policy->guard = (enum guard_level)level;
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

static int load(struct loader *loader, const char *path, const char *text, size_t len)
{
	bool joined = false;
	int r = documents_read(loader, path, text, len, &joined);

	if (r == -ENOMEM || !joined)
		return r;
	r = worse(r, mapping_parse(loader, &loader->documents.root, &schema_policy_file,
				   loader->policy));
	if (r != -ENOMEM)
		r = policy_check(loader, r);
	if (!r)
		r = redirects_number(loader->policy);
	if (r < 0)
		return r;
	policy_note_expiries(loader->policy);
	sha256_digest(&loader->hash, sizeof(loader->policy->hash), loader->policy->hash);
	sha256_digest(&loader->text_hash, sizeof(loader->policy->text_hash),
		      loader->policy->text_hash);
	return 0;
}

static void loader_done(struct loader *loader)
{
	groups_done(loader); /* whose names are in the documents */
	documents_done(&loader->documents);
	name_index_done(&loader->set_names);
	name_index_done(&loader->interface_names);
	name_index_done(&loader->ruleset_names);
	free(loader->policy_names);
	free(loader->named_sets);
	protect_done(loader);
	policy_free(loader->policy);
}

int policy_load_text_with(const char *path, const char *text, size_t len,
			  const struct load_options *options, struct policy **ret,
			  struct diags *diags)
{
	_cleanup_(loader_done) struct loader loader = {
		.diags = diags,
		.cache = options->cache,
		.self = options->self,
		.again = options->cache && options->again,
		.accept_shrink = options->accept_shrink,
	};
	struct timespec now;
	int r;

	sha256_init(&loader.hash);
	sha256_init(&loader.text_hash);
	clock_gettime(CLOCK_REALTIME,
		      &now); /* not time(): its clock is behind, when a timer fires */
	loader.now = now.tv_sec;
	if (len > CONFIG_MAX_FILE_BYTES)
		return diag_error(diags, &(struct diag_place){ .file = path },
				  "larger than 16 MiB, the limit for a policy file; put long lists "
				  "of prefixes into list files");
	loader.policy = calloc(1, sizeof(*loader.policy));
	loader.named_sets = calloc(CONFIG_MAX_SETS, sizeof(*loader.named_sets));
	loader.policy_names = calloc(CONFIG_MAX_INTERFACES, sizeof(*loader.policy_names));
	if (!loader.policy || !loader.named_sets || !loader.policy_names)
		return -ENOMEM;
	r = load(&loader, path, text, len);
	diags_sort(diags);
	if (!r)
		*ret = TAKE_PTR(loader.policy);
	return r;
}

int policy_load_text(const char *path, const char *text, size_t len, struct policy **ret,
		     struct diags *diags)
{
	return policy_load_text_with(path, text, len, &(struct load_options){ 0 }, ret, diags);
}

int policy_file_read(const char *path, struct list_cache *cache, bool again, char **ret,
		     size_t *ret_len, const char **ret_why)
{
	const char *kept = again ? list_cache_find_text(cache, path, ret_len) : NULL;
	int r;

	if (kept) {
		*ret = malloc(*ret_len + 1);
		if (!*ret)
			return -ENOMEM;
		memcpy(*ret, kept, *ret_len);
		return 0;
	}
	r = file_read(path, CONFIG_MAX_FILE_BYTES, ret, ret_len, ret_why);
	return r < 0 || !cache || again ? r : list_cache_add_text(cache, path, *ret, *ret_len);
}

int policy_load_with(const char *path, const struct load_options *options, struct policy **ret,
		     struct diags *diags)
{
	_cleanup_free_ char *text = NULL;
	const char *why;
	size_t len;
	int r;

	if (options->cache)
		list_cache_begin(options->cache);
	r = policy_file_read(path, options->cache, options->cache && options->again, &text, &len,
			     &why);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return diag_error(diags, &(struct diag_place){ .file = path },
				  "cannot read the policy file: %s%s", why,
				  r == -ENOENT ? "; write one: see xdpgate.yaml(5), and "
						 "/usr/share/doc/xdpgate for examples"
					       : "");
	return policy_load_text_with(path, text, len, options, ret, diags);
}

int policy_load(const char *path, struct policy **ret, struct diags *diags)
{
	return policy_load_with(path, &(struct load_options){ 0 }, ret, diags);
}

int policy_load_cached(const char *path, struct list_cache *cache, struct policy **ret,
		       struct diags *diags)
{
	int r = policy_load_with(path, &(struct load_options){ .cache = cache }, ret, diags);

	list_cache_end(cache, r >= 0);
	return r;
}
