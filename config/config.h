/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h: from a policy file to a policy. All errors of all files are found in one go and
 * reported with their place; nothing is printed.
 */
#pragma once

#include "diag.h"
#include "policy.h"

/* Limits on what a file may make us do. Past one: an error that names it. */
#define CONFIG_MAX_FILE_BYTES (16UL << 20)  /* of a policy file and all that it includes */
#define CONFIG_MAX_LIST_BYTES (512UL << 20) /* of a list file */
#define CONFIG_MAX_DEPTH 32                 /* nesting of YAML collections */
#define CONFIG_MAX_INCLUDE_DEPTH 8          /* files that include files … */
#define CONFIG_MAX_INCLUDES 256             /* in all files */
#define CONFIG_MAX_PREFIXES 4000000UL       /* of all sets together */
#define CONFIG_MAX_SETS 4096
#define CONFIG_MAX_NESTED_SETS 32    /* each within the one before */
#define CONFIG_MAX_COPIED 40000000UL /* elements of sets that others name, each time */
#define CONFIG_MAX_GLOB 4096         /* list files of one pattern */
#define CONFIG_MAX_GROUPS 1024
#define CONFIG_MAX_INTERFACES MAX_INTERFACES
#define CONFIG_MAX_RANGES 4096          /* of one condition, of one set of ports */
#define CONFIG_MAX_ALL_RANGES 4000000UL /* of all conditions together */
#define CONFIG_MAX_MACS 16384           /* of all conditions together, of one set */
#define CONFIG_MAX_TESTS 1024

/* Of live sets: in entries, in seconds; without `max-width`; users that may change one, and bytes of
 * their names; prefixes that all of them together except. */
#define CONFIG_LIVE_SIZE 64000
#define CONFIG_MAX_LIVE_SIZE 4000000
#define CONFIG_MAX_LIVE_TIMEOUT (10U * 365 * 86400)
#define CONFIG_LIVE_WIDTH_V4 8
#define CONFIG_LIVE_WIDTH_V6 16
#define CONFIG_MAX_WRITERS 32
#define CONFIG_MAX_USER_NAME 31
#define CONFIG_MAX_LIVE_EXCEPTIONS 65536

/*
 * policy_load() - read the policy file at path and every list file it names (relative names
 * are relative to the file that names them).
 * Returns 0 with *ret owned by the caller (policy_free()); diags may then hold warnings.
 * -EINVAL: diags holds at least one error. -ENOMEM. *ret is untouched on failure.
 */
int policy_load(const char *path, struct policy **ret, struct diags *diags);

/* The same from memory; path is what diagnostics call it and what relative names start
 * from. text need not end in NUL. */
int policy_load_text(const char *path, const char *text, size_t len, struct policy **ret,
		     struct diags *diags);

/*
 * policy_print() - the policy as a policy file: sets resolved, every value whole, every default
 * said, no comments. It loads to the same tables, unless it is larger than a policy file may be.
 * 0 or -ENOMEM; whether the stream took it is the caller's to see.
 */
int policy_print(const struct policy *policy, FILE *stream);

/* Prefixes in ascending order, none of them within another. */
struct policy_list {
	struct prefix_v4 *v4;
	size_t n_v4;
	struct prefix_v6 *v6;
	size_t n_v6;
};

/* Store the list as a list file: one prefix a line. Its name, as the policy file is to have it, goes to
 * ret_name. 0, or a negative errno, which ends the printing. */
#define POLICY_LIST_NAME 128
typedef int policy_list_sink(void *context, const struct policy_list *list,
			     char ret_name[static POLICY_LIST_NAME]);

/* Where long lists of a policy go that is printed. */
struct policy_lists {
	size_t least; /* of so many prefixes, or more */
	policy_list_sink *sink;
	void *context;
};

/*
 * policy_print_whole() - as policy_print(), to be kept and loaded at another time: what sets with
 * names hold goes to list files, if it is long, which load faster than YAML and have no limit of
 * their own; comments and tags are there; and what is made from `$self` is so again. Where the local
 * addresses are the same, it loads to the same tables. It depends on no file but on those of lists.
 */
int policy_print_whole(const struct policy *policy, const struct policy_lists *lists, FILE *stream);

