/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Live sets of the gate without a kernel: "banned" (a million entries, 1 hour), "few" (5 entries, for
 * ever, nothing wider than /8) and "huge", which holds 10.0.0.0 and the 999,999 addresses behind it
 * whatever one does. The file "writers" of the scenario has lines of SET USER.
 *
 *   fail-set: a change fails; fail-list: looking does.
 */
#include <pwd.h>
#include <string.h>
#include <time.h>

#include "fake_gate.h"
#include "util.h"

#define HUGE 1000000U
#define FEW 5U

static struct fake_set {
	const char *name;
	uint32_t size, timeout;
	struct live_listed **items; /* in order */
	size_t n;
	uint64_t added, changed, removed, refused;
} sets[] = {
	{ .name = "banned", .size = 1000000, .timeout = 3600 },
	{ .name = "few", .size = FEW },
	{ .name = "huge", .size = HUGE, .n = HUGE },
};

static bool is_huge(const struct fake_set *set)
{
	return set->size == HUGE && !set->timeout;
}

static struct fake_set *find_set(const char *name, struct diags *diags)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (strcmp(sets[i].name, name) == 0)
			return &sets[i];
	if (diags)
		diag_error(diags, NULL, "no live set '%s'; there are: banned, few, huge", name);
	return NULL;
}

static int compare(const struct live_prefix *a, const struct live_prefix *b)
{
	int order = a->family - b->family;

	order = order ? order : memcmp(a->addr, b->addr, sizeof(a->addr));
	return order ? order : a->len - b->len;
}

/* Where it is, or would be. */
static size_t position(const struct fake_set *set, const struct live_prefix *prefix, bool *found)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (compare(&set->items[middle]->prefix, prefix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*found = low < set->n && compare(&set->items[low]->prefix, prefix) == 0;
	return low;
}

static void refuse(struct fake_set *set, struct live_result *result, size_t index, const char *why)
{
	set->refused++;
	result->refused++;
	if (result->n_refusals == LIVE_REFUSALS_TOLD)
		return;
	result->refusals =
		realloc(result->refusals, (result->n_refusals + 1) * sizeof(*result->refusals));
	result->refusals[result->n_refusals++] =
		(struct live_refusal){ .index = index, .why = strdup(why) };
}

static const char *judge(const struct fake_set *set, const struct live_prefix *prefix, bool found)
{
	if (set->size == FEW && prefix->len < 8)
		return "wider than /8";
	return !found && set->n >= set->size ? "the set is full" : NULL;
}

static void put(struct fake_set *set, const struct live_request *request, size_t index,
		struct live_result *result)
{
	bool found;
	size_t at = position(set, &request->prefix, &found);
	const char *why = judge(set, &request->prefix, found);
	int64_t timeout = request->timeout < 0 ? set->timeout : request->timeout;
	struct live_listed *item;

	if (why) {
		refuse(set, result, index, why);
		return;
	}
	if (!found) {
		set->items = realloc(set->items, (set->n + 1) * sizeof(*set->items));
		memmove(set->items + at + 1, set->items + at, (set->n - at) * sizeof(*set->items));
		set->items[at] = calloc(1, sizeof(**set->items));
		set->n++;
	}
	item = set->items[at];
	*item = (struct live_listed){
		.prefix = request->prefix,
		.left = timeout ? (uint32_t)timeout : LIVE_FOREVER,
		.since = 1700000000,
	};
	snprintf(item->comment, sizeof(item->comment), "%s", request->comment ?: "");
	*(found ? &result->changed : &result->added) += 1;
	*(found ? &set->changed : &set->added) += 1;
}

static void empty(struct fake_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->items[i]);
	free(TAKE_PTR(set->items));
	set->n = 0;
}

void fake_sets_free(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!is_huge(&sets[i]))
			empty(&sets[i]);
}

