// SPDX-License-Identifier: GPL-2.0-only
/*
 * run.c: one run of the generator; see run.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "live.h"
#include "run.h"
#include "util.h"
#include "wire.h"

#define LIVE_CHUNK 262144U /* frames between two looks at the clock; each costs some 30 ms */

/* Where frames go, and when the next one may. */
struct run {
	struct wire *wire;
	FILE *file;
	struct live *live;
	uint16_t owners[LIVE_MAX_FRAMES]; /* stream and length of each live frame */
	uint16_t lens[LIVE_MAX_FRAMES];
	uint64_t started_nsec, deadline_nsec; /* 0: none */
	uint64_t rate, n_frames;
	uint64_t live_nsec; /* spent sending live frames */
};

volatile sig_atomic_t run_stopped;

static uint64_t now_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Waits until the next frame is due; false: time is up. */
static bool wait_turn(const struct run *run)
{
	if (run_stopped)
		return false;
	if (run->deadline_nsec && now_nsec() >= run->deadline_nsec)
		return false;
	if (!run->rate)
		return true;
	uint64_t due = run->started_nsec + run->n_frames * 1000000000 / run->rate;
	struct timespec at = { .tv_sec = (time_t)(due / 1000000000),
			       .tv_nsec = (long)(due % 1000000000) };
	while (!run_stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	return !run_stopped;
}

/* The same for a single frame: the clock and the pace matter once a batch, unless it is slow. */
static bool next_turn(struct run *run)
{
	bool slow = run->rate && run->rate < 64 * WIRE_BATCH;

	if (run_stopped)
		return false;
	if (run->live || (run->n_frames % WIRE_BATCH && !slow))
		return true;
	if (run->rate && run->wire && wire_flush(run->wire) < 0)
		return false;
	return wait_turn(run);
}

static int emit(struct run *run, const uint8_t *frame, size_t len, struct options *options,
		unsigned int owner)
{
	struct stream *stream = &options->streams[owner];
	int r;

	if (run->live) {
		if (live_add(run->live, frame, len) < 0)
			return -1;
		run->owners[run->n_frames] = (uint16_t)owner;
		run->lens[run->n_frames++] = (uint16_t)len;
		return 0;
	}
	r = run->file ? pcap_write(run->file, run->n_frames, frame, len)
		      : wire_send(run->wire, frame, len);
	if (r < 0)
		return -1;
	run->n_frames++;
	stream->packets++;
	stream->bytes += len;
	return 0;
}

/* One round: count frames of each stream, mixed at random. */
static int send_round(struct run *run, struct options *options, uint64_t *random)
{
	uint8_t frame[MAX_FRAME];
	uint64_t left[MAX_STREAMS], total = 0;

	for (unsigned int i = 0; i < options->n_streams; i++)
		total += left[i] = options->streams[i].count;
	for (; total && next_turn(run); total--) {
		uint64_t pick = random_next(random) % total;
		unsigned int i = 0;

		while (pick >= left[i])
			pick -= left[i++];
		left[i]--;
		size_t len = stream_frame(&options->streams[i], random, frame);
		if (emit(run, frame, len, options, i) < 0)
			return -1;
	}
	return total != 0;
}

static int send_streams(struct run *run, struct options *options)
{
	uint64_t random = options->seed;
	int r;

	do
		r = send_round(run, options, &random);
	while (r == 0 && options->loop && !run->live);
	return r < 0 ? -1 : 0;
}

static int send_capture(struct run *run, struct options *options)
{
	_cleanup_fclose_ FILE *capture = pcap_open(options->read_path);
	uint8_t frame[MAX_FRAME];
	size_t len;
	int r = -1;

	if (!capture)
		return -1;
	options->n_streams = 1;
	while (next_turn(run) && (r = pcap_read(capture, frame, &len)) > 0)
		if (emit(run, frame, len, options, 0) < 0)
			return -1;
	return r < 0 && !run_stopped ? -1 : 0;
}

/* The frames that were gathered become one round, sent from inside the kernel. */
static int send_live(struct run *run, struct options *options)
{
	const uint32_t round = (uint32_t)run->n_frames;
	uint32_t chunk = LIVE_CHUNK, at = 0;

	if (!round || live_load(run->live) < 0)
		return -1;
	run->n_frames = 0;
	run->started_nsec = now_nsec();
	if (run->rate && run->rate / 10 < chunk)
		chunk = run->rate < 640 ? 64 : (uint32_t)(run->rate / 10);
	while ((options->loop || run->n_frames < round) && wait_turn(run)) {
		uint32_t n = !options->loop && round - run->n_frames < chunk
				     ? round - (uint32_t)run->n_frames
				     : chunk;

		if (live_send(run->live, n, &run->live_nsec) < 0)
			return -1;
		run->n_frames += n;
		for (; n; n--, at = (at + 1) % round) {
			options->streams[run->owners[at]].packets++;
			options->streams[run->owners[at]].bytes += run->lens[at];
		}
	}
	return 0;
}

static void report(const struct options *options, const struct run *run, uint64_t dropped)
{
	uint64_t nsec = run->live ? run->live_nsec : now_nsec() - run->started_nsec;
	uint64_t packets = 0, bytes = 0;

	printf("{\"streams\": [");
	for (unsigned int i = 0; i < options->n_streams; i++) {
		const struct stream *stream = &options->streams[i];

		packets += stream->packets;
		bytes += stream->bytes;
		printf("%s{\"name\": \"%s\", \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 "}",
		       i ? ", " : "", stream->name, stream->packets, stream->bytes);
	}
	printf("], \"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"dropped\": %" PRIu64
	       ", \"seconds\": %.3f}\n",
	       packets, bytes, dropped, (double)nsec / 1e9);
}

static void close_live(struct live **live)
{
	live_close(*live);
}

/* What a stream leaves to the run. */
static void complete_streams(struct options *options, const struct wire *wire)
{
	for (unsigned int i = 0; i < options->n_streams; i++) {
		struct stream *stream = &options->streams[i];

		if (!stream->dmac_set)
			memcpy(stream->dmac, options->dmac, 6);
		if (!stream->smac_set && wire)
			memcpy(stream->smac, wire->mac, 6);
		if (!stream->name[0])
			snprintf(stream->name, sizeof(stream->name), "%u", i);
	}
}

int run_all(struct options *options)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ struct wire *wire = NULL;
	_cleanup_(close_live) struct live *live = NULL;
	static struct run run;
	uint64_t dropped = 0;
	int r;

	run.rate = options->rate;
	run.started_nsec = now_nsec();

	if (options->duration)
		run.deadline_nsec = run.started_nsec + options->duration * 1000000000;
	if (options->write_path) {
		run.rate = 0;
		run.file = file = pcap_create(options->write_path);
		if (!file)
			return -1;
	} else {
		run.wire = wire = malloc(sizeof(*wire));
		if (!wire || wire_open(wire, options->ifname) < 0)
			return -1;
	}
	complete_streams(options, wire);
	if (options->live && live_open(options->ifname, &live) < 0)
		return -1;
	run.live = live;
	r = options->read_path ? send_capture(&run, options) : send_streams(&run, options);
	if (r == 0 && live)
		r = send_live(&run, options);
	if (r < 0)
		return -1;
	if (wire && wire_close(wire, &dropped) < 0)
		return -1;
	report(options, &run, dropped);
	if (dropped) {
		fprintf(stderr,
			"xg-traffic: the interface dropped %" PRIu64 " frames: the "
			"figures above are not what arrived\n",
			dropped);
		return -1;
	}
	return 0;
}
