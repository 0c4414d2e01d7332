/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate trial: what a policy file would make of the packets that arrive just now. The daemon has
 * copies of some of them put into a ring; here each goes through the programs of both policies, beside
 * those that judge, so no packet's fate changes.
 */
#include "trial.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "kernel.h"
#include "quantity.h"
#include "request.h"
#include "text.h"
#include "trial_daemon.h"
#include "util.h"
#include "wire.h"

#define TICK_MSEC 200   /* how late an end may be noticed */
#define REFRESH_TICKS 5 /* so many looks at the daemon, one a second, for one at the devices */
#define SECONDS_DEFAULT 600
#define SECONDS_MAX 86400
#define RATE_DEFAULT 1000
#define RATE_MAX 100000

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = 1;
}

double trial_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- what it takes ----------------------------------------------------------------------- */

static int parse_options(const struct options *options, uint32_t *ret_seconds, uint32_t *ret_rate)
{
	*ret_seconds = SECONDS_DEFAULT;
	*ret_rate = RATE_DEFAULT;
	if (options->duration && (duration_parse(options->duration, ret_seconds) < 0 ||
				  !*ret_seconds || *ret_seconds > SECONDS_MAX)) {
		text_printf(
			stderr,
			"xdpgate: --for %s: TIME is from 1s to 24h, such as 90s, 10m or 1h30m\n",
			options->duration);
		return EXIT_USAGE;
	}
	if (options->rate &&
	    (count_parse(options->rate, ret_rate) < 0 || !*ret_rate || *ret_rate > RATE_MAX)) {
		text_printf(stderr,
			    "xdpgate: --rate %s: NUMBER, of samples a second, is from 1 to 100k\n",
			    options->rate);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static int check_in(const struct trial *trial)
{
	size_t ignored;

	return !trial->options->in
		       ? EXIT_OK
		       : exit_uncompared(candidate_interface(&trial->now_loaded,
							     "the policy in force",
							     trial->options->in, &ignored));
}

/* One more line. */
static void add_note(struct trial *trial, const char *format, const char *a, const char *b)
	__attribute__((format(printf, 2, 0)));

static void add_note(struct trial *trial, const char *format, const char *a, const char *b)
{
	_cleanup_free_ char *line = NULL, *before = trial->notes;

	if (asprintf(&line, format, a, b) < 0)
		line = NULL;
	if (!line || asprintf(&trial->notes, "%s%s\n", before ? before : "", line) < 0)
		trial->notes = TAKE_PTR(before);
}

/* Ports that only one of the policies stands on. */
static void compare_ports(struct trial *trial)
{
	const struct trial_side *now = &trial->now, *then = &trial->then;

	for (size_t i = 0; i < now->policy->n_interfaces; i++) {
		const struct interface *interface = &now->policy->interfaces[i];

		if (!now->ifindexes[i] || trial_side_interface(now, now->ifindexes[i]) != i ||
		    trial_side_interface(then, now->ifindexes[i]) != ORACLE_NO_INTERFACE)
			continue;
		trial->fewer_ports = true;
		add_note(trial,
			 "Difference: %s does not filter %s any more: all its packets pass there.",
			 trial->path, interface->port);
	}
	for (size_t i = 0; i < then->policy->n_interfaces; i++) {
		const struct interface *interface = &then->policy->interfaces[i];

		if (!then->ifindexes[i])
			add_note(trial, "Interface %s: there is no device %s now.", interface->name,
				 interface->port);
		else if (trial_side_interface(then, then->ifindexes[i]) == i &&
			 trial_side_interface(now, then->ifindexes[i]) == ORACLE_NO_INTERFACE)
			add_note(
				trial,
				"Interface %s: %s is not filtered now, so no packets of it are seen.",
				interface->name, interface->port);
	}
}

/* PIN_DIR/samples: beside it are the live sets. */
static int view_live_sets(const char *ring, struct live_maps **ret, struct diags *diags)
{
	_cleanup_free_ char *folder = strdup(ring);
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int r;

	if (!slash)
		return -ENOMEM;
	*slash = '\0';
	r = live_maps_view(folder, ret, diags);
	return r == -ENOENT ? 0 : r; /* then they are empty */
}

static int open_all(struct trial *trial, const char *ring, struct diags *diags)
{
	int r = sample_ring_open(ring, &trial->ring, diags);

	if (r >= 0)
		r = view_live_sets(ring, &trial->live, diags);
	if (r >= 0)
		r = trial_side_open(&trial->now_loaded, trial->live, &trial->now, diags);
	if (r >= 0)
		r = trial_side_open(&trial->then_loaded, trial->live, &trial->then, diags);
	if (r >= 0)
		compare_ports(trial);
	return r < 0 ? r : sample_ring_begin(trial->ring, diags);
}

/* --- while it goes on -------------------------------------------------------------------- */

struct counting {
	struct trial *trial;
	struct diags *diags;
};

static int on_sample(void *context, const struct sample *sample)
{
	struct counting *counting = context;

	return trial_count(counting->trial, sample, counting->diags);
}

static uint64_t seen_so_far(const struct trial *trial)
{
	return trial->tally.samples + trial->tally.elsewhere + sample_ring_lost(trial->ring);
}

/* Is sampling too fast, or needlessly slow? *ret: one in so many would be right. */
static bool is_off(const struct trial *trial, double per_second, uint32_t *ret)
{
	double right = trial->one_in * per_second / trial->rate;

	if (per_second <= 1.5 * trial->rate &&
	    (trial->one_in == 1 || per_second >= trial->rate / 4.0))
		return false;
	*ret = right < 1 ? 1 : right > MAX_ONE_IN ? MAX_ONE_IN : (uint32_t)(right + 0.999);
	return *ret != trial->one_in;
}

/* Ask for another rate. */
static void adapt(struct trial *trial, double per_second)
{
	double left = trial->until - trial_clock();
	uint32_t one_in;

	if (left < 2 || !is_off(trial, per_second, &one_in))
		return;
	if (trial_daemon_adapt(trial->options, (uint32_t)(left + 0.5), one_in))
		trial->one_in = one_in;
}

static void draw(const struct trial *trial)
{
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_free_ char *frame = NULL;
	size_t size;
	FILE *stream;

	if (trial->options->json || !isatty(STDOUT_FILENO))
		return;
	answer = trial_answer(trial);
	stream = answer ? open_memstream(&frame, &size) : NULL;
	if (!stream)
		return;
	trial_print(answer, false, stream, wants_color(trial->options));
	if (fclose(stream) == 0)
		text_show_frame(frame);
	fflush(stdout);
}

/* Once a second. */
static void look_around(struct trial *trial, double seconds, unsigned int tick, uint64_t *seen)
{
	uint64_t now = seen_so_far(trial);

	if (!trial_daemon_goes_on(trial))
		return;
	if (tick % REFRESH_TICKS == 0) {
		trial_side_refresh(&trial->now);
		trial_side_refresh(&trial->then);
	}
	adapt(trial, (double)(now - *seen) / seconds);
	*seen = now;
	draw(trial);
}

static int read_samples(struct trial *trial, int msec, struct diags *diags)
{
	struct counting counting = { trial, diags };
	int r = sample_ring_read(trial->ring, msec, on_sample, &counting);

	if (r == -EINTR)
		return 0;
	if (r == -EBADMSG)
		return diag_error(diags, NULL,
				  "what is in the ring of samples is none: another "
				  "version of xdpgated, or somebody else, filled it");
	return r;
}

static void follow(struct trial *trial, struct diags *diags)
{
	double next = trial_clock() + 1, last = trial_clock();
	uint64_t seen = 0;
	int r = 0;

	for (unsigned int tick = 1; r >= 0 && trial->end == TRIAL_GOES_ON;) {
		double now;

		r = read_samples(trial, TICK_MSEC, diags);
		now = trial_clock();
		if (r < 0)
			trial->end = TRIAL_FAILED;
		else if (interrupted)
			trial->end = TRIAL_INTERRUPTED;
		else if (now >= trial->until)
			trial->end = TRIAL_TIME;
		else if (now >= next) {
			look_around(trial, now - last, tick++, &seen);
			last = now;
			next = now + 1;
		}
	}
}

/* --- the command ------------------------------------------------------------------------- */

/* While packets are sampled. EXIT_OK: there is something to report. */
static int run_sampled(struct trial *trial, const char *ring, struct diags *diags)
{
	int r = open_all(trial, ring, diags);

	if (r == -EBUSY)
		return EXIT_USAGE; /* it is another's: leave it alone */
	if (r < 0) {
		if (!diags->n_errors)
			diag_error(diags, NULL, "cannot try the policy: %s", strerror(-r));
		trial_daemon_end(trial->options);
		return EXIT_USAGE;
	}
	trial->began = trial_clock();
	draw(trial);
	follow(trial, diags);
	if (trial->end != TRIAL_DAEMON && trial->end != TRIAL_POLICY)
		trial_daemon_end(trial->options);
	/* What was on its way. */
	if (trial->end != TRIAL_FAILED && read_samples(trial, 0, diags) < 0)
		trial->end = TRIAL_FAILED;
	trial->until = 0;
	return EXIT_OK;
}

static int report(const struct trial *trial)
{
	_cleanup_json_ json_t *answer = trial_answer(trial);
	bool differs = trial->tally.differ || trial->fewer_ports;

	if (!answer) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_USAGE;
	}
	if (trial->options->json) {
		print_json(answer);
	} else {
		if (isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		trial_print(answer, true, stdout, wants_color(trial->options));
	}
	if (differs)
		return EXIT_FAILED;
	if (trial->end == TRIAL_DAEMON)
		return EXIT_UNREACHABLE;
	return trial->end == TRIAL_TIME || trial->end == TRIAL_INTERRUPTED ? EXIT_OK : EXIT_USAGE;
}

static void trial_done(struct trial *trial)
{
	trial_side_close(&trial->now);
	trial_side_close(&trial->then);
	candidate_done(&trial->now_loaded);
	candidate_done(&trial->then_loaded);
	live_maps_close(trial->live);
	sample_ring_close(trial->ring);
	tally_done(&trial->tally);
	free(trial->notes);
}

static int load_both(struct trial *trial)
{
	int r = candidate_load(trial->options, trial->path, &trial->then_loaded);

	print_diags(trial->options, &trial->then_loaded.diags);
	if (r == EXIT_OK)
		r = candidate_load_live(trial->options, &trial->now_loaded, &trial->generation);
	return r == EXIT_OK ? check_in(trial) : exit_uncompared(r);
}

int run_trial(const struct options *options, int n, char **arguments)
{
	_cleanup_(trial_done) struct trial trial = { .options = options, .path = arguments[0] };
	_cleanup_(diags_free) struct diags diags = {};
	struct sigaction action = { .sa_handler = on_signal };
	_cleanup_free_ char *ring = NULL;
	uint32_t seconds;
	int r;

	kernel_listen(NULL);
	r = parse_options(options, &seconds, &trial.rate);
	if (r == EXIT_OK)
		r = load_both(&trial);
	if (r == EXIT_OK)
		r = exit_uncompared(trial_daemon_measure(options, trial.rate, &trial.one_in));
	if (r != EXIT_OK)
		return r;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	r = exit_uncompared(trial_daemon_begin(&trial, seconds, &ring));
	if (r == EXIT_OK)
		r = run_sampled(&trial, ring, &diags);
	if (r == EXIT_OK)
		r = report(&trial);
	print_diags(options, &diags);
	return r;
}
