/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guard_live.c: entries of live sets. Of the traffic that matters only what has an address in the
 * entry can be cut by it: that is found by a search. What is found is put before a probe of the program
 * in force whose live sets are its own: they hold what the real ones hold of the packet's addresses,
 * and then the entry, too.
 */
#include <string.h>
#include <time.h>

#include "guard_internal.h"
#include "util.h"

#define FRESH_USEC UINT64_C(100000) /* so long what was read is believed .. */
#define READING_SHARE 10            /* .. or so many times as long as it took to read */

/* An address of the traffic, in order. */
struct spot {
	struct endpoint address;
	uint32_t vital;
};

struct guard_live {
	struct datapath *datapath;
	enum guard_level level;
	struct vitals vitals;
	struct spot *spots;
	size_t n_spots;
	uint64_t fresh_until; /* CLOCK_MONOTONIC, microseconds */
	/* Of the generation of that number; 0: none yet. */
	uint64_t generation;
	struct guard_view view;
	struct live_maps *live;
};

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct guard_live *guard_live_new(void)
{
	return calloc(1, sizeof(struct guard_live));
}

static void forget_program(struct guard_live *guard)
{
	guard_view_done(&guard->view);
	guard->live = live_maps_close(guard->live);
	guard->generation = 0;
}

static void forget_traffic(struct guard_live *guard)
{
	vitals_done(&guard->vitals);
	free(TAKE_PTR(guard->spots));
	guard->n_spots = 0;
	guard->fresh_until = 0;
}

struct guard_live *guard_live_free(struct guard_live *guard)
{
	if (!guard)
		return NULL;
	forget_program(guard);
	forget_traffic(guard);
	free(guard);
	return NULL;
}

/* --- the traffic -------------------------------------------------------------------------- */

static const struct endpoint *address_of(const struct vital *vital, enum address_field field)
{
	if (vital->kind == VITAL_CONNECTION)
		return field == ADDRESS_SRC ? &vital->connection->peer : &vital->connection->local;
	return field == ADDRESS_SRC ? &vital->neighbour : &vital->own;
}

static int compare_spots(const void *left, const void *right)
{
	const struct spot *a = left, *b = right;

	return endpoint_compare(&a->address, &b->address);
}

static int note_spots(struct guard_live *guard)
{
	const struct vitals *vitals = &guard->vitals;

	guard->spots = calloc(vitals->n * N_ADDRESS_FIELDS + 1, sizeof(*guard->spots));
	if (!guard->spots)
		return -ENOMEM;
	for (uint32_t i = 0; i < vitals->n; i++) {
		if (vitals->items[i].kind == VITAL_ARP) /* has no addresses to match */
			continue;
		for (int field = 0; field < N_ADDRESS_FIELDS; field++)
			guard->spots[guard->n_spots++] = (struct spot){
				*address_of(&vitals->items[i], (enum address_field)field), i
			};
	}
	qsort(guard->spots, guard->n_spots, sizeof(*guard->spots), compare_spots);
	return 0;
}

void guard_live_begin(struct guard_live *guard, struct datapath *datapath,
		      const struct guard_request *request, struct diags *diags)
{
	uint64_t start = now_usec(), took;
	const char *what = "";
	int r;

	guard->datapath = datapath;
	guard->level = datapath->live ? request->level : GUARD_OFF;
	if (guard->level == GUARD_OFF || start < guard->fresh_until)
		return;
	forget_traffic(guard);
	r = vitals_read(request->logins, request->n_logins, NULL, guard_is_port, datapath,
			&guard->vitals, &what);
	if (r >= 0)
		r = note_spots(guard);
	if (r < 0) {
		diag_warning(
			diags, NULL,
			"the lock-out guard did not look whether the entries cut a connection: "
			"cannot read %s: %s",
			what, strerror(-r));
		forget_traffic(guard);
	}
	took = now_usec() - start;
	guard->fresh_until =
		start + took +
		(took * READING_SHARE > FRESH_USEC ? took * READING_SHARE : FRESH_USEC);
}

/* --- the program -------------------------------------------------------------------------- */

/* Live sets of our own, in the same slots as the real ones; those between stay empty. */
static int open_live(struct guard_live *guard, struct diags *diags)
{
	const struct manifest *manifest = guard->datapath->live->manifest;
	uint32_t last = 0, slot;
	int r;

	r = live_maps_open(NULL, &guard->live, diags);
	for (uint32_t i = 0; r >= 0 && i < manifest->n_live_sets; i++)
		if (live_maps_find(guard->datapath->live_maps, manifest->live_sets[i].name,
				   &slot) >= 0 &&
		    slot > last)
			last = slot;
	for (uint32_t i = 0; r >= 0 && i <= last; i++) {
		char name[NAME_LEN];

		snprintf(name, sizeof(name), "%u", i);
		r = live_maps_assign(guard->live, name, &slot, diags);
	}
	return r;
}

static int open_program(struct guard_live *guard, struct diags *diags)
{
	const struct generation *live = guard->datapath->live;
	int r;

	/* A policy that was undone leaves the one before in force again, held anew. */
	guard->view.held = guard->datapath->held;
	if (guard->generation == live->manifest->generation)
		return 0;
	forget_program(guard);
	r = open_live(guard, diags);
	if (r < 0) {
		forget_program(guard);
		return r;
	}
	guard->view = (struct guard_view){
		guard->datapath, live, guard->datapath->held, guard->live, {}
	};
	guard->generation = live->manifest->generation;
	return 0;
}

