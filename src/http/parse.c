#include "http/parse.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

/* --- bytes ----------------------------------------------------------------------------------- */

/* What a byte may be part of. A byte is looked up once, whatever is asked about it. */
enum {
	TOKEN = 1, /* RFC 7230 §3.2.6 */
	HOST = 2,  /* a registered name or an address and perhaps a port; RFC 3986 §3.2.2 */
	VALUE = 4, /* no control character but the tab */
	ALL = TOKEN | HOST | VALUE,
};

static const uint8_t kinds[256] = {
	['\t'] = VALUE,	       [' '] = VALUE,	      ['!'] = ALL,
	['"'] = VALUE,	       ['#'] = TOKEN | VALUE, ['$'] = ALL,
	['%'] = ALL,	       ['&'] = ALL,	      ['\''] = ALL,
	['('] = HOST | VALUE,  [')'] = HOST | VALUE,  ['*'] = ALL,
	['+'] = ALL,	       [','] = HOST | VALUE,  ['-'] = ALL,
	['.'] = ALL,	       ['/'] = VALUE,	      ['0' ... '9'] = ALL,
	[':'] = HOST | VALUE,  [';'] = HOST | VALUE,  ['<'] = VALUE,
	['='] = HOST | VALUE,  ['>' ... '@'] = VALUE, ['A' ... 'Z'] = ALL,
	['['] = HOST | VALUE,  ['\\'] = VALUE,	      [']'] = HOST | VALUE,
	['^'] = TOKEN | VALUE, ['_'] = ALL,	      ['`'] = TOKEN | VALUE,
	['a' ... 'z'] = ALL,   ['{'] = VALUE,	      ['|'] = TOKEN | VALUE,
	['}'] = VALUE,	       ['~'] = ALL,	      [0x80 ... 0xff] = VALUE,
};

