/* SPDX-License-Identifier: GPL-2.0-only */
/* list.c: lists of prefixes, see list.h. */
#include "list.h"

#include <arpa/inet.h>
#include <string.h>

#include "build-policy.h"
#include "util.h"

static const unsigned int family_bits[N_FAMILIES] = { 32, 128 };

const char *list_kind_name(enum list_kind kind)
{
	static const char *const names[] = {
#define X(id, name, text) name,
		LIST_KINDS(X)
#undef X
	};

	return names[kind];
}

void prefix_list_title(char *ret, size_t size, enum list_kind kind, size_t n)
{
	bool millions = n >= 1000000;

	snprintf(ret, size, "%zu%s %s", n / (millions ? 1000000 : 1000), millions ? "M" : "k",
		 list_kind_name(kind));
}

/* The bits beyond a prefix length; IPv4 addresses stand in the top 32. */
static address host_mask(uint8_t len)
{
	return len >= 128 ? 0 : ~(address)0 >> len;
}

static address random_address(struct rng *rng)
{
	address high = rng_u64(rng);

	return high << 64 | rng_u64(rng);
}

int prefix_list_add(struct prefix_list *list, enum family family, address addr, uint8_t len)
{
	int r = array_reserve((void **)&list->prefixes, &list->capacity, list->n + 1,
			      sizeof(*list->prefixes));

	if (r < 0)
		return r;
	list->prefixes[list->n++] = (struct list_prefix){
		.family = family,
		.len = len,
		.addr = addr & ~host_mask(len),
	};
	return 0;
}

/* --- made-up lists ------------------------------------------------------------------------ */

/* A prefix length by its share in percent. */
struct share {
	uint8_t percent, len;
};

static uint8_t draw_length(const struct share *shares, struct rng *rng)
{
	uint32_t draw = rng_below(rng, 100);

	while (draw >= shares->percent)
		draw -= (shares++)->percent;
	return shares->len;
}

/* 1.0.0.0 .. 223.255.255.255 */
static address draw_v4(struct rng *rng)
{
	return ADDRESS_V4((1 + rng_below(rng, 223)) << 24 | rng_below(rng, 1 << 24));
}

/* One of the /32 that the registries gave away: number `allocation` of them. */
static address v6_allocation(uint32_t allocation)
{
	static const uint16_t blocks[] = { 0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00 };
	struct rng rng = { .state = allocation };
	uint32_t block = blocks[allocation % ARRAY_SIZE(blocks)];
	uint32_t top = block << 16 | rng_below(&rng, block == 0x2001 ? 1 << 16 : 1 << 20);

	return (address)top << 96;
}

static void draw_prefix(enum list_kind kind, size_t n, struct rng *rng, struct list_prefix *ret)
{
	static const struct share v4_routes[] = { { 60, 24 }, { 10, 23 }, { 11, 22 },
						  { 5, 21 },  { 5, 20 },  { 4, 19 },
						  { 2, 18 },  { 1, 17 },  { 2, 16 } };
	static const struct share v6_routes[] = { { 46, 48 }, { 14, 32 }, { 10, 44 }, { 10, 40 },
						  { 8, 36 },  { 4, 29 },  { 4, 46 },  { 4, 33 } };
	static const struct share v6_hosts[] = { { 40, 64 }, { 40, 128 }, { 6, 80 },
						 { 6, 96 },  { 4, 112 },  { 4, 120 } };
	address low = random_address(rng);

	switch (kind) {
	case LIST_V4_ROUTES:
		*ret = (struct list_prefix){ FAMILY_V4, draw_length(v4_routes, rng), draw_v4(rng) };
		break;
	case LIST_V4_HOSTS:
		*ret = (struct list_prefix){ FAMILY_V4, 32, draw_v4(rng) };
		if (rng_percent(rng, 50)) { /* a crowd: some 500 in each of a few /16 */
			struct rng crowd = { .state = rng_below(rng, 1 + (uint32_t)(n / 1000)) };

			ret->addr = (draw_v4(&crowd) & ~host_mask(16)) |
				    ADDRESS_V4(rng_below(rng, 1 << 16));
		}
		break;
	case LIST_V6_ROUTES:
		*ret = (struct list_prefix){ FAMILY_V6, draw_length(v6_routes, rng),
					     v6_allocation(rng_below(rng, 64 + (uint32_t)n / 5)) |
						     (low & host_mask(32)) };
		break;
	default:
		*ret = (struct list_prefix){ FAMILY_V6, draw_length(v6_hosts, rng),
					     v6_allocation(rng_below(rng, 64 + (uint32_t)n / 50)) |
						     (low & host_mask(32)) };
		/* Subnets are numbered from 0, and so are many hosts. */
		ret->addr &= ~((address)0xfff << 84);
		if (ret->len == 128 && rng_percent(rng, 50))
			ret->addr &= ~(((address)1 << 64) - 1) | 0xffff;
	}
	ret->addr &= ~host_mask(ret->len);
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct list_prefix *x = a, *y = b;

	if (x->family != y->family)
		return x->family < y->family ? -1 : 1;
	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return x->len - y->len;
}

static size_t remove_repeated(struct list_prefix *prefixes, size_t n)
{
	size_t kept = 0;

	qsort(prefixes, n, sizeof(*prefixes), compare_prefixes);
	for (size_t i = 0; i < n; i++)
		if (!kept || compare_prefixes(&prefixes[kept - 1], &prefixes[i]) != 0)
			prefixes[kept++] = prefixes[i];
	return kept;
}

