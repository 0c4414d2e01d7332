/* SPDX-License-Identifier: GPL-2.0-only */
/* filters.c: ClassBench's filter sets, see filters.h. */
#include "filters.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "build-policy.h"
#include "util.h"

static uint32_t mask_of(uint8_t len)
{
	return len ? 0xffffffffU << (32 - len) : 0;
}

static int add(struct filters *filters, const struct filter *filter)
{
	int r = array_reserve((void **)&filters->items, &filters->capacity, filters->n + 1,
			      sizeof(*filters->items));

	if (r >= 0)
		filters->items[filters->n++] = *filter;
	return r;
}

/* "@1.2.3.4/32 5.6.7.8/0 0 : 65535 80 : 80 0x06/0xFF 0x0200/0x1200" */
static int parse(const char *line, struct filter *ret)
{
	unsigned int s[5], d[5], ports[4], proto[2], flags[2];
	int n = sscanf(line, "@%u.%u.%u.%u/%u %u.%u.%u.%u/%u %u : %u %u : %u %x/%x %x/%x", &s[0],
		       &s[1], &s[2], &s[3], &s[4], &d[0], &d[1], &d[2], &d[3], &d[4], &ports[0],
		       &ports[1], &ports[2], &ports[3], &proto[0], &proto[1], &flags[0], &flags[1]);

	if (n != 18 || s[4] > 32 || d[4] > 32)
		return -EINVAL;
	*ret = (struct filter){
		.src = (s[0] << 24 | s[1] << 16 | s[2] << 8 | s[3]) & mask_of((uint8_t)s[4]),
		.dst = (d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3]) & mask_of((uint8_t)d[4]),
		.src_len = (uint8_t)s[4],
		.dst_len = (uint8_t)d[4],
		.sport_first = (uint16_t)ports[0],
		.sport_last = (uint16_t)ports[1],
		.dport_first = (uint16_t)ports[2],
		.dport_last = (uint16_t)ports[3],
		.proto = (uint8_t)proto[0],
		.proto_mask = (uint8_t)proto[1],
		/* The upper byte; the lower one is never looked at. */
		.flags = (uint8_t)(flags[0] >> 8),
		.flags_mask = (uint8_t)(flags[1] >> 8),
	};
	return 0;
}

int filters_read(struct filters *filters, const char *path, size_t limit)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r = 0;

	if (!file)
		return -errno;
	while (r >= 0 && filters->n < limit && getline(&line, &size, file) >= 0) {
		struct filter filter;

		r = parse(line, &filter);
		if (r >= 0)
			r = add(filters, &filter);
	}
	return r;
}

int filters_make(struct filters *filters, size_t n, uint64_t seed)
{
	static const uint16_t ports[] = { 80, 443, 53, 25, 22, 123, 1521, 161, 3306, 8080 };
	struct rng rng = { .state = seed };
	int r = 0;

	while (r >= 0 && filters->n < n) {
		uint32_t site = rng_below(&rng, 16), host = rng_below(&rng, 1 << 16);
		uint16_t port = rng_percent(&rng, 80) ? ports[rng_below(&rng, ARRAY_SIZE(ports))]
						      : (uint16_t)rng_below(&rng, 65536);
		bool any_port = rng_percent(&rng, 30), tcp = rng_percent(&rng, 60);
		struct filter filter = {
			.src_len = (uint8_t)(rng_percent(&rng, 20) ? 0 : 16 + rng_below(&rng, 17)),
			.dst_len = (uint8_t)(rng_percent(&rng, 5) ? 0 : 24 + rng_below(&rng, 9)),
			.sport_last = 65535,
			.dport_first = any_port ? 0 : port,
			.dport_last = any_port ? 65535 : port,
			.proto = tcp ? IPPROTO_TCP : IPPROTO_UDP,
			.proto_mask = rng_percent(&rng, 85) ? 0xff : 0,
			.flags_mask = tcp && rng_percent(&rng, 20) ? 0x02 : 0,
		};

		filter.src = (0x0a000000 + rng_below(&rng, 1 << 28)) & mask_of(filter.src_len);
		filter.dst = (0xc6000000 + (site << 16) + host) & mask_of(filter.dst_len);
		r = add(filters, &filter);
	}
	return r;
}

void filters_free(struct filters *filters)
{
	free(filters->items);
	*filters = (struct filters){};
}

/* --- as rules ----------------------------------------------------------------------------- */

static bool any_ports(const struct filter *f)
{
	return f->sport_first == 0 && f->sport_last == 65535 && f->dport_first == 0 &&
	       f->dport_last == 65535;
}