/*
 * What the files held, kept from one load to the next: list files that have not changed are then
 * neither read nor parsed again. The policy is the same, its hash too.
 */
struct list_cache;
struct list_cache *list_cache_new(void);                      /* NULL: out of memory */
struct list_cache *list_cache_free(struct list_cache *cache); /* NULL is fine; returns NULL */

/* As policy_load(). When it succeeds, the cache holds the lists of this policy and no others; when
 * it fails, those of before. */
int policy_load_cached(const char *path, struct list_cache *cache, struct policy **ret,
		       struct diags *diags);

/*
 * Copies of the list files of sets that say `keep: true`, in a folder that is theirs alone: one
 * stands for its file, with a warning, when that is missing or refused. policy.files tells of which
 * files that is so. Without a folder there are no copies.
 */
int list_cache_set_copies(struct list_cache *cache, const char *folder); /* 0 or -ENOMEM */
/* The policy, which was just loaded by this cache, is in force: write the copies that it asks for,
 * remove others. What fails is a warning. */
void list_cache_keep(struct list_cache *cache, const struct policy *policy, struct diags *diags);

/* Of the files that were read for the last policy: it is in force (then they and no others are
 * kept), or it is not (then those of before). */
void list_cache_end(struct list_cache *cache, bool in_force);

struct load_options {
	struct list_cache *cache; /* NULL: none; else list_cache_end() is to follow */
	/* What `$self` holds; NULL: nothing. */
	const struct local_addresses *self;
	/* With a cache: make the policy again whose files it has, as they were then, whatever they
	 * hold now. Nothing is read, but for list files that it cannot keep (see list_cache.h) and
	 * copies that stand for one. */
	bool again;
	/* With a cache: list files may have lost what they like; see list_guard.max_shrink. */
	bool accept_shrink;
};

/* As policy_load_text(), as policy_load_with(). */
int policy_load_text_with(const char *path, const char *text, size_t len,
			  const struct load_options *options, struct policy **ret,
			  struct diags *diags);
/* As policy_load(). */
int policy_load_with(const char *path, const struct load_options *options, struct policy **ret,
		     struct diags *diags);

/*
 * List files that have changed while the policy is in force, one by one: list_cache_refresh() takes
 * what the file holds now if the guard lets it. When all have been looked at, policy_load_with()
 * with `again` makes the policy of it, and list_cache_end() says what becomes of it.
 */
struct list_change {
	size_t before, after; /* prefixes */
	bool known;           /* the policy in force knows the file */
	uint64_t stamp; /* before: of the state of the file that was refused; after: of what it is
			 * in now; 0: none */
};

void list_cache_refresh_begin(struct list_cache *cache);
/* 1: it holds something else than before; 0: it does not; -EINVAL: it is refused, for the reason in
 * diags: what it held before stays; -EALREADY: it was, and is what it was then; -ENOMEM. */
int list_cache_refresh(struct list_cache *cache, const char *path, const struct list_guard *guard,
		       struct list_change *ret, struct diags *diags);

/* Paths of files. */
struct paths {
	char **items;
	size_t n, capacity;
};

void paths_done(struct paths *paths);
/* The list files that match the pattern now, in order of name; without a folder there are none.
 * 0, -EINVAL, reported, or -ENOMEM. */
int list_pattern_expand(const char *pattern, struct paths *ret, struct diags *diags);
/* The pattern stands for these, too: to be called after list_cache_refresh() has taken them. 0 or
 * -ENOMEM. */
int list_cache_refresh_pattern(struct list_cache *cache, const char *pattern, const char *path);
/* Of a list file of the policy in force: how many prefixes it has, and when it was written
 * (CLOCK_REALTIME). False: it is not known. */
bool list_cache_tell(const struct list_cache *cache, const char *path, size_t *ret_prefixes,
		     uint64_t *ret_usec);

struct list_cache_stats {
	/* of the last load, in files: */
	size_t n_unchanged; /* not read */
	size_t n_hashed;    /* read and found to hold the same */
	size_t n_read;      /* read and parsed */
	/* now: */
	size_t n_entries, bytes;
};

void list_cache_get_stats(const struct list_cache *cache, struct list_cache_stats *ret);
