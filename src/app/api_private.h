/*
 * What the files of the HTTP API share.
 *
 * A request passes the gate of api.c (origin, key, method), is read as a whole by api_read.c, and
 * only then anything is done. What waits for the cluster is counted, and has a ceiling.
 */
#ifndef PEAL_APP_API_PRIVATE_H
#define PEAL_APP_API_PRIVATE_H

#include <peal/cluster.h>
#include <peal/http.h>
#include <peal/node.h>
#include <stdio.h>

#include "api.h"
#include "api_json.h"
#include "metrics.h"

#define PEAL_API_BODY_BYTES (8u << 20)
/* Emits of one request, rooms of one list, arguments of one event. */
#define PEAL_API_EMITS 1000
#define PEAL_API_NAMES 10000
#define PEAL_API_ARGS 1000
/* A name of the library: PEAL_LIMIT_NAME_BYTES. */
#define PEAL_API_NAME_BYTES 1024
#define PEAL_API_TIMEOUT_LOW_MS 100
#define PEAL_API_TIMEOUT_HIGH_MS 60000
/* What may wait for other servers or for clients at a time; more get 429. */
#define PEAL_API_OPEN 1024
#define PEAL_API_LIST_DEFAULT 1000
#define PEAL_API_LIST_CEILING 100000

struct peal_api {
	struct peal_node *node;
	unsigned char key_hash[32];
	bool keyless; /* the key was taken away: nobody gets in */
	size_t open;  /* rounds and requests under way */
	struct peal_api_held *held;
	struct peal_metrics_source metrics;
	struct peal_drain *drain;
	const int64_t *drain_default; /* seconds of a request that names none; 0: none */
	unsigned drain_seconds;	      /* of the last request */
	bool closed;
};

/* A request that is answered later, or when the node closes: nobody waits for it then. */
struct peal_api_held {
	struct peal_api_held *next, **back; /* back: what points here */
	struct peal_http_request *request;  /* NULL: answered */
};

/* An answer that is no success. */
struct peal_api_error {
	unsigned status;
	const char *code;
	char message[512];
};

/* Fills it. Return: false, for the caller to return. */
bool peal_api_wrong(struct peal_api_error *error, unsigned status, const char *code,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- api_read.c ------------------------------------------------------------------------------ */

struct peal_api_names {
	char **items;
	size_t count;
	bool given;
};

/* The keys that an order may have, and the ones that it must. */
enum {
	PEAL_API_NAMESPACE = 1 << 0,
	PEAL_API_ROOMS = 1 << 1,
	PEAL_API_EXCEPT = 1 << 2,
	PEAL_API_FLAGS = 1 << 3,
	PEAL_API_EVENT = 1 << 4,
	PEAL_API_ARGS_KEY = 1 << 5,
	PEAL_API_TIMEOUT = 1 << 6,
	PEAL_API_TARGETS = 1 << 7,
	PEAL_API_ALL = 1 << 8,
	PEAL_API_CLOSE = 1 << 9,
	PEAL_API_LIMIT = 1 << 10,
	PEAL_API_HANDSHAKE = 1 << 11,
	PEAL_API_VOLATILE = 1 << 12, /* within flags */
};

/* What somebody wants, from a body or a query. */
struct peal_api_order {
	unsigned given; /* keys that are there */
	char *namespace_name;
	struct peal_namespace *ns; /* by peal_of_remote() */
	struct peal_api_names rooms, except, targets;
	unsigned flags;
	char *event;
	struct peal_args *args;
	unsigned timeout_ms; /* 0: none */
	bool all, close, handshake;
	size_t limit;
};

void peal_api_order_deinit(struct peal_api_order *order);
/* @path: "" or "[2]", which the message names. Return: false with the error filled. */
bool peal_api_order_read(struct peal_api *api, struct peal_piece object, const char *path,
			 unsigned allowed, unsigned needed, struct peal_api_order *order,
			 struct peal_api_error *error);
bool peal_api_order_query(struct peal_api *api, const char *query, unsigned allowed,
			  struct peal_api_order *order, struct peal_api_error *error);
/* The target; borrows from the order. */
struct peal_target peal_api_order_target(const struct peal_api_order *order);
/* The answer to a key that there is not. Return: false. */
bool peal_api_unknown(struct peal_api_error *error, const char *path, struct peal_piece key);
/* Checks the body. @ret_args keeps the text that @ret_value points into. */
bool peal_api_body(struct peal_http_request *request, struct peal_args **ret_args,
		   struct peal_piece *ret_value, struct peal_api_error *error);
/* Reads an order from the body of a request. */
bool peal_api_body_order(struct peal_api *api, struct peal_http_request *request, unsigned allowed,
			 unsigned needed, struct peal_api_order *order,
			 struct peal_api_error *error);

/* --- api.c ----------------------------------------------------------------------------------- */

void peal_api_reply(struct peal_http_request *request, unsigned status, const char *text,
		    size_t length);
void peal_api_refuse(struct peal_http_request *request, const struct peal_api_error *error);
/* The error of a call of the library that did not return 0. */
void peal_api_failed(int code, struct peal_api_error *error);
void peal_api_put_error(FILE *stream, const struct peal_api_error *error);
/* "alone", or the state of the adapter. */
const char *peal_api_cluster_state(struct peal_api *api);
/* 202 with that state: it was handed over, and what the cluster made of it is not known. */
void peal_api_accepted(struct peal_api *api, struct peal_http_request *request);

void peal_api_hold(struct peal_api *api, struct peal_api_held *held,
		   struct peal_http_request *request);
/* To be answered now. Return: NULL, to which all answers may go, when it has been. */
struct peal_http_request *peal_api_take(struct peal_api_held *held);

/* A request that waits. Return: NULL, and @error filled, when too many do. */
struct peal_api_wait {
	struct peal_api *api;
	struct peal_api_held held;
	struct peal_api_order order;
};
struct peal_api_wait *peal_api_wait_new(struct peal_api *api, struct peal_http_request *request,
					struct peal_api_error *error);
void peal_api_wait_free(struct peal_api_wait *wait);

/* A body in the making. Closing it answers, with 500 when there was no memory. */
struct peal_api_text {
	FILE *stream;
	char *text;
	size_t length;
};
/* Return: NULL without memory; then peal_api_text_reply() still answers. */
FILE *peal_api_text_open(struct peal_api_text *text);
void peal_api_text_reply(struct peal_api_text *text, struct peal_http_request *request,
			 unsigned status);

/* --- the resources --------------------------------------------------------------------------- */

typedef void peal_api_fn(struct peal_api *api, struct peal_http_request *request);

peal_api_fn peal_api_emit;	  /* api_emit.c */
peal_api_fn peal_api_server_emit; /* api_emit.c */
peal_api_fn peal_api_join, peal_api_leave, peal_api_disconnect, peal_api_sockets,
	peal_api_count;			    /* api_sockets.c */
peal_api_fn peal_api_rooms, peal_api_nodes; /* api_cluster.c */
peal_api_fn peal_api_openapi;		    /* api_openapi.c */
peal_api_fn peal_api_drain;		    /* api_drain.c */

#endif
