/*
 * The emitter: a process that is no node publishes to a cluster through Redis. It has no clients,
 * hears nothing, and cannot collect acknowledgements.
 *
 * Source of the behaviour: @socket.io/redis-emitter 5.1.
 */
#ifndef PEAL_EMITTER_H
#define PEAL_EMITTER_H

#include <peal/log.h>
#include <peal/redis.h>

struct event_base;
struct peal_emitter;

/**
 * peal_emitter_new() - make an emitter on a caller's loop
 * @options: strings are copied; `interest` means nothing here
 * @log:     receives its log records; NULL: text lines on standard error
 * @message: as for peal_redis_adapter_new()
 *
 * The connection is made in the background; what is published before it stands waits, up to
 * options->queue_limit.
 *
 * Return: 0; -ENOMEM; PEAL_REDIS_E_OPTION.
 */
PEAL_API PEAL_MUST_CHECK int peal_emitter_new(struct event_base *base,
					      const struct peal_redis_options *options,
					      peal_log_fn *log, void *log_userdata,
					      struct peal_emitter **ret_emitter, char *message,
					      size_t size);

/** peal_emitter_emit_args() - an event for the clients of @ns that @target selects; PEAL_LOCAL is
 * refused, and @ns may lack its leading slash. Return: as peal_emit(); -ENOBUFS when too much waits
 * for Redis. */
PEAL_API int peal_emitter_emit_args(struct peal_emitter *emitter, const char *ns,
				    const struct peal_target *target, const char *event,
				    const struct peal_args *args);
PEAL_API int peal_emitter_sockets_join(struct peal_emitter *emitter, const char *ns,
				       const struct peal_target *target, struct peal_rooms rooms);
PEAL_API int peal_emitter_sockets_leave(struct peal_emitter *emitter, const char *ns,
					const struct peal_target *target, struct peal_rooms rooms);
PEAL_API int peal_emitter_sockets_disconnect(struct peal_emitter *emitter, const char *ns,
					     const struct peal_target *target, bool close);
/** peal_emitter_server_emit_args() - an event for the servers. These four: Return: as
 * peal_emitter_emit_args(); 0 for an empty list of rooms to join or leave. */
PEAL_API int peal_emitter_server_emit_args(struct peal_emitter *emitter, const char *ns,
					   const char *event, const struct peal_args *args);

/* Since the emitter was made, @delivered messages were taken by Redis and reached @receivers
 * subscribers in sum; @failed were not, or it is not known. @error is a text for people, NULL when
 * none failed. */
typedef void peal_emitter_fn(size_t delivered, size_t receivers, size_t failed, const char *error,
			     void *userdata);
/** peal_emitter_finish() - wait until all is published, at most @timeout_ms, then tell @fn from the
 * loop, once, at the latest from peal_emitter_free(). Return: 0; -ENOMEM; -EALREADY while another
 * waits. */
PEAL_API int peal_emitter_finish(struct peal_emitter *emitter, unsigned timeout_ms,
				 peal_emitter_fn *fn, void *userdata);
/** peal_emitter_free() - what is not published yet is lost; NULL is fine; not from inside @fn */
PEAL_API void peal_emitter_free(struct peal_emitter *emitter);

#endif
