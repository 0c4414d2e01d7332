/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * test_replay.c: `xdpgate replay` as it is called: random policies as files, random packets as
 * captures, judged packet by packet by the program and by the oracle. Both must say the same to the
 * byte, and what they say must be what the oracle says here.
 *
 *   test_replay XDPGATE [--policies N] [--packets N] [--seed N]
 */
#include <string.h>

#include "config.h"
#include "oracle.h"
#include "random-policy.h"
#include "run.h"
#include "util.h"

static const char *xdpgate;
static char folder[64];
static uint64_t n_drops, n_by_rule;

/* As tcpdump writes it: microseconds, Ethernet. */
static void write_capture_header(FILE *file)
{
	static const uint32_t header[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 262144, 1 };

	fwrite(header, sizeof(header), 1, file);
}

static void write_capture_packet(FILE *file, const struct packet *packet)
{
	const uint32_t record[] = { 1, 2, (uint32_t)packet->len, (uint32_t)packet->len };

	fwrite(record, sizeof(record), 1, file);
	fwrite(packet->data, packet->len, 1, file);
}

/* What --each prints for this packet, up to the space behind it. */
static void expect_line(const struct policy *policy, size_t arrives, const struct packet *packet,
			char *line, size_t size)
{
	size_t interface = oracle_interface(policy, arrives, packet->data, packet->len);
	struct oracle_answer answer = {};
	const struct ruleset *ruleset;
	size_t n_members = 0;

	for (size_t i = 0; i < policy->n_interfaces; i++)
		n_members += !strcmp(policy->interfaces[i].port, policy->interfaces[arrives].port);
	if (interface == ORACLE_NO_INTERFACE) {
		snprintf(line, size, "pass/no-interface ");
		return;
	}
	ruleset = &policy->rulesets[policy->interfaces[interface].ruleset];
	oracle_judge(policy, interface, packet->data, packet->len, &answer);
	n_drops += answer.verdict == VERDICT_DROP;
	n_by_rule += answer.rule != ORACLE_NO_RULE;
	snprintf(line, size, "%s%s%s/%s ", n_members > 1 ? policy->interfaces[interface].name : "",
		 n_members > 1 ? ":" : "", verdict_name(answer.verdict),
		 answer.rule == ORACLE_NO_RULE ? reason_name(answer.reason)
					       : ruleset->rules[answer.rule].name);
}

static int write_files(struct rng *rng, const struct policy *policy, size_t interface,
		       uint64_t n_packets, const char *policy_path, const char *capture_path,
		       const char *expected_path)
{
	_cleanup_fclose_ FILE *text = fopen(policy_path, "we");
	_cleanup_fclose_ FILE *capture = fopen(capture_path, "we");
	_cleanup_fclose_ FILE *expected = fopen(expected_path, "we");
	static struct packet packet;
	int r;

	if (!text || !capture || !expected)
		return -errno;
	r = policy_print(policy, text);
	write_capture_header(capture);
	for (uint64_t i = 0; r >= 0 && i < n_packets; i++) {
		char line[4 * NAME_LEN];

		random_packet(rng, policy, interface, &packet);
		write_capture_packet(capture, &packet);
		expect_line(policy, interface, &packet, line, sizeof(line));
		fprintf(expected, "%llu %s\n", (unsigned long long)i + 1, line);
	}
	return r < 0 ? r : ferror(capture) || ferror(expected) || ferror(text) ? -EIO : 0;
}

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...)
{
	_cleanup_free_ char *command = NULL;
	va_list args;
	int r;

	va_start(args, format);
	r = vasprintf(&command, format, args);
	va_end(args);
	if (r < 0)
		return -ENOMEM;
	r = system(command);
	if (r)
		fprintf(stderr, "failed: %s\n", command);
	return r ? -EINVAL : 0;
}

static int check_policy(struct rng *rng, uint64_t n_packets)
{
	_cleanup_(policy_freep) struct policy *policy = random_policy(rng);
	uint32_t interface = rng_below(rng, (uint32_t)policy->n_interfaces);
	char policy_path[128], capture[128], expected[128];
	int r;

	random_policy_in_words(policy);
	snprintf(policy_path, sizeof(policy_path), "%s/policy.yaml", folder);
	snprintf(capture, sizeof(capture), "%s/packets.pcap", folder);
	snprintf(expected, sizeof(expected), "%s/expected", folder);
	r = write_files(rng, policy, interface, n_packets, policy_path, capture, expected);
	for (int engine = 0; r >= 0 && engine < 2; engine++)
		r = shell(
			"%s replay --self '' --each --engine %s --in '%s' %s %s >%s/%s 2>%s/error",
			xdpgate, engine ? "oracle" : "program", policy->interfaces[interface].name,
			policy_path, capture, folder, engine ? "oracle" : "program", folder);
	/* The heads name the engine; totals and packets are the same. */
	if (r >= 0)
		r = shell("cd %s && sed 's/judged by the oracle/judged by the program/' oracle | "
			  "cmp - program",
			  folder);
	if (r >= 0)
		r = shell("cd %s && head -n %llu program | cut -d ' ' -f 1,2 | sed 's/$/ /' | "
			  "diff expected - | head -n 20 >difference && test ! -s difference",
			  folder, (unsigned long long)n_packets);
	if (r < 0)
		shell("cat %s/error %s/difference >&2", folder, folder);
	return r;
}

static bool report(void)
{
	printf("%llu dropped, %llu decided by a rule\n", (unsigned long long)n_drops,
	       (unsigned long long)n_by_rule);
	return n_drops && n_by_rule;
}

int main(int argc, char **argv)
{
	const struct run_options defaults = { .n_policies = 25, .n_packets = 4000 };
	int r;

	if (argc < 2)
		return 2;
	xdpgate = argv[1];
	argv[1] = argv[0];
	snprintf(folder, sizeof(folder), "/tmp/xdpgate-replay-%d", (int)getpid());
	if (shell("mkdir -m 700 %s", folder) < 0)
		return 1;
	r = run_main(argc - 1, argv + 1, &defaults, check_policy, report);
	if (r == 0)
		shell("rm -r %s", folder);
	return r;
}
