/* SPDX-License-Identifier: GPL-2.0-only */
/* report.c: the table and the JSON, see report.h. */
#include "report.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>

#include "util.h"

#define MEBIBYTE (1024.0 * 1024.0)

struct report {
	json_t *json;
	const char *section; /* of the row before */
};

static void cpu_model(char *ret, size_t size)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(ret, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		char *colon = strchr(line, ':');

		if (strncmp(line, "model name", 10) != 0 || !colon)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(ret, size, "%s", colon + 2);
		return;
	}
}

struct report *report_open(bool quick, uint32_t n_frames, uint32_t n_packets, unsigned int rounds)
{
	struct report *report = calloc(1, sizeof(*report));
	struct utsname system;
	char cpu[256];

	if (!report)
		return NULL;
	uname(&system);
	cpu_model(cpu, sizeof(cpu));
	report->json = json_pack(
		"{s:s, s:s, s:s, s:s, s:i, s:b, s:i, s:i, s:i, s:[], s:[], s:[]}", "xdpgate",
		XDPGATE_VERSION, "kernel", system.release, "machine", system.machine, "cpu", cpu,
		"cpus", (int)sysconf(_SC_NPROCESSORS_ONLN), "quick", quick, "frames", (int)n_frames,
		"packets", (int)n_packets, "rounds", (int)rounds, "rows", "growth", "reload");
	if (!report->json)
		return report_close(report);
	printf("%s, %ld CPUs, Linux %s. %u different packets, %u a run, median of %u "
	       "interleaved runs.\nFigures: nanoseconds a packet above an empty program in the same "
	       "harness.\n",
	       cpu, sysconf(_SC_NPROCESSORS_ONLN), system.release, n_frames, n_packets, rounds);
	return report;
}

struct report *report_close(struct report *report)
{
	if (!report)
		return NULL;
	json_decref(report->json);
	free(report);
	return NULL;
}

static void append(struct report *report, const char *array, json_t *item)
{
	if (!item || json_array_append_new(json_object_get(report->json, array), item) < 0)
		fputs("xg-bench: out of memory: a row is missing in the JSON\n", stderr);
}

void report_section(struct report *report, const char *title, const char *text)
{
	report->section = title;
	printf("\n%s\n%s\n", title, text);
}