static int put(struct guard_live *guard, uint32_t slot, const struct live_prefix *prefix)
{
	const struct live_times forever = { .end = LIVE_FOREVER };

	return live_maps_put(guard->live, slot, prefix, &forever, LIVE_FOREVER, NULL);
}

/* One traffic, one entry. */
struct question {
	const struct vital *vital;
	const char *set;
	const struct live_prefix *prefix;
	guard_holds *holds;
	void *context;
};

static struct live_prefix host_of(const struct endpoint *address)
{
	struct live_prefix host = { .family = address->family };

	host.len = (uint8_t)(endpoint_bytes(address) * 8);
	memcpy(host.addr, address->addr, sizeof(host.addr));
	return host;
}

/* What the real sets hold of the packet's addresses; or take it out again. */
static int mirror(struct guard_live *guard, const struct question *question, bool there)
{
	const struct manifest *manifest = guard->datapath->live->manifest;
	uint32_t slot;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < manifest->n_live_sets; i++) {
		const char *name = manifest->live_sets[i].name;

		if (live_maps_find(guard->datapath->live_maps, name, &slot) < 0)
			continue;
		for (int field = 0; r >= 0 && field < N_ADDRESS_FIELDS; field++) {
			struct live_prefix host =
				host_of(address_of(question->vital, (enum address_field)field));

			if (!question->holds(question->context, name, &host))
				continue;
			r = there ? put(guard, slot, &host)
				  : live_maps_remove(guard->live, slot, &host, false);
			if (r == -ENOENT)
				r = 0;
		}
	}
	return r;
}

/* 1: the entry cuts it, and *ret_why says so. */
static int ask(struct guard_live *guard, const struct question *question, uint32_t slot,
	       char **ret_why, struct diags *diags)
{
	uint32_t interface = guard_view_interface(&guard->view, question->vital);
	uint8_t frame[VITAL_FRAME_MAX];
	const struct trace *trace;
	char text[GUARD_TEXT];
	size_t len;
	int r;

	if (interface == GUARD_NO_INTERFACE)
		return 0;
	len = vital_frame(question->vital, frame);
	r = guard_view_ask(&guard->view, interface, frame, len, &trace, diags);
	if (r < 0 || trace->verdict != VERDICT_PASS) /* it is cut already */
		return r;
	r = put(guard, slot, question->prefix);
	if (r >= 0)
		r = guard_view_ask(&guard->view, interface, frame, len, &trace, diags);
	live_maps_remove(guard->live, slot, question->prefix, false);
	if (r < 0 || trace->verdict == VERDICT_PASS)
		return r;
	guard_format(&guard->view, interface, trace, question->vital, text);
	if (asprintf(ret_why, "%s (the lock-out guard; --force has it in '%s' all the same)", text,
		     question->set) < 0)
		*ret_why = NULL;
	return 1;
}

/* What is in force was adopted from another daemon, so nobody can be asked. Then who would lock
 * himself out gets the benefit of the doubt. */
static int doubt(const struct question *question, char **ret_why)
{
	char text[VITAL_TEXT];

	if (asprintf(ret_why,
		     "it may cut %s, and what is in force was adopted and cannot be asked (the "
		     "lock-out guard; --force has it in '%s' all the same)",
		     vital_format(question->vital, text), question->set) < 0)
		*ret_why = NULL;
	return 1;
}

static int judge_one(struct guard_live *guard, const struct question *question, char **ret_why)
{
	_cleanup_(diags_free) struct diags diags = {};
	uint32_t slot;
	int r;

	if (guard->level == GUARD_TRUSTED && !vital_is_trusted(question->vital))
		return 0;
	if (live_maps_find(guard->datapath->live_maps, question->set, &slot) < 0)
		return 0;
	if (!guard->datapath->live->built_here)
		return doubt(question, ret_why);
	r = open_program(guard, &diags);
	if (r >= 0)
		r = mirror(guard, question, true);
	if (r >= 0)
		r = ask(guard, question, slot, ret_why, &diags);
	if (guard->generation)
		mirror(guard, question, false);
	if (r >= 0)
		return r;
	/* Out of memory, most likely: as with a machine whose connections cannot be read. */
	return 0;
}

/* Does the entry lie before the address, hold it, or lie behind it? */
static int compare_prefix(const struct live_prefix *prefix, const struct endpoint *address)
{
	unsigned int bytes = prefix->len / 8, bits = prefix->len % 8;
	int order;

	if (prefix->family != address->family)
		return prefix->family < address->family ? -1 : 1;
	order = memcmp(prefix->addr, address->addr, bytes);
	if (order || !bits)
		return order;
	return (prefix->addr[bytes] >> (8 - bits)) - (address->addr[bytes] >> (8 - bits));
}

int guard_live_judge(struct guard_live *guard, const char *set, const struct live_prefix *prefix,
		     guard_holds *holds, void *context, char **ret_why)
{
	size_t first = 0, end = guard->n_spots;
	int r = 0;

	if (guard->level == GUARD_OFF)
		return 0;
	while (first < end) { /* the first that is not before the entry */
		size_t middle = first + (end - first) / 2;

		if (compare_prefix(prefix, &guard->spots[middle].address) > 0)
			first = middle + 1;
		else
			end = middle;
	}
	for (; r == 0 && first < guard->n_spots &&
	       compare_prefix(prefix, &guard->spots[first].address) == 0;
	     first++) {
		const struct question question = {
			.vital = &guard->vitals.items[guard->spots[first].vital],
			.set = set,
			.prefix = prefix,
			.holds = holds,
			.context = context,
		};

		r = judge_one(guard, &question, ret_why);
	}
	return r > 0 ? -EPERM : r;
}
