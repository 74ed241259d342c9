/* How things are counted, and those that are counted in wire.c and open.c: they need no rig. */
#ifndef PEAL_TESTS_BUDGET_BUDGET_H
#define PEAL_TESTS_BUDGET_BUDGET_H

#include <stdint.h>

/* A first argument of 32 bytes with its quotation marks. */
#define PADDING "0123456789abcdef0123456789abcd"

void count_begin(void);
/* What was done since count_begin() was @name, @times times. */
void count_end(const char *name, uint64_t times);

/* Messages between the nodes, encoded and decoded. */
void count_codec(void);
/* The request that opens a WebSocket. */
void count_request(void);
/* A connection with this request, from the accepting to its session. In open.c. */
void count_open(const char *request, size_t length);

/* Clients over HTTP long-polling, on top of the rig and gone afterwards. In polling.c. */
void count_polling(void);

#endif
