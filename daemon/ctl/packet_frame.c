/* SPDX-License-Identifier: GPL-2.0-only */
/* packet_frame.c: see packet_frame.h. */
#include "packet_frame.h"

#include <string.h>

#include "explain.h"
#include "policy_tests.h"
#include "util.h"
#include "wire.h"

const struct packet_option packet_options[] = {
	{ "src", "src" },
	{ "dst", "dst" },
	{ "proto", "proto" },
	{ "sport", "sport" },
	{ "dport", "dport" },
	{ "flags", "tcp-flags" },
	{ "icmp", "icmp" },
	{ "length", "length" },
	{ "ttl", "ttl" },
	{ "dscp", "dscp" },
	{ "fragment", "fragment" },
	{ "ip-options", "ip-options" },
	{ "vlan", "vlan" },
	{ "ethertype", "ethertype" },
	{ "src-mac", "src-mac" },
	{ "dst-mac", "dst-mac" },
	{},
};
_Static_assert(ARRAY_SIZE(packet_options) <= MAX_PACKET_OPTIONS, "room for each");

const struct packet_option *packet_option_find(const char *option)
{
	for (const struct packet_option *item = packet_options; item->option; item++)
		if (strcmp(item->option, option) == 0)
			return item;
	return NULL;
}

/* Digits, with spaces, colons or line ends between bytes. */
static int parse_hex(const char *text, uint8_t *frame, size_t *ret_len, struct diags *diags)
{
	struct diag_place place = { .file = "--hex", .line = 1, .width = 2 };
	size_t n = 0;

	for (const char *at = text; *at;) {
		if (strchr(" \t\r\n:", *at)) {
			at++;
			continue;
		}
		place.column = (unsigned int)(at - text) + 1;
		place.source = text;
		place.source_len = strcspn(text, "\n");
		if (wire_hex_digit(at[0]) < 0 || wire_hex_digit(at[1]) < 0)
			return diag_error(diags, &place,
					  "here two hexadecimal digits should be, a byte of the "
					  "frame from its Ethernet header on; found '%.2s'",
					  at);
		if (n == TEST_FRAME_MAX)
			return diag_error(diags, &place, "a frame has at most %d bytes",
					  TEST_FRAME_MAX);
		frame[n++] = (uint8_t)(wire_hex_digit(at[0]) << 4 | wire_hex_digit(at[1]));
		at += 2;
	}
	if (!n)
		return diag_error(diags, &place, "a frame has at least one byte");
	*ret_len = n;
	return 0;
}

/* The options that were given, as words; *ret_n of them. */
static void words_of(const struct options *options, struct packet_word *words,
		     char (*names)[NAME_LEN], size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; packet_options[i].option; i++) {
		if (!options->packet[i])
			continue;
		snprintf(names[n], NAME_LEN, "--%s", packet_options[i].option);
		words[n] =
			(struct packet_word){ names[n], packet_options[i].key, options->packet[i] };
		n++;
	}
	*ret_n = n;
}

int packet_frame(const struct options *options, const char *interface, uint16_t vlan, uint8_t **ret,
		 size_t *ret_len, struct diags *diags)
{
	struct packet_word words[MAX_PACKET_OPTIONS];
	char names[MAX_PACKET_OPTIONS][NAME_LEN];
	_cleanup_free_ uint8_t *frame = malloc(TEST_FRAME_MAX);
	struct test_packet packet;
	size_t n;
	int r;

	if (!frame)
		return -ENOMEM;
	words_of(options, words, names, &n);
	if (options->hex && n)
		return diag_error(diags, &(struct diag_place){ .file = "--hex" },
				  "these bytes are the whole frame; leave %s out", words[0].option);
	if (options->hex) {
		r = parse_hex(options->hex, frame, ret_len, diags);
	} else {
		r = packet_from_words(words, n, interface, vlan, &packet, diags);
		if (r >= 0)
			*ret_len = test_frame(&packet, frame);
	}
	if (r >= 0)
		*ret = TAKE_PTR(frame);
	return r;
}
