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

/* The state of one packet's classification: where each vector's row starts, and what is left of
 * the words in hand. */
struct classification {
	__u64 bits;       /* matches of word `word` that were not handed out yet */
	__u64 candidates; /* words of group `group - 1` that were not looked at yet */
	__u32 word;
	__u32 group; /* of 64 words, as one word of the summary tells of */
	__u32 address[N_ADDRESS_FIELDS];
	__u32 mac[N_MAC_FIELDS];
	__u32 scalar[N_SCALAR_FIELDS]; /* by place, see FOLDS() */
	__u32 live_known;              /* bool: live sets were looked at, and .. */
	__u64 live[N_ADDRESS_FIELDS];  /* .. these hold the address, bit slot */
};

#define SCALAR_USED(field) (config.uses_scalars & 1U << (field))
#define VECTOR_AT(place) (config.vectors & 1U << (place))

/* Of the row's first word. */
static __always_inline __u32 row_start(__u32 row)
{
	return row * (SUMMARY_WORDS(config.row_words) + config.row_words);
}

static __always_inline __u32 scalar_element(const __u16 *elements, __u32 index)
{
	if (index >= config.n_scalars)
		index = 0; /* no packet gets here; see row_word() */
	return elements[index];
}

static const __u32 scalar_values[N_SCALAR_FIELDS] = {
#define X(id, name, values) values,
	SCALAR_FIELDS(X)
#undef X
};

/* The element of a field's value in its array. */
static __always_inline __u32 scalar_class(const struct packet *packet, const __u16 *elements,
					  enum scalar_field field)
{
	__u32 values = scalar_values[field], index = packet->scalar[field], page;

	if (values <= SCALAR_DIRECT)
		return scalar_element(elements, config.scalar_offset[field] + index);
	page = scalar_element(elements, config.scalar_offset[field] + index / SCALAR_PAGE);
	return scalar_element(elements, config.scalar_offset[field] + SCALAR_PAGES(values) +
						page * SCALAR_PAGE + index % SCALAR_PAGE);
}

/* Two classes to that of their combination. */
#define FOLD(i, left, right)                                                                       \
	if (config.folds & 1U << i)                                                                \
		place[left] = scalar_element(elements,                                             \
					     config.fold_offset[i] + place[left] + place[right]);  \
	else if (config.moves & 1U << i)                                                           \
		place[left] = place[right];

/* Look the scalar fields up. */
static __always_inline void classify_scalars(const struct packet *packet, const __u16 *elements,
					     struct classification *state)
{
	__u32 place[N_SCALAR_FIELDS] = {};

#pragma unroll
	for (int i = 0; i < N_SCALAR_FIELDS; i++) {
		if (SCALAR_USED(i))
			place[i] = scalar_class(packet, elements, i);
		else if (config.folds)
			place[i] = config.scalar_element[i];
	}
	FOLDS(FOLD)
#pragma unroll
	for (int i = 0; i < N_SCALAR_FIELDS; i++)
		if (VECTOR_AT(i))
			state->scalar[i] = row_start(place[i]);
}

/* Look all fields up. -1 if the tables cannot be read, which no map of this program allows. */
static __always_inline int classify_begin(const struct packet *packet, struct classification *state)
{
	if (lpm_used(ADDRESS_SRC))
		state->address[ADDRESS_SRC] = row_start(lpm_row(packet, ADDRESS_SRC));
	if (lpm_used(ADDRESS_DST))
		state->address[ADDRESS_DST] = row_start(lpm_row(packet, ADDRESS_DST));
	if (mac_used(MAC_SRC))
		state->mac[MAC_SRC] = row_start(mac_row(packet, MAC_SRC));
	if (mac_used(MAC_DST))
		state->mac[MAC_DST] = row_start(mac_row(packet, MAC_DST));
	if (config.vectors) {
		const __u16 *elements = table(&scalars);

		if (!elements)
			return -1;
		classify_scalars(packet, elements, state);
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
static __always_inline __u64 classify_and(const struct classification *state, __u32 word)
{
	const __u64 *words = table(&rows);
	__u64 bits = ~0ULL;

	if (!words)
		return 0;
	if (config.uses_interface)
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
	for (int i = 0; i < N_SCALAR_FIELDS; i++)
		if (VECTOR_AT(i))
			bits &= row_word(words, state->scalar[i] + word);
	return bits;
}

/* One bit of the row that the field's address has led to; RULE_NO_BIT is clear. */
static __always_inline bool classify_bit(const struct classification *state,
					 enum address_field field, __u32 bit)
{
	const __u64 *words = table(&rows);
	__u32 word = SUMMARY_WORDS(config.row_words) + bit / ROW_WORD_BITS;

	if (!words || bit == RULE_NO_BIT)
		return false;
	return row_word(words, state->address[field] + word) >> bit % ROW_WORD_BITS & 1;
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

/* The policy's only word, which needs no summary. */
static __always_inline void classify_only_word(struct classification *state)
{
	state->word = config.first_word;
	state->bits = classify_and(state, SUMMARY_WORDS(config.row_words) + config.first_word);
	state->candidates = 0;
	state->group = END_GROUP;
}

/* The words of the next group that may have matches. */
static __always_inline void classify_group(struct classification *state)
{
	state->candidates = classify_and(state, state->group);
	/* Rows have bits of other policies, too. */
	if (state->group == FIRST_GROUP)
		state->candidates &= config.group_mask[0];
	else if (state->group == END_GROUP - 1)
		state->candidates &= config.group_mask[1];
	state->group++;
}

/* On to the next word of the group that has a match: its matches are in state->bits; 0: there is
 * none. */
static __always_inline void classify_word(struct classification *state)
{
	__u64 candidates = state->candidates, bits = 0;
	__u32 word = 0, first = (state->group - 1) * ROW_WORD_BITS;

	for (int i = 0; i < ROW_WORD_BITS && candidates && !bits; i++) {
		word = first + lowest_bit(candidates);
		candidates &= candidates - 1;
		bits = classify_and(state, SUMMARY_WORDS(config.row_words) + word);
	}
	state->candidates = candidates;
	state->word = word;
	state->bits = bits;
}

/* On to the next word, or the next group; false: there are no more. Judged once by the verifier,
 * like parse_ipv6_chain(). */
__noinline int classify_on(struct classification *state)
{
	if (!state)
		return 0;
	if (!state->candidates) {
		if (state->group >= END_GROUP)
			return 0;
		classify_group(state);
	}
	classify_word(state);
	return 1;
}

/* The next match of the word in hand, which has one, counted from the policy's first rule. */
static __always_inline __u32 classify_rule(struct classification *state)
{
	__u32 rule = (state->word - config.first_word) * ROW_WORD_BITS + lowest_bit(state->bits);

	state->bits &= state->bits - 1;
	return rule;
}

/* So many steps, of which each hands out a rule or goes on, are enough for any packet. */
static __always_inline __u32 classify_steps(void)
{
	return config.n_words * (1 + ROW_WORD_BITS) + END_GROUP - FIRST_GROUP + 1;
}
