/* SPDX-License-Identifier: GPL-2.0-only */
/* How many samples were lost, from what CPUs wrote into the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What libbpf calls for each sample is nobody else's to call. */
#include "../../daemon/datapath/sample_ring.c" /* NOLINT(bugprone-suspicious-include) */

static int ignore(void *context, const struct sample *sample)
{
	return 0;
}

static void take(struct sample_ring *ring, uint32_t lost)
{
	struct sample sample = { .lost = lost };

	assert_int_equal(on_sample(ring, &sample, sizeof(sample)), 0);
}

/* A sample may have been reserved before another, and have read the counter after it. */
static void out_of_order(void **state)
{
	struct sample_ring ring = { .visit = ignore, .left = MOST_AT_ONCE };

	take(&ring, UINT32_MAX - 1); /* counted since long before */
	assert_int_equal(sample_ring_lost(&ring), 0);
	take(&ring, 3);
	take(&ring, 1);
	take(&ring, 4);
	assert_int_equal(sample_ring_lost(&ring), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(out_of_order) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
