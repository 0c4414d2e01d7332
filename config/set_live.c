/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * set_live.c: sets whose prefixes come and go while the policy is in force. The file says of them
 * what they may hold, for how long, and who may change them, not what they hold.
 */
#include "sets.h"

#include <string.h>

#include "quantity.h"
#include "subtract.h"
#include "util.h"

int live_set_new(struct loader *loader, const struct node *name, uint32_t *ret)
{
	struct policy *policy = loader->policy;
	struct live_set *set;

	if (policy->n_live_sets == MAX_LIVE_SETS)
		return node_error(loader, name,
				  "more than %d live sets; use one for several purposes, and tell "
				  "its entries apart by their comments",
				  MAX_LIVE_SETS);
	if (array_reserve((void **)&policy->live_sets, &loader->live_sets_capacity,
			  policy->n_live_sets + 1, sizeof(*policy->live_sets)) < 0)
		return -ENOMEM;
	set = &policy->live_sets[policy->n_live_sets];
	*set = (struct live_set){ .place = node_place(loader, name) };
	snprintf(set->name, sizeof(set->name), "%s", name->text);
	*ret = (uint32_t)policy->n_live_sets++;
	return 0;
}

int live_set_refuse(struct loader *loader, const struct node *value, const struct set_draft *draft)
{
	if (!draft->live)
		return 0;
	return node_error(loader, value->key,
			  "a live set is filled while it is in force, by 'xdpgate set add %s'; for "
			  "what the file knows, make another set, and name both in the rule",
			  draft->name->text);
}

int live_set_give(struct loader *loader, struct set_draft *draft)
{
	struct live_set *set = &loader->policy->live_sets[draft->named->index];
	struct prefix_set *except = &draft->except.prefixes;
	int r = set_order(except);

	if (r < 0)
		return r;
	loader->n_live_exceptions += except->n_v4 + except->n_v6;
	if (loader->n_live_exceptions > CONFIG_MAX_LIVE_EXCEPTIONS)
		return node_error(loader, draft->except_value->key,
				  "the exceptions of all live sets are more than %d prefixes; name "
				  "smaller sets",
				  CONFIG_MAX_LIVE_EXCEPTIONS);
	set->except = (struct prefix_set){ .n_v4 = except->n_v4, .n_v6 = except->n_v6 };
	set->except.v4 = TAKE_PTR(except->v4);
	set->except.v6 = TAKE_PTR(except->v6);
	set->except.origin = TAKE_PTR(draft->origin);
	set->size = draft->size ? draft->size : CONFIG_LIVE_SIZE;
	set->timeout = draft->timeout;
	set->persist = draft->persist;
	set->widest[FAMILY_V4] = draft->guard.v4_given ? draft->guard.v4 : CONFIG_LIVE_WIDTH_V4;
	set->widest[FAMILY_V6] = draft->guard.v6_given ? draft->guard.v6 : CONFIG_LIVE_WIDTH_V6;
	set->n_writers = draft->n_writers;
	set->writers = TAKE_PTR(draft->writers);
	return 0;
}

void live_draft_done(struct set_draft *draft)
{
	for (size_t i = 0; draft->writers && i < draft->n_writers; i++)
		free(draft->writers[i]);
	free(draft->writers);
}

/* --- keys -------------------------------------------------------------------------------- */

/* The first key: what the others may be depends on it. */
int parse_set_live(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;

	draft->live = true; /* if it is neither: what follows was meant so */
	return bool_read(loader, value, key, &draft->live);
}

static int expect_live(struct loader *loader, const struct node *value,
		       const struct set_draft *draft)
{
	if (draft->live)
		return 0;
	return node_error(loader, value->key,
			  "'%s' is about live sets; write 'live: true' beside it, or leave it out",
			  value->key->text);
}

