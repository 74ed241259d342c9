#include "http/parse.h"

#include <http_parser.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"

int peal_http_scan(struct peal_http_scan *scan, const char *bytes, size_t length)
{
	for (; scan->offset < length; scan->offset++) {
		char c = bytes[scan->offset];
		bool first = scan->offset == scan->line_start;
		if (c == '\r') {
			if (scan->offset + 1 == length)
				return PEAL_HTTP_SCAN_MORE;
			if (bytes[scan->offset + 1] != '\n')
				return PEAL_HTTP_SCAN_BAD;
			scan->offset++;
			if (first) {
				scan->offset++;
				return PEAL_HTTP_SCAN_HEAD;
			}
			scan->line_start = scan->offset + 1;
			scan->lines++;
		} else if (c == '\n' || c == '\0') {
			return PEAL_HTTP_SCAN_BAD;
		} else if (first) {
			/* What cannot be a method, such as TLS, need not wait for its end. */
			if (scan->lines ? c == ' ' || c == '\t' : c < 'A' || c > 'Z')
				return PEAL_HTTP_SCAN_BAD;
		}
	}
	return PEAL_HTTP_SCAN_MORE;
}

/* RFC 7230 §3.2.6 */
static bool is_token_character(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

bool peal_http_name_valid(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++) {
		if (!is_token_character((unsigned char)*name))
			return false;
	}
	return true;
}

bool peal_http_value_valid(const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

const char *peal_http_find_header(const struct peal_request *request, const char *name)
{
	for (size_t i = 0; i < request->header_count; i++) {
		if (strcasecmp(request->headers[i].name, name) == 0)
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

/* A registered name or an address and perhaps a port; RFC 3986 §3.2.2. */
static bool host_is_valid(const char *host)
{
	for (; *host; host++) {
		unsigned char c = (unsigned char)*host;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
			continue;
		if (!strchr("-._~%!$&'()*+,;=:[]", c))
			return false;
	}
	return true;
}

static bool length_is_valid(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	return digits && !text[digits];
}

static unsigned check_headers(struct peal_http_head *head)
{
	unsigned hosts = 0, lengths = 0, encodings = 0;
	bool wants_upgrade = false, wants_websocket = false;
	for (size_t i = 0; i < head->header_count; i++) {
		const char *name = head->headers[i].name, *value = head->headers[i].value;
		if (!peal_http_name_valid(name))
			return 400;
		/* An invalid Origin has an answer of its own, by Engine.IO. */
		if (!peal_http_value_valid(value) && strcasecmp(name, "origin") != 0)
			return 400;
		if (strcasecmp(name, "host") == 0) {
			hosts++;
			head->host = value;
			if (!host_is_valid(value))
				return 400;
		} else if (strcasecmp(name, "content-length") == 0) {
			lengths++;
			if (!length_is_valid(value))
				return 400;
		} else if (strcasecmp(name, "transfer-encoding") == 0) {
			encodings++;
			if (strcasecmp(value, "chunked") != 0)
				return 400;
		} else if (strcasecmp(name, "connection") == 0) {
			wants_upgrade |= peal_http_has_token(value, "upgrade");
		} else if (strcasecmp(name, "upgrade") == 0) {
			wants_websocket |= peal_http_has_token(value, "websocket");
		} else if (strcasecmp(name, "expect") == 0 && !head->http_1_0) {
			if (strcasecmp(value, "100-continue") != 0)
				return 417;
			head->expects_continue = true;
		}
	}
	if (hosts > 1 || lengths > 1 || encodings > 1 || (lengths && encodings))
		return 400;
	if ((!hosts && !head->http_1_0) || (encodings && head->http_1_0))
		return 400;
	head->chunked = encodings;
	head->websocket = wants_upgrade && wants_websocket && !head->http_1_0 &&
			  strcmp(head->method, "GET") == 0;
	return 0;
}

unsigned peal_http_head_parse(struct peal_http_head *head, char *bytes, size_t length)
{
	struct parsing parsing = { .head = head };
	http_parser parser;
	if (!request_line_is_strict(bytes, length))
		return 400;
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
	unsigned status = check_headers(head);
	if (status)
		return status;
	bool announced = parser.content_length != UINT64_MAX && !head->chunked;
	head->content_length = announced ? parser.content_length : 0;
	return 0;
}
