/*
 * POST requests by libcurl, on the loop of the node: nothing here waits.
 *
 * Connections are kept and used again. Redirects are not followed and the proxies of the
 * environment not used, so what is sent goes to the URL that was named and nowhere else.
 */
#ifndef PEAL_APP_HOOKS_POSTER_H
#define PEAL_APP_HOOKS_POSTER_H

#include <stddef.h>

struct event_base;
struct peal_poster;

/* What to send. All is borrowed for the call but the body, which is taken. */
struct peal_post {
	const char *url;
	const char *ca;		    /* file with certificates; NULL: those of the system */
	const char *const *headers; /* "name: value" */
	size_t header_count;
	char *body;
	size_t length;
	unsigned timeout_ms; /* for all of it; at least 1 */
};

/* What came of it. */
struct peal_posted {
	long status;	   /* 0: there is no answer */
	const char *error; /* why, or why the body is not there; else NULL */
	const char *body;  /* NUL-terminated */
	size_t length;
	unsigned retry_after_seconds; /* as the answer says; 0: it does not */
};

/* Runs from the loop, once, unless the poster is freed before. */
typedef void peal_posted_fn(const struct peal_posted *posted, void *userdata);

/* @connections: that are kept open. Return: 0; -ENOMEM. */
int peal_poster_new(struct event_base *base, unsigned connections, struct peal_poster **ret_poster)
	__attribute__((warn_unused_result));
/* Before the base. What is under way is cut. NULL is fine. */
void peal_poster_free(struct peal_poster *poster);

/* Return: 0; -ENOMEM, and then @fn does not run. The body is taken in any case. */
int peal_poster_send(struct peal_poster *poster, const struct peal_post *post, peal_posted_fn *fn,
		     void *userdata) __attribute__((warn_unused_result));

#endif
