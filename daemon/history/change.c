/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change.c: what changes the history. First the lists are on the disk, then the entry that names
 * them, whole; then old entries go, then lists that no entry names. A death between leaves what the
 * next open removes, and nothing that it could take for whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "files.h"
#include "history_internal.h"
#include "util.h"

/* So many prefixes of a set are a list file. */
#define LEAST_PREFIXES 1000

static const char title[] = "# xdpgate: a policy that was in force, see FILES in xdpgated(8)\n";

/* --- old ones go ------------------------------------------------------------------------- */

static const struct history_entry *last_reverted(const struct history *history)
{
	for (size_t i = history->n; i > 0; i--)
		if (history->items[i - 1].entry.state == HISTORY_REVERTED)
			return &history->items[i - 1].entry;
	return NULL;
}

static void remove_old(struct history *history)
{
	const struct history_entry *confirmed = history_last_confirmed(history);
	const struct history_entry *reverted = last_reverted(history);
	size_t n = 0, before = history->n;
	uint64_t confirmed_id = confirmed ? confirmed->id : 0;
	uint64_t reverted_id = reverted ? reverted->id : 0;

	for (size_t i = 0; i < before; i++) {
		struct record *record = &history->items[i];
		const struct history_entry *entry = &record->entry;

		if (i + HISTORY_KEPT >= before || entry->state == HISTORY_PENDING ||
		    entry->id == confirmed_id || entry->id == reverted_id) {
			history->items[n++] = *record;
			continue;
		}
		entry_remove(history, entry->id);
		record_done(record);
	}
	history->n = n;
	if (n < before)
		lists_collect(history);
}

/* --- a new one --------------------------------------------------------------------------- */

static char *clean_or(const char *text, const char *otherwise)
{
	return about_clean(text && *text ? text : otherwise);
}

static int set_origin(struct history_entry *entry, const struct history_origin *origin)
{
	bool has_why = origin->why && *origin->why;

	entry->when_usec = realtime_usec();
	entry->state = origin->state;
	entry->who = clean_or(origin->who, HISTORY_UNKNOWN);
	entry->why = has_why ? about_clean(origin->why) : NULL;
	return !entry->who || (has_why && !entry->why) ? -ENOMEM : 0;
}

/* The record, whose lists are stored, becomes an entry; it is taken if so. */
static int enter(struct history *history, struct record *record, const char *policy,
		 uint64_t *ret_id, struct diags *diags)
{
	char name[ID_TEXT];
	int r = 0;

	if (history->last_id == ID_MAX)
		return history_error(history, NULL, -EOVERFLOW, "give the policy a number", diags);
	if (array_reserve((void **)&history->items, &history->capacity, history->n + 1,
			  sizeof(*history->items)) < 0)
		return history_error(history, NULL, -ENOMEM, "keep the policy", diags);
	if (fsync(history->lists) < 0)
		r = history_error(history, LISTS, -errno, "write there", diags);
	record->entry.id = history->last_id + 1;
	id_text(record->entry.id, name);
	if (!r)
		r = entry_write(history, record, policy, diags);
	if (r < 0)
		return r;
	*ret_id = history->last_id = record->entry.id;
	/* Should this fail, the folder still says it. */
	stored_replace(history->folder, LAST, name, strlen(name));
	history->items[history->n++] = *record;
	*record = (struct record){ 0 };
	remove_old(history);
	return 0;
}

/* --- of a policy ------------------------------------------------------------------------- */

struct printing {
	const struct history *history;
	struct record *record;
	int error; /* of a list file */
};

static int remember_list(struct record *record, const struct stored_file *file)
{
	for (size_t i = 0; i < record->n_lists; i++)
		if (!memcmp(record->lists[i].digest, file->digest, sizeof(file->digest)))
			return 0;
	if (array_reserve((void **)&record->lists, &record->lists_capacity, record->n_lists + 1,
			  sizeof(*record->lists)) < 0)
		return -ENOMEM;
	record->lists[record->n_lists++] = *file;
	return 0;
}

static int store(void *context, const struct policy_list *list,
		 char ret_name[static POLICY_LIST_NAME])
{
	struct printing *printing = context;
	char hex[DIGEST_TEXT];
	struct stored_file file;
	int r = list_store(printing->history, list, &file);

	printing->error = r;
	if (!r)
		r = remember_list(printing->record, &file);
	if (r < 0)
		return r;
	hex_format(file.digest, sizeof(file.digest), hex);
	snprintf(ret_name, POLICY_LIST_NAME, "../" LISTS "/%s", hex);
	return 0;
}

/* The text of the policy file; caller frees. Its lists are stored. */
static int print(const struct history *history, const struct policy *policy, struct record *record,
		 char **ret, struct diags *diags)
{
	struct printing printing = { .history = history, .record = record };
	const struct policy_lists lists = { LEAST_PREFIXES, store, &printing };
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	int r = stream ? 0 : -ENOMEM;

	if (stream) {
		fputs(title, stream);
		r = policy_print_whole(policy, &lists, stream);
		if (fclose(stream) != 0 && !r)
			r = -ENOMEM;
	}
	if (r < 0)
		return history_error(history, printing.error ? LISTS : NULL, r, "keep the policy",
				     diags);
	if (size > CONFIG_MAX_FILE_BYTES) {
		diag_error(diags, NULL,
			   "the policy, with its groups and literal prefixes resolved, takes more "
			   "than the %lu MiB of a policy file, and cannot be kept for 'xdpgate "
			   "rollback'; give long lists of prefixes a name under 'sets'",
			   CONFIG_MAX_FILE_BYTES >> 20);
		return -EFBIG;
	}
	hash_bytes(text, size, record->policy.digest);
	record->policy.bytes = size;
	*ret = TAKE_PTR(text);
	return 0;
}

