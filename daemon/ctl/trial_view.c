/* SPDX-License-Identifier: GPL-2.0-only */
/* trial_view.c: what a trial has seen, as JSON and for people; see trial.h. */
#include "trial.h"

#include <string.h>

#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- JSON -------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text;
} ends[] = {
	[TRIAL_GOES_ON] = { "goes-on", "" },
	[TRIAL_TIME] = { "time", "its time was over" },
	[TRIAL_INTERRUPTED] = { "interrupted", "it was interrupted" },
	[TRIAL_POLICY] = { "policy", "another policy came in force, so it ended early" },
	[TRIAL_STOPPED] = { "stopped",
			    "packets are sampled no longer, so it ended early: somebody has ended "
			    "it, or the daemon was started again" },
	[TRIAL_DAEMON] = { "daemon", "xdpgated does not answer any more, so it ended early" },
	[TRIAL_FAILED] = { "failed", "it failed" },
};

static const struct ruleset *ruleset_of(const struct trial_side *side, size_t interface)
{
	return &side->policy->rulesets[side->policy->interfaces[interface].ruleset];
}

static json_t *outcome_json(const struct trial_side *side, const struct outcome *fate)
{
	bool judged = fate->interface != ORACLE_NO_INTERFACE;
	bool by_rule = judged && fate->rule != ORACLE_NO_RULE;
	char text[OUTCOME_TEXT];

	return json_pack(
		"{s:s, s:o, s:s, s:o, s:o, s:b}", "text", outcome_text(side, fate, text),
		"interface",
		wire_string(judged ? side->policy->interfaces[fate->interface].name : NULL),
		"verdict", verdict_name(fate->verdict), "rule",
		wire_string(by_rule ? ruleset_of(side, fate->interface)->rules[fate->rule].name
				    : NULL),
		"reason",
		wire_string(fate->reason == REASON_NONE ? NULL : reason_name(fate->reason)),
		"filtered", fate->filtered);
}

static json_t *examples_json(const struct difference *row)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < row->n_examples; i++)
		if (json_array_append_new(array, wire_string(row->examples[i])) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static json_t *difference_json(const struct trial *trial, const struct difference *row)
{
	const struct policy *policy = trial->now.policy;
	size_t interface = row->now.interface;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o}", "interface",
		wire_string(interface == ORACLE_NO_INTERFACE ? NULL
							     : policy->interfaces[interface].name),
		"now", outcome_json(&trial->now, &row->now), "then",
		outcome_json(&trial->then, &row->then), "packets", wire_uint(row->packets.packets),
		"bytes", wire_uint(row->packets.bytes), "examples", examples_json(row));
}

/* What is frequent comes first. */
static int more_packets(const void *a, const void *b)
{
	const struct difference *const *left = a, *const *right = b;

	return (*left)->packets.packets < (*right)->packets.packets   ? 1
	       : (*left)->packets.packets > (*right)->packets.packets ? -1
								      : 0;
}

static json_t *differences_json(const struct trial *trial)
{
	const struct tally *tally = &trial->tally;
	_cleanup_free_ const struct difference **sorted =
		calloc(tally->n_differences + 1, sizeof(*sorted));
	_cleanup_json_ json_t *array = json_array();

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < tally->n_differences; i++)
		sorted[i] = &tally->differences[i];
	qsort(sorted, tally->n_differences, sizeof(*sorted), more_packets);
	for (size_t i = 0; i < tally->n_differences; i++)
		if (json_array_append_new(array, difference_json(trial, sorted[i])) < 0)
			return NULL;
	return TAKE_PTR(array);
}

static json_t *shadows_json(const struct trial *trial)
{
	_cleanup_json_ json_t *array = json_array();

	for (size_t i = 0; i < trial->tally.n_shadows; i++) {
		const struct shadow_count *row = &trial->tally.shadows[i];
		const struct trial_side *side = row->candidate ? &trial->then : &trial->now;
		const struct rule *rule = &ruleset_of(side, row->interface)->rules[row->rule];
		json_t *item = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "policy",
					 row->candidate ? "candidate" : "in-force", "interface",
					 wire_string(side->policy->interfaces[row->interface].name),
					 "rule", wire_string(rule->name), "action",
					 wire_string(rule->action_text), "packets",
					 wire_uint(row->packets.packets), "turned",
					 wire_uint(row->turned.packets));

		if (json_array_append_new(array, item) < 0)
			return NULL;
	}
	return TAKE_PTR(array);
}

static json_t *notes_json(const struct trial *trial)
{
	_cleanup_json_ json_t *array = json_array();

	for (const char *line = trial->notes; line && *line;) {
		size_t len = strcspn(line, "\n");
		_cleanup_free_ char *note = strndup(line, len);

		if (!note || json_array_append_new(array, wire_string(note)) < 0)
			return NULL;
		line += len + (line[len] == '\n');
	}
	return TAKE_PTR(array);
}

json_t *trial_answer(const struct trial *trial)
{
	const struct tally *tally = &trial->tally;
	double now = trial_clock();

	return json_pack(
		"{s:o, s:I, s:o, s:f, s:f, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
		"s:o, s:o, s:o}",
		"policy_file", wire_string(trial->path), "generation",
		(json_int_t)trial->generation, "in", wire_string(trial->options->in), "seconds",
		now - trial->began, "left", trial->until > now ? trial->until - now : 0.0, "ended",
		ends[trial->end].name, "ended_text", ends[trial->end].text, "one_in",
		wire_uint(trial->one_in), "samples", wire_uint(tally->samples), "same",
		wire_uint(tally->same), "differ", wire_uint(tally->differ), "other_rule",
		wire_uint(tally->other_rule), "cut", wire_uint(tally->cut), "elsewhere",
		wire_uint(tally->elsewhere), "lost",
		wire_uint(trial->ring ? sample_ring_lost(trial->ring) : 0), "differences",
		differences_json(trial), "differences_not_shown", wire_uint(tally->more), "shadows",
		shadows_json(trial), "notes", notes_json(trial));
}

