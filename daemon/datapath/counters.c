/* SPDX-License-Identifier: GPL-2.0-only */
#include "counters.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <time.h>

#include "kernel.h"
#include "pinned.h"
#include "util.h"

#define NO_PAGE UINT32_MAX
#define MAX_SLOTS (MAX_COUNTER_PAGES * COUNTERS_PER_PAGE)
#define GRACE_USEC (10 * UINT64_C(1000000))

/* Value of the registry. */
struct registry_value {
	uint32_t slot;
	uint32_t pad;
	uint64_t retired_usec; /* CLOCK_BOOTTIME; 0: in use */
};

_Static_assert(sizeof(struct counter_identity) == 192, "the registry's key has no padding");
_Static_assert(sizeof(struct registry_value) == 16, "the registry's value has no padding");

/* Owner of the slot (or of the block that starts at it). */
struct owner {
	struct counter_identity *identity; /* NULL: free, or inside a block */
	uint64_t retired_usec;
	bool wanted; /* assigned since counters_begin() */
};

struct page {
	int slots_fd;     /* PERCPU_ARRAY of struct counter */
	int baselines_fd; /* ARRAY of struct counter */
};

struct counters {
	const struct pins *pins; /* NULL: private */
	int registry_fd;
	int pages_fd;
	struct page pages[MAX_COUNTER_PAGES];
	uint32_t n_pages;
	struct owner *owners; /* n_pages * COUNTERS_PER_PAGE */
	uint8_t *used;        /* likewise; 1: owned, or inside an owned block */
	int n_cpus;
	struct counter_page *per_cpu; /* n_cpus: page `cached` as it was when it was last read */
	uint32_t cached;              /* NO_PAGE: none */
};

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * UINT64_C(1000000) + now.tv_nsec / 1000;
}

static uint32_t identity_slots(const struct counter_identity *identity)
{
	return identity->rule[0] ? 1 : INTERFACE_BLOCK;
}

/* --- maps -------------------------------------------------------------------------------- */

static int get_map(struct counters *counters, const char *name, const struct bpf_map_info *kind,
		   struct diags *diags)
{
	return pinned_get(counters->pins, "counters", name, kind, diags);
}

static int open_map(struct counters *counters, const char *name, const struct bpf_map_info *kind,
		    struct diags *diags)
{
	return pinned_open(counters->pins, "counters", name, kind, 0, diags);
}

static const struct bpf_map_info slots_kind = {
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.name = "xdpgate_slots",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(struct counter_page),
	.max_entries = 1,
};
static const struct bpf_map_info baselines_kind = {
	.type = BPF_MAP_TYPE_ARRAY,
	.name = "xdpgate_base",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(struct counter),
	.max_entries = COUNTERS_PER_PAGE,
};
static const struct bpf_map_info pages_kind = {
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	.name = "xdpgate_pages",
	.key_size = sizeof(uint32_t),
	.value_size = sizeof(uint32_t),
	.max_entries = MAX_COUNTER_PAGES,
};
static const struct bpf_map_info registry_kind = {
	.type = BPF_MAP_TYPE_HASH,
	.name = "xdpgate_owners",
	.key_size = sizeof(struct counter_identity),
	.value_size = sizeof(struct registry_value),
	.max_entries = MAX_SLOTS,
	.map_flags = BPF_F_NO_PREALLOC,
};

/* Open page number n_pages, or make it. The page is entered in the array of pages again even
 * if it was there: a crash may have come between the two. */
