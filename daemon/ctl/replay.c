/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xdpgate replay: every packet of a capture through a policy, which is not in force: no packet and
 * no counter of the machine has any part in it.
 */
#include "replay.h"

#include <string.h>
#include <time.h>

#include "kernel.h"
#include "paths.h"
#include "request.h"
#include "text.h"
#include "util.h"
#include "wire.h"

/* --- progress ---------------------------------------------------------------------------- */

#define BAR_WIDTH 40
#define PROGRESS_PACKETS 8192 /* the clock is looked at once for so many */
#define PROGRESS_MSEC 200

struct progress {
	bool shown; /* on a terminal */
	bool drawn;
	struct timespec last;
};

static void draw_progress(const struct capture *capture, uint64_t n)
{
	double part = capture_progress(capture);
	int filled = part < 0 ? 0 : (int)(part * BAR_WIDTH + 0.5);

	if (part < 0)
		fprintf(stderr, "\r%llu packets", (unsigned long long)n);
	else
		fprintf(stderr, "\r[%.*s%*s] %3.0f%%  %llu packets", filled,
			"########################################", BAR_WIDTH - filled, "",
			part * 100, (unsigned long long)n);
	fflush(stderr);
}

static void show_progress(struct progress *progress, const struct capture *capture, uint64_t n)
{
	struct timespec now;
	long msec;

	if (!progress->shown || n % PROGRESS_PACKETS)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	msec = (now.tv_sec - progress->last.tv_sec) * 1000 +
	       (now.tv_nsec - progress->last.tv_nsec) / 1000000;
	if (msec < PROGRESS_MSEC)
		return;
	progress->last = now;
	progress->drawn = true;
	draw_progress(capture, n);
}

static void end_progress(const struct progress *progress)
{
	if (progress->drawn)
		fputs("\r\033[K", stderr);
}

/* --- the packets ------------------------------------------------------------------------- */

/* What became of the packet is noted, or printed at once. */
static int note_each(struct replay *replay, const struct captured *captured,
		     const struct judged *judged)
{
	json_t *label = label_of(replay->labels, judged);

	if (!label)
		return -ENOMEM;
	if (replay->each)
		return json_array_append(replay->each, label) < 0 ? -ENOMEM : 0;
	print_packet(replay->packets.packets, captured, json_string_value(label));
	return 0;
}

static int replay_packet(struct replay *replay, const struct captured *captured)
{
	struct judged judged;
	int r;

	replay->packets.packets++;
	replay->packets.bytes += captured->len;
	replay->n_cut += captured->len < captured->original;
	r = judge_frame(replay->judge, captured->frame, captured->len, &judged,
			&replay->candidate.diags);
	if (r == -E2BIG)
		replay->n_too_large++;
	else if (r < 0)
		return r;
	return replay->labels ? note_each(replay, captured, r < 0 ? NULL : &judged) : 0;
}

/* What cannot be told as a total. */
static void warn(const struct replay *replay, struct diags *diags)
{
	const struct diag_place place = { .file = replay->capture_path };

	if (replay->n_cut)
		diag_warning(
			diags, &place,
			"%llu packets are cut off: their lengths say more than the capture "
			"has, so they are judged as malformed where the whole packet would not "
			"be; capture with a snapshot length of 0 (tcpdump -s 0)",
			(unsigned long long)replay->n_cut);
	if (replay->n_too_large)
		diag_warning(diags, &place,
			     "%llu packets are larger than the 70000 bytes that a program can be "
			     "given, and were not judged; no driver hands on such frames: turn off "
			     "receive offloads on the device where you capture (ethtool -K DEVICE "
			     "gro off lro off)",
			     (unsigned long long)replay->n_too_large);
	if (replay->candidate.policy->n_live_sets)
		diag_warning(diags, &(struct diag_place){ .file = replay->policy_path },
			     "it has live sets, which are empty here");
}

/* All packets. A damaged file is one more error in the diags of the candidate: what came before it
 * counts. */
