/*
 * The events of --demo, on every namespace of the node.
 *
 * A client sends (each with an optional acknowledgement):
 *
 *   name(text)          choose a name; also as `name` of the auth payload
 *   join(room), leave(room)
 *   broadcast({ to: "everyone" | "others" | "room", room, text, event, args, timeout })
 *
 * `room` is needed for "room". Without `args` the receivers get the event `message` (or `event`)
 * with one object { from, name, text, to, room }; with `args`, an array, they get exactly these
 * arguments. With `timeout`, in milliseconds, they are asked for acknowledgements.
 *
 * Every acknowledgement holds one object: { ok: true, … } or { ok: false, error }. That of a
 * broadcast with timeout comes when the round is over: { ok, error, responses, clients: { expected,
 * answered }, servers: { expected, answered }, missing: [{ id, name }], missingServers }; `error`
 * is null or the text of Socket.IO, `responses` holds the first argument of each answer in order of
 * arrival.
 *
 * On connection a client gets `welcome` { id, name, namespace, server, limits }.
 */
#ifndef PEAL_APP_DEMO_H
#define PEAL_APP_DEMO_H

#include <peal/namespace.h>

/** peal_demo_attach() - add the events to a namespace, or to the children of a dynamic one. Return:
 * 0; -ENOMEM. */
int peal_demo_attach(struct peal_namespace *ns) __attribute__((warn_unused_result));

#endif
