// SPDX-License-Identifier: GPL-2.0-only
/*
 * parse.c: a stream's text to struct stream, through one table of keys.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"
#include "util.h"

static int parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 0);
	if (errno || end == text || *end || value > max)
		return -1;
	*ret = value;
	return 0;
}

static int parse_span(const char *text, unsigned long max, struct span *ret)
{
	char first[32];
	const char *dash = strchr(text, '-');
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	unsigned long a, b;

	if (len >= sizeof(first))
		return -1;
	memcpy(first, text, len);
	first[len] = '\0';
	if (parse_number(first, max, &a))
		return -1;
	b = a;
	if (dash && parse_number(dash + 1, max, &b))
		return -1;
	if (b < a)
		return -1;
	*ret = (struct span){ .first = (uint32_t)a, .last = (uint32_t)b };
	return 0;
}

int parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int v[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
		   &rest) != 6)
		return -1;
	for (size_t i = 0; i < 6; i++)
		mac[i] = (uint8_t)v[i];
	return 0;
}

static int add_prefix(struct prefixes *prefixes, char *text)
{
	struct prefix prefix = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	unsigned long len = prefix.family == AF_INET ? 32 : 128;
	char *slash = strchr(text, '/');
	int r;

	if (slash) {
		*slash = '\0';
		if (parse_number(slash + 1, len, &len))
			return -1;
	}
	if (inet_pton(prefix.family, text, prefix.addr) != 1)
		return -1;
	prefix.len = (unsigned int)len;
	void *items = prefixes->items;
	r = array_reserve(&items, &prefixes->capacity, prefixes->n + 1, sizeof(prefix));
	if (r < 0)
		return -1;
	prefixes->items = items;
	prefixes->items[prefixes->n++] = prefix;
	return 0;
}

static int read_list(struct prefixes *prefixes, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char line[256];

	if (!file) {
		fprintf(stderr, "xg-traffic: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "#;\r\n \t")] = '\0';
		if (line[0] && add_prefix(prefixes, line) < 0)
			return -1;
	}
	return 0;
}

static int parse_prefixes(const char *value, struct prefixes *prefixes)
{
	char text[512], *save = NULL;

	if (value[0] == '@')
		return read_list(prefixes, value + 1);
	if (strlen(value) >= sizeof(text))
		return -1;
	strcpy(text, value);
	for (char *p = strtok_r(text, "+", &save); p; p = strtok_r(NULL, "+", &save))
		if (add_prefix(prefixes, p) < 0)
			return -1;
	return prefixes->n ? 0 : -1;
}

static int parse_proto(const char *value, struct stream *stream)
{
	unsigned long n = 0;

	if (strcmp(value, "udp") == 0)
		n = IPPROTO_UDP;
	else if (strcmp(value, "tcp") == 0)
		n = IPPROTO_TCP;
	else if (strcmp(value, "icmp") == 0)
		n = IPPROTO_ICMP;
	else if (parse_number(value, 255, &n))
		return -1;
	stream->proto = (unsigned int)n;
	return 0;
}

static int parse_vlan(const char *value, struct stream *stream)
{
	unsigned int outer, inner;
	char rest;
	int n = sscanf(value, "%u.%u%c", &outer, &inner, &rest);

	if (n < 1 || n > 2 || outer > 4095 || (n == 2 && inner > 4095))
		return -1;
	stream->n_vlans = (unsigned int)n;
	stream->vlans[0] = (uint16_t)outer;
	if (n == 2)
		stream->vlans[1] = (uint16_t)inner;
	return 0;
}

static int parse_raw(const char *value, struct stream *stream)
{
	size_t len = strlen(value) / 2;

	if (strlen(value) % 2 || len < 14 || len > MAX_FRAME)
		return -1;
	stream->raw = malloc(len);
	if (!stream->raw)
		return -1;
	stream->raw_len = len;
	for (size_t i = 0; i < len; i++) {
		unsigned int byte;

		if (!isxdigit((unsigned char)value[2 * i]) ||
		    sscanf(value + 2 * i, "%2x", &byte) != 1)
			return -1;
		stream->raw[i] = (uint8_t)byte;
	}
	return 0;
}

static int parse_small(const char *value, unsigned long max, unsigned int *ret)
{
	unsigned long n;

	if (parse_number(value, max, &n))
		return -1;
	*ret = (unsigned int)n;
	return 0;
}

static int parse_key(struct stream *stream, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0)
		return snprintf(stream->name, sizeof(stream->name), "%s", value) <
				       (int)sizeof(stream->name)
			       ? 0
			       : -1;
	if (strcmp(key, "count") == 0)
		return parse_number(value, 1UL << 40, &stream->count) || !stream->count ? -1 : 0;
	if (strcmp(key, "src") == 0)
		return parse_prefixes(value, &stream->src);
	if (strcmp(key, "dst") == 0)
		return parse_prefixes(value, &stream->dst);
	if (strcmp(key, "proto") == 0)
		return parse_proto(value, stream);
	if (strcmp(key, "sport") == 0)
		return parse_span(value, 65535, &stream->sport);
	if (strcmp(key, "dport") == 0)
		return parse_span(value, 65535, &stream->dport);
	if (strcmp(key, "size") == 0)
		return parse_span(value, MAX_FRAME, &stream->size);
	if (strcmp(key, "flags") == 0)
		return parse_small(value, 255, &stream->tcp_flags);
	if (strcmp(key, "type") == 0) {
		stream->icmp_type_set = true;
		return parse_small(value, 255, &stream->icmp_type);
	}
	if (strcmp(key, "code") == 0)
		return parse_small(value, 255, &stream->icmp_code);
	if (strcmp(key, "ttl") == 0)
		return parse_small(value, 255, &stream->ttl);
	if (strcmp(key, "dscp") == 0)
		return parse_small(value, 63, &stream->dscp);
	if (strcmp(key, "fragment") == 0) {
		if (strcmp(value, "first") && strcmp(value, "later"))
			return -1;
		stream->fragment = value[0] == 'f' ? FIRST_FRAGMENT : LATER_FRAGMENT;
		return 0;
	}
	if (strcmp(key, "vlan") == 0)
		return parse_vlan(value, stream);
	if (strcmp(key, "smac") == 0)
		return stream->smac_set = true, parse_mac(value, stream->smac);
	if (strcmp(key, "dmac") == 0)
		return stream->dmac_set = true, parse_mac(value, stream->dmac);
	if (strcmp(key, "ethertype") == 0)
		return parse_small(value, 65535, &stream->ethertype);
	if (strcmp(key, "raw") == 0)
		return parse_raw(value, stream);
	return -1;
}

/* Addresses of the other family can never be used: forget them. */
static void keep_family(struct prefixes *prefixes, int family)
{
	size_t n = 0;

	for (size_t i = 0; i < prefixes->n; i++)
		if (prefixes->items[i].family == family)
			prefixes->items[n++] = prefixes->items[i];
	prefixes->n = n;
}

