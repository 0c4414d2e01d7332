// SPDX-License-Identifier: GPL-2.0-only
/*
 * xg-traffic: sends frames from an interface, mixed as asked, and says exactly how many it
 * sent of which kind. Tests compare these figures with the filter's counters.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "stream.h"
#include "util.h"
#include "wire.h"

#define MAX_STREAMS 512

static const char usage[] =
	"Usage: xg-traffic [OPTION…] IFACE STREAM…\n"
	"       xg-traffic [OPTION…] --pcap FILE IFACE\n"
	"       xg-traffic [OPTION…] --write FILE STREAM…\n"
	"Sends frames and prints, as JSON, how many of each stream were sent.\n\n"
	"  --dmac MAC      destination (default ff:ff:ff:ff:ff:ff)\n"
	"  --rate N        frames a second, all streams together (default: as fast as it goes)\n"
	"  --loop          go on until SIGINT, SIGTERM or --duration\n"
	"  --duration N    seconds, at most\n"
	"  --seed N        of the random draws (default 1)\n"
	"  --pcap FILE     send the frames of a capture file instead of streams\n"
	"  --write FILE    write a capture file instead of sending\n\n"
	"A STREAM is key=value,key=value,…\n" STREAM_KEYS_HELP;

struct options {
	const char *ifname, *read_path, *write_path;
	uint8_t dmac[6];
	uint64_t rate, duration, seed;
	bool loop;
	struct stream streams[MAX_STREAMS];
	unsigned int n_streams;
};

/* Where frames go, and when the next one may. */
struct run {
	struct wire *wire;
	FILE *file;
	uint64_t started_nsec, deadline_nsec; /* 0: none */
	uint64_t rate, n_frames;
};

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	stopped = 1;
}

static uint64_t now_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Waits for the frame's turn; false: time is up. */
static bool next_turn(struct run *run)
{
	if (stopped)
		return false;
	/* The clock and the pace matter once a batch, not once a frame; a slow pace: each. */
	bool slow = run->rate && run->rate < 64 * WIRE_BATCH;

	if (run->n_frames % WIRE_BATCH && !slow)
		return true;
	if (run->deadline_nsec && now_nsec() >= run->deadline_nsec)
		return false;
	if (!run->rate)
		return true;
	if (run->wire && wire_flush(run->wire) < 0)
		return false;
	uint64_t due = run->started_nsec + run->n_frames * 1000000000 / run->rate;
	struct timespec at = { .tv_sec = (time_t)(due / 1000000000),
			       .tv_nsec = (long)(due % 1000000000) };
	while (!stopped && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	return !stopped;
}

static int emit(struct run *run, const uint8_t *frame, size_t len, struct stream *stream)
{
	int r = run->file ? pcap_write(run->file, run->n_frames, frame, len)
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
		if (emit(run, frame, len, &options->streams[i]) < 0)
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
	while (r == 0 && options->loop);
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
		if (emit(run, frame, len, &options->streams[0]) < 0)
			return -1;
	return r < 0 && !stopped ? -1 : 0;
}

static void report(const struct options *options, const struct run *run, uint64_t dropped)
{
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
	       packets, bytes, dropped, (double)(now_nsec() - run->started_nsec) / 1e9);
}

static int run_all(struct options *options)
{
	_cleanup_fclose_ FILE *file = NULL;
	_cleanup_free_ struct wire *wire = NULL;
	struct run run = { .rate = options->rate, .started_nsec = now_nsec() };
	uint64_t dropped = 0;

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
	for (unsigned int i = 0; i < options->n_streams; i++) {
		struct stream *stream = &options->streams[i];

		if (!stream->dmac_set)
			memcpy(stream->dmac, options->dmac, 6);
		if (!stream->smac_set && wire)
			memcpy(stream->smac, wire->mac, 6);
		if (!stream->name[0])
			snprintf(stream->name, sizeof(stream->name), "%u", i);
	}
	if ((options->read_path ? send_capture(&run, options) : send_streams(&run, options)) < 0)
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

static uint64_t number(const char *text, const char *option)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (errno || *end || end == text) {
		fprintf(stderr, "xg-traffic: %s wants a number, not '%s'\n", option, text);
		exit(2);
	}
	return value;
}

static void parse_options(int argc, char **argv, struct options *options)
{
	enum { DMAC = 256, RATE, LOOP, DURATION, SEED, PCAP, WRITE, HELP };
	static const struct option known[] = {
		{ "dmac", required_argument, NULL, DMAC },
		{ "rate", required_argument, NULL, RATE },
		{ "loop", no_argument, NULL, LOOP },
		{ "duration", required_argument, NULL, DURATION },
		{ "seed", required_argument, NULL, SEED },
		{ "pcap", required_argument, NULL, PCAP },
		{ "write", required_argument, NULL, WRITE },
		{ "help", no_argument, NULL, HELP },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) >= 0) {
		switch (c) {
		case DMAC:
			if (parse_mac(optarg, options->dmac) < 0) {
				fprintf(stderr, "xg-traffic: no MAC address: '%s'\n", optarg);
				exit(2);
			}
			break;
		case RATE:
			options->rate = number(optarg, "--rate");
			break;
		case LOOP:
			options->loop = true;
			break;
		case DURATION:
			options->duration = number(optarg, "--duration");
			break;
		case SEED:
			options->seed = number(optarg, "--seed");
			break;
		case PCAP:
			options->read_path = optarg;
			break;
		case WRITE:
			options->write_path = optarg;
			break;
		case HELP:
			fputs(usage, stdout);
			exit(0);
		default:
			exit(2);
		}
	}
	if (!options->write_path && optind < argc)
		options->ifname = argv[optind++];
	if ((!options->ifname && !options->write_path) ||
	    (optind == argc) != (options->read_path != NULL) ||
	    (options->loop && options->write_path) || argc - optind > MAX_STREAMS) {
		fputs(usage, stderr);
		exit(2);
	}
	for (; optind < argc; optind++)
		if (stream_parse(&options->streams[options->n_streams++], argv[optind]) < 0)
			exit(2);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	static struct options options = { .dmac = { 255, 255, 255, 255, 255, 255 }, .seed = 1 };

	parse_options(argc, argv, &options);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	int r = run_all(&options);
	for (unsigned int i = 0; i < options.n_streams; i++)
		stream_free(&options.streams[i]);
	return r < 0 ? 1 : 0;
}