int prefix_list_make(struct prefix_list *list, enum list_kind kind, size_t n, uint64_t seed)
{
	struct rng rng = { .state = seed };

	while (list->n < n) {
		while (list->n < n) {
			struct list_prefix prefix;
			int r;

			draw_prefix(kind, n, &rng, &prefix);
			r = prefix_list_add(list, prefix.family, prefix.addr, prefix.len);
			if (r < 0)
				return r;
		}
		list->n = remove_repeated(list->prefixes, list->n);
	}
	return 0;
}

/* --- files -------------------------------------------------------------------------------- */

static address from_bytes(const uint8_t *bytes, unsigned int n)
{
	address value = 0;

	for (unsigned int i = 0; i < n; i++)
		value |= (address)bytes[i] << (120 - 8 * i);
	return value;
}

static int add_text(struct prefix_list *list, char *text)
{
	char *slash = strchr(text, '/');
	enum family family = strchr(text, ':') ? FAMILY_V6 : FAMILY_V4;
	unsigned long len = slash ? strtoul(slash + 1, NULL, 10) : family_bits[family];
	uint8_t bytes[16];

	if (slash)
		*slash = '\0';
	if (len > family_bits[family] ||
	    inet_pton(family == FAMILY_V6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		return -EINVAL;
	return prefix_list_add(list, family, from_bytes(bytes, family_bits[family] / 8),
			       (uint8_t)len);
}

int prefix_list_read(struct prefix_list *list, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (r >= 0 && getline(&line, &size, file) >= 0) {
		line[strcspn(line, " \t\r\n#;")] = '\0';
		if (line[0])
			r = add_text(list, line);
	}
	return r;
}

void prefix_list_print(const struct prefix_list *list, FILE *stream)
{
	/* A list file that is empty is refused, as a failed download is. */
	fprintf(stream, "# %zu prefixes\n", list->n);
	for (size_t i = 0; i < list->n; i++) {
		const struct list_prefix *prefix = &list->prefixes[i];
		char text[INET6_ADDRSTRLEN];
		uint8_t bytes[16];

		for (int j = 0; j < 16; j++)
			bytes[j] = (uint8_t)(prefix->addr >> (120 - 8 * j));
		inet_ntop(prefix->family == FAMILY_V6 ? AF_INET6 : AF_INET, bytes, text,
			  sizeof(text));
		fprintf(stream, "%s/%u\n", text, prefix->len);
	}
}

/* --- what a list covers ------------------------------------------------------------------- */

int prefix_list_finish(struct prefix_list *list)
{
	list->n = remove_repeated(list->prefixes, list->n);
	for (int family = 0; family < N_FAMILIES; family++) {
		list->spans[family] = calloc(list->n + 1, sizeof(struct list_span));
		if (!list->spans[family])
			return -ENOMEM;
	}
	for (size_t i = 0; i < list->n; i++) {
		const struct list_prefix *prefix = &list->prefixes[i];
		struct list_span *spans = list->spans[prefix->family];
		size_t *n = &list->n_spans[prefix->family];

		/* Sorted, so what is not beyond the last span lies within it. */
		if (*n && prefix->addr <= spans[*n - 1].last)
			continue;
		spans[(*n)++] =
			(struct list_span){ prefix->addr, prefix->addr | host_mask(prefix->len) };
	}
	return 0;
}

void prefix_list_free(struct prefix_list *list)
{
	free(list->prefixes);
	for (int family = 0; family < N_FAMILIES; family++)
		free(list->spans[family]);
	*list = (struct prefix_list){};
}

bool prefix_list_contains(const struct prefix_list *list, enum family family, address addr)
{
	const struct list_span *spans = list->spans[family];
	size_t first = 0, end = list->n_spans[family];

	while (first < end) {
		size_t middle = (first + end) / 2;

		if (addr < spans[middle].first)
			end = middle;
		else if (addr > spans[middle].last)
			first = middle + 1;
		else
			return true;
	}
	return false;
}

static const struct list_prefix *draw_prefix_of(const struct prefix_list *list, struct rng *rng)
{
	return &list->prefixes[rng_below(rng, (uint32_t)list->n)];
}

void prefix_list_draw_hit(const struct prefix_list *list, struct rng *rng, enum family *family,
			  address *ret)
{
	const struct list_prefix *prefix = draw_prefix_of(list, rng);

	*family = prefix->family;
	*ret = prefix->addr | (random_address(rng) & host_mask(prefix->len));
	if (prefix->family == FAMILY_V4)
		*ret &= ~host_mask(32);
}

/* Near a prefix of the list: the same first bits, the rest random. Where prefixes leave no
 * room, farther and farther off. */
void prefix_list_draw_miss(const struct prefix_list *list, struct rng *rng, enum family *family,
			   address *ret)
{
	const struct list_prefix *prefix = draw_prefix_of(list, rng);
	unsigned int common = rng_below(rng, prefix->len + 1U);

	for (;;) {
		address mask = host_mask((uint8_t)common);

		*family = prefix->family;
		*ret = (prefix->addr & ~mask) | (random_address(rng) & mask);
		if (prefix->family == FAMILY_V4)
			*ret &= ~host_mask(32);
		if (!prefix_list_contains(list, prefix->family, *ret))
			return;
		if (common)
			common--;
		else
			prefix = draw_prefix_of(list, rng);
	}
}

void prefix_list_to_set(const struct prefix_list *list, struct policy *policy, uint32_t set)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct list_prefix *prefix = &list->prefixes[i];

		if (prefix->family == FAMILY_V4)
			build_prefix_v4(policy, set, (uint32_t)(prefix->addr >> 96), prefix->len);
		else
			build_prefix_v6(policy, set, (uint64_t)(prefix->addr >> 64),
					(uint64_t)prefix->addr, prefix->len);
	}
}
