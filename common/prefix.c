/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * prefix.c: the strict reading of prefixes. What inet_aton() or a C programmer's habit would
 * take (leading zeros as octal, "10.1", bits behind the length) is refused: in a packet filter a
 * guess is worse than an error.
 */
#include "prefix.h"

#include <arpa/inet.h>
#include <string.h>

#include "util.h"

/* A decimal number up to most without leading zeros, at *p; moves *p behind it. -1: none. */
static int parse_decimal(const char **p, const char *end, int most)
{
	const char *start = *p;
	int value = 0;

	while (*p < end && **p >= '0' && **p <= '9') {
		value = value * 10 + (**p - '0');
		if (value > most)
			return -1;
		(*p)++;
	}
	if (*p == start || (*start == '0' && *p - start > 1))
		return -1;
	return value;
}

static bool parse_v4(const char *text, const char *end, uint32_t *ret)
{
	uint32_t addr = 0;

	for (int i = 0; i < 4; i++) {
		int byte;

		if (i > 0 && (text == end || *text++ != '.'))
			return false;
		byte = parse_decimal(&text, end, 255);
		if (byte < 0)
			return false;
		addr = addr << 8 | (uint32_t)byte;
	}
	*ret = addr;
	return text == end;
}

/* Value + 1 of each hex digit; a table, because to tell digits from letters by branches costs a
 * misprediction for every other one. */