/* How many bytes of @text are of @kind. */
static size_t span(const char *text, uint8_t kind)
{
	size_t length = 0;
	while (kinds[(unsigned char)text[length]] & kind)
		length++;
	return length;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t eight_bytes(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

/* Is one of the bytes of @word less than @limit, which is at most 128? */
static inline bool any_less(uint64_t word, unsigned limit)
{
	return (word - EACH(limit)) & ~word & EACH(0x80);
}

bool peal_http_name_valid(const char *name)
{
	return *name && !name[span(name, TOKEN)];
}

static bool value_is_valid(const char *value, size_t length)
{
	size_t i = 0;
	while (length - i >= 8 && !any_less(eight_bytes(value + i), 0x20) &&
	       !any_less(eight_bytes(value + i) ^ EACH(0x7f), 1))
		i += 8;
	while (i < length && kinds[(unsigned char)value[i]] & VALUE)
		i++;
	return i == length;
}

bool peal_http_value_valid(const char *value)
{
	return value_is_valid(value, strlen(value));
}

/* --- finding the end of a head --------------------------------------------------------------- */

/* From @at to the next CR, LF or NUL, or to the end. */
static size_t skip_line(const char *bytes, size_t at, size_t length)
{
	while (length - at >= 8 && !any_less(eight_bytes(bytes + at), '\r' + 1))
		at += 8;
	while (at < length && bytes[at] != '\r' && bytes[at] != '\n' && bytes[at])
		at++;
	return at;
}

int peal_http_scan(struct peal_http_scan *scan, const char *bytes, size_t length)
{
	while (scan->offset < length) {
		bool first = scan->offset == scan->line_start;
		char c = bytes[scan->offset];
		/* What cannot be a method, such as TLS, need not wait for its end. */
		if (first && c != '\r' &&
		    (scan->lines ? c == ' ' || c == '\t' : c < 'A' || c > 'Z'))
			return PEAL_HTTP_SCAN_BAD;
		scan->offset = skip_line(bytes, scan->offset, length);
		if (scan->offset == length)
			break;
		if (bytes[scan->offset] != '\r')
			return PEAL_HTTP_SCAN_BAD;
		if (scan->offset + 1 == length)
			break;
		if (bytes[scan->offset + 1] != '\n')
			return PEAL_HTTP_SCAN_BAD;
		scan->offset += 2;
		if (first && c == '\r')
			return PEAL_HTTP_SCAN_HEAD;
		scan->line_start = scan->offset;
		scan->lines++;
	}
	return PEAL_HTTP_SCAN_MORE;
}

/* --- headers --------------------------------------------------------------------------------- */

const char *peal_http_find_header(const struct peal_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		const char *other = request->headers[i].name;
		/* Most differ in their first letter; a name has letters there, or no other case. */
		if (((*other ^ *name) & ~0x20) == 0 && strcasecmp(other, name) == 0)
			return request->headers[i].value;
	}
	return NULL;
}

bool peal_http_has_token(const char *list, const char *token)
{
	size_t wanted = strlen(token);
	while (*list) {
		list += strspn(list, ", \t");
		size_t length = strcspn(list, ",");
		size_t trimmed = length;
		while (trimmed && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
			trimmed--;
		if (trimmed == wanted && strncasecmp(list, token, wanted) == 0)
			return true;
		list += length;
	}
	return false;
}

/* --- http_parser's callbacks ---------------------------------------------------------------- */

/* The whole head is parsed in one call, so every callback sees its item as a whole. */
struct parsing {
	struct peal_http_head *head;
	char *url_end;
	char *name_end; /* of the last header */
	char *value_end;
	bool overflow;
	uint32_t name_lengths[PEAL_LIMIT_HTTP_HEADERS];
	uint32_t value_lengths[PEAL_LIMIT_HTTP_HEADERS];
};

static int on_url(http_parser *parser, const char *at, size_t length)
{
	struct parsing *parsing = parser->data;
	parsing->head->url = at;
	parsing->url_end = (char *)at + length;
	return 0;
}

/* The bytes behind an item were read by the parser when the next item begins. */
static void end_last_header(struct parsing *parsing)
{
	if (parsing->name_end)
		*parsing->name_end = '\0';
	if (parsing->value_end)
		*parsing->value_end = '\0';
	parsing->name_end = parsing->value_end = NULL;
}

static int on_header_field(http_parser *parser, const char *at, size_t length)
{
	struct parsing *parsing = parser->data;
	struct peal_http_head *head = parsing->head;
	end_last_header(parsing);
	if (head->header_count == head->header_capacity ||
	    head->header_count == PEAL_LIMIT_HTTP_HEADERS) {
		parsing->overflow = true;
		return -1;
	}
	parsing->name_lengths[head->header_count] = (uint32_t)length;
	parsing->value_lengths[head->header_count] = 0;
	head->headers[head->header_count++] = (struct peal_header){ at, "" };
	parsing->name_end = (char *)at + length;
	return 0;
}

static int on_header_value(http_parser *parser, const char *at, size_t length)
{
	struct parsing *parsing = parser->data;
	struct peal_http_head *head = parsing->head;
	while (length && (at[length - 1] == ' ' || at[length - 1] == '\t'))
		length--;
	/* For an empty value the parser points to the next line, which it has not read yet. */
	if (!length || !head->header_count)
		return 0;
	parsing->value_lengths[head->header_count - 1] = (uint32_t)length;
	head->headers[head->header_count - 1].value = at;
	parsing->value_end = (char *)at + length;
	return 0;
}

static int on_headers_complete(http_parser *parser)
{
	struct parsing *parsing = parser->data;
	struct peal_http_head *head = parsing->head;
	end_last_header(parsing);
	head->keep_alive = http_should_keep_alive(parser);
	return 1; /* The body is decoded elsewhere. */
}

static const http_parser_settings settings = {
	.on_url = on_url,
	.on_header_field = on_header_field,
	.on_header_value = on_header_value,
	.on_headers_complete = on_headers_complete,
};

/* --- what the lenient parser lets through ---------------------------------------------------- */

/* Method, one space, target, one space, version, CR. */
static bool request_line_is_strict(const char *line, size_t length)
{
	const char *end = memchr(line, '\r', length);
	size_t i = 0, line_length = end ? (size_t)(end - line) : 0;
	while (i < line_length && ((line[i] >= 'A' && line[i] <= 'Z') || line[i] == '-'))
		i++;
	if (!i || i == line_length || line[i++] != ' ')
		return false;
	size_t target = i;
	while (i < line_length && line[i] > 0x20 && line[i] < 0x7f)
		i++;
	if (i == target || line_length - i != strlen(" HTTP/1.1"))
		return false;
	return memcmp(line + i, " HTTP/1.", 8) == 0 && (line[i + 8] == '0' || line[i + 8] == '1');
}

static bool length_is_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits && !text[digits];
}

/* Is the @name of @length bytes this one, in any case? */
#define IS(name, length, this) \
	((length) == sizeof(this) - 1 && strncasecmp(name, this, sizeof(this) - 1) == 0)

static unsigned check_headers(struct peal_http_head *head, const struct parsing *parsing)
{
	unsigned hosts = 0, lengths = 0, encodings = 0, origins = 0;
	bool wants_upgrade = false, wants_websocket = false;
	for (size_t i = 0; i < head->header_count; i++) {
		const char *name = head->headers[i].name, *value = head->headers[i].value;
		size_t length = parsing->name_lengths[i];
		if (span(name, TOKEN) != length || !length)
			return 400;
		bool origin = IS(name, length, "origin");
		/* An invalid Origin has an answer of its own, by Engine.IO. */
		if (!value_is_valid(value, parsing->value_lengths[i]) && !origin)
			return 400;
		if (origin) {
			origins++;
		} else if (IS(name, length, "host")) {
			hosts++;
			head->host = value;
			if (value[span(value, HOST)])
				return 400;
		} else if (IS(name, length, "content-length")) {
			lengths++;
			if (!length_is_valid(value))
				return 400;
		} else if (IS(name, length, "transfer-encoding")) {
			encodings++;
			if (strcasecmp(value, "chunked") != 0)
				return 400;
		} else if (IS(name, length, "connection")) {
			wants_upgrade |= peal_http_has_token(value, "upgrade");
		} else if (IS(name, length, "upgrade")) {
			wants_websocket |= peal_http_has_token(value, "websocket");
		} else if (IS(name, length, "expect") && !head->http_1_0) {
			if (strcasecmp(value, "100-continue") != 0)
				return 417;
			head->expects_continue = true;
		}
	}
	/* Who decides by one of two may decide by the wrong one. */
	if (hosts > 1 || lengths > 1 || encodings > 1 || origins > 1 || (lengths && encodings))
		return 400;
	if ((!hosts && !head->http_1_0) || (encodings && head->http_1_0))
		return 400;
	head->origin = origins;
	head->chunked = encodings;
	head->websocket = wants_upgrade && wants_websocket && !head->http_1_0 &&
			  strcmp(head->method, "GET") == 0;
	return 0;
}

unsigned peal_http_head_parse(struct peal_http_head *head, char *bytes, size_t length)
{
	struct parsing parsing; /* the lengths are written as headers come */
	http_parser parser;
	if (!request_line_is_strict(bytes, length))
		return 400;
	parsing.head = head;
	parsing.url_end = parsing.name_end = parsing.value_end = NULL;
	parsing.overflow = false;
	http_parser_init(&parser, HTTP_REQUEST);
	parser.data = &parsing;
	/* It would refuse control characters in an Origin; check_headers() knows where not to. */
	parser.lenient_http_headers = 1;
	size_t used = http_parser_execute(&parser, &settings, bytes, length);
	if (parsing.overflow)
		return 431;
	if (HTTP_PARSER_ERRNO(&parser) != HPE_OK || used != length || !parsing.url_end)
		return 400;
	if (parser.http_major != 1 || parser.http_minor > 1 || parser.method == HTTP_CONNECT)
		return 400;
	*parsing.url_end = '\0';
	head->method = http_method_str((enum http_method)parser.method);
	const char *mark = strchr(head->url, '?');
	head->query = mark ? mark + 1 : "";
	head->http_1_0 = parser.http_minor == 0;
	unsigned status = check_headers(head, &parsing);
	if (status)
		return status;
	bool announced = parser.content_length != UINT64_MAX && !head->chunked;
	head->content_length = announced ? parser.content_length : 0;
	return 0;
}
