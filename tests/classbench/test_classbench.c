/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_classbench.c: ClassBench's filter sets as policies, the loaded program against the linear
 * oracle: on the trace of the set, and on random packets at the edges of its rules. Each set
 * twice: with the first match deciding, and with rules that only count, which shows all matches.
 *
 * The sets are not ours to ship. They are looked for in the folder that XDPGATE_DATA names, else
 * in ../shared/data beside the source; where they are absent the cases are skipped.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "build-policy.h"
#include "filters.h"
#include "oracle.h"
#include "random-policy.h"
#include "sandbox.h"
#include "trial.h"
#include "util.h"

static const char *const families[] = { "acl1", "fw1", "ipc1" };
static const unsigned int sizes[] = { 1000, 10000 };

#define RANDOM_PACKETS 6000

struct subject {
	char set[PATH_MAX], trace[PATH_MAX];
	enum filter_mode mode;
	size_t n_headers;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static const char *data_folder(void)
{
	const char *folder = getenv("XDPGATE_DATA");

	return folder && *folder ? folder : XDPGATE_DEFAULT_DATA;
}

/* A header was made for a rule; it must meet that one or one before it, or the set was misread. */
static int check_header(const struct subject *subject, struct trial *trial,
			const struct header *header)
{
	static struct packet packet;
	int r;

	header_packet(header, &packet);
	r = trial_packet(trial, &packet, NULL);
	if (r >= 0 && subject->mode == FILTERS_DECIDE && trial_rule(trial) > header->rule) {
		fprintf(stderr, "no rule up to %zu matches the header made for it\n", header->rule);
		return -EINVAL;
	}
	return r;
}

/* Only small sets have a trace. */
static int check_trace(struct subject *subject, struct trial *trial)
{
	_cleanup_free_ struct header *headers = NULL;
	int r;

	if (access(subject->trace, R_OK) < 0)
		return 0;
	r = trace_read(subject->trace, &headers, &subject->n_headers);
	for (size_t i = 0; r >= 0 && i < subject->n_headers; i++)
		r = check_header(subject, trial, &headers[i]);
	return r;
}

static int check_packets(struct subject *subject, struct trial *trial, const struct policy *policy)
{
	struct rng rng = { 7 };
	static struct packet packet;
	int r = check_trace(subject, trial);

	for (int i = 0; r >= 0 && i < RANDOM_PACKETS; i++) {
		random_packet(&rng, policy, 0, &packet);
		r = trial_packet(trial, &packet, NULL);
	}
	return r < 0 ? r : trial_counters(trial);
}

static int check_set(struct subject *subject)
{
	_cleanup_(policy_freep) struct policy *policy = build_policy();
	_cleanup_(trial_closep) struct trial *trial = NULL;
	uint64_t counted = coverage.counted;
	double start, loaded;
	int r;

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	r = filters_read(subject->set, policy, 0, subject->mode);
	if (r < 0)
		return r;
	start = now_ms();
	r = trial_open(policy, 0, true, &trial);
	if (r < 0)
		return r;
	loaded = now_ms();
	r = check_packets(subject, trial, policy);
	printf("# %zu rules, compiled and loaded in %.0f ms; %zu headers and %d random packets had "
	       "%llu matches in %.0f ms\n",
	       policy->rulesets[0].n_rules, loaded - start, subject->n_headers, RANDOM_PACKETS,
	       (unsigned long long)(coverage.counted - counted), now_ms() - loaded);
	return r;
}

/* True unless it failed. */
static bool run_case(unsigned int number, const char *family, unsigned int size,
		     enum filter_mode mode)
{
	struct subject subject = { .mode = mode };
	const char *title = mode == FILTERS_COUNT ? "all matches" : "first match";
	const char *folder = data_folder();
	int r;

	snprintf(subject.set, PATH_MAX, "%s/classbench/%s_%u", folder, family, size);
	snprintf(subject.trace, PATH_MAX, "%s/classbench/%s_%u_trace", folder, family, size);
	if (access(subject.set, R_OK) < 0) {
		printf("ok %u - %s %u, %s # SKIP no %s; XDPGATE_DATA names the data's folder\n",
		       number, family, size, title, subject.set);
		return true;
	}
	r = check_set(&subject);
	printf("%s %u - %s %u, %s\n", r < 0 ? "not ok" : "ok", number, family, size, title);
	fflush(stdout);
	return r >= 0;
}

int main(void)
{
	unsigned int number = 0;
	bool passed = true;

	if (!can_load_programs())
		return 1;
	printf("1..%zu\n", ARRAY_SIZE(families) * ARRAY_SIZE(sizes) * 2);
	for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
		for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
			passed &= run_case(++number, families[f], sizes[s], FILTERS_DECIDE);
			passed &= run_case(++number, families[f], sizes[s], FILTERS_COUNT);
		}
	}
	coverage_print(stderr);
	return !passed;
}
