/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * journal_text.c: see journal_text.h.
 */
#include "journal_text.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "live_prefix.h"

#define TITLE "xdpgate-journal "
#define SUM_DIGITS 8

static uint32_t checksum(const char *head, size_t n_head, const char *tail, size_t n_tail)
{
	uLong sum = crc32(0, (const Bytef *)head, (uInt)n_head);

	/* With no bytes, a NULL would mean: begin anew. */
	return (uint32_t)(n_tail ? crc32(sum, (const Bytef *)tail, (uInt)n_tail) : sum);
}

/* --- writing ----------------------------------------------------------------------------- */

static size_t put_hex(char *text, uint32_t value, unsigned int digits)
{
	for (unsigned int i = 0; i < digits; i++)
		text[i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 15];
	return digits;
}

static bool is_plain(unsigned char byte)
{
	return byte >= ' ' && byte != '\\' && byte != 0x7f;
}

static size_t put_comment(char *text, const char *comment)
{
	char *p = text;

	p += sprintf(p, " #%s", *comment ? " " : "");
	for (size_t i = 0; comment[i] && i < LIVE_COMMENT_MAX; i++)
		if (is_plain((unsigned char)comment[i])) {
			*p++ = comment[i];
		} else {
			*p++ = '\\';
			*p++ = 'x';
			p += put_hex(p, (unsigned char)comment[i], 2);
		}
	return (size_t)(p - text);
}

/* The checksum behind the head, then the tail, then the newline. */
static size_t finish(char *text, size_t n, const char *tail, size_t n_tail)
{
	uint32_t sum = checksum(text, n, tail, n_tail);

	n += put_hex(text + n, sum, SUM_DIGITS);
	memcpy(text + n, tail, n_tail);
	n += n_tail;
	text[n] = '\n';
	return n + 1;
}

size_t journal_format_header(char *text)
{
	int n = sprintf(text, TITLE "%d ", JOURNAL_VERSION);

	return finish(text, (size_t)n, "", 0);
}

size_t journal_format(const struct journal_record *record, char *text)
{
	char prefix[PREFIX_TEXT], tail[4 + 4 * LIVE_COMMENT_MAX];
	size_t n_tail = 0;
	int n;

	n = sprintf(text, "%c %s ", record->gone ? '-' : '+',
		    live_prefix_format(&record->prefix, prefix));
	if (!record->gone) {
		n += sprintf(text + n, "end=%" PRIu64 " holds=%" PRIu32 " since=%" PRIu32 " ",
			     record->end_real, record->holds, record->since);
		if (record->comment)
			n_tail = put_comment(tail, record->comment);
	}
	return finish(text, (size_t)n, tail, n_tail);
}

/* --- reading ----------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(const char *text, unsigned int digits, uint32_t *ret)
{
	*ret = 0;
	for (unsigned int i = 0; i < digits; i++) {
		int digit = hex_digit(text[i]);

		if (digit < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)digit;
	}
	return true;
}

/* Is what stands at `at` the checksum of all else? */
static bool is_whole(const char *line, size_t len, size_t at)
{
	const char *tail = line + at + SUM_DIGITS;
	uint32_t sum;

	return at + SUM_DIGITS <= len && take_hex(line + at, SUM_DIGITS, &sum) &&
	       sum == checksum(line, at, tail, len - at - SUM_DIGITS);
}

/* A decimal number with the word before and the space behind it; *p moves behind. */
static bool take_number(const char **p, const char *end, const char *word, uint64_t most,
			uint64_t *ret)
{
	size_t n = strlen(word);
	const char *start, *at = *p;
	uint64_t value = 0;

	if ((size_t)(end - at) < n || memcmp(at, word, n) != 0)
		return false;
	for (start = at += n; at < end && *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value) || value > most)
			return false;
	if (at == start || at == end || *at != ' ')
		return false;
	*p = at + 1;
	*ret = value;
	return true;
}

/* And the space behind it. */
static bool take_prefix(const char **p, const char *end, struct live_prefix *ret)
{
	const char *space = memchr(*p, ' ', (size_t)(end - *p));
	char text[PREFIX_TEXT], why[LIVE_PREFIX_WHY];
	size_t n = space ? (size_t)(space - *p) : sizeof(text);

	if (n >= sizeof(text))
		return false;
	memcpy(text, *p, n);
	text[n] = '\0';
	*p = space + 1;
	return live_prefix_parse(text, ret, why) == 0;
}

/* All behind the checksum: nothing, or " # TEXT". */
static bool parse_comment(const char *text, size_t len, struct journal_record *ret, char *comment)
{
	size_t n = 0, i = 3;
	uint32_t byte;

	if (!len)
		return true;
	if (len < 2 || memcmp(text, " # ", len < 3 ? len : 3) != 0)
		return false;
	while (i < len) {
		if (n == LIVE_COMMENT_MAX)
			return false;
		if (text[i] != '\\') {
			comment[n++] = text[i++];
			continue;
		}
		if (len - i < 4 || text[i + 1] != 'x' || !take_hex(text + i + 2, 2, &byte) || !byte)
			return false;
		comment[n++] = (char)byte;
		i += 4;
	}
	comment[n] = '\0';
	ret->comment = comment;
	return true;
}

unsigned int journal_parse_header(const char *line, size_t len)
{
	const char *p = line;
	uint64_t version;

	if (!take_number(&p, line + len, TITLE, UINT32_MAX, &version) ||
	    p + SUM_DIGITS != line + len || !is_whole(line, len, (size_t)(p - line)))
		return 0;
	return (unsigned int)version;
}

bool journal_parse(const char *line, size_t len, struct journal_record *ret,
		   char comment[static LIVE_COMMENT_MAX + 1])
{
	const char *p = line + 2, *end = line + len;
	struct journal_record record = { 0 };
	uint64_t holds = 0, since = 0;
	size_t at;

	if (len < 2 || (line[0] != '+' && line[0] != '-') || line[1] != ' ' ||
	    !take_prefix(&p, end, &record.prefix))
		return false;
	record.gone = line[0] == '-';
	if (!record.gone && (!take_number(&p, end, "end=", UINT64_MAX, &record.end_real) ||
			     !take_number(&p, end, "holds=", UINT32_MAX, &holds) ||
			     !take_number(&p, end, "since=", UINT32_MAX, &since)))
		return false;
	record.holds = (uint32_t)holds;
	record.since = (uint32_t)since;
	at = (size_t)(p - line);
	if (!is_whole(line, len, at) ||
	    !parse_comment(line + at + SUM_DIGITS, len - at - SUM_DIGITS, &record, comment))
		return false;
	*ret = record;
	return true;
}
