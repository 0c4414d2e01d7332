/* SPDX-License-Identifier: GPL-2.0-only */
#include "smoke.h"

#include "kernel.h"
#include "oracle.h"
#include "policy_tests.h"
#include "probe.h"
#include "util.h"

#define MAC 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2
#define DOCUMENTATION_V6(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define TCP_SYN(dport) 0xc0, 0, 0, dport, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0

/* RFC 5737 and RFC 3849 addresses. */
static const uint8_t arp[42] = { MAC, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
static const uint8_t tcp_v4[] = { MAC, 8, 0, 0x45, 0, 0, 40, 0,   0,  0,   0, 64,
				  6,   0, 0, 192,  0, 2, 1,  198, 51, 100, 1, TCP_SYN(22) };
static const uint8_t udp_v4[] = { MAC, 8,   0, 0x45, 0,  0,   28, 0, 0,  0,    0, 64, 17, 0, 0, 203,
				  0,   113, 1, 198,  51, 100, 1,  0, 53, 0xc0, 0, 0,  8,  0, 0 };
static const uint8_t short_v4[] = { MAC, 8,   0, 0x45, 0, 0,   40, 0,   0, 0,    0, 64, 6, 0,
				    0,   192, 0, 2,    1, 198, 51, 100, 1, 0xc0, 0, 0,  22 };
static const uint8_t tcp_v6[] = { MAC,
				  0x86,
				  0xdd,
				  0x60,
				  0,
				  0,
				  0,
				  0,
				  20,
				  6,
				  64,
				  DOCUMENTATION_V6(1),
				  DOCUMENTATION_V6(2),
				  TCP_SYN(179) };
static const uint8_t echo_v6[] = {
	MAC, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 58, 255, DOCUMENTATION_V6(1), DOCUMENTATION_V6(2),
	128, 0,    0,    0,    0, 1, 0, 1
};

static const struct {
	const char *name;
	const uint8_t *bytes;
	size_t len;
} frames[] = {
	{ "an ARP request", arp, sizeof(arp) },
	{ "an IPv4 TCP SYN to port 22", tcp_v4, sizeof(tcp_v4) },
	{ "an IPv4 UDP packet from port 53", udp_v4, sizeof(udp_v4) },
	{ "a truncated IPv4 TCP packet", short_v4, sizeof(short_v4) },
	{ "an IPv6 TCP SYN to port 179", tcp_v6, sizeof(tcp_v6) },
	{ "an IPv6 echo request", echo_v6, sizeof(echo_v6) },
};

/* The oracle does not know whether a redirect's target exists. */
static bool same_answer(const struct oracle_answer *oracle, const struct trace *trace,
			uint32_t first_bit)
{
	uint32_t rule = oracle->rule == ORACLE_NO_RULE ? TRACE_NO_RULE : first_bit + oracle->rule;

	if (rule != trace->rule)
		return false;
	if (oracle->verdict == VERDICT_REDIRECT && trace->reason == REASON_REDIRECT_FAILED)
		return true;
	return oracle->verdict == trace->verdict && oracle->reason == trace->reason;
}

static void probe_closep(struct probe **probe)
{
	probe_close(*probe);
}

/* Our frames: does the program say what the oracle does? */
static int compare_with_oracle(struct probe *probe, const struct policy *policy, size_t interface,
			       uint32_t first_bit, struct diags *diags)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(frames); i++) {
		struct oracle_answer oracle = {};
		struct probe_answer answer;

		oracle_judge(policy, interface, frames[i].bytes, frames[i].len, &oracle);
		kernel_forget();
		r = probe_run(probe, frames[i].bytes, frames[i].len, &answer, NULL);
		if (r < 0)
			return kernel_error(diags, r, "cannot run the smoke test");
		if (same_answer(&oracle, &answer.trace, first_bit))
			continue;
		diag_error(diags, NULL,
			   "smoke test on interface '%s': for %s the program says verdict %u, "
			   "reason %u, rule %u, where the policy means verdict %u, reason %u, rule "
			   "%zd; this is a bug in xdpgate: please report it with the policy file",
			   policy->interfaces[interface].name, frames[i].name, answer.trace.verdict,
			   answer.trace.reason, answer.trace.rule - first_bit, oracle.verdict,
			   oracle.reason, (ssize_t)oracle.rule);
		return -EBADMSG;
	}
	return r;
}

/* The policy's own tests: does the program say what its writer expects? */
static int run_policy_tests(struct probe *probe, const struct policy *policy, size_t interface,
			    uint32_t first_bit, bool *ret_failed, struct diags *diags)
{
	_cleanup_free_ uint8_t *frame = malloc(TEST_FRAME_MAX);

	if (!frame)
		return -ENOMEM;
	for (size_t i = 0; i < policy->n_tests; i++) {
		const struct policy_test *test = &policy->tests[i];
		struct oracle_answer came;
		struct probe_answer answer;
		size_t len;
		int r;

		if (test->interface != interface)
			continue;
		len = test_frame(&test->packet, frame);
		kernel_forget();
		r = probe_run(probe, frame, len, &answer, NULL);
		if (r < 0)
			return kernel_error(diags, r, "cannot run the test at %s:%u",
					    test->place.file, test->place.line);
		came = (struct oracle_answer){
			.verdict = answer.trace.reason == REASON_REDIRECT_FAILED
					   ? VERDICT_REDIRECT
					   : (enum verdict)answer.trace.verdict,
			.reason = (enum reason)answer.trace.reason,
			.rule = answer.trace.rule == TRACE_NO_RULE ? ORACLE_NO_RULE
								   : answer.trace.rule - first_bit,
		};
		if (policy_test_judge(policy, test, &came, diags) < 0)
			*ret_failed = true;
	}
	return 0;
}

int smoke_test(const struct policy *policy, const struct tables *tables, size_t interface,
	       const struct ruleset_maps *maps, const struct ruleset_config *config,
	       bool *ret_failed, struct diags *diags)
{
	uint32_t first_bit = tables->first_bit[policy->interfaces[interface].ruleset];
	_cleanup_(probe_closep) struct probe *probe = NULL;
	int r;

	r = probe_open_over(maps, config, false, &probe, diags);
	if (r >= 0)
		r = compare_with_oracle(probe, policy, interface, first_bit, diags);
	if (r >= 0 && policy->n_tests)
		r = run_policy_tests(probe, policy, interface, first_bit, ret_failed, diags);
	return r;
}