void report_note(struct report *report, const char *format, ...)
{
	va_list args;

	fputs("    ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void report_empty(struct report *report, const struct figure *empty)
{
	printf("  %-34s %-7s %8.1f   (all that the harness itself costs)\n", "empty program", "",
	       empty->ns);
	fflush(stdout);
	json_object_set_new(report->json, "empty_ns", json_real(empty->ns));
}

/* --- rows --------------------------------------------------------------------------------- */

static json_t *figure_json(const struct figure *figure)
{
	json_t *json = json_object();

	if (figure->measured) {
		json_object_set_new(json, "ns", json_real(figure->ns));
		json_object_set_new(json, "low", json_real(figure->low));
		json_object_set_new(json, "high", json_real(figure->high));
		json_object_set_new(json, "packets", json_integer(figure->packets));
	}
	if (figure->note[0])
		json_object_set_new(json, "note", json_string(figure->note));
	return json;
}

static json_t *cost_json(const struct gate_cost *cost)
{
	return json_pack("{s:f, s:f, s:f, s:I, s:i}", "compile_ms", cost->compile_ms, "load_ms",
			 cost->load_ms, "remove_ms", cost->remove_ms, "table_bytes",
			 (json_int_t)cost->table_bytes, "jited_bytes", (int)cost->jited_bytes);
}

static double ratio_of(const struct row *row)
{
	return row->gate.measured && row->peer.measured && row->gate.ns > 0
		       ? row->peer.ns / row->gate.ns
		       : 0;
}

static void print_figure(const struct figure *figure)
{
	if (figure->measured)
		printf(" %8.1f", figure->ns);
	else
		printf(" %8s", figure->note[0] ? "refused" : "-");
}

static void print_goal(const struct row *row, double ratio)
{
	bool met = row->gate.measured && (!row->goal_ns || row->gate.ns <= row->goal_ns) &&
		   (!row->goal_ratio || ratio >= row->goal_ratio);

	if (!row->goal_ns && !row->goal_ratio)
		return;
	printf("  goal <= %.0f", row->goal_ns);
	if (row->goal_ratio)
		printf(", >= %.0fx", row->goal_ratio);
	fputs(met ? ": met" : ": MISSED", stdout);
}

void report_row(struct report *report, const struct row *row)
{
	double ratio = ratio_of(row);
	json_t *json = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "section", row->section,
				 "name", row->name, "traffic", row->traffic, "prefixes",
				 (json_int_t)row->n_prefixes, "rules", (json_int_t)row->n_rules,
				 "xdpgate", figure_json(&row->gate), "cost", cost_json(&row->cost));

	printf("  %-34s %-7s", row->name, row->traffic);
	print_figure(&row->gate);
	if (row->peer_name) {
		print_figure(&row->peer);
		if (ratio > 0)
			printf(" %7.2fx", ratio);
		else
			printf(" %8s", "");
		json_object_set_new(json, "peer", figure_json(&row->peer));
		json_object_set_new(json, "peer_name", json_string(row->peer_name));
		if (ratio > 0)
			json_object_set_new(json, "ratio", json_real(ratio));
	}
	print_goal(row, ratio);
	putchar('\n');
	if (row->gate.note[0])
		report_note(report, "xdpgate: %s", row->gate.note);
	if (row->peer.note[0])
		report_note(report, "%s: %s", row->peer_name, row->peer.note);
	fflush(stdout);
	if (row->goal_ns > 0)
		json_object_set_new(json, "goal_ns", json_real(row->goal_ns));
	if (row->goal_ratio > 0)
		json_object_set_new(json, "goal_ratio", json_real(row->goal_ratio));
	append(report, "rows", json);
}

void report_growth(struct report *report, const char *name, double ratio, double goal)
{
	json_t *json = json_pack("{s:s, s:f}", "name", name, "goal", goal);

	if (ratio > 0) {
		json_object_set_new(json, "ratio", json_real(ratio));
		printf("  %-42s %8.2fx  goal <= %.1fx: %s\n", name, ratio, goal,
		       ratio <= goal ? "met" : "MISSED");
	} else {
		printf("  %-42s %8s   goal <= %.1fx: MISSED\n", name, "refused", goal);
	}
	append(report, "growth", json);
}

void report_reload(struct report *report, const struct reload_row *row)
{
	const struct gate_cost *cost = &row->cost;
	double total = row->read_ms + cost->compile_ms + cost->load_ms + row->swap_ms;
	double mb = (double)cost->table_bytes / MEBIBYTE;
	json_t *json = json_pack("{s:s, s:I, s:I}", "name", row->name, "prefixes",
				 (json_int_t)row->n_prefixes, "rules", (json_int_t)row->n_rules);

	if (row->refused[0]) {
		printf("  %-34s refused\n    xdpgate: %s\n", row->name, row->refused);
		json_object_set_new(json, "refused", json_string(row->refused));
		append(report, "reload", json);
		return;
	}
	printf("  %-34s %7.0f %8.0f %7.0f %7.2f %8.0f %8.1f %8.0f", row->name, row->read_ms,
	       cost->compile_ms, cost->load_ms, row->swap_ms, total, mb, cost->remove_ms);
	if (row->goal_ms > 0)
		printf("  goal <= %.0f ms, <= %.0f MiB: %s", row->goal_ms, row->goal_mb,
		       total <= row->goal_ms && mb <= row->goal_mb ? "met" : "MISSED");
	putchar('\n');
	fflush(stdout);
	json_object_set_new(json, "read_ms", json_real(row->read_ms));
	json_object_set_new(json, "swap_ms", json_real(row->swap_ms));
	json_object_set_new(json, "total_ms", json_real(total));
	json_object_set_new(json, "cost", cost_json(cost));
	if (row->goal_ms > 0) {
		json_object_set_new(json, "goal_ms", json_real(row->goal_ms));
		json_object_set_new(json, "goal_mb", json_real(row->goal_mb));
	}
	append(report, "reload", json);
}

int report_write(const struct report *report, const char *path)
{
	if (json_dump_file(report->json, path, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) < 0)
		return errno ? -errno : -EIO;
	return 0;
}