/* What is noted of calls; of most, which say nothing of the guard, no more than the verb. */
enum { GUARD_ADD, GUARD_REPLACE };
static const char *const guard_verbs[][3] = {
	[GUARD_ADD] = { "add", "add-guard-trusted", "add-guard-off" },
	[GUARD_REPLACE] = { "replace", "replace-guard-trusted", "replace-guard-off" },
};

static int begin(struct gate *gate, const char *what, const char *name, size_t n,
		 struct fake_set **ret, struct diags *diags)
{
	struct fake_set *set = find_set(name, diags);

	fake_gate_note(gate, "set-%s %s %zu", what, name, n);
	if (!set)
		return -ENOENT;
	if (is_huge(set))
		return diag_error(diags, NULL, "the set is not to be changed");
	*ret = set;
	return fake_gate_fails(gate, "set", diags);
}

int gate_set_add(struct gate *gate, const char *name, const struct live_request *items, size_t n,
		 enum guard_level guard, struct live_result *ret, struct diags *diags)
{
	struct live_result result = {};
	struct fake_set *set;
	int r = begin(gate, guard_verbs[GUARD_ADD][guard], name, n, &set, diags);

	for (size_t i = 0; r == 0 && i < n; i++)
		put(set, &items[i], i, &result);
	if (r == 0)
		*ret = result;
	return r;
}

int gate_set_del(struct gate *gate, const char *name, const struct live_prefix *items, size_t n,
		 struct live_result *ret, struct diags *diags)
{
	struct live_result result = {};
	struct fake_set *set;
	int r = begin(gate, "del", name, n, &set, diags);

	for (size_t i = 0; r == 0 && i < n; i++) {
		bool found;
		size_t at = position(set, &items[i], &found);

		if (!found) {
			result.missing++;
			continue;
		}
		free(set->items[at]);
		set->n--;
		memmove(set->items + at, set->items + at + 1, (set->n - at) * sizeof(*set->items));
		result.removed++;
	}
	if (r < 0)
		return r;
	set->removed += result.removed;
	*ret = result;
	return 0;
}

int gate_set_flush(struct gate *gate, const char *name, struct live_result *ret,
		   struct diags *diags)
{
	struct fake_set *set;
	int r = begin(gate, "flush", name, 0, &set, diags);

	if (r < 0)
		return r;
	*ret = (struct live_result){ .removed = set->n };
	set->removed += set->n;
	empty(set);
	return 0;
}

int gate_set_replace(struct gate *gate, const char *name, const struct live_request *items,
		     size_t n, enum guard_level guard, struct live_result *ret, struct diags *diags)
{
	struct live_result result = {};
	struct fake_set *set;
	int r = begin(gate, guard_verbs[GUARD_REPLACE][guard], name, n, &set, diags);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (judge(&(struct fake_set){ .size = set->size }, &items[i].prefix, false))
			r = diag_error(diags, NULL, "entry %zu: wider than /8", i);
	if (r == 0 && n > set->size)
		r = diag_error(diags, NULL, "more entries than the set holds: %u", set->size);
	if (r < 0)
		return r;
	result.removed = set->n;
	empty(set);
	for (size_t i = 0; i < n; i++)
		put(set, &items[i], i, &result);
	*ret = result;
	return 0;
}

