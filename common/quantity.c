/* SPDX-License-Identifier: GPL-2.0-only */
/* quantity.c: see quantity.h. */
#include "quantity.h"

#include <errno.h>
#include <stdio.h>

#include "util.h"

static const struct unit {
	char letter;
	uint32_t value;
} duration_units[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } },
  count_units[] = { { 'M', 1000000 }, { 'k', 1000 } };

/* Decimal digits at *text, which moves behind them. */
static int read_number(const char **text, uint64_t *ret)
{
	uint64_t value = 0;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	if (**text == '0' && (*text)[1] >= '0' && (*text)[1] <= '9')
		return -EINVAL; /* octal to some */
	for (; **text >= '0' && **text <= '9'; (*text)++)
		if (value <= UINT32_MAX) /* else it is too much already */
			value = value * 10 + (uint64_t)(**text - '0');
	*ret = value;
	return 0;
}

int duration_parse(const char *text, uint32_t *ret)
{
	uint64_t seconds = 0, number;
	size_t unit = 0;
	int r = 0;

	do {
		if (read_number(&text, &number) < 0)
			return -EINVAL;
		while (unit < ARRAY_SIZE(duration_units) && duration_units[unit].letter != *text)
			unit++;
		if (unit == ARRAY_SIZE(duration_units))
			return -EINVAL;
		seconds += number * duration_units[unit++].value;
		if (number > UINT32_MAX || seconds > UINT32_MAX)
			r = -ERANGE; /* unless what follows is no duration at all */
	} while (*++text);
	if (!r)
		*ret = (uint32_t)seconds;
	return r;
}

const char *duration_format(uint32_t seconds, char buffer[QUANTITY_TEXT])
{
	size_t len = 0;

	snprintf(buffer, QUANTITY_TEXT, "0s");
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		uint32_t value = duration_units[i].value;

		if (seconds < value)
			continue;
		len += (size_t)snprintf(buffer + len, QUANTITY_TEXT - len, "%u%c", seconds / value,
					duration_units[i].letter);
		seconds %= value;
	}
	return buffer;
}

int count_parse(const char *text, uint32_t *ret)
{
	uint64_t count;

	if (read_number(&text, &count) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(count_units); i++) {
		if (*text != count_units[i].letter)
			continue;
		if (count <= UINT32_MAX)
			count *= count_units[i].value;
		text++;
		break;
	}
	if (*text)
		return -EINVAL;
	if (count > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)count;
	return 0;
}

const char *count_format(uint32_t count, char buffer[QUANTITY_TEXT])
{
	snprintf(buffer, QUANTITY_TEXT, "%u", count);
	for (size_t i = 0; i < ARRAY_SIZE(count_units) && count; i++) {
		uint32_t value = count_units[i].value;

		if (count % value)
			continue;
		snprintf(buffer, QUANTITY_TEXT, "%u%c", count / value, count_units[i].letter);
		break;
	}
	return buffer;
}
