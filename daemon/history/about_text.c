/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * about_text.c: what is known of an entry, as text: a line for each fact, `key value`, in this
 * order, and at the end a checksum of all before. Another number in the first line is another
 * format.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "history_internal.h"
#include "utf8.h"
#include "util.h"

#define TITLE "xdpgate-history "
#define VERSION 1
#define MAX_LISTS 4096 /* as many as there may be sets */

static const char *const states[] = {
	[HISTORY_CONFIRMED] = "confirmed",
	[HISTORY_PENDING] = "pending",
	[HISTORY_REVERTED] = "reverted",
};

const char *history_state_name(enum history_state state)
{
	return (size_t)state < ARRAY_SIZE(states) ? states[state] : NULL;
}

void record_done(struct record *record)
{
	free(record->entry.who);
	free(record->entry.why);
	free(record->lists);
	*record = (struct record){ 0 };
}

/* --- who and why ------------------------------------------------------------------------- */

/* Control characters, and those that end a line or turn the direction of writing, for whoever shows
 * the text on a terminal. */
static bool is_harmless(const unsigned char *p, size_t n)
{
	if (n == 1)
		return p[0] >= ' ' && p[0] != 0x7f;
	if (n == 2)
		return p[0] != 0xc2 || p[1] >= 0xa0;
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x80) /* U+2028 to U+202E; U+200E, U+200F */
		return !(p[2] >= 0xa8 && p[2] <= 0xae) && p[2] != 0x8e && p[2] != 0x8f;
	if (n == 3 && p[0] == 0xe2 && p[1] == 0x81) /* U+2066 to U+2069 */
		return !(p[2] >= 0xa6 && p[2] <= 0xa9);
	return true;
}

char *about_clean(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text), n = 0;
	char *clean = malloc(HISTORY_TEXT + 1);

	while (clean && left) {
		size_t len = utf8_sequence(p, left), step = len ? len : 1;
		bool fine = len && is_harmless(p, len);

		if (n + (fine ? len : 1) > HISTORY_TEXT)
			break;
		if (fine)
			memcpy(clean + n, p, len);
		else
			clean[n] = '?';
		n += fine ? len : 1;
		p += step;
		left -= step;
	}
	if (clean)
		clean[n] = '\0';
	return clean;
}

/* --- writing ----------------------------------------------------------------------------- */

static void put_digest(FILE *stream, const char *key, const uint8_t *digest)
{
	char hex[DIGEST_TEXT];

	hex_format(digest, SHA256_DIGEST_SIZE, hex);
	fprintf(stream, "%s %s", key, hex);
}

static void put_file(FILE *stream, const char *key, const struct stored_file *file)
{
	put_digest(stream, key, file->digest);
	fprintf(stream, " %" PRIu64 "\n", file->bytes);
}

char *about_format(const struct record *record)
{
	const struct history_entry *entry = &record->entry;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char hex[DIGEST_TEXT], *text = NULL, *whole = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	fprintf(stream, TITLE "%d\nstate %s\nwhen %" PRIu64 "\n", VERSION, states[entry->state],
		entry->when_usec);
	put_digest(stream, "hash", entry->hash);
	put_digest(stream, "\ntext", entry->text_hash);
	fprintf(stream, "\nrules %" PRIu64 "\nsets %" PRIu64 "\nprefixes %" PRIu64 "\n",
		entry->n_rules, entry->n_sets, entry->n_prefixes);
	fprintf(stream, "who %s\n", entry->who);
	if (entry->why)
		fprintf(stream, "why %s\n", entry->why);
	if (entry->again)
		fprintf(stream, "again %" PRIu64 "\n", entry->again);
	put_file(stream, "policy", &record->policy);
	for (size_t i = 0; i < record->n_lists; i++)
		put_file(stream, "list", &record->lists[i]);
	if (fclose(stream) == 0) {
		hash_bytes(text, size, digest);
		hex_format(digest, sizeof(digest), hex);
		if (asprintf(&whole, "%ssum %s\n", text, hex) < 0)
			whole = NULL;
	}
	free(text);
	return whole;
}

/* --- reading ----------------------------------------------------------------------------- */

