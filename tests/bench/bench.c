/* SPDX-License-Identifier: GPL-2.0-only */
/* bench.c: measuring and verifying the subjects of a row, see bench.h. */
#include "bench.h"

#include <linux/bpf.h>
#include <string.h>

#include "median.h"
#include "util.h"

#define N_VERIFIED 2048
#define MAX_SUBJECTS 4
#define MIN_PACKETS (64 * HARNESS_CHUNK)
#define MAX_RUN_NS 2e9

static void summarise(struct figure *figure, double *values, unsigned int n)
{
	figure->ns = median(values, n);
	figure->low = quantile(values, n, 0.25);
	figure->high = quantile(values, n, 0.75);
	figure->measured = true;
}

static int run_one(struct bench *bench, int fd, uint32_t n_packets, double *ret_ns)
{
	int r = harness_set(bench->harness, fd);

	return r < 0 ? r : harness_run(bench->harness, n_packets, ret_ns);
}

/* So many packets a run that none takes longer than MAX_RUN_NS: the slowest of the others take
 * a thousand times as long as the fastest, and get the fewer packets the slower they are. */
static int choose_packets(struct bench *bench, int fd, uint32_t *ret_n)
{
	double ns;
	int r = run_one(bench, fd, MIN_PACKETS, &ns);

	*ret_n = bench->n_packets;
	if (r >= 0 && ns * bench->n_packets > MAX_RUN_NS)
		*ret_n = (uint32_t)(MAX_RUN_NS / ns);
	if (*ret_n < MIN_PACKETS)
		*ret_n = MIN_PACKETS;
	return r;
}

int bench_measure(struct bench *bench, struct subject *subjects, unsigned int n,
		  struct figure *empty)
{
	double values[MAX_SUBJECTS][BENCH_MAX_ROUNDS], empties[BENCH_MAX_ROUNDS];
	uint32_t n_packets[MAX_SUBJECTS];
	int r = 0;

	for (unsigned int i = 0; r >= 0 && i < n; i++)
		if (subjects[i].fd >= 0)
			r = choose_packets(bench, subjects[i].fd, &n_packets[i]);
	for (unsigned int round = 0; r >= 0 && round < bench->rounds; round++) {
		r = run_one(bench, peer_fd(bench->empty), bench->n_packets, &empties[round]);
		for (unsigned int i = 0; r >= 0 && i < n; i++) {
			if (subjects[i].fd < 0)
				continue;
			r = run_one(bench, subjects[i].fd, n_packets[i], &values[i][round]);
			values[i][round] -= empties[round];
		}
	}
	if (r < 0) {
		fprintf(stderr, "xg-bench: BPF_PROG_TEST_RUN: %s\n", strerror(-r));
		return r;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (subjects[i].fd < 0)
			continue;
		summarise(subjects[i].figure, values[i], bench->rounds);
		subjects[i].figure->packets = n_packets[i];
	}
	if (empty)
		summarise(empty, empties, bench->rounds);
	return 0;
}

int bench_verify(struct bench *bench, const struct subject *subject, int expected, int other_fd)
{
	uint32_t step = harness_n_frames(bench->harness) / N_VERIFIED;
	unsigned int wrong = 0;

	if (subject->fd < 0)
		return 0;
	for (uint32_t i = 0; i < N_VERIFIED; i++) {
		int want =
			expected >= 0 ? expected : harness_ask(bench->harness, other_fd, i * step);
		int is = harness_ask(bench->harness, subject->fd, i * step);

		if (want < 0 || is < 0) {
			fprintf(stderr, "xg-bench: BPF_PROG_TEST_RUN: %s\n",
				strerror(want < 0 ? -want : -is));
			return want < 0 ? want : is;
		}
		wrong += want != is;
	}
	if (wrong) {
		snprintf(subject->figure->note, sizeof(subject->figure->note),
			 "WRONG: %u of %u verdicts differ from what they must be", wrong,
			 N_VERIFIED);
		bench->wrong = true;
	}
	return 0;
}
