/*
 * Cross-origin headers. The order of lines is that of the reference: origin, credentials, methods,
 * allowed headers, maximal age, exposed headers, and one Vary with everything that it depends on.
 */
#include "http/cors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/parse.h"

struct peal_cors {
	struct peal_cors_options options; /* its strings are in texts */
	char max_age[16];
	char texts[];
};

/* Copies one text behind the others; NULL stays NULL. */
static const char *keep(char **end, const char *text)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	char *copy = memcpy(*end, text, size);
	*end += size;
	return copy;
}

static size_t text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static bool is_clean(const char *text)
{
	return !text || peal_http_value_valid(text);
}

static int check(const struct peal_cors_options *options)
{
	bool needs_origin = options->origin == PEAL_CORS_FIXED || options->origin == PEAL_CORS_LIST;
	unsigned status = options->options_success_status;
	if (needs_origin && (!options->origin_count || !options->origins))
		return -EINVAL;
	for (size_t i = 0; needs_origin && i < options->origin_count; i++) {
		if (!options->origins[i] || !options->origins[i][0] ||
		    !is_clean(options->origins[i]))
			return -EINVAL;
	}
	if (!is_clean(options->methods) || !is_clean(options->allowed_headers) ||
	    !is_clean(options->exposed_headers))
		return -EINVAL;
	return status && (status < 200 || status > 599) ? -EINVAL : 0;
}

int peal_cors_new(const struct peal_cors_options *options, struct peal_cors **ret_cors)
{
	if (options->origin == PEAL_CORS_OFF) {
		*ret_cors = NULL;
		return 0;
	}
	int error = check(options);
	if (error)
		return error;
	bool uses_origins = options->origin == PEAL_CORS_FIXED || options->origin == PEAL_CORS_LIST;
	size_t origin_count = uses_origins ? options->origin_count : 0;
	size_t size = text_size(options->methods) + text_size(options->allowed_headers) +
		      text_size(options->exposed_headers);
	for (size_t i = 0; i < origin_count; i++)
		size += text_size(options->origins[i]);
	struct peal_cors *cors = calloc(1, sizeof(*cors) + size);
	const char **origins = calloc(origin_count ? origin_count : 1, sizeof(*origins));
	if (!cors || !origins) {
		free(cors);
		free(origins);
		return -ENOMEM;
	}
	char *end = cors->texts;
	cors->options = *options;
	cors->options.origins = origins;
	cors->options.origin_count = origin_count;
	for (size_t i = 0; i < origin_count; i++)
		origins[i] = keep(&end, options->origins[i]);
	cors->options.methods = keep(&end, options->methods);
	cors->options.allowed_headers = keep(&end, options->allowed_headers);
	cors->options.exposed_headers = keep(&end, options->exposed_headers);
	if (!cors->options.options_success_status)
		cors->options.options_success_status = 204;
	if (options->max_age_seconds >= 0)
		snprintf(cors->max_age, sizeof(cors->max_age), "%d", options->max_age_seconds);
	*ret_cors = cors;
	return 0;
}

void peal_cors_free(struct peal_cors *cors)
{
	if (!cors)
		return;
	free((void *)cors->options.origins);
	free(cors);
}

static void append(struct peal_buffer *lines, const char *name, const char *value)
{
	if (value && *value)
		peal_buffer_append_format(lines, "%s: %s\r\n", name, value);
}

/* The Access-Control-Allow-Origin for @request; NULL for none. */
static const char *allowed_origin(const struct peal_cors_options *options,
				  const struct peal_request *request)
{
	const char *origin = peal_http_find_header(request, "origin");
	/* What has control characters is answered by Engine.IO, and never echoed. */
	if (origin && !peal_http_value_valid(origin))
		origin = NULL;
	switch (options->origin) {
	case PEAL_CORS_ANY:
		return "*";
	case PEAL_CORS_FIXED:
		return options->origins[0];
	case PEAL_CORS_REFLECT:
		return origin;
	case PEAL_CORS_LIST:
		for (size_t i = 0; origin && i < options->origin_count; i++) {
			if (strcmp(options->origins[i], origin) == 0)
				return origin;
		}
		return NULL;
	case PEAL_CORS_OFF:
		break;
	}
	return NULL;
}

static void append_all(const struct peal_cors_options *options, const char *max_age,
		       const struct peal_request *request, bool preflight,
		       struct peal_buffer *lines)
{
	const char *allowed_headers = options->allowed_headers;
	bool vary_origin = options->origin != PEAL_CORS_ANY;
	bool vary_headers = false;
	append(lines, "Access-Control-Allow-Origin", allowed_origin(options, request));
	if (options->credentials)
		append(lines, "Access-Control-Allow-Credentials", "true");
	if (preflight) {
		append(lines, "Access-Control-Allow-Methods",
		       options->methods ? options->methods : "GET,HEAD,PUT,PATCH,POST,DELETE");
		if (!allowed_headers) {
			vary_headers = true;
			allowed_headers =
				peal_http_find_header(request, "access-control-request-headers");
		}
		append(lines, "Access-Control-Allow-Headers", allowed_headers);
		append(lines, "Access-Control-Max-Age", max_age);
	}
	append(lines, "Access-Control-Expose-Headers", options->exposed_headers);
	if (vary_origin && vary_headers)
		append(lines, "Vary", "Origin, Access-Control-Request-Headers");
	else if (vary_origin)
		append(lines, "Vary", "Origin");
	else if (vary_headers)
		append(lines, "Vary", "Access-Control-Request-Headers");
}

static bool is_options(const struct peal_request *request)
{
	return strcmp(request->method, "OPTIONS") == 0;
}

void peal_cors_headers(const struct peal_cors *cors, const struct peal_request *request,
		       struct peal_buffer *lines)
{
	if (cors)
		append_all(&cors->options, cors->max_age, request, is_options(request), lines);
}

unsigned peal_cors_preflight(const struct peal_cors *cors, const struct peal_request *request,
			     struct peal_buffer *lines)
{
	if (!cors || cors->options.preflight_continue || !is_options(request))
		return 0;
	append_all(&cors->options, cors->max_age, request, true, lines);
	/* The reference writes it; answers with other statuses get theirs when they are sent. */
	unsigned status = cors->options.options_success_status;
	if (status == 204 || status == 304)
		append(lines, "Content-Length", "0");
	return status;
}