static void describe(const struct policy *policy, struct history_entry *entry)
{
	memcpy(entry->hash, policy->hash, sizeof(entry->hash));
	memcpy(entry->text_hash, policy->text_hash, sizeof(entry->text_hash));
	entry->n_rules = policy_count_rules(policy);
	entry->n_sets = policy_count_sets(policy);
	entry->n_prefixes = policy_count_prefixes(policy);
}

int history_add(struct history *history, const struct policy *policy,
		const struct history_origin *origin, uint64_t *ret_id, struct diags *diags)
{
	_cleanup_(record_done) struct record record = { 0 };
	_cleanup_free_ char *text = NULL;
	int r;

	describe(policy, &record.entry);
	if (set_origin(&record.entry, origin) < 0)
		return history_error(history, NULL, -ENOMEM, "keep the policy", diags);
	r = print(history, policy, &record, &text, diags);
	if (!r)
		r = enter(history, &record, text, ret_id, diags);
	if (r < 0)
		lists_collect(history);
	return r;
}

static int copy_record(const struct record *from, struct record *ret)
{
	struct record copy = { .policy = from->policy, .n_lists = from->n_lists };

	copy.entry = from->entry;
	copy.entry.again = from->entry.id;
	copy.entry.who = copy.entry.why = NULL;
	copy.lists = calloc(from->n_lists + 1, sizeof(*copy.lists));
	if (!copy.lists)
		return -ENOMEM;
	if (from->n_lists)
		memcpy(copy.lists, from->lists, from->n_lists * sizeof(*copy.lists));
	copy.lists_capacity = from->n_lists + 1;
	*ret = copy;
	return 0;
}

int history_refresh(struct history *history, uint64_t id, const struct policy *policy,
		    struct diags *diags)
{
	struct record *old = record_find(history, id);
	_cleanup_(record_done) struct record record = { 0 };
	_cleanup_free_ char *text = NULL;
	int r;

	if (!old)
		return record_missing(id, diags);
	r = copy_record(old, &record);
	record.n_lists = 0;
	record.entry.again = old->entry.again;
	record.entry.who = r < 0 ? NULL : strdup(old->entry.who);
	record.entry.why = r < 0 || !old->entry.why ? NULL : strdup(old->entry.why);
	if (r < 0 || !record.entry.who || (old->entry.why && !record.entry.why))
		return history_error(history, NULL, -ENOMEM, "keep the policy", diags);
	describe(policy, &record.entry);
	memcpy(record.entry.text_hash, old->entry.text_hash, sizeof(old->entry.text_hash));
	r = print(history, policy, &record, &text, diags);
	if (!r && fsync(history->lists) < 0)
		r = history_error(history, LISTS, -errno, "write there", diags);
	if (!r)
		r = entry_write(history, &record, text, diags);
	if (!r) {
		record_done(old);
		*old = record;
		record = (struct record){ 0 };
	}
	lists_collect(history);
	return r;
}

/* --- of an entry ------------------------------------------------------------------------- */

int history_repeat(struct history *history, uint64_t id, const struct history_origin *origin,
		   uint64_t *ret_id, struct diags *diags)
{
	_cleanup_(record_done) struct record record = { 0 };
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	const char *why;
	size_t len;
	int r = history_path(history, id, path, diags);

	if (r < 0)
		return r;
	if (copy_record(record_find(history, id), &record) < 0 ||
	    set_origin(&record.entry, origin) < 0)
		return history_error(history, NULL, -ENOMEM, "keep the policy", diags);
	r = stored_read(AT_FDCWD, path, CONFIG_MAX_FILE_BYTES, &text, &len, &why);
	if (!r && len != record.policy.bytes)
		r = -EBADMSG;
	if (r < 0)
		return history_error(history, NULL, r, "read the policy again", diags);
	return enter(history, &record, text, ret_id, diags);
}

int history_set_state(struct history *history, uint64_t id, enum history_state state,
		      struct diags *diags)
{
	struct record *record = record_find(history, id);
	_cleanup_free_ char *about = NULL;
	_cleanup_close_ int folder = -1;
	enum history_state before;
	char name[ID_TEXT];
	const char *why;
	int r = 0;

	if (!record)
		return record_missing(id, diags);
	before = record->entry.state;
	record->entry.state = state;
	about = about_format(record);
	folder = stored_open_folder(history->folder, id_text(id, name), &why);
	if (!about)
		r = -ENOMEM;
	else if (folder < 0)
		r = folder;
	else
		r = stored_replace(folder, ABOUT, about, strlen(about));
	if (r < 0) {
		record->entry.state = before;
		return history_error(history, name, r, "note what became of the policy", diags);
	}
	return 0;
}

uint64_t history_next_id(const struct history *history)
{
	return history->last_id + 1;
}

void history_skip(struct history *history, uint64_t id)
{
	if (id > history->last_id && id < ID_MAX)
		history->last_id = id;
}