static int add_page(struct counters *counters, bool create, struct diags *diags)
{
	struct page page = { -1, -1 };
	uint32_t index = counters->n_pages, total = (index + 1) * COUNTERS_PER_PAGE;
	char slots_name[32], base_name[32];
	struct owner *owners;
	uint8_t *used;
	int r;

	if (index >= MAX_COUNTER_PAGES) {
		diag_error(diags, NULL,
			   "no counter slots are left (%u): too many rules times interfaces",
			   MAX_SLOTS);
		return -ENOSPC;
	}
	owners = reallocarray(counters->owners, total, sizeof(*owners));
	if (owners)
		counters->owners = owners;
	used = reallocarray(counters->used, total, sizeof(*used));
	if (used)
		counters->used = used;
	if (!owners || !used)
		return -ENOMEM;
	memset(owners + total - COUNTERS_PER_PAGE, 0, COUNTERS_PER_PAGE * sizeof(*owners));
	memset(used + total - COUNTERS_PER_PAGE, 0, COUNTERS_PER_PAGE * sizeof(*used));

	snprintf(slots_name, sizeof(slots_name), "page-%u", index);
	snprintf(base_name, sizeof(base_name), "base-%u", index);
	if (!create) {
		page.slots_fd = get_map(counters, slots_name, &slots_kind, diags);
		if (page.slots_fd < 0)
			return page.slots_fd;
	} else {
		page.slots_fd = open_map(counters, slots_name, &slots_kind, diags);
	}
	r = page.slots_fd;
	if (r >= 0)
		r = page.baselines_fd = open_map(counters, base_name, &baselines_kind, diags);
	if (r >= 0) {
		r = bpf_map_update_elem(counters->pages_fd, &index, &page.slots_fd, BPF_ANY);
		if (r < 0)
			kernel_error(diags, r, "cannot enter page %u of the counters", index);
	}
	if (r < 0) {
		close_fd(&page.slots_fd);
		close_fd(&page.baselines_fd);
		return r;
	}
	counters->pages[counters->n_pages++] = page;
	return 0;
}

/* --- owners ------------------------------------------------------------------------------ */

static int set_owner(struct counters *counters, const struct counter_identity *identity,
		     uint32_t slot, uint64_t retired_usec)
{
	struct counter_identity *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *identity;
	counters->owners[slot] = (struct owner){ .identity = copy, .retired_usec = retired_usec };
	memset(counters->used + slot, 1, identity_slots(identity));
	return 0;
}

static bool identity_valid(const struct counter_identity *identity)
{
	return memchr(identity->policy, '\0', NAME_LEN) && memchr(identity->rule, '\0', NAME_LEN) &&
	       memchr(identity->interface, '\0', NAME_LEN);
}

/* Read the registry, believing only entries that fit the pages and do not overlap. */
static int load_registry(struct counters *counters)
{
	struct counter_identity key, *previous = NULL;
	uint32_t total = counters->n_pages * COUNTERS_PER_PAGE;
	struct registry_value value;

	for (uint32_t i = 0; i < MAX_SLOTS; i++) {
		uint32_t n;
		int r = bpf_map_get_next_key(counters->registry_fd, previous, &key);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		previous = &key;
		r = bpf_map_lookup_elem(counters->registry_fd, &key, &value);
		if (r < 0)
			return r;
		n = identity_slots(&key);
		if (!identity_valid(&key) || value.slot % n || value.slot >= total ||
		    total - value.slot < n || memchr(counters->used + value.slot, 1, n))
			continue;
		r = set_owner(counters, &key, value.slot, value.retired_usec);
		if (r < 0)
			return r;
	}
	return 0;
}

static int sum_slot(struct counters *counters, uint32_t slot, struct counter *ret)
{
	uint32_t page = slot / COUNTERS_PER_PAGE, zero = 0;

	if (counters->cached != page) {
		int r;

		counters->cached = NO_PAGE;
		r = bpf_map_lookup_elem(counters->pages[page].slots_fd, &zero, counters->per_cpu);
		if (r < 0)
			return r;
		counters->cached = page;
	}
	*ret = (struct counter){};
	for (int i = 0; i < counters->n_cpus; i++) {
		const struct counter *counter =
			&counters->per_cpu[i].slots[slot % COUNTERS_PER_PAGE];

		ret->packets += counter->packets;
		ret->bytes += counter->bytes;
	}
	return 0;
}

void counters_snapshot(struct counters *counters)
{
	counters->cached = NO_PAGE;
}

