/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_hostile.c: whatever the policy, the compiler ends, soon, in bounded memory, with tables
 * that are right or with an error that names a rule. Each case runs in a process of its own,
 * which the kernel ends where the compiler does not.
 *
 *   test_hostile [--all] [NUMBER…]     --all: those that are too large for every run, too
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "build-policy.h"
#include "compile.h"
#include "hostile.h"
#include "tables_check.h"
#include "util.h"

#define SAMPLES 10
/* Of processor time: some ten times what the slowest takes, so that no machine is too slow and
 * no test too patient. Whatever takes longer is a hang, and is ended by the kernel. */
#define SECONDS 20
/* AddressSanitizer reserves all of the address space, and its use of memory tells nothing. */
#ifdef __SANITIZE_ADDRESS__
#define MEASURE_MEMORY false
#else
#define MEASURE_MEMORY true
#endif
#define MAP_MEGABYTES 512        /* less than that is what one value of a map may have */
#define MOST_MEMORY (8ULL << 30) /* so that a test of limits does not meet the machine's */

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The most memory that was in use since the process began. */
static unsigned int peak_megabytes(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (unsigned int)(usage.ru_maxrss / 1024);
}

/* An error that a user can act on: it has a place, or at least the name of a rule. */
static bool names_a_rule(const struct diags *diags)
{
	for (size_t i = 0; i < diags->n; i++) {
		if (diags->items[i].line && strstr(diags->items[i].message, "rule"))
			return true;
	}
	return false;
}

/* A look at some values and addresses of random rules; any wrong bit ends the process. */
static void check_samples(const struct policy *policy, const struct tables *tables)
{
	struct subject s = subject_of(policy, tables, 0);
	struct rng rng = { 99 };

	check_config(&s);
	check_lpm(tables);
	check_summaries(tables);
	for (int i = 0; i < SAMPLES; i++) {
		const struct rule *rule =
			&s.ruleset->rules[rng_below(&rng, (uint32_t)s.ruleset->n_rules)];

		for (unsigned int f = 0; f < N_SCALAR_FIELDS; f++) {
			const struct scalar_match *match = &rule->scalar[f];
			const struct range *range;

			if (!match->present)
				continue;
			range = &match->ranges[rng_below(&rng, (uint32_t)match->n_ranges)];
			check_scalar_value(&s, f, range->first);
			check_scalar_value(&s, f, range->last);
		}
		for (unsigned int f = 0; f < N_ADDRESS_FIELDS; f++) {
			const struct prefix_set *set;

			if (!rule->address[f].present)
				continue;
			set = &policy->sets[rule->address[f].sets[0]];
			if (set->n_v4)
				check_prefix_v4(&s, f,
						set->v4[rng_below(&rng, (uint32_t)set->n_v4)]);
			if (set->n_v6)
				check_prefix_v6(&s, f,
						set->v6[rng_below(&rng, (uint32_t)set->n_v6)]);
		}
	}
}

static double rows_megabytes(const struct tables *tables)
{
	return tables ? 8.0 * tables->n_rows * row_stride(tables) / 1e6 : 0;
}

/* What is wrong with how it ended, or NULL. */
static const char *judge(const struct hostile *hostile, int r, const struct diags *diags,
			 unsigned int megabytes, double table_megabytes)
{
	if (r < 0 && (!(hostile->may_refuse || hostile->must_refuse) || r != -EINVAL))
		return "refused";
	if (r >= 0 && hostile->must_refuse)
		return "not refused";
	if (r < 0 && !names_a_rule(diags))
		return "refused without the name of a rule";
	if (MEASURE_MEMORY && megabytes > hostile->megabytes)
		return "took too much memory";
	if (table_megabytes >= MAP_MEGABYTES)
		return "the rows are too large for a map, and were not refused";
	return NULL;
}

/* From here on, so much processor time for the compiler, and the memory that there is to be. */
static void set_limits(void)
{
	const rlim_t seconds = (rlim_t)cpu_seconds() + 1 + SECONDS;
	const struct rlimit cpu = { seconds, RLIM_INFINITY };
	const struct rlimit memory = { MOST_MEMORY, MOST_MEMORY };

	setrlimit(RLIMIT_CPU, &cpu);
	if (MEASURE_MEMORY)
		setrlimit(RLIMIT_AS, &memory);
}

/* The tables are there: what is checked about them may take its time. */
static void lift_limits(void)
{
	const struct rlimit cpu = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_CPU, &cpu);
}

static int compile_one(const struct hostile *hostile)
{
	struct policy *policy = build_policy();
	struct tables *tables = NULL;
	struct diags diags = {};
	unsigned int before;
	const char *wrong;
	double start;
	int r;

	build_interface(policy, "wan", build_ruleset(policy, "internet", VERDICT_PASS));
	hostile->build(policy);
	before = peak_megabytes();
	set_limits();
	start = cpu_seconds();
	r = tables_compile(policy, &tables, &diags);
	start = cpu_seconds() - start;
	lift_limits();
	wrong = judge(hostile, r, &diags, peak_megabytes() - before, rows_megabytes(tables));

	printf("# %.2f s, %u MB", start, peak_megabytes() - before);
	if (r < 0)
		printf(", refused: %s\n", diags.n ? diags.items[0].message : strerror(-r));
	else
		printf(", %u rows of %u words: %.1f MB, lpm %.1f MB, scalars %.1f MB\n",
		       tables->n_rows, tables->row_words, rows_megabytes(tables),
		       ((double)tables->n_lpm4 * 4 + (double)tables->n_lpm6 * 8) / 1e6,
		       2.0 * tables->n_scalars / 1e6);
	if (wrong)
		printf("# %s; allowed are %u s and %u MB\n", wrong, SECONDS, hostile->megabytes);
	fflush(stdout);
	if (!wrong && r >= 0)
		check_samples(policy, tables);
	tables_free(tables);
	diags_free(&diags);
	policy_free(policy);
	return wrong ? 1 : 0;
}

/* True if the case passed. */
static bool run(const struct hostile *hostile)
{
	pid_t child = fork();
	int status = 0;

	if (child < 0) {
		perror("fork");
		return false;
	}
	if (child == 0)
		exit(compile_one(hostile));
	if (waitpid(child, &status, 0) != child)
		return false;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		printf("# not done after %u s of processor time\n", SECONDS);
	else if (WIFSIGNALED(status))
		printf("# ended by signal %d (%s)\n", WTERMSIG(status),
		       strsignal(WTERMSIG(status)));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool wanted(size_t number, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strtoul(argv[i], NULL, 10) == number)
			return true;
	}
	return argc == 1;
}

int main(int argc, char **argv)
{
	bool all = argc > 1 && strcmp(argv[1], "--all") == 0, passed = true;

	if (all) {
		argc--;
		argv++;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", n_hostiles);
	for (size_t i = 0; i < n_hostiles; i++) {
		const struct hostile *hostile = &hostiles[i];
		bool ok;

		if (!wanted(i + 1, argc, argv) || (argc == 1 && hostile->by_hand && !all)) {
			printf("ok %zu - %s # SKIP only by hand: test_hostile --all, or %zu\n",
			       i + 1, hostile->name, i + 1);
			continue;
		}
		ok = run(hostile);
		printf("%s %zu - %s\n", ok ? "ok" : "not ok", i + 1, hostile->name);
		passed &= ok;
	}
	return !passed;
}
