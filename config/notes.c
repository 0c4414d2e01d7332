/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * notes.c: `comment:` and `tags:`, which people and programs read, and packets do not notice.
 */
#include "loader.h"

#include <string.h>

#include "util.h"

#define MAX_COMMENT 1024 /* bytes */
#define MAX_TAGS 32

int comment_read(struct loader *loader, const struct node *value, const struct key_schema *key,
		 struct notes *notes)
{
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (r < 0)
		return r;
	if (value->len > MAX_COMMENT)
		return node_error(loader, value,
				  "a comment has %d bytes at most; this one has %zu; write more "
				  "behind a '#'",
				  MAX_COMMENT, value->len);
	notes->comment = strdup(value->text);
	return notes->comment ? 0 : -ENOMEM;
}

static int read_tag(struct loader *loader, const struct node *item, struct notes *notes)
{
	int r = node_expect(loader, item, NODE_SCALAR, "a word");

	if (!r)
		r = name_check(loader, item, "tag");
	if (r < 0)
		return r;
	for (size_t i = 0; i < notes->n_tags; i++)
		if (!strcmp(notes->tags[i], item->text))
			return node_error(loader, item, "tag '%s' is repeated", item->text);
	notes->tags[notes->n_tags] = strdup(item->text);
	if (!notes->tags[notes->n_tags])
		return -ENOMEM;
	notes->n_tags++;
	return 0;
}

int tags_read(struct loader *loader, const struct node *value, const struct key_schema *key,
	      struct notes *notes)
{
	int r = node_expect(loader, value, NODE_LIST, key->form);

	if (r < 0)
		return r;
	if (value->n > MAX_TAGS)
		return node_error(loader, value, "more than %d tags", MAX_TAGS);
	notes->tags = calloc(value->n + 1, sizeof(*notes->tags));
	if (!notes->tags)
		return -ENOMEM;
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, read_tag(loader, item, notes));
	return r;
}
