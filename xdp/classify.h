/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * classify.h: from fields to the matching rules, in order. Each field's value leads to a row
 * of bits, one a rule; the AND of the rows has the matching rules' bits set. A caller asks
 * classify_begin() once, then classify_next() for one match after the other.
 */
#pragma once

#include <bpf/bpf_helpers.h>

#include "config.h"
#include "lpm.h"
#include "macs.h"
#include "packet.h"
#include "table.h"

TABLE_MAP(rows, sizeof(__u64));
TABLE_MAP(scalars, sizeof(__u16));

/* Groups of words that the policy's rules lie in. */
#define FIRST_GROUP (config.first_word / ROW_WORD_BITS)
#define END_GROUP ((config.first_word + config.n_words + ROW_WORD_BITS - 1) / ROW_WORD_BITS)

/* The state of one packet's classification: where each field's row starts, and what is left of
 * the words in hand. */
struct classification {
	__u64 bits;       /* matches of word `word` that were not handed out yet */
	__u64 candidates; /* words of group `group - 1` that were not looked at yet */
	__u32 word;
	__u32 group; /* of 64 words, as one word of the summary tells of */
	__u32 address[N_ADDRESS_FIELDS];
	__u32 mac[N_MAC_FIELDS];
	__u32 scalar[N_SCALAR_FIELDS];
};

#define SCALAR_USED(field) (config.uses_scalars & 1U << (field))

/* Of the row's first word. */
static __always_inline __u32 row_start(__u32 row)
{
	return row * (SUMMARY_WORDS(config.row_words) + config.row_words);
}

static __always_inline __u32 scalar_row(const struct packet *packet, const __u16 *elements,
					enum scalar_field field)
{
	__u32 index = config.scalar_offset[field] + packet->scalar[field];

	if (index >= config.n_scalars)
		index = config.scalar_offset[field]; /* as if absent; no packet gets here */
	return elements[index];
}

/* Look all fields up. -1 if the tables cannot be read, which no map of this program allows. */
static __always_inline int classify_begin(const struct packet *packet, struct classification *state)
{
	state->bits = 0;
	state->word = 0;
	/* Without a summary there is one word, and it is worth a look. */
	state->candidates = SUMMARY_WORDS(config.row_words) ? 0 : 1;
	state->group = FIRST_GROUP;
	if (lpm_used(ADDRESS_SRC))
		state->address[ADDRESS_SRC] = row_start(lpm_row(packet, ADDRESS_SRC));
	if (lpm_used(ADDRESS_DST))
		state->address[ADDRESS_DST] = row_start(lpm_row(packet, ADDRESS_DST));
	if (mac_used(MAC_SRC))
		state->mac[MAC_SRC] = row_start(mac_row(packet, MAC_SRC));
	if (mac_used(MAC_DST))
		state->mac[MAC_DST] = row_start(mac_row(packet, MAC_DST));
	if (config.uses_scalars) {
		const __u16 *elements = table(&scalars);

		if (!elements)
			return -1;
#pragma unroll
		for (int field = 0; field < N_SCALAR_FIELDS; field++)
			if (SCALAR_USED(field))
				state->scalar[field] =
					row_start(scalar_row(packet, elements, field));
	}
	return 0;
}

static __always_inline __u64 row_word(const __u64 *words, __u32 index)
{
	if (index >= config.n_row_words)
		index = 0; /* no packet gets here; a value instead of a way out spares the
			    * verifier a second path for each field */
	return words[index];
}

/* The AND of one word of all rows, counted from where each starts. */
static __always_inline __u64 classify_and_inline(const struct classification *state, __u32 word)
{
	const __u64 *words = table(&rows);
	__u64 bits;

	if (!words)
		return 0;
	bits = row_word(words, row_start(config.interface_row) + word);
	if (lpm_used(ADDRESS_SRC))
		bits &= row_word(words, state->address[ADDRESS_SRC] + word);
	if (lpm_used(ADDRESS_DST))
		bits &= row_word(words, state->address[ADDRESS_DST] + word);
	if (mac_used(MAC_SRC))
		bits &= row_word(words, state->mac[MAC_SRC] + word);
	if (mac_used(MAC_DST))
		bits &= row_word(words, state->mac[MAC_DST] + word);
#pragma unroll
	for (int field = 0; field < N_SCALAR_FIELDS; field++)
		if (SCALAR_USED(field))
			bits &= row_word(words, state->scalar[field] + word);
	return bits;
}

/* Judged once by the verifier, like parse_ipv6_chain(). */
__noinline __u64 classify_and(struct classification *state, __u32 word)
{
	return state ? classify_and_inline(state, word) : 0;
}

/* Number of trailing zeros of a word that is not 0. There is no such instruction in BPF: a
 * de Bruijn sequence's top six bits differ for every shift (Leiserson, Prokop, Randall 1998). */
static __always_inline __u32 lowest_bit(__u64 bits)
{
	static const __u8 positions[64] = {
		0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28,
		62, 5,  39, 46, 44, 42, 22, 9,  24, 35, 59, 56, 49, 18, 29, 11,
		63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21, 23, 58, 17, 10,
		51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
	};

	return positions[((bits & -bits) * 0x022fdd63cc95386dULL) >> 58];
}

enum classify_result {
	CLASSIFY_END,  /* no more matches */
	CLASSIFY_NONE, /* none here; ask again */
	CLASSIFY_RULE, /* *rule is the next match, counted from the policy's first rule */
};

/* Each step ends a group or a word, or hands out a rule. */
static __always_inline __u32 classify_steps(void)
{
	return END_GROUP - FIRST_GROUP + config.n_words * (1 + ROW_WORD_BITS) + 1;
}

/* One step: looks at no more than one word, of the summary or of rule bits. */
static __always_inline enum classify_result classify_next(struct classification *state, __u32 *rule)
{
	__u32 summary = SUMMARY_WORDS(config.row_words);

	if (!state->bits) {
		if (!state->candidates) {
			if (!summary || state->group >= END_GROUP)
				return CLASSIFY_END;
			state->candidates = classify_and(state, state->group);
			state->group++;
			return CLASSIFY_NONE;
		}
		state->word = lowest_bit(state->candidates);
		if (summary)
			state->word += (state->group - 1) * ROW_WORD_BITS;
		state->candidates &= state->candidates - 1;
		state->bits = classify_and(state, summary + state->word);
		if (!state->bits)
			return CLASSIFY_NONE;
	}
	*rule = (state->word - config.first_word) * ROW_WORD_BITS + lowest_bit(state->bits);
	state->bits &= state->bits - 1;
	return CLASSIFY_RULE;
}