/* From here on the slots count from 0. */
static int set_baselines(struct counters *counters, uint32_t slot, uint32_t n)
{
	counters_snapshot(counters);
	for (uint32_t i = slot; i < slot + n; i++) {
		uint32_t index = i % COUNTERS_PER_PAGE;
		struct counter sum;
		int r = sum_slot(counters, i, &sum);

		if (r >= 0)
			r = bpf_map_update_elem(counters->pages[i / COUNTERS_PER_PAGE].baselines_fd,
						&index, &sum, BPF_ANY);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A free run of n slots, aligned to n; UINT32_MAX: none. */
static uint32_t find_free(const struct counters *counters, uint32_t n)
{
	uint32_t total = counters->n_pages * COUNTERS_PER_PAGE;

	for (uint32_t slot = 0; slot + n <= total; slot += n)
		if (!memchr(counters->used + slot, 1, n))
			return slot;
	return UINT32_MAX;
}

/* Take the slots of one that retired long enough ago; UINT32_MAX: nobody has. */
static uint32_t reclaim(struct counters *counters, uint32_t n)
{
	uint32_t total = counters->n_pages * COUNTERS_PER_PAGE, oldest = UINT32_MAX;
	uint64_t now = now_usec();

	for (uint32_t slot = 0; slot < total; slot += n) {
		const struct owner *owner = &counters->owners[slot];

		if (owner->identity && owner->retired_usec && !owner->wanted &&
		    identity_slots(owner->identity) == n &&
		    owner->retired_usec + GRACE_USEC < now &&
		    (oldest == UINT32_MAX ||
		     owner->retired_usec < counters->owners[oldest].retired_usec))
			oldest = slot;
	}
	if (oldest == UINT32_MAX)
		return oldest;
	if (bpf_map_delete_elem(counters->registry_fd, counters->owners[oldest].identity) < 0)
		return UINT32_MAX;
	free(TAKE_PTR(counters->owners[oldest].identity));
	memset(counters->used + oldest, 0, n);
	return oldest;
}

static int write_registry(struct counters *counters, const struct counter_identity *identity,
			  uint32_t slot, uint64_t retired_usec)
{
	struct registry_value value = { .slot = slot, .retired_usec = retired_usec };

	return bpf_map_update_elem(counters->registry_fd, identity, &value, BPF_ANY);
}

/* The owner of the slot that the registry names for the identity. 0, -ENOENT: it has none, or
 * another errno: it may have one, and must not get a second. */
static int find_owner(struct counters *counters, const struct counter_identity *identity,
		      struct owner **ret, uint32_t *ret_slot)
{
	struct registry_value value;
	struct owner *owner;
	int r;

	r = bpf_map_lookup_elem(counters->registry_fd, identity, &value);
	if (r < 0)
		return r;
	if (value.slot >= counters->n_pages * COUNTERS_PER_PAGE)
		return -ENOENT;
	owner = &counters->owners[value.slot];
	if (!owner->identity || memcmp(owner->identity, identity, sizeof(*identity)) != 0)
		return -ENOENT;
	*ret = owner;
	*ret_slot = value.slot;
	return 0;
}

static int assign_new(struct counters *counters, const struct counter_identity *identity,
		      uint32_t *ret_slot, struct diags *diags)
{
	uint32_t n = identity_slots(identity);
	uint32_t slot = find_free(counters, n);
	int r;

	if (slot == UINT32_MAX)
		slot = reclaim(counters, n);
	if (slot == UINT32_MAX) {
		r = add_page(counters, true, diags);
		if (r < 0)
			return r;
		slot = find_free(counters, n);
	}
	/* The baseline first: an entry that is in the registry counts right. */
	r = set_baselines(counters, slot, n);
	if (r >= 0)
		r = write_registry(counters, identity, slot, 0);
	if (r < 0)
		return kernel_error(diags, r, "cannot assign a counter slot");
	r = set_owner(counters, identity, slot, 0);
	if (r < 0)
		return r;
	counters->owners[slot].wanted = true;
	*ret_slot = slot;
	return 0;
}

int counters_assign(struct counters *counters, const struct counter_identity *identity,
		    uint32_t *ret_slot, struct diags *diags)
{
	struct owner *owner;
	uint32_t slot;
	int r;

	r = find_owner(counters, identity, &owner, &slot);
	if (r == -ENOENT)
		return assign_new(counters, identity, ret_slot, diags);
	if (r < 0)
		return kernel_error(diags, r, "cannot look up a counter slot");
	if (owner->retired_usec) {
		r = write_registry(counters, identity, slot, 0);
		if (r < 0)
			return kernel_error(diags, r, "cannot awaken a counter slot");
		owner->retired_usec = 0;
	}
	owner->wanted = true;
	*ret_slot = slot;
	return 0;
}

void counters_begin(struct counters *counters)
{
	for (uint32_t slot = 0; slot < counters->n_pages * COUNTERS_PER_PAGE; slot++)
		counters->owners[slot].wanted = false;
}

void counters_retire_others(struct counters *counters)
{
	uint64_t now = now_usec();

	for (uint32_t slot = 0; slot < counters->n_pages * COUNTERS_PER_PAGE; slot++) {
		struct owner *owner = &counters->owners[slot];

		if (!owner->identity || owner->wanted || owner->retired_usec)
			continue;
		/* A failed write leaves it in use: a slot too many, never one too few. */
		if (write_registry(counters, owner->identity, slot, now) == 0)
			owner->retired_usec = now;
	}
}

int counters_read(struct counters *counters, uint32_t slot, struct counter *ret)
{
	uint32_t index = slot % COUNTERS_PER_PAGE;
	struct counter sum, baseline;
	int r;

	if (slot >= counters->n_pages * COUNTERS_PER_PAGE)
		return -EINVAL;
	r = sum_slot(counters, slot, &sum);
	if (r >= 0)
		r = bpf_map_lookup_elem(counters->pages[slot / COUNTERS_PER_PAGE].baselines_fd,
					&index, &baseline);
	if (r < 0)
		return r;
	ret->packets = sum.packets - baseline.packets;
	ret->bytes = sum.bytes - baseline.bytes;
	return 0;
}

/* --- life -------------------------------------------------------------------------------- */

int counters_pages_fd(const struct counters *counters)
{
	return counters->pages_fd;
}

int counters_page_fd(const struct counters *counters, uint32_t slot)
{
	uint32_t page = slot / COUNTERS_PER_PAGE;

	return page < counters->n_pages ? counters->pages[page].slots_fd : -EINVAL;
}

struct counters *counters_close(struct counters *counters)
{
	if (!counters)
		return NULL;
	for (uint32_t i = 0; i < counters->n_pages * COUNTERS_PER_PAGE; i++)
		free(counters->owners[i].identity);
	for (uint32_t i = 0; i < counters->n_pages; i++) {
		close_fd(&counters->pages[i].slots_fd);
		close_fd(&counters->pages[i].baselines_fd);
	}
	close_fd(&counters->registry_fd);
	close_fd(&counters->pages_fd);
	free(counters->owners);
	free(counters->used);
	free(counters->per_cpu);
	free(counters);
	return NULL;
}

static void counters_closep(struct counters **counters)
{
	counters_close(*counters);
}

/* The ARRAY_OF_MAPS; making one takes an example of what it will hold. */
static int open_pages(struct counters *counters, struct diags *diags)
{
	_cleanup_close_ int example = -1;

	counters->pages_fd = get_map(counters, "pages", &pages_kind, diags);
	if (counters->pages_fd != -ENOENT)
		return counters->pages_fd;
	example = bpf_map_create(slots_kind.type, slots_kind.name, slots_kind.key_size,
				 slots_kind.value_size, slots_kind.max_entries, NULL);
	if (example < 0)
		return kernel_error(diags, example, "cannot create counters");
	counters->pages_fd =
		pinned_open(counters->pins, "counters", "pages", &pages_kind, example, diags);
	return counters->pages_fd;
}

int counters_open(const struct pins *pins, struct counters **ret, struct diags *diags)
{
	_cleanup_(counters_closep) struct counters *counters = calloc(1, sizeof(*counters));
	int r;

	if (!counters)
		return -ENOMEM;
	counters->pins = pins;
	counters->registry_fd = counters->pages_fd = -1;
	counters->cached = NO_PAGE;
	counters->n_cpus = libbpf_num_possible_cpus();
	if (counters->n_cpus < 0)
		return kernel_error(diags, counters->n_cpus, "cannot tell the number of CPUs");
	counters->per_cpu = calloc(counters->n_cpus, sizeof(*counters->per_cpu));
	if (!counters->per_cpu)
		return -ENOMEM;
	kernel_forget();
	counters->registry_fd = open_map(counters, "registry", &registry_kind, diags);
	if (counters->registry_fd < 0)
		return counters->registry_fd;
	r = open_pages(counters, diags);
	while (r >= 0 && counters->n_pages < MAX_COUNTER_PAGES) {
		r = add_page(counters, false, diags);
		if (r == -ENOENT) {
			r = 0;
			break;
		}
	}
	if (r < 0)
		return r;
	r = load_registry(counters);
	if (r < 0)
		return kernel_error(diags, r, "cannot read the registry of counters");
	*ret = TAKE_PTR(counters);
	return 0;
}