static bool covers(const struct live_prefix *wide, const struct live_prefix *narrow)
{
	if (wide->family != narrow->family || wide->len > narrow->len)
		return false;
	for (unsigned int bit = 0; bit < wide->len; bit++)
		if ((wide->addr[bit / 8] ^ narrow->addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

int gate_set_test(struct gate *gate, const char *name, const struct live_prefix *prefix,
		  struct live_listed *ret, struct diags *diags)
{
	const struct fake_set *set = find_set(name, diags);
	int r = set ? fake_gate_fails(gate, "list", diags) : -ENOENT;

	if (r < 0)
		return r;
	for (size_t i = is_huge(set) ? 0 : set->n; i-- > 0;) {
		if (!covers(&set->items[i]->prefix, prefix))
			continue;
		*ret = *set->items[i];
		return 1;
	}
	return 0;
}

static struct live_listed huge_item(size_t i)
{
	return (struct live_listed){
		.prefix = { .len = 32,
			    .addr = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } },
		.left = LIVE_FOREVER,
		.since = 1700000000,
	};
}

int gate_set_list(struct gate *gate, const char *name, const struct live_prefix *after, size_t most,
		  struct live_list *ret, struct diags *diags)
{
	const struct fake_set *set = find_set(name, diags);
	int r = set ? fake_gate_fails(gate, "list", diags) : -ENOENT;
	struct live_list list = {};
	size_t at = 0;

	if (r < 0)
		return r;
	if (after && is_huge(set))
		at = ((size_t)after->addr[1] << 16 | (size_t)after->addr[2] << 8 | after->addr[3]) +
		     1;
	else if (after) {
		bool found;

		at = position(set, after, &found);
		at += found;
	}
	list.items = calloc(most + 1, sizeof(*list.items));
	for (; at < set->n && list.n < most; at++)
		list.items[list.n++] = is_huge(set) ? huge_item(at) : *set->items[at];
	list.more = at < set->n;
	*ret = list;
	return 0;
}

/* The users of the file "writers" that may write the set; visit() true: enough. */
static bool each_writer(const struct gate *gate, const char *name,
			bool (*visit)(const char *user, void *context), void *context)
{
	_cleanup_fclose_ FILE *file = fake_gate_open(gate, "writers");
	char set[64], user[64];

	while (file && fscanf(file, "%63s %63s", set, user) == 2)
		if ((!name || strcmp(set, name) == 0) && visit(user, context))
			return true;
	return false;
}

static bool add_writer(const char *user, void *context)
{
	struct live_set_status *status = context;

	status->writers =
		realloc(status->writers, (status->n_writers + 1) * sizeof(*status->writers));
	status->writers[status->n_writers++] = strdup(user);
	return false;
}

static bool is_user(const char *user, void *context)
{
	const struct passwd *found = getpwnam(user);

	return found && found->pw_uid == *(const uid_t *)context;
}

bool gate_set_may_write(const struct gate *gate, const char *name, uid_t uid)
{
	return find_set(name, NULL) && each_writer(gate, name, is_user, &uid);
}

bool gate_set_is_writer(const struct gate *gate, uid_t uid)
{
	return each_writer(gate, NULL, is_user, &uid);
}

static struct live_set_status status_of(const struct gate *gate, const struct fake_set *set)
{
	struct live_set_status status = {
		.size = set->size,
		.timeout = set->timeout,
		.added = set->added,
		.changed = set->changed,
		.removed = set->removed,
		.refused = set->refused,
		.bytes = 4096,
		.next_end = set->timeout && set->n ? 3600 : LIVE_FOREVER,
		.persist = set->timeout,
		.journal_error =
			fake_gate_has(gate, "no-disk") ? strdup("disk\033[31m full") : NULL,
	};

	strcpy(status.name, set->name);
	for (size_t i = 0; i < set->n; i++)
		status.entries[is_huge(set) ? 0 : set->items[i]->prefix.family]++;
	each_writer(gate, set->name, add_writer, &status);
	return status;
}

int gate_set_status(struct gate *gate, const char *name, struct live_set_states *ret,
		    struct diags *diags)
{
	int r = name && !find_set(name, diags) ? -ENOENT : fake_gate_fails(gate, "list", diags);
	struct live_set_states states = {};

	if (r < 0)
		return r;
	states.items = calloc(ARRAY_SIZE(sets), sizeof(*states.items));
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!name || strcmp(name, sets[i].name) == 0)
			states.items[states.n++] = status_of(gate, &sets[i]);
	*ret = states;
	return 0;
}
