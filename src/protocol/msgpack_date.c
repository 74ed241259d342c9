/* Points in time as JavaScript prints them, without the time zone of this machine. */
#include "protocol/msgpack_private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DAY_MS INT64_C(86400000)
/* What a Date can hold: a hundred million days to either side. */
#define LATEST_MS 8.64e15

static uint64_t natural_at(const unsigned char *at, size_t size)
{
	uint64_t number = 0;
	while (size--)
		number = number << 8 | *at++;
	return number;
}

bool peal_msgpack_date(const struct peal_msgpack_item *item, double *ret_ms)
{
	const unsigned char *at = (const unsigned char *)item->bytes;
	int8_t extension = item->extension;
	size_t length = item->length;
	double ms;
	if (extension == 0 && length == 8 && item->fixed) {
		ms = (double)(int64_t)natural_at(at, 8);
	} else if (extension == -1 && length == 4) {
		ms = (double)natural_at(at, 4) * 1e3;
	} else if (extension == -1 && length == 8) {
		uint64_t both = natural_at(at, 8);
		ms = (double)(both & ((UINT64_C(1) << 34) - 1)) * 1e3 + (double)(both >> 34) / 1e6;
	} else if (extension == -1 && length == 12) {
		ms = (double)(int64_t)natural_at(at + 4, 8) * 1e3 + (double)natural_at(at, 4) / 1e6;
	} else {
		return false;
	}
	*ret_ms = fabs(ms) <= LATEST_MS ? trunc(ms) : NAN;
	return true;
}

struct calendar {
	long year;
	int month, day, weekday; /* from 0, except the day */
	int hour, minute, second, ms;
};

/* The proleptic Gregorian calendar; eras of 400 years begin on the first of March. */
static struct calendar calendar_of(int64_t ms)
{
	struct calendar calendar;
	int64_t days = ms / DAY_MS, rest = ms % DAY_MS;
	if (rest < 0) {
		rest += DAY_MS;
		days--;
	}
	calendar.ms = (int)(rest % 1000);
	calendar.second = (int)(rest / 1000 % 60);
	calendar.minute = (int)(rest / 60000 % 60);
	calendar.hour = (int)(rest / 3600000);
	calendar.weekday = (int)(((days + 4) % 7 + 7) % 7);

	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	calendar.day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
	calendar.month =
		(int)(month_from_march < 10 ? month_from_march + 2 : month_from_march - 10);
	calendar.year = (long)(year_of_era + era * 400 + (calendar.month <= 1));
	return calendar;
}

size_t peal_msgpack_date_iso(double ms, char ret_text[PEAL_MSGPACK_DATE_SIZE])
{
	struct calendar c = calendar_of((int64_t)ms);
	/* Years of more than four digits have six and a sign. */
	int written =
		snprintf(ret_text, PEAL_MSGPACK_DATE_SIZE,
			 c.year >= 0 && c.year <= 9999 ? "%s%04ld-%02d-%02dT%02d:%02d:%02d.%03dZ"
						       : "%s%06ld-%02d-%02dT%02d:%02d:%02d.%03dZ",
			 c.year > 9999 ? "+"
			 : c.year < 0  ? "-"
				       : "",
			 labs(c.year), c.month + 1, c.day, c.hour, c.minute, c.second, c.ms);
	return (size_t)written;
}

size_t peal_msgpack_date_text(double ms, char ret_text[PEAL_MSGPACK_DATE_SIZE])
{
	static const char *const weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int written;
	if (isnan(ms)) {
		written = snprintf(ret_text, PEAL_MSGPACK_DATE_SIZE, "Invalid Date");
		return (size_t)written;
	}
	struct calendar c = calendar_of((int64_t)ms);
	written =
		snprintf(ret_text, PEAL_MSGPACK_DATE_SIZE,
			 "%s %s %02d %s%04ld %02d:%02d:%02d GMT+0000 (Coordinated Universal Time)",
			 weekdays[c.weekday], months[c.month], c.day, c.year < 0 ? "-" : "",
			 c.year < 0 ? -c.year : c.year, c.hour, c.minute, c.second);
	return (size_t)written;
}
