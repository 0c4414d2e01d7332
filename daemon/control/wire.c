/* SPDX-License-Identifier: GPL-2.0-only */
/* Diagnostics and text as JSON, and back. See wire.h. */
#include <stdint.h>
#include <string.h>

#include "bounds.h"
#include "util.h"
#include "wire.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Length of the UTF-8 sequence at s (RFC 3629: shortest form, no surrogates), 0 if none. */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
	unsigned char first = s[0], low = 0x80, high = 0xbf;
	size_t n;

	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		n = 2;
	else if (first >= 0xe0 && first <= 0xef)
		n = 3;
	else if (first >= 0xf0 && first <= 0xf4)
		n = 4;
	else
		return 0;
	if (n > left)
		return 0;
	if (first == 0xe0)
		low = 0xa0;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (s[i] < 0x80 || s[i] > 0xbf)
			return 0;
	return n;
}

static json_t *bounded_string(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	bool cut = len > max;
	_cleanup_free_ char *clean = NULL;
	size_t n = 0;

	if (cut)
		len = max;
	/* every byte may become three, and " ..." may follow */
	clean = malloc(len * 3 + 5);
	if (!clean)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t step = utf8_sequence((const unsigned char *)text + i, len - i);

		if (step) {
			memcpy(clean + n, text + i, step);
			n += step;
			i += step;
		} else {
			memcpy(clean + n, REPLACEMENT, 3);
			n += 3;
			i++;
		}
	}
	if (cut) {
		memcpy(clean + n, " ...", 4);
		n += 4;
	}
	return json_stringn_nocheck(clean, n);
}

json_t *wire_string(const char *text)
{
	return text ? bounded_string(text, SIZE_MAX / 8) : json_null();
}

json_t *wire_bounded(const char *text, size_t max_bytes)
{
	return bounded_string(text ? text : "", max_bytes);
}

json_t *wire_uint(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *diag_to_json(const struct diag *diag)
{
	const char *severity = diag->severity == SEVERITY_ERROR ? "error" : "warning";

	return json_pack("{s:s, s:o, s:I, s:I, s:I, s:o, s:o}", "severity", severity, "file",
			 wire_string(diag->file), "line", (json_int_t)diag->line, "column",
			 (json_int_t)diag->column, "width", (json_int_t)diag->width, "message",
			 wire_bounded(diag->message, MESSAGE_TEXT_MAX_BYTES), "source",
			 wire_string(diag->source));
}

json_t *wire_diags(const struct diags *diags)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < diags->n; i++)
		if (json_array_append_new(array, diag_to_json(&diags->items[i])) < 0)
			return NULL;
	return TAKE_PTR(array);
}

json_t *wire_diags_text(const struct diags *diags)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	diags_print(diags, stream, false);
	if (fclose(stream) != 0)
		return NULL;
	return wire_bounded(text, DIAGS_TEXT_MAX_BYTES);
}

#define CHANGE_MESSAGE_MAX_BYTES 500U

const char *wire_message_problem(const char *text)
{
	_cleanup_json_ json_t *string = json_string(text);

	if (strlen(text) > CHANGE_MESSAGE_MAX_BYTES)
		return "at most 500 bytes: shorten it";
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return "one line, without control characters";
	return string ? NULL : "it must be UTF-8";
}