int parse_set_timeout(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct set_draft *draft = target;
	uint32_t timeout;
	char buffer[64];
	int r = expect_live(loader, value, draft);

	if (!r)
		r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (r < 0)
		return r;
	if (!strcmp(value->text, "never") || !strcmp(value->text, "0"))
		return node_error(loader, value,
				  "for entries that hold for ever, leave 'timeout' out");
	r = duration_parse(value->text, &timeout);
	if (r == -EINVAL && value->len && strspn(value->text, "0123456789") == value->len)
		return node_error(loader, value,
				  "'%.40s' has no unit; write %.40ss, %.40sm, %.40sh or %.40sd",
				  value->text, value->text, value->text, value->text, value->text);
	if (r == -EINVAL)
		return node_error(loader, value, "expected %s, found %s", key->form,
				  node_describe(value, buffer, sizeof(buffer)));
	if (!r && !timeout)
		return node_error(loader, value,
				  "for entries that hold for ever, leave 'timeout' out");
	if (r < 0 || timeout > CONFIG_MAX_LIVE_TIMEOUT)
		return node_error(loader, value,
				  "'%.40s' is more than ten years; for entries that hold for ever, "
				  "leave 'timeout' out",
				  value->text);
	draft->timeout = timeout;
	return 0;
}

int parse_set_size(struct loader *loader, const struct node *value, const struct key_schema *key,
		   void *target)
{
	struct set_draft *draft = target;
	char buffer[64];
	uint32_t size;
	int r = expect_live(loader, value, draft);

	if (!r)
		r = node_expect(loader, value, NODE_SCALAR, key->form);
	if (r < 0)
		return r;
	r = count_parse(value->text, &size);
	if (r == -EINVAL)
		return node_error(loader, value, "expected %s, found %s", key->form,
				  node_describe(value, buffer, sizeof(buffer)));
	if (r < 0 || !size || size > CONFIG_MAX_LIVE_SIZE)
		return node_error(loader, value, "size %.40s is out of range: 1 to %s", value->text,
				  count_format(CONFIG_MAX_LIVE_SIZE, buffer));
	draft->size = size;
	return 0;
}

int parse_set_persist(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct set_draft *draft = target;
	int r = expect_live(loader, value, draft);

	return r < 0 ? r : bool_read(loader, value, key, &draft->persist);
}

/* Could there be such a user? As useradd(8) has it; more, since other systems make them, too. */
static bool is_user_name(const char *name, size_t len)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "_0123456789-.";
	size_t n = strspn(name, letters);

	if (!len || len > CONFIG_MAX_USER_NAME || strchr("0123456789-.", name[0]))
		return false;
	return n == len || (n && n == len - 1 && name[n] == '$');
}

static int add_writer(struct loader *loader, const struct node *item, struct set_draft *draft)
{
	int r = node_expect(loader, item, NODE_SCALAR, "the name of a user");

	if (r < 0)
		return r;
	if (!is_user_name(item->text, item->len))
		return node_error(
			loader, item,
			"'%.40s' is not the name of a user: a letter or '_', then letters, "
			"digits, '_', '-' or '.', at most %d",
			item->text, CONFIG_MAX_USER_NAME);
	for (size_t i = 0; i < draft->n_writers; i++)
		if (!strcmp(draft->writers[i], item->text))
			return node_error(loader, item, "user '%s' is repeated", item->text);
	draft->writers[draft->n_writers] = strdup(item->text);
	if (!draft->writers[draft->n_writers])
		return -ENOMEM;
	draft->n_writers++;
	return 0;
}

int parse_set_writers(struct loader *loader, const struct node *value, const struct key_schema *key,
		      void *target)
{
	struct set_draft *draft = target;
	int r = expect_live(loader, value, draft);

	if (!r)
		r = node_expect(loader, value, NODE_LIST, key->form);
	if (r < 0)
		return r;
	if (value->n > CONFIG_MAX_WRITERS)
		return node_error(loader, value, "more than %d writers", CONFIG_MAX_WRITERS);
	draft->writers = calloc(value->n + 1, sizeof(*draft->writers));
	if (!draft->writers)
		return -ENOMEM;
	for (const struct node *item = value->first; item && r != -ENOMEM; item = item->next)
		r = worse(r, add_writer(loader, item, draft));
	return r;
}
