/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explain.h: one packet, from words to bytes; and what a program made of it, from its trace to words.
 */
#pragma once

#include "diag.h"
#include "explanation.h"
#include "oracle.h"
#include "policy.h"

/* What is said of a packet. */
struct packet_word {
	const char *option; /* what messages call it: "--dport" */
	const char *key;    /* of a test: "dport" */
	const char *text;   /* its value, as there; several flags by commas */
};

/*
 * packet_from_words() - the packet that a test with these keys would describe, for an interface of
 * this VLAN (0: of none).
 * 0, -EINVAL with errors in diags that name the option, -ENOMEM.
 */
int packet_from_words(const struct packet_word *words, size_t n, const char *interface,
		      uint16_t vlan, struct test_packet *ret, struct diags *diags);

/*
 * explanation_make() - what the trace says, by the policy that the program was made of.
 * @interface: of the policy, that judged; @first_bit: of its ruleset; @live: NULL: live sets are
 * empty.
 * 0 with *ret owned by the caller (explanation_done()), or -ENOMEM.
 */
int explanation_make(const struct policy *policy, size_t interface, uint32_t first_bit,
		     const struct trace *trace, const struct oracle_live *live,
		     struct explanation *ret);

/* The fields alone. */
int explanation_add_fields(const struct trace *trace, struct explanation *ret);
