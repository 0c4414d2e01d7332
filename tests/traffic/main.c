// SPDX-License-Identifier: GPL-2.0-only
/*
 * xg-traffic: sends frames from an interface, mixed as asked, and says exactly how many it
 * sent of which kind. Tests compare these figures with the filter's counters.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>

#include "run.h"
#include "util.h"

static const char usage[] =
	"Usage: xg-traffic [OPTION…] IFACE STREAM…\n"
	"       xg-traffic [OPTION…] --pcap FILE IFACE\n"
	"       xg-traffic [OPTION…] --write FILE STREAM…\n"
	"Sends frames and prints, as JSON, how many of each stream were sent.\n\n"
	"  --dmac MAC      destination (default ff:ff:ff:ff:ff:ff)\n"
	"  --rate N        frames a second, all streams together (default: as fast as it goes)\n"
	"  --loop          go on until SIGINT, SIGTERM or --duration\n"
	"  --live          from inside the kernel: ten times as fast, but a slow receiver loses\n"
	"                  frames; at most 131072 frames a round, of 124 bytes\n"
	"  --duration N    seconds, at most\n"
	"  --seed N        of the random draws (default 1)\n"
	"  --pcap FILE     send the frames of a capture file instead of streams\n"
	"  --write FILE    write a capture file instead of sending\n\n"
	"A STREAM is key=value,key=value,…\n" STREAM_KEYS_HELP;

static void stop(int signal)
{
	run_stopped = 1;
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
	enum { DMAC = 256, RATE, LOOP, LIVE, DURATION, SEED, PCAP, WRITE, HELP };
	static const struct option known[] = {
		{ "dmac", required_argument, NULL, DMAC },
		{ "rate", required_argument, NULL, RATE },
		{ "loop", no_argument, NULL, LOOP },
		{ "live", no_argument, NULL, LIVE },
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
		case LIVE:
			options->live = true;
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
	    ((options->loop || options->live) && options->write_path) ||
	    argc - optind > MAX_STREAMS) {
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
