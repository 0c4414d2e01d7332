/* SPDX-License-Identifier: GPL-2.0-only */
/* doctor_print.c: the checklist of `xdpgate doctor`, for people and as JSON. */
#include <string.h>

#include "doctor.h"
#include "text.h"
#include "util.h"
#include "wire.h"

static const struct {
	const char *name;
	enum paint paint;
} levels[] = {
	[LEVEL_OK] = { "ok", PAINT_GOOD },
	[LEVEL_UNKNOWN] = { "unknown", PAINT_DIM },
	[LEVEL_WARNING] = { "warning", PAINT_WARN },
	[LEVEL_PROBLEM] = { "problem", PAINT_BAD },
};

#define INDENT "                         "

/* Lines of text under each other, the first where we are. */
static void print_lines(const char *before, const char *text)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n"))) {
		if (!*line && !rest)
			break;
		text_printf(stdout, before, line);
		putchar('\n');
		before = INDENT "%s";
	}
}

static void print_finding(const struct finding *finding, bool color)
{
	enum paint paint = levels[finding->level].paint;

	printf("  %s%-8s%s %-14s", paint_start(paint, color), levels[finding->level].name,
	       paint_end(paint, color), finding->check);
	print_lines("%s", finding->text);
	if (finding->kernel)
		print_lines(INDENT "kernel: %s", finding->kernel);
	if (!finding->remedy)
		return;
	printf(INDENT "remedy: %s", paint_start(PAINT_BOLD, color));
	text_printf(stdout, "%s", finding->remedy);
	printf("%s\n", paint_end(PAINT_BOLD, color));
}

static void print_title(const struct subject *subject)
{
	const struct device_facts *facts = &subject->facts;

	text_printf(stdout, "\n%s", facts->name);
	text_printf(stdout, " (%s",
		    facts->driver[0] ? facts->driver
		    : facts->kind[0] ? facts->kind
				     : "no driver to ask");
	printf(", MTU %u%s)\n", facts->mtu, facts->up ? "" : ", down");
}

static size_t count(const struct doctor *doctor, enum level level)
{
	size_t n = 0;

	for (size_t i = 0; i < doctor->n_findings; i++)
		n += doctor->findings[i].level == level;
	return n;
}

void doctor_print(const struct doctor *doctor, bool color)
{
	const struct subject *next = doctor->subjects;
	const char *device = NULL;
	size_t problems = count(doctor, LEVEL_PROBLEM), warnings = count(doctor, LEVEL_WARNING);

	printf("Machine, daemon, policy\n");
	for (size_t i = 0; i < doctor->n_findings; i++) {
		const struct finding *finding = &doctor->findings[i];

		/* The findings of a subject stand together, in the order of the subjects. */
		if (finding->device && (!device || strcmp(device, finding->device) != 0)) {
			device = finding->device;
			print_title(next++);
		}
		print_finding(finding, color);
	}
	printf("\n%zu problem%s, %zu warning%s\n", problems, problems == 1 ? "" : "s", warnings,
	       warnings == 1 ? "" : "s");
	if (geteuid() != 0)
		printf("Root is told more.\n");
}

static json_t *finding_json(const struct finding *finding)
{
	return json_pack("{s:s, s:o, s:s, s:o, s:o, s:o}", "check", finding->check, "device",
			 wire_string(finding->device), "level", levels[finding->level].name, "text",
			 wire_string(finding->text), "kernel", wire_string(finding->kernel),
			 "remedy", wire_string(finding->remedy));
}

void doctor_print_json(const struct doctor *doctor)
{
	json_t *findings = json_array(), *devices = json_array();
	_cleanup_json_ json_t *answer = NULL;

	for (size_t i = 0; i < doctor->n_findings; i++)
		json_array_append_new(findings, finding_json(&doctor->findings[i]));
	for (size_t i = 0; i < doctor->n_subjects; i++)
		json_array_append_new(devices, wire_string(doctor->subjects[i].facts.name));
	answer = json_pack("{s:I, s:I, s:o, s:o}", "problems",
			   (json_int_t)count(doctor, LEVEL_PROBLEM), "warnings",
			   (json_int_t)count(doctor, LEVEL_WARNING), "devices", devices, "findings",
			   findings);
	if (answer)
		print_json(answer);
}
