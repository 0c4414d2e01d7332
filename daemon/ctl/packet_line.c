/* SPDX-License-Identifier: GPL-2.0-only */
/* packet_line.c: see packet_line.h. */
#include "packet_line.h"

#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "oracle.h"
#include "packet_frame.h"
#include "policy_tests.h"
#include "util.h"

/* What explain takes for granted, so that it need not be said. */
static const struct {
	const char *key, *value;
} granted[] = {
	{ "ttl", "64" },
	{ "dscp", "cs0" },
	{ "fragment", "none" },
	{ "ip-options", "absent" },
};

/* A field of the packet as an option; NULL: it need not be said. */
static const char *option_of(const struct explained_field *field, bool ip, bool macs)
{
	for (size_t i = 0; i < ARRAY_SIZE(granted); i++)
		if (strcmp(field->name, granted[i].key) == 0 &&
		    strcmp(field->value, granted[i].value) == 0)
			return NULL;
	if (ip && strcmp(field->name, "ethertype") == 0)
		return NULL;
	if (!macs && strstr(field->name, "-mac"))
		return NULL;
	for (const struct packet_option *option = packet_options; option->option; option++)
		if (strcmp(option->key, field->name) == 0)
			return option->option;
	return NULL;
}

/* A list as an option has it: without brackets and spaces. */
static void strip(char *value)
{
	char *to = value;

	for (const char *from = value; *from; from++)
		if (!strchr("[] ", *from))
			*to++ = *from;
	*to = '\0';
}

struct line {
	struct packet_word words[MAX_PACKET_OPTIONS];
	char names[MAX_PACKET_OPTIONS][NAME_LEN];
	size_t n;
};

static int read_words(const uint8_t *frame, size_t len, bool macs, struct explanation *fields,
		      struct line *ret)
{
	struct trace trace = {};
	int r;

	oracle_trace(frame, len, &trace);
	r = explanation_add_fields(&trace, fields);
	for (size_t i = 0; !r && i < fields->n_fields && ret->n < MAX_PACKET_OPTIONS; i++) {
		struct explained_field *field = &fields->fields[i];
		const char *option = option_of(field, trace.ip, macs);

		if (!option)
			continue;
		strip(field->value);
		snprintf(ret->names[ret->n], NAME_LEN, "--%s", option);
		ret->words[ret->n] =
			(struct packet_word){ ret->names[ret->n], field->name, field->value };
		ret->n++;
	}
	return r;
}

static char *join(const char *interface, const struct line *line)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	fprintf(stream, "--in %s", interface);
	for (size_t i = 0; i < line->n; i++)
		fprintf(stream, " %s %s", line->words[i].option, line->words[i].text);
	if (fclose(stream) != 0)
		free(TAKE_PTR(text));
	return text;
}

int packet_line(const char *interface, uint16_t vlan, bool macs, const uint8_t *frame, size_t len,
		char **ret, uint8_t **ret_frame, size_t *ret_len)
{
	_cleanup_(explanation_done) struct explanation fields = {};
	_cleanup_(diags_free) struct diags ignored = {};
	_cleanup_free_ uint8_t *made = malloc(TEST_FRAME_MAX);
	_cleanup_free_ char *text = NULL;
	struct test_packet packet;
	struct line line = {};
	int r;

	if (!made)
		return -ENOMEM;
	r = read_words(frame, len, macs, &fields, &line);
	if (r >= 0)
		r = packet_from_words(line.words, line.n, interface, vlan, &packet, &ignored);
	if (r < 0)
		return r;
	text = join(interface, &line);
	if (!text)
		return -ENOMEM;
	*ret_len = test_frame(&packet, made);
	*ret = TAKE_PTR(text);
	*ret_frame = TAKE_PTR(made);
	return 0;
}

char *packet_line_hex(const char *interface, const uint8_t *frame, size_t len)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		return NULL;
	fprintf(stream, "--in %s --hex ", interface);
	for (size_t i = 0; i < len; i++)
		fprintf(stream, "%02x", frame[i]);
	if (fclose(stream) != 0)
		free(TAKE_PTR(text));
	return text;
}
