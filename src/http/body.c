/*
 * Body framing: a counted body, or chunks.
 *
 * Strict where http_parser is not: exactly CR LF behind the data of a chunk, no blanks around its
 * size. Extensions and trailers are thrown away, and bounded in sum.
 */
#include "base/hex.h"
#include "base/limits.h"
#include "http/parse.h"

enum state {
	COUNTED,      /* left bytes of body */
	SIZE,	      /* hexadecimal digits */
	EXTENSION,    /* behind the semicolon */
	SIZE_LF,      /* the LF of the size line */
	CHUNK,	      /* left bytes of chunk */
	CHUNK_CR,     /* behind them */
	CHUNK_LF,     /* likewise */
	TRAILER,      /* start of a trailer line, or the CR of the end */
	TRAILER_LINE, /* inside of one */
	TRAILER_LF,   /* its end */
	LAST_LF,      /* the LF that ends everything */
	ENDED,
};

void peal_http_body_init(struct peal_http_body *body, const struct peal_http_head *head)
{
	*body = (struct peal_http_body){ .left = head->content_length, .state = COUNTED };
	if (head->chunked)
		body->state = SIZE;
	else if (!body->left)
		body->state = ENDED;
}

bool peal_http_body_ended(const struct peal_http_body *body)
{
	return body->state == ENDED;
}

/* Sixteen digits would pass any limit of ours; fifteen cannot overflow. */
static bool take_size(struct peal_http_body *body, char c)
{
	int digit = peal_hex_value(c);
	if (digit >= 0) {
		body->left = body->left * 16 + (unsigned)digit;
		return ++body->digits <= 15;
	}
	if (!body->digits)
		return false;
	body->digits = 0;
	if (c == ';')
		body->state = EXTENSION;
	else if (c == '\r')
		body->state = SIZE_LF;
	else
		return false;
	return true;
}

/* Bytes that are thrown away, up to the CR that ends their line. */
static bool take_overhead(struct peal_http_body *body, char c, enum state next)
{
	if (c == '\r') {
		body->state = next;
		return true;
	}
	if (((unsigned char)c < 0x20 && c != '\t') || c == 0x7f)
		return false;
	return ++body->overhead <= PEAL_LIMIT_HTTP_CHUNK_OVERHEAD_BYTES;
}

static bool take_exactly(struct peal_http_body *body, char c, char wanted, enum state next)
{
	body->state = next;
	return c == wanted;
}

/* One byte of framing. Return: false when it is wrong. */
static bool take(struct peal_http_body *body, char c)
{
	switch ((enum state)body->state) {
	case SIZE:
		return take_size(body, c);
	case EXTENSION:
		return take_overhead(body, c, SIZE_LF);
	case SIZE_LF:
		return take_exactly(body, c, '\n', body->left ? CHUNK : TRAILER);
	case CHUNK_CR:
		return take_exactly(body, c, '\r', CHUNK_LF);
	case CHUNK_LF:
		return take_exactly(body, c, '\n', SIZE);
	case TRAILER:
		if (c == '\r') {
			body->state = LAST_LF;
			return true;
		}
		body->state = TRAILER_LINE;
		return take_overhead(body, c, TRAILER_LF);
	case TRAILER_LINE:
		return take_overhead(body, c, TRAILER_LF);
	case TRAILER_LF:
		return take_exactly(body, c, '\n', TRAILER);
	case LAST_LF:
		return take_exactly(body, c, '\n', ENDED);
	case COUNTED:
	case CHUNK:
	case ENDED:
		break;
	}
	return false;
}

int peal_http_body_step(struct peal_http_body *body, const char *bytes, size_t length,
			size_t *ret_used, const char **ret_data, size_t *ret_length)
{
	size_t used = 0;
	while (body->state != ENDED && used < length) {
		if (body->state == COUNTED || body->state == CHUNK) {
			size_t piece = length - used;
			if (piece > body->left)
				piece = (size_t)body->left;
			body->left -= piece;
			if (!body->left)
				body->state = body->state == COUNTED ? ENDED : CHUNK_CR;
			*ret_data = bytes + used;
			*ret_length = piece;
			*ret_used = used + piece;
			return PEAL_HTTP_BODY_DATA;
		}
		if (!take(body, bytes[used++])) {
			*ret_used = used;
			return PEAL_HTTP_BODY_BAD;
		}
	}
	*ret_used = used;
	return body->state == ENDED ? PEAL_HTTP_BODY_END : PEAL_HTTP_BODY_MORE;
}
