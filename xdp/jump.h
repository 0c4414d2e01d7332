/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * jump.h: tail calls that the JIT makes direct jumps.
 *
 * JUMP() is bpf_tail_call(). The compiler would join those of all branches into one, whose index is
 * then no constant to the verifier, and the jump an indirect one: 15 ns instead of 2. So they are
 * assembly, each with a number of its own (a comment), without which they would be joined, too.
 */
#pragma once

#define JUMP(ctx, array, member, number)                                                           \
	({                                                                                         \
		asm volatile("r1 = %[context]\n\t"                                                 \
			     "r2 = %[map]\n\t"                                                     \
			     "r3 = %[index]\n\t"                                                   \
			     "call 12 # " #number                                                  \
			     :                                                                     \
			     : [context] "r"(ctx), [map] "r"(array), [index] "r"(member)           \
			     : "r0", "r1", "r2", "r3", "r4", "r5");                                \
	})
