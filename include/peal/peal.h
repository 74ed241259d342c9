/*
 * peal: Socket.IO server nodes in C.
 *
 * Read in this order: node.h (a node and its life), namespace.h (namespaces, middlewares,
 * handlers), emit.h (broadcasting), socket.h (one client), args.h (arguments in and out), engine.h
 * (the layer below), http.h (routes beside it), cluster.h (other servers), redis.h (the adapter),
 * emitter.h (publishing without a node), redis_client.h (for tools), adapter.h (for implementers),
 * stats.h, log.h.
 */
#ifndef PEAL_H
#define PEAL_H

#include <peal/adapter.h>
#include <peal/args.h>
#include <peal/cluster.h>
#include <peal/emit.h>
#include <peal/emitter.h>
#include <peal/engine.h>
#include <peal/http.h>
#include <peal/log.h>
#include <peal/namespace.h>
#include <peal/node.h>
#include <peal/redis.h>
#include <peal/redis_client.h>
#include <peal/socket.h>
#include <peal/stats.h>

#endif
