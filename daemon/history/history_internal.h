/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * history_internal.h: what the parts of the history share. In STATE_DIR/history are
 *
 *   N/policy.yaml, N/about  an entry: the policy, and all else that is known of it
 *   lists/SHA256            list files of the policies, by what they hold
 *   last                    the greatest number so far, should its folder be removed by hand
 *   boot                    the boot that history_booted() was said in
 *   new, gone, *.new        half written, half removed: of no meaning to anybody
 *
 * history.c opens and finds, change.c adds, changes and removes; entries.c reads and writes one entry,
 * about_text.c the text of `about`; stored_lists.c has the list files, boot.c the boots;
 * stored_files.c is how all of them treat files.
 */
#pragma once

#include <nettle/sha2.h>
#include <sys/stat.h>

#include "history.h"

#define DIGEST_TEXT (2 * SHA256_DIGEST_SIZE + 1)
#define ID_TEXT 24
#define ID_MAX UINT64_C(999999999999999999)
#define ABOUT "about"
#define POLICY "policy.yaml"
#define NEW "new"
#define GONE "gone"
#define LISTS "lists"
#define LAST "last"
#define ABOUT_MAX_BYTES (1UL << 20)

/* A file, by what it holds. */
struct stored_file {
	uint8_t digest[SHA256_DIGEST_SIZE];
	uint64_t bytes;
};

/* An entry, and what is kept of it. */
struct record {
	struct history_entry entry;
	struct stored_file policy;
	struct stored_file *lists; /* each once */
	size_t n_lists, lists_capacity;
};

struct history {
	char *path;           /* STATE_DIR/history */
	int folder, lists;    /* the former is locked */
	struct record *items; /* by number */
	size_t n, capacity;
	uint64_t last_id; /* the greatest that a folder has, damaged or not; 0: none has */
	bool has_unknown; /* there are entries that could not be read: their lists are unknown */
	char boot_id[64]; /* of the machine now; "": nobody knows */
	bool booted;      /* history_booted() was said since */
};

void record_done(struct record *record);

/* --- history.c --- */

struct record *record_find(const struct history *history, uint64_t id);
/* -ENOENT, reported. */
int record_missing(uint64_t id, struct diags *diags);

/* Something in the history failed: report it, with the remedy. name: within the folder of the
 * history, or NULL. Returns r. */
int history_error(const struct history *history, const char *name, int r, const char *what,
		  struct diags *diags);

/* --- about_text.c --- */

/* Caller frees; NULL: out of memory. */
char *about_format(const struct record *record);
/* The text of `about` of an entry, whose lines are cut. 0 with the record, but for its number, owned
 * by the caller; -EBADMSG; -EPROTONOSUPPORT: of a newer xdpgate; -ENOMEM. */
int about_parse(char *text, size_t len, struct record *ret);
/* A text as it is kept. Caller frees; NULL: out of memory. */
char *about_clean(const char *text);

/* --- stored_files.c --- */

/* Open what must be a file that none but us could have written. most: bytes. -errno, and why in
 * *ret_why, a constant string. */
int stored_open(int folder, const char *name, uint64_t most, struct stat *ret,
		const char **ret_why);
/* The same of a folder. */
int stored_open_folder(int folder, const char *name, const char **ret_why);
/* The whole file, with a NUL behind it; caller frees. As stored_open(). */
int stored_read(int folder, const char *name, uint64_t most, char **ret, size_t *ret_len,
		const char **ret_why);
/* 0: the file holds just that; whole is false: as far as its size tells. -EBADMSG or another negative
 * errno, and why. */
int stored_verify(int folder, const char *name, const struct stored_file *file, bool whole,
		  const char **ret_why);
/* A new file, on the disk. 0 or negative errno. */
int stored_write(int folder, const char *name, const void *bytes, size_t n);
/* A file of this name with this content instead of any other, on the disk with its name. */
int stored_replace(int folder, const char *name, const void *bytes, size_t n);
/* A file, or a folder of files, if it is there. */
void stored_remove(int folder, const char *name);
void hash_bytes(const void *bytes, size_t n, uint8_t ret[static SHA256_DIGEST_SIZE]);

/* --- entries.c --- */

const char *id_text(uint64_t id, char ret[static ID_TEXT]);
/* 0: this is no number of an entry. */
uint64_t id_parse(const char *text);
/* All entries of the folder, and away with what is half done. 0 or negative errno, reported. */
int entries_read(struct history *history, struct diags *diags);
/* The entry's files are what they were: 0, or -EBADMSG or another negative errno, reported. */
int entry_verify(const struct history *history, const struct record *record, struct diags *diags);
/* A folder of the record's number with these files, on the disk. 0 or negative errno, reported: then
 * there is none. */
int entry_write(const struct history *history, const struct record *record, const char *policy,
		struct diags *diags);
void entry_remove(const struct history *history, uint64_t id);

/* --- stored_lists.c --- */

struct policy_list;
/* The list is on the disk, but for its name in the folder; and in *ret. 0 or negative errno. */
int list_store(const struct history *history, const struct policy_list *list,
	       struct stored_file *ret);
/* Remove those that no entry names. */
void lists_collect(const struct history *history);

/* --- boot.c --- */

void boot_read(struct history *history);
