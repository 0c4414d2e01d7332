/* SPDX-License-Identifier: GPL-2.0-only */
/* replay_each.c: what became of each packet of a replay, see replay.h. */
#include "replay.h"

#include <arpa/inet.h>
#include <string.h>

#include "names.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- labels ------------------------------------------------------------------------------ */

/* A million packets have few labels: each is made once. */
struct label_row {
	json_t **items; /* of each rule, then of each reason with each verdict */
	size_t n_rules;
};

struct labels {
	const struct policy *policy;
	bool shared; /* several interfaces have the port: say which */
	struct label_row *rows;
	json_t *unjudged, *too_large;
};

struct labels *labels_free(struct labels *labels)
{
	if (!labels)
		return NULL;
	for (size_t i = 0; labels->rows && i < labels->policy->n_interfaces; i++) {
		struct label_row *row = &labels->rows[i];

		for (size_t j = 0; row->items && j < row->n_rules + N_REASONS * N_VERDICTS; j++)
			json_decref(row->items[j]);
		free(row->items);
	}
	free(labels->rows);
	json_decref(labels->unjudged);
	json_decref(labels->too_large);
	free(labels);
	return NULL;
}

struct labels *labels_new(const struct replay *replay)
{
	const struct policy *policy = replay->candidate.policy;
	struct labels *labels = calloc(1, sizeof(*labels));
	size_t n = 0;

	if (!labels)
		return NULL;
	labels->policy = policy;
	labels->rows = calloc(policy->n_interfaces + 1, sizeof(*labels->rows));
	labels->unjudged = json_string("pass/no-interface");
	labels->too_large = json_string("unjudged/too-large");
	for (size_t i = 0; i < policy->n_interfaces; i++)
		n += judge_has(replay->judge, i);
	labels->shared = n > 1;
	return labels->rows && labels->unjudged && labels->too_large ? labels : labels_free(labels);
}

static json_t *make_label(const struct labels *labels, const struct judged *judged)
{
	const struct interface *interface = &labels->policy->interfaces[judged->interface];
	const struct ruleset *ruleset = &labels->policy->rulesets[interface->ruleset];
	char text[4 * NAME_LEN];

	snprintf(text, sizeof(text), "%s%s%s/%s", labels->shared ? interface->name : "",
		 labels->shared ? ":" : "", verdict_name(judged->verdict),
		 judged->rule == ORACLE_NO_RULE ? reason_name(judged->reason)
						: ruleset->rules[judged->rule].name);
	return wire_string(text);
}

json_t *label_of(struct labels *labels, const struct judged *judged)
{
	struct label_row *row;
	json_t **item;

	if (!judged)
		return labels->too_large;
	if (judged->interface == ORACLE_NO_INTERFACE)
		return labels->unjudged;
	row = &labels->rows[judged->interface];
	if (!row->items) {
		uint32_t ruleset = labels->policy->interfaces[judged->interface].ruleset;

		row->n_rules = labels->policy->rulesets[ruleset].n_rules;
		row->items = calloc(row->n_rules + N_REASONS * N_VERDICTS, sizeof(*row->items));
		if (!row->items)
			return NULL;
	}
	item = judged->rule != ORACLE_NO_RULE
		       ? &row->items[judged->rule]
		       : &row->items[row->n_rules + judged->reason * N_VERDICTS + judged->verdict];
	if (!*item)
		*item = make_label(labels, judged);
	return *item;
}

/* --- one line ---------------------------------------------------------------------------- */

static void print_address(const struct trace *trace, enum address_field field,
			  enum scalar_field port)
{
	uint64_t address[2] = { trace->address[field][0], trace->address[field][1] };
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (trace->family == FAMILY_V4)
		address[0] <<= 32;
	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(address[i / 8] >> (56 - 8 * (i % 8)));
	inet_ntop(trace->family == FAMILY_V4 ? AF_INET : AF_INET6, bytes, text, sizeof(text));
	if (!trace->scalar[port])
		fputs(text, stdout);
	else
		printf(trace->family == FAMILY_V4 ? "%s:%u" : "[%s]:%u", text,
		       trace->scalar[port] - 1);
}

static void print_flags(uint32_t flags)
{
	const char *between = " ";

	for (const struct word *word = tcp_flag_words; word->name; word++)
		if (flags & word->value) {
			printf("%s%s", between, word->name);
			between = ",";
		}
}

static void print_word(const struct word *words, uint32_t value)
{
	const struct word *word = word_of(words, value);

	if (word)
		printf(" %s", word->name);
	else
		printf(words == ethertype_words ? " 0x%04x" : " %u", value);
}

/* What a packet is, in short; as the oracle reads it, since it is the same. */
static void print_summary(const struct trace *trace)
{
	uint32_t icmp = trace->scalar[FIELD_ICMP];

	if (!trace->ip) {
		if (trace->scalar[FIELD_ETHERTYPE])
			print_word(ethertype_words, trace->scalar[FIELD_ETHERTYPE] - 1);
		return;
	}
	putchar(' ');
	print_address(trace, ADDRESS_SRC, FIELD_SPORT);
	fputs(" > ", stdout);
	print_address(trace, ADDRESS_DST, FIELD_DPORT);
	if (trace->scalar[FIELD_PROTO])
		print_word(protocol_words, trace->scalar[FIELD_PROTO] - 1);
	if (trace->scalar[FIELD_TCP_FLAGS])
		print_flags(trace->scalar[FIELD_TCP_FLAGS] - 1);
	if (icmp)
		printf(" %u/%u", (icmp - 1) >> 8 & 0xff, (icmp - 1) & 0xff);
	if (trace->scalar[FIELD_FRAGMENT] > 1)
		printf(" %s fragment",
		       trace->scalar[FIELD_FRAGMENT] - 1 == FRAGMENT_FIRST ? "first" : "later");
}

void print_packet(uint64_t number, const struct captured *captured, const char *label)
{
	struct trace trace = {};

	oracle_trace(captured->frame, captured->len, &trace);
	printf("%llu ", (unsigned long long)number);
	text_printf(stdout, "%s", label ? label : "?");
	printf(" %zu", captured->original);
	if (captured->original > captured->len)
		printf(" (%zu captured)", captured->len);
	if (trace.scalar[FIELD_VLAN])
		printf(" vlan %u", trace.scalar[FIELD_VLAN] - 1);
	print_summary(&trace);
	putchar('\n');
}
