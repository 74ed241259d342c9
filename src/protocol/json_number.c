/*
 * Numbers as JavaScript reads and prints them. strtod() and printf() know a decimal point of the
 * locale, and a library does not own the locale of its process: so what goes in never holds a point
 * ("15e-1"), and of what comes out only the digits are used.
 */
#include "protocol/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* More digits than these never decide how a double is rounded, as long as it is known whether one
 * of the rest is not zero. */
#define DIGITS_THAT_COUNT 800

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

double peal_json_parse_number(const char *text, size_t length)
{
	char copy[DIGITS_THAT_COUNT + 32];
	const char *at = text, *end = text + length;
	size_t count = 0;
	int64_t exponent = 0;
	bool rest = false, fraction = false, negative = at < end && *at == '-';

	if (negative)
		at++;
	for (; at < end && (is_digit(*at) || *at == '.'); at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		if (fraction)
			exponent--;
		if (count == 0 && *at == '0')
			continue;
		if (count < DIGITS_THAT_COUNT) {
			copy[count++] = *at;
		} else {
			exponent++;
			rest = rest || *at != '0';
		}
	}
	if (!count)
		return negative ? -0.0 : 0.0;
	if (rest) {
		copy[count++] = '1';
		exponent--;
	}
	if (at < end) {
		int64_t written = 0;
		bool below = ++at < end && *at == '-';
		if (at < end && !is_digit(*at))
			at++;
		/* Text is far shorter than this, so its point cannot make up for it. */
		for (; at < end && written < INT64_C(1) << 50; at++)
			written = written * 10 + (*at - '0');
		exponent += below ? -written : written;
	}
	if (exponent > 100000)
		exponent = 100000;
	if (exponent < -100000)
		exponent = -100000;
	snprintf(copy + count, sizeof(copy) - count, "e%" PRId64, exponent);
	double number = strtod(copy, NULL);
	return negative ? -number : number;
}

/* Decimal digits of a number above zero: 0.d1d2d3… × 10^point, without zeros at the end. */
struct decimal {
	char digits[20];
	int count;
	int point;
};

static bool reads_back(const struct decimal *decimal, double number)
{
	char text[40];
	snprintf(text, sizeof(text), "%.*se%d", decimal->count, decimal->digits,
		 decimal->point - decimal->count);
	return strtod(text, NULL) == number;
}

static void round_to(struct decimal *decimal, double number, int precision)
{
	char text[40];
	snprintf(text, sizeof(text), "%.*e", precision - 1, number);
	decimal->count = 0;
	char *at = text;
	for (; *at != 'e'; at++)
		if (is_digit(*at))
			decimal->digits[decimal->count++] = *at;
	decimal->point = atoi(at + 1) + 1;
}

/* One unit more in the last place. */
static void increment(struct decimal *decimal)
{
	int i = decimal->count - 1;
	for (; i >= 0 && decimal->digits[i] == '9'; i--)
		decimal->digits[i] = '0';
	if (i >= 0) {
		decimal->digits[i]++;
	} else {
		decimal->digits[0] = '1';
		decimal->point++;
	}
}

/* The fewest digits that read back as the same number, and of those the closest. */
static void shortest(struct decimal *decimal, double number)
{
	int exponent;
	bool power_of_two = frexp(number, &exponent) == 0.5;
	/* Up to 15 digits survive being stored in a normal number, so that 15 rounded digits show
	 * every shorter form with zeros behind. Subnormal numbers hold fewer. */
	for (int precision = isnormal(number) ? 15 : 1; precision <= 17; precision++) {
		round_to(decimal, number, precision);
		if (reads_back(decimal, number))
			break;
		/* Below a power of two numbers are denser than above: what is closest may belong to
		 * the neighbour below while the next form above is still ours. */
		if (power_of_two) {
			increment(decimal);
			if (reads_back(decimal, number))
				break;
		}
	}
	while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
}

static void append_zeros(struct peal_buffer *out, int count)
{
	static const char zeros[] = "000000000000000000000";
	peal_buffer_append(out, zeros, (size_t)count);
}

void peal_json_append_double(struct peal_buffer *out, double number)
{
	if (!isfinite(number)) {
		peal_buffer_append_text(out, "null");
		return;
	}
	if (fabs(number) <= 9007199254740992.0 && number == (double)(int64_t)number) {
		/* −0 prints as 0. */
		peal_buffer_append_integer(out, (int64_t)number);
		return;
	}
	if (number < 0) {
		peal_buffer_append_char(out, '-');
		number = -number;
	}
	struct decimal decimal;
	shortest(&decimal, number);
	size_t count = (size_t)decimal.count;
	int point = decimal.point;
	if (decimal.count <= point && point <= 21) {
		peal_buffer_append(out, decimal.digits, count);
		append_zeros(out, point - decimal.count);
	} else if (point > 0 && point <= 21) {
		peal_buffer_append(out, decimal.digits, (size_t)point);
		peal_buffer_append_char(out, '.');
		peal_buffer_append(out, decimal.digits + point, count - (size_t)point);
	} else if (point > -6 && point <= 0) {
		peal_buffer_append_text(out, "0.");
		append_zeros(out, -point);
		peal_buffer_append(out, decimal.digits, count);
	} else {
		peal_buffer_append(out, decimal.digits, 1);
		if (count > 1) {
			peal_buffer_append_char(out, '.');
			peal_buffer_append(out, decimal.digits + 1, count - 1);
		}
		peal_buffer_append_format(out, "e%+d", point - 1);
	}
}
