/* SPDX-License-Identifier: GPL-2.0-only */
/* test_quantity.c: durations and numbers, to and from text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "quantity.h"
#include "rng.h"
#include "util.h"

static void durations(void **state)
{
	static const struct {
		const char *text;
		uint32_t seconds;
	} good[] = {
		{ "1s", 1 },
		{ "90s", 90 },
		{ "1h30m", 5400 },
		{ "7d", 604800 },
		{ "1w1d1h1m1s", 694861 },
		{ "0s", 0 },
		{ "1h0m", 3600 },
		{ "4294967295s", UINT32_MAX },
		{ "7101w3d6h28m15s", UINT32_MAX },
	};
	static const char *const bad[] = { "",      "1",    "s",   "h1",    "1h1",  "1m1h", "1h1h",
					   "1.5h",  " 1h",  "1h ", "-1s",   "+1s",  "01h",  "1H",
					   "1hour", "1h,1", "1ms", "0x10s", "1h 1m" };
	static const char *const large[] = { "4294967296s", "7102w", "18446744073709551617s",
					     "7101w3d6h28m16s" };
	uint32_t seconds;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(duration_parse(good[i].text, &seconds), 0);
		assert_int_equal(seconds, good[i].seconds);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		seconds = 7;
		assert_int_equal(duration_parse(bad[i], &seconds), -EINVAL);
		assert_int_equal(seconds, 7);
	}
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(duration_parse(large[i], &seconds), -ERANGE);
	assert_int_equal(duration_parse("99999999999w1x", &seconds), -EINVAL);
}

static void counts(void **state)
{
	static const char *const bad[] = { "", "k", "-1", "1 k", "1K", "1m", "1kk", "1.5k", "007" };
	uint32_t count = 7;

	assert_int_equal(count_parse("0", &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(count_parse("200k", &count), 0);
	assert_int_equal(count, 200000);
	assert_int_equal(count_parse("4M", &count), 0);
	assert_int_equal(count, 4000000);
	assert_int_equal(count_parse("4294967295", &count), 0);
	assert_int_equal(count, UINT32_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(count_parse(bad[i], &count), -EINVAL);
	assert_int_equal(count_parse("4294967296", &count), -ERANGE);
	assert_int_equal(count_parse("4295M", &count), -ERANGE);
	assert_int_equal(count_parse("18446744073709551617k", &count), -ERANGE);
	assert_int_equal(count, UINT32_MAX);
}

/* What is written reads as the same value, whatever it is. */
static void round_trip(void **state)
{
	struct rng rng = { 5 };
	char text[QUANTITY_TEXT];

	assert_string_equal(duration_format(5400, text), "1h30m");
	assert_string_equal(duration_format(0, text), "0s");
	assert_string_equal(duration_format(UINT32_MAX, text), "7101w3d6h28m15s");
	assert_string_equal(count_format(64000, text), "64k");
	assert_string_equal(count_format(4000000, text), "4M");
	assert_string_equal(count_format(1500, text), "1500");
	assert_string_equal(count_format(0, text), "0");
	for (int i = 0; i < 100000; i++) {
		uint32_t value = (uint32_t)rng_u64(&rng) >> rng_below(&rng, 32), again;

		assert_int_equal(duration_parse(duration_format(value, text), &again), 0);
		assert_int_equal(again, value);
		assert_int_equal(count_parse(count_format(value, text), &again), 0);
		assert_int_equal(again, value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(counts),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