static const uint8_t hex_digits[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
	['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* At most four hex digits at *p; moves *p behind them. -1: none, or more. */
static int parse_group(const char **p, const char *end)
{
	const char *start = *p;
	int value = 0, digit;

	while (*p < end && (digit = hex_digits[(unsigned char)**p])) {
		if (*p - start == 4)
			return -1;
		value = value << 4 | (digit - 1);
		(*p)++;
	}
	return *p > start ? value : -1;
}

/* Groups of 16 bits up to the end; *ret_gap is how many are ahead of "::", or -1. Returns their
 * number, or -1. */
static int parse_groups(const char *text, const char *end, uint16_t groups[8], int *ret_gap)
{
	int n = 0, gap = -1;

	if (end - text >= 2 && text[0] == ':' && text[1] == ':') {
		gap = 0;
		text += 2;
	}
	while (text < end) {
		const char *start = text;
		int value = parse_group(&text, end);
		uint32_t tail;

		if (value < 0 || n == 8)
			return -1;
		if (text < end && *text == '.') {
			if (n > 6 || !parse_v4(start, end, &tail))
				return -1;
			groups[n++] = (uint16_t)(tail >> 16);
			groups[n++] = (uint16_t)tail;
			break;
		}
		groups[n++] = (uint16_t)value;
		if (text == end)
			break;
		if (*text++ != ':' || text == end)
			return -1;
		if (*text == ':') {
			if (gap >= 0)
				return -1;
			gap = n;
			text++;
		}
	}
	*ret_gap = gap;
	return n;
}

/* RFC 4291 section 2.2, as inet_pton() reads it, in a third of its time. */
static bool parse_v6(const char *text, const char *end, struct prefix_v6 *ret)
{
	uint16_t groups[8];
	int gap, n = parse_groups(text, end, groups, &gap);

	if (n < 0 || (gap < 0 ? n != 8 : n == 8)) /* "::" stands for one group at least */
		return false;
	ret->hi = ret->lo = 0;
	for (int i = 0; i < n; i++) {
		int at = gap >= 0 && i >= gap ? i + 8 - n : i;

		if (at < 4)
			ret->hi |= (uint64_t)groups[i] << (48 - 16 * at);
		else
			ret->lo |= (uint64_t)groups[i] << (112 - 16 * at);
	}
	return true;
}

/* Clear the bits behind the length; was one of them set? */
static bool mask_v4(struct prefix_v4 *prefix)
{
	uint32_t mask = prefix->len ? ~0U << (32 - prefix->len) : 0, addr = prefix->addr;

	prefix->addr &= mask;
	return prefix->addr != addr;
}

static bool mask_v6(struct prefix_v6 *prefix)
{
	unsigned int len = prefix->len;
	uint64_t hi_mask = len >= 64 ? ~0ULL : len ? ~0ULL << (64 - len) : 0;
	uint64_t lo_mask = len >= 128 ? ~0ULL : len > 64 ? ~0ULL << (128 - len) : 0;
	uint64_t hi = prefix->hi, lo = prefix->lo;

	prefix->hi &= hi_mask;
	prefix->lo &= lo_mask;
	return prefix->hi != hi || prefix->lo != lo;
}

enum prefix_result prefix_parse(const char *text, size_t len, struct prefix *ret)
{
	const char *end = text + len, *slash = memchr(text, '/', len);
	const char *address_end = slash ? slash : end;
	int most, bits;

	if (parse_v4(text, address_end, &ret->v4.addr)) {
		ret->family = FAMILY_V4;
		most = 32;
	} else if (parse_v6(text, address_end, &ret->v6)) {
		ret->family = FAMILY_V6;
		most = 128;
	} else {
		return PREFIX_SYNTAX;
	}
	bits = most;
	if (slash) {
		slash++;
		bits = parse_decimal(&slash, end, most);
		if (bits < 0 || slash != end)
			return PREFIX_LENGTH;
	}
	if (ret->family == FAMILY_V4) {
		ret->v4.len = (uint8_t)bits;
		return mask_v4(&ret->v4) ? PREFIX_HOST_BITS : PREFIX_V4;
	}
	ret->v6.len = (uint8_t)bits;
	return mask_v6(&ret->v6) ? PREFIX_HOST_BITS : PREFIX_V6;
}

/* Below 1000, in decimal. By hand: lists of a million are written. */
static char *put_number(char *p, unsigned int value)
{
	if (value >= 100)
		*p++ = (char)('0' + value / 100);
	if (value >= 10)
		*p++ = (char)('0' + value / 10 % 10);
	*p++ = (char)('0' + value % 10);
	return p;
}

static char *put_v4(char *p, uint32_t addr)
{
	for (int shift = 24; shift >= 0; shift -= 8) {
		p = put_number(p, addr >> shift & 0xff);
		if (shift)
			*p++ = '.';
	}
	return p;
}

static char *put_v6(char *p, const struct prefix_v6 *v6)
{
	unsigned char bytes[16];

	for (int i = 0; i < 8; i++) {
		bytes[i] = (unsigned char)(v6->hi >> (56 - 8 * i));
		bytes[i + 8] = (unsigned char)(v6->lo >> (56 - 8 * i));
	}
	inet_ntop(AF_INET6, bytes, p, PREFIX_TEXT);
	return p + strlen(p);
}

const char *prefix_format(const struct prefix *prefix, char *buffer)
{
	bool v4 = prefix->family == FAMILY_V4;
	unsigned int len = v4 ? prefix->v4.len : prefix->v6.len;
	char *p = v4 ? put_v4(buffer, prefix->v4.addr) : put_v6(buffer, &prefix->v6);

	if (len < (v4 ? 32U : 128U)) {
		*p++ = '/';
		p = put_number(p, len);
	}
	*p = '\0';
	return buffer;
}

void prefix_explain(enum prefix_result result, const char *text, size_t len,
		    const struct prefix *prefix, char *buffer, size_t size)
{
	const char *slash = memchr(text, '/', len), *more = len > 60 ? "..." : "";
	char shown[61], masked[PREFIX_TEXT];
	size_t n = len > 60 ? 60 : len;

	memcpy(shown, text, n);
	shown[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if (!shown[i])
			shown[i] = '?';
	switch (result) {
	case PREFIX_HOST_BITS:
		snprintf(buffer, size,
			 "'%s' has bits set behind its prefix length; write %s for the network, or "
			 "%.*s for the one host",
			 shown, prefix_format(prefix, masked), (int)(slash - text), text);
		return;
	case PREFIX_LENGTH:
		snprintf(buffer, size, "'%s%s': the prefix length is a number from 0 to %d", shown,
			 more, prefix->family == FAMILY_V4 ? 32 : 128);
		return;
	default:
		snprintf(buffer, size, "'%s%s' is not an IPv4 or IPv6 address or prefix", shown,
			 more);
	}
}