static int replay_all(struct replay *replay, struct capture *capture)
{
	struct diags *diags = &replay->candidate.diags;
	struct progress progress = {
		.shown = isatty(STDERR_FILENO) && !(replay->labels && !replay->each),
	};
	struct captured captured;
	int r, judged = 0;

	while ((r = capture_next(capture, &captured, diags)) > 0) {
		judged = replay_packet(replay, &captured);
		if (judged < 0)
			break;
		show_progress(&progress, capture, replay->packets.packets);
	}
	end_progress(&progress);
	if (judged < 0)
		return judged;
	judged = judge_finish(replay->judge, diags);
	return judged < 0 ? judged : r;
}

/* --- the command ------------------------------------------------------------------------- */

static void replay_done(struct replay *replay)
{
	labels_free(replay->labels);
	judge_close(replay->judge);
	candidate_done(&replay->candidate);
	json_decref(replay->each);
}

static int open_judge(struct replay *replay, bool per_packet)
{
	const struct options *options = replay->options;
	struct candidate *candidate = &replay->candidate;
	const struct judge_options how = { .engine = options->engine };
	int r = judge_open(candidate->policy, candidate->tables, replay->interface, &how,
			   &replay->judge, &candidate->diags);

	if (r == -EPERM || r == -EACCES) {
		diag_error(&candidate->diags, NULL,
			   "running the program takes root, or the capabilities CAP_BPF and "
			   "CAP_NET_ADMIN; --engine oracle takes none, and answers the same");
		return r;
	}
	if (r >= 0 && per_packet) {
		replay->labels = labels_new(replay);
		r = replay->labels ? 0 : -ENOMEM;
	}
	return r;
}

/* EXIT_OK: the packets were judged, all of them or, with an error in diags, as far as they could be
 * read. */
static int judge_capture(struct replay *replay, bool per_packet, bool collect)
{
	struct diags *diags = &replay->candidate.diags;
	_cleanup_(capture_closep) struct capture *capture = NULL;
	int r = capture_open(replay->capture_path, &capture, diags);

	if (r >= 0)
		r = open_judge(replay, per_packet);
	if (r >= 0 && collect) {
		replay->each = json_array();
		r = replay->each ? 0 : -ENOMEM;
	}
	if (r < 0) {
		if (!diags->n_errors)
			diag_error(diags, NULL, "cannot replay: %s", strerror(-r));
		return EXIT_FAILED;
	}
	r = replay_all(replay, capture);
	if (r < 0 && !diags->n_errors)
		diag_error(diags, NULL, "cannot replay: %s", strerror(-r));
	warn(replay, diags);
	return EXIT_OK;
}

/* Print, and compare. */
static int finish(struct replay *replay, const json_t *expected)
{
	const struct options *options = replay->options;
	const struct diags *diags = &replay->candidate.diags;
	_cleanup_json_ json_t *answer = replay_answer(replay);
	bool as_expected = true;

	if (!answer) {
		fprintf(stderr, "xdpgate: out of memory\n");
		return EXIT_FAILED;
	}
	if (expected)
		as_expected = expected_compare(options->expect, expected, answer);
	if (!options->each && replay->each)
		json_object_del(answer, "each");
	if (options->json)
		print_json(answer);
	else
		replay_print(answer, wants_color(options));
	return diags->n_errors || !as_expected ? EXIT_FAILED : EXIT_OK;
}

int run_replay(const struct options *options, int n, char **arguments)
{
	_cleanup_(replay_done) struct replay replay = {
		.options = options,
		.policy_path = n > 1 ? arguments[0] : DEFAULT_CONFIG,
		.capture_path = arguments[n - 1],
	};
	struct candidate *candidate = &replay.candidate;
	_cleanup_json_ json_t *expected = NULL;
	bool expects_each;
	int r = EXIT_OK;

	kernel_listen(NULL);
	if (options->expect)
		r = expected_read(options->expect, &expected);
	if (r == EXIT_OK)
		r = candidate_load(options, replay.policy_path, candidate);
	if (r == EXIT_OK)
		r = candidate_interface(candidate, replay.policy_path, options->in,
					&replay.interface);
	expects_each = json_object_get(expected, "each") != NULL;
	if (r == EXIT_OK)
		r = judge_capture(&replay, options->each || expects_each,
				  expects_each || (options->each && options->json));
	print_diags(options, &candidate->diags);
	return r == EXIT_OK ? finish(&replay, expected) : r;
}