static int settle_family(struct stream *stream)
{
	char src4[] = "198.18.0.0/16", dst4[] = "198.19.0.1";
	char src6[] = "2001:2::/64", dst6[] = "2001:2:0:1::1";

	if (stream->raw || stream->ethertype)
		return 0;
	stream->family = stream->dst.n   ? stream->dst.items[0].family
			 : stream->src.n ? stream->src.items[0].family
					 : AF_INET;
	bool six = stream->family == AF_INET6;
	if (stream->src.n == 0 && add_prefix(&stream->src, six ? src6 : src4) < 0)
		return -1;
	if (stream->dst.n == 0 && add_prefix(&stream->dst, six ? dst6 : dst4) < 0)
		return -1;
	keep_family(&stream->src, stream->family);
	keep_family(&stream->dst, stream->family);
	if (stream->src.n == 0) {
		fprintf(stderr, "xg-traffic: no source is of the destination's family\n");
		return -1;
	}
	if (six && stream->proto == IPPROTO_ICMP)
		stream->proto = IPPROTO_ICMPV6;
	if (!stream->icmp_type_set)
		stream->icmp_type = six ? 128 : 8;
	return 0;
}

int stream_parse(struct stream *stream, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;

	*stream = (struct stream){
		.count = 1,
		.proto = IPPROTO_UDP,
		.sport = { 1024, 65535 },
		.dport = { 9, 9 },
		.tcp_flags = 0x02,
		.ttl = 64,
	};
	if (!copy)
		return -1;
	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		char *value = strchr(item, '=');

		if (value)
			*value++ = '\0';
		if (!value || parse_key(stream, item, value) < 0) {
			fprintf(stderr, "xg-traffic: cannot read '%s' in '%s'; see --help\n", item,
				text);
			return -1;
		}
	}
	return settle_family(stream);
}

void stream_free(struct stream *stream)
{
	free(stream->src.items);
	free(stream->dst.items);
	free(stream->raw);
}
