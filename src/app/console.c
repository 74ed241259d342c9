/*
 * The console page of --demo. Its three files are part of the executable (console/embed.py); the
 * only thing that is filled in at start is the path of Socket.IO.
 */
#include "console.h"

#include <errno.h>
#include <peal/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_files.h"

/* Where the page names the path of Socket.IO. */
#define PLACEHOLDER "@PATH@"

/* Everything comes from this origin, nothing is inline, and nobody may frame the page. */
#define POLICY                                                                          \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct peal_console {
	char *page;
	size_t page_length;
};

static void reply(struct peal_http_request *request, const char *type, const char *text,
		  size_t length)
{
	const struct peal_header headers[] = {
		{ "Content-Type", type },
		{ "Content-Security-Policy", POLICY },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control", "no-cache" },
	};

	peal_http_reply(request, 200, headers, sizeof(headers) / sizeof(*headers), text, length);
}

static void on_page(struct peal_http_request *request, void *userdata)
{
	const struct peal_console *console = userdata;

	reply(request, "text/html; charset=utf-8", console->page, console->page_length);
}

static void on_style(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	reply(request, "text/css; charset=utf-8", console_css, sizeof(console_css) - 1);
}

static void on_script(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	reply(request, "text/javascript; charset=utf-8", console_js, sizeof(console_js) - 1);
}

static void put_escaped(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>\"'", *text))
			fprintf(stream, "&#%d;", *text);
		else
			fputc(*text, stream);
	}
}

static int fill_in(struct peal_console *console, const char *path)
{
	FILE *stream = open_memstream(&console->page, &console->page_length);
	const char *rest = index_html, *found;

	if (!stream)
		return -ENOMEM;
	while ((found = strstr(rest, PLACEHOLDER))) {
		fwrite(rest, 1, (size_t)(found - rest), stream);
		put_escaped(stream, path);
		rest = found + strlen(PLACEHOLDER);
	}
	fputs(rest, stream);
	return fclose(stream) == 0 ? 0 : -ENOMEM;
}

int peal_console_attach(struct peal_node *node, const char *path, struct peal_console **ret_console)
{
	struct peal_console *console = calloc(1, sizeof(*console));
	int r;

	if (!console)
		return -ENOMEM;
	*ret_console = console; /* also on failure: routes may hold it already */
	r = fill_in(console, path);
	if (r == 0)
		r = peal_http_route(node, "/", "GET", 0, on_page, console);
	if (r == 0)
		r = peal_http_route(node, "/console.css", "GET", 0, on_style, console);
	if (r == 0)
		r = peal_http_route(node, "/console.js", "GET", 0, on_script, console);
	return r;
}

void peal_console_free(struct peal_console *console)
{
	if (!console)
		return;
	free(console->page);
	free(console);
}