static bool passes(size_t index)
{
	return index % 2;
}

static void add_address(struct policy *policy, struct rule *rule, enum address_field field,
			uint32_t addr, uint8_t len)
{
	uint32_t set;

	if (!len)
		return;
	set = build_set(policy, "");
	build_prefix_v4(policy, set, addr, len);
	build_address(rule, field, set);
}

static void add_ports(struct rule *rule, enum scalar_field field, uint16_t first, uint16_t last)
{
	if (first != 0 || last != 65535)
		build_scalar(rule, field, first, last);
}

static void add_flags(struct rule *rule, const struct filter *filter)
{
	for (uint32_t value = 0; value < 256; value++)
		if (!((value ^ filter->flags) & filter->flags_mask))
			build_scalar(rule, FIELD_TCP_FLAGS, value, value);
}

struct policy *filters_to_policy(const struct filters *filters)
{
	struct policy *policy = build_policy();
	uint32_t ruleset = build_ruleset(policy, "filters", VERDICT_PASS);

	build_interface(policy, "bench", ruleset);
	for (size_t i = 0; i < filters->n; i++) {
		const struct filter *f = &filters->items[i];
		char name[NAME_LEN];
		struct rule *rule;

		snprintf(name, sizeof(name), "filter-%zu", i + 1);
		rule = build_rule(policy, ruleset, name, passes(i) ? VERDICT_PASS : VERDICT_DROP);
		add_address(policy, rule, ADDRESS_SRC, f->src, f->src_len);
		add_address(policy, rule, ADDRESS_DST, f->dst, f->dst_len);
		add_ports(rule, FIELD_SPORT, f->sport_first, f->sport_last);
		add_ports(rule, FIELD_DPORT, f->dport_first, f->dport_last);
		if (f->proto_mask)
			build_scalar(rule, FIELD_PROTO, f->proto, f->proto);
		if (f->flags_mask)
			add_flags(rule, f);
	}
	return policy;
}

struct scan_rule *filters_to_scan(const struct filters *filters)
{
	struct scan_rule *rules = calloc(filters->n + 1, sizeof(*rules));

	for (size_t i = 0; rules && i < filters->n; i++) {
		const struct filter *f = &filters->items[i];

		rules[i] = (struct scan_rule){
			.src = htonl(f->src),
			.src_mask = htonl(mask_of(f->src_len)),
			.dst = htonl(f->dst),
			.dst_mask = htonl(mask_of(f->dst_len)),
			.sport_first = f->sport_first,
			.sport_last = f->sport_last,
			.dport_first = f->dport_first,
			.dport_last = f->dport_last,
			.proto = f->proto,
			.proto_mask = f->proto_mask,
			.flags = f->flags,
			.flags_mask = f->flags_mask,
			.has_ports = !any_ports(f),
			.has_flags = f->flags_mask != 0,
			.pass = passes(i),
		};
	}
	return rules;
}

/* --- as traffic --------------------------------------------------------------------------- */

static void draw_any(struct rng *rng, struct flow *ret)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_GRE };

	*ret = (struct flow){
		.family = FAMILY_V4,
		.src = ADDRESS_V4(rng_u64(rng)),
		.dst = ADDRESS_V4(rng_u64(rng)),
		.proto = protos[rng_below(rng, ARRAY_SIZE(protos))],
		.sport = (uint16_t)rng_u64(rng),
		.dport = (uint16_t)rng_u64(rng),
		.tcp_flags = (uint8_t)rng_u64(rng),
	};
}

void filters_draw(const struct filters *filters, struct rng *rng, struct flow *ret)
{
	const struct filter *f = &filters->items[rng_below(rng, (uint32_t)filters->n)];

	draw_any(rng, ret);
	if (rng_percent(rng, 10))
		return;
	ret->src = ADDRESS_V4(f->src | (rng_u64(rng) & ~mask_of(f->src_len)));
	ret->dst = ADDRESS_V4(f->dst | (rng_u64(rng) & ~mask_of(f->dst_len)));
	ret->sport = (uint16_t)rng_between(rng, f->sport_first, f->sport_last);
	ret->dport = (uint16_t)rng_between(rng, f->dport_first, f->dport_last);
	ret->tcp_flags = (uint8_t)((ret->tcp_flags & ~f->flags_mask) | (f->flags & f->flags_mask));
	if (f->proto_mask)
		ret->proto = f->proto;
	else if (!any_ports(f))
		ret->proto = IPPROTO_UDP;
}