/* The value of the line at *p, if its key is this one: it ends in NUL then, and *p is behind it. */
static char *take(char **p, const char *key)
{
	size_t n = strlen(key);
	char *value = *p + n + 1, *end;

	if (strncmp(*p, key, n) != 0 || (*p)[n] != ' ')
		return NULL;
	end = strchr(value, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	*p = end + 1;
	return value;
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

static bool take_number(char **p, const char *key, uint64_t *ret)
{
	return parse_number(take(p, key), ret);
}

static bool take_digest(char **p, const char *key, uint8_t *ret)
{
	char *value = take(p, key);

	return value && strlen(value) == DIGEST_TEXT - 1 &&
	       hex_parse(value, SHA256_DIGEST_SIZE, ret);
}

static bool take_file(char **p, const char *key, struct stored_file *ret)
{
	char *value = take(p, key);

	return value && strlen(value) > DIGEST_TEXT && value[DIGEST_TEXT - 1] == ' ' &&
	       hex_parse(value, SHA256_DIGEST_SIZE, ret->digest) &&
	       parse_number(value + DIGEST_TEXT, &ret->bytes);
}

static bool take_state(char **p, enum history_state *ret)
{
	char *value = take(p, "state");

	for (size_t i = 0; value && i < ARRAY_SIZE(states); i++)
		if (!strcmp(value, states[i])) {
			*ret = (enum history_state)i;
			return true;
		}
	return false;
}

/* The last line is the checksum of the others; it goes. */
static bool check_sum(char *text, size_t len)
{
	static const size_t line = sizeof("sum ") - 1 + DIGEST_TEXT;
	uint8_t digest[SHA256_DIGEST_SIZE], said[SHA256_DIGEST_SIZE];
	char *sum;

	if (len < line)
		return false;
	sum = text + len - line;
	if (strncmp(sum, "sum ", 4) != 0 || text[len - 1] != '\n' ||
	    !hex_parse(sum + 4, sizeof(said), said))
		return false;
	hash_bytes(text, len - line, digest);
	*sum = '\0';
	return !memcmp(digest, said, sizeof(digest));
}

static int take_lists(char **p, struct record *record)
{
	while (**p) {
		if (record->n_lists == MAX_LISTS)
			return -EBADMSG;
		if (array_reserve((void **)&record->lists, &record->lists_capacity,
				  record->n_lists + 1, sizeof(*record->lists)) < 0)
			return -ENOMEM;
		if (!take_file(p, "list", &record->lists[record->n_lists]))
			return -EBADMSG;
		record->n_lists++;
	}
	return 0;
}

static int take_words(char **p, struct history_entry *entry)
{
	const char *who = take(p, "who"), *why = take(p, "why");

	if (!who)
		return -EBADMSG;
	entry->who = about_clean(who);
	entry->why = why ? about_clean(why) : NULL;
	return !entry->who || (why && !entry->why) ? -ENOMEM : 0;
}

int about_parse(char *text, size_t len, struct record *ret)
{
	_cleanup_(record_done) struct record record = { 0 };
	struct history_entry *entry = &record.entry;
	uint64_t version;
	char *p = text;
	int r;

	if (strlen(text) != len || strncmp(text, TITLE, strlen(TITLE)) != 0 ||
	    sscanf(text + strlen(TITLE), "%" SCNu64, &version) != 1)
		return -EBADMSG;
	if (version > VERSION)
		return -EPROTONOSUPPORT;
	if (!check_sum(text, len) || !take(&p, "xdpgate-history") ||
	    !take_state(&p, &entry->state) || !take_number(&p, "when", &entry->when_usec) ||
	    !take_digest(&p, "hash", entry->hash) || !take_digest(&p, "text", entry->text_hash) ||
	    !take_number(&p, "rules", &entry->n_rules) ||
	    !take_number(&p, "sets", &entry->n_sets) ||
	    !take_number(&p, "prefixes", &entry->n_prefixes))
		return -EBADMSG;
	r = take_words(&p, entry);
	take_number(&p, "again", &entry->again); /* where there is one */
	if (!r && !take_file(&p, "policy", &record.policy))
		r = -EBADMSG;
	if (!r)
		r = take_lists(&p, &record);
	if (r < 0)
		return r;
	*ret = record;
	record = (struct record){ 0 };
	return 0;
}
