/* SPDX-License-Identifier: GPL-2.0-only */
/* filters.c: ClassBench's files, see filters.h. */
#include "filters.h"

#include <inttypes.h>
#include <string.h>

#include "build-policy.h"
#include "util.h"

#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17

struct filter {
	uint32_t address[N_ADDRESS_FIELDS];
	unsigned int len[N_ADDRESS_FIELDS];
	struct range port[2];
	unsigned int proto, proto_mask;
	unsigned int flags, flags_mask;
};

/* --- sets --------------------------------------------------------------------------------- */

static bool parse_filter(const char *line, struct filter *filter)
{
	unsigned int bytes[N_ADDRESS_FIELDS][4];
	int end = 0;
	int n = sscanf(line,
		       "@%3u.%3u.%3u.%3u/%2u %3u.%3u.%3u.%3u/%2u %5" SCNu32 " : %5" SCNu32
		       " %5" SCNu32 " : %5" SCNu32 " %4x/%4x %6x/%6x %n",
		       &bytes[0][0], &bytes[0][1], &bytes[0][2], &bytes[0][3], &filter->len[0],
		       &bytes[1][0], &bytes[1][1], &bytes[1][2], &bytes[1][3], &filter->len[1],
		       &filter->port[0].first, &filter->port[0].last, &filter->port[1].first,
		       &filter->port[1].last, &filter->proto, &filter->proto_mask, &filter->flags,
		       &filter->flags_mask, &end);

	if (n != 18 || line[end])
		return false;
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		filter->address[f] = 0;
		for (int i = 0; i < 4; i++) {
			if (bytes[f][i] > 255)
				return false;
			filter->address[f] = filter->address[f] << 8 | bytes[f][i];
		}
		if (filter->len[f] > 32 || filter->port[f].first > filter->port[f].last ||
		    filter->port[f].last > 65535)
			return false;
	}
	/* All protocols or one; nothing is known of the flags' lower byte. */
	return (filter->proto_mask == 0 || filter->proto_mask == 0xff) &&
	       (filter->flags_mask & 0xff) == 0;
}

/* Every value of eight bits that has the wanted ones, as ranges. */
static void add_masked(struct rule *rule, enum scalar_field field, unsigned int wanted,
		       unsigned int mask)
{
	for (unsigned int value = 0; value < 256; value++) {
		unsigned int first = value;

		if ((value & mask) != wanted)
			continue;
		while (value + 1 < 256 && ((value + 1) & mask) == wanted)
			value++;
		if (field == FIELD_ICMP) /* IPv4's, whatever the code */
			build_scalar(rule, field, first << 8, value << 8 | 0xff);
		else
			build_scalar(rule, field, first, value);
	}
}

static bool add_filter(struct policy *policy, uint32_t ruleset, size_t number,
		       const struct filter *filter, enum verdict verdict)
{
	struct rule *rule;
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "line-%zu", number);
	rule = build_rule(policy, ruleset, name, verdict);
	for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
		uint32_t set;

		if (filter->len[f] == 0)
			continue;
		set = build_set(policy, ""); /* as a literal in a rule */
		build_prefix_v4(policy, set, filter->address[f], (uint8_t)filter->len[f]);
		build_address(rule, f, set);
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (filter->port[i].first != 0 || filter->port[i].last != 65535)
			build_scalar(rule, i == 0 ? FIELD_SPORT : FIELD_DPORT,
				     filter->port[i].first, filter->port[i].last);
	}
	if (filter->proto_mask)
		build_scalar(rule, FIELD_PROTO, filter->proto, filter->proto);
	if (!filter->flags_mask)
		return true;
	if (!filter->proto_mask || (filter->proto != PROTO_TCP && filter->proto != PROTO_ICMP))
		return false;
	add_masked(rule, filter->proto == PROTO_TCP ? FIELD_TCP_FLAGS : FIELD_ICMP,
		   filter->flags >> 8, filter->flags_mask >> 8);
	return true;
}

int filters_read(const char *path, struct policy *policy, uint32_t ruleset, enum filter_mode mode)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	if (!file)
		return -errno;
	for (size_t i = 0; getline(&line, &size, file) > 0; i++) {
		enum verdict verdict = mode == FILTERS_COUNT ? VERDICT_NONE
				       : i % 2               ? VERDICT_PASS
							     : VERDICT_DROP;
		struct filter filter;

		if (!parse_filter(line, &filter) ||
		    !add_filter(policy, ruleset, i + 1, &filter, verdict)) {
			fprintf(stderr, "%s:%zu: no filter: %s", path, i + 1, line);
			return -EINVAL;
		}
	}
	return 0;
}

/* --- traces ------------------------------------------------------------------------------- */

int trace_read(const char *path, struct header **ret, size_t *ret_n)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ struct header *headers = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0, n = 0, capacity = 0;

	if (!file)
		return -errno;
	while (getline(&line, &size, file) > 0) {
		unsigned int src, dst, sport, dport, proto, flags;
		size_t rule;

		if (sscanf(line, "%u %u %u %u %u %u %zu", &src, &dst, &sport, &dport, &proto,
			   &flags, &rule) != 7 ||
		    sport > 65535 || dport > 65535 || proto > 255) {
			fprintf(stderr, "%s:%zu: no header: %s", path, n + 1, line);
			return -EINVAL;
		}
		if (array_reserve((void **)&headers, &capacity, n + 1, sizeof(*headers)) < 0)
			return -ENOMEM;
		headers[n++] = (struct header){
			.address = { src, dst },
			.sport = (uint16_t)sport,
			.dport = (uint16_t)dport,
			.proto = (uint8_t)proto,
			.flags = (uint16_t)(flags >> 16),
			.rule = rule,
		};
	}
	*ret = TAKE_PTR(headers);
	*ret_n = n;
	return 0;
}

void header_packet(const struct header *header, struct packet *packet)
{
	packet_start(packet);
	packet_ipv4(packet, header->address[ADDRESS_SRC], header->address[ADDRESS_DST]);
	switch (header->proto) {
	case PROTO_TCP:
		packet_tcp(packet, header->sport, header->dport, (uint8_t)(header->flags >> 8));
		break;
	case PROTO_UDP:
		packet_udp(packet, header->sport, header->dport);
		break;
	case PROTO_ICMP:
		packet_icmp(packet, (uint8_t)(header->flags >> 8), (uint8_t)header->flags);
		break;
	default:
		packet_proto(packet, header->proto);
		packet_payload(packet, 8);
		break;
	}
	packet_end(packet);
}
