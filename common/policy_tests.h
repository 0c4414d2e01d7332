/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * policy_tests.h: the tests that a policy brings along: packets, and what must become of them.
 * `xdpgate check` asks the oracle, the daemon the program that is about to go live.
 */
#pragma once

#include "diag.h"
#include "oracle.h"
#include "policy.h"

/* With one VLAN tag, and the largest IPv6 packet. */
#define TEST_FRAME_MAX (14 + 4 + 40 + 65535)

/* Where the payload of a later fragment lies in its packet: behind what a first one of 1500 bytes
 * carries. */
#define TEST_FRAGMENT_OFFSET 1480

/* The packet as bytes on the wire, into a frame of TEST_FRAME_MAX bytes, or of 18 more than the
 * packet's length, at least 60, if that is known to be less. Returns its length, at least 60: it is
 * padded like any Ethernet frame. Checksums are 0, since nothing looks at them. */
size_t test_frame(const struct test_packet *packet, uint8_t *frame);

/* Bytes of an IP packet's headers: the least that its length can be. */
uint32_t test_headers_length(const struct test_packet *packet);

/*
 * policy_test_judge() - was the answer what the test expects?
 * @answer: a redirect whose target is absent counts as a redirect.
 * 0, or -EINVAL with an error in diags: where the test is, what it expects, and what came instead.
 */
int policy_test_judge(const struct policy *policy, const struct policy_test *test,
		      const struct oracle_answer *answer, struct diags *diags);

/* Judge all tests by the oracle. 0, -EINVAL (an error in diags for each that failed), -ENOMEM. */
int policy_tests_run(const struct policy *policy, struct diags *diags);

/*
 * policy_thin() - the policy with sets of only those prefixes that the tests' addresses lie in: the
 * oracle answers the same for their packets, and quickly. ret shares all else with policy, which is
 * to outlive it. 0 or -ENOMEM; policy_thin_done() in any case, on zeroes, too.
 */
int policy_thin(const struct policy *policy, struct policy_test *tests, size_t n_tests,
		struct policy *ret);
void policy_thin_done(struct policy *thin);

/* What the test expects, as the policy file says it: "drop/bcp38". */
#define TEST_EXPECTED_LEN (2 * NAME_LEN)
void policy_test_expected(const struct policy *policy, const struct policy_test *test,
			  char buffer[TEST_EXPECTED_LEN]);
