/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * expiry.c: `expires:` of rules and sets: when it is, and whether that is over.
 */
#include "expiry.h"

#include <string.h>
#include <time.h>

#include "loader.h"
#include "util.h"

#define DAY 86400

/* n decimal digits at *text, which moves behind them; -1: others. */
static int digits(const char **text, size_t n)
{
	int value = 0;

	for (size_t i = 0; i < n; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool skip(const char **text, const char *any)
{
	if (!**text || !strchr(any, **text))
		return false;
	(*text)++;
	return true;
}

/* "2026-12-31" at *text. */
static bool date_parse(const char **text, struct tm *ret)
{
	int year = digits(text, 4), month, day;

	month = year >= 0 && skip(text, "-") ? digits(text, 2) : -1;
	day = month >= 0 && skip(text, "-") ? digits(text, 2) : -1;
	*ret = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
	return day >= 0;
}

/* ":MM" and, of a time, ":SS" with fractions. */
static bool clock_parse(const char **text, struct tm *tm)
{
	tm->tm_hour = digits(text, 2);
	tm->tm_min = tm->tm_hour >= 0 && skip(text, ":") ? digits(text, 2) : -1;
	tm->tm_sec = tm->tm_min >= 0 && skip(text, ":") ? digits(text, 2) : -1;
	if (tm->tm_sec >= 0 && skip(text, ".")) {
		if (digits(text, 1) < 0)
			return false;
		*text += strspn(*text, "0123456789");
	}
	return tm->tm_sec >= 0;
}

/* "Z" or "+01:00"; seconds to the east. */
static bool zone_parse(const char **text, int *ret)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	*ret = 0;
	if (skip(text, "Zz"))
		return true;
	if (!skip(text, "+-"))
		return false;
	hours = digits(text, 2);
	minutes = hours >= 0 && skip(text, ":") ? digits(text, 2) : -1;
	*ret = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0 && hours < 24 && minutes < 60;
}

/* Seconds since 1970 of what is a day and a time of day in UTC; -1: it is none. */
static int64_t seconds_of(const struct tm *tm)
{
	struct tm same = *tm;
	time_t seconds;

	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60) /* leap seconds */
		return -1;
	seconds = timegm(&same);
	if (same.tm_mon != tm->tm_mon && tm->tm_sec < 60)
		return -1;
	return seconds;
}

enum moment_result moment_parse(const char *text, int64_t *ret)
{
	struct tm tm;
	int64_t seconds;
	int zone;

	if (!date_parse(&text, &tm))
		return MOMENT_SYNTAX;
	if (tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31)
		return MOMENT_NO_DAY;
	seconds = seconds_of(&tm);
	if (seconds < 0)
		return MOMENT_NO_DAY;
	if (!*text) {
		*ret = seconds + DAY;
		return MOMENT_OK;
	}
	if (!skip(&text, "Tt ") || !clock_parse(&text, &tm))
		return MOMENT_SYNTAX;
	if (!*text)
		return MOMENT_NO_ZONE;
	if (!zone_parse(&text, &zone) || *text)
		return MOMENT_SYNTAX;
	seconds = seconds_of(&tm);
	if (seconds < 0)
		return MOMENT_NO_DAY;
	*ret = seconds - zone;
	return MOMENT_OK;
}

int expiry_read(struct loader *loader, const struct node *value, const struct key_schema *key,
		struct expiry *ret)
{
	enum moment_result result;
	char buffer[64];
	int64_t at;
	int r = node_expect(loader, value, NODE_SCALAR, key->form);

	if (r < 0)
		return r;
	result = moment_parse(value->text, &at);
	if (result == MOMENT_SYNTAX)
		return node_error(loader, value, "expected %s, found %s", key->form,
				  node_describe(value, buffer, sizeof(buffer)));
	if (result == MOMENT_NO_ZONE)
		return node_error(loader, value,
				  "a time of day without its zone; write %.40sZ for UTC, or, say, "
				  "%.40s+01:00",
				  value->text, value->text);
	if (result == MOMENT_NO_DAY || at <= 0)
		return node_error(loader, value,
				  "'%.40s' is no day and time of the calendar, from "
				  "1970 on",
				  value->text);
	*ret = (struct expiry){ .at = at, .past = at <= loader->now };
	return 0;
}

/* The earliest that is still to come. */
static void note_expiry(struct policy *policy, const struct expiry *expiry)
{
	if (expiry->at && !expiry->past &&
	    (!policy->next_expiry || expiry->at < policy->next_expiry))
		policy->next_expiry = expiry->at;
}

void policy_note_expiries(struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rulesets; i++)
		for (size_t j = 0; j < policy->rulesets[i].n_rules; j++)
			note_expiry(policy, &policy->rulesets[i].rules[j].expiry);
	for (size_t i = 0; i < policy->n_sets; i++)
		note_expiry(policy, &policy->sets[i].expiry);
	for (size_t i = 0; i < policy->n_port_sets; i++)
		note_expiry(policy, &policy->port_sets[i].expiry);
	for (size_t i = 0; i < policy->n_mac_sets; i++)
		note_expiry(policy, &policy->mac_sets[i].expiry);
}
