/*
 * The bytes of HTTP/1.1 requests: heads and body framing. No I/O, no clock, no allocation.
 *
 * http_parser 2.9 reads the head. Debian builds it lenient, so everything that it lets through and
 * that a proxy in front could read differently is refused here: what is ambiguous is never
 * interpreted. Bodies are decoded here and not by http_parser, because its lenient build does not
 * look at the bytes behind the data of a chunk.
 */
#ifndef PEAL_HTTP_PARSE_H
#define PEAL_HTTP_PARSE_H

#include <peal/engine.h>

/* --- finding the end of a head ------------------------------------------------------------- */

struct peal_http_scan {
	size_t offset;	   /* bytes looked at, from the start of the head */
	size_t line_start; /* of the line at hand */
	unsigned lines;	   /* complete ones, the request line included */
};

enum {
	PEAL_HTTP_SCAN_MORE, /* not complete yet */
	PEAL_HTTP_SCAN_HEAD, /* complete: scan->offset is its length, lines - 1 its headers */
	PEAL_HTTP_SCAN_BAD,  /* 400: a bare CR or LF, NUL, a folded line, no method in front */
};

/* Look on through the @length bytes that are there by now; the ones seen before are skipped. */
int peal_http_scan(struct peal_http_scan *scan, const char *bytes, size_t length);

/* --- reading a head ------------------------------------------------------------------------ */

struct peal_http_head {
	const char *method;
	const char *url;
	const char *query; /* "" if there is none */
	const char *host;  /* NULL in HTTP/1.0 without one */
	struct peal_header *headers;
	size_t header_count;
	size_t header_capacity;
	uint64_t content_length;
	bool chunked;
	bool http_1_0;
	bool keep_alive;
	bool websocket; /* GET with Connection: Upgrade and Upgrade: websocket, in HTTP/1.1 */
	bool expects_continue;
	bool origin; /* has one, valid or not */
};

/*
 * Read a complete head, as peal_http_scan() found it. @bytes are changed: the strings of @head
 * point into them. The caller sets headers and header_capacity before.
 *
 * Return: 0, or the status of the refusal: 400, 417 (Expect), 431 (too many headers).
 */
unsigned peal_http_head_parse(struct peal_http_head *head, char *bytes, size_t length);

/* Value of the first header of that name, in any case; NULL if there is none. */
const char *peal_http_find_header(const struct peal_request *request, const char *name);
/* Is @token in the comma-separated @list, in any case? */
bool peal_http_has_token(const char *list, const char *token);
/* May these be sent? A name is a token; a value has no control characters but tabs. */
bool peal_http_name_valid(const char *name);
bool peal_http_value_valid(const char *value);

/* --- decoding a body ----------------------------------------------------------------------- */

struct peal_http_body {
	uint64_t left; /* of the body, or of the chunk */
	uint32_t overhead;
	uint8_t digits;
	uint8_t state;
};

enum {
	PEAL_HTTP_BODY_MORE, /* everything used, more must come */
	PEAL_HTTP_BODY_DATA, /* a piece of the body */
	PEAL_HTTP_BODY_END,  /* complete; what follows belongs to the next request */
	PEAL_HTTP_BODY_BAD,  /* 400 */
};

void peal_http_body_init(struct peal_http_body *body, const struct peal_http_head *head);
bool peal_http_body_ended(const struct peal_http_body *body);
/*
 * One step through @bytes: *ret_used of them are done with; for DATA, *ret_data and *ret_length are
 * the piece, inside of @bytes.
 */
int peal_http_body_step(struct peal_http_body *body, const char *bytes, size_t length,
			size_t *ret_used, const char **ret_data, size_t *ret_length);

#endif