/* --- for people -------------------------------------------------------------------------- */

static enum paint paint_of(const json_t *fate)
{
	return strcmp(string_of(fate, "verdict"), "drop") == 0 ? PAINT_BAD : PAINT_GOOD;
}

static void print_head(const json_t *answer, FILE *stream)
{
	text_printf(stream, "%s, by packets that arrive", string_of(answer, "policy_file"));
	if (*string_of(answer, "in"))
		text_printf(stream, " at %s", string_of(answer, "in"));
	fprintf(stream, ", against generation %lld, which is in force\n",
		number_of(answer, "generation"));
	fprintf(stream, "%.0f s, about 1 packet in %lld: %lld samples, %lld would fare otherwise",
		json_real_value(json_object_get(answer, "seconds")), number_of(answer, "one_in"),
		number_of(answer, "samples"), number_of(answer, "differ"));
	if (number_of(answer, "other_rule"))
		fprintf(stream, ", %lld the same by another rule", number_of(answer, "other_rule"));
	fputc('\n', stream);
	if (!number_of(answer, "samples"))
		fprintf(stream,
			"no packet was seen, so this says nothing about the file: is traffic on "
			"another interface, or is it off?\n");
	if (number_of(answer, "cut"))
		fprintf(stream,
			"%lld of them are longer than what is kept of a sample (%d bytes), and were "
			"not judged\n",
			number_of(answer, "cut"), SAMPLE_BYTES);
	if (number_of(answer, "lost"))
		fprintf(stream, "%lld more were lost: they came faster than they were judged\n",
			number_of(answer, "lost"));
	if (number_of(answer, "elsewhere"))
		fprintf(stream, "%lld more were of other interfaces\n",
			number_of(answer, "elsewhere"));
}

static void print_differences(const json_t *answer, FILE *stream, bool color)
{
	static const char *const titles[] = { "INTERFACE", "NOW", "WOULD BE", ">SAMPLES",
					      ">SHARE" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	double all = (double)number_of(answer, "samples");
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "differences"), i, row) {
		const json_t *now = json_object_get(row, "now"),
			     *then = json_object_get(row, "then");
		char share[32];

		snprintf(share, sizeof(share), "%.1f%%",
			 100 * (double)number_of(row, "packets") / (all > 0 ? all : 1));
		table_text(&table, *string_of(row, "interface") ? string_of(row, "interface") : "-",
			   PAINT_NONE);
		table_text(&table, string_of(now, "text"), paint_of(now));
		table_text(&table, string_of(then, "text"), paint_of(then));
		table_number(&table, number_of(row, "packets"));
		table_text(&table, share, PAINT_NONE);
	}
	if (table.n_cells) {
		fputc('\n', stream);
		table_print(&table, stream, color);
	}
	if (number_of(answer, "differences_not_shown"))
		fprintf(stream, "and %lld more, by other rules\n",
			number_of(answer, "differences_not_shown"));
}

static void print_shadows(const json_t *answer, FILE *stream, bool color)
{
	static const char *const titles[] = { "POLICY",   "INTERFACE", "SHADOW RULE",
					      "WOULD DO", ">SAMPLES",  ">OTHER VERDICT" };
	_cleanup_(table_free) struct table table = { .titles = titles,
						     .n_columns = ARRAY_SIZE(titles) };
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "shadows"), i, row) {
		table_text(&table, string_of(row, "policy"), PAINT_NONE);
		table_text(&table, string_of(row, "interface"), PAINT_NONE);
		table_text(&table, string_of(row, "rule"), PAINT_NONE);
		table_text(&table, string_of(row, "action"), PAINT_NONE);
		table_number(&table, number_of(row, "packets"));
		table_number(&table, number_of(row, "turned"));
	}
	if (table.n_cells) {
		fprintf(stream, "\nShadow rules that would have decided:\n");
		table_print(&table, stream, color);
	}
}

static void print_examples(const json_t *answer, FILE *stream)
{
	const char *path = string_of(answer, "policy_file");
	const json_t *row, *line;
	size_t i, j;

	json_array_foreach (json_object_get(answer, "differences"), i, row) {
		if (i == 0)
			fprintf(stream, "\nExamples, to be asked about (without FILE: what is in "
					"force says):\n");
		text_printf(stream, "%s now, ", string_of(json_object_get(row, "now"), "text"));
		text_printf(stream, "%s then:\n", string_of(json_object_get(row, "then"), "text"));
		json_array_foreach (json_object_get(row, "examples"), j, line) {
			text_printf(stream, "  xdpgate explain %s", path);
			text_printf(stream, " %s\n", json_string_value(line));
		}
	}
}

void trial_print(const json_t *answer, bool final, FILE *stream, bool color)
{
	const json_t *note;
	size_t i;

	print_head(answer, stream);
	json_array_foreach (json_object_get(answer, "notes"), i, note)
		text_printf(stream, "%s\n", json_string_value(note));
	print_differences(answer, stream, color);
	print_shadows(answer, stream, color);
	if (final) {
		print_examples(answer, stream);
		if (strcmp(string_of(answer, "ended"), "time") != 0)
			text_printf(stream, "\nNote: %s.\n", string_of(answer, "ended_text"));
	} else {
		fprintf(stream, "\n%.0f s left; Ctrl-C ends it\n",
			json_real_value(json_object_get(answer, "left")));
	}
}
