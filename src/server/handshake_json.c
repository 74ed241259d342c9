/*
 * The handshake object as JSON: headers, time, address, xdomain, secure, issued, url, query, auth,
 * as the reference shows it to other servers.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "protocol/json.h"
#include "protocol/text.h"
#include "server/server_private.h"

static void append_key(struct peal_buffer *out, bool first, const char *key)
{
	if (!first)
		peal_buffer_append_char(out, ',');
	peal_json_append_string(out, key, strlen(key));
	peal_buffer_append_char(out, ':');
}

static void append_bool(struct peal_buffer *out, const char *key, bool value)
{
	append_key(out, false, key);
	peal_buffer_append_text(out, value ? "true" : "false");
}

/* What HTTP carries is Latin-1 where it is not ASCII, to Node.js as well. */
static void append_latin1(struct peal_buffer *text, const char *value)
{
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		if (c < 0x80) {
			peal_buffer_append_char(text, (char)c);
		} else {
			peal_buffer_append_char(text, (char)(0xc0 | c >> 6));
			peal_buffer_append_char(text, (char)(0x80 | (c & 0x3f)));
		}
	}
}

static void append_quoted(struct peal_buffer *out, const struct peal_buffer *text)
{
	peal_json_append_string(out, text->bytes ? text->bytes : "", text->length);
}

static void append_text(struct peal_buffer *out, const char *key, const char *value)
{
	struct peal_buffer text = PEAL_BUFFER(2 * PEAL_LIMIT_HTTP_HEAD_BYTES);
	append_key(out, false, key);
	append_latin1(&text, value);
	append_quoted(out, &text);
	peal_buffer_deinit(&text);
}

static bool seen_before(const struct peal_request *request, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcasecmp(request->headers[i].name, request->headers[index].name))
			return true;
	return false;
}

/* Names in lower case, values of one name joined, as Node.js has them. */
static void append_headers(struct peal_buffer *out, const struct peal_request *request)
{
	struct peal_buffer text = PEAL_BUFFER(4 * PEAL_LIMIT_HTTP_HEAD_BYTES);
	bool first = true;
	peal_buffer_append_char(out, '{');
	for (size_t i = 0; i < request->header_count; i++) {
		const char *name = request->headers[i].name;
		bool cookie = !strcasecmp(name, "cookie");
		if (seen_before(request, i))
			continue;
		if (!first)
			peal_buffer_append_char(out, ',');
		first = false;
		peal_buffer_clear(&text);
		append_latin1(&text, name);
		for (size_t at = 0; at < text.length; at++)
			if (text.bytes[at] >= 'A' && text.bytes[at] <= 'Z')
				text.bytes[at] |= 0x20;
		append_quoted(out, &text);
		peal_buffer_append_char(out, ':');
		peal_buffer_clear(&text);
		for (size_t other = i; other < request->header_count; other++) {
			if (strcasecmp(request->headers[other].name, name))
				continue;
			if (other != i)
				peal_buffer_append_text(&text, cookie ? "; " : ", ");
			append_latin1(&text, request->headers[other].value);
		}
		append_quoted(out, &text);
	}
	peal_buffer_append_char(out, '}');
	peal_buffer_deinit(&text);
}

/* Decode one name or value of the query, as if it were the value of a parameter. */
static void append_decoded(struct peal_buffer *out, const char *raw, size_t length)
{
	struct peal_buffer query = PEAL_BUFFER(length + 3);
	struct peal_buffer value = PEAL_BUFFER(3 * length + 1); /* a bad byte becomes U+FFFD */
	peal_buffer_append_text(&query, "v=");
	peal_buffer_append(&query, raw, length);
	if (peal_buffer_error(&query) ||
	    peal_query_find(query.bytes, query.length, "v", &value) < 0)
		peal_buffer_clear(&value);
	append_quoted(out, &value);
	peal_buffer_deinit(&query);
	peal_buffer_deinit(&value);
}

/* A name that comes twice stays twice: readers of JSON keep the last, as URLSearchParams do. */
static void append_query(struct peal_buffer *out, const char *query)
{
	bool first = true;
	peal_buffer_append_char(out, '{');
	for (const char *at = query, *end; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, '&');
		const char *equals = memchr(at, '=', (size_t)(end - at));
		const char *name_end = equals ? equals : end;
		const char *value = equals ? equals + 1 : end;
		if (at == end)
			continue;
		if (!first)
			peal_buffer_append_char(out, ',');
		first = false;
		append_decoded(out, at, (size_t)(name_end - at));
		peal_buffer_append_char(out, ':');
		append_decoded(out, value, (size_t)(end - value));
	}
	peal_buffer_append_char(out, '}');
}

void peal_handshake_append(struct peal_buffer *out, const struct peal_socket *socket)
{
	const struct peal_request *request = peal_socket_handshake(socket);
	const struct peal_args *auth = peal_socket_auth(socket);
	char date[96] = "";
	if (!request) {
		peal_buffer_append_text(out, "{}");
		return;
	}
	time_t seconds = (time_t)(request->issued_ms / 1000);
	struct tm tm;
	if (gmtime_r(&seconds, &tm))
		strftime(date, sizeof(date),
			 "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &tm);
	peal_buffer_append_char(out, '{');
	append_key(out, true, "headers");
	append_headers(out, request);
	append_key(out, false, "time");
	peal_json_append_string(out, date, strlen(date));
	append_text(out, "address", request->address);
	append_bool(out, "xdomain", request->xdomain);
	append_bool(out, "secure", request->secure);
	append_key(out, false, "issued");
	peal_buffer_append_natural(out, request->issued_ms);
	append_text(out, "url", request->url);
	append_key(out, false, "query");
	append_query(out, request->query);
	append_key(out, false, "auth");
	if (auth && auth->length)
		peal_buffer_append(out, auth->text, auth->length);
	else
		peal_buffer_append_text(out, "{}");
	peal_buffer_append_char(out, '}');
}
