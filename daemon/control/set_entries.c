/* SPDX-License-Identifier: GPL-2.0-only */
/* See set_entries.h. */
#include <string.h>

#include "set_entries.h"
#include "util.h"

static int complain(struct bad_entry *bad, const char *why)
{
	snprintf(bad->why, sizeof(bad->why), "%s", why);
	return -EINVAL;
}

static int parse_timeout(const json_t *value, int64_t *ret, struct bad_entry *bad)
{
	json_int_t seconds = json_integer_value(value);

	if (!value || json_is_null(value)) {
		*ret = LIVE_TIMEOUT_DEFAULT;
		return 0;
	}
	if (!json_is_integer(value) || seconds < 0 || seconds > LIVE_TIMEOUT_MAX) {
		snprintf(bad->why, sizeof(bad->why),
			 "timeout is a whole number of seconds, at most %d (ten years); 0: never; "
			 "null: the set's own",
			 LIVE_TIMEOUT_MAX);
		return -EINVAL;
	}
	*ret = seconds;
	return 0;
}

static int parse_comment(const json_t *value, const char **ret, struct bad_entry *bad)
{
	const char *text = json_string_value(value);

	if (!value || json_is_null(value)) {
		*ret = NULL;
		return 0;
	}
	if (!text)
		return complain(bad, "comment is a string, or null");
	if (strlen(text) > LIVE_COMMENT_MAX) {
		snprintf(bad->why, sizeof(bad->why),
			 "the comment has %zu bytes; at most %d are kept, shorten it", strlen(text),
			 LIVE_COMMENT_MAX);
		return -EINVAL;
	}
	for (const unsigned char *c = (const unsigned char *)text; *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			return complain(bad,
					"the comment has control characters; it is one line of "
					"plain text");
	*ret = *text ? text : NULL;
	return 0;
}

static int parse_request(const json_t *value, struct live_request *ret, struct bad_entry *bad)
{
	const char *prefix = json_string_value(json_object_get(value, "prefix"));
	const char *key;
	json_t *member;
	int r;

	bad->entry = prefix;
	if (!prefix)
		return complain(bad, "an entry is an object with a string \"prefix\", maybe "
				     "\"timeout\" and \"comment\"");
	json_object_foreach ((json_t *)value, key, member)
		if (strcmp(key, "prefix") != 0 && strcmp(key, "timeout") != 0 &&
		    strcmp(key, "comment") != 0)
			return complain(bad, "an entry has the members \"prefix\", \"timeout\" and "
					     "\"comment\" only");
	r = live_prefix_parse(prefix, &ret->prefix, bad->why);
	if (r == 0)
		r = parse_timeout(json_object_get(value, "timeout"), &ret->timeout, bad);
	if (r == 0)
		r = parse_comment(json_object_get(value, "comment"), &ret->comment, bad);
	return r;
}

static int parse_prefix(const json_t *value, struct live_prefix *ret, struct bad_entry *bad)
{
	bad->entry = json_string_value(value);
	if (!bad->entry)
		return complain(bad, "a prefix is a string");
	return live_prefix_parse(bad->entry, ret, bad->why);
}

/* One for each element of the array, and one at least, so that NULL means out of memory. */
#define PARSE_ALL(array, ret, bad, parse)                                                          \
	({                                                                                         \
		size_t _n = json_array_size(array);                                                \
		_cleanup_free_ __typeof__(*(ret)) _items = calloc(_n + 1, sizeof(**(ret)));        \
		int _r = _items ? 0 : -ENOMEM;                                                     \
		for (size_t _i = 0; _r == 0 && _i < _n; _i++) {                                    \
			(bad)->index = _i;                                                         \
			_r = parse(json_array_get(array, _i), &_items[_i], bad);                   \
		}                                                                                  \
		if (_r == 0)                                                                       \
			*(ret) = TAKE_PTR(_items);                                                 \
		_r;                                                                                \
	})

int set_entries_parse(const json_t *array, struct live_request **ret, struct bad_entry *bad)
{
	return PARSE_ALL(array, ret, bad, parse_request);
}

int set_prefixes_parse(const json_t *array, struct live_prefix **ret, struct bad_entry *bad)
{
	return PARSE_ALL(array, ret, bad, parse_prefix);
}
